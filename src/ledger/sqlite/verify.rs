//! A look at the whole ledger for contradictions.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _};

use super::values::At;
use super::{Facts, Result, Sqlite, audit, schema};
use crate::contact::EmailAddress;
use crate::digest::Digest;
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
const STRAYS: &str = "
    SELECT d.id
      FROM delivery AS d LEFT JOIN block AS b ON b.id = d.block
     WHERE b.id IS NULL OR d.id NOT BETWEEN b.first AND b.last";
/// A delivery that waits in a block which will never be looked at again, or later than it is due.
const FORGOTTEN: &str = "
    SELECT d.id
      FROM delivery AS d JOIN block AS b ON b.id = d.block
     WHERE d.state = 'scheduled' AND b.lease_owner IS NULL AND b.next_due IS NULL";
const LOOSE: &str = "
    SELECT d.id
      FROM delivery AS d JOIN block AS b ON b.id = d.block
     WHERE d.state = 'attempting' AND b.lease_owner IS NULL";
const UNSETTLED: &str = "
    SELECT d.id
      FROM delivery AS d
     WHERE (d.state = 'attempting') <> (d.attempt IS NOT NULL
                                        AND NOT EXISTS (SELECT 1 FROM result AS r WHERE r.attempt = d.attempt))";
/// Sent, and no attempt or decision says so.
const UNPROVED: &str = "
    SELECT d.id
      FROM delivery AS d
     WHERE d.state IN ('sent', 'bounced', 'complained')
       AND NOT EXISTS (SELECT 1
                         FROM attempt AS a CROSS JOIN result AS r ON r.attempt = a.id
                        WHERE a.delivery = d.id AND r.outcome LIKE '%sent' AND r.outcome <> 'not-sent'
                          AND r.at = d.sent_at)";
/// An attempt is missing, or there is one too many.
const MISCOUNTED: &str = "
    SELECT d.id
      FROM delivery AS d
     WHERE d.attempts <> (SELECT count(*) FROM attempt AS a WHERE a.delivery = d.id)";
/// Seat 0 is for the original; a notice has its order's number.
const SEATS: &str = "
    SELECT d.id
      FROM delivery AS d JOIN block AS b ON b.id = d.block JOIN part AS p ON p.id = b.part
     WHERE d.seat <> CASE WHEN p.follows THEN p.issued ELSE 0 END";
const ASTRAY: &str = "
    SELECT d.id
      FROM delivery AS d
           JOIN block AS b ON b.id = d.block
           JOIN part AS p ON p.id = b.part
           JOIN issued AS i ON i.id = p.issued
           LEFT JOIN course AS c ON c.id = d.course
     WHERE c.id IS NULL OR c.release <> i.release OR c.channel <> p.channel OR b.channel <> p.channel";
/// A notice follows what its recipient has on the same course; an original follows nothing.
const FOLLOWS: &str = "
    SELECT d.id
      FROM delivery AS d JOIN block AS b ON b.id = d.block JOIN part AS p ON p.id = b.part
     WHERE CASE WHEN p.follows
                THEN NOT EXISTS (SELECT 1
                                   FROM delivery AS o
                                  WHERE o.id = d.previous AND o.course = d.course AND o.recipient = d.recipient)
                ELSE d.previous IS NOT NULL END";
const EARLY: &str = "
    SELECT d.id
      FROM delivery AS d JOIN block AS b ON b.id = d.block JOIN part AS p ON p.id = b.part
     WHERE d.due < p.due";
const NEWEST: &str = "
    SELECT d.id
      FROM delivery AS d
     WHERE d.attempt IS DISTINCT FROM (SELECT max(a.id) FROM attempt AS a WHERE a.delivery = d.id)";
/// Attempts are counted from one, under an epoch that their block had, and must begin within half a minute.
const ATTEMPTS: &str = "
    SELECT a.delivery
      FROM attempt AS a
           LEFT JOIN delivery AS d ON d.id = a.delivery
           LEFT JOIN block AS b ON b.id = d.block
     WHERE b.id IS NULL OR a.epoch > b.epoch OR a.deadline - a.intent_at NOT BETWEEN 0 AND 30000000
        OR a.no <> (SELECT count(*) FROM attempt AS o WHERE o.delivery = a.delivery AND o.id <= a.id)";
/// It waits or failed although an attempt of it arrived, or nothing says that it failed.
const CONTRADICTED: &str = "
    SELECT d.id
      FROM delivery AS d
     WHERE (d.state IN ('scheduled', 'failed')
            AND EXISTS (SELECT 1
                          FROM attempt AS a JOIN result AS r ON r.attempt = a.id
                         WHERE a.delivery = d.id AND r.outcome LIKE '%sent' AND r.outcome <> 'not-sent'))
        OR (d.state = 'failed'
            AND NOT EXISTS (SELECT 1
                              FROM attempt AS a JOIN result AS r ON r.attempt = a.id
                             WHERE a.delivery = d.id AND r.outcome LIKE '%failed'))";
const RESULTS: &str = "
    SELECT a.delivery
      FROM result AS r JOIN attempt AS a ON a.id = r.attempt
     WHERE r.outcome NOT IN ('sent', 'later', 'failed', 'unknown', 'not-sent', 'found sent', 'decided sent', 'decided failed',
                             'decided to send again', 'decided to give up', 'sent once more by rule', 'parked', 'bounced',
                             'complained')
        OR r.no NOT BETWEEN 1 AND (SELECT count(*) FROM result AS o WHERE o.attempt = r.attempt)";
const UNDOUBTED: &str = "
    SELECT d.id
      FROM delivery AS d
     WHERE d.state IN ('unknown', 'parked') AND NOT EXISTS (SELECT 1 FROM doubt AS u WHERE u.delivery = d.id)";
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
    for (sql, what) in [
        (STRAYS, "is outside its block"),
        (FORGOTTEN, "waits where nobody looks"),
        (LOOSE, "is under way but nobody's"),
        (UNSETTLED, "is under way with a result, or has an attempt without one"),
        (UNPROVED, "is sent, but nothing says so"),
        (MISCOUNTED, "has more or fewer attempts than it counts"),
        (SEATS, "sits where it does not belong"),
        (ASTRAY, "is on another course than it was issued for"),
        (FOLLOWS, "follows what its recipient does not have"),
        (EARLY, "would leave before its time"),
        (NEWEST, "does not know its newest attempt"),
        (ATTEMPTS, "has an attempt that cannot have been"),
        (CONTRADICTED, "is in a state that its results contradict"),
        (RESULTS, "has results that nobody can have written"),
        (UNDOUBTED, "is unknown, but nothing says since when"),
    ] {
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
