//! How much HTML a mail holds.

use crate::render::{Mail, Piece};

impl Mail {
    /// The bytes of the HTML part, as a mail program decodes it, without what is filled in for a recipient.
    ///
    /// Gmail cuts a mail by this length; pictures and files do not count.
    pub fn html_bytes(&self) -> usize {
        const START: &str = "Content-Type: text/html; charset=utf-8\r\n";
        let mut bytes = 0;
        let mut inside = false;
        for piece in &self.pieces {
            let Piece::Literal(literal) = piece else { continue };
            let mut rest = literal.as_str();
            if !inside {
                let Some(at) = rest.find(START) else { continue };
                inside = true;
                let part = rest.get(at..).unwrap_or_default();
                rest = part.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            }
            // `=_` stands in no quoted-printable text.
            let end = rest.find("\r\n--=_");
            bytes += decoded(rest.get(..end.unwrap_or(rest.len())).unwrap_or_default());
            if end.is_some() {
                break;
            }
        }
        bytes
    }
}

/// How many bytes quoted-printable text stands for (RFC 2045 6.7).
fn decoded(text: &str) -> usize {
    let soft = text.matches("=\r\n").count();
    let signs = text.matches('=').count();
    let hard = text.matches("\r\n").count() - soft;
    // `=\r\n` is nothing, `=C3` one byte, `\r\n` one line break.
    text.len() - 3 * soft - 2 * (signs - soft) - hard
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_the_decoded_text() {
        for (text, expected) in
            [("", 0), ("abc", 3), ("a=\r\nb", 2), ("=C3=A5", 2), ("a\r\nb", 3), ("=3D=\r\n=3D\r\n", 3)]
        {
            assert_eq!(decoded(text), expected, "{text:?}");
        }
    }
}
