//! A mail as strangers write it, taken apart without ever failing.
//!
//! Nothing is trusted: what is nested too deep, too long or broken is left out, and the rest is read. The work grows with
//! the bytes, never faster: [`MOST_BYTES`], [`MOST_DEPTH`], [`MOST_PARTS`] and [`MOST_HEADERS`] bound it. No recursion
//! is deeper than [`MOST_DEPTH`].

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// What follows is not read: a report says what it has to say before it quotes the mail.
pub const MOST_BYTES: usize = 1024 * 1024;
const MOST_DEPTH: usize = 8;
const MOST_PARTS: usize = 64;
const MOST_HEADERS: usize = 400;
const MOST_VALUE: usize = 8 * 1024;

/// Base64 as it comes: with or without padding, with whatever bits are left over.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Header fields in their order, names in lower case, values unfolded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Reads fields until an empty line; returns them and what follows.
    pub fn read(bytes: &[u8]) -> (Headers, &[u8]) {
        let mut headers: Vec<(String, String)> = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (line, after) = split_line(rest);
            if line.is_empty() {
                return (Headers(headers), after);
            }
            let folded = matches!(line.first(), Some(b' ' | b'\t'));
            match (folded, headers.last_mut()) {
                (true, Some((_, value))) => {
                    if value.len() < MOST_VALUE {
                        value.push(' ');
                        value.push_str(text(line).trim());
                    }
                }
                _ => {
                    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
                        // `From ` of an mbox, or no header at all: without a colon it is where the text begins.
                        if headers.is_empty() && line.starts_with(b"From ") {
                            rest = after;
                            continue;
                        }
                        return (Headers(headers), rest);
                    };
                    let name = text(line.get(..colon).unwrap_or_default()).trim().to_ascii_lowercase();
                    if name.is_empty() || name.contains(' ') {
                        return (Headers(headers), rest);
                    }
                    let mut value = text(line.get(colon + 1..).unwrap_or_default());
                    truncate(&mut value, MOST_VALUE);
                    if headers.len() < MOST_HEADERS {
                        headers.push((name, value.trim().to_owned()));
                    }
                }
            }
            rest = after;
        }
        (Headers(headers), rest)
    }

    /// The first field of this name, which is in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Every field of this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether there is such a field.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The subject as people read it.
    pub fn subject(&self) -> String {
        self.get("subject").map(decode_words).unwrap_or_default()
    }

    /// The media type in lower case; `text/plain` where nothing is said (RFC 2045 §5.2).
    pub fn media_type(&self) -> String {
        let value = self.get("content-type").unwrap_or("text/plain");
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// A parameter of the media type.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameter(self.get("content-type")?, name)
    }
}

/// One part of a mail; the mail itself is one.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// Its fields.
    pub headers: Headers,
    /// Its media type, in lower case.
    pub media: String,
    body: &'a [u8],
    /// What a multipart consists of.
    pub parts: Vec<Part<'a>>,
}

impl<'a> Part<'a> {
    /// Takes a mail apart.
    pub fn read(mail: &'a [u8]) -> Part<'a> {
        let mail = mail.get(..MOST_BYTES).unwrap_or(mail);
        Part::nested(mail, 0, &mut 0)
    }

    fn nested(bytes: &'a [u8], depth: usize, count: &mut usize) -> Part<'a> {
        let (headers, body) = Headers::read(bytes);
        let media = headers.media_type();
        let mut parts = Vec::new();
        let boundary = headers.parameter("boundary").filter(|boundary| !boundary.is_empty());
        if media.starts_with("multipart/")
            && depth < MOST_DEPTH
            && let Some(boundary) = boundary
        {
            for piece in pieces(body, &boundary) {
                *count += 1;
                if *count > MOST_PARTS {
                    break;
                }
                parts.push(Part::nested(piece, depth + 1, count));
            }
        }
        Part { headers, media, body, parts }
    }

    /// The body, freed of its transfer encoding.
    pub fn bytes(&self) -> Vec<u8> {
        let encoding = self.headers.get("content-transfer-encoding").unwrap_or_default();
        match encoding.trim().to_ascii_lowercase().as_str() {
            "base64" => {
                let clean: Vec<u8> = self
                    .body
                    .iter()
                    .copied()
                    .filter(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte))
                    .collect();
                BASE64.decode(&clean).unwrap_or_else(|_| self.body.to_vec())
            }
            "quoted-printable" => quoted_printable(self.body),
            _ => self.body.to_vec(),
        }
    }

    /// The body as text; bytes that are no UTF-8 are taken for Latin-1.
    pub fn text(&self) -> String {
        text(&self.bytes())
    }

    /// This part and all below it, in order.
    pub fn walk(&self) -> Vec<&Part<'a>> {
        let mut all = vec![self];
        for part in &self.parts {
            all.extend(part.walk());
        }
        all
    }

