//! One channel's flow: claims are topped up before they run out, whoever may leave leaves, and nobody waits for a
//! destination that is slow, throttled or held.
//!
//! One task decides and never waits for the ledger: everything that takes time is a [`Step`] that runs beside it. What may
//! leave is said by [`Shape`], whose turn it is by [`Hand`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::attempt::{self, Desk, Ended, Errand};
use super::carry::{self, Carried, Carry};
use super::decide::Trouble;
use super::hand::{Hand, Place};
use super::shape::{Effect, May, Questions, Shape};
use super::shift::Shift;
use super::{Event, Inner, Route, front, gate, lock};
use crate::ledger::{Claim, DeliveryId, Epoch, Hold, LedgerError, Party, Scope};
use crate::newsroom::Form;

/// How often leases on claims are renewed; they last four times as long.
const RENEW_EVERY: Duration = Duration::from_secs(15);
/// How often slots are shared anew among daemons.
const SHARE_EVERY: Duration = Duration::from_secs(2);
/// How often the ledger is asked for what came due, was held or resumed.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Claims in hand for each connection, so that none idles between claims.
const IN_HAND: u32 = 64;
/// No more claims in hand than these.
const MOST_IN_HAND: usize = 8_000;
/// No more in hand for a destination that is slow; the others come back when it is their turn.
const MOST_FOR_ONE: usize = 500;
/// No more attempts than these are over and not on record: after a loss of power nobody knows what became of those.
const MOST_UNRECORDED: usize = 64;
/// So long one that may be poison is worked on alone, and so long it is waited until it can be.
const ALONE: Duration = Duration::from_secs(10);
/// What comes back later comes in groups of which each takes about so long.
const GROUP: SignedDuration = SignedDuration::from_secs(15);

/// What runs beside the deciding task.
enum Step {
    /// An attempt has ended, and is to be recorded.
    Ended { place: Place, began: Timestamp, ended: Box<Ended> },
    /// What became of attempts is on record; whether they were the group that is recorded at once.
    Recorded(Vec<Event>, bool),
    /// Claims came.
    Claimed(Vec<Claim>),
    /// The ledger was looked at: whether something is due, what else was claimed, what is held.
    Looked { due: bool, claims: Vec<Claim>, holds: Vec<Hold>, since: Option<u64> },
    /// The ledger gave out departures and slots.
    Answered { questions: Questions, first: Vec<Timestamp>, slots: Vec<u32>, asked: Timestamp },
    /// The channel has closed what it sent with, and the slots are given back.
    Rested,
    /// Something was written down.
    Written,
    /// A hold was set.
    Held,
}

/// A channel at work.
pub struct Flow {
    inner: Arc<Inner>,
    shift: Arc<Shift>,
    key: String,
    hand: Hand,
    /// The process died while it worked on these. They go first, one by one: if it dies again, it is clear of which, and the
    /// others are not to blame.
    suspects: VecDeque<Claim>,
    /// Until when one of them is, or is to be, alone.
    alone: Option<Instant>,
    steps: JoinSet<Result<Step, LedgerError>>,
    /// Those of them that are attempts, and those that record one.
    attempts: usize,
    recording: usize,
    /// What became of these is recorded together, as soon as the group before them is on record.
    to_record: Vec<Box<Ended>>,
    group: bool,
    /// Those attempts that are made in rounds, because the relay is fast, and whether they are now.
    carry: Arc<Carry>,
    bulk: bool,
    /// When the next round begins, however little there is to do.
    beat: Instant,
    /// How many connections the channel was told to use.
    limit: Option<u32>,
    /// Gives back what stands in the channel's line and has no intent.
    line: CancellationToken,
    wakes: BTreeMap<Timestamp, BTreeSet<Place>>,
    /// When the channel itself may take the next one.
    leave_at: Option<Timestamp>,
    claiming: bool,
    asking: bool,
    /// The ledger had nothing to give; it is asked again then.
    ask_at: Instant,
    looking: bool,
    /// Holds that were set, and how many of them are not on disk yet: a look at the holds from before says nothing.
    holds: u64,
    holding: usize,
    /// There was nothing left to claim.
    dry: bool,
    /// Nothing more is begun.
    ending: bool,
    failed: Option<LedgerError>,
}

