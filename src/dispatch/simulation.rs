//! A hundred thousand deliveries on a clock of its own, with a relay and destinations that answer as they like: nothing is
//! tried too early, too late, too often or too fast, and nothing is lost (G16, G18, G19).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::decide::{self, Tried, Trouble};
use super::hand::{Hand, Place};
use super::shape::{Effect, May, Shape};
use crate::channel::config::Limits;
use crate::channel::{Failure, Receipt, Reply};
use crate::contact::ContactId;
use crate::digest::Digest;
use crate::ledger::{Claim, DeliveryId, Epoch, Hold, Outcome, Party, Scope, State, share};
use crate::release::Notice;

const DELIVERIES: usize = 100_000;
const CONNECTIONS: u32 = 20;

fn start() -> Timestamp {
    "2026-12-01T08:00:00Z".parse().unwrap()
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// How a domain behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Takes nearly everything.
    Good,
    /// Refuses us, all of us, until an operator has mended that.
    Refuses,
    /// Takes nothing for the first two hours.
    Busy,
    /// Takes a recipient at the second try.
    Greylists,
    /// Answers as it likes.
    Wild,
    /// Refuses us for good.
    Never,
}

struct Row {
    domain: usize,
    state: State,
    due: Timestamp,
    attempts: u32,
    in_hand: bool,
}

struct World {
    now: Timestamp,
    expires: Timestamp,
    dice: Dice,
    domains: Vec<(String, Manner)>,
    rows: Vec<Row>,
    waiting: BTreeSet<(Timestamp, usize)>,
    holds: BTreeMap<String, Timestamp>,
    paces: HashMap<String, Timestamp>,
    shape: Shape,
    hand: Hand,
    ends: BinaryHeap<Reverse<(Timestamp, usize, Timestamp)>>,
    wakes: BTreeMap<Timestamp, BTreeSet<Place>>,
    leave_at: Option<Timestamp>,
    // What an onlooker writes down.
    under_way: HashMap<Place, u32>,
    not_before: HashMap<Place, Timestamp>,
    left: HashMap<Place, VecDeque<Timestamp>>,
    refused: HashMap<Place, BTreeSet<usize>>,
    tries: u64,
    resumed: bool,
}

fn world() -> World {
    let limits = Limits { per_minute: Some(30_000), ..Limits::default() };
    let mut domains: Vec<(String, Manner)> = [
        ("gmail.com", Manner::Good),
        ("googlemail.com", Manner::Good),
        ("yahoo.com", Manner::Refuses),
        ("aol.com", Manner::Refuses),
        ("outlook.com", Manner::Busy),
        ("hotmail.com", Manner::Busy),
        ("gmx.de", Manner::Never),
    ]
    .map(|(name, manner)| (name.to_owned(), manner))
    .into();
    for number in 0..600 {
        let manner = match number % 20 {
            0 => Manner::Greylists,
            1 => Manner::Wild,
            2 => Manner::Busy,
            _ => Manner::Good,
        };
        domains.push((format!("d{number}.example"), manner));
    }
    let mut dice = Dice(20_261_201);
    let rows: Vec<Row> = (0..DELIVERIES)
        .map(|_| {
            // A third at the large ones, the others evenly.
            let large = dice.below(3) == 0;
            let domain = if large { dice.below(7) } else { 7 + dice.below(600) };
            let domain = usize::try_from(domain).unwrap();
            Row { domain, state: State::Scheduled, due: start(), attempts: 0, in_hand: false }
        })
        .collect();
    World {
        now: start(),
        expires: start() + hours(24),
        dice,
        waiting: (0..rows.len()).map(|row| (start(), row)).collect(),
        domains,
        rows,
        holds: BTreeMap::new(),
        paces: HashMap::new(),
        shape: Shape::new("relay", &limits, CONNECTIONS),
        hand: Hand::default(),
        ends: BinaryHeap::new(),
        wakes: BTreeMap::new(),
        leave_at: None,
        under_way: HashMap::new(),
        not_before: HashMap::new(),
        left: HashMap::new(),
        refused: HashMap::new(),
        tries: 0,
        resumed: false,
    }
}

impl World {
    fn claim_of(&self, row: usize) -> Claim {
        let number = i64::try_from(row).unwrap();
        let email = format!("c{row}@{}", self.domains[self.rows[row].domain].0).parse().unwrap();
        Claim {
            delivery: DeliveryId(number),
            epoch: Epoch(1),
            key: Digest::of(&number.to_be_bytes()),
            wire_key: String::new(),
            edition: Digest([0; 32]),
            slug: format!("release-{}", row % 3),
            notice: if row.is_multiple_of(1_000) { Notice::Kill } else { Notice::Original },
            recipient: Party::Contact { id: ContactId(number), email, name: None },
            attempt_no: self.rows[row].attempts + 1,
            put_off: self.rows[row].attempts,
            due: start(),
            expires: self.expires,
            previous: None,
            guilt: 0,
        }
    }

