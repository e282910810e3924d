//! The audit chain's seal: each entry's digest covers its words and the digest before it.

use jiff::Timestamp;

use super::AuditEntry;
use crate::digest::Digest;

/// The seal of an entry that follows one sealed `before`.
pub(super) fn seal(before: &Digest, seq: i64, at: Timestamp, texts: [&str; 4]) -> Digest {
    let (seq, at) = (seq.to_be_bytes(), at.as_microsecond().to_be_bytes());
    let [by, action, subject, detail] = texts.map(str::as_bytes);
    Digest::of_fields(&[&before.0, &seq, &at, by, action, subject, detail])
}

/// A walk along the chain.
pub(super) struct Chain {
    /// The last entry that was seen; 0 at the beginning.
    pub(super) after: u64,
    before: Digest,
}

impl Chain {
    /// At the beginning.
    pub(super) fn begin() -> Chain {
        Chain { after: 0, before: Digest([0; 32]) }
    }

    /// Whether `entry` is the next one, as it was written.
    pub(super) fn holds(&mut self, entry: &AuditEntry) -> bool {
        let texts = [&*entry.by, &*entry.action, &*entry.subject, &*entry.detail];
        let expected = seal(&self.before, entry.seq.cast_signed(), entry.at, texts);
        let holds = entry.seq == self.after + 1 && entry.hash == expected;
        (self.after, self.before) = (entry.seq, entry.hash);
        holds
    }
}
