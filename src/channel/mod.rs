//! Ways out of the building.
//!
//! An adapter makes exactly one attempt and reports what it knows. It never retries, sleeps or
//! decides, and knows nothing of the ledger: [`crate::dispatch`] decides, in one place.
//! The one list of them is [`crate::newsroom::kinds`], which [`adapter`] makes into settings and [`open`].

mod adapter;
mod article;
pub mod bluesky;
pub mod config;
pub mod discord;
mod expiry;
pub mod facebook;
pub mod file;
pub mod folder;
pub mod ghost;
mod graph;
mod hook;
pub mod http;
mod letter;
pub mod linkedin;
pub mod mastodon;
pub mod matrix;
pub mod mattermost;
pub mod micropub;
pub mod newsroom;
pub mod ninjs;
mod oauth;
pub mod postmark;
#[cfg(test)]
mod scripted;
pub mod ses;
mod sigv4;
pub mod slack;
pub mod smtp;
#[cfg(test)]
mod suite;
pub mod teams;
pub mod telegram;
pub mod threads;
mod timeline;
pub mod webhook;
pub mod websub;
pub mod wordpress;
pub mod x;
pub mod youtube;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use adapter::Setup;
use config::ChannelConfig;
use http::Patience;

use crate::contact::EmailAddress;
use crate::digest::Digest;
use crate::release::Notice;
use crate::render::{Asset, Chat, Content, Edition, Page, Social};

/// A way out.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Hands `parcel` to the destination, once.
    ///
    /// `gate` is asked directly before the first byte that may make something happen (the final
    /// dot of a mail, the first body byte of a request). If it refuses, the adapter gives up
    /// cleanly and returns [`Failure::GateClosed`]. On the way the adapter tells it how far it is
    /// ([`Mark`]), so that after a death of the process more is known.
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure>;

    /// Looks whether an earlier attempt at `parcel` arrived.
    async fn probe(&self, parcel: &Parcel) -> Probe {
        let _ = parcel;
        Probe::CannotTell
    }

    /// Names what [`Channel::ahead`] depends on beside the parcel; nothing where there is nothing to be made ahead.
    fn stamp(&self) -> Option<Digest> {
        None
    }

    /// Makes what takes long in making the bytes of `parcel`, before it is due: no IO, no more than some milliseconds. It comes
    /// back in [`Parcel::ahead`], and must be proved to fit before it is used.
    fn ahead(&self, parcel: &Parcel) -> Option<Vec<u8>> {
        let _ = parcel;
        None
    }

    /// The public keys that it signs with: where each is published, and what is published there.
    fn public_keys(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The most parcels that the destination takes in a minute, as it says itself; nothing where it does not say. Asked at the
    /// beginning of a run, so an adapter remembers the answer.
    async fn pace(&self, now: Timestamp) -> Option<u32> {
        let _ = now;
        None
    }

    /// How many parcels it may be handed for each of its connections beyond the one that is on its way there, to make them ready
    /// meanwhile. A channel that says so keeps [`Channel::limit`] by itself.
    fn line(&self) -> u32 {
        0
    }

    /// Whether it takes parcels faster than a disk takes what is to be known of them: then it is handed those that have their intents
    /// already ([`Gate::ask`] answers at once), and nobody waits for the ledger between two of them.
    fn is_fast(&self) -> bool {
        false
    }

    /// Has at most so many connections at the same time from now on, and returns how many it has, idle ones too; nothing where each parcel
    /// that is handed in is one.
    fn limit(&self, connections: u32) -> Option<u32> {
        let _ = connections;
        None
    }

    /// Closes connections that are open without being used, so that somebody else may have them.
    async fn rest(&self) {}

    /// Looks at configuration, credentials and reachability, for `dateline doctor`. Sends nothing.
    async fn examine(&self) -> Vec<Diagnosis> {
        Vec::new()
    }

    /// Looks at what is published about it in the DNS and on the web, for `dateline doctor`.
    async fn examine_names(&self, how: &Examination) -> Vec<Diagnosis> {
        let _ = how;
        Vec::new()
    }

    /// The DNS records that it wants published, as lines of a zone file.
    fn records(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The last question before the point of no return.
///
/// Most adapters say [`Gate::begin`] and send. One that can do something useful meanwhile asks [`Gate::ask`] early, and
/// [`Gate::pass`] directly before the byte.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Returns true once the attempt is durable, nothing forbids it, and it may leave this very moment.
    async fn open(&self) -> bool;

    /// Returns true once the attempt is durable and nothing forbids it. [`Gate::pass`] must follow before the byte.
    async fn ask(&self) -> bool {
        self.open().await
    }

    /// Whether the byte may still be written: directly before it, after [`Gate::ask`] said yes. A process that was stopped in
    /// between comes too late.
    fn pass(&self) -> bool {
        true
    }

    /// Notes that the bytes are made, and asks [`Gate::open`]: an error where they may not leave.
    async fn begin(&self) -> Result<(), Failure> {
        self.mark(Mark::Filled);
        if self.open().await { Ok(()) } else { Err(Failure::GateClosed) }
    }

    /// Notes how far the attempt is. Cheap; lost with the machine's power, not with the process.
    fn mark(&self, mark: Mark<'_>) {
        let _ = mark;
    }
}

/// How far an attempt is.
#[derive(Debug, Clone, Copy)]
pub enum Mark<'a> {
    /// The bytes are made; from now on it is the network's time that is used.
    Filled,
    /// It stands in no line any more: the destination hears of it, and what it answers counts.
    Begun,
    /// The byte that makes it happen was written.
    Written,
    /// The destination has answered, and this is what it means.
    Answered(&'a Result<Receipt, Failure>),
}

/// How long the bytes of one parcel may take to make.
pub const FILL_WITHIN: Duration = Duration::from_secs(10);

/// Makes the bytes of one parcel away from the threads that all attempts share: a panic, or more time than [`FILL_WITHIN`],
/// costs this attempt alone.
pub async fn fill<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    fill_within(FILL_WITHIN, work).await
}

