//! Mailgun (documentation.mailgun.com, "Securing webhooks" and "Event structure"; read in November 2026): HMAC-SHA256 over the time and a
//! random token, under the account's signing key. The body is not covered: TLS has to keep it.

use jiff::Timestamp;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{KEY, Post, Wrong, carried, is_fresh, reading, sender, text, words};
use crate::intake::read::Reading;
use crate::ledger::{Class, Reply};

/// The hook.
pub struct Mailgun {
    key: hmac::Key,
}

impl Mailgun {
    /// The hook of the account with this signing key.
    pub fn new(signing_key: &SecretString) -> Mailgun {
        Mailgun { key: hmac::Key::new(hmac::HMAC_SHA256, signing_key.expose_secret().as_bytes()) }
    }

    /// Verifies a request and reads it.
    pub fn read(&self, post: Post<'_>, now: Timestamp) -> Result<Vec<Reading>, Wrong> {
        let request: Value = serde_json::from_slice(post.body).map_err(|_| Wrong::Form("no JSON"))?;
        let field = |name| text(&request, &["signature", name]).ok_or(Wrong::Signature("no signature"));
        let (time, token, given) = (field("timestamp")?, field("token")?, field("signature")?);
        let given = unhex(given).ok_or(Wrong::Signature("the signature is no number"))?;
        hmac::verify(&self.key, format!("{time}{token}").as_bytes(), &given)
            .map_err(|_| Wrong::Signature("the signature is not good"))?;
        if !time.parse().is_ok_and(|seconds| is_fresh(seconds, now)) {
            return Err(Wrong::Signature("it is too old"));
        }
        let event = request.get("event-data").ok_or(Wrong::Form("no event-data"))?;
        let id = text(event, &["id"]).ok_or(Wrong::Form("no id"))?;
        let said = said(event);
        let (class, reply) = match text(event, &["event"]).unwrap_or_default() {
            "failed" => failed(event, said),
            "rejected" => (Class::Refused, said.1),
            "delivered" => (Class::Delivered, said.1),
            "complained" => (Class::Complaint, words(None, "feedback: abuse").1),
            "unsubscribed" => (Class::Unsubscribe, Reply::default()),
            _ => return Ok(Vec::new()),
        };
        let token = carried(text(event, &["user-variables", KEY]))
            .or_else(|| sender(text(event, &["envelope", "sender"])));
        Ok(vec![reading("mailgun", &[id], class, token, reply)])
    }
}

type Said = (crate::intake::read::Refusal, Reply);

fn said(event: &Value) -> Said {
    let status = event.get("delivery-status").unwrap_or(&Value::Null);
    let message = text(status, &["message"]).or_else(|| text(status, &["description"])).unwrap_or_default();
    let code = status.get("code").and_then(Value::as_u64).filter(|code| (200..600).contains(code));
    let line = match code {
        Some(code) if super::super::read::smtp_code(message).is_none() => format!("{code} {message}"),
        _ => message.to_owned(),
    };
    words(text(status, &["enhanced-code"]), &line)
}

fn failed(event: &Value, (refusal, reply): Said) -> (Class, Reply) {
    if text(event, &["severity"]) == Some("temporary") {
        return (Class::Delayed, reply);
    }
    let class = match text(event, &["reason"]).unwrap_or_default() {
        "suppress-bounce" => Class::NoMailbox,
        "suppress-complaint" => Class::Complaint,
        "suppress-unsubscribe" => Class::Unsubscribe,
        "espblock" => Class::Policy,
        "old" => Class::Expired,
        _ => refusal.class().unwrap_or(Class::Unclear),
    };
    (class, reply)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
