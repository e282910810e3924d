//! Who leaves now: what may go by the channel's and its destinations' limits, in turn; first, and alone, what may be poison.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{Flow, Step, desk};
use crate::dispatch::attempt::{self, Errand};
use crate::dispatch::hand::Place;
use crate::dispatch::shape::{May, Shape};
use crate::dispatch::{gate, lock};
use crate::ledger::Claim;

/// No more attempts than these are over and not on record: after a loss of power nobody knows what became of those.
const MOST_UNRECORDED: usize = 64;
/// So long one that may be poison is worked on alone, and so long it is waited until it can be.
const ALONE: Duration = Duration::from_secs(10);

impl Flow {
    /// Begins what may leave.
    pub(super) fn leave(&mut self, shape: &Mutex<Shape>, now: Timestamp) {
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
    fn prepare(&mut self, shape: &Mutex<Shape>, now: Timestamp) {
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

    /// Sees to those that may be poison; returns whether the others wait for that.
    fn suspect(&mut self, shape: &Mutex<Shape>, now: Timestamp) -> bool {
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
}
