//! What all requests share: the latest snapshot, who is listening, and editions rendered lately.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::Options;
use super::commit;
use super::guard::Guard;
use super::records::Records;
use super::snapshot::Snapshot;
use super::watch::{Seen, Watcher};
use crate::clock::Clock;
use crate::load::{self, Files, LoadError};
use crate::newsroom::Newsroom;
use crate::plan::{self, Held, Plan, Planner};
use crate::release::{Cache, Release};
use crate::render::{Edition, RenderError, Renderer, Request};

/// So many editions are kept: all cards of a release or two, and what a comparison stands beside.
const KEPT: usize = 160;
/// So many old commits are kept in memory for comparison.
const COMMITS: usize = 3;
/// So many changes may wait for a slow listener; after that it is told to ask for everything.
const WAITING: usize = 32;

/// Shared by all requests of one start.
pub struct Desk {
    /// Who may look.
    pub guard: Guard,
    /// The time.
    pub clock: Clock,
    /// Ends everything.
    pub stop: CancellationToken,
    /// The contact book and what was issued, where there is a record.
    pub records: Option<Arc<dyn Records>>,
    /// How a line of a file is opened in an editor; see [`super::Options::editor`].
    pub editor: Option<String>,
    /// The newsroom's folder.
    pub dir: PathBuf,
    /// The files of the last look, and what was made of them.
    files: Mutex<(Files, Cache)>,
    snapshot: Mutex<Arc<Snapshot>>,
    news: broadcast::Sender<Arc<News>>,
    editions: Mutex<VecDeque<Kept>>,
    /// Of the newsroom that was rendered from last: compiling its templates is most of the cost of an edition, and is done
    /// again only when they change.
    renderer: Mutex<Option<(Arc<Newsroom>, Arc<Renderer<'static>>)>>,
    known: Mutex<plan::Known>,
    commits: Mutex<VecDeque<(String, Arc<Newsroom>)>>,
}

/// A change, as it is told.
pub struct News {
    /// Whether everything may look different.
    pub all: bool,
    /// The change as JSON.
    pub text: String,
}

/// An edition, and the version of what it was rendered from.
type Kept = (u64, Request, Result<Arc<Edition>, RenderError>);

impl Desk {
    /// Reads the newsroom in `dir` for the first time.
    pub fn open(options: &Options, guard: Guard, stop: CancellationToken) -> Result<Desk, LoadError> {
        let mut cache = Cache::default();
        let files = load::work_tree_files(&options.dir)?;
        let newsroom = files.clone().newsroom(&mut cache);
        let snapshot = Snapshot::first(newsroom, options.clock.now());
        Ok(Desk {
            guard,
            clock: options.clock.clone(),
            stop,
            records: options.records.clone(),
            editor: options.editor.clone(),
            dir: std::path::absolute(&options.dir).unwrap_or_else(|_| options.dir.clone()),
            files: Mutex::new((files, cache)),
            snapshot: Mutex::new(Arc::new(snapshot)),
            news: broadcast::Sender::new(WAITING),
            editions: Mutex::new(VecDeque::new()),
            renderer: Mutex::default(),
            known: Mutex::default(),
            commits: Mutex::default(),
        })
    }

    /// The latest look.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&lock(&self.snapshot))
    }

    /// News from now on, as events ready to be sent.
    pub fn listen(&self) -> broadcast::Receiver<Arc<News>> {
        self.news.subscribe()
    }

    /// Follows the folder until the watcher is stopped. Blocks: it is run on a thread of its own.
    pub fn follow(&self, mut watcher: Watcher) {
        while let Some(seen) = watcher.changed() {
            self.look(&seen);
        }
    }

