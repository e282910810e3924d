//! An edition as ninjs 3.1, the IPTC's news in JSON (iptc.org/standards/ninjs), for agencies. Pure.
//!
//! `version` is left out: whoever keeps what was delivered before counts it.

use serde_json::{Map, Value, json};

use super::page;
use super::scene::{Piece, Scene};
use crate::release::Notice;

/// The schema that what is written here is valid by.
const SCHEMA: &str = "http://www.iptc.org/std/ninjs/ninjs-schema_3.1.json#";

/// The item.
pub(super) fn compose(scene: &Scene<'_>) -> Value {
    let request = scene.request;
    let shown = scene.shows_body();
    let body = scene.body(true);
    let front = &scene.text.file.front;
    let mut item = Map::new();
    let mut put = |name: &str, value: Value| {
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            _ => false,
        };
        if !empty {
            item.insert(name.to_owned(), value);
        }
    };
    put("standard", json!({ "name": "ninjs", "version": "3.1", "schema": SCHEMA }));
    put("uri", json!(scene.url));
    put("type", json!("text"));
    put("representationType", json!(if shown { "full" } else { "partial" }));
    put("pubStatus", json!(status(request.notice)));
    let published = scene.published.to_string();
    put("firstCreated", json!(published));
    let changed = if request.notice == Notice::Original { published } else { request.date.to_string() };
    put("versionCreated", json!(changed));
    put("language", json!(scene.language().as_str()));
    put("title", json!(scene.words.title));
    put("slugline", json!(scene.release.slug));
    put("located", json!(scene.text.dateline));
    put("by", json!(front.byline.as_ref().map(|byline| byline.value.as_str())));
    put("copyrightHolder", json!(scene.newsroom.organization));
    put("edNote", json!(scene.notice().map(|(label, words)| format!("{label}: {words}"))));
    put("headlines", headlines(scene, shown));
    put("infoSources", sources(scene));
    put("altIds", json!([{ "role": "slug", "value": scene.release.slug }]));
    let subjects: Vec<Value> =
        scene.release.tags.iter().map(|tag| json!({ "name": tag, "rel": "about" })).collect();
    put("subjects", json!(subjects));
    let text = page::press_text(scene, &body);
    let mut bodies = vec![part("main", "text/plain", &text)];
    if shown {
        put("descriptions", json!([part("summary", "text/plain", &scene.summary(&body))]));
        bodies.push(part("richtext", "text/html", &body.html));
        let associated: Vec<Value> = scene.media.iter().map(|piece| association(scene, piece)).collect();
        put("associations", json!(associated));
    }
    put("bodies", json!(bodies));
    Value::Object(item)
}

fn status(notice: Notice) -> &'static str {
    match notice {
        Notice::Original | Notice::Correction => "usable",
        Notice::Hold => "withheld",
        Notice::Kill => "canceled",
    }
}

fn part(role: &str, kind: &str, value: &str) -> Value {
    json!({ "role": role, "contentType": kind, "value": value })
}

fn headlines(scene: &Scene<'_>, shown: bool) -> Value {
    let mut headlines = vec![part("main", "text/plain", scene.words.title)];
    headlines.extend(scene.words.subtitle.filter(|_| shown).map(|text| part("subtitle", "text/plain", text)));
    json!(headlines)
}

/// Who speaks, and whom the press may ask.
fn sources(scene: &Scene<'_>) -> Value {
    let mut sources = vec![json!({
        "name": scene.newsroom.organization, "role": "source", "uri": format!("{}/", scene.newsroom.url),
    })];
    sources.extend(scene.contacts().into_iter().map(|contact| {
        let mut ways = vec![json!({ "type": "email", "role": "press", "value": contact.email.as_str() })];
        ways.extend(
            contact.phone.as_ref().map(|phone| json!({ "type": "phone", "role": "press", "value": phone })),
        );
        json!({ "name": contact.name, "role": "contact", "contactInfo": ways })
    }));
    json!(sources)
}

/// A picture or recording: an item of its own, at its public address.
fn association(scene: &Scene<'_>, piece: &Piece<'_>) -> Value {
    let kind = match piece.media_type.split('/').next() {
        Some("image") => "picture",
        Some("audio") => "audio",
        Some("video") => "video",
        _ => "component",
    };
    let bytes = scene.newsroom.files.get(&piece.path).map(|bytes| bytes.len());
    let mut rendition = json!({ "name": "original", "href": piece.url, "contentType": piece.media_type });
    if let Some(bytes) = bytes {
        rendition["sizeInBytes"] = json!(bytes);
    }
    let mut item = json!({
        "name": piece.name, "uri": piece.url, "type": kind, "rel": "associated", "renditions": [rendition],
    });
    let descriptions: Vec<Value> = [("alt", piece.alt().to_owned()), ("caption", piece.caption())]
        .iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(role, words)| part(role, "text/plain", words))
        .collect();
    if !descriptions.is_empty() {
        item["descriptions"] = json!(descriptions);
    }
    if let Some(credit) = &piece.medium.credit {
        item["copyrightNotice"] = json!(credit.value);
    }
    item
}

#[cfg(test)]
mod tests {
    use super::super::{Content, Request, edition, sample};
    use super::*;

