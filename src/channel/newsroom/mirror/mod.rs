//! The site, sent on: as objects of a bucket, or as a commit of a branch.
//!
//! What is written in the folder is the truth; what was sent on is kept in a list beside it, by content. After each delivery all that
//! differs goes out in the order in which links lead: media, pages, indexes, feeds, sitemaps, each once all of those before it are there; what
//! is gone is removed last. All of it may be repeated, and a delivery is done when nothing differs any more. Without the list everything is sent again.

mod git;
mod s3;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::channel::adapter::Setup;
use crate::channel::config::NewsroomConfig;
use crate::channel::folder::{Folder, PRIVATE, Trouble};
use crate::channel::{Diagnosis, Failure};
use crate::digest::Digest;

pub use git::Branch;
pub use s3::Bucket;

/// The name of the list.
const SENT: &str = "sent.json";
/// How many files of a bucket are on their way at the same time.
const AT_ONCE: usize = 8;

/// Where the site is sent on to.
pub struct Mirror {
    folder: Folder,
    place: Place,
    /// One at a time.
    busy: tokio::sync::Mutex<()>,
}

enum Place {
    Bucket(Arc<Bucket>),
    Branch(Box<Branch>),
}

/// A file as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    sha: String,
    /// Length and time of the file whose content that was: unchanged, it is not read again.
    length: u64,
    changed: u128,
}

/// What differs.
#[derive(Debug, Default)]
struct Changes {
    /// Everything that stands in the folder.
    now: BTreeMap<String, File>,
    /// What was sent.
    before: BTreeMap<String, File>,
}

impl Changes {
    /// What is to be sent, in order.
    fn fresh(&self) -> Vec<&str> {
        let differs = |(path, file): &(&String, &File)| {
            self.before.get(*path).is_none_or(|before| before.sha != file.sha)
        };
        let mut paths: Vec<&str> = self.now.iter().filter(differs).map(|(path, _)| path.as_str()).collect();
        paths.sort_by_key(|path| (rank(path), *path));
        paths
    }

    /// What is to be removed.
    fn gone(&self) -> Vec<&str> {
        self.before.keys().filter(|path| !self.now.contains_key(*path)).map(String::as_str).collect()
    }

    fn is_none(&self) -> bool {
        self.fresh().is_empty() && self.gone().is_empty()
    }
}

/// What links to a file comes after it.
fn rank(path: &str) -> u8 {
    let name = path.rsplit('/').next().unwrap_or(path);
    let depth = path.matches('/').count();
    match name {
        "sitemap.xml" | "news-sitemap.xml" | "robots.txt" => 4,
        _ if path.starts_with("sitemaps/") || path.contains("/sitemaps/") => 4,
        "atom.xml" | "rss.xml" | "feed.json" | "podcast.xml" => 3,
        // Start pages, years and tags are nearer to the top than a release.
        "index.html" if depth < 2 || path.contains("tags/") => 2,
        "index.html" => 1,
        _ => 0,
    }
}

impl Mirror {
    /// Where `config` wants the site to be sent on to, if anywhere.
    pub fn open(config: &NewsroomConfig, setup: &Setup<'_>) -> Result<Option<Mirror>, String> {
        let folder = Folder::new(setup.root.join(&config.dir));
        let place = match (&config.s3, &config.git) {
            (Some(s3), _) => Place::Bucket(Arc::new(Bucket::open(s3, setup)?)),
            (None, Some(git)) => Place::Branch(Box::new(Branch::open(git, &folder, setup))),
            (None, None) => return Ok(None),
        };
        Ok(Some(Mirror { folder, place, busy: tokio::sync::Mutex::new(()) }))
    }

    /// Sends on what differs. May be repeated.
    pub async fn send(&self, now: Timestamp) -> Result<(), Failure> {
        let _one = self.busy.lock().await;
        let mut changes = self.changes().await?;
        match &self.place {
            Place::Bucket(bucket) => {
                let fresh: Vec<String> = changes.fresh().into_iter().map(str::to_owned).collect();
                // What links to files begins when all of them are there.
                for level in fresh.chunk_by(|one, next| rank(one) == rank(next)) {
                    self.put(bucket, level, &mut changes, now).await?;
                }
                for path in changes.gone().into_iter().map(str::to_owned).collect::<Vec<_>>() {
                    bucket.remove(&path, now).await?;
                    changes.before.remove(&path);
                    self.note(&changes.before)?;
                }
            }
            Place::Branch(branch) => {
                if !changes.is_none() {
                    branch.push(&changes.gone(), now).await?;
                }
            }
        }
        self.note(&changes.now)
    }

