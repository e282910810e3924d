//! Who gets a release: contacts are sorted into parts, one contact at a time.
//!
//! Releases with the same audiences and languages share a [`Shape`]. Rules and languages are looked at once per
//! contact and shape, and what follows for a release once per [`Kind`] of contact: there are a few dozen.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Held, Why};
use crate::audience::{Audience, Zone};
use crate::contact::{Contact, ContactId, Wishes};
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
    /// Whether some release needs everybody by name.
    pub(super) listed: bool,
    /// Whether some release needs to know how many there are.
    pub(super) counted: bool,
    /// The readers there are, and their places by what tells them apart.
    kinds: Vec<Kind>,
    by_marks: HashMap<Vec<usize>, usize>,
    /// The kind that each class of contacts is of.
    by_class: Vec<Belongs>,
    /// How many releases gather from it.
    pub(super) gatherings: usize,
    /// The members of several kinds together, which many releases ask for.
    named: Mutex<HashMap<Vec<usize>, Arc<[ContactId]>>>,
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

/// Contacts of whom every release of a shape makes the same: they belong to the same audiences, read
/// the same texts, and look at the same clock.
#[derive(Debug)]
struct Kind {
    /// Lanes that they could get the release through.
    candidates: Vec<Candidate>,
    /// Lanes that they are left out of, and why.
    out: Vec<(usize, Why)>,
    zone: usize,
    embargo_ok: bool,
    /// The place of the topics of which they want nothing, from 1; 0 where there are none.
    unwanted: usize,
    count: u64,
    /// Their places among those who were listed.
    members: Vec<u32>,
}

/// Where a class of contacts belongs.
#[derive(Debug, Clone, Copy, Default)]
enum Belongs {
    #[default]
    Unasked,
    /// No lane is theirs.
    Nowhere,
    /// To the kind at this place.
    To(usize),
}

/// A lane that a contact could get the release through.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    lane: usize,
    language: usize,
    /// Had as many mails as the audience allows.
    limited: bool,
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
}

/// Who gets one release, and who is left out, by lane.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) listed: Listed,
    pub(super) left_out: BTreeMap<(usize, Why), Vec<ContactId>>,
}

/// Recipients by lane, channel, language and kind of copy, then by due time.
pub(super) type Listed = BTreeMap<(usize, usize, usize, bool), BTreeMap<Timestamp, Vec<ContactId>>>;

/// How many contacts there are by lane, channel and language.
pub(super) type Counts = BTreeMap<(usize, usize, usize), u64>;

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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Free,
    By(usize),
    Closed,
}

/// What is remembered of the contacts that were fed, and room that is used again for every one.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub(super) zones: Zones,
    /// Everybody whom some shape lists, in the order in which they came.
    fed: Vec<ContactId>,
    /// Why contacts are suppressed.
    reasons: Named<&'a str>,
    /// The topics of which they want nothing.
    unwanted: Named<&'a BTreeSet<String>>,
    /// What tells one contact apart from others: see [`Shape::contact`].
    marks: Vec<usize>,
    /// Contacts of whom the ledger knows nothing are alike in every shape where these are equal.
    classes: HashMap<Class, usize>,
}

/// The audiences that a contact belongs to, bit by bit, the language, the place of the zone, and whether copies ahead of the
/// embargo are given.
type Class = (u128, Option<Language>, usize, bool);

/// So many audiences have a bit in a [`Class`].
const BITS: usize = 128;

/// Values that were met, each once, and their places.
#[derive(Debug)]
struct Named<T> {
    list: Vec<T>,
    places: HashMap<T, usize>,
}

