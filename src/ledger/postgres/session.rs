//! A connection with its prepared statements, and a transaction on it.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::blocks::{self, Ended};
use super::locked::{self, Locked};
use super::locks::{self, Lock};
use super::values::At;
use super::{Facts, Result, Shared, tally};
use crate::ledger::{Epoch, LeaseClock, LedgerError, State};

/// A parameter of a statement.
pub(super) type Param<'a> = &'a (dyn ToSql + Sync);

/// A connection; statements are prepared once for each.
pub(super) struct Session {
    client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
    /// The schema's number.
    pub(super) schema: i32,
    leases: LeaseClock,
    /// Ours among the connections of this process; it is the next one's when this is dropped.
    pub(super) turn: Option<OwnedSemaphorePermit>,
}

impl Session {
    pub(super) fn new(client: Client, schema: i32, leases: LeaseClock) -> Session {
        Session { client, statements: Mutex::default(), schema, leases, turn: None }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    async fn prepared(&self, sql: &'static str) -> Result<Statement> {
        let known = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).insert(sql, statement.clone());
        Ok(statement)
    }

    pub(super) async fn query(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        let statement = self.prepared(sql).await?;
        Ok(self.client.query(&statement, params).await?)
    }

    pub(super) async fn execute(&self, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
        let statement = self.prepared(sql).await?;
        Ok(self.client.execute(&statement, params).await?)
    }

    pub(super) async fn batch(&self, sql: &str) -> Result<()> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// What stands for the clock of leases in a statement: nothing for the server's own.
    pub(super) fn lease_now(&self, now: Timestamp) -> Option<At> {
        match self.leases {
            LeaseClock::Server => None,
            LeaseClock::Caller => Some(At(now)),
        }
    }
}

/// A transaction. Dropped without [`Tx::commit`] it closes its connection, and the server undoes it.
pub(super) struct Tx<'a> {
    shared: &'a Shared,
    session: Option<Session>,
    doing: &'static str,
    writes: bool,
    /// Changes of the tally, written at the end.
    moved: BTreeMap<(i64, State), i64>,
    /// Claims that it ends, at the end as well.
    ended: Ended,
    /// The newest attempt that it wrote.
    pub(super) attempt: i64,
}

