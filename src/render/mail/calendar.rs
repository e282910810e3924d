//! An event as a calendar file (RFC 5545), for media advisories.
//!
//! It is published, not requested (RFC 5546 3.2): everybody gets the same file, nobody has to answer, and a mail that
//! was passed on brings the same entry. Times are in UTC, so no rules of a zone go with it.

use jiff::Timestamp;

use super::super::scene::Scene;
use super::sender::Sender;
use crate::release::Notice;

/// The calendar file of the release's event, with CRLF; nothing without an event.
///
/// The identity is the release's, so a correction moves the entry that a recipient has, and a
/// kill takes it out.
pub(super) fn calendar(scene: &Scene<'_>, sender: &Sender) -> Option<String> {
    let (starts, ends) = scene.release.event?;
    let cancelled = scene.request.notice == Notice::Kill;
    let event = scene.event();
    let text = |key: &str| event.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let place = [text("place"), text("address")].into_iter().filter(|part| !part.is_empty());
    let host = url::Url::parse(&scene.newsroom.url).ok();
    let host = host.as_ref().and_then(url::Url::host_str).unwrap_or("newsroom.invalid");
    let sequence = match scene.request.notice {
        Notice::Original => 0,
        // Later notices count up with time, without anybody keeping count.
        _ => (scene.request.date.as_second() - scene.published.as_second()).max(60) / 60,
    };
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//Dateline//Dateline//EN".to_owned(),
        format!("METHOD:{}", method(scene)),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{}@{host}", escape(&scene.release.slug)),
        format!("SEQUENCE:{sequence}"),
        format!("DTSTAMP:{}", utc(scene.request.date)),
        organizer(scene, sender),
        format!("DTSTART:{}", utc(starts)),
    ];
    if let Some(ends) = ends {
        lines.push(format!("DTEND:{}", utc(ends)));
    }
    lines.push(format!("SUMMARY;LANGUAGE={}:{}", scene.language(), escape(scene.words.title)));
    let place: Vec<String> = place.collect();
    if !place.is_empty() {
        lines.push(format!("LOCATION:{}", escape(&place.join(", "))));
    }
    if let Some(summary) = scene.words.summary {
        lines.push(format!("DESCRIPTION:{}", escape(summary)));
    }
    if !scene.request.advance {
        lines.push(format!("URL:{}", scene.url));
    }
    lines.push(format!("STATUS:{}", if cancelled { "CANCELLED" } else { "CONFIRMED" }));
    lines.push("TRANSP:OPAQUE".to_owned());
    lines.push("END:VEVENT".to_owned());
    lines.push("END:VCALENDAR".to_owned());
    Some(lines.iter().map(|line| fold(line)).collect())
}

/// What the file does to a calendar (RFC 5546 1.4).
pub(super) fn method(scene: &Scene<'_>) -> &'static str {
    if scene.request.notice == Notice::Kill { "CANCEL" } else { "PUBLISH" }
}

/// Who invites; RFC 5546 3.2.1 wants it in what is published.
fn organizer(scene: &Scene<'_>, sender: &Sender) -> String {
    let address = sender.reply_to.as_ref().map_or(&sender.address, |(_, address)| address);
    // RFC 5545 3.2: a value in quotes holds no quotes and no control characters.
    let name: String = scene.newsroom.organization.chars().filter(|c| *c != '"' && !c.is_control()).collect();
    format!("ORGANIZER;CN=\"{name}\":mailto:{address}")
}

fn utc(instant: Timestamp) -> String {
    instant.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// RFC 5545 3.3.11.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// At most 75 bytes a line, never inside of a character (RFC 5545 3.1).
fn fold(line: &str) -> String {
    let mut folded = String::with_capacity(line.len() + 8);
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > 75 {
            folded.push_str("\r\n ");
            length = 1;
        }
        folded.push(c);
        length += c.len_utf8();
    }
    folded.push_str("\r\n");
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_lines_are_folded() {
        for (text, expected) in [
            ("a, b; c\\d", "a\\, b\\; c\\\\d"),
            ("two\nlines\r", "two\\nlines"),
            ("END:VEVENT", "END:VEVENT"),
        ] {
            assert_eq!(escape(text), expected);
        }
        let folded = fold(&format!("SUMMARY:{}", "å".repeat(100)));
        assert!(folded.split("\r\n").all(|line| line.len() <= 75));
        assert_eq!(folded.replace("\r\n ", "").trim_end(), format!("SUMMARY:{}", "å".repeat(100)));
    }
}
