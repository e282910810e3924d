//! A channel or chat in Microsoft Teams, by a workflow ("When a Teams webhook request is received").
//!
//! The workflow takes an Adaptive Card (learn.microsoft.com/connectors/teams, adaptivecards.io/explorer) and answers 202:
//! Power Automate has accepted it, and may fail to post it all the same. A message has no name that we learn, so a
//! correction, hold or kill is a message of its own.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::adapter::{Adapter, Setup, settings};
use super::config::{Limits, OnUnknown, SecretRef};
use super::hook::{self, Hook, cut, escaped};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Receipt, Reply, refused};
use crate::language::Language;
use crate::render::{Asset, Chat};

/// The most bytes of a message (learn.microsoft.com/microsoftteams/limits-specifications-teams).
const MOST: usize = 28_000;

/// A channel or chat in Microsoft Teams.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamsConfig {
    /// The address of the workflow, which is a secret: it holds a signature.
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

settings!(TeamsConfig, secrets(webhook), addresses());

/// A channel or chat in Microsoft Teams.
pub struct Teams {
    hook: Hook,
}

impl Adapter for Teams {
    type Config = TeamsConfig;

    fn open(_: &TeamsConfig, setup: &Setup<'_>) -> Result<Teams, String> {
        Ok(Teams { hook: Hook::open(&setup.needed("webhook")?, setup.patience)? })
    }
}

fn body(chat: &Chat, picture: Option<&Asset>) -> Value {
    let block = |text: &str| json!({ "type": "TextBlock", "text": cut(&escaped(text, "\\*_[]"), 4_000), "wrap": true });
    let mut headline = block(&chat.headline());
    headline["size"] = json!("Large");
    headline["weight"] = json!("Bolder");
    let mut parts = vec![headline];
    if let (Some(url), Some(asset)) = (&chat.picture, picture) {
        parts.push(
            json!({ "type": "Image", "url": url, "altText": hook::alt(&asset.alt), "size": "Stretch" }),
        );
    }
    parts.extend(chat.paragraphs().map(block));
    let open = chat.link().map(|url| json!({ "type": "Action.OpenUrl", "title": chat.more, "url": url }));
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": chat.plain(),
        "body": parts,
        "actions": open.as_slice(),
    });
    let attachment = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card });
    json!({ "type": "message", "attachments": [attachment] })
}

#[async_trait]
impl Channel for Teams {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let (chat, picture) = parcel.chat()?;
        let body = body(chat, picture);
        if body.to_string().len() > MOST {
            return Err(refused(
                "the message is larger than the 28 kB that Teams takes; shorten the summary",
            ));
        }
        let receipt = self.hook.post(&body, gate, parcel.now, |_| true).await?;
        let reply = match receipt.reply.code {
            Some(202) => Reply::new(202, None, "accepted by Power Automate, which posts it"),
            _ => receipt.reply,
        };
        Ok(Receipt { reply, ..receipt })
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        vec![self.hook.examine("teams").await]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::scripted::{Act, Counting, Scripted};
    use crate::channel::suite::room::{self, chat};

    #[test]
    fn a_card_has_headline_text_and_a_way_to_the_release() {
        let body = body(&chat("It *goes*", "Far."), None);
        let card = &body["attachments"][0]["content"];
        assert_eq!(card["body"][0]["text"], "It \\*goes\\*");
        assert_eq!(card["body"][1]["text"], "Far.");
        assert_eq!(card["actions"][0]["url"], room::URL);
    }

    #[tokio::test]
    async fn what_is_too_large_does_not_leave() {
        let server = Scripted::start(|_, _| Act::text(202, "")).await;
        let channel = room::TEAMS.open(&server.url);
        let mut parcel = room::message();
        let mut edition = (*parcel.edition).clone();
        let long = Chat { text: "å".repeat(4_000), note: Some("ö".repeat(4_000)), ..chat("x", "") };
        edition.content = crate::render::Content::Chat(Chat { title: "ä".repeat(4_000), ..long });
        parcel.edition = std::sync::Arc::new(edition);
        let failure = channel.deliver(&parcel, &Counting::open()).await.unwrap_err();
        assert!(failure.to_string().contains("28 kB"), "{failure}");
        assert!(server.asked().is_empty());
    }
}
