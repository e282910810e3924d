//! The ledger for those who only look: nothing is made, migrated, locked or written.

use jiff::Timestamp;

use super::api::ask;
#[cfg(feature = "postgres")]
use super::postgres::Postgres;
use super::sqlite::Sqlite;
use super::{Backend, Ledger, LedgerConfig, LedgerError};
use crate::digest::Digest;
use crate::language::Language;
use crate::release::Notice;

type Result<T> = std::result::Result<T, LedgerError>;

/// A part of a release as it was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedPart {
    /// 1 for the release's first order.
    pub seq: i64,
    /// When it was frozen.
    pub issued_at: Timestamp,
    /// What it is.
    pub notice: Notice,
    /// The commit it was made from; `work tree` where it was none.
    pub revision: String,
    /// The audience.
    pub audience: String,
    /// The channel.
    pub channel: String,
    /// The language.
    pub language: Language,
    /// A copy before the embargo.
    pub advance: bool,
    /// The frozen edition.
    pub edition: Digest,
}

impl Ledger {
    /// Opens the ledger that is there, to look at it; nothing where there is none yet. No file is made and no schema
    /// changed: an older ledger is refused until [`Ledger::migrate`]. Others may have it open and write.
    pub async fn open_to_look(config: &LedgerConfig) -> Result<Option<Ledger>> {
        match &config.postgres {
            None => Ok(Sqlite::open_to_look(config)
                .await?
                .map(|sqlite| Ledger { backend: Backend::Sqlite(sqlite) })),
            #[cfg(feature = "postgres")]
            Some(postgres) => {
                let backend = Postgres::open_to_look(config, postgres).await?;
                Ok(backend.map(|postgres| Ledger { backend: Backend::Postgres(postgres) }))
            }
            #[cfg(not(feature = "postgres"))]
            Some(_) => Err(LedgerError::NoPostgres),
        }
    }

    /// The parts of a release that were issued, newest order first.
    pub async fn issued_parts(&self, slug: &str) -> Result<Vec<IssuedPart>> {
        ask!(self, issued_parts(slug))
    }
}
