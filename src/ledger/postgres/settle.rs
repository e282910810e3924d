//! Results: appended to the attempts, and what they make of the deliveries, a group at a time.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::oneshot;
use tokio_postgres::Row;

use super::blocks;
use super::locked::Locked;
use super::locks::Lock;
use super::memory::Try;
use super::rows::Rows;
use super::session::{Param, Tx};
use super::values::At;
use super::writer::{Answered, Ask};
use super::{Postgres, Result, again, audit, contacts, doubt, follow};
use crate::contact::without_addresses;
use crate::digest::Digest;
use crate::ledger::reply::words;
use crate::ledger::{AttemptId, Decision, DeliveryId, Epoch, LedgerError, Outcome, Reply, Settled, State};

/// No more evidence than this in one transaction.
const AT_ONCE: usize = 256;

const LOCK_BLOCKS: &str = "
    SELECT b.id
      FROM block AS b
     WHERE b.id IN (SELECT d.block FROM delivery AS d WHERE d.id = ANY($1::bigint[])
                    UNION ALL
                    SELECT d.block
                      FROM attempt AS a JOIN delivery AS d ON d.id = a.delivery
                     WHERE a.id = ANY($2::bigint[]))
  ORDER BY b.id
FOR NO KEY UPDATE";
/// Those that were taken at the first word, which are nearly all; of releases of which nothing newer was issued. The others are looked
/// at one by one ([`FIND`]). An attempt under way has no result yet.
/// 1 attempts, 2 deliveries, 3 remote ids, 4 urls, 5 instants, 6 codes, 7 enhanced codes, 8 texts.
pub(super) const TAKEN: &str = "
    WITH taken AS (
        UPDATE delivery AS d
           SET state = 'sent', remote_id = q.remote_id, url = q.url, sent_at = q.at
          FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::integer[], $7::text[],
                      $8::text[])
                    AS q (attempt, delivery, remote_id, url, at, code, enhanced, text)
         WHERE d.id = q.delivery AND d.attempt = q.attempt AND d.state = 'attempting'
     RETURNING q.attempt, q.at, q.code, q.enhanced, q.text),
    written AS (
        INSERT INTO result (attempt, no, outcome, code, enhanced, text, at, late)
             SELECT attempt, 1, 'sent', code, enhanced, text, at, false FROM taken)
    SELECT attempt FROM taken";
const FIND: &str = "
    SELECT a.id, d.id, d.state, d.attempt = a.id, d.block, b.part, a.epoch,
           (SELECT count(*) FROM result AS r WHERE r.attempt = a.id),
           EXISTS (SELECT 1 FROM issued AS n WHERE n.release = i.release AND n.seq > i.seq)
      FROM attempt AS a
           JOIN delivery AS d ON d.id = a.delivery
           JOIN block AS b ON b.id = d.block
           JOIN part AS p ON p.id = b.part
           JOIN issued AS i ON i.id = p.issued
     WHERE a.id = ANY($1::bigint[])";
const CANCEL: &str = "UPDATE delivery SET state = 'cancelled', seat = NULL WHERE id = $1";
/// Of those whose outcome is open.
/// 1 deliveries, 2 epochs.
const TRIES: &str = "
    SELECT q.ord, a.id
      FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS q (delivery, epoch, ord)
           JOIN delivery AS d ON d.id = q.delivery AND d.state IN ('attempting', 'unknown', 'parked')
           JOIN attempt AS a ON a.id = d.attempt AND a.epoch = q.epoch";
const ADDRESS: &str = "
    SELECT c.address FROM delivery AS d JOIN contact AS c ON c.id = d.recipient WHERE d.id = $1";
