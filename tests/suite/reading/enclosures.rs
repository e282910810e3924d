//! What goes with a mail: pictures, files, the calendar entry, as a parser that is not ours finds them.

use std::collections::BTreeMap;

use dateline::release::Notice;
use dateline::render::{Renderer, Request};
use mail_parser::{MessageParser, MimeHeaders};

use super::documents::{letter, message, newsroom, newsroom_with, request};

const RELEASE: &str = "---
title: Aster in figures
summary: What it weighs, and how far it goes.
publish: 2026-12-03T10:00[Europe/Stockholm]
status: approved
audiences: [trade-media]
contacts: [press-office]
boilerplate: [halden]
images: inline
attachments: [aster data.pdf, Übersicht.csv]
media:
  - file: front.jpg
    alt: The car
    credit: Halden Motors
  - file: side.jpg
    alt: Its side
    credit: Halden Motors
  - file: unused.jpg
    alt: Not in the text
    credit: Halden Motors
---
Words.

![Its side](side.jpg)

[The picture alone](unused.jpg)
";

#[test]
fn a_mail_carries_its_pictures_and_files() {
    let example = newsroom();
    let picture = |name: &str| example.files[&format!("releases/2026/aster-ev/aster-{name}.jpg")].to_vec();
    let (front, side, unused) = (picture("front"), picture("side"), picture("interior"));
    let csv = "Ort;km\nGöteborg;620\n".as_bytes();
    let newsroom = newsroom_with(&[
        ("releases/2026/figures/index.md", RELEASE.as_bytes()),
        ("releases/2026/figures/front.jpg", &front),
        ("releases/2026/figures/side.jpg", &side),
        ("releases/2026/figures/unused.jpg", &unused),
        ("releases/2026/figures/aster data.pdf", b"%PDF-1.7 the data"),
        ("releases/2026/figures/Übersicht.csv", csv),
    ]);
    let renderer = Renderer::new(&newsroom);
    let plain = request(&newsroom, "figures", "trade-media", "relay", "en");
    for advance in [false, true] {
        let request = Request { advance, ..plain.clone() };
        let bytes = message(&renderer, &request);
        assert!(bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 77));
        let parsed = MessageParser::default().parse(&bytes).unwrap();
        let html = parsed.body_html(0).unwrap();
        // Nothing of the release is public before the embargo, so no address of it may be there.
        assert_eq!(html.contains("/2026/figures/"), !advance, "{html}");
        assert!(!html.contains("/figures/front.jpg") && !html.contains("/figures/side.jpg"));
        let mut pictures = BTreeMap::new();
        let mut files = BTreeMap::new();
        for part in parsed.attachments() {
            let name = part.attachment_name().unwrap().to_owned();
            match part.content_id() {
                Some(id) => {
                    assert!(html.contains(&format!("src=\"cid:{id}\"")), "{id}: {html}");
                    pictures.insert(name, part.contents().to_vec());
                }
                None => drop(files.insert(name, part.contents().to_vec())),
            }
        }
        // The first picture leads, the second stands in the text, the third is not shown.
        assert_eq!(pictures.keys().collect::<Vec<_>>(), ["front.jpg", "side.jpg"]);
        assert!(pictures["front.jpg"] == front && pictures["side.jpg"] == side);
        assert_eq!(files.keys().collect::<Vec<_>>(), ["aster data.pdf", "Übersicht.csv"]);
        assert!(files["aster data.pdf"] == b"%PDF-1.7 the data" && files["Übersicht.csv"] == csv);
        let text = parsed.body_text(0).unwrap();
        assert!(text.contains("- aster data.pdf (PDF, 1 kB)\r\n- Übersicht.csv (CSV, 1 kB)"), "{text}");
    }
    // What is withdrawn goes with nothing.
    let killed = message(&renderer, &Request { notice: Notice::Kill, ..plain });
    assert_eq!(MessageParser::default().parse(&killed).unwrap().attachments().count(), 0);
}