    /// The first part with one of these media types.
    pub fn find(&self, media: &[&str]) -> Option<&Part<'a>> {
        self.walk().into_iter().find(|part| media.contains(&part.media.as_str()))
    }

    /// What a person would read first: the first plain text, else the first HTML without its tags.
    pub fn words(&self) -> String {
        if let Some(plain) = self.find(&["text/plain"]) {
            return plain.text();
        }
        self.find(&["text/html"]).map(|html| without_tags(&html.text())).unwrap_or_default()
    }
}

/// What stands between the boundaries (RFC 2046 §5.1.1); the last may lack its end.
fn pieces<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut begin: Option<usize> = None;
    let mut at = 0;
    while at < body.len() && pieces.len() <= MOST_PARTS {
        let rest = body.get(at..).unwrap_or_default();
        let (line, after) = split_line(rest);
        let next = body.len() - after.len();
        if let Some(mark) = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary.as_bytes())) {
            let mark = trim(mark);
            if mark.is_empty() || mark == b"--" {
                if let Some(begin) = begin {
                    pieces.push(body.get(begin..at).unwrap_or_default());
                }
                begin = Some(next);
                if mark == b"--" {
                    return pieces;
                }
            }
        }
        at = next;
    }
    if let Some(begin) = begin.filter(|begin| *begin < body.len()) {
        pieces.push(body.get(begin..).unwrap_or_default());
    }
    pieces
}

/// The first line without its end, and what follows.
pub fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        None => (bytes.strip_suffix(b"\r").unwrap_or(bytes), &[]),
        Some(end) => {
            let (line, after) = bytes.split_at(end);
            (line.strip_suffix(b"\r").unwrap_or(line), after.get(1..).unwrap_or_default())
        }
    }
}

fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_end()
}

/// Bytes as text: UTF-8, else Latin-1.
pub fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// Cuts a text at a character's border.
pub fn truncate(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
}

/// A parameter of a structured field, without its quotes.
pub fn parameter(value: &str, name: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ';' || c.is_whitespace());
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (found, next) = if let Some(quoted) = after.strip_prefix('"') {
            let mut plain = String::new();
            let mut chars = quoted.char_indices();
            let mut end = quoted.len();
            while let Some((at, c)) = chars.next() {
                match c {
                    '"' => {
                        end = at + 1;
                        break;
                    }
                    '\\' => plain.extend(chars.next().map(|(_, c)| c)),
                    c => plain.push(c),
                }
            }
            (plain, quoted.get(end..).unwrap_or_default())
        } else {
            let end = after.find(|c: char| c == ';' || c.is_whitespace()).unwrap_or(after.len());
            (after.get(..end).unwrap_or_default().to_owned(), after.get(end..).unwrap_or_default())
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(found);
        }
        rest = next.split_once(';').map_or("", |(_, next)| next);
        if rest.is_empty() {
            return None;
        }
    }
}

fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (line, after) = split_line(rest);
        let ended = after.len() + line.len() < rest.len();
        let line = trim(line);
        let (line, soft) = match line.strip_suffix(b"=") {
            Some(line) => (line, true),
            None => (line, false),
        };
        let mut at = 0;
        while let Some(byte) = line.get(at) {
            let pair = line.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
            match (byte, pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
                (b'=', Some(value)) => {
                    plain.push(value);
                    at += 3;
                }
                (byte, _) => {
                    plain.push(*byte);
                    at += 1;
                }
            }
        }
        if ended && !soft {
            plain.push(b'\n');
        }
        rest = after;
    }
    plain
}

/// Encoded words (RFC 2047) made readable: UTF-8 and what is near to ASCII. Others stay as they are.
pub fn decode_words(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, word) = rest.split_at(start);
        let decoded = encoded_word(word);
        // Only white space between two encoded words belongs to neither.
        if !(after_word && decoded.is_some() && before.trim().is_empty()) {
            out.push_str(before);
        }
        match decoded {
            Some((plain, length)) => {
                out.push_str(&plain);
                rest = word.get(length..).unwrap_or_default();
                after_word = true;
            }
            None => {
                out.push_str("=?");
                rest = word.get(2..).unwrap_or_default();
                after_word = false;
            }
        }
    }
    out.push_str(rest);
    out
}

fn encoded_word(word: &str) -> Option<(String, usize)> {
    let inner = word.strip_prefix("=?")?;
    let (charset, inner) = inner.split_once('?')?;
    let (encoding, inner) = inner.split_once('?')?;
    let (encoded, _) = inner.split_once("?=")?;
    if charset.contains(char::is_whitespace) || encoded.contains(char::is_whitespace) {
        return None;
    }
    let bytes = match encoding {
        "B" | "b" => BASE64.decode(encoded.trim_end_matches('=')).ok()?,
        "Q" | "q" => quoted_printable(encoded.replace('_', " ").as_bytes()),
        _ => return None,
    };
    let length = 2 + charset.len() + 1 + encoding.len() + 1 + encoded.len() + 2;
    let charset = charset.to_ascii_lowercase();
    let plain = match charset.as_str() {
        "utf-8" | "us-ascii" | "iso-8859-1" | "iso-8859-15" | "windows-1252" => text(&bytes),
        _ => String::from_utf8(bytes).ok().filter(|text| !text.contains('\u{1b}'))?,
    };
    Some((plain, length))
}

