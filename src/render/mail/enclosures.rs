//! What goes with a mail beside its words: pictures that stand in the text, files, and the calendar entry.
//!
//! They are encoded once, with the edition; a recipient's copy is only written past them.

use base64::Engine as _;

use super::super::scene::Scene;
use super::calendar;
use super::part::Part;
use super::sender::Sender;
use crate::digest::Digest;
use crate::release::Notice;
use crate::render::RenderError;

/// The most bytes of all enclosures of one mail, once encoded: Gmail takes 25 MB and Outlook.com 20 MB, headers and
/// words included.
const MOST: usize = 18_000_000;

/// One enclosure, ready to stand in a message.
pub(super) struct Enclosure {
    /// Its headers and its content in base64, with CRLF.
    pub text: String,
}

/// What goes with one mail.
#[derive(Default)]
pub(super) struct Enclosures {
    /// Pictures in the text, each with a name that the HTML refers to (RFC 2392).
    pub pictures: Vec<Enclosure>,
    /// Files beside it.
    pub files: Vec<Enclosure>,
}

impl Enclosures {
    /// The enclosures of the mail about `scene`'s release; pictures in `html` then come from the mail itself.
    pub(super) fn gather(
        scene: &Scene<'_>,
        sender: &Sender,
        html: &mut [Part],
    ) -> Result<Enclosures, RenderError> {
        let mut enclosures = Enclosures::default();
        if scene.carries_pictures() {
            enclosures.carry(scene, html);
        }
        for file in scene.attachments().iter().filter(|_| scene.shows_body()) {
            enclosures.files.push(enclosure(file.media_type, "", "attachment", file.name, file.bytes));
        }
        if scene.request.notice != Notice::Hold
            && let Some(calendar) = calendar::calendar(scene, sender)
        {
            let more = format!("; charset=utf-8; method={}", calendar::method(scene));
            let file = enclosure("text/calendar", &more, "attachment", "event.ics", calendar.as_bytes());
            enclosures.files.push(file);
        }
        let all = enclosures.pictures.iter().chain(&enclosures.files);
        let bytes: usize = all.map(|enclosure| enclosure.text.len()).sum();
        if bytes > MOST {
            let (megabytes, file) = (bytes.div_ceil(1_000_000), &scene.text.file.path);
            return Err(RenderError::Content(format!(
                "{file}: the mail would have {megabytes} MB; many receivers take no more than 20 MB. Save the pictures \
                 smaller, attach less, or write `images: link`"
            )));
        }
        Ok(enclosures)
    }

    /// Has the pictures that `html` shows come from the mail.
    fn carry(&mut self, scene: &Scene<'_>, html: &mut [Part]) {
        let host = url::Url::parse(&scene.newsroom.url).ok();
        let host = host.as_ref().and_then(url::Url::host_str).unwrap_or("newsroom.invalid").to_owned();
        for piece in scene.media.iter().filter(|piece| piece.is_image()) {
            let Some(bytes) = scene.bytes_of(piece) else { continue };
            let id = format!("{}@{host}", Digest::of(bytes).short());
            let shown = format!("src=\"{}\"", super::escape_html(&piece.url));
            let mut used = false;
            for part in html.iter_mut() {
                if let Part::Literal(literal) = part {
                    used |= literal.replace(&shown, &format!("src=\"cid:{id}\""));
                }
            }
            if used {
                let more = format!("\r\nContent-ID: <{id}>");
                let mut picture = enclosure(piece.media_type, "", "inline", &piece.name, bytes);
                picture.text =
                    picture.text.replacen("\r\nContent-Disposition", &(more + "\r\nContent-Disposition"), 1);
                self.pictures.push(picture);
            }
        }
    }
}

fn enclosure(media_type: &str, more: &str, disposition: &str, name: &str, bytes: &[u8]) -> Enclosure {
    let mut text = format!("Content-Type: {media_type}{more};\r\n {}", parameter("name", name));
    text.push_str(&format!("\r\nContent-Disposition: {disposition};\r\n {}", parameter("filename", name)));
    text.push_str("\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    text.reserve(encoded.len() + encoded.len() / 38 + 2);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(76));
        text.push_str(line);
        text.push_str("\r\n");
        rest = more;
    }
    Enclosure { text }
}

/// A parameter of a header: in quotes, or in sections of encoded bytes where it is long or not ASCII (RFC 2231 3, 4).
fn parameter(name: &str, value: &str) -> String {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    if value.len() <= 50 && value.bytes().all(plain) {
        return format!("{name}=\"{value}\"");
    }
    let mut sections = vec!["utf-8''".to_owned()];
    for byte in value.bytes() {
        let piece = if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        };
        match sections.last_mut() {
            Some(section) if section.len() + piece.len() <= 55 => section.push_str(&piece),
            _ => sections.push(piece),
        }
    }
    let sections: Vec<String> =
        sections.iter().enumerate().map(|(at, section)| format!("{name}*{at}*={section}")).collect();
    sections.join(";\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_headers_need_them() {
        for (name, expected) in [
            ("aster data.pdf", "filename=\"aster data.pdf\""),
            ("Übersicht.pdf", "filename*0*=utf-8''%C3%9Cbersicht.pdf"),
            ("データ.csv", "filename*0*=utf-8''%E3%83%87%E3%83%BC%E3%82%BF.csv"),
        ] {
            assert_eq!(parameter("filename", name), expected);
        }
        let long = parameter("filename", &format!("{}.pdf", "å".repeat(80)));
        assert!(long.split("\r\n").all(|line| line.len() < 76) && long.contains("filename*9*="), "{long}");
    }
}
