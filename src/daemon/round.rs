//! From a look at git to what is issued: what was found is taken over, planned, issued, and what its files stop is held.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::answers::Press;
use super::{BY, Desk, Failed, Look, Options, Running, amnesia, desk, issue};
use crate::ledger::{LedgerError, Scope};
use crate::load::LoadError;
use crate::newsroom::Newsroom;
use crate::web::Room;

/// Why a release is held whose file was deleted.
const GONE: &str = "its file is gone from git; put it back, or kill it with `status: killed`";
/// Why a release is held whose file has an error beside a status that stops it.
const UNCLEAR: &str = "its file says that it must not go out, and has an error; `dateline check` says which";

/// What a look at git found, and the commit that is issued from where the branch's head is refused.
pub(super) struct Seen {
    look: Result<Look, LoadError>,
    earlier: Option<Result<Option<Newsroom>, LoadError>>,
    followed: Option<String>,
}

/// What issuing came to.
struct Done {
    failed: Vec<String>,
    late: Vec<String>,
    followed: Option<String>,
}

impl Desk {
    /// Begins to look at git.
    pub(super) fn look(&self, first: bool, stop: &CancellationToken) -> JoinHandle<Box<Seen>> {
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
    pub(super) async fn looked(&self, state: &mut Running, seen: Seen, stop: &CancellationToken) {
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
    pub(super) async fn replan(&self, state: &mut Running, stop: &CancellationToken) {
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
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
