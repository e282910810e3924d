//! Text as mail carries it: quoted-printable bodies and encoded headers, ASCII alone.

/// The longest line, without CRLF (RFC 2045 6.7, RFC 2047 2).
pub(super) const LINE: usize = 76;

/// The bytes that stand for themselves inside of a line; a space does not at its end.
const AS_IT_IS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 32;
    while byte <= 126 {
        table[byte] = byte != b'=' as usize;
        byte += 1;
    }
    table
};

/// Appends `text` in quoted-printable (RFC 2045 6.7); `\n` is a line break.
///
/// `column` is where the line stands. No line begins with a dot (so nothing is ever dot-stuffed)
/// or with `From `, and none ends with a space.
pub(super) fn quoted_printable(text: &str, column: &mut usize, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'\n' {
            out.extend_from_slice(b"\r\n");
            *column = 0;
            at += 1;
            continue;
        }
        // Inside of a line, most of it goes as it is.
        if *column > 0 {
            let fits = bytes.len().min(at + (LINE - 1).saturating_sub(*column));
            let row = bytes.get(at..fits).unwrap_or_default();
            let mut length = row.iter().position(|byte| !AS_IT_IS[usize::from(*byte)]).unwrap_or(row.len());
            if length > 0 && row[length - 1] == b' ' && matches!(bytes.get(at + length), None | Some(b'\n')) {
                length -= 1;
            }
            if length > 0 {
                out.extend_from_slice(&row[..length]);
                at += length;
                *column += length;
                continue;
            }
        }
        // A character is never split: its bytes are encoded together.
        let length = match byte {
            0..0x80 => 1,
            0x80..0xe0 => 2,
            0xe0..0xf0 => 3,
            0xf0.. => 4,
        };
        let plain = match byte {
            b'=' => false,
            b' ' | b'\t' => !matches!(bytes.get(at + 1), None | Some(b'\n')),
            b'.' => *column > 0,
            b'F' => *column > 0 || !bytes.get(at..).is_some_and(|rest| rest.starts_with(b"From ")),
            _ => (33..=126).contains(&byte),
        };
        let width = if plain { 1 } else { 3 * length };
        if *column + width >= LINE {
            out.extend_from_slice(b"=\r\n");
            *column = 0;
            // What may stand inside of a line may not begin one.
            continue;
        }
        if plain {
            out.push(byte);
            at += 1;
        } else {
            for byte in bytes.iter().skip(at).take(length) {
                out.extend_from_slice(&escaped(*byte));
            }
            at += length;
        }
        *column += width;
    }
}

/// The lines of `text` in quoted-printable without soft line breaks, however long, and where each line that a line break
/// ends does end. What may not begin a line is not looked after: see [`at_line_start`].
pub(super) fn rows(text: &str) -> (Vec<u8>, Vec<usize>) {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    let mut ends = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        if let Some(many) = bytes.get(at..at + MANY)
            && plain(many)
        {
            at += MANY;
            continue;
        }
        let blank_at_end = byte == b' ' && bytes.get(at + 1) == Some(&b'\n');
        at += 1;
        if AS_IT_IS[usize::from(byte)] && !blank_at_end {
            continue;
        }
        out.extend_from_slice(bytes.get(from..at - 1).unwrap_or_default());
        from = at;
        match byte {
            b'\n' => {
                ends.push(out.len());
                out.extend_from_slice(b"\r\n");
            }
            b'\t' if bytes.get(at) != Some(&b'\n') => out.push(byte),
            _ => out.extend_from_slice(&escaped(byte)),
        }
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    (out, ends)
}

/// So many bytes are looked at together.
const MANY: usize = 16;

/// Whether all of these stand for themselves, whatever follows them. Without branches, so that it is done on many bytes at once.
fn plain(bytes: &[u8]) -> bool {
    let odd = bytes
        .iter()
        .fold(0, |odd, byte| odd | u8::from(*byte < 32) | u8::from(*byte > 126) | u8::from(*byte == b'='));
    odd == 0 && bytes.last() != Some(&b' ')
}

/// How the first byte of `row`, which is encoded, is written at the start of a line, if not as it is.
pub(super) fn at_line_start(row: &[u8]) -> Option<&'static [u8]> {
    match row {
        [b'.', ..] => Some(b"=2E"),
        [b'F', b'r', b'o', b'm', b' ', ..] | [b'F', b'r', b'o', b'm', b'=', b'2', b'0', ..] => Some(b"=46"),
        _ => None,
    }
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

