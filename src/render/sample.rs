//! A small newsroom for the tests of rendering.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Content, Edition, Mail, Page, RenderError, Request, Social};
use crate::newsroom::Newsroom;
use crate::release::Notice;

const CONFIG: &str = r##"name: Halden Newsroom
organization: Halden Motors
url: https://news.halden.example
timezone: Europe/Stockholm
language: en
languages: [en, sv]
colors: { accent: "#b5431f" }
contacts:
  desk:
    name: Astrid Wennerlöf
    title: Head of Press
    email: press@halden.example
    phone: "+46 31 390 06 10"
boilerplate:
  halden:
    en: Halden Motors builds *cars*.
    sv: Halden Motors bygger bilar.
channels:
  relay:
    kind: smtp
    host: relay.halden.example
    from: "Halden Motors Press <press@news.halden.example>"
    reply_to: press@halden.example
    postal_address: "Box 1961, 400 00 Göteborg"
    list_id: press.news.halden.example
    unsubscribe_url: https://u.halden.example/u
    unsubscribe_mailto: leave@halden.example
  site: { kind: newsroom, dir: site }
  mastodon: { kind: mastodon, server: "https://social.halden.example", token: { env: T } }
  bluesky: { kind: bluesky, server: "https://pds.halden.example", handle: n.halden.example, password: { env: P } }
  hook: { kind: webhook, url: "https://hook.halden.example", secret: { env: S } }
  archive: { kind: file, dir: archive }
  agency: { kind: ninjs, dir: agency }
  slack: { kind: slack, webhook: { env: H } }
"##;

const PRESS: &str = "name: Trade press
channels: [relay, site, mastodon, bluesky, hook, archive, agency, slack]
members:
  where: kind = journalist
languages: [en, sv]
";

pub const ASTER: &str = "---
title: Aster EV goes 620 km & more
subtitle: Orders open on 8 December
summary: A family car that goes 620 km.
dateline: Gothenburg
publish: 2026-12-01T09:00[Europe/Stockholm]
status: approved
audiences: [press]
contacts: [desk]
boilerplate: [halden]
tags: [ev, Long distance]
media:
  - file: front.png
    alt: The car on a coast road
    caption: The Aster EV
    credit: Halden Motors
---
Halden today presented **Aster**, which goes [620 km](https://halden.example/wltp).

![The car again](front.png)

::: only press
For the press alone: call us.
:::

- Range: 620 km
- Battery: 78 kWh
";

const ASTER_SV: &str = "---
title: Aster går 620 km
dateline: Göteborg
---
Halden visade i dag *Aster*, som går 620 km.
";

/// The beginning of a PNG: 1200 × 800.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\xb0\0\0\x03\x20\x08\x02\0\0\0\0\0\0\0";

/// A newsroom with these files beside its configuration, one audience and one picture.
pub fn newsroom(files: &[(&str, &str)]) -> Newsroom {
    let all = [("dateline.yaml", CONFIG), ("audiences/press.yaml", PRESS)];
    let mut files: BTreeMap<String, Arc<[u8]>> = all
        .iter()
        .chain(files)
        .map(|(path, text)| ((*path).to_owned(), Arc::from(text.as_bytes())))
        .collect();
    files.insert("releases/2026/front.png".to_owned(), Arc::from(PICTURE));
    let newsroom = Newsroom::build(None, files);
    let errors: Vec<String> = newsroom.findings.iter().map(ToString::to_string).collect();
    assert_eq!(errors, [""; 0]);
    newsroom
}

/// The release that most tests are about.
pub fn aster() -> Newsroom {
    newsroom(&[("releases/2026/aster-ev.md", ASTER), ("releases/2026/aster-ev.sv.md", ASTER_SV)])
}

/// A newsroom with one release: these lines of front matter, and this body.
pub fn release(front: &str, body: &str) -> Newsroom {
    let text = format!(
        "---\ntitle: A title\npublish: 2026-12-01T09:00[Europe/Stockholm]\nstatus: approved\n\
         audiences: [press]\n{front}---\n{body}"
    );
    newsroom(&[("releases/2026/r.md", &text)])
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

pub fn mail(edition: Result<Edition, RenderError>) -> Mail {
    match edition.unwrap().content {
        Content::Mail(mail) => mail,
        other => panic!("{other:?}"),
    }
}

pub fn page(edition: Result<Edition, RenderError>) -> Page {
    match edition.unwrap().content {
        Content::Page(page) => page,
        other => panic!("{other:?}"),
    }
}

pub fn social(edition: Result<Edition, RenderError>) -> Social {
    match edition.unwrap().content {
        Content::Social(social) => social,
        other => panic!("{other:?}"),
    }
}
