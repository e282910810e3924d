//! The ledger's folder: the database, the lock that makes dispatch one process's, and the mark.
//!
//! It is private to its owner and on a local disk, or it is refused: locks and syncs of network file systems do not
//! hold what SQLite needs of them.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::ledger::mark::MarkFile;
use crate::ledger::{LedgerConfig, LedgerError};

/// The ledger's folder.
#[derive(Clone)]
pub(super) struct Files {
    folder: PathBuf,
}

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl Files {
    /// Makes the folder (mode 0700) and the database's file (0600) where there are none; refuses a folder that others
    /// can read, or one that is not on a local disk. Their names are on disk afterwards: else the loss of power could
    /// take away the whole ledger, with all that was synced into it.
    pub(super) fn prepare(config: &LedgerConfig) -> Result<Files, LedgerError> {
        let folder = config.folder.as_path();
        let new = folder.ancestors().take_while(|up| !up.as_os_str().is_empty() && !up.exists()).count();
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail(folder))?;
        let mode = std::fs::metadata(folder).map_err(fail(folder))?.mode();
        if mode & 0o077 != 0 {
            return Err(LedgerError::Refused(format!(
                "`{}` is open to others (mode {:o}), and the ledger holds people's addresses; run `chmod 700 {}`",
                folder.display(),
                mode & 0o777,
                folder.display()
            )));
        }
        allowed(config, network_disk(folder)?)?;
        let files = Files { folder: folder.to_owned() };
        let database = files.database();
        // SQLite gives its -wal and -shm files the mode of the database.
        open(&database).map_err(fail(&database))?;
        sync(folder).map_err(fail(folder))?;
        for (at, above) in folder.ancestors().skip(1).take(new.max(1)).enumerate() {
            match sync(above) {
                // What was there before us may not be ours to open.
                Err(error) if at < new => return Err(fail(above)(error)),
                _ => {}
            }
        }
        Ok(files)
    }

    /// The database's path.
    pub(super) fn database(&self) -> PathBuf {
        self.folder.join("ledger.db")
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The mark's place.
    pub(super) fn mark(&self) -> MarkFile {
        MarkFile::new(&self.folder)
    }

    /// Which file the database is now.
    pub(super) fn database_id(&self) -> Result<FileId, LedgerError> {
        let path = self.database();
        let metadata = std::fs::metadata(&path).map_err(fail(&path))?;
        Ok(FileId(metadata.dev(), metadata.ino()))
    }

    /// Takes the lock for dispatch; it lasts as long as the file is open.
    pub(super) fn lock(&self) -> Result<File, LedgerError> {
        let path = self.folder.join("ledger.lock");
        let file = open(&path).map_err(fail(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(LedgerError::Locked(path)),
            Err(TryLockError::Error(source)) => Err(LedgerError::Io { path, source }),
        }
    }
}

/// Refuses a disk that is not local, unless the operator says that it will do.
fn allowed(config: &LedgerConfig, disk: Option<&'static str>) -> Result<(), LedgerError> {
    let Some(name) = disk else { return Ok(()) };
    let folder = config.folder.display();
    if config.allow_network_disk {
        tracing::warn!(%folder, disk = name, "the ledger's locks and syncs are only as good as this disk");
        return Ok(());
    }
    Err(LedgerError::Refused(format!(
        "`{folder}` is on {name}, whose locks and syncs cannot be relied on; put `ledger.folder` on a local disk, or several \
         daemons on PostgreSQL (`ledger.postgres`). Who can vouch for this disk says `ledger: {{ allow_network_disk: true }}`"
    )))
}

pub(super) fn fail(path: &Path) -> impl FnOnce(std::io::Error) -> LedgerError + use<> {
    let path = path.to_owned();
    move |source| LedgerError::Io { path, source }
}

/// Makes the names in a folder durable.
fn sync(folder: &Path) -> std::io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// The name of a file system that is not a local disk.
#[cfg(target_os = "linux")]
fn network_disk(folder: &Path) -> Result<Option<&'static str>, LedgerError> {
    let found = rustix::fs::statfs(folder).map_err(|errno| fail(folder)(std::io::Error::from(errno)))?.f_type;
    // The kernel's numbers are 32 bits wide; the field is not, and may be signed.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "32 bits are all there is")]
    let found = found as u32;
    Ok(NETWORK_DISKS.iter().find(|(magic, _)| *magic == found).map(|(_, name)| *name))
}

/// The numbers of statfs(2) and linux/magic.h.
#[cfg(target_os = "linux")]
const NETWORK_DISKS: [(u32, &str); 11] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9P"),
    (0x6573_5546, "FUSE"),
    (0x7375_7245, "Coda"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x786f_4256, "a shared folder of VirtualBox"),
];

#[cfg(not(target_os = "linux"))]
fn network_disk(_: &Path) -> Result<Option<&'static str>, LedgerError> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::ledger::mark::Mark;

    fn at(folder: &Path) -> LedgerConfig {
        LedgerConfig { folder: folder.to_owned(), ..LedgerConfig::default() }
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn nobody_else_can_read_the_folder_or_its_files() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        let files = Files::prepare(&at(&folder)).unwrap();
        let _lock = files.lock().unwrap();
        files.mark().write(&Mark { lineage: "l".into(), serial: 1, attempt: 2 }, true).unwrap();
        assert_eq!(mode(&folder), 0o700);
        for name in ["ledger.db", "ledger.lock", "ledger.mark"] {
            assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn a_folder_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (open, good) in [(0o700, true), (0o750, false), (0o705, false), (0o711, false)] {
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(open)).unwrap();
            let prepared = Files::prepare(&at(folder.path()));
            assert_eq!(prepared.is_ok(), good, "{open:o}");
            if let Err(error) = prepared {
                assert!(error.to_string().contains("run `chmod 700 /"), "{error}");
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn disks_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(network_disk(folder.path()).unwrap(), None);
        assert!(network_disk(Path::new("/no/such/folder")).is_err());
        let mut magics: Vec<u32> = NETWORK_DISKS.iter().map(|(magic, _)| *magic).collect();
        magics.dedup();
        assert_eq!(magics.len(), NETWORK_DISKS.len());
    }

    #[test]
    fn a_disk_of_the_network_is_refused_unless_somebody_vouches_for_it() {
        let mut config = at(Path::new("/mnt/ledger"));
        assert!(allowed(&config, None).is_ok());
        let error = allowed(&config, Some("NFS")).unwrap_err().to_string();
        assert!(
            error.contains("`/mnt/ledger` is on NFS") && error.contains("allow_network_disk: true"),
            "{error}"
        );
        config.allow_network_disk = true;
        assert!(allowed(&config, Some("NFS")).is_ok());
    }

    #[test]
    fn one_lock_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let files = Files::prepare(&at(folder.path())).unwrap();
        let lock = files.lock().unwrap();
        assert!(matches!(files.lock(), Err(LedgerError::Locked(_))));
        drop(lock);
        files.lock().unwrap();
    }
}
