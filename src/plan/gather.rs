//! Who gets a release: contacts are sorted into parts, one contact at a time.
//!
//! Releases with the same audiences and languages share a [`Shape`], so that rules and languages are
//! looked at once per contact and shape, not once per release.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Held, Why};
use crate::audience::{Audience, Zone};
use crate::contact::Wishes;
use crate::contact::{Contact, ContactId};
use crate::language::Language;

/// What releases with the same mail audiences and languages have in common.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    /// Audiences that are mailed, most important first.
    pub(super) lanes: Vec<Lane<'a>>,
    /// The channels of all lanes.
    pub(super) channels: Vec<&'a str>,
    /// The languages there are texts in, the original's first.
    pub(super) languages: Vec<Language>,
    /// Releases that need everybody by name.
    pub(super) listed: Vec<usize>,
    /// Whether some release needs to know how many there are.
    pub(super) counted: bool,
    /// How many they are, by lane, channel and language.
    pub(super) counts: BTreeMap<(usize, usize, usize), u64>,
}

/// One audience of a shape.
#[derive(Debug)]
pub(super) struct Lane<'a> {
    pub(super) audience: &'a Audience,
    /// Its place among all audiences.
    pub(super) member: usize,
    /// Indexes into the shape's channels.
    pub(super) channels: Vec<usize>,
    /// Its members get the release in a round-up.
    pub(super) rounded_up: bool,
}

/// A part in the making: indexes into the shape, and when it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) lane: usize,
    pub(super) channel: usize,
    pub(super) language: usize,
    pub(super) advance: bool,
    pub(super) due: Timestamp,
}

/// What gathering needs to know of one release.
#[derive(Debug)]
pub(super) struct Gathering {
    /// By lane.
    pub(super) lanes: Vec<Times>,
    /// The instant from which nothing is sent.
    pub(super) expires: Timestamp,
    /// The end of the embargo; advance copies leave before it.
    pub(super) embargo: Timestamp,
    /// Its topics, as far as recipients may pick from them.
    pub(super) topics: Vec<String>,
    /// Who is in.
    pub(super) groups: HashMap<Key, Vec<ContactId>>,
    /// Who is out, by lane.
    pub(super) left_out: BTreeMap<(usize, Why), Vec<ContactId>>,
}

/// When mail of one lane may leave.
#[derive(Debug)]
pub(super) struct Times {
    /// By the shape's channels: whether recipients are listed.
    pub(super) listed: Vec<bool>,
    /// From when on.
    pub(super) ready: Timestamp,
    /// From when on copies are given ahead.
    pub(super) advance: Option<Timestamp>,
    /// The cron of a round-up has said it: no window, no slots.
    pub(super) exactly: bool,
    due: Vec<Due>,
    ahead: Vec<Due>,
}

/// When mail of a lane leaves, by the reader's zone.
#[derive(Debug, Clone, Copy, Default)]
enum Due {
    #[default]
    Unasked,
    Never,
    At(Timestamp),
}

impl Times {
    pub(super) fn new(
        listed: Vec<bool>,
        ready: Timestamp,
        advance: Option<Timestamp>,
        exactly: bool,
    ) -> Times {
        Times { listed, ready, advance, exactly, due: Vec::new(), ahead: Vec::new() }
    }
}

/// The zones of readers, each found once. The first is the newsroom's.
#[derive(Debug)]
pub(super) struct Zones {
    newsroom: TimeZone,
    /// Place 1 and on.
    others: Vec<TimeZone>,
    names: HashMap<String, usize>,
}

impl Zones {
    pub(super) fn new(newsroom: &TimeZone) -> Zones {
        Zones { newsroom: newsroom.clone(), others: Vec::new(), names: HashMap::new() }
    }

    fn of(&mut self, contact: &Contact) -> usize {
        let Some(name) = &contact.timezone else { return 0 };
        if let Some(known) = self.names.get(name) {
            return *known;
        }
        let place = match TimeZone::get(name) {
            Ok(zone) => {
                self.others.push(zone);
                self.others.len()
            }
            Err(_) => 0,
        };
        self.names.insert(name.clone(), place);
        place
    }

