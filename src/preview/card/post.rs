//! Posts as their network shows them, each with the network's own count below it.

use std::fmt::Write as _;

use super::Address;
use super::markup::{escape, initials, shell};
use crate::newsroom::ChannelKind;
use crate::preview::edition::{Rendered, account, count};
use crate::render::{Post, Social};

/// Reply, repeat, like, share: what stands below every post.
const ACTIONS: [(&str, &str); 4] = [
    ("Reply", "M9 3 3 8.5 9 14v-3.4c4 0 6.600 1 8 3.900-.3-4.600-3-7.600-8-8z"),
    ("Repeat", "M4 7V6a2 2 0 0 1 2-2h7l-2-2m2 2-2 2M14 11v1a2 2 0 0 1-2 2H5l2 2m-2-2 2-2"),
    ("Like", "M9 15 3.600 9.600a3.300 3.300 0 0 1 4.700-4.700l.7.7.7-.7a3.300 3.300 0 0 1 4.700 4.700z"),
    ("Share", "M9 2v8M6 4.500 9 2l3 2.500M4 8v6h10V8"),
];

/// The thread.
pub fn document(rendered: &Rendered, social: &Social, address: Address<'_>) -> String {
    let kind = rendered.kind();
    let network = if kind == ChannelKind::Bluesky { "bluesky" } else { "mastodon" };
    let author = &rendered.newsroom.organization;
    let mut thread = String::new();
    for (at, post) in social.posts.iter().enumerate() {
        thread.push_str(&one(rendered, social, (at, post), author, address));
    }
    let body = format!("<main class=\"thread\">{thread}</main>");
    let language = rendered.edition.request.language.as_str();
    shell(&rendered.edition.title, language, network, &body)
}

fn one(
    rendered: &Rendered,
    social: &Social,
    (at, post): (usize, &Post),
    author: &str,
    address: Address<'_>,
) -> String {
    let total = social.posts.len();
    let place = if total > 1 { format!(" · {} of {total}", at + 1) } else { String::new() };
    let handle = escape(&account(rendered));
    let mut card = format!(
        "<div class=\"post\"><span class=\"avatar\" aria-hidden=\"true\">{}</span><div class=\"said\"><header>\
         <strong>{}</strong> <span class=\"handle\">{handle}{place}</span></header><p class=\"text\">{}</p>",
        escape(&initials(author)),
        escape(author),
        text(post)
    );
    card.push_str(&pictures(rendered, post, address));
    if at == 0 && post.images.is_empty() {
        card.push_str(&link(&social.url, &rendered.edition.title));
    }
    card.push_str("<div class=\"actions\" aria-hidden=\"true\">");
    for (_, path) in ACTIONS {
        let _ =
            write!(card, "<svg viewBox=\"0 0 18 18\" width=\"18\" height=\"18\"><path d=\"{path}\"/></svg>");
    }
    card.push_str("</div></div></div>");
    card.push_str(&counter(rendered, post));
    card
}

/// The text with its links and tags marked.
fn text(post: &Post) -> String {
    let mut out = String::new();
    let mut at = 0;
    for facet in &post.facets {
        let (Some(before), Some(words)) =
            (post.text.get(at..facet.start), post.text.get(facet.start..facet.end))
        else {
            continue;
        };
        let (before, words) = (escape(before), escape(words));
        let target = escape(&facet.target);
        let _ = write!(out, "{before}<a class=\"link\" title=\"{target}\">{words}</a>");
        at = facet.end;
    }
    out.push_str(&escape(post.text.get(at..).unwrap_or_default()));
    out
}

fn pictures(rendered: &Rendered, post: &Post, address: Address<'_>) -> String {
    let assets: Vec<_> = post.images.iter().filter_map(|at| rendered.edition.assets.get(*at)).collect();
    if assets.is_empty() {
        return String::new();
    }
    let mut out = format!("<div class=\"pictures n{}\">", assets.len().min(4));
    for asset in assets {
        let badge = if asset.alt.trim().is_empty() {
            "<figcaption class=\"missing\">no alternative text</figcaption>"
        } else {
            "<figcaption>ALT</figcaption>"
        };
        let (source, alt) = (escape(&address(&asset.name)), escape(&asset.alt));
        let _ = write!(out, "<figure><img src=\"{source}\" alt=\"{alt}\" title=\"{alt}\">{badge}</figure>");
    }
    out.push_str("</div>");
    out
}

/// What a network shows of a link when a post has no pictures.
fn link(url: &str, title: &str) -> String {
    let host = url.split("://").nth(1).unwrap_or(url).split('/').next().unwrap_or_default();
    format!("<div class=\"shared\"><span>{}</span><strong>{}</strong></div>", escape(host), escape(title))
}

/// How long the post is by the network's own counting: a ring that fills, and the figures.
fn counter(rendered: &Rendered, post: &Post) -> String {
    let count = count(rendered, &post.text);
    let share = count.length * 100 / count.limit.max(1);
    let state = if share > 100 {
        " over"
    } else if share > 90 {
        " near"
    } else {
        ""
    };
    let filled = share.min(100) * 57 / 100;
    let mut words = format!("{} of {} characters", count.length, count.limit);
    if let Some((bytes, most)) = count.bytes {
        let _ = write!(words, " · {bytes} of {most} bytes");
    }
    if !post.images.is_empty() {
        let _ = write!(
            words,
            " · {} picture{}",
            post.images.len(),
            if post.images.len() == 1 { "" } else { "s" }
        );
    }
    format!(
        "<p class=\"counter{state}\"><svg viewBox=\"0 0 22 22\" width=\"18\" height=\"18\" aria-hidden=\"true\">\
         <circle cx=\"11\" cy=\"11\" r=\"9\"/><circle class=\"arc\" cx=\"11\" cy=\"11\" r=\"9\" \
         stroke-dasharray=\"{filled} 57\"/></svg> {words}</p>"
    )
}
