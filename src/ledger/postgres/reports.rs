//! Reports taken in, each in one transaction with all that it changes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::blocks;
use super::locks::Lock;
use super::session::{Param, Tx};
use super::settle::{self, RESULTS_OF};
use super::values::At;
use super::{Postgres, Result, again, contacts, holds, rows::Rows};
use crate::contact::without_addresses;
use crate::digest::Digest;
use crate::ledger::report::{ALARM_AT_LEAST, Effect, Subject, alarm_words, alarming};
use crate::ledger::{
    AttemptId, Cause, Class, Forwarded, LedgerError, Outcome, Report, ReportCounts, Scope, SourceRow,
    SourceStanding, State, Taken, Waiting,
};

const SEEN: &str = "SELECT 1 FROM report WHERE digest = $1";
const SUBJECT: &str = "
    SELECT d.state, d.attempt, b.part, p.channel, i.release, d.recipient, coalesce(d.sent_at, a.intent_at), c.address,
           EXISTS (SELECT 1 FROM report AS r WHERE r.delivery = d.id AND r.became IS NOT NULL)
      FROM delivery AS d
           JOIN block AS b ON b.id = d.block
           JOIN part AS p ON p.id = b.part
           JOIN issued AS i ON i.id = p.issued
           LEFT JOIN attempt AS a ON a.id = d.attempt
           LEFT JOIN contact AS c ON c.id = d.recipient
     WHERE d.id = $1";
const ADD: &str = "
    INSERT INTO report (digest, at, source, class, delivery, contact, release, code, enhanced, text, became, counted,
                        suppressed, held)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const COUNT_ONE: &str = "
    INSERT INTO report_tally (class, n) VALUES ($1, 1) ON CONFLICT (class) DO UPDATE SET n = report_tally.n + 1";
/// Releases that were reported about since the address was suppressed last, and the earliest report. The report in hand
/// is not written yet.
const AGAINST: &str = "
    SELECT count(DISTINCT release), min(at)
      FROM report
     WHERE counted AND contact = $1 AND class = $2 AND release <> $3
           AND at > coalesce((SELECT max(at) FROM report
                               WHERE counted AND contact = $1 AND class = $2 AND suppressed), -1)";
const LATELY: &str = "
    SELECT count(*)
      FROM report
     WHERE suppressed AND at > greatest($1, coalesce((SELECT max(at) FROM report WHERE suppressed AND held), 0))";
/// When it was sent stays.
const REPORTED: &str = "UPDATE delivery SET state = $2 WHERE id = $1";
const CONTACTS: &str = "SELECT count(*) FROM contact";
const BY_TITLE: &str = "SELECT release FROM issued WHERE title = $1 ORDER BY id DESC LIMIT 1";
const MAIL_CHANNEL: &str = "
      SELECT p.channel
        FROM issued AS i JOIN part AS p ON p.issued = i.id
       WHERE i.release = $1 AND p.kind IN ('smtp', 'ses', 'postmark')
    ORDER BY p.id DESC LIMIT 1";
const ADD_ANSWER: &str = "
    INSERT INTO answer (report, contact, release, channel, at, state, next_at, message)
         VALUES ($1, $2, $3, $4, $5, 'waiting', $5, $6)";
const COUNTS: &str = "SELECT class, n FROM report_tally";
const FORGET_SOURCES: &str = "DELETE FROM source WHERE NOT name = ANY($1::text[])";
const ADD_SOURCE: &str = "
    INSERT INTO source (name, problem, seen_at) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET problem = excluded.problem, seen_at = excluded.seen_at";
const SOURCES: &str = "SELECT name, problem, seen_at FROM source";
const ANSWERS: &str = "
    SELECT (SELECT count(*) FROM answer WHERE state IN ('waiting', 'leaving')),
           (SELECT count(*) FROM answer WHERE state IN ('unknown', 'failed'))";