/// The lines of a calendar file, unfolded (RFC 5545 3.1): name with parameters, and value.
fn entry(renderer: &Renderer<'_>, request: &Request) -> Option<BTreeMap<String, String>> {
    let bytes = message(renderer, request);
    let parsed = MessageParser::default().parse(&bytes).unwrap();
    let part = parsed.attachments().find(|part| part.attachment_name() == Some("event.ics"))?;
    let kind = part.content_type().unwrap();
    let text = String::from_utf8(part.contents().to_vec()).unwrap();
    assert!(text.split("\r\n").all(|line| line.len() <= 75 && !line.contains('\n')), "{text}");
    let text = text.replace("\r\n ", "");
    let lines = text.lines().map(|line| line.split_once(':').unwrap());
    let entry: BTreeMap<String, String> =
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(kind.attribute("method"), Some(&*entry["METHOD"]));
    Some(entry)
}

#[test]
fn an_invitation_moves_and_is_cancelled() {
    let newsroom = newsroom();
    let renderer = Renderer::new(&newsroom);
    let plain = request(&newsroom, "preview-advisory", "trade-media", "relay", "en");
    let later = |notice, hours| Request {
        notice,
        date: plain.date + jiff::SignedDuration::from_hours(hours),
        ..plain.clone()
    };
    let first = entry(&renderer, &plain).unwrap();
    assert_eq!(first["METHOD"], "PUBLISH");
    assert_eq!(first["UID"], "preview-advisory@news.halden.example");
    assert_eq!(first["DTSTART"], "20261201T090000Z");
    assert_eq!(first["DTEND"], "20261201T113000Z");
    assert_eq!(first["ORGANIZER;CN=\"Halden Motors\""], "mailto:press@halden.example");
    assert_eq!(
        first["LOCATION"],
        "Skeppsbyggarhallen\\, Gothenburg\\, Haldenkajen 4\\, 400 00 Göteborg\\, Sweden"
    );
    // The same entry for everybody.
    let swedish = request(&newsroom, "preview-advisory", "bloggers", "relay", "sv");
    assert_eq!(entry(&renderer, &swedish).unwrap()["UID"], first["UID"]);
    let sequence = |entry: &BTreeMap<String, String>| entry["SEQUENCE"].parse::<u64>().unwrap();
    let corrected = entry(&renderer, &later(Notice::Correction, 1)).unwrap();
    let killed = entry(&renderer, &later(Notice::Kill, 2)).unwrap();
    assert_eq!((&*corrected["METHOD"], &*killed["METHOD"]), ("PUBLISH", "CANCEL"));
    assert_eq!((&*corrected["STATUS"], &*killed["STATUS"]), ("CONFIRMED", "CANCELLED"));
    assert!(sequence(&first) < sequence(&corrected) && sequence(&corrected) < sequence(&killed));
    assert_eq!(entry(&renderer, &later(Notice::Hold, 1)), None);
}

#[test]
fn an_inbox_shows_the_summary_and_nothing_behind_it() {
    let newsroom = newsroom();
    let renderer = Renderer::new(&newsroom);
    let (html, _) = letter(&renderer, &request(&newsroom, "world", "world", "relay", "en"));
    let body = html.split_once("<body").unwrap().1;
    let hidden = body.split_once("display:none").or(body.split_once("display: none")).unwrap().1;
    let (words, after) = hidden.split_once('>').unwrap().1.split_once('<').unwrap();
    assert!(words.trim_start().starts_with("From January, Aster can be ordered in Egypt"), "{words}");
    assert!(words.matches('\u{34f}').count() >= 90 && after.starts_with("/div>"), "{words}");
}

#[test]
fn what_runs_from_right_to_left_is_mirrored() {
    let newsroom = newsroom();
    let renderer = Renderer::new(&newsroom);
    let (html, text) = letter(&renderer, &request(&newsroom, "world", "world", "relay", "ar"));
    assert!(
        html.contains("lang=\"ar\" dir=\"rtl\"")
            && !html.contains("direction: ltr")
            && !html.contains("direction:ltr")
    );
    assert!(html.contains("border-right: 4px solid") && !html.contains("border-left"), "{html}");
    assert!(!html.contains("letter-spacing: 0.08em") && !html.contains("uppercase"), "{html}");
    assert!(html.contains("<span dir=\"ltr\">+46 31 390 06 10</span>"), "{html}");
    assert!(
        text.contains("غوتنبرغ، 3 ديسمبر 2026 — ") && text.contains("\u{200e}+46 31 390 06 10"),
        "{text}"
    );
}