async fn fill_within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let broken = |words: &str| Failure::Broken { reply: Reply::note(words) };
    match tokio::time::timeout(limit, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(filled)) => filled,
        Ok(Err(_)) => Err(broken("making its bytes broke off; this is a fault in Dateline, see its log")),
        Err(_) => Err(broken("making its bytes took too long; this is a fault in Dateline")),
    }
}

/// Why a channel cannot be used at all. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

/// The values of the secrets that [`ChannelConfig::secrets`] names, by those names, and of those that
/// [`ChannelConfig::private_keys`] names, in their order. `Debug` does not show them.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    named: BTreeMap<&'static str, SecretString>,
    keys: Vec<SecretString>,
}

impl Secrets {
    /// No secrets.
    pub fn none() -> Secrets {
        Secrets::default()
    }

    /// These, and `value` as the one called `name`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<SecretString>) -> Secrets {
        self.named.insert(name, value.into());
        self
    }

    /// These, and `keys` as the private keys.
    #[must_use]
    pub fn with_keys(self, keys: Vec<SecretString>) -> Secrets {
        Secrets { keys, ..self }
    }

    /// The one called `name`, if it is configured.
    fn get(&self, name: &str) -> Option<SecretString> {
        self.named.get(name).cloned()
    }

    /// The one called `name`, without which the channel cannot be used.
    fn needed(&self, name: &str) -> Result<SecretString, OpenError> {
        self.get(name).ok_or_else(|| OpenError(format!("the channel's `{name}` is not there")))
    }
}

/// Opens the channel that `config` describes.
///
/// `root` is the folder that relative paths start from. Nothing is sent or written.
pub fn open(config: &ChannelConfig, root: &Path, secrets: &Secrets) -> Result<Box<dyn Channel>, OpenError> {
    adapter::open(config, &Setup { root, secrets, patience: Patience::default() })
}

/// Everything an adapter needs for one attempt.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The delivery's key, which never changes: the idempotency key, or what it is derived from.
    pub key: Digest,
    /// The wire's own form of the key (Message-ID, rkey, webhook id), stored before the first try.
    pub wire_key: String,
    /// The frozen edition.
    pub edition: Arc<Edition>,
    /// What it is.
    pub notice: Notice,
    /// Whom it is for.
    pub recipient: Recipient,
    /// When it was due; the timestamp inside what is sent, equal for every attempt.
    pub due: Timestamp,
    /// The instant of this attempt.
    pub now: Timestamp,
    /// 1 for the first try.
    pub attempt: u32,
    /// What this parcel corrects or withdraws.
    pub previous: Option<Previous>,
    /// What [`Channel::ahead`] made for this delivery earlier, perhaps of other text or with other keys.
    pub ahead: Option<Arc<[u8]>>,
}

