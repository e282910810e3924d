//! Attempts in rounds where the relay is fast, and the recording of what became of any.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{Flow, Step, desk};
use crate::dispatch::attempt::{self, Ended};
use crate::dispatch::carry::{self, Carried};
use crate::dispatch::hand::Place;
use crate::dispatch::shape::Shape;
use crate::ledger::Claim;

impl Flow {
    /// When to look again at what the carriers have done. A round that is under way ends with a step.
    pub(super) fn beat(&mut self) -> Option<Instant> {
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
    pub(super) fn is_round_due(&self) -> bool {
        !self.group && (self.carry.is_low() || Instant::now() >= self.beat)
    }

    /// Takes over what became of the attempts that were made in rounds.
    pub(super) fn collect(&mut self, shape: &Mutex<Shape>, now: Timestamp) {
        for Carried { place, began, ended } in self.carry.collect(self.group) {
            self.attempts -= 1;
            self.ended(shape, &place, began, ended, now);
        }
    }

    /// Begins a round in which `claims` get their intents, and what ended is recorded.
    pub(super) fn begin_round(&mut self, claims: Vec<(Place, Claim)>, now: Timestamp) {
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
    pub(super) fn carry(&mut self) {
        for _ in 0..self.carry.missing(self.ending) {
            self.carrier();
        }
    }

    pub(super) fn carrier(&mut self) {
        let (inner, shift, key) = (Arc::clone(&self.inner), Arc::clone(&self.shift), self.key.clone());
        let carry = Arc::clone(&self.carry);
        self.steps.spawn(async move {
            if let Some(route) = inner.routes.get(&key) {
                carry.run(&desk(&inner), route, &shift).await;
            }
            Ok(Step::Written)
        });
    }

    /// Records what became of an attempt; others go on meanwhile.
    pub(super) fn record(&mut self, ended: Box<Ended>) {
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
    pub(super) fn record_group(&mut self) {
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
}
