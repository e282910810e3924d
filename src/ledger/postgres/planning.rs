//! What planning and dispatch ask before they begin.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::holds::unheld;
use super::session::Tx;
use super::values::At;
use super::{Postgres, Result, wishes};
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
             JOIN (SELECT part, state, sum(n)::bigint AS n FROM tally GROUP BY part, state) AS t ON t.part = p.id
       WHERE t.n > 0
    ORDER BY p.id, t.state";
const SUPPRESSED: &str =
    "SELECT c.id, s.reason FROM suppression AS s JOIN contact AS c ON c.address = s.address";
/// Mails leave at their due time or within the two days after it.
const RECENT_MAILS: &str = "
    SELECT d.recipient, count(*)
      FROM part AS p
           JOIN block AS b ON b.part = p.id
           JOIN delivery AS d ON d.id BETWEEN b.first AND b.last
     WHERE p.kind IN ('smtp', 'ses', 'postmark') AND p.due >= $1 AND d.sent_at >= $2 AND d.recipient > 0
  GROUP BY d.recipient";
const NEXT_DUE: &str = concat!(
    "
      SELECT c.channel, n.next_due
        FROM (SELECT DISTINCT channel FROM course) AS c
             CROSS JOIN LATERAL (
                 SELECT b.next_due
                   FROM (SELECT id, part, channel, next_due
                           FROM block
                          WHERE channel = c.channel AND lease_owner IS NULL AND next_due IS NOT NULL
                       ORDER BY next_due, id
                         OFFSET 0) AS b
                        JOIN part AS p ON p.id = b.part
                        JOIN issued AS i ON i.id = p.issued
                  WHERE i.complete
                    AND ",
    unheld!(),
    "
               ORDER BY b.next_due, b.id
                  LIMIT 1) AS n
    ORDER BY c.channel"
);
const RAN_OUT: &str = "
    SELECT DISTINCT channel FROM block WHERE lease_owner IS NOT NULL AND lease_until <= lease_now($1)";
const LOOKS: &str = "
      SELECT p.channel, min(u.look_at)
        FROM doubt AS u
             JOIN delivery AS d ON d.id = u.delivery
             JOIN block AS b ON b.id = d.block
             JOIN part AS p ON p.id = b.part
       WHERE u.look_at IS NOT NULL
    GROUP BY p.channel";
const EDITION: &str = "SELECT body FROM edition WHERE sha = $1";
const ASSET: &str = "SELECT bytes FROM asset WHERE sha = $1";

impl Postgres {
    pub(in crate::ledger) async fn held(&self, recent: bool, now: Timestamp) -> Result<Held> {
        let tx = self.look("say what the ledger holds").await?;
        tx.read_all().await?;
        let mut held =
            Held { releases: releases(&tx).await?, suppressed: suppressed(&tx).await?, ..Held::default() };
        held.wishes = wishes::all(&tx).await?;
        if recent {
            held.recent = recent_mails(&tx, now).await?;
        }
        tx.commit().await?;
        Ok(held)
    }

    pub(in crate::ledger) async fn next_due(&self, now: Timestamp) -> Result<Vec<(String, Timestamp)>> {
        let tx = self.look("say what is due").await?;
        let mut all = Vec::new();
        for row in tx.query(NEXT_DUE, &[]).await? {
            all.push((row.try_get(0)?, row.try_get::<_, At>(1)?.0));
        }
        for row in tx.query(RAN_OUT, &[&tx.lease_now(now)?]).await? {
            all.push((row.try_get(0)?, now));
        }
        for row in tx.query(LOOKS, &[]).await? {
            all.push((row.try_get(0)?, row.try_get::<_, At>(1)?.0));
        }
        tx.commit().await?;
        Ok(all)
    }

    pub(in crate::ledger) async fn edition(&self, sha: Digest) -> Result<Arc<Edition>> {
        let tx = self.look("read an edition").await?;
        let body = tx.opt(EDITION, &[&sha]).await?;
        let body = body.ok_or_else(|| LedgerError::Refused(format!("there is no edition {sha}")))?;
        let mut edition: Edition = serde_json::from_slice(body.try_get(0)?)
            .map_err(|error| LedgerError::Damaged(format!("edition {sha}: {error}")))?;
        if edition.sha() != sha {
            return Err(LedgerError::Damaged(format!("edition {sha} is not what was issued")));
        }
        for asset in &mut edition.assets {
            let bytes: Vec<u8> = tx.one(ASSET, &[&asset.sha]).await?.try_get(0)?;
            asset.bytes = bytes.into();
        }
        tx.commit().await?;
        Ok(Arc::new(edition))
    }
}

async fn releases(tx: &Tx<'_>) -> Result<BTreeMap<String, HeldRelease>> {
    let mut releases: BTreeMap<String, HeldRelease> = BTreeMap::new();
    for row in tx.query(RELEASES, &[]).await? {
        let (release, notice): (String, Notice) = (row.try_get(0)?, row.try_get(1)?);
        let source = row
            .try_get::<_, &str>(2)?
            .parse()
            .map_err(|error| LedgerError::Damaged(format!("the source of {release}: {error}")))?;
        // An order that was interrupted holds nothing yet: planning must find something to do.
        let source = row.try_get::<_, bool>(3)?.then_some(source);
        let publish = Some(row.try_get::<_, At>(4)?.0);
        releases.insert(release, HeldRelease { notice, source, publish, groups: Vec::new() });
    }
    for row in tx.query(GROUPS, &[]).await? {
        let (release, audience, channel): (&str, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let (language, advance): (Language, bool) = (row.try_get(3)?, row.try_get(4)?);
        let (due, follows): (At, bool) = (row.try_get(5)?, row.try_get(6)?);
        let (state, n): (State, i64) = (row.try_get(7)?, row.try_get(8)?);
        let crowd = row.try_get::<_, Option<i64>>(9)?.map(|crowd| Crowd(crowd.cast_unsigned()));
        let place = (audience, channel, language, advance, due.0);
        fold::group(&mut releases, release, place, follows, (state, n), crowd);
    }
    Ok(releases)
}

async fn suppressed(tx: &Tx<'_>) -> Result<BTreeMap<ContactId, String>> {
    let rows = tx.query(SUPPRESSED, &[]).await?;
    rows.iter().map(|row| Ok((ContactId(row.try_get(0)?), row.try_get(1)?))).collect()
}

async fn recent_mails(tx: &Tx<'_>, now: Timestamp) -> Result<BTreeMap<ContactId, u32>> {
    let since = now.checked_sub(RECENT).unwrap_or(Timestamp::MIN);
    let planned = since.checked_sub(SignedDuration::from_hours(48)).unwrap_or(Timestamp::MIN);
    let mut recent = BTreeMap::new();
    for row in tx.query(RECENT_MAILS, &[&At(planned), &At(since)]).await? {
        let n: i64 = row.try_get(1)?;
        recent.insert(ContactId(row.try_get(0)?), u32::try_from(n).unwrap_or(u32::MAX));
    }
    Ok(recent)
}
