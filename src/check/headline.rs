//! Headlines and subjects: their length and their tone.

use crate::release::length::graphemes;

use super::manuscript::{Part, Piece};
use super::{Case, Notes};

/// The most characters of a headline that newsrooms, feeds and search pages show whole.
const TITLE: usize = 100;
/// The longest line that RFC 5322, 2.1.1 recommends, and about what mail programs show.
const SUBJECT: usize = 78;

fn each(case: &Case<'_>, parts: &[Part], mut visit: impl FnMut(&crate::release::File, &Piece<'_>)) {
    for text in &case.texts {
        for piece in text.pieces.iter().filter(|piece| parts.contains(&piece.part)) {
            visit(text.file, piece);
        }
    }
}

pub(super) fn title_long(case: &Case<'_>, notes: &mut Notes) {
    each(case, &[Part::Title], |file, piece| {
        let length = graphemes(&piece.text);
        if length > TITLE {
            notes.add(
                file,
                piece.span.clone(),
                format!("the headline has {length} characters; feeds and search pages cut it after {TITLE}"),
                "shorten it, and move details into the subtitle",
            );
        }
    });
}

pub(super) fn subject_long(case: &Case<'_>, notes: &mut Notes) {
    each(case, &[Part::Subject], |file, piece| {
        let length = graphemes(&piece.text);
        if length > SUBJECT {
            notes.add(
                file,
                piece.span.clone(),
                format!("the subject has {length} characters; many mail programs cut it after {SUBJECT}"),
                "put what matters into the first 60 characters",
            );
        }
    });
}

pub(super) fn title_capitals(case: &Case<'_>, notes: &mut Notes) {
    each(case, &[Part::Title, Part::Subtitle, Part::Subject], |file, piece| {
        let letters = piece.text.chars().filter(|c| c.is_uppercase()).count();
        let words = piece.tokens.iter().filter(|token| !token.number && token.end - token.start > 3).count();
        if letters >= 10 && words >= 2 && !piece.text.chars().any(char::is_lowercase) {
            notes.add(
                file,
                piece.span.clone(),
                format!("the {} is all capitals", piece.part.name()),
                "write it as a sentence; capitals read as shouting, and screen readers spell them",
            );
        }
    });
}

pub(super) fn exclamation(case: &Case<'_>, notes: &mut Notes) {
    each(case, &[Part::Title, Part::Subtitle, Part::Subject], |file, piece| {
        // Inside a word it is part of a name (`Yahoo!`-like names end one; those are rare enough).
        if let Some(at) = piece.text.find(['!', '！', '¡']) {
            notes.add(
                file,
                piece.locate(at..at + 1),
                format!("the {} has an exclamation mark", piece.part.name()),
                "end it without one; editors take it for advertising, and filters for spam",
            );
        }
    });
}
