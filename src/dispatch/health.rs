//! How a destination takes what we send it, and so how much it may get. Pure.
//!
//! - **New**: until it has taken a delivery, no more than three are on their way or were not taken.
//! - **Refusing us** (our authentication, our reputation, our text; never the recipient's fault): with the third recipient
//!   the circuit opens and nothing more leaves. An operator looks, and ends it with `dateline resume`; then one delivery goes
//!   first, and decides.
//! - **Busy** (421, a rate, greylisting, out of reach): it is left alone for a while, longer each time; then one delivery
//!   goes first, and decides.

use std::time::Duration;

use jiff::Timestamp;

use super::retry::{self, Scope};
use crate::ledger::DeliveryId;

/// So many recipients are refused for our fault before the circuit opens; so many transient failures in a row make a pause.
pub const THREE: u32 = 3;

/// What one destination has shown so far.
#[derive(Debug, Clone, Default)]
pub struct Health {
    taken: bool,
    /// Recipients refused for our fault since it last took something.
    refused: Vec<DeliveryId>,
    /// Transient failures in a row.
    failures: u32,
    /// Pauses in a row.
    pauses: u32,
    not_before: Option<Timestamp>,
    open: bool,
    /// One goes first, whose reply decides.
    probing: bool,
}

/// How much a destination may get now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Most {
    /// As much as its limits allow.
    All,
    /// So many on their way at the same time.
    Few(u32),
    /// Nothing before this instant.
    After(Timestamp),
    /// Nothing until an operator says so.
    Held,
}

impl Health {
    /// How much it may get at `now`.
    pub fn most(&self, now: Timestamp) -> Most {
        let refused = u32::try_from(self.refused.len()).unwrap_or(u32::MAX);
        let new = if self.taken { 0 } else { self.failures };
        match self.not_before {
            _ if self.open => Most::Held,
            Some(at) if at > now => Most::After(at),
            _ if self.probing || self.pauses > 0 => Most::Few(1),
            _ if !self.taken || refused > 0 => {
                Most::Few(THREE.saturating_sub(refused).saturating_sub(new).max(1))
            }
            _ => Most::All,
        }
    }

    /// It took a delivery. A pause that it asked for stands all the same: what it took was on its way.
    pub fn took(&mut self, now: Timestamp) {
        let not_before = self.not_before.filter(|at| *at > now);
        let pauses = if not_before.is_some() { self.pauses } else { 0 };
        *self = Health { taken: true, open: self.open, pauses, not_before, ..Health::default() };
    }

    /// It spoke about a recipient: it is there, and judges recipients and not us.
    pub fn spoke(&mut self, now: Timestamp) {
        self.failures = 0;
        if self.not_before.is_none_or(|at| at <= now) {
            (self.pauses, self.not_before) = (0, None);
        }
    }

    /// It did not take a delivery for now. `certain` says that this is about the destination and not about one recipient.
    /// Returns until when it is left alone, where a pause begins or grows.
    pub fn failed(
        &mut self,
        scope: Scope,
        name: &str,
        certain: bool,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        self.failures = self.failures.saturating_add(1);
        if !certain && self.failures < THREE && self.pauses == 0 {
            return None;
        }
        // What was on its way when the pause began tells nothing new, but may ask for more time.
        let running = self.not_before.is_some_and(|at| at > now);
        if !running {
            self.pauses = self.pauses.saturating_add(1);
        } else if retry_after.is_none() {
            return None;
        }
        let until = retry::pause(scope, name, self.pauses, retry_after, now);
        let longer = self.not_before.is_none_or(|at| until > at);
        self.not_before = Some(self.not_before.map_or(until, |at| at.max(until)));
        longer.then_some(until)
    }

    /// It refused us. Returns whether the circuit opens now.
    pub fn refused(&mut self, delivery: DeliveryId) -> bool {
        if !self.refused.contains(&delivery) {
            self.refused.push(delivery);
        }
        let opens = !self.open && (self.probing || self.refused.len() >= THREE as usize);
        self.open |= opens;
        opens
    }

