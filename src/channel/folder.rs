//! Files that appear whole or not at all.
//!
//! A file is written beside its place, flushed to the disk, renamed into its place, and the
//! directory is flushed: after a power cut there is the old file or the new one. Files that have
//! the right bytes already are left alone, so that writing twice changes nothing.
//!
//! Paths come from releases, so none is trusted: [`relative`] lets plain names through and nothing
//! else, and nothing is written through a symbolic link below the folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The directory for files in the making and for what only we read. Its dot keeps web servers from
/// serving it and [`relative`] from reaching it.
pub const PRIVATE: &str = ".dateline";

/// A folder.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The name would lead elsewhere, or is none on some system.
    #[error("`{0}` cannot be a file name here; use letters, digits, `-`, `_` and `.`")]
    Name(String),
    /// The disk refuses.
    #[error("{path}: {source}")]
    Disk {
        /// The file.
        path: String,
        /// What the disk says.
        source: io::Error,
    },
    /// What stands there is newer.
    #[error("{0}")]
    Newer(String),
}

impl Trouble {
    /// What this means for a delivery.
    pub fn failure(self) -> super::Failure {
        use super::{Failure, Reply};
        let words = self.to_string();
        match self {
            Trouble::Name(_) | Trouble::Newer(_) => {
                Failure::Refused { reply: Reply::note(words), suppress: false }
            }
            Trouble::Disk { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Failure::HoldChannel {
                    reply: Reply::note(format!(
                        "{words}; let Dateline's user write there, then resume the channel"
                    )),
                },
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::Later {
                    reply: Reply::note(format!("{words}; make room on that disk")),
                    retry_after: None,
                },
                _ => Failure::again(words),
            },
        }
    }
}

/// A path below a folder, if every part of it is a plain name.
pub fn relative(path: &str) -> Result<PathBuf, Trouble> {
    let mut relative = PathBuf::new();
    for name in path.split('/') {
        if !plain(name) {
            return Err(Trouble::Name(path.to_owned()));
        }
        relative.push(name);
    }
    Ok(relative)
}

/// Whether `name` is one plain file name on every system, and not hidden.
pub fn plain(name: &str) -> bool {
    const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let port = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
    };
    !name.is_empty()
        && name.len() <= 150
        && !name.starts_with('.')
        && !name.ends_with(['.', ' '])
        && !name.chars().any(|c| c.is_control() || "/\\:*?\"<>|".contains(c))
        && !DEVICES.contains(&stem.as_str())
        && !port("com")
        && !port("lpt")
}

