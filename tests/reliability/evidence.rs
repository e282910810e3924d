//! What is compared: the ledger's rows, what the witness wrote down, and when which daemon was killed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::witness::record::Line;

/// One delivery, as `dateline log --format jsonl` exports it.
#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    pub delivery: i64,
    pub release: String,
    pub channel: String,
    pub recipient: String,
    pub state: String,
    pub attempts: Vec<Attempt>,
    pub message_id: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Attempt {
    pub no: u32,
    pub at: Timestamp,
    pub results: Vec<Outcome>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Outcome {
    pub outcome: String,
    pub at: Timestamp,
}

impl Row {
    /// Whether anything was ever written down as unknown.
    pub fn was_unknown(&self) -> bool {
        self.attempts.iter().any(Attempt::was_unknown)
    }
}

impl Attempt {
    pub fn was_unknown(&self) -> bool {
        self.results.iter().any(|result| result.outcome == "unknown")
    }

    /// Whether it still is: nothing that came afterwards, such as what the flight recorder kept, says what became of it.
    pub fn is_unknown(&self) -> bool {
        let known =
            |result: &Outcome| matches!(result.outcome.as_str(), "sent" | "later" | "failed" | "not-sent");
        let last = self.results.iter().rposition(|result| result.outcome == "unknown");
        last.is_some_and(|at| !self.results[at..].iter().any(known))
    }

    /// When the first thing was known of it.
    pub fn ended(&self) -> Option<Timestamp> {
        self.results.iter().map(|result| result.at).min()
    }
}

/// One end of a daemon that it did not choose.
#[derive(Debug, Clone)]
pub struct Kill {
    pub at: Timestamp,
    /// When that daemon had been started.
    pub started: Timestamp,
    /// The crash point; nothing for SIGKILL.
    pub point: Option<String>,
}

/// What is done with an unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    Hold,
    ResendOnce,
}

/// Everything that one run left.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// How many deliveries were planned.
    pub planned: u64,
    pub rows: Vec<Row>,
    pub lines: Vec<Line>,
    pub kills: Vec<Kill>,
    pub policy: Policy,
    /// Connections that one daemon may have.
    pub connections: u64,
    /// Daemons at the same time.
    pub daemons: u64,
    /// The daemon's last metrics: deliveries by channel and state.
    pub metrics: Option<BTreeMap<(String, String), u64>>,
    /// What the ledger says of itself.
    pub verify: Vec<String>,
    /// Whether the run went on until nothing was due.
    pub finished: bool,
}
