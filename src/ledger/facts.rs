//! What never changes in a ledger.

use ring::hmac;

use crate::contact::EmailAddress;
use crate::digest::Digest;

/// What never changes in a ledger.
pub(super) struct Facts {
    /// Names it for ever; part of every delivery's key.
    pub(super) lineage: String,
    address_key: hmac::Key,
}

impl Facts {
    /// The facts as they stand in `ledger_meta`.
    pub(super) fn new(lineage: String, address_key: &[u8]) -> Facts {
        Facts { lineage, address_key: hmac::Key::new(hmac::HMAC_SHA256, address_key) }
    }

    /// The keyed digest under which an address is known after its person is gone.
    pub(super) fn address(&self, email: &EmailAddress) -> Digest {
        let tag = hmac::sign(&self.address_key, email.normalized().as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        Digest(bytes)
    }
}
