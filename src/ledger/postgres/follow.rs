//! Notices to those who have an older text: exactly those, once for each order.
//!
//! They are found when the order is issued, and again whenever a delivery of an older order turns out to be sent afterwards.
//! The order has the lock [`Follow`](super::locks::Lock::Follow) alone while it is written, each result shares it: so a result sees
//! the order, or the order sees the result.

use tokio_postgres::Row;

use super::session::Tx;
use super::values::At;
use super::{Result, blocks};
use crate::ledger::State;
use crate::ledger::prepare::{Course, Inserted, Part};
use crate::ledger::receivers::{self, Followed, Overtaken, Row as Seen};
use crate::release::Notice;

const PARTS_OF_RELEASE: &str = "
      SELECT p.id, p.issued, i.seq, i.release, p.audience, p.channel, p.kind, p.language, p.advance,
             p.follows, p.due, p.edition
        FROM issued AS i JOIN part AS p ON p.issued = i.id
       WHERE i.release = $1 AND i.seq >= $2
    ORDER BY p.id";
const COURSES: &str = "SELECT id, account FROM course WHERE release = $1 AND channel = $2 ORDER BY id";
const DELIVERIES: &str = "
      SELECT d.recipient, d.id, b.part, d.state
        FROM delivery AS d JOIN block AS b ON b.id = d.block
       WHERE d.course = $1 AND d.recipient >= $2
    ORDER BY d.recipient, d.id
       LIMIT $3";
const NEWEST: &str = "SELECT seq, notice FROM issued WHERE release = $1 ORDER BY seq DESC LIMIT 1";
const WHERE_IT_STANDS: &str = "
    SELECT d.recipient, c.id, c.account, c.release, p.id, i.seq
      FROM delivery AS d
           JOIN course AS c ON c.id = d.course
           JOIN block AS b ON b.id = d.block
           JOIN part AS p ON p.id = b.part
           JOIN issued AS i ON i.id = p.issued
     WHERE d.id = $1";

/// All parts of a release from order `seq` on.
pub(super) async fn parts(tx: &Tx<'_>, release: &str, seq: i64) -> Result<Vec<Part>> {
    tx.query(PARTS_OF_RELEASE, &[&release, &seq]).await?.iter().map(part).collect()
}

fn part(row: &Row) -> Result<Part> {
    Ok(Part {
        id: row.try_get(0)?,
        issued: row.try_get(1)?,
        seq: row.try_get(2)?,
        release: row.try_get(3)?,
        audience: row.try_get(4)?,
        channel: row.try_get(5)?,
        kind: row.try_get(6)?,
        language: row.try_get(7)?,
        advance: row.try_get(8)?,
        follows: row.try_get(9)?,
        due: row.try_get::<_, At>(10)?.0,
        edition: row.try_get(11)?,
    })
}

/// The courses of a release on a channel.
pub(super) async fn courses(tx: &Tx<'_>, release: &str, channel: &str) -> Result<Vec<Course>> {
    let rows = tx.query(COURSES, &[&release, &channel]).await?;
    rows.iter().map(|row| Ok(Course { id: row.try_get(0)?, account: row.try_get(1)? })).collect()
}

/// Writes notices of order `issued` to recipients of `course` from number `from` on, reading at most `limit` deliveries.
pub(super) async fn follow(
    tx: &mut Tx<'_>,
    issued: i64,
    course: &Course,
    channel: &str,
    parts: &[Part],
    from: i64,
    limit: u32,
) -> Result<Followed> {
    let mut rows: Vec<Seen> = Vec::new();
    for row in tx.query(DELIVERIES, &[&course.id, &from, &i64::from(limit)]).await? {
        rows.push((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?));
    }
    let (mut followed, targets) = receivers::find(&mut rows, parts, issued, channel, course, (from, limit));
    for (part, list) in targets {
        let Inserted { created, suppressed, .. } = blocks::insert(tx, part, course, &list).await?;
        followed.notices += created;
        followed.suppressed += suppressed;
    }
    Ok(followed)
}

/// A delivery was sent: if a newer order has a notice for those who have its text, this recipient gets it.
pub(super) async fn catch_up(tx: &mut Tx<'_>, delivery: i64) -> Result<()> {
    let Some(row) = tx.opt(WHERE_IT_STANDS, &[&delivery]).await? else { return Ok(()) };
    let course = Course { id: row.try_get(1)?, account: row.try_get(2)? };
    let (recipient, release): (i64, String) = (row.try_get(0)?, row.try_get(3)?);
    let (had, seq): (i64, i64) = (row.try_get(4)?, row.try_get(5)?);
    let parts = parts(tx, &release, seq).await?;
    if let Some(part) = receivers::owed(&parts, had, seq, &course) {
        blocks::insert(tx, part, &course, &[(recipient, Some(delivery))]).await?;
    }
    Ok(())
}

/// A delivery came back to waiting: if a newer order has another text for its recipient, the old one never leaves and the new one
/// takes its place; if it withdraws the release, nothing does. Returns the state in which the delivery ends.
pub(super) async fn overtake(tx: &mut Tx<'_>, delivery: i64) -> Result<State> {
    let Some(row) = tx.opt(WHERE_IT_STANDS, &[&delivery]).await? else { return Ok(State::Scheduled) };
    let course = Course { id: row.try_get(1)?, account: row.try_get(2)? };
    let (recipient, release): (i64, String) = (row.try_get(0)?, row.try_get(3)?);
    let (part, seq): (i64, i64) = (row.try_get(4)?, row.try_get(5)?);
    let newest = tx.one(NEWEST, &[&release]).await?;
    if newest.try_get::<_, i64>(0)? <= seq {
        return Ok(State::Scheduled);
    }
    if matches!(newest.try_get(1)?, Notice::Hold | Notice::Kill) {
        blocks::give_up(tx, &[delivery], part, State::Cancelled).await?;
        return Ok(State::Cancelled);
    }
    let parts = parts(tx, &release, seq).await?;
    let next = receivers::overtaken(&parts, part);
    if matches!(next, Overtaken::No) {
        return Ok(State::Scheduled);
    }
    blocks::give_up(tx, &[delivery], part, State::Superseded).await?;
    if let Overtaken::By(next) = next {
        blocks::insert(tx, next, &course, &[(recipient, None)]).await?;
    }
    Ok(State::Superseded)
}
