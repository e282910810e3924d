//! The files as they stand on the disk.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Files, LoadError, Measure};
use crate::newsroom::wanted;
use crate::release::in_parallel;

/// How deep folders are looked into.
const MAX_DEPTH: usize = 16;

pub(super) fn files(dir: &Path) -> Result<Files, LoadError> {
    if !dir.join("dateline.yaml").is_file() {
        return Err(LoadError::NoNewsroom(dir.to_owned()));
    }
    let mut walk = Walk { files: Files::default(), measure: Measure::default(), found: Vec::new() };
    for root in ["dateline.yaml", "releases", "audiences", "templates"] {
        walk.visit(&dir.join(root), root, 0)?;
    }
    let Walk { mut files, found, .. } = walk;
    let mut measure = Measure::default();
    // Waiting for the disk costs more than reading: all processors wait at once.
    let read = in_parallel(found.iter(), |(place, size, _)| {
        read(place, *size).map_err(|source| LoadError::Io { path: place.clone(), source })
    });
    for ((_, _, path), bytes) in found.into_iter().zip(read) {
        if let Some(bytes) = bytes? {
            measure.add(bytes.len() as u64)?;
            files.files.insert(path, bytes);
        }
    }
    Ok(files)
}

/// What is different now in the files at `changed` (which stand in the folder `dir`, and of which nobody needs to know more
/// than that they may have changed); nothing if that cannot be told without a look at everything.
pub(super) fn again(dir: &Path, before: &Files, changed: &[PathBuf]) -> Result<Option<Files>, LoadError> {
    // What was refused stands nowhere but in the findings of the whole look.
    if !before.findings.is_empty() {
        return Ok(None);
    }
    let mut files = before.clone();
    for place in changed {
        let Some(path) = place.strip_prefix(dir).ok().and_then(Path::to_str) else { return Ok(None) };
        let path = path.replace(std::path::MAIN_SEPARATOR, "/");
        // One of the folders itself.
        if ["", "releases", "audiences", "templates"].contains(&path.as_str()) {
            return Ok(None);
        }
        if path.split('/').any(|part| part.starts_with('.')) || !wanted(&path) {
            continue;
        }
        let known = files.files.contains_key(&path);
        let metadata = match fs::symlink_metadata(place) {
            Ok(metadata) => metadata,
            // Somebody's temporary file, come and gone.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !known => {
                let inside = format!("{path}/");
                if files
                    .files
                    .range(inside.clone()..)
                    .next()
                    .is_some_and(|(path, _)| path.starts_with(&inside))
                {
                    return Ok(None);
                }
                continue;
            }
            Err(_) => return Ok(None),
        };
        if !known || !metadata.file_type().is_file() || !files.fits(&path, metadata.len()) {
            return Ok(None);
        }
        let bytes =
            read(place, metadata.len()).map_err(|source| LoadError::Io { path: place.clone(), source })?;
        let Some(bytes) = bytes else { return Ok(None) };
        files.files.insert(path, bytes);
    }
    Ok(Some(files))
}

/// The bytes of a file; nothing if it is gone since it was listed.
fn read(place: &Path, size: u64) -> std::io::Result<Option<Arc<[u8]>>> {
    let file = match fs::File::open(place) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
    // It may have grown since it was measured.
    file.take(super::MAX_FILE).read_to_end(&mut bytes)?;
    Ok(Some(Arc::from(bytes)))
}

struct Walk {
    files: Files,
    /// What was found so far.
    measure: Measure,
    /// Where a file is, how many bytes it had, and its path below the newsroom.
    found: Vec<(PathBuf, u64, String)>,
}

impl Walk {
    fn visit(&mut self, place: &Path, path: &str, depth: usize) -> Result<(), LoadError> {
        let io = |source| LoadError::Io { path: place.to_owned(), source };
        let metadata = match fs::symlink_metadata(place) {
            Ok(metadata) => metadata,
            // Gone since it was listed, or never there.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(io(error)),
        };
        let kind = metadata.file_type();
        if kind.is_symlink() {
            self.files.link(path);
        } else if kind.is_dir() {
            if depth > 0 && place.join(".git").exists() {
                self.files.submodule(path);
                return Ok(());
            }
            if depth >= MAX_DEPTH {
                let message = format!("folders are nested more than {MAX_DEPTH} deep here");
                self.files.refuse(path, "path", message, "move the files up");
                return Ok(());
            }
            let mut inside: Vec<PathBuf> = Vec::new();
            for entry in fs::read_dir(place).map_err(io)? {
                inside.push(entry.map_err(io)?.path());
            }
            inside.sort();
            for place in inside {
                self.entry(&place, path, depth)?;
            }
        } else if !kind.is_file() {
            self.files.refuse(path, "path", "this is neither a file nor a folder", "remove it");
        } else if wanted(path) && self.files.fits(path, metadata.len()) {
            // Too much is refused before any of it is read.
            self.measure.add(metadata.len())?;
            self.found.push((place.to_owned(), metadata.len(), path.to_owned()));
        }
        Ok(())
    }

    fn entry(&mut self, place: &Path, folder: &str, depth: usize) -> Result<(), LoadError> {
        let Some(name) = place.file_name() else { return Ok(()) };
        match name.to_str() {
            Some(name) if name.starts_with('.') => Ok(()),
            Some(name) => self.visit(place, &format!("{folder}/{name}"), depth + 1),
            None => {
                let shown = format!("{folder}/{}", name.to_string_lossy());
                self.files.refuse(&shown, "path", "the name is not UTF-8", "rename the file");
                Ok(())
            }
        }
    }
}