    /// As the ledger: what is due and not held comes into the hand, what is over expires.
    fn claim(&mut self) {
        if self.shape.paused(self.now).is_some() || self.shape.is_held() || self.hand.ready() >= 400 {
            return;
        }
        let due: Vec<(Timestamp, usize)> =
            self.waiting.range(..=(self.now, usize::MAX)).take(2_000).copied().collect();
        let mut slow = BTreeSet::new();
        for (at, row) in due {
            let domain = self.domains[self.rows[row].domain].0.clone();
            self.waiting.remove(&(at, row));
            if self.now >= self.expires {
                self.rows[row].state = State::Expired;
            } else if self.holds.contains_key(&domain) {
                // Looked at again later, as a held block is.
                self.waiting.insert((self.now + SignedDuration::from_mins(10), row));
            } else {
                self.rows[row].in_hand = true;
                let claim = self.claim_of(row);
                let place = self.shape.place(&claim);
                self.hand.add(&place, claim);
                if self.hand.for_place(&place) > 500 {
                    slow.insert(place);
                }
            }
        }
        for place in slow {
            if self.shape.appointment(&place, 500, self.now).is_some() {
                for claim in self.hand.beyond(&place, 500) {
                    let at = self.shape.appointment(&place, 500, self.now);
                    self.back(&claim, at);
                }
            }
        }
    }

    fn back(&mut self, claim: &Claim, after: Option<Timestamp>) {
        let row = usize::try_from(claim.delivery.0).unwrap();
        let due = self.rows[row].due.max(after.unwrap_or(self.now));
        self.rows[row].in_hand = false;
        self.rows[row].due = due;
        self.waiting.insert((due, row));
    }

    fn back_all(&mut self, place: &Place, after: Option<Timestamp>) {
        for claim in self.hand.beyond(place, 0) {
            if after.is_none() {
                let domain =
                    self.domains[self.rows[usize::try_from(claim.delivery.0).unwrap()].domain].0.clone();
                self.holds.entry(domain).or_insert(self.now);
            }
            self.back(&claim, after);
        }
    }

    fn everything_back(&mut self, after: Option<Timestamp>) {
        for claim in self.hand.drain() {
            self.back(&claim, after);
        }
    }

    fn ask(&mut self) -> bool {
        let questions = self.shape.questions(false, |place| self.hand.for_place(place));
        let mut first = Vec::new();
        for (_, take) in &questions.takes {
            let next = self.paces.get(&take.pace).copied();
            let (from, after) = share::departures(next, take, self.now);
            self.paces.insert(take.pace.clone(), after);
            first.push(from);
        }
        let slots: Vec<u32> = questions.wants.iter().map(|(_, want)| share::slots(want, &[]).may).collect();
        self.shape.answers(&questions, &first, &slots, self.now);
        for (place, _) in &questions.takes {
            self.hand.wake(place);
        }
        for (place, _) in &questions.wants {
            self.hand.wake(place);
        }
        !questions.takes.is_empty() || !questions.wants.is_empty()
    }

    fn leave(&mut self) {
        self.leave_at = None;
        loop {
            match self.shape.may_leave(self.now) {
                May::Go => {}
                May::At(at) => {
                    self.leave_at = Some(at);
                    return;
                }
                May::Paused(at) => return self.everything_back(Some(at)),
                May::Held => return self.everything_back(None),
                May::Ask if self.ask() => continue,
                May::Busy | May::Ask => return,
            }
            let (now, shape, wakes) = (self.now, &mut self.shape, &mut self.wakes);
            let mut back = Vec::new();
            let found = self.hand.next(|place| match shape.may_go(place, now) {
                May::Go => true,
                May::At(at) => {
                    wakes.entry(at).or_default().insert(Arc::clone(place));
                    false
                }
                May::Paused(at) => {
                    back.push((Arc::clone(place), Some(at)));
                    false
                }
                May::Held => {
                    back.push((Arc::clone(place), None));
                    false
                }
                May::Busy | May::Ask => false,
            });
            for (place, after) in back {
                self.back_all(&place, after);
            }
            let Some((place, claim)) = found else {
                if self.ask() {
                    continue;
                }
                return;
            };
            self.shape.begin(&place);
            self.begin(place, &claim);
        }
    }