const GIVE_UP: &str = "UPDATE answer SET state = 'unknown' WHERE state = 'leaving' AND next_at <= $1";
const WAITING: &str = "
      SELECT id, release, coalesce((SELECT title FROM issued AS i WHERE i.release = a.release ORDER BY i.seq DESC LIMIT 1), ''),
             channel, at, message
        FROM answer AS a
       WHERE state = 'waiting' AND next_at <= $1
    ORDER BY next_at
       LIMIT $2";
const LEAVE: &str = "UPDATE answer SET state = 'leaving', next_at = $2 WHERE id = $1 AND state = 'waiting'";
const FORWARDED: &str = "
    UPDATE answer
       SET state = $2, tries = tries + 1, next_at = $3, message = CASE $2 WHEN 'done' THEN NULL ELSE message END
     WHERE id = $1 AND state IN ('waiting', 'leaving')";

impl Postgres {
    pub(in crate::ledger) async fn take_in(&self, report: Report, now: Timestamp) -> Result<Taken> {
        again!(self.take_in_once(&report, now))
    }

    async fn take_in_once(&self, report: &Report, now: Timestamp) -> Result<Taken> {
        let forbids = report.class.suppresses_after().is_some();
        let first = if forbids { Lock::Forbid } else { Lock::Intents };
        let mut tx = self.begin("take in a report", &[first, Lock::Results]).await?;
        let taken = take_in(&mut tx, report, now).await?;
        tx.commit().await?;
        Ok(taken)
    }

    pub(in crate::ledger) async fn note_sources(&self, sources: Vec<SourceRow>) -> Result<()> {
        again!(self.note_sources_once(&sources))
    }

    async fn note_sources_once(&self, sources: &[SourceRow]) -> Result<()> {
        let tx = self.begin("note how sources are", &[]).await?;
        let names: Vec<&str> = sources.iter().map(|(name, ..)| name.as_str()).collect();
        tx.execute(FORGET_SOURCES, &[&names]).await?;
        for (name, problem, seen_at) in sources {
            tx.execute(ADD_SOURCE, &[name, problem, &seen_at.map(At)]).await?;
        }
        tx.commit().await
    }

    pub(in crate::ledger) async fn report_counts(&self) -> Result<ReportCounts> {
        let tx = self.look("count reports").await?;
        tx.read_all().await?;
        let mut classes = BTreeMap::new();
        for row in tx.query(COUNTS, &[]).await? {
            let class = row.try_get::<_, &str>(0)?.parse::<Class>();
            let class = class.map_err(|error| LedgerError::Damaged(error.to_string()))?;
            classes.insert(class, row.try_get::<_, i64>(1)?.cast_unsigned());
        }
        let mut sources = BTreeMap::new();
        for row in tx.query(SOURCES, &[]).await? {
            let seen_at = row.try_get::<_, Option<At>>(2)?.map(|at| at.0);
            sources.insert(row.try_get(0)?, SourceStanding { problem: row.try_get(1)?, seen_at });
        }
        let row = tx.one(ANSWERS, &[]).await?;
        let counts = ReportCounts {
            classes,
            sources,
            replies_waiting: row.try_get::<_, i64>(0)?.cast_unsigned(),
            replies_stuck: row.try_get::<_, i64>(1)?.cast_unsigned(),
        };
        tx.commit().await?;
        Ok(counts)
    }

