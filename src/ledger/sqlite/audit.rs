//! The audit chain: what people and releases did to the ledger, each entry sealing those before it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::values::At;
use super::writer::Write;
use super::{Result, Sqlite};
use crate::digest::Digest;
use crate::ledger::AuditEntry;
use crate::ledger::seal::{Chain, seal};
use crate::ledger::told::Told;

const LAST: &str = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
const ADD: &str = "
    INSERT INTO audit (seq, at, by, action, subject, detail, hash)
         VALUES (:seq, :at, :by, :action, :subject, :detail, :hash)";
const ENTRIES: &str = "
      SELECT seq, at, by, action, subject, detail, hash
        FROM audit
       WHERE seq > :after
    ORDER BY seq
       LIMIT :limit";

impl Sqlite {
    pub(in crate::ledger) async fn audit(&self, after: u64, limit: u32) -> Result<Vec<AuditEntry>> {
        self.read("list audit entries", move |db, _| entries(db, after, limit)).await
    }
}

/// Appends an entry, in the transaction of what it tells.
pub(super) fn add(
    write: &Write<'_>,
    now: Timestamp,
    by: &str,
    action: &str,
    subject: &str,
    detail: &serde_json::Value,
) -> Result<()> {
    let last: Option<(i64, Digest)> =
        write.sql(LAST)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (seq, before) = last.map_or((1, Digest([0; 32])), |(seq, hash)| (seq + 1, hash));
    let detail = detail.to_string();
    let hash = seal(&before, seq, now, [by, action, subject, &detail]);
    write.sql(ADD)?.execute(named_params! {
        ":seq": seq, ":at": At(now), ":by": by, ":action": action, ":subject": subject, ":detail": detail,
        ":hash": hash,
    })?;
    Ok(())
}

fn entries(db: &Connection, after: u64, limit: u32) -> Result<Vec<AuditEntry>> {
    let mut statement = db.prepare_cached(ENTRIES)?;
    let rows =
        statement.query_map(named_params! { ":after": after.cast_signed(), ":limit": limit }, |row| {
            Ok(AuditEntry {
                seq: row.get::<_, i64>(0)?.cast_unsigned(),
                at: row.get::<_, At>(1)?.0,
                by: row.get(2)?,
                action: row.get(3)?,
                subject: row.get(4)?,
                detail: row.get(5)?,
                hash: row.get(6)?,
            })
        })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The first entry that was changed, or whose predecessor is gone; nothing where the chain is whole. What the chain tells is `told`.
pub(super) fn first_broken(db: &Connection, told: &mut Told) -> Result<Option<u64>> {
    let mut chain = Chain::begin();
    loop {
        let entries = entries(db, chain.after, 1_000)?;
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