    /// An attempt leaves; the onlooker looks closely.
    fn begin(&mut self, place: Place, claim: &Claim) {
        let row = usize::try_from(claim.delivery.0).unwrap();
        assert!(self.rows[row].state == State::Scheduled && self.rows[row].in_hand);
        assert!(self.rows[row].due <= self.now, "tried before it was due");
        assert!(self.now < self.expires, "tried after its time");
        for (what, name) in [(&place, &*place), (&Place::from("the relay"), "the relay")] {
            let until = self.not_before.get(what).copied().unwrap_or(Timestamp::MIN);
            assert!(until <= self.now, "{name} asked at {} and not after {until}", self.now);
        }
        let all: u32 = self.under_way.values().sum();
        assert!(all < CONNECTIONS, "too many connections");
        let limits = Limits::default().providers().limits(&place);
        let mine = self.under_way.entry(Arc::clone(&place)).or_default();
        *mine += 1;
        assert!(limits.0.is_none_or(|most| *mine <= most), "{mine} at once to {place}");
        let left = self.left.entry(Arc::clone(&place)).or_default();
        left.push_back(self.now);
        while left.front().is_some_and(|at| self.now.duration_since(*at) >= SignedDuration::from_mins(1)) {
            left.pop_front();
        }
        let minute = u32::try_from(left.len()).unwrap();
        assert!(limits.1.is_none_or(|most| minute <= most), "{minute} in a minute to {place}");
        self.tries += 1;
        let took = SignedDuration::from_millis(20 + i64::try_from(self.dice.below(400)).unwrap());
        self.ends.push(Reverse((self.now + took, row, self.now)));
    }

    fn answer(&mut self, row: usize) -> Result<Receipt, Failure> {
        let reply = || Reply::note("words");
        let since = self.now.duration_since(start());
        // The relay is away for ten minutes.
        if since > SignedDuration::from_mins(7) && since < SignedDuration::from_mins(17) {
            return Err(Failure::PauseChannel { reply: reply(), retry_after: None });
        }
        let asked = [None, None, Some(30), Some(0), Some(7_200), Some(u64::MAX)];
        let after = asked[usize::try_from(self.dice.below(6)).unwrap()].map(Duration::from_secs);
        let roll = self.dice.below(100);
        match self.domains[self.rows[row].domain].1 {
            Manner::Never => Err(Failure::HoldDestination { reply: reply() }),
            Manner::Refuses if !self.resumed => Err(Failure::HoldDestination { reply: reply() }),
            Manner::Busy if since < hours(2) => Err(Failure::PauseDestination {
                reply: reply(),
                retry_after: after.filter(|a| a.as_secs() < 9_000),
            }),
            Manner::Greylists if self.rows[row].attempts == 0 => {
                Err(Failure::Later { reply: reply(), retry_after: Some(Duration::from_mins(5)) })
            }
            Manner::Wild => match roll {
                0..40 => Ok(Receipt::default()),
                40..60 => Err(Failure::Later { reply: reply(), retry_after: after }),
                60..70 => Err(Failure::PauseDestination { reply: reply(), retry_after: after }),
                70..80 => Err(Failure::Refused { reply: reply(), suppress: true }),
                80..90 => Err(Failure::Unknown { reply: reply() }),
                _ => Err(Failure::HoldDestination { reply: reply() }),
            },
            _ => match roll {
                0 => Err(Failure::Refused { reply: reply(), suppress: true }),
                1 | 2 => Err(Failure::Later { reply: reply(), retry_after: None }),
                _ => Ok(Receipt::default()),
            },
        }
    }

