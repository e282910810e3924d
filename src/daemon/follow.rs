//! Which commit to issue from: the head of a branch, as long as history only grows.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::finding::Severity;
use crate::load::{self, LoadError};
use crate::newsroom::Newsroom;
use crate::yaml::Period;

/// How git is followed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GitConfig {
    /// The repository: a work tree or a bare mirror; relative to the newsroom.
    pub path: PathBuf,
    /// The remote to fetch from; nothing to follow a branch that others push to.
    pub remote: Option<String>,
    /// The branch that holds what is approved.
    pub branch: String,
    /// How often git is looked at.
    pub poll: Period,
}

impl Default for GitConfig {
    fn default() -> GitConfig {
        GitConfig {
            path: PathBuf::from("."),
            remote: None,
            branch: "main".to_owned(),
            poll: Period(jiff::SignedDuration::from_secs(30)),
        }
    }
}

/// A fetch that takes longer is given up; the next look tries again.
const FETCH_WITHIN: Duration = Duration::from_mins(1);

/// What a look at git found.
#[derive(Debug)]
pub enum Look {
    /// Nothing new: the commit that is followed, or one that was refused already.
    Same {
        /// Whether it is a refused one.
        refused: bool,
    },
    /// A new commit to issue from.
    New(Box<Newsroom>),
    /// A new commit that nothing is issued from; what was issued before goes on.
    Refused(Refusal),
}

/// Why nothing is issued from a commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The branch was moved to a commit that does not follow the one before it.
    #[error(
        "history was rewritten: {new} does not follow {old}; nothing is issued from it. If that is meant, \
         restart with `dateline daemon --accept {new}`"
    )]
    Rewritten {
        /// The commit that is followed.
        old: String,
        /// The branch's head.
        new: String,
    },
    /// The newsroom's own files are broken.
    #[error("{revision} is broken and nothing is issued from it: {finding}")]
    Broken {
        /// The commit.
        revision: String,
        /// The first error in `dateline.yaml`.
        finding: String,
    },
}

/// Remembers the commit that was last issued from, in a file beside the ledger.
pub struct Follower {
    git: PathBuf,
    config: GitConfig,
    memory: PathBuf,
    followed: Option<String>,
    remembered: bool,
    refused: Option<String>,
}

impl Follower {
    /// Follows `config` in the repository at `git`; remembers in `memory`.
    ///
    /// `accept` names a commit that may be followed although it does not follow the last one.
    pub fn open(
        git: &Path,
        config: GitConfig,
        memory: PathBuf,
        accept: Option<&str>,
    ) -> Result<Follower, LoadError> {
        let followed = match accept {
            Some(revision) => Some(load::resolve(git, revision)?),
            None => match std::fs::read_to_string(&memory) {
                Ok(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => return Err(LoadError::Io { path: memory.clone(), source: error }),
            },
        };
        Ok(Follower { git: git.to_owned(), config, memory, followed, remembered: false, refused: None })
    }

    /// The commit that is followed.
    pub fn followed(&self) -> Option<&str> {
        self.followed.as_deref()
    }

    /// Looks at the branch. The first look of a process always loads.
    ///
    /// A fetch that hangs is given up when `stop` says so.
    pub fn look(&mut self, first: bool, stop: &dyn Fn() -> bool) -> Result<Look, LoadError> {
        // What is fetched is kept under a name of ours: the local branch does not move.
        let head = match &self.config.remote {
            Some(remote) => load::fetch(&self.git, remote, &self.config.branch, FETCH_WITHIN, stop)?,
            None => load::resolve(&self.git, &self.config.branch)?,
        };
        if self.refused.as_ref() == Some(&head) {
            return Ok(Look::Same { refused: true });
        }
        self.refused = None;
        if !first && self.followed.as_ref() == Some(&head) {
            return Ok(Look::Same { refused: false });
        }
        if let Some(old) = self.followed.as_ref().filter(|old| **old != head) {
            // A commit that is not there any more was rewritten as well, and its objects are gone.
            let gone = matches!(load::resolve(&self.git, old), Err(LoadError::Revision(_)));
            if gone || !load::is_ancestor(&self.git, old, &head)? {
                let refusal = Refusal::Rewritten { old: old.clone(), new: head.clone() };
                self.refused = Some(head);
                return Ok(Look::Refused(refusal));
            }
        }
        let newsroom = load::commit(&self.git, &head)?;
        let broken = newsroom
            .findings
            .iter()
            .find(|finding| finding.file == "dateline.yaml" && finding.severity == Severity::Error);
        if let Some(finding) = broken {
            let refusal = Refusal::Broken { revision: head.clone(), finding: finding.to_string() };
            self.refused = Some(head);
            return Ok(Look::Refused(refusal));
        }
        Ok(Look::New(Box::new(newsroom)))
    }

    /// What the commit that is followed holds; for a start at which the branch's head is refused.
    pub fn earlier(&self) -> Result<Option<Newsroom>, LoadError> {
        self.followed.as_ref().map(|followed| load::commit(&self.git, followed)).transpose()
    }

    /// Remembers that `revision` was issued from.
    pub fn issued(&mut self, revision: &str) -> Result<(), LoadError> {
        if self.remembered && self.followed.as_deref() == Some(revision) {
            return Ok(());
        }
        let next = self.memory.with_extension("next");
        std::fs::write(&next, format!("{revision}\n"))
            .map_err(|error| LoadError::Io { path: next.clone(), source: error })?;
        std::fs::rename(&next, &self.memory)
            .map_err(|error| LoadError::Io { path: self.memory.clone(), source: error })?;
        self.followed = Some(revision.to_owned());
        self.remembered = true;
        Ok(())
    }
}
