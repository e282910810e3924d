//! The point of no return: one statement asks everything of a group and writes its attempts, or writes nothing.
//!
//! It runs while the lock of intents is shared: once a hold or a suppression was acknowledged, each later statement sees it.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio_postgres::Row;

use super::blocks;
use super::holds::unheld;
use super::locked::Locked;
use super::memory::Try;
use super::session::{Param, Tx};
use super::values::At;
use super::writer::{Ask, Question};
use super::{Postgres, Result};
use crate::digest::Digest;
use crate::ledger::{
    AttemptId, DeliveryId, Epoch, Intent, LedgerError, Outcome, START_WITHIN, Scope, Settled, State, Stop,
};

/// How many mails the recipient of a delivery has had in seven days, or may have: those whose outcome is not known count. Mails
/// leave at their due time or within the two days after it. (Microseconds.)
macro_rules! mails {
    ($delivery:literal, $recipient:literal, $now:literal) => {
        concat!(
            "(SELECT count(*)
                FROM (SELECT DISTINCT course FROM part WHERE kind IN ('smtp', 'ses', 'postmark') AND due >= ",
            $now,
            " - 777600000000) AS w
                     JOIN delivery AS e ON e.course = w.course AND e.recipient = ",
            $recipient,
            "
               WHERE e.id <> ",
            $delivery,
            "
                 AND (e.sent_at >= ",
            $now,
            " - 604800000000 OR e.state IN ('attempting', 'unknown', 'parked')))"
        )
    };
}

/// Writes the attempts of deliveries whose blocks are [`Locked`] and free. Whoever is left out here is asked for with [`INTEND`].
/// 1 deliveries, 2 blocks, 3 epochs, 4 digests, 5 instants, 6 how long after them an attempt may begin, 7 whose leases, 8 whether somebody
/// was forbidden since the claims.
pub(super) const INTEND_FREE: &str = "
    WITH gone AS (
        UPDATE delivery AS d
           SET state = 'attempting', attempts = d.attempts + 1, attempt = nextval('attempt_id')
          FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[])
                    WITH ORDINALITY AS q (delivery, block, epoch, request_sha, now, ord)
         WHERE d.id = q.delivery AND d.block = q.block AND d.state = 'scheduled' AND d.due <= q.now
           AND (NOT $8::boolean
                OR d.recipient = 0
                OR EXISTS (SELECT 1
                             FROM contact AS c
                            WHERE c.id = d.recipient
                              AND NOT EXISTS (SELECT 1 FROM suppression AS s WHERE s.address = c.address)
                              AND (NOT EXISTS (SELECT 1 FROM hold WHERE scope = 'destination')
                                   OR NOT EXISTS (SELECT 1
                                                    FROM hold
                                                   WHERE scope = 'destination' AND target = c.domain))))
     RETURNING d.id, d.attempt, d.attempts, q.ord, q.epoch, q.request_sha, q.now),
    written AS (
        INSERT INTO attempt (id, delivery, no, epoch, owner, intent_at, deadline, request_sha)
             SELECT attempt, id, attempts, epoch, $7, now, now + $6, request_sha FROM gone)
    SELECT ord, attempt FROM gone";
/// Writes the attempts whose claims are ours and which nothing forbids (delivery.md 3.3), of any deliveries.
/// 1 deliveries, 2 epochs, 3 digests, 4 instants, 5 how long after them an attempt may begin, 6 the clock of leases.
const INTEND: &str = concat!(
    "
    WITH gone AS (
        UPDATE delivery AS d
           SET state = 'attempting', attempts = d.attempts + 1, attempt = nextval('attempt_id')
          FROM (SELECT q.ord, q.delivery, q.epoch, q.request_sha, q.now, b.lease_owner, b.part, b.id AS block
                  FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[])
                            WITH ORDINALITY AS q (delivery, epoch, request_sha, now, ord)
                       JOIN delivery AS o ON o.id = q.delivery
                       JOIN block AS b ON b.id = o.block AND b.epoch = q.epoch AND b.lease_until > lease_now($6)
                       JOIN part AS p ON p.id = b.part
                       JOIN issued AS i ON i.id = p.issued AND i.complete AND i.expires > q.now
                 WHERE (o.recipient = 0
                        OR EXISTS (SELECT 1
                                     FROM contact AS c
                                    WHERE c.id = o.recipient
                                      AND NOT EXISTS (SELECT 1 FROM suppression AS s WHERE s.address = c.address)
                                      AND NOT EXISTS (SELECT 1
                                                        FROM hold
                                                       WHERE scope = 'destination' AND target = c.domain)))
                   AND ",
    unheld!(),
    "
                   AND (p.per_week IS NULL OR p.notice <> 'original' OR ",
    mails!("o.id", "o.recipient", "q.now"),
    "
                        -- Others of this very statement count as well: who is refused for them is asked again.
                        + (SELECT count(*)
                             FROM unnest($1::bigint[]) WITH ORDINALITY AS f (delivery, ord)
                                  JOIN delivery AS g ON g.id = f.delivery
                            WHERE f.ord < q.ord AND g.recipient = o.recipient) < p.per_week)
                OFFSET 0) AS q
         WHERE d.id = q.delivery AND d.state = 'scheduled' AND d.due <= q.now
     RETURNING d.id, d.attempt, d.attempts, q.ord, q.epoch, q.request_sha, q.now, q.lease_owner, q.part, q.block),
    written AS (
        INSERT INTO attempt (id, delivery, no, epoch, owner, intent_at, deadline, request_sha)
             SELECT attempt, id, attempts, epoch, lease_owner, now, now + $5, request_sha FROM gone)
    SELECT ord, attempt, part, block FROM gone"
);
/// Why they were not written; asked in the same transaction.
const WHY: &str = concat!(
    "
    SELECT d.id, d.state, d.due, b.id, b.epoch, b.lease_until > lease_now($2), p.id, i.expires,
           d.recipient <> 0 AND c.id IS NULL,
           EXISTS (SELECT 1 FROM suppression AS s WHERE s.address = c.address),
           (SELECT h.scope
              FROM hold AS h
             WHERE (h.scope, h.target) IN (('everything', ''), ('channel', b.channel), ('release', i.release),
                                           ('destination', c.domain))
          ORDER BY array_position(ARRAY['everything', 'channel', 'release', 'destination'], h.scope)
             LIMIT 1),
           b.channel, i.release, c.domain,
           p.per_week IS NOT NULL AND p.notice = 'original' AND ",
    mails!("d.id", "d.recipient", "$3::bigint"),
    " >= p.per_week
      FROM delivery AS d
           JOIN block AS b ON b.id = d.block
           JOIN part AS p ON p.id = b.part
           JOIN issued AS i ON i.id = p.issued
           LEFT JOIN contact AS c ON c.id = d.recipient
     WHERE d.id = ANY($1::bigint[])"
);

