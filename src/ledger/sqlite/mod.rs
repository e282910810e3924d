//! The ledger over SQLite: one thread writes, in transactions that several callers share; readers have connections of
//! their own and see the last commit.
//!
//! WAL with `synchronous=FULL`: when a write returns it survives the loss of power. The only SQL for SQLite is below here,
//! as constants beside the functions that run them.

mod ahead;
mod amnesia;
mod audit;
mod blocks;
mod claim;
mod contacts;
mod copies;
mod doubt;
mod files;
mod follow;
mod history;
mod holds;
mod intent;
mod issue;
mod limits;
mod log;
mod planning;
mod reports;
mod restored;
mod schema;
mod settle;
mod status;
mod values;
mod verify;
mod wishes;
mod writer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use super::facts::Facts;
use super::keeper::Keeper;
use super::{LedgerConfig, LedgerError};
use crate::token::TokenKey;
use writer::{Job, Write};

pub(super) type Result<T> = std::result::Result<T, LedgerError>;

/// How many connections read at once.
const READERS: usize = 4;

/// A handle; clones share the writer and the readers.
#[derive(Clone)]
pub(super) struct Sqlite {
    shared: Arc<Shared>,
}

struct Shared {
    inbox: mpsc::Sender<Job>,
    facts: Arc<Facts>,
    file: PathBuf,
    readers: Mutex<Vec<Connection>>,
    turns: Semaphore,
    exclusive: bool,
    closed: AtomicBool,
}

impl Sqlite {
    /// Opens or makes the ledger.
    pub(super) async fn open(config: &LedgerConfig, exclusive: bool, now: Timestamp) -> Result<Sqlite> {
        let config = config.clone();
        blocking(move || Sqlite::open_here(&config, exclusive, now)).await
    }

    fn open_here(config: &LedgerConfig, exclusive: bool, now: Timestamp) -> Result<Sqlite> {
        schema::check_library()?;
        let files = files::Files::prepare(config)?;
        let lock = if exclusive { Some(files.lock()?) } else { None };
        let mut db = schema::connect(&files.database())?;
        schema::migrate(&mut db, now)?;
        let facts = Arc::new(schema::facts(&db)?);
        amnesia::check(&db, &facts, &files, now)?;
        let mut keeper = None;
        if exclusive {
            schema::begin_dispatch(&db)?;
            keeper = Some(Keeper::start(files.mark(), amnesia::mark_of(&db)?)?);
        }
        let file = files.database();
        let (inbox, jobs) = mpsc::channel();
        writer::start(db, jobs, Arc::clone(&facts), files, writer::Dispatching { lock, keeper })?;
        Ok(Sqlite {
            shared: Arc::new(Shared {
                inbox,
                facts,
                file,
                readers: Mutex::new(Vec::new()),
                turns: Semaphore::new(READERS),
                exclusive,
                closed: AtomicBool::new(false),
            }),
        })
    }

    /// Opens what is there, to read; nothing where there is no ledger. What would be written is refused as after the end.
    pub(super) async fn open_to_look(config: &LedgerConfig) -> Result<Option<Sqlite>> {
        let file = config.folder.join("ledger.db");
        blocking(move || {
            schema::check_library()?;
            if !file.exists() {
                return Ok(None);
            }
            let db = schema::connect_reader(&file)?;
            let (found, known) = (schema::found(&db)?, schema::known());
            if found > known {
                return Err(LedgerError::NewerSchema { found, known });
            }
            if found < known {
                return Err(LedgerError::old_schema(found, known));
            }
            let facts = Arc::new(schema::facts(&db)?);
            let (inbox, _) = mpsc::channel();
            Ok(Some(Sqlite {
                shared: Arc::new(Shared {
                    inbox,
                    facts,
                    file,
                    readers: Mutex::new(vec![db]),
                    turns: Semaphore::new(READERS),
                    exclusive: false,
                    closed: AtomicBool::new(false),
                }),
            }))
        })
        .await
    }

