//! Editions: one release as one audience, channel and language sees it. Pure.
//!
//! The same newsroom gives the same bytes on every machine. Release text is data and is
//! never parsed as a template. What differs by recipient is left open as a [`Slot`] and
//! filled by [`Mail::fill`] when the mail leaves.

mod chat;
mod json;
mod look;
mod mail;
mod markdown;
mod memo;
mod ninjs;
mod page;
mod phrases;
mod renderer;
#[cfg(test)]
mod sample;
mod scene;
mod social;
mod templates;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::contact::EmailAddress;
use crate::digest::Digest;
use crate::language::Language;
use crate::newsroom::Newsroom;
use crate::release::Notice;

pub use mail::{Answer, forward};
pub use page::{site_style, tag_slug};
pub use renderer::Renderer;
pub use scene::{media_type, path_escape};

/// Which edition is wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Request {
    /// The release; for a round-up `digest/AUDIENCE/DATE`.
    pub slug: String,
    /// The releases of a round-up, in order; empty for a single release.
    pub digest_of: Vec<String>,
    /// What it is.
    pub notice: Notice,
    /// The audience.
    pub audience: String,
    /// The channel.
    pub channel: String,
    /// The language.
    pub language: Language,
    /// A copy before the embargo, marked EMBARGOED.
    pub advance: bool,
    /// A test for the sender's own eyes, marked TEST.
    pub test: bool,
    /// The instant that stands in the edition as its date: the planned due time.
    pub date: Timestamp,
}

/// One release as one audience, channel and language sees it; immutable once issued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edition {
    /// What was asked for.
    pub request: Request,
    /// The headline, for lists.
    pub title: String,
    /// What is sent.
    pub content: Content,
    /// Pictures and recordings that go with it.
    pub assets: Vec<Asset>,
}

/// What is sent, by kind of channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "one stands in each edition, which is large in any case")]
pub enum Content {
    /// A mail with slots.
    Mail(Mail),
    /// A page of the newsroom site, and what its indexes and feeds need.
    Page(Page),
    /// Posts for a social network: one, or a thread.
    Social(Social),
    /// A message for a room of colleagues.
    Chat(Chat),
    /// JSON for webhooks and files.
    Json(serde_json::Value),
}

/// A file that goes with an edition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// Its name beside the page.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// What it shows.
    pub alt: String,
    /// Caption and credit in one line.
    pub caption: String,
    /// The name of its bytes.
    pub sha: Digest,
    /// Its bytes; the ledger keeps them apart, by `sha`.
    #[serde(skip)]
    pub bytes: Arc<[u8]>,
}

/// A mail, compiled once: literal bytes with slots between them.
///
/// The literals are complete MIME with CRLF line ends, quoted-printable, ASCII alone, no line
/// longer than 76 bytes, none beginning with a dot; filling a slot keeps all of that true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// The decoded subject, for lists and previews.
    pub subject: String,
    /// The envelope's sender.
    pub from: EmailAddress,
    /// Base of the one-click unsubscribe address; the recipient's token follows it (RFC 8058).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsubscribe_url: Option<String>,
    /// The mailbox that takes unsubscribe requests, as `local@domain`; the token becomes its detail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsubscribe_mailto: Option<EmailAddress>,
    /// The message, from the first header to the last line.
    pub pieces: Vec<Piece>,
}

/// A stretch of a [`Mail`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Piece {
    /// These bytes.
    Literal(String),
    /// What differs by recipient.
    Slot(Slot),
}

/// What differs by recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slot {
    /// The whole `To:` value, encoded as a header.
    To,
    /// The Message-ID without its angle brackets.
    MessageId,
    /// `In-Reply-To` and `References` lines of a correction, or nothing.
    References,
    /// The `List-Unsubscribe` lines, or nothing.
    ListUnsubscribe,
    /// The recipient's name in an HTML part, quoted-printable.
    NameHtml,
    /// The recipient's name in a text part, quoted-printable.
    NameText,
    /// The unsubscribe link in an HTML part.
    UnsubscribeHtml,
    /// The unsubscribe link in a text part.
    UnsubscribeText,
}

/// What a mail's slots are filled with.
#[derive(Debug, Clone)]
pub struct Addressee<'a> {
    /// The mailbox.
    pub email: &'a EmailAddress,
    /// The name, if known.
    pub name: Option<&'a str>,
    /// The Message-ID without its angle brackets.
    pub message_id: &'a str,
    /// The Message-ID of what this mail corrects or withdraws.
    pub in_reply_to: Option<&'a str>,
    /// The token that names this recipient to the unsubscribe endpoint.
    pub token: &'a str,
}

/// A page of the newsroom site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Path below the site, without a leading slash: `2026/aster-ev/` or `sv/2026/aster-ev/`.
    pub path: String,
    /// The whole HTML document.
    pub html: String,
    /// What indexes, feeds and the sitemap need.
    pub entry: Entry,
    /// The press kit's text: the release as Markdown-like plain text.
    pub text: String,
    /// How the site looks, for the indexes that stand around the page.
    pub look: Look,
}

