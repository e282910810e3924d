//! A look at the whole ledger for contradictions.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _};

use super::values::At;
use super::{Facts, Result, Sqlite, audit, schema};
use crate::contact::EmailAddress;
use crate::digest::Digest;
use crate::ledger::contradiction::{CONTRADICTIONS, Contradiction};
use crate::ledger::told::{self, Held, Told};
use crate::ledger::{Cause, Scope, key};
use crate::newsroom::ChannelKind;
use crate::render::Edition;

const TALLY: &str = "
      SELECT part, state, sum(counted), sum(found)
        FROM (SELECT part, state, n AS counted, 0 AS found FROM tally
              UNION ALL
              SELECT b.part, d.state, 0, count(*)
                FROM delivery AS d JOIN block AS b ON b.id = d.block
            GROUP BY b.part, d.state)
    GROUP BY part, state
      HAVING sum(counted) <> sum(found)";
/// Every complete order, every column a text.
const ORDERS: &str = "
      SELECT CAST(id AS TEXT), release, CAST(seq AS TEXT), notice, title, source, lower(hex(order_sha)),
             revision, approved_by, CAST(publish AS TEXT), CAST(expires AS TEXT), CAST(issued_at AS TEXT)
        FROM issued
       WHERE complete = 1
    ORDER BY id";
const ORDER: &str = "
      SELECT CAST(id AS TEXT), release, CAST(seq AS TEXT), notice, title, source, lower(hex(order_sha)),
             revision, approved_by, CAST(publish AS TEXT), CAST(expires AS TEXT), CAST(issued_at AS TEXT)
        FROM issued
       WHERE id = :issued";
const PARTS: &str = "
      SELECT CAST(p.id AS TEXT), CAST(p.course AS TEXT), coalesce(c.release, ''), coalesce(c.channel, ''), coalesce(c.account, ''), p.audience, p.channel,
             p.kind, p.language, CAST(p.advance AS TEXT), p.notice, CAST(p.follows AS TEXT), lower(hex(p.edition)), CAST(p.due AS TEXT),
             coalesce(CAST(p.per_week AS TEXT), '')
        FROM part AS p LEFT JOIN course AS c ON c.id = p.course
       WHERE p.issued = :issued
    ORDER BY p.id";
const HOLDS: &str = "SELECT scope, target, cause, reason, by, since FROM hold";
const SUPPRESSED: &str = "SELECT address, reason, since FROM suppression ORDER BY address";
const CONTACTS: &str = "SELECT id, address, email, domain FROM contact";
const KEYS: &str = "
    SELECT d.id, d.key, d.wire_key, d.recipient, c.account, i.release, i.seq, p.channel, p.kind, p.due
      FROM delivery AS d
           CROSS JOIN block AS b ON b.id = d.block
           CROSS JOIN part AS p ON p.id = b.part
           CROSS JOIN issued AS i ON i.id = p.issued
           CROSS JOIN course AS c ON c.id = d.course";
const EDITIONS: &str = "SELECT sha, body FROM edition";
const ASSETS: &str = "SELECT sha FROM asset";
const ASSET: &str = "SELECT bytes FROM asset WHERE sha = :sha";

impl Sqlite {
    pub(in crate::ledger) async fn verify(&self) -> Result<Vec<String>> {
        self.read("verify", everything).await
    }
}

/// What a copy must pass before it is believed, whatever its schema: it is a sound database, and its audit chain is whole.
pub(super) fn whole(db: &Connection, found: i64) -> Result<Vec<String>> {
    let mut wrong = database(db)?;
    if wrong.is_empty() {
        match audit::first_broken(db, &mut Told::default())? {
            Some(seq) => wrong.push(format!("the audit chain is broken at entry {seq}")),
            None if found == schema::known() => wrong = everything(db, &schema::facts(db)?)?,
            None => {}
        }
    }
    Ok(wrong)
}

fn database(db: &Connection) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let health: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if health != "ok" {
        wrong.push(format!("the database is damaged: {health}"));
    }
    let mut statement = db.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        wrong.push(format!("a row of {table} points to a row of {parent} that is not there"));
    }
    Ok(wrong)
}

fn everything(db: &Connection, facts: &Facts) -> Result<Vec<String>> {
    // Of a damaged database the rest would say nonsense.
    let mut wrong = database(db)?;
    if !wrong.is_empty() {
        return Ok(wrong);
    }
    let mut told = Told::default();
    if let Some(seq) = audit::first_broken(db, &mut told)? {
        wrong.push(format!("the audit chain is broken at entry {seq}"));
    }
    told_and_found(db, told, &mut wrong)?;
    contacts(db, facts, &mut wrong)?;
    let mut statement = db.prepare(TALLY)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (part, state): (i64, String) = (row.get(0)?, row.get(1)?);
        let (counted, found): (i64, i64) = (row.get(2)?, row.get(3)?);
        wrong.push(format!("part {part}: {counted} {state} deliveries are counted, {found} are there"));
    }
    for Contradiction { sql, what } in CONTRADICTIONS {
        wrong.extend(ids(db, sql)?.iter().map(|id| format!("delivery {id} {what}")));
    }
    keys(db, facts, &mut wrong)?;
    texts(db, &mut wrong)?;
    Ok(wrong)
}

