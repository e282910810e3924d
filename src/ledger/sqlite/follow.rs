//! Notices to those who have an older text: exactly those, once for each order.
//!
//! They are found when the order is issued, and again whenever a delivery of an older order turns out to be sent afterwards
//! (it was under way, or its outcome was unknown): the notice then follows in the same transaction.

use rusqlite::{OptionalExtension as _, Row, named_params};

use super::Result;
use super::blocks::{self, Course, Inserted, Part};
use super::values::At;
use super::writer::Write;
use crate::ledger::State;

const PARTS_OF_RELEASE: &str = "
      SELECT p.id, p.issued, i.seq, i.release, p.audience, p.channel, p.kind, p.language, p.advance,
             p.follows, p.due
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

/// A recipient and what it has already.
pub(super) type Receiver = (i64, Option<i64>);

/// What a stretch of receivers got.
#[derive(Debug, Default)]
pub(super) struct Followed {
    pub notices: u64,
    pub suppressed: u64,
    pub open: u64,
    /// The recipient to go on with; nothing at the end.
    pub next: Option<i64>,
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
    let mut rows: Vec<(i64, i64, i64, State)> = write
        .sql(DELIVERIES)?
        .query_map(rows, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut followed = Followed::default();
    if rows.len() == limit as usize {
        // The last recipient may have more rows than were read: begin with it next time.
        let last = rows.last().map_or(from, |row| row.0);
        if last > from {
            rows.retain(|row| row.0 < last);
            followed.next = Some(last);
        } else {
            followed.next = Some(last + 1);
        }
    }
    let mut targets: Vec<(&Part, Vec<Receiver>)> = Vec::new();
    for one in rows.chunk_by(|a, b| a.0 == b.0) {
        let older =
            |row: &&(i64, i64, i64, State)| parts.iter().any(|part| part.id == row.2 && part.issued < issued);
        let newest = one.iter().rfind(|row| row.3 == State::Sent && older(row));
        let Some((recipient, delivery, had, _)) = newest else {
            followed.open += u64::from(one.iter().filter(older).any(|row| {
                matches!(row.3, State::Attempting | State::Unknown | State::Parked | State::Quarantined)
            }));
            continue;
        };
        let Some(part) = fitting(parts, issued, channel, course, *had) else { continue };
        let target = (*recipient, Some(*delivery));
        match targets.iter_mut().find(|(other, _)| other.id == part.id) {
            Some((_, list)) => list.push(target),
            None => targets.push((part, vec![target])),
        }
    }
    for (part, list) in targets {
        let Inserted { created, suppressed, .. } = blocks::insert(write, part, course, &list)?;
        followed.notices += created;
        followed.suppressed += suppressed;
    }
    Ok(followed)
}

/// The part of order `issued` for a recipient who got part `had`: of its audience and language if there is one, else of its
/// language, else any. An account has pages or posts in several languages and never gets another's.
fn fitting<'a>(parts: &'a [Part], issued: i64, channel: &str, course: &Course, had: i64) -> Option<&'a Part> {
    let had = parts.iter().find(|part| part.id == had)?;
    let rank = |part: &&Part| {
        (
            part.audience == had.audience && part.language == had.language,
            part.language == had.language,
            part.advance == had.advance,
            std::cmp::Reverse(part.id),
        )
    };
    parts
        .iter()
        .filter(|part| part.follows && part.issued == issued && part.channel == channel)
        .filter(|part| course.account.is_empty() || part.language.as_str() == course.account)
        .max_by_key(rank)
}

/// A delivery was sent: if a newer order has a notice for those who have its text, this recipient gets it.
pub(super) fn catch_up(write: &mut Write<'_>, delivery: i64) -> Result<()> {
    let found = write
        .sql(WHERE_IT_STANDS)?
        .query_row(named_params! { ":delivery": delivery }, |row| {
            let course = Course { id: row.get(1)?, account: row.get(2)? };
            Ok((
                row.get::<_, i64>(0)?,
                course,
                row.get::<_, String>(3)?,
                row.get::<_, i64>(4)?,
                row.get::<_, i64>(5)?,
            ))
        })
        .optional()?;
    let Some((recipient, course, release, had, seq)) = found else { return Ok(()) };
    let newer: bool =
        write.sql(NEWER)?.query_row(named_params! { ":release": release, ":seq": seq }, |row| row.get(0))?;
    if !newer {
        return Ok(());
    }
    let parts = parts(write, &release, seq)?;
    let Some(own) = parts.iter().find(|part| part.id == had) else { return Ok(()) };
    let newest = parts
        .iter()
        .filter(|part| part.follows && part.channel == own.channel && part.seq > seq)
        .max_by_key(|part| part.seq);
    let Some(newest) = newest else { return Ok(()) };
    if let Some(part) = fitting(&parts, newest.issued, &own.channel, &course, had) {
        blocks::insert(write, part, &course, &[(recipient, Some(delivery))])?;
    }
    Ok(())
}
