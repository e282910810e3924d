//! What never changes in a ledger.

use ring::hmac;

use crate::contact::EmailAddress;
use crate::digest::Digest;
use crate::token::TokenKey;

/// What never changes in a ledger.
pub(super) struct Facts {
    /// Names it for ever; part of every delivery's key.
    pub(super) lineage: String,
    address_key: hmac::Key,
    /// Of the tokens that name deliveries to the world.
    pub(super) tokens: TokenKey,
}

impl Facts {
    /// The facts as they stand in `ledger_meta`.
    pub(super) fn new(lineage: String, address_key: &[u8]) -> Facts {
        // The one secret of the ledger, random and in every backup: what was ever sent with a token stays understood.
        let tokens = TokenKey::derive(address_key);
        Facts { lineage, address_key: hmac::Key::new(hmac::HMAC_SHA256, address_key), tokens }
    }

    /// The keyed digest under which an address is known after its person is gone.
    pub(super) fn address(&self, email: &EmailAddress) -> Digest {
        let tag = hmac::sign(&self.address_key, email.normalized().as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        Digest(bytes)
    }
}
