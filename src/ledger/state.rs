//! The states of a delivery, and the only ways between them.
//!
//! [`ALLOWED`] is the one table. The database has the same pairs in its table `transition`, written from here
//! when the ledger is made, and a trigger refuses every other; a test tries them all.
//!
//! A *claimed* delivery is a scheduled one whose block somebody has leased; it has no state of its own, so a
//! claim writes one row per block.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for its time, for a hold to end, or for the next try. Nothing of it is outside, or the last try
    /// was definitely not accepted.
    Scheduled,
    /// A try is on disk and may be leaving right now. Whoever made it must settle it.
    Attempting,
    /// The destination took it.
    Sent,
    /// The destination refused it for good, or the tries ran out. Final.
    Failed,
    /// It left, or may have left, and no answer came. Never tried again without evidence or a decision.
    Unknown,
    /// Unknown, and nothing more can be found out: a person decides.
    Parked,
    /// Taken at first, then reported as undeliverable. Final.
    Bounced,
    /// Taken, then reported as unwanted. Final.
    Complained,
    /// The address must not be contacted; found out after issuing. Final.
    Suppressed,
    /// Withdrawn before it left. Final.
    Cancelled,
    /// Replaced by a newer text before it left. Final.
    Superseded,
    /// Its time was over before it left. Final.
    Expired,
    /// The process died twice while working on it; a person decides.
    Quarantined,
}

use State::{
    Attempting, Bounced, Cancelled, Complained, Expired, Failed, Parked, Quarantined, Scheduled, Sent,
    Superseded, Suppressed, Unknown,
};

/// Every allowed change of state: from, to.
pub const ALLOWED: &[(State, State)] = &[
    // The intent.
    (Scheduled, Attempting),
    // What stops it before it leaves.
    (Scheduled, Cancelled),
    (Scheduled, Superseded),
    (Scheduled, Expired),
    (Scheduled, Suppressed),
    (Scheduled, Quarantined),
    // The result.
    (Attempting, Sent),
    (Attempting, Scheduled),
    (Attempting, Failed),
    (Attempting, Unknown),
    (Attempting, Quarantined),
    // Evidence or a decision.
    (Unknown, Sent),
    (Unknown, Scheduled),
    (Unknown, Failed),
    (Unknown, Parked),
    (Parked, Sent),
    (Parked, Scheduled),
    (Parked, Failed),
    (Quarantined, Scheduled),
    (Quarantined, Cancelled),
    (Quarantined, Superseded),
    // Reports that come after acceptance.
    (Sent, Bounced),
    (Sent, Complained),
];

impl State {
    /// All states, in the order of their paragraphs.
    pub const ALL: [State; 13] = [
        Scheduled,
        Attempting,
        Sent,
        Failed,
        Unknown,
        Parked,
        Bounced,
        Complained,
        Suppressed,
        Cancelled,
        Superseded,
        Expired,
        Quarantined,
    ];

    /// The word in the ledger, in JSON and in commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheduled => "scheduled",
            Attempting => "attempting",
            Sent => "sent",
            Failed => "failed",
            Unknown => "unknown",
            Parked => "parked",
            Bounced => "bounced",
            Complained => "complained",
            Suppressed => "suppressed",
            Cancelled => "cancelled",
            Superseded => "superseded",
            Expired => "expired",
            Quarantined => "quarantined",
        }
    }

    /// Whether a delivery in this state may come into `next`.
    pub fn may_become(self, next: State) -> bool {
        ALLOWED.contains(&(self, next))
    }

    /// Whether only a later report from outside (or nothing) can change it.
    pub fn is_final(self) -> bool {
        !matches!(self, Scheduled | Attempting | Unknown | Parked | Quarantined)
    }

    /// Whether a person has to look at it.
    pub fn needs_attention(self) -> bool {
        matches!(self, Unknown | Parked | Quarantined)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no state of a delivery")]
pub struct StateError(String);

impl FromStr for State {
    type Err = StateError;

    fn from_str(text: &str) -> Result<State, StateError> {
        State::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| StateError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_own_word_and_reads_it_back() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("claimed".parse::<State>().is_err());
    }

    #[test]
    fn final_states_change_only_by_a_report_from_outside() {
        for (from, to) in ALLOWED {
            assert!(
                !from.is_final() || (*from == Sent && matches!(to, Bounced | Complained)),
                "{from} -> {to}"
            );
        }
    }

    #[test]
    fn an_unknown_outcome_is_never_attempted_without_being_scheduled_by_evidence() {
        assert!(!Unknown.may_become(Attempting));
        assert!(!Parked.may_become(Attempting));
    }
}