impl Parcel {
    /// The posts of a social edition; there is at least one.
    fn social(&self) -> Result<&Social, Failure> {
        match &self.edition.content {
            Content::Social(social) if !social.posts.is_empty() => Ok(social),
            _ => Err(refused("a social network takes posts alone")),
        }
    }

    /// The page of an edition for a site.
    fn page(&self) -> Result<&Page, Failure> {
        match &self.edition.content {
            Content::Page(page) => Ok(page),
            _ => Err(refused("a site takes pages alone")),
        }
    }

    /// The message of an edition for a room, and its picture.
    fn chat(&self) -> Result<(&Chat, Option<&Asset>), Failure> {
        match &self.edition.content {
            Content::Chat(chat) => Ok((chat, self.edition.assets.first())),
            _ => Err(refused("a room takes messages alone")),
        }
    }

    /// What the destination calls what this parcel corrects or withdraws.
    fn previous_id(&self) -> Option<&str> {
        self.previous.as_ref()?.remote_id.as_deref().filter(|id| !id.is_empty())
    }
}

impl Parcel {
    /// The receipt of a hold that answers a message: what it answers goes on standing, and is what a later notice is about.
    fn still(&self, receipt: Receipt) -> Receipt {
        match (self.notice, self.previous_id()) {
            (Notice::Hold, Some(id)) => Receipt { remote_id: Some(id.to_owned()), ..receipt },
            _ => receipt,
        }
    }

    /// The same where several posts can be named, by ids with commas between them: those that are answered, then the answer. So a kill
    /// takes away all of them.
    fn beside(&self, receipt: Receipt) -> Receipt {
        let mut ids: Vec<&str> = self.previous_id().unwrap_or_default().split(',').collect();
        for id in receipt.remote_id.as_deref().unwrap_or_default().split(',') {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids.retain(|id| !id.is_empty());
        Receipt { remote_id: Some(ids.join(",")), ..receipt }
    }
}

/// A refusal of our own, before anything leaves: what is to be sent does not fit. The recipient is not to blame.
fn refused(words: impl AsRef<str>) -> Failure {
    Failure::Refused { reply: Reply::note(words), suppress: false }
}

/// Whom a parcel is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// A mailbox.
    Mailbox {
        /// Its address.
        email: EmailAddress,
        /// The name to greet by.
        name: Option<String>,
        /// The token that names this recipient to the unsubscribe endpoint.
        token: String,
        /// The token that names this delivery to whoever reports about it; nothing where nobody is to.
        bounce: Option<String>,
    },
    /// The channel's own account, site, room or endpoint.
    Account,
}

/// What the destination has already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// What the destination calls it.
    pub remote_id: Option<String>,
    /// The mail's Message-ID, or the wire key of the earlier delivery.
    pub wire_key: String,
}

/// What the destination said when it took a parcel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What the destination calls it, as the adapter wants it back in [`Previous`].
    pub remote_id: Option<String>,
    /// Where people can see it.
    pub url: Option<String>,
    /// Its words.
    pub reply: Reply,
}

/// The other side's words, cleaned of control characters and cut to 500 characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The SMTP or HTTP status.
    pub code: Option<u16>,
    /// The enhanced status code (RFC 3463): `5.1.1`.
    pub enhanced: Option<String>,
    /// The text.
    pub text: String,
}

impl Reply {
    /// Words of our own, where the other side said nothing.
    pub fn note(text: impl AsRef<str>) -> Reply {
        Reply { code: None, enhanced: None, text: clean(text.as_ref()) }
    }

    /// The other side's words under its code.
    pub fn new(code: u16, enhanced: Option<String>, text: &str) -> Reply {
        Reply { code: Some(code), enhanced, text: clean(text) }
    }
}

/// Makes the other side's words fit for logs, terminals and pages.
fn clean(text: &str) -> String {
    text.chars().take(500).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(code) = self.code {
            write!(f, "{code} ")?;
        }
        if let Some(enhanced) = &self.enhanced {
            write!(f, "{enhanced} ")?;
        }
        f.write_str(&self.text)
    }
}

