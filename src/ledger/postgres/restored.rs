//! What a restored ledger does not know: listing it, and taking in what was found out.

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;
use tokio_postgres::Row;

use super::locks::Lock;
use super::rows::Rows;
use super::session::Tx;
use super::settle::{self, RESULTS_OF};
use super::values::At;
use super::{Postgres, Result, again, audit, blocks, follow};
use crate::contact::{ContactId, EmailAddress};
use crate::digest::Digest;
use crate::ledger::{
    Claim, Copied, DeliveryId, Epoch, FoundSent, LedgerError, Party, Previous, State, Suspect,
};

const IN_DOUBT: &str = "
    SELECT count(*)
      FROM block AS b
           JOIN part AS p ON p.id = b.part
           JOIN delivery AS d ON d.id BETWEEN b.first AND b.last
     WHERE (b.next_due <= $1 OR b.lease_owner IS NOT NULL) AND p.notice IN ('original', 'correction')
       AND d.state = 'scheduled' AND d.due <= $1";
/// Blocks in which something may wait; a thousand deliveries each.
const BLOCKS: &str = "
      SELECT b.id, b.part, b.first, b.last, b.lease_owner IS NULL
        FROM block AS b JOIN part AS p ON p.id = b.part
       WHERE (b.next_due <= $1 OR b.lease_owner IS NOT NULL) AND p.notice IN ('original', 'correction')
    ORDER BY b.id
         FOR NO KEY UPDATE OF b";
const SET_ASIDE: &str = "
    UPDATE delivery SET state = 'quarantined'
     WHERE id BETWEEN $1 AND $2 AND state = 'scheduled' AND due <= $3";
const SUSPECTS: &str = "
       SELECT d.id, d.recipient, d.key, d.wire_key, d.attempts, d.state, c.email, c.name, o.wire_key, o.remote_id,
              p.edition, p.notice, p.due, i.release, i.expires, b.channel
         FROM delivery AS d
              JOIN block AS b ON b.id = d.block
              JOIN part AS p ON p.id = b.part
              JOIN issued AS i ON i.id = p.issued
              LEFT JOIN contact AS c ON c.id = d.recipient
              LEFT JOIN delivery AS o ON o.id = d.previous
        WHERE d.id > $1
          AND (d.state IN ('unknown', 'parked', 'quarantined') OR (d.state = 'scheduled' AND d.due <= $2))
          AND (d.recipient = 0 OR c.id IS NOT NULL)
     ORDER BY d.id
        LIMIT $3";
const FIND: &str = "
    SELECT d.state, d.attempt, d.block, b.part, p.edition
      FROM delivery AS d
           JOIN block AS b ON b.id = d.block
           JOIN part AS p ON p.id = b.part
     WHERE d.id = $1";
const WAIT: &str = "UPDATE delivery SET state = 'scheduled' WHERE id = $1";
const ATTEMPTING: &str = "
    UPDATE delivery SET state = 'attempting', attempts = attempts + 1, attempt = nextval('attempt_id')
     WHERE id = $1
 RETURNING attempt, attempts";
/// The attempt of which this ledger has no memory. It was made under no claim that is known: its epoch is negative.
const ATTEMPT: &str = "
    INSERT INTO attempt (id, delivery, no, epoch, owner, intent_at, deadline, request_sha)
         VALUES ($1, $2, $3, -$1, 'reconcile', $4, $4, $5)";

impl Postgres {
    #[expect(clippy::unused_async, reason = "the other backend waits here")]
    pub(in crate::ledger) async fn backup(&self, _to: &Path) -> Result<Copied> {
        Err(LedgerError::Refused(
            "a ledger on PostgreSQL is copied by its own tools: `pg_dump --format=custom --file=FILE \"$URL\"`, \
             or continuous archiving"
                .to_owned(),
        ))
    }

    pub(in crate::ledger) async fn in_doubt(&self, before: Timestamp) -> Result<u64> {
        let tx = self.look("count what is in doubt").await?;
        tx.read_all().await?;
        let n: i64 = tx.one(IN_DOUBT, &[&At(before)]).await?.try_get(0)?;
        tx.commit().await?;
        Ok(n.cast_unsigned())
    }

    pub(in crate::ledger) async fn set_aside(
        &self,
        before: Timestamp,
        by: &str,
        now: Timestamp,
    ) -> Result<u64> {
        again!(self.set_aside_once(before, by, now))
    }

