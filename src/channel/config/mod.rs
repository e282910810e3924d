//! What `dateline.yaml` says about each channel, one struct per kind; those of later adapters stand beside their adapters.
//!
//! A struct holds exactly the keys that its kind understands; whatever else is written there is
//! refused by [`crate::config`], which reads `kind` first and then the rest with the struct below.
//! Secrets are references: the value stays in the environment or in a file until
//! [`crate::config`] is asked for it.

mod limits;

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::language::Language;
use crate::release::Images;

pub use super::adapter::{ChannelConfig, Settings};
pub use crate::secret::SecretRef;
pub use limits::{Limits, ProviderLimits, Providers};

/// What is done when nobody knows whether a delivery arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// It waits for a person (`dateline resolve`).
    #[default]
    Hold,
    /// It is sent once more, byte for byte the same; the reader may get it twice.
    ResendOnce,
}

/// How the connection to a mail relay is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// Plain at first, then STARTTLS, without which nothing is sent (RFC 3207).
    #[default]
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// None: only for a relay on the same machine.
    None,
}

/// An email service provider that gives fields of a mail back with its webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// `X-PM-Metadata-dateline`
    Postmark,
    /// `X-Mailgun-Variables`
    Mailgun,
    /// `X-SMTPAPI`, its unique arguments
    Sendgrid,
}

impl Provider {
    /// The field, with its line end, by which `token` comes back. None of these is signed by us, and all are taken out by
    /// their provider.
    pub fn field(self, token: &str) -> String {
        match self {
            Provider::Postmark => format!("X-PM-Metadata-dateline: {token}\r\n"),
            Provider::Mailgun => format!("X-Mailgun-Variables: {{\"dateline\": \"{token}\"}}\r\n"),
            Provider::Sendgrid => {
                format!("X-SMTPAPI: {{\"unique_args\": {{\"dateline\": \"{token}\"}}}}\r\n")
            }
        }
    }
}

/// A mail relay.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// The relay's host name.
    pub host: String,
    /// Its port; 587 for `starttls`, 465 for `implicit`, 25 for `none` where nothing is said.
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: Tls,
    /// The name to log in with.
    pub username: Option<String>,
    /// The password to log in with.
    pub password: Option<SecretRef>,
    /// A file of certificates (PEM) to trust instead of the system's.
    pub ca_file: Option<String>,
    /// The sender: `Halden Motors Press <press@halden.example>`.
    pub from: String,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// Whether mails fetch their pictures from the newsroom site (`link`) or carry them (`inline`).
    #[serde(default)]
    pub images: Images,
    /// The sender's postal address, which the law wants in every mail.
    pub postal_address: Option<String>,
    /// `List-Id`, stable for ever (RFC 2919): `press.halden.example`.
    pub list_id: Option<String>,
    /// Base of the one-click unsubscribe address, with https (RFC 8058).
    pub unsubscribe_url: Option<String>,
    /// The mailbox that takes unsubscribe requests.
    pub unsubscribe_mailto: Option<String>,
    /// The domain to which reports go: mails leave as from `b+TOKEN@` it (VERP), and `intake` reads what comes there. Without it
    /// reports go to `from`, and nobody can tell whom they are about.
    pub bounce_domain: Option<String>,
    /// The email service provider behind the relay, if it is one that replaces the sender: our token then travels in a field
    /// that its webhooks give back.
    pub provider: Option<Provider>,
    /// The keys that sign every mail (DKIM); all of them sign.
    #[serde(default)]
    pub dkim: Vec<DkimConfig>,
    /// The addresses that the relay sends from, where they are not those it is reached at; `dateline doctor` looks them up.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub sends_from: Vec<IpAddr>,
    /// The largest mail that may leave, in bytes; 25 million where nothing is said. The relay's own limit counts as well.
    pub max_size: Option<u64>,
    /// The name to greet the relay with.
    pub helo: Option<String>,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

