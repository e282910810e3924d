//! What stands still until somebody resumes it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::LedgerError;

/// What a hold covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "scope", content = "target")]
pub enum Scope {
    /// All deliveries.
    Everything,
    /// One channel, by its key.
    Channel(String),
    /// One release, by its slug.
    Release(String),
    /// One mail domain, in lower-case ASCII.
    Destination(String),
}

impl Scope {
    /// The scope as it stands in the table: its kind and its target.
    pub(super) fn columns(&self) -> (&'static str, &str) {
        match self {
            Scope::Everything => ("everything", ""),
            Scope::Channel(key) => ("channel", key),
            Scope::Release(slug) => ("release", slug),
            Scope::Destination(domain) => ("destination", domain),
        }
    }

    /// The scope of a row.
    pub(super) fn of_columns(kind: &str, target: String) -> Result<Scope, LedgerError> {
        match kind {
            "everything" => Ok(Scope::Everything),
            "channel" => Ok(Scope::Channel(target)),
            "release" => Ok(Scope::Release(target)),
            "destination" => Ok(Scope::Destination(target)),
            other => Err(LedgerError::Damaged(format!("a hold on `{other}`"))),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Everything => f.write_str("everything"),
            Scope::Channel(key) => write!(f, "channel {key}"),
            Scope::Release(slug) => write!(f, "release {slug}"),
            Scope::Destination(domain) => write!(f, "destination {domain}"),
        }
    }
}

/// A hold that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// What it covers.
    #[serde(flatten)]
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// Who set it: an operator's name, `release` (its status is held), `dispatch` (the destination refuses us).
    pub by: String,
    /// Since when.
    pub since: Timestamp,
}
