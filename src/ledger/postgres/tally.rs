//! Counting: each transaction appends its changes, and whoever has the time folds them.

use std::collections::BTreeMap;

use super::session::{Param, Tx};
use super::{Postgres, Result, locks};
use crate::ledger::State;

pub(super) const ADD: &str = "
    WITH added AS (INSERT INTO tally (part, state, n) SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[]))
    SELECT nextval('serial')";
pub(super) const SERIAL: &str = "SELECT nextval('serial')";
const MAY_FOLD: &str = "SELECT pg_try_advisory_xact_lock($1, $2)";
const LONG: &str = "
    SELECT EXISTS (SELECT 1 FROM tally OFFSET 2000)";
const FOLD: &str = "
    WITH gone AS (DELETE FROM tally
                   WHERE (part, state) IN (SELECT part, state FROM tally GROUP BY part, state HAVING count(*) > 1)
               RETURNING part, state, n)
    INSERT INTO tally (part, state, n) SELECT part, state, sum(n) FROM gone GROUP BY part, state HAVING sum(n) <> 0";

/// Appends what a transaction changed; returns its serial.
pub(super) async fn add(tx: &Tx<'_>, moved: &BTreeMap<(i64, State), i64>) -> Result<i64> {
    let (mut parts, mut states, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for ((part, state), n) in moved.iter().filter(|(_, n)| **n != 0) {
        parts.push(*part);
        states.push(state.as_str());
        counts.push(*n);
    }
    if parts.is_empty() {
        return Ok(tx.one(SERIAL, &[]).await?.try_get(0)?);
    }
    let row: [Param<'_>; 3] = [&parts, &states, &counts];
    Ok(tx.one(ADD, &row).await?.try_get(0)?)
}

impl Postgres {
    /// Folds the tally where it has become long and nobody else is at it.
    pub(super) async fn fold_tally(&self) -> Result<()> {
        let tx = self.begin("fold the tally", &[]).await?;
        tx.read_all().await?;
        let ledger = tx.session()?.schema;
        let mine: bool = tx.one(MAY_FOLD, &[&locks::FOLD, &ledger]).await?.try_get(0)?;
        if mine && tx.one(LONG, &[]).await?.try_get(0)? {
            tx.execute(FOLD, &[]).await?;
        }
        tx.commit().await
    }
}
