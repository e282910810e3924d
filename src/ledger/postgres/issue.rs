//! Issuing: an order becomes editions, parts, blocks and deliveries.
//!
//! Of one release one process issues at a time; the others wait and then find that it is done.

use jiff::Timestamp;
use serde_json::json;

use super::locks::{self, Lock};
use super::session::{Param, Session, Tx};
use super::values::At;
use super::{Postgres, Result, audit, blocks, follow, holds, verify};
use crate::clock::zone_rules;
use crate::digest::Digest;
use crate::language::Language;
use crate::ledger::prepare::{AT_ONCE, Course, Group, PIECE, Part, Prepared};
use crate::ledger::{Issued, LedgerError, Order, State};
use crate::release::Notice;

const PIECE_ROWS: u32 = 5_000;

const LOCK: &str = "SELECT pg_advisory_lock($1, hashtext($2))";
const UNLOCK: &str = "SELECT pg_advisory_unlock($1, hashtext($2))";
const NEWEST: &str = "
      SELECT id, seq, order_sha, complete FROM issued WHERE release = $1 ORDER BY seq DESC LIMIT 1";
const ADD_ISSUED: &str = "
    INSERT INTO issued (release, seq, notice, title, source, order_sha, revision, approved_by, publish, expires,
                        issued_at, complete)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, false)
      RETURNING id";
const COMPLETE: &str = "UPDATE issued SET complete = true WHERE id = $1";
const ADD_COURSE: &str = "
    INSERT INTO course (release, channel, account) VALUES ($1, $2, $3)
    ON CONFLICT (release, channel, account) DO NOTHING";
const FIND_COURSE: &str = "SELECT id FROM course WHERE release = $1 AND channel = $2 AND account = $3";
const ADD_ASSET: &str = "INSERT INTO asset (sha, bytes) VALUES ($1, $2) ON CONFLICT (sha) DO NOTHING";
const ADD_EDITION: &str = "INSERT INTO edition (sha, body) VALUES ($1, $2) ON CONFLICT (sha) DO NOTHING";
const ADD_PART: &str = "
    INSERT INTO part (issued, course, audience, channel, kind, language, advance, notice, follows, edition, due,
                      per_week, crowd)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
      RETURNING id";

/// An order under way.
struct Begun {
    issued: i64,
    seq: i64,
    parts: Vec<Part>,
    done: Issued,
}

impl Postgres {
    pub(in crate::ledger) async fn issue(&self, order: Order, now: Timestamp) -> Result<Issued> {
        let order = Prepared::check(order)?;
        let slug = order.order.planned.slug.as_str();
        // The lock is the connection's: it ends with it, also when this call is given up half way.
        let guard = self.shared.connection().await.map_err(|error| error.while_doing("issue"))?;
        guard.batch("SET lock_timeout = 0; SET statement_timeout = 0").await?;
        guard.query(LOCK, &[&locks::RELEASE, &slug]).await?;
        let mut tries = 0;
        let issued = loop {
            match self.issue_once(&order, now).await {
                Err(error) if tries < 8 && super::session::lost_a_race(&error) => tries += 1,
                done => break done?,
            }
        };
        let unlocked = unlock(&guard, slug).await;
        if unlocked.is_ok() {
            self.shared.give_back(guard);
        }
        Ok(issued)
    }

    async fn issue_once(&self, order: &Prepared, now: Timestamp) -> Result<Issued> {
        if order.size() > AT_ONCE {
            return self.issue_in_pieces(order, now).await;
        }
        let mut tx = self.begin("issue", &first_locks(order)).await?;
        tx.take_time().await?;
        let Some(mut begun) = begin(&mut tx, order, now).await? else {
            tx.commit().await?;
            return Ok(Issued::default());
        };
        for (at, group) in order.groups.iter().enumerate() {
            for some in group.recipients.chunks(PIECE) {
                deliveries(&mut tx, order, &mut begun, at, some).await?;
            }
        }
        for (course, channel) in followers(&tx, order, &begun).await? {
            let mut from = Some(0);
            while let Some(start) = from {
                from = notices(&mut tx, order, &mut begun, &course, &channel, start).await?;
            }
        }
        complete(&tx, order, &begun, now).await?;
        tx.commit().await?;
        Ok(begun.done)
    }