impl Desk<'_> {
    pub(super) fn new(zones: Zones) -> Self {
        let (reasons, unwanted) = (Named::new(), Named::new());
        let classes = HashMap::new();
        Desk { zones, fed: Vec::new(), reasons, unwanted, marks: Vec::new(), classes }
    }

    /// Takes in one contact who may be listed.
    pub(super) fn take(&mut self, contact: &Contact) {
        self.fed.push(contact.id);
    }

    /// The place of the contact's class, where nothing sets the contact apart from others; `members` are all audiences, and whether
    /// the contact belongs to each.
    pub(super) fn class(&mut self, contact: &Contact, members: &[bool], held: &Held) -> Option<usize> {
        let known = held.suppressed.contains_key(&contact.id)
            || held.wishes.contains_key(&contact.id)
            || held.recent.contains_key(&contact.id);
        if known || members.len() > BITS {
            return None;
        }
        let bits = members.iter().rev().fold(0, |bits, member| (bits << 1) | u128::from(*member));
        let class = (bits, contact.language.clone(), self.zones.of(contact), contact.embargo_ok);
        let next = self.classes.len();
        Some(*self.classes.entry(class).or_insert(next))
    }
}

/// The marks of a lane: what follows is the language that is read, or a reason.
const READS: usize = 0;
const READS_TOO_MUCH: usize = 1;
const READS_NONE: usize = 2;
const SUPPRESSED: usize = 3;
const MARKS: usize = 4;

