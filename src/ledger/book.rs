//! What the ledger says of the contact book and of addresses that must not be contacted.

use jiff::Timestamp;
use serde::Serialize;

use crate::contact::EmailAddress;
use crate::digest::Digest;

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
