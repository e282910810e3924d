//! Results: appended to the attempt, and what they make of the delivery.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, named_params, params};
use serde_json::json;

use super::values::At;
use super::writer::{Try, Write};
use super::{Result, Sqlite, audit, blocks, contacts, doubt, follow};
use crate::contact::without_addresses;
use crate::digest::Digest;
use crate::ledger::reply::words;
use crate::ledger::{
    AttemptId, Decision, DeliveryId, Epoch, LOOK_AFTER, LedgerError, Outcome, Reply, Settled, State,
};

/// The last column: whether the release has a newer order.
const FIND: &str = "
    SELECT d.id, d.state, d.attempt = a.id, d.block, b.part, a.epoch,
           EXISTS (SELECT 1 FROM issued AS n WHERE n.release = i.release AND n.seq > i.seq)
      FROM attempt AS a
           CROSS JOIN delivery AS d ON d.id = a.delivery
           CROSS JOIN block AS b ON b.id = d.block
           CROSS JOIN part AS p ON p.id = b.part
           CROSS JOIN issued AS i ON i.id = p.issued
     WHERE a.id = :attempt";
/// What [`settle_group`] asks of an attempt that the writer does not remember, and of a block: 1 the attempt; 1 the block.
const FIND_TRY: &str = "
    SELECT d.id, d.block, a.epoch
      FROM attempt AS a CROSS JOIN delivery AS d ON d.id = a.delivery
     WHERE a.id = ?1";
const FIND_BLOCK: &str = "
    SELECT b.part, EXISTS (SELECT 1 FROM issued AS n WHERE n.release = i.release AND n.seq > i.seq)
      FROM block AS b
           CROSS JOIN part AS p ON p.id = b.part
           CROSS JOIN issued AS i ON i.id = p.issued
     WHERE b.id = ?1";
/// An attempt under way has no result yet. 1 attempt, 2 code, 3 enhanced, 4 text, 5 now.
pub(super) const ADD_FIRST: &str = "
    INSERT INTO result (attempt, no, outcome, code, enhanced, text, at, late) VALUES (?1, 1, 'sent', ?2, ?3, ?4, ?5, 0)";
/// 1 delivery, 2 remote id, 3 url, 4 now, 5 attempt.
pub(super) const TAKEN: &str = "
    UPDATE delivery SET state = 'sent', remote_id = ?2, url = ?3, sent_at = ?4
     WHERE id = ?1 AND state = 'attempting' AND attempt = ?5";
const ADD_RESULT: &str = "
    INSERT INTO result (attempt, no, outcome, code, enhanced, text, at, late)
         SELECT :attempt, (SELECT count(*) + 1 FROM result WHERE attempt = :attempt), :outcome, :code, :enhanced,
                :text, :now, :late";
const SENT: &str = "
    UPDATE delivery SET state = 'sent', remote_id = :remote_id, url = :url, sent_at = :now WHERE id = :delivery";
const AGAIN: &str = "UPDATE delivery SET state = 'scheduled', due = max(due, :due) WHERE id = :delivery";
/// A try came to its end: whatever was put down to the delivery before is forgiven.
const FORGIVE: &str = "UPDATE delivery SET guilt = 0 WHERE id = :delivery AND guilt > 0";
const CANCEL: &str = "UPDATE delivery SET state = 'cancelled', seat = NULL WHERE id = :delivery";
const TRY_OF: &str = "
    SELECT a.id, d.state
      FROM delivery AS d CROSS JOIN attempt AS a ON a.id = d.attempt
     WHERE d.id = :delivery AND a.epoch = :epoch";
const BECOME: &str = "UPDATE delivery SET state = :state WHERE id = :delivery";
const ADDRESS: &str = "
    SELECT c.address FROM delivery AS d CROSS JOIN contact AS c ON c.id = d.recipient WHERE d.id = :delivery";
const DELIVERY: &str = "
    SELECT d.state, d.attempt, d.block, b.part, i.release
      FROM delivery AS d
           CROSS JOIN block AS b ON b.id = d.block
           CROSS JOIN part AS p ON p.id = b.part
           CROSS JOIN issued AS i ON i.id = p.issued
     WHERE d.id = :delivery";
const RELEASED: &str = "SELECT 1 FROM block WHERE id = :block AND lease_owner IS NULL";

