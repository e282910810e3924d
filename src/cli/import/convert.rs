//! One foreign file as a release. Pure: what it needs from the disk is asked through `find`.

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, Zoned};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::{Map, Value};

use super::front::Parts;
use super::html;
use crate::cli::new::slugify;
use crate::language::Language;

/// What every imported release is given.
pub struct Defaults {
    /// Audiences, most important first.
    pub audiences: Vec<String>,
    /// Press contacts.
    pub contacts: Vec<String>,
    /// Standing paragraphs.
    pub boilerplate: Vec<String>,
    /// Address that links beginning with `/` are completed with.
    pub site: Option<String>,
    /// What is later than this is a draft, whatever its author said.
    pub now: Timestamp,
}

/// A release, ready to be written.
#[derive(Debug)]
pub struct Converted {
    /// Its slug.
    pub slug: String,
    /// The language of a translation.
    pub translation: Option<Language>,
    /// The year of its folder.
    pub year: i16,
    /// The file.
    pub text: String,
    /// Pictures found: source as written, name beside the release.
    pub pictures: Vec<(String, String)>,
    /// What did not fit; each is kept as a comment in the front matter, or says what was changed.
    pub notes: Vec<String>,
}

/// Turns a file named `name` (its path below the imported folder) into a release.
///
/// `find` says whether a picture, as it is written in the text, is there to be copied.
pub fn convert(
    name: &str,
    parts: &Parts<'_>,
    defaults: &Defaults,
    find: &dyn Fn(&str) -> bool,
) -> Result<Converted, String> {
    let mut front = parts.front.clone();
    let mut notes = Vec::new();
    let mut kept = Vec::new();

    let (stem, translation) = stem(name);
    let wanted = take_text(&mut front, &["slug"]).unwrap_or_else(|| stem.to_owned());
    let slug = slugify(&wanted);
    if slug.is_empty() {
        return Err(format!("`{wanted}` gives no slug; add `slug:` with small letters, digits and hyphens"));
    }
    if slug != wanted {
        notes.push(format!("slug `{wanted}` became `{slug}`"));
    }

    let dated =
        take_text(&mut front, &["publishDate", "date"]).or_else(|| file_date(name).map(str::to_owned));
    let Some(dated) = dated else { return Err("it has no date; add `date:`".to_owned()) };
    let (publish, instant, year) = time(&dated).ok_or(format!("`{dated}` is no date"))?;
    let draft = matches!(front.remove("draft"), Some(Value::Bool(true)))
        || matches!(front.remove("published"), Some(Value::Bool(false)))
        || instant.is_some_and(|instant| instant > defaults.now);

    let rewritten = html::rewrite(parts.body);
    if rewritten.stretches > 0 {
        notes.push(format!("{} stretches of HTML became Markdown", rewritten.stretches));
    }
    let (body, shortcodes) = without_shortcodes(&rewritten.body);
    kept.extend(shortcodes.into_iter().map(|code| format!("shortcode: {code}")));
    let mut links = relink(&body, defaults.site.as_deref(), find);
    kept.append(&mut links.dropped);

    let mut yaml = Yaml(String::new());
    yaml.text("title", &take_text(&mut front, &["title"]).unwrap_or_else(|| stem.replace(['-', '_'], " ")));
    for (key, names) in [
        ("subtitle", &["subtitle", "subheadline"][..]),
        ("summary", &["summary", "excerpt", "description"][..]),
        ("byline", &["byline", "author", "authors"][..]),
    ] {
        if let Some(text) = take_text(&mut front, names) {
            yaml.text(key, &text);
        }
    }
    if translation.is_none() {
        yaml.0.push_str(&format!("publish: {publish}\n"));
        yaml.0.push_str(if draft { "status: draft\n" } else { "status: approved\n" });
    }
    let language = take_text(&mut front, &["language", "lang"]);
    if let Some(language) = language.or_else(|| translation.as_ref().map(Language::to_string)) {
        yaml.0.push_str(&format!("language: {language}\n"));
    }
    if translation.is_none() {
        yaml.list("audiences", &defaults.audiences);
        yaml.list("contacts", &defaults.contacts);
        yaml.list("boilerplate", &defaults.boilerplate);
        yaml.list("tags", &tags(&mut front));
    }
    let mut pictures = Vec::new();
    if !links.pictures.is_empty() {
        yaml.0.push_str("media:\n");
        for (source, file, alt) in links.pictures {
            yaml.0.push_str(&format!("  - file: {}\n    alt: {}\n", quote(&file), quote(&alt)));
            pictures.push((source, file));
        }
    }
    for (key, value) in &front {
        kept.push(format!("{key}: {value}"));
    }
    for line in &kept {
        yaml.0.push_str(&format!("# imported {}\n", line.replace(['\r', '\n'], " ")));
    }
    notes.extend(kept.into_iter().map(|line| format!("kept as a comment: {}", shorten(&line))));
    let text = format!("---\n{}---\n\n{}\n", yaml.0, links.body.trim());
    Ok(Converted { slug, translation, year, text, pictures, notes })
}

