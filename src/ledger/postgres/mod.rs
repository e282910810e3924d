//! The ledger over PostgreSQL, for several daemons at once.
//!
//! The promises are those of [`super`]; the ways differ, because here others write too:
//!
//! - A claim is a lease on a block of deliveries, taken with `SKIP LOCKED`. **The server's clock rules leases**; the caller's
//!   `now` rules when something is due or over, and is what the record says.
//! - Intents and results of one daemon share transactions ([`writer`]): the next group gathers while the last one is synced.
//! - What must not be seen half is ordered by locks of the database ([`locks`]), always taken in the same order.
//! - Nothing is counted in a row that every daemon changes: the serial is a sequence, the tally is appended and folded.
//!
//! When the connection is lost, calls fail and nothing leaves; the next call connects again. A result that was on its way is
//! kept and tried again, and an intent whose commit was in doubt is looked for before it is answered. The only SQL for
//! PostgreSQL is below here, as constants beside the functions that run them.

mod ahead;
mod amnesia;
mod audit;
mod blocks;
mod claim;
mod connect;
mod contacts;
mod doubt;
mod follow;
mod history;
mod holds;
mod intent;
mod issue;
mod limits;
mod locked;
mod locks;
mod log;
mod memory;
mod planning;
mod reports;
mod restored;
mod rows;
mod schema;
mod session;
mod settle;
mod status;
mod tally;
mod tls;
mod values;
mod verify;
mod wishes;
mod writer;

use std::os::unix::fs::DirBuilderExt as _;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::facts::Facts;
use super::keeper::Keeper;
use super::mark::{Mark, MarkFile};
use super::{LedgerConfig, LedgerError, Migrated, PostgresConfig};
use crate::token::TokenKey;
use connect::Server;
use locks::Lock;
use memory::Memory;
use session::{Session, Tx};
use writer::Ask;

pub(super) type Result<T> = std::result::Result<T, LedgerError>;

/// How many transactions one process has open at most, beside the writer's: a server has connections for a hundred, if nobody set more.
const CONNECTIONS: usize = 6;

/// A handle; clones share the writer and the connections.
#[derive(Clone)]
pub(super) struct Postgres {
    shared: Arc<Shared>,
}

struct Shared {
    server: Server,
    facts: Facts,
    mark: MarkFile,
    /// There while this process dispatches.
    keeper: Mutex<Option<Keeper>>,
    idle: Mutex<Vec<Session>>,
    turns: Arc<Semaphore>,
    memory: Mutex<Memory>,
    /// The writer's inbox; there where this process dispatches.
    inbox: Option<mpsc::UnboundedSender<Ask>>,
    /// This process in `daemon`.
    daemon: AtomicI64,
    closed: AtomicBool,
}

/// Runs a transaction again where it lost against another, which undid it.
macro_rules! again {
    ($transaction:expr) => {{
        let mut tries = 0;
        loop {
            match $transaction.await {
                Err(error) if tries < 8 && super::session::lost_a_race(&error) => tries += 1,
                done => break done,
            }
        }
    }};
}
use again;

