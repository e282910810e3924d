//! Deliveries as rows: writing them in blocks, giving them up, and the end of claims.

use std::collections::{BTreeMap, HashSet};

use super::Result;
use super::session::{Param, Tx};
use super::values::At;
use crate::ledger::prepare::{Course, Inserted, Part};
use crate::ledger::{BLOCK, Epoch, State, key};

const NUMBERS: &str = "SELECT nextval('block_id'), nextval('delivery_range')";
/// `OFFSET 0` has each recipient looked up by itself: a join would be planned before there are statistics, and read the whole course for
/// each of them.
/// 1 recipients, 2 keys, 3 wire keys, 4 previous, 5 first number, 6 block, 7 course, 8 seat, 9 due, 10 to contacts.
const ADD: &str = "
    WITH fit AS (SELECT q.recipient, q.key, q.wire_key, q.previous, row_number() OVER (ORDER BY q.ord) - 1 AS n
                   FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::bigint[])
                        WITH ORDINALITY AS q (recipient, key, wire_key, previous, ord)
                  WHERE NOT EXISTS (SELECT 1
                                      FROM delivery AS d
                                     WHERE d.course = $7 AND d.recipient = q.recipient AND d.seat = $8
                                    OFFSET 0)
                    AND (NOT $10::boolean
                         OR EXISTS (SELECT 1
                                      FROM contact AS c
                                     WHERE c.id = q.recipient
                                       AND NOT EXISTS (SELECT 1 FROM suppression AS s WHERE s.address = c.address))))
    INSERT INTO delivery (id, block, course, recipient, seat, state, due, key, wire_key, previous)
         SELECT $5::bigint + fit.n, $6::bigint, $7::bigint, fit.recipient, $8::bigint, 'scheduled', $9::bigint, fit.key, fit.wire_key,
                fit.previous
           FROM fit
       ORDER BY fit.n
    ON CONFLICT (course, recipient, seat) DO NOTHING
      RETURNING id";
const ADD_BLOCK: &str = "
    INSERT INTO block (id, part, channel, first, last, next_due) VALUES ($1, $2, $3, $4, $5, $6)";
const SEATED: &str = "
    SELECT recipient FROM delivery WHERE course = $1 AND recipient = ANY($2::bigint[]) AND seat = $3";
const GIVE_UP: &str = "
    UPDATE delivery SET state = $1, seat = NULL WHERE id = ANY($2::bigint[]) AND state = 'scheduled'";
const SUPPRESS: &str = "
    UPDATE delivery SET state = 'suppressed' WHERE id = ANY($1::bigint[]) AND state = 'scheduled'";
const LOCK_PART: &str = "SELECT id FROM block WHERE part = $1 ORDER BY id FOR NO KEY UPDATE";
const GIVE_UP_PART: &str = "
    UPDATE delivery AS d SET state = $2, seat = NULL
      FROM block AS b
     WHERE b.part = $1 AND d.id BETWEEN b.first AND b.last AND d.state = 'scheduled'";
const GIVE_UP_BLOCK: &str = "
    UPDATE delivery SET state = $3, seat = NULL WHERE id BETWEEN $1 AND $2 AND state = 'scheduled'";
const NOTHING_DUE: &str = "UPDATE block SET next_due = NULL WHERE part = $1 AND lease_owner IS NULL";
const NOTHING_DUE_HERE: &str = "UPDATE block SET next_due = NULL WHERE id = $1 AND lease_owner IS NULL";
const LOCK_OF: &str = "
    SELECT b.id
      FROM block AS b
     WHERE b.id IN (SELECT d.block FROM delivery AS d WHERE d.id = ANY($1::bigint[]))
  ORDER BY b.id
FOR NO KEY UPDATE";
/// Whoever ends the last claim of a block ends its lease, as [`FREE`] does.
pub(super) const END_CLAIMS: &str = "
    UPDATE block AS b
       SET claimed = greatest(b.claimed - q.n, 0),
           lease_owner = CASE WHEN b.claimed > q.n THEN b.lease_owner END,
           lease_until = CASE WHEN b.claimed > q.n THEN b.lease_until END,
           next_due = CASE WHEN b.claimed > q.n THEN b.next_due
                           ELSE (SELECT min(d.due)
                                   FROM delivery AS d
                                  WHERE d.id BETWEEN b.first AND b.last AND d.state = 'scheduled')
                      END
      FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS q (block, epoch, n)
     WHERE b.id = q.block AND b.epoch = q.epoch AND b.lease_owner IS NOT NULL";
const WAITING: &str = "
    SELECT d.recipient
      FROM block AS b JOIN delivery AS d ON d.id BETWEEN b.first AND b.last
     WHERE b.part = $1 AND d.state = 'scheduled'";
const FREE: &str = "
    UPDATE block AS b
       SET lease_owner = NULL, lease_until = NULL, claimed = 0,
           next_due = (SELECT min(d.due)
                         FROM delivery AS d
                        WHERE d.id BETWEEN b.first AND b.last AND d.state = 'scheduled')
     WHERE b.id = ANY($1::bigint[])";