    fn get(&self, place: usize) -> &TimeZone {
        place.checked_sub(1).and_then(|place| self.others.get(place)).unwrap_or(&self.newsroom)
    }
}

/// A lane that a contact could get the release through.
struct Candidate {
    lane: usize,
    language: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Free,
    By(usize),
    Closed,
}

/// Room that is used again for every contact.
#[derive(Default)]
pub(super) struct Desk {
    candidates: Vec<Candidate>,
    out: Vec<(usize, Why)>,
    /// By channel: free, or the lane that has it; nobody has it where a limit closed it.
    taken: Vec<Taken>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

impl Shape<'_> {
    /// Sorts one contact into the parts of all releases of this shape. `member` says whether the
    /// contact belongs to an audience.
    pub(super) fn contact(
        &mut self,
        contact: &Contact,
        mut member: impl FnMut(usize, &Audience) -> bool,
        held: &Held,
        zones: &mut Zones,
        gatherings: &mut [Option<Gathering>],
        desk: &mut Desk,
    ) {
        desk.candidates.clear();
        desk.out.clear();
        for (index, lane) in self.lanes.iter().enumerate() {
            if !member(lane.member, lane.audience) {
                continue;
            }
            if let Some(reason) = held.suppressed.get(&contact.id) {
                desk.out.push((index, Why::Suppressed(reason.clone())));
                break;
            }
            let wishes = held.wishes.get(&contact.id);
            match language(lane.audience, &self.languages, contact, wishes) {
                Ok(language) => desk.candidates.push(Candidate { lane: index, language }),
                Err(why) => desk.out.push((index, why)),
            }
        }
        if desk.candidates.is_empty() && desk.out.is_empty() {
            return;
        }
        if self.counted {
            self.count(desk);
        }
        for release in &self.listed {
            if let Some(Some(gathering)) = gatherings.get_mut(*release) {
                self.list(contact, held, zones, gathering, desk);
            }
        }
    }

    fn count(&mut self, desk: &mut Desk) {
        desk.taken.clear();
        desk.taken.resize(self.channels.len(), Taken::Free);
        for Candidate { lane: index, language } in &desk.candidates {
            let Some(lane) = self.lanes.get(*index) else { continue };
            for channel in &lane.channels {
                let Some(taken) = desk.taken.get_mut(*channel).filter(|taken| **taken == Taken::Free) else {
                    continue;
                };
                *taken = Taken::By(*index);
                if !lane.rounded_up {
                    *self.counts.entry((*index, *channel, *language)).or_default() += 1;
                }
            }
        }
    }

    fn list(
        &self,
        contact: &Contact,
        held: &Held,
        zones: &mut Zones,
        gathering: &mut Gathering,
        desk: &mut Desk,
    ) {
        for (lane, why) in &desk.out {
            gathering.left_out.entry((*lane, why.clone())).or_default().push(contact.id);
        }
        let unwanted = held.wishes.get(&contact.id).is_some_and(|wishes| !wishes.want(&gathering.topics));
        if let Some(first) = desk.candidates.first().filter(|_| unwanted) {
            gathering.left_out.entry((first.lane, Why::OtherTopics)).or_default().push(contact.id);
            return;
        }
        desk.taken.clear();
        desk.taken.resize(self.channels.len(), Taken::Free);
        for Candidate { lane: index, language } in &desk.candidates {
            let Some(lane) = self.lanes.get(*index) else { continue };
            let Some(times) = gathering.lanes.get_mut(*index) else { continue };
            let taken = |channel: &usize| desk.taken.get(*channel).copied().unwrap_or(Taken::Free);
            if lane.channels.iter().all(|channel| taken(channel) != Taken::Free) {
                let by = lane.channels.iter().find_map(|channel| match taken(channel) {
                    Taken::By(lane) => self.lanes.get(lane),
                    Taken::Free | Taken::Closed => None,
                });
                if let Some(first) = by {
                    let why = Why::AlreadyBy(first.audience.key.clone());
                    gathering.left_out.entry((*index, why)).or_default().push(contact.id);
                }
                continue;
            }
            let limit = lane.audience.per_week.filter(|limit| {
                !lane.rounded_up && held.recent.get(&contact.id).copied().unwrap_or(0) >= *limit
            });
            let when = if lane.rounded_up || limit.is_some() {
                None
            } else {
                let zone = if by_recipient(lane.audience) { zones.of(contact) } else { 0 };
                let when = times.when(lane.audience, contact.embargo_ok, gathering.embargo, zone, zones);
                let when = when.filter(|(due, _)| *due < gathering.expires);
                if when.is_none() {
                    gathering.left_out.entry((*index, Why::NoTime)).or_default().push(contact.id);
                    continue;
                }
                when
            };
            if let Some(limit) = limit {
                gathering.left_out.entry((*index, Why::Limit(limit))).or_default().push(contact.id);
            }
            for channel in &lane.channels {
                let Some(taken) = desk.taken.get_mut(*channel).filter(|taken| **taken == Taken::Free) else {
                    continue;
                };
                *taken = if limit.is_some() { Taken::Closed } else { Taken::By(*index) };
                if let Some((due, advance)) = when
                    && times.listed.get(*channel) == Some(&true)
                {
                    let key = Key { lane: *index, channel: *channel, language: *language, advance, due };
                    gathering.groups.entry(key).or_default().push(contact.id);
                }
            }
        }
    }
}