impl<'a> Shape<'a> {
    pub(super) fn new(lanes: Vec<Lane<'a>>, channels: Vec<&'a str>, languages: Vec<Language>) -> Shape<'a> {
        Shape {
            lanes,
            channels,
            languages,
            listed: false,
            counted: false,
            kinds: Vec::new(),
            by_marks: HashMap::new(),
            by_class: Vec::new(),
            gatherings: 0,
            named: Mutex::default(),
        }
    }

    /// Sorts one contact, of this `class` where it has one, among those of the same kind. `members` says whether the contact
    /// belongs to each audience; where this shape lists, the contact is the one that `desk` took in last.
    pub(super) fn contact(
        &mut self,
        contact: &Contact,
        class: Option<usize>,
        members: &[bool],
        held: &'a Held,
        desk: &mut Desk<'a>,
    ) {
        let known = class.and_then(|class| self.by_class.get(class).copied()).unwrap_or_default();
        let kind = match known {
            Belongs::To(kind) => Some(kind),
            Belongs::Nowhere => None,
            Belongs::Unasked => {
                let kind = self.kind(contact, members, held, desk);
                if let Some(class) = class {
                    self.remember(class, kind);
                }
                kind
            }
        };
        if let Some(kind) = kind.and_then(|place| self.kinds.get_mut(place)) {
            kind.count += 1;
            if self.listed {
                // A contact book ends long before this number does.
                kind.members.push(u32::try_from(desk.fed.len().saturating_sub(1)).unwrap_or(u32::MAX));
            }
        }
    }

    fn remember(&mut self, class: usize, kind: Option<usize>) {
        if self.by_class.len() <= class {
            self.by_class.resize(class + 1, Belongs::Unasked);
        }
        if let Some(place) = self.by_class.get_mut(class) {
            *place = kind.map_or(Belongs::Nowhere, Belongs::To);
        }
    }

    /// The place of the contact's kind; nothing where no lane is the contact's.
    fn kind(
        &mut self,
        contact: &Contact,
        members: &[bool],
        held: &'a Held,
        desk: &mut Desk<'a>,
    ) -> Option<usize> {
        desk.marks.clear();
        let wishes = held.wishes.get(&contact.id);
        let mut by_zone = false;
        for (index, lane) in self.lanes.iter().enumerate() {
            if members.get(lane.member) != Some(&true) {
                continue;
            }
            if let Some(reason) = held.suppressed.get(&contact.id) {
                desk.marks.extend([index * MARKS + SUPPRESSED, desk.reasons.place_of(reason)]);
                break;
            }
            match language(lane.audience, &self.languages, contact, wishes) {
                Ok(language) => {
                    let limited = !lane.rounded_up
                        && lane
                            .audience
                            .per_week
                            .is_some_and(|limit| held.recent.get(&contact.id).copied().unwrap_or(0) >= limit);
                    by_zone |= !lane.rounded_up && by_recipient(lane.audience);
                    let mark = if limited { READS_TOO_MUCH } else { READS };
                    desk.marks.extend([index * MARKS + mark, language]);
                }
                Err(why) => {
                    desk.marks.extend([index * MARKS + READS_NONE, usize::from(why == Why::OtherLanguages)]);
                }
            }
        }
        if desk.marks.is_empty() {
            return None;
        }
        // Who is counted alone needs no clock, and no wishes.
        let zone = if self.listed && by_zone { desk.zones.of(contact) } else { 0 };
        let unwanted =
            wishes.map(|wishes| &wishes.unwanted).filter(|unwanted| self.listed && !unwanted.is_empty());
        let unwanted = unwanted.map_or(0, |unwanted| desk.unwanted.place_of(unwanted) + 1);
        desk.marks.extend([zone, usize::from(contact.embargo_ok), unwanted]);
        let known = self.by_marks.get(&desk.marks).copied();
        Some(known.unwrap_or_else(|| {
            self.kinds.push(Kind::of(&desk.marks, &desk.reasons.list));
            self.by_marks.insert(desk.marks.clone(), self.kinds.len() - 1);
            self.kinds.len() - 1
        }))
    }

    /// How many contacts there are for a release that is sent to nobody.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        let mut taken = vec![Taken::Free; self.channels.len()];
        for kind in &self.kinds {
            taken.fill(Taken::Free);
            for Candidate { lane: index, language, .. } in &kind.candidates {
                let Some(lane) = self.lanes.get(*index) else { continue };
                for channel in &lane.channels {
                    let Some(taken) = taken.get_mut(*channel).filter(|taken| **taken == Taken::Free) else {
                        continue;
                    };
                    *taken = Taken::By(*index);
                    if !lane.rounded_up {
                        *counts.entry((*index, *channel, *language)).or_default() += kind.count;
                    }
                }
            }
        }
        counts
    }

    /// Who gets one release, when, and who does not.
    pub(super) fn gather(&self, mut gathering: Gathering, desk: &Desk<'_>) -> Gathered {
        let mut listed: BTreeMap<_, BTreeMap<Timestamp, Vec<usize>>> = BTreeMap::new();
        let mut left_out: BTreeMap<(usize, Why), Vec<usize>> = BTreeMap::new();
        let mut taken = vec![Taken::Free; self.channels.len()];
        for (place, kind) in self.kinds.iter().enumerate() {
            for (lane, why) in &kind.out {
                left_out.entry((*lane, why.clone())).or_default().push(place);
            }
            let unwanted = kind.unwanted.checked_sub(1).and_then(|place| desk.unwanted.list.get(place));
            let other = unwanted.is_some_and(|unwanted| {
                !gathering.topics.is_empty() && gathering.topics.iter().all(|topic| unwanted.contains(topic))
            });
            if let Some(first) = kind.candidates.first().filter(|_| other) {
                left_out.entry((first.lane, Why::OtherTopics)).or_default().push(place);
                continue;
            }
            taken.fill(Taken::Free);
            for Candidate { lane: index, language, limited } in &kind.candidates {
                let Some(lane) = self.lanes.get(*index) else { continue };
                let Some(times) = gathering.lanes.get_mut(*index) else { continue };
                let of = |channel: &usize| taken.get(*channel).copied().unwrap_or(Taken::Free);
                if lane.channels.iter().all(|channel| of(channel) != Taken::Free) {
                    let by = lane.channels.iter().find_map(|channel| match of(channel) {
                        Taken::By(lane) => self.lanes.get(lane),
                        Taken::Free | Taken::Closed => None,
                    });
                    if let Some(first) = by {
                        let why = Why::AlreadyBy(first.audience.key.clone());
                        left_out.entry((*index, why)).or_default().push(place);
                    }
                    continue;
                }
                let when = if lane.rounded_up || *limited {
                    None
                } else {
                    let zone = if by_recipient(lane.audience) { kind.zone } else { 0 };
                    let when =
                        times.when(lane.audience, kind.embargo_ok, gathering.embargo, zone, &desk.zones);
                    let when = when.filter(|(due, _)| *due < gathering.expires);
                    if when.is_none() {
                        left_out.entry((*index, Why::NoTime)).or_default().push(place);
                        continue;
                    }
                    when
                };
                if let Some(limit) = lane.audience.per_week.filter(|_| *limited) {
                    left_out.entry((*index, Why::Limit(limit))).or_default().push(place);
                }
                for channel in &lane.channels {
                    let Some(taken) = taken.get_mut(*channel).filter(|taken| **taken == Taken::Free) else {
                        continue;
                    };
                    *taken = if *limited { Taken::Closed } else { Taken::By(*index) };
                    if let Some((due, advance)) = when
                        && times.listed.get(*channel) == Some(&true)
                    {
                        let key = (*index, *channel, *language, advance);
                        listed.entry(key).or_default().entry(due).or_default().push(place);
                    }
                }
            }
        }
        let names = |kinds: Vec<usize>| self.names(kinds, desk);
        Gathered {
            listed: listed
                .into_iter()
                .map(|(key, by_due)| {
                    (key, by_due.into_iter().map(|(due, kinds)| (due, names(kinds))).collect())
                })
                .collect(),
            left_out: left_out.into_iter().map(|(key, kinds)| (key, names(kinds))).collect(),
        }
    }
}

