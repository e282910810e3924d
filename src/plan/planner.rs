//! The fold: newsroom and ledger, then contacts, then the plan.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::change::Change;
use super::gather::{Desk, Gathering, Lane, Shape, Times, Zones};
use super::making::{Doing, Making};
use super::source::Sources;
use super::{Held, HeldRelease, Plan, Planned, Source};
use crate::audience::Audience;
use crate::contact::Contact;
use crate::digest::Digest;
use crate::language::Language;
use crate::newsroom::{ChannelKind, Newsroom};
use crate::release::{CorrectionClass, Notice, Release, Status, in_parallel};

/// What plans have in common while their releases stay as they are: those of the last [`Planner::with`].
///
/// A release is known by its [`Arc`]: [`crate::release::Cache`] hands out the same one only while
/// nothing that the release was made from has changed, its media included.
#[derive(Debug, Default, Clone)]
pub struct Known {
    /// The name of what all releases share.
    shared: Option<Digest>,
    sources: HashMap<String, (Arc<Release>, Source)>,
}

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
    members: Vec<Option<bool>>,
    zones: Zones,
    desk: Desk,
    shapes: Vec<Shape<'a>>,
    by_signature: HashMap<Signature, usize>,
    pub(super) making: Vec<Making<'a>>,
    gatherings: Vec<Option<Gathering>>,
}

/// What makes a shape: the places of audiences with members, the languages, and whether it is a round-up.
type Signature = (Vec<usize>, Vec<Language>, bool);