impl Postgres {
    pub(in crate::ledger) async fn intent(
        &self,
        batch: Vec<(DeliveryId, Epoch, Digest)>,
        now: Timestamp,
    ) -> Result<Vec<Intent>> {
        let inbox = self.must_dispatch("sending")?;
        let (answer, answered) = oneshot::channel();
        let questions = {
            let memory = self.shared.memory();
            let question = |(delivery, epoch, request)| Question {
                delivery,
                epoch,
                request,
                now,
                home: memory.home(delivery),
            };
            batch.into_iter().map(question).collect()
        };
        inbox.send(Ask::Intent { questions, answer }).map_err(|_| LedgerError::Closed)?;
        answered.await.map_err(|_| LedgerError::Closed)?
    }

    pub(in crate::ledger) async fn settle_early(
        &self,
        (delivery, epoch, request): (DeliveryId, Epoch, Digest),
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<std::result::Result<Settled, Stop>> {
        let inbox = self.must_dispatch("sending")?;
        let (answer, answered) = oneshot::channel();
        let question = Question { delivery, epoch, request, now, home: None };
        inbox.send(Ask::Early { question, outcome, answer }).map_err(|_| LedgerError::Closed)?;
        answered.await.map_err(|_| LedgerError::Closed)?
    }
}

/// The attempts that were written, at the places of their questions, and the parts and blocks that their deliveries are in.
pub(super) type Gone = HashMap<usize, (i64, i64, i64)>;

/// Writes the attempts of those that are known to be free to leave.
pub(super) async fn go(tx: &Tx<'_>, asked: &[Question], blocks: &Locked) -> Result<Gone> {
    let mut owner = None;
    let (mut places, mut deliveries, mut of, mut epochs) = (vec![], vec![], vec![], vec![]);
    let (mut requests, mut times) = (Vec::<&[u8]>::new(), vec![]);
    let mut forbids = false;
    for (at, question) in asked.iter().enumerate() {
        let (Some(block), Some(home)) = (blocks.free(question), question.home) else { continue };
        // One process has one name.
        if *owner.get_or_insert(&block.owner) != &block.owner {
            continue;
        }
        places.push((at, block.part, home.block));
        deliveries.push(question.delivery.0);
        of.push(home.block);
        epochs.push(question.epoch.0);
        requests.push(&question.request.0);
        times.push(question.now.as_microsecond());
        forbids |= blocks.forbids(home);
    }
    let Some(owner) = owner else { return Ok(Gone::new()) };
    let row: [Param<'_>; 8] = [&deliveries, &of, &epochs, &requests, &times, &within(), owner, &forbids];
    let mut gone = Gone::with_capacity(places.len());
    for row in tx.query(INTEND_FREE, &row).await? {
        let (ord, attempt): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        if let Some((at, part, block)) = place(&places, ord) {
            gone.insert(*at, (attempt, *part, *block));
        }
    }
    Ok(gone)
}

/// Asks for each question of which no attempt has `gone` yet, and answers for all in their order. The blocks must be locked.
pub(super) async fn intend(tx: &mut Tx<'_>, asked: &[Question], mut gone: Gone) -> Result<Vec<Intent>> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let leases = tx.lease_now(newest(asked))?;
    if gone.len() < asked.len() {
        one_by_one(tx, asked, leases, &mut gone).await?;
    }
    let mut answers = vec![None; asked.len()];
    for (at, (question, answer)) in asked.iter().zip(&mut answers).enumerate() {
        let Some((attempt, part, block)) = gone.get(&at).copied() else { continue };
        *answer = Some(Intent::Go(AttemptId(attempt)));
        let made = Try { delivery: question.delivery.0, block, part, epoch: question.epoch };
        tx.shared().memory().attempt(attempt, made);
        tx.attempt = tx.attempt.max(attempt);
        tx.count_moved(part, State::Scheduled, State::Attempting, 1);
    }
    if answers.iter().any(Option::is_none) {
        stop(tx, asked, &mut answers, leases).await?;
    }
    Ok(answers.into_iter().map(|answer| answer.unwrap_or(Intent::Stop(Stop::NoSuch))).collect())
}

/// The latest instant of the questions, by which leases are over where the caller says what time it is.
pub(super) fn newest(asked: &[Question]) -> Timestamp {
    asked.iter().map(|question| question.now).max().unwrap_or(Timestamp::MAX)
}

/// Writes the attempts of the others that may leave.
async fn one_by_one(tx: &Tx<'_>, asked: &[Question], leases: Option<At>, gone: &mut Gone) -> Result<()> {
    let others = asked.iter().enumerate().filter(|(at, _)| !gone.contains_key(at));
    let others: Vec<(usize, &Question)> = others.collect();
    let deliveries: Vec<i64> = others.iter().map(|(_, q)| q.delivery.0).collect();
    let epochs: Vec<i64> = others.iter().map(|(_, q)| q.epoch.0).collect();
    let requests: Vec<&[u8]> = others.iter().map(|(_, q)| &q.request.0[..]).collect();
    let times: Vec<i64> = others.iter().map(|(_, q)| q.now.as_microsecond()).collect();
    let row: [Param<'_>; 6] = [&deliveries, &epochs, &requests, &times, &within(), &leases];
    for row in tx.query(INTEND, &row).await? {
        if let Some((at, _)) = place(&others, row.try_get(0)?) {
            gone.insert(*at, (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?));
        }
    }
    Ok(())
}

/// What stands at a place that PostgreSQL counted.
fn place<T>(all: &[T], ord: i64) -> Option<&T> {
    all.get(usize::try_from(ord - 1).ok()?)
}

/// How long after its intent an attempt may begin, in the database's unit.
fn within() -> i64 {
    i64::try_from(START_WITHIN.as_micros()).unwrap_or(i64::MAX)
}

/// A delivery that may not leave, and what stands around it.
struct Found {
    state: State,
    due: Timestamp,
    block: i64,
    epoch: i64,
    leased: bool,
    part: i64,
    expires: Timestamp,
    gone: bool,
    suppressed: bool,
    hold: Option<Scope>,
    enough: bool,
}

fn found(row: &Row) -> Result<(i64, Found)> {
    let hold = match row.try_get::<_, Option<&str>>(10)? {
        None => None,
        Some(kind) => {
            let target = match kind {
                "channel" => row.try_get::<_, Option<String>>(11)?,
                "release" => row.try_get(12)?,
                "destination" => row.try_get(13)?,
                _ => None,
            };
            Some(Scope::of_columns(kind, target.unwrap_or_default())?)
        }
    };
    let found = Found {
        state: row.try_get(1)?,
        due: row.try_get::<_, At>(2)?.0,
        block: row.try_get(3)?,
        epoch: row.try_get(4)?,
        leased: row.try_get::<_, Option<bool>>(5)?.unwrap_or(false),
        part: row.try_get(6)?,
        expires: row.try_get::<_, At>(7)?.0,
        gone: row.try_get(8)?,
        suppressed: row.try_get(9)?,
        hold,
        enough: row.try_get(14)?,
    };
    Ok((row.try_get(0)?, found))
}

/// Finds out why not, ends what can never leave, and ends the claims.
async fn stop(
    tx: &mut Tx<'_>,
    asked: &[Question],
    answers: &mut [Option<Intent>],
    leases: Option<At>,
) -> Result<()> {
    let open: Vec<i64> = asked
        .iter()
        .zip(answers.iter())
        .filter(|(_, answer)| answer.is_none())
        .map(|(question, _)| question.delivery.0)
        .collect();
    let mut all = HashMap::new();
    for row in tx.query(WHY, &[&open, &leases, &At(newest(asked))]).await? {
        let (delivery, found) = found(&row)?;
        all.insert(delivery, found);
    }
    for (question, answer) in asked.iter().zip(answers.iter_mut()) {
        if answer.is_some() {
            continue;
        }
        let delivery = question.delivery.0;
        let Some(found) = all.get_mut(&delivery) else {
            *answer = Some(Intent::Stop(Stop::NoSuch));
            continue;
        };
        if found.epoch != question.epoch.0 || !found.leased {
            *answer = Some(Intent::Stop(Stop::Stale));
            continue;
        }
        let stop = if found.state != State::Scheduled {
            Stop::State(found.state)
        } else if found.gone {
            blocks::give_up(tx, &[delivery], found.part, State::Cancelled).await?;
            found.state = State::Cancelled;
            Stop::State(State::Cancelled)
        } else if found.suppressed {
            blocks::suppress(tx, &[delivery], found.part).await?;
            found.state = State::Suppressed;
            Stop::State(State::Suppressed)
        } else if found.expires <= question.now {
            blocks::give_up(tx, &[delivery], found.part, State::Expired).await?;
            found.state = State::Expired;
            Stop::State(State::Expired)
        } else if found.due > question.now {
            Stop::NotDue
        } else {
            match found.hold.clone() {
                Some(scope) => Stop::Held(scope),
                None if found.enough => {
                    blocks::give_up(tx, &[delivery], found.part, State::Cancelled).await?;
                    found.state = State::Cancelled;
                    Stop::Enough
                }
                None => Stop::Stale,
            }
        };
        // What is under way ends its claim with its own result.
        if stop != Stop::State(State::Attempting) {
            tx.end_claim(found.block, question.epoch);
        }
        *answer = Some(Intent::Stop(stop));
    }
    Ok(())
}
