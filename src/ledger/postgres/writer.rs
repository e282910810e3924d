//! The task in which the intents and results of one daemon share transactions.
//!
//! It takes everything that waits in its inbox into one transaction, commits (one sync at the server), and only then answers.
//! While the server syncs, the next group gathers.
//!
//! When the server is gone, intents fail at once: nothing may leave that cannot be recorded. Results are kept and tried
//! again for [`KEEP`]. Where the connection was lost during a commit, the group's rows are looked for before it is repeated, under
//! the same locks, so that an intent is answered with `Go` exactly if its attempt is on disk.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::locked::Locked;
use super::memory::{Home, Memory};
use super::session::{Session, Tx, lost_a_race, lost_the_server};
use super::settle::{self, Report, Taken};
use super::{Result, Shared, intent};
use crate::digest::Digest;
use crate::ledger::{DeliveryId, Epoch, Intent, LedgerError, Outcome, Settled, Stop};

/// The most questions and reports in one transaction.
const MOST: usize = 512;
/// How long a result is kept while the server is gone; its lease is long over then.
const KEEP: Duration = Duration::from_mins(2);
/// How long an intent whose commit is in doubt waits for the server.
const DOUBT: Duration = Duration::from_secs(10);

const WRITTEN_ATTEMPTS: &str = "
    SELECT count(*)
      FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS q (attempt, delivery, epoch)
           JOIN attempt AS a ON a.id = q.attempt AND a.delivery = q.delivery AND a.epoch = q.epoch";
const WRITTEN_RESULTS: &str = "
    SELECT count(*)
      FROM unnest($1::bigint[], $2::integer[]) AS q (attempt, no)
           JOIN result AS r ON r.attempt = q.attempt AND r.no = q.no";

/// What became of a try that ended before its point of no return.
type Early = std::result::Result<Settled, Stop>;
type Answer<T> = oneshot::Sender<Result<T>>;

/// May this delivery leave?
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) delivery: DeliveryId,
    pub(super) epoch: Epoch,
    pub(super) request: Digest,
    pub(super) now: Timestamp,
    /// Where the delivery was claimed, if that is known.
    pub(super) home: Option<Home>,
}

/// What the writer is asked to do.
pub(super) enum Ask {
    Intent { questions: Vec<Question>, answer: Answer<Vec<Intent>> },
    Settle { report: Report, answer: Answer<Settled> },
    SettleAll { reports: Vec<Report>, answer: Answer<Vec<Settled>> },
    Early { question: Question, outcome: Outcome, answer: Answer<Early> },
    Close(oneshot::Sender<()>),
}

/// A row of a group, by which a commit in doubt is recognised.
pub(super) enum Answered {
    Attempt { attempt: i64, delivery: i64, epoch: i64 },
    Result { attempt: i64, no: i64 },
}

/// Who wants to know what became of one report, or of the next so many.
enum Reporter {
    One(Answer<Settled>),
    All(usize, Answer<Vec<Settled>>),
}

impl Reporter {
    fn reports(&self) -> usize {
        match self {
            Reporter::One(_) => 1,
            Reporter::All(count, _) => *count,
        }
    }

    fn refuse(self, why: &str) {
        const DOING: &str = "record a result";
        match self {
            Reporter::One(answer) => drop(answer.send(Err(failure(DOING, why)))),
            Reporter::All(_, answer) => drop(answer.send(Err(failure(DOING, why)))),
        }
    }
}

/// What is under way in one transaction.
#[derive(Default)]
struct Group {
    intents: Vec<(Vec<Question>, Answer<Vec<Intent>>)>,
    reports: Vec<Report>,
    reporters: Vec<Reporter>,
    early: Vec<(Question, Outcome, Answer<Early>)>,
    closing: Option<oneshot::Sender<()>>,
}

/// The answers, before they are durable.
#[derive(Default)]
struct Draft {
    intents: Vec<Intent>,
    settled: Vec<Result<Settled>>,
    early: Vec<Result<Early>>,
    rows: Vec<Answered>,
}

