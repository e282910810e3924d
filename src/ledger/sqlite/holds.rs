//! Holds: what must not leave until somebody says so.

use jiff::Timestamp;
use rusqlite::named_params;
use serde_json::json;

use super::values::At;
use super::writer::Write;
use super::{Result, Sqlite, audit};
use crate::ledger::told::BY_STATUS;
use crate::ledger::{Cause, Hold, LedgerError, Scope};
use crate::plan::Planned;
use crate::release::Notice;

const ADD: &str = "
    INSERT INTO hold (scope, target, cause, reason, by, since) VALUES (:scope, :target, :cause, :reason, :by, :now)
    ON CONFLICT (scope, target, cause) DO NOTHING";
const REMOVE: &str = "
    DELETE FROM hold WHERE scope = :scope AND target = :target AND cause IN ('operator', 'release')";
const REMOVE_CAUSE: &str = "DELETE FROM hold WHERE scope = :scope AND target = :target AND cause = :cause";
const ALL: &str = "
    SELECT scope, target, reason, by, since, cause FROM hold ORDER BY since, scope, target, cause";
/// Blocks put off because all that was due in them was for a held destination.
const LOOK_AGAIN: &str = "
    UPDATE block SET next_due = :now WHERE channel = :channel AND lease_owner IS NULL AND next_due > :now
       AND next_due <= :soon";
const CHANNELS: &str = "SELECT DISTINCT channel FROM course";

impl Sqlite {
    pub(in crate::ledger) async fn hold(
        &self,
        scope: Scope,
        reason: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let (reason, by) = (reason.to_owned(), by.to_owned());
        self.write("hold", 1, move |write| add(write, &scope, Cause::Operator, (&reason, &by), now, now))
            .await
    }

    pub(in crate::ledger) async fn hold_all(
        &self,
        cause: Cause,
        reason: &str,
        by: &str,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let (reason, by) = (reason.to_owned(), by.to_owned());
        self.write("hold", 1, move |write| add(write, &Scope::Everything, cause, (&reason, &by), since, now))
            .await
    }

    pub(in crate::ledger) async fn resume_all(
        &self,
        cause: Cause,
        by: &str,
        evidence: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let (by, evidence) = (by.to_owned(), evidence.to_owned());
        self.write("resume", 1, move |write| {
            let row = named_params! { ":scope": "everything", ":target": "", ":cause": cause.as_str() };
            let there = write.sql(REMOVE_CAUSE)?.execute(row)? > 0;
            if there {
                let detail = json!({ "cause": cause, "evidence": evidence });
                audit::add(write, now, &by, "resume", &Scope::Everything.to_string(), &detail)?;
            }
            Ok(there)
        })
        .await
    }

    pub(in crate::ledger) async fn resume(&self, scope: &Scope, by: &str, now: Timestamp) -> Result<bool> {
        let (scope, by) = (scope.clone(), by.to_owned());
        self.write("resume", 1, move |write| {
            let (kind, target) = scope.columns();
            let there = write.sql(REMOVE)?.execute(named_params! { ":scope": kind, ":target": target })? > 0;
            if there {
                if matches!(scope, Scope::Destination(_)) {
                    look_again(write, now)?;
                }
                audit::add(write, now, &by, "resume", &scope.to_string(), &json!({}))?;
            }
            Ok(there)
        })
        .await
    }

    pub(in crate::ledger) async fn holds(&self) -> Result<Vec<Hold>> {
        self.read("list holds", |db, _| all(db)).await
    }
}

pub(super) fn all(db: &rusqlite::Connection) -> Result<Vec<Hold>> {
    let mut statement = db.prepare_cached(ALL)?;
    let rows = statement.query_map([], |row| {
        Ok((
            (row.get::<_, String>(0)?, row.get::<_, String>(1)?),
            (row.get(2)?, row.get(3)?, row.get::<_, At>(4)?.0),
            row.get::<_, String>(5)?,
        ))
    })?;
    rows.map(|row| {
        let ((kind, target), (reason, by, since), cause) = row?;
        let cause = Cause::of(&cause).ok_or_else(|| LedgerError::Damaged(format!("a hold by `{cause}`")))?;
        Ok(Hold { scope: Scope::of_columns(&kind, target)?, cause, reason, by, since })
    })
    .collect()
}

pub(super) fn add(
    write: &Write<'_>,
    scope: &Scope,
    cause: Cause,
    (reason, by): (&str, &str),
    since: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let (kind, target) = scope.columns();
    let new = write.sql(ADD)?.execute(named_params! {
        ":scope": kind, ":target": target, ":cause": cause.as_str(), ":reason": reason, ":by": by,
        ":now": At(since),
    })? > 0;
    if new {
        let detail = match cause {
            Cause::Operator | Cause::Release => json!({ "reason": reason }),
            Cause::Restored | Cause::Clock => json!({ "reason": reason, "cause": cause, "since": since }),
        };
        audit::add(write, now, by, "hold", &scope.to_string(), &detail)?;
    }
    Ok(new)
}

/// A release whose status is held is held here too; any other notice ends that. Hold and kill notices leave all the same.
pub(super) fn follow_release(write: &Write<'_>, planned: &Planned, by: &str, now: Timestamp) -> Result<()> {
    let scope = Scope::Release(planned.slug.clone());
    if planned.notice == Notice::Hold {
        add(write, &scope, Cause::Release, (BY_STATUS, by), now, now)?;
        return Ok(());
    }
    let (kind, target) = scope.columns();
    let row = named_params! { ":scope": kind, ":target": target, ":cause": "release" };
    if write.sql(REMOVE_CAUSE)?.execute(row)? > 0 {
        audit::add(write, now, by, "resume", &scope.to_string(), &json!({ "notice": planned.notice }))?;
    }
    Ok(())
}

fn look_again(write: &Write<'_>, now: Timestamp) -> Result<()> {
    let channels: Vec<String> =
        write.sql(CHANNELS)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let soon = now.checked_add(super::claim::HELD_AGAIN).unwrap_or(now);
    for channel in channels {
        let row = named_params! { ":channel": channel, ":now": At(now), ":soon": At(soon) };
        write.sql(LOOK_AGAIN)?.execute(row)?;
    }
    Ok(())
}
