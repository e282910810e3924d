//! Names of people and things: two capitalised words, of which one is spelt in two ways.

use std::collections::BTreeMap;
use std::ops::Range;

use super::figures::edits;
use crate::check::manuscript::Piece;

/// Two capitalised words in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name<'p> {
    first: &'p str,
    last: &'p str,
    /// The bytes of the file where it stands first.
    pub span: Range<usize>,
    /// Its number among the names of the text.
    pub order: usize,
}

impl Name<'_> {
    pub fn text(&self) -> String {
        format!("{} {}", self.first, self.last)
    }
}

/// The names of a text: each once, by its stems.
#[derive(Default)]
pub(super) struct Names<'p> {
    known: BTreeMap<(&'p str, &'p str), (Name<'p>, usize)>,
    /// Names by their first stem, and by their last.
    by_first: BTreeMap<&'p str, Vec<&'p str>>,
    by_last: BTreeMap<&'p str, Vec<&'p str>>,
}

/// The most names with one word in common that are compared with each other.
const ALIKE: usize = 50;

impl<'p> Names<'p> {
    /// Adds every pair of capitalised words in `piece`.
    pub fn read(&mut self, piece: &'p Piece<'_>) {
        let capital = |word: &str| {
            if word.as_bytes().first().is_none_or(|first| first.is_ascii() && !first.is_ascii_uppercase()) {
                return false;
            }
            let mut characters = word.chars();
            characters.next().is_some_and(char::is_uppercase)
                && characters.next().is_some_and(char::is_lowercase)
        };
        let mut before = false;
        for index in 0..piece.tokens.len() {
            let here = capital(piece.word(index));
            let both = std::mem::replace(&mut before, here) && here;
            if !both || !matches!(piece.gap(index), " " | "\u{a0}") {
                continue;
            }
            let (first, last) = (piece.word(index - 1), piece.word(index));
            let key = (stem(first), stem(last));
            if let Some((_, count)) = self.known.get_mut(&key) {
                *count += 1;
                continue;
            }
            let span = piece.locate(piece.tokens[index - 1].start..piece.tokens[index].end);
            let order = self.known.len();
            self.known.insert(key, (Name { first, last, span, order }, 1));
            let note = |index: &mut BTreeMap<&'p str, Vec<&'p str>>, shared, other| {
                let others: &mut Vec<&str> = index.entry(shared).or_default();
                if others.len() < ALIKE {
                    others.push(other);
                }
            };
            note(&mut self.by_first, key.0, key.1);
            note(&mut self.by_last, key.1, key.0);
        }
    }

    /// Every name once.
    pub fn all(&self) -> impl Iterator<Item = &Name<'p>> {
        self.known.values().map(|(name, _)| name)
    }

    /// How often `name` stands in the text.
    pub fn count(&self, name: &Name<'_>) -> usize {
        self.known.get(&(stem(name.first), stem(name.last))).map_or(0, |(_, count)| *count)
    }

    /// The names that share a word with `name`, and have a letter or two of the other changed.
    pub fn spelt_otherwise<'s>(&'s self, name: &'s Name<'_>) -> impl Iterator<Item = &'s Name<'p>> {
        let (first, last) = (stem(name.first), stem(name.last));
        let lasts = self.by_first.get(first).into_iter().flatten().filter(move |other| is_slip(last, other));
        let firsts = self.by_last.get(last).into_iter().flatten().filter(move |other| is_slip(first, other));
        lasts
            .filter_map(move |other| self.known.get(&(first, *other)))
            .chain(firsts.filter_map(move |other| self.known.get(&(*other, last))))
            .map(|(name, _)| name)
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