impl<'a> Planner<'a> {
    /// Begins a plan for `now`.
    pub fn new(newsroom: &'a Newsroom, held: &'a Held, now: Timestamp) -> Planner<'a> {
        Planner::begin(newsroom, held, now, Wishes::default(), &mut Known::default())
    }

    /// Like [`Planner::new`], but makes only what `known` does not hold from the last plan.
    pub fn with(newsroom: &'a Newsroom, held: &'a Held, now: Timestamp, known: &mut Known) -> Planner<'a> {
        Planner::begin(newsroom, held, now, Wishes::default(), known)
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
            Planner::begin(self.newsroom, self.held, self.now, wishes, &mut Known::default())
        }
    }

    fn begin(
        newsroom: &'a Newsroom,
        held: &'a Held,
        now: Timestamp,
        wishes: Wishes,
        known: &mut Known,
    ) -> Planner<'a> {
        let audiences: Vec<&Audience> = newsroom.audiences.values().collect();
        let mut planner = Planner {
            newsroom,
            held,
            now,
            wishes,
            sources: Sources::new(newsroom),
            members: vec![None; audiences.len()],
            audiences,
            zones: Zones::new(&newsroom.timezone),
            desk: Desk::default(),
            shapes: Vec::new(),
            by_signature: HashMap::new(),
            making: Vec::new(),
            gatherings: Vec::new(),
        };
        let shared = Some(planner.sources.shared());
        if known.shared != shared {
            *known = Known { shared, sources: HashMap::new() };
        }
        let releases: Vec<&Arc<Release>> = newsroom.releases.values().collect();
        let found = in_parallel(&releases, |release| {
            let kept = known.sources.get(&release.slug).filter(|(kept, _)| Arc::ptr_eq(kept, release));
            kept.map_or_else(|| planner.sources.of(release), |(_, source)| source.clone())
        });
        for (release, source) in releases.iter().zip(&found) {
            planner.release(release, source);
        }
        let slugs = newsroom.releases.keys().map(String::as_str);
        planner.round_ups(&slugs.zip(&found).collect());
        let kept = releases.into_iter().zip(found);
        let kept = kept.map(|(release, source)| (release.slug.clone(), (Arc::clone(release), source)));
        known.sources = kept.collect();
        planner
    }

    /// Whether contacts make a difference; if not, none needs to be fed.
    pub fn wants_contacts(&self) -> bool {
        self.shapes.iter().any(|shape| shape.counted || !shape.listed.is_empty())
    }

    /// Considers one contact.
    pub fn contact(&mut self, contact: &Contact) {
        self.members.fill(None);
        let members = &mut self.members;
        for shape in self.shapes.iter_mut().filter(|shape| shape.counted || !shape.listed.is_empty()) {
            let member = |place: usize, audience: &Audience| match members.get_mut(place) {
                Some(known) => *known.get_or_insert_with(|| audience.admits(contact)),
                None => audience.admits(contact),
            };
            shape.contact(contact, member, self.held, &mut self.zones, &mut self.gatherings, &mut self.desk);
        }
    }

    /// Ends the plan.
    pub fn finish(mut self) -> Plan {
        let now = self.now;
        let places: HashMap<&str, usize> = self
            .audiences
            .iter()
            .enumerate()
            .map(|(place, audience)| (audience.key.as_str(), place))
            .collect();
        let mut releases = Vec::with_capacity(self.making.len());
        for (index, mut making) in self.making.into_iter().enumerate() {
            if let Some(shape) = making.shape.and_then(|shape| self.shapes.get(shape)) {
                let gathered = self.gatherings.get_mut(index).and_then(Option::take);
                making.mails(shape, gathered, now);
                making.leftovers(now);
            }
            let mut planned = making.finish(now);
            let order = self.newsroom.releases.get(&planned.slug).map(|release| release.audiences.as_slice());
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
            planned
                .left_out
                .sort_by(|a, b| (place(&a.audience), &a.reason).cmp(&(place(&b.audience), &b.reason)));
            // Thousands of them are kept, most with few parts.
            planned.deliveries.shrink_to_fit();
            releases.push(planned);
        }
        releases.retain(|planned| !planned.deliveries.is_empty() || !planned.left_out.is_empty());
        let due = |planned: &Planned| planned.deliveries.first().map_or(planned.publish, |group| group.due);
        releases.sort_by(|a, b| (due(a), &a.slug).cmp(&(due(b), &b.slug)));
        Plan { revision: self.newsroom.revision.clone(), now, releases }
    }

    /// Takes a release into the plan.
    fn release(&mut self, release: &'a Release, source: &Source) {
        let held = self.held.releases.get(&release.slug).filter(|held| !held.groups.is_empty());
        let draft = release.status == Status::Draft;
        let waits = held.is_some_and(|held| held.groups.iter().any(|group| group.waiting > 0));
        if draft && !waits {
            return;
        }
        let first = held.and_then(|held| held.groups.iter().map(|group| group.due).min());
        let Some(publish) = release.publish.or(first.filter(|_| draft)) else { return };
        let minor =
            release.correction.as_ref().is_some_and(|correction| correction.class == CorrectionClass::Minor);
        let policy = &self.newsroom.policy;
        let expires = release.expires.unwrap_or_else(|| later(publish, policy.expires_after));
        let mut change = Change::between(held, source, minor, &release.original().file.path);
        let approved = release.status == Status::Approved;
        let moved_from =
            held.filter(|_| approved).and_then(|held| change.moved(held, publish, self.wishes.moved));
        let mut making = Making {
            planned: Planned {
                slug: release.slug.clone(),
                title: release.original().title.clone(),
                notice: Notice::Original,
                publish,
                expires,
                moved_from,
                digest_of: Vec::new(),
                source: source.clone(),
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
        };
        if release.status == Status::Approved {
            self.approved(release, making);
        } else if held.is_some() {
            making.change.never_mind();
            if let Some(before) = held.and_then(|held| held.source.as_ref()) {
                // Who has the old words has them still: when it goes on, they are what is compared with.
                making.planned.source.words.clone_from(&before.words);
                making.planned.source.correction.clone_from(&before.correction);
            }
            making.stop(release, self.now);
            self.keep(making, None);
        } else {
            for (audience, channel, kind) in ways(self.newsroom, release) {
                making.never(release, &audience.key, channel, kind);
            }
            self.keep(making, None);
        }
    }

    pub(super) fn keep(&mut self, making: Making<'a>, gathering: Option<Gathering>) {
        self.making.push(making);
        self.gatherings.push(gathering);
    }

    fn approved(&mut self, release: &'a Release, mut making: Making<'a>) {
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
        self.letters(release, making, ready);
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
        let mut gathering = None;
        if any(Doing::Counted) {
            shape.counted = true;
        }
        if any(Doing::Listed) {
            shape.listed.push(self.making.len());
            let expires = making.planned.expires;
            gathering = Some(Gathering {
                lanes,
                expires,
                embargo,
                topics: topics(self.newsroom, release),
                groups: HashMap::new(),
                left_out: BTreeMap::new(),
            });
        }
        self.keep(making, gathering);
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
        let gathering = listed.contains(&true).then(|| {
            shape.listed.push(self.making.len());
            let lanes = vec![Times::new(listed, due, None, true)];
            Gathering {
                lanes,
                expires,
                embargo: due,
                topics,
                groups: HashMap::new(),
                left_out: BTreeMap::new(),
            }
        });
        making.lanes = vec![doing];
        self.keep(making, gathering);
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
        let shape = Shape {
            lanes,
            channels,
            languages: signature.1.clone(),
            listed: Vec::new(),
            counted: false,
            counts: BTreeMap::new(),
        };
        self.shapes.push(shape);
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