impl Sqlite {
    pub(in crate::ledger) async fn settle(
        &self,
        attempt: AttemptId,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Settled> {
        self.write("record a result", 3, move |write| settle(write, attempt, &outcome, now)).await
    }

    pub(in crate::ledger) async fn settle_all(
        &self,
        results: Vec<(AttemptId, Outcome)>,
        now: Timestamp,
    ) -> Result<Vec<Settled>> {
        self.write("record results", 3 * results.len(), move |write| settle_group(write, &results, now)).await
    }

    pub(in crate::ledger) async fn evidence(
        &self,
        known: Vec<(DeliveryId, Epoch, Outcome)>,
        now: Timestamp,
    ) -> Result<Vec<Option<Settled>>> {
        self.write("record evidence", 3 * known.len(), move |write| {
            let settled = |(delivery, epoch, outcome): &(DeliveryId, Epoch, Outcome)| {
                let row = named_params! { ":delivery": delivery.0, ":epoch": epoch.0 };
                let found: Option<(i64, State)> =
                    write.sql(TRY_OF)?.query_row(row, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
                match found {
                    Some((attempt, State::Attempting | State::Unknown | State::Parked)) => {
                        settle(write, AttemptId(attempt), outcome, now).map(Some)
                    }
                    _ => Ok(None),
                }
            };
            known.iter().map(settled).collect()
        })
        .await
    }

    pub(in crate::ledger) async fn resolve(
        &self,
        delivery: DeliveryId,
        decision: Decision,
        by: &str,
        evidence: Reply,
        now: Timestamp,
    ) -> Result<State> {
        let by = by.to_owned();
        self.write("resolve a delivery", 3, move |write| {
            resolve(write, delivery, decision, &by, &evidence, now)
        })
        .await
    }
}

/// Claims that have come to their end, by block and epoch.
type Ended = BTreeMap<(i64, i64), i64>;

fn end_claims(write: &Write<'_>, ended: Ended) -> Result<()> {
    ended.into_iter().try_for_each(|((block, epoch), n)| blocks::end_claims(write, block, Epoch(epoch), n))
}

pub(super) fn settle(
    write: &mut Write<'_>,
    attempt: AttemptId,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<Settled> {
    let mut ended = Ended::new();
    let settled = settle_of(write, attempt, outcome, now, &mut ended)?;
    end_claims(write, ended)?;
    Ok(settled)
}

/// Settles what came together, in its order.
///
/// Nearly all were taken at the first word, and nothing newer was issued of their release: the statements for those are prepared once for
/// all of them, and what their block says is asked once.
fn settle_group(
    write: &mut Write<'_>,
    results: &[(AttemptId, Outcome)],
    now: Timestamp,
) -> Result<Vec<Settled>> {
    let db = write.db;
    let (mut find, mut find_block) = (db.prepare_cached(FIND_TRY)?, db.prepare_cached(FIND_BLOCK)?);
    let (mut add, mut taken) = (db.prepare_cached(ADD_FIRST)?, db.prepare_cached(TAKEN)?);
    let mut blocks: BTreeMap<i64, (i64, bool)> = BTreeMap::new();
    let mut ended = Ended::new();
    let mut settled = Vec::with_capacity(results.len());
    for (attempt, outcome) in results {
        if let Outcome::Sent { remote_id, url, reply } = outcome {
            let found = match write.tries.remove(attempt) {
                Some(known) => Some(known),
                None => {
                    let columns = |row: &Row<'_>| {
                        Ok(Try { delivery: row.get(0)?, block: row.get(1)?, epoch: row.get(2)? })
                    };
                    find.query_row([attempt.0], columns).optional()?
                }
            };
            if let Some(Try { delivery, block, epoch }) = found {
                let (part, reissued) = match blocks.entry(block) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        *new.insert(find_block.query_row([block], |row| Ok((row.get(0)?, row.get(1)?)))?)
                    }
                };
                if !reissued && taken.execute(params![delivery, remote_id, url, At(now), attempt.0])? == 1 {
                    let text = without_addresses(&reply.text);
                    add.execute(params![attempt.0, reply.code, reply.enhanced, text, At(now)])?;
                    write.count_moved(part, State::Attempting, State::Sent, 1);
                    *ended.entry((block, epoch)).or_default() += 1;
                    settled.push(Settled { state: State::Sent, late: false });
                    continue;
                }
            }
        }
        settled.push(settle_of(write, *attempt, outcome, now, &mut ended)?);
    }
    end_claims(write, ended)?;
    Ok(settled)
}