impl Kind {
    /// Those with `marks`.
    fn of(marks: &[usize], reasons: &[&str]) -> Kind {
        let mut kind = Kind {
            candidates: Vec::new(),
            out: Vec::new(),
            zone: 0,
            embargo_ok: false,
            unwanted: 0,
            count: 0,
            members: Vec::new(),
        };
        let (lanes, person) = marks.split_at(marks.len().saturating_sub(3));
        if let [zone, embargo_ok, unwanted] = person {
            kind.zone = *zone;
            kind.embargo_ok = *embargo_ok == 1;
            kind.unwanted = *unwanted;
        }
        for pair in lanes.chunks_exact(2) {
            let [mark, what] = pair else { continue };
            let lane = mark / MARKS;
            match mark % MARKS {
                READS_NONE if *what == 0 => kind.out.push((lane, Why::Language)),
                READS_NONE => kind.out.push((lane, Why::OtherLanguages)),
                SUPPRESSED => {
                    let reason = reasons.get(*what).copied().unwrap_or_default();
                    kind.out.push((lane, Why::Suppressed(reason.to_owned())));
                }
                mark => {
                    kind.candidates.push(Candidate {
                        lane,
                        language: *what,
                        limited: mark == READS_TOO_MUCH,
                    });
                }
            }
        }
        kind
    }
}

impl<T: Copy + Eq + std::hash::Hash> Named<T> {
    fn new() -> Named<T> {
        Named { list: Vec::new(), places: HashMap::new() }
    }

    fn place_of(&mut self, value: T) -> usize {
        *self.places.entry(value).or_insert_with(|| {
            self.list.push(value);
            self.list.len() - 1
        })
    }
}

impl Shape<'_> {
    /// The members of all `kinds`, in the order in which they came.
    fn names(&self, kinds: Vec<usize>, desk: &Desk<'_>) -> Vec<ContactId> {
        let name = |place: &u32| desk.fed.get(*place as usize).copied();
        let members = |kind: &usize| self.kinds.get(*kind).map_or(&[][..], |kind| &kind.members);
        if let [kind] = kinds.as_slice() {
            return members(kind).iter().filter_map(name).collect();
        }
        let named = || {
            let mut places: Vec<u32> = kinds.iter().flat_map(members).copied().collect();
            sort(&mut places);
            places.iter().filter_map(name).collect::<Vec<ContactId>>()
        };
        // What one release alone asks for is not asked for again.
        if self.gatherings < 2 {
            return named();
        }
        let known = || self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known().get(&kinds).map(Arc::clone) {
            return known.to_vec();
        }
        let names = named();
        known().insert(kinds, names.as_slice().into());
        names
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

/// A stable sort merges rows that are in order each, and these are few.
#[expect(clippy::stable_sort_primitive, reason = "the other sort takes no notice of rows")]
fn sort(rows: &mut [u32]) {
    rows.sort();
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