impl Flow {
    /// Ready to work on the channel `key`.
    pub fn new(inner: Arc<Inner>, shift: Arc<Shift>, key: String) -> Flow {
        Flow {
            inner,
            line: shift.stop.child_token(),
            shift,
            key,
            hand: Hand::default(),
            suspects: VecDeque::new(),
            alone: None,
            steps: JoinSet::new(),
            attempts: 0,
            recording: 0,
            to_record: Vec::new(),
            group: false,
            carry: Arc::default(),
            bulk: false,
            beat: Instant::now(),
            limit: None,
            wakes: BTreeMap::new(),
            leave_at: None,
            claiming: false,
            asking: false,
            ask_at: Instant::now(),
            looking: false,
            holds: 0,
            holding: 0,
            dry: false,
            ending: false,
            failed: None,
        }
    }

    /// Works until nothing is due that may leave and, but for sites, no other channel is at work either.
    pub async fn run(mut self) -> Result<(), LedgerError> {
        let Some(shape) = self.inner.shapes.get(&self.key).map(Arc::clone) else { return Ok(()) };
        let site = self.inner.routes.get(&self.key).is_none_or(|route| route.kind.form() == Form::Page);
        let holds = self.inner.ledger.holds().await?;
        let allowed = match self.inner.routes.get(&self.key) {
            Some(route) => route.channel.pace(self.inner.clock.now()).await,
            None => None,
        };
        {
            let mut shape = lock(&shape);
            shape.begin_anew();
            shape.allow(allowed);
            shape.held(&holds);
        }
        let mut at_work = self.shift.begin();
        let mut look = tokio::time::interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut renewed, mut shared) = (Instant::now(), Instant::now());
        let (stop, clock) = (self.shift.stop.clone(), self.inner.clock.clone());
        loop {
            let now = clock.now();
            self.collect(&shape, now);
            self.ending |= stop.is_cancelled() || self.failed.is_some();
            if !self.ending {
                self.wake(now);
                self.leave(&shape, now);
                self.ask(&shape, now);
                self.claim(&shape, now);
            }
            self.record_group();
            self.carry();
            let done = self.steps.is_empty() && self.carry.is_empty();
            let idle = self.in_hand() == 0 && done;
            if (self.ending && self.steps.is_empty()) || (idle && (site || self.shift.is_over())) {
                break;
            }
            at_work.set(!idle);
            let beat = self.beat();
            let wake = self.leave_at.into_iter().chain(self.wakes.keys().next().copied()).min();
            tokio::select! {
                Some(step) = self.steps.join_next(), if !self.steps.is_empty() => {
                    self.stepped(&shape, step);
                    // Whatever else is done by now costs no look at everything else.
                    while let Some(step) = self.steps.try_join_next() {
                        self.stepped(&shape, step);
                    }
                }
                () = self.carry.news() => {}
                () = tokio::time::sleep_until(beat.unwrap_or(self.beat)), if beat.is_some() => {}
                () = sleep_until(&clock, wake), if !self.ending => {}
                _ = look.tick(), if !self.ending => {
                    self.look();
                    if renewed.elapsed() >= RENEW_EVERY && self.in_hand() + self.attempts > 0 {
                        renewed = Instant::now();
                        self.renew();
                    }
                    if shared.elapsed() >= SHARE_EVERY && self.in_hand() + self.attempts > 0 {
                        shared = Instant::now();
                        self.share(&shape);
                    }
                    if idle {
                        self.rest(&shape);
                    }
                }
                () = self.shift.over(), if idle => {}
                () = stop.cancelled(), if !self.ending => {}
            }
        }
        at_work.set(false);
        self.leave_off(&shape).await
    }

    /// Gives back what is in hand, and what it takes to send.
    async fn leave_off(mut self, shape: &std::sync::Mutex<Shape>) -> Result<(), LedgerError> {
        if let Some(route) = self.inner.routes.get(&self.key) {
            route.channel.rest().await;
        }
        // Where the ledger failed under a group, the one behind it was not begun.
        attempt::keep(&desk(&self.inner), self.to_record);
        if let Some(error) = self.failed {
            return Err(error);
        }
        let now = self.inner.clock.now();
        let mut left = pairs(&self.hand.drain());
        left.extend(self.suspects.iter().map(|claim| (claim.delivery, claim.epoch)));
        if !left.is_empty() {
            self.inner.ledger.hand_back(left, None, now).await?;
        }
        let wants = lock(shape).give_up();
        if !wants.is_empty() {
            self.inner.ledger.share(&self.inner.owner, wants, now).await?;
        }
        Ok(())
    }

    fn in_hand(&self) -> usize {
        self.hand.len() + self.suspects.len()
    }

    /// The ledger is the ground we stand on: nothing more is begun, and what is on its way is finished.
    fn fail(&mut self, error: LedgerError) {
        self.failed.get_or_insert(error);
        self.shift.halt.cancel();
    }

    fn wake(&mut self, now: Timestamp) {
        while let Some(entry) = self.wakes.first_entry().filter(|entry| *entry.key() <= now) {
            for place in entry.remove() {
                self.hand.wake(&place);
            }
        }
    }

    /// Begins what may leave.
    fn leave(&mut self, shape: &std::sync::Mutex<Shape>, now: Timestamp) {
        self.leave_at = None;
        self.prepare(shape, now);
        let wait = if self.bulk { !self.is_round_due() } else { self.recording >= MOST_UNRECORDED };
        if wait || self.suspect(shape, now) {
            return;
        }
        let mut round = Vec::new();
        let mut back: Vec<(Place, Option<Timestamp>)> = Vec::new();
        loop {
            let found = {
                let mut shape = lock(shape);
                match shape.may_leave(now) {
                    May::Go => {}
                    May::At(at) => {
                        self.leave_at = Some(at);
                        break;
                    }
                    May::Paused(at) => {
                        drop(shape);
                        self.everything_back(Some(at), now);
                        break;
                    }
                    May::Held => {
                        drop(shape);
                        self.everything_back(None, now);
                        break;
                    }
                    May::Busy | May::Ask => break,
                }
                let wakes = &mut self.wakes;
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
                if let Some((place, _)) = &found {
                    shape.begin(place);
                }
                found
            };
            let Some((place, claim)) = found else { break };
            if self.bulk {
                round.push((place, claim));
            } else {
                self.begin(place, claim, false, now);
            }
        }
        self.begin_round(round, now);
        for (place, after) in back {
            match after {
                Some(after) => self.back(&place, after, now),
                None => self.hold_back(shape, &place, None, now),
            }
        }
    }

    /// Tells the channel how many connections it may use, and asks how much it makes ready ahead.
    fn prepare(&mut self, shape: &std::sync::Mutex<Shape>, now: Timestamp) {
        let Some(route) = self.inner.routes.get(&self.key) else { return };
        let mut shape = lock(shape);
        let line = shape.ahead(route.channel.line(), now);
        let limit = shape.may_use(now);
        if self.limit != Some(limit) {
            self.limit = Some(limit);
            route.channel.limit(limit);
        }
        self.bulk = line > 0 && route.channel.is_fast();
        if self.bulk {
            self.carry.set(limit, limit.saturating_mul(line.saturating_add(1)));
        }
    }

    /// When to look again at what the carriers have done. A round that is under way ends with a step.
    fn beat(&mut self) -> Option<Instant> {
        if self.group || (self.carry.is_empty() && self.to_record.is_empty()) {
            return None;
        }
        let now = Instant::now();
        if self.beat <= now {
            self.beat = now + carry::BEAT;
        }
        Some(self.beat)
    }

    /// Whether it is time to exchange results for intents.
    fn is_round_due(&self) -> bool {
        !self.group && (self.carry.is_low() || Instant::now() >= self.beat)
    }

    /// Takes over what became of the attempts that were made in rounds.
    fn collect(&mut self, shape: &std::sync::Mutex<Shape>, now: Timestamp) {
        for Carried { place, began, ended } in self.carry.collect(self.group) {
            self.attempts -= 1;
            self.ended(shape, &place, began, ended, now);
        }
    }

    /// Begins a round in which `claims` get their intents, and what ended is recorded.
    fn begin_round(&mut self, claims: Vec<(Place, Claim)>, now: Timestamp) {
        if claims.is_empty() {
            return;
        }
        self.attempts += claims.len();
        self.carry.open(claims.len());
        self.group = true;
        self.beat = Instant::now() + carry::BEAT;
        let results = std::mem::take(&mut self.to_record);
        let (inner, shift, key) = (Arc::clone(&self.inner), Arc::clone(&self.shift), self.key.clone());
        let carry = Arc::clone(&self.carry);
        self.steps.spawn(async move {
            let at = (key.as_str(), &desk(&inner));
            Ok(Step::Recorded(carry.round(&inner, &shift, at, results, claims, now).await?, true))
        });
    }

    /// Begins carriers that are missing.
    fn carry(&mut self) {
        for _ in 0..self.carry.missing(self.ending) {
            self.carrier();
        }
    }

    fn carrier(&mut self) {
        let (inner, shift, key) = (Arc::clone(&self.inner), Arc::clone(&self.shift), self.key.clone());
        let carry = Arc::clone(&self.carry);
        self.steps.spawn(async move {
            if let Some(route) = inner.routes.get(&key) {
                carry.run(&desk(&inner), route, &shift).await;
            }
            Ok(Step::Written)
        });
    }

    /// What the ledger is to be asked for what is used.
    fn questions(
        &self,
        shape: &std::sync::Mutex<Shape>,
        all: bool,
        waiting: impl Fn(&Place) -> usize,
    ) -> Questions {
        let in_use = self.limit.and_then(|limit| self.inner.routes.get(&self.key)?.channel.limit(limit));
        let mut shape = lock(shape);
        shape.in_use(in_use);
        shape.questions(all, waiting)
    }

    /// Sees to those that may be poison; returns whether the others wait for that.
    fn suspect(&mut self, shape: &std::sync::Mutex<Shape>, now: Timestamp) -> bool {
        if self.attempts > 0 && self.alone.is_some_and(|until| Instant::now() < until) {
            return true;
        }
        let Some(suspect) = self.suspects.pop_front() else {
            self.alone = None;
            return false;
        };
        if self.attempts > 0 && self.alone.is_none() {
            // What is under way ends first.
            self.alone = Some(Instant::now() + ALONE);
            self.suspects.push_front(suspect);
            return true;
        }
        let mut shape = lock(shape);
        let place = shape.place(&suspect);
        match (shape.may_leave(now), shape.may_go(&place, now)) {
            (May::Go, May::Go) => {
                shape.begin(&place);
                drop(shape);
                let alone = self.attempts == 0;
                self.alone = Some(Instant::now() + ALONE);
                self.begin(place, suspect, alone, now);
                true
            }
            (May::Ask, _) | (_, May::Ask) => {
                self.suspects.push_front(suspect);
                true
            }
            // Its turn comes with the others'.
            _ => {
                self.hand.add(&place, suspect);
                false
            }
        }
    }

    fn begin(&mut self, place: Place, claim: Claim, alone: bool, began: Timestamp) {
        self.attempts += 1;
        let (inner, shift, key) = (Arc::clone(&self.inner), Arc::clone(&self.shift), self.key.clone());
        let line = self.line.clone();
        self.steps.spawn(async move {
            let Some(route) = inner.routes.get(&key) else { return Ok(Step::Written) };
            let until = (&line, &shift.stop);
            let desk = desk(&inner);
            let made = route.channel.stamp().is_some();
            let errand = Errand::of(&inner, &shift, &desk, claim, made).await?;
            let ended = attempt::attempt(&desk, route, errand, alone, until, &mut gate::pulse()).await;
            Ok(Step::Ended { place, began, ended: Box::new(ended) })
        });
    }

    /// Records what became of an attempt; others go on meanwhile.
    fn record(&mut self, ended: Box<Ended>) {
        self.recording += 1;
        if ended.is_plain() {
            self.to_record.push(ended);
            return;
        }
        let (inner, key) = (Arc::clone(&self.inner), self.key.clone());
        self.steps.spawn(async move {
            let Some(route) = inner.routes.get(&key) else { return Ok(Step::Written) };
            let event = attempt::record(&desk(&inner), route, &key, *ended).await?;
            Ok(Step::Recorded(vec![event], false))
        });
    }

    /// Records what came to its end since the last group was begun: so one transaction has many.
    fn record_group(&mut self) {
        // In rounds the next one takes them along, if there is one.
        if self.group || self.to_record.is_empty() || (self.bulk && !self.ending && !self.is_round_due()) {
            return;
        }
        self.group = true;
        self.beat = Instant::now() + carry::BEAT;
        let all = std::mem::take(&mut self.to_record);
        let (inner, key) = (Arc::clone(&self.inner), self.key.clone());
        self.steps.spawn(async move {
            Ok(Step::Recorded(attempt::record_all(&desk(&inner), &key, all).await?, true))
        });
    }

    /// Asks for departures and slots that are missing.
    fn ask(&mut self, shape: &std::sync::Mutex<Shape>, now: Timestamp) {
        if self.asking || self.in_hand() == 0 || Instant::now() < self.ask_at {
            return;
        }
        let questions = self.questions(shape, false, |place| self.hand.for_place(place));
        if !questions.takes.is_empty() || !questions.wants.is_empty() {
            self.put(questions, now);
        }
    }

    /// Shares the slots anew: what is not needed here is for others.
    fn share(&mut self, shape: &std::sync::Mutex<Shape>) {
        if !self.asking {
            let all = self.in_hand();
            let waiting = |place: &Place| if place.is_empty() { all } else { self.hand.for_place(place) };
            let questions = self.questions(shape, true, waiting);
            self.put(questions, self.inner.clock.now());
        }
    }

    /// There is nothing to send, but other channels may keep this shift at work for hours: other daemons may have what it takes.
    fn rest(&mut self, shape: &std::sync::Mutex<Shape>) {
        if self.asking {
            return;
        }
        let wants = lock(shape).give_up();
        if wants.is_empty() {
            return;
        }
        self.asking = true;
        let (inner, key) = (Arc::clone(&self.inner), self.key.clone());
        self.steps.spawn(async move {
            if let Some(route) = inner.routes.get(&key) {
                route.channel.rest().await;
            }
            inner.ledger.share(&inner.owner, wants, inner.clock.now()).await?;
            Ok(Step::Rested)
        });
    }

    fn put(&mut self, questions: Questions, asked: Timestamp) {
        self.asking = true;
        let inner = Arc::clone(&self.inner);
        self.steps.spawn(async move {
            let takes: Vec<_> = questions.takes.iter().map(|(_, take)| take.clone()).collect();
            let wants: Vec<_> = questions.wants.iter().map(|(_, want)| want.clone()).collect();
            let (first, slots) = tokio::try_join!(
                async {
                    if takes.is_empty() { Ok(Vec::new()) } else { inner.ledger.reserve(takes, asked).await }
                },
                async {
                    if wants.is_empty() {
                        Ok(Vec::new())
                    } else {
                        inner.ledger.share(&inner.owner, wants, asked).await
                    }
                },
            )?;
            Ok(Step::Answered { questions, first, slots, asked })
        });
    }

    /// Tops the hand up before it runs dry.
    fn claim(&mut self, shape: &std::sync::Mutex<Shape>, now: Timestamp) {
        let (connections, paused) = {
            let shape = lock(shape);
            (shape.connections(), shape.paused(now).is_some() || shape.is_held())
        };
        let most = connections.saturating_mul(IN_HAND);
        let low = self.hand.ready() < (most / 2) as usize && self.hand.len() < MOST_IN_HAND;
        if self.claiming || self.dry || paused || !low {
            return;
        }
        self.claiming = true;
        let (inner, shift, key) = (Arc::clone(&self.inner), Arc::clone(&self.shift), self.key.clone());
        self.steps.spawn(async move {
            loop {
                let now = shift.site_first(&inner, &key).await?;
                let claims = inner.ledger.claim(&inner.owner, &key, now, most).await?;
                let none = claims.is_empty();
                let claims = front::admit(&inner, &key, claims).await?;
                // Behind those that wait there may be others.
                if none || !claims.is_empty() {
                    return Ok(Step::Claimed(claims));
                }
            }
        });
    }

    /// Looks whether something came due, was held or resumed.
    fn look(&mut self) {
        for _ in 0..self.carry.stuck() {
            self.carrier();
        }
        if self.looking || self.claiming {
            return;
        }
        self.looking = true;
        let room = self.hand.len() < MOST_IN_HAND;
        let (inner, shift, key) = (Arc::clone(&self.inner), Arc::clone(&self.shift), self.key.clone());
        let busy = self.in_hand() > 0;
        let since = (self.holding == 0).then_some(self.holds);
        self.steps.spawn(async move {
            let now = inner.clock.now();
            let holds = inner.ledger.holds().await?;
            let due = inner.ledger.next_due(now).await?;
            let due = due.iter().any(|(channel, at)| *channel == key && *at <= now);
            let mut claims = Vec::new();
            if due && busy && room {
                let now = shift.site_first(&inner, &key).await?;
                claims = inner.ledger.claim_other(&inner.owner, &key, now).await?;
                claims = front::admit(&inner, &key, claims).await?;
            }
            Ok(Step::Looked { due, claims, holds, since })
        });
    }

    fn renew(&mut self) {
        let inner = Arc::clone(&self.inner);
        self.steps.spawn(async move {
            inner.ledger.renew(&inner.owner, inner.clock.now()).await?;
            Ok(Step::Written)
        });
    }

    fn stepped(
        &mut self,
        shape: &std::sync::Mutex<Shape>,
        step: Result<Result<Step, LedgerError>, tokio::task::JoinError>,
    ) {
        match step {
            Ok(Ok(step)) => self.took(shape, step),
            Ok(Err(error)) => self.fail(error),
            Err(panic) => {
                tracing::error!(%panic, "a channel's work broke off; this is a fault in Dateline");
                self.ending = true;
            }
        }
    }

    fn took(&mut self, shape: &std::sync::Mutex<Shape>, step: Step) {
        let now = self.inner.clock.now();
        match step {
            Step::Ended { place, began, ended } => {
                self.attempts -= 1;
                self.ended(shape, &place, began, ended, now);
            }
            Step::Recorded(events, group) => {
                self.group &= !group;
                self.recording -= events.len();
                for event in events {
                    self.shift.count(event.state, 1);
                    (self.inner.observer)(event);
                }
            }
            Step::Claimed(claims) => {
                self.claiming = false;
                self.dry = claims.is_empty();
                if !self.dry {
                    crate::crashpoint!("S1");
                }
                self.add(shape, claims, now);
            }
            Step::Looked { due, claims, holds, since } => {
                self.looking = false;
                self.dry &= !due;
                self.add(shape, claims, now);
                if since == Some(self.holds) && lock(shape).held(&holds) {
                    self.hand.wake_all();
                    self.dry = false;
                }
            }
            Step::Answered { questions, first, slots, asked } => {
                self.asking = false;
                if slots.contains(&0) {
                    self.ask_at = Instant::now() + LOOK_EVERY;
                }
                lock(shape).answers(&questions, &first, &slots, asked);
                for (place, _) in &questions.takes {
                    self.hand.wake(place);
                }
                for (place, _) in &questions.wants {
                    self.hand.wake(place);
                }
            }
            Step::Rested => self.asking = false,
            Step::Held => self.holding -= 1,
            Step::Written => {}
        }
    }

    fn add(&mut self, shape: &std::sync::Mutex<Shape>, claims: Vec<Claim>, now: Timestamp) {
        let mut slow = BTreeSet::new();
        for claim in claims {
            if claim.guilt > 0 {
                self.suspects.push_back(claim);
                continue;
            }
            let place = lock(shape).place(&claim);
            self.hand.add(&place, claim);
            if self.hand.for_place(&place) > MOST_FOR_ONE {
                slow.insert(place);
            }
        }
        for place in slow {
            self.appoint(shape, &place, now);
        }
    }

    /// Those that are too many for a slow place come back when it is about their turn; they would only be in the way.
    fn appoint(&mut self, shape: &std::sync::Mutex<Shape>, place: &Place, now: Timestamp) {
        let mut shape = lock(shape);
        if shape.appointment(place, MOST_FOR_ONE, now).is_none() {
            return;
        }
        let mut groups: Vec<(Timestamp, Vec<(DeliveryId, Epoch)>)> = Vec::new();
        for claim in self.hand.beyond(place, MOST_FOR_ONE) {
            let at = shape.appointment(place, MOST_FOR_ONE, now).unwrap_or(now);
            match groups.last_mut().filter(|(first, _)| at.duration_since(*first) < GROUP) {
                Some((_, group)) => group.push((claim.delivery, claim.epoch)),
                None => groups.push((at, vec![(claim.delivery, claim.epoch)])),
            }
        }
        drop(shape);
        let inner = Arc::clone(&self.inner);
        self.steps.spawn(async move {
            for (at, group) in groups {
                inner.ledger.hand_back(group, Some(at), now).await?;
            }
            Ok(Step::Written)
        });
    }

    fn ended(
        &mut self,
        shape: &std::sync::Mutex<Shape>,
        place: &Place,
        began: Timestamp,
        ended: Box<Ended>,
        now: Timestamp,
    ) {
        let (delivery, took) = (ended.claim.delivery, now.duration_since(began));
        let effect = lock(shape).end((place, delivery), (ended.sent, ended.spoke), ended.trouble, took, now);
        self.hand.wake(place);
        let refused =
            matches!(ended.trouble, Some(Trouble::Destination | Trouble::Channel | Trouble::PauseChannel(_)));
        if refused || effect != Effect::Nothing {
            // What was made ready for better times waits for its turn again.
            self.line.cancel();
            self.line = self.shift.stop.child_token();
        }
        let words = ended.words.as_str();
        match effect {
            Effect::Nothing => {}
            Effect::Pause(until) => {
                tracing::warn!(channel = self.key, destination = %place, %until, words, "takes nothing for now");
                self.back(place, until, now);
            }
            Effect::PauseAll(until) => {
                tracing::warn!(channel = self.key, %until, words, "the channel takes nothing for now");
                self.everything_back(Some(until), now);
            }
            Effect::Open => {
                let domain = attempt::domain(&ended.claim);
                let domain = domain.as_deref().map(|domain| (domain, words));
                self.hold_back(shape, place, domain, now);
            }
            Effect::OpenAll => {
                tracing::error!(channel = self.key, words, "held: it refuses us");
                let (inner, scope) = (Arc::clone(&self.inner), Scope::Channel(self.key.clone()));
                let words = words.to_owned();
                (self.holds, self.holding) = (self.holds + 1, self.holding + 1);
                self.steps.spawn(async move {
                    inner.ledger.hold(scope, &words, Hold::BY_DISPATCH, now).await?;
                    Ok(Step::Held)
                });
                self.everything_back(None, now);
            }
        }
        self.record(ended);
    }

    /// Hands back what is for `place`; it may be claimed again at `after`.
    fn back(&mut self, place: &Place, after: Timestamp, now: Timestamp) {
        let claims = pairs(&self.hand.beyond(place, 0));
        self.write_back(claims, Some(after), now);
    }

    fn everything_back(&mut self, after: Option<Timestamp>, now: Timestamp) {
        let mut claims = pairs(&self.hand.drain());
        claims.extend(self.suspects.drain(..).map(|claim| (claim.delivery, claim.epoch)));
        self.write_back(claims, after, now);
    }

    fn write_back(&mut self, claims: Vec<(DeliveryId, Epoch)>, after: Option<Timestamp>, now: Timestamp) {
        if claims.is_empty() {
            return;
        }
        let inner = Arc::clone(&self.inner);
        self.steps.spawn(async move {
            inner.ledger.hand_back(claims, after, now).await?;
            Ok(Step::Written)
        });
    }

    /// Hands back what is for a place that refuses us, and holds each of its domains that something is for: first those of
    /// `refused`, the words with which the circuit opened.
    fn hold_back(
        &mut self,
        shape: &std::sync::Mutex<Shape>,
        place: &Place,
        refused: Option<(&str, &str)>,
        now: Timestamp,
    ) {
        let claims = self.hand.beyond(place, 0);
        let mut domains: BTreeSet<String> = claims
            .iter()
            .filter_map(|claim| match &claim.recipient {
                Party::Contact { email, .. } => Some(email.domain().to_owned()),
                Party::Account => None,
            })
            .collect();
        domains.extend(refused.map(|(domain, _)| domain.to_owned()));
        let reason = {
            let mut shape = lock(shape);
            domains.retain(|domain| shape.hold(place, domain));
            shape.reason(place, refused.map(|(_, words)| words))
        };
        if refused.is_some() {
            tracing::error!(channel = self.key, destination = %place, reason, "held: it refuses us");
        }
        let claims = pairs(&claims);
        let (inner, account) = (Arc::clone(&self.inner), place.is_empty().then(|| self.key.clone()));
        (self.holds, self.holding) = (self.holds + 1, self.holding + 1);
        self.steps.spawn(async move {
            for domain in domains {
                inner.ledger.hold(Scope::Destination(domain), &reason, Hold::BY_DISPATCH, now).await?;
            }
            if let Some(key) = account {
                inner.ledger.hold(Scope::Channel(key), &reason, Hold::BY_DISPATCH, now).await?;
            }
            if !claims.is_empty() {
                inner.ledger.hand_back(claims, None, now).await?;
            }
            Ok(Step::Held)
        });
    }
}

fn desk(inner: &Inner) -> Desk<'_> {
    Desk {
        ledger: &inner.ledger,
        clock: &inner.clock,
        crumbs: inner.begun.get().map(|(crumbs, _)| crumbs),
        open: &inner.open,
    }
}

fn pairs(claims: &[Claim]) -> Vec<(DeliveryId, Epoch)> {
    claims.iter().map(|claim| (claim.delivery, claim.epoch)).collect()
}

async fn sleep_until(clock: &crate::clock::Clock, at: Option<Timestamp>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// How many connections a route may have.
pub fn connections(route: &Route) -> u32 {
    let usual = match route.kind {
        kind if kind.is_mail() => 4,
        _ => 1,
    };
    route.limits.connections.unwrap_or(usual).max(1)
}
