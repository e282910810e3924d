//! Reports that come back about what was sent: bounces, complaints, replies.
//!
//! A report is taken in once, whoever hands it in and how often ([`Report::digest`]). Whom it is about is said by a token
//! that was made for one delivery, never by its text: who has the token can speak for that one delivery, so a
//! forged report can at most suppress its own holder. Each delivery changes its state by reports once at most, and
//! only within [`BELIEVED_FOR`] of its sending.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{DeliveryId, Reply, State};
use crate::digest::Digest;

/// How long after its sending a delivery can bounce.
pub const BELIEVED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The mailbox is not there, is closed, or the domain takes no mail at all.
    NoMailbox,
    /// The mailbox is full.
    MailboxFull,
    /// The domain is not there, or the address is none.
    NoDomain,
    /// Our reputation, our authentication, our text: the recipient has no part in it.
    Policy,
    /// It was tried for as long as the relay tries.
    Expired,
    /// Refused for another reason: size, form, a rule of the recipient's.
    Refused,
    /// It looks like a bounce and says nothing that can be understood.
    Unclear,
    /// The recipient called it unwanted.
    Complaint,
    /// Still being tried.
    Delayed,
    /// It arrived.
    Delivered,
    /// An answer by a machine: out of office, a receipt.
    Automatic,
    /// The recipient leaves.
    Unsubscribe,
    /// An answer by a person.
    Reply,
    /// Nothing of ours.
    Unrelated,
}

use Class::{
    Automatic, Complaint, Delayed, Delivered, Expired, MailboxFull, NoDomain, NoMailbox, Policy, Refused,
    Unclear, Unrelated, Unsubscribe,
};

impl Class {
    /// All, in their order.
    pub const ALL: [Class; 14] = [
        NoMailbox,
        MailboxFull,
        NoDomain,
        Policy,
        Expired,
        Refused,
        Unclear,
        Complaint,
        Delayed,
        Delivered,
        Automatic,
        Unsubscribe,
        Class::Reply,
        Unrelated,
    ];

    /// The word in the ledger, in JSON and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            NoMailbox => "no-mailbox",
            MailboxFull => "mailbox-full",
            NoDomain => "no-domain",
            Policy => "policy",
            Expired => "expired",
            Refused => "refused",
            Unclear => "unclear",
            Complaint => "complaint",
            Delayed => "delayed",
            Delivered => "delivered",
            Automatic => "automatic",
            Unsubscribe => "unsubscribe",
            Class::Reply => "reply",
            Unrelated => "unrelated",
        }
    }

    /// Whether it says that the mail was refused for good. What is unclear says so, but does not prove it.
    pub fn is_bounce(self) -> bool {
        matches!(self, NoMailbox | MailboxFull | NoDomain | Policy | Expired | Refused)
    }

    /// After reports about how many releases, and over how long, nothing more is sent to the address; nothing where that
    /// is never. A sender-side fault (`policy`) must never suppress a recipient.
    pub fn suppresses_after(self) -> Option<(u32, SignedDuration)> {
        match self {
            NoMailbox | Complaint => Some((1, SignedDuration::ZERO)),
            NoDomain => Some((2, SignedDuration::ZERO)),
            Unclear => Some((3, SignedDuration::ZERO)),
            MailboxFull => Some((4, SignedDuration::from_hours(30 * 24))),
            Policy
            | Expired
            | Refused
            | Delayed
            | Delivered
            | Automatic
            | Unsubscribe
            | Class::Reply
            | Unrelated => None,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no class of report")]
pub struct ClassError(String);

impl FromStr for Class {
    type Err = ClassError;

    fn from_str(text: &str) -> Result<Class, ClassError> {
        Class::ALL.into_iter().find(|class| class.as_str() == text).ok_or_else(|| ClassError(text.to_owned()))
    }
}

/// A report, read and ready to be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Of what came in: the same report is taken in once.
    pub digest: Digest,
    /// Where it came in, as `dateline.yaml` names it.
    pub source: String,
    /// What it says.
    pub class: Class,
    /// The delivery that it is about: [`Ledger::bearer`](super::Ledger::bearer) has verified its token.
    pub delivery: Option<DeliveryId>,
    /// The other side's words; addresses in them are not kept.
    pub words: Reply,
    /// A mail by a person that is kept for the press desk, and what it is about where no token says so.
    pub kept: Option<Kept>,
}

/// A mail by a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// The mail.
    pub message: Vec<u8>,
    /// Its subject, without what mail programs put before it.
    pub subject: String,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({} bytes)", self.message.len())
    }
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taken {
    /// It was taken in before; nothing happened.
    Before,
    /// The delivery is being attempted this very moment. Nothing happened; hand it in again in a minute.
    TooEarly,
    /// It is on record.
    New {
        /// The state that the delivery came into by it.
        became: Option<State>,
        /// Nothing more is sent to the address.
        suppressed: bool,
        /// So many addresses were suppressed within an hour that the channel is held.
        held: bool,
    },
}