struct Yaml(String);

impl Yaml {
    fn text(&mut self, key: &str, value: &str) {
        let line: Vec<&str> = value.split_whitespace().collect();
        self.0.push_str(&format!("{key}: {}\n", quote(&line.join(" "))));
    }

    fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            let values: Vec<String> = values.iter().map(|value| quote(value)).collect();
            self.0.push_str(&format!("{key}: [{}]\n", values.join(", ")));
        }
    }
}

/// A YAML scalar: bare where that is safe, else in double quotes (a JSON string is one).
fn quote(text: &str) -> String {
    let bare = text.starts_with(|c: char| c.is_alphabetic())
        && text.chars().all(|c| c.is_alphanumeric() || " -_./()’".contains(c))
        && !text.ends_with(' ')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_lowercase().as_str());
    if bare { text.to_owned() } else { Value::from(text).to_string() }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 80 { text.to_owned() } else { text.chars().take(79).chain(['…']).collect() }
}

/// The first of `keys` that is there, as one line of text; lists are joined, tables give their names.
fn take_text(front: &mut Map<String, Value>, keys: &[&str]) -> Option<String> {
    let key = keys.iter().find(|key| front.contains_key(**key))?;
    let text = match front.remove(*key)? {
        Value::String(text) => text,
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null => return None,
        other => plain(&other),
    };
    (!text.trim().is_empty()).then_some(text)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) => map.get("name").map(plain).unwrap_or_default(),
        other => other.to_string(),
    }
}

/// Tags and categories, wherever the four programs keep them.
fn tags(front: &mut Map<String, Value>) -> Vec<String> {
    let mut lists = vec![front.remove("tags"), front.remove("categories")];
    if let Some(Value::Object(taxonomies)) = front.remove("taxonomies") {
        lists.extend(taxonomies.into_iter().map(|(_, list)| Some(list)));
    }
    let mut tags = Vec::new();
    for value in lists.into_iter().flatten() {
        let names = match value {
            Value::Array(list) => list.iter().map(plain).collect(),
            Value::String(text) => text.split([',', ' ']).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        for name in names.iter().map(|name| slugify(name)) {
            if !name.is_empty() && !tags.contains(&name) {
                tags.push(name);
            }
        }
    }
    tags
}

/// `2024-05-01-aster.sv.md` → (`aster`, sv); a page bundle's `aster/index.md` → `aster`.
fn stem(name: &str) -> (&str, Option<Language>) {
    let mut parts = name.rsplit('/');
    let file = parts.next().unwrap_or(name);
    let file = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let (file, language) = match file.rsplit_once('.') {
        Some((stem, tag)) => match tag.parse() {
            Ok(language) => (stem, Some(language)),
            Err(_) => (file, None),
        },
        None => (file, None),
    };
    let file = if file == "index" { parts.next().unwrap_or(file) } else { file };
    let file = if file_date(file).is_some() { file[10..].trim_start_matches('-') } else { file };
    (file, language)
}

/// The date that opens a file's name, as in Jekyll's `_posts`.
fn file_date(name: &str) -> Option<&str> {
    let file = name.rsplit('/').next()?;
    let date = file.get(..10)?;
    date.parse::<Date>().is_ok().then_some(date)
}

/// A date as people write it: (as Dateline writes it, the instant if it is known, the year).
fn time(text: &str) -> Option<(String, Option<Timestamp>, i16)> {
    let text = text.trim();
    let offset = ["%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M %z", "%Y-%m-%d %H:%M:%S %:z"];
    let instant = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<Zoned>().ok().map(|zoned| zoned.timestamp()))
        .or_else(|| offset.iter().find_map(|form| Timestamp::strptime(form, text).ok()));
    if let Some(instant) = instant {
        return Some((instant.to_string(), Some(instant), instant.to_zoned(jiff::tz::TimeZone::UTC).year()));
    }
    let civil = text.parse::<DateTime>().ok()?;
    let instant = civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    Some((civil.strftime("%Y-%m-%dT%H:%M:%S").to_string(), instant, civil.year()))
}

