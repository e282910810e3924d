//! Names of people and things: two capitalised words, of which one is spelt in two ways.

use std::ops::Range;

use super::figures::edits;
use crate::check::manuscript::Piece;

/// Two capitalised words in a row, within a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name<'p> {
    first: &'p str,
    last: &'p str,
    /// The bytes of the piece.
    pub range: Range<usize>,
}

impl Name<'_> {
    pub fn text(&self) -> String {
        format!("{} {}", self.first, self.last)
    }

    pub fn is_same(&self, other: &Name<'_>) -> bool {
        stem(self.first) == stem(other.first) && stem(self.last) == stem(other.last)
    }

    /// Whether `other` has one word of this name, and the other with a letter or two changed.
    pub fn is_misspelt_by(&self, other: &Name<'_>) -> bool {
        let (first, last) = (stem(self.first), stem(self.last));
        let (other_first, other_last) = (stem(other.first), stem(other.last));
        (first == other_first && is_slip(last, other_last))
            || (last == other_last && is_slip(first, other_first))
    }
}

/// A name without the `s` of its genitive, so that `Haldens` and `Halden` are one.
fn stem(word: &str) -> &str {
    word.strip_suffix('s').filter(|stem| stem.len() >= 3).unwrap_or(word)
}

/// One or two letters of a word of five or more, from the second on, are others; endings that
/// languages add do not count.
fn is_slip(left: &str, right: &str) -> bool {
    let (short, long) = if left.len() < right.len() { (left, right) } else { (right, left) };
    if left == right || short.chars().count() < 5 || left.chars().next() != right.chars().next() {
        return false;
    }
    let most = if short.chars().count() >= 8 { 2 } else { 1 };
    !long.starts_with(short) && edits(left, right) <= most
}

/// Every pair of capitalised words in `piece` that does not begin a sentence.
pub(super) fn names<'p>(piece: &'p Piece<'_>) -> Vec<Name<'p>> {
    let capital = |word: &str| {
        let mut characters = word.chars();
        characters.next().is_some_and(char::is_uppercase) && characters.next().is_some_and(char::is_lowercase)
    };
    let mut found = Vec::new();
    for index in 1..piece.tokens.len() {
        let (first, last) = (piece.word(index - 1), piece.word(index));
        if matches!(piece.gap(index), " " | "\u{a0}") && capital(first) && capital(last) {
            let range = piece.tokens[index - 1].start..piece.tokens[index].end;
            found.push(Name { first, last, range });
        }
    }
    found
}