fn escaped(byte: u8) -> [u8; 3] {
    [b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]
}

/// Whether a header can carry `text` as it is.
fn plain_header(text: &str) -> bool {
    text.bytes().all(|byte| (32..127).contains(&byte))
        && !text.contains("=?")
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && text.split(' ').all(|word| !word.is_empty() && word.len() < LINE - 2)
}

/// A header line with free text (`Subject`), folded, with CRLF at its end (RFC 5322 2.2.3, RFC 2047).
pub(super) fn text_header(name: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    let mut column = name.len() + 2;
    if plain_header(text) {
        for (at, word) in text.split(' ').enumerate() {
            if at > 0 {
                if column + 1 + word.len() > LINE {
                    out.extend_from_slice(b"\r\n");
                    column = 0;
                }
                out.push(b' ');
                column += 1;
            }
            out.extend_from_slice(word.as_bytes());
            column += word.len();
        }
    } else {
        encoded_words(text, column, out);
    }
    out.extend_from_slice(b"\r\n");
}

/// Encoded words in Q with the alphabet that is safe everywhere (RFC 2047 5 (3)).
fn encoded_words(text: &str, mut column: usize, out: &mut Vec<u8>) {
    const OPEN: &[u8] = b"=?utf-8?Q?";
    out.extend_from_slice(OPEN);
    column += OPEN.len();
    let mut buffer = [0; 4];
    for c in text.chars() {
        let safe = c.is_ascii_alphanumeric() || c == ' ' || "!*+-/".contains(c);
        let bytes = c.encode_utf8(&mut buffer).as_bytes();
        let width = if safe { 1 } else { 3 * bytes.len() };
        if column + width + 2 > LINE - 1 {
            out.extend_from_slice(b"?=\r\n ");
            out.extend_from_slice(OPEN);
            column = 1 + OPEN.len();
        }
        if c == ' ' {
            out.push(b'_');
        } else if safe {
            out.extend_from_slice(bytes);
        } else {
            for byte in bytes {
                out.extend_from_slice(format!("={byte:02X}").as_bytes());
            }
        }
        column += width;
    }
    out.extend_from_slice(b"?=");
}

