//! A look at the whole ledger for contradictions.

use super::{Postgres, Result, audit};

const TALLY: &str = "
      SELECT part, state, sum(counted)::bigint, sum(found)::bigint
        FROM (SELECT part, state, n AS counted, 0 AS found FROM tally
              UNION ALL
              SELECT b.part, d.state, 0, count(*)
                FROM delivery AS d JOIN block AS b ON b.id = d.block
            GROUP BY b.part, d.state) AS both_counts
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
const ORPHANS: &str = "
    SELECT a.delivery
      FROM attempt AS a LEFT JOIN delivery AS d ON d.id = a.delivery
     WHERE d.id IS NULL OR d.attempt IS NULL OR a.id > d.attempt";

impl Postgres {
    pub(in crate::ledger) async fn verify(&self) -> Result<Vec<String>> {
        let tx = self.look("verify").await?;
        tx.read_all().await?;
        let mut wrong = Vec::new();
        if let Some(seq) = audit::first_broken(&tx).await? {
            wrong.push(format!("the audit chain is broken at entry {seq}"));
        }
        for row in tx.query(TALLY, &[]).await? {
            let (part, state): (i64, &str) = (row.try_get(0)?, row.try_get(1)?);
            let (counted, found): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
            wrong.push(format!("part {part}: {counted} {state} deliveries are counted, {found} are there"));
        }
        for (sql, what) in [
            (STRAYS, "is outside its block"),
            (FORGOTTEN, "waits where nobody looks"),
            (LOOSE, "is under way but nobody's"),
            (UNSETTLED, "is under way with a result, or has an attempt without one"),
            (ORPHANS, "has an attempt that it does not know"),
        ] {
            for row in tx.query(sql, &[]).await? {
                wrong.push(format!("delivery {} {what}", row.try_get::<_, i64>(0)?));
            }
        }
        tx.commit().await?;
        Ok(wrong)
    }
}