    async fn set_aside_once(&self, before: Timestamp, by: &str, now: Timestamp) -> Result<u64> {
        let mut tx = self.begin("set aside what is in doubt", &[]).await?;
        tx.take_time().await?;
        let (mut count, mut over) = (0, Vec::new());
        for row in tx.query(BLOCKS, &[&At(before)]).await? {
            let (block, part): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let (first, last): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
            let n = tx.execute(SET_ASIDE, &[&first, &last, &At(before)]).await?;
            tx.count_moved(part, State::Scheduled, State::Quarantined, n.cast_signed());
            if row.try_get(4)? && n > 0 {
                over.push(block);
            }
            count += n;
        }
        blocks::free(&tx, &over).await?;
        if count > 0 {
            let detail = json!({ "deliveries": count, "due_before": before });
            audit::add(&tx, now, by, "set aside", "everything", &detail).await?;
        }
        tx.commit().await?;
        Ok(count)
    }

    pub(in crate::ledger) async fn suspects(
        &self,
        before: Timestamp,
        after: DeliveryId,
        limit: u32,
    ) -> Result<Vec<Suspect>> {
        let tx = self.look("list what is in doubt").await?;
        let rows = tx.query(SUSPECTS, &[&after.0, &At(before), &i64::from(limit)]).await?;
        tx.commit().await?;
        rows.iter().map(suspect).collect()
    }

    pub(in crate::ledger) async fn found_sent(
        &self,
        found: Vec<FoundSent>,
        by: &str,
        now: Timestamp,
    ) -> Result<u64> {
        again!(self.found_sent_once(&found, by, now))
    }

    async fn found_sent_once(&self, all: &[FoundSent], by: &str, now: Timestamp) -> Result<u64> {
        let mut tx = self.begin("record what was found", &[Lock::Results]).await?;
        let deliveries: Vec<i64> = all.iter().map(|found| found.delivery.0).collect();
        blocks::lock_of(&tx, &deliveries).await?;
        let mut news = 0;
        for found in all {
            news += u64::from(sent(&mut tx, found, now).await?);
        }
        if news > 0 {
            audit::add(&tx, now, by, "reconcile", "everything", &json!({ "found_sent": news })).await?;
        }
        tx.commit().await?;
        Ok(news)
    }
}

fn suspect(row: &Row) -> Result<Suspect> {
    let recipient = match row.try_get::<_, Option<EmailAddress>>(6)? {
        Some(email) => Party::Contact { id: ContactId(row.try_get(1)?), email, name: row.try_get(7)? },
        None => Party::Account,
    };
    let previous = match row.try_get(8)? {
        Some(wire_key) => Some(Previous { wire_key, remote_id: row.try_get(9)? }),
        None => None,
    };
    Ok(Suspect {
        claim: Claim {
            delivery: DeliveryId(row.try_get(0)?),
            epoch: Epoch(0),
            key: row.try_get(2)?,
            wire_key: row.try_get(3)?,
            edition: row.try_get(10)?,
            slug: row.try_get(13)?,
            notice: row.try_get(11)?,
            recipient,
            attempt_no: row.try_get::<_, i32>(4)?.unsigned_abs().max(1),
            put_off: 0,
            due: row.try_get::<_, At>(12)?.0,
            expires: row.try_get::<_, At>(14)?.0,
            previous,
            guilt: 0,
        },
        channel: row.try_get(15)?,
        state: row.try_get(5)?,
    })
}

/// Takes one delivery to `sent` by allowed steps alone; says whether it was news.
async fn sent(tx: &mut Tx<'_>, found: &FoundSent, now: Timestamp) -> Result<bool> {
    let delivery = found.delivery.0;
    let Some(row) = tx.opt(FIND, &[&delivery]).await? else { return Ok(false) };
    let (state, newest): (State, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    let (block, part): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
    let edition: Digest = row.try_get(4)?;
    let attempt = match (state, newest) {
        (State::Unknown | State::Parked, Some(attempt)) => attempt,
        (State::Scheduled | State::Quarantined, _) => {
            if state == State::Quarantined {
                tx.execute(WAIT, &[&delivery]).await?;
            }
            let row = tx.one(ATTEMPTING, &[&delivery]).await?;
            let (attempt, no): (i64, i32) = (row.try_get(0)?, row.try_get(1)?);
            tx.attempt = tx.attempt.max(attempt);
            tx.execute(ATTEMPT, &[&attempt, &delivery, &no, &At(now), &edition]).await?;
            attempt
        }
        _ => return Ok(false),
    };
    let before: i64 = tx.one(RESULTS_OF, &[&attempt]).await?.try_get(0)?;
    let mut rows = Rows::default();
    rows.result(attempt, before + 1, "found sent", &found.reply, now, true);
    rows.found(delivery, found.remote_id.clone(), found.url.clone(), now);
    rows.write(tx).await?;
    tx.count_moved(part, state, State::Sent, 1);
    settle::wait_again(tx, &[block]).await?;
    follow::catch_up(tx, delivery).await?;
    Ok(true)
}
