//! One channel's flow: claims are topped up before they run out, whoever may leave leaves, and nobody waits for a
//! destination that is slow, throttled or held.
//!
//! One task decides and never waits for the ledger: everything that takes time is a [`Step`] that runs beside it. What may
//! leave is said by [`Shape`], whose turn it is by [`Hand`].
//!
//! Here is the loop; beside it `supply` (what the ledger gives), `leave` (who is next), `round` (many at once, and what is recorded) and
//! `back` (what an end means for the others).

mod back;
mod leave;
mod round;
mod supply;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::attempt::{self, Desk, Ended};
use super::carry::Carry;
use super::hand::{Hand, Place};
use super::shape::{Questions, Shape};
use super::shift::Shift;
use super::{Event, Inner, Route, lock};
use crate::ledger::{Claim, DeliveryId, Epoch, Hold, LedgerError};
use crate::newsroom::Form;

/// How often leases on claims are renewed; they last four times as long.
const RENEW_EVERY: Duration = Duration::from_secs(15);
/// How often slots are shared anew among daemons.
const SHARE_EVERY: Duration = Duration::from_secs(2);
/// How often the ledger is asked for what came due, was held or resumed.
const LOOK_EVERY: Duration = Duration::from_millis(250);

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
    async fn leave_off(mut self, shape: &Mutex<Shape>) -> Result<(), LedgerError> {
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

    fn stepped(
        &mut self,
        shape: &Mutex<Shape>,
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

    fn took(&mut self, shape: &Mutex<Shape>, step: Step) {
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
