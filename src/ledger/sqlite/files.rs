//! The ledger's folder: the database, the lock that makes dispatch one process's, and the mark.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ledger::LedgerError;

/// The ledger's folder.
pub(super) struct Files {
    folder: PathBuf,
}

/// What stands beside the ledger so that an older copy of it can be told from the ledger itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The ledger's name.
    pub lineage: String,
    /// The serial that the ledger had.
    pub serial: i64,
    /// Its newest attempt.
    pub attempt: i64,
}

impl Files {
    /// Makes the folder (mode 0700) and the database's file (0600) where there are none.
    pub(super) fn prepare(folder: &Path) -> Result<Files, LedgerError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| LedgerError::Io { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail(folder))?;
        let files = Files { folder: folder.to_owned() };
        let database = files.database();
        // SQLite gives its -wal and -shm files the mode of the database.
        open(&database).map_err(fail(&database))?;
        Ok(files)
    }

    /// The database's path.
    pub(super) fn database(&self) -> PathBuf {
        self.folder.join("ledger.db")
    }

    /// Takes the lock for dispatch; it lasts as long as the file is open.
    pub(super) fn lock(&self) -> Result<File, LedgerError> {
        let path = self.folder.join("ledger.lock");
        let file = open(&path).map_err(|source| LedgerError::Io { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(LedgerError::Locked(path)),
            Err(TryLockError::Error(source)) => Err(LedgerError::Io { path, source }),
        }
    }

    /// Replaces the mark; it is whole or the old one, whatever happens.
    pub(super) fn write_mark(&self, mark: &Mark) -> Result<(), LedgerError> {
        let path = self.folder.join("ledger.mark");
        let new = self.folder.join("ledger.mark.new");
        let write = || {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&serde_json::to_vec(mark)?)?;
            file.sync_all()?;
            std::fs::rename(&new, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|source| LedgerError::Io { path: path.clone(), source })
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn nobody_else_can_read_the_folder_or_its_files() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        let files = Files::prepare(&folder).unwrap();
        let _lock = files.lock().unwrap();
        files.write_mark(&Mark { lineage: "l".into(), serial: 1, attempt: 2 }).unwrap();
        assert_eq!(mode(&folder), 0o700);
        for name in ["ledger.db", "ledger.lock", "ledger.mark"] {
            assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn one_lock_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::prepare(folder.path()).unwrap();
        let lock = files.lock().unwrap();
        assert!(matches!(files.lock(), Err(LedgerError::Locked(_))));
        drop(lock);
        files.lock().unwrap();
    }
}
