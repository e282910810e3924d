//! The durable record and the outbox at once: who is to get what, every try, and what became of it.
//!
//! [`Ledger`] is a handle that is cheap to clone. It promises:
//!
//! - **Nothing twice.** A recipient has at most one delivery per issue of a release on a channel; the
//!   database refuses the second ([`key`]).
//! - **Nothing unrecorded.** [`Ledger::intent`] returns [`Intent::Go`] only after the attempt is on disk
//!   (synced), and only if, in that very transaction, nothing forbade it.
//! - **Nothing forgotten.** Attempts and results are appended and never altered; a lost answer is
//!   [`State::Unknown`], never silently tried again. The states and their transitions are in [`state`],
//!   and the database refuses every other.
//! - **Stop means stop.** Once [`Ledger::hold`], [`Ledger::suppress`] or a kill has returned, no later
//!   intent succeeds for what it covers.
//!
//! It fails with [`LedgerError`], which says what to do; after an error nothing of the call has happened.
//! Cost: writers share transactions (group commit), so a call takes one sync of the disk, however many wait.

mod api;
pub mod key;
pub mod order;
mod sqlite;
pub mod state;

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use api::{AuditEntry, Counts};
pub use order::{Issued, Order, OrderEdition};
pub use state::State;

use crate::contact::{ContactId, EmailAddress};
use crate::digest::Digest;
use crate::release::Notice;

/// How long a claim lasts without [`Ledger::renew`].
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// How long after its intent an attempt may begin to write what cannot be taken back.
pub const START_WITHIN: SignedDuration = SignedDuration::from_secs(30);
/// The most deliveries in one block, which is claimed as a whole.
pub const BLOCK: usize = 1_000;

/// Where the ledger is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerConfig {
    /// Folder of `ledger.db`, `ledger.lock` and `ledger.mark`; relative to the newsroom. Created with mode
    /// 0700. It must be on a local disk.
    pub folder: PathBuf,
}

impl Default for LedgerConfig {
    fn default() -> LedgerConfig {
        LedgerConfig { folder: PathBuf::from(".dateline") }
    }
}

/// The ledger. Clones share it.
#[derive(Clone)]
pub struct Ledger {
    backend: Backend,
}

#[derive(Clone)]
enum Backend {
    Sqlite(sqlite::Sqlite),
}

/// Why the ledger did not do it. Nothing of the call has happened.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process dispatches from this ledger.
    #[error("another process holds `{}`; stop it, or let it do the work", .0.display())]
    Locked(PathBuf),
    /// The call needs [`Ledger::open_exclusive`].
    #[error("{0} needs the ledger opened for dispatch")]
    NotExclusive(&'static str),
    /// The ledger was closed, or its writer died.
    #[error("the ledger is closed; start again")]
    Closed,
    /// The SQLite library has the WAL-reset bug, which corrupts databases.
    #[error("SQLite {0} can corrupt the ledger; Dateline needs 3.51.3 or newer (build with the bundled one)")]
    OldSqlite(String),
    /// A newer Dateline wrote the ledger.
    #[error("the ledger has schema {found}, this Dateline knows {known}; use the newer Dateline")]
    NewerSchema {
        /// The ledger's.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// A migration that was applied is not the one that this program has.
    #[error("migration {0} in the ledger differs from this program's; the ledger was made by another build")]
    ForeignMigration(i64),
    /// A row does not make sense.
    #[error("the ledger is damaged: {0}; restore it from a backup or run `dateline doctor`")]
    Damaged(String),
    /// What was asked for contradicts itself or the ledger.
    #[error("{0}")]
    Refused(String),
    /// The file system said no.
    #[error("{}: {source}; check that the folder exists, is writable and has room", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its words.
        source: std::io::Error,
    },
    /// The database said no.
    #[error("ledger: {doing}: {source}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// Its words.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

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
    /// When it was planned to leave; the same for every attempt.
    pub due: Timestamp,
    /// Nothing is sent at or after this instant.
    pub expires: Timestamp,
    /// What this recipient got before, where this corrects or withdraws it.
    pub previous: Option<Previous>,
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
    /// Give it up.
    Failed,
    /// Wait for a person: no more automatic probes.
    Park,
}

/// What a hold covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "scope", content = "target")]
pub enum Scope {
    /// All deliveries.
    Everything,
    /// One channel, by its key.
    Channel(String),
    /// One release, by its slug.
    Release(String),
    /// One mail domain, in lower-case ASCII.
    Destination(String),
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scope::Everything => f.write_str("everything"),
            Scope::Channel(key) => write!(f, "channel {key}"),
            Scope::Release(slug) => write!(f, "release {slug}"),
            Scope::Destination(domain) => write!(f, "destination {domain}"),
        }
    }
}