    /// Finishes what was handed in, marks the clean end and lets go of the files.
    pub(super) async fn close(&self, now: Timestamp) -> Result<()> {
        if self.shared.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        // The readers first, so that the last connection empties the write-ahead log.
        let all = u32::try_from(READERS).unwrap_or(u32::MAX);
        let turns = self.shared.turns.acquire_many(all).await.map_err(|_| LedgerError::Closed)?;
        self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        turns.forget();
        self.shared.turns.close();
        let (done, answer) = oneshot::channel();
        self.shared.inbox.send(Job::Close { now, done }).map_err(|_| LedgerError::Closed)?;
        answer.await.map_err(|_| LedgerError::Closed)?
    }

    /// The ledger's name.
    pub(in crate::ledger) fn lineage(&self) -> &str {
        &self.shared.facts.lineage
    }

    /// The key of its tokens.
    pub(in crate::ledger) fn tokens(&self) -> &TokenKey {
        &self.shared.facts.tokens
    }

    /// Refuses `what` unless the ledger is open for dispatch.
    fn must_dispatch(&self, what: &'static str) -> Result<()> {
        if self.shared.exclusive { Ok(()) } else { Err(LedgerError::NotExclusive(what)) }
    }

    /// Runs `work` in the writer's next transaction and answers once that is on disk.
    ///
    /// If `work` fails, what it wrote is undone and its neighbours in the transaction are not touched. `weight` is about
    /// how many rows it writes; it keeps transactions short.
    async fn write<T, F>(&self, doing: &'static str, weight: usize, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        let (tx, rx) = oneshot::channel();
        self.hand_in(Job::write(weight, doing, work, tx))?;
        rx.await.map_err(|_| LedgerError::Closed)?
    }

    fn hand_in(&self, job: Job) -> Result<()> {
        if self.shared.closed.load(Ordering::SeqCst) {
            return Err(LedgerError::Closed);
        }
        self.shared.inbox.send(job).map_err(|_| LedgerError::Closed)
    }

    /// Runs `work` on a reader, in one snapshot.
    async fn read<T, F>(&self, doing: &'static str, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Facts) -> Result<T> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let _turn = self.shared.turns.acquire().await.map_err(|_| LedgerError::Closed)?;
        blocking(move || {
            let idle = shared.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let db = match idle {
                Some(db) => db,
                None => schema::connect_reader(&shared.file)?,
            };
            let answer = (|| {
                let snapshot = db.unchecked_transaction()?;
                let answer = work(&snapshot, &shared.facts)?;
                snapshot.commit()?;
                Ok(answer)
            })();
            if answer.is_ok() {
                shared.readers.lock().unwrap_or_else(PoisonError::into_inner).push(db);
            }
            answer.map_err(|error: LedgerError| error.while_doing(doing))
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(_) => Err(LedgerError::Closed),
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(source: rusqlite::Error) -> LedgerError {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseCorrupt, DiskFull, FileLockingProtocolFailed, NotADatabase,
            PermissionDenied, ReadOnly, SystemIoFailure,
        };
        let source = match source.sqlite_error_code() {
            Some(DiskFull | SystemIoFailure) => {
                format!("{source}; the disk is full or fails: make room or mend it, then start again").into()
            }
            Some(CannotOpen | PermissionDenied | ReadOnly) => {
                format!("{source}; check that the ledger's folder and its files are writable").into()
            }
            Some(DatabaseBusy | FileLockingProtocolFailed) => {
                format!("{source}; another process writes, or the disk refuses locks: try again").into()
            }
            Some(DatabaseCorrupt | NotADatabase) => {
                format!("{source}; mend the disk if it fails, or restore the ledger from a backup").into()
            }
            _ => source.into(),
        };
        LedgerError::Database { doing: "", source }
    }
}