    pub(in crate::ledger) async fn answers(
        &self,
        given_up: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Waiting>> {
        again!(self.answers_once(given_up, now, limit))
    }

    async fn answers_once(&self, given_up: Timestamp, now: Timestamp, limit: u32) -> Result<Vec<Waiting>> {
        let tx = self.begin("list answers", &[]).await?;
        tx.execute(GIVE_UP, &[&At(given_up)]).await?;
        let mut all = Vec::new();
        for row in tx.query(WAITING, &[&At(now), &i64::from(limit)]).await? {
            all.push(Waiting {
                id: row.try_get(0)?,
                release: row.try_get(1)?,
                title: row.try_get(2)?,
                channel: row.try_get(3)?,
                at: row.try_get::<_, At>(4)?.0,
                message: row.try_get(5)?,
            });
        }
        tx.commit().await?;
        Ok(all)
    }

    pub(in crate::ledger) async fn answer_leaves(&self, id: i64, now: Timestamp) -> Result<bool> {
        again!(self.answer_leaves_once(id, now))
    }

    async fn answer_leaves_once(&self, id: i64, now: Timestamp) -> Result<bool> {
        let tx = self.begin("forward an answer", &[]).await?;
        let leaves = tx.execute(LEAVE, &[&id, &At(now)]).await? == 1;
        tx.commit().await?;
        Ok(leaves)
    }

    pub(in crate::ledger) async fn answer_forwarded(
        &self,
        id: i64,
        what: Forwarded,
        next: Timestamp,
    ) -> Result<()> {
        again!(self.answer_forwarded_once(id, what, next))
    }

    async fn answer_forwarded_once(&self, id: i64, what: Forwarded, next: Timestamp) -> Result<()> {
        let tx = self.begin("record a forwarded answer", &[]).await?;
        tx.execute(FORWARDED, &[&id, &what.state(), &At(next)]).await?;
        tx.commit().await
    }
}

async fn take_in(tx: &mut Tx<'_>, report: &Report, now: Timestamp) -> Result<Taken> {
    if tx.opt(SEEN, &[&report.digest]).await?.is_some() {
        return Ok(Taken::Before);
    }
    let subject = match report.delivery {
        Some(delivery) => {
            blocks::lock_of(tx, &[delivery.0]).await?;
            subject(tx, delivery.0).await?
        }
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
        answers = answered(tx, report, subject.as_ref()).await?;
        if answers.is_none() {
            class = Class::Unrelated;
        }
    }
    let (mut suppressed, mut held) = (false, false);
    if let Some(subject) = &subject {
        if let Some(state) = effect.becomes {
            turn(tx, subject, state, report, now).await?;
        }
        if effect.counts {
            suppressed = suppress(tx, subject, report, now).await?;
            held = suppressed && alarm(tx, subject, now).await?;
        }
    }
    let delivery = subject.as_ref().map(|subject| subject.delivery);
    let contact = subject.as_ref().map(|subject| subject.contact);
    let of = subject.as_ref().map(|subject| subject.release.as_str());
    let release = answers.as_ref().map(|(release, _)| release.as_str()).or(of);
    // PostgreSQL's texts hold no NUL.
    let text = without_addresses(&report.words.text).replace('\0', "");
    let became = effect.becomes.map(State::as_str);
    let code = report.words.code.map(i32::from);
    let (now_at, class_name) = (At(now), class.as_str());
    let row: [Param<'_>; 14] = [
        &report.digest,
        &now_at,
        &report.source,
        &class_name,
        &delivery,
        &contact,
        &release,
        &code,
        &report.words.enhanced,
        &text,
        &became,
        &effect.counts,
        &suppressed,
        &held,
    ];
    // Where another daemon took it in meanwhile this breaks a key: all of this is undone, and asked again.
    tx.execute(ADD, &row).await?;
    tx.execute(COUNT_ONE, &[&class.as_str()]).await?;
    if let (Some((release, channel)), Some(kept)) = (&answers, &report.kept) {
        tx.execute(ADD_ANSWER, &[&report.digest, &contact, release, channel, &At(now), &kept.message])
            .await?;
    }
    Ok(Taken::New { became: effect.becomes, suppressed, held })
}

async fn subject(tx: &Tx<'_>, delivery: i64) -> Result<Option<Subject>> {
    let Some(row) = tx.opt(SUBJECT, &[&delivery]).await? else { return Ok(None) };
    Ok(Some(Subject {
        delivery,
        state: row.try_get(0)?,
        attempt: row.try_get(1)?,
        part: row.try_get(2)?,
        channel: row.try_get(3)?,
        release: row.try_get(4)?,
        contact: row.try_get(5)?,
        since: row.try_get::<_, Option<At>>(6)?.map(|at| at.0),
        address: row.try_get::<_, Option<Digest>>(7)?,
        changed: row.try_get(8)?,
    }))
}

/// The release that an answer is about, and a channel by which it went out.
async fn answered(
    tx: &Tx<'_>,
    report: &Report,
    subject: Option<&Subject>,
) -> Result<Option<(String, String)>> {
    if let Some(subject) = subject {
        return Ok(Some((subject.release.clone(), subject.channel.clone())));
    }
    let Some(kept) = report.kept.as_ref().filter(|kept| !kept.subject.is_empty()) else { return Ok(None) };
    let Some(row) = tx.opt(BY_TITLE, &[&kept.subject.replace('\0', "")]).await? else { return Ok(None) };
    let release: String = row.try_get(0)?;
    let channel = tx.opt(MAIL_CHANNEL, &[&release]).await?.map(|row| row.try_get(0)).transpose()?;
    Ok(channel.map(|channel| (release, channel)))
}

/// Brings the delivery into `state`. Its block must be locked.
async fn turn(
    tx: &mut Tx<'_>,
    subject: &Subject,
    state: State,
    report: &Report,
    now: Timestamp,
) -> Result<()> {
    let Some(attempt) = subject.attempt else { return Ok(()) };
    let reply = report.words.clone();
    let outcome = match state {
        State::Bounced | State::Complained => {
            let before: i64 = tx.one(RESULTS_OF, &[&attempt]).await?.try_get(0)?;
            let mut rows = Rows::default();
            rows.result(attempt, before + 1, state.as_str(), &reply, now, true);
            rows.write(tx).await?;
            tx.execute(REPORTED, &[&subject.delivery, &state]).await?;
            tx.count_moved(subject.part, subject.state, state, 1);
            return Ok(());
        }
        State::Sent => Outcome::Sent { remote_id: None, url: None, reply },
        _ => Outcome::Failed { reply, suppress: false },
    };
    let report = [settle::Report { attempt: AttemptId(attempt), outcome, now }];
    settle::settle(tx, &report, &settle::Taken::new(), &mut Vec::new()).await?;
    Ok(())
}

/// Suppresses the address, if there are enough reports against it.
async fn suppress(tx: &Tx<'_>, subject: &Subject, report: &Report, now: Timestamp) -> Result<bool> {
    let (Some((releases, over)), Some(address)) = (report.class.suppresses_after(), &subject.address) else {
        return Ok(false);
    };
    let row = tx.one(AGAINST, &[&subject.contact, &report.class.as_str(), &subject.release]).await?;
    let (others, first): (i64, Option<At>) = (row.try_get(0)?, row.try_get(1)?);
    let since = first.map_or(now, |first| first.0);
    if others + 1 < i64::from(releases) || now.duration_since(since) < over {
        return Ok(false);
    }
    let reason = if report.class == Class::Complaint { "complained" } else { "bounced" };
    let words = without_addresses(&report.words.to_string()).replace('\0', "");
    contacts::suppress_address(tx, address, reason, &format!("{}: {words}", report.class), now).await
}

/// Holds the channel where too many addresses were suppressed within an hour; this one is not written yet.
async fn alarm(tx: &Tx<'_>, subject: &Subject, now: Timestamp) -> Result<bool> {
    let since = now.checked_sub(SignedDuration::from_hours(1)).unwrap_or(now);
    let lately: i64 = tx.one(LATELY, &[&At(since)]).await?.try_get(0)?;
    let lately = lately.cast_unsigned() + 1;
    if lately < ALARM_AT_LEAST {
        return Ok(false);
    }
    let contacts: i64 = tx.one(CONTACTS, &[]).await?.try_get(0)?;
    if !alarming(lately, contacts.cast_unsigned()) {
        return Ok(false);
    }
    let scope = Scope::Channel(subject.channel.clone());
    holds::add(tx, &scope, Cause::Operator, (&alarm_words(lately), "intake"), now, now).await
}
