//! Opening: is this the ledger that was here? And afterwards, the mark that answers it next time.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::files::Files;
use super::writer::{self, Write};
use super::{Facts, Result, holds};
use crate::ledger::mark::{Amnesia, Mark};
use crate::ledger::{Cause, Scope};

const MARK: &str = "
    SELECT lineage, serial, (SELECT coalesce(max(id), 0) FROM attempt) FROM ledger_meta";
const AT_LEAST: &str = "UPDATE ledger_meta SET serial = max(serial, :serial)";
/// The numbers of attempts that this copy does not know are never given again.
const ATTEMPTS_FROM: &str = "UPDATE sqlite_sequence SET seq = max(seq, :attempt) WHERE name = 'attempt'";
const NO_ATTEMPTS: &str = "
    INSERT INTO sqlite_sequence (name, seq)
         SELECT 'attempt', :attempt WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'attempt')";

/// Who sets the hold.
const BY: &str = "ledger";

/// How far the ledger has come, as the mark says it.
pub(super) fn mark_of(db: &Connection) -> Result<Mark> {
    Ok(db.query_row(MARK, [], |row| {
        Ok(Mark { lineage: row.get(0)?, serial: row.get(1)?, attempt: row.get(2)? })
    })?)
}

/// Compares the ledger with its mark. What forgot something is held before anybody can claim, and stays so.
pub(super) fn check(db: &Connection, facts: &Facts, files: &Files, now: Timestamp) -> Result<()> {
    let file = files.mark();
    let here = mark_of(db)?;
    let found = file.read()?;
    let Some(amnesia) = Amnesia::of(&here, &found) else { return Ok(()) };
    let reason = amnesia.to_string();
    writer::alone(db, facts, |write| suspect(write, &reason, amnesia.at_least(), now))?;
    tracing::error!(%reason, "nothing leaves: the ledger may have forgotten what was sent; see `dateline ledger reconcile`");
    // In this order: if it ends in between, the alarm is raised again.
    file.keep_as_evidence()?;
    file.write(&mark_of(db)?, true)
}

/// Holds everything until somebody has reconciled the ledger with the world.
pub(super) fn suspect(
    write: &Write<'_>,
    reason: &str,
    at_least: Option<(i64, i64)>,
    now: Timestamp,
) -> Result<()> {
    if let Some((serial, attempt)) = at_least {
        write.sql(AT_LEAST)?.execute(named_params! { ":serial": serial })?;
        let row = named_params! { ":attempt": attempt };
        write.sql(ATTEMPTS_FROM)?.execute(row)?;
        write.sql(NO_ATTEMPTS)?.execute(row)?;
    }
    holds::add(write, &Scope::Everything, Cause::Restored, (reason, BY), now, now)?;
    Ok(())
}
