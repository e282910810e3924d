//! Counts, for people and for metrics. They come from the tally, so they cost the same at any size.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, named_params};

use super::values::At;
use super::{Result, Sqlite, holds};
use crate::ledger::{Counts, ReleaseStatus, Start, State, Status};

const RELEASES: &str = "
      SELECT release, notice, title
        FROM issued
       WHERE :release IS NULL OR release = :release
    ORDER BY release, seq";
const STATES: &str = "
      SELECT i.release, p.channel, t.state, t.n
        FROM issued AS i
             JOIN part AS p ON p.issued = i.id
             JOIN tally AS t ON t.part = p.id
       WHERE t.n > 0 AND (:release IS NULL OR i.release = :release)";
const NEXT_DUE: &str = "
      SELECT min(b.next_due)
        FROM issued AS i
             CROSS JOIN part AS p ON p.issued = i.id
             CROSS JOIN block AS b ON b.part = p.id
       WHERE i.release = :release AND i.complete = 1";
const CHANNELS: &str = "
      SELECT p.channel, t.state, sum(t.n) FROM tally AS t JOIN part AS p ON p.id = t.part WHERE t.n > 0 GROUP BY 1, 2";
const OTHERS: &str = "
    SELECT (SELECT count(*) FROM contact), (SELECT count(*) FROM suppression), (SELECT count(*) FROM hold)";

const STARTS: &str = "
      SELECT i.seq, p.channel, p.due, min(a.intent_at)
        FROM issued AS i
             CROSS JOIN part AS p ON p.issued = i.id
             CROSS JOIN block AS b ON b.part = p.id
             CROSS JOIN delivery AS d ON d.id BETWEEN b.first AND b.last
             CROSS JOIN attempt AS a ON a.delivery = d.id
       WHERE i.release = :release AND p.advance = 0 AND a.no = 1
    GROUP BY i.seq, p.channel, p.due";

const CREATED_AT: &str = "SELECT created_at FROM ledger_meta";

impl Sqlite {
    pub(in crate::ledger) async fn created_at(&self) -> Result<Timestamp> {
        self.read("say when it was made", |db, _| {
            Ok(db.query_row(CREATED_AT, [], |row| row.get::<_, At>(0))?.0)
        })
        .await
    }

    pub(in crate::ledger) async fn status(&self, slug: Option<&str>) -> Result<Status> {
        let slug = slug.map(str::to_owned);
        self.read("tell the status", move |db, _| {
            let mut releases: BTreeMap<String, ReleaseStatus> = BTreeMap::new();
            let only = named_params! { ":release": slug };
            let mut statement = db.prepare_cached(RELEASES)?;
            let mut rows = statement.query(only)?;
            while let Some(row) = rows.next()? {
                let slug: String = row.get(0)?;
                let release = releases
                    .entry(slug.clone())
                    .or_insert_with(|| ReleaseStatus { slug, ..ReleaseStatus::default() });
                (release.notice, release.title) = (row.get(1)?, row.get(2)?);
            }
            let mut needs_attention = 0;
            let mut statement = db.prepare_cached(STATES)?;
            let mut rows = statement.query(only)?;
            while let Some(row) = rows.next()? {
                let (slug, channel): (String, String) = (row.get(0)?, row.get(1)?);
                let (state, n): (State, i64) = (row.get(2)?, row.get(3)?);
                let n = n.cast_unsigned();
                let Some(release) = releases.get_mut(&slug) else { continue };
                *release.states.entry(state).or_default() += n;
                *release.channels.entry(channel).or_default().entry(state).or_default() += n;
                if state.needs_attention() {
                    needs_attention += n;
                }
            }
            for release in releases.values_mut() {
                let next: Option<Option<At>> = db
                    .prepare_cached(NEXT_DUE)?
                    .query_row(named_params! { ":release": release.slug }, |row| row.get(0))
                    .optional()?;
                release.next_due = next.flatten().map(|next| next.0);
            }
            Ok(Status { releases: releases.into_values().collect(), holds: holds::all(db)?, needs_attention })
        })
        .await
    }

    /// With the number of the order.
    pub(in crate::ledger) async fn starts(&self, slug: &str) -> Result<Vec<(i64, Start)>> {
        let slug = slug.to_owned();
        self.read("tell when it began", move |db, _| {
            let mut statement = db.prepare_cached(STARTS)?;
            let rows = statement.query_map(named_params! { ":release": slug }, |row| {
                let (due, first): (At, At) = (row.get(2)?, row.get(3)?);
                Ok((row.get(0)?, Start { channel: row.get(1)?, due: due.0, first: first.0 }))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    pub(in crate::ledger) async fn counts(&self) -> Result<Counts> {
        self.read("count", |db, _| {
            let mut counts = db.query_row(OTHERS, [], |row| {
                Ok(Counts {
                    deliveries: BTreeMap::new(),
                    contacts: row.get::<_, i64>(0)?.cast_unsigned(),
                    suppressions: row.get::<_, i64>(1)?.cast_unsigned(),
                    holds: row.get::<_, i64>(2)?.cast_unsigned(),
                })
            })?;
            let mut statement = db.prepare_cached(CHANNELS)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let n: i64 = row.get(2)?;
                counts.deliveries.insert((row.get(0)?, row.get(1)?), n.cast_unsigned());
            }
            Ok(counts)
        })
        .await
    }
}
