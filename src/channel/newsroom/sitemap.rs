//! Sitemaps (sitemaps.org), one a year and section, the news sitemap, and `robots.txt`. Pure.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use super::markup::{Esc, address};
use super::store::Record;
use crate::render::Look;

/// How long a release is news (Google: "articles created in the last two days").
const NEWS: SignedDuration = SignedDuration::from_hours(48);
/// The most entries of a news sitemap (Google: 1,000).
const MOST_NEWS: usize = 1000;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";
const NAMESPACE: &str = "http://www.sitemaps.org/schemas/sitemap/0.9";

/// The name of the sitemap of one year of a section.
pub fn name(section: &str, year: &str) -> String {
    let language = section.trim_end_matches('/');
    if language.is_empty() {
        format!("sitemaps/{year}.xml")
    } else {
        format!("sitemaps/{language}-{year}.xml")
    }
}

/// The sitemap of one year of a section.
pub fn year(records: &[&Record]) -> String {
    let mut xml = format!("{HEAD}<urlset xmlns=\"{NAMESPACE}\">\n");
    for record in records {
        let _ = writeln!(
            xml,
            "<url><loc>{}</loc><lastmod>{}</lastmod></url>",
            Esc(&record.entry.url),
            record.entry.updated
        );
    }
    xml.push_str("</urlset>\n");
    xml
}

/// `sitemap.xml`: the sitemaps with these names.
pub fn all<'a>(look: &Look, names: impl Iterator<Item = &'a str>) -> String {
    let mut xml = format!("{HEAD}<sitemapindex xmlns=\"{NAMESPACE}\">\n");
    for name in names {
        let _ = writeln!(xml, "<sitemap><loc>{}</loc></sitemap>", Esc(&address(&look.url, name)));
    }
    xml.push_str("</sitemapindex>\n");
    xml
}

/// `news-sitemap.xml`: what was published in the two days before `now`, newest first.
pub fn news<'a>(look: &Look, records: impl Iterator<Item = &'a Record>, now: Timestamp) -> String {
    let mut fresh: Vec<&Record> =
        records.filter(|record| now.duration_since(record.entry.published) <= NEWS).collect();
    fresh.sort_by(|a, b| (b.entry.published, &a.path).cmp(&(a.entry.published, &b.path)));
    let mut xml = format!(
        "{HEAD}<urlset xmlns=\"{NAMESPACE}\" xmlns:news=\"http://www.google.com/schemas/sitemap-news/0.9\">\n"
    );
    for record in fresh.into_iter().take(MOST_NEWS) {
        let entry = &record.entry;
        let _ = writeln!(
            xml,
            "<url><loc>{}</loc><news:news><news:publication><news:name>{}</news:name>\
             <news:language>{}</news:language></news:publication>\
             <news:publication_date>{}</news:publication_date><news:title>{}</news:title></news:news></url>",
            Esc(&entry.url),
            Esc(&look.name),
            Esc(entry.language.base()),
            entry.published,
            Esc(&entry.title),
        );
    }
    xml.push_str("</urlset>\n");
    xml
}

/// `robots.txt`: everything is public, and this is where it is listed.
pub fn robots(look: &Look) -> String {
    format!(
        "User-agent: *\nAllow: /\n\nSitemap: {}\nSitemap: {}\n",
        address(&look.url, "sitemap.xml"),
        address(&look.url, "news-sitemap.xml")
    )
}
