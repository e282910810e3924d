//! What somebody meant to fill in later.

use crate::release::Status;

use super::manuscript::{Part, Piece};
use super::{Case, Notes};

/// Words that stand for what is missing, as they are written: in capitals.
const WORDS: [&str; 8] = ["TK", "TKTK", "TKTKTK", "TODO", "XXX", "XXXX", "FIXME", "TBC"];

/// `TK`, `TODO`, `[insert quote]`, `lorem ipsum` in what is approved.
pub(super) fn placeholder(case: &Case<'_>, notes: &mut Notes) {
    if case.status() != Status::Approved {
        return;
    }
    for text in &case.texts {
        for piece in text.pieces.iter().filter(|piece| piece.part != Part::Code) {
            if let Some(range) = find(piece) {
                let shown: String = piece.text[range.clone()].chars().take(40).collect();
                notes.add(
                    text.file,
                    piece.locate(range),
                    format!("the release is approved, and its {} still says `{shown}`", piece.part.name()),
                    "put in what is missing, or set `status: draft`",
                );
            }
        }
    }
}

fn find(piece: &Piece<'_>) -> Option<std::ops::Range<usize>> {
    for (index, token) in piece.tokens.iter().enumerate() {
        let word = piece.word(index);
        // Most words begin otherwise.
        let may_be = matches!(word.as_bytes().first(), Some(b'T' | b'X' | b'F'));
        if may_be && WORDS.contains(&word) {
            // `TK` glued to other signs is part of a code: `TK-421`, `TK/Bank`.
            let glued = |gap: &str| gap.len() == 1 && gap.contains(['-', '/', '&', '_']);
            let after = piece.gap(index + 1);
            let runs_on = after.is_empty() && index + 1 < piece.tokens.len();
            if !runs_on && !glued(piece.gap(index)) && !glued(after) {
                return Some(token.start..token.end);
            }
        }
        if word.eq_ignore_ascii_case("lorem") && piece.word(index + 1).eq_ignore_ascii_case("ipsum") {
            return Some(token.start..piece.tokens[index + 1].end);
        }
    }
    bracketed(&piece.text)
}

/// `[insert …]`, `[name]`, `<place>`: words in brackets that ask for other words.
fn bracketed(text: &str) -> Option<std::ops::Range<usize>> {
    const ASKS: [&str; 14] = [
        "insert",
        "add",
        "fill in",
        "to come",
        "tbd",
        "tbc",
        "name",
        "date",
        "place",
        "quote",
        "figure",
        "infoga",
        "fyll i",
        "einfügen",
    ];
    let mut at = 0;
    while let Some(open) = text[at..].find('[').map(|open| at + open) {
        let close = open + text[open..].find(']')?;
        let inside = text[open + 1..close].trim().to_lowercase();
        let asks = |ask: &&str| {
            inside == *ask
                || (inside.starts_with(*ask) && inside[ask.len()..].starts_with([' ', ':', '…', '.']))
        };
        if inside.len() <= 80 && ASKS.iter().any(asks) {
            return Some(open..close + 1);
        }
        at = close + 1;
    }
    None
}
