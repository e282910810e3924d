//! When something in the newsroom's folder may have changed.
//!
//! The system is asked to tell of changes in folders, never of single files: editors save by
//! renaming a new file over the old one, and a watch on the file would follow the old one.
//! Changes that come together are reported once, as soon as it has been quiet for [`QUIET`].
//! Where the system tells nothing (network mounts), a look at names, sizes and times every
//! [`POLL`] finds what changed.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecursiveMode, Watcher as _};

use crate::digest::Digest;
use crate::newsroom;

/// So long nothing must happen before a change counts as complete.
const QUIET: Duration = Duration::from_millis(15);
/// A folder that never gets quiet is looked at this often all the same.
const PATIENCE: Duration = Duration::from_millis(250);
/// How often names, sizes and times are compared.
const POLL: Duration = Duration::from_secs(2);

/// What wakes the watcher.
enum Wake {
    Changed,
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
            if event.is_ok_and(|event| matters(event.kind)) {
                let _ = told.send(Wake::Changed);
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
        };
        let trouble = watcher.watch_folders().or(trouble);
        (watcher, trouble)
    }

    /// A handle that ends the wait.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.sender.clone())
    }

    /// Waits until something may have changed; `false` when it was stopped.
    pub fn changed(&mut self) -> bool {
        loop {
            match self.wakes.recv_timeout(POLL) {
                Ok(Wake::Changed) => {
                    let awake = self.settle();
                    self.watch_folders();
                    return awake;
                }
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => {
                    let now = fingerprint(&self.dir);
                    if now != self.fingerprint {
                        self.fingerprint = now;
                        self.watch_folders();
                        return true;
                    }
                }
            }
        }
    }

    /// Takes in what comes together; `false` when it was stopped.
    fn settle(&self) -> bool {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            match self.wakes.recv_timeout(QUIET) {
                Ok(Wake::Changed) => {}
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        true
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

    /// Runs `change` in a watched newsroom and says whether it was noticed.
    fn noticed(change: impl Fn(&Path)) -> bool {
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
        let noticed = told.recv_timeout(Duration::from_secs(1)).unwrap_or(false);
        stopper.stop();
        thread.join().unwrap();
        noticed
    }

    #[test]
    fn saves_of_every_kind_are_noticed_and_reading_is_not() {
        let release = "releases/2026/a.md";
        assert!(noticed(|dir| std::fs::write(dir.join(release), "two").unwrap()));
        assert!(noticed(|dir| {
            std::fs::write(dir.join("releases/2026/.a.md.new"), "two").unwrap();
            std::fs::rename(dir.join("releases/2026/.a.md.new"), dir.join(release)).unwrap();
        }));
        assert!(noticed(|dir| std::fs::remove_file(dir.join(release)).unwrap()));
        assert!(noticed(|dir| std::fs::create_dir(dir.join("audiences")).unwrap()));
        assert!(noticed(|dir| std::fs::write(dir.join("dateline.yaml"), "name: x").unwrap()));
        assert!(!noticed(|dir| assert_eq!(std::fs::read_to_string(dir.join(release)).unwrap(), "one")));
        assert!(!noticed(|dir| std::fs::write(dir.join("state/ledger.db"), "x").unwrap()));
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
