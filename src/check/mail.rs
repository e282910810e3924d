//! Mails: how large they are, and what an inbox shows of them before they are opened.

use std::sync::Arc;

use jiff::Timestamp;

use super::manuscript::Part;
use super::{Case, Notes, Situation};
use crate::newsroom::Newsroom;
use crate::release::length::graphemes;
use crate::release::{File, Images, Notice, Release};
use crate::render::{Content, Renderer, Request};

/// Gmail shows so much of a mail's HTML, and the rest behind a link ("Message clipped"); as seen in November 2026.
const CLIPPED: usize = 102 * 1_000;
/// What goes with a mail makes it heavy from here on: many receivers refuse 10 MB, and base64 adds a third.
const HEAVY: usize = 3_000_000;
/// The most characters of a summary that previews and inboxes have room for.
const SUMMARY: usize = 250;

/// The mails of a release that Gmail would cut. Only what may be so large is rendered, which is hardly any.
pub(super) fn mail_size(case: &Case<'_>, notes: &mut Notes) {
    let newsroom = case.newsroom;
    let Some(release) = newsroom.releases.get(&case.original().file.slug) else { return };
    let large: Vec<&File> =
        case.texts.iter().map(|text| text.file).filter(|file| may_be_large(newsroom, file)).collect();
    if large.is_empty() {
        return;
    }
    let renderer = Renderer::new(newsroom);
    for text in release.texts.iter().filter(|text| large.iter().any(|file| file.path == text.file.path)) {
        let mut largest: Option<(usize, &str)> = None;
        for (audience, channel) in mailed(newsroom, release) {
            let request = Request {
                slug: release.slug.clone(),
                digest_of: Vec::new(),
                notice: Notice::Original,
                audience: audience.to_owned(),
                channel: channel.to_owned(),
                language: text.language.clone(),
                advance: false,
                test: false,
                date: release.publish.unwrap_or(Timestamp::UNIX_EPOCH),
            };
            // What cannot be rendered is told where it is rendered.
            let Ok(edition) = renderer.edition(&request) else { continue };
            let Content::Mail(mail) = &edition.content else { continue };
            let bytes = mail.html_bytes();
            if largest.is_none_or(|(most, _)| bytes > most) {
                largest = Some((bytes, audience));
            }
        }
        if let Some((bytes, audience)) = largest.filter(|(bytes, _)| *bytes > CLIPPED) {
            let span = text.file.front.title.as_ref().map_or(0..0, |title| title.span.clone());
            let message = format!(
                "the mail to `{audience}` has {} kB of HTML; Gmail cuts it after {} kB, the way to unsubscribe with the rest",
                bytes.div_ceil(1_000),
                CLIPPED / 1_000
            );
            let hint = "shorten it, keep blocks for some audiences with `::: only`, or put tables into an attachment";
            notes.add(&text.file, span, message, hint);
        }
    }
}

/// The audiences that a release is mailed to one by one, each with its channel.
fn mailed<'a>(newsroom: &'a Newsroom, release: &'a Release) -> impl Iterator<Item = (&'a str, &'a str)> {
    let audiences = release.audiences.iter().filter_map(|key| newsroom.audiences.get(key));
    audiences.filter(|audience| audience.digest.is_none()).flat_map(|audience| {
        let mail = |key: &str| newsroom.channels.get(key).is_some_and(|channel| channel.kind.is_mail());
        let channels = audience.channels.iter().map(|channel| channel.value.as_str());
        channels.filter(move |key| mail(key)).map(|channel| (audience.key.as_str(), channel))
    })
}

/// Whether a text might fill a mail, guessed high: a cell of a table brings its style, so does a paragraph.
fn may_be_large(newsroom: &Newsroom, file: &File) -> bool {
    const FURNITURE: usize = 34_000;
    const BLOCK: usize = 160;
    let body = file.text.get(file.front_span.end..).unwrap_or_default();
    let blocks = body.bytes().filter(|byte| matches!(byte, b'|' | b'\n')).count();
    let signs = body.bytes().filter(|byte| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'*' | b'[')).count();
    let templates = newsroom.files.range("templates/email/".to_owned()..);
    let templates: usize = templates
        .take_while(|(path, _)| path.starts_with("templates/email/"))
        .map(|(_, bytes)| bytes.len())
        .sum();
    FURNITURE + 3 * templates.saturating_sub(20_000) + body.len() + BLOCK * blocks + 60 * signs > CLIPPED
}

/// What goes with the mails of a release and makes them heavy.
pub(super) fn mail_heavy(situation: &Situation<'_>, notes: &mut Notes) {
    let newsroom = situation.newsroom;
    // Most releases carry nothing at all.
    let carries = |release: &&Arc<Release>| {
        release.texts.iter().any(|text| !text.attachments.is_empty() || !text.media.is_empty())
    };
    for release in newsroom.releases.values().filter(carries) {
        let first = mailed(newsroom, release).next();
        for text in release.texts.iter().filter(|_| first.is_some()) {
            let front = &text.file.front;
            let own = front.images.as_ref().or(release.original().file.front.images.as_ref());
            let channel = first.and_then(|(_, channel)| newsroom.channels.get(channel));
            let images = own.map(|images| images.value).or(channel.map(|channel| channel.images));
            let pictures = text.media.iter().filter(|medium| super::media::is_picture(&medium.file.value));
            let pictures = pictures.map(|medium| medium.file.value.as_str());
            let carried = pictures.filter(|_| images == Some(Images::Inline));
            let names: Vec<&str> = text.attachments.iter().map(String::as_str).chain(carried).collect();
            let size = |name: &str| {
                newsroom.files.get(&format!("{}/{name}", release.folder)).map_or(0, |file| file.len())
            };
            let bytes: usize = names.iter().map(|name| size(name)).sum();
            if bytes <= HEAVY {
                continue;
            }
            let span = front.attachments.as_ref().map(|names| names.span.clone());
            let span = span.or(front.title.as_ref().map(|title| title.span.clone())).unwrap_or(0..0);
            let message = format!(
                "each mail carries {}.{} MB of pictures and files; some receivers refuse it, and many readers pay for it",
                bytes / 1_000_000,
                bytes % 1_000_000 / 100_000
            );
            let hint = "save pictures smaller, write `images: link`, or name large files under `media:` for download";
            notes.add(&text.file, span, message, hint);
        }
    }
}

/// Summaries that nobody sees to their end: an inbox shows about 100 characters beside the subject.
pub(super) fn summary_long(case: &Case<'_>, notes: &mut Notes) {
    for text in &case.texts {
        for piece in text.pieces.iter().filter(|piece| piece.part == Part::Summary) {
            let length = graphemes(&piece.text);
            if length > SUMMARY {
                let message = format!(
                    "the summary has {length} characters; inboxes show about 100 of them, and previews {SUMMARY}"
                );
                let hint = "say it in one or two sentences, and what matters in the first 100 characters";
                notes.add(text.file, piece.span.clone(), message, hint);
            }
        }
    }
}
