//! Amazon SES through SNS (docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html and
//! …/ses/latest/dg/notification-contents.html, event-publishing-retrieving-sns-contents.html; read in November 2026).
//!
//! A message is signed with RSA (version 1: SHA-1, version 2: SHA-256) under a certificate that is fetched over https from
//! `sns.REGION.amazonaws.com` alone, and only for topics that are configured.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::{SignedDuration, Timestamp};
use ring::signature;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use url::Url;

use super::fetch::Fetch;
use super::{Events, KEY, Post, Wrong, carried, reading, sender, text, words};
use crate::intake::config::SesConfig;
use crate::intake::read::{Reading, whom};
use crate::ledger::{Class, Reply};
use crate::token::Token;

/// SNS tries for up to an hour; what is older is somebody's copy.
const TOLERANCE: SignedDuration = SignedDuration::from_hours(2);
/// The most certificates that are remembered; Amazon changes them once a year.
const REMEMBERED: usize = 16;

/// The hook.
pub struct Ses {
    topics: BTreeSet<String>,
    confirm: bool,
    /// Public keys by the certificate's address.
    keys: Mutex<HashMap<Url, Vec<u8>>>,
}

impl Ses {
    /// The hook for these topics.
    pub fn new(config: &SesConfig) -> Ses {
        Ses {
            topics: config.topics.iter().cloned().collect(),
            confirm: config.confirm,
            keys: Mutex::default(),
        }
    }

    /// Verifies a message and reads it.
    pub async fn read(&self, post: Post<'_>, now: Timestamp, fetch: &Fetch) -> Result<Events, Wrong> {
        let message: Value = serde_json::from_slice(post.body).map_err(|_| Wrong::Form("no JSON"))?;
        let topic = text(&message, &["TopicArn"]).ok_or(Wrong::Form("no TopicArn"))?;
        if !self.topics.contains(topic) {
            return Err(Wrong::Signature("the topic is not configured"));
        }
        let at = text(&message, &["Timestamp"]).and_then(|at| at.parse::<Timestamp>().ok());
        if at.is_none_or(|at| now.duration_since(at).abs() > TOLERANCE) {
            return Err(Wrong::Signature("it is too old"));
        }
        let kind = text(&message, &["Type"]).ok_or(Wrong::Form("no Type"))?;
        self.verify(&message, kind, fetch).await?;
        match kind {
            "Notification" => {
                let body = text(&message, &["Message"]).ok_or(Wrong::Form("no Message"))?;
                let id = text(&message, &["MessageId"]).ok_or(Wrong::Form("no MessageId"))?;
                // A test from the console is a sentence.
                let events =
                    serde_json::from_str::<Value>(body).map(|event| events(&event, id)).unwrap_or_default();
                Ok(Events::Some(events))
            }
            "SubscriptionConfirmation" if self.confirm => {
                let url = text(&message, &["SubscribeURL"]).and_then(amazon);
                url.map(Events::Confirm).ok_or(Wrong::Signature("its address is not Amazon's"))
            }
            "SubscriptionConfirmation" => {
                Err(Wrong::Signature("subscriptions are not confirmed; set `confirm: true`"))
            }
            _ => Ok(Events::Some(Vec::new())),
        }
    }

    async fn verify(&self, message: &Value, kind: &str, fetch: &Fetch) -> Result<(), Wrong> {
        let names: &[&str] = if kind == "Notification" {
            &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        } else {
            &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        };
        let mut signed = String::new();
        for name in names {
            // A subject may be missing, and then it is not signed.
            if let Some(value) = message.get(name).and_then(Value::as_str) {
                signed.push_str(&format!("{name}\n{value}\n"));
            }
        }
        let algorithm: &dyn signature::VerificationAlgorithm = match text(message, &["SignatureVersion"]) {
            Some("1") => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Some("2") => &signature::RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(Wrong::Signature("a signature of an unknown version")),
        };
        let given = text(message, &["Signature"]).and_then(|text| BASE64.decode(text).ok());
        let given = given.ok_or(Wrong::Signature("no signature"))?;
        let url = text(message, &["SigningCertURL"]).and_then(amazon);
        let url = url.filter(|url| url.path().strip_suffix(".pem").is_some());
        let url = url.ok_or(Wrong::Signature("its certificate is not Amazon's"))?;
        let key = self.key(url, fetch).await?;
        signature::UnparsedPublicKey::new(algorithm, key)
            .verify(signed.as_bytes(), &given)
            .map_err(|_| Wrong::Signature("the signature is not good"))
    }

    async fn key(&self, url: Url, fetch: &Fetch) -> Result<Vec<u8>, Wrong> {
        let known = self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(&url).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let page = fetch(url.clone()).await;
        let page =
            page.map_err(|why| Wrong::Later(format!("Amazon's certificate cannot be fetched: {why}")))?;
        let key = public_key(&page).ok_or(Wrong::Signature("its certificate cannot be read"))?;
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= REMEMBERED {
            keys.clear();
        }
        keys.insert(url, key.clone());
        Ok(key)
    }
}

/// An https address of SNS in one of Amazon's regions, with nothing odd about it.
fn amazon(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let region = host.strip_prefix("sns.")?;
    let region =
        region.strip_suffix(".amazonaws.com").or_else(|| region.strip_suffix(".amazonaws.com.cn"))?;
    let plain = !region.is_empty()
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let bare = url.scheme() == "https"
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    (plain && bare).then_some(url)
}

