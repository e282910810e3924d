//! What nobody knows: looks at deliveries without an answer, and deaths of the process put down to deliveries.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, named_params};
use serde_json::json;

use super::values::At;
use super::writer::Write;
use super::{Result, Sqlite, audit, settle};
use crate::contact::{ContactId, EmailAddress};
use crate::ledger::{
    AttemptId, Claim, Crash, DeliveryId, Doubt, Epoch, LOOK_AFTER, LedgerError, Party, Previous,
    QUARANTINE_AT, Reply, State,
};

const BEGIN: &str = "
    INSERT INTO doubt (delivery, since, look_at) VALUES (:delivery, :now, :look_at)
    ON CONFLICT (delivery) DO UPDATE SET since = excluded.since, look_at = excluded.look_at, absent = 0";
const END: &str = "UPDATE doubt SET look_at = NULL WHERE delivery = :delivery AND look_at IS NOT NULL";
const TO_LOOK_AT: &str = "
      SELECT d.id, d.attempt, p.channel, d.key, d.wire_key, p.edition, i.release, p.notice, d.recipient, c.id, c.email,
             c.name, d.attempts, p.due, i.expires, o.wire_key, o.remote_id, u.since, u.absent, u.resent, d.state, d.guilt
        FROM doubt AS u
             CROSS JOIN delivery AS d ON d.id = u.delivery
             CROSS JOIN block AS b ON b.id = d.block
             CROSS JOIN part AS p ON p.id = b.part
             CROSS JOIN issued AS i ON i.id = p.issued
             LEFT JOIN contact AS c ON c.id = d.recipient
             LEFT JOIN delivery AS o ON o.id = d.previous
       WHERE u.look_at <= :now AND u.look_at IS NOT NULL
    ORDER BY u.look_at
       LIMIT :limit";
const LOOK_AT: &str =
    "UPDATE doubt SET look_at = :at, absent = :absent WHERE delivery = :delivery AND look_at IS NOT NULL";
const ONCE_MORE: &str = "UPDATE doubt SET resent = 1 WHERE delivery = :delivery AND resent = 0";
const BLAME: &str = "
    UPDATE delivery SET guilt = guilt + :guilt, guilt_epoch = :epoch
     WHERE id = :delivery AND state = 'scheduled' AND (guilt_epoch IS NULL OR guilt_epoch <> :epoch)
 RETURNING guilt, block, (SELECT part FROM block WHERE id = block)";
const RELEASE: &str = "
    SELECT i.release
      FROM delivery AS d
           CROSS JOIN block AS b ON b.id = d.block
           CROSS JOIN part AS p ON p.id = b.part
           CROSS JOIN issued AS i ON i.id = p.issued
     WHERE d.id = :delivery";

impl Sqlite {
    pub(in crate::ledger) async fn doubts(&self, now: Timestamp, limit: u32) -> Result<Vec<Doubt>> {
        self.write("look at what is unknown", limit as usize, move |write| {
            let row = named_params! { ":now": At(now), ":limit": limit };
            let found: Vec<(Doubt, State)> =
                write.sql(TO_LOOK_AT)?.query_map(row, doubt)?.collect::<rusqlite::Result<_>>()?;
            let mut doubts = Vec::new();
            for (doubt, state) in found {
                let delivery = doubt.claim.delivery.0;
                if state == State::Unknown {
                    look_at(write, delivery, now.checked_add(LOOK_AFTER).unwrap_or(now), doubt.absent)?;
                    doubts.push(doubt);
                } else {
                    end(write, delivery)?;
                }
            }
            Ok(doubts)
        })
        .await
    }

    pub(in crate::ledger) async fn look_again(
        &self,
        delivery: DeliveryId,
        at: Timestamp,
        absent: u32,
    ) -> Result<()> {
        self.write("look again later", 1, move |write| look_at(write, delivery.0, at, absent)).await
    }

    pub(in crate::ledger) async fn send_once_more(
        &self,
        delivery: DeliveryId,
        evidence: Reply,
        now: Timestamp,
    ) -> Result<State> {
        self.write("send once more", 4, move |write| {
            let first = write.sql(ONCE_MORE)?.execute(named_params! { ":delivery": delivery.0 })? == 1;
            let (word, next) =
                if first { ("sent once more by rule", State::Scheduled) } else { ("parked", State::Parked) };
            settle::decide(write, delivery, (word, next), "on_unknown", &evidence, now)
        })
        .await
    }

