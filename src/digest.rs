//! SHA-256, the name of everything that is frozen.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The SHA-256 of some bytes (FIPS 180-4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest::of_parts(&[bytes])
    }

    /// The digest of several fields, each preceded by its length, so that no two
    /// different lists of fields have the same bytes.
    pub fn of_fields(fields: &[&[u8]]) -> Digest {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for field in fields {
            context.update(&(field.len() as u64).to_be_bytes());
            context.update(field);
        }
        Digest::finish(context)
    }

    fn of_parts(parts: &[&[u8]]) -> Digest {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for part in parts {
            context.update(part);
        }
        Digest::finish(context)
    }

    fn finish(context: ring::digest::Context) -> Digest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Digest(bytes)
    }

    /// The first eight hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

/// A [`Digest::of_fields`] in the making, of fields that lie about in pieces.
#[derive(Clone)]
pub struct Running(ring::digest::Context);

impl Default for Running {
    fn default() -> Running {
        Running(ring::digest::Context::new(&ring::digest::SHA256))
    }
}

impl Running {
    /// Adds one field, whose bytes are those of `pieces`.
    pub fn field<'p>(&mut self, pieces: impl Iterator<Item = &'p [u8]> + Clone) -> &mut Running {
        let length: usize = pieces.clone().map(<[u8]>::len).sum();
        self.0.update(&(length as u64).to_be_bytes());
        for piece in pieces {
            self.0.update(piece);
        }
        self
    }

    /// The digest of all fields.
    pub fn name(self) -> Digest {
        Digest::finish(self.0)
    }
}

/// Fields to be digested together, each with its length before it, so that no two different lists
/// of fields have the same bytes.
#[derive(Debug, Default)]
pub struct Fields(Vec<u8>);

impl Fields {
    /// Adds a text.
    pub fn text(&mut self, text: &str) -> &mut Fields {
        self.0.extend_from_slice(&(text.len() as u64).to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Adds the words of a text, whatever stands between them.
    pub fn words(&mut self, text: &str) -> &mut Fields {
        let at = self.0.len();
        self.0.extend_from_slice(&[0; 8]);
        let mut rest = text;
        loop {
            rest = rest.get(run(rest, true)..).unwrap_or_default();
            let (word, more) = rest.split_at(run(rest, false));
            if word.is_empty() {
                break;
            }
            if self.0.len() > at + 8 {
                self.0.push(b' ');
            }
            self.0.extend_from_slice(word.as_bytes());
            rest = more;
        }
        let length = (self.0.len() - at - 8) as u64;
        if let Some(place) = self.0.get_mut(at..at + 8) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        self
    }

    /// Adds the words of a text that may not be there.
    pub fn maybe(&mut self, text: Option<&str>) -> &mut Fields {
        match text {
            Some(text) => self.text("some").words(text),
            None => self.text("none"),
        }
    }

    /// Adds the fields of `other`, as if they had been added one by one.
    pub fn append(&mut self, other: &Fields) -> &mut Fields {
        self.0.extend_from_slice(&other.0);
        self
    }

    /// Adds a digest.
    pub fn digest(&mut self, digest: &Digest) -> &mut Fields {
        self.0.extend_from_slice(&digest.0);
        self
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The digest of all of them.
    pub fn name(&self) -> Digest {
        Digest::of(&self.0)
    }
}

/// How many bytes of white space `text` begins with, or of anything else, as `str::split_whitespace`
/// counts; but by bytes, since nearly all white space is ASCII.
fn run(text: &str, white: bool) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.as_bytes().get(at) {
        let (is_white, length) = match byte {
            b'\t'..=b'\r' | b' ' => (true, 1),
            // What the white space beyond ASCII begins with, among other things.
            0xc2 | 0xe1..=0xe3 => {
                let character = text[at..].chars().next().unwrap_or_default();
                (character.is_whitespace(), character.len_utf8())
            }
            // A letter, or a part of one.
            0xc0.. => (false, text[at..].chars().next().map_or(1, char::len_utf8)),
            _ => (false, 1),
        };
        if is_white != white {
            break;
        }
        at += length;
    }
    at
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is 64 hexadecimal digits")]
pub struct DigestError;

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Digest, DigestError> {
        if text.len() != 64 || !text.is_ascii() {
            return Err(DigestError);
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| DigestError)?;
        }
        Ok(Digest(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Digest, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What [`Fields::words`] promises, in one line.
    fn plainly(text: &str) -> Digest {
        let mut fields = Fields::default();
        fields.text(&text.split_whitespace().collect::<Vec<_>>().join(" "));
        fields.name()
    }

    proptest! {
        #[test]
        fn words_are_what_white_space_leaves(
            text in any::<String>(),
            spaced in "[a\u{85}\u{a0}\u{1680}\u{2003}\u{2028}\u{3000}\u{200b}é€𝄞\t\n\u{b}\u{1c} ]{0,40}",
        ) {
            for text in [text, spaced] {
                prop_assert_eq!(Fields::default().words(&text).name(), plainly(&text));
            }
        }

        #[test]
        fn pieces_make_no_difference(fields in proptest::collection::vec((any::<String>(), 0..9_usize), 0..4)) {
            let mut running = Running::default();
            for (field, size) in &fields {
                running.field(field.as_bytes().chunks(size + 1));
            }
            let whole: Vec<&[u8]> = fields.iter().map(|(field, _)| field.as_bytes()).collect();
            prop_assert_eq!(running.name(), Digest::of_fields(&whole));
        }
    }
}
