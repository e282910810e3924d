//! What was made before its time; see [`crate::ledger::ahead`].

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, named_params};

use super::values::At;
use super::{Result, Sqlite};
use crate::contact::ContactId;
use crate::digest::Digest;
use crate::ledger::ahead::{Making, SignedWith, Stretch, Unmade, pack};
use crate::ledger::{Claim, DeliveryId, Epoch, Party, Previous};

const NEXT: &str = "
      SELECT b.first, b.last, p.edition, p.due, i.release, p.notice, i.expires
        FROM block AS b
             CROSS JOIN part AS p ON p.id = b.part
             CROSS JOIN issued AS i ON i.id = p.issued
       WHERE b.channel = :channel AND b.lease_owner IS NULL AND b.next_due IS NOT NULL AND b.next_due > :now
         AND b.first <= b.last AND i.complete = 1 AND i.expires > :now
         AND NOT EXISTS (SELECT 1 FROM ahead AS a WHERE a.first = b.first AND a.stamp = :stamp)
    ORDER BY b.next_due
       LIMIT 1";
const WAITING: &str = "
       SELECT d.id, d.key, d.wire_key, d.attempts, c.id, c.email, c.name, o.wire_key, o.remote_id
         FROM delivery AS d
              CROSS JOIN contact AS c ON c.id = d.recipient
              LEFT JOIN delivery AS o ON o.id = d.previous
        WHERE d.id BETWEEN :first AND :last AND d.state = 'scheduled'
          AND NOT EXISTS (SELECT 1 FROM suppression AS s WHERE s.address = c.address)
     ORDER BY d.id";
const KEEP: &str = "
    INSERT INTO ahead (first, last, stamp, made) VALUES (:first, :last, :stamp, :made)
    ON CONFLICT (first) DO UPDATE SET last = excluded.last, stamp = excluded.stamp, made = excluded.made";
const AROUND: &str =
    "SELECT first, last, made FROM ahead WHERE first <= :delivery ORDER BY first DESC LIMIT 1";
const AFTER: &str = "SELECT first FROM ahead WHERE first > :delivery ORDER BY first LIMIT 1";
const FORGET: &str = "
    DELETE FROM ahead
     WHERE first IN (SELECT a.first
                       FROM ahead AS a
                            CROSS JOIN delivery AS d ON d.id = a.first
                            CROSS JOIN block AS b ON b.id = d.block
                      WHERE b.next_due IS NULL AND b.lease_owner IS NULL
                      LIMIT 20)";
const SIGNED: &str = "
    INSERT INTO signed_with (channel, name, record, last_at) VALUES (:channel, :name, :record, :now)
    ON CONFLICT (channel, name, record) DO UPDATE SET last_at = max(last_at, excluded.last_at)";
const SIGNERS: &str =
    "SELECT channel, name, record, last_at FROM signed_with ORDER BY channel, name, last_at";

impl Sqlite {
    pub(in crate::ledger) async fn waiting_ahead(
        &self,
        making: &Making,
        now: Timestamp,
    ) -> Result<Option<Unmade>> {
        let Making { channel, stamp } = making.clone();
        self.read("look what can be made ahead", move |db, _| {
            let row = named_params! { ":channel": channel, ":stamp": stamp, ":now": At(now) };
            let next = db
                .prepare_cached(NEXT)?
                .query_row(row, |row| {
                    Ok((
                        (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?),
                        row.get::<_, Digest>(2)?,
                        row.get::<_, At>(3)?.0,
                        row.get::<_, String>(4)?,
                        row.get(5)?,
                        row.get::<_, At>(6)?.0,
                    ))
                })
                .optional()?;
            let Some(((first, last), edition, due, slug, notice, expires)) = next else { return Ok(None) };
            let claim = |row: &Row<'_>| -> rusqlite::Result<Claim> {
                let previous = match row.get(7)? {
                    Some(wire_key) => Some(Previous { wire_key, remote_id: row.get(8)? }),
                    None => None,
                };
                Ok(Claim {
                    delivery: DeliveryId(row.get(0)?),
                    epoch: Epoch(0),
                    key: row.get(1)?,
                    wire_key: row.get(2)?,
                    edition,
                    slug: slug.clone(),
                    notice,
                    recipient: Party::Contact {
                        id: ContactId(row.get(4)?),
                        email: row.get(5)?,
                        name: row.get(6)?,
                    },
                    attempt_no: row.get::<_, u32>(3)? + 1,
                    put_off: 0,
                    due,
                    expires,
                    previous,
                    guilt: 0,
                })
            };
            let claims = db
                .prepare_cached(WAITING)?
                .query_map(named_params! { ":first": first, ":last": last }, claim)?
                .collect::<rusqlite::Result<_>>()?;
            Ok(Some(Unmade { first: DeliveryId(first), last: DeliveryId(last), claims }))
        })
        .await
    }

    pub(in crate::ledger) async fn keep_ahead(
        &self,
        stamp: Digest,
        (first, last): (DeliveryId, DeliveryId),
        made: Vec<(DeliveryId, Vec<u8>)>,
    ) -> Result<()> {
        self.write("keep what was made ahead", 50, move |write| {
            let made = pack(&made);
            write.sql(KEEP)?.execute(named_params! {
                ":first": first.0, ":last": last.0, ":stamp": stamp, ":made": made,
            })?;
            Ok(())
        })
        .await
    }

    pub(in crate::ledger) async fn made_ahead(&self, delivery: DeliveryId) -> Result<Stretch> {
        self.read("look up what was made ahead", move |db, _| {
            let row = named_params! { ":delivery": delivery.0 };
            let found = db.prepare_cached(AROUND)?.query_row(row, |row| {
                Ok(Stretch::new(DeliveryId(row.get(0)?), DeliveryId(row.get(1)?), row.get(2)?))
            });
            let before = match found.optional()? {
                Some(stretch) if stretch.covers(delivery) => return Ok(stretch),
                Some(stretch) => stretch.last.0,
                None => i64::MIN,
            };
            let row = named_params! { ":delivery": delivery.0 };
            let after: Option<i64> = db.prepare_cached(AFTER)?.query_row(row, |row| row.get(0)).optional()?;
            let last = after.map_or(i64::MAX, |after| after.saturating_sub(1));
            Ok(Stretch::new(DeliveryId(before.saturating_add(1)), DeliveryId(last), Vec::new()))
        })
        .await
    }

    pub(in crate::ledger) async fn forget_ahead(&self) -> Result<u64> {
        self.write("forget what was made ahead", 50, move |write| Ok(write.sql(FORGET)?.execute([])? as u64))
            .await
    }

    pub(in crate::ledger) async fn signs_with(
        &self,
        channel: &str,
        keys: Vec<(String, String)>,
        now: Timestamp,
    ) -> Result<()> {
        let channel = channel.to_owned();
        self.write("note which keys sign", keys.len(), move |write| {
            for (name, record) in keys {
                write.sql(SIGNED)?.execute(named_params! {
                    ":channel": channel, ":name": name, ":record": record, ":now": At(now),
                })?;
            }
            Ok(())
        })
        .await
    }

    pub(in crate::ledger) async fn signed_with(&self) -> Result<Vec<SignedWith>> {
        self.read("list the keys that signed", move |db, _| {
            let signed = |row: &Row<'_>| {
                let last_at = row.get::<_, At>(3)?.0;
                Ok(SignedWith { channel: row.get(0)?, name: row.get(1)?, record: row.get(2)?, last_at })
            };
            Ok(db.prepare_cached(SIGNERS)?.query_map([], signed)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}