/// A mailbox as a header value, folded; `column` is where it begins (RFC 5322 3.4).
pub(super) fn mailbox(name: Option<&str>, address: &str, column: usize, out: &mut Vec<u8>) {
    let name = name.map(str::trim).filter(|name| !name.is_empty());
    let Some(name) = name else {
        out.extend_from_slice(address.as_bytes());
        return;
    };
    let start = out.len();
    if plain_header(name) && name.len() < 60 {
        out.push(b'"');
        for byte in name.bytes() {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
        out.push(b'"');
    } else {
        encoded_words(name, column, out);
    }
    let last = out[start..].iter().rposition(|byte| *byte == b'\n').map_or(start, |at| start + at + 1);
    let reached = out.len() - last + if last == start { column } else { 0 };
    out.extend_from_slice(if reached + 3 + address.len() > LINE { b"\r\n <" } else { b" <" });
    out.extend_from_slice(address.as_bytes());
    out.push(b'>');
}

/// A value that somebody else wrote, fit for one line: control characters and characters that
/// turn the direction of text become spaces.
pub(super) fn one_line(value: &str) -> String {
    let spaced: String =
        value.chars().map(|c| if crate::render::scene::forbidden(c) { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text for HTML, between tags and inside of quoted attributes.
pub(in crate::render) fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    push_escaped(text, &mut escaped);
    escaped
}

/// Appends [`escape_html`] of `text`.
pub(in crate::render) fn push_escaped(text: &str, out: &mut String) {
    if !text.bytes().any(|byte| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')) {
        out.push_str(text);
        return;
    }
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let entity = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(entity);
        from = at + 1;
    }
    out.push_str(&text[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        let mut out = Vec::new();
        quoted_printable(text, &mut 0, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bodies_are_quoted_printable() {
        let long = "x".repeat(100);
        for (text, expected) in [
            ("", ""),
            ("a = b", "a =3D b"),
            ("å", "=C3=A5"),
            ("a \nb", "a=20\r\nb"),
            ("a ", "a=20"),
            (".\n.MAIL FROM:<evil@z.test>", "=2E\r\n=2EMAIL FROM:<evil@z.test>"),
            ("From here", "=46rom here"),
            ("a\rb\0", "a=0Db=00"),
            (&long, &format!("{}=\r\n{}", "x".repeat(75), "x".repeat(25))),
            (&format!("{}.b", "x".repeat(75)), &format!("{}=\r\n=2Eb", "x".repeat(75))),
        ] {
            assert_eq!(encoded(text), expected, "{text:?}");
        }
    }

    #[test]
    fn no_line_is_longer_than_76_or_begins_with_a_dot() {
        for width in 0..80 {
            for tail in ["🚗..å.", "....From ", "= . = . ", "é\n.\n.."] {
                let text = format!("{}{tail}{}", "a".repeat(width), ".".repeat(160));
                for line in encoded(&text).split("\r\n") {
                    assert!(line.len() <= LINE && !line.starts_with('.'), "{line:?}");
                }
            }
        }
    }

    /// The rules of RFC 2045 6.7 one byte at a time.
    fn slowly(text: &str, mut column: usize) -> (String, usize) {
        let mut out = String::new();
        for (at, c) in text.char_indices() {
            if c == '\n' {
                out.push_str("\r\n");
                column = 0;
                continue;
            }
            let rest = &text[at..];
            let last = matches!(rest.as_bytes().get(1), None | Some(b'\n'));
            let plain = |column: usize| match c {
                '=' => false,
                ' ' | '\t' => !last,
                '.' => column > 0,
                'F' => column > 0 || !rest.starts_with("From "),
                c => ('!'..='~').contains(&c),
            };
            let width = |column| if plain(column) { 1 } else { 3 * c.len_utf8() };
            if column + width(column) >= LINE {
                out.push_str("=\r\n");
                column = 0;
            }
            let as_it_is = plain(column);
            column += width(column);
            if as_it_is {
                out.push(c);
            } else {
                out.extend(c.to_string().bytes().map(|byte| format!("={byte:02X}")));
            }
        }
        (out, column)
    }

    proptest::proptest! {
        #[test]
        fn rows_are_written_as_bytes_are(text in "[a-c =.F\t\né€\r~]{0,300}", column in 0..76_usize) {
            let (mut out, mut reached) = (Vec::new(), column);
            quoted_printable(&text, &mut reached, &mut out);
            let (slow, slowly_reached) = slowly(&text, column);
            proptest::prop_assert_eq!(String::from_utf8(out).unwrap(), slow);
            proptest::prop_assert_eq!(reached, slowly_reached);
        }
    }

    #[test]
    fn headers_are_encoded_and_folded() {
        let long = "Aster EV goes 620 km on one charge and orders open on 8 December in twelve markets";
        for (text, expected) in [
            ("Aster EV goes 620 km", "Subject: Aster EV goes 620 km\r\n"),
            ("Så långt", "Subject: =?utf-8?Q?S=C3=A5_l=C3=A5ngt?=\r\n"),
            ("=?utf-8?Q?evil?=", "Subject: =?utf-8?Q?=3D=3Futf-8=3FQ=3Fevil=3F=3D?=\r\n"),
            (
                long,
                "Subject: Aster EV goes 620 km on one charge and orders open on 8 December in\r\n twelve markets\r\n",
            ),
        ] {
            let mut out = Vec::new();
            text_header("Subject", text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn mailboxes_are_quoted_or_encoded() {
        for (name, expected) in [
            (None, "jane@paper.example"),
            (Some(""), "jane@paper.example"),
            (Some("Jane \"J\" Roe, Ed."), "\"Jane \\\"J\\\" Roe, Ed.\" <jane@paper.example>"),
            (Some("Åsa"), "=?utf-8?Q?=C3=85sa?= <jane@paper.example>"),
        ] {
            let mut out = Vec::new();
            mailbox(name, "jane@paper.example", 4, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        let mut out = b"To: ".to_vec();
        mailbox(Some(&"Ö".repeat(80)), "jane@paper.example", 4, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.split("\r\n").all(|line| line.len() <= LINE), "{text}");
    }
}
