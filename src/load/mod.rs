//! Reads a newsroom's files, from the work tree or from any commit.
//!
//! Nothing of a repository is ever run or followed: no hook, no filter, no symbolic link, no
//! submodule. A commit is read from the object database, so a bare mirror will do and no work tree
//! is touched. What is refused becomes a finding; an error is for the disk, or for git itself.

mod git;
mod work_tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::finding::Finding;
use crate::newsroom::Newsroom;
use crate::release::Cache;

pub use git::git_dir;

/// The most bytes of one picture or recording.
const MAX_FILE: u64 = 200_000_000;
/// The most bytes of one text.
const MAX_TEXT: u64 = 2 * 1024 * 1024;
/// The most bytes of all files together.
const MAX_ALL: u64 = 4_000_000_000;
/// The most files.
const MAX_FILES: usize = 200_000;

/// Why a newsroom's files cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No folder above has a `dateline.yaml`.
    #[error("there is no dateline.yaml in {} or a folder above it; name the newsroom with --newsroom DIR, or start one with `dateline init DIR`", .0.display())]
    NoNewsroom(PathBuf),
    /// The disk.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The folder is in no git repository.
    #[error("{} is in no git repository; run `git init` there, or name a repository in `git:` of dateline.yaml", .0.display())]
    NoRepository(PathBuf),
    /// git is not there.
    #[error("git cannot be started: {0}; install git 2.30 or newer, so that it is on the PATH")]
    NoGit(std::io::Error),
    /// git refuses.
    #[error("git {what}: {reply}")]
    Git {
        /// The git command.
        what: &'static str,
        /// Its words.
        reply: String,
    },
    /// git does not come to an end.
    #[error("git {what} took longer than {} s and was stopped; look at the connection to the repository", .limit.as_secs())]
    Timeout {
        /// The git command.
        what: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// The caller did not want to wait any longer.
    #[error("git {0} was stopped")]
    Stopped(&'static str),
    /// There is no such commit, branch or remote, or its name is no name.
    #[error("{0}")]
    Revision(String),
    /// More than a newsroom can have.
    #[error("{0}")]
    TooLarge(String),
}

impl LoadError {
    /// What the disk says of `path`.
    pub fn io(path: &Path, source: std::io::Error) -> LoadError {
        LoadError::Io { path: path.to_owned(), source }
    }
}

/// A newsroom's files as they were read, before anything is made of them.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// The commit; nothing for a work tree.
    pub revision: Option<String>,
    /// Path below the newsroom, with `/`, and content.
    pub files: BTreeMap<String, Arc<[u8]>>,
    /// What was refused.
    pub findings: Vec<Finding>,
}

impl Files {
    /// Builds the newsroom; files that `cache` has seen are not parsed again.
    pub fn newsroom(self, cache: &mut Cache) -> Newsroom {
        let mut newsroom = Newsroom::build_with(self.revision, self.files, cache);
        newsroom.findings.extend(self.findings);
        newsroom
            .findings
            .sort_by(|a, b| (&a.file, a.span.start, a.code).cmp(&(&b.file, b.span.start, b.code)));
        newsroom
    }

    fn refuse(&mut self, path: &str, code: &'static str, message: impl Into<String>, hint: &str) {
        self.findings.push(Finding::error(path, "", 0..0, code, message).hint(hint));
    }

    /// Whether the file is small enough; reports it if not.
    fn fits(&mut self, path: &str, size: u64) -> bool {
        let text = [".md", ".yaml", ".hbs"].iter().any(|end| path.ends_with(end));
        let most = if text { MAX_TEXT } else { MAX_FILE };
        if size > most {
            let message = format!("the file has {size} bytes; {most} are the most");
            self.refuse(path, "too-large", message, "make it smaller");
        }
        size <= most
    }

    fn submodule(&mut self, path: &str) {
        let message = "this is a submodule; what is in other repositories is not sent";
        self.refuse(path, "submodule", message, "put the files themselves here");
    }

    fn link(&mut self, path: &str) {
        let message = "this is a symbolic link; links are not followed";
        self.refuse(path, "symlink", message, "put the file itself here");
    }
}

