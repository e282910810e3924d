//! Round-ups: one mail with what was published since the one before.

use std::sync::Arc;

use jiff::Timestamp;

use super::change::Change;
use super::making::Making;
use super::planner::{Planner, later, limits, topics};
use super::{Planned, Source};
use crate::audience::{Audience, Digest};
use crate::language::Language;
use crate::release::{CorrectionClass, Notice, Release, Status};

impl<'a> Planner<'a> {
    /// Takes the round-ups into the plan: the next of every audience, and those that the ledger holds.
    pub(super) fn round_ups(&mut self, releases: &[&'a Arc<Release>], sources: &[Arc<Source>]) {
        for place in 0..self.audiences.len() {
            let Some(audience) = self.audiences.get(place).copied() else { continue };
            let Some(digest) = &audience.digest else { continue };
            if audience.members.is_none() {
                continue;
            }
            let both = releases.iter().map(|release| &***release).zip(sources.iter().map(|source| &**source));
            let meant: Vec<(&Release, &Source)> =
                both.filter(|(release, _)| release.audiences.contains(&audience.key)).collect();
            for tick in self.ticks(audience, digest) {
                self.round_up(place, audience, digest, tick, &meant);
            }
        }
    }

    /// When there is something to do about a round-up.
    fn ticks(&self, audience: &Audience, digest: &Digest) -> Vec<Timestamp> {
        let zone = &self.newsroom.timezone;
        let mut ticks: Vec<Timestamp> = digest.slots.next_after(self.now, zone).into_iter().collect();
        let recent = digest.slots.at_or_before(self.now, zone);
        let soon = |tick: &Timestamp| self.now.duration_since(*tick) <= self.newsroom.policy.late_after;
        ticks.extend(recent.filter(soon));
        let prefix = format!("digest/{}/", audience.key);
        let held =
            self.held.releases.range(prefix.clone()..).take_while(|(slug, _)| slug.starts_with(&prefix));
        for (slug, _) in held {
            let date = slug.get(prefix.len()..).and_then(|date| date.parse::<jiff::civil::Date>().ok());
            let start = date.and_then(|date| date.to_zoned(zone.clone()).ok()).map(|start| start.timestamp());
            let tick = start.and_then(|start| digest.slots.at_or_after(start, zone));
            ticks.extend(tick.filter(|tick| Some(tick.to_zoned(zone.clone()).date()) == date));
        }
        ticks.sort_unstable();
        ticks.dedup();
        ticks
    }

    fn round_up(
        &mut self,
        place: usize,
        audience: &Audience,
        digest: &Digest,
        tick: Timestamp,
        releases: &[(&Release, &Source)],
    ) {
        let zone = &self.newsroom.timezone;
        let before = tick.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(tick);
        let since = digest.slots.at_or_before(before, zone).unwrap_or(Timestamp::MIN);
        let inside =
            |release: &Release| release.publish.is_some_and(|publish| publish > since && publish <= tick);
        let mut with_sources: Vec<(&Release, &Source)> = Vec::new();
        let mut withdrawn: Vec<&str> = Vec::new();
        for (release, source) in releases.iter().filter(|(release, _)| inside(release)) {
            match release.status {
                Status::Approved => with_sources.push((*release, *source)),
                Status::Killed | Status::Held => withdrawn.push(&release.slug),
                Status::Draft => {}
            }
        }
        with_sources.sort_by_key(|(release, _)| (release.publish, release.slug.clone()));
        let members: Vec<&Release> = with_sources.iter().map(|(release, _)| *release).collect();
        let slug = format!("digest/{}/{}", audience.key, tick.to_zoned(zone.clone()).date());
        let held = self.held.releases.get(&slug).filter(|held| !held.groups.is_empty());
        if members.is_empty() && held.is_none() {
            return;
        }
        let languages: Vec<Language> = if audience.languages.is_empty() {
            self.newsroom.languages.clone()
        } else {
            audience.languages.clone()
        };
        let source = self.sources.of_round_up(&slug, audience, &languages, &with_sources, &withdrawn);
        let source = Arc::new(source);
        // It is minor only if every correction in it is.
        let material = members.iter().filter_map(|release| release.correction.as_ref());
        let minor = withdrawn.is_empty()
            && material.clone().next().is_some()
            && material.clone().all(|correction| correction.class == CorrectionClass::Minor);
        let title = match members.as_slice() {
            [only] => format!("{}: {}", audience.name, only.original().title),
            [first, rest @ ..] => {
                format!("{}: {} and {} more", audience.name, first.original().title, rest.len())
            }
            [] => format!("{}: nothing left to send", audience.name),
        };
        let slugs: Vec<String> = members.iter().map(|release| release.slug.clone()).collect();
        let mut change = Change::between(held, &source, minor, &slugs.join(", "));
        let moved_from = held.and_then(|held| change.moved(held, tick, self.wishes.moved));
        let making = Making {
            planned: Planned {
                slug,
                title,
                notice: Notice::Original,
                publish: tick,
                expires: later(tick, self.newsroom.policy.expires_after),
                moved_from,
                digest_of: slugs.clone(),
                source: Arc::clone(&source),
                deliveries: Vec::new(),
                left_out: Vec::new(),
                limits: limits([audience]),
            },
            held,
            change,
            forbidden: members.is_empty().then(|| "none of its releases is approved any more".to_owned()),
            shape: None,
            lanes: Vec::new(),
            seen: vec![false; held.map_or(0, |held| held.groups.len())],
            grace: self.newsroom.policy.expires_after,
            gathering: None,
        };
        // Whoever wants one of its releases gets it.
        let topics: Vec<Vec<String>> = members.iter().map(|release| topics(self.newsroom, release)).collect();
        let free = topics.iter().any(Vec::is_empty);
        let topics = if free { Vec::new() } else { topics.concat() };
        self.rounding_up(place, languages, topics, making);
    }
}
