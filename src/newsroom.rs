//! Everything that git holds, from (path, bytes) pairs. No IO.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::audience::Audience;
use crate::finding::Finding;
use crate::language::Language;
use crate::release::{File, Release};

/// A newsroom at one revision.
#[derive(Debug, Clone)]
pub struct Newsroom {
    /// The commit it was read from; nothing for a work tree.
    pub revision: Option<String>,
    /// Its name.
    pub name: String,
    /// Who speaks.
    pub organization: String,
    /// Where its pages are, without a trailing slash.
    pub url: String,
    /// The zone of times that name none.
    pub timezone: TimeZone,
    /// The language of releases that name none.
    pub language: Language,
    /// The languages it writes.
    pub languages: Vec<Language>,
    /// Path of the logo.
    pub logo: Option<String>,
    /// Colours for templates: `accent`, `ink`, `paper`.
    pub colors: BTreeMap<String, String>,
    /// Whom the press may ask, by key.
    pub contacts: BTreeMap<String, PressContact>,
    /// Standing paragraphs by key and language.
    pub boilerplate: BTreeMap<String, BTreeMap<Language, String>>,
    /// The channels, by key. What only delivery needs (hosts, secrets) is [`crate::config`]'s.
    pub channels: BTreeMap<String, ChannelFacts>,
    /// What is allowed.
    pub policy: Policy,
    /// The audiences, by key.
    pub audiences: BTreeMap<String, Audience>,
    /// The releases without errors, by slug.
    pub releases: BTreeMap<String, Release>,
    /// Every Markdown file, also those with errors.
    pub sources: Vec<Arc<File>>,
    /// Templates and media: path -> content.
    pub files: BTreeMap<String, Arc<[u8]>>,
    /// The text of `dateline.yaml`.
    pub config_text: Arc<str>,
    /// What is structurally wrong.
    pub findings: Vec<Finding>,
}

/// Somebody whom the press may ask.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PressContact {
    /// The name.
    pub name: String,
    /// The role.
    pub title: Option<String>,
    /// The address.
    pub email: String,
    /// The telephone number.
    pub phone: Option<String>,
}

/// The kinds of channel there are.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// Mail, through a submission server.
    Smtp,
    /// Our own static site.
    Newsroom,
    /// A Mastodon account.
    Mastodon,
    /// A Bluesky account.
    Bluesky,
    /// A signed webhook.
    Webhook,
    /// Files in a folder.
    File,
}

impl ChannelKind {
    /// The word in `dateline.yaml`, JSON and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            ChannelKind::Smtp => "smtp",
            ChannelKind::Newsroom => "newsroom",
            ChannelKind::Mastodon => "mastodon",
            ChannelKind::Bluesky => "bluesky",
            ChannelKind::Webhook => "webhook",
            ChannelKind::File => "file",
        }
    }

    /// Whether everybody can see what it shows.
    pub fn is_public(self) -> bool {
        matches!(self, ChannelKind::Newsroom | ChannelKind::Mastodon | ChannelKind::Bluesky)
    }
}

/// What planning and rendering need to know of a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelFacts {
    /// Its key.
    pub key: String,
    /// What it is.
    pub kind: ChannelKind,
    /// The one language it speaks; nothing for every language of the audience.
    pub language: Option<Language>,
    /// The most characters of a social text, where the server has its own limit.
    pub characters: Option<u32>,
    /// Mail: the `From` mailbox.
    pub from: Option<String>,
    /// Mail: where answers go.
    pub reply_to: Option<String>,
    /// Mail: the sender's postal address, which the law wants in every mail.
    pub postal_address: Option<String>,
    /// Mail: `List-Id`, stable for ever (RFC 2919).
    pub list_id: Option<String>,
    /// Mail: base of the one-click unsubscribe address (RFC 8058).
    pub unsubscribe_url: Option<String>,
    /// Mail: the mailbox that takes unsubscribe requests.
    pub unsubscribe_mailto: Option<String>,
}

/// What is allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// A release that is first seen this long after its time is not sent by itself.
    pub late_after: jiff::SignedDuration,
    /// A release is not sent any more this long after its time.
    pub expires_after: jiff::SignedDuration,
}

impl Newsroom {
    /// Puts a newsroom together. Never fails: what is wrong is in `findings`, and a release
    /// with errors is not in `releases`.
    ///
    /// `files` are all files below the newsroom that [`wanted`] asks for, with `/` in their paths.
    pub fn build(revision: Option<String>, files: BTreeMap<String, Arc<[u8]>>) -> Newsroom {
        Newsroom {
            revision,
            name: String::new(),
            organization: String::new(),
            url: String::new(),
            timezone: TimeZone::UTC,
            language: Language::english(),
            languages: Vec::new(),
            logo: None,
            colors: BTreeMap::new(),
            contacts: BTreeMap::new(),
            boilerplate: BTreeMap::new(),
            channels: BTreeMap::new(),
            policy: Policy {
                late_after: jiff::SignedDuration::from_hours(1),
                expires_after: jiff::SignedDuration::from_hours(24),
            },
            audiences: BTreeMap::new(),
            releases: BTreeMap::new(),
            sources: Vec::new(),
            files,
            config_text: Arc::from(""),
            findings: Vec::new(),
        }
    }
}

/// Whether a newsroom has any use for the file at `path`.
pub fn wanted(path: &str) -> bool {
    path == "dateline.yaml"
        || ["releases/", "audiences/", "templates/"].iter().any(|root| path.starts_with(root))
}
