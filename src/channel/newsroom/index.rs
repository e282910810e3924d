//! The pages around the releases: start page, years, subjects. Pure.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::markup::{Esc, address, tag_slug};
use super::store::Record;
use crate::language::Language;
use crate::render::Look;

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

impl Section<'_> {
    fn words(&self) -> &'static Words {
        if self.language.base() == "sv" { &SWEDISH } else { &ENGLISH }
    }

    /// The start page: the newest releases, and the ways to the rest.
    pub fn start(&self, newest: &[&Record], years: &[String], tags: &[String]) -> String {
        let words = self.words();
        let mut body = format!("<h1>{}</h1>\n", Esc(words.latest));
        if newest.is_empty() {
            let _ = writeln!(body, "<p>{}</p>", Esc(words.none));
        }
        body.push_str("<ul class=\"cards\">\n");
        for (at, record) in newest.iter().enumerate() {
            self.card(&mut body, record, at == 0);
        }
        body.push_str("</ul>\n");
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
        self.rows(&mut body, records);
        self.document(&format!("{year}/"), &format!("{year} – {}", self.look.name), &body)
    }

    /// The newest releases on a subject.
    pub fn tag(&self, tag: &str, records: &[&Record]) -> String {
        let mut body = format!("<h1>{}</h1>\n", Esc(tag));
        self.rows(&mut body, records.get(..ON_TAG).unwrap_or(records));
        if records.len() > ON_TAG {
            let _ = writeln!(body, "<p>{}</p>", Esc(self.words().older));
        }
        self.document(&format!("tags/{}/", tag_slug(tag)), &format!("{tag} – {}", self.look.name), &body)
    }

    fn card(&self, body: &mut String, record: &Record, first: bool) {
        let entry = &record.entry;
        body.push_str(if first { "<li class=\"card first\">" } else { "<li class=\"card\">" });
        if let Some((name, _)) = &entry.image {
            // The headline beside it says where the link leads; the picture itself is decoration here.
            let src = address(&self.look.url, &format!("{}{name}", record.path));
            let lazy = if first { "" } else { " loading=\"lazy\"" };
            let _ = write!(body, "<img src=\"{}\" alt=\"\"{lazy}>", Esc(&src));
        }
        body.push_str("<div>");
        self.dated(body, record);
        let _ = write!(body, "<h2><a href=\"{}\">{}</a></h2>", Esc(&entry.url), Esc(&entry.title));
        if !entry.summary.is_empty() {
            let _ = write!(body, "<p>{}</p>", Esc(&entry.summary));
        }
        body.push_str("</div></li>\n");
    }

    fn rows(&self, body: &mut String, records: &[&Record]) {
        body.push_str("<ul class=\"rows\">\n");
        for record in records {
            body.push_str("<li>");
            self.dated(body, record);
            let _ = writeln!(
                body,
                "<a href=\"{}\">{}</a></li>",
                Esc(&record.entry.url),
                Esc(&record.entry.title)
            );
        }
        body.push_str("</ul>\n");
    }

    fn dated(&self, body: &mut String, record: &Record) {
        let entry = &record.entry;
        body.push_str("<p class=\"meta\">");
        if let Some(kicker) = &entry.kicker {
            let _ = write!(body, "<span class=\"kicker\">{}</span> ", Esc(kicker));
        }
        let _ = write!(
            body,
            "<time datetime=\"{}\">{}</time></p>",
            entry.published,
            Esc(&date(entry.published, &self.look.timezone, self.language))
        );
    }

    fn ways<'a>(&self, body: &mut String, heading: &str, links: impl Iterator<Item = (&'a str, String)>) {
        let mut links = links.peekable();
        if links.peek().is_none() {
            return;
        }
        let _ = write!(body, "<nav class=\"ways\" aria-label=\"{0}\"><h2>{0}</h2><ul>", Esc(heading));
        for (name, path) in links {
            let href = address(&self.look.url, &format!("{}{path}", self.path));
            let _ = write!(body, "<li><a href=\"{}\">{}</a></li>", Esc(&href), Esc(name));
        }
        body.push_str("</ul></nav>\n");
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
            "<style>:root{{--accent:{};--ink:{};--paper:{}}}{STYLE}</style>\n</head>\n<body>\n\
             <a class=\"skip\" href=\"#main\">{}</a>\n<header><a class=\"brand\" href=\"{}\">",
            color(&look.accent, "#8a2f12"),
            color(&look.ink, "#1c1c1c"),
            color(&look.paper, "#ffffff"),
            Esc(words.skip),
            Esc(&here("")),
        );
        if let Some(logo) = look.logo.as_deref().filter(|logo| logo.starts_with("data:image/")) {
            let _ = write!(html, "<img src=\"{}\" alt=\"\">", Esc(logo));
        }
        let _ = write!(html, "<span>{}</span></a>", Esc(&look.name));
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
        }
        let _ = write!(html, "</header>\n<main id=\"main\">\n{body}</main>\n<footer>");
        if !path.is_empty() {
            let _ = write!(html, "<p><a href=\"{}\">{}</a></p>", Esc(&here("")), Esc(words.home));
        }
        let _ = write!(html, "<p>{}:", Esc(words.follow));
        for (name, _, label) in feeds {
            let _ = write!(html, " <a href=\"{}\">{label}</a>", Esc(&here(name)));
        }
        let _ = write!(html, "</p><p>{}</p></footer>\n</body>\n</html>\n", Esc(&look.organization));
        html
    }
}

