//! An account on X, by version 2 of its API (docs.x.com/x-api).
//!
//! X takes no idempotency key. From the second attempt on the account's own posts are looked at first ([`super::timeline`]); a post
//! that X calls a duplicate (403) is looked for as well and never taken for a refusal. Each post costs money, so nothing is posted
//! to find something out.
//!
//! Posts are not edited: a correction or a hold answers the first post, with the link; a kill deletes. X gives a new refresh token
//! with each access token: it is on the disk before it is used ([`super::oauth`]).

mod api;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::adapter::{Adapter, Setup, settings};
use super::config::{Limits, OnUnknown, SecretRef};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, timeline};
use crate::language::Language;
use api::Api;

/// An account on X.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XConfig {
    /// The application's OAuth 2.0 client id.
    pub client_id: String,
    /// Its client secret, where it is a confidential client.
    pub client_secret: Option<SecretRef>,
    /// A refresh token of the account, with `tweet.read tweet.write users.read media.write offline.access`. It is used once;
    /// those that follow are kept in `tokens`.
    pub refresh_token: SecretRef,
    /// The file in which the tokens are kept that X gives; relative to the newsroom, never in git. All daemons of a newsroom share
    /// it.
    pub tokens: String,
    /// Another address of the API.
    #[serde(default = "endpoint")]
    pub endpoint: String,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// The most that a post may weigh, where the account may write longer ones than 280.
    pub characters: Option<u32>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

fn endpoint() -> String {
    "https://api.x.com".to_owned()
}

settings!(XConfig, secrets(client_secret refresh_token), addresses(endpoint));

/// An account on X.
pub struct X {
    api: Api,
}

impl Adapter for X {
    type Config = XConfig;

    fn open(config: &XConfig, setup: &Setup<'_>) -> Result<X, String> {
        Ok(X { api: Api::open(config, setup)? })
    }
}

#[async_trait]
impl Channel for X {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        timeline::deliver(&self.api, parcel, gate).await
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        timeline::probe(&self.api, parcel).await
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        vec![self.api.examine().await]
    }
}
