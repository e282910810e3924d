//! The form in which headers and bodies are signed: `relaxed` (RFC 6376 §3.4.2, §3.4.4).
//!
//! Works on any bytes; what is not a header field is left out, as a verifier would.

use ring::digest::{Context, Digest, SHA256};

/// One header field: its name, and its value with its folds, without the last line end.
pub struct Field<'a> {
    /// As it stands.
    pub name: &'a [u8],
    /// What follows the colon.
    pub value: &'a [u8],
}

/// The header section with its last line end, and the body behind the empty line.
pub fn split(message: &[u8]) -> (&[u8], &[u8]) {
    if let Some(body) = message.strip_prefix(b"\r\n") {
        return (&[], body);
    }
    match message.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(at) => (message.get(..at + 2).unwrap_or(message), message.get(at + 4..).unwrap_or_default()),
        None => (message, &[]),
    }
}

/// The fields, in their order.
pub fn fields(headers: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < headers.len() {
        let rest = headers.get(at..).unwrap_or_default();
        at += rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        if matches!(headers.get(at), Some(b' ' | b'\t')) {
            continue;
        }
        let field = headers.get(start..at).unwrap_or_default();
        start = at;
        let field = field.strip_suffix(b"\r\n").unwrap_or(field);
        if let Some(colon) = field.iter().position(|byte| *byte == b':') {
            let (name, value) = field.split_at(colon);
            fields.push(Field { name: name.trim_ascii_end(), value: value.get(1..).unwrap_or_default() });
        }
    }
    fields
}

/// Appends a header in canonical form, without a line end. `name` is in lower case.
pub fn header(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.push(b':');
    let start = out.len();
    let mut space = false;
    for byte in value {
        match byte {
            b'\r' | b'\n' => {}
            b' ' | b'\t' => space = true,
            other => {
                if space && out.len() > start {
                    out.push(b' ');
                }
                space = false;
                out.push(*other);
            }
        }
    }
}

/// SHA-256 over the canonical body.
pub fn body_hash(body: &[u8]) -> Digest {
    let body = without_empty_end(body);
    let mut context = Context::new(&SHA256);
    if is_canonical(body) {
        context.update(body);
        return context.finish();
    }
    let mut line = Vec::new();
    // Empty lines count only where something follows them: relaxing may empty the last ones.
    let mut empty = 0;
    for raw in body.split_inclusive(|byte| *byte == b'\n') {
        relax(raw, &mut line);
        if line.is_empty() {
            empty += 1;
            continue;
        }
        for _ in 0..std::mem::take(&mut empty) {
            context.update(b"\r\n");
        }
        context.update(&line);
        context.update(b"\r\n");
    }
    context.finish()
}

/// A body whose last lines are not empty, with one line end after them.
fn without_empty_end(body: &[u8]) -> &[u8] {
    let mut body = body;
    while let Some(shorter) = body.strip_suffix(b"\r\n") {
        if !shorter.is_empty() && !shorter.ends_with(b"\r\n") {
            return body;
        }
        body = shorter;
    }
    body
}

/// Whether relaxing changes nothing: no tab, no two spaces, no space before a line end, and lines that end. Bodies in
/// quoted-printable and base64 nearly always are, and this is many times faster than relaxing them.
fn is_canonical(body: &[u8]) -> bool {
    let ends = body.is_empty() || body.ends_with(b"\r\n");
    let next = body.get(1..).unwrap_or_default();
    // Without branches, so that it is done on many bytes at once.
    let is = |byte: u8, wanted: u8| u8::from(byte == wanted);
    let odd = body.iter().zip(next).fold(0, |odd, (&this, &next)| {
        odd | (is(this, b' ') & (is(next, b' ') | is(next, b'\r'))) | is(this, b'\t')
    });
    ends && odd == 0
}

/// One line without its end: white space at its end goes, elsewhere it becomes one space.
fn relax(raw: &[u8], line: &mut Vec<u8>) {
    line.clear();
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
    let mut space = false;
    for byte in raw {
        if matches!(byte, b' ' | b'\t') {
            space = true;
        } else {
            if std::mem::take(&mut space) {
                line.push(b' ');
            }
            line.push(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hash(text: &[u8]) -> Vec<u8> {
        ring::digest::digest(&SHA256, text).as_ref().to_vec()
    }

    #[test]
    fn bodies_are_relaxed() {
        for (body, canonical) in [
            ("", ""),
            ("\r\n", ""),
            ("\r\n\r\n", ""),
            (" \r\n\t\r\n", ""),
            // RFC 6376 §3.4.5.
            (" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"),
            ("a\r\n", "a\r\n"),
            ("a", "a\r\n"),
            ("a\r\n\r\nb\r\n\r\n", "a\r\n\r\nb\r\n"),
            ("a\r\n \r\nb\r\n", "a\r\n\r\nb\r\n"),
            ("a \r\n", "a\r\n"),
            ("\r\n\r\na\r\n", "\r\n\r\na\r\n"),
            ("a  b\tc\r\n", "a b c\r\n"),
            ("a\tb\r\n", "a b\r\n"),
            ("a\t\r\n", "a\r\n"),
            (" a\r\n", " a\r\n"),
        ] {
            assert_eq!(body_hash(body.as_bytes()).as_ref(), hash(canonical.as_bytes()), "{body:?}");
        }
    }

    proptest! {
        /// The fast way and the slow one say the same.
        #[test]
        fn what_is_called_canonical_is(lines in proptest::collection::vec("[ab \t.=]{0,6}", 0..8)) {
            let body = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>();
            let mut canonical = String::new();
            let mut line = Vec::new();
            for raw in body.as_bytes().split_inclusive(|byte| *byte == b'\n') {
                relax(raw, &mut line);
                canonical.push_str(&String::from_utf8_lossy(&line));
                canonical.push_str("\r\n");
            }
            while canonical.ends_with("\r\n\r\n") || canonical == "\r\n" {
                canonical.truncate(canonical.len() - 2);
            }
            let found = body_hash(body.as_bytes());
            prop_assert_eq!(found.as_ref(), hash(canonical.as_bytes()));
        }
    }

    #[test]
    fn headers_are_relaxed() {
        // RFC 6376 §3.4.5 among them.
        let headers =
            b"A: X\r\nB : Y\t\r\n\tZ  \r\nnot a header\r\nSubject:\r\n  one \r\n\t two\r\nEmpty:\r\n";
        let mut seen = Vec::new();
        for field in fields(headers) {
            let mut out = Vec::new();
            header(&field.name.to_ascii_lowercase(), field.value, &mut out);
            seen.push(String::from_utf8(out).unwrap());
        }
        assert_eq!(seen, ["a:X", "b:Y Z", "subject:one two", "empty:"]);
    }

    #[test]
    fn a_message_is_parted_at_its_first_empty_line() {
        for (message, headers, body) in [
            ("A: b\r\n\r\nc\r\n\r\nd\r\n", "A: b\r\n", "c\r\n\r\nd\r\n"),
            ("A: b\r\n", "A: b\r\n", ""),
            ("A: b\r\n\r\n", "A: b\r\n", ""),
            ("\r\nc\r\n", "", "c\r\n"),
        ] {
            assert_eq!(split(message.as_bytes()), (headers.as_bytes(), body.as_bytes()), "{message:?}");
        }
    }
}
