//! One foreign file as a release. Pure: what it needs from the disk is asked through [`Around`].

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::front::Parts;
use super::identity::{self, Name};
use super::links::{Around, Picture, relink};
use super::{html, shortcode};
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
    /// What is later than this is a draft, whatever its author said.
    pub now: Timestamp,
}

/// Slug and time of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The slug.
    pub slug: String,
    /// The year of its folder.
    pub year: i16,
}

/// A release, ready to be written.
#[derive(Debug)]
pub struct Converted {
    /// The file.
    pub text: String,
    /// What goes beside it.
    pub pictures: Vec<Picture>,
    /// What did not fit; each is kept as a comment in the front matter, or says what was changed.
    pub notes: Vec<String>,
}

const SLUG: &[&str] = &["slug"];
const DATE: &[&str] = &["publishDate", "date"];

/// Where a file goes, or why it cannot go anywhere.
pub fn place(name: &Name, front: &Map<String, Value>, now: Timestamp) -> Result<Place, String> {
    let mut front = front.clone();
    let wanted = take_text(&mut front, SLUG, &mut Vec::new()).unwrap_or_else(|| name.stem.clone());
    let slug = slugify(&wanted);
    if slug.is_empty() {
        return Err(format!("`{wanted}` gives no slug; add `slug:` with small letters, digits and hyphens"));
    }
    let dated = take_text(&mut front, DATE, &mut Vec::new()).or_else(|| name.date.clone());
    let year = match dated {
        Some(text) => identity::moment(&text).ok_or(format!("`{text}` is no date"))?.year,
        None if is_draft(&front) || name.key.contains("_drafts/") => {
            now.to_zoned(jiff::tz::TimeZone::UTC).year()
        }
        None if front.is_empty() => return Err("it has no front matter and no date in its name".to_owned()),
        None => return Err("it has no date; add `date:`".to_owned()),
    };
    Ok(Place { slug, year })
}

/// `draft: true`, or Jekyll's `published: false`. What is neither yes nor no is a draft: nothing leaves by mistake.
fn is_draft(front: &Map<String, Value>) -> bool {
    let says =
        |key: &str, word: &str| front.get(key).is_some_and(|value| plain(value).eq_ignore_ascii_case(word));
    let drafted = front.get("draft").is_some_and(|value| !value.is_null()) && !says("draft", "false");
    drafted || says("published", "false")
}

