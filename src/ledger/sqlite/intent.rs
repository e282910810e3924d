//! The point of no return: one statement asks everything and writes the attempt, or writes nothing.
//!
//! Questions that reach the writer together share a statement for all of them ([`intend_all`]). What that does not write, for whatever
//! reason, is asked again by itself ([`intend`]), which says why not.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension as _, Row, named_params};
use tokio::sync::oneshot;

use super::values::At;
use super::writer::{Job, Question, Try, Write};
use super::{Result, Sqlite, blocks, settle};
use crate::digest::Digest;
use crate::ledger::{
    AttemptId, DeliveryId, Epoch, Intent, LedgerError, Outcome, START_WITHIN, Scope, Settled, State, Stop,
};

/// How many mails the recipient of `d` has had in seven days, or may have: those whose outcome is not known count. Mails leave
/// at their due time or within the two days after it. (Microseconds.)
macro_rules! mails {
    () => {
        "(SELECT count(*)
            FROM (SELECT DISTINCT course FROM part WHERE kind IN ('smtp', 'ses', 'postmark') AND due >= :now - 777600000000) AS w
                 CROSS JOIN delivery AS e ON e.course = w.course AND e.recipient = d.recipient
           WHERE e.id <> d.id
             AND (e.sent_at >= :now - 604800000000 OR e.state IN ('attempting', 'unknown', 'parked')))"
    };
}

