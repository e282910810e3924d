//! Ties the halves together: follows git, issues what is approved, dispatches what is due.
//!
//! A closed [`Event`] enum and one loop. Dispatch runs beside the loop, so that a kill that is
//! committed during a long send stops it. Whatever goes wrong with git or one release never stops
//! what is already issued; it is reported in the log, at `/readyz` and in the metrics.
//!
//! Git is looked at beside the loop as well: a fetch that hangs delays nothing that is due. Asked to stop, it begins
//! nothing new and is gone within [`STOP_WITHIN`].

mod amnesia;
mod answers;
mod desk;
mod follow;
pub mod guard;
mod issue;
mod moved;
mod round;
mod standing;

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use answers::Press;
pub use follow::{Follower, GitConfig, Look, Refusal};
pub use guard::{ClockConfig, Watch};
pub use issue::{Failed, Options, Report, issue, plan, request};

use crate::clock::Clock;
use crate::dispatch::{Dispatch, Tally};
use crate::ledger::{Ledger, LedgerError};
use crate::newsroom::Newsroom;
use crate::web::{Health, Room, Sending};
use round::Seen;

/// Everything that can happen to the daemon.
enum Event {
    /// It is time to look at git, or somebody asked for it.
    Look,
    /// Git was looked at.
    Looked(Box<Seen>),
    /// A second has gone by: the clock and the holds are looked at.
    Tick,
    /// Time has gone by: the plan is made again.
    Replan,
    /// The ledger is asked again what is due: an operator may have ended a hold.
    Ask,
    /// A delivery is due.
    Due,
    /// Dispatch has sent what was due.
    Drained(Result<Tally, LedgerError>),
    /// It is asked to stop.
    Stop,
}

/// How long attempts under way may take once it is asked to stop. What is not finished by then stays open in the
/// ledger: the next start finds out what became of it, or says that nobody knows.
const STOP_WITHIN: std::time::Duration = std::time::Duration::from_secs(25);
/// Who sets the daemon's holds.
const BY: &str = "daemon";
/// After the ledger failed, dispatch waits this long.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(5);
/// After a round in which nothing could leave, dispatch waits this long.
const WHEN_IDLE: SignedDuration = SignedDuration::from_secs(1);
/// Other processes write the ledger (`resume`, `resolve`, `issue`); what they set free leaves this soon.
const ASK_EVERY: SignedDuration = SignedDuration::from_secs(5);
/// Round-ups come into being with time alone, so the plan is made again this often.
const REPLAN_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// The daemon, ready to run.
pub struct Daemon {
    /// The record.
    pub ledger: Ledger,
    /// Sends what is due.
    pub dispatch: Dispatch,
    /// Follows git.
    pub follower: Follower,
    /// How often git is looked at.
    pub poll: SignedDuration,
    /// The time.
    pub clock: Clock,
    /// Tells the world how it is.
    pub health: watch::Sender<Health>,
    /// Wakes it to look at git.
    pub nudges: mpsc::Receiver<()>,
    /// Watches the clock.
    pub watch: Watch,
    /// Tells the pages for recipients what the newsroom says.
    pub room: watch::Sender<Arc<Room>>,
}

impl Daemon {
    /// Runs until `stop`; with `once`, until git was looked at and nothing is due.
    ///
    /// Attempts under way are finished before it returns.
    pub async fn run(self, once: bool, stop: CancellationToken) -> Result<Tally, LedgerError> {
        let Daemon { ledger, dispatch, follower, poll, clock, health, nudges, watch, room } = self;
        let follower = Arc::new(Mutex::new(follower));
        let (press, pressed) = watch::channel(Arc::default());
        let forwarding = (!once).then(|| {
            let (ledger, dispatch) = (ledger.clone(), dispatch.clone());
            tokio::spawn(answers::run(ledger, dispatch, clock.clone(), pressed, stop.clone()))
        });
        let mut desk = Desk { ledger, dispatch, follower, poll, clock, health, room, press };
        // The clock is judged before anything can leave, and beside the loop, whatever that does.
        let (watching, watched) = desk.watch(watch, nudges, &stop).await?;
        // While nothing is due, what is to leave later is signed.
        let (dispatch, end) = (desk.dispatch.clone(), stop.clone());
        let ahead = (!once).then(|| tokio::spawn(async move { dispatch.work_ahead(&end).await }));
        let done = desk.run(once, &stop, watched).await;
        if let Some(ahead) = ahead {
            ahead.abort();
        }
        watching.abort();
        if let Some(mut forwarding) = forwarding {
            // One that is on its way is seen to its end.
            let _ = tokio::time::timeout(std::time::Duration::from_secs(5), &mut forwarding).await;
            forwarding.abort();
        }
        done
    }
}