/// Settles one of several attempts, but for the end of its claim, which is left in `ended`.
fn settle_of(
    write: &mut Write<'_>,
    attempt: AttemptId,
    outcome: &Outcome,
    now: Timestamp,
    ended: &mut Ended,
) -> Result<Settled> {
    let found = write
        .sql(FIND)?
        .query_row(named_params! { ":attempt": attempt.0 }, |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, State>(1)?,
                row.get::<_, bool>(2)?,
                row.get::<_, i64>(3)?,
                row.get::<_, i64>(4)?,
                row.get::<_, i64>(5)?,
                row.get::<_, bool>(6)?,
            ))
        })
        .optional()?;
    let Some((delivery, state, newest, block, part, epoch, reissued)) = found else {
        return Err(LedgerError::Refused(format!("there is no attempt {}", attempt.0)));
    };
    let late = !(newest && state == State::Attempting);
    let (word, reply) = words(outcome);
    add_result(write, attempt.0, word, reply, now, late)?;
    // Evidence decides what nobody could know, unless the delivery was tried again since.
    let counts = newest && matches!(state, State::Attempting | State::Unknown | State::Parked);
    let knows_nothing = late && matches!(outcome, Outcome::Unknown { .. });
    if !counts || knows_nothing {
        return Ok(Settled { state, late });
    }
    let mut next = apply(write, delivery, outcome, now)?;
    if state == State::Unknown {
        doubt::end(write, delivery)?;
    }
    write.count_moved(part, state, next, 1);
    if next == State::Scheduled && reissued {
        next = follow::overtake(write, delivery)?;
    }
    if late {
        waits_again(write, block)?;
    } else {
        *ended.entry((block, epoch)).or_default() += 1;
    }
    if next == State::Sent && reissued {
        follow::catch_up(write, delivery)?;
    }
    Ok(Settled { state: next, late })
}

/// Changes the delivery; returns its state.
fn apply(write: &Write<'_>, delivery: i64, outcome: &Outcome, now: Timestamp) -> Result<State> {
    match outcome {
        Outcome::Sent { remote_id, url, .. } => {
            write.sql(SENT)?.execute(named_params! {
                ":delivery": delivery, ":remote_id": remote_id, ":url": url, ":now": At(now),
            })?;
            Ok(State::Sent)
        }
        Outcome::Later { due, .. } => {
            write.sql(AGAIN)?.execute(named_params! { ":delivery": delivery, ":due": At(*due) })?;
            write.sql(FORGIVE)?.execute(named_params! { ":delivery": delivery })?;
            Ok(State::Scheduled)
        }
        Outcome::NotSent => {
            write.sql(AGAIN)?.execute(named_params! { ":delivery": delivery, ":due": 0 })?;
            Ok(State::Scheduled)
        }
        Outcome::Failed { reply, suppress } => {
            become_state(write, delivery, State::Failed)?;
            if *suppress {
                let address: Option<Digest> = write
                    .sql(ADDRESS)?
                    .query_row(named_params! { ":delivery": delivery }, |row| row.get(0))
                    .optional()?;
                if let Some(address) = address {
                    let evidence = without_addresses(&reply.text);
                    contacts::suppress_address(write, &address, "bounced", &evidence, now)?;
                }
            }
            Ok(State::Failed)
        }
        Outcome::Unknown { .. } => {
            doubt::begin(write, delivery, now, now.checked_add(LOOK_AFTER).unwrap_or(now))?;
            become_state(write, delivery, State::Unknown)
        }
    }
}

pub(super) fn become_state(write: &Write<'_>, delivery: i64, state: State) -> Result<State> {
    write.sql(BECOME)?.execute(named_params! { ":delivery": delivery, ":state": state })?;
    Ok(state)
}

/// A delivery came back to waiting in a block that nobody may have leased: its next due time counts again.
pub(super) fn waits_again(write: &Write<'_>, block: i64) -> Result<()> {
    if write.sql(RELEASED)?.exists(named_params! { ":block": block })? {
        blocks::free(write, block)?;
    }
    Ok(())
}