/// Turns a file into the release that goes to `place`.
pub fn convert(
    name: &Name,
    parts: &Parts<'_>,
    place: &Place,
    defaults: &Defaults,
    around: &Around<'_>,
) -> Converted {
    let mut front = parts.front.clone();
    let mut notes = Vec::new();
    let mut kept: Vec<String> = parts.comments.iter().map(|line| format!("comment: {line}")).collect();

    let wanted = take_text(&mut front, SLUG, &mut kept);
    if wanted.as_ref().is_some_and(|wanted| *wanted != place.slug) {
        kept.push(format!("slug: {}", wanted.as_deref().unwrap_or_default()));
    } else if wanted.is_none() && name.stem != place.slug {
        notes.push(format!("`{}` became the slug `{}`", name.stem, place.slug));
    }
    let dated = take_text(&mut front, DATE, &mut kept).or_else(|| name.date.clone());
    let moment = dated.as_deref().and_then(identity::moment);
    let future = moment.as_ref().and_then(|moment| moment.instant).is_some_and(|at| at > defaults.now);
    let draft = is_draft(&front) || name.key.contains("_drafts/") || moment.is_none() || future;
    if future && !is_draft(&front) {
        notes.push(
            "it is dated in the future and became a draft; set `status: approved` when it is".to_owned(),
        );
    }
    for key in ["draft", "published"] {
        if front.get(key).is_some_and(Value::is_boolean) {
            front.remove(key);
        }
    }

    let (body, shortcodes) = shortcode::take(parts.body);
    kept.extend(shortcodes);
    let rewritten = html::rewrite(&body);
    match rewritten.stretches {
        0 => {}
        1 => notes.push("1 stretch of HTML became Markdown".to_owned()),
        many => notes.push(format!("{many} stretches of HTML became Markdown")),
    }
    kept.extend(rewritten.dropped);
    let (body, marks) = shortcode::take_marks(&rewritten.body);
    kept.extend(marks);
    let links = relink(&body, around);
    kept.extend(links.dropped);
    kept.extend(around.beside.iter().map(|name| format!("file beside the text: {name}")));
    for link in links.nowhere {
        let hint = if link.starts_with('/') { "; `--site` completes it" } else { "" };
        notes.push(format!("the link to `{link}` leads nowhere{hint}"));
    }

    let mut yaml = Yaml(String::new());
    let title = take_text(&mut front, &["title"], &mut kept);
    if title.is_none() {
        notes.push("it has no title; its file name stands in".to_owned());
    }
    yaml.text("title", &title.unwrap_or_else(|| name.stem.replace(['-', '_'], " ")));
    for (key, names) in [
        ("subtitle", &["subtitle", "subheadline"][..]),
        ("summary", &["summary", "excerpt", "description"][..]),
        ("byline", &["byline", "author", "authors"][..]),
    ] {
        if let Some(text) = take_text(&mut front, names, &mut kept) {
            yaml.text(key, &text);
        }
    }
    if !name.translation {
        if let Some(moment) = &moment {
            yaml.0.push_str(&format!("publish: {}\n", moment.text));
        }
        yaml.0.push_str(if draft { "status: draft\n" } else { "status: approved\n" });
    } else if let Some(moment) = &moment {
        kept.push(format!("date of this translation: {}", moment.text));
    }
    yaml.language(&mut front, name, &mut kept);
    let subjects = tags(&mut front, &mut kept);
    if name.translation {
        kept.extend((!subjects.is_empty()).then(|| format!("tags: {}", subjects.join(", "))));
    } else {
        yaml.list("audiences", &defaults.audiences);
        yaml.list("contacts", &defaults.contacts);
        yaml.list("boilerplate", &defaults.boilerplate);
        yaml.list("tags", &subjects);
    }
    yaml.media(&links.pictures);
    for (key, value) in &front {
        kept.push(format!("{key}: {value}"));
    }
    for line in &kept {
        yaml.0.push_str(&format!("# imported {}\n", one_line(line)));
    }
    notes.extend(kept.iter().map(|line| format!("kept as a comment: {}", shorten(&one_line(line)))));
    let text = format!("---\n{}---\n\n{}\n", yaml.0, links.body.trim_matches(['\n', '\r', ' ']));
    Converted { text: without_blocks(text), pictures: links.pictures, notes }
}

/// `text` with no line that Dateline takes for a `:::` line: the author knew nothing of those.
fn without_blocks(mut text: String) -> String {
    for _ in 0..text.lines().count() {
        let (_, findings) = crate::release::parse("releases/2000/imported.md", &text);
        let Some(found) = findings.iter().find(|finding| finding.code.starts_with("block-")) else { break };
        let above = usize::try_from(found.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let start = text.split_inclusive('\n').take(above).map(str::len).sum::<usize>();
        let Some(colon) = text[start..].find([':', '\u{ff1a}']).map(|at| start + at) else { break };
        if text[colon..].starts_with(':') {
            text.insert(colon, '\\');
        } else {
            text.replace_range(colon..colon + '\u{ff1a}'.len_utf8(), "&#xff1a;");
        }
    }
    text
}

/// The front matter in the making.
struct Yaml(String);

impl Yaml {
    fn text(&mut self, key: &str, value: &str) {
        self.0.push_str(&format!("{key}: {}\n", quote(&one_line(value))));
    }

    fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            let values: Vec<String> = values.iter().map(|value| quote(value)).collect();
            self.0.push_str(&format!("{key}: [{}]\n", values.join(", ")));
        }
    }

    fn language(&mut self, front: &mut Map<String, Value>, name: &Name, kept: &mut Vec<String>) {
        let given = take_text(front, &["language", "lang", "locale"], kept);
        let read = given.as_ref().and_then(|given| given.replace('_', "-").parse::<Language>().ok());
        if let (Some(given), None) = (&given, &read) {
            kept.push(format!("language: {given}"));
        }
        if let Some(language) = name.language.as_ref().or(read.as_ref()) {
            self.0.push_str(&format!("language: {language}\n"));
        }
    }

    fn media(&mut self, pictures: &[Picture]) {
        if !pictures.is_empty() {
            self.0.push_str("media:\n");
        }
        for picture in pictures {
            self.0.push_str(&format!("  - file: {}\n", quote(&picture.name)));
            if let Some(alt) = picture.alt.as_ref().filter(|alt| !alt.is_empty()) {
                self.0.push_str(&format!("    alt: {}\n", quote(&one_line(alt))));
            }
        }
    }
}