    async fn issue_in_pieces(&self, order: &Prepared, now: Timestamp) -> Result<Issued> {
        let mut tx = self.begin("begin to issue", &first_locks(order)).await?;
        tx.take_time().await?;
        let begun = begin(&mut tx, order, now).await?;
        tx.commit().await?;
        let Some(mut begun) = begun else { return Ok(Issued::default()) };
        for (at, group) in order.groups.iter().enumerate() {
            for some in group.recipients.chunks(PIECE) {
                let mut tx = self.begin("issue deliveries", &[]).await?;
                deliveries(&mut tx, order, &mut begun, at, some).await?;
                tx.commit().await?;
            }
        }
        let tx = self.begin("find receivers", &[]).await?;
        let todo = followers(&tx, order, &begun).await?;
        tx.commit().await?;
        for (course, channel) in todo {
            let mut from = Some(0);
            while let Some(start) = from {
                let mut tx = self.begin("issue notices", &[]).await?;
                from = notices(&mut tx, order, &mut begun, &course, &channel, start).await?;
                tx.commit().await?;
            }
        }
        let tx = self.begin("complete the issue", &[]).await?;
        complete(&tx, order, &begun, now).await?;
        tx.commit().await?;
        Ok(begun.done)
    }
}

async fn unlock(guard: &Session, slug: &str) -> Result<()> {
    guard.query(UNLOCK, &[&locks::RELEASE, &slug]).await?;
    guard.batch("SET lock_timeout = '15s'; SET statement_timeout = '60s'").await
}

/// The locks of the transaction in which an order begins: from its end on every result and every intent sees it.
fn first_locks(order: &Prepared) -> Vec<Lock> {
    let mut locks = Vec::new();
    if order.order.planned.notice == Notice::Hold {
        locks.push(Lock::Forbid);
    }
    if order.groups.iter().any(|group| group.follows || group.ready) {
        locks.push(Lock::Follow);
    }
    locks
}

/// Writes all but the deliveries; nothing where the same order was completed before.
async fn begin(tx: &mut Tx<'_>, order: &Prepared, now: Timestamp) -> Result<Option<Begun>> {
    let planned = &order.order.planned;
    let mut seq = 1_i64;
    if let Some(row) = tx.opt(NEWEST, &[&planned.slug]).await? {
        let (issued, last): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let (sha, complete): (Digest, bool) = (row.try_get(2)?, row.try_get(3)?);
        match (sha == order.sha, complete) {
            (true, true) => return Ok(None),
            (true, false) => {
                // It was interrupted: go on with what is there.
                let parts = follow::parts(tx, &planned.slug, last).await?;
                return Ok(Some(Begun { issued, seq: last, parts, done: Issued::default() }));
            }
            (false, true) => {}
            (false, false) => {
                // What the new order replaces anyway is given up with what is older still.
                let parts = follow::parts(tx, &planned.slug, last).await?;
                for part in parts.iter().filter(|part| order.stops(part).is_none()) {
                    blocks::give_up_part(tx, part.id, State::Superseded).await?;
                }
            }
        }
        seq = last + 1;
    }
    let source = planned.source.to_string();
    let (publish, expires, at) = (At(planned.publish), At(planned.expires), At(now));
    let row: [Param<'_>; 11] = [
        &planned.slug,
        &seq,
        &planned.notice,
        &planned.title,
        &source,
        &order.sha,
        &order.order.revision,
        &order.order.approved_by,
        &publish,
        &expires,
        &at,
    ];
    let issued: i64 = tx.one(ADD_ISSUED, &row).await?.try_get(0)?;
    let mut begun = Begun { issued, seq, parts: Vec::new(), done: Issued::default() };
    for group in &order.groups {
        begun.parts.push(add_part(tx, order, group, issued, seq).await?);
    }
    stop_older(tx, order, &mut begun).await?;
    holds::follow_release(tx, planned, &order.order.approved_by, now).await?;
    Ok(Some(begun))
}

/// Gives up what waits with an older text, or altogether. What came back to waiting since the plan was made, when it was still
/// open, gets the newer text at once.
async fn stop_older(tx: &mut Tx<'_>, order: &Prepared, begun: &mut Begun) -> Result<()> {
    for part in follow::parts(tx, &order.order.planned.slug, 0).await? {
        if part.issued >= begun.issued {
            continue;
        }
        let Some(to) = order.stops(&part) else { continue };
        let back = order.instead(&part).filter(|_| to == State::Superseded);
        let waiting = if back.is_some() { blocks::waiting(tx, part.id).await? } else { Vec::new() };
        let n = blocks::give_up_part(tx, part.id, to).await?;
        if to == State::Cancelled {
            begun.done.cancelled += n;
        } else {
            begun.done.superseded += n;
        }
        if let Some(at) = back {
            deliveries(tx, order, begun, at, &waiting).await?;
        }
    }
    Ok(())
}

