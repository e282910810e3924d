//! A small newsroom for the tests of rendering.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::Request;
use crate::newsroom::{ChannelFacts, ChannelKind, Newsroom, PressContact};
use crate::release::{Notice, Release, Text};

pub const ASTER: &str = "---
title: Aster EV goes 620 km & more
subtitle: Orders open on 8 December
summary: A family car that goes 620 km.
dateline: Gothenburg
publish: 2026-12-01T09:00[Europe/Stockholm]
status: approved
audiences: [press, public]
contacts: [desk]
boilerplate: [halden]
tags: [ev, Long distance]
media:
  - file: front.jpg
    alt: The car on a coast road
    caption: The Aster EV
    credit: Halden Motors
---
Halden today presented **Aster**, which goes [620 km](https://halden.example/wltp).

![The car again](front.jpg)

::: only press
For the press alone: call us.
:::

- Range: 620 km
- Battery: 78 kWh
";

pub const ASTER_SV: &str = "---
title: Aster går 620 km
dateline: Göteborg
---
Halden visade i dag *Aster*, som går 620 km.
";

/// A newsroom with a mail, page, social and webhook channel, and these files beside it.
pub fn newsroom(files: &[(&str, &str)]) -> Newsroom {
    let mut all: BTreeMap<String, Arc<[u8]>> =
        files.iter().map(|(path, text)| ((*path).to_owned(), Arc::from(text.as_bytes()))).collect();
    all.insert("releases/2026/front.jpg".to_owned(), Arc::from(&b"JPEG"[..]));
    let mut newsroom = Newsroom::build(None, all);
    newsroom.name = "Halden Newsroom".to_owned();
    newsroom.organization = "Halden Motors".to_owned();
    newsroom.url = "https://news.halden.example".to_owned();
    newsroom.timezone = TimeZone::get("Europe/Stockholm").unwrap();
    newsroom.contacts = BTreeMap::from([(
        "desk".to_owned(),
        PressContact {
            name: "Astrid Wennerlöf".to_owned(),
            title: Some("Head of Press".to_owned()),
            email: "press@halden.example".to_owned(),
            phone: Some("+46 31 390 06 10".to_owned()),
        },
    )]);
    let standing = BTreeMap::from([
        ("en".parse().unwrap(), "Halden Motors builds *cars*.".to_owned()),
        ("sv".parse().unwrap(), "Halden Motors bygger bilar.".to_owned()),
    ]);
    newsroom.boilerplate = BTreeMap::from([("halden".to_owned(), standing)]);
    newsroom.channels = [
        ("relay", ChannelKind::Smtp),
        ("site", ChannelKind::Newsroom),
        ("mastodon", ChannelKind::Mastodon),
        ("bluesky", ChannelKind::Bluesky),
        ("hook", ChannelKind::Webhook),
        ("archive", ChannelKind::File),
    ]
    .into_iter()
    .map(|(key, kind)| (key.to_owned(), channel(key, kind)))
    .collect();
    newsroom.releases = BTreeMap::new();
    newsroom.sources = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with("releases/")) {
        add(&mut newsroom, path, text);
    }
    newsroom
}

fn channel(key: &str, kind: ChannelKind) -> ChannelFacts {
    ChannelFacts {
        key: key.to_owned(),
        kind,
        language: None,
        characters: None,
        from: Some("Halden Motors Press <press@news.halden.example>".to_owned()),
        reply_to: Some("press@halden.example".to_owned()),
        postal_address: Some("Box 1961, 400 00 Göteborg".to_owned()),
        list_id: Some("press.news.halden.example".to_owned()),
        unsubscribe_url: Some("https://u.halden.example/u".to_owned()),
        unsubscribe_mailto: Some("leave@halden.example".to_owned()),
    }
}

fn add(newsroom: &mut Newsroom, path: &str, text: &str) {
    let (file, findings) = crate::release::parse(path, text);
    assert!(findings.is_empty(), "{findings:?}");
    let place = crate::release::place(path).unwrap();
    let file = Arc::new(file);
    newsroom.sources.push(Arc::clone(&file));
    let front = &file.front;
    let instant = |time: &crate::release::WallTime| time.instant(&newsroom.timezone).unwrap();
    let words = |list: &Option<crate::yaml::Spanned<Vec<crate::yaml::Spanned<String>>>>| -> Vec<String> {
        list.iter().flat_map(|list| list.value.iter().map(|word| word.value.clone())).collect()
    };
    let text = Text {
        language: place.translation.clone().unwrap_or_else(|| newsroom.language.clone()),
        title: front.title.as_ref().unwrap().value.clone(),
        dateline: front.dateline.as_ref().map(|place| place.value.clone()),
        media: front.media.clone(),
        file: Arc::clone(&file),
    };
    if place.translation.is_some() {
        let original = newsroom.releases.get_mut(&place.slug).unwrap();
        let media = original.texts[0].media.clone();
        original.texts.push(Text { media, ..text });
        return;
    }
    let event = front.event.as_ref().map(|event| {
        let starts = instant(&event.value.starts.as_ref().unwrap().value);
        (starts, event.value.ends.as_ref().map(|ends| instant(&ends.value)))
    });
    let publish = front.publish.as_ref().map(|publish| instant(&publish.value));
    newsroom.releases.insert(
        place.slug.clone(),
        Release {
            slug: place.slug,
            publish,
            embargo: publish,
            expires: None,
            status: front.status.as_ref().map(|status| status.value).unwrap_or_default(),
            reason: front.reason.as_ref().map(|reason| reason.value.clone()),
            audiences: words(&front.audiences),
            contacts: words(&front.contacts),
            boilerplate: words(&front.boilerplate),
            tags: words(&front.tags),
            event,
            correction: front.correction.as_ref().map(|correction| correction.value.clone()),
            folder: place.folder,
            texts: vec![text],
        },
    );
}

/// The release that most tests are about.
pub fn aster() -> Newsroom {
    newsroom(&[("releases/2026/aster-ev.md", ASTER), ("releases/2026/aster-ev.sv.md", ASTER_SV)])
}

/// A request for `slug` on `channel`, in English, for the press.
pub fn request(slug: &str, channel: &str) -> Request {
    Request {
        slug: slug.to_owned(),
        digest_of: Vec::new(),
        notice: Notice::Original,
        audience: "press".to_owned(),
        channel: channel.to_owned(),
        language: "en".parse().unwrap(),
        advance: false,
        test: false,
        date: "2026-12-01T08:00:00Z".parse().unwrap(),
    }
}
