//! Reports taken in, each in one transaction with all that it changes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension as _, named_params};

use super::values::At;
use super::writer::Write;
use super::{Result, Sqlite, contacts, holds, settle};
use crate::contact::without_addresses;
use crate::ledger::report::{ALARM_AT_LEAST, Effect, Subject, alarm_words, alarming};
use crate::ledger::{
    AttemptId, Cause, Class, Forwarded, LedgerError, Outcome, Report, ReportCounts, Scope, SourceRow,
    SourceStanding, State, Taken, Waiting,
};

const SEEN: &str = "SELECT 1 FROM report WHERE digest = :digest";
const SUBJECT: &str = "
    SELECT d.state, d.attempt, b.part, p.channel, i.release, d.recipient, coalesce(d.sent_at, a.intent_at), c.address,
           EXISTS (SELECT 1 FROM report AS r WHERE r.delivery = d.id AND r.became IS NOT NULL)
      FROM delivery AS d
           CROSS JOIN block AS b ON b.id = d.block
           CROSS JOIN part AS p ON p.id = b.part
           CROSS JOIN issued AS i ON i.id = p.issued
           LEFT JOIN attempt AS a ON a.id = d.attempt
           LEFT JOIN contact AS c ON c.id = d.recipient
     WHERE d.id = :delivery";
const ADD: &str = "
    INSERT INTO report (digest, at, source, class, delivery, contact, release, code, enhanced, text, became, counted,
                        suppressed, held)
         VALUES (:digest, :now, :source, :class, :delivery, :contact, :release, :code, :enhanced, :text, :became,
                 :counted, :suppressed, :held)";
const COUNT_ONE: &str = "
    INSERT INTO report_tally (class, n) VALUES (:class, 1) ON CONFLICT (class) DO UPDATE SET n = n + 1";
/// Releases that were reported about since the address was suppressed last, and the earliest report. The report in hand
/// is not written yet.
const AGAINST: &str = "
    SELECT count(DISTINCT release), min(at)
      FROM report
     WHERE counted = 1 AND contact = :contact AND class = :class AND release <> :release
           AND at > coalesce((SELECT max(at) FROM report
                               WHERE counted = 1 AND contact = :contact AND class = :class AND suppressed = 1), -1)";
const LATELY: &str = "
    SELECT count(*)
      FROM report
     WHERE suppressed = 1 AND at > max(:since, coalesce((SELECT max(at) FROM report WHERE suppressed = 1 AND held = 1), 0))";
const CONTACTS: &str = "SELECT (SELECT count(*) FROM contact)";
const BY_TITLE: &str = "SELECT release FROM issued WHERE title = :title ORDER BY id DESC LIMIT 1";
const MAIL_CHANNEL: &str = "
      SELECT p.channel
        FROM issued AS i CROSS JOIN part AS p ON p.issued = i.id
       WHERE i.release = :release AND p.kind IN ('smtp', 'ses', 'postmark')
    ORDER BY p.id DESC LIMIT 1";
const ADD_ANSWER: &str = "
    INSERT INTO answer (report, contact, release, channel, at, state, next_at, message)
         VALUES (:digest, :contact, :release, :channel, :now, 'waiting', :now, :message)";
const COUNTS: &str = "SELECT class, n FROM report_tally";
const FORGET_SOURCES: &str = "DELETE FROM source WHERE TRUE";
const ADD_SOURCE: &str = "INSERT INTO source (name, problem, seen_at) VALUES (:name, :problem, :seen_at)";
const SOURCES: &str = "SELECT name, problem, seen_at FROM source";
const OPEN_ANSWERS: &str = "SELECT count(*) FROM answer WHERE state IN ('waiting', 'leaving')";
const STUCK_ANSWERS: &str = "SELECT count(*) FROM answer WHERE state IN ('unknown', 'failed')";
const GIVE_UP: &str = "UPDATE answer SET state = 'unknown' WHERE state = 'leaving' AND next_at <= :before";
const WAITING: &str = "
      SELECT id, release, coalesce((SELECT title FROM issued AS i WHERE i.release = a.release ORDER BY i.seq DESC LIMIT 1), ''),
             channel, at, message
        FROM answer AS a
       WHERE state = 'waiting' AND next_at <= :now
    ORDER BY next_at
       LIMIT :limit";
const LEAVE: &str =
    "UPDATE answer SET state = 'leaving', next_at = :now WHERE id = :id AND state = 'waiting'";
const FORWARDED: &str = "
    UPDATE answer
       SET state = :state, tries = tries + 1, next_at = :next_at, message = iif(:state = 'done', NULL, message)
     WHERE id = :id AND state IN ('waiting', 'leaving')";

impl Sqlite {
    pub(in crate::ledger) async fn take_in(&self, report: Report, now: Timestamp) -> Result<Taken> {
        self.write("take in a report", 6, move |write| take_in(write, report, now)).await
    }

