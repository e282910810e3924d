//! One delivery on its way: the claim, the intent, and what became of the attempt.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Scope, State};
use crate::contact::{ContactId, EmailAddress};
use crate::digest::Digest;
use crate::release::Notice;

/// The ledger's number of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub i64);

/// The ledger's number of an attempt; a later attempt has a higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(pub i64);

/// Counts one taking of a block; a claim of an earlier epoch is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub i64);

/// One addressable party. `Debug` masks the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// Somebody in the contact book.
    Contact {
        /// The contact book's number.
        id: ContactId,
        /// The address.
        email: EmailAddress,
        /// The name to greet by.
        name: Option<String>,
    },
    /// The channel's own account or site.
    Account,
}

/// What the destination has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// What the destination calls it.
    pub remote_id: Option<String>,
    /// The wire key of that delivery.
    pub wire_key: String,
}

/// A delivery that the caller may work on until its lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Must be handed back with every intent.
    pub epoch: Epoch,
    /// The delivery's key, which never changes.
    pub key: Digest,
    /// The wire's own form of it, stored when the delivery was issued.
    pub wire_key: String,
    /// The frozen edition; see [`Ledger::edition`].
    pub edition: Digest,
    /// The release.
    pub slug: String,
    /// What it is.
    pub notice: Notice,
    /// Whom it is for.
    pub recipient: Party,
    /// 1 for the first try.
    pub attempt_no: u32,
    /// How many of its tries ended with [`Outcome::Later`](super::Outcome::Later): the wait after the next such answer grows with them, and
    /// not with those that never left. 0 where nothing is tried under the claim.
    pub put_off: u32,
    /// When it was planned to leave; the same for every attempt.
    pub due: Timestamp,
    /// Nothing is sent at or after this instant.
    pub expires: Timestamp,
    /// What this recipient got before, where this corrects or withdraws it.
    pub previous: Option<Previous>,
    /// What deaths of the process have been put down to it since it last got through ([`Crash`]). More than 0: work on it alone.
    pub guilt: u32,
}

/// The process died, or a task of it, while it worked on a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Of the claim under which it happened. Each claim is counted once, however often it is reported.
    pub epoch: Epoch,
    /// How much speaks against this delivery: at [`QUARANTINE_AT`] in all it is quarantined. Half of it where its bytes were
    /// being made, little where it was one of many that waited for the network.
    pub guilt: u32,
}

/// A delivery whose outcome is unknown, to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// What was sent, or not. Nothing can be asked of the ledger with its `epoch`; `attempt_no` is that of the try in doubt.
    pub claim: Claim,
    /// The channel.
    pub channel: String,
    /// The try in doubt.
    pub attempt: AttemptId,
    /// The recipient was erased: there is nobody to look for, and `claim.recipient` says `Account`.
    pub erased: bool,
    /// Since when it is unknown.
    pub since: Timestamp,
    /// How often in a row a look found that it is not there.
    pub absent: u32,
    /// It was sent once more already, by rule.
    pub resent: bool,
}

/// The answer to the last question before the point of no return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// The attempt is on disk. It must begin within [`START_WITHIN`] and be settled.
    Go(AttemptId),
    /// It must not leave, and this is why. The claim has ended; there is nothing to settle.
    Stop(Stop),
}

/// Why a delivery must not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The lease ran out or somebody else has the block.
    #[error("the claim is no longer ours")]
    Stale,
    /// It is in another state by now: cancelled, superseded, suppressed, sent …
    #[error("the delivery is {0}")]
    State(State),
    /// A hold covers it; it stays scheduled.
    #[error("held: {0}")]
    Held(Scope),
    /// It is too early; it stays scheduled.
    #[error("not due yet")]
    NotDue,
    /// Its recipient has had as many mails in seven days as its audience allows; it is cancelled.
    #[error("its recipient has had as many mails in seven days as its audience allows")]
    Enough,
    /// The ledger has no such delivery.
    #[error("no such delivery")]
    NoSuch,
}

/// The other side's words, cleaned and cut by the channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The SMTP or HTTP status.
    pub code: Option<u16>,
    /// The enhanced status code (RFC 3463): `5.1.1`.
    pub enhanced: Option<String>,
    /// The text.
    pub text: String,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = self.code {
            write!(f, "{code} ")?;
        }
        if let Some(enhanced) = &self.enhanced {
            write!(f, "{enhanced} ")?;
        }
        f.write_str(&self.text)
    }
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The destination took it.
    Sent {
        /// What the destination calls it.
        remote_id: Option<String>,
        /// Where people can see it.
        url: Option<String>,
        /// Its words.
        reply: Reply,
    },
    /// Not taken; to be tried again at `due`.
    Later {
        /// When.
        due: Timestamp,
        /// The words.
        reply: Reply,
    },
    /// Not taken, and never will be.
    Failed {
        /// The words.
        reply: Reply,
        /// Nothing more may be sent to the address.
        suppress: bool,
    },
    /// Nobody can know whether it arrived.
    Unknown {
        /// What was seen last.
        reply: Reply,
    },
    /// It provably never left (stopped between intent and the first byte); it may go at once.
    NotSent,
}

/// What settling did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The delivery's state now.
    pub state: State,
    /// The result came for an attempt that had been given up; it was kept as evidence.
    pub late: bool,
}

/// How a person decides a delivery whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It arrived.
    Sent,
    /// It did not; send it again, the same bytes.
    Resend,
    /// Give it up. One that is quarantined never left: it is cancelled.
    Failed,
    /// Wait for a person: no more automatic probes.
    Park,
}

/// What rescuing found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rescued {
    /// Blocks whose claims had run out; their deliveries may be claimed again.
    pub blocks: u64,
    /// Deliveries that were under way: their outcome is unknown now.
    pub unknown: u64,
}