/// The seal of an order that stands in the tables.
pub(super) fn seal_of(db: &Connection, issued: i64) -> Result<Digest> {
    let mut order = texts_of(db, ORDER, Some(issued))?;
    order.extend(texts_of(db, PARTS, Some(issued))?);
    Ok(told::seal(&order))
}

/// Rows whose columns are all texts.
fn texts_of(db: &Connection, sql: &str, issued: Option<i64>) -> Result<Vec<Vec<String>>> {
    let mut statement = db.prepare_cached(sql)?;
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
    let rows = match issued {
        Some(issued) => statement.query_map(&[(":issued", &issued)], row)?.collect(),
        None => statement.query_map([], row)?.collect::<rusqlite::Result<_>>(),
    };
    Ok(rows?)
}

/// Holds what the audit chain told against the tables.
fn told_and_found(db: &Connection, mut told: Told, wrong: &mut Vec<String>) -> Result<()> {
    for order in texts_of(db, ORDERS, None)? {
        let [id, release, seq, _, _, _, _, _, by, ..] = order.as_slice() else { continue };
        let seal = seal_of(db, id.parse().unwrap_or_default())?;
        wrong.extend(told.order(release, seq.parse().unwrap_or_default(), by, &seal));
    }
    let mut statement = db.prepare(HOLDS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (kind, target, cause): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let cause = Cause::of(&cause).filter(|cause| matches!(cause, Cause::Restored | Cause::Clock));
        let scope = Scope::of_columns(&kind, target).map_or(kind, |scope| scope.to_string());
        let held = Held { scope, cause, reason: row.get(3)?, by: row.get(4)?, since: row.get(5)? };
        wrong.extend(told.hold(&held));
    }
    let mut statement = db.prepare(SUPPRESSED)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        wrong.extend(told.suppressed(&row.get(0)?, &row.get::<_, String>(1)?, row.get(2)?));
    }
    wrong.extend(told.missing());
    Ok(())
}

/// An address is known by its keyed digest, so a changed one shows.
fn contacts(db: &Connection, facts: &Facts, wrong: &mut Vec<String>) -> Result<()> {
    let mut statement = db.prepare(CONTACTS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, address, domain): (i64, Digest, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
        let email: rusqlite::Result<EmailAddress> = row.get(2);
        if email.is_ok_and(|email| facts.address(&email) == address && email.domain() == domain) {
            continue;
        }
        wrong.push(format!("contact {id} has another address than was imported"));
    }
    Ok(())
}

/// The key of a delivery says for whom it is, so a changed recipient shows.
fn keys(db: &Connection, facts: &Facts, wrong: &mut Vec<String>) -> Result<()> {
    let mut statement = db.prepare(KEYS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, found, wire): (i64, Digest, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (recipient, account): (i64, String) = (row.get(3)?, row.get(4)?);
        let (release, seq, channel): (String, i64, String) = (row.get(5)?, row.get(6)?, row.get(7)?);
        let (kind, due): (ChannelKind, At) = (row.get(8)?, row.get(9)?);
        let name = if account.is_empty() { recipient.to_string() } else { format!("account/{account}") };
        let expected = key::delivery_key(&facts.lineage, &release, seq, &channel, &name);
        if found != expected || wire != key::wire_key(kind, &expected, due.0) {
            wrong.push(format!("delivery {id} is not for whom it was issued"));
        }
    }
    Ok(())
}

/// What was frozen is known by its digest.
fn texts(db: &Connection, wrong: &mut Vec<String>) -> Result<()> {
    let mut used = BTreeSet::new();
    let mut statement = db.prepare(EDITIONS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (sha, body): (Digest, Vec<u8>) = (row.get(0)?, row.get(1)?);
        match serde_json::from_slice::<Edition>(&body) {
            Ok(edition) if edition.sha() == sha => used.extend(edition.assets.iter().map(|asset| asset.sha)),
            _ => wrong.push(format!("edition {sha} is not what was issued")),
        }
    }
    let mut bytes = db.prepare(ASSET)?;
    used.extend(column::<Digest>(db, ASSETS)?);
    for sha in used {
        let found: Option<Vec<u8>> = bytes.query_row([sha], |row| row.get(0)).optional()?;
        if found.is_none_or(|found| Digest::of(&found) != sha) {
            wrong.push(format!("file {sha} is not what was issued"));
        }
    }
    Ok(())
}

fn ids(db: &Connection, sql: &str) -> Result<Vec<i64>> {
    column(db, sql)
}

fn column<T: rusqlite::types::FromSql>(db: &Connection, sql: &str) -> Result<Vec<T>> {
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
