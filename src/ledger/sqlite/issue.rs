//! Issuing: an order becomes editions, parts, blocks and deliveries.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, named_params};
use serde_json::json;

use super::values::At;
use super::writer::Write;
use super::{Result, Sqlite, audit, blocks, follow, holds, verify};
use crate::clock::zone_rules;
use crate::digest::Digest;
use crate::language::Language;
use crate::ledger::prepare::{AT_ONCE, Course, Group, PIECE, Part, Prepared};
use crate::ledger::{Issued, LedgerError, Order, State};

const PIECE_ROWS: u32 = 5_000;

const NEWEST: &str = "
      SELECT id, seq, order_sha, complete FROM issued WHERE release = :release ORDER BY seq DESC LIMIT 1";
const ADD_ISSUED: &str = "
    INSERT INTO issued (release, seq, notice, title, source, order_sha, revision, approved_by, publish, expires,
                        issued_at, complete)
         VALUES (:release, :seq, :notice, :title, :source, :order_sha, :revision, :approved_by, :publish, :expires,
                 :now, 0)";
const COMPLETE: &str = "UPDATE issued SET complete = 1 WHERE id = :issued";
const ADD_COURSE: &str = "
    INSERT INTO course (release, channel, account) VALUES (:release, :channel, :account)
    ON CONFLICT (release, channel, account) DO NOTHING";
const FIND_COURSE: &str =
    "SELECT id FROM course WHERE release = :release AND channel = :channel AND account = :account";
const ADD_ASSET: &str = "INSERT INTO asset (sha, bytes) VALUES (:sha, :bytes) ON CONFLICT (sha) DO NOTHING";
const ADD_EDITION: &str = "INSERT INTO edition (sha, body) VALUES (:sha, :body) ON CONFLICT (sha) DO NOTHING";
const ADD_PART: &str = "
    INSERT INTO part (issued, course, audience, channel, kind, language, advance, notice, follows, edition, due,
                      per_week, crowd)
         VALUES (:issued, :course, :audience, :channel, :kind, :language, :advance, :notice, :follows, :edition, :due,
                 :per_week, :crowd)";

/// An order under way.
struct Begun {
    issued: i64,
    seq: i64,
    parts: Vec<Part>,
    done: Issued,
}

impl Sqlite {
    pub(in crate::ledger) async fn issue(&self, order: Order, now: Timestamp) -> Result<Issued> {
        let order = Arc::new(Prepared::check(order)?);
        let size = order.size();
        if size <= AT_ONCE {
            let weight = usize::try_from(size).unwrap_or(usize::MAX);
            return self
                .write("issue", weight, move |write| {
                    let Some(mut begun) = begin(write, &order, now)? else { return Ok(Issued::default()) };
                    for (at, group) in order.groups.iter().enumerate() {
                        for some in group.recipients.chunks(PIECE) {
                            deliveries(write, &order, &mut begun, at, some)?;
                        }
                    }
                    for (course, channel) in followers(write, &order, &begun)? {
                        let mut from = Some(0);
                        while let Some(start) = from {
                            from = notices(write, &order, &mut begun, &course, &channel, start)?;
                        }
                    }
                    complete(write, &order, &begun, now)
                })
                .await;
        }
        self.issue_in_pieces(order, now).await
    }