/// A mail by a person that waits for the press desk.
#[derive(Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The ledger's number of it.
    pub id: i64,
    /// The release that it answers.
    pub release: String,
    /// The title under which that went out last.
    pub title: String,
    /// The channel by which it went out.
    pub channel: String,
    /// When it came in.
    pub at: Timestamp,
    /// The mail.
    pub message: Vec<u8>,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Waiting({}, {}, {} bytes)", self.id, self.release, self.message.len())
    }
}

/// What became of forwarding a mail by a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forwarded {
    /// The press desk has it.
    Done,
    /// It did not leave; it is tried again.
    Later,
    /// It may have left. It is never sent again; the mail stays in the ledger.
    Unknown,
    /// It cannot be forwarded: refused for good.
    Failed,
}

impl Forwarded {
    /// The word in the ledger.
    pub(super) fn state(self) -> &'static str {
        match self {
            Forwarded::Done => "done",
            Forwarded::Later => "waiting",
            Forwarded::Unknown => "unknown",
            Forwarded::Failed => "failed",
        }
    }
}

/// Counts of what came in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReportCounts {
    /// Reports by class, since the beginning.
    pub classes: BTreeMap<Class, u64>,
    /// Mails by people that wait to be forwarded.
    pub replies_waiting: u64,
    /// Mails by people of which nobody knows whether the press desk has them, or that cannot be forwarded.
    pub replies_stuck: u64,
    /// How the sources are, as the daemon sees them.
    pub sources: BTreeMap<String, SourceStanding>,
}

/// How a source of reports is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SourceStanding {
    /// What stands in the way; nothing where it is well.
    pub problem: Option<String>,
    /// When it was last looked at with success, or last heard of.
    pub seen_at: Option<Timestamp>,
}

/// A source, what stands in its way, and when it was last well.
pub type SourceRow = (String, Option<String>, Option<Timestamp>);

/// The delivery that a report is about, as the ledger has it.
pub(super) struct Subject {
    pub(super) delivery: i64,
    pub(super) state: State,
    pub(super) attempt: Option<i64>,
    pub(super) part: i64,
    pub(super) channel: String,
    pub(super) release: String,
    pub(super) contact: i64,
    /// When it was sent, or may have been.
    pub(super) since: Option<Timestamp>,
    /// Under what the address is known; nothing where the person was erased.
    pub(super) address: Option<Digest>,
    /// An earlier report changed its state.
    pub(super) changed: bool,
}

/// What a report makes of its delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Effect {
    /// The state that it comes into.
    pub(super) becomes: Option<State>,
    /// Whether it counts against the address.
    pub(super) counts: bool,
}

impl Subject {
    /// What a report of `class` does at `now`; nothing (`None`) while the delivery is being attempted, because what is
    /// believed depends on how that ends.
    pub(super) fn effect(&self, class: Class, now: Timestamp) -> Option<Effect> {
        let fresh = self.since.is_some_and(|since| now.duration_since(since) <= BELIEVED_FOR);
        let left = matches!(self.state, State::Sent | State::Unknown | State::Parked);
        let open = left && fresh && !self.changed;
        let evidence = class.is_bounce() || matches!(class, Delivered | Complaint | Unclear);
        if evidence && self.state == State::Attempting {
            return None;
        }
        let becomes = match (class, self.state) {
            _ if !open => None,
            (Complaint, State::Sent) => Some(State::Complained),
            // Who complains about it has it.
            (Complaint | Delivered, State::Unknown | State::Parked) => Some(State::Sent),
            (class, State::Sent) if class.is_bounce() => Some(State::Bounced),
            (class, State::Unknown | State::Parked) if class.is_bounce() => Some(State::Failed),
            _ => None,
        };
        let counts = match class {
            // Somebody who does not want our mail is heard however late.
            Complaint => true,
            Unclear => open,
            class => class.is_bounce() && becomes.is_some(),
        };
        Some(Effect { becomes, counts })
    }
}