    pub(in crate::ledger) async fn note_sources(&self, sources: Vec<SourceRow>) -> Result<()> {
        self.write("note how sources are", sources.len(), move |write| {
            write.sql(FORGET_SOURCES)?.execute([])?;
            for (name, problem, seen_at) in sources {
                write.sql(ADD_SOURCE)?.execute(named_params! {
                    ":name": name, ":problem": problem, ":seen_at": seen_at.map(At),
                })?;
            }
            Ok(())
        })
        .await
    }

    pub(in crate::ledger) async fn report_counts(&self) -> Result<ReportCounts> {
        self.read("count reports", |db, _| {
            let mut classes = BTreeMap::new();
            let mut statement = db.prepare_cached(COUNTS)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let class: String = row.get(0)?;
                let class =
                    class.parse::<Class>().map_err(|error| LedgerError::Damaged(error.to_string()))?;
                classes.insert(class, row.get::<_, i64>(1)?.cast_unsigned());
            }
            let count = |sql| {
                Ok::<_, LedgerError>(db.query_row(sql, [], |row| row.get::<_, i64>(0))?.cast_unsigned())
            };
            let mut sources = BTreeMap::new();
            let mut statement = db.prepare_cached(SOURCES)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let seen_at = row.get::<_, Option<At>>(2)?.map(|at| at.0);
                sources.insert(row.get(0)?, SourceStanding { problem: row.get(1)?, seen_at });
            }
            Ok(ReportCounts {
                sources,
                classes,
                replies_waiting: count(OPEN_ANSWERS)?,
                replies_stuck: count(STUCK_ANSWERS)?,
            })
        })
        .await
    }

    pub(in crate::ledger) async fn answers(
        &self,
        given_up: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Waiting>> {
        self.write("list answers", 1, move |write| {
            write.sql(GIVE_UP)?.execute(named_params! { ":before": At(given_up) })?;
            let mut statement = write.sql(WAITING)?;
            let rows = statement.query_map(named_params! { ":now": At(now), ":limit": limit }, |row| {
                Ok(Waiting {
                    id: row.get(0)?,
                    release: row.get(1)?,
                    title: row.get(2)?,
                    channel: row.get(3)?,
                    at: row.get::<_, At>(4)?.0,
                    message: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    pub(in crate::ledger) async fn answer_leaves(&self, id: i64, now: Timestamp) -> Result<bool> {
        self.write("forward an answer", 1, move |write| {
            Ok(write.sql(LEAVE)?.execute(named_params! { ":id": id, ":now": At(now) })? == 1)
        })
        .await
    }

    pub(in crate::ledger) async fn answer_forwarded(
        &self,
        id: i64,
        what: Forwarded,
        next: Timestamp,
    ) -> Result<()> {
        self.write("record a forwarded answer", 1, move |write| {
            let row = named_params! { ":id": id, ":state": what.state(), ":next_at": At(next) };
            write.sql(FORWARDED)?.execute(row)?;
            Ok(())
        })
        .await
    }
}

fn take_in(write: &mut Write<'_>, report: Report, now: Timestamp) -> Result<Taken> {
    if write.sql(SEEN)?.exists(named_params! { ":digest": report.digest })? {
        return Ok(Taken::Before);
    }
    let subject = match report.delivery {
        Some(delivery) => subject(write, delivery.0)?,
        None => None,
    };
    let effect = match &subject {
        Some(subject) => match subject.effect(report.class, now) {
            Some(effect) => effect,
            None => return Ok(Taken::TooEarly),
        },
        None => Effect::default(),
    };
    let mut class = report.class;
    let mut answers = None;
    if class == Class::Reply {
        answers = answered(write, &report, subject.as_ref())?;
        if answers.is_none() {
            class = Class::Unrelated;
        }
    }
    let (mut suppressed, mut held) = (false, false);
    if let Some(subject) = &subject {
        if let Some(state) = effect.becomes {
            turn(write, subject, state, &report, now)?;
        }
        if effect.counts {
            suppressed = suppress(write, subject, &report, now)?;
            held = suppressed && alarm(write, subject, now)?;
        }
    }
    write.sql(ADD)?.execute(named_params! {
        ":digest": report.digest, ":now": At(now), ":source": report.source, ":class": class.as_str(),
        ":delivery": subject.as_ref().map(|subject| subject.delivery),
        ":contact": subject.as_ref().map(|subject| subject.contact),
        ":release": answers.as_ref().map(|(release, _)| release).or(subject.as_ref().map(|subject| &subject.release)),
        ":code": report.words.code, ":enhanced": report.words.enhanced,
        ":text": without_addresses(&report.words.text), ":became": effect.becomes, ":counted": effect.counts,
        ":suppressed": suppressed, ":held": held,
    })?;
    write.sql(COUNT_ONE)?.execute(named_params! { ":class": class.as_str() })?;
    if let (Some((release, channel)), Some(kept)) = (answers, &report.kept) {
        write.sql(ADD_ANSWER)?.execute(named_params! {
            ":digest": report.digest, ":contact": subject.as_ref().map(|subject| subject.contact), ":release": release,
            ":channel": channel, ":now": At(now), ":message": kept.message,
        })?;
    }
    Ok(Taken::New { became: effect.becomes, suppressed, held })
}

fn subject(write: &Write<'_>, delivery: i64) -> Result<Option<Subject>> {
    let found = write.sql(SUBJECT)?.query_row(named_params! { ":delivery": delivery }, |row| {
        Ok(Subject {
            delivery,
            state: row.get(0)?,
            attempt: row.get(1)?,
            part: row.get(2)?,
            channel: row.get(3)?,
            release: row.get(4)?,
            contact: row.get(5)?,
            since: row.get::<_, Option<At>>(6)?.map(|at| at.0),
            address: row.get(7)?,
            changed: row.get(8)?,
        })
    });
    Ok(found.optional()?)
}

/// The release that an answer is about, and a channel by which it went out.
fn answered(
    write: &Write<'_>,
    report: &Report,
    subject: Option<&Subject>,
) -> Result<Option<(String, String)>> {
    if let Some(subject) = subject {
        return Ok(Some((subject.release.clone(), subject.channel.clone())));
    }
    let Some(kept) = report.kept.as_ref().filter(|kept| !kept.subject.is_empty()) else { return Ok(None) };
    let row = named_params! { ":title": kept.subject };
    let Some(release) = write.sql(BY_TITLE)?.query_row(row, |row| row.get::<_, String>(0)).optional()? else {
        return Ok(None);
    };
    let row = named_params! { ":release": release };
    let channel: Option<String> = write.sql(MAIL_CHANNEL)?.query_row(row, |row| row.get(0)).optional()?;
    Ok(channel.map(|channel| (release, channel)))
}

/// Brings the delivery into `state`.
fn turn(
    write: &mut Write<'_>,
    subject: &Subject,
    state: State,
    report: &Report,
    now: Timestamp,
) -> Result<()> {
    let Some(attempt) = subject.attempt else { return Ok(()) };
    let reply = report.words.clone();
    match state {
        State::Bounced | State::Complained => {
            settle::add_result(write, attempt, state.as_str(), &reply, now, true)?;
            settle::become_state(write, subject.delivery, state)?;
            write.count_moved(subject.part, subject.state, state, 1);
        }
        State::Sent => {
            let outcome = Outcome::Sent { remote_id: None, url: None, reply };
            settle::settle(write, AttemptId(attempt), &outcome, now)?;
        }
        _ => {
            let outcome = Outcome::Failed { reply, suppress: false };
            settle::settle(write, AttemptId(attempt), &outcome, now)?;
        }
    }
    Ok(())
}

/// Suppresses the address, if there are enough reports against it.
fn suppress(write: &Write<'_>, subject: &Subject, report: &Report, now: Timestamp) -> Result<bool> {
    let (Some((releases, over)), Some(address)) = (report.class.suppresses_after(), &subject.address) else {
        return Ok(false);
    };
    let row = named_params! {
        ":contact": subject.contact, ":class": report.class.as_str(), ":release": subject.release,
    };
    let (others, first): (u32, Option<At>) =
        write.sql(AGAINST)?.query_row(row, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let since = first.map_or(now, |first| first.0);
    if others + 1 < releases || now.duration_since(since) < over {
        return Ok(false);
    }
    let reason = if report.class == Class::Complaint { "complained" } else { "bounced" };
    let words = report.words.to_string();
    let words = without_addresses(&words);
    contacts::suppress_address(write, address, reason, &format!("{}: {words}", report.class), now)
}

/// Holds the channel where too many addresses were suppressed within an hour; this one is not written yet.
fn alarm(write: &Write<'_>, subject: &Subject, now: Timestamp) -> Result<bool> {
    let since = now.checked_sub(SignedDuration::from_hours(1)).unwrap_or(now);
    let lately: i64 =
        write.sql(LATELY)?.query_row(named_params! { ":since": At(since) }, |row| row.get(0))?;
    let lately = lately.cast_unsigned() + 1;
    if lately < ALARM_AT_LEAST {
        return Ok(false);
    }
    let contacts: i64 = write.sql(CONTACTS)?.query_row([], |row| row.get(0))?;
    if !alarming(lately, contacts.cast_unsigned()) {
        return Ok(false);
    }
    let scope = Scope::Channel(subject.channel.clone());
    holds::add(write, &scope, Cause::Operator, (&alarm_words(lately), "intake"), now, now)
}
