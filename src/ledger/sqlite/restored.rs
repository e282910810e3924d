//! What a restored ledger does not know: listing it, and taking in what was found out.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, named_params};
use serde_json::json;

use super::values::At;
use super::writer::Write;
use super::{Result, Sqlite, audit, blocks, doubt, follow, settle};
use crate::contact::{ContactId, EmailAddress};
use crate::digest::Digest;
use crate::ledger::{Claim, DeliveryId, Epoch, FoundSent, Party, Previous, State, Suspect};

/// Blocks in which something may wait; a thousand deliveries each.
const BLOCKS: &str = "
    SELECT b.id, b.part, b.first, b.last, b.lease_owner IS NULL
      FROM block AS b JOIN part AS p ON p.id = b.part
     WHERE (b.next_due <= :before OR b.lease_owner IS NOT NULL) AND p.notice IN ('original', 'correction')";
const WAITING: &str = "
    SELECT count(*) FROM delivery WHERE id BETWEEN :first AND :last AND state = 'scheduled' AND due <= :before";
const SET_ASIDE: &str = "
    UPDATE delivery SET state = 'quarantined'
     WHERE id BETWEEN :first AND :last AND state = 'scheduled' AND due <= :before";
const SUSPECTS: &str = "
       SELECT d.id, d.recipient, d.key, d.wire_key, d.attempts, d.state, c.email, c.name, o.wire_key, o.remote_id,
              p.edition, p.notice, p.due, i.release, i.expires, b.channel
         FROM delivery AS d
              CROSS JOIN block AS b ON b.id = d.block
              CROSS JOIN part AS p ON p.id = b.part
              CROSS JOIN issued AS i ON i.id = p.issued
              LEFT JOIN contact AS c ON c.id = d.recipient
              LEFT JOIN delivery AS o ON o.id = d.previous
        WHERE d.id > :after
          AND (d.state IN ('unknown', 'parked', 'quarantined') OR (d.state = 'scheduled' AND d.due <= :before))
          AND (d.recipient = 0 OR c.id IS NOT NULL)
     ORDER BY d.id
        LIMIT :limit";
const FIND: &str = "
    SELECT d.state, d.attempt, d.block, b.part, b.epoch, p.edition
      FROM delivery AS d
           CROSS JOIN block AS b ON b.id = d.block
           CROSS JOIN part AS p ON p.id = b.part
     WHERE d.id = :delivery";
const WAIT: &str = "UPDATE delivery SET state = 'scheduled' WHERE id = :delivery";
/// The attempt of which this ledger has no memory.
const ATTEMPT: &str = "
    INSERT INTO attempt (delivery, no, epoch, owner, intent_at, deadline, request_sha)
         SELECT id, attempts + 1, :epoch, 'reconcile', :now, :now, :edition FROM delivery WHERE id = :delivery";
const ATTEMPTING: &str = "
    UPDATE delivery SET state = 'attempting', attempts = attempts + 1, attempt = :attempt WHERE id = :delivery";
const SENT: &str = "
    UPDATE delivery SET state = 'sent', remote_id = :remote_id, url = :url, sent_at = :now WHERE id = :delivery";

impl Sqlite {
    pub(in crate::ledger) async fn in_doubt(&self, before: Timestamp) -> Result<u64> {
        self.read("count what is in doubt", move |db, _| {
            let mut count = 0;
            let mut waiting = db.prepare_cached(WAITING)?;
            let mut statement = db.prepare_cached(BLOCKS)?;
            let mut rows = statement.query(named_params! { ":before": At(before) })?;
            while let Some(row) = rows.next()? {
                let (first, last): (i64, i64) = (row.get(2)?, row.get(3)?);
                let range = named_params! { ":first": first, ":last": last, ":before": At(before) };
                count += waiting.query_row(range, |row| row.get::<_, i64>(0))?;
            }
            Ok(count.cast_unsigned())
        })
        .await
    }

