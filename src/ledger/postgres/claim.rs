//! Claims: leases on blocks of deliveries that are due, by the server's clock.

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;

use super::memory::Home;
use super::session::{Param, Tx};
use super::values::At;
use super::{Postgres, Result, again, blocks, settle};
use crate::contact::{ContactId, EmailAddress};
use crate::digest::Digest;
use crate::ledger::{Claim, DeliveryId, Epoch, LEASE, Party, Previous, Rescued, State};
use crate::release::Notice;

/// A block of which all that is due is for held destinations is looked at again after this.
pub(super) const HELD_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// The parts that may leave, whose turn it is first: one row per part that waits, with its earliest due, by skipping
/// through the index.
/// 1 channel, 2 now, 3 owner, 4 leaves out the releases of which the owner has something.
const TURNS: &str = "
      WITH RECURSIVE waiting (part, next_due) AS (
              (SELECT part, next_due
                 FROM block
                WHERE channel = $1 AND lease_owner IS NULL AND next_due IS NOT NULL
             ORDER BY part, next_due, id
                LIMIT 1)
            UNION ALL
               SELECT n.part, n.next_due
                 FROM waiting
                      CROSS JOIN LATERAL (SELECT b.part, b.next_due
                                            FROM block AS b
                                           WHERE b.channel = $1 AND b.part > waiting.part AND b.lease_owner IS NULL
                                             AND b.next_due IS NOT NULL
                                        ORDER BY b.part, b.next_due, b.id
                                           LIMIT 1) AS n),
           hand AS (
               SELECT lp.issued, count(*) AS blocks
                 FROM block AS l
                      JOIN part AS lp ON lp.id = l.part
                WHERE l.lease_owner = $3 AND l.lease_owner IS NOT NULL AND l.lease_until > 0 AND l.channel = $1
             GROUP BY lp.issued),
           ready AS (
               SELECT p.id AS part, p.notice, p.edition, p.due, i.release, i.expires,
                      waiting.next_due, coalesce(hand.blocks, 0) AS in_hand
                 FROM waiting
                      JOIN part AS p ON p.id = waiting.part
                      JOIN issued AS i ON i.id = p.issued
                      LEFT JOIN hand ON hand.issued = i.id
                WHERE waiting.next_due <= $2 AND i.complete
                  AND NOT EXISTS (SELECT 1
                                    FROM hold
                                   WHERE scope = 'everything' AND target = ''
                                     AND (cause <> 'clock'
                                          OR (since < i.publish AND p.notice IN ('original', 'correction'))))
                  AND NOT EXISTS (SELECT 1 FROM hold WHERE scope = 'channel' AND target = $1)
                  AND NOT EXISTS (SELECT 1
                                    FROM hold
                                   WHERE scope = 'release' AND target = i.release
                                     AND (cause = 'operator' OR p.notice IN ('original', 'correction'))))
      SELECT part, notice, edition, due, release, expires
        FROM ready
       WHERE in_hand = 0 OR NOT $4::boolean
    ORDER BY notice = 'original', in_hand, next_due, part";
/// The first block of a part that nobody else is about to take, and how much is forbidden before anybody looks at its recipients.
const NEXT_BLOCK: &str = "
      SELECT id, first, last, (SELECT forbidden FROM ledger_meta WHERE one = 1)
        FROM block
       WHERE channel = $1 AND part = $2 AND lease_owner IS NULL AND next_due <= $3
    ORDER BY next_due, id
       LIMIT 1
         FOR NO KEY UPDATE SKIP LOCKED";