impl Group {
    fn add(&mut self, ask: Ask) {
        match ask {
            Ask::Intent { questions, answer } => self.intents.push((questions, answer)),
            Ask::Settle { report, answer } => {
                self.reports.push(report);
                self.reporters.push(Reporter::One(answer));
            }
            Ask::SettleAll { mut reports, answer } => {
                self.reporters.push(Reporter::All(reports.len(), answer));
                self.reports.append(&mut reports);
            }
            Ask::Early { question, outcome, answer } => self.early.push((question, outcome, answer)),
            Ask::Close(done) => self.closing = Some(done),
        }
    }

    fn weight(&self) -> usize {
        let questions: usize = self.intents.iter().map(|(questions, _)| questions.len()).sum();
        self.reports.len() + self.early.len() + questions
    }

    fn is_empty(&self) -> bool {
        self.reporters.is_empty() && self.intents.is_empty() && self.early.is_empty()
    }

    /// How many asked.
    fn asks(&self) -> usize {
        self.reporters.len() + self.intents.len() + self.early.len()
    }

    /// The blocks that it is about, as far as they are known, and whether it is about these alone and shares all of its locks.
    fn blocks(&self, memory: &Memory) -> (Vec<i64>, bool) {
        let asked = self.intents.iter().flat_map(|(questions, _)| questions);
        let asked = asked.map(|question| Some(question.home?.block));
        let ended = self.reports.iter().map(|report| Some(memory.made(report.attempt.0)?.block));
        let all: BTreeSet<Option<i64>> = asked.chain(ended).collect();
        let suppresses = |report: &Report| matches!(report.outcome, Outcome::Failed { suppress: true, .. });
        let plain = self.early.is_empty() && !all.contains(&None) && !self.reports.iter().any(suppresses);
        (all.into_iter().flatten().collect(), plain)
    }

    /// Answers all; a caller that has gone away needs no answer.
    fn answer(self, draft: Draft) {
        let mut intents = draft.intents.into_iter();
        for (questions, answer) in self.intents {
            let _ = answer.send(Ok(intents.by_ref().take(questions.len()).collect()));
        }
        let mut settled = draft.settled.into_iter();
        for reporter in self.reporters {
            match reporter {
                Reporter::One(answer) => {
                    let _ = answer.send(settled.next().unwrap_or(Err(LedgerError::Closed)));
                }
                Reporter::All(count, answer) => {
                    let _ = answer.send(settled.by_ref().take(count).collect());
                }
            }
        }
        for (early, (_, _, answer)) in draft.early.into_iter().zip(self.early) {
            let _ = answer.send(early);
        }
    }

    fn refuse_intents(&mut self, why: &str) {
        for (_, answer) in self.intents.drain(..) {
            let _ = answer.send(Err(failure("record an intent", why)));
        }
        for (_, _, answer) in self.early.drain(..) {
            let _ = answer.send(Err(failure("record a try that ended early", why)));
        }
    }

    fn refuse(mut self, why: &str) {
        self.refuse_intents(why);
        self.reporters.into_iter().for_each(|reporter| reporter.refuse(why));
    }

    /// One group for each ask, so that one that cannot be written does not take its neighbours with it.
    fn apart(self) -> Vec<Group> {
        let mut all = Vec::new();
        let mut reports = self.reports.into_iter();
        for reporter in self.reporters {
            let reports = reports.by_ref().take(reporter.reports()).collect();
            all.push(Group { reports, reporters: vec![reporter], ..Group::default() });
        }
        for early in self.early {
            all.push(Group { early: vec![early], ..Group::default() });
        }
        for intent in self.intents {
            all.push(Group { intents: vec![intent], ..Group::default() });
        }
        all
    }
}

fn failure(doing: &'static str, why: &str) -> LedgerError {
    LedgerError::Database { doing, source: why.into() }
}

/// Writes until the ledger is closed or every handle is gone.
pub(super) async fn run(shared: Weak<Shared>, mut inbox: UnboundedReceiver<Ask>) {
    let mut session = None;
    while let Some(first) = inbox.recv().await {
        let Some(shared) = shared.upgrade() else { return };
        let mut group = Group::default();
        group.add(first);
        while group.weight() < MOST && group.closing.is_none() {
            match inbox.try_recv() {
                Ok(ask) => group.add(ask),
                Err(_) => break,
            }
        }
        let closing = group.closing.take();
        if !group.is_empty() {
            write(&shared, &mut session, group, &mut inbox).await;
        }
        if let Some(done) = closing {
            let _ = done.send(());
            return;
        }
    }
}

