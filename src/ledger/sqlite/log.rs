//! The record, delivery by delivery, a page at a time.

use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use jiff::Timestamp;

use super::values::At;
use super::{Result, Sqlite};
use crate::contact::{ContactId, EmailAddress};
use crate::digest::Digest;
use crate::ledger::{AttemptId, DeliveryId, Front, LogAttempt, LogEntry, LogRecipient, LogResult, Reply};

const ALL: &str = "
       SELECT d.id, i.release, p.notice, p.edition, p.audience, p.channel, p.language, d.recipient, c.email, d.state,
              d.due, d.remote_id, d.url, d.wire_key, d.sent_at
         FROM delivery AS d
              CROSS JOIN block AS b ON b.id = d.block
              CROSS JOIN part AS p ON p.id = b.part
              CROSS JOIN issued AS i ON i.id = p.issued
              LEFT JOIN contact AS c ON c.id = d.recipient
        WHERE d.id > :after
     ORDER BY d.id
        LIMIT :limit";
const UNRESOLVED: &str = "
       SELECT d.id, i.release, p.notice, p.edition, p.audience, p.channel, p.language, d.recipient, c.email, d.state,
              d.due, d.remote_id, d.url, d.wire_key, d.sent_at
         FROM delivery AS d
              CROSS JOIN block AS b ON b.id = d.block
              CROSS JOIN part AS p ON p.id = b.part
              CROSS JOIN issued AS i ON i.id = p.issued
              LEFT JOIN contact AS c ON c.id = d.recipient
        WHERE d.id > :after AND (d.state = 'unknown' OR d.state = 'parked' OR d.state = 'quarantined')
     ORDER BY d.id
        LIMIT :limit";
const OF_BLOCK: &str = "
       SELECT d.id, i.release, p.notice, p.edition, p.audience, p.channel, p.language, d.recipient, c.email, d.state,
              d.due, d.remote_id, d.url, d.wire_key, d.sent_at
         FROM delivery AS d
              CROSS JOIN block AS b ON b.id = d.block
              CROSS JOIN part AS p ON p.id = b.part
              CROSS JOIN issued AS i ON i.id = p.issued
              LEFT JOIN contact AS c ON c.id = d.recipient
        WHERE d.id > :after AND d.id BETWEEN :first AND :last
     ORDER BY d.id
        LIMIT :limit";
const THIS: &str = "
       SELECT d.id, i.release, p.notice, p.edition, p.audience, p.channel, p.language, d.recipient, c.email, d.state,
              d.due, d.remote_id, d.url, d.wire_key, d.sent_at
         FROM delivery AS d
              CROSS JOIN block AS b ON b.id = d.block
              CROSS JOIN part AS p ON p.id = b.part
              CROSS JOIN issued AS i ON i.id = p.issued
              LEFT JOIN contact AS c ON c.id = d.recipient
        WHERE d.id = :delivery";
const BLOCKS: &str = "
      SELECT b.first, b.last
        FROM issued AS i
             CROSS JOIN part AS p ON p.issued = i.id
             CROSS JOIN block AS b ON b.part = p.id
       WHERE i.release = :release AND b.last > :after
    ORDER BY b.first";
const ATTEMPTS: &str = "SELECT id, no, intent_at FROM attempt WHERE delivery = :delivery ORDER BY id";
const RESULTS: &str = "
      SELECT outcome, code, enhanced, text, at, late FROM result WHERE attempt = :attempt ORDER BY no";
const KEY: &str = "SELECT key FROM delivery WHERE id = :delivery";

const FRONTS: &str = "
      SELECT p.channel, p.language, p.edition, p.due, d.state, d.url
        FROM issued AS i
             CROSS JOIN part AS p ON p.issued = i.id
             CROSS JOIN block AS b ON b.part = p.id
             CROSS JOIN delivery AS d ON d.id BETWEEN b.first AND b.last
       WHERE i.release = :release AND i.complete = 1 AND p.channel = :channel AND p.due <= :now
             AND d.recipient = 0 AND d.state NOT IN ('cancelled', 'superseded')
    ORDER BY d.id";

impl Sqlite {
    /// In the order in which they were issued.
    pub(in crate::ledger) async fn fronts(
        &self,
        slug: &str,
        channels: &[String],
        now: Timestamp,
    ) -> Result<Vec<Front>> {
        let (slug, channels) = (slug.to_owned(), channels.to_vec());
        self.read("look at pages", move |db, _| {
            let mut fronts = Vec::new();
            let mut statement = db.prepare_cached(FRONTS)?;
            for channel in &channels {
                let row = named_params! { ":release": slug, ":channel": channel, ":now": At(now) };
                let rows = statement.query_map(row, |row| {
                    Ok(Front {
                        channel: row.get(0)?,
                        language: row.get(1)?,
                        edition: row.get(2)?,
                        due: row.get::<_, At>(3)?.0,
                        state: row.get(4)?,
                        url: row.get(5)?,
                    })
                })?;
                for row in rows {
                    fronts.push(row?);
                }
            }
            Ok(fronts)
        })
        .await
    }

