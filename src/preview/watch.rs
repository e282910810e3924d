//! When something in the newsroom's folder may have changed, and what.
//!
//! The system is asked to tell of changes in folders, never of single files: editors save by
//! renaming a new file over the old one, and a watch on the file would follow the old one.
//! A file that was closed after writing, or renamed to its name, is complete and is reported at once; where
//! it is not known whether more will come, and while changes follow each other closely (a checkout), it
//! is waited until it has been quiet for [`QUIET`]. Where the system tells nothing (network mounts), a look
//! at names, sizes and times every [`POLL`] finds what changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{EventKind, RecursiveMode, Watcher as _};

use crate::digest::Digest;
use crate::newsroom;

/// So long nothing must happen before a change counts as complete of which that is not known.
const QUIET: Duration = Duration::from_millis(15);
/// Changes that come sooner after each other belong together.
const TOGETHER: Duration = Duration::from_millis(50);
/// A folder that never gets quiet is looked at this often all the same.
const PATIENCE: Duration = Duration::from_millis(250);
/// How often names, sizes and times are compared.
const POLL: Duration = Duration::from_secs(2);

/// What may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// These files, and nothing else.
    Files(Vec<PathBuf>),
    /// Anything.
    Anything,
}

/// What wakes the watcher.
enum Wake {
    Changed(notify::Event),
    Stop,
}

/// Waits for changes below one newsroom.
pub struct Watcher {
    dir: PathBuf,
    wakes: Receiver<Wake>,
    sender: Sender<Wake>,
    system: Option<notify::RecommendedWatcher>,
    watched: Vec<PathBuf>,
    fingerprint: Digest,
    /// When the last change was told.
    last: Option<Instant>,
}

/// Ends the wait of a [`Watcher`] from another thread.
#[derive(Clone)]
pub struct Stopper(Sender<Wake>);

impl Stopper {
    /// Ends it; a watcher that has gone already is no error.
    pub fn stop(&self) {
        let _ = self.0.send(Wake::Stop);
    }
}