const DUE: &str = "
       SELECT d.id, d.recipient, d.key, d.wire_key, d.attempts, c.id, c.email, c.name,
              EXISTS (SELECT 1 FROM suppression AS s WHERE s.address = c.address),
              EXISTS (SELECT 1 FROM hold WHERE scope = 'destination')
              AND EXISTS (SELECT 1 FROM hold AS h WHERE h.scope = 'destination' AND h.target = c.domain),
              o.wire_key, o.remote_id, d.guilt,
              CASE WHEN d.attempts = 0 THEN 0
                   ELSE (SELECT count(*)
                           FROM attempt AS t
                                JOIN result AS r ON r.attempt = t.id
                          WHERE t.delivery = d.id AND r.outcome = 'later')
              END
         FROM delivery AS d
              LEFT JOIN contact AS c ON c.id = d.recipient
              LEFT JOIN delivery AS o ON o.id = d.previous
        WHERE d.id BETWEEN $1 AND $2 AND d.state = 'scheduled' AND d.due <= $3
     ORDER BY d.id";
const LEASE_BLOCK: &str = "
    UPDATE block
       SET lease_owner = $2, lease_until = lease_now($3) + $4, epoch = epoch + 1, claimed = $5
     WHERE id = $1
 RETURNING epoch";
const PUT_OFF: &str = "UPDATE block SET next_due = $2 WHERE id = $1 AND next_due <= $3";
const RENEW: &str = "
    UPDATE block SET lease_until = lease_now($2) + $3
     WHERE id IN (SELECT id
                    FROM block
                   WHERE lease_owner IS NOT NULL AND lease_owner = $1 AND lease_until > lease_now($2)
                ORDER BY id
                     FOR NO KEY UPDATE)";
const SEEN: &str = "UPDATE daemon SET seen_at = lease_now(NULL), owner = $2 WHERE id = $1";
const LEASED_BY: &str = "
      SELECT b.id, (SELECT count(*)
                      FROM delivery AS d
                     WHERE d.id BETWEEN b.first AND b.last AND d.state = 'attempting')
        FROM block AS b
       WHERE b.lease_owner IS NOT NULL AND b.lease_owner = $1
    ORDER BY b.id
         FOR NO KEY UPDATE OF b";
const STILL_CLAIMED: &str = "UPDATE block SET claimed = $2, lease_until = lease_now($3) + $4 WHERE id = $1";
const RAN_OUT: &str = "
      SELECT id, part, first, last
        FROM block
       WHERE lease_owner IS NOT NULL AND lease_until <= lease_now($1)
    ORDER BY id
         FOR NO KEY UPDATE SKIP LOCKED";
const ATTEMPTING: &str = "
    SELECT id, attempt FROM delivery WHERE id BETWEEN $1 AND $2 AND state = 'attempting' AND attempt IS NOT NULL";
const RESCUED: &str = "UPDATE block SET rescues = rescues + 1 WHERE id = $1";
const HANDED_BACK: &str = "
      SELECT d.id, d.block
        FROM unnest($1::bigint[], $2::bigint[]) AS q (delivery, epoch)
             JOIN delivery AS d ON d.id = q.delivery
             JOIN block AS b ON b.id = d.block AND b.epoch = q.epoch";
const WAIT_UNTIL: &str = "
    UPDATE delivery SET due = greatest(due, $2) WHERE id = ANY($1::bigint[]) AND state = 'scheduled'";