impl Times {
    /// When mail to a reader in `zone` leaves, and whether it is a copy ahead of the embargo.
    fn when(
        &mut self,
        audience: &Audience,
        embargo_ok: bool,
        embargo: Timestamp,
        zone: usize,
        zones: &Zones,
    ) -> Option<(Timestamp, bool)> {
        if self.exactly {
            return Some((self.ready, false));
        }
        let newsroom = zones.get(0);
        if let Some(ready) = self.advance.filter(|_| embargo_ok) {
            let ahead = remembered(&mut self.ahead, zone, || audience.due(ready, newsroom, zones.get(zone)));
            if let Some(due) = ahead.filter(|due| *due < embargo) {
                return Some((due, true));
            }
        }
        let ready = self.ready;
        let due = remembered(&mut self.due, zone, || audience.due(ready, newsroom, zones.get(zone)));
        due.map(|due| (due, false))
    }
}

fn remembered(
    known: &mut Vec<Due>,
    zone: usize,
    find: impl FnOnce() -> Option<Timestamp>,
) -> Option<Timestamp> {
    if known.len() <= zone {
        known.resize(zone + 1, Due::Unasked);
    }
    let place = known.get_mut(zone)?;
    if let Due::Unasked = place {
        *place = find().map_or(Due::Never, Due::At);
    }
    match place {
        Due::At(due) => Some(*due),
        Due::Unasked | Due::Never => None,
    }
}

fn by_recipient(audience: &Audience) -> bool {
    audience.window.as_ref().is_some_and(|window| window.zone == Zone::Recipient)
}

/// Which of `texts` a contact of an audience reads: the contact's language, else the audience's in
/// order, else the original; among those that the audience allows and that the contact picked.
fn language(
    audience: &Audience,
    texts: &[Language],
    contact: &Contact,
    wishes: Option<&Wishes>,
) -> Result<usize, Why> {
    let found = |picked: &dyn Fn(&Language) -> bool| {
        let allowed = |language: &Language| {
            picked(language)
                && (audience.languages.is_empty()
                    || audience
                        .languages
                        .iter()
                        .any(|allowed| allowed == language || allowed.as_str() == language.base()))
        };
        let place = |wanted: &Language| {
            let exact = texts.iter().position(|text| text == wanted && allowed(text));
            exact.or_else(|| texts.iter().position(|text| text.base() == wanted.base() && allowed(text)))
        };
        contact
            .language
            .as_ref()
            .and_then(place)
            .or_else(|| audience.languages.iter().find_map(place))
            .or_else(|| texts.iter().position(allowed).filter(|at| *at == 0 || wishes.is_some()))
    };
    match wishes.filter(|wishes| !wishes.languages.is_empty()) {
        None => found(&|_| true).ok_or(Why::Language),
        Some(wishes) => found(&|language| wishes.read(language))
            .ok_or_else(|| if found(&|_| true).is_some() { Why::OtherLanguages } else { Why::Language }),
    }
}