    /// The key of a delivery, if there is one with this number.
    pub(in crate::ledger) async fn delivery_key(&self, delivery: DeliveryId) -> Result<Option<Digest>> {
        self.read("look up a delivery", move |db, _| {
            let key = db
                .prepare_cached(KEY)?
                .query_row(named_params! { ":delivery": delivery.0 }, |row| row.get(0));
            Ok(key.optional()?)
        })
        .await
    }

    pub(in crate::ledger) async fn log(
        &self,
        slug: Option<&str>,
        after: DeliveryId,
        limit: u32,
    ) -> Result<Vec<LogEntry>> {
        let slug = slug.map(str::to_owned);
        self.read("list deliveries", move |db, _| {
            let mut entries = match slug {
                None => page(db, ALL, named_params! { ":after": after.0, ":limit": limit })?,
                Some(slug) => of_release(db, &slug, after, limit)?,
            };
            add_attempts(db, &mut entries)?;
            Ok(entries)
        })
        .await
    }

    pub(in crate::ledger) async fn unresolved(&self, after: DeliveryId, limit: u32) -> Result<Vec<LogEntry>> {
        self.read("list deliveries", move |db, _| {
            let row = named_params! { ":after": after.0, ":limit": limit };
            let mut entries = page(db, UNRESOLVED, row)?;
            add_attempts(db, &mut entries)?;
            Ok(entries)
        })
        .await
    }
}

/// The deliveries with these numbers, with their attempts.
pub(super) fn these(db: &Connection, deliveries: &[i64]) -> Result<Vec<LogEntry>> {
    let mut entries = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        entries.append(&mut page(db, THIS, named_params! { ":delivery": delivery })?);
    }
    add_attempts(db, &mut entries)?;
    Ok(entries)
}

fn of_release(db: &Connection, slug: &str, after: DeliveryId, limit: u32) -> Result<Vec<LogEntry>> {
    let mut statement = db.prepare_cached(BLOCKS)?;
    let blocks: Vec<(i64, i64)> = statement
        .query_map(named_params! { ":release": slug, ":after": after.0 }, |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut entries = Vec::new();
    for (first, last) in blocks {
        let left = (i64::from(limit)).saturating_sub(i64::try_from(entries.len()).unwrap_or(i64::MAX));
        if left <= 0 {
            break;
        }
        let row = named_params! { ":after": after.0, ":first": first, ":last": last, ":limit": left };
        entries.append(&mut page(db, OF_BLOCK, row)?);
    }
    Ok(entries)
}

fn page(db: &Connection, sql: &str, params: &[(&str, &dyn rusqlite::ToSql)]) -> Result<Vec<LogEntry>> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params, entry)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<LogEntry> {
    let recipient = match (row.get::<_, i64>(7)?, row.get::<_, Option<EmailAddress>>(8)?) {
        (0, _) => LogRecipient::Account,
        (_, Some(email)) => LogRecipient::Contact(email),
        (id, None) => LogRecipient::Erased(ContactId(id)),
    };
    Ok(LogEntry {
        delivery: DeliveryId(row.get(0)?),
        release: row.get(1)?,
        notice: row.get(2)?,
        edition: row.get(3)?,
        audience: row.get(4)?,
        channel: row.get(5)?,
        language: row.get(6)?,
        recipient,
        state: row.get(9)?,
        due: row.get::<_, At>(10)?.0,
        attempts: Vec::new(),
        remote_id: row.get(11)?,
        url: row.get(12)?,
        message_id: row.get(13)?,
        sent_at: row.get::<_, Option<At>>(14)?.map(|at| at.0),
    })
}

fn add_attempts(db: &Connection, entries: &mut [LogEntry]) -> Result<()> {
    let mut attempts = db.prepare_cached(ATTEMPTS)?;
    let mut results = db.prepare_cached(RESULTS)?;
    for entry in entries {
        let rows = attempts.query_map(named_params! { ":delivery": entry.delivery.0 }, |row| {
            Ok(LogAttempt {
                attempt: AttemptId(row.get(0)?),
                no: row.get(1)?,
                at: row.get::<_, At>(2)?.0,
                results: Vec::new(),
            })
        })?;
        entry.attempts = rows.collect::<rusqlite::Result<_>>()?;
        for attempt in &mut entry.attempts {
            let rows = results.query_map(named_params! { ":attempt": attempt.attempt.0 }, |row| {
                Ok(LogResult {
                    outcome: row.get(0)?,
                    reply: Reply { code: row.get(1)?, enhanced: row.get(2)?, text: row.get(3)? },
                    at: row.get::<_, At>(4)?.0,
                    late: row.get(5)?,
                })
            })?;
            attempt.results = rows.collect::<rusqlite::Result<_>>()?;
        }
    }
    Ok(())
}
