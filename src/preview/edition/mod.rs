//! One edition for the page: what was asked for, rendered, and taken apart again.

mod pictures;
mod round_up;
mod view;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use super::desk::Desk;
use super::letter::{self, Letter};
use super::snapshot::Snapshot;
use crate::contact::EmailAddress;
use crate::language::Language;
use crate::newsroom::{ChannelKind, Newsroom, PostLimit};
use crate::release::Notice;
use crate::render::{Addressee, Content, Edition, Mail, RenderError, Request, media_type};

pub use pictures::local_pictures;
pub use round_up::round_up;
pub use view::{EditionView, view};

/// Which edition is asked for, as it stands in an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The release.
    pub slug: String,
    /// The audience.
    pub audience: String,
    /// The channel.
    pub channel: String,
    /// The language.
    pub language: String,
    /// A copy before the embargo.
    pub advance: bool,
    /// `correction`, `hold` or `kill`; anything else is the original.
    pub notice: Option<String>,
    /// Who reads it.
    pub reader: Reader,
}

/// Who reads an edition: what its slots are filled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// The name to greet by.
    pub name: Option<String>,
    /// The mailbox.
    pub email: EmailAddress,
}

/// What was rendered, and from what.
pub struct Rendered {
    /// The edition.
    pub edition: Arc<Edition>,
    /// The newsroom that it was rendered from.
    pub newsroom: Arc<Newsroom>,
    /// Whether that is an older one, because the release is broken now.
    pub stale: bool,
    /// Who reads it.
    pub reader: Reader,
}

impl Rendered {
    /// What its channel is.
    pub fn kind(&self) -> ChannelKind {
        let channel = self.newsroom.channels.get(&self.edition.request.channel);
        channel.map_or(ChannelKind::File, |channel| channel.kind)
    }
}

impl Reader {
    /// A reader who does not exist (RFC 2606); nothing only if that address could not be parsed.
    pub fn anybody() -> Option<Reader> {
        let email = "reader@recipient.example".parse().ok()?;
        Some(Reader { name: Some("Alex Reader".to_owned()), email })
    }
}

/// Renders what was asked for; nothing if there is no such release, or none that was ever whole.
pub fn render(desk: &Desk, snapshot: &Snapshot, asked: &Asked) -> Option<Result<Rendered, RenderError>> {
    let (newsroom, stale) = snapshot.source(&asked.slug)?;
    let request = request(&newsroom, asked, desk.clock.now())?;
    let edition = desk.edition(snapshot, &newsroom, &request);
    let reader = asked.reader.clone();
    Some(edition.map(|edition| Rendered { edition, newsroom, stale, reader }))
}

/// The renderer's request for what was asked; nothing if there is no such release.
pub fn request(newsroom: &Newsroom, asked: &Asked, now: Timestamp) -> Option<Request> {
    let release = newsroom.releases.get(&asked.slug)?;
    let language: Language = asked.language.parse().ok()?;
    let wanted = asked.notice.as_deref();
    let notice = super::view::notices(release).into_iter().find(|notice| Some(notice.as_str()) == wanted);
    let round_up = round_up(newsroom, release, &asked.audience, &asked.channel);
    let date = release.publish.unwrap_or_else(|| whole_minute(now));
    let (slug, digest_of, date) = match round_up {
        Some(round_up) => (round_up.slug, round_up.releases, round_up.due),
        None => (asked.slug.clone(), Vec::new(), date),
    };
    Some(Request {
        slug,
        digest_of,
        notice: notice.unwrap_or(Notice::Original),
        audience: asked.audience.clone(),
        channel: asked.channel.clone(),
        language,
        advance: asked.advance,
        test: false,
        date,
    })
}

/// A draft without a time is dated to the minute, so that it is not another edition every second.
fn whole_minute(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second().div_euclid(60) * 60).unwrap_or(now)
}

/// Fills the slots for the reader and takes the mail apart again; how large it is in bytes.
pub fn letter(mail: &Mail, rendered: &Rendered) -> (Letter, usize) {
    let bytes = mail.fill(&Addressee {
        email: &rendered.reader.email,
        name: rendered.reader.name.as_deref(),
        message_id: "preview@recipient.example",
        in_reply_to: None,
        token: "preview",
    });
    (letter::open(&bytes), bytes.len())
}

/// The HTML of a mail or page, with its pictures where `address` says. Nothing for posts and JSON.
pub fn html(rendered: &Rendered, address: &dyn Fn(&str) -> String) -> Option<String> {
    let html = source(rendered)?;
    Some(local_pictures(rendered, &html, address))
}

