//! The fold: newsroom and ledger, then contacts, then the plan.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::change::Change;
use super::gather::{Counts, Desk, Gathered, Gathering, Lane, Shape, Times, Zones};
use super::known::{Known, Last, Shelf};
use super::making::{Doing, Making};
use super::source::Sources;
use super::{Action, Held, HeldRelease, Plan, Planned, Source};
use crate::audience::Audience;
use crate::contact::Contact;
use crate::language::Language;
use crate::newsroom::{ChannelKind, Newsroom};
use crate::release::{CorrectionClass, Notice, Release, Status, beside, in_parallel};

/// What is planned only when it is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    pub(super) late: bool,
    pub(super) moved: bool,
}

/// A plan in the making.
#[derive(Debug)]
pub struct Planner<'a> {
    pub(super) newsroom: &'a Newsroom,
    pub(super) held: &'a Held,
    pub(super) now: Timestamp,
    pub(super) wishes: Wishes,
    pub(super) sources: Sources<'a>,
    /// All audiences, and whether the contact at hand belongs to each.
    pub(super) audiences: Vec<&'a Audience>,
    members: Vec<bool>,
    desk: Desk<'a>,
    shapes: Vec<Shape<'a>>,
    by_signature: HashMap<Signature, usize>,
    making: Vec<Making<'a>>,
    /// Releases of which nothing can have changed since the last plan.
    settled: Vec<Arc<Planned>>,
    /// Where what settles now is kept.
    shelf: Option<Arc<Shelf>>,
}

/// What makes a shape: the places of audiences with members, the languages, and whether it is a round-up.
type Signature = (Vec<usize>, Vec<Language>, bool);