/// A YAML scalar: bare where that is safe, else in double quotes (a JSON string is one).
fn quote(text: &str) -> String {
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_alphanumeric() || " -_./()’".contains(c))
        && !text.ends_with(' ')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_lowercase().as_str());
    if bare { text.to_owned() } else { Value::from(text).to_string() }
}

/// `text` on one line, without what YAML does not allow.
fn one_line(text: &str) -> String {
    let clean: String =
        text.chars().map(|c| if c.is_control() || c == '\u{feff}' { ' ' } else { c }).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 110;
    if text.chars().count() <= LONGEST {
        text.to_owned()
    } else {
        text.chars().take(LONGEST - 1).chain(['…']).collect()
    }
}

/// The first of `keys` that is there, as one line of text; lists are joined, tables give their names.
/// What a table says besides goes to `kept`.
fn take_text(front: &mut Map<String, Value>, keys: &[&str], kept: &mut Vec<String>) -> Option<String> {
    let key = keys.iter().find(|key| front.get(**key).is_some_and(|value| !value.is_null()))?;
    let value = front.remove(*key)?;
    let more =
        |value: &Value| value.as_object().is_some_and(|map| map.len() > 1 || !map.contains_key("name"));
    if more(&value) || value.as_array().is_some_and(|list| list.iter().any(more)) {
        kept.push(format!("{key}: {value}"));
    }
    let text = match &value {
        Value::Array(list) => {
            list.iter().map(plain).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
        }
        other => plain(other),
    };
    (!one_line(&text).is_empty()).then_some(text)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) => map.get("name").map(plain).unwrap_or_default(),
        other => other.to_string(),
    }
}

/// Tags and categories, wherever the four programs keep them. A name that a tag cannot hold is kept.
fn tags(front: &mut Map<String, Value>, kept: &mut Vec<String>) -> Vec<String> {
    let mut lists: Vec<(String, Value)> = Vec::new();
    for key in ["tags", "tag", "categories", "category"] {
        lists.extend(front.remove(key).map(|value| (key.to_owned(), value)));
    }
    match front.remove("taxonomies") {
        Some(Value::Object(taxonomies)) => lists.extend(taxonomies),
        other => lists.extend(other.map(|value| ("taxonomies".to_owned(), value))),
    }
    let mut tags = Vec::new();
    for (key, value) in lists {
        let names: Vec<String> = match &value {
            Value::Array(list) if list.iter().all(|name| !name.is_object() && !name.is_array()) => {
                list.iter().map(plain).collect()
            }
            Value::String(text) if text.contains(',') => text.split(',').map(str::to_owned).collect(),
            Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
            Value::Null => continue,
            _ => {
                kept.push(format!("{key}: {value}"));
                continue;
            }
        };
        for name in names {
            let tag = slugify(&name);
            let same = name.trim().to_lowercase().replace([' ', '_'], "-") == tag;
            if !same {
                kept.push(format!("{key}: {}", name.trim()));
            }
            if !tag.is_empty() && !tags.contains(&tag) {
                tags.push(tag);
            }
        }
    }
    tags
}

#[cfg(test)]
mod tests;
