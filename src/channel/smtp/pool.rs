//! Idle sessions, how many there may be, and the line of letters that wait for one.
//!
//! A session comes back only by [`Lease::give_back`], and only when its last exchange was
//! finished. One that is dropped with its lease (an error, a cancelled future) is closed.
//!
//! Whoever is about to end a mail may begin the next one of the line with the same write ([`Lease::next`]), so that a mail costs one
//! round trip (RFC 2920 §3.1 allows it). Then the session goes on to that letter with [`Lease::hand_over`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::envelope::Envelope;
use super::session::{Extensions, Session};
use super::trouble::Trouble;
use crate::contact::EmailAddress;

/// Sessions that were idle for longer are not used again: relays hang up on them, and
/// firewalls forget them without a word.
const IDLE: Duration = Duration::from_mins(1);
/// A relay that takes a mail within this is fast: its mails do not wait for the ledger, but ask it while they stand in line.
const FAST: Duration = Duration::from_millis(50);

/// What an envelope is made of.
#[derive(Debug, Clone)]
pub struct Cover {
    from: EmailAddress,
    to: EmailAddress,
    size: usize,
    report: Option<String>,
}

impl Cover {
    /// Of a message of `size` bytes on the wire; `report` is what reports call this try.
    pub fn new(from: &EmailAddress, to: &EmailAddress, size: usize, report: Option<&str>) -> Cover {
        Cover { from: from.clone(), to: to.clone(), size, report: report.map(str::to_owned) }
    }

    /// The envelope for a server that offers this.
    pub fn envelope(&self, offers: &Extensions) -> Result<Envelope, Trouble> {
        let envelope = Envelope::new(&self.from, &self.to, self.size, offers)?;
        Ok(match &self.report {
            Some(id) => envelope.report(id, &self.to, offers),
            None => envelope,
        })
    }
}

/// The sessions of one channel.
pub struct Pool {
    state: Mutex<State>,
    per_connection: u32,
    /// Some relay did not take an envelope in the write that ended a mail: it is not tried again.
    plain: AtomicBool,
    /// How long a mail takes, in microseconds; 0 where none was seen.
    takes: AtomicU64,
}

struct State {
    idle: Vec<Session>,
    used: u32,
    limit: u32,
    line: VecDeque<Waiting>,
}

/// A letter in the line.
pub struct Waiting {
    cover: Cover,
    turn: oneshot::Sender<Turn>,
}

/// The right to use one connection.
pub struct Lease {
    pool: Arc<Pool>,
}

/// A letter's turn.
pub struct Turn {
    /// The right to use a connection.
    pub lease: Lease,
    /// A session on which the letter's envelope was sent already; its replies are to be read.
    pub begun: Option<Session>,
}

impl Pool {
    /// At most `connections` at the same time, each for `per_connection` mails.
    pub fn new(connections: u32, per_connection: u32) -> Pool {
        Pool {
            state: Mutex::new(State {
                idle: Vec::new(),
                used: 0,
                limit: connections.max(1),
                line: VecDeque::new(),
            }),
            per_connection: per_connection.max(1),
            plain: AtomicBool::new(false),
            takes: AtomicU64::new(0),
        }
    }

    /// Lets no more than `connections` be open from now on: of those that are idle the rest says good-bye. Returns how many
    /// others may not have meanwhile: those in use, those that are being left, and those that are idle.
    pub fn limit(self: &Arc<Pool>, connections: u32) -> u32 {
        let before = std::mem::replace(&mut self.state().limit, connections);
        if connections < before {
            for left in self.leave(connections) {
                tokio::spawn(left);
            }
        }
        self.serve();
        let state = self.state();
        // Whoever has his turn and did not take his idle connection yet is no second one.
        let open = state.used.saturating_add(count(&state.idle));
        open.min(state.limit.max(state.used))
    }

    /// Says good-bye on idle connections until no more than `connections` are open. Each counts as one in use until the relay
    /// has hung up.
    fn leave(self: &Arc<Pool>, connections: u32) -> Vec<impl Future<Output = ()> + Send + use<>> {
        let mut state = self.state();
        let keep = usize::try_from(connections.saturating_sub(state.used)).unwrap_or(usize::MAX);
        let many = state.idle.len().saturating_sub(keep);
        // The ones that were used last are kept.
        let left: Vec<Session> = state.idle.drain(..many).collect();
        state.used += count(&left);
        let leave = |session: Session| {
            let lease = Lease { pool: Arc::clone(self) };
            async move {
                session.quit().await;
                drop(lease);
            }
        };
        left.into_iter().map(leave).collect()
    }