/// Takes Hugo's `{{< … >}}`, `{{% … %}}` and Liquid's `{% … %}` out, outside code.
fn without_shortcodes(body: &str) -> (String, Vec<String>) {
    let mut codes = Vec::new();
    let mut out = String::with_capacity(body.len());
    let mut fenced = false;
    for line in body.split_inclusive('\n') {
        fenced ^= line.trim_start().starts_with("```");
        let mut rest = line;
        while !fenced {
            let found = [("{{<", ">}}"), ("{{%", "%}}"), ("{%", "%}")]
                .iter()
                .filter_map(|(open, close)| {
                    let start = rest.find(open)?;
                    let end = rest[start..].find(close)? + start + close.len();
                    Some((start, end))
                })
                .min();
            let Some((start, end)) = found else { break };
            out.push_str(&rest[..start]);
            codes.push(rest[start..end].to_owned());
            rest = &rest[end..];
        }
        out.push_str(rest);
    }
    (out, codes)
}

struct Links {
    body: String,
    /// As written, name beside the release, alternative text.
    pictures: Vec<(String, String, String)>,
    dropped: Vec<String>,
}

/// Points pictures at files beside the release, and completes links that begin with `/`.
fn relink(body: &str, site: Option<&str>, find: &dyn Fn(&str) -> bool) -> Links {
    let mut links =
        Links { body: String::with_capacity(body.len()), pictures: Vec::new(), dropped: Vec::new() };
    let mut at = 0;
    let mut picture: Option<(usize, String, String)> = None;
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let mut targets: Vec<std::ops::Range<usize>> = Vec::new();
    for (event, range) in Parser::new_ext(body, options).into_offset_iter() {
        match event {
            Event::Start(Tag::Image { dest_url, .. }) => {
                picture = Some((range.start, dest_url.to_string(), String::new()));
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some((_, _, alt)) = &mut picture {
                    alt.push_str(&text);
                }
            }
            Event::End(TagEnd::Image) => {
                let Some((start, source, alt)) = picture.take() else { continue };
                if start < at {
                    continue;
                }
                links.body.push_str(&body[at..start]);
                if find(&source) {
                    let file = source.rsplit('/').next().unwrap_or(&source).to_owned();
                    links.body.push_str(&format!("![{alt}]({file})"));
                    if !links.pictures.iter().any(|(_, known, _)| *known == file) {
                        links.pictures.push((source, file, alt));
                    }
                } else {
                    links.dropped.push(format!("picture not found: {source} \"{alt}\""));
                }
                at = range.end;
            }
            Event::Start(Tag::Link { dest_url, .. }) if dest_url.starts_with('/') => targets.push(range),
            _ => {}
        }
    }
    links.body.push_str(&body[at..]);
    if let Some(site) = site.filter(|_| !targets.is_empty()) {
        // Every inline target and reference that begins with one slash.
        links.body = links.body.replace("](/", &format!("]({}/", site.trim_end_matches('/')));
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::front;
    use expect_test::{Expect, expect};

    fn check(name: &str, text: &str, expected: Expect) {
        let defaults = Defaults {
            audiences: vec!["press".into()],
            contacts: vec!["desk".into()],
            boilerplate: vec![],
            site: Some("https://old.example".into()),
            now: "2026-12-01T08:00:00Z".parse().unwrap(),
        };
        let parts = front::split(text).unwrap().unwrap();
        let found = match convert(name, &parts, &defaults, &|source| source.ends_with("here.png")) {
            Ok(c) => format!("{} {:?} {}\n{}\n{}", c.slug, c.translation, c.year, c.text, c.notes.join("\n")),
            Err(error) => format!("error: {error}"),
        };
        expected.assert_eq(&found);
    }

    #[test]
    fn hugo() {
        check(
            "news/Big-News.md",
            "---\ntitle: \"Big: News\"\ndate: 2025-12-02T00:00:00Z\nauthor: Ada B.\nexcerpt: Short.\nwidget: true\n---\nText ![A](/img/here.png) and ![B](/img/gone.png).\n\n{{< plotly >}}\n\n[Older](/2024/x)\n",
            expect![[r#"
                big-news None 2025
                ---
                title: "Big: News"
                summary: Short.
                byline: Ada B.
                publish: 2025-12-02T00:00:00Z
                status: approved
                audiences: [press]
                contacts: [desk]
                media:
                  - file: here.png
                    alt: A
                # imported shortcode: {{< plotly >}}
                # imported picture not found: /img/gone.png "B"
                # imported widget: true
                ---

                Text ![A](here.png) and .



                [Older](https://old.example/2024/x)

                slug `Big-News` became `big-news`
                kept as a comment: shortcode: {{< plotly >}}
                kept as a comment: picture not found: /img/gone.png "B"
                kept as a comment: widget: true"#]],
        );
    }

    #[test]
    fn jekyll_takes_its_date_from_the_name() {
        check(
            "_posts/2024-05-01-aster-opens.md",
            "---\nlayout: post\ntitle: Aster opens\ntags: ev cars\n---\nText\n",
            expect![[r#"
                aster-opens None 2024
                ---
                title: Aster opens
                publish: 2024-05-01T00:00:00
                status: approved
                audiences: [press]
                contacts: [desk]
                tags: [ev, cars]
                # imported layout: "post"
                ---

                Text

                kept as a comment: layout: "post""#]],
        );
    }

    #[test]
    fn zola_and_what_is_still_to_come() {
        check(
            "blog/aster/index.md",
            "+++\ntitle = 'Aster'\ndate = 2027-01-05\n[taxonomies]\ntags = ['EV']\n[extra]\nhero = 'a.png'\n+++\nText\n",
            expect![[r#"
                aster None 2027
                ---
                title: Aster
                publish: 2027-01-05T00:00:00
                status: draft
                audiences: [press]
                contacts: [desk]
                tags: [ev]
                # imported extra: {"hero":"a.png"}
                ---

                Text

                kept as a comment: extra: {"hero":"a.png"}"#]],
        );
    }

    #[test]
    fn what_cannot_be_imported_says_why() {
        check("a.md", "---\ntitle: A\n---\n", expect!["error: it has no date; add `date:`"]);
        check("a.md", "---\ndate: soon\n---\n", expect!["error: `soon` is no date"]);
        check(
            "東京.md",
            "---\ndate: 2024-01-01\n---\n",
            expect![[r#"error: `東京` gives no slug; add `slug:` with small letters, digits and hyphens"#]],
        );
    }

    #[test]
    fn translations_are_told_by_their_name() {
        for (name, expected) in [
            ("a/aster.sv.md", ("aster", Some("sv"))),
            ("a/aster/index.sv.md", ("aster", Some("sv"))),
            ("a/2024-05-01-aster.md", ("aster", None)),
            ("a/version-1.0.md", ("version-1.0", None)),
        ] {
            let (stem, language) = stem(name);
            assert_eq!((stem, language.as_ref().map(Language::as_str)), expected);
        }
    }
}