/// Writes the attempt if the claim is ours and nothing forbids it (delivery.md 3.3).
const INTEND: &str = concat!(
    "
    INSERT INTO attempt (delivery, no, epoch, owner, intent_at, deadline, request_sha)
         SELECT d.id, d.attempts + 1, b.epoch, b.lease_owner, :now, :deadline, :request_sha
           FROM delivery AS d
                CROSS JOIN block AS b ON b.id = d.block
                CROSS JOIN part AS p ON p.id = b.part
                CROSS JOIN issued AS i ON i.id = p.issued
                LEFT JOIN contact AS c ON c.id = d.recipient
          WHERE d.id = :delivery AND d.state = 'scheduled' AND d.due <= :now
            AND b.epoch = :epoch AND b.lease_until > :now
            AND i.complete = 1 AND i.expires > :now
            AND (d.recipient = 0 OR c.id IS NOT NULL)
            AND NOT EXISTS (SELECT 1 FROM suppression AS s WHERE s.address = c.address)
            AND NOT EXISTS (SELECT 1
                              FROM hold
                             WHERE scope = 'everything' AND target = ''
                               AND (cause <> 'clock'
                                    OR (since < i.publish AND p.notice IN ('original', 'correction'))))
            AND NOT EXISTS (SELECT 1 FROM hold WHERE scope = 'channel' AND target = b.channel)
            AND NOT EXISTS (SELECT 1 FROM hold WHERE scope = 'destination' AND target = c.domain)
            AND NOT EXISTS (SELECT 1
                              FROM hold
                             WHERE scope = 'release' AND target = i.release
                               AND (cause = 'operator' OR p.notice IN ('original', 'correction')))
            AND (p.per_week IS NULL OR p.notice <> 'original' OR ",
    mails!(),
    " < p.per_week)"
);
/// The same for several, of which none stands twice in `:deliveries` (a JSON array; `:requests` has their digests, one after the other):
/// all under claims of one epoch, and none whose audience has a limit for a week, for which the others of this statement would count.
///
/// Holds are looked at one by one only where there are any. `:earliest` and `:now` are the first and the last of the instants at which
/// they were asked.
const INTEND_ALL: &str = "
    INSERT INTO attempt (delivery, no, epoch, owner, intent_at, deadline, request_sha)
         SELECT d.id, d.attempts + 1, b.epoch, b.lease_owner, :now, :deadline, substr(:requests, 32 * q.key + 1, 32)
           FROM json_each(:deliveries) AS q
                CROSS JOIN delivery AS d ON d.id = q.value
                CROSS JOIN block AS b ON b.id = d.block
                CROSS JOIN part AS p ON p.id = b.part
                CROSS JOIN issued AS i ON i.id = p.issued
                LEFT JOIN contact AS c ON c.id = d.recipient
          WHERE d.state = 'scheduled' AND d.due <= :earliest
            AND b.epoch = :epoch AND b.lease_until > :now
            AND i.complete = 1 AND i.expires > :now
            AND (d.recipient = 0 OR c.id IS NOT NULL)
            AND (p.per_week IS NULL OR p.notice <> 'original')
            AND NOT EXISTS (SELECT 1 FROM suppression AS s WHERE s.address = c.address)
            AND (NOT EXISTS (SELECT 1 FROM hold)
                 OR (NOT EXISTS (SELECT 1
                                   FROM hold
                                  WHERE scope = 'everything' AND target = ''
                                    AND (cause <> 'clock'
                                         OR (since < i.publish AND p.notice IN ('original', 'correction'))))
                     AND NOT EXISTS (SELECT 1 FROM hold WHERE scope = 'channel' AND target = b.channel)
                     AND NOT EXISTS (SELECT 1 FROM hold WHERE scope = 'destination' AND target = c.domain)
                     AND NOT EXISTS (SELECT 1
                                       FROM hold
                                      WHERE scope = 'release' AND target = i.release
                                        AND (cause = 'operator' OR p.notice IN ('original', 'correction')))))";
/// The attempts of one statement have consecutive numbers: nobody else writes.
const WRITTEN: &str = "
    SELECT a.id, a.delivery, a.no, d.block
      FROM attempt AS a CROSS JOIN delivery AS d ON d.id = a.delivery
     WHERE a.id BETWEEN ?1 AND ?2";
/// 1 delivery, 2 number of the attempt, 3 attempt. One by one: a statement for all of them makes a table of its own of what it is to change,
/// each time, and that cost more than all of this.
pub(super) const BEGUN: &str =
    "UPDATE delivery SET state = 'attempting', attempts = ?2, attempt = ?3 WHERE id = ?1";
const PART: &str = "SELECT part FROM block WHERE id = :block";
const ATTEMPTING: &str = "
    UPDATE delivery SET state = 'attempting', attempts = attempts + 1, attempt = :attempt WHERE id = :delivery
 RETURNING (SELECT part FROM block WHERE id = block)";
/// Why it was not written; asked in the same transaction.
const WHY: &str = concat!(
    "
    SELECT d.state, d.due, b.id, b.epoch, b.lease_until, p.id, i.expires,
           d.recipient <> 0 AND c.id IS NULL,
           EXISTS (SELECT 1 FROM suppression AS s WHERE s.address = c.address),
           b.channel, i.release, c.domain,
           p.per_week IS NOT NULL AND p.notice = 'original' AND ",
    mails!(),
    " >= p.per_week
      FROM delivery AS d
           CROSS JOIN block AS b ON b.id = d.block
           CROSS JOIN part AS p ON p.id = b.part
           CROSS JOIN issued AS i ON i.id = p.issued
           LEFT JOIN contact AS c ON c.id = d.recipient
     WHERE d.id = :delivery"
);
const HOLD: &str = "
    SELECT scope, target FROM hold
     WHERE (scope, target) IN (VALUES ('everything', ''), ('channel', :channel), ('release', :release),
                                      ('destination', :domain))
     LIMIT 1";

/// Questions that were asked further apart than this are not answered by one statement.
const TOGETHER: SignedDuration = SignedDuration::from_secs(1);

impl Sqlite {
    pub(in crate::ledger) async fn intent(
        &self,
        batch: Vec<(DeliveryId, Epoch, Digest)>,
        now: Timestamp,
    ) -> Result<Vec<Intent>> {
        self.must_dispatch("sending")?;
        let question = |(delivery, epoch, request)| Question { delivery, epoch, request, now };
        let questions = batch.into_iter().map(question).collect();
        let (answer, answered) = oneshot::channel();
        self.hand_in(Job::Ask { questions, answer })?;
        answered.await.map_err(|_| LedgerError::Closed)?
    }

    pub(in crate::ledger) async fn settle_early(
        &self,
        (delivery, epoch, sha): (DeliveryId, Epoch, Digest),
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<std::result::Result<Settled, Stop>> {
        self.must_dispatch("sending")?;
        self.write("record a try that ended early", 4, move |write| {
            match intend(write, delivery, epoch, &sha, now)? {
                Intent::Go(attempt) => Ok(Ok(settle::settle(write, attempt, &outcome, now)?)),
                Intent::Stop(stop) => Ok(Err(stop)),
            }
        })
        .await
    }
}

/// Attempts that were written, by what was asked.
type Gone = HashMap<(DeliveryId, Epoch), i64>;

/// Answers each question, in their order.
pub(super) fn intend_all(write: &mut Write<'_>, asked: &[Question]) -> Result<Vec<Intent>> {
    let mut gone = Gone::with_capacity(asked.len());
    let times = asked.iter().map(|question| question.now);
    if let Some((earliest, now)) = times.clone().min().zip(times.max())
        && asked.len() > 1
        && now.duration_since(earliest) <= TOGETHER
    {
        let mut groups: BTreeMap<Epoch, Vec<&Question>> = BTreeMap::new();
        for question in asked {
            groups.entry(question.epoch).or_default().push(question);
        }
        for (epoch, mut group) in groups {
            group.sort_by_key(|question| question.delivery);
            group.dedup_by_key(|question| question.delivery);
            write_all(write, epoch, &group, (earliest, now), &mut gone)?;
        }
    }
    let answer = |question: &Question| match gone.remove(&(question.delivery, question.epoch)) {
        Some(attempt) => Ok(Intent::Go(AttemptId(attempt))),
        None => intend(write, question.delivery, question.epoch, &question.request, question.now),
    };
    asked.iter().map(answer).collect()
}

/// Writes the attempts of questions about different deliveries under claims of one epoch, as far as nothing forbids them; adds them to
/// `gone`.
fn write_all(
    write: &mut Write<'_>,
    epoch: Epoch,
    group: &[&Question],
    (earliest, now): (Timestamp, Timestamp),
    gone: &mut Gone,
) -> Result<()> {
    let mut deliveries = String::with_capacity(10 * group.len() + 2);
    let mut requests = Vec::with_capacity(32 * group.len());
    for question in group {
        deliveries.push(if deliveries.is_empty() { '[' } else { ',' });
        deliveries.push_str(&question.delivery.0.to_string());
        requests.extend_from_slice(&question.request.0);
    }
    deliveries.push(']');
    let deadline = earliest.checked_add(START_WITHIN).unwrap_or(now);
    let written = write.sql(INTEND_ALL)?.execute(named_params! {
        ":deliveries": deliveries, ":requests": requests, ":epoch": epoch.0, ":earliest": At(earliest),
        ":now": At(now), ":deadline": At(deadline),
    })?;
    if written == 0 {
        return Ok(());
    }
    let last = write.db.last_insert_rowid();
    let first = last - i64::try_from(written).unwrap_or(i64::MAX) + 1;
    let columns = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let rows: Vec<(i64, i64, i64, i64)> =
        write.sql(WRITTEN)?.query_map([first, last], columns)?.collect::<rusqlite::Result<_>>()?;
    let mut blocks: BTreeMap<i64, i64> = BTreeMap::new();
    let mut changed = 0;
    {
        let db = write.db;
        let mut begun = db.prepare_cached(BEGUN)?;
        for (attempt, delivery, no, block) in rows {
            changed += begun.execute([delivery, no, attempt])?;
            gone.insert((DeliveryId(delivery), epoch), attempt);
            write.tries.insert(AttemptId(attempt), Try { delivery, block, epoch: epoch.0 });
            *blocks.entry(block).or_default() += 1;
        }
    }
    if changed != written {
        return Err(LedgerError::Refused(format!(
            "{written} attempts were written for {changed} deliveries; this is a fault in Dateline"
        )));
    }
    for (block, n) in blocks {
        let part = write.sql(PART)?.query_row(named_params! { ":block": block }, |row| row.get(0))?;
        write.count_moved(part, State::Scheduled, State::Attempting, n);
    }
    Ok(())
}

fn intend(
    write: &mut Write<'_>,
    delivery: DeliveryId,
    epoch: Epoch,
    request_sha: &Digest,
    now: Timestamp,
) -> Result<Intent> {
    let deadline = now.checked_add(START_WITHIN).unwrap_or(now);
    let written = write.sql(INTEND)?.execute(named_params! {
        ":delivery": delivery.0, ":epoch": epoch.0, ":now": At(now), ":deadline": At(deadline),
        ":request_sha": request_sha,
    })?;
    if written == 0 {
        return Ok(Intent::Stop(stop(write, delivery, epoch, now)?));
    }
    let attempt = write.db.last_insert_rowid();
    let row = named_params! { ":attempt": attempt, ":delivery": delivery.0 };
    let part = write.sql(ATTEMPTING)?.query_row(row, |row| row.get(0))?;
    write.count_moved(part, State::Scheduled, State::Attempting, 1);
    Ok(Intent::Go(AttemptId(attempt)))
}

/// Finds out why not, ends what can never leave, and ends the claim.
fn stop(write: &mut Write<'_>, delivery: DeliveryId, epoch: Epoch, now: Timestamp) -> Result<Stop> {
    let found = write
        .sql(WHY)?
        .query_row(named_params! { ":delivery": delivery.0, ":now": At(now) }, |row| {
            Ok((
                (row.get::<_, State>(0)?, row.get::<_, At>(1)?.0, row.get::<_, i64>(2)?),
                (row.get::<_, i64>(3)?, row.get::<_, Option<At>>(4)?, row.get::<_, i64>(5)?),
                (row.get::<_, At>(6)?.0, row.get::<_, bool>(7)?, row.get::<_, bool>(8)?),
                (row.get::<_, String>(9)?, row.get::<_, String>(10)?, row.get::<_, Option<String>>(11)?),
                row.get::<_, bool>(12)?,
            ))
        })
        .optional()?;
    let Some(((state, due, block), (held_epoch, until, part), (expires, gone, suppressed), names, enough)) =
        found
    else {
        return Ok(Stop::NoSuch);
    };
    if held_epoch != epoch.0 || until.is_none_or(|until| until.0 <= now) {
        return Ok(Stop::Stale);
    }
    let stop = if state != State::Scheduled {
        // Under way: its own result ends the claim.
        if state == State::Attempting {
            return Ok(Stop::State(state));
        }
        Stop::State(state)
    } else if gone {
        blocks::give_up(write, delivery.0, part, State::Cancelled)?;
        Stop::State(State::Cancelled)
    } else if suppressed {
        blocks::suppress(write, delivery.0, part)?;
        Stop::State(State::Suppressed)
    } else if expires <= now {
        blocks::give_up(write, delivery.0, part, State::Expired)?;
        Stop::State(State::Expired)
    } else if due > now {
        Stop::NotDue
    } else {
        let (channel, release, domain) = names;
        let row = named_params! { ":channel": channel, ":release": release, ":domain": domain };
        let hold: Option<(String, String)> =
            write.sql(HOLD)?.query_row(row, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match hold {
            Some((kind, target)) => Stop::Held(Scope::of_columns(&kind, target)?),
            None if enough => {
                blocks::give_up(write, delivery.0, part, State::Cancelled)?;
                Stop::Enough
            }
            None => Stop::Stale,
        }
    };
    blocks::end_claims(write, block, epoch, 1)?;
    Ok(stop)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::ledger::sqlite::schema;

    #[test]
    fn a_statement_is_planned_once_whatever_is_asked() {
        let now: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        std::fs::write(&file, "").unwrap();
        let mut db = schema::connect(&file).unwrap();
        schema::migrate(&mut db, now).unwrap();
        let mut statement = db.prepare(INTEND).unwrap();
        for delivery in 1..5 {
            let row = named_params! {
                ":delivery": delivery, ":epoch": delivery, ":now": At(now), ":deadline": At(now),
                ":request_sha": Digest::of(b"the request"),
            };
            assert_eq!(statement.execute(row).unwrap(), 0, "there is no such delivery");
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
