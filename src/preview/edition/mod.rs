//! One edition for the page: a mail, a page, posts or JSON as their readers would see them.

mod stage;
mod view;

use std::sync::Arc;

use jiff::Timestamp;

use super::desk::Desk;
use super::letter::{self, Letter};
use super::snapshot::Snapshot;
use crate::contact::EmailAddress;
use crate::language::Language;
use crate::newsroom::Newsroom;
use crate::release::Notice;
use crate::render::{Addressee, Content, Edition, Mail, RenderError, Request, media_type};

pub use stage::html;
pub use view::view;

/// Which edition is asked for, as it stands in an address.
#[derive(Debug, Clone)]
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
}

/// What was rendered, and from what.
pub struct Rendered {
    /// The edition.
    pub edition: Arc<Edition>,
    /// The newsroom that it was rendered from.
    pub newsroom: Arc<Newsroom>,
    /// Whether that is an older one, because the release is broken now.
    pub stale: bool,
}

/// Renders what was asked for; nothing if there is no such release, or none that was ever whole.
pub fn render(desk: &Desk, snapshot: &Snapshot, asked: &Asked) -> Option<Result<Rendered, RenderError>> {
    let (newsroom, stale) = snapshot.source(&asked.slug)?;
    let release = newsroom.releases.get(&asked.slug)?;
    let language: Language = asked.language.parse().ok()?;
    let wanted = asked.notice.as_deref();
    let notice = super::view::notices(release).into_iter().find(|notice| Some(notice.as_str()) == wanted);
    let request = Request {
        slug: asked.slug.clone(),
        digest_of: Vec::new(),
        notice: notice.unwrap_or(Notice::Original),
        audience: asked.audience.clone(),
        channel: asked.channel.clone(),
        language,
        advance: asked.advance,
        test: false,
        date: release.publish.unwrap_or_else(|| whole_minute(desk.clock.now())),
    };
    let edition = desk.edition(&newsroom, &request);
    Some(edition.map(|edition| Rendered { edition, newsroom, stale }))
}

/// A draft without a time is dated to the minute, so that it is not another edition every second.
fn whole_minute(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second().div_euclid(60) * 60).unwrap_or(now)
}

/// Fills the slots for a reader who does not exist (RFC 2606) and takes the mail apart again.
fn letter(mail: &Mail) -> (Letter, usize) {
    let Ok(email) = "reader@recipient.example".parse::<EmailAddress>() else { return (Letter::default(), 0) };
    let bytes = mail.fill(&Addressee {
        email: &email,
        name: Some("Alex Reader"),
        message_id: "preview@recipient.example",
        in_reply_to: None,
        token: "preview",
    });
    (letter::open(&bytes), bytes.len())
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
    let (letter, _) = letter(mail);
    letter
        .attachments
        .into_iter()
        .find(|file| file.id.as_deref() == Some(name) || file.name == name)
        .map(|file| (file.media_type, Arc::from(file.bytes)))
}

/// A file that stands beside the release: mails show pictures by their public address, and carry
/// no copy of them.
fn file(rendered: &Rendered, name: &str) -> Option<Arc<[u8]>> {
    let release = rendered.newsroom.releases.get(&rendered.edition.request.slug)?;
    rendered.newsroom.files.get(&format!("{}/{name}", release.folder)).map(Arc::clone)
}

/// The media type of a picture, by the end of its name; nothing is said of other files.
pub fn picture_type(name: &str) -> &'static str {
    Some(media_type(name)).filter(|kind| kind.starts_with("image/")).unwrap_or("application/octet-stream")
}