/// A release on its way into the plan.
enum Draft<'a> {
    /// There is nothing to say about it.
    None,
    /// As in the last plan.
    Settled(Arc<Planned>),
    /// Whole.
    Made(Box<Making<'a>>),
    /// Whole but for its mail, which is ready at this instant.
    Letters(Box<Making<'a>>, Timestamp),
}

impl<'a> Planner<'a> {
    /// Begins a plan for `now`.
    pub fn new(newsroom: &'a Newsroom, held: &'a Held, now: Timestamp) -> Planner<'a> {
        Planner::begin(newsroom, held, now, Wishes::default(), None)
    }

    /// Like [`Planner::new`], but makes only what `known` does not hold from the last plan.
    pub fn with(newsroom: &'a Newsroom, held: &'a Held, now: Timestamp, known: &mut Known) -> Planner<'a> {
        Planner::begin(newsroom, held, now, Wishes::default(), Some(known))
    }

    /// Plans releases that are first seen long after their time as well (`dateline issue --late`).
    #[must_use]
    pub fn late(self, late: bool) -> Planner<'a> {
        let wishes = Wishes { late, ..self.wishes };
        self.wishing(wishes)
    }

    /// Plans releases whose instants moved with the rules of a time zone for the new ones (`dateline issue --moved`).
    #[must_use]
    pub fn moved(self, moved: bool) -> Planner<'a> {
        let wishes = Wishes { moved, ..self.wishes };
        self.wishing(wishes)
    }

    fn wishing(self, wishes: Wishes) -> Planner<'a> {
        if wishes == self.wishes {
            self
        } else {
            Planner::begin(self.newsroom, self.held, self.now, wishes, None)
        }
    }

    fn begin(
        newsroom: &'a Newsroom,
        held: &'a Held,
        now: Timestamp,
        wishes: Wishes,
        known: Option<&mut Known>,
    ) -> Planner<'a> {
        let audiences: Vec<&Audience> = newsroom.audiences.values().collect();
        let mut planner = Planner {
            newsroom,
            held,
            now,
            wishes,
            sources: Sources::new(newsroom),
            members: vec![false; audiences.len()],
            audiences,
            desk: Desk::new(Zones::new(&newsroom.timezone)),
            shapes: Vec::new(),
            by_signature: HashMap::new(),
            making: Vec::new(),
            settled: Vec::new(),
            shelf: None,
        };
        let releases: Vec<&Arc<Release>> = newsroom.releases.values().collect();
        let shared = known.is_some().then(|| (planner.sources.shared(), newsroom.policy.clone()));
        let last = match (&known, &shared) {
            (Some(known), Some(shared)) => known.last(shared),
            _ => Last::default(),
        };
        let holding = beside(&held.releases, releases.iter().map(|release| release.slug.as_str()));
        let found = in_parallel(releases.iter().zip(holding).enumerate(), |(at, (release, held))| {
            let kept = last.of(at, release);
            let source =
                kept.map_or_else(|| Arc::new(planner.sources.of(release)), |kept| Arc::clone(&kept.source));
            let settled = kept.and_then(|kept| kept.settled(held));
            let draft = settled.map_or_else(|| planner.draft(release, held, &source), Draft::Settled);
            (source, draft)
        });
        let mut sources = Vec::with_capacity(found.len());
        for (release, (source, draft)) in releases.iter().zip(found) {
            sources.push(source);
            match draft {
                Draft::None => {}
                Draft::Settled(planned) => planner.settled.push(planned),
                Draft::Made(making) => planner.making.push(*making),
                Draft::Letters(making, ready) => planner.letters(release, *making, ready),
            }
        }
        planner.round_ups(&releases, &sources);
        if let (Some(known), Some(shared)) = (known, shared) {
            planner.shelf = Some(known.keep(shared, &last, &releases, sources));
        }
        planner
    }

    /// Whether contacts make a difference; if not, none needs to be fed.
    pub fn wants_contacts(&self) -> bool {
        self.shapes.iter().any(|shape| shape.counted || shape.listed)
    }

    /// Considers one contact.
    pub fn contact(&mut self, contact: &Contact) {
        for (member, audience) in self.members.iter_mut().zip(&self.audiences) {
            *member = audience.admits(contact);
        }
        if self.shapes.iter().any(|shape| shape.listed) {
            self.desk.take(contact);
        }
        let class = self.desk.class(contact, &self.members, self.held);
        for shape in self.shapes.iter_mut().filter(|shape| shape.counted || shape.listed) {
            shape.contact(contact, class, &self.members, self.held, &mut self.desk);
        }
    }

    /// Ends the plan.
    pub fn finish(self) -> Plan {
        let Planner { newsroom, now, audiences, desk, shapes, making, settled, shelf, .. } = self;
        let places: HashMap<&str, usize> =
            audiences.iter().enumerate().map(|(place, audience)| (audience.key.as_str(), place)).collect();
        let counts: Vec<Counts> =
            shapes.iter().map(|shape| if shape.counted { shape.counts() } else { Counts::new() }).collect();
        let made = in_parallel(making.into_iter(), |mut making| {
            let still = shelf.is_some() && making.is_still();
            let held = making.held;
            let none = Counts::new();
            if let Some((place, shape)) = making.shape.and_then(|place| Some((place, shapes.get(place)?))) {
                let gathered = match making.gathering.take() {
                    Some(gathering) => shape.gather(gathering, &desk),
                    None => Gathered::default(),
                };
                making.mails(shape, gathered, counts.get(place).unwrap_or(&none), now);
                making.leftovers(now);
            }
            let mut planned = making.finish(now);
            sort(&mut planned, newsroom, &places);
            let still = still && planned.deliveries.iter().all(|group| group.action == Action::None);
            (held.filter(|_| still), Arc::new(planned))
        });
        if let Some(shelf) = shelf {
            shelf.settle(made.iter().filter_map(|(held, planned)| Some(((*held)?, planned))));
        }
        let mut releases = settled;
        releases.extend(made.into_iter().map(|(_, planned)| planned));
        releases.retain(|planned| !planned.deliveries.is_empty() || !planned.left_out.is_empty());
        let due = |planned: &Planned| planned.deliveries.first().map_or(planned.publish, |group| group.due);
        releases.sort_by(|a, b| (due(a), &a.slug).cmp(&(due(b), &b.slug)));
        Plan { revision: newsroom.revision.clone(), now, releases }
    }

    /// Looks at one release; what depends on others and on contacts is left open.
    fn draft(&self, release: &'a Release, held: Option<&'a HeldRelease>, source: &Arc<Source>) -> Draft<'a> {
        let held = held.filter(|held| !held.groups.is_empty());
        let draft = release.status == Status::Draft;
        let waits = held.is_some_and(|held| held.groups.iter().any(|group| group.waiting > 0));
        if draft && !waits {
            return Draft::None;
        }
        let first = held.and_then(|held| held.groups.iter().map(|group| group.due).min());
        let Some(publish) = release.publish.or(first.filter(|_| draft)) else { return Draft::None };
        let minor =
            release.correction.as_ref().is_some_and(|correction| correction.class == CorrectionClass::Minor);
        let policy = &self.newsroom.policy;
        let expires = release.expires.unwrap_or_else(|| later(publish, policy.expires_after));
        let mut change = Change::between(held, source, minor, &release.original().file.path);
        let approved = release.status == Status::Approved;
        let moved_from =
            held.filter(|_| approved).and_then(|held| change.moved(held, publish, self.wishes.moved));
        let mut making = Box::new(Making {
            planned: Planned {
                slug: release.slug.clone(),
                title: release.original().title.clone(),
                notice: Notice::Original,
                publish,
                expires,
                moved_from,
                digest_of: Vec::new(),
                source: Arc::clone(source),
                deliveries: Vec::new(),
                left_out: Vec::new(),
                limits: limits(release.audiences.iter().filter_map(|key| self.newsroom.audiences.get(key))),
            },
            held,
            change,
            forbidden: None,
            shape: None,
            lanes: Vec::new(),
            seen: vec![false; held.map_or(0, |held| held.groups.len())],
            grace: policy.expires_after,
            gathering: None,
        });
        if release.status == Status::Approved {
            return self.approved(release, making);
        }
        if held.is_some() {
            making.change.never_mind();
            if let Some(before) = held.and_then(|held| held.source.as_ref()) {
                // Who has the old words has them still: when it goes on, they are what is compared with.
                let source = Arc::make_mut(&mut making.planned.source);
                source.words.clone_from(&before.words);
                source.correction.clone_from(&before.correction);
            }
            making.stop(release, self.now);
        } else {
            for (audience, channel, kind) in ways(self.newsroom, release) {
                making.never(release, &audience.key, channel, kind);
            }
        }
        Draft::Made(making)
    }

    fn approved(&self, release: &'a Release, mut making: Box<Making<'a>>) -> Draft<'a> {
        let publish = making.planned.publish;
        let past = self.now.duration_since(publish);
        let late = past > self.newsroom.policy.late_after;
        let mut ready = publish;
        if release.expires.is_some_and(|expires| expires <= self.now) {
            making.forbidden = Some(format!("expired at {}", making.planned.expires));
        } else if late && self.wishes.late {
            ready = self.now;
            if release.expires.is_none() {
                making.planned.expires = later(self.now, self.newsroom.policy.expires_after);
            }
        } else if late {
            making.forbidden = Some(format!(
                "late: {} past its time; `dateline issue --late` sends it all the same",
                length(past)
            ));
        }
        self.accounts(release, &mut making);
        Draft::Letters(making, ready)
    }

    /// Everything but mail.
    fn accounts(&self, release: &Release, making: &mut Making<'a>) {
        let mut seen: Vec<&str> = Vec::new();
        for (audience, channel, kind) in ways(self.newsroom, release) {
            if kind.is_mail() || seen.contains(&channel) {
                continue;
            }
            seen.push(channel);
            let wanted = self.newsroom.channels.get(channel).and_then(|facts| facts.language.as_ref());
            if kind == ChannelKind::Newsroom && wanted.is_none() {
                for text in &release.texts {
                    making.account(&audience.key, channel, kind, &text.language, self.now);
                }
            } else {
                let text = release.text(wanted.unwrap_or(&self.newsroom.language));
                if !kind.wants(text) {
                    continue;
                }
                making.account(&audience.key, channel, kind, &text.language, self.now);
            }
        }
    }

    /// Mail: decides what has to be gathered.
    fn letters(&mut self, release: &'a Release, mut making: Making<'a>, ready: Timestamp) {
        let places: Vec<usize> = release
            .audiences
            .iter()
            .filter_map(|key| self.audiences.iter().position(|audience| audience.key == *key))
            .collect();
        let languages = release.texts.iter().map(|text| text.language.clone()).collect();
        let index = self.shape(places, languages, false);
        making.shape = Some(index);
        let embargo = release.embargo.unwrap_or(making.planned.publish);
        let Some(shape) = self.shapes.get_mut(index) else { return };
        let mut lanes = Vec::with_capacity(shape.lanes.len());
        for lane in &shape.lanes {
            let mut doing = vec![Doing::Kept; shape.channels.len()];
            for channel in &lane.channels {
                let name = shape.channels.get(*channel).copied().unwrap_or_default();
                if let Some(place) = doing.get_mut(*channel).filter(|_| !lane.rounded_up) {
                    *place = what_to_do(&making, &lane.audience.key, name, self.now);
                }
            }
            let listed = doing.iter().map(|doing| *doing == Doing::Listed).collect();
            let advance = advance(lane.audience, &making, embargo, self.now);
            lanes.push(Times::new(listed, ready, advance, false));
            making.lanes.push(doing);
        }
        let any = |wanted| making.lanes.iter().flatten().any(|doing| *doing == wanted);
        shape.counted |= any(Doing::Counted);
        if any(Doing::Listed) {
            shape.listed = true;
            shape.gatherings += 1;
            let expires = making.planned.expires;
            let topics = topics(self.newsroom, release);
            making.gathering = Some(Gathering { lanes, expires, embargo, topics });
        }
        self.making.push(making);
    }

    /// Adds a round-up, which has one lane.
    pub(super) fn rounding_up(
        &mut self,
        place: usize,
        languages: Vec<Language>,
        topics: Vec<String>,
        mut making: Making<'a>,
    ) {
        let index = self.shape(vec![place], languages, true);
        making.shape = Some(index);
        let due = making.planned.publish;
        let expires = making.planned.expires;
        let Some(shape) = self.shapes.get_mut(index) else { return };
        let mut doing = vec![Doing::Kept; shape.channels.len()];
        for lane in &shape.lanes {
            for channel in &lane.channels {
                let name = shape.channels.get(*channel).copied().unwrap_or_default();
                if let Some(place) = doing.get_mut(*channel) {
                    *place = what_to_do(&making, &lane.audience.key, name, self.now);
                }
            }
        }
        let listed: Vec<bool> = doing.iter().map(|doing| *doing == Doing::Listed).collect();
        if listed.contains(&true) {
            shape.listed = true;
            shape.gatherings += 1;
            let lanes = vec![Times::new(listed, due, None, true)];
            making.gathering = Some(Gathering { lanes, expires, embargo: due, topics });
        }
        making.lanes = vec![doing];
        self.making.push(making);
    }

    /// The shape with these audiences and languages.
    fn shape(&mut self, places: Vec<usize>, languages: Vec<Language>, round_up: bool) -> usize {
        let signature = (places, languages, round_up);
        if let Some(known) = self.by_signature.get(&signature) {
            return *known;
        }
        let mut channels: Vec<&str> = Vec::new();
        let mut lanes = Vec::new();
        for place in &signature.0 {
            let Some(audience) = self.audiences.get(*place).copied() else { continue };
            let mails = audience.channels.iter().map(|channel| channel.value.as_str()).filter(|channel| {
                self.newsroom.channels.get(*channel).is_some_and(|facts| facts.kind.is_mail())
            });
            let mut own = Vec::new();
            for mail in mails {
                own.push(channels.iter().position(|known| *known == mail).unwrap_or_else(|| {
                    channels.push(mail);
                    channels.len() - 1
                }));
            }
            if audience.members.is_some() && !own.is_empty() {
                let rounded_up = audience.digest.is_some() && !round_up;
                lanes.push(Lane { audience, member: *place, channels: own, rounded_up });
            }
        }
        self.shapes.push(Shape::new(lanes, channels, signature.1.clone()));
        self.by_signature.insert(signature, self.shapes.len() - 1);
        self.shapes.len() - 1
    }
}

