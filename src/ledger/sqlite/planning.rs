//! What planning and dispatch ask before they begin.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::values::At;
use super::{Result, Sqlite, wishes};
use crate::contact::ContactId;
use crate::digest::Digest;
use crate::language::Language;
use crate::ledger::{LedgerError, State, fold};
use crate::plan::{Crowd, Held, HeldRelease};
use crate::release::Notice;
use crate::render::Edition;

/// How far back `recent` looks.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

const RELEASES: &str = "SELECT release, notice, source, complete, publish FROM issued ORDER BY release, seq";
const GROUPS: &str = "
      SELECT i.release, p.audience, p.channel, p.language, p.advance, p.due, p.follows, t.state, t.n, p.crowd
        FROM part AS p
             JOIN issued AS i ON i.id = p.issued
             JOIN tally AS t ON t.part = p.id
       WHERE t.n > 0
    ORDER BY p.id";
const SUPPRESSED: &str =
    "SELECT c.id, s.reason FROM suppression AS s CROSS JOIN contact AS c ON c.address = s.address";
/// Mails leave at their due time or within the two days after it.
const RECENT_BLOCKS: &str = "
    SELECT b.first, b.last
      FROM part AS p CROSS JOIN block AS b ON b.part = p.id
     WHERE p.kind IN ('smtp', 'ses', 'postmark') AND p.due >= :since";
const RECENT_MAILS: &str = "
    SELECT recipient FROM delivery WHERE id BETWEEN :first AND :last AND sent_at >= :since AND recipient > 0";
const CHANNELS: &str = "SELECT DISTINCT channel FROM course";
const NEXT_DUE: &str = "
      SELECT b.next_due
        FROM block AS b
             CROSS JOIN part AS p ON p.id = b.part
             CROSS JOIN issued AS i ON i.id = p.issued
       WHERE b.channel = :channel AND b.lease_owner IS NULL AND b.next_due IS NOT NULL AND i.complete = 1
         AND NOT EXISTS (SELECT 1
                           FROM hold
                          WHERE scope = 'everything' AND target = ''
                            AND (cause <> 'clock'
                                 OR (since < i.publish AND p.notice IN ('original', 'correction'))))
         AND NOT EXISTS (SELECT 1 FROM hold WHERE scope = 'channel' AND target = b.channel)
         AND NOT EXISTS (SELECT 1
                           FROM hold
                          WHERE scope = 'release' AND target = i.release
                            AND (cause = 'operator' OR p.notice IN ('original', 'correction')))
    ORDER BY b.next_due
       LIMIT 1";
const RAN_OUT: &str =
    "SELECT DISTINCT channel FROM block WHERE lease_owner IS NOT NULL AND lease_until <= :now";
const LOOKS: &str = "
      SELECT p.channel, min(u.look_at)
        FROM doubt AS u
             CROSS JOIN delivery AS d ON d.id = u.delivery
             CROSS JOIN block AS b ON b.id = d.block
             CROSS JOIN part AS p ON p.id = b.part
       WHERE u.look_at IS NOT NULL
    GROUP BY p.channel";
const EDITION: &str = "SELECT body FROM edition WHERE sha = :sha";
const ASSET: &str = "SELECT bytes FROM asset WHERE sha = :sha";

impl Sqlite {
    pub(in crate::ledger) async fn held(&self, recent: bool, now: Timestamp) -> Result<Held> {
        self.read("say what the ledger holds", move |db, _| {
            let mut held = Held { releases: releases(db)?, suppressed: suppressed(db)?, ..Held::default() };
            held.wishes = wishes::all(db)?;
            if recent {
                held.recent = recent_mails(db, now)?;
            }
            Ok(held)
        })
        .await
    }

