//! An edition as data for the page: what stands around the frame in which it is shown.

use serde::Serialize;

use super::super::snapshot::{Snapshot, When};
use super::{Rendered, count, letter};
use crate::newsroom::ChannelKind;
use crate::render::{Content, Mail};

/// An edition as the page shows it.
#[derive(Debug, Serialize)]
pub struct EditionView {
    version: u64,
    /// Names all that is in it: as long as it is the same, nothing has to be shown anew.
    sha: String,
    stale: bool,
    kind: ChannelKind,
    title: String,
    /// The sides that can be looked at.
    parts: &'static [&'static str],
    /// The releases of a round-up.
    releases: Vec<String>,
    /// When a round-up leaves.
    leaves: Option<When>,
    assets: Vec<AssetView>,
    #[serde(flatten)]
    content: ContentView,
}

#[derive(Debug, Serialize)]
struct AssetView {
    name: String,
    media_type: String,
    alt: String,
    size: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum ContentView {
    Mail(MailView),
    Page(PageView),
    Social(Vec<PostView>),
    /// How many characters.
    Chat(usize),
    /// How many bytes.
    Json(usize),
}

#[derive(Debug, Serialize)]
struct MailView {
    subject: String,
    from: String,
    to: String,
    reply_to: Option<String>,
    preheader: String,
    attachments: Vec<(String, String, usize)>,
    size: usize,
}

#[derive(Debug, Serialize)]
struct PageView {
    url: String,
    summary: String,
    size: usize,
}

#[derive(Debug, Serialize)]
struct PostView {
    length: usize,
    limit: usize,
    /// Bluesky counts bytes as well.
    bytes: Option<(usize, usize)>,
}

/// What the page shows of it.
pub fn view(snapshot: &Snapshot, rendered: &Rendered) -> EditionView {
    let Rendered { edition, newsroom, stale, .. } = rendered;
    let (content, parts): (_, &[&str]) = match &edition.content {
        Content::Mail(mail) => {
            (ContentView::Mail(mail_view(mail, rendered)), &["seen", "text", "source", "headers"])
        }
        Content::Page(page) => {
            let size = page.html.len();
            let (url, summary) = (page.entry.url.clone(), page.entry.summary.clone());
            (ContentView::Page(PageView { url, summary, size }), &["seen", "feed", "text", "source"])
        }
        Content::Social(social) => {
            let posts = social.posts.iter().map(|post| {
                let count = count(rendered, &post.text);
                PostView { length: count.length, limit: count.limit, bytes: count.bytes }
            });
            (ContentView::Social(posts.collect()), &["seen", "text"])
        }
        Content::Chat(chat) => (ContentView::Chat(chat.plain().chars().count()), &["seen", "text"]),
        Content::Json(value) => (ContentView::Json(value.to_string().len()), &["seen", "text", "source"]),
    };
    let digest_of = &edition.request.digest_of;
    let leaves = (!digest_of.is_empty()).then(|| When::new(edition.request.date, &newsroom.timezone));
    let assets = edition.assets.iter().map(|asset| AssetView {
        name: asset.name.clone(),
        media_type: asset.media_type.clone(),
        alt: asset.alt.clone(),
        size: asset.bytes.len(),
    });
    EditionView {
        version: snapshot.version,
        sha: edition.sha().short(),
        stale: *stale,
        kind: rendered.kind(),
        title: edition.title.clone(),
        parts,
        releases: digest_of.clone(),
        leaves,
        assets: assets.collect(),
        content,
    }
}

fn mail_view(mail: &Mail, rendered: &Rendered) -> MailView {
    let (letter, size) = letter(mail, rendered);
    let field = |name: &str| {
        letter.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    };
    MailView {
        subject: mail.subject.clone(),
        from: field("From").unwrap_or_default(),
        to: field("To").unwrap_or_default(),
        reply_to: field("Reply-To"),
        preheader: preheader(&letter.html, &mail.subject),
        attachments: letter
            .attachments
            .iter()
            .map(|file| (file.name.clone(), file.media_type.clone(), file.bytes.len()))
            .collect(),
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

#[cfg(test)]
mod tests {
    use super::*;

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
