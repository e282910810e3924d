//! One edition for the page: a mail, a page, posts or JSON as their readers would see them.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::desk::Desk;
use super::letter::{self, Letter};
use super::snapshot::Snapshot;
use super::view;
use crate::contact::EmailAddress;
use crate::language::Language;
use crate::newsroom::{ChannelKind, Newsroom};
use crate::release::{Notice, length};
use crate::render::{Addressee, Content, Edition, Mail, Post, RenderError, Request};

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

/// An edition as the page shows it.
#[derive(Debug, Serialize)]
pub struct EditionView {
    version: u64,
    stale: bool,
    kind: ChannelKind,
    title: String,
    assets: Vec<AssetView>,
    #[serde(flatten)]
    content: ContentView,
}

#[derive(Debug, Serialize)]
struct AssetView {
    name: String,
    media_type: String,
    alt: String,
    caption: String,
    size: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum ContentView {
    Mail(MailView),
    Page(PageView),
    Social(SocialView),
    Json(serde_json::Value),
}

#[derive(Debug, Serialize)]
struct MailView {
    subject: String,
    from: String,
    to: String,
    reply_to: Option<String>,
    preheader: String,
    text: String,
    headers: Vec<(String, String)>,
    attachments: Vec<(String, String, usize)>,
    size: usize,
}

#[derive(Debug, Serialize)]
struct PageView {
    url: String,
    path: String,
    summary: String,
    size: usize,
}

#[derive(Debug, Serialize)]
struct SocialView {
    author: String,
    url: String,
    posts: Vec<PostView>,
}

#[derive(Debug, Serialize)]
struct PostView {
    /// The text in stretches; those with an address are links or tags.
    text: Vec<(String, Option<String>)>,
    /// Indexes into the assets.
    images: Vec<usize>,
    length: usize,
    limit: usize,
    /// Bluesky counts bytes as well.
    bytes: Option<(usize, usize)>,
}

/// Renders what was asked for; nothing if there is no such release, or none that was ever whole.
pub fn render(desk: &Desk, snapshot: &Snapshot, asked: &Asked) -> Option<Result<Rendered, RenderError>> {
    let (newsroom, stale) = snapshot.source(&asked.slug)?;
    let release = newsroom.releases.get(&asked.slug)?;
    let language: Language = asked.language.parse().ok()?;
    let wanted = asked.notice.as_deref();
    let notice = view::notices(release).into_iter().find(|notice| Some(notice.as_str()) == wanted);
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

/// What the page shows of it.
pub fn view(snapshot: &Snapshot, rendered: &Rendered) -> EditionView {
    let Rendered { edition, newsroom, stale } = rendered;
    let channel = newsroom.channels.get(&edition.request.channel);
    let kind = channel.map_or(ChannelKind::File, |channel| channel.kind);
    let limit = channel.and_then(|channel| channel.characters);
    let content = match &edition.content {
        Content::Mail(mail) => ContentView::Mail(mail_view(mail)),
        Content::Page(page) => ContentView::Page(PageView {
            url: page.entry.url.clone(),
            path: page.path.clone(),
            summary: page.entry.summary.clone(),
            size: page.html.len(),
        }),
        Content::Social(social) => ContentView::Social(SocialView {
            author: newsroom.organization.clone(),
            url: social.url.clone(),
            posts: social.posts.iter().map(|post| post_view(post, kind, limit)).collect(),
        }),
        Content::Json(value) => ContentView::Json(value.clone()),
    };
    let assets = edition
        .assets
        .iter()
        .map(|asset| AssetView {
            name: asset.name.clone(),
            media_type: asset.media_type.clone(),
            alt: asset.alt.clone(),
            caption: asset.caption.clone(),
            size: asset.bytes.len(),
        })
        .collect();
    EditionView {
        version: snapshot.version,
        stale: *stale,
        kind,
        title: edition.title.clone(),
        assets,
        content,
    }
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

fn mail_view(mail: &Mail) -> MailView {
    let (letter, size) = letter(mail);
    let field = |name: &str| {
        letter.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    };
    MailView {
        subject: mail.subject.clone(),
        from: field("From").unwrap_or_default(),
        to: field("To").unwrap_or_default(),
        reply_to: field("Reply-To"),
        preheader: preheader(&letter.html, &mail.subject),
        text: letter.text.replace("\r\n", "\n"),
        attachments: letter
            .attachments
            .iter()
            .map(|file| (file.name.clone(), file.media_type.clone(), file.bytes.len()))
            .collect(),
        headers: letter.headers,
        size,
    }
}

/// What an inbox shows beside the subject: the first words of the HTML part's body, hidden or not.
fn preheader(html: &str, subject: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let body = lower.find("<body").and_then(|at| html.get(at..)).unwrap_or(html);
    let mut words = String::new();
    let mut rest = body;
    while let Some((text, after)) = rest.split_once('<') {
        let text = unescape(text);
        if !text.trim().is_empty() && text.trim() != subject {
            words.push_str(text.trim());
            words.push(' ');
        }
        if words.chars().count() > 160 {
            break;
        }
        let skipped = ["style", "script", "title", "!--"].iter().find(|tag| after.starts_with(**tag));
        let end = match skipped {
            Some(&"!--") => "-->",
            Some(&"style") => "</style>",
            Some(&"script") => "</script>",
            Some(_) => "</title>",
            None => ">",
        };
        rest = after.split_once(end).map_or("", |(_, rest)| rest);
    }
    // Fillers that keep the body out of an inbox are no words.
    let filler =
        |c: char| matches!(c, '\u{200c}' | '\u{200b}' | '\u{feff}' | '\u{34f}' | '\u{ad}' | '\u{a0}');
    words.replace(filler, " ").split_whitespace().collect::<Vec<_>>().join(" ").chars().take(160).collect()
}

fn unescape(text: &str) -> String {
    [
        ("&nbsp;", "\u{a0}"),
        ("&zwnj;", "\u{200c}"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#8199;", " "),
        ("&#847;", ""),
        ("&shy;", ""),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (code, sign)| text.replace(code, sign))
}

fn post_view(post: &Post, kind: ChannelKind, limit: Option<u32>) -> PostView {
    let mut text = Vec::new();
    let mut at = 0;
    for facet in &post.facets {
        let (Some(before), Some(words)) =
            (post.text.get(at..facet.start), post.text.get(facet.start..facet.end))
        else {
            continue;
        };
        text.push((before.to_owned(), None));
        text.push((words.to_owned(), Some(facet.target.clone())));
        at = facet.end;
    }
    text.push((post.text.get(at..).unwrap_or_default().to_owned(), None));
    text.retain(|(words, _)| !words.is_empty());
    let own_limit = limit.map(|limit| limit as usize);
    let (length, limit, bytes) = match kind {
        ChannelKind::Bluesky => (
            length::graphemes(&post.text),
            length::BLUESKY_GRAPHEMES,
            Some((post.text.len(), length::BLUESKY_BYTES)),
        ),
        _ => (length::mastodon_length(&post.text), own_limit.unwrap_or(length::MASTODON_CHARACTERS), None),
    };
    PostView { text, images: post.images.clone(), length, limit, bytes }
}

/// The HTML of a mail or page for the stage, with its pictures beside it, in a light or dark room.
/// Nothing for posts and JSON.
pub fn html(rendered: &Rendered, dark: bool) -> Option<String> {
    let Rendered { edition, newsroom, .. } = rendered;
    let html = match &edition.content {
        Content::Mail(mail) => {
            let (letter, _) = letter(mail);
            letter.html.replace("\"cid:", "\"cid/")
        }
        Content::Page(page) => page.html.clone(),
        Content::Social(_) | Content::Json(_) => return None,
    };
    let known = |name: &str| file(rendered, name).is_some();
    let html = local_pictures(&html, &format!("{}/", newsroom.url), known);
    Some(in_light(&html, dark))
}

/// What belongs to an edition under `name`: media type and bytes.
pub fn asset(rendered: &Rendered, name: &str) -> Option<(String, Arc<[u8]>)> {
    if let Some(asset) = rendered.edition.assets.iter().find(|asset| asset.name == name) {
        return Some((asset.media_type.clone(), Arc::clone(&asset.bytes)));
    }
    if let Some(bytes) = file(rendered, name) {
        return Some((media_type(name).to_owned(), bytes));
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

/// The media type of a picture, by the end of its name.
pub fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// Pictures stand under the newsroom's public address once they are published; here they stand
/// beside the edition.
fn local_pictures(html: &str, base: &str, known: impl Fn(&str) -> bool) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(base) {
        let (before, address) = rest.split_at(at);
        let end = address.find(['"', '\'', ')', ' ', '<', '>', '&', ',']).unwrap_or(address.len());
        let (address, after) = address.split_at(end);
        out.push_str(before);
        let name = address.rsplit('/').next().unwrap_or_default();
        let shown =
            ["src=\"", "url(", "url('", "url(\"", "srcset=\""].iter().any(|start| before.ends_with(start));
        out.push_str(if shown && known(&unescape_path(name)) { name } else { address });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A step of a path without its `%XX`.
fn unescape_path(step: &str) -> String {
    let mut bytes = Vec::with_capacity(step.len());
    let mut rest = step.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = (byte == b'%').then(|| after.get(..2)).flatten();
        let code = code.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Answers `prefers-color-scheme` for the reader: in style sheets only, so that a text about it
/// stays as it is.
fn in_light(html: &str, dark: bool) -> String {
    let (yes, no) = if dark { ("dark", "light") } else { ("light", "dark") };
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find("<style") {
        let (before, style) = rest.split_at(at);
        let end = style.find("</style").unwrap_or(style.len());
        let (style, after) = style.split_at(end);
        out.push_str(before);
        let squeezed = style.replace("prefers-color-scheme:dark", "prefers-color-scheme: dark");
        let squeezed = squeezed.replace("prefers-color-scheme:light", "prefers-color-scheme: light");
        out.push_str(
            &squeezed
                .replace(&format!("(prefers-color-scheme: {yes})"), "(min-width: 0)")
                .replace(&format!("(prefers-color-scheme: {no})"), "(max-width: 0)"),
        );
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_style_sheets_learn_whether_it_is_dark() {
        let html = "<style>@media (prefers-color-scheme:dark){a{}}@media (prefers-color-scheme: light){b{}}</style>\
                    <p>(prefers-color-scheme: dark)";
        assert_eq!(
            in_light(html, true),
            "<style>@media (min-width: 0){a{}}@media (max-width: 0){b{}}</style><p>(prefers-color-scheme: dark)"
        );
        assert!(in_light(html, false).starts_with("<style>@media (max-width: 0){a{}}@media (min-width: 0)"));
        assert_eq!(in_light("<style>a{", true), "<style>a{");
    }

    #[test]
    fn pictures_of_the_release_are_shown_from_here_and_links_stay() {
        let known = |name: &str| ["a.jpg", "på väg.png"].contains(&name);
        for (html, expected) in [
            (r#"<img src="https://n.example/2026/x/a.jpg">"#, r#"<img src="a.jpg">"#),
            (
                r#"<img src="https://n.example/x/p%C3%A5%20v%C3%A4g.png">"#,
                r#"<img src="p%C3%A5%20v%C3%A4g.png">"#,
            ),
            (r#"<a href="https://n.example/x/a.jpg">"#, r#"<a href="https://n.example/x/a.jpg">"#),
            (r#"<img src="https://n.example/x/other.jpg">"#, r#"<img src="https://n.example/x/other.jpg">"#),
            (r#"<img src="https://m.example/x/a.jpg">"#, r#"<img src="https://m.example/x/a.jpg">"#),
        ] {
            assert_eq!(local_pictures(html, "https://n.example/", known), expected);
        }
        for (step, expected) in [("a%20b", "a b"), ("100%", "100%"), ("%zz%2", "%zz%2"), ("%C3", "\u{fffd}")]
        {
            assert_eq!(unescape_path(step), expected);
        }
    }

    #[test]
    fn an_inbox_shows_the_first_words_of_the_body() {
        for (html, expected) in [
            ("<html><head><title>T</title></head><body><div>One &amp; two</div><p>three", "One & two"),
            ("<body><style>p{}</style><!-- x --><div>A&nbsp;&zwnj;</div><p>B</p>", "A B"),
            ("<body><h1>Subject</h1><p>Words</p>", "Words"),
            ("", ""),
            ("<body", ""),
        ] {
            assert_eq!(preheader(html, "Subject"), expected, "{html}");
        }
    }
}
