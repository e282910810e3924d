//! Claims: leases on blocks of deliveries that are due.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension as _, Row, named_params};

use super::values::At;
use super::writer::Write;
use super::{Result, Sqlite, blocks};
use crate::contact::{ContactId, EmailAddress};
use crate::digest::Digest;
use crate::ledger::{Claim, DeliveryId, Epoch, LEASE, Party, Previous, Rescued, State};
use crate::release::Notice;

/// A block of which all that is due is for held destinations is looked at again after this.
pub(super) const HELD_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// One row per part that waits, by skipping through the index; then the first block of each that may leave. `:other` leaves
/// out the releases of which the owner has something.
const NEXT_BLOCK: &str = "
      WITH RECURSIVE waiting (part) AS (
               SELECT min(part)
                 FROM block
                WHERE channel = :channel AND lease_owner IS NULL AND next_due IS NOT NULL
            UNION ALL
               SELECT (SELECT min(part)
                         FROM block
                        WHERE channel = :channel AND part > waiting.part AND lease_owner IS NULL
                          AND next_due IS NOT NULL)
                 FROM waiting
                WHERE waiting.part IS NOT NULL),
           ready AS (
               SELECT p.id AS part, p.notice, p.edition, p.due, i.id AS issued, i.release, i.expires,
                      (SELECT b.id
                         FROM block AS b
                        WHERE b.channel = :channel AND b.part = p.id AND b.lease_owner IS NULL AND b.next_due <= :now
                     ORDER BY b.next_due, b.id
                        LIMIT 1) AS block,
                      (SELECT count(*)
                         FROM block AS l
                              CROSS JOIN part AS lp ON lp.id = l.part
                        WHERE l.lease_owner = :owner AND l.lease_owner IS NOT NULL AND l.lease_until > 0
                          AND l.channel = :channel AND lp.issued = i.id) AS in_hand
                 FROM waiting
                      CROSS JOIN part AS p ON p.id = waiting.part
                      CROSS JOIN issued AS i ON i.id = p.issued
                WHERE i.complete = 1
                  AND NOT EXISTS (SELECT 1
                                    FROM hold
                                   WHERE scope = 'everything' AND target = ''
                                     AND (cause <> 'clock'
                                          OR (since < i.publish AND p.notice IN ('original', 'correction'))))
                  AND NOT EXISTS (SELECT 1 FROM hold WHERE scope = 'channel' AND target = :channel)
                  AND NOT EXISTS (SELECT 1
                                    FROM hold
                                   WHERE scope = 'release' AND target = i.release
                                     AND (cause = 'operator' OR p.notice IN ('original', 'correction'))))
      SELECT b.id, b.first, b.last, b.epoch, r.part, r.notice, r.edition, r.due, r.release, r.expires
        FROM ready AS r
             CROSS JOIN block AS b ON b.id = r.block
       WHERE r.in_hand = 0 OR NOT :other
    ORDER BY r.notice = 'original', r.in_hand, b.next_due, b.id
       LIMIT 1";
const DUE: &str = "
       SELECT d.id, d.recipient, d.key, d.wire_key, d.attempts, c.id, c.email, c.name,
              EXISTS (SELECT 1 FROM suppression AS s WHERE s.address = c.address),
              EXISTS (SELECT 1 FROM hold AS h WHERE h.scope = 'destination' AND h.target = c.domain),
              o.wire_key, o.remote_id, d.guilt,
              CASE WHEN d.attempts = 0 THEN 0
                   ELSE (SELECT count(*)
                           FROM attempt AS t
                                CROSS JOIN result AS r ON r.attempt = t.id
                          WHERE t.delivery = d.id AND r.outcome = 'later')
              END
         FROM delivery AS d
              LEFT JOIN contact AS c ON c.id = d.recipient
              LEFT JOIN delivery AS o ON o.id = d.previous
        WHERE d.id BETWEEN :first AND :last AND d.state = 'scheduled' AND d.due <= :now
     ORDER BY d.id";
const LEASE_BLOCK: &str = "
    UPDATE block
       SET lease_owner = :owner, lease_until = :until, epoch = epoch + 1, claimed = :claimed
     WHERE id = :block
 RETURNING epoch";
const PUT_OFF: &str = "UPDATE block SET next_due = :again WHERE id = :block AND next_due <= :now";
const RENEW: &str = "
    UPDATE block SET lease_until = :until
     WHERE lease_owner = :owner AND lease_owner IS NOT NULL AND lease_until > :now";
const LEASED_BY: &str = "
    SELECT id, first, last FROM block WHERE lease_owner = :owner AND lease_owner IS NOT NULL AND lease_until > 0";
const UNDER_WAY: &str = "
    SELECT count(*)
      FROM delivery
     WHERE id BETWEEN :first AND :last AND state = 'attempting'";
const STILL_CLAIMED: &str = "UPDATE block SET claimed = :claimed, lease_until = :until WHERE id = :block";
const RAN_OUT: &str = "
    SELECT id, part, first, last FROM block WHERE lease_owner IS NOT NULL AND lease_until <= :until";
