//! A page of the newsroom site: one HTML document with nothing that runs.

mod seen;
mod site;

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::look::contrasts;
use super::scene::{Prose, Scene, page_url, path_escape};
use super::templates::Templates;
use super::{Asset, Entry, Page, RenderError, Standing, phrases};
use crate::digest::Digest;
use crate::release::Notice;

pub use site::site_style;

/// The page, and the files beside it.
pub(super) fn compose(scene: &Scene<'_>, templates: &Templates) -> Result<(Page, Vec<Asset>), RenderError> {
    let shown = scene.shows_body();
    let assets = if shown { scene.assets()? } else { Vec::new() };
    let body = scene.body(true);
    let summary = if shown { scene.summary(&body).into_owned() } else { notice_words(scene) };

    let entry = entry(scene, &assets, summary, &body.html);
    let template = templates.choose("newsroom", scene.words.template, &scene.request.audience)?;
    let html = templates.render(&template, data(scene, &entry, &body.html, &assets))?;
    let text = press_text(scene, &body);
    let look = (*scene.look()).clone();
    Ok((Page { path: scene.path.clone(), html, entry, text, look }, assets))
}

fn notice_words(scene: &Scene<'_>) -> String {
    scene.notice().map(|(_, words)| words).unwrap_or_default()
}

fn entry(scene: &Scene<'_>, assets: &[Asset], summary: String, body: &str) -> Entry {
    let request = scene.request;
    let image = assets.iter().find(|asset| asset.media_type.starts_with("image/"));
    let audio = assets.iter().find(|asset| asset.media_type.starts_with("audio/")).map(|asset| {
        let piece = scene.media.iter().find(|piece| piece.name == asset.name);
        let duration = piece.and_then(|piece| piece.medium.duration.as_ref()).map(|text| text.value.clone());
        (asset.name.clone(), asset.media_type.clone(), asset.bytes.len() as u64, duration)
    });
    let content_html = if scene.shows_body() {
        body.to_owned()
    } else {
        format!("<p>{}</p>", super::mail::escape_html(&summary))
    };
    Entry {
        slug: scene.release.slug.clone(),
        language: scene.language().clone(),
        url: scene.url.clone(),
        title: scene.words.title.to_owned(),
        kicker: scene.text.file.front.kicker.as_ref().map(|kicker| kicker.value.clone()),
        summary,
        content_html,
        tags: scene.release.tags.clone(),
        published: scene.published,
        updated: if request.notice == Notice::Original { scene.published } else { request.date },
        image: image.map(|asset| (asset.name.clone(), asset.alt.clone())),
        audio,
        withdrawn: request.notice == Notice::Kill,
        notice: scene.notice().map(|(label, words)| Standing {
            label: label.to_owned(),
            day: scene.day(request.date),
            words,
        }),
    }
}

