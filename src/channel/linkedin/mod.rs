//! A page or a person on LinkedIn, by the Posts API (learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api).
//!
//! LinkedIn takes no idempotency key. From the second attempt on the author's own posts are looked at first ([`super::timeline`]); an
//! answer that names the post of which this one would be a duplicate is believed once that post says the same.
//!
//! A correction or a hold edits the post's words, a kill deletes it. There are no threads: a text is one post.

mod api;
mod little;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::adapter::{Adapter, Setup, settings};
use super::config::{Limits, OnUnknown, SecretRef};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, timeline};
use crate::language::Language;
use api::Api;

/// A page or a person on LinkedIn.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkedinConfig {
    /// Who posts: `urn:li:organization:NUMBER`, or `urn:li:person:ID`.
    pub author: String,
    /// The access token, with `w_organization_social` and `r_organization_social` (a page) or `w_member_social` and
    /// `r_member_social`. Without `refresh_token` it ends after 60 days.
    pub token: Option<SecretRef>,
    /// The refresh token, where the application may have one; then `token` is not needed. It ends after a year.
    pub refresh_token: Option<SecretRef>,
    /// The application's client id: with it and `client_secret` tokens are renewed, and `dateline doctor` says when they end.
    pub client_id: Option<String>,
    /// Its client secret.
    pub client_secret: Option<SecretRef>,
    /// The version of the API, as `YYYYMM`; LinkedIn keeps each for a year.
    #[serde(default = "version")]
    pub version: String,
    /// Another address of the API.
    #[serde(default = "endpoint")]
    pub endpoint: String,
    /// Another address of the log-in.
    #[serde(default = "login")]
    pub login: String,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

fn version() -> String {
    "202610".to_owned()
}

fn endpoint() -> String {
    "https://api.linkedin.com".to_owned()
}

fn login() -> String {
    "https://www.linkedin.com".to_owned()
}

settings!(
    LinkedinConfig,
    secrets(token refresh_token client_secret),
    addresses(endpoint login),
    fn troubles(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let mut troubles = Vec::new();
        if !is_author(&self.author) {
            let hint = "write `urn:li:organization:NUMBER`, or `urn:li:person:ID`";
            troubles.push(("author", "this is nobody on LinkedIn", hint));
        }
        if api::ends(&self.version).is_none() {
            troubles.push(("version", "this is no version of LinkedIn's API", "write year and month: `\"202610\"`"));
        }
        let renewed = self.refresh_token.is_some();
        if renewed && (self.client_id.is_none() || self.client_secret.is_none()) {
            let hint = "write the application's `client_id` and `client_secret`";
            troubles.push(("refresh_token", "only its application can use a refresh token", hint));
        }
        if !renewed && self.token.is_none() {
            troubles.push(("token", "without a token nothing can be posted", "write `token:` or `refresh_token:`"));
        }
        troubles
    }
);

fn is_author(text: &str) -> bool {
    let id = ["urn:li:organization:", "urn:li:person:"].iter().find_map(|start| text.strip_prefix(start));
    id.is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)))
}

/// A page or a person on LinkedIn.
pub struct Linkedin {
    api: Api,
}

impl Adapter for Linkedin {
    type Config = LinkedinConfig;

    fn open(config: &LinkedinConfig, setup: &Setup<'_>) -> Result<Linkedin, String> {
        Ok(Linkedin { api: Api::open(config, setup)? })
    }
}

#[async_trait]
impl Channel for Linkedin {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        timeline::deliver(&self.api, parcel, gate).await
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        timeline::probe(&self.api, parcel).await
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        self.api.examine().await
    }
}