/// How the newsroom site looks; every page carries it, because whoever writes the indexes
/// has no newsroom at hand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The newsroom's name.
    pub name: String,
    /// Who speaks.
    pub organization: String,
    /// Where the site is, without a trailing slash.
    pub url: String,
    /// The language of its fixed words.
    pub language: Language,
    /// The zone of its dates, as an IANA name.
    pub timezone: String,
    /// The logo as a `data:` address.
    pub logo: Option<String>,
    /// Links, marks and buttons: `#rrggbb`.
    pub accent: String,
    /// The text.
    pub ink: String,
    /// The ground.
    pub paper: String,
}

/// A release in the site's indexes and feeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The release.
    pub slug: String,
    /// The language.
    pub language: Language,
    /// The canonical address.
    pub url: String,
    /// The headline.
    pub title: String,
    /// The word above it.
    pub kicker: Option<String>,
    /// One or two sentences, plain text.
    pub summary: String,
    /// The body as safe HTML with absolute addresses.
    pub content_html: String,
    /// Subjects.
    pub tags: Vec<String>,
    /// When it became public.
    pub published: Timestamp,
    /// When the text last changed.
    pub updated: Timestamp,
    /// The first picture: name beside the page, and alternative text.
    pub image: Option<(String, String)>,
    /// A recording: name, media type, length in bytes, duration.
    pub audio: Option<(String, String, u64, Option<String>)>,
    /// Killed: the page says so, and indexes leave it out.
    pub withdrawn: bool,
    /// What a notice tells the reader, for pages that others lay out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Standing>,
}

/// A notice as it stands on a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What it is: `Correction`.
    pub label: String,
    /// The day: `1 December 2026`.
    pub day: String,
    /// What it says.
    pub words: String,
}

/// Posts for a social network, in order; each answers the one before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Social {
    /// At least one.
    pub posts: Vec<Post>,
    /// The canonical address of the release.
    pub url: String,
}

/// One post.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Post {
    /// The text.
    pub text: String,
    /// Links and tags in it, by bytes of UTF-8.
    pub facets: Vec<Facet>,
    /// Indexes into the edition's assets.
    pub images: Vec<usize>,
}

/// A link or tag in a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facet {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The address, or the tag with its `#`.
    pub target: String,
}

/// A message for a room of colleagues, in parts: each channel has a form of its own for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// What kind of notice it is, in words: `Correction`. Nothing for an original.
    pub label: Option<String>,
    /// The headline.
    pub title: String,
    /// One or two sentences; empty for what is held or withdrawn.
    pub text: String,
    /// What was corrected, or why it was held or withdrawn.
    pub note: Option<String>,
    /// The address of the release; empty where it goes out without ([`Edition::without_link`]).
    pub url: String,
    /// The public address of the picture, which is the edition's only asset.
    pub picture: Option<String>,
    /// What the link is called: `Read more`.
    pub more: String,
    /// Who speaks.
    pub organization: String,
    /// The colour of marks: `#rrggbb`.
    pub accent: String,
    /// A test for the sender's own eyes.
    pub test: bool,
}

impl Chat {
    /// The headline with what stands before it.
    pub fn headline(&self) -> String {
        let test = if self.test { "TEST: " } else { "" };
        let label = self.label.as_ref().map(|label| format!("{label}: ")).unwrap_or_default();
        format!("{test}{label}{}", self.title)
    }

    /// Its paragraphs below the headline.
    pub fn paragraphs(&self) -> impl Iterator<Item = &str> {
        [self.note.as_deref(), Some(self.text.as_str())].into_iter().flatten().filter(|text| !text.is_empty())
    }

    /// The address of the release; nothing where it goes out without.
    pub fn link(&self) -> Option<&str> {
        Some(self.url.as_str()).filter(|url| !url.is_empty())
    }

    /// All of it as plain text.
    pub fn plain(&self) -> String {
        let headline = self.headline();
        let parts = [headline.as_str()].into_iter().chain(self.paragraphs()).chain(self.link());
        parts.collect::<Vec<_>>().join("\n\n")
    }
}

/// Why an edition cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// There is no such release, audience, channel or language.
    #[error("{0}")]
    Unknown(String),
    /// A template is wrong.
    #[error("{file}:{line}:{column}: {message}")]
    Template {
        /// The template.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// The text cannot be sent that way.
    #[error("{0}")]
    Content(String),
}

impl Edition {
    /// The name of everything in it: equal editions, equal digests.
    pub fn sha(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// The same without a link to the release's page, for when that page cannot be seen: posts and messages lose the address, and what
    /// is fetched from there. Everything else stays as it is; a mail holds the whole text.
    #[must_use]
    pub fn without_link(&self) -> Edition {
        let content = match &self.content {
            Content::Social(social) => Content::Social(social::without_link(social)),
            Content::Chat(chat) => Content::Chat(chat::without_link(chat)),
            other => other.clone(),
        };
        Edition { content, ..self.clone() }
    }
}

/// Renders one edition. For more than one, a [`Renderer`] saves compiling the templates again.
pub fn edition(newsroom: &Newsroom, request: &Request) -> Result<Edition, RenderError> {
    Renderer::new(newsroom).edition(request)
}
