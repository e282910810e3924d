//! Deliveries as rows: writing them in blocks, giving them up, and the end of claims.

use rusqlite::named_params;

use super::Result;
use super::values::At;
use super::writer::Write;
use crate::ledger::prepare::{Course, Inserted, Part};
use crate::ledger::{BLOCK, Epoch, State, key};

const LAST_ID: &str = "SELECT coalesce(max(id), 0) FROM delivery";
const ADD_BLOCK: &str =
    "INSERT INTO block (part, channel, first, last) VALUES (:part, :channel, :first, :first - 1)";
const END_BLOCK: &str = "UPDATE block SET last = :last, next_due = :due WHERE id = :block";
const DROP_BLOCK: &str = "DELETE FROM block WHERE id = :block";
/// 1 id, 2 block, 3 course, 4 recipient, 5 seat, 6 due, 7 key, 8 wire key, 9 previous.
const ADD_CONTACT: &str = "
    INSERT INTO delivery (id, block, course, recipient, seat, state, due, key, wire_key, previous)
         SELECT ?1, ?2, ?3, ?4, ?5, 'scheduled', ?6, ?7, ?8, ?9
          WHERE EXISTS (SELECT 1
                          FROM contact AS c
                         WHERE c.id = ?4
                           AND NOT EXISTS (SELECT 1 FROM suppression AS s WHERE s.address = c.address))
    ON CONFLICT (course, recipient, seat) DO NOTHING";
const ADD_ACCOUNT: &str = "
    INSERT INTO delivery (id, block, course, recipient, seat, state, due, key, wire_key, previous)
         VALUES (?1, ?2, ?3, ?4, ?5, 'scheduled', ?6, ?7, ?8, ?9)
    ON CONFLICT (course, recipient, seat) DO NOTHING";
const SEATED: &str =
    "SELECT 1 FROM delivery WHERE course = :course AND recipient = :recipient AND seat = :seat";
const GIVE_UP: &str =
    "UPDATE delivery SET state = :to, seat = NULL WHERE id = :delivery AND state = 'scheduled'";
const GIVE_UP_ALL: &str = "
    UPDATE delivery SET state = :to, seat = NULL
     WHERE id BETWEEN :first AND :last AND state = 'scheduled'";
const NOTHING_DUE: &str = "UPDATE block SET next_due = NULL WHERE id = :block AND lease_owner IS NULL";
const SUPPRESS: &str =
    "UPDATE delivery SET state = 'suppressed' WHERE id = :delivery AND state = 'scheduled'";
const BLOCKS_OF_PART: &str = "SELECT id, first, last FROM block WHERE part = :part";
const WAITING: &str = "
    SELECT d.recipient
      FROM block AS b CROSS JOIN delivery AS d ON d.id BETWEEN b.first AND b.last
     WHERE b.part = :part AND d.state = 'scheduled'";
pub(super) const END_CLAIMS: &str = "
    UPDATE block
       SET claimed = max(claimed - :n, 0)
     WHERE id = :block AND epoch = :epoch AND lease_owner IS NOT NULL";
const NONE_CLAIMED: &str = "SELECT 1 FROM block WHERE id = :block AND claimed = 0";
const FREE: &str = "
    UPDATE block
       SET lease_owner = NULL, lease_until = NULL, claimed = 0,
           next_due = (SELECT min(due)
                         FROM delivery
                        WHERE id BETWEEN block.first AND block.last AND state = 'scheduled')
     WHERE id = :block";

