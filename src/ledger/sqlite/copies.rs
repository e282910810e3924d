//! Copies of the ledger: made while it is in use, and put back.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::files::{Files, fail};
use super::{Result, Sqlite, amnesia, blocking, schema, verify};
use crate::ledger::{Copied, LedgerConfig, LedgerError, Migrated};

/// A snapshot without free pages; readers and the writer go on meanwhile.
const COPY: &str = "VACUUM INTO ?1";
const EMPTY_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

impl Sqlite {
    pub(in crate::ledger) async fn migrate(config: &LedgerConfig, now: Timestamp) -> Result<Migrated> {
        let config = config.clone();
        blocking(move || {
            schema::check_library()?;
            let files = Files::prepare(&config)?;
            let mut db = schema::connect(&files.database())?;
            let from = schema::found(&db)?;
            schema::migrate(&mut db, now)?;
            Ok(Migrated { from, to: schema::found(&db)? })
        })
        .await
    }

    pub(in crate::ledger) async fn backup(&self, to: &Path) -> Result<Copied> {
        let (from, to) = (self.shared.file.clone(), to.to_owned());
        blocking(move || {
            if to.exists() {
                return Err(LedgerError::Refused(format!("`{}` is there already", to.display())));
            }
            let new = beside(&to, ".new");
            // The file exists before SQLite writes to it, so that nobody else can ever read it.
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)
                .map_err(fail(&new))?;
            let copied = copy(&from, &new).and_then(|()| examine(&new)).and_then(|copied| {
                put(&new, &to)?;
                Ok(copied)
            });
            if copied.is_err() {
                // What is left of it is no copy.
                let _ = std::fs::remove_file(&new);
            }
            copied
        })
        .await
    }

    /// Puts `from` in the ledger's place; what was there stays beside it.
    pub(in crate::ledger) async fn restore(
        config: &LedgerConfig,
        from: &Path,
        now: Timestamp,
    ) -> Result<Copied> {
        let (config, from) = (config.clone(), from.to_owned());
        blocking(move || {
            schema::check_library()?;
            let copied = examine(&from)?;
            let files = Files::prepare(&config)?;
            let _lock = files.lock()?;
            let database = files.database();
            let new = beside(&database, ".new");
            std::fs::copy(&from, &new).map_err(fail(&new))?;
            OpenOptions::new()
                .write(true)
                .mode(0o600)
                .open(&new)
                .and_then(|file| {
                    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
                    file.sync_all()
                })
                .map_err(fail(&new))?;
            let before = unused(&database, &format!(".before-{}", now.strftime("%Y%m%dT%H%M%SZ")));
            if database.metadata().is_ok_and(|metadata| metadata.len() > 0) {
                // A killed process may have left its log half moved into the database, which is nothing without it then.
                // One that is too damaged for this is replaced all the same.
                let _ = schema::connect(&database).map(|db| db.query_row(EMPTY_LOG, [], |_| Ok(())));
                let kept = beside(&database, &before);
                std::fs::hard_link(&database, &kept).map_err(fail(&kept))?;
            }
            // A log that stays behind would be replayed into the copy. If it ends right here, the old ledger lacks its last
            // changes, and the mark tells.
            for suffix in ["-wal", "-shm"] {
                let old = beside(&database, suffix);
                if old.exists() {
                    let kept = beside(&database, &format!("{before}{suffix}"));
                    std::fs::rename(&old, &kept).map_err(fail(&old))?;
                }
            }
            sync(files.folder())?;
            put(&new, &database)?;
            Ok(copied)
        })
        .await
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(from, flags)?;
    let path = to.to_str().ok_or_else(|| {
        LedgerError::Refused(format!("`{}` is no UTF-8; choose another name", to.display()))
    })?;
    db.execute(COPY, [path]).map_err(|error| LedgerError::from(error).while_doing("copy the ledger"))?;
    Ok(())
}

/// Looks whether `file` is a whole ledger that this program can read.
fn examine(file: &Path) -> Result<Copied> {
    let size = std::fs::metadata(file).map_err(fail(file))?.len();
    let not = |why: &dyn std::fmt::Display| {
        LedgerError::Refused(format!("`{}` is no whole copy of a ledger: {why}", file.display()))
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags).map_err(|error| not(&error))?;
    let schema = schema::found(&db).map_err(|error| not(&error))?;
    if schema == 0 {
        return Err(not(&"it has no schema"));
    }
    if schema > schema::known() {
        return Err(LedgerError::NewerSchema { found: schema, known: schema::known() });
    }
    let wrong = verify::whole(&db, schema).map_err(|error| not(&error))?;
    if let Some(wrong) = wrong.first() {
        return Err(not(wrong));
    }
    let mark = amnesia::mark_of(&db).map_err(|error| not(&error))?;
    Ok(Copied { lineage: mark.lineage, serial: mark.serial, attempt: mark.attempt, schema, size })
}

/// Gives a finished file its name, for good.
fn put(new: &Path, to: &Path) -> Result<()> {
    File::open(new).and_then(|file| file.sync_all()).map_err(fail(new))?;
    std::fs::rename(new, to).map_err(fail(to))?;
    match to.parent() {
        Some(folder) if folder != Path::new("") => sync(folder),
        _ => sync(Path::new(".")),
    }
}

fn sync(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail(folder))
}

/// The suffix, with a number if such a file is there already.
fn unused(file: &Path, suffix: &str) -> String {
    let taken = |suffix: &str| beside(file, suffix).exists();
    let numbered = (2..).map(|n| format!("{suffix}-{n}"));
    std::iter::once(suffix.to_owned()).chain(numbered).find(|suffix| !taken(suffix)).unwrap_or_default()
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
