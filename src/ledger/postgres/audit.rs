//! The audit chain: what people and releases did to the ledger, each entry sealing those before it.

use jiff::Timestamp;

use super::locks::{self, Lock};
use super::session::Tx;
use super::values::At;
use super::{Postgres, Result};
use crate::digest::Digest;
use crate::ledger::AuditEntry;
use crate::ledger::seal::{Chain, seal};
use crate::ledger::told::Told;

const LAST: &str = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
const ADD: &str = "
    INSERT INTO audit (seq, at, by, action, subject, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)";
const ENTRIES: &str = "
      SELECT seq, at, by, action, subject, detail, hash
        FROM audit
       WHERE seq > $1
    ORDER BY seq
       LIMIT $2";

impl Postgres {
    pub(in crate::ledger) async fn audit(&self, after: u64, limit: u32) -> Result<Vec<AuditEntry>> {
        let tx = self.look("list audit entries").await?;
        let entries = entries(&tx, after, limit).await?;
        tx.commit().await?;
        Ok(entries)
    }
}

/// Appends an entry, in the transaction of what it tells. The chain's end is locked from here to the end of the
/// transaction, so this comes last.
pub(super) async fn add(
    tx: &Tx<'_>,
    now: Timestamp,
    by: &str,
    action: &str,
    subject: &str,
    detail: &serde_json::Value,
) -> Result<()> {
    let session = tx.session()?;
    session.batch(&locks::take(session.schema, &[Lock::Audit])).await?;
    let (seq, before) = match tx.opt(LAST, &[]).await? {
        None => (1, Digest([0; 32])),
        Some(row) => (row.try_get::<_, i64>(0)? + 1, row.try_get(1)?),
    };
    let detail = detail.to_string();
    let hash = seal(&before, seq, now, [by, action, subject, &detail]);
    tx.execute(ADD, &[&seq, &At(now), &by, &action, &subject, &detail, &hash]).await?;
    Ok(())
}

async fn entries(tx: &Tx<'_>, after: u64, limit: u32) -> Result<Vec<AuditEntry>> {
    let rows = tx.query(ENTRIES, &[&after.cast_signed(), &i64::from(limit)]).await?;
    rows.iter()
        .map(|row| {
            Ok(AuditEntry {
                seq: row.try_get::<_, i64>(0)?.cast_unsigned(),
                at: row.try_get::<_, At>(1)?.0,
                by: row.try_get(2)?,
                action: row.try_get(3)?,
                subject: row.try_get(4)?,
                detail: row.try_get(5)?,
                hash: row.try_get(6)?,
            })
        })
        .collect()
}

/// The first entry that was changed, or whose predecessor is gone; nothing where the chain is whole. What the chain tells is `told`.
pub(super) async fn first_broken(tx: &Tx<'_>, told: &mut Told) -> Result<Option<u64>> {
    let mut chain = Chain::begin();
    loop {
        let entries = entries(tx, chain.after, 1_000).await?;
        if entries.is_empty() {
            return Ok(None);
        }
        for entry in &entries {
            told.entry(entry);
        }
        if let Some(broken) = entries.iter().find(|entry| !chain.holds(entry)) {
            return Ok(Some(broken.seq));
        }
    }
}