/// A key that signs mails (DKIM, RFC 6376). RSA of 2048 bits or more, or Ed25519 (RFC 8463).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DkimConfig {
    /// The selector; the public key is published at `SELECTOR._domainkey.DOMAIN`. A new key has a new one.
    pub selector: String,
    /// The domain that signs; the sender's where nothing is said.
    pub domain: Option<String>,
    /// The private key (PEM).
    pub key: SecretRef,
}

impl SmtpConfig {
    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::Starttls => 587,
            Tls::Implicit => 465,
            Tls::None => 25,
        })
    }
}

/// An account of Amazon SES, by version 2 of its API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SesConfig {
    /// The region that the sender is verified in: `eu-north-1`.
    pub region: String,
    /// Another address of the API, such as that of a private network.
    pub endpoint: Option<String>,
    /// The access key's id.
    pub access_key_id: SecretRef,
    /// The access key's secret.
    pub secret_access_key: SecretRef,
    /// The session's token, where the key is a temporary one.
    pub session_token: Option<SecretRef>,
    /// The configuration set, whose event destinations tell of bounces and complaints.
    pub configuration_set: Option<String>,
    /// The sender: `Halden Motors Press <press@halden.example>`. Its address or domain is verified in SES.
    pub from: String,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The sender's postal address, which the law wants in every mail.
    pub postal_address: Option<String>,
    /// `List-Id`, stable for ever (RFC 2919): `press.halden.example`.
    pub list_id: Option<String>,
    /// Base of the one-click unsubscribe address, with https (RFC 8058).
    pub unsubscribe_url: Option<String>,
    /// The mailbox that takes unsubscribe requests.
    pub unsubscribe_mailto: Option<String>,
    /// Whether mails fetch their pictures from the newsroom site (`link`) or carry them (`inline`).
    #[serde(default)]
    pub images: Images,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used; never faster than SES allows the account.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

impl SesConfig {
    /// Where the API is (docs.aws.amazon.com/general/latest/gr/ses.html).
    pub fn endpoint(&self) -> String {
        match (&self.endpoint, self.region.starts_with("cn-")) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, false) => format!("https://email.{}.amazonaws.com", self.region),
            (None, true) => format!("https://email.{}.amazonaws.com.cn", self.region),
        }
    }
}

/// A server of Postmark, by its API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostmarkConfig {
    /// The server's API token.
    pub token: SecretRef,
    /// Another address of the API.
    #[serde(default = "postmark_endpoint")]
    pub endpoint: String,
    /// The message stream: one for broadcasts, as press mail is.
    #[serde(default = "postmark_stream")]
    pub stream: String,
    /// The sender: `Halden Motors Press <press@halden.example>`. Its address or domain is confirmed in Postmark.
    pub from: String,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The sender's postal address, which the law wants in every mail.
    pub postal_address: Option<String>,
    /// `List-Id`, stable for ever (RFC 2919): `press.halden.example`.
    pub list_id: Option<String>,
    /// Base of the one-click unsubscribe address, with https (RFC 8058).
    pub unsubscribe_url: Option<String>,
    /// The mailbox that takes unsubscribe requests.
    pub unsubscribe_mailto: Option<String>,
    /// Whether mails fetch their pictures from the newsroom site (`link`) or carry them (`inline`).
    #[serde(default)]
    pub images: Images,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

fn postmark_endpoint() -> String {
    "https://api.postmarkapp.com".to_owned()
}

fn postmark_stream() -> String {
    "broadcast".to_owned()
}

/// Our own static site.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewsroomConfig {
    /// The folder that the site is written to; relative to the newsroom.
    pub dir: String,
    /// The site's address, where it is not the newsroom's `url`.
    pub url: Option<String>,
    /// A bucket that the site is sent on to.
    pub s3: Option<Box<S3Config>>,
    /// A branch of a git repository that the site is pushed to.
    pub git: Option<Box<SiteGitConfig>>,
    /// What its recordings are called as a podcast; with it there is a `podcast.xml`.
    pub podcast: Option<Box<PodcastConfig>>,
    /// The WebSub hub that its feeds name, which a channel of kind `websub` tells: `https://hub.halden.example/`.
    pub hub: Option<String>,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

