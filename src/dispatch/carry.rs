//! Attempts at a relay that is faster than the disk, in rounds: what ended is recorded, and intents are asked for ahead, in one
//! exchange with the ledger; between two rounds nobody waits for it, and the flow is not woken for each mail.
//!
//! *Carriers* take whatever has its intent, one after the other, and lay down what became of it. The flow collects that, and begins the
//! next round when less than half is left of what was granted, or after [`BEAT`]. In a round the results are handed to the ledger before
//! the questions, so that what has ended is on disk when more may leave.
//!
//! Where the ledger fails in a round, nothing of it leaves: what it may have granted is kept as not sent until it can be recorded.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::attempt::{self, Desk, Ended, Errand};
use super::breadcrumb::{Crumb, Slot};
use super::hand::Place;
use super::recover::Open;
use super::shift::Shift;
use super::{Event, Inner, Route, gate, lock};
use crate::ledger::{Claim, Intent, LedgerError, Outcome, START_WITHIN};

/// What has ended is recorded at most this much later, and a place that is free for the next one is used.
pub const BEAT: Duration = Duration::from_millis(50);
/// Carriers for each connection: one talks, one stands in line with its mail ready, one makes the next ready.
const CARRIERS: u32 = 3;

/// What is between the flow and its carriers.
#[derive(Default)]
pub struct Carry {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    /// They have their intents.
    ready: VecDeque<Granted>,
    ended: Vec<Carried>,
    /// Granted, or about to be, and not ended.
    open: usize,
    /// With this many of them or fewer the flow is told of each that ends.
    low: usize,
    /// It was told, or will look by itself.
    told: bool,
    carriers: usize,
    most: usize,
    /// One was taken since somebody looked whether they move.
    moves: bool,
}

struct Granted {
    place: Place,
    began: Timestamp,
    errand: Errand,
}

/// An attempt that is over.
pub struct Carried {
    /// Where it went.
    pub place: Place,
    /// When it was begun.
    pub began: Timestamp,
    /// What became of it.
    pub ended: Box<Ended>,
}

impl Carry {
    /// Over so many connections, with so many under way at most.
    pub fn set(&self, connections: u32, all: u32) {
        let mut state = lock(&self.state);
        state.low = (all / 2) as usize;
        state.most = connections.saturating_mul(CARRIERS) as usize;
    }

    /// Whether less than half is left of what may be under way.
    pub fn is_low(&self) -> bool {
        let state = lock(&self.state);
        state.open <= state.low
    }

    /// Whether nothing is under way, and everything that ended was collected.
    pub fn is_empty(&self) -> bool {
        let state = lock(&self.state);
        state.open == 0 && state.ended.is_empty()
    }

    /// Waits until the flow should look.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// What has ended. `hush`: the flow will look again by itself.
    pub fn collect(&self, hush: bool) -> Vec<Carried> {
        let mut state = lock(&self.state);
        state.told = hush;
        std::mem::take(&mut state.ended)
    }

    /// How many carriers are missing; whoever asks begins them. `all`: nothing more is granted, so each may have one of its own.
    pub fn missing(&self, all: bool) -> usize {
        let mut state = lock(&self.state);
        let most = if all { usize::MAX } else { state.most };
        let missing = state.ready.len().min(most).saturating_sub(state.carriers);
        state.carriers += missing;
        missing
    }

    /// The same where none was taken since this was asked the last time: then each gets a carrier of its own, which gives it up when it
    /// is too late to leave.
    pub fn stuck(&self) -> usize {
        let mut state = lock(&self.state);
        let stuck = if state.moves { 0 } else { state.ready.len() };
        state.moves = false;
        state.carriers += stuck;
        stuck
    }

    /// Carries what is ready until nothing is.
    pub async fn run(&self, desk: &Desk<'_>, route: &Route, shift: &Shift) {
        // What has its intent is not called off.
        let until = (&shift.stop, &shift.stop);
        let mut pulse = gate::pulse();
        while let Some(Granted { place, began, errand }) = self.next() {
            let ended = Box::new(attempt::attempt(desk, route, errand, false, until, &mut pulse).await);
            self.lay_down(Carried { place, began, ended });
        }
    }

    fn next(&self) -> Option<Granted> {
        let mut state = lock(&self.state);
        let next = state.ready.pop_front();
        match next {
            Some(_) => state.moves = true,
            None => state.carriers -= 1,
        }
        next
    }

