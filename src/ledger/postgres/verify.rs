//! A look at the whole ledger for contradictions.

use std::collections::BTreeSet;

use tokio_postgres::Row;

use super::session::Tx;
use super::values::At;
use super::{Postgres, Result, audit};
use crate::contact::EmailAddress;
use crate::digest::Digest;
use crate::ledger::contradiction::{CONTRADICTIONS, Contradiction};
use crate::ledger::told::{self, Held, Told};
use crate::ledger::{Cause, Scope, key};
use crate::newsroom::ChannelKind;
use crate::render::Edition;

const TALLY: &str = "
      SELECT part, state, sum(counted)::bigint, sum(found)::bigint
        FROM (SELECT part, state, n AS counted, 0 AS found FROM tally
              UNION ALL
              SELECT b.part, d.state, 0, count(*)
                FROM delivery AS d JOIN block AS b ON b.id = d.block
            GROUP BY b.part, d.state) AS both_counts
    GROUP BY part, state
      HAVING sum(counted) <> sum(found)";
/// Every complete order, every column a text.
const ORDERS: &str = "
      SELECT id::text, release, seq::text, notice, title, source, encode(order_sha, 'hex'),
             revision, approved_by, publish::text, expires::text, issued_at::text
        FROM issued
       WHERE complete
    ORDER BY id";
const ORDER: &str = "
      SELECT id::text, release, seq::text, notice, title, source, encode(order_sha, 'hex'),
             revision, approved_by, publish::text, expires::text, issued_at::text
        FROM issued
       WHERE id = $1";
const PARTS: &str = "
      SELECT p.id::text, p.course::text, coalesce(c.release, ''), coalesce(c.channel, ''), coalesce(c.account, ''), p.audience, p.channel,
             p.kind, p.language, p.advance::integer::text, p.notice, p.follows::integer::text, encode(p.edition, 'hex'), p.due::text,
             coalesce(p.per_week::text, '')
        FROM part AS p LEFT JOIN course AS c ON c.id = p.course
       WHERE p.issued = $1
    ORDER BY p.id";
const HOLDS: &str = "SELECT scope, target, cause, reason, by, since FROM hold";
const SUPPRESSED: &str = "SELECT address, reason, since FROM suppression ORDER BY address";
const CONTACTS: &str = "SELECT id, address, email, domain FROM contact WHERE id > $1 ORDER BY id LIMIT 10000";
const KEYS: &str = "
      SELECT d.id, d.key, d.wire_key, d.recipient, c.account, i.release, i.seq, p.channel, p.kind, p.due
        FROM delivery AS d
             JOIN block AS b ON b.id = d.block
             JOIN part AS p ON p.id = b.part
             JOIN issued AS i ON i.id = p.issued
             JOIN course AS c ON c.id = d.course
       WHERE d.id > $1
    ORDER BY d.id
       LIMIT 10000";
const EDITIONS: &str = "SELECT sha, body FROM edition WHERE sha > $1 ORDER BY sha LIMIT 20";
const ASSETS: &str = "SELECT sha, bytes FROM asset WHERE sha > $1 ORDER BY sha LIMIT 1";

impl Postgres {
    pub(in crate::ledger) async fn verify(&self) -> Result<Vec<String>> {
        let tx = self.look("verify").await?;
        tx.read_all().await?;
        let mut wrong = Vec::new();
        let mut told = Told::default();
        if let Some(seq) = audit::first_broken(&tx, &mut told).await? {
            wrong.push(format!("the audit chain is broken at entry {seq}"));
        }
        told_and_found(&tx, told, &mut wrong).await?;
        contacts(&tx, &mut wrong).await?;
        for row in tx.query(TALLY, &[]).await? {
            let (part, state): (i64, &str) = (row.try_get(0)?, row.try_get(1)?);
            let (counted, found): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
            wrong.push(format!("part {part}: {counted} {state} deliveries are counted, {found} are there"));
        }
        for Contradiction { sql, what } in CONTRADICTIONS {
            for row in tx.query(sql, &[]).await? {
                wrong.push(format!("delivery {} {what}", row.try_get::<_, i64>(0)?));
            }
        }
        keys(&tx, &mut wrong).await?;
        texts(&tx, &mut wrong).await?;
        tx.commit().await?;
        Ok(wrong)
    }
}

/// The seal of an order that stands in the tables.
pub(super) async fn seal_of(tx: &Tx<'_>, issued: i64) -> Result<Digest> {
    let mut order = texts_of(&tx.query(ORDER, &[&issued]).await?)?;
    order.extend(texts_of(&tx.query(PARTS, &[&issued]).await?)?);
    Ok(told::seal(&order))
}