/// Gives up waiting for the result of an attempt whose owner is gone.
pub(super) fn lose(
    write: &mut Write<'_>,
    delivery: i64,
    attempt: i64,
    part: i64,
    now: Timestamp,
) -> Result<()> {
    let reply = Reply { text: "no result before the lease ended".to_owned(), ..Reply::default() };
    add_result(write, attempt, "unknown", &reply, now, false)?;
    become_state(write, delivery, State::Unknown)?;
    doubt::begin(write, delivery, now, now)?;
    write.count_moved(part, State::Attempting, State::Unknown, 1);
    Ok(())
}

fn resolve(
    write: &mut Write<'_>,
    delivery: DeliveryId,
    decision: Decision,
    by: &str,
    evidence: &Reply,
    now: Timestamp,
) -> Result<State> {
    let quarantined = state_of(write, delivery)? == State::Quarantined;
    let decided = match decision {
        Decision::Sent => ("decided sent", State::Sent),
        Decision::Resend => ("decided to send again", State::Scheduled),
        // It never left, so nothing failed.
        Decision::Failed if quarantined => ("decided to give up", State::Cancelled),
        Decision::Failed => ("decided failed", State::Failed),
        Decision::Park => ("parked", State::Parked),
    };
    decide(write, delivery, decided, by, evidence, now)
}

fn state_of(write: &Write<'_>, delivery: DeliveryId) -> Result<State> {
    let row = named_params! { ":delivery": delivery.0 };
    let state = write.sql(DELIVERY)?.query_row(row, |row| row.get(0)).optional()?;
    state.ok_or_else(|| doubt::unknown_delivery(delivery))
}

/// Ends a doubt: what is recorded of it, and the state that follows.
pub(super) fn decide(
    write: &mut Write<'_>,
    delivery: DeliveryId,
    (word, next): (&str, State),
    by: &str,
    evidence: &Reply,
    now: Timestamp,
) -> Result<State> {
    let row = named_params! { ":delivery": delivery.0 };
    let found = write
        .sql(DELIVERY)?
        .query_row(row, |row| {
            Ok((
                row.get::<_, State>(0)?,
                row.get::<_, Option<i64>>(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, i64>(3)?,
                row.get::<_, String>(4)?,
            ))
        })
        .optional()?;
    let Some((state, attempt, block, part, release)) = found else {
        return Err(doubt::unknown_delivery(delivery));
    };
    if !state.needs_attention() || !state.may_become(next) {
        return Err(LedgerError::Refused(format!(
            "delivery {} is {state}; that cannot be decided as {next}",
            delivery.0
        )));
    }
    if let Some(attempt) = attempt {
        add_result(write, attempt, word, evidence, now, true)?;
    }
    match next {
        State::Sent => {
            write.sql(SENT)?.execute(named_params! {
                ":delivery": delivery.0, ":remote_id": None::<String>, ":url": None::<String>, ":now": At(now),
            })?;
        }
        State::Scheduled => {
            write.sql(AGAIN)?.execute(named_params! { ":delivery": delivery.0, ":due": 0 })?;
            write.sql(FORGIVE)?.execute(row)?;
        }
        State::Cancelled => {
            write.sql(CANCEL)?.execute(row)?;
        }
        _ => {
            become_state(write, delivery.0, next)?;
        }
    }
    doubt::end(write, delivery.0)?;
    write.count_moved(part, state, next, 1);
    let next = if next == State::Scheduled { follow::overtake(write, delivery.0)? } else { next };
    waits_again(write, block)?;
    if next == State::Sent {
        follow::catch_up(write, delivery.0)?;
    }
    let detail = json!({ "delivery": delivery.0, "from": state, "to": next, "as": word });
    audit::add(write, now, by, "resolve", &release, &detail)?;
    Ok(next)
}

pub(super) fn add_result(
    write: &Write<'_>,
    attempt: i64,
    outcome: &str,
    reply: &Reply,
    now: Timestamp,
    late: bool,
) -> Result<()> {
    write.sql(ADD_RESULT)?.execute(named_params! {
        ":attempt": attempt, ":outcome": outcome, ":code": reply.code, ":enhanced": reply.enhanced,
        ":text": without_addresses(&reply.text), ":now": At(now), ":late": late,
    })?;
    Ok(())
}