const UNLEASED: &str = "SELECT id FROM block WHERE id = ANY($1::bigint[]) AND lease_owner IS NULL";
pub(super) const RESULTS_OF: &str = "SELECT count(*) FROM result WHERE attempt = $1";
const DELIVERY: &str = "
    SELECT d.state, d.attempt, d.block, b.part, i.release
      FROM delivery AS d
           JOIN block AS b ON b.id = d.block
           JOIN part AS p ON p.id = b.part
           JOIN issued AS i ON i.id = p.issued
     WHERE d.id = $1";

impl Postgres {
    pub(in crate::ledger) async fn settle(
        &self,
        attempt: AttemptId,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Settled> {
        let report = Report { attempt, outcome, now };
        let Ok(inbox) = self.must_dispatch("settling") else {
            // Evidence may come from a process that does not dispatch.
            return again!(self.settle_alone(&report));
        };
        let (answer, answered) = oneshot::channel();
        inbox.send(Ask::Settle { report, answer }).map_err(|_| LedgerError::Closed)?;
        answered.await.map_err(|_| LedgerError::Closed)?
    }

    pub(in crate::ledger) async fn settle_all(
        &self,
        results: Vec<(AttemptId, Outcome)>,
        now: Timestamp,
    ) -> Result<Vec<Settled>> {
        let inbox = self.must_dispatch("settling")?;
        if results.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, answered) = oneshot::channel();
        let report = |(attempt, outcome)| Report { attempt, outcome, now };
        let reports = results.into_iter().map(report).collect();
        inbox.send(Ask::SettleAll { reports, answer }).map_err(|_| LedgerError::Closed)?;
        answered.await.map_err(|_| LedgerError::Closed)?
    }

    async fn settle_alone(&self, report: &Report) -> Result<Settled> {
        let mut tx = self.begin("record a result", &locks([&report.outcome])).await?;
        lock_blocks(&tx, &[], &[report.attempt.0]).await?;
        let mut settled =
            settle(&mut tx, std::slice::from_ref(report), &Taken::new(), &mut Vec::new()).await?;
        tx.commit().await?;
        settled.pop().unwrap_or(Err(LedgerError::Closed))
    }

    pub(in crate::ledger) async fn evidence(
        &self,
        known: Vec<(DeliveryId, Epoch, Outcome)>,
        now: Timestamp,
    ) -> Result<Vec<Option<Settled>>> {
        let mut all = Vec::with_capacity(known.len());
        for some in known.chunks(AT_ONCE) {
            all.extend(again!(self.evidence_once(some, now))?);
        }
        Ok(all)
    }