/// What the loop is told from beside it.
struct Watched {
    nudges: mpsc::Receiver<()>,
    ticks: watch::Receiver<u64>,
}

/// The daemon at work.
struct Desk {
    ledger: Ledger,
    dispatch: Dispatch,
    follower: Arc<Mutex<Follower>>,
    poll: SignedDuration,
    clock: Clock,
    health: watch::Sender<Health>,
    room: watch::Sender<Arc<Room>>,
    /// Whom answers are for.
    press: watch::Sender<Arc<Press>>,
}

impl Desk {
    async fn run(
        &mut self,
        once: bool,
        stop: &CancellationToken,
        mut watched: Watched,
    ) -> Result<Tally, LedgerError> {
        let mut state = Running::default();
        let mut total = Tally::new();
        loop {
            let event = if once && state.draining.is_none() && state.looking.is_none() {
                match state.looked {
                    None => Event::Look,
                    Some(_) if !state.drained => Event::Due,
                    Some(_) => Event::Stop,
                }
            } else {
                self.next(&mut state, stop, &mut watched).await?
            };
            match event {
                Event::Look => {
                    state.looked = Some(self.clock.now());
                    state.looking = Some(self.look(state.newsroom.is_none(), stop));
                }
                Event::Looked(seen) => {
                    state.looking = None;
                    state.drained = false;
                    self.looked(&mut state, *seen, stop).await;
                }
                Event::Tick => self.report(&state),
                Event::Replan => {
                    self.replan(&mut state, stop).await;
                    self.report(&state);
                }
                Event::Ask => {}
                Event::Due => {
                    let (dispatch, stop) = (self.dispatch.clone(), stop.clone());
                    state.draining = Some(tokio::spawn(async move { dispatch.drain(&stop).await }));
                }
                Event::Drained(result) => {
                    state.draining = None;
                    state.drained = true;
                    match result {
                        Ok(tally) => {
                            // Something is due and cannot leave (held, or out of reach): do not spin.
                            let idle = tally.is_empty().then(|| self.clock.now() + WHEN_IDLE);
                            state.not_before = idle;
                            for (state, count) in tally {
                                *total.entry(state).or_default() += count;
                            }
                            state.trouble = None;
                        }
                        Err(error) => {
                            tracing::error!(%error, "dispatch stopped; nothing leaves while the ledger cannot record");
                            state.trouble = Some(error.to_string());
                            state.not_before = Some(self.clock.now() + AFTER_FAILURE);
                        }
                    }
                    self.report(&state);
                }
                Event::Stop => {
                    if let Some(mut draining) = state.draining.take() {
                        match tokio::time::timeout(STOP_WITHIN, &mut draining).await {
                            Ok(drained) => {
                                for (state, count) in flatten(drained)? {
                                    *total.entry(state).or_default() += count;
                                }
                            }
                            Err(_) => {
                                draining.abort();
                                tracing::warn!(
                                    "attempts under way did not come to an end; the next start takes them up"
                                );
                            }
                        }
                    }
                    if let Some(looking) = state.looking.take() {
                        // It has been told, and ends git.
                        let _ = tokio::time::timeout(std::time::Duration::from_secs(3), looking).await;
                    }
                    return Ok(total);
                }
            }
        }
    }

