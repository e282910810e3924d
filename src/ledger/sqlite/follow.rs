//! Notices to those who have an older text: exactly those, once for each order.
//!
//! They are found when the order is issued, and again whenever a delivery of an older order turns out to be sent afterwards
//! (it was under way, or its outcome was unknown): the notice then follows in the same transaction.

use rusqlite::{OptionalExtension as _, Row, named_params};

use super::values::At;
use super::writer::Write;
use super::{Result, blocks};
use crate::ledger::State;
use crate::ledger::prepare::{Course, Inserted, Part};
use crate::ledger::receivers::{self, Followed, Overtaken, Row as Seen};
use crate::release::Notice;

const PARTS_OF_RELEASE: &str = "
      SELECT p.id, p.issued, i.seq, i.release, p.audience, p.channel, p.kind, p.language, p.advance,
             p.follows, p.due, p.edition
        FROM issued AS i JOIN part AS p ON p.issued = i.id
       WHERE i.release = :release AND i.seq >= :seq
    ORDER BY p.id";
const COURSES: &str =
    "SELECT id, account FROM course WHERE release = :release AND channel = :channel ORDER BY id";
const DELIVERIES: &str = "
      SELECT d.recipient, d.id, b.part, d.state
        FROM delivery AS d JOIN block AS b ON b.id = d.block
       WHERE d.course = :course AND d.recipient >= :from
    ORDER BY d.recipient, d.id
       LIMIT :limit";
const WHERE_IT_STANDS: &str = "
    SELECT d.recipient, c.id, c.account, c.release, p.id, i.seq
      FROM delivery AS d
           JOIN course AS c ON c.id = d.course
           JOIN block AS b ON b.id = d.block
           JOIN part AS p ON p.id = b.part
           JOIN issued AS i ON i.id = p.issued
     WHERE d.id = :delivery";
const NEWEST: &str = "SELECT notice FROM issued WHERE release = :release ORDER BY seq DESC LIMIT 1";
const NEWER: &str = "
    SELECT EXISTS (SELECT 1 FROM issued WHERE release = :release AND seq > :seq)";

/// All parts of a release from order `seq` on.
pub(super) fn parts(write: &Write<'_>, release: &str, seq: i64) -> Result<Vec<Part>> {
    let rows = named_params! { ":release": release, ":seq": seq };
    Ok(write.sql(PARTS_OF_RELEASE)?.query_map(rows, part)?.collect::<rusqlite::Result<_>>()?)
}

fn part(row: &Row<'_>) -> rusqlite::Result<Part> {
    Ok(Part {
        id: row.get(0)?,
        issued: row.get(1)?,
        seq: row.get(2)?,
        release: row.get(3)?,
        audience: row.get(4)?,
        channel: row.get(5)?,
        kind: row.get(6)?,
        language: row.get(7)?,
        advance: row.get(8)?,
        follows: row.get(9)?,
        due: row.get::<_, At>(10)?.0,
        edition: row.get(11)?,
    })
}

/// The courses of a release on a channel.
pub(super) fn courses(write: &Write<'_>, release: &str, channel: &str) -> Result<Vec<Course>> {
    let rows = named_params! { ":release": release, ":channel": channel };
    Ok(write
        .sql(COURSES)?
        .query_map(rows, |row| Ok(Course { id: row.get(0)?, account: row.get(1)? }))?
        .collect::<rusqlite::Result<_>>()?)
}

/// Writes notices of order `issued` to recipients of `course` from number `from` on, reading at most `limit` deliveries.
pub(super) fn follow(
    write: &mut Write<'_>,
    issued: i64,
    course: &Course,
    channel: &str,
    parts: &[Part],
    from: i64,
    limit: u32,
) -> Result<Followed> {
    let rows = named_params! { ":course": course.id, ":from": from, ":limit": limit };
    let mut rows: Vec<Seen> = write
        .sql(DELIVERIES)?
        .query_map(rows, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let (mut followed, targets) = receivers::find(&mut rows, parts, issued, channel, course, (from, limit));
    for (part, list) in targets {
        let Inserted { created, suppressed, .. } = blocks::insert(write, part, course, &list)?;
        followed.notices += created;
        followed.suppressed += suppressed;
    }
    Ok(followed)
}

/// Where a delivery stands: its recipient and course, its release, its part, and the number of its order.
struct Standing {
    recipient: i64,
    course: Course,
    release: String,
    part: i64,
    seq: i64,
}

/// Where a delivery stands whose release has a newer order; nothing where it has none.
fn before_a_newer(write: &Write<'_>, delivery: i64) -> Result<Option<Standing>> {
    let standing = write
        .sql(WHERE_IT_STANDS)?
        .query_row(named_params! { ":delivery": delivery }, |row| {
            Ok(Standing {
                recipient: row.get(0)?,
                course: Course { id: row.get(1)?, account: row.get(2)? },
                release: row.get(3)?,
                part: row.get(4)?,
                seq: row.get(5)?,
            })
        })
        .optional()?;
    let Some(standing) = standing else { return Ok(None) };
    let row = named_params! { ":release": standing.release, ":seq": standing.seq };
    let newer: bool = write.sql(NEWER)?.query_row(row, |row| row.get(0))?;
    Ok(newer.then_some(standing))
}

/// A delivery was sent: if a newer order has a notice for those who have its text, this recipient gets it.
pub(super) fn catch_up(write: &mut Write<'_>, delivery: i64) -> Result<()> {
    let Some(Standing { recipient, course, release, part, seq }) = before_a_newer(write, delivery)? else {
        return Ok(());
    };
    let parts = parts(write, &release, seq)?;
    if let Some(part) = receivers::owed(&parts, part, seq, &course) {
        blocks::insert(write, part, &course, &[(recipient, Some(delivery))])?;
    }
    Ok(())
}

/// A delivery came back to waiting: if a newer order has another text for its recipient, the old one never leaves and the new one
/// takes its place; if it withdraws the release, nothing does. Returns the state in which the delivery ends.
pub(super) fn overtake(write: &mut Write<'_>, delivery: i64) -> Result<State> {
    let Some(Standing { recipient, course, release, part, seq }) = before_a_newer(write, delivery)? else {
        return Ok(State::Scheduled);
    };
    let newest: Notice =
        write.sql(NEWEST)?.query_row(named_params! { ":release": release }, |row| row.get(0))?;
    if matches!(newest, Notice::Hold | Notice::Kill) {
        blocks::give_up(write, delivery, part, State::Cancelled)?;
        return Ok(State::Cancelled);
    }
    let parts = parts(write, &release, seq)?;
    let next = receivers::overtaken(&parts, part);
    if matches!(next, Overtaken::No) {
        return Ok(State::Scheduled);
    }
    blocks::give_up(write, delivery, part, State::Superseded)?;
    if let Overtaken::By(next) = next {
        blocks::insert(write, next, &course, &[(recipient, None)])?;
    }
    Ok(State::Superseded)
}
