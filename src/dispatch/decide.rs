//! What the ledger should record for one attempt, and what else must happen. The one place that decides.

use std::time::Duration;

use jiff::Timestamp;

use super::retry::{self, Scope};
use crate::channel::{self, Failure, Receipt};
use crate::digest::Digest;
use crate::ledger::{Outcome, Reply};

/// The decision on one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// For the ledger; nothing where the gate was closed, because there is nothing to settle.
    pub outcome: Option<Outcome>,
    /// What it says about others.
    pub stop: Option<Trouble>,
}

/// What an attempt says about others than its recipient.
///
/// A refusal of us is never the recipient's fault, so it fails and suppresses nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Not taken now; the destination is to blame where it says so of several recipients in a row.
    Recipient(Option<Duration>),
    /// The destination takes nothing now.
    PauseDestination(Option<Duration>),
    /// The channel takes nothing now.
    PauseChannel(Option<Duration>),
    /// The destination refuses us: its other recipients wait after the third refusal.
    Destination,
    /// The channel refuses us: nothing more leaves by it until somebody looks.
    Channel,
}

/// One attempt, as far as deciding needs it.
#[derive(Debug, Clone, Copy)]
pub struct Tried<'a> {
    /// The delivery's key.
    pub key: &'a Digest,
    /// How often it was put off before.
    pub put_off: u32,
    /// After this nothing is sent.
    pub expires: Timestamp,
    /// When the attempt ended.
    pub now: Timestamp,
}

/// Decides what becomes of a delivery after one attempt.
pub fn decide(result: Result<Receipt, Failure>, tried: Tried<'_>) -> Decision {
    let Tried { key, put_off, expires, now } = tried;
    let next = |retry_after| retry::next(key, put_off.saturating_add(1), retry_after, now, expires);
    let (outcome, stop) = match result {
        Ok(Receipt { remote_id, url, reply }) => {
            (Outcome::Sent { remote_id, url, reply: words(reply) }, None)
        }
        Err(Failure::Later { reply, retry_after }) => {
            let reply = words(reply);
            let outcome = match next(retry_after) {
                Some(due) => Outcome::Later { due, reply },
                // Too late to try again; the address is not to blame.
                None => Outcome::Failed { reply, suppress: false },
            };
            (outcome, Some(Trouble::Recipient(retry_after)))
        }
        // Where time runs out for what is not the recipient's fault, the delivery expires; it does not fail.
        Err(Failure::PauseDestination { reply, retry_after }) => {
            let due = next(retry_after).unwrap_or(expires);
            (Outcome::Later { due, reply: words(reply) }, Some(Trouble::PauseDestination(retry_after)))
        }
        Err(Failure::PauseChannel { reply, retry_after }) => {
            let key = key.to_string();
            let due = retry::pause(Scope::Channel, &key, 1, retry_after, now).min(expires);
            (Outcome::Later { due, reply: words(reply) }, Some(Trouble::PauseChannel(retry_after)))
        }
        Err(Failure::HoldDestination { reply }) => {
            let due = next(None).unwrap_or(expires);
            (Outcome::Later { due, reply: words(reply) }, Some(Trouble::Destination))
        }
        Err(Failure::HoldChannel { reply }) => {
            let due = next(None).unwrap_or(expires);
            (Outcome::Later { due, reply: words(reply) }, Some(Trouble::Channel))
        }
        Err(Failure::Refused { reply, suppress }) => {
            (Outcome::Failed { reply: words(reply), suppress }, None)
        }
        // Dispatch puts it down to the delivery beside this; see `attempt`.
        Err(Failure::Broken { reply }) => {
            let due = next(None).unwrap_or(expires);
            (Outcome::Later { due, reply: words(reply) }, None)
        }
        Err(Failure::Unknown { reply }) => (Outcome::Unknown { reply: words(reply) }, None),
        Err(Failure::GateClosed) => return Decision { outcome: None, stop: None },
    };
    Decision { outcome: Some(outcome), stop }
}

/// The channel's words as the ledger keeps them; the two never meet, so the words are carried across here.
pub fn words(reply: channel::Reply) -> Reply {
    Reply { code: reply.code, enhanced: reply.enhanced, text: reply.text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(result: Result<Receipt, Failure>, put_off: u32, expected: &str) {
        let key = Digest([3; 32]);
        let now = "2026-12-01T08:00:00Z".parse().unwrap();
        let expires = "2026-12-02T08:00:00Z".parse().unwrap();
        let found = decide(result, Tried { key: &key, put_off, expires, now });
        let outcome = match &found.outcome {
            None => "nothing to settle".to_owned(),
            Some(Outcome::Sent { .. }) => "sent".to_owned(),
            Some(Outcome::Later { due, .. }) if *due == expires => "waits until it expires".to_owned(),
            Some(Outcome::Later { due, .. }) => {
                format!("later by {} h", due.duration_since(now).as_hours())
            }
            Some(Outcome::Failed { suppress, .. }) => format!("failed, suppress {suppress}"),
            Some(Outcome::Unknown { .. }) => "unknown".to_owned(),
            Some(Outcome::NotSent) => "not sent".to_owned(),
        };
        let stop = found.stop.map(|trouble| format!(", {trouble:?}")).unwrap_or_default();
        assert_eq!(format!("{outcome}{stop}"), expected);
    }

    #[test]
    fn every_report_of_a_channel_has_one_outcome() {
        let reply = || channel::Reply::note("words");
        check(Ok(Receipt::default()), 0, "sent");
        let hours = Some(Duration::from_hours(2));
        let days = Some(Duration::from_hours(55));
        for (retry_after, later, ours) in [
            (None, "later by 0 h", "later by 0 h"),
            (hours, "later by 2 h", "later by 2 h"),
            // Nobody is obeyed for longer than a day, and then it is over.
            (days, "failed, suppress false", "waits until it expires"),
        ] {
            let failure = Failure::Later { reply: reply(), retry_after };
            check(Err(failure), 0, &format!("{later}, Recipient({retry_after:?})"));
            let failure = Failure::PauseDestination { reply: reply(), retry_after };
            check(Err(failure), 0, &format!("{ours}, PauseDestination({retry_after:?})"));
            let failure = Failure::PauseChannel { reply: reply(), retry_after };
            check(Err(failure), 8, &format!("{ours}, PauseChannel({retry_after:?})"));
        }
        check(Err(Failure::Refused { reply: reply(), suppress: true }), 0, "failed, suppress true");
        check(Err(Failure::Refused { reply: reply(), suppress: false }), 0, "failed, suppress false");
        check(Err(Failure::HoldDestination { reply: reply() }), 0, "later by 0 h, Destination");
        check(Err(Failure::HoldChannel { reply: reply() }), 0, "later by 0 h, Channel");
        check(Err(Failure::Unknown { reply: reply() }), 0, "unknown");
        check(Err(Failure::Broken { reply: reply() }), 0, "later by 0 h");
        check(Err(Failure::GateClosed), 0, "nothing to settle");
    }
}
