//! Opening: is this the ledger that was here? And afterwards, the mark that answers it next time.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::files::Files;
use super::writer::{self, Write};
use super::{Facts, Result, holds};
use crate::ledger::mark::{Amnesia, Mark};
use crate::ledger::{Cause, LedgerError, Scope};

const MARK: &str = "
    SELECT lineage, serial, (SELECT coalesce(max(id), 0) FROM attempt) FROM ledger_meta";
const AT_LEAST: &str = "UPDATE ledger_meta SET serial = max(serial, :serial)";
/// The numbers of attempts that this copy does not know are never given again.
const ATTEMPTS_FROM: &str = "UPDATE sqlite_sequence SET seq = max(seq, :attempt) WHERE name = 'attempt'";
const NO_ATTEMPTS: &str = "
    INSERT INTO sqlite_sequence (name, seq)
         SELECT 'attempt', :attempt WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'attempt')";

/// How often the mark follows the ledger.
const EVERY: Duration = Duration::from_secs(1);
/// Who sets the hold.
const BY: &str = "ledger";

/// How far the ledger has come, as the mark says it.
pub(super) fn mark_of(db: &Connection) -> Result<Mark> {
    Ok(db.query_row(MARK, [], |row| {
        Ok(Mark { lineage: row.get(0)?, serial: row.get(1)?, attempt: row.get(2)? })
    })?)
}

/// Compares the ledger with its mark. What forgot something is held before anybody can claim, and stays so.
pub(super) fn check(db: &Connection, facts: &Facts, files: &Files, now: Timestamp) -> Result<()> {
    let file = files.mark();
    let here = mark_of(db)?;
    let found = file.read()?;
    let Some(amnesia) = Amnesia::of(&here, &found) else { return Ok(()) };
    let reason = amnesia.to_string();
    writer::alone(db, facts, |write| suspect(write, &reason, amnesia.at_least(), now))?;
    tracing::error!(%reason, "nothing leaves: the ledger may have forgotten what was sent; see `dateline ledger reconcile`");
    // In this order: if it ends in between, the alarm is raised again.
    file.keep_as_evidence()?;
    file.write(&mark_of(db)?, true)
}

/// Holds everything until somebody has reconciled the ledger with the world.
pub(super) fn suspect(
    write: &Write<'_>,
    reason: &str,
    at_least: Option<(i64, i64)>,
    now: Timestamp,
) -> Result<()> {
    if let Some((serial, attempt)) = at_least {
        write.sql(AT_LEAST)?.execute(named_params! { ":serial": serial })?;
        let row = named_params! { ":attempt": attempt };
        write.sql(ATTEMPTS_FROM)?.execute(row)?;
        write.sql(NO_ATTEMPTS)?.execute(row)?;
    }
    holds::add(write, &Scope::Everything, Cause::Restored, (reason, BY), now, now)?;
    Ok(())
}

/// Writes the mark behind the ledger, about every second, on a thread of its own: commits never wait for it.
pub(super) struct Keeper {
    newest: Arc<Mutex<Mark>>,
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Writes `mark`, and keeps it up to date.
    pub fn start(files: &Files, mark: Mark) -> Result<Keeper> {
        let file = files.mark();
        file.write(&mark, true)?;
        let newest = Arc::new(Mutex::new(mark.clone()));
        let (stop, stopped) = mpsc::channel();
        let seen = Arc::clone(&newest);
        let run = move || {
            let mut written = mark;
            while stopped.recv_timeout(EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                let next = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if next == written {
                    continue;
                }
                match file.write(&next, false) {
                    Ok(()) => written = next,
                    // The next second tries again; the ledger itself is what sending waits for.
                    Err(error) => tracing::warn!(%error, "the ledger's mark cannot be written"),
                }
            }
        };
        let thread = std::thread::Builder::new().name("mark".to_owned()).spawn(run);
        let thread = thread.map_err(|source| LedgerError::Io { path: files.folder().to_owned(), source })?;
        Ok(Keeper { newest, stop, thread })
    }

    /// Notes what a commit made of the ledger.
    pub fn committed(&self, serial: i64, attempt: i64) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        (newest.serial, newest.attempt) = (serial, attempt);
    }

    /// Ends the thread; the caller has the last word.
    pub fn end(self) {
        drop(self.stop);
        // A thread that panicked writes nothing any more either.
        let _ = self.thread.join();
    }
}