/// Writes deliveries of `part` to `recipients` (each with what it has already), in blocks.
///
/// Who has a seat is left alone; who is suppressed or erased gets nothing.
pub(super) fn insert(
    write: &mut Write<'_>,
    part: &Part,
    course: &Course,
    recipients: &[(i64, Option<i64>)],
) -> Result<Inserted> {
    let mut all = Inserted::default();
    let seat = if part.follows { part.issued } else { 0 };
    for some in recipients.chunks(BLOCK) {
        let first: i64 = write.sql(LAST_ID)?.query_row([], |row| row.get::<_, i64>(0))? + 1;
        let block = write.sql(ADD_BLOCK)?.insert(named_params! {
            ":part": part.id, ":channel": part.channel, ":first": first,
        })?;
        let mut next = first;
        {
            let contact = course.account.is_empty();
            let mut add = write.sql(if contact { ADD_CONTACT } else { ADD_ACCOUNT })?;
            for (recipient, previous) in some {
                let name =
                    if contact { recipient.to_string() } else { format!("account/{}", course.account) };
                let key =
                    key::delivery_key(&write.facts.lineage, &part.release, part.seq, &part.channel, &name);
                let wire_key = key::wire_key(part.kind, &key, part.due);
                let row = (next, block, course.id, recipient, seat, At(part.due), key, wire_key, previous);
                if add.execute(row)? == 1 {
                    next += 1;
                    continue;
                }
                let seated = named_params! { ":course": course.id, ":recipient": recipient, ":seat": seat };
                if write.sql(SEATED)?.exists(seated)? {
                    all.already += 1;
                } else {
                    all.suppressed += 1;
                }
            }
        }
        if next == first {
            write.sql(DROP_BLOCK)?.execute(named_params! { ":block": block })?;
            continue;
        }
        write.sql(END_BLOCK)?.execute(named_params! {
            ":block": block, ":last": next - 1, ":due": At(part.due),
        })?;
        write.count_new(part.id, next - first);
        all.created += (next - first).cast_unsigned();
    }
    Ok(all)
}

/// Gives up one delivery that waits: cancelled, superseded or expired.
pub(super) fn give_up(write: &mut Write<'_>, delivery: i64, part: i64, to: State) -> Result<()> {
    let n = write.sql(GIVE_UP)?.execute(named_params! { ":to": to, ":delivery": delivery })?;
    write.count_moved(part, State::Scheduled, to, count(n));
    Ok(())
}

/// Gives up every delivery of a block that waits; returns how many.
pub(super) fn give_up_block(
    write: &mut Write<'_>,
    block: i64,
    (first, last): (i64, i64),
    part: i64,
    to: State,
) -> Result<u64> {
    let n = write.sql(GIVE_UP_ALL)?.execute(named_params! { ":to": to, ":first": first, ":last": last })?;
    write.sql(NOTHING_DUE)?.execute(named_params! { ":block": block })?;
    write.count_moved(part, State::Scheduled, to, count(n));
    Ok(n as u64)
}

/// The recipients of a part's deliveries that wait.
pub(super) fn waiting(write: &Write<'_>, part: i64) -> Result<Vec<(i64, Option<i64>)>> {
    let mut statement = write.sql(WAITING)?;
    let rows = statement.query_map(named_params! { ":part": part }, |row| Ok((row.get(0)?, None)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Gives up every delivery of a part that waits; returns how many.
pub(super) fn give_up_part(write: &mut Write<'_>, part: i64, to: State) -> Result<u64> {
    let blocks: Vec<(i64, i64, i64)> = write
        .sql(BLOCKS_OF_PART)?
        .query_map(named_params! { ":part": part }, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut given_up = 0;
    for (block, first, last) in blocks {
        given_up += give_up_block(write, block, (first, last), part, to)?;
    }
    Ok(given_up)
}

/// Ends one delivery that waits because its address must not be contacted.
pub(super) fn suppress(write: &mut Write<'_>, delivery: i64, part: i64) -> Result<()> {
    let n = write.sql(SUPPRESS)?.execute(named_params! { ":delivery": delivery })?;
    write.count_moved(part, State::Scheduled, State::Suppressed, count(n));
    Ok(())
}

/// Notes that `n` claims on a block have ended; the last one frees it.
pub(super) fn end_claims(write: &Write<'_>, block: i64, epoch: Epoch, n: i64) -> Result<()> {
    let row = named_params! { ":block": block, ":epoch": epoch.0, ":n": n };
    if write.sql(END_CLAIMS)?.execute(row)? > 0
        && write.sql(NONE_CLAIMED)?.exists(named_params! { ":block": block })?
    {
        free(write, block)?;
    }
    Ok(())
}

/// Ends the lease of a block; what waits in it can be claimed when it is due.
pub(super) fn free(write: &Write<'_>, block: i64) -> Result<()> {
    write.sql(FREE)?.execute(named_params! { ":block": block })?;
    Ok(())
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