impl Postgres {
    /// Opens or makes the ledger; `dispatch`: to claim and send from it.
    pub(super) async fn open(
        config: &LedgerConfig,
        postgres: &PostgresConfig,
        dispatch: bool,
        now: Timestamp,
    ) -> Result<Postgres> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&config.folder)
            .map_err(|source| LedgerError::Io { path: config.folder.clone(), source })?;
        let server = Server::new(postgres)?;
        let mut session = server.connect().await?;
        schema::migrate(&mut session, now).await?;
        let facts = schema::facts(&session).await?;
        let (sender, asks) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            server,
            facts,
            mark: MarkFile::new(&config.folder),
            keeper: Mutex::new(None),
            idle: Mutex::new(vec![session]),
            turns: Arc::new(Semaphore::new(CONNECTIONS)),
            memory: Mutex::default(),
            inbox: dispatch.then_some(sender),
            daemon: AtomicI64::new(0),
            closed: AtomicBool::new(false),
        });
        let ledger = Postgres { shared: Arc::clone(&shared) };
        amnesia::check(&ledger, &shared.mark, now).await?;
        if dispatch {
            let session = shared.session().await?;
            let (daemon, serial) = schema::register(&session, now).await?;
            shared.daemon.store(daemon, Ordering::SeqCst);
            // Others write too: of what they have not committed yet nothing may stand in the mark.
            let mark = Mark { serial, ..amnesia::mark_of(&session).await? };
            let keeper = Keeper::start(shared.mark.clone(), mark)?;
            *shared.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
            shared.give_back(session);
            tokio::spawn(writer::run(Arc::downgrade(&shared), asks));
        }
        Ok(ledger)
    }

    /// Opens what is there, to read; nothing where there is no ledger.
    pub(super) async fn open_to_look(
        config: &LedgerConfig,
        postgres: &PostgresConfig,
    ) -> Result<Option<Postgres>> {
        let server = Server::new(postgres)?;
        let session = server.connect().await?;
        let (found, known) = (schema::found(&session).await?, schema::known());
        if found == 0 {
            return Ok(None);
        }
        if found > known {
            return Err(LedgerError::NewerSchema { found, known });
        }
        if found < known {
            return Err(LedgerError::old_schema(found, known));
        }
        let facts = schema::facts(&session).await?;
        let shared = Shared {
            server,
            facts,
            mark: MarkFile::new(&config.folder),
            keeper: Mutex::new(None),
            idle: Mutex::new(vec![session]),
            turns: Arc::new(Semaphore::new(CONNECTIONS)),
            memory: Mutex::default(),
            inbox: None,
            daemon: AtomicI64::new(0),
            closed: AtomicBool::new(false),
        };
        Ok(Some(Postgres { shared: Arc::new(shared) }))
    }

    /// The ledger's name.
    pub(in crate::ledger) fn lineage(&self) -> &str {
        &self.shared.facts.lineage
    }

    /// The key of its tokens.
    pub(in crate::ledger) fn tokens(&self) -> &TokenKey {
        &self.shared.facts.tokens
    }

    /// Brings the ledger to this program's schema, and does nothing else.
    pub(super) async fn migrate(postgres: &PostgresConfig, now: Timestamp) -> Result<Migrated> {
        let mut session = Server::new(postgres)?.connect().await?;
        let from = schema::found(&session).await?;
        schema::migrate(&mut session, now).await?;
        Ok(Migrated { from, to: schema::found(&session).await? })
    }

    /// Finishes what was handed in, notes the clean end, and lets go of the connections.
    pub(super) async fn close(&self, now: Timestamp) -> Result<()> {
        let shared = &self.shared;
        if shared.closed.load(Ordering::SeqCst) {
            return Ok(());
        }
        if let Some(inbox) = &shared.inbox {
            let (done, finished) = oneshot::channel();
            if inbox.send(Ask::Close(done)).is_ok() {
                // A writer that is gone has nothing left to finish.
                let _ = finished.await;
            }
        }
        let end = async {
            let daemon = shared.daemon.load(Ordering::SeqCst);
            if daemon > 0 {
                let tx = self.begin("close", &[]).await?;
                schema::unregister(&tx, daemon, now).await?;
                tx.commit().await?;
            }
            Ok(())
        };
        let end = end.await;
        let keeper = shared.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        let marked = match keeper {
            None => Ok(()),
            Some(keeper) => {
                let newest = keeper.newest();
                keeper.end();
                shared.mark.write(&newest, true)
            }
        };
        shared.closed.store(true, Ordering::SeqCst);
        shared.turns.close();
        shared.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        end.and(marked)
    }

    /// The server's clock, for whoever compares it with his own.
    pub(super) async fn server_clock(&self) -> Result<Option<Timestamp>> {
        let tx = self.look("ask the server's clock").await?;
        let now = schema::clock(&tx).await?;
        tx.commit().await?;
        Ok(Some(now))
    }

    fn must_dispatch(&self, what: &'static str) -> Result<&mpsc::UnboundedSender<Ask>> {
        self.shared.open()?;
        self.shared.inbox.as_ref().ok_or(LedgerError::NotExclusive(what))
    }

    /// Begins a transaction that writes, with `locks` held in the order of [`Lock`].
    async fn begin(&self, doing: &'static str, locks: &[Lock]) -> Result<Tx<'_>> {
        let session = self.shared.session().await.map_err(|error| error.while_doing(doing))?;
        Tx::begin(&self.shared, session, doing, locks).await
    }

    /// Begins a transaction that sees one state of everything and writes nothing.
    async fn look(&self, doing: &'static str) -> Result<Tx<'_>> {
        let session = self.shared.session().await.map_err(|error| error.while_doing(doing))?;
        Tx::look(&self.shared, session, doing).await
    }
}

impl Shared {
    /// What never changes, as far as it is known here.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what this process has seen committed.
    fn committed(&self, serial: i64, attempt: i64) {
        if let Some(keeper) = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            keeper.committed(serial, attempt);
        }
    }

    fn open(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) { Err(LedgerError::Closed) } else { Ok(()) }
    }

    /// A connection, when it is our turn: an idle or a new one.
    async fn session(&self) -> Result<Session> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| LedgerError::Closed)?;
        let mut session = self.connection().await?;
        session.turn = Some(turn);
        Ok(session)
    }

    /// The same for whoever keeps it while others have their turns.
    async fn connection(&self) -> Result<Session> {
        self.open()?;
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|session| !session.is_closed());
            idle.pop()
        };
        match idle {
            Some(session) => Ok(session),
            None => self.server.connect().await,
        }
    }

    /// Takes back a connection on which nothing is open.
    fn give_back(&self, mut session: Session) {
        // The next one finds the connection there.
        let turn = session.turn.take();
        if !self.closed.load(Ordering::SeqCst) && !session.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        }
        drop(turn);
    }
}