    pub(in crate::ledger) async fn crashed(
        &self,
        crashes: Vec<Crash>,
        now: Timestamp,
    ) -> Result<Vec<DeliveryId>> {
        self.write("record a crash", crashes.len(), move |write| {
            let mut quarantined = Vec::new();
            for crash in crashes {
                if blame(write, &crash, now)? {
                    quarantined.push(crash.delivery);
                }
            }
            Ok(quarantined)
        })
        .await
    }
}

/// A delivery became unknown: it is looked at from `look_at` on.
pub(super) fn begin(write: &Write<'_>, delivery: i64, now: Timestamp, look_at: Timestamp) -> Result<()> {
    write.sql(BEGIN)?.execute(named_params! {
        ":delivery": delivery, ":now": At(now), ":look_at": At(look_at),
    })?;
    Ok(())
}

/// A delivery is not unknown any more.
pub(super) fn end(write: &Write<'_>, delivery: i64) -> Result<()> {
    write.sql(END)?.execute(named_params! { ":delivery": delivery })?;
    Ok(())
}

fn look_at(write: &Write<'_>, delivery: i64, at: Timestamp, absent: u32) -> Result<()> {
    write.sql(LOOK_AT)?.execute(named_params! {
        ":delivery": delivery, ":at": At(at), ":absent": absent,
    })?;
    Ok(())
}

fn doubt(row: &Row<'_>) -> rusqlite::Result<(Doubt, State)> {
    let recipient: i64 = row.get(8)?;
    let contact: Option<i64> = row.get(9)?;
    let party = match contact {
        Some(id) if recipient != 0 => {
            let email: EmailAddress = row.get(10)?;
            Party::Contact { id: ContactId(id), email, name: row.get(11)? }
        }
        _ => Party::Account,
    };
    let previous = match row.get(15)? {
        Some(wire_key) => Some(Previous { wire_key, remote_id: row.get(16)? }),
        None => None,
    };
    let claim = Claim {
        delivery: DeliveryId(row.get(0)?),
        epoch: Epoch(0),
        key: row.get(3)?,
        wire_key: row.get(4)?,
        edition: row.get(5)?,
        slug: row.get(6)?,
        notice: row.get(7)?,
        recipient: party,
        attempt_no: row.get(12)?,
        put_off: 0,
        due: row.get::<_, At>(13)?.0,
        expires: row.get::<_, At>(14)?.0,
        previous,
        guilt: row.get(21)?,
    };
    let doubt = Doubt {
        claim,
        attempt: AttemptId(row.get::<_, Option<i64>>(1)?.unwrap_or(0)),
        channel: row.get(2)?,
        erased: recipient != 0 && contact.is_none(),
        since: row.get::<_, At>(17)?.0,
        absent: row.get(18)?,
        resent: row.get(19)?,
    };
    Ok((doubt, row.get(20)?))
}

/// Puts one crash down to its delivery; returns whether it is quarantined for it.
fn blame(write: &mut Write<'_>, crash: &Crash, now: Timestamp) -> Result<bool> {
    let delivery = crash.delivery.0;
    let row = named_params! { ":delivery": delivery, ":epoch": crash.epoch.0, ":guilt": crash.guilt };
    let found: Option<(u32, i64, i64)> =
        write.sql(BLAME)?.query_row(row, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let Some((guilt, block, part)) = found else { return Ok(false) };
    if guilt < QUARANTINE_AT {
        return Ok(false);
    }
    settle::become_state(write, delivery, State::Quarantined)?;
    write.count_moved(part, State::Scheduled, State::Quarantined, 1);
    settle::waits_again(write, block)?;
    let release: String =
        write.sql(RELEASE)?.query_row(named_params! { ":delivery": delivery }, |row| row.get(0))?;
    let detail = json!({ "delivery": delivery, "guilt": guilt });
    audit::add(write, now, "dispatch", "quarantine", &release, &detail)?;
    Ok(true)
}

/// There is no such delivery.
pub(super) fn unknown_delivery(delivery: DeliveryId) -> LedgerError {
    LedgerError::Refused(format!("there is no delivery {}", delivery.0))
}
