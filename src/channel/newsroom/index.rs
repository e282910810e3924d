//! The pages around the releases: start page, years, subjects. Pure.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::markup::{Esc, address, tag_slug};
use super::store::Record;
use crate::language::Language;
use crate::render::{Look, site_style};

/// How many releases the start page shows.
pub const ON_START: usize = 24;
/// How many releases the page of a subject shows; the years hold them all.
pub const ON_TAG: usize = 200;

/// One section of the site: a language.
pub struct Section<'a> {
    /// The site.
    pub look: &'a Look,
    /// Its place: nothing, or `sv/`.
    pub path: &'a str,
    /// Its language.
    pub language: &'a Language,
    /// All sections, itself among them: place and language.
    pub all: &'a [(String, Language)],
}

struct Words {
    latest: &'static str,
    years: &'static str,
    subjects: &'static str,
    follow: &'static str,
    none: &'static str,
    home: &'static str,
    skip: &'static str,
    older: &'static str,
}

const ENGLISH: Words = Words {
    latest: "Latest releases",
    years: "Years",
    subjects: "Subjects",
    follow: "Follow",
    none: "Nothing has been published yet.",
    home: "All releases",
    skip: "Skip to the releases",
    older: "Older releases stand under their years.",
};

const SWEDISH: Words = Words {
    latest: "Senaste nytt",
    years: "År",
    subjects: "Ämnen",
    follow: "Följ",
    none: "Inget har publicerats ännu.",
    home: "Alla pressmeddelanden",
    skip: "Hoppa till innehållet",
    older: "Äldre pressmeddelanden finns under sina år.",
};

const GERMAN: Words = Words {
    latest: "Aktuelle Mitteilungen",
    years: "Jahre",
    subjects: "Themen",
    follow: "Folgen",
    none: "Noch ist nichts veröffentlicht.",
    home: "Alle Mitteilungen",
    skip: "Zum Inhalt springen",
    older: "Ältere Mitteilungen stehen unter ihren Jahren.",
};

