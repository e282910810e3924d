//! Idle sessions, and how many there may be.
//!
//! A session comes back only by [`Lease::give_back`], and only when its last exchange was
//! finished. One that is dropped with its lease (an error, a cancelled future) is closed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::session::Session;

/// Sessions that were idle for longer are not used again: relays hang up on them, and
/// firewalls forget them without a word.
const IDLE: Duration = Duration::from_mins(1);

/// The sessions of one channel.
pub struct Pool {
    idle: Mutex<Vec<Session>>,
    slots: Semaphore,
    per_connection: u32,
}

/// The right to use one connection.
pub struct Lease<'a> {
    pool: &'a Pool,
    _slot: Option<SemaphorePermit<'a>>,
}

impl Pool {
    /// At most `connections` at the same time, each for `per_connection` mails.
    pub fn new(connections: u32, per_connection: u32) -> Pool {
        let connections = usize::try_from(connections.max(1)).unwrap_or(usize::MAX);
        Pool {
            idle: Mutex::new(Vec::new()),
            slots: Semaphore::new(connections.min(Semaphore::MAX_PERMITS)),
            per_connection: per_connection.max(1),
        }
    }

    /// Waits until a connection may be used.
    pub async fn lease(&self) -> Lease<'_> {
        // The semaphore is never closed; if it were, a connection more would do no harm.
        Lease { pool: self, _slot: self.slots.acquire().await.ok() }
    }

    /// Says good-bye on every idle connection.
    pub async fn rest(&self) {
        let idle = std::mem::take(&mut *self.idle());
        for session in idle {
            session.quit().await;
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease<'_> {
    /// A session that was used before and still seems to be alive.
    pub async fn idle(&self) -> Option<Session> {
        loop {
            let mut session = {
                let mut idle = self.pool.idle();
                idle.retain(|session| session.idle_since().elapsed() < IDLE);
                idle.pop()?
            };
            if session.is_alive().await {
                return Some(session);
            }
        }
    }

    /// Keeps a session for the next mail. One that is in the middle of something is closed; one
    /// that has carried enough says good-bye.
    pub async fn give_back(&self, session: Session) {
        if session.is_ready() && session.mails() >= self.pool.per_connection {
            session.quit().await;
        } else if session.is_ready() {
            self.pool.idle().push(session);
        }
    }
}
