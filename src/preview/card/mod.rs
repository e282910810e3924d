//! What a reader sees of an edition, as a document of its own: a mail, a page, posts, a chat message, a feed's entry; and
//! what an editor wants to see of it beside that: its plain text, its source, its headers.
//!
//! Every card of the preview is one of these, shown in a frame of the stage, and the export writes the same ones. They
//! hold no scripts, and nothing that is written in a release is anything but text or the renderer's own safe HTML.

mod chat;
mod feed;
mod markup;
mod plain;
mod post;

pub use markup::{escape, escape_step, in_page, watermarked};

use super::edition::{self, Rendered};
use crate::render::Content;

/// Which side of an edition is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// What its readers see.
    #[default]
    Seen,
    /// Plain text: the other half of a mail, a page's press text, the words of posts.
    Text,
    /// The HTML or JSON as it is written.
    Source,
    /// A mail's headers.
    Headers,
    /// The entry in feeds, and what others show when the page is shared.
    Feed,
}

/// In which colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Room {
    /// As written.
    #[default]
    Light,
    /// The reader's program asks for dark colours (`prefers-color-scheme`), and gets those of the template.
    Dark,
    /// The reader's program turns the colours itself and asks nobody, as Gmail does.
    Turned,
}

/// How an edition is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Which side of it.
    pub part: Part,
    /// In which colours.
    pub room: Room,
    /// Whether pictures are shown.
    pub images: bool,
}

impl Default for Look {
    fn default() -> Look {
        Look { part: Part::Seen, room: Room::Light, images: true }
    }
}

impl Look {
    /// What an address asks for; words that mean nothing are the first choice.
    pub fn read(part: Option<&str>, room: Option<&str>, images: Option<&str>) -> Look {
        Look {
            part: match part {
                Some("text") => Part::Text,
                Some("source") => Part::Source,
                Some("headers") => Part::Headers,
                Some("feed") => Part::Feed,
                _ => Part::Seen,
            },
            room: match room {
                Some("dark") => Room::Dark,
                Some("turned") => Room::Turned,
                _ => Room::Light,
            },
            images: images != Some("off"),
        }
    }
}

/// Where a picture of the edition is to be had, by its name.
pub type Address<'a> = &'a dyn Fn(&str) -> String;

/// The document; nothing for a side that such an edition does not have.
pub fn document(rendered: &Rendered, look: Look, address: Address<'_>) -> Option<String> {
    let edition = &rendered.edition;
    let html = match (look.part, &edition.content) {
        (Part::Seen, Content::Mail(_) | Content::Page(_)) => edition::html(rendered, address)?,
        (Part::Seen, Content::Social(social)) => post::document(rendered, social, address),
        (Part::Seen, Content::Chat(chat)) => chat::room(rendered, chat, address),
        (Part::Seen, Content::Json(value)) => chat::data(rendered, value, address),
        (Part::Text, _) => plain::text(&edition.title, &edition::text(rendered)?),
        (Part::Source, Content::Json(value)) => plain::source(&edition.title, &format!("{value:#}")),
        (Part::Source, _) => plain::source(&edition.title, &edition::source(rendered)?),
        (Part::Headers, Content::Mail(mail)) => {
            plain::headers(&edition.title, &edition::letter(mail, rendered).0.headers)
        }
        (Part::Feed, Content::Page(page)) => feed::document(rendered, page, address),
        (Part::Headers | Part::Feed, _) => return None,
    };
    let html = if look.images { html } else { markup::without_pictures(&html) };
    Some(match look.room {
        Room::Light => markup::in_room(&html, false),
        Room::Dark => markup::in_room(&html, true),
        Room::Turned => markup::turned(&markup::in_room(&html, false)),
    })
}
