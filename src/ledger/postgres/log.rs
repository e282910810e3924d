//! The record, delivery by delivery, a page at a time.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::session::Tx;
use super::values::At;
use super::{Postgres, Result};
use crate::contact::{ContactId, EmailAddress};
use crate::digest::Digest;
use crate::ledger::{AttemptId, DeliveryId, Front, LogAttempt, LogEntry, LogRecipient, LogResult, Reply};

const ALL: &str = "
       SELECT d.id, i.release, p.notice, p.edition, p.audience, p.channel, p.language, d.recipient, c.email, d.state,
              d.due, d.remote_id, d.url, d.wire_key, d.sent_at
         FROM delivery AS d
              JOIN block AS b ON b.id = d.block
              JOIN part AS p ON p.id = b.part
              JOIN issued AS i ON i.id = p.issued
              LEFT JOIN contact AS c ON c.id = d.recipient
        WHERE d.id > $1
     ORDER BY d.id
        LIMIT $2";
const UNRESOLVED: &str = "
       SELECT d.id, i.release, p.notice, p.edition, p.audience, p.channel, p.language, d.recipient, c.email, d.state,
              d.due, d.remote_id, d.url, d.wire_key, d.sent_at
         FROM delivery AS d
              JOIN block AS b ON b.id = d.block
              JOIN part AS p ON p.id = b.part
              JOIN issued AS i ON i.id = p.issued
              LEFT JOIN contact AS c ON c.id = d.recipient
        WHERE d.id > $1 AND d.unresolved
     ORDER BY d.id
        LIMIT $2";
const OF_BLOCK: &str = "
       SELECT d.id, i.release, p.notice, p.edition, p.audience, p.channel, p.language, d.recipient, c.email, d.state,
              d.due, d.remote_id, d.url, d.wire_key, d.sent_at
         FROM delivery AS d
              JOIN block AS b ON b.id = d.block
              JOIN part AS p ON p.id = b.part
              JOIN issued AS i ON i.id = p.issued
              LEFT JOIN contact AS c ON c.id = d.recipient
        WHERE d.id > $1 AND d.id BETWEEN $3 AND $4
     ORDER BY d.id
        LIMIT $2";
const THESE: &str = "
       SELECT d.id, i.release, p.notice, p.edition, p.audience, p.channel, p.language, d.recipient, c.email, d.state,
              d.due, d.remote_id, d.url, d.wire_key, d.sent_at
         FROM delivery AS d
              JOIN block AS b ON b.id = d.block
              JOIN part AS p ON p.id = b.part
              JOIN issued AS i ON i.id = p.issued
              LEFT JOIN contact AS c ON c.id = d.recipient
        WHERE d.id = ANY($1::bigint[])
     ORDER BY d.id";
const BLOCKS: &str = "
      SELECT b.first, b.last
        FROM issued AS i
             JOIN part AS p ON p.issued = i.id
             JOIN block AS b ON b.part = p.id
       WHERE i.release = $1 AND b.last > $2
    ORDER BY b.first";
const ATTEMPTS: &str = "
    SELECT delivery, id, no, intent_at FROM attempt WHERE delivery = ANY($1::bigint[]) ORDER BY delivery, id";
const RESULTS: &str = "
      SELECT attempt, outcome, code, enhanced, text, at, late
        FROM result
       WHERE attempt = ANY($1::bigint[])
    ORDER BY attempt, no";
const KEY: &str = "SELECT key FROM delivery WHERE id = $1";

const FRONTS: &str = "
      SELECT p.channel, p.language, p.edition, p.due, d.state, d.url
        FROM issued AS i
             JOIN part AS p ON p.issued = i.id
             JOIN block AS b ON b.part = p.id
             JOIN delivery AS d ON d.id BETWEEN b.first AND b.last
       WHERE i.release = $1 AND i.complete AND p.channel = ANY($2::text[]) AND p.due <= $3
             AND d.recipient = 0 AND d.state NOT IN ('cancelled', 'superseded')
    ORDER BY d.id";

impl Postgres {
    /// In the order in which they were issued.
    pub(in crate::ledger) async fn fronts(
        &self,
        slug: &str,
        channels: &[String],
        now: Timestamp,
    ) -> Result<Vec<Front>> {
        let tx = self.look("look at pages").await?;
        let mut fronts = Vec::new();
        for row in tx.query(FRONTS, &[&slug, &channels, &At(now)]).await? {
            fronts.push(Front {
                channel: row.try_get(0)?,
                language: row.try_get(1)?,
                edition: row.try_get(2)?,
                due: row.try_get::<_, At>(3)?.0,
                state: row.try_get(4)?,
                url: row.try_get(5)?,
            });
        }
        tx.commit().await?;
        Ok(fronts)
    }

    /// The key of a delivery, if there is one with this number.
    pub(in crate::ledger) async fn delivery_key(&self, delivery: DeliveryId) -> Result<Option<Digest>> {
        let tx = self.look("look up a delivery").await?;
        let row = tx.query(KEY, &[&delivery.0]).await?.pop();
        let key = row.map(|row| row.try_get(0)).transpose()?;
        tx.commit().await?;
        Ok(key)
    }