impl Folder {
    /// The folder at `root`, which is made when something is written.
    pub fn new(root: impl Into<PathBuf>) -> Folder {
        Folder { root: root.into() }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The private part of the folder.
    #[must_use]
    pub fn private(&self) -> Folder {
        Folder { root: self.root.join(PRIVATE) }
    }

    /// Makes the folder and its private part.
    pub fn make(&self) -> Result<(), Trouble> {
        let temp = self.root.join(PRIVATE).join("tmp");
        fs::create_dir_all(&temp).map_err(|source| disk(&temp, source))
    }

    /// Puts `bytes` at `path`. Says whether anything changed.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<bool, Trouble> {
        let target = self.root.join(relative(path)?);
        self.no_links(&target)?;
        if same(&target, bytes) {
            return Ok(false);
        }
        let parent = target.parent().unwrap_or(&self.root).to_path_buf();
        make_dirs(&parent).map_err(|source| disk(&parent, source))?;
        let temp = self.temp(path);
        let made = (|| {
            if let Some(folder) = temp.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut file = File::create(&temp)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temp, &target)?;
            File::open(&parent)?.sync_all()
        })();
        made.map_err(|source| {
            let _ = fs::remove_file(&temp);
            disk(&target, source)
        })?;
        Ok(true)
    }

    /// Takes away what stands at `path`, and directories that are empty then.
    pub fn remove(&self, path: &str) -> Result<(), Trouble> {
        let target = self.root.join(relative(path)?);
        self.no_links(&target)?;
        match fs::remove_file(&target) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(disk(&target, source)),
            _ => {}
        }
        let mut folder = target.parent();
        while let Some(at) = folder.filter(|at| *at != self.root && at.starts_with(&self.root)) {
            if fs::remove_dir(at).is_err() {
                // It holds something, or is gone already; what is left is made durable.
                let _ = File::open(at).and_then(|at| at.sync_all());
                break;
            }
            folder = at.parent();
        }
        Ok(())
    }

    /// What stands at `path`.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let target = self.root.join(relative(path)?);
        match fs::read(&target) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(disk(&target, source)),
        }
    }

    /// The names of the files in the directory `path`; none if there is no such directory.
    pub fn names(&self, path: &str) -> Result<Vec<String>, Trouble> {
        let target = self.root.join(relative(path)?);
        match fs::read_dir(&target) {
            Ok(files) => Ok(files
                .filter_map(|file| file.ok().filter(|file| file.path().is_file()))
                .filter_map(|file| file.file_name().into_string().ok())
                .collect()),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(disk(&target, source)),
        }
    }

    fn temp(&self, path: &str) -> PathBuf {
        let name = crate::digest::Digest::of(path.as_bytes()).to_string();
        let inside = self.root.file_name().is_some_and(|name| name == PRIVATE);
        let private = if inside { self.root.clone() } else { self.root.join(PRIVATE) };
        private.join("tmp").join(format!("{name}.{}", std::process::id()))
    }

    fn no_links(&self, target: &Path) -> Result<(), Trouble> {
        let below = target.strip_prefix(&self.root).unwrap_or(target);
        let mut at = self.root.clone();
        for name in below {
            at.push(name);
            if fs::symlink_metadata(&at).is_ok_and(|facts| facts.file_type().is_symlink()) {
                return Err(Trouble::Disk {
                    path: at.display().to_string(),
                    source: io::Error::new(io::ErrorKind::PermissionDenied, "is a symbolic link"),
                });
            }
        }
        Ok(())
    }
}

fn disk(path: &Path, source: io::Error) -> Trouble {
    Trouble::Disk { path: path.display().to_string(), source }
}

fn same(target: &Path, bytes: &[u8]) -> bool {
    fs::metadata(target).is_ok_and(|facts| facts.len() == bytes.len() as u64)
        && fs::read(target).is_ok_and(|there| there == bytes)
}

/// Makes a directory and those above it, each durable in the one that holds it.
fn make_dirs(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_dirs(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_paths() {
        for path in [
            "",
            "/",
            "a//b",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a/./b",
            ".git/config",
            "a/.hidden",
            "C:\\x",
            "a\\b",
            "a\0b",
            "a\nb",
            "CON",
            "con.txt",
            "nul",
            "COM1",
            "lpt9.jpg",
            "a.",
            "a ",
            "a:b",
            "a?b",
            "a/",
            "*",
        ] {
            assert!(relative(path).is_err(), "{path:?}");
        }
        assert!(relative(&"x".repeat(151)).is_err());
        for path in
            ["a", "2026/aster-ev/index.html", "console.jpg", "com.jpg", "bild-från-åmål.jpg", "a b.jpg"]
        {
            assert!(relative(path).is_ok(), "{path:?}");
        }
    }

    #[test]
    fn writing_twice_changes_nothing_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().join("site"));
        assert!(folder.write("2026/a/index.html", b"one").unwrap());
        assert!(!folder.write("2026/a/index.html", b"one").unwrap());
        assert!(folder.write("2026/a/index.html", b"two").unwrap());
        assert_eq!(folder.read("2026/a/index.html").unwrap().unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.root().join(".dateline/tmp")).unwrap().count(), 0);
        folder.remove("2026/a/index.html").unwrap();
        folder.remove("2026/a/index.html").unwrap();
        assert!(!folder.root().join("2026").exists());
        assert!(folder.root().exists());
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = Folder::new(dir.path());
        std::os::unix::fs::symlink(outside.path(), dir.path().join("2026")).unwrap();
        let trouble = folder.write("2026/index.html", b"x").unwrap_err();
        assert!(trouble.to_string().contains("symbolic link"), "{trouble}");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
