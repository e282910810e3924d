//! Limits that all daemons keep together; the arithmetic is in [`crate::ledger::share`].

use jiff::Timestamp;

use super::session::Tx;
use super::values::At;
use super::{Postgres, Result, again, locks};
use crate::ledger::LEASE;
use crate::ledger::share::{self, Take, Want};

const MAKE_PACE: &str = "INSERT INTO pace (name, next) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const PACE: &str = "SELECT next FROM pace WHERE name = $1 FOR NO KEY UPDATE";
const SET_PACE: &str = "UPDATE pace SET next = $2 WHERE name = $1";
const LOCK: &str = "SELECT pg_advisory_xact_lock($1, hashtext($2))";
const OTHERS: &str = "
    SELECT wanted, slots FROM share WHERE name = $1 AND owner <> $2 AND until > lease_now($3)";
const SET_SHARE: &str = "
    INSERT INTO share (name, owner, wanted, slots, until) VALUES ($1, $2, $3, $4, lease_now($5) + $6)
    ON CONFLICT (name, owner) DO UPDATE SET wanted = excluded.wanted, slots = excluded.slots, until = excluded.until";
const DROP_SHARE: &str = "DELETE FROM share WHERE name = $1 AND (owner = $2 OR until <= lease_now($3))";

impl Postgres {
    pub(in crate::ledger) async fn reserve(
        &self,
        takes: Vec<Take>,
        now: Timestamp,
    ) -> Result<Vec<Timestamp>> {
        self.must_dispatch("sending")?;
        again!(self.reserve_once(&takes, now))
    }

    async fn reserve_once(&self, takes: &[Take], now: Timestamp) -> Result<Vec<Timestamp>> {
        let tx = self.begin("take departures", &[]).await?;
        let mut given: Vec<(usize, Timestamp)> = Vec::with_capacity(takes.len());
        // Everybody locks the rows in one order; the same pace twice keeps its own.
        let mut order: Vec<(usize, &Take)> = takes.iter().enumerate().collect();
        order.sort_by(|a, b| (&a.1.pace, a.0).cmp(&(&b.1.pace, b.0)));
        for (at, take) in order {
            let mut before = tx.opt(PACE, &[&take.pace]).await?;
            if before.is_none() {
                tx.execute(MAKE_PACE, &[&take.pace, &At(now)]).await?;
                before = tx.opt(PACE, &[&take.pace]).await?;
            }
            let next = before.map(|row| row.try_get::<_, At>(0)).transpose()?.map(|next| next.0);
            let (first, after) = share::departures(next, take, now);
            tx.execute(SET_PACE, &[&take.pace, &At(after)]).await?;
            given.push((at, first));
        }
        tx.commit().await?;
        given.sort_by_key(|(at, _)| *at);
        Ok(given.into_iter().map(|(_, first)| first).collect())
    }

    pub(in crate::ledger) async fn share(
        &self,
        owner: &str,
        wants: Vec<Want>,
        now: Timestamp,
    ) -> Result<Vec<u32>> {
        self.must_dispatch("sending")?;
        again!(self.share_once(owner, &wants, now))
    }

    async fn share_once(&self, owner: &str, wants: &[Want], now: Timestamp) -> Result<Vec<u32>> {
        let tx = self.begin("share a limit", &[]).await?;
        lock(&tx, wants).await?;
        let lease = i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX);
        let leases = tx.lease_now(now)?;
        let mut granted = Vec::with_capacity(wants.len());
        for want in wants {
            let mut others: Vec<(u32, u32)> = Vec::new();
            for row in tx.query(OTHERS, &[&want.name, &owner, &leases]).await? {
                others.push((slots(row.try_get(0)?), slots(row.try_get(1)?)));
            }
            let mine = share::slots(want, &others);
            tx.execute(DROP_SHARE, &[&want.name, &owner, &leases]).await?;
            if want.wanted > 0 || mine.keeps > 0 {
                let (wanted, given) = (i64::from(want.wanted), i64::from(mine.keeps));
                tx.execute(SET_SHARE, &[&want.name, &owner, &wanted, &given, &leases, &lease]).await?;
            }
            granted.push(mine.may);
        }
        tx.commit().await?;
        Ok(granted)
    }
}

/// Whoever asks for a limit asks alone: what he is given depends on what all others have.
async fn lock(tx: &Tx<'_>, wants: &[Want]) -> Result<()> {
    let mut names: Vec<&str> = wants.iter().map(|want| want.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        tx.query(LOCK, &[&locks::SHARE, &name]).await?;
    }
    Ok(())
}

fn slots(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
