//! Where mails are fetched from. A source hands in, waits until that is on record, and only then marks as done.

pub mod imap;
pub mod maildir;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

/// The most that is fetched of a mail: the quoted copy of ours may be large, and stands at the end.
pub const MOST_OF_A_MAIL: u64 = 10 * 1024 * 1024;

/// How the sources are, by name.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<BTreeMap<String, Standing>>>);

/// How a source is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// What stands in the way; nothing where it is well.
    pub problem: Option<String>,
    /// When it was last looked at with success, or last heard of.
    pub seen_at: Option<Timestamp>,
}

impl Board {
    /// The source `name` is there.
    pub fn put(&self, name: &str) {
        self.change(name, |_| {});
    }

    /// It was looked at.
    pub fn well(&self, name: &str, now: Timestamp) {
        self.change(name, |standing| {
            if standing.problem.take().is_some() {
                tracing::info!(source = name, "the source is well again");
            }
            standing.seen_at = Some(now);
        });
    }

    /// It cannot be looked at.
    pub fn trouble(&self, name: &str, problem: &str) {
        self.change(name, |standing| {
            if standing.problem.as_deref() != Some(problem) {
                tracing::warn!(source = name, problem, "a source of reports is in trouble; sending goes on");
            }
            standing.problem = Some(problem.to_owned());
        });
    }

    /// When a source was last well.
    pub fn seen(&self, name: &str) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name)?.seen_at
    }

    /// How all are.
    pub fn all(&self) -> BTreeMap<String, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What stands in the way, in one sentence each.
    pub fn problems(&self) -> Vec<String> {
        let all = self.all();
        let problem =
            |(name, standing): (String, Standing)| Some(format!("intake {name}: {}", standing.problem?));
        all.into_iter().filter_map(problem).collect()
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Standing)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(name.to_owned()).or_default());
    }
}
