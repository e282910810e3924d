//! Secrets, fetched from where their references point.

use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::channel::config::SecretRef;

/// Why a secret cannot be had. Never holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set, or empty.
    #[error("{what}: the environment variable {name} is not set; set it where Dateline is started")]
    Unset {
        /// The key that needs it.
        what: String,
        /// The variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("{what}: {}: {source}; put the secret there, readable by Dateline's user alone (`chmod 600`)", .path.display())]
    Unreadable {
        /// The key that needs it.
        what: String,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Others can read the file.
    #[error("{what}: {} can be read by others (mode {mode:03o}); `chmod 600` it, and change the secret if others use this machine", .path.display())]
    Open {
        /// The key that needs it.
        what: String,
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The value is no secret: empty, of several lines, or no text.
    #[error("{what}: the value in {place} is {problem}")]
    Value {
        /// The key that needs it.
        what: String,
        /// The variable or file.
        place: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// The most bytes of a secret.
const MOST: u64 = 16 * 1024;

/// Reads a secret; relative paths start from `dir`.
pub fn read(secret: &SecretRef, dir: &Path) -> Result<SecretString, SecretError> {
    named(secret, dir, "the secret")
}

/// Reads a secret of one line; `what` names it in errors.
pub(super) fn named(secret: &SecretRef, dir: &Path, what: &str) -> Result<SecretString, SecretError> {
    let (value, place) = value(secret, dir, what)?;
    // Editors end every line, also the only one.
    let line = value.strip_suffix('\n').unwrap_or(&value);
    let line = line.strip_suffix('\r').unwrap_or(line).to_owned();
    if line.chars().any(char::is_control) {
        return Err(wrong(what, &place, "more than one line, or holds control characters"));
    }
    checked(line, what, &place)
}

/// Reads a secret that may have several lines, such as a key in PEM.
pub(super) fn text(secret: &SecretRef, dir: &Path, what: &str) -> Result<SecretString, SecretError> {
    let (value, place) = value(secret, dir, what)?;
    checked(value, what, &place)
}

/// What stands there, and where that is.
fn value(secret: &SecretRef, dir: &Path, what: &str) -> Result<(String, String), SecretError> {
    match secret {
        SecretRef::Env(name) => match std::env::var(name) {
            Ok(value) if !value.is_empty() => Ok((value, name.clone())),
            Ok(_) | Err(std::env::VarError::NotPresent) => {
                Err(SecretError::Unset { what: what.to_owned(), name: name.clone() })
            }
            Err(std::env::VarError::NotUnicode(_)) => Err(wrong(what, name, "not UTF-8 text")),
        },
        SecretRef::File(path) => file(&dir.join(path), what),
    }
}

fn file(path: &Path, what: &str) -> Result<(String, String), SecretError> {
    let unreadable =
        |source| SecretError::Unreadable { what: what.to_owned(), path: path.to_owned(), source };
    // Asked of the open file, so that it cannot be exchanged in between.
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(wrong(what, &path.display().to_string(), "not a file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SecretError::Open { what: what.to_owned(), path: path.to_owned(), mode });
        }
    }
    let place = path.display().to_string();
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => wrong(what, &place, "not UTF-8 text"),
        _ => unreadable(error),
    })?;
    Ok((text, place))
}

fn checked(value: String, what: &str, place: &str) -> Result<SecretString, SecretError> {
    if value.trim().is_empty() {
        return Err(wrong(what, place, "empty"));
    }
    if value.len() as u64 >= MOST {
        return Err(wrong(what, place, "too long for a secret"));
    }
    Ok(SecretString::from(value))
}

fn wrong(what: &str, place: &str, problem: &'static str) -> SecretError {
    SecretError::Value { what: what.to_owned(), place: place.to_owned(), problem }
}