fn data(scene: &Scene<'_>, entry: &Entry, body: &str, assets: &[Asset]) -> Value {
    let newsroom = scene.newsroom;
    let look = scene.look();
    let request = scene.request;
    let shown = scene.shows_body();
    let address = |name: &str| format!("{}{}", scene.url, path_escape(name));
    let media = |kind: &str| -> Vec<Value> {
        assets
            .iter()
            .filter(|asset| asset.media_type.starts_with(kind))
            .map(|asset| {
                let piece = scene.media.iter().find(|piece| piece.name == asset.name);
                let title =
                    piece.and_then(|piece| piece.medium.title.as_ref()).map(|title| title.value.as_str());
                let duration =
                    piece.and_then(|piece| piece.medium.duration.as_ref()).map(|d| d.value.as_str());
                json!({
                    "name": asset.name,
                    "url": address(&asset.name),
                    "file": path_escape(&asset.name),
                    "type": asset.media_type,
                    "alt": asset.alt,
                    "caption": asset.caption,
                    "title": title,
                    "duration": duration,
                    "in_body": body.contains(&address(&asset.name)),
                })
            })
            .collect()
    };
    let images = media("image/");
    let lead = images.first().filter(|image| image["in_body"] != json!(true)).cloned();
    let gallery: Vec<Value> = images.iter().skip(usize::from(lead.is_some())).cloned().collect();
    let others: Vec<Value> =
        media("").into_iter().filter(|m| !is_kind(m, "image/") && !is_kind(m, "audio/")).collect();
    // A correction stays on the page for good, also when somebody new receives the release.
    let standing = scene.correction().filter(|_| request.notice == Notice::Original);
    let (label, note) = match (scene.notice(), standing) {
        (Some((label, words)), _) => (Some(label), Some(words)),
        (None, Some(note)) => (Some(scene.phrase("correction")), Some(note.to_owned())),
        (None, None) => (None, None),
    };
    let alternates: Vec<Value> = scene
        .release
        .texts
        .iter()
        .map(|text| {
            json!({
                "language": text.language.as_str(),
                "name": phrases::endonym(&text.language),
                "url": page_url(newsroom, scene.release, &text.language, request.date),
                "current": text.language == *scene.language(),
            })
        })
        .collect();
    let standing_paragraphs: Vec<Value> = scene
        .boilerplate()
        .into_iter()
        .filter(|_| shown)
        .map(|text| json!(*scene.standing(text, true).html))
        .collect();
    let (accent_dark, on_accent) = contrasts(&look.accent);
    json!({
        "accent_dark": accent_dark,
        "on_accent": on_accent,
        "language": scene.language().as_str(),
        "direction": direction(scene),
        "look": *look,
        "home": home(scene),
        "audience": request.audience,
        "notice": request.notice.as_str(),
        "withdrawn": entry.withdrawn,
        "shown": shown,
        "label": label,
        "note": note,
        "noted": request.date.to_string(),
        "has_date": request.notice != Notice::Original,
        "title": entry.title,
        "subtitle": scene.words.subtitle.filter(|_| shown),
        "kicker": entry.kicker,
        "summary": entry.summary,
        "byline": scene.text.file.front.byline.as_ref().map(|byline| byline.value.as_str()),
        "published": entry.published.to_string(),
        "updated": entry.updated.to_string(),
        "url": scene.url,
        "body": body,
        "lead": lead,
        "gallery": gallery,
        "audio": media("audio/"),
        "files": others,
        "social_image": entry.image.as_ref().map(|(name, alt)| json!({ "url": address(name), "alt": alt })),
        "event": if shown { scene.event() } else { Value::Null },
        "boilerplate": standing_paragraphs,
        "contacts": scene.contacts(),
        "tags": tags(&home(scene), &entry.tags),
        "alternates": if alternates.len() > 1 { alternates } else { Vec::new() },
        "json_ld": json_ld(scene, entry),
    })
}

fn is_kind(medium: &Value, kind: &str) -> bool {
    medium["type"].as_str().is_some_and(|media_type| media_type.starts_with(kind))
}

