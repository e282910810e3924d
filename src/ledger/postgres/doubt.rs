//! What nobody knows: looks at deliveries without an answer, and deaths of processes put down to deliveries.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::json;
use tokio_postgres::Row;

use super::locks::Lock;
use super::session::{Param, Tx};
use super::values::At;
use super::{Postgres, Result, again, audit, blocks, settle};
use crate::contact::{ContactId, EmailAddress};
use crate::ledger::{
    AttemptId, Claim, Crash, DeliveryId, Doubt, Epoch, LOOK_AFTER, LedgerError, Party, Previous,
    QUARANTINE_AT, Reply, State,
};

const BEGIN: &str = "
    INSERT INTO doubt (delivery, since, look_at)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
    ON CONFLICT (delivery) DO UPDATE SET since = excluded.since, look_at = excluded.look_at, absent = 0";
const END: &str =
    "UPDATE doubt SET look_at = NULL WHERE delivery = ANY($1::bigint[]) AND look_at IS NOT NULL";
/// Two daemons never look at the same one.
const TO_LOOK_AT: &str = "
      SELECT d.id, d.attempt, p.channel, d.key, d.wire_key, p.edition, i.release, p.notice, d.recipient, c.id, c.email,
             c.name, d.attempts, p.due, i.expires, o.wire_key, o.remote_id, u.since, u.absent, u.resent, d.state, d.guilt
        FROM doubt AS u
             JOIN delivery AS d ON d.id = u.delivery
             JOIN block AS b ON b.id = d.block
             JOIN part AS p ON p.id = b.part
             JOIN issued AS i ON i.id = p.issued
             LEFT JOIN contact AS c ON c.id = d.recipient
             LEFT JOIN delivery AS o ON o.id = d.previous
       WHERE u.look_at <= $1 AND u.look_at IS NOT NULL
    ORDER BY u.look_at
       LIMIT $2
         FOR NO KEY UPDATE OF u SKIP LOCKED";
const LOOK_AT: &str =
    "UPDATE doubt SET look_at = $2, absent = $3 WHERE delivery = $1 AND look_at IS NOT NULL";
const ONCE_MORE: &str = "UPDATE doubt SET resent = true WHERE delivery = $1 AND NOT resent";
const BLAME: &str = "
    UPDATE delivery AS d SET guilt = d.guilt + $3, guilt_epoch = $2
      FROM block AS b
     WHERE d.id = $1 AND b.id = d.block AND d.state = 'scheduled'
       AND (d.guilt_epoch IS NULL OR d.guilt_epoch <> $2)
 RETURNING d.guilt, d.block, b.part";
const QUARANTINE: &str = "UPDATE delivery SET state = 'quarantined' WHERE id = $1";
const RELEASE: &str = "
    SELECT i.release
      FROM delivery AS d
           JOIN block AS b ON b.id = d.block
           JOIN part AS p ON p.id = b.part
           JOIN issued AS i ON i.id = p.issued
     WHERE d.id = $1";

impl Postgres {
    pub(in crate::ledger) async fn doubts(&self, now: Timestamp, limit: u32) -> Result<Vec<Doubt>> {
        again!(self.doubts_once(now, limit))
    }

    async fn doubts_once(&self, now: Timestamp, limit: u32) -> Result<Vec<Doubt>> {
        let tx = self.begin("look at what is unknown", &[]).await?;
        let (mut doubts, mut over) = (Vec::new(), Vec::new());
        for row in tx.query(TO_LOOK_AT, &[&At(now), &i64::from(limit)]).await? {
            let (doubt, state) = doubt(&row)?;
            let delivery = doubt.claim.delivery;
            if state == State::Unknown {
                let later = now.checked_add(LOOK_AFTER).unwrap_or(now);
                look_at(&tx, delivery, later, doubt.absent).await?;
                doubts.push(doubt);
            } else {
                over.push(delivery.0);
            }
        }
        end(&tx, &over).await?;
        tx.commit().await?;
        Ok(doubts)
    }

    pub(in crate::ledger) async fn look_again(
        &self,
        delivery: DeliveryId,
        at: Timestamp,
        absent: u32,
    ) -> Result<()> {
        let tx = self.begin("look again later", &[]).await?;
        look_at(&tx, delivery, at, absent).await?;
        tx.commit().await
    }

    pub(in crate::ledger) async fn send_once_more(
        &self,
        delivery: DeliveryId,
        evidence: Reply,
        now: Timestamp,
    ) -> Result<State> {
        again!(self.send_once_more_once(delivery, &evidence, now))
    }

    async fn send_once_more_once(
        &self,
        delivery: DeliveryId,
        evidence: &Reply,
        now: Timestamp,
    ) -> Result<State> {
        let mut tx = self.begin("send once more", &[Lock::Results]).await?;
        blocks::lock_of(&tx, &[delivery.0]).await?;
        let first = tx.execute(ONCE_MORE, &[&delivery.0]).await? == 1;
        let decided =
            if first { ("sent once more by rule", State::Scheduled) } else { ("parked", State::Parked) };
        let next = settle::decide(&mut tx, delivery, decided, "on_unknown", evidence, now).await?;
        tx.commit().await?;
        Ok(next)
    }

