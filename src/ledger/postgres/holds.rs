//! Holds: what must not leave until somebody says so. Setting one waits for the intents that are being written, and keeps
//! the next ones waiting: once it returns, each later intent has seen it.

use jiff::Timestamp;
use serde_json::json;

use super::locks::Lock;
use super::session::Tx;
use super::values::At;
use super::{Postgres, Result, again, audit};
use crate::ledger::told::BY_STATUS;
use crate::ledger::{Cause, Hold, LedgerError, Scope};
use crate::plan::Planned;
use crate::release::Notice;

/// That nothing holds the deliveries of a block `b`, whose part is `p`, of an order `i`; held destinations are asked for by recipient.
macro_rules! unheld {
    () => {
        "NOT EXISTS (SELECT 1
                       FROM hold
                      WHERE scope = 'everything' AND target = ''
                        AND (cause <> 'clock'
                             OR (since < i.publish AND p.notice IN ('original', 'correction'))))
         AND NOT EXISTS (SELECT 1 FROM hold WHERE scope = 'channel' AND target = b.channel)
         AND NOT EXISTS (SELECT 1
                           FROM hold
                          WHERE scope = 'release' AND target = i.release
                            AND (cause = 'operator' OR p.notice IN ('original', 'correction')))"
    };
}
pub(super) use unheld;

const ADD: &str = "
    INSERT INTO hold (scope, target, cause, reason, by, since) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (scope, target, cause) DO NOTHING";
const REMOVE: &str = "DELETE FROM hold WHERE scope = $1 AND target = $2 AND cause IN ('operator', 'release')";
const REMOVE_CAUSE: &str = "DELETE FROM hold WHERE scope = $1 AND target = $2 AND cause = $3";
const ALL: &str = "
    SELECT scope, target, reason, by, since, cause FROM hold ORDER BY since, scope, target, cause";
/// Blocks put off because all that was due in them was for a held destination.
const LOOK_AGAIN: &str = "
    UPDATE block SET next_due = $2
     WHERE channel = $1 AND lease_owner IS NULL AND next_due > $2 AND next_due <= $3";
const CHANNELS: &str = "SELECT DISTINCT channel FROM course";

impl Postgres {
    pub(in crate::ledger) async fn hold(
        &self,
        scope: Scope,
        reason: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<bool> {
        again!(self.hold_once(&scope, reason, by, now))
    }

    async fn hold_once(&self, scope: &Scope, reason: &str, by: &str, now: Timestamp) -> Result<bool> {
        let tx = self.begin("hold", &[Lock::Forbid]).await?;
        let new = add(&tx, scope, Cause::Operator, (reason, by), now, now).await?;
        tx.commit().await?;
        Ok(new)
    }

    pub(in crate::ledger) async fn hold_all(
        &self,
        cause: Cause,
        reason: &str,
        by: &str,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        again!(self.hold_all_once(cause, (reason, by), since, now))
    }

    async fn hold_all_once(
        &self,
        cause: Cause,
        why: (&str, &str),
        since: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let tx = self.begin("hold", &[Lock::Forbid]).await?;
        let new = add(&tx, &Scope::Everything, cause, why, since, now).await?;
        tx.commit().await?;
        Ok(new)
    }

    pub(in crate::ledger) async fn resume_all(
        &self,
        cause: Cause,
        by: &str,
        evidence: &str,
        now: Timestamp,
    ) -> Result<bool> {
        again!(self.resume_all_once(cause, by, evidence, now))
    }

    async fn resume_all_once(&self, cause: Cause, by: &str, evidence: &str, now: Timestamp) -> Result<bool> {
        let tx = self.begin("resume", &[]).await?;
        let there = tx.execute(REMOVE_CAUSE, &[&"everything", &"", &cause.as_str()]).await? > 0;
        if there {
            let detail = json!({ "cause": cause, "evidence": evidence });
            audit::add(&tx, now, by, "resume", &Scope::Everything.to_string(), &detail).await?;
        }
        tx.commit().await?;
        Ok(there)
    }

    pub(in crate::ledger) async fn resume(&self, scope: &Scope, by: &str, now: Timestamp) -> Result<bool> {
        again!(self.resume_once(scope, by, now))
    }

    async fn resume_once(&self, scope: &Scope, by: &str, now: Timestamp) -> Result<bool> {
        let tx = self.begin("resume", &[]).await?;
        let (kind, target) = scope.columns();
        let there = tx.execute(REMOVE, &[&kind, &target]).await? > 0;
        if there {
            if matches!(scope, Scope::Destination(_)) {
                look_again(&tx, now).await?;
            }
            audit::add(&tx, now, by, "resume", &scope.to_string(), &json!({})).await?;
        }
        tx.commit().await?;
        Ok(there)
    }

    pub(in crate::ledger) async fn holds(&self) -> Result<Vec<Hold>> {
        let tx = self.look("list holds").await?;
        let all = all(&tx).await?;
        tx.commit().await?;
        Ok(all)
    }
}

pub(super) async fn all(tx: &Tx<'_>) -> Result<Vec<Hold>> {
    let rows = tx.query(ALL, &[]).await?;
    rows.iter()
        .map(|row| {
            let cause: &str = row.try_get(5)?;
            let cause =
                Cause::of(cause).ok_or_else(|| LedgerError::Damaged(format!("a hold by `{cause}`")))?;
            Ok(Hold {
                cause,
                scope: Scope::of_columns(row.try_get(0)?, row.try_get(1)?)?,
                reason: row.try_get(2)?,
                by: row.try_get(3)?,
                since: row.try_get::<_, At>(4)?.0,
            })
        })
        .collect()
}

pub(super) async fn add(
    tx: &Tx<'_>,
    scope: &Scope,
    cause: Cause,
    (reason, by): (&str, &str),
    since: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let (kind, target) = scope.columns();
    let new = tx.execute(ADD, &[&kind, &target, &cause.as_str(), &reason, &by, &At(since)]).await? > 0;
    if new {
        let detail = match cause {
            Cause::Operator | Cause::Release => json!({ "reason": reason }),
            Cause::Restored | Cause::Clock => json!({ "reason": reason, "cause": cause, "since": since }),
        };
        audit::add(tx, now, by, "hold", &scope.to_string(), &detail).await?;
    }
    Ok(new)
}

/// A release whose status is held is held here too; any other notice ends that. Hold and kill notices leave all the same.
pub(super) async fn follow_release(tx: &Tx<'_>, planned: &Planned, by: &str, now: Timestamp) -> Result<()> {
    let scope = Scope::Release(planned.slug.clone());
    if planned.notice == Notice::Hold {
        add(tx, &scope, Cause::Release, (BY_STATUS, by), now, now).await?;
        return Ok(());
    }
    let (kind, target) = scope.columns();
    if tx.execute(REMOVE_CAUSE, &[&kind, &target, &"release"]).await? > 0 {
        audit::add(tx, now, by, "resume", &scope.to_string(), &json!({ "notice": planned.notice })).await?;
    }
    Ok(())
}

async fn look_again(tx: &Tx<'_>, now: Timestamp) -> Result<()> {
    let soon = now.checked_add(super::claim::HELD_AGAIN).unwrap_or(now);
    for row in tx.query(CHANNELS, &[]).await? {
        tx.execute(LOOK_AGAIN, &[&row.try_get::<_, String>(0)?, &At(now), &At(soon)]).await?;
    }
    Ok(())
}
