//! A Maildir: mails are read from `new` and put into `cur` once they are on record.
//!
//! A death of the process in between leaves a mail in `new`, and it is handed in again.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::MOST_OF_A_MAIL;
use crate::crashpoint;
use crate::intake::desk::{Desk, Done};

/// The most that is taken in at one look.
const AT_ONCE: usize = 500;

/// A Maildir that is read.
#[derive(Debug, Clone)]
pub struct Maildir {
    dir: PathBuf,
}

/// What a look found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Mails that are on record now.
    pub done: usize,
    /// Mails that must be handed in again in a minute.
    pub not_yet: usize,
    /// There are more.
    pub more: bool,
}

impl Maildir {
    /// The Maildir in `dir`.
    pub fn new(dir: PathBuf) -> Maildir {
        Maildir { dir }
    }

    /// Whether it is there and can be written to, in words for a person.
    pub fn examine(&self) -> Result<String, String> {
        let waiting = self.waiting()?.len();
        let probe = self.dir.join("tmp").join(format!("{}.dateline", std::process::id()));
        fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)).map_err(|error| {
            format!("{} cannot be written to: {error}; give Dateline's user the right", self.dir.display())
        })?;
        Ok(format!("{}, {waiting} waiting", self.dir.display()))
    }

    /// Takes in what is new, oldest first by name.
    pub async fn look(&self, source: &str, desk: &Desk) -> Result<Looked, String> {
        let waiting = self.waiting()?;
        let mut looked = Looked { more: waiting.len() > AT_ONCE, ..Looked::default() };
        for file in waiting.into_iter().take(AT_ONCE) {
            let mail = match read(&file) {
                Ok(mail) => mail,
                // Somebody else took it away.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
            };
            let done = desk.mail(source, &mail).await.map_err(|error| error.to_string())?;
            crashpoint!("S11");
            match done {
                Done::Yes => {
                    self.finish(&file)?;
                    looked.done += 1;
                }
                Done::NotYet => looked.not_yet += 1,
            }
        }
        Ok(looked)
    }

    /// The files in `new`.
    fn waiting(&self) -> Result<Vec<PathBuf>, String> {
        let new = self.dir.join("new");
        let unreadable = |error: std::io::Error| {
            format!(
                "{} is no Maildir that can be read: {error}; it needs the folders new, cur and tmp",
                self.dir.display()
            )
        };
        if !self.dir.join("cur").is_dir() {
            return Err(unreadable(ErrorKind::NotFound.into()));
        }
        let mut files = Vec::new();
        for entry in fs::read_dir(new).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            // What is no file (a link, a folder) is not ours to follow.
            if entry.file_type().map_err(unreadable)?.is_file()
                && !entry.file_name().to_string_lossy().starts_with('.')
            {
                files.push(entry.path());
            }
        }
        files.sort();
        Ok(files)
    }

    /// Marks a mail as seen.
    fn finish(&self, file: &Path) -> Result<(), String> {
        let Some(name) = file.file_name() else { return Ok(()) };
        let mut name = name.to_os_string();
        name.push(":2,S");
        match fs::rename(file, self.dir.join("cur").join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(format!("{} cannot be moved to cur: {error}", file.display()))
            }
            _ => Ok(()),
        }
    }
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    fs::File::open(file)?.take(MOST_OF_A_MAIL).read_to_end(&mut mail)?;
    Ok(mail)
}