    pub(in crate::ledger) async fn log(
        &self,
        slug: Option<&str>,
        after: DeliveryId,
        limit: u32,
    ) -> Result<Vec<LogEntry>> {
        let tx = self.look("list deliveries").await?;
        let mut entries = match slug {
            None => {
                let rows = tx.query(ALL, &[&after.0, &i64::from(limit)]).await?;
                rows.iter().map(entry).collect::<Result<_>>()?
            }
            Some(slug) => of_release(&tx, slug, after, limit).await?,
        };
        add_attempts(&tx, &mut entries).await?;
        tx.commit().await?;
        Ok(entries)
    }

    pub(in crate::ledger) async fn unresolved(&self, after: DeliveryId, limit: u32) -> Result<Vec<LogEntry>> {
        let tx = self.look("list deliveries").await?;
        let rows = tx.query(UNRESOLVED, &[&after.0, &i64::from(limit)]).await?;
        let mut entries = rows.iter().map(entry).collect::<Result<Vec<_>>>()?;
        add_attempts(&tx, &mut entries).await?;
        tx.commit().await?;
        Ok(entries)
    }
}

/// The deliveries with these numbers, with their attempts.
pub(super) async fn these(tx: &Tx<'_>, deliveries: &[i64]) -> Result<Vec<LogEntry>> {
    let rows = tx.query(THESE, &[&deliveries]).await?;
    let mut entries = rows.iter().map(entry).collect::<Result<Vec<_>>>()?;
    add_attempts(tx, &mut entries).await?;
    Ok(entries)
}

async fn of_release(tx: &Tx<'_>, slug: &str, after: DeliveryId, limit: u32) -> Result<Vec<LogEntry>> {
    let mut entries = Vec::new();
    for block in tx.query(BLOCKS, &[&slug, &after.0]).await? {
        let left = i64::from(limit).saturating_sub(i64::try_from(entries.len()).unwrap_or(i64::MAX));
        if left <= 0 {
            break;
        }
        let (first, last): (i64, i64) = (block.try_get(0)?, block.try_get(1)?);
        for row in tx.query(OF_BLOCK, &[&after.0, &left, &first, &last]).await? {
            entries.push(entry(&row)?);
        }
    }
    Ok(entries)
}

fn entry(row: &Row) -> Result<LogEntry> {
    let recipient = match (row.try_get::<_, i64>(7)?, row.try_get::<_, Option<EmailAddress>>(8)?) {
        (0, _) => LogRecipient::Account,
        (_, Some(email)) => LogRecipient::Contact(email),
        (id, None) => LogRecipient::Erased(ContactId(id)),
    };
    Ok(LogEntry {
        delivery: DeliveryId(row.try_get(0)?),
        release: row.try_get(1)?,
        notice: row.try_get(2)?,
        edition: row.try_get(3)?,
        audience: row.try_get(4)?,
        channel: row.try_get(5)?,
        language: row.try_get(6)?,
        recipient,
        state: row.try_get(9)?,
        due: row.try_get::<_, At>(10)?.0,
        attempts: Vec::new(),
        remote_id: row.try_get(11)?,
        url: row.try_get(12)?,
        message_id: row.try_get(13)?,
        sent_at: row.try_get::<_, Option<At>>(14)?.map(|at| at.0),
    })
}

async fn add_attempts(tx: &Tx<'_>, entries: &mut [LogEntry]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let deliveries: Vec<i64> = entries.iter().map(|entry| entry.delivery.0).collect();
    let attempts = tx.query(ATTEMPTS, &[&deliveries]).await?;
    let mut ids: Vec<i64> = Vec::new();
    for row in &attempts {
        ids.push(row.try_get(1)?);
    }
    let mut results: HashMap<i64, Vec<LogResult>> = HashMap::new();
    for row in tx.query(RESULTS, &[&ids]).await? {
        let code: Option<i32> = row.try_get(2)?;
        let reply = Reply {
            code: code.and_then(|code| u16::try_from(code).ok()),
            enhanced: row.try_get(3)?,
            text: row.try_get(4)?,
        };
        results.entry(row.try_get(0)?).or_default().push(LogResult {
            outcome: row.try_get(1)?,
            reply,
            at: row.try_get::<_, At>(5)?.0,
            late: row.try_get(6)?,
        });
    }
    let mut tries: HashMap<i64, Vec<LogAttempt>> = HashMap::new();
    for row in attempts {
        let id: i64 = row.try_get(1)?;
        tries.entry(row.try_get(0)?).or_default().push(LogAttempt {
            attempt: AttemptId(id),
            no: row.try_get::<_, i32>(2)?.unsigned_abs(),
            at: row.try_get::<_, At>(3)?.0,
            results: results.remove(&id).unwrap_or_default(),
        });
    }
    for entry in entries {
        entry.attempts = tries.remove(&entry.delivery.0).unwrap_or_default();
    }
    Ok(())
}