/// The HTML of a mail or page as it is written; nothing for posts and JSON.
pub fn source(rendered: &Rendered) -> Option<String> {
    match &rendered.edition.content {
        Content::Mail(mail) => Some(letter(mail, rendered).0.html),
        Content::Page(page) => Some(page.html.clone()),
        Content::Social(_) | Content::Chat(_) | Content::Json(_) => None,
    }
}

/// The words of an edition as plain text; nothing where JSON has none.
pub fn text(rendered: &Rendered) -> Option<String> {
    Some(match &rendered.edition.content {
        Content::Mail(mail) => letter(mail, rendered).0.text.replace("\r\n", "\n"),
        Content::Page(page) => page.text.clone(),
        Content::Social(social) => {
            social.posts.iter().map(|post| post.text.as_str()).collect::<Vec<_>>().join("\n\n")
        }
        Content::Chat(chat) => chat.plain(),
        Content::Json(value) => value.get("text")?.as_str()?.to_owned(),
    })
}

/// How long a post is, by its network's own counting.
pub struct Count {
    /// Characters.
    pub length: usize,
    /// The most of them.
    pub limit: usize,
    /// Bluesky counts bytes as well: how many, and the most.
    pub bytes: Option<(usize, usize)>,
}

/// Counts the text of a post.
pub fn count(rendered: &Rendered, text: &str) -> Count {
    let channel = rendered.newsroom.channels.get(&rendered.edition.request.channel);
    let limit = PostLimit::of(rendered.kind(), channel.and_then(|channel| channel.characters));
    Count {
        length: limit.length(text),
        limit: limit.most(),
        bytes: limit.bytes().map(|most| (text.len(), most)),
    }
}

/// The account that a channel posts to, as its settings name it: a handle, else a server, else its key.
pub fn account(rendered: &Rendered) -> String {
    #[derive(Deserialize)]
    struct Settings {
        channels: std::collections::BTreeMap<String, Account>,
    }
    #[derive(Deserialize)]
    struct Account {
        handle: Option<String>,
        server: Option<String>,
    }
    let key = &rendered.edition.request.channel;
    let settings: Option<Settings> = serde_saphyr::from_str(&rendered.newsroom.config_text).ok();
    let account = settings.and_then(|mut settings| settings.channels.remove(key));
    let Some(account) = account else { return key.clone() };
    let server = account.server.as_deref().map(|server| server.split("://").last().unwrap_or(server));
    match (account.handle.as_deref(), server) {
        (Some(handle), _) => format!("@{}", handle.trim_start_matches('@')),
        (None, Some(server)) => server.trim_end_matches('/').to_owned(),
        (None, None) => key.clone(),
    }
}

/// What belongs to an edition under `name`: media type and bytes.
pub fn asset(rendered: &Rendered, name: &str) -> Option<(String, Arc<[u8]>)> {
    if let Some(asset) = rendered.edition.assets.iter().find(|asset| asset.name == name) {
        return Some((asset.media_type.clone(), Arc::clone(&asset.bytes)));
    }
    if let Some(bytes) = file(rendered, name) {
        return Some((picture_type(name).to_owned(), bytes));
    }
    let Content::Mail(mail) = &rendered.edition.content else { return None };
    let (letter, _) = letter(mail, rendered);
    letter
        .attachments
        .into_iter()
        .find(|file| file.id.as_deref() == Some(name) || file.name == name)
        .map(|file| (file.media_type, Arc::from(file.bytes)))
}

/// A file that stands beside the release (or one of a round-up's): mails show pictures by their public
/// address, and carry no copy of them.
fn file(rendered: &Rendered, name: &str) -> Option<Arc<[u8]>> {
    let request = &rendered.edition.request;
    let slugs = std::iter::once(&request.slug).chain(&request.digest_of);
    let folders =
        slugs.filter_map(|slug| rendered.newsroom.releases.get(slug)).map(|release| &release.folder);
    let mut files = folders.filter_map(|folder| rendered.newsroom.files.get(&format!("{folder}/{name}")));
    files.next().map(Arc::clone)
}

/// The media type of a picture, by the end of its name; nothing is said of other files.
pub fn picture_type(name: &str) -> &'static str {
    Some(media_type(name)).filter(|kind| kind.starts_with("image/")).unwrap_or("application/octet-stream")
}