    /// How many may be used.
    pub fn allowed(&self) -> u32 {
        self.state().limit
    }

    /// Waits in line until a connection may be used for the letter under `cover`.
    pub async fn turn(self: &Arc<Pool>, cover: Cover) -> Turn {
        let (turn, mine) = oneshot::channel();
        self.state().line.push_back(Waiting { cover: cover.clone(), turn });
        self.serve();
        let mut come = mine.await;
        loop {
            match come {
                Ok(turn) => return turn,
                // Whoever had begun our envelope was cancelled before its own mail was over.
                Err(_) => {
                    let (turn, mine) = oneshot::channel();
                    self.state().line.push_front(Waiting { cover: cover.clone(), turn });
                    self.serve();
                    come = mine.await;
                }
            }
        }
    }

    /// Whether the relay takes mails so fast that they would wait for the ledger.
    pub fn is_fast(&self) -> bool {
        let takes = self.takes.load(Ordering::Relaxed);
        takes > 0 && u128::from(takes) < FAST.as_micros()
    }

    /// Notes how long a mail took.
    pub fn took(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).clamp(1, 1_000_000_000);
        let before = self.takes.load(Ordering::Relaxed);
        let now = if before == 0 { time } else { (before * 7 + time) / 8 };
        // Of two that come at once one may be lost.
        self.takes.store(now.max(1), Ordering::Relaxed);
    }

    /// An envelope in the write that ended a mail was not understood.
    pub fn stay_plain(&self) {
        self.plain.store(true, Ordering::Relaxed);
    }

    /// Says good-bye on every idle connection.
    pub async fn rest(self: &Arc<Pool>) {
        let all: JoinSet<()> = self.leave(0).into_iter().collect();
        all.join_all().await;
    }

    /// Gives free connections to those who wait.
    fn serve(self: &Arc<Pool>) {
        loop {
            let waiting = {
                let mut state = self.state();
                if state.used >= state.limit {
                    return;
                }
                let Some(waiting) = state.line.pop_front() else { return };
                state.used += 1;
                waiting
            };
            // One that has gone away gives its place to the next as its lease is dropped.
            let _ = waiting.turn.send(Turn { lease: Lease { pool: Arc::clone(self) }, begun: None });
        }
    }

    /// How many stand in line.
    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.state().line.len()
    }

    /// How many connections are in use.
    #[cfg(test)]
    pub fn in_use(&self) -> u32 {
        self.state().used
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// A session that was used before and still seems to be alive.
    pub async fn idle(&self) -> Option<Session> {
        loop {
            let mut session = self.pool.state().idle.pop()?;
            if session.idle_since().elapsed() >= IDLE {
                session.quit().await;
            } else if session.is_alive().await {
                return Some(session);
            }
        }
    }

    /// The next letter of the line, if `session` may carry it and its envelope may leave in the write that ends the mail before it.
    pub fn next(&self, session: &Session) -> Option<(Waiting, Envelope)> {
        let offers = session.extensions();
        if !offers.pipelining
            || session.mails() >= self.pool.per_connection
            || self.pool.plain.load(Ordering::Relaxed)
        {
            return None;
        }
        let mut state = self.pool.state();
        if state.used > state.limit {
            return None;
        }
        state.line.retain(|waiting| !waiting.turn.is_closed());
        let envelope = state.line.front()?.cover.envelope(offers).ok()?;
        Some((state.line.pop_front()?, envelope))
    }

    /// Lets `waiting` go on with the session on which its envelope was sent; it gets the right to the connection as well.
    pub fn hand_over(self, waiting: Waiting, session: Session) {
        // One that has gone away drops the session, which closes the connection.
        let _ = waiting.turn.send(Turn { lease: self, begun: Some(session) });
    }

    /// Puts `waiting` back to the head of the line: its envelope came to nothing.
    pub fn put_back(&self, waiting: Waiting) {
        self.pool.state().line.push_front(waiting);
    }

    /// Keeps a session for the next mail. One that is in the middle of something is closed; one that has carried enough, or is
    /// one too many by now, says good-bye.
    pub async fn give_back(&self, session: Session) {
        if !session.is_ready() {
            return;
        }
        let left = {
            let mut state = self.pool.state();
            if session.mails() < self.pool.per_connection && state.used <= state.limit {
                state.idle.push(session);
                None
            } else {
                Some(session)
            }
        };
        if let Some(session) = left {
            session.quit().await;
        }
    }
}

/// How many there are.
fn count(sessions: &[Session]) -> u32 {
    u32::try_from(sessions.len()).unwrap_or(u32::MAX)
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.state().used -= 1;
        self.pool.serve();
    }
}