impl Watcher {
    /// Begins to watch. Never fails: without the system's help the slow look remains, and the
    /// second value says why.
    pub fn new(dir: &Path) -> (Watcher, Option<String>) {
        let (sender, wakes) = channel();
        let told = sender.clone();
        let system = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if let Ok(event) = event
                && matters(event.kind)
            {
                let _ = told.send(Wake::Changed(event));
            }
        });
        let (system, trouble) = match system {
            Ok(system) => (Some(system), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let mut watcher = Watcher {
            dir: dir.to_owned(),
            wakes,
            sender,
            system,
            watched: Vec::new(),
            fingerprint: fingerprint(dir),
            last: None,
        };
        let trouble = watcher.watch_folders().or(trouble);
        (watcher, trouble)
    }

    /// A handle that ends the wait.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.sender.clone())
    }

    /// Waits until something may have changed and says what; nothing when it was stopped.
    pub fn changed(&mut self) -> Option<Seen> {
        loop {
            match self.wakes.recv_timeout(POLL) {
                Ok(Wake::Changed(event)) => {
                    let mut news = News::default();
                    news.take(&self.dir, &event);
                    if news.is_empty() {
                        continue;
                    }
                    self.settle(&mut news)?;
                    self.watch_folders();
                    return Some(news.seen());
                }
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    let now = fingerprint(&self.dir);
                    if now != self.fingerprint {
                        self.fingerprint = now;
                        self.watch_folders();
                        return Some(Seen::Anything);
                    }
                }
            }
        }
    }

    /// Takes in what comes together; nothing when it was stopped.
    fn settle(&mut self, news: &mut News) -> Option<()> {
        let began = Instant::now();
        let busy = self.last.is_some_and(|last| last.elapsed() < TOGETHER);
        while began.elapsed() < PATIENCE {
            let wait = if news.complete() && !busy { Duration::ZERO } else { QUIET };
            match self.wakes.recv_timeout(wait) {
                Ok(Wake::Changed(event)) => news.take(&self.dir, &event),
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        self.last = Some(Instant::now());
        Some(())
    }

    /// Watches the newsroom's folder itself, and everything below the folders it reads. A folder
    /// that comes later, or comes back, is found because its parent is watched.
    fn watch_folders(&mut self) -> Option<String> {
        let system = self.system.as_mut()?;
        let mut trouble = None;
        let roots = ["releases", "audiences", "templates"].map(|root| self.dir.join(root));
        let wanted = std::iter::once((self.dir.clone(), RecursiveMode::NonRecursive))
            .chain(roots.into_iter().map(|root| (root, RecursiveMode::Recursive)));
        for (folder, mode) in wanted {
            let there = folder.is_dir();
            let known = self.watched.contains(&folder);
            if there && !known {
                match system.watch(&folder, mode) {
                    Ok(()) => self.watched.push(folder),
                    Err(error) => trouble = Some(error.to_string()),
                }
            } else if !there && known {
                self.watched.retain(|watched| *watched != folder);
            }
        }
        trouble
    }
}

/// Changes that are told of together.
#[derive(Default)]
struct News {
    files: BTreeSet<PathBuf>,
    /// Files of which more may come: their bytes, or their new selves.
    open: BTreeSet<PathBuf>,
    /// Something changed of which no file's name says enough.
    anything: bool,
}

impl News {
    /// Takes in what the system says of `dir`.
    fn take(&mut self, dir: &Path, event: &notify::Event) {
        if event.need_rescan() || event.paths.is_empty() {
            self.anything = true;
            return;
        }
        let last = event.paths.len() - 1;
        for (at, path) in event.paths.iter().enumerate() {
            match path.strip_prefix(dir).ok().and_then(Path::to_str) {
                // Swap files of editors, and what is not read at all.
                Some(below) if !concerns(below) => continue,
                Some(_) => {}
                None => self.anything = true,
            }
            let complete = match event.kind {
                EventKind::Access(_) | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => true,
                EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => at == last,
                _ => false,
            };
            if complete {
                self.open.remove(path);
            } else {
                self.open.insert(path.clone());
            }
            self.files.insert(path.clone());
        }
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty() && !self.anything
    }

    /// Whether nothing more has to come.
    fn complete(&self) -> bool {
        self.open.is_empty() && !self.anything
    }

    fn seen(self) -> Seen {
        if self.anything { Seen::Anything } else { Seen::Files(self.files.into_iter().collect()) }
    }
}

/// Whether a change of the path `below` the newsroom can make a difference; the newsroom's folder itself is empty.
fn concerns(below: &str) -> bool {
    let path = below.replace(std::path::MAIN_SEPARATOR, "/");
    let hidden = path.split('/').any(|part| part.starts_with('.'));
    let root = ["", "releases", "audiences", "templates"].contains(&path.as_str());
    root || (!hidden && newsroom::wanted(&path))
}

/// Reading a file is no change; without this we would wake ourselves.
fn matters(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

/// Names everything that `load` would read by path, size and time of change. What cannot be
/// read counts as absent.
fn fingerprint(dir: &Path) -> Digest {
    let mut lines = Vec::new();
    collect(dir, "", &mut lines);
    lines.sort_unstable();
    Digest::of(lines.join("\n").as_bytes())
}

fn collect(dir: &Path, below: &str, lines: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let path = format!("{below}{}", name.to_string_lossy());
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            if ["releases", "audiences", "templates"].contains(&path.as_str()) || !below.is_empty() {
                collect(&entry.path(), &format!("{path}/"), lines);
            }
        } else if newsroom::wanted(&path) {
            let changed = meta
                .modified()
                .ok()
                .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
                .unwrap_or_default();
            lines.push(format!("{path} {} {}", meta.len(), changed.as_nanos()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `change` in a watched newsroom and says what was noticed.
    fn noticed(change: impl Fn(&Path)) -> Option<Seen> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("dateline.yaml"), "").unwrap();
        std::fs::create_dir_all(dir.path().join("releases/2026")).unwrap();
        std::fs::create_dir_all(dir.path().join("state")).unwrap();
        std::fs::write(dir.path().join("releases/2026/a.md"), "one").unwrap();
        let (mut watcher, trouble) = Watcher::new(dir.path());
        assert_eq!(trouble, None);
        let (tell, told) = channel();
        let stopper = watcher.stopper();
        let thread = std::thread::spawn(move || tell.send(watcher.changed()).unwrap());
        change(dir.path());
        // Far less than POLL, so that it is the system that tells.
        let noticed = told.recv_timeout(Duration::from_secs(1)).unwrap_or(None);
        stopper.stop();
        thread.join().unwrap();
        noticed.map(|seen| match seen {
            Seen::Files(files) => Seen::Files(
                files.iter().map(|file| file.strip_prefix(dir.path()).unwrap().to_owned()).collect(),
            ),
            Seen::Anything => Seen::Anything,
        })
    }

    #[test]
    fn saves_of_every_kind_are_noticed_and_reading_is_not() {
        let release = "releases/2026/a.md";
        let files = |names: &[&str]| Some(Seen::Files(names.iter().map(PathBuf::from).collect()));
        assert_eq!(noticed(|dir| std::fs::write(dir.join(release), "two").unwrap()), files(&[release]));
        let renamed = noticed(|dir| {
            std::fs::write(dir.join("releases/2026/.a.md.new"), "two").unwrap();
            std::fs::rename(dir.join("releases/2026/.a.md.new"), dir.join(release)).unwrap();
        });
        assert_eq!(renamed, files(&[release]));
        assert_eq!(noticed(|dir| std::fs::remove_file(dir.join(release)).unwrap()), files(&[release]));
        assert_eq!(noticed(|dir| std::fs::create_dir(dir.join("audiences")).unwrap()), files(&["audiences"]));
        let settings = noticed(|dir| std::fs::write(dir.join("dateline.yaml"), "name: x").unwrap());
        assert_eq!(settings, files(&["dateline.yaml"]));
        let nothing = |dir: &Path| assert_eq!(std::fs::read_to_string(dir.join(release)).unwrap(), "one");
        assert_eq!(noticed(nothing), None);
        assert_eq!(noticed(|dir| std::fs::write(dir.join("state/ledger.db"), "x").unwrap()), None);
        assert_eq!(noticed(|dir| std::fs::write(dir.join("releases/2026/.a.md.swp"), "x").unwrap()), None);
    }

    /// What is still to come after these events: a kind for each path.
    #[test]
    fn a_file_is_complete_when_it_is_closed_or_has_its_name() {
        use notify::event::{CreateKind, DataChange, RemoveKind};
        let dir = Path::new("/n");
        let data = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let name = |mode| EventKind::Modify(ModifyKind::Name(mode));
        let gone = EventKind::Remove(RemoveKind::File);
        let created = EventKind::Create(CreateKind::File);
        for (events, complete) in [
            (vec![(data, "a")], false),
            (vec![(data, "a"), (data, "a"), (closed, "a")], true),
            (vec![(created, "b"), (data, "a"), (closed, "a")], false),
            (vec![(name(RenameMode::From), "a")], false),
            (vec![(name(RenameMode::From), "a"), (created, "a"), (data, "a"), (closed, "a")], true),
            (vec![(name(RenameMode::To), "a")], true),
            (vec![(gone, "a")], false),
            (vec![(gone, "a"), (name(RenameMode::To), "a")], true),
        ] {
            let mut news = News::default();
            for (kind, path) in &events {
                let path = dir.join(format!("releases/{path}.md"));
                news.take(dir, &notify::Event::new(*kind).add_path(path));
            }
            assert_eq!(news.complete(), complete, "{events:?}");
            assert!(matches!(news.seen(), Seen::Files(_)));
        }
        let mut news = News::default();
        news.take(dir, &notify::Event::new(data).set_flag(notify::event::Flag::Rescan));
        assert_eq!((news.complete(), news.seen()), (false, Seen::Anything));
    }

    #[test]
    fn the_slow_look_sees_what_the_newsroom_reads() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("releases/2026")).unwrap();
        let empty = fingerprint(dir.path());
        std::fs::write(dir.path().join("notes.txt"), "x").unwrap();
        assert_eq!(fingerprint(dir.path()), empty);
        std::fs::write(dir.path().join("releases/2026/a.md"), "x").unwrap();
        let one = fingerprint(dir.path());
        assert_ne!(one, empty);
        std::fs::write(dir.path().join("releases/2026/a.md"), "xy").unwrap();
        assert_ne!(fingerprint(dir.path()), one);
    }
}
