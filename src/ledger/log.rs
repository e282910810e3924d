//! Deliveries and attempts, as `dateline log` prints them.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::{AttemptId, DeliveryId, Reply, State};
use crate::contact::{ContactId, EmailAddress};
use crate::digest::Digest;
use crate::language::Language;
use crate::release::Notice;

/// One line of `dateline log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEntry {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The release.
    pub release: String,
    /// What it is.
    pub notice: Notice,
    /// The frozen edition.
    pub edition: Digest,
    /// The audience.
    pub audience: String,
    /// The channel.
    pub channel: String,
    /// The language.
    pub language: Language,
    /// Whom it is for.
    pub recipient: LogRecipient,
    /// What became of it.
    pub state: State,
    /// When it leaves or should have left.
    pub due: Timestamp,
    /// Every try.
    pub attempts: Vec<LogAttempt>,
    /// What the destination calls it.
    pub remote_id: Option<String>,
    /// Where people can see it.
    pub url: Option<String>,
    /// Mail: the left part of its Message-ID; elsewhere the wire key.
    pub message_id: String,
    /// When the destination took it.
    pub sent_at: Option<Timestamp>,
}

/// What is to stand on one channel, as everybody sees it: the newest text that was due there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Front {
    /// The channel.
    pub channel: String,
    /// The language.
    pub language: Language,
    /// The frozen edition.
    pub edition: Digest,
    /// When it was planned to be there.
    pub due: Timestamp,
    /// What became of it.
    pub state: State,
    /// Where it is, as the destination said.
    pub url: Option<String>,
}

/// Whom a logged delivery is for; a plain text in JSON. `Debug` masks the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogRecipient {
    /// A contact.
    Contact(EmailAddress),
    /// A contact who was erased.
    Erased(ContactId),
    /// The channel's own account or site.
    Account,
}

impl LogRecipient {
    /// The form for logs and screens: `j…@paper.example`.
    pub fn masked(&self) -> String {
        match self {
            LogRecipient::Contact(email) => email.masked(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for LogRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogRecipient::Contact(email) => write!(f, "{email}"),
            LogRecipient::Erased(id) => write!(f, "erased contact {}", id.0),
            LogRecipient::Account => f.write_str("account"),
        }
    }
}

impl Serialize for LogRecipient {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One try in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogAttempt {
    /// The ledger's number.
    pub attempt: AttemptId,
    /// 1 for the first.
    pub no: u32,
    /// When it was about to leave.
    pub at: Timestamp,
    /// What is known of it, oldest first; more than one where evidence came late.
    pub results: Vec<LogResult>,
}

/// What is known of a try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogResult {
    /// `sent`, `later`, `failed`, `unknown`, `not-sent`, or a decision.
    pub outcome: String,
    /// The other side's words.
    pub reply: Reply,
    /// When it was recorded.
    pub at: Timestamp,
    /// Whether it came after the attempt had been given up.
    pub late: bool,
}
