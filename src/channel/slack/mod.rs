//! A Slack channel, by an incoming webhook or as a bot.
//!
//! A bot's messages have a name: a correction edits them, a kill turns them into the notice, a hold is an answer below them that
//! shows in the channel as well. Each carries the delivery's key as metadata, by which one whose answer was lost is found in the
//! channel's history. A webhook's messages have neither: a correction, hold or kill is a message of its own.
//!
//! Slack fetches the picture before it answers, and refuses the message if it cannot; so from the third attempt on it goes
//! without.

mod bot;
mod message;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::adapter::{Adapter, Setup, settings};
use super::config::{Limits, OnUnknown, SecretRef};
use super::hook::{self, Hook, WITH_PICTURE};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt};
use crate::language::Language;
use bot::Bot;

/// A channel of Slack. It is reached by a `webhook`, or with the `token` of a bot in a `room`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// The address of an incoming webhook, which is a secret.
    pub webhook: Option<SecretRef>,
    /// The token of a bot (`xoxb-…`), with the scopes `chat:write`, `channels:history` and, for private channels, `groups:history`.
    pub token: Option<SecretRef>,
    /// The id of the channel that the bot writes to: `C024BE91L`.
    pub room: Option<String>,
    /// Another address of Slack's API.
    #[serde(default = "endpoint")]
    pub endpoint: String,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived; `resend_once` where nothing is said.
    #[serde(default = "hook::resend_once")]
    pub on_unknown: OnUnknown,
}

fn endpoint() -> String {
    "https://slack.com/api".to_owned()
}

settings!(
    SlackConfig,
    secrets(webhook token),
    addresses(endpoint),
    fn troubles(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        match (&self.webhook, &self.token, &self.room) {
            (Some(_), None, None) => Vec::new(),
            (None, Some(_), Some(room)) if bot::is_room(room) => Vec::new(),
            (None, Some(_), Some(_)) => {
                vec![("room", "this is no id of a Slack channel", "write it as the channel's details show it: `C024BE91L`")]
            }
            (None, Some(_), None) => vec![("token", "a bot needs a `room`", "add `room:` with the channel's id")],
            _ => vec![("kind", "Slack is reached by a `webhook`, or by a `token` with a `room`", "write one of the two")],
        }
    }
);

/// A channel of Slack.
pub enum Slack {
    /// By an incoming webhook.
    Webhook(Hook),
    /// As a bot.
    Bot(Bot),
}

impl Adapter for Slack {
    type Config = SlackConfig;

    fn open(config: &SlackConfig, setup: &Setup<'_>) -> Result<Slack, String> {
        match &config.room {
            None => Ok(Slack::Webhook(Hook::open(&setup.needed("webhook")?, setup.patience)?)),
            Some(room) => {
                Ok(Slack::Bot(Bot::open(&config.endpoint, room, setup.needed("token")?, setup.patience)?))
            }
        }
    }
}

#[async_trait]
impl Channel for Slack {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let (chat, picture) = parcel.chat()?;
        let body = message::body(chat, picture.filter(|_| parcel.attempt <= WITH_PICTURE));
        match self {
            Slack::Webhook(hook) => {
                let sent =
                    hook.post(&body, gate, parcel.now, |answer| answer.body.trim_ascii() == b"ok").await;
                sent.map_err(|failure| message::retried(failure, parcel))
            }
            Slack::Bot(bot) => bot.deliver(body, parcel, gate).await,
        }
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        match self {
            Slack::Webhook(_) => Probe::CannotTell,
            Slack::Bot(bot) => bot.probe(parcel).await,
        }
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        match self {
            Slack::Webhook(hook) => vec![hook.examine("slack").await],
            Slack::Bot(bot) => bot.examine().await,
        }
    }
}

#[cfg(test)]
mod tests;