/// A hold that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// What it covers.
    #[serde(flatten)]
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// Who set it: an operator's name, `release` (its status is held), `dispatch` (the destination refuses us).
    pub by: String,
    /// Since when.
    pub since: Timestamp,
}

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Contacts that were not in the book.
    pub new: u64,
    /// Contacts whose other fields changed.
    pub changed: u64,
    /// Contacts that were in the book exactly so.
    pub unchanged: u64,
    /// Those among them whose address must not be contacted.
    pub suppressed: u64,
}

/// An address that must not be contacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppression {
    /// The address, as long as the contact book has it; erased people have none.
    pub email: Option<EmailAddress>,
    /// The keyed digest under which it stays known.
    pub address: Digest,
    /// Why: `unsubscribed`, `bounced`, `complained`, `erased` …
    pub reason: String,
    /// The words or event that prove it.
    pub evidence: String,
    /// Since when.
    pub since: Timestamp,
}

/// What rescuing found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rescued {
    /// Blocks whose claims had run out; their deliveries may be claimed again.
    pub blocks: u64,
    /// Deliveries that were under way: their outcome is unknown now.
    pub unknown: u64,
}

/// Counts for people; the JSON of `dateline status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// By release.
    pub releases: Vec<ReleaseStatus>,
    /// What is held.
    pub holds: Vec<Hold>,
    /// Deliveries whose state needs a person.
    pub needs_attention: u64,
}

/// Counts of one release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReleaseStatus {
    /// The release.
    pub slug: String,
    /// The newest notice that was issued.
    pub notice: Notice,
    /// Its headline.
    pub title: String,
    /// When the next of its deliveries leaves.
    pub next_due: Option<Timestamp>,
    /// Deliveries by state, over all its notices.
    pub states: std::collections::BTreeMap<State, u64>,
    /// The same by channel.
    pub channels: std::collections::BTreeMap<String, std::collections::BTreeMap<State, u64>>,
}

/// One line of `dateline log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEntry {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The release.
    pub release: String,
    /// What it is.
    pub notice: Notice,
    /// The frozen edition.
    pub edition: Digest,
    /// The audience.
    pub audience: String,
    /// The channel.
    pub channel: String,
    /// The language.
    pub language: crate::language::Language,
    /// Whom it is for.
    pub recipient: LogRecipient,
    /// What became of it.
    pub state: State,
    /// When it leaves or should have left.
    pub due: Timestamp,
    /// Every try.
    pub attempts: Vec<LogAttempt>,
    /// What the destination calls it.
    pub remote_id: Option<String>,
    /// Where people can see it.
    pub url: Option<String>,
    /// Mail: the left part of its Message-ID; elsewhere the wire key.
    pub message_id: String,
    /// When the destination took it.
    pub sent_at: Option<Timestamp>,
}

/// Whom a logged delivery is for; a plain text in JSON. `Debug` masks the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogRecipient {
    /// A contact.
    Contact(EmailAddress),
    /// A contact who was erased.
    Erased(ContactId),
    /// The channel's own account or site.
    Account,
}

/// One try in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogAttempt {
    /// The ledger's number.
    pub attempt: AttemptId,
    /// 1 for the first.
    pub no: u32,
    /// When it was about to leave.
    pub at: Timestamp,
    /// What is known of it, oldest first; more than one where evidence came late.
    pub results: Vec<LogResult>,
}

/// What is known of a try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogResult {
    /// `sent`, `later`, `failed`, `unknown`, `not-sent`, or a decision.
    pub outcome: String,
    /// The other side's words.
    pub reply: Reply,
    /// When it was recorded.
    pub at: Timestamp,
    /// Whether it came after the attempt had been given up.
    pub late: bool,
}

impl LogRecipient {
    /// The form for logs and screens: `j…@paper.example`.
    pub fn masked(&self) -> String {
        match self {
            LogRecipient::Contact(email) => email.masked(),
            other => other.to_string(),
        }
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(code) = self.code {
            write!(f, "{code} ")?;
        }
        if let Some(enhanced) = &self.enhanced {
            write!(f, "{enhanced} ")?;
        }
        f.write_str(&self.text)
    }
}

impl std::fmt::Display for LogRecipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LogRecipient::Contact(email) => write!(f, "{email}"),
            LogRecipient::Erased(id) => write!(f, "erased contact {}", id.0),
            LogRecipient::Account => f.write_str("account"),
        }
    }
}

impl Serialize for LogRecipient {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