/// Writes one group, whatever it takes, or says why it is not written.
async fn write(
    shared: &Arc<Shared>,
    session: &mut Option<Session>,
    mut group: Group,
    inbox: &mut UnboundedReceiver<Ask>,
) {
    let since = Instant::now();
    let mut doubt: Option<Draft> = None;
    let mut pause = Duration::from_millis(50);
    let mut races = 0;
    loop {
        match once(shared, session, &group, &mut doubt).await {
            Ok(draft) => return group.answer(draft),
            Err(error) if lost_a_race(&error) && races < 8 => races += 1,
            Err(error) if lost_the_server(&error) => {
                let why = error.to_string();
                if doubt.is_none() || since.elapsed() > DOUBT {
                    group.refuse_intents(&why);
                }
                if group.is_empty() || since.elapsed() > KEEP {
                    return group.refuse(&why);
                }
                tracing::warn!(%error, results = group.reports.len(), "the ledger is out of reach; results are kept");
                wait(&mut group, inbox, pause, &why, doubt.is_some()).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            Err(error) => {
                if group.asks() > 1 && doubt.is_none() {
                    for one in group.apart() {
                        Box::pin(write(shared, session, one, inbox)).await;
                    }
                    return;
                }
                tracing::error!(%error, "the ledger refused a record");
                return group.refuse(&error.to_string());
            }
        }
    }
}

/// Waits before the next try. What comes in meanwhile joins the group if it is a result, and is refused if it is an intent.
async fn wait(
    group: &mut Group,
    inbox: &mut UnboundedReceiver<Ask>,
    pause: Duration,
    why: &str,
    in_doubt: bool,
) {
    let end = Instant::now() + pause;
    loop {
        let ask = tokio::select! {
            () = tokio::time::sleep_until(end) => return,
            ask = inbox.recv() => ask,
        };
        match ask {
            None => return tokio::time::sleep_until(end).await,
            Some(Ask::Intent { answer, .. }) => {
                let _ = answer.send(Err(failure("record an intent", why)));
            }
            Some(Ask::Early { answer, .. }) => {
                let _ = answer.send(Err(failure("record a try that ended early", why)));
            }
            // A group in doubt is looked for as it was; what comes later must not be answered with it.
            Some(Ask::Settle { answer, .. }) if in_doubt => Reporter::One(answer).refuse(why),
            Some(Ask::SettleAll { answer, .. }) if in_doubt => Reporter::All(0, answer).refuse(why),
            Some(ask) => group.add(ask),
        }
    }
}

/// One transaction. `doubt` holds the draft whose commit was not confirmed.
async fn once(
    shared: &Arc<Shared>,
    idle: &mut Option<Session>,
    group: &Group,
    doubt: &mut Option<Draft>,
) -> Result<Draft> {
    let session = match idle.take().filter(|session| !session.is_closed()) {
        Some(session) => session,
        None => shared.server.connect().await?,
    };
    let mut questions: Vec<Question> =
        group.intents.iter().flat_map(|(all, _)| all.iter().cloned()).collect();
    let asked = questions.len();
    questions.extend(group.early.iter().map(|(question, _, _)| question.clone()));
    let now = intent::newest(&questions);
    let (known, plain) = group.blocks(&shared.memory());
    let plain = plain && doubt.is_none();
    let (mut tx, blocks) = if plain {
        Tx::begin_on(shared, session, "record", &known, now).await?
    } else {
        let deliveries: Vec<i64> = questions.iter().map(|question| question.delivery.0).collect();
        let attempts: Vec<i64> = group.reports.iter().map(|report| report.attempt.0).collect();
        let outcomes = group.reports.iter().map(|report| &report.outcome);
        let locks = settle::locks(outcomes.chain(group.early.iter().map(|(_, outcome, _)| outcome)));
        let tx = Tx::begin(shared, session, "record", &locks).await?;
        settle::lock_blocks(&tx, &deliveries, &attempts).await?;
        let blocks = Locked::look(&tx, &known, now).await?;
        (tx, blocks)
    };
    if let Some(draft) = doubt.take() {
        // The locks are ours, so whoever had them has ended, and this answer is final.
        match was_written(&tx, &draft).await {
            Ok(true) => {
                *idle = tx.commit_and_keep().await.ok();
                return Ok(draft);
            }
            Ok(false) => {}
            Err(error) => {
                *doubt = Some(draft);
                return Err(error);
            }
        }
    }
    let mut draft = Draft::default();
    // Nearly all of a group is written in one exchange with the server; what a result may forbid is asked for after it.
    tx.prepare(&[settle::TAKEN, intent::INTEND_FREE]).await?;
    let first = if plain { &questions[..] } else { &[] };
    let (take, go) = (settle::take(&tx, &group.reports, &blocks), intent::go(&tx, first, &blocks));
    let (taken, mut gone) = tokio::try_join!(biased; take, go)?;
    draft.settled = settle::settle(&mut tx, &group.reports, &taken, &mut draft.rows).await?;
    if !plain {
        gone = intent::go(&tx, &questions, &Locked::look(&tx, &known, now).await?).await?;
    }
    draft.intents = intent::intend(&mut tx, &questions, gone).await?;
    for (question, intent) in questions.iter().zip(&draft.intents) {
        if let Intent::Go(attempt) = intent {
            let (delivery, epoch) = (question.delivery.0, question.epoch.0);
            draft.rows.push(Answered::Attempt { attempt: attempt.0, delivery, epoch });
        }
    }
    let ends = draft.intents.split_off(asked);
    draft.early = early(&mut tx, group, ends, &mut draft.rows).await?;
    match tx.commit_and_keep().await {
        Ok(session) => {
            *idle = Some(session);
            shared.memory().forget(group.reports.iter().map(|report| report.attempt.0));
            Ok(draft)
        }
        Err(error) => {
            if lost_the_server(&error) {
                *doubt = Some(draft);
            }
            Err(error)
        }
    }
}

/// Records the outcomes of tries that ended early, where their intents were allowed.
async fn early(
    tx: &mut Tx<'_>,
    group: &Group,
    intents: Vec<Intent>,
    rows: &mut Vec<Answered>,
) -> Result<Vec<Result<Early>>> {
    let mut reports = Vec::new();
    for ((question, outcome, _), intent) in group.early.iter().zip(&intents) {
        if let Intent::Go(attempt) = intent {
            reports.push(Report { attempt: *attempt, outcome: outcome.clone(), now: question.now });
        }
    }
    let mut settled = settle::settle(tx, &reports, &Taken::new(), rows).await?.into_iter();
    Ok(intents
        .into_iter()
        .map(|intent| match intent {
            Intent::Stop(stop) => Ok(Err(stop)),
            Intent::Go(_) => settled.next().unwrap_or(Err(LedgerError::Closed)).map(Ok),
        })
        .collect())
}

/// Whether the rows of a draft are in the ledger: all of them, or none.
async fn was_written(tx: &Tx<'_>, draft: &Draft) -> Result<bool> {
    let (mut attempts, mut deliveries, mut epochs) = (vec![], vec![], vec![]);
    let (mut of, mut numbers) = (vec![], vec![]);
    for row in &draft.rows {
        match row {
            Answered::Attempt { attempt, delivery, epoch } => {
                attempts.push(*attempt);
                deliveries.push(*delivery);
                epochs.push(*epoch);
            }
            Answered::Result { attempt, no } => {
                of.push(*attempt);
                numbers.push(i32::try_from(*no).unwrap_or(i32::MAX));
            }
        }
    }
    let found: i64 = if attempts.is_empty() {
        tx.one(WRITTEN_RESULTS, &[&of, &numbers]).await?.try_get(0)?
    } else {
        tx.one(WRITTEN_ATTEMPTS, &[&attempts, &deliveries, &epochs]).await?.try_get(0)?
    };
    Ok(found > 0)
}
