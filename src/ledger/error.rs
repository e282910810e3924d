//! Why the ledger did not do what it was asked.

use std::path::PathBuf;

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
    /// The configuration names PostgreSQL, which this program cannot speak.
    #[error(
        "`ledger.postgres` needs a Dateline with PostgreSQL; build one with \
         `cargo build --release --features postgres`, or take `postgres` away to keep the ledger in a file"
    )]
    NoPostgres,
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
    #[error("ledger: {doing}{}{source}", if doing.is_empty() { "" } else { ": " })]
    Database {
        /// What was being done.
        doing: &'static str,
        /// Its words.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl LedgerError {
    /// A ledger of an older program, which whoever only looks must not change.
    pub(super) fn old_schema(found: i64, known: i64) -> LedgerError {
        LedgerError::Refused(format!(
            "the ledger has schema {found}, and this program reads {known}; `dateline ledger migrate` brings it there"
        ))
    }

    /// Says what was being done, where the error does not yet.
    pub(super) fn while_doing(self, doing: &'static str) -> LedgerError {
        match self {
            LedgerError::Database { doing: "", source } => LedgerError::Database { doing, source },
            other => other,
        }
    }
}