    /// Puts files into a bucket, [`AT_ONCE`] at a time, and notes each that is there: it is not sent again after a death.
    async fn put(
        &self,
        bucket: &Arc<Bucket>,
        paths: &[String],
        changes: &mut Changes,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let (mut waiting, mut sending) = (paths.iter(), JoinSet::new());
        let mut failed = None;
        loop {
            while failed.is_none()
                && sending.len() < AT_ONCE
                && let Some(path) = waiting.next()
            {
                let bytes = self.folder.read(path).map_err(Trouble::failure)?;
                let bytes = bytes.ok_or_else(|| Failure::again(format!("{path} is gone meanwhile")))?;
                let (bucket, path) = (Arc::clone(bucket), path.clone());
                sending.spawn(async move { bucket.put(&path, bytes, now).await.map(|()| path) });
            }
            // After a failure nothing more begins; what is on its way is waited for, so that it is not sent again.
            match sending.join_next().await {
                None => return failed.map_or(Ok(()), Err),
                Some(Ok(Ok(path))) => {
                    if let Some(file) = changes.now.get(&path) {
                        changes.before.insert(path, file.clone());
                    }
                    self.note(&changes.before)?;
                }
                Some(Ok(Err(failure))) => failed = failed.or(Some(failure)),
                Some(Err(_)) => failed = failed.or(Some(Failure::again("sending the site on broke off"))),
            }
        }
    }

    /// Whether everything was sent on.
    pub async fn is_done(&self) -> Result<bool, Failure> {
        Ok(self.changes().await?.is_none())
    }

    /// Looks whether the place can be reached and written to.
    pub async fn examine(&self) -> Diagnosis {
        match &self.place {
            Place::Bucket(bucket) => bucket.examine().await,
            Place::Branch(branch) => branch.examine().await,
        }
    }

    async fn changes(&self) -> Result<Changes, Failure> {
        let folder = self.folder.clone();
        let look = move || -> Result<Changes, Trouble> {
            let sent = folder.private().read(SENT)?;
            let before: BTreeMap<String, File> =
                sent.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
            let mut now = BTreeMap::new();
            walk(folder.root(), "", &before, &mut now)?;
            Ok(Changes { now, before })
        };
        let looked = tokio::task::spawn_blocking(look).await;
        looked.map_err(|_| Failure::again("looking at the site broke off"))?.map_err(Trouble::failure)
    }

    fn note(&self, sent: &BTreeMap<String, File>) -> Result<(), Failure> {
        let bytes = serde_json::to_vec(sent).unwrap_or_default();
        self.folder.private().write(SENT, &bytes).map(|_| ()).map_err(Trouble::failure)
    }
}

/// Gathers the files below `folder`, but what is hidden and what is a link.
fn walk(
    folder: &Path,
    inside: &str,
    before: &BTreeMap<String, File>,
    found: &mut BTreeMap<String, File>,
) -> Result<(), Trouble> {
    let at: PathBuf = folder.join(inside);
    let disk = |source| Trouble::Disk { path: at.display().to_string(), source };
    let entries = match fs::read_dir(&at) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(disk(error)),
    };
    for entry in entries {
        let entry = entry.map_err(disk)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') || name == PRIVATE {
            continue;
        }
        let path = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        let kind = entry.file_type().map_err(disk)?;
        if kind.is_dir() {
            walk(folder, &path, before, found)?;
        } else if kind.is_file() {
            let facts = entry.metadata().map_err(disk)?;
            let changed = facts.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let (length, changed) = (facts.len(), changed.map_or(0, |at| at.as_nanos()));
            let same = before.get(&path).filter(|old| old.length == length && old.changed == changed);
            let file = match same {
                Some(old) => old.clone(),
                None => {
                    let bytes = fs::read(entry.path()).map_err(disk)?;
                    File { sha: Digest::of(&bytes).to_string(), length, changed }
                }
            };
            found.insert(path, file);
        }
    }
    Ok(())
}

#[cfg(test)]
mod order {
    use super::*;

    #[test]
    fn what_links_comes_after_what_it_links_to() {
        let mut paths = [
            "sitemap.xml",
            "index.html",
            "rss.xml",
            "2026/aster-ev/index.html",
            "2026/aster-ev/front.jpg",
            "2026/index.html",
            "tags/ev/index.html",
            "sv/2026/aster-ev/index.html",
            "sv/tags/ev/index.html",
            "robots.txt",
            "sitemaps/2026.xml",
            "feed.json",
        ];
        paths.sort_by_key(|path| (rank(path), *path));
        assert_eq!(
            paths.join(" "),
            "2026/aster-ev/front.jpg 2026/aster-ev/index.html sv/2026/aster-ev/index.html 2026/index.html index.html \
             sv/tags/ev/index.html tags/ev/index.html feed.json rss.xml robots.txt sitemap.xml sitemaps/2026.xml"
        );
    }

    #[test]
    fn only_what_differs_goes_out_and_hidden_files_never() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("index.html", "one");
        write("2026/a/index.html", "a");
        write(".dateline/entries/x.json", "secret");
        write(".htaccess", "secret");
        let look = |before: BTreeMap<String, File>| {
            let mut now = BTreeMap::new();
            walk(dir.path(), "", &before, &mut now).unwrap();
            Changes { now, before }
        };
        let first = look(BTreeMap::new());
        assert_eq!(first.fresh(), ["2026/a/index.html", "index.html"]);
        assert!(look(first.now.clone()).is_none());
        write("index.html", "two and more");
        fs::remove_dir_all(dir.path().join("2026")).unwrap();
        let second = look(first.now);
        assert_eq!((second.fresh(), second.gone()), (vec!["index.html"], vec!["2026/a/index.html"]));
    }
}