impl Section<'_> {
    fn words(&self) -> &'static Words {
        match self.language.base() {
            "sv" => &SWEDISH,
            "de" => &GERMAN,
            _ => &ENGLISH,
        }
    }

    /// The start page: the newest releases, and the ways to the rest.
    pub fn start(&self, newest: &[&Record], years: &[String], tags: &[String]) -> String {
        let words = self.words();
        let mut body = format!("<h1>{}</h1>\n", Esc(words.latest));
        if newest.is_empty() {
            let _ = writeln!(body, "<p>{}</p>", Esc(words.none));
        }
        self.items(&mut body, newest, "items front");
        self.ways(&mut body, words.years, years.iter().map(|year| (year.as_str(), format!("{year}/"))));
        self.ways(
            &mut body,
            words.subjects,
            tags.iter().map(|tag| (tag.as_str(), format!("tags/{}/", tag_slug(tag)))),
        );
        self.document("", &self.look.name, &body)
    }

    /// All releases of a year, newest first.
    pub fn year(&self, year: &str, records: &[&Record]) -> String {
        let mut body = format!("<h1>{}</h1>\n", Esc(year));
        self.items(&mut body, records, "items");
        self.document(&format!("{year}/"), &format!("{year} – {}", self.look.name), &body)
    }

    /// The newest releases on a subject.
    pub fn tag(&self, tag: &str, records: &[&Record]) -> String {
        let mut body = format!("<h1>{}</h1>\n", Esc(tag));
        self.items(&mut body, records.get(..ON_TAG).unwrap_or(records), "items");
        if records.len() > ON_TAG {
            let _ = writeln!(body, "<p>{}</p>", Esc(self.words().older));
        }
        self.document(&format!("tags/{}/", tag_slug(tag)), &format!("{tag} – {}", self.look.name), &body)
    }

    fn items(&self, body: &mut String, records: &[&Record], class: &str) {
        if records.is_empty() {
            return;
        }
        let _ = writeln!(body, "<ul class=\"{class}\">");
        for (at, record) in records.iter().enumerate() {
            self.item(body, record, at > 2);
        }
        body.push_str("</ul>\n");
    }

    fn item(&self, body: &mut String, record: &Record, lazy: bool) {
        let entry = &record.entry;
        let url = Esc(&entry.url);
        body.push_str("<li><article>");
        let plain = if let Some((name, _)) = &entry.image {
            // The headline leads to the same place, so the picture is silent for who does not see it.
            let src = address(&self.look.url, &format!("{}{name}", record.path));
            let lazy = if lazy { " loading=\"lazy\"" } else { "" };
            let _ = write!(
                body,
                "<a class=\"thumb\" href=\"{url}\" tabindex=\"-1\" aria-hidden=\"true\">\
                 <img src=\"{}\" alt=\"\"{lazy}></a>",
                Esc(&src)
            );
            ""
        } else {
            " class=\"plain\""
        };
        let _ = write!(body, "<div{plain}>");
        if let Some(kicker) = &entry.kicker {
            let _ = write!(body, "<p class=\"kicker\">{}</p>", Esc(kicker));
        }
        let _ = write!(
            body,
            "<p class=\"meta\"><time datetime=\"{}\">{}</time></p><h2><a href=\"{url}\">{}</a></h2>",
            entry.published,
            Esc(&date(entry.published, &self.look.timezone, self.language)),
            Esc(&entry.title)
        );
        if !entry.summary.is_empty() {
            let _ = write!(body, "<p>{}</p>", Esc(&entry.summary));
        }
        body.push_str("</div></article></li>\n");
    }

    fn ways<'a>(&self, body: &mut String, heading: &str, links: impl Iterator<Item = (&'a str, String)>) {
        let mut links = links.peekable();
        if links.peek().is_none() {
            return;
        }
        let _ = write!(body, "<section><h2>{}</h2><ul class=\"tags\">", Esc(heading));
        for (name, path) in links {
            let href = address(&self.look.url, &format!("{}{path}", self.path));
            let _ = write!(body, "<li><a href=\"{}\">{}</a></li>", Esc(&href), Esc(name));
        }
        body.push_str("</ul></section>\n");
    }

    fn document(&self, path: &str, title: &str, body: &str) -> String {
        let (look, words) = (self.look, self.words());
        let here = |path: &str| address(&look.url, &format!("{}{path}", self.path));
        let mut html = format!(
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
             <link rel=\"canonical\" href=\"{}\">\n",
            Esc(self.language.as_str()),
            Esc(title),
            Esc(&here(path)),
        );
        if path.is_empty() && self.all.len() > 1 {
            for (section, language) in self.all {
                let _ = writeln!(
                    html,
                    "<link rel=\"alternate\" hreflang=\"{}\" href=\"{}\">",
                    Esc(language.as_str()),
                    Esc(&address(&look.url, section))
                );
            }
        }
        let feeds = [
            ("atom.xml", "application/atom+xml", "Atom"),
            ("rss.xml", "application/rss+xml", "RSS"),
            ("feed.json", "application/feed+json", "JSON Feed"),
        ];
        for (name, kind, label) in feeds {
            let _ = writeln!(
                html,
                "<link rel=\"alternate\" type=\"{kind}\" title=\"{label}\" href=\"{}\">",
                Esc(&here(name))
            );
        }
        let _ = write!(
            html,
            "<style>{}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#text\">{}</a>\n\
             <header class=\"bar\"><div>\n<a class=\"mark\" href=\"{}\">",
            site_style(look),
            Esc(words.skip),
            Esc(&here("")),
        );
        match look.logo.as_deref().filter(|logo| logo.starts_with("data:image/")) {
            Some(logo) => {
                let _ = write!(html, "<img src=\"{}\" alt=\"{}\">", Esc(logo), Esc(&look.organization));
            }
            None => {
                let _ = write!(html, "{}", Esc(&look.organization));
            }
        }
        html.push_str("</a>\n");
        // Only here: a new language must not change every page there is.
        if path.is_empty() && self.all.len() > 1 {
            html.push_str("<nav aria-label=\"Language\">");
            for (section, language) in self.all {
                let current = if section == self.path { " aria-current=\"true\"" } else { "" };
                let _ = write!(
                    html,
                    "<a href=\"{}\" lang=\"{1}\" hreflang=\"{1}\"{current}>{2}</a>",
                    Esc(&address(&look.url, section)),
                    Esc(language.as_str()),
                    Esc(&own_name(language))
                );
            }
            html.push_str("</nav>");
        } else if !path.is_empty() {
            let _ = write!(html, "<nav><a href=\"{}\">{}</a></nav>", Esc(&here("")), Esc(words.home));
        }
        let _ = write!(
            html,
            "</div></header>\n<main class=\"list\" id=\"text\">\n{body}</main>\n\
             <footer class=\"foot\"><div><span>{}</span><span>{}:",
            Esc(&look.organization),
            Esc(words.follow)
        );
        for (name, _, label) in feeds {
            let _ = write!(html, " <a href=\"{}\">{label}</a>", Esc(&here(name)));
        }
        html.push_str("</span></div></footer>\n</body>\n</html>\n");
        html
    }
}

fn own_name(language: &Language) -> String {
    match language.as_str() {
        "en" => "English",
        "sv" => "Svenska",
        "de" => "Deutsch",
        "fr" => "Français",
        "es" => "Español",
        "it" => "Italiano",
        "nl" => "Nederlands",
        "da" => "Dansk",
        "nb" | "no" => "Norsk",
        "fi" => "Suomi",
        "pl" => "Polski",
        "pt" => "Português",
        other => other,
    }
    .to_owned()
}

/// A day as it is written in `language`; numbers in languages whose months are not known here.
fn date(time: Timestamp, zone: &str, language: &Language) -> String {
    const ENGLISH: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    const SWEDISH: [&str; 12] = [
        "januari",
        "februari",
        "mars",
        "april",
        "maj",
        "juni",
        "juli",
        "augusti",
        "september",
        "oktober",
        "november",
        "december",
    ];
    const GERMAN: [&str; 12] = [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ];
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let day = time.to_zoned(zone).date();
    let months = match language.base() {
        "en" => ENGLISH,
        "sv" => SWEDISH,
        "de" => GERMAN,
        _ => return day.to_string(),
    };
    let month = usize::try_from(day.month()).ok().and_then(|month| months.get(month.wrapping_sub(1)));
    let dot = if language.base() == "de" { "." } else { "" };
    month.map_or_else(|| day.to_string(), |month| format!("{}{dot} {month} {}", day.day(), day.year()))
}