    pub(in crate::ledger) async fn next_due(&self, now: Timestamp) -> Result<Vec<(String, Timestamp)>> {
        self.read("say what is due", move |db, _| {
            let mut all = Vec::new();
            for channel in column::<String>(db, CHANNELS)? {
                let next: Option<At> = db
                    .prepare_cached(NEXT_DUE)?
                    .query_row(named_params! { ":channel": channel }, |row| row.get(0))
                    .optional()?;
                all.extend(next.map(|next| (channel, next.0)));
            }
            let mut ran_out = db.prepare_cached(RAN_OUT)?;
            let rows = ran_out.query_map(named_params! { ":now": At(now) }, |row| row.get(0))?;
            for channel in rows {
                all.push((channel?, now));
            }
            let mut looks = db.prepare_cached(LOOKS)?;
            let rows = looks.query_map([], |row| Ok((row.get(0)?, row.get::<_, At>(1)?.0)))?;
            for look in rows {
                all.push(look?);
            }
            Ok(all)
        })
        .await
    }

    pub(in crate::ledger) async fn edition(&self, sha: Digest) -> Result<Arc<Edition>> {
        self.read("read an edition", move |db, _| {
            let body: Option<Vec<u8>> = db
                .prepare_cached(EDITION)?
                .query_row(named_params! { ":sha": sha }, |row| row.get(0))
                .optional()?;
            let body = body.ok_or_else(|| LedgerError::Refused(format!("there is no edition {sha}")))?;
            let mut edition: Edition = serde_json::from_slice(&body)
                .map_err(|error| LedgerError::Damaged(format!("edition {sha}: {error}")))?;
            if edition.sha() != sha {
                return Err(LedgerError::Damaged(format!("edition {sha} is not what was issued")));
            }
            for asset in &mut edition.assets {
                let bytes: Vec<u8> = db
                    .prepare_cached(ASSET)?
                    .query_row(named_params! { ":sha": asset.sha }, |row| row.get(0))?;
                asset.bytes = bytes.into();
            }
            Ok(Arc::new(edition))
        })
        .await
    }
}

fn column<T: rusqlite::types::FromSql>(db: &Connection, sql: &str) -> Result<Vec<T>> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn releases(db: &Connection) -> Result<BTreeMap<String, HeldRelease>> {
    let mut releases: BTreeMap<String, HeldRelease> = BTreeMap::new();
    let mut statement = db.prepare_cached(RELEASES)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (release, notice, source): (String, Notice, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let source = source
            .parse()
            .map_err(|error| LedgerError::Damaged(format!("the source of {release}: {error}")))?;
        // An order that was interrupted holds nothing yet: planning must find something to do.
        let source = row.get::<_, bool>(3)?.then_some(source);
        let publish = Some(row.get::<_, At>(4)?.0);
        releases.insert(release, HeldRelease { notice, source, publish, groups: Vec::new() });
    }
    let mut statement = db.prepare_cached(GROUPS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (release, audience, channel): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (language, advance): (Language, bool) = (row.get(3)?, row.get(4)?);
        let (due, follows): (Timestamp, bool) = (row.get::<_, At>(5)?.0, row.get(6)?);
        let (state, n): (State, i64) = (row.get(7)?, row.get(8)?);
        let crowd = row.get::<_, Option<i64>>(9)?.map(|crowd| Crowd(crowd.cast_unsigned()));
        fold::group(
            &mut releases,
            &release,
            (audience, channel, language, advance, due),
            follows,
            (state, n),
            crowd,
        );
    }
    Ok(releases)
}

fn suppressed(db: &Connection) -> Result<BTreeMap<ContactId, String>> {
    let mut statement = db.prepare_cached(SUPPRESSED)?;
    let rows = statement.query_map([], |row| Ok((ContactId(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn recent_mails(db: &Connection, now: Timestamp) -> Result<BTreeMap<ContactId, u32>> {
    let since = now.checked_sub(RECENT).unwrap_or(Timestamp::MIN);
    let planned = since.checked_sub(SignedDuration::from_hours(48)).unwrap_or(Timestamp::MIN);
    let mut blocks = db.prepare_cached(RECENT_BLOCKS)?;
    let blocks: Vec<(i64, i64)> = blocks
        .query_map(named_params! { ":since": At(planned) }, |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut recent = BTreeMap::new();
    let mut mails = db.prepare_cached(RECENT_MAILS)?;
    for (first, last) in blocks {
        let mut rows = mails.query(named_params! { ":first": first, ":last": last, ":since": At(since) })?;
        while let Some(row) = rows.next()? {
            *recent.entry(ContactId(row.get(0)?)).or_default() += 1;
        }
    }
    Ok(recent)
}
