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

use std::sync::{Arc, Mutex, PoisonError};

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
use crate::ledger::{Cause, Hold, Ledger, LedgerError, Scope};
use crate::load::LoadError;
use crate::newsroom::Newsroom;
use crate::web::{Health, Room, Sending, Standing};

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

/// What a look at git found, and the commit that is issued from where the branch's head is refused.
struct Seen {
    look: Result<Look, LoadError>,
    earlier: Option<Result<Option<Newsroom>, LoadError>>,
    followed: Option<String>,
}

/// How long attempts under way may take once it is asked to stop. What is not finished by then stays open in the
/// ledger: the next start finds out what became of it, or says that nobody knows.
const STOP_WITHIN: std::time::Duration = std::time::Duration::from_secs(25);
/// Who sets the daemon's holds.
const BY: &str = "daemon";
/// Why a release is held whose file was deleted.
const GONE: &str = "its file is gone from git; put it back, or kill it with `status: killed`";
/// Why a release is held whose file has an error beside a status that stops it.
const UNCLEAR: &str = "its file says that it must not go out, and has an error; `dateline check` says which";
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
    /// Looks at the clock and the holds once, and then every second on a task of its own.
    async fn watch(
        &self,
        mut guard: Watch,
        nudges: mpsc::Receiver<()>,
        stop: &CancellationToken,
    ) -> Result<(JoinHandle<()>, Watched), LedgerError> {
        let (ledger, health) = (self.ledger.clone(), self.health.clone());
        let (beat, ticks) = watch::channel(0);
        let first = standing(&ledger, guard.tick().await?).await?;
        health.send_modify(|health| health.standing = first);
        let stop = stop.clone();
        let task = tokio::spawn(async move {
            let mut seconds = tokio::time::interval(std::time::Duration::from_secs(1));
            seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! { _ = seconds.tick() => {}, () = stop.cancelled() => return }
                let seen = match guard.tick().await {
                    Ok(clock) => standing(&ledger, clock).await,
                    Err(error) => Err(error),
                };
                // What the ledger cannot say is said by the loop, which needs it.
                let Ok(seen) = seen else { continue };
                let changed = health.send_if_modified(|health| {
                    let changed = health.standing != seen;
                    health.standing = seen;
                    changed
                });
                if changed {
                    beat.send_modify(|count| *count += 1);
                }
            }
        });
        Ok((task, Watched { nudges, ticks }))
    }

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

    /// Begins to look at git.
    fn look(&self, first: bool, stop: &CancellationToken) -> JoinHandle<Box<Seen>> {
        let (follower, stop) = (Arc::clone(&self.follower), stop.clone());
        tokio::task::spawn_blocking(move || {
            let mut follower = lock(&follower);
            let look = follower.look(first, &|| stop.is_cancelled());
            let refused = matches!(look, Ok(Look::Refused(_)));
            let earlier = (first && refused).then(|| follower.earlier());
            Box::new(Seen { look, earlier, followed: follower.followed().map(str::to_owned) })
        })
    }

    /// Git was looked at: issues.
    async fn looked(&self, state: &mut Running, seen: Seen, stop: &CancellationToken) {
        state.git = None;
        state.followed = seen.followed;
        match seen.look {
            Ok(Look::Same { refused: true }) => {}
            Ok(Look::Same { refused: false }) => state.refusal = None,
            Ok(Look::New(newsroom)) => {
                state.newsroom = Some(newsroom);
                state.planned = None;
                state.refusal = None;
            }
            Ok(Look::Refused(refusal)) => {
                tracing::error!(%refusal, "a commit was refused; what is issued goes on");
                state.refused += 1;
                state.refusal = Some(refusal.to_string());
            }
            Err(LoadError::Stopped(_)) => return,
            Err(error) => {
                tracing::error!(%error, "git cannot be read; what is issued goes on");
                state.git = Some(error.to_string());
            }
        }
        match seen.earlier {
            None => {}
            Some(Ok(earlier)) => state.newsroom = earlier.map(Box::new),
            Some(Err(error)) => {
                tracing::warn!(%error, "the commit that was followed cannot be read any more");
            }
        }
        if let Some(newsroom) = &state.newsroom {
            self.press.send_replace(Arc::new(Press::of(newsroom)));
        }
        if state.planned.is_none() {
            self.replan(state, stop).await;
        }
        state.seen_at = state.looked;
        self.report(state);
    }

    /// Plans and issues from the newsroom that is followed. Asked to stop it leaves off; the next time completes it.
    async fn replan(&self, state: &mut Running, stop: &CancellationToken) {
        let now = self.clock.now();
        let Some(newsroom) = &state.newsroom else { return };
        self.room.send_replace(Arc::new(Room::of(newsroom)));
        let issued = tokio::select! {
            issued = self.issue(newsroom, !state.asked, now) => issued,
            () = stop.cancelled() => return,
        };
        match issued {
            Ok(Done { failed, late, followed }) => {
                for failed in failed.iter().filter(|failed| !state.failed.contains(failed)) {
                    tracing::error!("{failed}");
                }
                for late in late.iter().filter(|late| !state.late.contains(late)) {
                    tracing::warn!("{late}");
                }
                state.failed = failed;
                state.late = late;
                state.asked = true;
                state.planned = Some(now);
                state.trouble = None;
                state.followed = followed.or(state.followed.take());
            }
            Err(error) => {
                tracing::error!(%error, "nothing was issued");
                state.trouble = Some(error.to_string());
            }
        }
    }

    /// Issues from `newsroom`. The first time it asks whether the ledger is as old as what it holds.
    async fn issue(&self, newsroom: &Newsroom, first: bool, now: Timestamp) -> Result<Done, LedgerError> {
        if first {
            amnesia::check(&self.ledger, newsroom, now).await?;
        }
        let options = Options { late: false, moved: false, only: None, by: BY };
        let report = issue(&self.ledger, newsroom, now, options).await?;
        for (slug, issued) in &report.issued {
            tracing::info!(
                release = slug,
                created = issued.created,
                superseded = issued.superseded,
                cancelled = issued.cancelled,
                notices = issued.notices,
                "issued"
            );
        }
        let mut failed = Vec::new();
        for Failed { slug, place, .. } in report.failed {
            failed.push(format!("{slug} is not issued: {place}; `dateline issue {slug}` tells why"));
        }
        failed.extend(report.moved);
        failed.extend(self.stopped(newsroom, now).await?);
        let mut followed = None;
        // While git is looked at somebody else has it; the next time does as well.
        if let (Some(revision), Ok(mut follower)) = (&newsroom.revision, self.follower.try_lock()) {
            if let Err(error) = follower.issued(revision) {
                tracing::error!(%error, "the followed commit cannot be remembered");
                failed.push(error.to_string());
            }
            followed = follower.followed().map(str::to_owned);
        }
        Ok(Done { failed, late: amnesia::late(newsroom, &report.plan), followed })
    }

    /// A file that is gone from git while its deliveries wait is somebody's mistake or a wish to stop: both
    /// are served by a hold that says so. So is a `status: held` in a file with an error. It ends when the
    /// file is back in order.
    async fn stopped(&self, newsroom: &Newsroom, now: Timestamp) -> Result<Vec<String>, LedgerError> {
        let why = |slug: &str| {
            if !newsroom.sources.iter().any(|file| file.slug == slug) {
                Some(GONE)
            } else if desk::wants_to_stop(newsroom, slug) {
                Some(UNCLEAR)
            } else {
                None
            }
        };
        for hold in self.ledger.holds().await? {
            if let (Scope::Release(slug), BY, GONE | UNCLEAR) =
                (&hold.scope, hold.by.as_str(), hold.reason.as_str())
                && why(slug).is_none()
                && self.ledger.resume(&hold.scope, BY, now).await?
            {
                tracing::info!(release = slug, "resumed: its file is in order again");
            }
        }
        let held = self.ledger.held(false, now).await?;
        let mut problems = Vec::new();
        for (slug, release) in &held.releases {
            let waits = release.groups.iter().any(|group| group.waiting > 0);
            if let (true, false, Some(reason)) = (waits, slug.starts_with("digest/"), why(slug)) {
                self.ledger.hold(Scope::Release(slug.clone()), reason, BY, now).await?;
                problems.push(format!("{slug} is held: {reason}"));
            }
        }
        Ok(problems)
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

/// What issuing came to.
struct Done {
    failed: Vec<String>,
    late: Vec<String>,
    followed: Option<String>,
}

/// The holds that only a decision about the whole ledger ends, and what is wrong with the clock.
async fn standing(ledger: &Ledger, clock: Option<String>) -> Result<Standing, LedgerError> {
    let holds = ledger.holds().await?;
    let restored = holds.iter().find(|hold| hold.cause == Cause::Restored).map(|Hold { reason, .. }| {
        format!(
            "nothing leaves: {reason}; find out what was sent (`dateline ledger reconcile`), then \
             `dateline resume --after-restore`"
        )
    });
    let all = |cause| holds.iter().any(|hold| hold.scope == Scope::Everything && hold.cause == cause);
    let sending = if all(Cause::Restored) || all(Cause::Operator) {
        Sending::Nothing
    } else if all(Cause::Clock) {
        Sending::Public
    } else {
        Sending::Everything
    };
    let mut problems: Vec<String> = restored.iter().cloned().chain(clock).collect();
    let operator = |hold: &&Hold| hold.scope == Scope::Everything && hold.cause == Cause::Operator;
    problems.extend(holds.iter().find(operator).map(|hold| {
        format!("nothing leaves: {} holds everything: {}; `dateline resume` ends it", hold.by, hold.reason)
    }));
    Ok(Standing { restored: restored.is_some(), sending, problems })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
