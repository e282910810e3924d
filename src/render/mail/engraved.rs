//! Text that stands in many mails: what it is in quoted-printable is worked out once, and for each mail only broken
//! into lines.

use super::encode::{self, LINE};

/// A text, and its quoted-printable form but for the soft line breaks.
///
/// How a text is encoded at its edges depends on what stands around it; so the edges are left to each mail.
pub(in crate::render) struct Engraved {
    text: String,
    /// The bytes of `text` between the edges.
    inner: std::ops::Range<usize>,
    /// What they are in quoted-printable, on lines of any length.
    encoded: Vec<u8>,
    /// Where each of those lines ends, before its CRLF.
    ends: Vec<usize>,
}

impl Engraved {
    pub(in crate::render) fn new(text: String) -> Engraved {
        // A space before a line break is encoded, and so is `From ` at the start of a line: no edge parts these.
        let firm = |byte: &u8| byte.is_ascii() && !b" \tFrom".contains(byte);
        let start = text.bytes().position(|byte| firm(&byte)).map_or(text.len(), |at| at + 1);
        let end = text.as_bytes().iter().rposition(firm).map_or(start, |at| at + 1);
        let (encoded, ends) = encode::rows(text.get(start..end).unwrap_or_default());
        Engraved { text, inner: start..end, encoded, ends }
    }

    pub(in crate::render) fn text(&self) -> &str {
        &self.text
    }

    fn edges(&self) -> (&str, &str) {
        let edge = |range: std::ops::Range<usize>| self.text.get(range).unwrap_or_default();
        (edge(0..self.inner.start), edge(self.inner.end..self.text.len()))
    }
}

/// A body in quoted-printable in the making, out of loose text and engraved text.
pub(super) struct Printer<'o> {
    out: &'o mut Vec<u8>,
    column: usize,
    /// Text that is not written yet: what follows makes a difference to its end.
    loose: String,
}

impl<'o> Printer<'o> {
    /// Begins at the start of a line.
    pub(super) fn new(out: &'o mut Vec<u8>) -> Printer<'o> {
        Printer { out, column: 0, loose: String::new() }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.loose.push_str(text);
    }

    pub(super) fn engraved(&mut self, engraved: &Engraved) {
        let (before, behind) = engraved.edges();
        self.loose.push_str(before);
        if engraved.encoded.is_empty() {
            self.loose.push_str(behind);
            return;
        }
        self.end();
        let mut at = 0;
        for end in &engraved.ends {
            self.row(engraved.encoded.get(at..*end).unwrap_or_default());
            self.out.extend_from_slice(b"\r\n");
            self.column = 0;
            at = end + 2;
        }
        self.row(engraved.encoded.get(at..).unwrap_or_default());
        self.loose.push_str(behind);
    }

    /// Writes what is loose, as the end of a text.
    pub(super) fn end(&mut self) {
        encode::quoted_printable(&self.loose, &mut self.column, self.out);
        self.loose.clear();
    }

    /// Writes one encoded line, broken where it becomes too long.
    fn row(&mut self, row: &[u8]) {
        let mut rest = row;
        while !rest.is_empty() {
            if self.column == 0
                && let Some(sign) = encode::at_line_start(rest)
            {
                self.out.extend_from_slice(sign);
                self.column = sign.len();
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let room = (LINE - 1).saturating_sub(self.column);
            let taken = if rest.len() <= room { rest.len() } else { cut(rest, room) };
            let (line, more) = rest.split_at(taken);
            self.out.extend_from_slice(line);
            self.column += taken;
            rest = more;
            if !rest.is_empty() {
                self.out.extend_from_slice(b"=\r\n");
                self.column = 0;
            }
        }
    }
}

/// The last place up to `most` where `row`, which is longer, may be parted: not inside of `=C3`, nor inside of a character.
fn cut(row: &[u8], most: usize) -> usize {
    let is_sign = |at: Option<usize>| at.and_then(|at| row.get(at)) == Some(&b'=');
    let mut at = most;
    for back in [1, 2] {
        if is_sign(most.checked_sub(back)) {
            at = most - back;
        }
    }
    // A byte that goes on with a character is 80 to BF.
    while at >= 3 && is_sign(Some(at)) && row.get(at + 1).is_some_and(|digit| (b'8'..=b'B').contains(digit)) {
        at -= 3;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn engraved_texts_are_written_as_loose_ones(
            texts in proptest::collection::vec(("[a-c =.From\t\né€🚗\r~<]{0,160}", any::<bool>()), 0..6),
        ) {
            let whole: String = texts.iter().map(|(text, _)| text.as_str()).collect();
            let (mut expected, mut out) = (Vec::new(), Vec::new());
            encode::quoted_printable(&whole, &mut 0, &mut expected);
            let mut printer = Printer::new(&mut out);
            for (text, engraved) in &texts {
                if *engraved {
                    printer.engraved(&Engraved::new(text.clone()));
                } else {
                    printer.text(text);
                }
            }
            printer.end();
            prop_assert_eq!(String::from_utf8(out).unwrap(), String::from_utf8(expected).unwrap());
        }
    }
}