    async fn evidence_once(
        &self,
        known: &[(DeliveryId, Epoch, Outcome)],
        now: Timestamp,
    ) -> Result<Vec<Option<Settled>>> {
        let deliveries: Vec<i64> = known.iter().map(|(delivery, ..)| delivery.0).collect();
        let epochs: Vec<i64> = known.iter().map(|(_, epoch, _)| epoch.0).collect();
        let outcomes = known.iter().map(|(.., outcome)| outcome);
        let mut tx = self.begin("record evidence", &locks(outcomes)).await?;
        blocks::lock_of(&tx, &deliveries).await?;
        let (mut places, mut reports, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for row in tx.query(TRIES, &[&deliveries, &epochs]).await? {
            let place = usize::try_from(row.try_get::<_, i64>(0)? - 1).unwrap_or(usize::MAX);
            let Some((.., outcome)) = known.get(place) else { continue };
            let attempt: i64 = row.try_get(1)?;
            // What is said of it once is known by then.
            if seen.insert(attempt) {
                places.push(place);
                reports.push(Report { attempt: AttemptId(attempt), outcome: outcome.clone(), now });
            }
        }
        let settled = settle(&mut tx, &reports, &Taken::new(), &mut Vec::new()).await?;
        tx.commit().await?;
        let mut all = vec![None; known.len()];
        for (place, settled) in places.into_iter().zip(settled) {
            all[place] = Some(settled?);
        }
        Ok(all)
    }

    pub(in crate::ledger) async fn resolve(
        &self,
        delivery: DeliveryId,
        decision: Decision,
        by: &str,
        evidence: Reply,
        now: Timestamp,
    ) -> Result<State> {
        again!(self.resolve_once(delivery, decision, by, &evidence, now))
    }

    async fn resolve_once(
        &self,
        delivery: DeliveryId,
        decision: Decision,
        by: &str,
        evidence: &Reply,
        now: Timestamp,
    ) -> Result<State> {
        let mut tx = self.begin("resolve a delivery", &[Lock::Results]).await?;
        blocks::lock_of(&tx, &[delivery.0]).await?;
        let row = tx.opt(DELIVERY, &[&delivery.0]).await?;
        let state: State = row.ok_or_else(|| doubt::unknown_delivery(delivery))?.try_get(0)?;
        let decided = match decision {
            Decision::Sent => ("decided sent", State::Sent),
            Decision::Resend => ("decided to send again", State::Scheduled),
            // It never left, so nothing failed.
            Decision::Failed if state == State::Quarantined => ("decided to give up", State::Cancelled),
            Decision::Failed => ("decided failed", State::Failed),
            Decision::Park => ("parked", State::Parked),
        };
        let next = decide(&mut tx, delivery, decided, by, evidence, now).await?;
        tx.commit().await?;
        Ok(next)
    }
}

/// Ends a doubt: what is recorded of it, and the state that follows. The delivery's block must be locked, and results shared.
pub(super) async fn decide(
    tx: &mut Tx<'_>,
    delivery: DeliveryId,
    (word, next): (&'static str, State),
    by: &str,
    evidence: &Reply,
    now: Timestamp,
) -> Result<State> {
    let row = tx.opt(DELIVERY, &[&delivery.0]).await?;
    let row = row.ok_or_else(|| doubt::unknown_delivery(delivery))?;
    let (state, attempt): (State, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    let (block, part, release): (i64, i64, String) = (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
    if !state.needs_attention() || !state.may_become(next) {
        return Err(LedgerError::Refused(format!(
            "delivery {} is {state}; that cannot be decided as {next}",
            delivery.0
        )));
    }
    let mut rows = Rows::default();
    if let Some(attempt) = attempt {
        let before: i64 = tx.one(RESULTS_OF, &[&attempt]).await?.try_get(0)?;
        rows.result(attempt, before + 1, word, evidence, now, true);
    }
    if next == State::Cancelled {
        tx.execute(CANCEL, &[&delivery.0]).await?;
    } else {
        rows.decided(delivery.0, next, now);
    }
    rows.end(delivery.0);
    rows.write(tx).await?;
    tx.count_moved(part, state, next, 1);
    let next = if next == State::Scheduled { follow::overtake(tx, delivery.0).await? } else { next };
    wait_again(tx, &[block]).await?;
    if next == State::Sent {
        follow::catch_up(tx, delivery.0).await?;
    }
    let detail = json!({ "delivery": delivery.0, "from": state, "to": next, "as": word });
    audit::add(tx, now, by, "resolve", &release, &detail).await?;
    Ok(next)
}

/// What became of an attempt, as it was reported.
pub(super) struct Report {
    pub(super) attempt: AttemptId,
    pub(super) outcome: Outcome,
    pub(super) now: Timestamp,
}

/// The locks that these outcomes need.
pub(super) fn locks<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Vec<Lock> {
    let suppresses = |outcome: &Outcome| matches!(outcome, Outcome::Failed { suppress: true, .. });
    let first = if outcomes.into_iter().any(suppresses) { Lock::Forbid } else { Lock::Intents };
    vec![first, Lock::Results]
}

/// Locks the blocks of deliveries and of attempts until the end of the transaction.
pub(super) async fn lock_blocks(tx: &Tx<'_>, deliveries: &[i64], attempts: &[i64]) -> Result<()> {
    tx.query(LOCK_BLOCKS, &[&deliveries, &attempts]).await?;
    Ok(())
}

/// An attempt and its delivery, as they are before and between the reports of a group.
struct Open {
    delivery: i64,
    state: State,
    newest: bool,
    block: i64,
    part: i64,
    epoch: Epoch,
    results: i64,
    newer: bool,
}

/// Records each report that is not among `taken`, in order; answers for all in that order. The blocks must be locked.
pub(super) async fn settle(
    tx: &mut Tx<'_>,
    reports: &[Report],
    taken: &Taken,
    written: &mut Vec<Answered>,
) -> Result<Vec<Result<Settled>>> {
    let mut others = Vec::new();
    for (at, report) in reports.iter().enumerate() {
        let Some(made) = taken.get(&at) else {
            others.push(report);
            continue;
        };
        written.push(Answered::Result { attempt: report.attempt.0, no: 1 });
        tx.count_moved(made.part, State::Attempting, State::Sent, 1);
        tx.end_claim(made.block, made.epoch);
    }
    let mut others = settle_each(tx, &others, written).await?.into_iter();
    let sent = || Ok(Settled { state: State::Sent, late: false });
    let answer =
        |at| if taken.contains_key(&at) { sent() } else { others.next().unwrap_or(Err(LedgerError::Closed)) };
    Ok((0..reports.len()).map(answer).collect())
}

/// Reports by their places, with what their attempts were made at.
pub(super) type Taken = HashMap<usize, Try>;

/// Records those that were taken and are as they were left, of the blocks that are known; returns which.
pub(super) async fn take(tx: &Tx<'_>, reports: &[Report], blocks: &Locked) -> Result<Taken> {
    let mut known: HashMap<i64, (usize, Try)> = HashMap::with_capacity(reports.len());
    let mut seen = HashSet::with_capacity(reports.len());
    let (mut attempts, mut deliveries) = (Vec::new(), Vec::new());
    let (mut remote_ids, mut urls, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let (mut codes, mut enhanced, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for (at, report) in reports.iter().enumerate() {
        let attempt = report.attempt.0;
        // Of several reports of one attempt the first stands first.
        if !seen.insert(attempt) {
            continue;
        }
        let Outcome::Sent { remote_id, url, reply } = &report.outcome else { continue };
        let made = tx.shared().memory().made(attempt);
        let Some(made) = made.filter(|made| blocks.is_newest(made.block)) else { continue };
        known.insert(attempt, (at, made));
        attempts.push(attempt);
        deliveries.push(made.delivery);
        remote_ids.push(remote_id.as_deref());
        urls.push(url.as_deref());
        times.push(At(report.now));
        codes.push(reply.code.map(i32::from));
        enhanced.push(reply.enhanced.as_deref());
        // PostgreSQL's texts hold no NUL.
        texts.push(without_addresses(&reply.text).replace('\0', ""));
    }
    if attempts.is_empty() {
        return Ok(Taken::new());
    }
    let row: [Param<'_>; 8] = [&attempts, &deliveries, &remote_ids, &urls, &times, &codes, &enhanced, &texts];
    let rows = tx.query(TAKEN, &row).await?;
    let taken = |row: &Row| Ok(known.get(&row.try_get::<_, i64>(0)?).copied());
    rows.iter().filter_map(|row| taken(row).transpose()).collect()
}

/// Records any, one after the other.
async fn settle_each(
    tx: &mut Tx<'_>,
    reports: &[&Report],
    written: &mut Vec<Answered>,
) -> Result<Vec<Result<Settled>>> {
    if reports.is_empty() {
        return Ok(Vec::new());
    }
    let attempts: Vec<i64> = reports.iter().map(|report| report.attempt.0).collect();
    let mut open: HashMap<i64, Open> = HashMap::new();
    for row in tx.query(FIND, &[&attempts]).await? {
        open.insert(
            row.try_get(0)?,
            Open {
                delivery: row.try_get(1)?,
                state: row.try_get(2)?,
                newest: row.try_get::<_, Option<bool>>(3)?.unwrap_or(false),
                block: row.try_get(4)?,
                part: row.try_get(5)?,
                epoch: Epoch(row.try_get(6)?),
                results: row.try_get(7)?,
                newer: row.try_get(8)?,
            },
        );
    }
    let mut rows = Rows::default();
    let (mut answers, mut waiting) = (Vec::new(), Vec::new());
    let (mut sent, mut again, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for report in reports {
        let Some(open) = open.get_mut(&report.attempt.0) else {
            answers.push(Err(LedgerError::Refused(format!("there is no attempt {}", report.attempt.0))));
            continue;
        };
        let late = !(open.newest && open.state == State::Attempting);
        let (word, reply) = words(&report.outcome);
        open.results += 1;
        rows.result(report.attempt.0, open.results, word, reply, report.now, late);
        written.push(Answered::Result { attempt: report.attempt.0, no: open.results });
        // Evidence decides what nobody could know, unless the delivery was tried again since.
        let counts = open.newest && matches!(open.state, State::Attempting | State::Unknown | State::Parked);
        let knows_nothing = late && matches!(report.outcome, Outcome::Unknown { .. });
        if counts && !knows_nothing {
            let before = open.state;
            open.state = rows.apply(open.delivery, before, &report.outcome, report.now);
            tx.count_moved(open.part, before, open.state, 1);
            if late {
                waiting.push(open.block);
            } else {
                tx.end_claim(open.block, open.epoch);
            }
            if open.state == State::Sent && open.newer {
                sent.push(open.delivery);
            }
            if open.state == State::Scheduled && open.newer {
                again.push((answers.len(), open.delivery));
            }
            if let Outcome::Failed { reply, suppress: true } = &report.outcome {
                refused.push((open.delivery, reply, report.now));
            }
        }
        answers.push(Ok(Settled { state: open.state, late }));
    }
    rows.write(tx).await?;
    for (at, delivery) in again {
        let state = follow::overtake(tx, delivery).await?;
        if let Some(Ok(answer)) = answers.get_mut(at) {
            answer.state = state;
        }
    }
    wait_again(tx, &waiting).await?;
    for (delivery, reply, now) in refused {
        if let Some(row) = tx.opt(ADDRESS, &[&delivery]).await? {
            let address: Digest = row.try_get(0)?;
            let evidence = without_addresses(&reply.text);
            contacts::suppress_address(tx, &address, "bounced", &evidence, now).await?;
        }
    }
    for delivery in sent {
        follow::catch_up(tx, delivery).await?;
    }
    Ok(answers)
}

/// Deliveries came back to waiting in blocks that nobody may have leased: their next due times count again.
pub(super) async fn wait_again(tx: &Tx<'_>, of: &[i64]) -> Result<()> {
    if of.is_empty() {
        return Ok(());
    }
    let mut unleased = Vec::new();
    for row in tx.query(UNLEASED, &[&of]).await? {
        unleased.push(row.try_get(0)?);
    }
    blocks::free(tx, &unleased).await
}

/// Gives up waiting for the result of an attempt whose owner is gone.
pub(super) async fn lose(
    tx: &mut Tx<'_>,
    delivery: i64,
    attempt: i64,
    part: i64,
    now: Timestamp,
) -> Result<()> {
    let reply = Reply { text: "no result before the lease ended".to_owned(), ..Reply::default() };
    let before: i64 = tx.one(RESULTS_OF, &[&attempt]).await?.try_get(0)?;
    let mut rows = Rows::default();
    rows.result(attempt, before + 1, "unknown", &reply, now, false);
    rows.unknown(delivery, now, now);
    rows.write(tx).await?;
    tx.count_moved(part, State::Attempting, State::Unknown, 1);
    Ok(())
}
