//! Postmark (postmarkapp.com/developer/webhooks; read in November 2026). It does not sign what it posts: the name and the password in the
//! webhook's address arrive as basic authentication, over https.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{KEY, Post, Wrong, carried, reading, same, text, words};
use crate::intake::read::Reading;
use crate::ledger::{Class, Reply};

/// The hook.
pub struct Postmark {
    expected: SecretString,
}

impl Postmark {
    /// The hook with this name and password.
    pub fn new(username: &str, password: &SecretString) -> Postmark {
        let plain = format!("{username}:{}", password.expose_secret());
        Postmark { expected: SecretString::from(BASE64.encode(plain)) }
    }

    /// Verifies a request and reads it.
    pub fn read(&self, post: Post<'_>) -> Result<Vec<Reading>, Wrong> {
        let given = (post.header)("authorization").unwrap_or_default();
        let (scheme, given) = given.split_once(' ').unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("basic")
            || !same(given.trim().as_bytes(), self.expected.expose_secret().as_bytes())
        {
            return Err(Wrong::Signature("the name or the password is not the agreed one"));
        }
        let event: Value = serde_json::from_slice(post.body).map_err(|_| Wrong::Form("no JSON"))?;
        let kind = text(&event, &["RecordType"]).ok_or(Wrong::Form("no RecordType"))?;
        let (class, reply) = match kind {
            "Bounce" => bounce(&event),
            "SpamComplaint" => (Class::Complaint, note("feedback: abuse")),
            "Delivery" => (Class::Delivered, note(text(&event, &["Details"]).unwrap_or_default())),
            "SubscriptionChange" => match text(&event, &["SuppressionReason"]) {
                // Bounces and complaints have events of their own.
                Some("ManualSuppression") if event.get("SuppressSending") == Some(&Value::Bool(true)) => {
                    (Class::Unsubscribe, Reply::default())
                }
                _ => return Ok(Vec::new()),
            },
            _ => return Ok(Vec::new()),
        };
        let message = text(&event, &["MessageID"]).unwrap_or_default();
        let id = event.get("ID").map(ToString::to_string).unwrap_or_default();
        let at = text(&event, &["ChangedAt"]).unwrap_or_default();
        let token = carried(text(&event, &["Metadata", KEY]));
        Ok(vec![reading("postmark", &[kind, message, &id, at], class, token, reply)])
    }
}

/// The kinds of bounces (postmarkapp.com/developer/api/bounce-api#bounce-types).
fn bounce(event: &Value) -> (Class, Reply) {
    let details = text(event, &["Details"]).or_else(|| text(event, &["Description"])).unwrap_or_default();
    let (refusal, reply) = words(None, details);
    let said = refusal.class();
    let class = match text(event, &["Type"]).unwrap_or_default() {
        "HardBounce" | "BadEmailAddress" | "ManuallyDeactivated" => match said {
            Some(class @ (Class::Policy | Class::MailboxFull | Class::NoDomain)) => class,
            _ => Class::NoMailbox,
        },
        "SoftBounce" => match said {
            Some(class @ (Class::MailboxFull | Class::Policy)) => class,
            _ => Class::Expired,
        },
        "Transient" => Class::Delayed,
        "DnsError" => Class::NoDomain,
        "Blocked" | "SpamNotification" | "DMARCPolicy" | "VirusNotification" => Class::Policy,
        "SpamComplaint" => Class::Complaint,
        "Unsubscribe" => Class::Unsubscribe,
        "AutoResponder" | "AddressChange" | "ChallengeVerification" | "Subscribe" | "OpenRelayTest" => {
            Class::Automatic
        }
        "SMTPApiError" | "TemplateRenderingFailed" | "InboundError" => Class::Refused,
        _ => said.unwrap_or(Class::Unclear),
    };
    (class, reply)
}

fn note(text: &str) -> Reply {
    words(None, text).1
}