const ATTEMPTING: &str = "
    SELECT id, attempt FROM delivery WHERE id BETWEEN :first AND :last AND state = 'attempting'";
const RESCUED: &str = "UPDATE block SET rescues = rescues + 1 WHERE id = :block";
const BLOCK_OF: &str = "SELECT block FROM delivery WHERE id = :delivery";
const WAIT_UNTIL: &str =
    "UPDATE delivery SET due = max(due, :after) WHERE id = :delivery AND state = 'scheduled'";

impl Sqlite {
    pub(in crate::ledger) async fn claim(
        &self,
        owner: &str,
        channel: &str,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claim>> {
        self.must_dispatch("claiming")?;
        let (owner, channel) = (owner.to_owned(), channel.to_owned());
        self.write("claim", 10, move |write| {
            let mut claims = Vec::new();
            while claims.len() < limit as usize {
                let Some(block) = next_block(write, (&owner, &channel), now, false)? else { break };
                claim_block(write, &block, &owner, now, &mut claims)?;
            }
            Ok(claims)
        })
        .await
    }

    pub(in crate::ledger) async fn claim_other(
        &self,
        owner: &str,
        channel: &str,
        now: Timestamp,
    ) -> Result<Vec<Claim>> {
        self.must_dispatch("claiming")?;
        let (owner, channel) = (owner.to_owned(), channel.to_owned());
        self.write("claim", 10, move |write| {
            let mut claims = Vec::new();
            while claims.is_empty() {
                let Some(block) = next_block(write, (&owner, &channel), now, true)? else { break };
                claim_block(write, &block, &owner, now, &mut claims)?;
            }
            Ok(claims)
        })
        .await
    }

    pub(in crate::ledger) async fn renew(&self, owner: &str, now: Timestamp) -> Result<u64> {
        let owner = owner.to_owned();
        self.write("renew leases", 1, move |write| {
            let n = write.sql(RENEW)?.execute(named_params! {
                ":owner": owner, ":until": At(later(now, LEASE)), ":now": At(now),
            })?;
            Ok(n as u64)
        })
        .await
    }

    pub(in crate::ledger) async fn hand_back(
        &self,
        claims: Vec<(DeliveryId, Epoch)>,
        after: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<()> {
        let weight = claims.len();
        self.write("hand back", weight, move |write| {
            for (delivery, epoch) in claims {
                let block: Option<i64> = write
                    .sql(BLOCK_OF)?
                    .query_row(named_params! { ":delivery": delivery.0 }, |row| row.get(0))
                    .optional()?;
                let Some(block) = block else { continue };
                // Behind whatever else is due.
                let row = named_params! { ":delivery": delivery.0, ":after": At(after.unwrap_or(now)) };
                write.sql(WAIT_UNTIL)?.execute(row)?;
                blocks::end_claims(write, block, epoch, 1)?;
            }
            Ok(())
        })
        .await
    }

    pub(in crate::ledger) async fn return_claims(&self, owner: &str, now: Timestamp) -> Result<u64> {
        let owner = owner.to_owned();
        self.write("return claims", 10, move |write| {
            let leased: Vec<(i64, i64, i64)> = write
                .sql(LEASED_BY)?
                .query_map(named_params! { ":owner": owner }, |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?
                .collect::<rusqlite::Result<_>>()?;
            for (block, first, last) in &leased {
                let range = named_params! { ":first": first, ":last": last };
                let under_way: i64 = write.sql(UNDER_WAY)?.query_row(range, |row| row.get(0))?;
                if under_way == 0 {
                    blocks::free(write, *block)?;
                } else {
                    let until = At(later(now, LEASE));
                    let row = named_params! { ":block": block, ":claimed": under_way, ":until": until };
                    write.sql(STILL_CLAIMED)?.execute(row)?;
                }
            }
            Ok(leased.len() as u64)
        })
        .await
    }

    pub(in crate::ledger) async fn rescue(&self, now: Timestamp) -> Result<Rescued> {
        self.write("rescue", 100, move |write| rescue_until(write, now, now)).await
    }

    /// Ends every lease, also those that have not run out: for whoever holds the lock and so knows that their owners are gone.
    pub(in crate::ledger) async fn rescue_all(&self, now: Timestamp) -> Result<Rescued> {
        self.write("rescue", 100, move |write| {
            super::limits::forget(write)?;
            rescue_until(write, Timestamp::MAX, now)
        })
        .await
    }
}

struct Block {
    id: i64,
    first: i64,
    last: i64,
    part: i64,
    notice: Notice,
    edition: Digest,
    due: Timestamp,
    release: String,
    expires: Timestamp,
}

/// The block whose turn it is, for this owner on this channel; with `other`, only of a release of which it has nothing.
fn next_block(
    write: &Write<'_>,
    (owner, channel): (&str, &str),
    now: Timestamp,
    other: bool,
) -> Result<Option<Block>> {
    let row = named_params! { ":owner": owner, ":channel": channel, ":now": At(now), ":other": other };
    Ok(write
        .sql(NEXT_BLOCK)?
        .query_row(row, |row| {
            Ok(Block {
                id: row.get(0)?,
                first: row.get(1)?,
                last: row.get(2)?,
                part: row.get(4)?,
                notice: row.get(5)?,
                edition: row.get(6)?,
                due: row.get::<_, At>(7)?.0,
                release: row.get(8)?,
                expires: row.get::<_, At>(9)?.0,
            })
        })
        .optional()?)
}

/// What is to be done with a delivery that is due.
enum Due {
    Claim {
        key: Digest,
        wire_key: String,
        attempts: u32,
        put_off: u32,
        recipient: Party,
        previous: Option<Previous>,
        guilt: u32,
    },
    Gone,
    Suppressed,
    Held,
}

fn due(row: &Row<'_>) -> rusqlite::Result<(i64, Due)> {
    let delivery = row.get(0)?;
    let recipient: i64 = row.get(1)?;
    let party = match row.get::<_, Option<i64>>(5)? {
        _ if recipient == 0 => Party::Account,
        None => return Ok((delivery, Due::Gone)),
        Some(_) if row.get(8)? => return Ok((delivery, Due::Suppressed)),
        Some(_) if row.get(9)? => return Ok((delivery, Due::Held)),
        Some(id) => {
            let email: EmailAddress = row.get(6)?;
            Party::Contact { id: ContactId(id), email, name: row.get(7)? }
        }
    };
    let previous = match row.get(10)? {
        Some(wire_key) => Some(Previous { wire_key, remote_id: row.get(11)? }),
        None => None,
    };
    let claim = Due::Claim {
        key: row.get(2)?,
        wire_key: row.get(3)?,
        attempts: row.get(4)?,
        put_off: row.get(13)?,
        recipient: party,
        previous,
        guilt: row.get(12)?,
    };
    Ok((delivery, claim))
}

fn claim_block(
    write: &mut Write<'_>,
    block: &Block,
    owner: &str,
    now: Timestamp,
    claims: &mut Vec<Claim>,
) -> Result<()> {
    let range = (block.first, block.last);
    if block.expires <= now {
        let n = blocks::give_up_block(write, block.id, range, block.part, State::Expired)?;
        tracing::warn!(release = block.release, deliveries = n, "expired before they could leave");
        return Ok(());
    }
    let rows = named_params! { ":first": block.first, ":last": block.last, ":now": At(now) };
    let found: Vec<(i64, Due)> = write.sql(DUE)?.query_map(rows, due)?.collect::<rusqlite::Result<_>>()?;
    let before = claims.len();
    let mut held = false;
    for (delivery, due) in found {
        match due {
            Due::Gone => blocks::give_up(write, delivery, block.part, State::Cancelled)?,
            Due::Suppressed => blocks::suppress(write, delivery, block.part)?,
            Due::Held => held = true,
            Due::Claim { key, wire_key, attempts, put_off, recipient, previous, guilt } => {
                claims.push(Claim {
                    delivery: DeliveryId(delivery),
                    epoch: Epoch(0),
                    key,
                    wire_key,
                    edition: block.edition,
                    slug: block.release.clone(),
                    notice: block.notice,
                    recipient,
                    attempt_no: attempts + 1,
                    put_off,
                    due: block.due,
                    expires: block.expires,
                    previous,
                    guilt,
                });
            }
        }
    }
    let claimed = claims.len() - before;
    if claimed == 0 {
        blocks::free(write, block.id)?;
        if held {
            let again = At(later(now, HELD_AGAIN));
            let row = named_params! { ":block": block.id, ":again": again, ":now": At(now) };
            write.sql(PUT_OFF)?.execute(row)?;
        }
        return Ok(());
    }
    let epoch = write.sql(LEASE_BLOCK)?.query_row(
        named_params! {
            ":block": block.id, ":owner": owner, ":until": At(later(now, LEASE)), ":claimed": i64::try_from(claimed).unwrap_or(i64::MAX),
        },
        |row| row.get(0),
    )?;
    for claim in claims.iter_mut().skip(before) {
        claim.epoch = Epoch(epoch);
    }
    Ok(())
}

fn rescue_until(write: &mut Write<'_>, until: Timestamp, now: Timestamp) -> Result<Rescued> {
    let ran_out: Vec<(i64, i64, i64, i64)> = write
        .sql(RAN_OUT)?
        .query_map(named_params! { ":until": At(until) }, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut rescued = Rescued::default();
    for (block, part, first, last) in ran_out {
        let range = named_params! { ":first": first, ":last": last };
        let under_way: Vec<(i64, i64)> = write
            .sql(ATTEMPTING)?
            .query_map(range, |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (delivery, attempt) in under_way {
            super::settle::lose(write, delivery, attempt, part, now)?;
            rescued.unknown += 1;
        }
        write.sql(RESCUED)?.execute(named_params! { ":block": block })?;
        blocks::free(write, block)?;
        rescued.blocks += 1;
    }
    Ok(rescued)
}

/// `now` and a while, within what a timestamp can say.
fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}