impl<'a> Tx<'a> {
    fn new(shared: &'a Shared, session: Session, doing: &'static str, writes: bool) -> Tx<'a> {
        let (moved, ended) = (BTreeMap::new(), Ended::new());
        Tx { shared, session: Some(session), doing, writes, moved, ended, attempt: 0 }
    }

    pub(super) async fn begin(
        shared: &'a Shared,
        session: Session,
        doing: &'static str,
        locks: &[Lock],
    ) -> Result<Tx<'a>> {
        let begin = format!("BEGIN; {}", locks::take(session.schema, locks));
        session.batch(&begin).await.map_err(|error| error.while_doing(doing))?;
        Ok(Tx::new(shared, session, doing, true))
    }

    /// Begins a transaction that writes about these blocks, with locks that others share, in one exchange with the server.
    pub(super) async fn begin_on(
        shared: &'a Shared,
        session: Session,
        doing: &'static str,
        blocks: &[i64],
        now: Timestamp,
    ) -> Result<(Tx<'a>, Locked)> {
        let begun = async {
            // So that nothing has to be prepared between them: they are carried out in this order.
            session.prepared(locks::TAKE_SHARED).await?;
            session.prepared(locked::LOCK).await?;
            let (intents, results) = (Lock::Intents.class(), Lock::Results.class());
            let locks: [Param<'_>; 3] = [&intents, &results, &session.schema];
            let leases = session.lease_now(now);
            let these: [Param<'_>; 2] = [&blocks, &leases];
            tokio::try_join!(
                biased;
                session.batch("BEGIN"),
                session.query(locks::TAKE_SHARED, &locks),
                session.query(locked::LOCK, &these),
            )
        };
        let ((), _, rows) = begun.await.map_err(|error: LedgerError| error.while_doing(doing))?;
        Ok((Tx::new(shared, session, doing, true), Locked::read(&rows)?))
    }

    pub(super) async fn look(shared: &'a Shared, session: Session, doing: &'static str) -> Result<Tx<'a>> {
        let begun = session.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await;
        begun.map_err(|error| error.while_doing(doing))?;
        Ok(Tx::new(shared, session, doing, false))
    }

    pub(super) fn shared(&self) -> &'a Shared {
        self.shared
    }

    pub(super) fn facts(&self) -> &'a Facts {
        &self.shared.facts
    }

    pub(super) fn session(&self) -> Result<&Session> {
        self.session.as_ref().ok_or(LedgerError::Closed)
    }

    pub(super) async fn query(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        self.session()?.query(sql, params).await.map_err(|error| error.while_doing(self.doing))
    }

    pub(super) async fn opt(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Option<Row>> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    pub(super) async fn one(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Row> {
        let row = self.opt(sql, params).await?;
        row.ok_or_else(|| LedgerError::Damaged(format!("{}: a row is missing", self.doing)))
    }

    pub(super) async fn execute(&self, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
        self.session()?.execute(sql, params).await.map_err(|error| error.while_doing(self.doing))
    }

    /// What stands for the clock of leases in a statement.
    pub(super) fn lease_now(&self, now: Timestamp) -> Result<Option<At>> {
        Ok(self.session()?.lease_now(now))
    }

    /// Lets this transaction take its time: it may touch every row of a long list.
    pub(super) async fn take_time(&self) -> Result<()> {
        self.session()?.batch("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'").await
    }

    /// Lets the planner read whole tables.
    pub(super) async fn read_all(&self) -> Result<()> {
        const ALL: &str = "
            SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on;
            SET LOCAL enable_mergejoin = on; SET LOCAL join_collapse_limit = 8; SET LOCAL from_collapse_limit = 8";
        self.session()?.batch(ALL).await
    }

    /// Counts `n` new deliveries of `part`.
    pub(super) fn count_new(&mut self, part: i64, n: i64) {
        *self.moved.entry((part, State::Scheduled)).or_default() += n;
    }

    /// Counts `n` deliveries of `part` that went from one state to another.
    pub(super) fn count_moved(&mut self, part: i64, from: State, to: State, n: i64) {
        *self.moved.entry((part, from)).or_default() -= n;
        *self.moved.entry((part, to)).or_default() += n;
    }

    /// Ends a claim of one of a block's deliveries, unless the block was leased anew. The block must be locked.
    pub(super) fn end_claim(&mut self, block: i64, epoch: Epoch) {
        *self.ended.entry((block, epoch)).or_default() += 1;
    }

    /// Prepares what is to be carried out without a pause, so that it is in the order in which it is said.
    pub(super) async fn prepare(&self, statements: &[&'static str]) -> Result<()> {
        for sql in statements {
            self.session()?.prepared(sql).await.map_err(|error| error.while_doing(self.doing))?;
        }
        Ok(())
    }

    /// Makes it durable, and gives the connection back.
    pub(super) async fn commit(mut self) -> Result<()> {
        self.finish().await?;
        if let Some(session) = self.session.take() {
            self.shared.give_back(session);
        }
        Ok(())
    }

    /// Makes it durable, and hands the connection out.
    pub(super) async fn commit_and_keep(mut self) -> Result<Session> {
        self.finish().await?;
        self.session.take().ok_or(LedgerError::Closed)
    }

    async fn finish(&mut self) -> Result<()> {
        let serial = if self.writes {
            // In one exchange with the server. Where one of them fails, the server undoes the transaction instead.
            self.prepare(&[blocks::END_CLAIMS, tally::ADD, tally::SERIAL]).await?;
            let (ended, moved) = (std::mem::take(&mut self.ended), std::mem::take(&mut self.moved));
            let (end, add) = (blocks::end_claims(self, &ended), tally::add(self, &moved));
            tokio::try_join!(biased; end, add, self.say_commit())?.1
        } else {
            self.say_commit().await?;
            0
        };
        self.shared.committed(serial, self.attempt);
        Ok(())
    }

    async fn say_commit(&self) -> Result<()> {
        self.session()?.batch("COMMIT").await.map_err(|error| error.while_doing(self.doing))
    }
}

/// What the server said, or why it could not be heard. Never holds values of rows.
#[derive(Debug)]
pub(super) struct Said {
    words: String,
    code: Option<SqlState>,
    closed: bool,
}

impl Said {
    pub(super) fn words(words: &str) -> LedgerError {
        Said { words: words.to_owned(), code: None, closed: true }.into()
    }

    /// An error while connecting.
    pub(super) fn reaching(error: tokio_postgres::Error) -> LedgerError {
        let mut said = Said::from(error);
        said.closed = true;
        said.words = format!("the PostgreSQL server cannot be reached: {}", said.words);
        said.into()
    }
}

impl From<tokio_postgres::Error> for Said {
    fn from(error: tokio_postgres::Error) -> Said {
        let code = error.code().cloned();
        let words = match error.as_db_error() {
            // Its detail quotes the values of rows: addresses.
            Some(db) => format!("{} ({})", db.message(), db.code().code()),
            None => {
                let mut words = error.to_string();
                let mut cause = error.source();
                while let Some(inner) = cause {
                    if !words.contains(&inner.to_string()) {
                        words = format!("{words}: {inner}");
                    }
                    cause = inner.source();
                }
                words
            }
        };
        let ended = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ];
        let closed = match &code {
            Some(code) => ended.contains(code) || code.code().starts_with("08"),
            None => error.is_closed() || error.source().is_some_and(<dyn Error>::is::<std::io::Error>),
        };
        Said { words, code, closed }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Error for Said {}

impl From<Said> for LedgerError {
    fn from(said: Said) -> LedgerError {
        LedgerError::Database { doing: "", source: Box::new(said) }
    }
}

impl From<tokio_postgres::Error> for LedgerError {
    fn from(error: tokio_postgres::Error) -> LedgerError {
        Said::from(error).into()
    }
}

fn said(error: &LedgerError) -> Option<&Said> {
    match error {
        LedgerError::Database { source, .. } => source.downcast_ref::<Said>(),
        _ => None,
    }
}

/// Whether the transaction was undone because another one came first: it may be run again.
pub(super) fn lost_a_race(error: &LedgerError) -> bool {
    said(error).and_then(|said| said.code.as_ref()).is_some_and(|code| {
        [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE, SqlState::UNIQUE_VIOLATION]
            .contains(code)
    })
}

/// Whether the connection is gone, so that nobody knows what became of a commit.
pub(super) fn lost_the_server(error: &LedgerError) -> bool {
    said(error).is_some_and(|said| said.closed)
}
