//! An edition as data for the page.

use serde::Serialize;

use super::super::snapshot::Snapshot;
use super::{Rendered, letter};
use crate::newsroom::ChannelKind;
use crate::release::length;
use crate::render::{Content, Mail, Post};

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
        Content::Chat(chat) => {
            let images = (0..edition.assets.len()).collect();
            let post = Post { text: chat.plain(), facets: Vec::new(), images };
            ContentView::Social(SocialView {
                author: newsroom.organization.clone(),
                url: chat.url.clone(),
                posts: vec![post_view(&post, kind, limit.or(Some(3_000)))],
            })
        }
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