/// The RSA key in a certificate, as `ring` wants it: what the bit string of its SubjectPublicKeyInfo holds.
fn public_key(pem: &[u8]) -> Option<Vec<u8>> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let parsed = rustls::server::ParsedCertificate::try_from(&certificate).ok()?;
    let info = parsed.subject_public_key_info();
    // SEQUENCE { SEQUENCE algorithm, BIT STRING key } (RFC 5280 §4.1).
    let (0x30, inside, _) = der(info.as_ref())? else { return None };
    let (0x30, _, rest) = der(inside)? else { return None };
    let (0x03, bits, _) = der(rest)? else { return None };
    bits.strip_prefix(&[0]).map(<[u8]>::to_vec)
}

/// One element of DER: its tag, its content, and what follows.
fn der(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), rest.get(2..)?),
        _ => return None,
    };
    Some((*tag, rest.get(..length)?, rest.get(length..)?))
}

/// What an event says. A mail of ours has one recipient; of several the first counts.
fn events(event: &Value, id: &str) -> Vec<Reading> {
    let kind = text(event, &["notificationType"]).or_else(|| text(event, &["eventType"])).unwrap_or_default();
    let (class, reply) = match kind {
        "Bounce" => bounce(event),
        "Complaint" => match text(event, &["complaint", "complaintFeedbackType"]) {
            Some("not-spam") => (Class::Delivered, note("feedback: not-spam")),
            kind => (Class::Complaint, note(&format!("feedback: {}", kind.unwrap_or("abuse")))),
        },
        "Delivery" => {
            (Class::Delivered, words(None, text(event, &["delivery", "smtpResponse"]).unwrap_or_default()).1)
        }
        "DeliveryDelay" => {
            (Class::Delayed, note(text(event, &["deliveryDelay", "delayType"]).unwrap_or_default()))
        }
        "Reject" => (Class::Refused, note(text(event, &["reject", "reason"]).unwrap_or_default())),
        _ => return Vec::new(),
    };
    vec![reading("ses", &[id], class, token(event), reply)]
}

fn bounce(event: &Value) -> (Class, Reply) {
    let first = event.pointer("/bounce/bouncedRecipients/0").unwrap_or(&Value::Null);
    let (refusal, reply) =
        words(text(first, &["status"]), text(first, &["diagnosticCode"]).unwrap_or_default());
    let said = refusal.class();
    let kind = text(event, &["bounce", "bounceType"]).unwrap_or_default();
    let class = match (kind, text(event, &["bounce", "bounceSubType"]).unwrap_or_default()) {
        ("Permanent", "NoEmail" | "Suppressed" | "OnAccountSuppressionList") => Class::NoMailbox,
        // "Remove it from your list": unless the words say that it is us.
        ("Permanent", _) => match said {
            Some(class) if class != Class::Refused && class != Class::Expired => class,
            _ => Class::NoMailbox,
        },
        ("Transient", "MailboxFull") => Class::MailboxFull,
        ("Transient", "MessageTooLarge" | "AttachmentRejected") => Class::Refused,
        ("Transient", "ContentRejected") => Class::Policy,
        // Amazon calls out-of-office answers so; they have no status.
        ("Transient", _) => match said {
            None => Class::Automatic,
            Some(Class::MailboxFull) => Class::MailboxFull,
            Some(Class::Policy) => Class::Policy,
            Some(_) => Class::Expired,
        },
        _ => said.unwrap_or(Class::Unclear),
    };
    (class, reply)
}

/// A tag that we set, else the sender, else the mail's own fields.
fn token(event: &Value) -> Option<Token> {
    let tag = event.pointer("/mail/tags").and_then(|tags| tags.get(KEY)?.get(0)?.as_str());
    let field = |name: &str| {
        let all = event.pointer("/mail/headers")?.as_array()?;
        let found = all
            .iter()
            .find(|field| text(field, &["name"]).is_some_and(|found| found.eq_ignore_ascii_case(name)));
        text(found?, &["value"]).map(str::to_owned)
    };
    carried(tag).or_else(|| sender(text(event, &["mail", "source"]))).or_else(|| {
        let value = field("list-unsubscribe")?;
        let (headers, _) =
            crate::intake::mime::Headers::read(format!("List-Unsubscribe: {value}").as_bytes());
        whom::quoted(&headers)
    })
}

fn note(words: &str) -> Reply {
    super::words(None, words).1
}

#[cfg(test)]
mod tests {
    use super::amazon;

    #[test]
    fn certificates_come_from_amazon_alone() {
        for (url, expected) in [
            ("https://sns.eu-north-1.amazonaws.com/SimpleNotificationService-0123.pem", true),
            ("https://sns.cn-north-1.amazonaws.com.cn/x.pem", true),
            ("http://sns.eu-north-1.amazonaws.com/x.pem", false),
            ("https://sns.eu-north-1.amazonaws.com.evil.example/x.pem", false),
            ("https://evil.example/sns.eu-north-1.amazonaws.com/x.pem", false),
            ("https://sns.evil.example#.amazonaws.com/x.pem", false),
            ("https://sns.eu-north-1.amazonaws.com:8443/x.pem", false),
            ("https://a@sns.eu-north-1.amazonaws.com/x.pem", false),
            ("https://sns.a.b.amazonaws.com/x.pem", false),
            ("https://bucket.s3.amazonaws.com/x.pem", false),
            ("https://sns..amazonaws.com/x.pem", false),
            ("nonsense", false),
        ] {
            assert_eq!(amazon(url).is_some(), expected, "{url}");
        }
    }
}
