//! What was issued of a release, order by order.

use rusqlite::{Row, named_params};

use super::values::At;
use super::{Result, Sqlite};
use crate::ledger::look::IssuedPart;

const PARTS: &str = "
      SELECT i.seq, i.issued_at, p.notice, i.revision, p.audience, p.channel, p.language, p.advance, p.edition
        FROM issued AS i CROSS JOIN part AS p ON p.issued = i.id
       WHERE i.release = :release
    ORDER BY i.seq DESC, p.id";

impl Sqlite {
    pub(in crate::ledger) async fn issued_parts(&self, slug: &str) -> Result<Vec<IssuedPart>> {
        let slug = slug.to_owned();
        self.read("say what was issued", move |db, _| {
            let mut parts = db.prepare_cached(PARTS)?;
            let rows = parts.query_map(named_params! { ":release": slug }, part)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

fn part(row: &Row<'_>) -> rusqlite::Result<IssuedPart> {
    let At(issued_at) = row.get(1)?;
    Ok(IssuedPart {
        seq: row.get(0)?,
        issued_at,
        notice: row.get(2)?,
        revision: row.get(3)?,
        audience: row.get(4)?,
        channel: row.get(5)?,
        language: row.get(6)?,
        advance: row.get(7)?,
        edition: row.get(8)?,
    })
}