    fn end(&mut self, row: usize, began: Timestamp) {
        let claim = self.claim_of(row);
        let place = self.shape.place(&claim);
        *self.under_way.get_mut(&place).unwrap() -= 1;
        let answer = self.answer(row);
        let ours = matches!(
            answer,
            Err(Failure::HoldDestination { .. }
                | Failure::PauseDestination { .. }
                | Failure::PauseChannel { .. })
        );
        let tried = Tried { key: &claim.key, put_off: claim.put_off, expires: self.expires, now: self.now };
        let decision = decide::decide(answer, tried);
        let line = &mut self.rows[row];
        line.attempts += 1;
        line.in_hand = false;
        match decision.outcome.unwrap() {
            Outcome::Sent { .. } => line.state = State::Sent,
            Outcome::Failed { .. } => {
                assert!(!ours, "failed for what is not the recipient's fault");
                line.state = State::Failed;
            }
            Outcome::Unknown { .. } => line.state = State::Unknown,
            Outcome::NotSent => unreachable!(),
            Outcome::Later { due, .. } => {
                let asked = match decision.stop {
                    Some(Trouble::Recipient(after) | Trouble::PauseDestination(after)) => after,
                    _ => None,
                };
                let asked = asked.unwrap_or_default().min(Duration::from_hours(24)).as_secs();
                assert!(
                    due.duration_since(self.now).as_secs() >= i64::try_from(asked).unwrap()
                        || due == self.expires
                );
                line.due = line.due.max(due);
                self.waiting.insert((line.due, row));
            }
        }
        let (sent, failed) = (line.state == State::Sent, line.state == State::Failed);
        match decision.stop {
            Some(Trouble::Destination) => {
                let refused = self.refused.entry(Arc::clone(&place)).or_default();
                refused.insert(row);
                assert!(refused.len() <= 3 + CONNECTIONS as usize);
            }
            None if sent => drop(self.refused.remove(&place)),
            _ => {}
        }
        let took = self.now.duration_since(began);
        let effect = self.shape.end((&place, claim.delivery), (sent, failed), decision.stop, took, self.now);
        self.hand.wake(&place);
        match effect {
            Effect::Nothing => {}
            Effect::Pause(until) => {
                self.not_before.insert(Arc::clone(&place), until);
                self.back_all(&place, Some(until));
            }
            Effect::PauseAll(until) => {
                self.not_before.insert(Place::from("the relay"), until);
                self.everything_back(Some(until));
            }
            Effect::Open => {
                let domain = self.domains[self.rows[row].domain].0.clone();
                self.shape.hold(&place, &domain);
                self.holds.insert(domain, self.now);
                self.back_all(&place, None);
            }
            // Three destinations refuse us and nobody takes anything: towards the end only the odd ones are left. The operator is
            // quick.
            Effect::OpenAll => self.everything_back(None),
        }
    }

    /// The operator looks every two hours, and resumes what is held.
    fn operate(&mut self, at: Timestamp) -> bool {
        let due = at.duration_since(start()) >= hours(2) && !self.resumed;
        if due {
            self.resumed = true;
            self.holds.clear();
            let holds: Vec<Hold> = Vec::new();
            self.shape.held(&holds);
        }
        due
    }

    fn holds(&self) -> Vec<Hold> {
        let hold = |(domain, since): (&String, &Timestamp)| Hold {
            scope: Scope::Destination(domain.clone()),
            reason: "words".to_owned(),
            by: Hold::BY_DISPATCH.to_owned(),
            since: *since,
            cause: crate::ledger::Cause::Operator,
        };
        self.holds.iter().map(hold).collect()
    }

    fn run(&mut self) {
        loop {
            while let Some(entry) = self.wakes.first_entry().filter(|entry| *entry.key() <= self.now) {
                for place in entry.remove() {
                    self.hand.wake(&place);
                }
            }
            self.operate(self.now);
            let holds = self.holds();
            self.shape.held(&holds);
            self.claim();
            self.leave();
            let next = [
                self.ends.peek().map(|Reverse((at, ..))| *at),
                self.wakes.keys().next().copied(),
                self.leave_at,
                self.shape.paused(self.now),
                self.waiting.first().map(|(at, _)| (*at).max(self.now + SignedDuration::from_millis(100))),
            ];
            let Some(next) = next.into_iter().flatten().min() else { return };
            self.now = next;
            while let Some(Reverse((at, row, began))) = self.ends.peek().copied() {
                if at > self.now {
                    break;
                }
                self.ends.pop();
                self.end(row, began);
            }
        }
    }
}

#[test]
fn nothing_is_tried_too_early_or_too_often_and_nothing_is_lost() {
    let mut world = world();
    world.run();
    let mut states = BTreeMap::<State, usize>::new();
    for row in &world.rows {
        *states.entry(row.state).or_default() += 1;
    }
    assert_eq!(states.values().sum::<usize>(), DELIVERIES);
    assert!(states.keys().all(|state| state.is_final() || *state == State::Unknown), "{states:?}");
    // One of seven large ones never takes us: about 4,800 expire, and of the wild ones some.
    let share = |state| states.get(&state).copied().unwrap_or_default() * 100 / DELIVERIES;
    assert!(share(State::Sent) >= 88, "{states:?}");
    assert!((4..8).contains(&share(State::Expired)), "{states:?}");
    assert!(share(State::Failed) <= 3, "{states:?}");
    // Who refuses us is tried with three recipients, and with one more after the operator resumed.
    for (name, most) in [("gmx", 4), ("yahoo", 3)] {
        let refused = world.refused.get(name).map_or(0, BTreeSet::len);
        assert!(refused <= most, "{name} was tried with {refused} recipients");
    }
    assert!(world.tries < u64::try_from(DELIVERIES).unwrap() * 12 / 10, "{} tries", world.tries);
}