    pub(in crate::ledger) async fn crashed(
        &self,
        crashes: Vec<Crash>,
        now: Timestamp,
    ) -> Result<Vec<DeliveryId>> {
        again!(self.crashed_once(&crashes, now))
    }

    async fn crashed_once(&self, crashes: &[Crash], now: Timestamp) -> Result<Vec<DeliveryId>> {
        let mut tx = self.begin("record a crash", &[]).await?;
        let of: Vec<i64> = crashes.iter().map(|crash| crash.delivery.0).collect();
        blocks::lock_of(&tx, &of).await?;
        let mut quarantined = Vec::new();
        for crash in crashes {
            if blame(&mut tx, crash, now).await? {
                quarantined.push(crash.delivery);
            }
        }
        tx.commit().await?;
        Ok(quarantined)
    }
}

/// Deliveries became unknown: since when, and from when on they are looked at.
pub(super) async fn begin(tx: &Tx<'_>, begun: &HashMap<i64, (Timestamp, Timestamp)>) -> Result<()> {
    if begun.is_empty() {
        return Ok(());
    }
    let (mut ids, mut since, mut look_at) = (vec![], vec![], vec![]);
    for (delivery, (now, look)) in begun {
        ids.push(*delivery);
        since.push(At(*now));
        look_at.push(At(*look));
    }
    let rows: [Param<'_>; 3] = [&ids, &since, &look_at];
    tx.execute(BEGIN, &rows).await?;
    Ok(())
}

/// Deliveries are not unknown any more.
pub(super) async fn end(tx: &Tx<'_>, deliveries: &[i64]) -> Result<()> {
    if !deliveries.is_empty() {
        tx.execute(END, &[&deliveries]).await?;
    }
    Ok(())
}

async fn look_at(tx: &Tx<'_>, delivery: DeliveryId, at: Timestamp, absent: u32) -> Result<()> {
    let absent = i32::try_from(absent).unwrap_or(i32::MAX);
    tx.execute(LOOK_AT, &[&delivery.0, &At(at), &absent]).await?;
    Ok(())
}

fn doubt(row: &Row) -> Result<(Doubt, State)> {
    let recipient: i64 = row.try_get(8)?;
    let contact: Option<i64> = row.try_get(9)?;
    let party = match contact {
        Some(id) if recipient != 0 => {
            let email: EmailAddress = row.try_get(10)?;
            Party::Contact { id: ContactId(id), email, name: row.try_get(11)? }
        }
        _ => Party::Account,
    };
    let previous = match row.try_get(15)? {
        Some(wire_key) => Some(Previous { wire_key, remote_id: row.try_get(16)? }),
        None => None,
    };
    let claim = Claim {
        delivery: DeliveryId(row.try_get(0)?),
        epoch: Epoch(0),
        key: row.try_get(3)?,
        wire_key: row.try_get(4)?,
        edition: row.try_get(5)?,
        slug: row.try_get(6)?,
        notice: row.try_get(7)?,
        recipient: party,
        attempt_no: row.try_get::<_, i32>(12)?.unsigned_abs(),
        put_off: 0,
        due: row.try_get::<_, At>(13)?.0,
        expires: row.try_get::<_, At>(14)?.0,
        previous,
        guilt: row.try_get::<_, i32>(21)?.unsigned_abs(),
    };
    let doubt = Doubt {
        claim,
        attempt: AttemptId(row.try_get::<_, Option<i64>>(1)?.unwrap_or(0)),
        channel: row.try_get(2)?,
        erased: recipient != 0 && contact.is_none(),
        since: row.try_get::<_, At>(17)?.0,
        absent: row.try_get::<_, i32>(18)?.unsigned_abs(),
        resent: row.try_get(19)?,
    };
    Ok((doubt, row.try_get(20)?))
}

/// Puts one crash down to its delivery; returns whether it is quarantined for it.
async fn blame(tx: &mut Tx<'_>, crash: &Crash, now: Timestamp) -> Result<bool> {
    let delivery = crash.delivery.0;
    let guilt = i32::try_from(crash.guilt).unwrap_or(i32::MAX);
    let Some(row) = tx.opt(BLAME, &[&delivery, &crash.epoch.0, &guilt]).await? else { return Ok(false) };
    let guilt = row.try_get::<_, i32>(0)?.unsigned_abs();
    let (block, part): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
    if guilt < QUARANTINE_AT {
        return Ok(false);
    }
    tx.execute(QUARANTINE, &[&delivery]).await?;
    tx.count_moved(part, State::Scheduled, State::Quarantined, 1);
    settle::wait_again(tx, &[block]).await?;
    let release: String = tx.one(RELEASE, &[&delivery]).await?.try_get(0)?;
    let detail = json!({ "delivery": delivery, "guilt": guilt });
    audit::add(tx, now, "dispatch", "quarantine", &release, &detail).await?;
    Ok(true)
}

/// There is no such delivery.
pub(super) fn unknown_delivery(delivery: DeliveryId) -> LedgerError {
    LedgerError::Refused(format!("there is no delivery {}", delivery.0))
}
