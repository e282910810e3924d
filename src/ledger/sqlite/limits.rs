//! Limits that all daemons keep together; the arithmetic is in [`crate::ledger::share`].

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, named_params};

use super::values::At;
use super::writer::Write;
use super::{Result, Sqlite};
use crate::ledger::LEASE;
use crate::ledger::share::{self, Take, Want};

const PACE: &str = "SELECT next FROM pace WHERE name = :name";
const SET_PACE: &str = "
    INSERT INTO pace (name, next) VALUES (:name, :next)
    ON CONFLICT (name) DO UPDATE SET next = excluded.next";
const OTHERS: &str =
    "SELECT wanted, slots FROM share WHERE name = :name AND owner <> :owner AND until > :now";
const SET_SHARE: &str = "
    INSERT INTO share (name, owner, wanted, slots, until) VALUES (:name, :owner, :wanted, :slots, :until)
    ON CONFLICT (name, owner) DO UPDATE SET wanted = excluded.wanted, slots = excluded.slots, until = excluded.until";
const DROP_SHARE: &str = "DELETE FROM share WHERE name = :name AND (owner = :owner OR until <= :now)";

const DROP_ALL: &str = "DELETE FROM share WHERE TRUE";

/// Takes every share back: for whoever holds the lock and so knows that their owners are gone.
pub(super) fn forget(write: &Write<'_>) -> Result<()> {
    write.sql(DROP_ALL)?.execute([])?;
    Ok(())
}

impl Sqlite {
    pub(in crate::ledger) async fn reserve(
        &self,
        takes: Vec<Take>,
        now: Timestamp,
    ) -> Result<Vec<Timestamp>> {
        self.must_dispatch("sending")?;
        self.write("take departures", takes.len(), move |write| {
            takes
                .iter()
                .map(|take| {
                    let name = named_params! { ":name": take.pace };
                    let next: Option<At> = write.sql(PACE)?.query_row(name, |row| row.get(0)).optional()?;
                    let (first, after) = share::departures(next.map(|next| next.0), take, now);
                    let row = named_params! { ":name": take.pace, ":next": At(after) };
                    write.sql(SET_PACE)?.execute(row)?;
                    Ok(first)
                })
                .collect()
        })
        .await
    }

    pub(in crate::ledger) async fn share(
        &self,
        owner: &str,
        wants: Vec<Want>,
        now: Timestamp,
    ) -> Result<Vec<u32>> {
        self.must_dispatch("sending")?;
        let owner = owner.to_owned();
        self.write("share a limit", wants.len(), move |write| {
            let until = now.checked_add(LEASE).unwrap_or(Timestamp::MAX);
            let mut granted = Vec::with_capacity(wants.len());
            for want in &wants {
                let others: Vec<(u32, u32)> = write
                    .sql(OTHERS)?
                    .query_map(
                        named_params! { ":name": want.name, ":owner": owner, ":now": At(now) },
                        |row| Ok((row.get(0)?, row.get(1)?)),
                    )?
                    .collect::<rusqlite::Result<_>>()?;
                let grant = share::slots(want, &others);
                let mine = named_params! { ":name": want.name, ":owner": owner, ":now": At(now) };
                write.sql(DROP_SHARE)?.execute(mine)?;
                if want.wanted > 0 || grant.keeps > 0 {
                    write.sql(SET_SHARE)?.execute(named_params! {
                        ":name": want.name, ":owner": owner, ":wanted": want.wanted, ":slots": grant.keeps,
                        ":until": At(until),
                    })?;
                }
                granted.push(grant.may);
            }
            Ok(granted)
        })
        .await
    }
}
