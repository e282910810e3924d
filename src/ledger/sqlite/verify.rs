//! A look at the whole ledger for contradictions.

use rusqlite::Connection;

use super::{Result, Sqlite, audit};

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

impl Sqlite {
    pub(in crate::ledger) async fn verify(&self) -> Result<Vec<String>> {
        self.read("verify", |db, _| {
            let mut wrong = Vec::new();
            if let Some(seq) = audit::first_broken(db)? {
                wrong.push(format!("the audit chain is broken at entry {seq}"));
            }
            let mut statement = db.prepare(TALLY)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (part, state): (i64, String) = (row.get(0)?, row.get(1)?);
                let (counted, found): (i64, i64) = (row.get(2)?, row.get(3)?);
                wrong.push(format!(
                    "part {part}: {counted} {state} deliveries are counted, {found} are there"
                ));
            }
            for (sql, what) in [
                (STRAYS, "is outside its block"),
                (FORGOTTEN, "waits where nobody looks"),
                (LOOSE, "is under way but nobody's"),
                (UNSETTLED, "is under way with a result, or has an attempt without one"),
            ] {
                wrong.extend(ids(db, sql)?.iter().map(|id| format!("delivery {id} {what}")));
            }
            let health: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if health != "ok" {
                wrong.push(format!("the database is damaged: {health}"));
            }
            Ok(wrong)
        })
        .await
    }
}

fn ids(db: &Connection, sql: &str) -> Result<Vec<i64>> {
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
