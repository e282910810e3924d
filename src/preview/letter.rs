//! A mail as its reader's program takes it apart.
//!
//! The preview shows the bytes that would leave, so it reads them back instead of asking the
//! renderer for the parts. It understands what we write (RFC 2045 multiparts, quoted-printable,
//! base64, encoded words in UTF-8); anything else comes back as it stands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The parts of a mail.
#[derive(Debug, Default)]
pub struct Letter {
    /// The header fields in order, unfolded and decoded.
    pub headers: Vec<(String, String)>,
    /// The HTML part.
    pub html: String,
    /// The plain text part.
    pub text: String,
    /// What is attached: name, media type, bytes.
    pub attachments: Vec<Attachment>,
}

/// One attached file.
#[derive(Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its file name.
    pub name: String,
    /// Its media type, without parameters.
    pub media_type: String,
    /// Its `Content-ID`, without brackets.
    pub id: Option<String>,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Parts deeper than this are left out.
const DEPTH: usize = 4;

/// Takes a whole mail apart. Never fails.
pub fn open(mail: &[u8]) -> Letter {
    let (headers, _) = split(mail);
    let mut letter = Letter { headers: headers.clone(), ..Letter::default() };
    for (_, value) in &mut letter.headers {
        *value = decode_words(value);
    }
    part(mail, &mut letter, DEPTH);
    letter
}

fn part(bytes: &[u8], letter: &mut Letter, depth: usize) {
    let (headers, body) = split(bytes);
    let field = |name: &str| {
        headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.as_str())
    };
    let content_type = field("Content-Type");
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind.starts_with("multipart/") {
        if depth > 0
            && let Some(boundary) = parameter(content_type, "boundary")
        {
            for inner in parts(body, &boundary) {
                part(inner, letter, depth - 1);
            }
        }
        return;
    }
    let content = decode(field("Content-Transfer-Encoding"), body);
    let disposition = field("Content-Disposition");
    let attached = disposition.trim_start().to_ascii_lowercase().starts_with("attachment");
    match kind.as_str() {
        "text/html" if !attached => letter.html.push_str(&String::from_utf8_lossy(&content)),
        "text/plain" | "" if !attached => letter.text.push_str(&String::from_utf8_lossy(&content)),
        _ => letter.attachments.push(Attachment {
            name: parameter(disposition, "filename")
                .or_else(|| sections(disposition, "filename"))
                .or_else(|| parameter(content_type, "name"))
                .unwrap_or_else(|| "attachment".to_owned()),
            media_type: kind,
            id: Some(field("Content-ID").trim_matches(['<', '>', ' ']).to_owned())
                .filter(|id| !id.is_empty()),
            bytes: content,
        }),
    }
}

/// Header fields (unfolded), and what follows the empty line.
fn split(bytes: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let end = find(bytes, b"\r\n\r\n").map_or(bytes.len(), |at| at + 2);
    let (head, body) = bytes.split_at(end);
    let head = String::from_utf8_lossy(head).replace("\r\n ", " ").replace("\r\n\t", " ");
    let headers = head
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    (headers, body.strip_prefix(b"\r\n").unwrap_or(body))
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// The value of `name=` in a structured field.
fn parameter(field: &str, name: &str) -> Option<String> {
    field.split(';').skip(1).find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// The value of `name*0*=utf-8''…; name*1*=…`: a value in sections of encoded bytes (RFC 2231 3, 4).
fn sections(field: &str, name: &str) -> Option<String> {
    let sections: Vec<String> = (0..).map_while(|at| parameter(field, &format!("{name}*{at}*"))).collect();
    let whole = sections.concat();
    let value = whole.strip_prefix("utf-8''")?;
    Some(String::from_utf8_lossy(&quoted_printable(value.replace('%', "=").as_bytes())).into_owned())
}

/// What stands between the delimiter lines of a multipart.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let delimiter = format!("--{boundary}");
    let mut found = Vec::new();
    let mut start = None;
    let mut at = 0;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(delimiter.as_bytes()) {
            if let Some(start) = start {
                let inner = body.get(start..at).unwrap_or_default();
                found.push(inner.strip_suffix(b"\r\n").unwrap_or(inner));
            }
            start = Some(at + line.len());
        }
        at += line.len();
    }
    found
}

