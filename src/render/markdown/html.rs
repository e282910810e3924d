//! Safe HTML from events: written by pulldown-cmark, then held against a short list.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use pulldown_cmark::{Event, Tag, TagEnd};

/// Everything that may stand in a release. Nothing that runs, loads, embeds or posts.
const TAGS: [&str; 31] = [
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "div",
    "em",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "strong",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
    "figure",
    "figcaption",
    "sub",
    "span",
];

static LIST: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut builder = ammonia::Builder::empty();
    builder
        .tags(TAGS.into_iter().collect())
        .clean_content_tags(["script", "style"].into_iter().collect())
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href", "title"])),
            ("img", HashSet::from(["src", "alt", "title"])),
            ("ol", HashSet::from(["start"])),
            ("td", HashSet::from(["style"])),
            ("th", HashSet::from(["style"])),
        ]))
        .filter_style_properties(HashSet::from(["text-align"]))
        .add_allowed_classes("div", ["footnote"])
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(None);
    builder
});

/// Writes `events` as HTML that is not yet held against the list.
pub(in crate::render) fn raw_html(events: &[Event<'_>]) -> String {
    let mapped = events.iter().map(|event| match event {
        Event::FootnoteReference(number) => Event::InlineHtml(format!("<sup>{number}</sup>").into()),
        Event::Start(Tag::FootnoteDefinition(number)) => {
            Event::Html(format!("<div class=\"footnote\"><sup>{number}</sup> ").into())
        }
        Event::End(TagEnd::FootnoteDefinition) => Event::Html("</div>\n".into()),
        other => other.clone(),
    });
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, mapped);
    html
}

/// Leaves nothing but text, structure, links and pictures.
pub(in crate::render) fn sanitize(html: &str) -> Arc<str> {
    Arc::from(LIST.clean(html).to_string())
}
