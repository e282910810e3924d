//! Signs mails (DKIM, RFC 6376, RFC 8463), with every key at once.
//!
//! What it promises:
//! - one mail at one due time and one set of keys has one signature: RSA (PKCS#1 v1.5) and Ed25519 are deterministic, and `t=`
//!   is the due time, so a repeat is the same to the byte, whether it was signed ahead or at send;
//! - every header that a receiver acts upon is covered, and those of which a second would mislead are named once more than
//!   they stand, so adding one breaks the signature; the whole body is covered (no `l=`);
//! - what was signed ahead is used for exactly the bytes and the key that it was made with, else signed anew.
//!
//! A key that cannot be used is refused when the channel is opened ([`KeyError`]); one that fails later ([`SignError`]) sends
//! nothing.

mod canon;
mod key;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use ring::digest::{SHA256, digest};

pub use key::{Key, KeyError, SignError};

use crate::digest::Digest;

/// What is signed, in this order (RFC 6376 §5.4): names stand once more than their header may, so that an added one breaks the
/// signature (§8.15). RFC 8058 §4 wants both unsubscribe headers.
const SIGNED: &str = "from:from:to:to:cc:cc:subject:subject:date:date:message-id:message-id:reply-to:reply-to:\
                      mime-version:content-type:content-transfer-encoding:list-id:list-id:list-unsubscribe:\
                      list-unsubscribe:list-unsubscribe-post:list-unsubscribe-post:feedback-id:in-reply-to:references";

/// Bytes of what proves that a signature made ahead belongs to a mail and a key.
const PROOF: usize = 32;

/// Signs with all keys of a channel.
pub struct Signer {
    keys: Vec<Key>,
    stamp: Digest,
}

/// A mail's part of a signature: everything that the keys have in common.
struct Content {
    /// The signed headers, each canonical with its line end.
    headers: Vec<u8>,
    /// `bh=`
    body: String,
}

impl Signer {
    /// Signs with `keys`, of which there is at least one.
    pub fn new(keys: Vec<Key>) -> Option<Signer> {
        if keys.is_empty() {
            return None;
        }
        let mut fields: Vec<&[u8]> = vec![b"1", SIGNED.as_bytes()];
        for key in &keys {
            fields.extend([key.domain().as_bytes(), key.selector().as_bytes(), &key.name().0]);
        }
        let stamp = Digest::of_fields(&fields);
        Some(Signer { keys, stamp })
    }

    /// The keys.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Names these keys; other keys, other selectors or another way to sign have another name.
    pub fn stamp(&self) -> Digest {
        self.stamp
    }

    /// `message` with a `DKIM-Signature` of each key before it. `ahead` is what [`Signer::ahead`] gave, perhaps for other bytes
    /// or by other keys.
    pub fn sign(&self, message: &[u8], at: Timestamp, ahead: Option<&[u8]>) -> Result<Vec<u8>, SignError> {
        let content = Content::of(message);
        let mut rest = ahead.unwrap_or_default();
        let mut signed = Vec::with_capacity(message.len() + self.keys.len() * 1_200);
        for key in &self.keys {
            let made = rest.split_at_checked(PROOF + key.signature_length());
            let made = made.map(|(made, more)| {
                rest = more;
                made
            });
            header(key, &content, at, made.and_then(|made| made.split_at_checked(PROOF)), &mut signed)?;
        }
        signed.extend_from_slice(message);
        Ok(signed)
    }

    /// Signatures for later: for each key a proof of what was signed, and the signature.
    pub fn ahead(&self, message: &[u8], at: Timestamp) -> Result<Vec<u8>, SignError> {
        let content = Content::of(message);
        let mut kept = Vec::new();
        for key in &self.keys {
            let data = content.data(&unsigned(key, &content, at));
            kept.extend_from_slice(&proof(key, &data).0);
            kept.extend_from_slice(&key.sign(&data)?);
        }
        Ok(kept)
    }
}

impl Content {
    fn of(message: &[u8]) -> Content {
        let (headers, body) = canon::split(message);
        let body = BASE64.encode(canon::body_hash(body));
        let fields = canon::fields(headers);
        let mut taken = vec![false; fields.len()];
        let mut canonical = Vec::with_capacity(headers.len());
        for name in SIGNED.split(':') {
            // The last one that is left (RFC 6376 §5.4.2).
            let found = fields
                .iter()
                .zip(&mut taken)
                .rev()
                .find(|(field, taken)| !**taken && field.name.eq_ignore_ascii_case(name.as_bytes()));
            if let Some((field, taken)) = found {
                *taken = true;
                canon::header(name.as_bytes(), field.value, &mut canonical);
                canonical.extend_from_slice(b"\r\n");
            }
        }
        Content { headers: canonical, body }
    }

    /// What a key signs: the headers, and its own header without the signature.
    fn data(&self, unsigned: &str) -> Vec<u8> {
        let mut data = Vec::with_capacity(self.headers.len() + unsigned.len());
        data.extend_from_slice(&self.headers);
        canon::header(b"dkim-signature", unsigned.as_bytes(), &mut data);
        data
    }
}

/// The header's value up to `b=`, folded.
fn unsigned(key: &Key, content: &Content, at: Timestamp) -> String {
    let mut value = format!(
        "v=1; a={}; c=relaxed/relaxed;\r\n\td={}; s={}; t={};\r\n\th=",
        key.algorithm(),
        key.domain(),
        key.selector(),
        at.as_second()
    );
    let mut column = 0;
    for (at, name) in SIGNED.split(':').enumerate() {
        if at > 0 {
            value.push(':');
        }
        if column + name.len() > 60 {
            value.push_str("\r\n\t");
            column = 0;
        }
        value.push_str(name);
        column += name.len() + 1;
    }
    value.push_str(&format!(";\r\n\tbh={};\r\n\tb=", content.body));
    value
}

/// One whole header, with the signature that was made ahead if it is for these bytes.
fn header(
    key: &Key,
    content: &Content,
    at: Timestamp,
    made: Option<(&[u8], &[u8])>,
    out: &mut Vec<u8>,
) -> Result<(), SignError> {
    let unsigned = unsigned(key, content, at);
    let data = content.data(&unsigned);
    let signature = match made {
        Some((found, signature)) if proof(key, &data).0 == found => BASE64.encode(signature),
        _ => BASE64.encode(key.sign(&data)?),
    };
    out.extend_from_slice(b"DKIM-Signature: ");
    out.extend_from_slice(unsigned.as_bytes());
    for (at, line) in signature.as_bytes().chunks(72).enumerate() {
        if at > 0 {
            out.extend_from_slice(b"\r\n\t");
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Names what is signed together with the key that signs it.
fn proof(key: &Key, data: &[u8]) -> Digest {
    Digest::of_fields(&[&key.name().0, digest(&SHA256, data).as_ref()])
}

#[cfg(test)]
pub mod tests;
