//! Keeps the mark up to date while a process dispatches.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use super::LedgerError;
use super::mark::{Mark, MarkFile};

type Result<T> = std::result::Result<T, LedgerError>;

/// How often the mark follows the ledger.
const EVERY: Duration = Duration::from_secs(1);

/// Writes the mark behind the ledger, about every second, on a thread of its own: commits never wait for it.
pub(super) struct Keeper {
    newest: Arc<Mutex<Mark>>,
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Writes `mark`, and keeps it up to date.
    pub fn start(file: MarkFile, mark: Mark) -> Result<Keeper> {
        file.write(&mark, true)?;
        let folder = file.folder().to_owned();
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
        let thread = thread.map_err(|source| LedgerError::Io { path: folder, source })?;
        Ok(Keeper { newest, stop, thread })
    }

    /// Notes what a commit made of the ledger. Commits may be noted in another order than they were made.
    pub fn committed(&self, serial: i64, attempt: i64) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.serial = newest.serial.max(serial);
        newest.attempt = newest.attempt.max(attempt);
    }

    /// What was noted last.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "a ledger in a file asks itself"))]
    pub fn newest(&self) -> Mark {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the thread; the caller has the last word.
    pub fn end(self) {
        drop(self.stop);
        // A thread that panicked writes nothing any more either.
        let _ = self.thread.join();
    }
}