impl Postgres {
    pub(in crate::ledger) async fn claim(
        &self,
        owner: &str,
        channel: &str,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claim>> {
        self.must_dispatch("claiming")?;
        again!(self.claim_once((owner, channel), now, (limit as usize, false)))
    }

    pub(in crate::ledger) async fn claim_other(
        &self,
        owner: &str,
        channel: &str,
        now: Timestamp,
    ) -> Result<Vec<Claim>> {
        self.must_dispatch("claiming")?;
        again!(self.claim_once((owner, channel), now, (1, true)))
    }

    async fn claim_once(
        &self,
        (owner, channel): (&str, &str),
        now: Timestamp,
        (limit, other): (usize, bool),
    ) -> Result<Vec<Claim>> {
        let mut tx = self.begin("claim", &[]).await?;
        let mut claims = Vec::new();
        while claims.len() < limit {
            let Some(block) = next_block(&tx, (owner, channel), now, other).await? else { break };
            claim_block(&mut tx, &block, owner, now, &mut claims).await?;
        }
        tx.commit().await?;
        Ok(claims)
    }

    pub(in crate::ledger) async fn renew(&self, owner: &str, now: Timestamp) -> Result<u64> {
        again!(self.renew_once(owner, now))
    }

    async fn renew_once(&self, owner: &str, now: Timestamp) -> Result<u64> {
        let tx = self.begin("renew leases", &[]).await?;
        let n = tx.execute(RENEW, &[&owner, &tx.lease_now(now)?, &lease()]).await?;
        let daemon = self.shared.daemon.load(std::sync::atomic::Ordering::SeqCst);
        tx.execute(SEEN, &[&daemon, &owner]).await?;
        tx.commit().await?;
        Ok(n)
    }

    pub(in crate::ledger) async fn hand_back(
        &self,
        claims: Vec<(DeliveryId, Epoch)>,
        after: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<()> {
        again!(self.hand_back_once(&claims, after, now))
    }

    async fn hand_back_once(
        &self,
        claims: &[(DeliveryId, Epoch)],
        after: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<()> {
        let deliveries: Vec<i64> = claims.iter().map(|(delivery, _)| delivery.0).collect();
        let epochs: Vec<i64> = claims.iter().map(|(_, epoch)| epoch.0).collect();
        let mut tx = self.begin("hand back", &[]).await?;
        blocks::lock_of(&tx, &deliveries).await?;
        let (mut ours, mut of) = (Vec::new(), Vec::new());
        for row in tx.query(HANDED_BACK, &[&deliveries, &epochs]).await? {
            ours.push(row.try_get::<_, i64>(0)?);
            of.push(row.try_get::<_, i64>(1)?);
        }
        for (delivery, block) in ours.iter().zip(of) {
            let epoch = claims.iter().find(|(id, _)| id.0 == *delivery).map_or(Epoch(0), |(_, epoch)| *epoch);
            tx.end_claim(block, epoch);
        }
        // Behind whatever else is due.
        tx.execute(WAIT_UNTIL, &[&ours, &At(after.unwrap_or(now))]).await?;
        tx.commit().await
    }

    pub(in crate::ledger) async fn return_claims(&self, owner: &str, now: Timestamp) -> Result<u64> {
        again!(self.return_claims_once(owner, now))
    }

    async fn return_claims_once(&self, owner: &str, now: Timestamp) -> Result<u64> {
        let tx = self.begin("return claims", &[]).await?;
        let leased = tx.query(LEASED_BY, &[&owner]).await?;
        let mut over = Vec::new();
        for row in &leased {
            let (block, under_way): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            if under_way == 0 {
                over.push(block);
            } else {
                tx.execute(STILL_CLAIMED, &[&block, &under_way, &tx.lease_now(now)?, &lease()]).await?;
            }
        }
        blocks::free(&tx, &over).await?;
        tx.commit().await?;
        Ok(leased.len() as u64)
    }

    pub(in crate::ledger) async fn rescue(&self, now: Timestamp) -> Result<Rescued> {
        let rescued = again!(self.rescue_once(now))?;
        self.fold_tally().await?;
        Ok(rescued)
    }

    async fn rescue_once(&self, now: Timestamp) -> Result<Rescued> {
        let mut tx = self.begin("rescue", &[]).await?;
        let mut rescued = Rescued::default();
        let mut over = Vec::new();
        for row in tx.query(RAN_OUT, &[&tx.lease_now(now)?]).await? {
            let (block, part): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let (first, last): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
            for row in tx.query(ATTEMPTING, &[&first, &last]).await? {
                settle::lose(&mut tx, row.try_get(0)?, row.try_get(1)?, part, now).await?;
                rescued.unknown += 1;
            }
            tx.execute(RESCUED, &[&block]).await?;
            over.push(block);
            rescued.blocks += 1;
        }
        blocks::free(&tx, &over).await?;
        tx.commit().await?;
        Ok(rescued)
    }
}

struct Block {
    home: Home,
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
async fn next_block(
    tx: &Tx<'_>,
    (owner, channel): (&str, &str),
    now: Timestamp,
    other: bool,
) -> Result<Option<Block>> {
    for turn in tx.query(TURNS, &[&channel, &At(now), &owner, &other]).await? {
        let part: i64 = turn.try_get(0)?;
        let Some(row) = tx.opt(NEXT_BLOCK, &[&channel, &part, &At(now)]).await? else { continue };
        return Ok(Some(Block {
            home: Home { block: row.try_get(0)?, forbidden: row.try_get(3)? },
            first: row.try_get(1)?,
            last: row.try_get(2)?,
            part,
            notice: turn.try_get(1)?,
            edition: turn.try_get(2)?,
            due: turn.try_get::<_, At>(3)?.0,
            release: turn.try_get(4)?,
            expires: turn.try_get::<_, At>(5)?.0,
        }));
    }
    Ok(None)
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

fn due(row: &Row) -> Result<(i64, Due)> {
    let delivery = row.try_get(0)?;
    let recipient: i64 = row.try_get(1)?;
    let party = match row.try_get::<_, Option<i64>>(5)? {
        _ if recipient == 0 => Party::Account,
        None => return Ok((delivery, Due::Gone)),
        Some(_) if row.try_get(8)? => return Ok((delivery, Due::Suppressed)),
        Some(_) if row.try_get(9)? => return Ok((delivery, Due::Held)),
        Some(id) => {
            let email: EmailAddress = row.try_get(6)?;
            Party::Contact { id: ContactId(id), email, name: row.try_get(7)? }
        }
    };
    let previous = match row.try_get(10)? {
        Some(wire_key) => Some(Previous { wire_key, remote_id: row.try_get(11)? }),
        None => None,
    };
    let claim = Due::Claim {
        key: row.try_get(2)?,
        wire_key: row.try_get(3)?,
        attempts: row.try_get::<_, i32>(4)?.unsigned_abs(),
        put_off: u32::try_from(row.try_get::<_, i64>(13)?).unwrap_or(u32::MAX),
        recipient: party,
        previous,
        guilt: row.try_get::<_, i32>(12)?.unsigned_abs(),
    };
    Ok((delivery, claim))
}

async fn claim_block(
    tx: &mut Tx<'_>,
    block: &Block,
    owner: &str,
    now: Timestamp,
    claims: &mut Vec<Claim>,
) -> Result<()> {
    if block.expires <= now {
        let range = (block.first, block.last);
        let n = blocks::give_up_block(tx, block.home.block, range, block.part, State::Expired).await?;
        tracing::warn!(release = block.release, deliveries = n, "expired before they could leave");
        return Ok(());
    }
    let before = claims.len();
    let (mut gone, mut suppressed, mut held) = (Vec::new(), Vec::new(), false);
    for row in tx.query(DUE, &[&block.first, &block.last, &At(now)]).await? {
        let (delivery, due) = due(&row)?;
        match due {
            Due::Gone => gone.push(delivery),
            Due::Suppressed => suppressed.push(delivery),
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
    if !gone.is_empty() {
        blocks::give_up(tx, &gone, block.part, State::Cancelled).await?;
    }
    if !suppressed.is_empty() {
        blocks::suppress(tx, &suppressed, block.part).await?;
    }
    let claimed = i64::try_from(claims.len() - before).unwrap_or(i64::MAX);
    if claimed == 0 {
        blocks::free(tx, &[block.home.block]).await?;
        if held {
            let again = At(now.checked_add(HELD_AGAIN).unwrap_or(Timestamp::MAX));
            tx.execute(PUT_OFF, &[&block.home.block, &again, &At(now)]).await?;
        }
        return Ok(());
    }
    let row: [Param<'_>; 5] = [&block.home.block, &owner, &tx.lease_now(now)?, &lease(), &claimed];
    let leased = tx.one(LEASE_BLOCK, &row).await?;
    let epoch = Epoch(leased.try_get(0)?);
    tx.shared().memory().block(block.home, (block.first, block.last));
    for claim in claims.iter_mut().skip(before) {
        claim.epoch = epoch;
    }
    Ok(())
}

/// A lease in the database's unit.
fn lease() -> i64 {
    i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX)
}