    /// Reads again what may have changed and tells the listeners what did. What cannot be read (a
    /// folder that is being replaced) leaves the last look standing; the next change tries again.
    fn look(&self, seen: &Seen) {
        let mut kept = lock(&self.files);
        let files = match seen {
            Seen::Files(changed) => load::work_tree_again(&self.dir, &kept.0, changed),
            Seen::Anything => load::work_tree_files(&self.dir),
        };
        let newsroom = match files {
            Ok(files) => {
                kept.0 = files.clone();
                files.newsroom(&mut kept.1)
            }
            Err(error) => {
                tracing::warn!(%error, "the newsroom cannot be read; the preview shows it as it was");
                return;
            }
        };
        drop(kept);
        let before = self.snapshot();
        let Some((next, change)) = before.next(newsroom, self.clock.now()) else { return };
        *lock(&self.snapshot) = Arc::new(next);
        let text = serde_json::to_string(&change).unwrap_or_default();
        // Nobody listening is no error.
        let _ = self.news.send(Arc::new(News { all: change.all, text }));
    }

    /// What plans have in common while releases stay as they are.
    pub fn known(&self) -> MutexGuard<'_, plan::Known> {
        lock(&self.known)
    }

    /// What would leave of one release if it were issued as it stands, without the contact book: no other release makes
    /// a difference to that.
    pub fn plan(&self, newsroom: &Newsroom, release: &Arc<Release>) -> Plan {
        let mut alone = newsroom.clone();
        alone.releases = BTreeMap::from([(release.slug.clone(), Arc::clone(release))]);
        Planner::new(&alone, &Held::default(), self.clock.now()).finish()
    }

    /// The newsroom as it stands in a commit, and the commit's full name. An error is words for the editor.
    pub fn at_commit(&self, revision: &str) -> Result<(String, Arc<Newsroom>), String> {
        let commit = commit::resolve(&self.dir, revision)?;
        if let Some((_, newsroom)) = lock(&self.commits).iter().find(|(known, _)| *known == commit.name) {
            return Ok((commit.name, Arc::clone(newsroom)));
        }
        let newsroom = Arc::new(commit.newsroom()?);
        let mut commits = lock(&self.commits);
        commits.truncate(COMMITS - 1);
        commits.push_front((commit.name.clone(), Arc::clone(&newsroom)));
        Ok((commit.name, newsroom))
    }

    /// Renders one edition of a look, or finds it among those rendered from the same.
    pub fn edition(
        &self,
        snapshot: &Snapshot,
        newsroom: &Arc<Newsroom>,
        request: &Request,
    ) -> Result<Arc<Edition>, RenderError> {
        let slugs = request.digest_of.iter().chain([&request.slug]).map(String::as_str);
        let stamp = snapshot.stamp(slugs);
        let known = lock(&self.editions)
            .iter()
            .find(|(made, asked, _)| *made == stamp && asked == request)
            .map(|(_, _, edition)| edition.clone());
        if let Some(edition) = known {
            return edition;
        }
        let latest = self.renderer(&snapshot.newsroom);
        // An older newsroom, that of a broken release, must not push the latest one's out.
        let edition = if Arc::ptr_eq(newsroom, &snapshot.newsroom) {
            latest.edition(request)
        } else {
            latest.next(Arc::clone(newsroom)).edition(request)
        };
        let edition = edition.map(Arc::new);
        let mut editions = lock(&self.editions);
        editions.retain(|(_, asked, _)| asked != request);
        editions.truncate(KEPT - 1);
        editions.push_front((stamp, request.clone(), edition.clone()));
        edition
    }

    /// The renderer of `newsroom`. Requests that come meanwhile wait for it: each would compile the same.
    fn renderer(&self, newsroom: &Arc<Newsroom>) -> Arc<Renderer<'static>> {
        let mut kept = lock(&self.renderer);
        if let Some((_, renderer)) = kept.as_ref().filter(|(known, _)| Arc::ptr_eq(known, newsroom)) {
            return Arc::clone(renderer);
        }
        let next = Arc::clone(newsroom);
        let renderer = match kept.as_ref() {
            Some((_, before)) => before.next(next),
            None => Renderer::shared(next),
        };
        let renderer = Arc::new(renderer);
        *kept = Some((Arc::clone(newsroom), Arc::clone(&renderer)));
        renderer
    }
}

/// A panic elsewhere leaves whole values behind, so a poisoned lock is taken all the same.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