/// A bucket of Amazon S3, or of another store that speaks its language.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// The bucket's name.
    pub bucket: String,
    /// The folder in the bucket.
    pub prefix: Option<String>,
    /// The region that the bucket is in: `eu-north-1`.
    pub region: String,
    /// The address of another store.
    pub endpoint: Option<String>,
    /// The access key's id.
    pub access_key_id: SecretRef,
    /// The access key's secret.
    pub secret_access_key: SecretRef,
    /// The session's token, where the key is a temporary one.
    pub session_token: Option<SecretRef>,
}

impl S3Config {
    /// Where the API is (docs.aws.amazon.com/general/latest/gr/s3.html).
    pub fn endpoint(&self) -> String {
        self.endpoint.clone().unwrap_or_else(|| format!("https://s3.{}.amazonaws.com", self.region))
    }
}

/// A branch of a git repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteGitConfig {
    /// The repository: an address with `https://` or `ssh://`, or a path relative to the newsroom.
    pub repository: String,
    /// The branch.
    #[serde(default = "pages")]
    pub branch: String,
    /// The token to push with, for `https://`; over `ssh://` the key of Dateline's user is used.
    pub token: Option<SecretRef>,
    /// The name that goes with the token.
    #[serde(default = "git_user")]
    pub username: String,
    /// Who commits.
    #[serde(default = "git_author")]
    pub author: String,
    /// The committer's email address.
    #[serde(default = "git_email")]
    pub email: String,
}

fn pages() -> String {
    "pages".to_owned()
}

fn git_user() -> String {
    "dateline".to_owned()
}

fn git_author() -> String {
    "Dateline".to_owned()
}

fn git_email() -> String {
    "dateline@localhost".to_owned()
}

/// A podcast.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PodcastConfig {
    /// Its title.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// The address of its cover: a square of 1400 to 3000 pixels, as directories want it.
    pub image: String,
    /// Who speaks, where it is not the newsroom's organization.
    pub author: Option<String>,
    /// To whom directories write.
    pub email: Option<String>,
    /// Its category, by the list of Apple Podcasts.
    #[serde(default = "category")]
    pub category: String,
    /// Whether it is not for children.
    #[serde(default)]
    pub explicit: bool,
}

fn category() -> String {
    "News".to_owned()
}

/// Who sees a Mastodon status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Everybody, on every timeline.
    #[default]
    Public,
    /// Everybody, but on no public timeline.
    Unlisted,
    /// Followers alone.
    Private,
}

impl Visibility {
    /// The word of Mastodon's API.
    pub fn as_str(self) -> &'static str {
        match self {
            Visibility::Public => "public",
            Visibility::Unlisted => "unlisted",
            Visibility::Private => "private",
        }
    }
}

/// A Mastodon account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MastodonConfig {
    /// The server: `https://social.halden.example`.
    pub server: String,
    /// The account's access token, with `write:statuses` and `write:media`.
    pub token: SecretRef,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// The most characters of a status, where the server allows other than 500.
    pub characters: Option<u32>,
    /// Who sees it.
    #[serde(default)]
    pub visibility: Visibility,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

/// A Bluesky account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlueskyConfig {
    /// The account's server (PDS).
    #[serde(default = "bluesky_server")]
    pub server: String,
    /// The account's handle: `halden.example`.
    pub handle: String,
    /// An app password.
    pub password: SecretRef,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

fn bluesky_server() -> String {
    "https://bsky.social".to_owned()
}

/// A signed webhook (Standard Webhooks).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where to post, with https.
    pub url: String,
    /// The signing secret: `whsec_` and base64.
    pub secret: SecretRef,
    /// Whether `url` may lead to a private or local address, and use http.
    #[serde(default)]
    pub allow_private: bool,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

/// Files in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// The folder; relative to the newsroom.
    pub dir: String,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}
