//! SendGrid (docs.sendgrid.com, "Event webhook security features" and "Event webhook reference"; read in November 2026): ECDSA with P-256 and
//! SHA-256 over the time in a header and the body as it came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::Value;

use super::{KEY, Post, Wrong, carried, is_fresh, reading, text, words};
use crate::intake::read::Reading;
use crate::ledger::{Class, Reply};

const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIME: &str = "x-twilio-email-event-webhook-timestamp";
/// What stands before the point in the SubjectPublicKeyInfo of a P-256 key (RFC 5480).
const BEFORE_THE_POINT: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The most events of one request that are read.
const MOST: usize = 20_000;

/// The hook.
pub struct Sendgrid {
    point: Vec<u8>,
}

impl Sendgrid {
    /// The hook with this public key.
    pub fn new(public_key: &str) -> Result<Sendgrid, String> {
        let key = BASE64.decode(public_key.trim()).ok();
        let point = key.as_deref().and_then(|key| key.strip_prefix(BEFORE_THE_POINT));
        match point {
            Some(point) if point.len() == 65 => Ok(Sendgrid { point: point.to_vec() }),
            _ => {
                Err("`public_key` is no P-256 key; copy it from SendGrid's \"Signature Verification\""
                    .to_owned())
            }
        }
    }

    /// Verifies a request and reads it.
    pub fn read(&self, post: Post<'_>, now: Timestamp) -> Result<Vec<Reading>, Wrong> {
        let given = (post.header)(SIGNATURE).and_then(|text| BASE64.decode(text.trim()).ok());
        let given = given.ok_or(Wrong::Signature("no signature"))?;
        let time = (post.header)(TIME).ok_or(Wrong::Signature("no time"))?;
        let signed = [time.as_bytes(), post.body].concat();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.point)
            .verify(&signed, &given)
            .map_err(|_| Wrong::Signature("the signature is not good"))?;
        if !time.parse().is_ok_and(|seconds| is_fresh(seconds, now)) {
            return Err(Wrong::Signature("it is too old"));
        }
        let events: Vec<Value> =
            serde_json::from_slice(post.body).map_err(|_| Wrong::Form("no list of events"))?;
        Ok(events.iter().take(MOST).filter_map(event).collect())
    }
}

fn event(event: &Value) -> Option<Reading> {
    let id = text(event, &["sg_event_id"])?;
    let (refusal, reply) = words(
        text(event, &["status"]),
        text(event, &["reason"]).or_else(|| text(event, &["response"])).unwrap_or_default(),
    );
    let said = refusal.class();
    let (class, reply) = match text(event, &["event"])? {
        "bounce" => match text(event, &["type"]) {
            Some("blocked") => {
                (said.filter(|class| *class != Class::NoMailbox).unwrap_or(Class::Policy), reply)
            }
            Some("expired") => (Class::Expired, reply),
            _ => (said.unwrap_or(Class::Unclear), reply),
        },
        "dropped" => {
            let reason = reply.text.to_lowercase();
            let class = match reason {
                reason if reason.contains("bounced") || reason.contains("invalid") => Class::NoMailbox,
                reason if reason.contains("spam reporting") => Class::Complaint,
                reason if reason.contains("unsubscribed") => Class::Unsubscribe,
                _ => Class::Refused,
            };
            (class, reply)
        }
        "deferred" => (Class::Delayed, reply),
        "delivered" => (Class::Delivered, reply),
        "spamreport" => (Class::Complaint, words(None, "feedback: abuse").1),
        "unsubscribe" | "group_unsubscribe" => (Class::Unsubscribe, Reply::default()),
        _ => return None,
    };
    Some(reading("sendgrid", &[id], class, carried(text(event, &[KEY])), reply))
}
