//! What was issued of a release, order by order.

use super::values::At;
use super::{Postgres, Result};
use crate::ledger::look::IssuedPart;

const PARTS: &str = "
      SELECT i.seq, i.issued_at, p.notice, i.revision, p.audience, p.channel, p.language, p.advance, p.edition
        FROM issued AS i JOIN part AS p ON p.issued = i.id
       WHERE i.release = $1
    ORDER BY i.seq DESC, p.id";

impl Postgres {
    pub(in crate::ledger) async fn issued_parts(&self, slug: &str) -> Result<Vec<IssuedPart>> {
        let tx = self.look("say what was issued").await?;
        let mut parts = Vec::new();
        for row in tx.query(PARTS, &[&slug]).await? {
            let At(issued_at) = row.try_get(1)?;
            parts.push(IssuedPart {
                seq: row.try_get(0)?,
                issued_at,
                notice: row.try_get(2)?,
                revision: row.try_get(3)?,
                audience: row.try_get(4)?,
                channel: row.try_get(5)?,
                language: row.try_get(6)?,
                advance: row.try_get(7)?,
                edition: row.try_get(8)?,
            });
        }
        tx.commit().await?;
        Ok(parts)
    }
}
