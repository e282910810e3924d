//! Opening: is this the ledger that was here? A standby that lagged behind, a dump that was put back or another database
//! do not know what was sent since, and this daemon's mark tells.
//!
//! The mark holds what this daemon itself has seen committed. Each daemon has its own, so its folder must last; the first
//! that finds the ledger forgetful holds it for all.

use jiff::Timestamp;

use super::locks::Lock;
use super::session::Session;
use super::{Postgres, Result, holds};
use crate::ledger::mark::{Amnesia, Found, Mark, MarkFile};
use crate::ledger::{Cause, Scope};

const MARK: &str = "
    SELECT m.lineage, s.last_value, (SELECT coalesce(max(id), 0) FROM attempt) FROM ledger_meta AS m, serial AS s";
/// What this copy does not know is never given again.
const AT_LEAST: &str = "
    SELECT setval('serial', greatest((SELECT last_value FROM serial), $1)),
           setval('attempt_id', greatest((SELECT last_value FROM attempt_id), $2))";
/// Who sets the hold.
const BY: &str = "ledger";

/// How far the ledger has come.
pub(super) async fn mark_of(session: &Session) -> Result<Mark> {
    let rows = session.query(MARK, &[]).await?;
    let row =
        rows.first().ok_or_else(|| crate::ledger::LedgerError::Damaged("ledger_meta is empty".to_owned()))?;
    Ok(Mark { lineage: row.try_get(0)?, serial: row.try_get(1)?, attempt: row.try_get(2)? })
}

/// Compares the ledger with this daemon's mark. What forgot something is held before anybody can claim, and stays so.
pub(super) async fn check(ledger: &Postgres, file: &MarkFile, now: Timestamp) -> Result<()> {
    let session = ledger.shared.session().await?;
    let here = mark_of(&session).await?;
    ledger.shared.give_back(session);
    let found = file.read()?;
    if found == Found::Nothing {
        // A daemon that joins others has no mark yet, and nothing to compare with.
        return Ok(());
    }
    let Some(amnesia) = Amnesia::of(&here, &found) else { return Ok(()) };
    let reason = amnesia.to_string();
    let tx = ledger.begin("hold a forgetful ledger", &[Lock::Forbid]).await?;
    if let Some((serial, attempt)) = amnesia.at_least() {
        tx.query(AT_LEAST, &[&serial, &attempt.max(1)]).await?;
    }
    holds::add(&tx, &Scope::Everything, Cause::Restored, (&reason, BY), now, now).await?;
    tx.commit().await?;
    tracing::error!(%reason, "nothing leaves: the ledger may have forgotten what was sent; see `dateline ledger reconcile`");
    // In this order: if it ends in between, the alarm is raised again.
    file.keep_as_evidence()?;
    let session = ledger.shared.session().await?;
    let mark = mark_of(&session).await?;
    ledger.shared.give_back(session);
    file.write(&mark, true)
}