/// The tags of a release that recipients may pick from.
pub(super) fn topics(newsroom: &Newsroom, release: &Release) -> Vec<String> {
    release.tags.iter().filter(|tag| newsroom.topics.contains_key(*tag)).cloned().collect()
}

/// The most mails in seven days, for audiences that have a limit.
pub(super) fn limits<'a>(audiences: impl IntoIterator<Item = &'a Audience>) -> BTreeMap<String, u32> {
    let limit = |audience: &Audience| Some((audience.key.clone(), audience.per_week?));
    audiences.into_iter().filter_map(limit).collect()
}

/// Puts the parts of a release in order: by due time, then as the release names audiences, then the others.
fn sort(planned: &mut Planned, newsroom: &Newsroom, places: &HashMap<&str, usize>) {
    let order = newsroom.releases.get(&planned.slug).map(|release| release.audiences.as_slice());
    // Those that the release names, in its order; then the others, in the newsroom's.
    let place = |audience: &str| {
        let named = order.and_then(|order| order.iter().position(|name| name == audience));
        let other = if named.is_none() { places.get(audience).copied() } else { None };
        (named.is_none(), named, other)
    };
    planned.deliveries.sort_by(|a, b| {
        let audiences = || {
            if a.audience == b.audience {
                return std::cmp::Ordering::Equal;
            }
            place(&a.audience).cmp(&place(&b.audience))
        };
        let rest = || (&a.channel, &a.language, a.action).cmp(&(&b.channel, &b.language, b.action));
        a.due.cmp(&b.due).then_with(audiences).then_with(rest)
    });
    planned.left_out.sort_by(|a, b| (place(&a.audience), &a.reason).cmp(&(place(&b.audience), &b.reason)));
    // Thousands of them are kept, most with few parts.
    planned.deliveries.shrink_to_fit();
}

