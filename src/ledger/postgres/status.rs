//! Counts, for people and for metrics. They come from the tally, so they cost about the same at any size.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::values::At;
use super::{Postgres, Result, holds};
use crate::ledger::{Counts, ReleaseStatus, Start, State, Status};

const RELEASES: &str = "
      SELECT release, notice, title
        FROM issued
       WHERE $1::text IS NULL OR release = $1
    ORDER BY release, seq";
const STATES: &str = "
      SELECT i.release, p.channel, t.state, sum(t.n)::bigint
        FROM issued AS i
             JOIN part AS p ON p.issued = i.id
             JOIN tally AS t ON t.part = p.id
       WHERE $1::text IS NULL OR i.release = $1
    GROUP BY 1, 2, 3
      HAVING sum(t.n) > 0";
const NEXT_DUE: &str = "
      SELECT i.release, min(b.next_due)
        FROM issued AS i
             JOIN part AS p ON p.issued = i.id
             JOIN block AS b ON b.part = p.id
       WHERE i.complete AND ($1::text IS NULL OR i.release = $1)
    GROUP BY i.release";
const CHANNELS: &str = "
      SELECT p.channel, t.state, sum(t.n)::bigint
        FROM tally AS t JOIN part AS p ON p.id = t.part
    GROUP BY 1, 2
      HAVING sum(t.n) > 0";
const OTHERS: &str = "
    SELECT (SELECT count(*) FROM contact), (SELECT count(*) FROM suppression), (SELECT count(*) FROM hold)";

const STARTS: &str = "
      SELECT i.seq::bigint, p.channel, p.due, min(a.intent_at)
        FROM issued AS i
             JOIN part AS p ON p.issued = i.id
             JOIN block AS b ON b.part = p.id
             JOIN delivery AS d ON d.id BETWEEN b.first AND b.last
             JOIN attempt AS a ON a.delivery = d.id
       WHERE i.release = $1 AND NOT p.advance AND a.no = 1
    GROUP BY i.seq, p.channel, p.due";

const CREATED_AT: &str = "SELECT created_at FROM ledger_meta";

impl Postgres {
    pub(in crate::ledger) async fn created_at(&self) -> Result<Timestamp> {
        let tx = self.look("say when it was made").await?;
        let row = tx.one(CREATED_AT, &[]).await?;
        let at: At = row.try_get(0)?;
        tx.commit().await?;
        Ok(at.0)
    }

    pub(in crate::ledger) async fn status(&self, slug: Option<&str>) -> Result<Status> {
        let tx = self.look("tell the status").await?;
        tx.read_all().await?;
        let mut releases: BTreeMap<String, ReleaseStatus> = BTreeMap::new();
        for row in tx.query(RELEASES, &[&slug]).await? {
            let slug: String = row.try_get(0)?;
            let release = releases
                .entry(slug.clone())
                .or_insert_with(|| ReleaseStatus { slug, ..ReleaseStatus::default() });
            (release.notice, release.title) = (row.try_get(1)?, row.try_get(2)?);
        }
        let mut needs_attention = 0;
        for row in tx.query(STATES, &[&slug]).await? {
            let (slug, channel): (&str, String) = (row.try_get(0)?, row.try_get(1)?);
            let (state, n): (State, i64) = (row.try_get(2)?, row.try_get(3)?);
            let n = n.cast_unsigned();
            let Some(release) = releases.get_mut(slug) else { continue };
            *release.states.entry(state).or_default() += n;
            *release.channels.entry(channel).or_default().entry(state).or_default() += n;
            if state.needs_attention() {
                needs_attention += n;
            }
        }
        for row in tx.query(NEXT_DUE, &[&slug]).await? {
            let next: Option<At> = row.try_get(1)?;
            if let Some(release) = releases.get_mut(row.try_get::<_, &str>(0)?) {
                release.next_due = next.map(|next| next.0);
            }
        }
        let holds = holds::all(&tx).await?;
        tx.commit().await?;
        Ok(Status { releases: releases.into_values().collect(), holds, needs_attention })
    }

    /// With the number of the order.
    pub(in crate::ledger) async fn starts(&self, slug: &str) -> Result<Vec<(i64, Start)>> {
        let tx = self.look("tell when it began").await?;
        let mut starts = Vec::new();
        for row in tx.query(STARTS, &[&slug]).await? {
            let (due, first): (At, At) = (row.try_get(2)?, row.try_get(3)?);
            starts.push((row.try_get(0)?, Start { channel: row.try_get(1)?, due: due.0, first: first.0 }));
        }
        tx.commit().await?;
        Ok(starts)
    }

    pub(in crate::ledger) async fn counts(&self) -> Result<Counts> {
        let tx = self.look("count").await?;
        tx.read_all().await?;
        let row = tx.one(OTHERS, &[]).await?;
        let mut counts = Counts {
            deliveries: BTreeMap::new(),
            contacts: row.try_get::<_, i64>(0)?.cast_unsigned(),
            suppressions: row.try_get::<_, i64>(1)?.cast_unsigned(),
            holds: row.try_get::<_, i64>(2)?.cast_unsigned(),
        };
        for row in tx.query(CHANNELS, &[]).await? {
            let n: i64 = row.try_get(2)?;
            counts.deliveries.insert((row.try_get(0)?, row.try_get(1)?), n.cast_unsigned());
        }
        tx.commit().await?;
        Ok(counts)
    }
}