/// Writes deliveries of `part` to `recipients` (each with what it has already), in blocks.
///
/// Who has a seat is left alone; who is suppressed or erased gets nothing.
pub(super) async fn insert(
    tx: &mut Tx<'_>,
    part: &Part,
    course: &Course,
    recipients: &[(i64, Option<i64>)],
) -> Result<Inserted> {
    let mut all = Inserted::default();
    let seat = if part.follows { part.issued } else { 0 };
    let contacts = course.account.is_empty();
    for some in recipients.chunks(BLOCK) {
        let numbers = tx.one(NUMBERS, &[]).await?;
        let (block, first): (i64, i64) = (numbers.try_get(0)?, numbers.try_get(1)?);
        let (mut ids, mut keys, mut wires, mut previous) = (vec![], vec![], vec![], vec![]);
        for (recipient, before) in some {
            let name = if contacts { recipient.to_string() } else { format!("account/{}", course.account) };
            let key = key::delivery_key(&tx.facts().lineage, &part.release, part.seq, &part.channel, &name);
            ids.push(*recipient);
            wires.push(key::wire_key(part.kind, &key, part.due));
            keys.push(key);
            previous.push(*before);
        }
        let due = At(part.due);
        let row: [Param<'_>; 10] =
            [&ids, &keys, &wires, &previous, &first, &block, &course.id, &seat, &due, &contacts];
        let written = tx.query(ADD, &row).await?;
        let created = written.len();
        let mut last = first - 1;
        for row in &written {
            last = last.max(row.try_get(0)?);
        }
        if created < some.len() {
            let seated = tx.query(SEATED, &[&course.id, &ids, &seat]).await?;
            let seated: HashSet<i64> =
                seated.iter().map(|row| row.try_get(0)).collect::<std::result::Result<_, _>>()?;
            let nobody = ids.iter().filter(|id| !seated.contains(id)).count();
            all.suppressed += nobody as u64;
            all.already += (some.len() - created).saturating_sub(nobody) as u64;
        }
        if created > 0 {
            tx.execute(ADD_BLOCK, &[&block, &part.id, &part.channel, &first, &last, &due]).await?;
            tx.count_new(part.id, count(created as u64));
            all.created += created as u64;
        }
    }
    Ok(all)
}

/// Locks the blocks of these deliveries until the end of the transaction: nobody else changes their leases, nor what is
/// claimed in them.
pub(super) async fn lock_of(tx: &Tx<'_>, deliveries: &[i64]) -> Result<()> {
    tx.query(LOCK_OF, &[&deliveries]).await?;
    Ok(())
}

/// Gives up deliveries of one part that wait: cancelled, superseded or expired.
pub(super) async fn give_up(tx: &mut Tx<'_>, deliveries: &[i64], part: i64, to: State) -> Result<()> {
    let n = tx.execute(GIVE_UP, &[&to, &deliveries]).await?;
    tx.count_moved(part, State::Scheduled, to, count(n));
    Ok(())
}

/// Ends deliveries of one part that wait because their addresses must not be contacted.
pub(super) async fn suppress(tx: &mut Tx<'_>, deliveries: &[i64], part: i64) -> Result<()> {
    let n = tx.execute(SUPPRESS, &[&deliveries]).await?;
    tx.count_moved(part, State::Scheduled, State::Suppressed, count(n));
    Ok(())
}

/// Gives up every delivery of a block that waits; returns how many.
pub(super) async fn give_up_block(
    tx: &mut Tx<'_>,
    block: i64,
    (first, last): (i64, i64),
    part: i64,
    to: State,
) -> Result<u64> {
    let n = tx.execute(GIVE_UP_BLOCK, &[&first, &last, &to]).await?;
    tx.execute(NOTHING_DUE_HERE, &[&block]).await?;
    tx.count_moved(part, State::Scheduled, to, count(n));
    Ok(n)
}

/// The recipients of a part's deliveries that wait. Its blocks are locked until the end of the transaction, so nothing comes back to
/// waiting, nor leaves, meanwhile.
pub(super) async fn waiting(tx: &Tx<'_>, part: i64) -> Result<Vec<(i64, Option<i64>)>> {
    tx.query(LOCK_PART, &[&part]).await?;
    let rows = tx.query(WAITING, &[&part]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, None))).collect()
}

/// Gives up every delivery of a part that waits; returns how many.
pub(super) async fn give_up_part(tx: &mut Tx<'_>, part: i64, to: State) -> Result<u64> {
    tx.query(LOCK_PART, &[&part]).await?;
    let n = tx.execute(GIVE_UP_PART, &[&part, &to]).await?;
    tx.execute(NOTHING_DUE, &[&part]).await?;
    tx.count_moved(part, State::Scheduled, to, count(n));
    Ok(n)
}

/// Claims that have ended, by block and epoch.
pub(super) type Ended = BTreeMap<(i64, Epoch), i64>;

/// Notes that claims have ended; the last of a block frees it.
pub(super) async fn end_claims(tx: &Tx<'_>, ended: &Ended) -> Result<()> {
    if ended.is_empty() {
        return Ok(());
    }
    let (mut blocks, mut epochs, mut counts) = (vec![], vec![], vec![]);
    for ((block, epoch), n) in ended {
        blocks.push(*block);
        epochs.push(epoch.0);
        counts.push(*n);
    }
    tx.execute(END_CLAIMS, &[&blocks, &epochs, &counts]).await?;
    Ok(())
}

/// Ends the leases of blocks; what waits in them can be claimed when it is due.
pub(super) async fn free(tx: &Tx<'_>, blocks: &[i64]) -> Result<()> {
    if !blocks.is_empty() {
        tx.execute(FREE, &[&blocks]).await?;
    }
    Ok(())
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