/// Every audience and channel that a release names, in order.
fn ways<'a>(
    newsroom: &'a Newsroom,
    release: &'a Release,
) -> impl Iterator<Item = (&'a Audience, &'a str, ChannelKind)> {
    let audiences = release.audiences.iter().filter_map(|key| newsroom.audiences.get(key));
    audiences.flat_map(move |audience| {
        audience.channels.iter().filter_map(move |channel| {
            let facts = newsroom.channels.get(&channel.value)?;
            Some((audience, channel.value.as_str(), facts.kind))
        })
    })
}

/// Whether the recipients of one audience on one mail channel have to be looked up.
fn what_to_do(making: &Making<'_>, audience: &str, channel: &str, now: Timestamp) -> Doing {
    let groups = making.held.map(|held: &HeldRelease| held.groups.as_slice()).unwrap_or_default();
    let mut held =
        groups.iter().filter(|group| group.audience == audience && group.channel == channel).peekable();
    if held.peek().is_none() {
        return if making.forbidden.is_some() { Doing::Counted } else { Doing::Listed };
    }
    let mut waiting = false;
    let mut ahead = false;
    let mut reached = false;
    for group in held {
        waiting |= group.waiting > 0;
        ahead |= group.waiting > 0 && group.due > now;
        reached |= group.sent + group.open > 0;
    }
    let look = if making.change == Change::Same { ahead } else { waiting || !reached };
    // What ended long ago without being sent is not taken up again.
    if look && (waiting || making.forbidden.is_none()) { Doing::Listed } else { Doing::Kept }
}

/// From when on copies are given ahead of the embargo; nothing where the audience gets none.
///
/// Copies that were issued keep their time, also when the embargo is over: who got one gets no second mail.
fn advance(
    audience: &Audience,
    making: &Making<'_>,
    embargo: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    let groups = making.held.map(|held| held.groups.as_slice()).unwrap_or_default();
    let issued = groups
        .iter()
        .filter(|group| group.advance && group.audience == audience.key)
        .map(|group| group.due)
        .min();
    if audience.advance <= SignedDuration::ZERO {
        return None;
    }
    let wanted = embargo.checked_sub(audience.advance).unwrap_or(embargo);
    match issued {
        Some(issued) if making.change == Change::Same || embargo <= now => Some(issued),
        Some(_) | None if embargo > now => Some(wanted.max(now)),
        _ => None,
    }
}

pub(super) fn later(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// A length of time in words that are exact enough.
fn length(duration: SignedDuration) -> String {
    let (count, unit) = match duration.as_secs() {
        seconds if seconds >= 2 * 86_400 => (seconds / 86_400, "days"),
        seconds if seconds >= 2 * 3600 => (seconds / 3600, "hours"),
        seconds => (seconds / 60, "minutes"),
    };
    format!("{count} {unit}")
}