const STYLE: &str = "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);\
font:1.0625rem/1.55 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}\
header,main,footer{max-width:68rem;margin:0 auto;padding:1.25rem}\
header{display:flex;flex-wrap:wrap;gap:1rem;align-items:center;justify-content:space-between;border-bottom:3px solid var(--accent)}\
.brand{display:flex;gap:.75rem;align-items:center;font-weight:700;font-size:1.15rem;color:inherit;text-decoration:none}\
.brand img{height:2.25rem;width:auto}header nav a{margin-left:1rem}a{color:var(--accent)}\
a:focus-visible{outline:3px solid var(--accent);outline-offset:3px}\
[aria-current]{font-weight:700;text-decoration:none}\
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:1rem;background:var(--paper);padding:.5rem}\
h1{font-size:clamp(1.8rem,5vw,2.8rem);line-height:1.1;margin:1.5rem 0}ul{list-style:none;padding:0;margin:0}\
.cards{display:grid;gap:1.75rem;grid-template-columns:repeat(auto-fill,minmax(min(19rem,100%),1fr))}\
.card img{width:100%;aspect-ratio:3/2;object-fit:cover;border-radius:.4rem;display:block;margin-bottom:.75rem}\
.card h2{font-size:1.25rem;line-height:1.25;margin:.2rem 0 .5rem}.card p{margin:0}\
.card a,.rows a{color:inherit;text-decoration-color:var(--accent);text-underline-offset:.2em}\
.first{grid-column:1/-1}.first h2{font-size:clamp(1.5rem,4vw,2.2rem)}\
@media(min-width:48rem){.first{display:grid;grid-template-columns:3fr 2fr;gap:1.75rem;align-items:center}.first img{margin:0}}\
.meta{font-size:.875rem;opacity:.85;margin:0}.kicker{color:var(--accent);font-weight:700;text-transform:uppercase;letter-spacing:.04em}\
.rows li{padding:.75rem 0;border-bottom:1px solid color-mix(in srgb,var(--ink) 18%,transparent)}\
.ways h2{font-size:1rem;margin:2.5rem 0 .5rem}.ways ul{display:flex;flex-wrap:wrap;gap:.5rem 1.25rem}\
footer{margin-top:3rem;font-size:.9rem;border-top:1px solid color-mix(in srgb,var(--ink) 18%,transparent)}\
footer a{margin-left:.5rem}";

/// A colour if it is one, so that nothing else gets into the style.
fn color<'a>(color: &'a str, otherwise: &'a str) -> &'a str {
    let good = color.strip_prefix('#').is_some_and(|digits| {
        matches!(digits.len(), 3 | 6) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    if good { color } else { otherwise }
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
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let day = time.to_zoned(zone).date();
    let months = match language.base() {
        "en" => ENGLISH,
        "sv" => SWEDISH,
        _ => return day.to_string(),
    };
    let month = usize::try_from(day.month()).ok().and_then(|month| months.get(month.wrapping_sub(1)));
    month.map_or_else(|| day.to_string(), |month| format!("{} {month} {}", day.day(), day.year()))
}