    /// Waits for what happens next.
    async fn next(
        &self,
        state: &mut Running,
        stop: &CancellationToken,
        watched: &mut Watched,
    ) -> Result<Event, LedgerError> {
        let look_at = match state.looked {
            _ if state.looking.is_some() => Timestamp::MAX,
            None => Timestamp::MIN,
            Some(at) => at.checked_add(self.poll).unwrap_or(Timestamp::MAX),
        };
        // What git says is heard before anything leaves: it may be a kill.
        let waits = state.draining.is_some() || state.seen_at.is_none();
        let due = if waits { None } else { self.due(state).await };
        let now = self.clock.now();
        let replan_at = match state.planned {
            Some(at) => at.checked_add(REPLAN_EVERY).unwrap_or(Timestamp::MAX),
            // Without a newsroom there is nothing to plan; after a failure it is tried again.
            None if state.newsroom.is_some() => now.checked_add(AFTER_FAILURE).unwrap_or(Timestamp::MAX),
            None => Timestamp::MAX,
        };
        let ask_at = now.checked_add(ASK_EVERY).unwrap_or(Timestamp::MAX);
        let may_look = state.looking.is_none();
        let drained = async {
            match &mut state.draining {
                Some(draining) => flatten(draining.await),
                None => std::future::pending().await,
            }
        };
        let looked = async {
            match &mut state.looking {
                Some(looking) => {
                    looking.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
                }
                None => std::future::pending().await,
            }
        };
        Ok(tokio::select! {
            biased;
            () = stop.cancelled() => Event::Stop,
            result = drained => Event::Drained(result),
            seen = looked => Event::Looked(seen),
            Some(()) = watched.nudges.recv(), if may_look => Event::Look,
            Ok(()) = watched.ticks.changed() => Event::Tick,
            () = self.clock.sleep_until(look_at) => Event::Look,
            () = sleep_until(&self.clock, due) => Event::Due,
            () = self.clock.sleep_until(replan_at) => Event::Replan,
            () = self.clock.sleep_until(ask_at) => Event::Ask,
        })
    }

    /// The instant of the next delivery; nothing while nothing waits.
    async fn due(&self, state: &mut Running) -> Option<Timestamp> {
        match self.ledger.next_due(self.clock.now()).await {
            Ok(due) => {
                let due = due.into_iter().map(|(_, at)| at).min()?;
                Some(state.not_before.map_or(due, |not_before| due.max(not_before)))
            }
            Err(error) => {
                tracing::error!(%error, "the ledger does not say what is due");
                state.trouble = Some(error.to_string());
                Some(self.clock.now() + AFTER_FAILURE)
            }
        }
    }

    fn report(&self, state: &Running) {
        let mut problems: Vec<String> =
            [&state.git, &state.refusal, &state.trouble].into_iter().flatten().cloned().collect();
        problems.extend(state.failed.iter().cloned());
        self.health.send_modify(|health| {
            let standing = health.standing.clone();
            problems.splice(0..0, standing.problems.iter().cloned());
            let can = state.planned.is_some() && state.trouble.is_none() && state.git.is_none();
            *health = Health {
                ready: can && !standing.restored,
                sending: if state.trouble.is_some() { Sending::Nothing } else { standing.sending },
                revision: state.followed.clone(),
                looked_at: state.seen_at,
                problems,
                refused_commits: state.refused,
                late: state.late.clone(),
                standing,
            };
        });
    }
}

/// What the loop knows.
#[derive(Default)]
struct Running {
    /// When the last look began, and of which the end was seen.
    looked: Option<Timestamp>,
    seen_at: Option<Timestamp>,
    looking: Option<JoinHandle<Box<Seen>>>,
    followed: Option<String>,
    /// Whether the ledger was asked how old it is.
    asked: bool,
    late: Vec<String>,
    planned: Option<Timestamp>,
    newsroom: Option<Box<Newsroom>>,
    draining: Option<JoinHandle<Result<Tally, LedgerError>>>,
    drained: bool,
    not_before: Option<Timestamp>,
    refused: u64,
    git: Option<String>,
    refusal: Option<String>,
    trouble: Option<String>,
    failed: Vec<String>,
}

async fn sleep_until(clock: &Clock, due: Option<Timestamp>) {
    match due {
        Some(due) => clock.sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// A task that panicked takes the daemon with it: its supervisor starts it again, and the ledger knows all.
fn flatten(joined: Result<Result<Tally, LedgerError>, tokio::task::JoinError>) -> Result<Tally, LedgerError> {
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
