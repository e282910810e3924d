//! The one thread that writes.
//!
//! It takes everything that waits in its inbox into one `BEGIN IMMEDIATE` transaction, commits (one sync of the disk), and only
//! then answers. While the disk syncs, the next work gathers: the more callers, the more share a sync. Each
//! piece of work has a savepoint of its own, so one that fails does not undo its neighbours.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, named_params};
use tokio::sync::oneshot;

use super::amnesia;
use super::files::{FileId, Files};
use super::values::At;
use super::{Facts, Result, intent, schema};
use crate::digest::Digest;
use crate::ledger::keeper::Keeper;
use crate::ledger::{AttemptId, DeliveryId, Epoch, Intent, LedgerError, State};

/// The most weight in one transaction; about the rows it writes.
const MOST: usize = 2_000;
/// Where several callers shared the last transaction, and that ended less than this ago, more of them are on their way, and they are
/// waited for.
const BUSY: Duration = Duration::from_millis(5);
/// So long. A transaction costs about as much as ten mails' rows in it, and those who ask have asked ahead.
const GATHER: Duration = Duration::from_millis(1);
/// Work that is so heavy is not held up: it is of many mails already.
const HEAVY: usize = 24;
/// Attempts under way that are remembered.
const REMEMBERED: usize = 10_000;

/// Two statements: RETURNING makes a table of its own, each time.
pub(super) const GO_ON: &str = "UPDATE ledger_meta SET serial = serial + 1";
const SERIAL: &str = "SELECT serial, (SELECT coalesce(max(id), 0) FROM attempt) FROM ledger_meta";
const CLOSE: &str = "UPDATE ledger_meta SET closed_at = :now";
pub(super) const TALLY: &str = "UPDATE tally SET n = n + :n WHERE part = :part AND state = :state";
const NEW_TALLY: &str = "INSERT INTO tally (part, state, n) VALUES (:part, :state, :n)";

/// Does its part in a transaction, or is told why there is none.
type Work = Box<dyn FnOnce(std::result::Result<&mut Write<'_>, &str>) -> Finish + Send>;
/// Answers the caller; `Err` carries why the transaction failed.
type Finish = Box<dyn FnOnce(std::result::Result<(), &str>) + Send>;

/// What the writer is asked to do.
pub(super) enum Job {
    Write {
        weight: usize,
        work: Work,
    },
    /// What may leave. All such questions of a transaction are answered together.
    Ask {
        questions: Vec<Question>,
        answer: oneshot::Sender<Result<Vec<Intent>>>,
    },
    Close {
        now: Timestamp,
        done: oneshot::Sender<Result<()>>,
    },
}

/// May this delivery leave?
pub(super) struct Question {
    pub delivery: DeliveryId,
    pub epoch: Epoch,
    pub request: Digest,
    pub now: Timestamp,
}

/// Questions that came together, and who wants to know how many of the answers.
#[derive(Default)]
struct Asked {
    questions: Vec<Question>,
    callers: Vec<(usize, oneshot::Sender<Result<Vec<Intent>>>)>,
}

impl Asked {
    fn add(&mut self, questions: Vec<Question>, answer: oneshot::Sender<Result<Vec<Intent>>>) {
        self.callers.push((questions.len(), answer));
        self.questions.extend(questions);
    }

    /// Asks, and says how the callers are answered once that is on disk.
    fn put(self, write: std::result::Result<&mut Write<'_>, &str>) -> Finish {
        const DOING: &str = "record an intent";
        let Asked { questions, callers } = self;
        let intents = match write {
            Ok(write) => write.piece(|write| intent::intend_all(write, &questions)),
            Err(why) => Err(LedgerError::Database { doing: DOING, source: why.into() }),
        };
        Box::new(move |committed| {
            let failed = |why: &str| LedgerError::Database { doing: DOING, source: why.into() };
            let (mut intents, mut error, why) = match (intents, committed) {
                (Ok(intents), Ok(())) => (intents.into_iter(), None, None),
                (Ok(_), Err(why)) => (Vec::new().into_iter(), None, Some(why.to_owned())),
                (Err(error), _) => {
                    let why = words(&error);
                    (Vec::new().into_iter(), Some(error.while_doing(DOING)), Some(why))
                }
            };
            for (n, answer) in callers {
                // A caller that has gone away needs no answer.
                let _ = answer.send(match &why {
                    None => Ok(intents.by_ref().take(n).collect()),
                    Some(why) => Err(error.take().unwrap_or_else(|| failed(why))),
                });
            }
        })
    }
}

impl Job {
    pub(super) fn write<T, F>(
        weight: usize,
        doing: &'static str,
        work: F,
        answer: oneshot::Sender<Result<T>>,
    ) -> Job
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        let work = move |write: std::result::Result<&mut Write<'_>, &str>| -> Finish {
            let done = match write {
                Ok(write) => write.piece(work),
                Err(why) => Err(LedgerError::Database { doing, source: why.into() }),
            };
            match done {
                Ok(value) => Box::new(move |committed| {
                    let result = match committed {
                        Ok(()) => Ok(value),
                        Err(why) => Err(LedgerError::Database { doing, source: why.into() }),
                    };
                    // A caller that has gone away needs no answer.
                    let _ = answer.send(result);
                }),
                Err(error) => Box::new(move |_| {
                    let _ = answer.send(Err(error.while_doing(doing)));
                }),
            }
        };
        Job::Write { weight, work: Box::new(work) }
    }
}