/// Why a parcel was not delivered. The variant is the decision; the fields are the evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Not accepted now, for this recipient; another try may succeed.
    #[error("later: {reply}")]
    Later {
        /// The words.
        reply: Reply,
        /// How long the destination wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The destination takes nothing now, for anybody: a rate, its servers.
    #[error("later: {reply}")]
    PauseDestination {
        /// The words.
        reply: Reply,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The way out takes nothing now: it cannot be reached, or it is busy.
    #[error("later: {reply}")]
    PauseChannel {
        /// The words.
        reply: Reply,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// Not accepted, and never will be, for this recipient.
    #[error("refused: {reply}")]
    Refused {
        /// The words.
        reply: Reply,
        /// The address itself is dead: nothing more is sent to it.
        suppress: bool,
    },
    /// The destination refuses *us*: nothing more to it until somebody looks.
    #[error("the destination refuses us: {reply}")]
    HoldDestination {
        /// The words.
        reply: Reply,
    },
    /// Our credentials, configuration or limits: nothing more on this channel until somebody looks.
    #[error("the channel refuses us: {reply}")]
    HoldChannel {
        /// The words.
        reply: Reply,
    },
    /// It left us and no answer came back: it may have arrived.
    #[error("outcome unknown: {reply}")]
    Unknown {
        /// What was seen last.
        reply: Reply,
    },
    /// Its bytes could not be made: they panic or take for ever. Nothing was sent, and the fault is the parcel's or ours.
    #[error("broken: {reply}")]
    Broken {
        /// What was seen.
        reply: Reply,
    },
    /// The gate refused; nothing was sent.
    #[error("not sent: the gate was closed")]
    GateClosed,
}

impl Failure {
    /// It may be tried again, at a pace of our own; `why` is for people.
    pub fn again(why: impl AsRef<str>) -> Failure {
        Failure::Later { reply: Reply::note(why), retry_after: None }
    }

    /// What this means for a request that may be repeated at will: that nobody knows what became of it does not matter, and it is
    /// made again after `retry_after`, if the destination named a time.
    #[must_use]
    pub fn repeatable(self, retry_after: Option<Duration>) -> Failure {
        match self {
            Failure::Unknown { reply } => Failure::Later { reply, retry_after },
            other => other,
        }
    }

    /// The words, where there are any.
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Failure::Later { reply, .. }
            | Failure::PauseDestination { reply, .. }
            | Failure::PauseChannel { reply, .. }
            | Failure::Refused { reply, .. }
            | Failure::HoldDestination { reply }
            | Failure::HoldChannel { reply }
            | Failure::Unknown { reply }
            | Failure::Broken { reply } => Some(reply),
            Failure::GateClosed => None,
        }
    }
}

/// What a look at the destination says about an earlier attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// It arrived.
    Arrived(Receipt),
    /// It did not.
    Absent,
    /// Nobody can know.
    CannotTell,
}

impl Probe {
    /// The same with another receipt.
    fn map(self, change: impl FnOnce(Receipt) -> Receipt) -> Probe {
        match self {
            Probe::Arrived(receipt) => Probe::Arrived(change(receipt)),
            other => other,
        }
    }
}

/// What `dateline doctor` needs to look at names.
#[derive(Debug, Clone)]
pub struct Examination {
    /// The name server to ask; the system's where there is none.
    pub resolver: Option<SocketAddr>,
    /// Keys that were signed with and are not configured any more.
    pub old_keys: Vec<OldKey>,
    /// The time.
    pub now: Timestamp,
}

/// A public key that was signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldKey {
    /// Where it is published.
    pub name: String,
    /// What is published there.
    pub record: String,
    /// When something may have been signed with it last.
    pub last_at: Timestamp,
}

/// One thing that `dateline doctor` looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// What was looked at: `relay: TLS`.
    pub what: String,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was seen.
    pub seen: String,
    /// What to do.
    pub hint: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_while_the_bytes_are_made_is_the_parcels_fault() {
        assert_eq!(fill(|| Ok(7)).await, Ok(7));
        assert_eq!(fill::<()>(|| Err(Failure::GateClosed)).await, Err(Failure::GateClosed));
        let broken = fill::<()>(|| panic!("poison")).await;
        assert!(matches!(broken, Err(Failure::Broken { .. })), "{broken:?}");
    }

    #[tokio::test]
    async fn making_the_bytes_has_an_end() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let broken = fill_within(Duration::from_millis(20), move || Ok(held.recv().is_ok())).await;
        assert!(
            matches!(&broken, Err(Failure::Broken { reply }) if reply.text.contains("too long")),
            "{broken:?}"
        );
        release.send(()).unwrap();
    }
}