async fn add_part(tx: &Tx<'_>, order: &Prepared, group: &Group, issued: i64, seq: i64) -> Result<Part> {
    let planned = &order.order.planned;
    let of = &planned.deliveries[group.at];
    let account = group.to_account().then_some(&of.language);
    let course = course(tx, &planned.slug, &of.channel, account).await?;
    for (sha, bytes) in &group.assets {
        tx.execute(ADD_ASSET, &[sha, &&**bytes]).await?;
    }
    tx.execute(ADD_EDITION, &[&group.edition, &group.body]).await?;
    let due = At(of.due);
    let per_week = group.per_week.map(i64::from);
    let crowd = group.crowd.map(|crowd| crowd.0.cast_signed());
    let row: [Param<'_>; 13] = [
        &issued,
        &course.id,
        &of.audience,
        &of.channel,
        &group.kind,
        &of.language,
        &of.advance,
        &group.notice,
        &group.follows,
        &group.edition,
        &due,
        &per_week,
        &crowd,
    ];
    let id = tx.one(ADD_PART, &row).await?.try_get(0)?;
    Ok(order.part(group, id, issued, seq))
}

async fn course(tx: &Tx<'_>, release: &str, channel: &str, account: Option<&Language>) -> Result<Course> {
    let account = account.map_or("", Language::as_str);
    let row: [Param<'_>; 3] = [&release, &channel, &account];
    tx.execute(ADD_COURSE, &row).await?;
    let id = tx.one(FIND_COURSE, &row).await?.try_get(0)?;
    Ok(Course { id, account: account.to_owned() })
}

/// Writes deliveries of the order's group `at` to some of its recipients.
async fn deliveries(
    tx: &mut Tx<'_>,
    order: &Prepared,
    begun: &mut Begun,
    at: usize,
    some: &[(i64, Option<i64>)],
) -> Result<()> {
    let (Some(part), Some(group)) = (begun.parts.get(at), order.groups.get(at)) else {
        return Err(LedgerError::Damaged(format!("order {} lacks a part", begun.seq)));
    };
    let account = group.to_account().then_some(&part.language);
    let course = course(tx, &part.release, &part.channel, account).await?;
    let inserted = blocks::insert(tx, part, &course, some).await?;
    begun.done.created += inserted.created;
    begun.done.already += inserted.already;
    begun.done.suppressed += inserted.suppressed;
    Ok(())
}

/// The courses whose recipients may have an older text, with their channels.
async fn followers(tx: &Tx<'_>, order: &Prepared, begun: &Begun) -> Result<Vec<(Course, String)>> {
    let mut channels: Vec<&str> =
        begun.parts.iter().filter(|part| part.follows).map(|part| part.channel.as_str()).collect();
    channels.sort_unstable();
    channels.dedup();
    let mut all = Vec::new();
    for channel in channels {
        for course in follow::courses(tx, &order.order.planned.slug, channel).await? {
            all.push((course, channel.to_owned()));
        }
    }
    Ok(all)
}

async fn notices(
    tx: &mut Tx<'_>,
    order: &Prepared,
    begun: &mut Begun,
    course: &Course,
    channel: &str,
    from: i64,
) -> Result<Option<i64>> {
    let parts = follow::parts(tx, &order.order.planned.slug, 0).await?;
    let followed = follow::follow(tx, begun.issued, course, channel, &parts, from, PIECE_ROWS).await?;
    begun.done.notices += followed.notices;
    begun.done.suppressed += followed.suppressed;
    begun.done.open += followed.open;
    Ok(followed.next)
}

async fn complete(tx: &Tx<'_>, order: &Prepared, begun: &Begun, now: Timestamp) -> Result<()> {
    crate::crashpoint!("S0");
    tx.execute(COMPLETE, &[&begun.issued]).await?;
    let Order { planned, revision, approved_by, .. } = &order.order;
    let detail = json!({
        "seq": begun.seq, "notice": planned.notice, "revision": revision, "order": order.sha, "counts": begun.done,
        "zones": zone_rules(), "seal": verify::seal_of(tx, begun.issued).await?,
    });
    audit::add(tx, now, approved_by, "issue", &planned.slug, &detail).await
}
