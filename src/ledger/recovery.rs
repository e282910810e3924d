//! After a disaster: copies of the ledger, putting one back, and finding out what the copy does not know.
//!
//! A ledger that was put back does not know what was sent since. It is held ([`Cause::Restored`]) until somebody
//! has looked: what evidence shows as sent is recorded as sent, and what remains in doubt is either sent or set aside,
//! as a person says.

use std::path::Path;

use jiff::Timestamp;

use super::api::ask;
use super::{
    Backend, Cause, Claim, DeliveryId, Ledger, LedgerConfig, LedgerError, Reply, State, sqlite::Sqlite,
};

type Result<T> = std::result::Result<T, LedgerError>;

/// A delivery of which a restored ledger cannot say whether it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// As it would be claimed; its epoch is void.
    pub claim: Claim,
    /// The channel.
    pub channel: String,
    /// The state.
    pub state: State,
}

/// Evidence that a delivery was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSent {
    /// The delivery.
    pub delivery: DeliveryId,
    /// What the destination calls it.
    pub remote_id: Option<String>,
    /// Where people can see it.
    pub url: Option<String>,
    /// What was seen.
    pub reply: Reply,
}

/// A copy of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Copied {
    /// The ledger's name.
    pub lineage: String,
    /// How far the copy goes.
    pub serial: i64,
    /// Its newest attempt; 0 for none.
    pub attempt: i64,
    /// Its schema.
    pub schema: i64,
    /// Bytes.
    pub size: u64,
}

/// What [`Ledger::migrate`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Migrated {
    /// The schema that was found; 0 where there was no ledger.
    pub from: i64,
    /// The schema that it has now.
    pub to: i64,
}

/// Copies, and what a copy does not know.
impl Ledger {
    /// Brings the ledger to this program's schema, and does nothing else. Opening does the same.
    pub async fn migrate(config: &LedgerConfig, now: Timestamp) -> Result<Migrated> {
        #[cfg(feature = "postgres")]
        if let Some(postgres) = &config.postgres {
            return super::postgres::Postgres::migrate(postgres, now).await;
        }
        #[cfg(not(feature = "postgres"))]
        if config.postgres.is_some() {
            return Err(LedgerError::NoPostgres);
        }
        Sqlite::migrate(config, now).await
    }

    /// Writes a copy of the ledger to `to` while it is in use, and verifies the copy. `to` must not exist; it is there
    /// whole or not at all, for its owner alone (0600).
    pub async fn backup(&self, to: &Path) -> Result<Copied> {
        ask!(self, backup(to))
    }

    /// Puts the copy `from` in the ledger's place. Refused while another process dispatches, or if the copy is damaged or
    /// of a newer Dateline. What was there is kept beside it, as `ledger.db.before-…`. Everything is held afterwards
    /// ([`Cause::Restored`]).
    pub async fn restore(config: &LedgerConfig, from: &Path, by: &str, now: Timestamp) -> Result<Copied> {
        if config.postgres.is_some() {
            return Err(LedgerError::Refused(
                "a ledger on PostgreSQL is restored by its own tools: stop every daemon, then \
                 `pg_restore --clean --if-exists --single-transaction --dbname=\"$URL\" FILE`"
                    .to_owned(),
            ));
        }
        let copied = Sqlite::restore(config, from, now).await?;
        let ledger = Ledger::open(config, now).await?;
        let reason = format!("the ledger was restored from a copy that ends at change {}", copied.serial);
        ledger.hold_all(Cause::Restored, &reason, by, now, now).await?;
        ledger.close(now).await?;
        Ok(copied)
    }

    /// How many deliveries wait that were due at `before` or earlier: after a restore they may have been sent already.
    /// Holds and kills of a release do not count; they may go twice.
    pub async fn in_doubt(&self, before: Timestamp) -> Result<u64> {
        ask!(self, in_doubt(before))
    }

    /// Sets aside what [`Ledger::in_doubt`] counts: [`State::Quarantined`], for a person to decide. Returns how many.
    pub async fn set_aside(&self, before: Timestamp, by: &str, now: Timestamp) -> Result<u64> {
        ask!(self, set_aside(before, by, now))
    }

    /// The next `limit` deliveries after `after`, by number, of which nobody knows whether they were sent: unknown, parked,
    /// quarantined, or waiting although due at `before`. Recipients who were erased are left out.
    pub async fn suspects(&self, before: Timestamp, after: DeliveryId, limit: u32) -> Result<Vec<Suspect>> {
        ask!(self, suspects(before, after, limit))
    }

    /// Records that these were sent, with an attempt for those that have none. What is final or under way is left alone.
    /// Returns how many it was news for. Hand in some hundreds at a time.
    pub async fn found_sent(&self, found: Vec<FoundSent>, by: &str, now: Timestamp) -> Result<u64> {
        ask!(self, found_sent(found, by, now))
    }
}