/// Rows whose columns are all texts.
fn texts_of(rows: &[Row]) -> Result<Vec<Vec<String>>> {
    rows.iter()
        .map(|row| {
            Ok((0..row.len()).map(|column| row.try_get(column)).collect::<std::result::Result<_, _>>()?)
        })
        .collect()
}

/// Holds what the audit chain told against the tables.
async fn told_and_found(tx: &Tx<'_>, mut told: Told, wrong: &mut Vec<String>) -> Result<()> {
    for order in texts_of(&tx.query(ORDERS, &[]).await?)? {
        let [id, release, seq, _, _, _, _, _, by, ..] = order.as_slice() else { continue };
        let seal = seal_of(tx, id.parse().unwrap_or_default()).await?;
        wrong.extend(told.order(release, seq.parse().unwrap_or_default(), by, &seal));
    }
    for row in tx.query(HOLDS, &[]).await? {
        let (kind, target, cause): (String, String, &str) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let cause = Cause::of(cause).filter(|cause| matches!(cause, Cause::Restored | Cause::Clock));
        let scope = Scope::of_columns(&kind, target).map_or(kind, |scope| scope.to_string());
        let held =
            Held { scope, cause, reason: row.try_get(3)?, by: row.try_get(4)?, since: row.try_get(5)? };
        wrong.extend(told.hold(&held));
    }
    for row in tx.query(SUPPRESSED, &[]).await? {
        wrong.extend(told.suppressed(&row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    }
    wrong.extend(told.missing());
    Ok(())
}

/// An address is known by its keyed digest, so a changed one shows.
async fn contacts(tx: &Tx<'_>, wrong: &mut Vec<String>) -> Result<()> {
    let mut after = i64::MIN;
    loop {
        let rows = tx.query(CONTACTS, &[&after]).await?;
        for row in &rows {
            after = row.try_get(0)?;
            let (address, domain): (Digest, &str) = (row.try_get(1)?, row.try_get(3)?);
            let email: std::result::Result<EmailAddress, _> = row.try_get(2);
            if !email.is_ok_and(|email| tx.facts().address(&email) == address && email.domain() == domain) {
                wrong.push(format!("contact {after} has another address than was imported"));
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}

/// The key of a delivery says for whom it is, so a changed recipient shows.
async fn keys(tx: &Tx<'_>, wrong: &mut Vec<String>) -> Result<()> {
    let mut after = i64::MIN;
    loop {
        let rows = tx.query(KEYS, &[&after]).await?;
        for row in &rows {
            after = row.try_get(0)?;
            let (found, wire): (Digest, &str) = (row.try_get(1)?, row.try_get(2)?);
            let (recipient, account): (i64, &str) = (row.try_get(3)?, row.try_get(4)?);
            let (release, seq, channel): (&str, i64, &str) =
                (row.try_get(5)?, row.try_get(6)?, row.try_get(7)?);
            let (kind, due): (ChannelKind, At) = (row.try_get(8)?, row.try_get(9)?);
            let name = if account.is_empty() { recipient.to_string() } else { format!("account/{account}") };
            let expected = key::delivery_key(&tx.facts().lineage, release, seq, channel, &name);
            if found != expected || wire != key::wire_key(kind, &expected, due.0) {
                wrong.push(format!("delivery {after} is not for whom it was issued"));
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}

/// What was frozen is known by its digest.
async fn texts(tx: &Tx<'_>, wrong: &mut Vec<String>) -> Result<()> {
    let mut used = BTreeSet::new();
    for (sql, what) in [(EDITIONS, "edition"), (ASSETS, "file")] {
        let mut after: Vec<u8> = Vec::new();
        loop {
            let rows = tx.query(sql, &[&after]).await?;
            for row in &rows {
                let (sha, bytes): (&[u8], &[u8]) = (row.try_get(0)?, row.try_get(1)?);
                after = sha.to_vec();
                let found = match what {
                    "file" => Some(Digest::of(bytes)),
                    _ => serde_json::from_slice::<Edition>(bytes).ok().map(|edition| {
                        used.extend(edition.assets.iter().map(|asset| asset.sha));
                        edition.sha()
                    }),
                };
                used.remove(&found.filter(|_| what == "file").unwrap_or(Digest([0; 32])));
                let name = sha.try_into().ok().map(Digest);
                if found.is_none() || found != name {
                    let name = name.map_or_else(|| "without a name".to_owned(), |name| name.to_string());
                    wrong.push(format!("{what} {name} is not what was issued"));
                }
            }
            if rows.is_empty() {
                break;
            }
        }
    }
    wrong.extend(used.iter().map(|sha| format!("file {sha} is not what was issued")));
    Ok(())
}
