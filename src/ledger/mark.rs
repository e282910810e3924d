//! What stands beside the ledger, so that an older copy of it, another one or a new one can be told from the
//! ledger itself.
//!
//! A ledger that forgot what was sent would send it again. So the folder of whoever dispatches holds a mark: the
//! ledger's name, how far it had come, and its newest attempt. It is replaced about every second, whole or not at
//! all, and always after the ledger's own commit: a mark says at most what is on disk. Who opens a ledger compares.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::LedgerError;

/// How far a ledger has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The ledger's name.
    pub lineage: String,
    /// Grows with every transaction.
    pub serial: i64,
    /// Its newest attempt; 0 for none.
    pub attempt: i64,
}

/// What was found where the mark should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// No file.
    Nothing,
    /// A file that is no mark.
    Garbage,
    /// The mark.
    Mark(Mark),
}

/// Why a ledger cannot be trusted to know what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Amnesia {
    /// It had come further than this.
    Older {
        /// Where this one ends.
        here: Mark,
        /// How far it had come.
        mark: Mark,
    },
    /// The mark is of another ledger.
    Foreign {
        /// This one has nothing in it that was ever sent.
        new: bool,
        /// How far that one had come.
        mark: Mark,
    },
    /// There was sending, and no mark to compare with.
    Unmarked,
}

impl Amnesia {
    /// Compares a ledger with its mark; nothing where it is what it was.
    pub fn of(here: &Mark, found: &Found) -> Option<Amnesia> {
        match found {
            Found::Mark(mark) if mark.lineage != here.lineage => {
                Some(Amnesia::Foreign { new: here.attempt == 0, mark: mark.clone() })
            }
            Found::Mark(mark) if here.serial < mark.serial || here.attempt < mark.attempt => {
                Some(Amnesia::Older { here: here.clone(), mark: mark.clone() })
            }
            Found::Mark(_) => None,
            Found::Nothing | Found::Garbage => (here.attempt > 0).then_some(Amnesia::Unmarked),
        }
    }

    /// What a ledger must be at least from now on, so that what it replaces would be found out as well.
    pub fn at_least(&self) -> Option<(i64, i64)> {
        match self {
            Amnesia::Older { mark, .. } => Some((mark.serial, mark.attempt)),
            Amnesia::Foreign { .. } | Amnesia::Unmarked => None,
        }
    }
}

impl fmt::Display for Amnesia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amnesia::Older { here, mark } => {
                let lost = mark.attempt.saturating_sub(here.attempt);
                write!(
                    f,
                    "this is an older copy of the ledger: it ends at change {}, the ledger had come to {}; \
                     {lost} attempts are missing",
                    here.serial, mark.serial
                )
            }
            Amnesia::Foreign { new: true, mark } => write!(
                f,
                "the ledger is new, but there was one here with {} attempts; its file is gone",
                mark.attempt
            ),
            Amnesia::Foreign { new: false, .. } => {
                f.write_str("this is another ledger than the one that was here")
            }
            Amnesia::Unmarked => f.write_str(
                "`ledger.mark` is gone, so nobody can tell whether this ledger is an older copy of itself",
            ),
        }
    }
}

/// The mark's place.
#[derive(Debug, Clone)]
pub(super) struct MarkFile {
    folder: PathBuf,
}

impl MarkFile {
    /// The mark in `folder`.
    pub fn new(folder: &Path) -> MarkFile {
        MarkFile { folder: folder.to_owned() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self) -> PathBuf {
        self.folder.join("ledger.mark")
    }

    /// Reads it.
    pub fn read(&self) -> Result<Found, LedgerError> {
        match std::fs::read(self.path()) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).map_or(Found::Garbage, Found::Mark)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(source) => Err(LedgerError::Io { path: self.path(), source }),
        }
    }

    /// Replaces it; it is whole or the old one, whatever happens.
    ///
    /// `for_good` also syncs the folder, so that the new one is there after a loss of power. Without it the old one
    /// may come back, which only says less: fit for every second.
    pub fn write(&self, mark: &Mark, for_good: bool) -> Result<(), LedgerError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // Several processes and threads may write at once; none must write into another's file.
        let name = format!(".mark.{}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let new = self.folder.join(name);
        let write = || {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&serde_json::to_vec(mark)?)?;
            file.sync_all()?;
            std::fs::rename(&new, self.path())?;
            if for_good { File::open(&self.folder)?.sync_all() } else { Ok(()) }
        };
        write().map_err(|source| {
            // What is left of it is in nobody's way.
            let _ = std::fs::remove_file(&new);
            LedgerError::Io { path: self.path(), source }
        })
    }

    /// Replaces it, unless it says more of the same ledger: for processes that do not dispatch.
    pub fn write_if_newer(&self, mark: &Mark) -> Result<(), LedgerError> {
        match self.read()? {
            Found::Mark(there) if there.lineage == mark.lineage && there.serial >= mark.serial => Ok(()),
            _ => self.write(mark, true),
        }
    }

    /// Puts a mark that told of an alarm aside, as evidence.
    pub fn keep_as_evidence(&self) -> Result<(), LedgerError> {
        match std::fs::rename(self.path(), self.folder.join("ledger.mark.before")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(LedgerError::Io { path: self.path(), source: error })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(lineage: &str, serial: i64, attempt: i64) -> Mark {
        Mark { lineage: lineage.to_owned(), serial, attempt }
    }

    #[test]
    fn a_ledger_that_forgot_is_found_out() {
        let check = |here: (i64, i64), found: Found, expected: &str| {
            let amnesia = Amnesia::of(&mark("a", here.0, here.1), &found);
            let words = amnesia.map(|amnesia| amnesia.to_string()).unwrap_or_default();
            assert!(words.contains(expected) && words.is_empty() == expected.is_empty(), "{words}");
        };
        let of = |lineage, serial, attempt| Found::Mark(mark(lineage, serial, attempt));
        check((7, 2), of("a", 7, 2), "");
        // The mark is written after the commit, and not for each.
        check((9, 3), of("a", 7, 2), "");
        check((6, 2), of("a", 7, 2), "ends at change 6, the ledger had come to 7; 0 attempts are missing");
        check((6, 2), of("a", 70, 30), "28 attempts are missing");
        check((8, 1), of("a", 7, 2), "1 attempts are missing");
        check((90, 20), of("b", 7, 2), "another ledger");
        check((1, 0), of("b", 7, 2), "there was one here with 2 attempts");
        check((7, 2), Found::Nothing, "`ledger.mark` is gone");
        check((7, 2), Found::Garbage, "`ledger.mark` is gone");
        check((7, 0), Found::Nothing, "");
    }

    #[test]
    fn a_mark_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = MarkFile::new(folder.path());
        assert_eq!(file.read().unwrap(), Found::Nothing);
        file.write(&mark("a", 7, 2), true).unwrap();
        file.write(&mark("a", 9, 3), false).unwrap();
        assert_eq!(file.read().unwrap(), Found::Mark(mark("a", 9, 3)));
        file.write_if_newer(&mark("a", 8, 3)).unwrap();
        assert_eq!(file.read().unwrap(), Found::Mark(mark("a", 9, 3)));
        file.write_if_newer(&mark("a", 10, 3)).unwrap();
        assert_eq!(file.read().unwrap(), Found::Mark(mark("a", 10, 3)));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left lying");
        file.keep_as_evidence().unwrap();
        assert_eq!(file.read().unwrap(), Found::Nothing);
        std::fs::write(folder.path().join("ledger.mark"), "half a m").unwrap();
        assert_eq!(file.read().unwrap(), Found::Garbage);
    }
}
