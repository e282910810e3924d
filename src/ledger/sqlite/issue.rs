//! Issuing: an order becomes editions, parts, blocks and deliveries.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, named_params};
use serde_json::json;

use super::blocks::{self, Course, Part};
use super::values::At;
use super::writer::Write;
use super::{Result, Sqlite, audit, follow, holds};
use crate::digest::Digest;
use crate::language::Language;
use crate::ledger::{Issued, LedgerError, Order, State};
use crate::newsroom::ChannelKind;
use crate::plan::{Action, Recipients};
use crate::release::Notice;

/// Lists up to this long are written in one transaction.
const AT_ONCE: u64 = 50_000;
/// Longer ones in pieces of this many.
const PIECE: usize = 5_000;
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
    INSERT INTO part (issued, course, audience, channel, kind, language, advance, notice, follows, edition, due)
         VALUES (:issued, :course, :audience, :channel, :kind, :language, :advance, :notice, :follows, :edition, :due)";

/// An order, checked and ready to be written.
struct Prepared {
    order: Order,
    sha: Digest,
    groups: Vec<Group>,
}

/// A group of the plan for which something is written.
struct Group {
    at: usize,
    kind: ChannelKind,
    edition: Digest,
    body: Vec<u8>,
    assets: Vec<(Digest, Arc<[u8]>)>,
    notice: Notice,
    recipients: Vec<(i64, Option<i64>)>,
    account: bool,
    follows: bool,
}

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
        let size: u64 = order
            .order
            .planned
            .deliveries
            .iter()
            .filter(|group| written(group))
            .map(|g| g.recipients.count())
            .sum();
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

fn written(group: &crate::plan::Group) -> bool {
    !matches!(group.action, Action::None | Action::Blocked)
}

impl Prepared {
    fn check(order: Order) -> Result<Prepared> {
        let planned = &order.planned;
        let mut names: Vec<Vec<u8>> = vec![
            planned.slug.clone().into(),
            planned.notice.as_str().into(),
            planned.source.to_string().into(),
            planned.expires.as_microsecond().to_be_bytes().into(),
        ];
        let mut groups = Vec::new();
        for (at, group) in planned.deliveries.iter().enumerate().filter(|(_, group)| written(group)) {
            // A page that is out already is written again for its receiver: the site.
            let follows = matches!(group.action, Action::Correct | Action::Kill)
                || matches!(group.recipients, Recipients::Receivers(_));
            let (recipients, account) = match &group.recipients {
                _ if follows => (Vec::new(), false),
                Recipients::Contacts(list) => (list.iter().map(|id| (id.0, None)).collect(), false),
                Recipients::Account => (vec![(0, None)], true),
                _ => (Vec::new(), false),
            };
            names.push(group.audience.clone().into());
            names.push(group.channel.clone().into());
            names.push(group.language.as_str().into());
            names.push(format!("{:?} {} {}", group.action, group.advance, account).into());
            names.push(group.due.as_microsecond().to_be_bytes().into());
            names.push(recipients.iter().flat_map(|(id, _): &(i64, _)| id.to_be_bytes()).collect());
            let Some(given) = order.editions.iter().find(|edition| edition.group == at) else {
                if recipients.is_empty() && group.action == Action::Kill {
                    continue;
                }
                return Err(LedgerError::Refused(format!(
                    "{}: the order has no edition for {} on {}",
                    planned.slug, group.audience, group.channel
                )));
            };
            let request = &given.edition.request;
            if request.test || request.slug != planned.slug || request.channel != group.channel {
                return Err(LedgerError::Refused(format!(
                    "{}: the edition for {} on {} is of {} on {}, or a test",
                    planned.slug, group.audience, group.channel, request.slug, request.channel
                )));
            }
            let edition = given.edition.sha();
            names.push(edition.0.into());
            groups.push(Group {
                at,
                kind: given.kind,
                edition,
                body: serde_json::to_vec(&given.edition)
                    .map_err(|error| LedgerError::Refused(format!("{}: {error}", planned.slug)))?,
                assets: given.edition.assets.iter().map(|a| (a.sha, Arc::clone(&a.bytes))).collect(),
                notice: request.notice,
                recipients,
                account,
                follows,
            });
        }
        let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        Ok(Prepared { sha: Digest::of_fields(&names), groups, order })
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
                for part in follow::parts(write, &planned.slug, last)? {
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
    let done = stop_older(write, order, issued)?;
    holds::follow_release(write, planned, &order.order.approved_by, now)?;
    let mut parts = Vec::new();
    for group in &order.groups {
        parts.push(add_part(write, order, group, issued, seq)?);
    }
    Ok(Some(Begun { issued, seq, parts, done }))
}

/// Gives up what waits with an older text, or altogether.
fn stop_older(write: &mut Write<'_>, order: &Prepared, issued: i64) -> Result<Issued> {
    let planned = &order.order.planned;
    let mut done = Issued::default();
    let withdrawn = matches!(planned.notice, Notice::Hold | Notice::Kill);
    for part in follow::parts(write, &planned.slug, 0)? {
        if part.issued >= issued {
            continue;
        }
        let same = |group: &&crate::plan::Group| {
            group.audience == part.audience
                && group.channel == part.channel
                && group.language == part.language
                && group.advance == part.advance
        };
        let actions: Vec<Action> = planned.deliveries.iter().filter(same).map(|group| group.action).collect();
        if withdrawn || actions.contains(&Action::Kill) {
            done.cancelled += blocks::give_up_part(write, part.id, State::Cancelled)?;
        } else if actions.iter().any(|action| matches!(action, Action::Update | Action::Correct)) {
            done.superseded += blocks::give_up_part(write, part.id, State::Superseded)?;
        }
    }
    Ok(done)
}

fn add_part(write: &Write<'_>, order: &Prepared, group: &Group, issued: i64, seq: i64) -> Result<Part> {
    let planned = &order.order.planned;
    let of = &planned.deliveries[group.at];
    // Mail goes to contacts; everything else to the channel's own account.
    let account = if group.follows { group.kind != ChannelKind::Smtp } else { group.account };
    let course = course(write, &planned.slug, &of.channel, account.then_some(&of.language))?;
    for (sha, bytes) in &group.assets {
        write.sql(ADD_ASSET)?.execute(named_params! { ":sha": sha, ":bytes": &**bytes })?;
    }
    write.sql(ADD_EDITION)?.execute(named_params! { ":sha": group.edition, ":body": group.body })?;
    let id = write.sql(ADD_PART)?.insert(named_params! {
        ":issued": issued, ":course": course.id, ":audience": of.audience, ":channel": of.channel,
        ":kind": group.kind, ":language": of.language, ":advance": of.advance, ":notice": group.notice,
        ":follows": group.follows, ":edition": group.edition, ":due": At(of.due),
    })?;
    Ok(Part {
        id,
        issued,
        seq,
        release: planned.slug.clone(),
        audience: of.audience.clone(),
        channel: of.channel.clone(),
        kind: group.kind,
        language: of.language.clone(),
        advance: of.advance,
        follows: group.follows,
        due: of.due,
    })
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
    let course = course(write, &part.release, &part.channel, group.account.then_some(&part.language))?;
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
    write.sql(COMPLETE)?.execute(named_params! { ":issued": begun.issued })?;
    let Order { planned, revision, approved_by, .. } = &order.order;
    let detail = json!({
        "seq": begun.seq, "notice": planned.notice, "revision": revision, "order": order.sha, "counts": begun.done,
    });
    audit::add(write, now, approved_by, "issue", &planned.slug, &detail)?;
    Ok(begun.done)
}
