//! Migrations, and what is written once.

use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::session::{Session, Tx};
use super::values::At;
use super::{Facts, Result, locks};
use crate::digest::Digest;
use crate::ledger::LedgerError;

/// In order; a number and a text that was ever released never change.
const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("migrations/0001_ledger.sql")),
    (2, include_str!("migrations/0002_people.sql")),
    (3, include_str!("migrations/0003_reports.sql")),
    (4, include_str!("migrations/0004_ahead.sql")),
    (5, include_str!("migrations/0005_links.sql")),
    (6, include_str!("migrations/0006_updates.sql")),
    (7, include_str!("migrations/0007_forbidden.sql")),
];

const LOCK: &str = "SELECT pg_advisory_xact_lock($1, $2)";
const MAKE_MIGRATIONS: &str = "
    CREATE TABLE IF NOT EXISTS migration (
        version     bigint  PRIMARY KEY,
        sha         bytea   NOT NULL,
        applied_at  bigint  NOT NULL
    )";
const HAS_MIGRATIONS: &str = "SELECT to_regclass('migration') IS NOT NULL";
const APPLIED: &str = "SELECT version, sha FROM migration ORDER BY version";
const ADD_MIGRATION: &str = "INSERT INTO migration (version, sha, applied_at) VALUES ($1, $2, $3)";
const ADD_META: &str = "
    INSERT INTO ledger_meta (one, lineage, address_key, created_at, closed_at) VALUES (1, $1, $2, $3, $3)
    ON CONFLICT (one) DO NOTHING";
const FACTS: &str = "SELECT lineage, address_key FROM ledger_meta";
const REGISTER: &str = "
    WITH opened AS (UPDATE ledger_meta SET closed_at = NULL)
    INSERT INTO daemon (opened_at, seen_at) VALUES ($1, lease_now(NULL)) RETURNING id, nextval('serial')";
const UNREGISTER: &str = "UPDATE daemon SET closed_at = $2 WHERE id = $1";
const LAST_OUT: &str = "
    UPDATE ledger_meta SET closed_at = $1
     WHERE NOT EXISTS (SELECT 1 FROM daemon WHERE closed_at IS NULL AND seen_at > lease_now(NULL) - 120000000)";
const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// Brings the ledger to this program's schema, or refuses one that is newer or foreign. Daemons that start together wait for
/// one another.
pub(super) async fn migrate(session: &mut Session, now: Timestamp) -> Result<()> {
    let known = MIGRATIONS.last().map_or(0, |(version, _)| *version);
    let applied = applied(session).await?;
    if check(&applied)? {
        return Ok(());
    }
    session.batch("BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0").await?;
    session.query(LOCK, &[&locks::MIGRATE, &session.schema]).await?;
    session.batch(MAKE_MIGRATIONS).await?;
    // Somebody else may have done it while this process waited.
    let applied = self::applied(session).await?;
    check(&applied)?;
    for (version, sql) in MIGRATIONS.iter().skip(applied.len()) {
        session.batch(sql).await?;
        session.execute(ADD_MIGRATION, &[version, &Digest::of(sql.as_bytes()), &At(now)]).await?;
    }
    let (lineage, key) = (Digest(random()?).to_string(), random::<32>()?);
    session.execute(ADD_META, &[&lineage, &&key[..], &At(now)]).await?;
    session.batch("COMMIT").await?;
    tracing::debug!(schema = known, "the ledger's schema is up to date");
    Ok(())
}

/// The newest schema that this program knows.
pub(super) fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, _)| *version)
}

/// The ledger's schema; 0 where there is no ledger yet.
pub(super) async fn found(session: &Session) -> Result<i64> {
    Ok(applied(session).await?.last().map_or(0, |(version, _)| *version))
}

async fn applied(session: &Session) -> Result<Vec<(i64, Digest)>> {
    let there = session.query(HAS_MIGRATIONS, &[]).await?;
    if !there.first().is_some_and(|row| row.get(0)) {
        return Ok(Vec::new());
    }
    let rows = session.query(APPLIED, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Whether nothing is to be done; an error where this program must not touch the ledger.
fn check(applied: &[(i64, Digest)]) -> Result<bool> {
    let known = MIGRATIONS.last().map_or(0, |(version, _)| *version);
    if let Some((found, _)) = applied.last().filter(|(found, _)| *found > known) {
        return Err(LedgerError::NewerSchema { found: *found, known });
    }
    for ((version, sha), (expected, sql)) in applied.iter().zip(MIGRATIONS) {
        if version != expected || *sha != Digest::of(sql.as_bytes()) {
            return Err(LedgerError::ForeignMigration(*version));
        }
    }
    Ok(applied.len() == MIGRATIONS.len())
}

/// Reads what never changes.
pub(super) async fn facts(session: &Session) -> Result<Facts> {
    let rows = session.query(FACTS, &[]).await?;
    let row = rows.first().ok_or_else(|| LedgerError::Damaged("ledger_meta is empty".to_owned()))?;
    Ok(Facts::new(row.try_get(0)?, row.try_get(1)?))
}

/// Notes that a daemon dispatches from here; returns its number and a serial that is durable.
pub(super) async fn register(session: &Session, now: Timestamp) -> Result<(i64, i64)> {
    let rows = session.query(REGISTER, &[&At(now)]).await?;
    match rows.first() {
        Some(row) => Ok((row.try_get(0)?, row.try_get(1)?)),
        None => Err(LedgerError::Damaged("a daemon could not be registered".to_owned())),
    }
}

/// Notes its clean end; the last one out notes the ledger's.
pub(super) async fn unregister(tx: &Tx<'_>, daemon: i64, now: Timestamp) -> Result<()> {
    tx.execute(UNREGISTER, &[&daemon, &At(now)]).await?;
    tx.execute(LAST_OUT, &[&At(now)]).await?;
    Ok(())
}

/// The server's clock.
pub(super) async fn clock(tx: &Tx<'_>) -> Result<Timestamp> {
    let At(now) = tx.one(CLOCK, &[]).await?.try_get(0)?;
    Ok(now)
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| LedgerError::Database {
        doing: "make a key",
        source: "the system gives no random numbers".into(),
    })?;
    Ok(bytes)
}