    /// The members that ninjs-schema_3.1.json allows, as far as we write any, with the type of each. It allows no others
    /// (`unevaluatedProperties: false`).
    const MEMBERS: &[(&str, char)] = &[
        ("uri", 'u'),
        ("type", 's'),
        ("representationType", 's'),
        ("version", 's'),
        ("firstCreated", 'd'),
        ("versionCreated", 'd'),
        ("pubStatus", 's'),
        ("copyrightHolder", 's'),
        ("copyrightNotice", 's'),
        ("edNote", 's'),
        ("language", 's'),
        ("title", 's'),
        ("slugline", 's'),
        ("located", 's'),
        ("by", 's'),
        ("headlines", 'p'),
        ("bodies", 'p'),
        ("descriptions", 'p'),
        ("subjects", 'c'),
        ("infoSources", 'i'),
        ("altIds", 'l'),
        ("renditions", 'r'),
        ("associations", 'a'),
        ("standard", 'o'),
    ];

    fn only(value: &Value, allowed: &[&str]) {
        let extra: Vec<&String> =
            value.as_object().unwrap().keys().filter(|key| !allowed.contains(&key.as_str())).collect();
        assert!(extra.is_empty(), "{extra:?} in {value}");
    }

    fn uri(value: &Value) {
        url::Url::parse(value.as_str().unwrap()).unwrap();
    }

    /// The rules of the standard, as they stand in its schema.
    fn valid(item: &Value, associated: bool) {
        uri(&item["uri"]);
        for (name, value) in item.as_object().unwrap() {
            if associated && ["name", "rel"].contains(&name.as_str()) {
                assert!(value.is_string());
                continue;
            }
            let Some((_, kind)) = MEMBERS.iter().find(|(known, _)| known == name) else {
                panic!("ninjs has no `{name}`")
            };
            let each = |check: &dyn Fn(&Value)| value.as_array().unwrap().iter().for_each(check);
            match kind {
                's' => assert!(value.is_string(), "{name}"),
                'u' => uri(value),
                'd' => {
                    value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
                }
                'p' => each(&|part| {
                    only(part, &["role", "contentType", "value"]);
                    assert!(part["value"].is_string());
                }),
                'c' => each(&|subject| only(subject, &["name", "rel", "uri", "literal"])),
                'l' => each(&|id| only(id, &["role", "value"])),
                'i' => each(&|source| {
                    only(source, &["name", "role", "uri", "literal", "contactInfo"]);
                    for way in source["contactInfo"].as_array().into_iter().flatten() {
                        only(way, &["type", "role", "lang", "name", "value"]);
                        assert!(way["value"].is_string(), "one of `value` and `address`");
                    }
                }),
                'r' => each(&|rendition| {
                    only(rendition, &["name", "href", "contentType", "title", "sizeInBytes"]);
                    assert!(rendition["name"].is_string() && rendition["sizeInBytes"].is_u64());
                    uri(&rendition["href"]);
                }),
                'a' => each(&|item| {
                    assert!(item["name"].is_string());
                    valid(item, true);
                }),
                _ => {
                    only(value, &["name", "version", "schema"]);
                    uri(&value["schema"]);
                }
            }
        }
        let one_of = |name: &str, words: &[&str]| {
            assert!(item[name].is_null() || words.contains(&item[name].as_str().unwrap()), "{name}");
        };
        one_of("pubStatus", &["usable", "withheld", "canceled"]);
        one_of("representationType", &["full", "partial"]);
        one_of(
            "type",
            &["text", "audio", "video", "picture", "graphic", "composite", "component", "event", "planning"],
        );
    }

    fn item(front: &str, notice: Notice) -> Value {
        let newsroom = sample::release(front, "It goes **620 km** & more.");
        let request = Request { notice, ..sample::request("r", "agency") };
        let Content::Json(value) = edition(&newsroom, &request).unwrap().content else { panic!("no JSON") };
        value
    }

    #[test]
    fn every_item_is_valid_by_the_rules_of_the_standard() {
        let media =
            "media:\n  - { file: front.png, alt: A car, caption: The Aster EV, credit: H }\ntags: [ev]\n";
        for notice in [Notice::Original, Notice::Correction, Notice::Hold, Notice::Kill] {
            for front in [
                "",
                media,
                "reason: It was wrong\n",
                "correction: { note: It goes 610 km }\nsubtitle: So far\n",
            ] {
                valid(&item(front, notice), false);
            }
        }
    }

    #[test]
    fn an_item_says_what_it_is_and_what_is_withdrawn_says_nothing_else() {
        let media = "media:\n  - { file: front.png, alt: A car, credit: H }\nreason: It was wrong\n";
        let whole = item(media, Notice::Original);
        assert_eq!((&whole["pubStatus"], &whole["representationType"]), (&json!("usable"), &json!("full")));
        assert_eq!(whole["associations"][0]["descriptions"][0]["value"], "A car");
        assert_eq!(
            whole["associations"][0]["renditions"][0]["href"],
            format!("{}front.png", whole["uri"].as_str().unwrap())
        );
        assert!(whole["bodies"][1]["value"].as_str().unwrap().contains("<strong>620 km</strong>"));
        let kill = item(media, Notice::Kill);
        assert_eq!((&kill["pubStatus"], &kill["uri"]), (&json!("canceled"), &whole["uri"]));
        assert!(!kill.to_string().contains("620") && kill["associations"].is_null(), "{kill}");
        assert_eq!(item("", Notice::Hold)["pubStatus"], "withheld");
    }
}
