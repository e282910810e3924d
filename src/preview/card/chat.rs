//! Messages for rooms of colleagues as their program shows them, and what a webhook brings, as one might.

use std::fmt::Write as _;

use serde_json::Value;

use super::Address;
use super::markup::{escape, initials, paragraphs, shell};
use crate::newsroom::ChannelKind;
use crate::preview::edition::Rendered;
use crate::release::length;
use crate::render::Chat;

/// So much of the text stands in a message before "read on".
const SHOWN: usize = 420;

/// A message for a room, as its program shows it.
pub fn room(rendered: &Rendered, chat: &Chat, address: Address<'_>) -> String {
    let picture = rendered.edition.assets.first();
    let message = Message {
        note: chat.note.as_deref().unwrap_or_default(),
        title: &chat.headline(),
        subtitle: "",
        text: &chat.text,
        picture: picture.map(|asset| (asset.name.as_str(), asset.alt.as_str())),
        link: &chat.url,
        more: &chat.more,
        accent: &chat.accent,
    };
    let length = length::graphemes(&chat.plain());
    document(rendered, &message, &format!("{length} characters"), address)
}

/// What a webhook brings, as a chat program would show it.
pub fn data(rendered: &Rendered, value: &Value, address: Address<'_>) -> String {
    let word = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let of_media = |media: &Value, key: &str| media.get(key).and_then(Value::as_str).map(str::to_owned);
    let picture = value.pointer("/media/0").and_then(|media| {
        of_media(media, "type").filter(|kind| kind.starts_with("image/"))?;
        Some((of_media(media, "name")?, of_media(media, "alt").unwrap_or_default()))
    });
    let summary = word("summary");
    let message = Message {
        note: value.pointer("/notice/note").and_then(Value::as_str).unwrap_or_default(),
        title: word("title"),
        subtitle: word("subtitle"),
        text: if summary.is_empty() { shorten(word("text")) } else { summary },
        picture: picture.as_ref().map(|(name, alt)| (name.as_str(), alt.as_str())),
        link: word("url"),
        more: "",
        accent: "",
    };
    let below =
        format!("event <code>{}</code> · {} bytes of JSON", escape(word("event")), value.to_string().len());
    document(rendered, &message, &below, address)
}

/// The parts of a message.
struct Message<'a> {
    note: &'a str,
    title: &'a str,
    subtitle: &'a str,
    text: &'a str,
    /// Name and alternative text.
    picture: Option<(&'a str, &'a str)>,
    link: &'a str,
    /// What the link is called; its address where it has no name.
    more: &'a str,
    /// `#rrggbb`, or nothing.
    accent: &'a str,
}

/// `below` is HTML already.
fn document(rendered: &Rendered, message: &Message<'_>, below: &str, address: Address<'_>) -> String {
    let organization = &rendered.newsroom.organization;
    let kind = rendered.kind();
    let mut body = format!(
        "<main class=\"room\"><p class=\"where\">{} {}</p><article class=\"message\">\
         <span class=\"avatar\" aria-hidden=\"true\">{}</span><div class=\"said\"><header><strong>{}</strong> \
         <span class=\"badge\">app</span></header><div class=\"block\"{}>",
        if kind == ChannelKind::File { "folder" } else { "#" },
        escape(&rendered.edition.request.channel),
        escape(&initials(organization)),
        escape(organization),
        if is_colour(message.accent) {
            format!(" style=\"border-color:{}\"", message.accent)
        } else {
            String::new()
        },
    );
    let _ = write!(body, "<h1>{}</h1>", escape(message.title));
    for (class, text) in [("note", message.note), ("sub", message.subtitle)] {
        if !text.is_empty() {
            let _ = write!(body, "<p class=\"{class}\">{}</p>", escape(text));
        }
    }
    body.push_str(&paragraphs(message.text));
    if let Some((name, alt)) = message.picture {
        let _ = write!(body, "<img src=\"{}\" alt=\"{}\">", escape(&address(name)), escape(alt));
    }
    let link = if message.more.is_empty() { message.link } else { message.more };
    let _ = write!(
        body,
        "<p class=\"more\"><a class=\"link\" title=\"{}\">{}</a></p></div></div></article><p class=\"counter\">{below}</p></main>",
        escape(message.link),
        escape(link)
    );
    let language = rendered.edition.request.language.as_str();
    shell(&rendered.edition.title, language, &format!("chat {}", kind.as_str()), &body)
}

fn is_colour(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The start of a text, at the end of a word.
fn shorten(text: &str) -> &str {
    let end = text.char_indices().nth(SHOWN).map_or(text.len(), |(at, _)| at);
    let start = text.get(..end).unwrap_or(text);
    if end == text.len() { start } else { start.rsplit_once(' ').map_or(start, |(start, _)| start) }
}