    pub(in crate::ledger) async fn set_aside(
        &self,
        before: Timestamp,
        by: &str,
        now: Timestamp,
    ) -> Result<u64> {
        let by = by.to_owned();
        self.write("set aside what is in doubt", 1_000, move |write| {
            let found: Vec<(i64, i64, i64, i64, bool)> = write
                .sql(BLOCKS)?
                .query_map(named_params! { ":before": At(before) }, |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
                })?
                .collect::<rusqlite::Result<_>>()?;
            let mut count = 0;
            for (block, part, first, last, free) in found {
                let range = named_params! { ":first": first, ":last": last, ":before": At(before) };
                let n = write.sql(SET_ASIDE)?.execute(range)?;
                write.count_moved(part, State::Scheduled, State::Quarantined, i64::try_from(n).unwrap_or(0));
                if free && n > 0 {
                    blocks::free(write, block)?;
                }
                count += n as u64;
            }
            if count > 0 {
                let detail = json!({ "deliveries": count, "due_before": before });
                audit::add(write, now, &by, "set aside", "everything", &detail)?;
            }
            Ok(count)
        })
        .await
    }

    pub(in crate::ledger) async fn suspects(
        &self,
        before: Timestamp,
        after: DeliveryId,
        limit: u32,
    ) -> Result<Vec<Suspect>> {
        self.read("list what is in doubt", move |db, _| {
            let row = named_params! { ":after": after.0, ":before": At(before), ":limit": limit };
            let mut statement = db.prepare_cached(SUSPECTS)?;
            let rows = statement.query_map(row, suspect)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    pub(in crate::ledger) async fn found_sent(
        &self,
        found: Vec<FoundSent>,
        by: &str,
        now: Timestamp,
    ) -> Result<u64> {
        let by = by.to_owned();
        self.write("record what was found", found.len() * 4, move |write| {
            let mut news = 0;
            for found in &found {
                news += u64::from(sent(write, found, now)?);
            }
            if news > 0 {
                audit::add(write, now, &by, "reconcile", "everything", &json!({ "found_sent": news }))?;
            }
            Ok(news)
        })
        .await
    }
}

fn suspect(row: &Row<'_>) -> rusqlite::Result<Suspect> {
    let recipient = match row.get::<_, Option<EmailAddress>>(6)? {
        Some(email) => Party::Contact { id: ContactId(row.get(1)?), email, name: row.get(7)? },
        None => Party::Account,
    };
    let previous = match row.get(8)? {
        Some(wire_key) => Some(Previous { wire_key, remote_id: row.get(9)? }),
        None => None,
    };
    let attempts: u32 = row.get(4)?;
    Ok(Suspect {
        claim: Claim {
            delivery: DeliveryId(row.get(0)?),
            epoch: Epoch(0),
            key: row.get(2)?,
            wire_key: row.get(3)?,
            edition: row.get(10)?,
            slug: row.get(13)?,
            notice: row.get(11)?,
            recipient,
            attempt_no: attempts.max(1),
            put_off: 0,
            due: row.get::<_, At>(12)?.0,
            expires: row.get::<_, At>(14)?.0,
            previous,
            guilt: 0,
        },
        channel: row.get(15)?,
        state: row.get(5)?,
    })
}

/// Takes one delivery to `sent` by allowed steps alone; says whether it was news.
fn sent(write: &mut Write<'_>, found: &FoundSent, now: Timestamp) -> Result<bool> {
    let delivery = found.delivery.0;
    let row = write
        .sql(FIND)?
        .query_row(named_params! { ":delivery": delivery }, |row| {
            Ok((
                (row.get::<_, State>(0)?, row.get::<_, Option<i64>>(1)?),
                (row.get::<_, i64>(2)?, row.get::<_, i64>(3)?, row.get::<_, i64>(4)?),
                row.get::<_, Digest>(5)?,
            ))
        })
        .optional()?;
    let Some(((state, newest), (block, part, epoch), edition)) = row else { return Ok(false) };
    let attempt = match (state, newest) {
        (State::Unknown | State::Parked, Some(attempt)) => attempt,
        (State::Scheduled | State::Quarantined, _) => {
            if state == State::Quarantined {
                write.sql(WAIT)?.execute(named_params! { ":delivery": delivery })?;
            }
            let row = named_params! { ":delivery": delivery, ":epoch": epoch, ":now": At(now), ":edition": edition };
            write.sql(ATTEMPT)?.execute(row)?;
            let attempt = write.db.last_insert_rowid();
            write.sql(ATTEMPTING)?.execute(named_params! { ":delivery": delivery, ":attempt": attempt })?;
            attempt
        }
        _ => return Ok(false),
    };
    settle::add_result(write, attempt, "found sent", &found.reply, now, true)?;
    write.sql(SENT)?.execute(named_params! {
        ":delivery": delivery, ":remote_id": found.remote_id, ":url": found.url, ":now": At(now),
    })?;
    write.count_moved(part, state, State::Sent, 1);
    doubt::end(write, delivery)?;
    settle::waits_again(write, block)?;
    follow::catch_up(write, delivery)?;
    Ok(true)
}
