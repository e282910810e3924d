//! What an attempt that ended means for the others: they wait, go back to the ledger, or their destination is held.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::{Flow, Step, pairs};
use crate::dispatch::attempt::{self, Ended};
use crate::dispatch::decide::Trouble;
use crate::dispatch::hand::Place;
use crate::dispatch::lock;
use crate::dispatch::shape::{Effect, Shape};
use crate::ledger::{DeliveryId, Epoch, Hold, Party, Scope};

impl Flow {
    pub(super) fn ended(
        &mut self,
        shape: &Mutex<Shape>,
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
    pub(super) fn back(&mut self, place: &Place, after: Timestamp, now: Timestamp) {
        let claims = pairs(&self.hand.beyond(place, 0));
        self.write_back(claims, Some(after), now);
    }

    pub(super) fn everything_back(&mut self, after: Option<Timestamp>, now: Timestamp) {
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
    pub(super) fn hold_back(
        &mut self,
        shape: &Mutex<Shape>,
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
