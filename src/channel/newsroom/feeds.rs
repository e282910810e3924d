//! Atom 1.0 (RFC 4287), RSS 2.0 and JSON Feed 1.1 of the newest releases. Pure.
//!
//! A release keeps its id when it is corrected, and its `updated` moves. Nothing in a feed
//! depends on when it was written, so that the same releases give the same bytes.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::json;

use super::markup::{Esc, address};
use super::store::Record;
use crate::channel::config::PodcastConfig;
use crate::language::Language;
use crate::render::{Entry, Look, Standing};

/// How many releases a feed holds.
pub const NEWEST: usize = 50;

/// How many episodes a podcast holds.
pub const EPISODES: usize = 300;

/// What the feeds of one section are made from.
pub struct Feed<'a> {
    /// The site.
    pub look: &'a Look,
    /// The section: nothing, or `sv/`.
    pub section: &'a str,
    /// Its language.
    pub language: &'a Language,
    /// The WebSub hub where readers can subscribe (w3.org/TR/websub/#discovery).
    pub hub: Option<&'a str>,
    /// The releases with their bodies, newest first.
    pub records: &'a [Record],
}

struct Enclosure {
    url: String,
    media_type: String,
    length: u64,
    duration: Option<String>,
}

impl Feed<'_> {
    fn home(&self) -> String {
        address(&self.look.url, self.section)
    }

    fn own(&self, name: &str) -> String {
        address(&self.look.url, &format!("{}{name}", self.section))
    }

    fn updated(&self) -> Timestamp {
        self.records.iter().map(|record| record.entry.updated).max().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The link to the hub, in a feed whose links have this name.
    fn hub(&self, link: &str) -> String {
        self.hub.map(|hub| format!("<{link} rel=\"hub\" href=\"{}\"/>\n", Esc(hub))).unwrap_or_default()
    }

    fn beside(&self, record: &Record, name: &str) -> String {
        address(&self.look.url, &format!("{}{name}", record.path))
    }

    fn enclosure(&self, record: &Record) -> Option<Enclosure> {
        let (name, media_type, length, duration) = record.entry.audio.as_ref()?;
        Some(Enclosure {
            url: self.beside(record, name),
            media_type: media_type.clone(),
            length: *length,
            duration: duration.clone(),
        })
    }

    /// `atom.xml`.
    pub fn atom(&self) -> String {
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{}\">\n\
             <id>{home}</id>\n<title>{}</title>\n<updated>{}</updated>\n\
             <link rel=\"self\" type=\"application/atom+xml\" href=\"{}\"/>\n{}\
             <link rel=\"alternate\" type=\"text/html\" href=\"{home}\"/>\n\
             <author><name>{}</name></author>\n<generator>Dateline</generator>\n",
            Esc(self.language.as_str()),
            Esc(&self.look.name),
            self.updated(),
            Esc(&self.own("atom.xml")),
            self.hub("link"),
            Esc(&self.look.organization),
            home = Esc(&self.home()),
        );
        for record in self.records {
            let entry = &record.entry;
            let _ = write!(
                xml,
                "<entry>\n<id>{url}</id>\n<title>{}</title>\n<link rel=\"alternate\" type=\"text/html\" href=\"{url}\"/>\n\
                 <published>{}</published>\n<updated>{}</updated>\n<summary>{}</summary>\n",
                Esc(&entry.title),
                entry.published,
                entry.updated,
                Esc(&entry.summary),
                url = Esc(&entry.url),
            );
            for tag in &entry.tags {
                let _ = writeln!(xml, "<category term=\"{}\"/>", Esc(tag));
            }
            if let Some(Enclosure { url, media_type, length, .. }) = self.enclosure(record) {
                let _ = writeln!(
                    xml,
                    "<link rel=\"enclosure\" type=\"{}\" length=\"{length}\" href=\"{}\"/>",
                    Esc(&media_type),
                    Esc(&url)
                );
            }
            let _ = writeln!(xml, "<content type=\"html\">{}</content>\n</entry>", Esc(&content(entry)));
        }
        xml.push_str("</feed>\n");
        xml
    }

    /// `rss.xml`, with recordings as enclosures.
    pub fn rss(&self) -> String {
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\" \
             xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" \
             xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\">\n<channel>\n<title>{}</title>\n<link>{}</link>\n\
             <description>{}</description>\n<language>{}</language>\n<lastBuildDate>{}</lastBuildDate>\n\
             <generator>Dateline</generator>\n<atom:link rel=\"self\" type=\"application/rss+xml\" href=\"{}\"/>\n{}",
            Esc(&self.look.name),
            Esc(&self.home()),
            Esc(&self.look.organization),
            Esc(&self.language.as_str().to_ascii_lowercase()),
            rfc822(self.updated()),
            Esc(&self.own("rss.xml")),
            self.hub("atom:link"),
        );
        for record in self.records {
            let entry = &record.entry;
            let _ = write!(
                xml,
                "<item>\n<title>{}</title>\n<link>{url}</link>\n<guid isPermaLink=\"true\">{url}</guid>\n\
                 <pubDate>{}</pubDate>\n<description>{}</description>\n",
                Esc(&entry.title),
                rfc822(entry.published),
                Esc(&entry.summary),
                url = Esc(&entry.url),
            );
            for tag in &entry.tags {
                let _ = writeln!(xml, "<category>{}</category>", Esc(tag));
            }
            if let Some(Enclosure { url, media_type, length, duration }) = self.enclosure(record) {
                let _ = writeln!(
                    xml,
                    "<enclosure url=\"{}\" length=\"{length}\" type=\"{}\"/>",
                    Esc(&url),
                    Esc(&media_type)
                );
                if let Some(duration) = duration {
                    let _ = writeln!(xml, "<itunes:duration>{}</itunes:duration>", Esc(&duration));
                }
            }
            let _ = writeln!(xml, "<content:encoded>{}</content:encoded>\n</item>", Esc(&content(entry)));
        }
        xml.push_str("</channel>\n</rss>\n");
        xml
    }

    /// `podcast.xml`, for directories of podcasts (help.apple.com/itc/podcasts_connect: podcaster's guide to RSS): every release
    /// with a recording is an episode, which keeps its `guid` when it is corrected.
    pub fn podcast(&self, podcast: &PodcastConfig) -> String {
        let author = podcast.author.as_ref().unwrap_or(&self.look.organization);
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\" \
             xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\">\n<channel>\n<title>{}</title>\n<link>{}</link>\n\
             <description>{}</description>\n<language>{}</language>\n<lastBuildDate>{}</lastBuildDate>\n\
             <generator>Dateline</generator>\n<atom:link rel=\"self\" type=\"application/rss+xml\" href=\"{}\"/>\n{}\
             <itunes:author>{}</itunes:author>\n<itunes:type>episodic</itunes:type>\n<itunes:image href=\"{}\"/>\n\
             <itunes:category text=\"{}\"/>\n<itunes:explicit>{}</itunes:explicit>\n",
            Esc(&podcast.title),
            Esc(&self.home()),
            Esc(&podcast.description),
            Esc(&self.language.as_str().to_ascii_lowercase()),
            rfc822(self.updated()),
            Esc(&self.own("podcast.xml")),
            self.hub("atom:link"),
            Esc(author),
            Esc(&podcast.image),
            Esc(&podcast.category),
            podcast.explicit,
        );
        if let Some(email) = &podcast.email {
            let (name, email) = (Esc(author), Esc(email));
            let _ = writeln!(
                xml,
                "<itunes:owner><itunes:name>{name}</itunes:name><itunes:email>{email}</itunes:email></itunes:owner>"
            );
        }
        for record in self.records {
            let Some(Enclosure { url, media_type, length, duration }) = self.enclosure(record) else {
                continue;
            };
            let entry = &record.entry;
            let _ = write!(
                xml,
                "<item>\n<title>{}</title>\n<link>{page}</link>\n<guid isPermaLink=\"true\">{page}</guid>\n\
                 <pubDate>{}</pubDate>\n<description>{}</description>\n\
                 <enclosure url=\"{}\" length=\"{length}\" type=\"{}\"/>\n<itunes:episodeType>full</itunes:episodeType>\n",
                Esc(&entry.title),
                rfc822(entry.published),
                Esc(&entry.summary),
                Esc(&url),
                Esc(&media_type),
                page = Esc(&entry.url),
            );
            if let Some((name, _)) = &entry.image {
                let _ = writeln!(xml, "<itunes:image href=\"{}\"/>", Esc(&self.beside(record, name)));
            }
            if let Some(duration) = duration {
                let _ = writeln!(xml, "<itunes:duration>{}</itunes:duration>", Esc(&duration));
            }
            xml.push_str("</item>\n");
        }
        xml.push_str("</channel>\n</rss>\n");
        xml
    }

    /// `feed.json`.
    pub fn json(&self) -> String {
        let items: Vec<serde_json::Value> = self.records.iter().map(|record| self.item(record)).collect();
        let mut feed = json!({
            "version": "https://jsonfeed.org/version/1.1",
            "title": self.look.name,
            "home_page_url": self.home(),
            "feed_url": self.own("feed.json"),
            "language": self.language,
            "authors": [{ "name": self.look.organization }],
            "items": items,
        });
        if let Some(hub) = self.hub {
            feed["hubs"] = json!([{ "type": "WebSub", "url": hub }]);
        }
        format!("{feed:#}\n")
    }

    fn item(&self, record: &Record) -> serde_json::Value {
        let entry = &record.entry;
        let mut item = json!({
            "id": entry.url,
            "url": entry.url,
            "title": entry.title,
            "content_html": content(entry),
            "summary": entry.summary,
            "date_published": entry.published,
            "date_modified": entry.updated,
            "tags": entry.tags,
            "language": entry.language,
        });
        if let Some((name, _)) = &entry.image {
            item["image"] = json!(self.beside(record, name));
        }
        if let Some(Enclosure { url, media_type, length, .. }) = self.enclosure(record) {
            item["attachments"] = json!([{ "url": url, "mime_type": media_type, "size_in_bytes": length }]);
        }
        item
    }
}

/// The text; what is corrected or held says so first, as its page does.
fn content(entry: &Entry) -> String {
    let Some(Standing { label, day, words }) = &entry.notice else { return entry.content_html.clone() };
    format!("<p><strong>{}, {}.</strong> {}</p>\n{}", Esc(label), Esc(day), Esc(words), entry.content_html)
}

fn rfc822(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}
