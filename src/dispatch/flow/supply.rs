//! What the ledger gives: claims before the hand runs dry, departures and slots; and what goes back because there is too much of it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{Flow, Step};
use crate::dispatch::hand::Place;
use crate::dispatch::shape::{Questions, Shape};
use crate::dispatch::{front, lock};
use crate::ledger::{Claim, DeliveryId, Epoch};

/// Claims in hand for each connection, so that none idles between claims.
const IN_HAND: u32 = 64;
/// No more claims in hand than these.
const MOST_IN_HAND: usize = 8_000;
/// No more in hand for a destination that is slow; the others come back when it is their turn.
const MOST_FOR_ONE: usize = 500;
/// What comes back later comes in groups of which each takes about so long.
const GROUP: SignedDuration = SignedDuration::from_secs(15);

impl Flow {
    /// Tops the hand up before it runs dry.
    pub(super) fn claim(&mut self, shape: &Mutex<Shape>, now: Timestamp) {
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
    pub(super) fn look(&mut self) {
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

    pub(super) fn renew(&mut self) {
        let inner = Arc::clone(&self.inner);
        self.steps.spawn(async move {
            inner.ledger.renew(&inner.owner, inner.clock.now()).await?;
            Ok(Step::Written)
        });
    }

    pub(super) fn add(&mut self, shape: &Mutex<Shape>, claims: Vec<Claim>, now: Timestamp) {
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
    fn appoint(&mut self, shape: &Mutex<Shape>, place: &Place, now: Timestamp) {
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

    /// What the ledger is to be asked for what is used.
    fn questions(&self, shape: &Mutex<Shape>, all: bool, waiting: impl Fn(&Place) -> usize) -> Questions {
        let in_use = self.limit.and_then(|limit| self.inner.routes.get(&self.key)?.channel.limit(limit));
        let mut shape = lock(shape);
        shape.in_use(in_use);
        shape.questions(all, waiting)
    }

    /// Asks for departures and slots that are missing.
    pub(super) fn ask(&mut self, shape: &Mutex<Shape>, now: Timestamp) {
        if self.asking || self.in_hand() == 0 || Instant::now() < self.ask_at {
            return;
        }
        let questions = self.questions(shape, false, |place| self.hand.for_place(place));
        if !questions.takes.is_empty() || !questions.wants.is_empty() {
            self.put(questions, now);
        }
    }

    /// Shares the slots anew: what is not needed here is for others.
    pub(super) fn share(&mut self, shape: &Mutex<Shape>) {
        if !self.asking {
            let all = self.in_hand();
            let waiting = |place: &Place| if place.is_empty() { all } else { self.hand.for_place(place) };
            let questions = self.questions(shape, true, waiting);
            self.put(questions, self.inner.clock.now());
        }
    }

    /// There is nothing to send, but other channels may keep this shift at work for hours: other daemons may have what it takes.
    pub(super) fn rest(&mut self, shape: &Mutex<Shape>) {
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
}
