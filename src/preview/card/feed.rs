//! The newsroom's entry in feeds, and the card that others show when its page is shared.

use std::fmt::Write as _;

use super::Address;
use super::markup::{escape, shell};
use crate::preview::edition::{Rendered, local_pictures};
use crate::preview::snapshot::When;
use crate::render::Page;

/// Both, one below the other.
pub fn document(rendered: &Rendered, page: &Page, address: Address<'_>) -> String {
    let entry = &page.entry;
    let newsroom = &rendered.newsroom;
    let when = When::new(entry.published, &newsroom.timezone);
    let host = entry.url.split("://").nth(1).unwrap_or(&entry.url).split('/').next().unwrap_or_default();
    let (title, summary) = (escape(&entry.title), escape(&entry.summary));
    let mut body = format!(
        "<main class=\"reader\"><article class=\"entry\"><p class=\"feed\">{}</p><h1>{title}</h1>\
         <p class=\"when\">{}, {} {}</p>",
        escape(&newsroom.name),
        escape(&when.day),
        escape(&when.time),
        escape(&when.zone)
    );
    body.push_str(&local_pictures(rendered, &entry.content_html, address));
    if !entry.tags.is_empty() {
        let tags: Vec<String> = entry.tags.iter().map(|tag| escape(tag)).collect();
        let _ = write!(body, "<p class=\"tags\">{}</p>", tags.join(" · "));
    }
    body.push_str(
        "</article><section class=\"share\"><h2>When the page is shared</h2><div class=\"shared big\">",
    );
    if let Some((name, alt)) = &entry.image {
        let _ = write!(body, "<img src=\"{}\" alt=\"{}\">", escape(&address(name)), escape(alt));
    }
    let _ = write!(
        body,
        "<span>{}</span><strong>{title}</strong><em>{summary}</em></div></section></main>",
        escape(host)
    );
    shell(&entry.title, entry.language.as_str(), "feed", &body)
}