    async fn issue_in_pieces(&self, order: Arc<Prepared>, now: Timestamp) -> Result<Issued> {
        let this = Arc::clone(&order);
        let begun = self.write("begin to issue", PIECE, move |write| begin(write, &this, now)).await?;
        let Some(mut begun) = begun else { return Ok(Issued::default()) };
        for (at, group) in order.groups.iter().enumerate() {
            for piece in 0..group.recipients.len().div_ceil(PIECE) {
                let this = Arc::clone(&order);
                begun = self
                    .write("issue deliveries", PIECE, move |write| {
                        let list = &this.groups[at].recipients;
                        let some = &list[piece * PIECE..list.len().min((piece + 1) * PIECE)];
                        deliveries(write, &this, &mut begun, at, some)?;
                        Ok(begun)
                    })
                    .await?;
            }
        }
        let this = Arc::clone(&order);
        let (todo, back) = self
            .write("find receivers", 1, move |write| Ok((followers(write, &this, &begun)?, begun)))
            .await?;
        begun = back;
        for (course, channel) in todo {
            let mut from = Some(0);
            while let Some(start) = from {
                let (this, course, channel) = (Arc::clone(&order), course.clone(), channel.clone());
                (from, begun) = self
                    .write("issue notices", PIECE, move |write| {
                        let next = notices(write, &this, &mut begun, &course, &channel, start)?;
                        Ok((next, begun))
                    })
                    .await?;
            }
        }
        self.write("complete the issue", 1, move |write| complete(write, &order, &begun, now)).await
    }
}

