//! A Mattermost channel, by an incoming webhook (developers.mattermost.com/integrate/webhooks/incoming).
//!
//! A webhook gives its messages no name that we learn, so a correction, hold or kill is a message of its own.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::adapter::{Adapter, Setup, settings};
use super::config::{Limits, OnUnknown, SecretRef};
use super::hook::{self, Hook, cut, escaped};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Receipt};
use crate::language::Language;
use crate::render::Chat;

/// A channel of Mattermost.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MattermostConfig {
    /// The address of the incoming webhook, which is a secret.
    pub webhook: SecretRef,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived; `resend_once` where nothing is said.
    #[serde(default = "hook::resend_once")]
    pub on_unknown: OnUnknown,
}

settings!(MattermostConfig, secrets(webhook), addresses());

/// A channel of Mattermost.
pub struct Mattermost {
    hook: Hook,
}

impl Adapter for Mattermost {
    type Config = MattermostConfig;

    fn open(_: &MattermostConfig, setup: &Setup<'_>) -> Result<Mattermost, String> {
        Ok(Mattermost { hook: Hook::open(&setup.needed("webhook")?, setup.patience)? })
    }
}

/// One attachment (developers.mattermost.com/integrate/reference/message-attachments). The server fetches the picture when
/// somebody looks.
fn body(chat: &Chat) -> Value {
    let paragraphs: Vec<String> = chat.paragraphs().map(text).collect();
    let mut attachment = json!({
        "fallback": cut(&quiet(&chat.headline()), 1_000),
        "color": chat.accent,
        "author_name": chat.organization,
        "title": quiet(&chat.headline()),
        "text": cut(&paragraphs.join("\n\n"), 3_500),
    });
    if let Some(url) = chat.link() {
        attachment["title_link"] = json!(url);
    }
    if let Some(picture) = &chat.picture {
        attachment["image_url"] = json!(picture);
    }
    json!({ "attachments": [attachment] })
}

/// Words that neither format nor call anybody: `@all` in a release is no `@all`.
fn text(text: &str) -> String {
    quiet(&escaped(text, "\\*_~`#[]|"))
}

fn quiet(text: &str) -> String {
    text.replace('@', "@\u{200b}")
}

#[async_trait]
impl Channel for Mattermost {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let (chat, _) = parcel.chat()?;
        self.hook.post(&body(chat), gate, parcel.now, |answer| answer.body.trim_ascii() == b"ok").await
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        vec![self.hook.examine("mattermost").await]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::suite::room::chat;

    #[test]
    fn a_message_calls_nobody() {
        let body = body(&chat("Ask @all about *this*", "@here: [x](y) & 1 < 2"));
        let attachment = &body["attachments"][0];
        assert_eq!(attachment["title"], "Ask @\u{200b}all about *this*");
        assert_eq!(attachment["text"], "@\u{200b}here: \\[x\\](y) & 1 < 2");
    }
}