/// The sum of what was read, against what may be.
#[derive(Default)]
struct Measure {
    files: usize,
    bytes: u64,
}

impl Measure {
    fn add(&mut self, bytes: u64) -> Result<(), LoadError> {
        self.files += 1;
        self.bytes += bytes;
        if self.files > MAX_FILES {
            return Err(LoadError::TooLarge(format!("the newsroom has more than {MAX_FILES} files")));
        }
        if self.bytes > MAX_ALL {
            return Err(LoadError::TooLarge(format!("the newsroom's files have more than {MAX_ALL} bytes")));
        }
        Ok(())
    }
}

/// The nearest folder at or above `start` that holds `dateline.yaml`.
pub fn find(start: &Path) -> Result<PathBuf, LoadError> {
    let absolute =
        std::path::absolute(start).map_err(|source| LoadError::Io { path: start.to_owned(), source })?;
    absolute
        .ancestors()
        .find(|folder| folder.join("dateline.yaml").is_file())
        .map(Path::to_owned)
        .ok_or_else(|| LoadError::NoNewsroom(start.to_owned()))
}

/// Reads the newsroom in the folder `dir`, as it stands on the disk.
pub fn work_tree(dir: &Path) -> Result<Newsroom, LoadError> {
    Ok(work_tree_files(dir)?.newsroom(&mut Cache::default()))
}

/// Reads the files of the newsroom in the folder `dir`.
pub fn work_tree_files(dir: &Path) -> Result<Files, LoadError> {
    work_tree::files(dir)
}

/// As [`work_tree_files`], for whoever has the files `before` of the same folder and knows which of them may have changed
/// since: only those are read. Files that are new or gone, links and folders make it look at everything.
pub fn work_tree_again(dir: &Path, before: &Files, changed: &[PathBuf]) -> Result<Files, LoadError> {
    match work_tree::again(dir, before, changed)? {
        Some(files) => Ok(files),
        None => work_tree_files(dir),
    }
}

/// Reads the newsroom at the root of the repository `git_dir`, as it stands in the commit `rev`.
pub fn commit(git_dir: &Path, rev: &str) -> Result<Newsroom, LoadError> {
    Ok(commit_files(git_dir, rev, "")?.newsroom(&mut Cache::default()))
}

/// Reads the files of the newsroom in the folder `below` of the commit `rev`; `below` is empty for
/// the repository's root.
pub fn commit_files(git_dir: &Path, rev: &str, below: &str) -> Result<Files, LoadError> {
    git::files(git_dir, rev, below)
}

/// The remotes of a repository that everybody can read, without a password or key: with what is not public yet in it, too much is.
pub fn shown_to_everybody(git_dir: &Path) -> Result<Vec<String>, LoadError> {
    let mut shown = Vec::new();
    for url in git::addresses(git_dir)? {
        if git::shown_to_everybody(git_dir, &url)? {
            shown.push(url);
        }
    }
    Ok(shown)
}

/// The full name of the commit that `rev` (a branch, a tag, `HEAD~2` …) stands for.
pub fn resolve(git_dir: &Path, rev: &str) -> Result<String, LoadError> {
    git::resolve(git_dir, rev)
}

/// Whether `newer` contains `older`; false means that history was rewritten, or went backwards.
pub fn is_ancestor(git_dir: &Path, older: &str, newer: &str) -> Result<bool, LoadError> {
    git::is_ancestor(git_dir, older, newer)
}

/// Fetches `branch` of `remote` into `git_dir` and returns its commit.
///
/// The branch is kept under a name of our own (`refs/dateline/…`), also where it was rewritten: no
/// branch and no work tree changes. `remote` is a URL (https, ssh, a path) or a remote's name.
///
/// `stop` is asked about ten times a second; when it says so, git is ended with what it started (ssh), and the answer is
/// [`LoadError::Stopped`].
pub fn fetch(
    git_dir: &Path,
    remote: &str,
    branch: &str,
    timeout: Duration,
    stop: &dyn Fn() -> bool,
) -> Result<String, LoadError> {
    git::fetch(git_dir, remote, branch, timeout, stop)
}

#[cfg(test)]
mod tests;