/// Writes all but the deliveries; nothing where the same order was completed before.
fn begin(write: &mut Write<'_>, order: &Prepared, now: Timestamp) -> Result<Option<Begun>> {
    let planned = &order.order.planned;
    let newest: Option<(i64, i64, Digest, bool)> = write
        .sql(NEWEST)?
        .query_row(named_params! { ":release": planned.slug }, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let mut seq = 1;
    if let Some((issued, last, sha, complete)) = newest {
        match (sha == order.sha, complete) {
            (true, true) => return Ok(None),
            (true, false) => {
                // It was interrupted: go on with what is there.
                let parts: Vec<Part> = follow::parts(write, &planned.slug, last)?;
                return Ok(Some(Begun { issued, seq: last, parts, done: Issued::default() }));
            }
            (false, true) => {}
            (false, false) => {
                // What the new order replaces anyway is given up with what is older still.
                let parts = follow::parts(write, &planned.slug, last)?;
                for part in parts.iter().filter(|part| order.stops(part).is_none()) {
                    blocks::give_up_part(write, part.id, State::Superseded)?;
                }
            }
        }
        seq = last + 1;
    }
    let issued = write.sql(ADD_ISSUED)?.insert(named_params! {
        ":release": planned.slug, ":seq": seq, ":notice": planned.notice, ":title": planned.title,
        ":source": planned.source.to_string(), ":order_sha": order.sha, ":revision": order.order.revision,
        ":approved_by": order.order.approved_by, ":publish": At(planned.publish), ":expires": At(planned.expires),
        ":now": At(now),
    })?;
    let mut begun = Begun { issued, seq, parts: Vec::new(), done: Issued::default() };
    for group in &order.groups {
        begun.parts.push(add_part(write, order, group, issued, seq)?);
    }
    stop_older(write, order, &mut begun)?;
    holds::follow_release(write, planned, &order.order.approved_by, now)?;
    Ok(Some(begun))
}

/// Gives up what waits with an older text, or altogether. What came back to waiting since the plan was made, when it was still
/// open, gets the newer text at once.
fn stop_older(write: &mut Write<'_>, order: &Prepared, begun: &mut Begun) -> Result<()> {
    let planned = &order.order.planned;
    for part in follow::parts(write, &planned.slug, 0)? {
        if part.issued >= begun.issued {
            continue;
        }
        let Some(to) = order.stops(&part) else { continue };
        let back = order.instead(&part).filter(|_| to == State::Superseded);
        let waiting = if back.is_some() { blocks::waiting(write, part.id)? } else { Vec::new() };
        let n = blocks::give_up_part(write, part.id, to)?;
        if to == State::Cancelled {
            begun.done.cancelled += n;
        } else {
            begun.done.superseded += n;
        }
        if let Some(at) = back {
            deliveries(write, order, begun, at, &waiting)?;
        }
    }
    Ok(())
}

fn add_part(write: &Write<'_>, order: &Prepared, group: &Group, issued: i64, seq: i64) -> Result<Part> {
    let planned = &order.order.planned;
    let of = &planned.deliveries[group.at];
    let account = group.to_account().then_some(&of.language);
    let course = course(write, &planned.slug, &of.channel, account)?;
    for (sha, bytes) in &group.assets {
        write.sql(ADD_ASSET)?.execute(named_params! { ":sha": sha, ":bytes": &**bytes })?;
    }
    write.sql(ADD_EDITION)?.execute(named_params! { ":sha": group.edition, ":body": group.body })?;
    let id = write.sql(ADD_PART)?.insert(named_params! {
        ":issued": issued, ":course": course.id, ":audience": of.audience, ":channel": of.channel,
        ":kind": group.kind, ":language": of.language, ":advance": of.advance, ":notice": group.notice,
        ":follows": group.follows, ":edition": group.edition, ":due": At(of.due), ":per_week": group.per_week,
        ":crowd": group.crowd.map(|crowd| crowd.0.cast_signed()),
    })?;
    Ok(order.part(group, id, issued, seq))
}

fn course(write: &Write<'_>, release: &str, channel: &str, account: Option<&Language>) -> Result<Course> {
    let account = account.map_or("", Language::as_str);
    let row = named_params! { ":release": release, ":channel": channel, ":account": account };
    write.sql(ADD_COURSE)?.execute(row)?;
    let id = write.sql(FIND_COURSE)?.query_row(row, |row| row.get(0))?;
    Ok(Course { id, account: account.to_owned() })
}

/// Writes deliveries of the order's group `at` to some of its recipients.
fn deliveries(
    write: &mut Write<'_>,
    order: &Prepared,
    begun: &mut Begun,
    at: usize,
    some: &[(i64, Option<i64>)],
) -> Result<()> {
    let (Some(part), Some(group)) = (begun.parts.get(at), order.groups.get(at)) else {
        return Err(LedgerError::Damaged(format!("order {} lacks a part", begun.seq)));
    };
    let account = group.to_account().then_some(&part.language);
    let course = course(write, &part.release, &part.channel, account)?;
    let inserted = blocks::insert(write, part, &course, some)?;
    begun.done.created += inserted.created;
    begun.done.already += inserted.already;
    begun.done.suppressed += inserted.suppressed;
    Ok(())
}

/// The courses whose recipients may have an older text, with their channels.
fn followers(write: &Write<'_>, order: &Prepared, begun: &Begun) -> Result<Vec<(Course, String)>> {
    let mut channels: Vec<&str> =
        begun.parts.iter().filter(|part| part.follows).map(|part| part.channel.as_str()).collect();
    channels.sort_unstable();
    channels.dedup();
    let mut all = Vec::new();
    for channel in channels {
        for course in follow::courses(write, &order.order.planned.slug, channel)? {
            all.push((course, channel.to_owned()));
        }
    }
    Ok(all)
}

fn notices(
    write: &mut Write<'_>,
    order: &Prepared,
    begun: &mut Begun,
    course: &Course,
    channel: &str,
    from: i64,
) -> Result<Option<i64>> {
    let parts = follow::parts(write, &order.order.planned.slug, 0)?;
    let followed = follow::follow(write, begun.issued, course, channel, &parts, from, PIECE_ROWS)?;
    begun.done.notices += followed.notices;
    begun.done.suppressed += followed.suppressed;
    begun.done.open += followed.open;
    Ok(followed.next)
}

fn complete(write: &Write<'_>, order: &Prepared, begun: &Begun, now: Timestamp) -> Result<Issued> {
    crate::crashpoint!("S0");
    write.sql(COMPLETE)?.execute(named_params! { ":issued": begun.issued })?;
    let Order { planned, revision, approved_by, .. } = &order.order;
    let detail = json!({
        "seq": begun.seq, "notice": planned.notice, "revision": revision, "order": order.sha, "counts": begun.done,
        "zones": zone_rules(), "seal": verify::seal_of(write.db, begun.issued)?,
    });
    audit::add(write, now, approved_by, "issue", &planned.slug, &detail)?;
    Ok(begun.done)
}