fn direction(scene: &Scene<'_>) -> &'static str {
    if phrases::right_to_left(scene.language()) { "rtl" } else { "ltr" }
}

/// The start page of this language: the site's own, or `sv/` below it.
fn home(scene: &Scene<'_>) -> String {
    let url = &scene.newsroom.url;
    let language = scene.language();
    if *language == scene.newsroom.language { format!("{url}/") } else { format!("{url}/{language}/") }
}

/// Tags with the addresses of their pages: `tags/electric-cars/`.
fn tags(home: &str, tags: &[String]) -> Vec<Value> {
    let url = |tag: &str| format!("{home}tags/{}/", path_escape(&tag_slug(tag)));
    tags.iter().map(|tag| json!({ "name": tag, "url": url(tag) })).collect()
}

/// A subject as a name in an address: letters and digits in lower case, `-` for the rest.
///
/// A subject without letters, or with a name that some system keeps for a device, gets a digest.
pub fn tag_slug(tag: &str) -> String {
    let mut slug = String::new();
    for c in tag.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    let slug: String = slug.trim_end_matches('-').chars().take(40).collect();
    let port = |name: &str| {
        slug.strip_prefix(name)
            .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    let device = ["con", "prn", "aux", "nul"].contains(&slug.as_str()) || port("com") || port("lpt");
    if slug.is_empty() || device || slug.len() > 150 {
        return format!("tag-{}", Digest::of(tag.as_bytes()).short());
    }
    slug
}

/// schema.org's `NewsArticle`, safe inside of a script element: no `<`, `>`, `&` and no separators
/// that end a line of JavaScript.
fn json_ld(scene: &Scene<'_>, entry: &Entry) -> String {
    let organization = json!({
        "@type": "Organization",
        "name": scene.newsroom.organization,
        "url": format!("{}/", scene.newsroom.url),
    });
    let author = match &scene.text.file.front.byline {
        Some(byline) => {
            let mut words = byline.value.splitn(2, ',');
            let name = words.next().unwrap_or_default().trim();
            json!({ "@type": "Person", "name": name, "jobTitle": words.next().map(str::trim) })
        }
        None => organization.clone(),
    };
    let mut article = json!({
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": entry.title,
        "description": entry.summary,
        "inLanguage": entry.language.as_str(),
        "datePublished": entry.published.to_string(),
        "dateModified": entry.updated.to_string(),
        "mainEntityOfPage": entry.url,
        "url": entry.url,
        "author": author,
        "publisher": organization,
    });
    if let Some(article) = article.as_object_mut() {
        if let Some((name, _)) = &entry.image {
            article.insert("image".to_owned(), json!([format!("{}{}", entry.url, path_escape(name))]));
        }
        if !entry.tags.is_empty() {
            article.insert("keywords".to_owned(), json!(entry.tags));
        }
        if let Some(place) = &scene.text.dateline {
            article.insert("dateline".to_owned(), json!(place));
        }
        if entry.withdrawn {
            article.insert("creativeWorkStatus".to_owned(), json!("Withdrawn"));
        }
        if let Some(note) = scene.correction() {
            let correction = json!({ "@type": "CorrectionComment", "text": note });
            article.insert("correction".to_owned(), correction);
        }
    }
    script_safe(&article)
}

/// JSON that may stand in a script element.
fn script_safe(value: &Value) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    let mut safe = String::with_capacity(json.len() + 64);
    let mut rest = json.as_str();
    // The two separators are E2 80 A8 and E2 80 A9.
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'<' | b'>' | b'&' | 0xe2)) {
        let (before, found) = rest.split_at(at);
        safe.push_str(before);
        let c = found.chars().next().unwrap_or_default();
        if matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') {
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        } else {
            safe.push(c);
        }
        rest = found.get(c.len_utf8()..).unwrap_or_default();
    }
    safe.push_str(rest);
    safe
}

/// The release as text, for the press kit.
pub(super) fn press_text(scene: &Scene<'_>, body: &Prose) -> String {
    let mut blocks: Vec<Cow<'_, str>> = Vec::new();
    if let Some((label, words)) = scene.notice() {
        blocks.push(format!("{label}: {words}").into());
    }
    blocks.extend(scene.text.file.front.kicker.as_ref().map(|kicker| Cow::from(&kicker.value)));
    blocks.push(scene.words.title.into());
    blocks.extend(scene.words.subtitle.map(Cow::from));
    let mut links = Vec::new();
    if scene.shows_body() {
        blocks.extend(scene.text.file.front.byline.as_ref().map(|byline| Cow::from(&byline.value)));
        blocks.push(scene.plain(body, &mut links));
        blocks.push("###".into());
        for standing in scene.boilerplate() {
            blocks.push(scene.plain(&scene.standing(standing, true), &mut links).into_owned().into());
        }
    }
    for contact in scene.contacts() {
        let name = [Some(contact.name.as_str()), contact.title.as_deref()];
        let name = name.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let card = [Some(name.as_str()), Some(contact.email.as_str()), contact.phone.as_deref()];
        blocks.push(card.into_iter().flatten().collect::<Vec<_>>().join("\n").into());
    }
    let list: Vec<String> = links.iter().enumerate().map(|(at, url)| format!("[{}] {url}", at + 1)).collect();
    blocks.push(list.join("\n").into());
    blocks.push(Cow::from(&scene.url));
    let mut text = String::with_capacity(blocks.iter().map(|block| block.len() + 2).sum());
    for block in blocks.iter().filter(|block| !block.trim().is_empty()) {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(block);
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