/// What never changes of an attempt.
pub(super) struct Try {
    pub delivery: i64,
    pub block: i64,
    pub epoch: i64,
}

/// A transaction as one piece of work sees it.
pub(super) struct Write<'a> {
    pub db: &'a Connection,
    pub facts: &'a Facts,
    /// Attempts under way that this writer wrote, so that nothing has to be asked for their results. After a failure it remembers none: a
    /// number that was not committed is given again.
    pub tries: HashMap<AttemptId, Try>,
    /// Changes of the tally by this piece of work.
    piece: BTreeMap<(i64, State), i64>,
    /// Changes by the pieces before it.
    all: BTreeMap<(i64, State), i64>,
    /// Why SQLite gave the transaction up by itself.
    ended: Option<String>,
}

impl<'a> Write<'a> {
    fn new(db: &'a Connection, facts: &'a Facts, tries: HashMap<AttemptId, Try>) -> Write<'a> {
        Write { db, facts, tries, piece: BTreeMap::new(), all: BTreeMap::new(), ended: None }
    }

    /// The statement, prepared once for each connection.
    pub fn sql(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.db.prepare_cached(sql)
    }

    /// Counts `n` new deliveries of `part`.
    pub fn count_new(&mut self, part: i64, n: i64) {
        *self.piece.entry((part, State::Scheduled)).or_default() += n;
    }

    /// Counts `n` deliveries of `part` that went from one state to another.
    pub fn count_moved(&mut self, part: i64, from: State, to: State, n: i64) {
        *self.piece.entry((part, from)).or_default() -= n;
        *self.piece.entry((part, to)).or_default() += n;
    }

    fn piece<T>(&mut self, work: impl FnOnce(&mut Write<'_>) -> Result<T>) -> Result<T> {
        if self.db.is_autocommit() {
            // An earlier piece met an error after which SQLite gave up the whole transaction.
            return Err(given_up(self.ended.as_deref()));
        }
        self.sql("SAVEPOINT piece")?.execute([])?;
        match work(self) {
            Ok(value) => {
                self.sql("RELEASE piece")?.execute([])?;
                for (key, n) in std::mem::take(&mut self.piece) {
                    *self.all.entry(key).or_default() += n;
                }
                Ok(value)
            }
            Err(error) => {
                self.piece.clear();
                self.tries.clear();
                if self.db.is_autocommit() {
                    self.ended.get_or_insert(words(&error));
                } else {
                    self.db.execute_batch("ROLLBACK TO piece; RELEASE piece")?;
                }
                Err(error)
            }
        }
    }

    /// Writes the tally; returns the serial and the newest attempt as they will be.
    fn flush(&mut self) -> Result<(i64, i64)> {
        for ((part, state), n) in std::mem::take(&mut self.all) {
            if n == 0 {
                continue;
            }
            let row = named_params! { ":part": part, ":state": state, ":n": n };
            if self.sql(TALLY)?.execute(row)? == 0 {
                self.sql(NEW_TALLY)?.execute(row)?;
            }
        }
        self.sql(GO_ON)?.execute([])?;
        Ok(self.sql(SERIAL)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }
}

fn given_up(why: Option<&str>) -> LedgerError {
    LedgerError::Database { doing: "", source: why.unwrap_or("the transaction was given up").into() }
}

fn words(error: &LedgerError) -> String {
    match error {
        LedgerError::Database { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

/// Runs `work` in a transaction of its own, before there is a writer.
pub(super) fn alone<T>(
    db: &Connection,
    facts: &Facts,
    work: impl FnOnce(&Write<'_>) -> Result<T>,
) -> Result<T> {
    let transaction = db.unchecked_transaction()?;
    let mut write = Write::new(db, facts, HashMap::new());
    let value = work(&write)?;
    write.flush()?;
    drop(write);
    transaction.commit()?;
    Ok(value)
}

/// What only the process that dispatches has.
#[derive(Default)]
pub(super) struct Dispatching {
    pub lock: Option<File>,
    pub keeper: Option<Keeper>,
}

/// Starts the thread. It ends when the ledger is closed or every handle is gone.
pub(super) fn start(
    db: Connection,
    inbox: mpsc::Receiver<Job>,
    facts: Arc<Facts>,
    files: Files,
    dispatching: Dispatching,
) -> Result<()> {
    let path = files.database();
    let opened = files.database_id()?;
    let mut desk =
        Desk { db: Some(db), opened, facts, files, serial: 0, shared: None, tries: HashMap::new() };
    let run = move || {
        while let Ok(first) = inbox.recv() {
            let Some((now, done)) = desk.transaction(&inbox, first, dispatching.keeper.as_ref()) else {
                continue;
            };
            let end = desk.finish(dispatching.keeper, dispatching.lock.is_some(), now);
            drop(dispatching.lock);
            let _ = done.send(end);
            return;
        }
        if let Some(keeper) = dispatching.keeper {
            keeper.end();
        }
    };
    match std::thread::Builder::new().name("ledger".to_owned()).spawn(run) {
        Ok(_) => Ok(()),
        Err(source) => Err(LedgerError::Io { path, source }),
    }
}

type Closing = (Timestamp, oneshot::Sender<Result<()>>);

/// The writer's place.
struct Desk {
    /// Nothing after a transaction that failed as a whole.
    db: Option<Connection>,
    opened: FileId,
    facts: Arc<Facts>,
    files: Files,
    /// Of the last commit.
    serial: i64,
    /// When it was, where several callers shared it.
    shared: Option<Instant>,
    /// See [`Write::tries`].
    tries: HashMap<AttemptId, Try>,
}

impl Desk {
    /// The connection, a new one if the last was lost.
    fn connection(&mut self) -> Result<Connection> {
        if self.files.database_id()? != self.opened {
            return Err(LedgerError::Refused(
                "the ledger's file was replaced while it was open; nothing is written to either; stop and start again"
                    .to_owned(),
            ));
        }
        if let Some(db) = self.db.take() {
            return Ok(db);
        }
        let db = schema::connect(&self.files.database())?;
        let here = amnesia::mark_of(&db)?;
        if here.lineage != self.facts.lineage || here.serial < self.serial {
            return Err(LedgerError::Refused(
                "the ledger is not what it was before the disk failed; stop and start again".to_owned(),
            ));
        }
        tracing::info!("the ledger is open again");
        Ok(db)
    }

    /// Runs `first` and what waits behind it in one transaction; returns whoever wants the ledger closed.
    fn transaction(
        &mut self,
        inbox: &mpsc::Receiver<Job>,
        first: Job,
        keeper: Option<&Keeper>,
    ) -> Option<Closing> {
        let mut asked = Asked::default();
        let mut next = match first {
            Job::Write { weight, work } => (weight, Some(work)),
            Job::Ask { questions, answer } => {
                let weight = 2 * questions.len();
                asked.add(questions, answer);
                (weight, None)
            }
            Job::Close { now, done } => return Some((now, done)),
        };
        if next.0 < HEAVY && self.shared.is_some_and(|ended| ended.elapsed() < BUSY) {
            std::thread::sleep(GATHER);
        }
        let begun = self.connection().and_then(|db| {
            db.execute_batch("BEGIN IMMEDIATE")?;
            Ok(db)
        });
        let db = match begun {
            Ok(db) => db,
            Err(error) => {
                let why = words(&error);
                match next.1 {
                    Some(work) => work(Err(&why))(Err(&why)),
                    None => asked.put(Err(&why))(Err(&why)),
                }
                return None;
            }
        };
        let mut tries = std::mem::take(&mut self.tries);
        if tries.len() > REMEMBERED {
            // Their results do not come, or come from elsewhere.
            tries.clear();
        }
        let mut write = Write::new(&db, &self.facts, tries);
        let mut answers = Vec::new();
        let mut closing = None;
        loop {
            if let Some(work) = next.1.take() {
                answers.push(work(Ok(&mut write)));
            }
            if next.0 >= MOST || db.is_autocommit() {
                break;
            }
            match inbox.try_recv() {
                Ok(Job::Write { weight: more, work }) => next = (next.0 + more, Some(work)),
                Ok(Job::Ask { questions, answer }) => {
                    next.0 += 2 * questions.len();
                    asked.add(questions, answer);
                }
                Ok(Job::Close { now, done }) => {
                    closing = Some((now, done));
                    break;
                }
                Err(_) => break,
            }
        }
        let callers = answers.len() + asked.callers.len();
        if !asked.callers.is_empty() {
            answers.push(asked.put(Ok(&mut write)));
        }
        let ended = if db.is_autocommit() { Err(given_up(write.ended.as_deref())) } else { write.flush() };
        let ended = ended.and_then(|come| {
            db.execute_batch("COMMIT")?;
            Ok(come)
        });
        if ended.is_ok() {
            self.tries = write.tries;
        } else {
            drop(write);
        }
        let ended = ended.map_err(|error| words(&error));
        self.shared = (callers > 1).then(Instant::now);
        match &ended {
            Ok((serial, attempt)) => {
                self.serial = *serial;
                if let Some(keeper) = keeper {
                    keeper.committed(*serial, *attempt);
                }
                self.db = Some(db);
            }
            // Whatever it was, a new connection has no part in it; what was begun is undone with the old one.
            Err(_) => drop(db),
        }
        for answer in answers {
            answer(ended.as_ref().map(|_| ()).map_err(String::as_str));
        }
        closing
    }

    /// The last words: the clean end, and the mark beside the ledger.
    fn finish(&mut self, keeper: Option<Keeper>, dispatching: bool, now: Timestamp) -> Result<()> {
        if let Some(keeper) = keeper {
            keeper.end();
        }
        let db = self.connection()?;
        if dispatching {
            db.execute(CLOSE, named_params! { ":now": At(now) })?;
        }
        let mark = amnesia::mark_of(&db)?;
        let file = self.files.mark();
        if dispatching {
            file.write(&mark, true)?;
        } else {
            file.write_if_newer(&mark)?;
        }
        db.close().map_err(|(_, error)| LedgerError::from(error).while_doing("close"))
    }
}
