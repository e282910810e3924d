//! Connections, migrations, and what is written once.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, named_params};

use super::values::At;
use super::{Facts, Result};
use crate::digest::Digest;
use crate::ledger::LedgerError;

/// In order; a number and a text that was ever released never change.
const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("migrations/0001_ledger.sql")),
    (2, include_str!("migrations/0002_doubts.sql")),
    (3, include_str!("migrations/0003_amnesia.sql")),
    (4, include_str!("migrations/0004_limits.sql")),
    (5, include_str!("migrations/0005_people.sql")),
    (6, include_str!("migrations/0006_reports.sql")),
    (7, include_str!("migrations/0007_ahead.sql")),
    (8, include_str!("migrations/0008_unresolved.sql")),
    (9, include_str!("migrations/0009_links.sql")),
    (10, include_str!("migrations/0010_conditions.sql")),
];

/// The first release with the fix of the WAL-reset bug (sqlite.org/wal.html#walresetbug).
const OLDEST_SQLITE: i32 = 3_051_003;

const MAKE_MIGRATIONS: &str = "
    CREATE TABLE IF NOT EXISTS migration (
        version     INTEGER PRIMARY KEY,
        sha         BLOB    NOT NULL,
        applied_at  INTEGER NOT NULL
    ) STRICT";
const FIND_MIGRATION: &str = "SELECT sha FROM migration WHERE version = :version";
const LAST_MIGRATION: &str = "SELECT coalesce(max(version), 0) FROM migration";
const ADD_MIGRATION: &str = "INSERT INTO migration (version, sha, applied_at) VALUES (:version, :sha, :now)";
const HAS_META: &str = "SELECT 1 FROM ledger_meta";
const ADD_META: &str = "
    INSERT INTO ledger_meta (one, lineage, address_key, serial, created_at, closed_at)
         VALUES (1, :lineage, :address_key, 0, :now, :now)";
const FACTS: &str = "SELECT lineage, address_key FROM ledger_meta";
const BEGIN_DISPATCH: &str = "UPDATE ledger_meta SET closed_at = NULL, serial = serial + 1";

/// Refuses a library that can corrupt the ledger.
pub(super) fn check_library() -> Result<()> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(LedgerError::OldSqlite(rusqlite::version().to_owned()));
    }
    Ok(())
}

/// Opens the writer's connection.
pub(super) fn connect(file: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)
        .map_err(|error| LedgerError::from(error).while_doing("open the database"))?;
    // Other processes write too (an import while the daemon runs); their transactions are short.
    db.busy_timeout(Duration::from_secs(30))?;
    // Erased people must not be found in free pages: secure_delete.
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16384;
         PRAGMA wal_autocheckpoint = 4000;
         PRAGMA journal_size_limit = 67108864;",
    )?;
    // What is asked for may be denied in silence: WAL by a file system, FULL by a build of the library.
    let mode: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    let synchronous: i64 = db.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
    if mode != "wal" || synchronous != 2 {
        return Err(LedgerError::Refused(format!(
            "SQLite does not keep what it is told: journal mode {mode} instead of wal, synchronous {synchronous} \
             instead of 2; put the ledger on another disk"
        )));
    }
    keep_plans(&db)?;
    db.set_prepared_statement_cache_capacity(128);
    Ok(db)
}

/// Plans must not depend on the values that are asked for. Where they may (the library is built with STAT4), SQLite parses and plans
/// a statement anew for each value: that was half of what a delivery cost here.
fn keep_plans(db: &Connection) -> Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Opens a connection that cannot write.
pub(super) fn connect_reader(file: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    db.busy_timeout(Duration::from_secs(30))?;
    db.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;")?;
    keep_plans(&db)?;
    Ok(db)
}

/// The newest schema that this program knows.
pub(super) fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, _)| *version)
}

/// The schema of the ledger; 0 where there is none yet.
pub(super) fn found(db: &Connection) -> Result<i64> {
    if !db.table_exists(None::<&str>, "migration")? {
        return Ok(0);
    }
    Ok(db.query_row(LAST_MIGRATION, [], |row| row.get(0))?)
}

/// Brings the ledger to this program's schema, or refuses one that is newer or foreign. All of it or nothing is done,
/// in one transaction.
pub(super) fn migrate(db: &mut Connection, now: Timestamp) -> Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(MAKE_MIGRATIONS)?;
    let found: i64 = tx.query_row(LAST_MIGRATION, [], |row| row.get(0))?;
    let known = known();
    if found > known {
        return Err(LedgerError::NewerSchema { found, known });
    }
    for (version, sql) in MIGRATIONS {
        let sha = Digest::of(sql.as_bytes());
        let applied: Option<Digest> = tx
            .query_row(FIND_MIGRATION, named_params! { ":version": version }, |row| row.get(0))
            .optional()?;
        match applied {
            Some(applied) if applied == sha => {}
            Some(_) => return Err(LedgerError::ForeignMigration(*version)),
            None => {
                tx.execute_batch(sql)?;
                tx.execute(
                    ADD_MIGRATION,
                    named_params! { ":version": version, ":sha": sha, ":now": At(now) },
                )?;
            }
        }
    }
    if tx.query_row(HAS_META, [], |_| Ok(())).optional()?.is_none() {
        let lineage = Digest(random()?).to_string();
        let address_key = random::<32>()?;
        tx.execute(
            ADD_META,
            named_params! { ":lineage": lineage, ":address_key": address_key, ":now": At(now) },
        )?;
    }
    Ok(tx.commit()?)
}

/// Reads what never changes.
pub(super) fn facts(db: &Connection) -> Result<Facts> {
    let (lineage, key): (String, Vec<u8>) = db.query_row(FACTS, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Facts::new(lineage, &key))
}

/// Notes that the ledger is in use, until it is closed.
pub(super) fn begin_dispatch(db: &Connection) -> Result<()> {
    db.execute(BEGIN_DISPATCH, [])?;
    Ok(())
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| LedgerError::Database {
        doing: "make a key",
        source: "the system gives no random numbers".into(),
    })?;
    Ok(bytes)
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