    /// Nothing may leave for it until [`Health::close`].
    pub fn open(&mut self) {
        self.open = true;
    }

    /// An operator has looked: one goes first, once a pause that was asked for is over.
    pub fn close(&mut self) {
        let Health { pauses, not_before, .. } = *self;
        *self = Health { probing: true, pauses, not_before, ..Health::default() };
    }

    /// Whether the circuit is open.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether it is asked with one delivery at a time, after a pause or a hold.
    pub fn is_recovering(&self) -> bool {
        self.probing || self.pauses > 0
    }

    /// Whether there is anything to remember but that it takes what we send.
    pub fn is_plain(&self) -> bool {
        !self.open && !self.probing && self.refused.is_empty() && self.failures == 0 && self.pauses == 0
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn now() -> Timestamp {
        "2026-12-01T08:00:00Z".parse().unwrap()
    }

    /// Plays `story`, one word each: `took`, `spoke`, `soft`, `hard`, `asks` (for an hour), `refused` (another recipient),
    /// `again` (the same), `resume`, `+90` (seconds go by). Returns what may go after each.
    fn play(story: &str) -> String {
        let mut health = Health::default();
        let (mut at, mut recipient) = (now(), 0);
        let mut seen = Vec::new();
        for word in story.split(' ') {
            match word {
                "took" => health.took(at),
                "spoke" => health.spoke(at),
                "resume" => health.close(),
                "soft" | "hard" => {
                    health.failed(Scope::Destination, "gmail", word == "hard", None, at);
                }
                "asks" => {
                    let hour = Some(Duration::from_hours(1));
                    health.failed(Scope::Destination, "gmail", true, hour, at);
                }
                "refused" | "again" => {
                    recipient += i64::from(word == "refused");
                    health.refused(DeliveryId(recipient));
                }
                seconds => at += SignedDuration::from_secs(seconds.parse().unwrap()),
            }
            seen.push(match health.most(at) {
                Most::All => "all".to_owned(),
                Most::Few(few) => few.to_string(),
                Most::After(then) => format!("~{}m", (then.duration_since(at).as_secs() + 30) / 60),
                Most::Held => "held".to_owned(),
            });
        }
        seen.join(" ")
    }

    #[track_caller]
    fn check(story: &str, expected: &str) {
        assert_eq!(play(story), expected, "{story}");
    }

    #[test]
    fn a_new_destination_gets_three_until_it_takes_one() {
        check("+0 took", "3 all");
        check("spoke took", "3 all");
        check("soft took soft took", "2 all all all");
    }

    #[test]
    fn the_third_refusal_opens_the_circuit_and_an_operator_closes_it() {
        check("refused refused refused", "2 1 held");
        check("took refused refused refused took", "all 2 1 held held");
        check("refused again again", "2 2 2");
        check("took refused took refused refused", "all 2 all 2 1");
        check("refused refused refused resume refused", "2 1 held 1 held");
        check("refused refused refused resume took", "2 1 held 1 all");
        check("refused refused refused resume soft took", "2 1 held 1 1 all");
        // What it asked for before it refused us stands: an operator resumes what we held, not what it wants.
        check("refused refused asks refused resume +3700 took", "2 1 ~60m held ~60m 1 all");
    }

    #[test]
    fn a_busy_destination_is_left_alone_longer_and_longer_and_one_goes_first() {
        check("took hard +75 hard +145 hard +290 took", "all ~1m 1 ~2m 1 ~4m 1 all");
        check("took soft soft soft +75 took", "all all all ~1m 1 all");
        check("took soft soft spoke soft soft soft", "all all all all all all ~1m");
        // Those that were on their way say the same; they do not make the pause longer.
        check("took hard hard hard", "all ~1m ~1m ~1m");
        check("took hard asks", "all ~1m ~60m");
        check("took asks hard", "all ~60m ~60m");
        check("took asks took spoke", "all ~60m ~60m ~60m");
        check("took hard +75 soft", "all ~1m 1 ~2m");
    }
}
