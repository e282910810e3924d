//! Ties the halves together: follows git, issues what is approved, dispatches what is due.
//!
//! A closed [`Event`] enum and one loop. Dispatch runs beside the loop, so that a kill that is
//! committed during a long send stops it. Whatever goes wrong with git or one release never stops
//! what is already issued; it is reported in the log, at `/readyz` and in the metrics.

mod desk;
mod follow;
mod issue;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use follow::{Follower, GitConfig, Look, Refusal};
pub use issue::{Failed, Options, Report, issue, plan, request};

use crate::clock::Clock;
use crate::dispatch::{Dispatch, Tally};
use crate::ledger::{Ledger, LedgerError, Scope};
use crate::newsroom::Newsroom;
use crate::web::Health;

/// Everything that can happen to the daemon.
enum Event {
    /// It is time to look at git, or somebody asked for it.
    Look,
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
}

impl Daemon {
    /// Runs until `stop`; with `once`, until git was looked at and nothing is due.
    ///
    /// Attempts under way are finished before it returns.
    pub async fn run(mut self, once: bool, stop: CancellationToken) -> Result<Tally, LedgerError> {
        let mut state = Running::default();
        let mut total = Tally::new();
        loop {
            let event = if once && state.draining.is_none() {
                match state.looked {
                    None => Event::Look,
                    Some(_) if !state.drained => Event::Due,
                    Some(_) => Event::Stop,
                }
            } else {
                self.next(&mut state, &stop).await?
            };
            match event {
                Event::Look => self.look(&mut state).await,
                Event::Replan => {
                    self.replan(&mut state).await;
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
                    if let Some(draining) = state.draining.take() {
                        for (state, count) in flatten(draining.await)? {
                            *total.entry(state).or_default() += count;
                        }
                    }
                    return Ok(total);
                }
            }
        }
    }

    /// Waits for what happens next.
    async fn next(&mut self, state: &mut Running, stop: &CancellationToken) -> Result<Event, LedgerError> {
        let look_at = match state.looked {
            None => Timestamp::MIN,
            Some(at) => at.checked_add(self.poll).unwrap_or(Timestamp::MAX),
        };
        let due = if state.draining.is_some() { None } else { self.due(state).await };
        let now = self.clock.now();
        let replan_at = match state.planned {
            Some(at) => at.checked_add(REPLAN_EVERY).unwrap_or(Timestamp::MAX),
            // Without a newsroom there is nothing to plan; after a failure it is tried again.
            None if state.newsroom.is_some() => now.checked_add(AFTER_FAILURE).unwrap_or(Timestamp::MAX),
            None => Timestamp::MAX,
        };
        let ask_at = now.checked_add(ASK_EVERY).unwrap_or(Timestamp::MAX);
        let drained = async {
            match &mut state.draining {
                Some(draining) => flatten(draining.await),
                None => std::future::pending().await,
            }
        };
        Ok(tokio::select! {
            biased;
            () = stop.cancelled() => Event::Stop,
            result = drained => Event::Drained(result),
            Some(()) = self.nudges.recv() => Event::Look,
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

    /// Looks at git, and issues.
    async fn look(&mut self, state: &mut Running) {
        state.looked = Some(self.clock.now());
        state.git = None;
        let first = state.newsroom.is_none();
        let follower = &mut self.follower;
        match tokio::task::block_in_place(|| follower.look(first)) {
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
            Err(error) => {
                tracing::error!(%error, "git cannot be read; what is issued goes on");
                state.git = Some(error.to_string());
            }
        }
        if state.newsroom.is_none() && state.refusal.is_some() {
            match tokio::task::block_in_place(|| self.follower.earlier()) {
                Ok(earlier) => state.newsroom = earlier.map(Box::new),
                Err(error) => tracing::warn!(%error, "the commit that was followed cannot be read any more"),
            }
        }
        if state.planned.is_none() {
            self.replan(state).await;
        }
        self.report(state);
    }

    /// Plans and issues from the newsroom that is followed.
    async fn replan(&mut self, state: &mut Running) {
        let now = self.clock.now();
        let Some(newsroom) = &state.newsroom else { return };
        match self.issue(newsroom, now).await {
            Ok(failed) => {
                for failed in failed.iter().filter(|failed| !state.failed.contains(failed)) {
                    tracing::error!("{failed}");
                }
                state.failed = failed;
                state.planned = Some(now);
                state.trouble = None;
            }
            Err(error) => {
                tracing::error!(%error, "nothing was issued");
                state.trouble = Some(error.to_string());
            }
        }
    }

    /// Issues from `newsroom`; returns what could not be, in one sentence each.
    async fn issue(&mut self, newsroom: &Newsroom, now: Timestamp) -> Result<Vec<String>, LedgerError> {
        let options = Options { late: false, only: None, by: BY };
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
        failed.extend(self.stopped(newsroom, now).await?);
        if let Some(revision) = &newsroom.revision
            && let Err(error) = self.follower.issued(revision)
        {
            tracing::error!(%error, "the followed commit cannot be remembered");
            failed.push(error.to_string());
        }
        Ok(failed)
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
        self.health.send_replace(Health {
            ready: state.planned.is_some() && state.trouble.is_none() && state.git.is_none(),
            revision: self.follower.followed().map(str::to_owned),
            looked_at: state.looked,
            problems,
            refused_commits: state.refused,
        });
    }
}

/// What the loop knows.
#[derive(Default)]
struct Running {
    looked: Option<Timestamp>,
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