    fn lay_down(&self, carried: Carried) {
        let mut state = lock(&self.state);
        state.ended.push(carried);
        state.open -= 1;
        if state.open <= state.low && !state.told {
            state.told = true;
            drop(state);
            self.news.notify_one();
        }
    }

    /// Notes that so many are about to be granted, in a round after which the flow looks by itself.
    pub fn open(&self, count: usize) {
        let mut state = lock(&self.state);
        state.open += count;
        state.told = true;
    }

    /// Records `results` and asks for the intents of `claims`; whatever may leave is ready afterwards. Returns what was recorded.
    pub async fn round(
        &self,
        inner: &Inner,
        shift: &Shift,
        (key, desk): (&str, &Desk<'_>),
        results: Vec<Box<Ended>>,
        claims: Vec<(Place, Claim)>,
        began: Timestamp,
    ) -> Result<Vec<Event>, LedgerError> {
        let count = claims.len();
        let errands = match errands(inner, shift, (key, desk), claims).await {
            Ok(errands) => errands,
            Err(error) => {
                lock(&self.state).open -= count;
                attempt::keep(desk, results);
                return Err(error);
            }
        };
        if let Some(crumbs) = desk.crumbs {
            // Before the ledger is asked: without them a death of the process would leave all of these unknown.
            let waiting = |errand: &Errand| Crumb::waiting(errand.claim.delivery, errand.claim.epoch);
            let all: Vec<(&Slot, Crumb)> = errands
                .iter()
                .filter_map(|(_, errand)| Some((errand.slot.as_ref()?, waiting(errand))))
                .collect();
            crumbs.write_all(&all);
        }
        // Before the question, so that a pause while it is answered counts.
        let deadline = desk.clock.steady().saturating_add(START_WITHIN);
        let asked = errands
            .iter()
            .map(|(_, errand)| (errand.claim.delivery, errand.claim.epoch, gate::request(&errand.claim)));
        let asked: Vec<_> = asked.collect();
        let (recorded, intents) = tokio::join!(
            biased;
            async {
                if results.is_empty() { Ok(Vec::new()) } else { attempt::record_all(desk, key, results).await }
            },
            async {
                if asked.is_empty() { Ok(Vec::new()) } else { desk.ledger.intent(asked, desk.clock.now()).await }
            },
        );
        let (events, intents) = match (recorded, intents) {
            (Ok(events), Ok(intents)) if intents.len() == errands.len() => (events, intents),
            (recorded, intents) => {
                // It may be on disk all the same, but none of it leaves.
                let open = |(_, Errand { claim, slot, .. }): (Place, Errand)| Open {
                    claim,
                    outcome: Outcome::NotSent,
                    slot,
                };
                lock(&self.state).open -= count;
                lock(desk.open).extend(errands.into_iter().map(open));
                recorded?;
                intents?;
                return Err(LedgerError::Closed);
            }
        };
        let (mut ready, mut stopped) = (VecDeque::with_capacity(errands.len()), Vec::new());
        for ((place, errand), intent) in errands.into_iter().zip(intents) {
            match intent {
                Intent::Go(attempt) => {
                    let errand = Errand { intent: Some((attempt, deadline)), ..errand };
                    ready.push_back(Granted { place, began, errand });
                }
                Intent::Stop(stop) => {
                    let ended = Box::new(Ended::stopped(desk, errand, stop));
                    stopped.push(Carried { place, began, ended });
                }
            }
        }
        let mut state = lock(&self.state);
        state.open -= stopped.len();
        state.ready.append(&mut ready);
        state.ended.append(&mut stopped);
        Ok(events)
    }
}

/// What it takes to try what was claimed.
async fn errands(
    inner: &Inner,
    shift: &Shift,
    (key, desk): (&str, &Desk<'_>),
    claims: Vec<(Place, Claim)>,
) -> Result<Vec<(Place, Errand)>, LedgerError> {
    let made = inner.routes.get(key).and_then(|route| route.channel.stamp()).is_some();
    let mut errands = Vec::with_capacity(claims.len());
    for (place, claim) in claims {
        errands.push((place, Errand::of(inner, shift, desk, claim, made).await?));
    }
    Ok(errands)
}
