//! What was made before its time; see [`crate::ledger::ahead`].

use jiff::Timestamp;

use super::values::At;
use super::{Postgres, Result};
use crate::contact::{ContactId, EmailAddress};
use crate::digest::Digest;
use crate::ledger::ahead::{Making, SignedWith, Stretch, Unmade, pack};
use crate::ledger::{Claim, DeliveryId, Epoch, Party, Previous};

const NEXT: &str = "
      SELECT b.first, b.last, p.edition, p.due, i.release, p.notice, i.expires
        FROM block AS b
             JOIN part AS p ON p.id = b.part
             JOIN issued AS i ON i.id = p.issued
       WHERE b.channel = $1 AND b.lease_owner IS NULL AND b.next_due IS NOT NULL AND b.next_due > $3
         AND b.first <= b.last AND i.complete AND i.expires > $3
         AND NOT EXISTS (SELECT 1 FROM ahead AS a WHERE a.first = b.first AND a.stamp = $2)
    ORDER BY b.next_due
       LIMIT 1";
const WAITING: &str = "
       SELECT d.id, d.key, d.wire_key, d.attempts, c.id, c.email, c.name, o.wire_key, o.remote_id
         FROM delivery AS d
              JOIN contact AS c ON c.id = d.recipient
              LEFT JOIN delivery AS o ON o.id = d.previous
        WHERE d.id BETWEEN $1 AND $2 AND d.state = 'scheduled'
          AND NOT EXISTS (SELECT 1 FROM suppression AS s WHERE s.address = c.address)
     ORDER BY d.id";
const KEEP: &str = "
    INSERT INTO ahead (first, last, stamp, made) VALUES ($1, $2, $3, $4)
    ON CONFLICT (first) DO UPDATE SET last = excluded.last, stamp = excluded.stamp, made = excluded.made";
const AROUND: &str = "SELECT first, last, made FROM ahead WHERE first <= $1 ORDER BY first DESC LIMIT 1";
const AFTER: &str = "SELECT first FROM ahead WHERE first > $1 ORDER BY first LIMIT 1";
const FORGET: &str = "
    DELETE FROM ahead
     WHERE first IN (SELECT a.first
                       FROM ahead AS a
                            JOIN delivery AS d ON d.id = a.first
                            JOIN block AS b ON b.id = d.block
                      WHERE b.next_due IS NULL AND b.lease_owner IS NULL
                      LIMIT 20)";
const SIGNED: &str = "
    INSERT INTO signed_with (channel, name, record, last_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (channel, name, record)
    DO UPDATE SET last_at = greatest(signed_with.last_at, excluded.last_at)";
const SIGNERS: &str =
    "SELECT channel, name, record, last_at FROM signed_with ORDER BY channel, name, last_at";

impl Postgres {
    pub(in crate::ledger) async fn waiting_ahead(
        &self,
        making: &Making,
        now: Timestamp,
    ) -> Result<Option<Unmade>> {
        let tx = self.look("look what can be made ahead").await?;
        let Some(next) = tx.opt(NEXT, &[&making.channel, &making.stamp, &At(now)]).await? else {
            tx.commit().await?;
            return Ok(None);
        };
        let (first, last): (i64, i64) = (next.try_get(0)?, next.try_get(1)?);
        let slug: String = next.try_get(4)?;
        let mut claims = Vec::new();
        for row in tx.query(WAITING, &[&first, &last]).await? {
            let previous = match row.try_get(7)? {
                Some(wire_key) => Some(Previous { wire_key, remote_id: row.try_get(8)? }),
                None => None,
            };
            let email: EmailAddress = row.try_get(5)?;
            claims.push(Claim {
                delivery: DeliveryId(row.try_get(0)?),
                epoch: Epoch(0),
                key: row.try_get(1)?,
                wire_key: row.try_get(2)?,
                edition: next.try_get(2)?,
                slug: slug.clone(),
                notice: next.try_get(5)?,
                recipient: Party::Contact { id: ContactId(row.try_get(4)?), email, name: row.try_get(6)? },
                attempt_no: row.try_get::<_, i32>(3)?.unsigned_abs() + 1,
                put_off: 0,
                due: next.try_get::<_, At>(3)?.0,
                expires: next.try_get::<_, At>(6)?.0,
                previous,
                guilt: 0,
            });
        }
        tx.commit().await?;
        Ok(Some(Unmade { first: DeliveryId(first), last: DeliveryId(last), claims }))
    }

    pub(in crate::ledger) async fn keep_ahead(
        &self,
        stamp: Digest,
        (first, last): (DeliveryId, DeliveryId),
        made: Vec<(DeliveryId, Vec<u8>)>,
    ) -> Result<()> {
        let tx = self.begin("keep what was made ahead", &[]).await?;
        tx.execute(KEEP, &[&first.0, &last.0, &stamp, &pack(&made)]).await?;
        tx.commit().await
    }

    pub(in crate::ledger) async fn made_ahead(&self, delivery: DeliveryId) -> Result<Stretch> {
        let tx = self.look("look up what was made ahead").await?;
        let found = tx.opt(AROUND, &[&delivery.0]).await?;
        let after = tx.opt(AFTER, &[&delivery.0]).await?;
        tx.commit().await?;
        let mut before = i64::MIN;
        if let Some(row) = found {
            let stretch =
                Stretch::new(DeliveryId(row.try_get(0)?), DeliveryId(row.try_get(1)?), row.try_get(2)?);
            if stretch.covers(delivery) {
                return Ok(stretch);
            }
            before = stretch.last.0;
        }
        let after: Option<i64> = after.map(|row| row.try_get(0)).transpose()?;
        let last = after.map_or(i64::MAX, |after| after.saturating_sub(1));
        Ok(Stretch::new(DeliveryId(before.saturating_add(1)), DeliveryId(last), Vec::new()))
    }

    pub(in crate::ledger) async fn forget_ahead(&self) -> Result<u64> {
        let tx = self.begin("forget what was made ahead", &[]).await?;
        let gone = tx.execute(FORGET, &[]).await?;
        tx.commit().await?;
        Ok(gone)
    }

    pub(in crate::ledger) async fn signs_with(
        &self,
        channel: &str,
        keys: Vec<(String, String)>,
        now: Timestamp,
    ) -> Result<()> {
        let tx = self.begin("note which keys sign", &[]).await?;
        for (name, record) in keys {
            tx.execute(SIGNED, &[&channel, &name, &record, &At(now)]).await?;
        }
        tx.commit().await
    }

    pub(in crate::ledger) async fn signed_with(&self) -> Result<Vec<SignedWith>> {
        let tx = self.look("list the keys that signed").await?;
        let mut signed = Vec::new();
        for row in tx.query(SIGNERS, &[]).await? {
            let last_at = row.try_get::<_, At>(3)?.0;
            signed.push(SignedWith {
                channel: row.try_get(0)?,
                name: row.try_get(1)?,
                record: row.try_get(2)?,
                last_at,
            });
        }
        tx.commit().await?;
        Ok(signed)
    }
}
