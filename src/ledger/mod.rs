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

pub mod ahead;
mod api;
mod book;
mod config;
mod contradiction;
mod delivering;
mod error;
mod facts;
mod fold;
mod hold;
mod keeper;
pub mod key;
mod log;
mod look;
mod mark;
pub mod order;
#[cfg(feature = "postgres")]
mod postgres;
mod prepare;
mod receivers;
mod recovery;
mod reply;
mod report;
mod seal;
pub mod share;
mod sqlite;
pub mod state;
mod status;
mod told;

use jiff::SignedDuration;

pub use api::{AuditEntry, Counts, UNSUBSCRIBED};
pub use book::{Bearer, Dossier, ImportReport, Known, Suppression};
pub use config::{Address, LeaseClock, LedgerConfig, PostgresConfig};
pub use delivering::{
    AttemptId, Claim, Crash, Decision, DeliveryId, Doubt, Epoch, Intent, Outcome, Party, Previous, Reply,
    Rescued, Settled, Stop,
};
pub use error::LedgerError;
pub use hold::{Cause, Hold, Scope};
pub use log::{Front, LogAttempt, LogEntry, LogRecipient, LogResult};
pub use look::IssuedPart;
pub use order::{Issued, Order, OrderEdition};
pub use recovery::{Copied, FoundSent, Migrated, Suspect};
pub use report::{
    BELIEVED_FOR, Class, Forwarded, Kept, Report, ReportCounts, SourceRow, SourceStanding, Taken, Waiting,
};
pub use share::{Take, Want};
pub use state::State;
pub use status::{ReleaseStatus, Start, Status};

/// How long a claim lasts without [`Ledger::renew`].
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// How long after its intent an attempt may begin to write what cannot be taken back.
pub const START_WITHIN: SignedDuration = SignedDuration::from_secs(30);
/// A delivery is quarantined once so much [`Crash::guilt`] has come together.
pub const QUARANTINE_AT: u32 = 10;
/// A delivery that became unknown with its process still alive is looked at again after this; the process itself has looked at once.
pub const LOOK_AFTER: SignedDuration = SignedDuration::from_secs(60);
/// An answer that began to be forwarded, and of which nobody has said for so long what became of it, is never forwarded again.
pub const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// The most deliveries in one block, which is claimed as a whole.
pub const BLOCK: usize = 1_000;

/// The ledger. Clones share it.
#[derive(Clone)]
pub struct Ledger {
    backend: Backend,
}

#[derive(Clone)]
enum Backend {
    Sqlite(sqlite::Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(postgres::Postgres),
}
