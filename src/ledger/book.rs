//! What the ledger says of the contact book and of addresses that must not be contacted.

use jiff::Timestamp;
use serde::Serialize;

use super::{DeliveryId, LogEntry};
use crate::contact::{Contact, EmailAddress, Wishes};
use crate::digest::Digest;
use crate::language::Language;

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Contacts that were not in the book.
    pub new: u64,
    /// Contacts whose other fields changed.
    pub changed: u64,
    /// Contacts that were in the book exactly so.
    pub unchanged: u64,
    /// Those among them whose address must not be contacted.
    pub suppressed: u64,
}

/// An address that must not be contacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppression {
    /// The address, as long as the contact book has it; erased people have none.
    pub email: Option<EmailAddress>,
    /// The keyed digest under which it stays known.
    pub address: Digest,
    /// Why: `unsubscribed`, `bounced`, `complained`, `erased` …
    pub reason: String,
    /// The words or event that prove it.
    pub evidence: String,
    /// Since when.
    pub since: Timestamp,
}

/// What the contact book holds of an address, before an import writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The contact.
    pub contact: Option<Contact>,
    /// Why the address must not be contacted.
    pub suppressed: Option<String>,
}

/// Who holds a token, and for which delivery: what a preference page shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// The delivery that brought the token.
    pub delivery: DeliveryId,
    /// Its release.
    pub release: String,
    /// The audience that it was for.
    pub audience: String,
    /// Its channel.
    pub channel: String,
    /// Its language.
    pub language: Language,
    /// The recipient; nothing once they are erased.
    pub contact: Option<Contact>,
    /// What they picked.
    pub wishes: Wishes,
    /// Why, and since when, nothing is sent to them any more.
    pub suppressed: Option<(String, Timestamp)>,
}

/// Everything that is held on one person (GDPR Art. 15).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dossier {
    /// The contact, as it was imported.
    pub contact: Option<Contact>,
    /// When it was written last.
    pub changed_at: Option<Timestamp>,
    /// What they picked on the preference page.
    pub wishes: Option<Wishes>,
    /// Why nothing may be sent to them.
    pub suppression: Option<Suppression>,
    /// Every delivery, with its attempts and what the other side said.
    pub deliveries: Vec<LogEntry>,
}