/// The rate of suppressions at which a channel is held: this many within an hour, and this part of the book (T11).
pub(super) const ALARM_AT_LEAST: u64 = 20;
const ALARM_PART: u64 = 20;

/// Whether so many suppressions within an hour, of so many contacts, are too many to be true.
pub(super) fn alarming(suppressed: u64, contacts: u64) -> bool {
    suppressed >= ALARM_AT_LEAST && suppressed.saturating_mul(ALARM_PART) > contacts
}

/// Why a channel is held then.
pub(super) fn alarm_words(suppressed: u64) -> String {
    format!(
        "{suppressed} addresses bounced for good or complained within an hour, more than 5 % of the contact book: the list is \
         stale, or somebody forges reports; look at `dateline log`, then resume"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_own_word_and_reads_it_back() {
        for class in Class::ALL {
            assert_eq!(class.as_str().parse(), Ok(class));
        }
        assert!("bounce".parse::<Class>().is_err());
    }

    #[test]
    fn a_fault_of_the_sender_never_suppresses() {
        for class in [Policy, Expired, Refused, Delayed, Delivered, Automatic, Class::Reply, Unrelated] {
            assert_eq!(class.suppresses_after(), None, "{class}");
        }
    }

    #[test]
    fn what_a_report_does_depends_on_the_state_and_on_the_time() {
        use State::{Attempting, Bounced, Failed, Parked, Scheduled, Sent, Unknown};
        let now: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        let effect = |class, state, days: i64, changed| {
            let subject = Subject {
                delivery: 1,
                state,
                attempt: Some(1),
                part: 1,
                channel: "relay".to_owned(),
                release: "aster".to_owned(),
                contact: 1,
                since: Some(now - SignedDuration::from_hours(24 * days)),
                address: None,
                changed,
            };
            subject.effect(class, now).map(|effect| (effect.becomes, effect.counts))
        };
        for (class, state, days, changed, expected) in [
            (NoMailbox, Sent, 1, false, Some((Some(Bounced), true))),
            (NoMailbox, Unknown, 1, false, Some((Some(Failed), true))),
            (NoMailbox, Parked, 30, false, Some((Some(Failed), true))),
            (NoMailbox, Sent, 31, false, Some((None, false))),
            (NoMailbox, Sent, 1, true, Some((None, false))),
            (NoMailbox, Bounced, 1, false, Some((None, false))),
            (NoMailbox, Scheduled, 1, false, Some((None, false))),
            (NoMailbox, Attempting, 1, false, None),
            (Delayed, Attempting, 1, false, Some((None, false))),
            (Delivered, Unknown, 1, false, Some((Some(Sent), false))),
            (Delivered, Sent, 1, false, Some((None, false))),
            (Complaint, Sent, 1, false, Some((Some(State::Complained), true))),
            (Complaint, Sent, 90, false, Some((None, true))),
            (Complaint, Unknown, 1, false, Some((Some(Sent), true))),
            (Unclear, Sent, 1, false, Some((None, true))),
            (Unclear, Sent, 31, false, Some((None, false))),
            (Automatic, Sent, 1, false, Some((None, false))),
            (Class::Reply, Unknown, 1, false, Some((None, false))),
        ] {
            assert_eq!(effect(class, state, days, changed), expected, "{class} {state} {days} {changed}");
            if let Some((Some(next), _)) = expected {
                assert!(state.may_become(next));
            }
        }
    }

    #[test]
    fn the_alarm_is_for_a_part_of_the_list_and_never_for_a_few() {
        for (suppressed, contacts, expected) in [
            (19, 20, false),
            (20, 20, true),
            (20, 399, true),
            (20, 400, false),
            (51, 1_000, true),
            (50, 1_000, false),
        ] {
            assert_eq!(alarming(suppressed, contacts), expected, "{suppressed} of {contacts}");
        }
    }
}