/// The words of a page.
fn without_tags(html: &str) -> String {
    let mut plain = String::with_capacity(html.len());
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => {
                inside = true;
                plain.push(' ');
            }
            '>' => inside = false,
            c if !inside => plain.push(c),
            _ => {}
        }
    }
    plain
        .replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_unfolded_and_end_at_the_empty_line() {
        let (headers, rest) = Headers::read(b"From x\r\nSubject: a\r\n b\r\nX-Y:z\n\nbody\r\n");
        assert_eq!((headers.get("subject"), headers.get("x-y")), (Some("a b"), Some("z")));
        assert_eq!(rest, b"body\r\n");
        let (headers, rest) = Headers::read(b"Just text\r\nTo: x\r\n");
        assert!(headers.is_empty() && rest.starts_with(b"Just"));
    }

    #[test]
    fn parameters_are_read_with_and_without_quotes() {
        for (value, expected) in [
            ("multipart/report; report-type=delivery-status; boundary=\"a b\"", Some("a b")),
            ("multipart/report; boundary=x; charset=y", Some("x")),
            ("multipart/report; BOUNDARY=\"q\\\"r\"", Some("q\"r")),
            ("multipart/report;boundary=x;", Some("x")),
            ("multipart/report; boundary", None),
            ("multipart/report", None),
            ("a; name=\"; boundary=no\"; boundary=yes", Some("yes")),
        ] {
            assert_eq!(parameter(value, "boundary").as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn parts_are_found_whatever_is_broken() {
        for (mail, expected) in [
            (
                "Content-Type: multipart/x; boundary=b\n\npre\n--b\n\none\n--b\nContent-Type: a/b\n\ntwo\n--b--\npost",
                "text/plain=one\n|a/b=two\n",
            ),
            ("Content-Type: multipart/x; boundary=b\n\n--b\n\none", "text/plain=one"),
            ("Content-Type: multipart/x; boundary=b\n\n--bb\n\none\n--b", ""),
            ("Content-Type: multipart/x\n\n--b\n\none", ""),
            ("Content-Type: multipart/x; boundary=\"\"\n\n--\n\none", ""),
        ] {
            let part = Part::read(mail.as_bytes());
            let found: Vec<String> =
                part.parts.iter().map(|part| format!("{}={}", part.media, part.text())).collect();
            assert_eq!(found.join("|"), expected, "{mail:?}");
        }
    }

    #[test]
    fn encodings_are_taken_off() {
        for (encoding, body, expected) in [
            ("base64", "SGVq\r\nIGhlag==\r\n", "Hej hej"),
            ("base64", "SGVqIGhlag", "Hej hej"),
            ("quoted-printable", "a=\r\nb=3D=C3=A9 \r\nc", "ab=é\nc"),
            ("quoted-printable", "=zz=", "=zz"),
            ("8bit", "caf\u{e9}", "café"),
        ] {
            let mail = format!("Content-Transfer-Encoding: {encoding}\r\n\r\n{body}");
            assert_eq!(Part::read(mail.as_bytes()).text(), expected, "{body}");
        }
    }

    #[test]
    fn encoded_words_are_read() {
        for (value, expected) in [
            ("=?utf-8?Q?Re:_Gr=C3=BC=C3=9Fe?=", "Re: Grüße"),
            ("=?UTF-8?B?5Lu2?= =?UTF-8?B?5ZCN?= x", "件名 x"),
            ("=?iso-8859-1?q?=E5ngest?=", "ångest"),
            ("a =?x?= b", "a =?x?= b"),
            ("=?iso-2022-jp?B?GyRCN28bKEI=?=", "=?iso-2022-jp?B?GyRCN28bKEI=?="),
        ] {
            assert_eq!(decode_words(value), expected);
        }
    }

    #[test]
    fn what_is_nested_without_end_ends() {
        let mut mail = String::new();
        for depth in 0..5_000 {
            mail.push_str(&format!("Content-Type: multipart/mixed; boundary=b{depth}\n\n--b{depth}\n"));
        }
        assert!(Part::read(mail.as_bytes()).walk().len() <= MOST_DEPTH + 1);
        let many = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(10_000));
        assert!(Part::read(many.as_bytes()).walk().len() <= MOST_PARTS + 2);
        let folded = format!("A: b\n{}", " c\n".repeat(300_000));
        assert!(Part::read(folded.as_bytes()).headers.get("a").unwrap().len() < 2 * MOST_VALUE);
    }
}
