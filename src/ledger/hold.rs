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
    /// What links to the page of one release, by its slug: dispatch waits for the page to be seen. No intent asks for it.
    Links(String),
}

impl Scope {
    /// The scope as it stands in the table: its kind and its target.
    pub(super) fn columns(&self) -> (&'static str, &str) {
        match self {
            Scope::Everything => ("everything", ""),
            Scope::Channel(key) => ("channel", key),
            Scope::Release(slug) => ("release", slug),
            Scope::Destination(domain) => ("destination", domain),
            Scope::Links(slug) => ("links", slug),
        }
    }

    /// The scope of a row.
    pub(super) fn of_columns(kind: &str, target: String) -> Result<Scope, LedgerError> {
        match kind {
            "everything" => Ok(Scope::Everything),
            "channel" => Ok(Scope::Channel(target)),
            "release" => Ok(Scope::Release(target)),
            "destination" => Ok(Scope::Destination(target)),
            "links" => Ok(Scope::Links(target)),
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
            Scope::Links(slug) => write!(f, "links {slug}"),
        }
    }
}

/// What a hold ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Somebody, or dispatch, stopped it; `dateline resume` ends it.
    Operator,
    /// The release's status is held; a newer text ends it.
    Release,
    /// The ledger may have forgotten what was sent: nothing leaves at all until `dateline resume --after-restore`.
    Restored,
    /// The wall clock cannot be believed: what was not yet public at [`Hold::since`] waits until a second clock or
    /// `dateline resume --clock` vouches for it. Holds and kills of a release leave all the same.
    Clock,
}

impl Cause {
    /// The word in the ledger and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Operator => "operator",
            Cause::Release => "release",
            Cause::Restored => "restored",
            Cause::Clock => "clock",
        }
    }

    /// The cause of a word.
    pub(super) fn of(word: &str) -> Option<Cause> {
        [Cause::Operator, Cause::Release, Cause::Restored, Cause::Clock]
            .into_iter()
            .find(|cause| cause.as_str() == word)
    }
}

impl Hold {
    /// Who sets the holds of destinations and channels that refuse us.
    pub const BY_DISPATCH: &'static str = "dispatch";
}

/// A hold that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// What it covers.
    #[serde(flatten)]
    pub scope: Scope,
    /// What it ends with.
    pub cause: Cause,
    /// Why.
    pub reason: String,
    /// Who set it: an operator's name, `release` (its status is held), `dispatch` (the destination refuses us).
    pub by: String,
    /// Since when.
    pub since: Timestamp,
}

impl Hold {
    /// The command that ends it.
    pub fn ended_by(&self) -> String {
        match (self.cause, &self.scope) {
            (Cause::Restored, _) => "`dateline resume --after-restore`".to_owned(),
            (Cause::Clock, _) => "`dateline resume --clock`".to_owned(),
            (_, Scope::Everything) => "`dateline resume`".to_owned(),
            (_, Scope::Channel(key)) => format!("`dateline resume --channel {key}`"),
            (_, Scope::Release(slug)) => format!("`dateline resume --release {slug}`"),
            (_, Scope::Destination(domain)) => format!("`dateline resume --destination {domain}`"),
            (_, Scope::Links(slug)) => format!("`dateline resume --links {slug}`"),
        }
    }
}
