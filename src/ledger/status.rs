//! Counts for people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Hold, State};
use crate::release::Notice;

/// Counts for people; the JSON of `dateline status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// By release.
    pub releases: Vec<ReleaseStatus>,
    /// What is held.
    pub holds: Vec<Hold>,
    /// Deliveries whose state needs a person.
    pub needs_attention: u64,
}

/// When a channel began with what was due there at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Start {
    /// The channel.
    pub channel: String,
    /// When it was to begin.
    pub due: Timestamp,
    /// When the first try of all was about to leave.
    pub first: Timestamp,
}

/// Counts of one release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReleaseStatus {
    /// The release.
    pub slug: String,
    /// The newest notice that was issued.
    pub notice: Notice,
    /// Its headline.
    pub title: String,
    /// When the next of its deliveries leaves.
    pub next_due: Option<Timestamp>,
    /// Deliveries by state, over all its notices.
    pub states: BTreeMap<State, u64>,
    /// The same by channel.
    pub channels: BTreeMap<String, BTreeMap<State, u64>>,
}
