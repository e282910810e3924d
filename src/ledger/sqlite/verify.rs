//! A look at the whole ledger for contradictions.

use rusqlite::{Connection, OptionalExtension as _};

use super::values::At;
use super::{Facts, Result, Sqlite, audit, schema};
use crate::digest::Digest;
use crate::ledger::key;
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
                        WHERE a.delivery = d.id AND r.outcome LIKE '%sent' AND r.outcome <> 'not-sent')";
/// An attempt is missing, or there is one too many.
const MISCOUNTED: &str = "
    SELECT d.id
      FROM delivery AS d
     WHERE d.attempts <> (SELECT count(*) FROM attempt AS a WHERE a.delivery = d.id)";
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
        match audit::first_broken(db)? {
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
    if let Some(seq) = audit::first_broken(db)? {
        wrong.push(format!("the audit chain is broken at entry {seq}"));
    }
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
    ] {
        wrong.extend(ids(db, sql)?.iter().map(|id| format!("delivery {id} {what}")));
    }
    keys(db, facts, &mut wrong)?;
    texts(db, &mut wrong)?;
    Ok(wrong)
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
    let mut statement = db.prepare(EDITIONS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (sha, body): (Digest, Vec<u8>) = (row.get(0)?, row.get(1)?);
        if serde_json::from_slice::<Edition>(&body).map(|edition| edition.sha()).ok() != Some(sha) {
            wrong.push(format!("edition {sha} is not what was issued"));
        }
    }
    let mut bytes = db.prepare(ASSET)?;
    for sha in column::<Digest>(db, ASSETS)? {
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