fn decode(encoding: &str, body: &[u8]) -> Vec<u8> {
    match encoding.to_ascii_lowercase().as_str() {
        "quoted-printable" => quoted_printable(body),
        "base64" => {
            let packed: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            STANDARD.decode(&packed).unwrap_or(packed)
        }
        _ => body.to_vec(),
    }
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'=' {
            out.push(byte);
        } else if let Some(next) = after.strip_prefix(b"\r\n").or_else(|| after.strip_prefix(b"\n")) {
            rest = next;
        } else if let Some((value, next)) = hex(after) {
            out.push(value);
            rest = next;
        } else {
            out.push(byte);
        }
    }
    out
}

fn hex(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (pair, rest) = bytes.split_at_checked(2)?;
    let value = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    Some((value, rest))
}

/// Encoded words (RFC 2047); white space between two of them is no text.
fn decode_words(text: &str) -> String {
    let mut out = Vec::new();
    let mut after_word = false;
    let mut rest = text;
    while !rest.is_empty() {
        let (gap, word) = match rest.find("=?") {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let decoded = encoded_word(word);
        if !(after_word && decoded.is_some() && gap.trim().is_empty()) {
            out.extend_from_slice(gap.as_bytes());
        }
        after_word = decoded.is_some();
        rest = if let Some((bytes, next)) = decoded {
            out.extend_from_slice(&bytes);
            next
        } else {
            let (sign, next) = word.split_at(word.len().min(2));
            out.extend_from_slice(sign.as_bytes());
            next
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn encoded_word(text: &str) -> Option<(Vec<u8>, &str)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (content, rest) = rest.split_once("?=")?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let bytes = match encoding {
        "Q" | "q" => quoted_printable(content.replace('_', " ").as_bytes()),
        "B" | "b" => STANDARD.decode(content).ok()?,
        _ => return None,
    };
    Some((bytes, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_comes_apart_into_what_was_put_in() {
        let mail = b"Subject: =?utf-8?Q?Bilen_=C3=A4r?=\r\n =?utf-8?B?IGjDpHI=?= now\r\n\
            Content-Type: multipart/mixed;\r\n boundary=\"m\"\r\n\r\n--m\r\n\
            Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\
            Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
            Sm=C3=A5 =\r\nord=3D1\r\n--a\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>\r\n--a--\r\n--m\r\n\
            Content-Type: text/calendar; name=event.ics\r\nContent-Disposition: attachment; filename=\"event.ics\"\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nQkVH\r\nSU4=\r\n--m\r\nContent-Type: application/pdf\r\n\
            Content-Disposition: attachment;\r\n filename*0*=utf-8''%C3%9C;\r\n filename*1*=.pdf\r\n\r\nx\r\n--m--\r\n";
        let letter = open(mail);
        assert_eq!(letter.headers[0], ("Subject".to_owned(), "Bilen är här now".to_owned()));
        assert_eq!(letter.text, "Små ord=1");
        assert_eq!(letter.html, "<p>Hi</p>");
        assert_eq!(letter.attachments.len(), 2);
        assert_eq!(letter.attachments[1].name, "Ü.pdf");
        assert_eq!(
            (letter.attachments[0].name.as_str(), &*letter.attachments[0].bytes),
            ("event.ics", &b"BEGIN"[..])
        );
    }

    #[test]
    fn broken_mail_is_survived() {
        for mail in [
            &b""[..],
            b"Subject",
            b"Content-Type: multipart/mixed\r\n\r\n--\r\n",
            b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n--\r\n--",
            b"Subject: =?utf-8?Q?=C3?= =?x?Q?a?= =?utf-8?B?***?= =?\r\n\r\n=\r\n=ZZ=",
            b"Content-Transfer-Encoding: base64\r\n\r\n****",
        ] {
            open(mail);
        }
        assert_eq!(decode_words("a =? b"), "a =? b");
        assert_eq!(decode_words("=?latin1?Q?a?="), "=?latin1?Q?a?=");
    }
}
