//! Figures, dates and names that differ between the versions of one release.
//!
//! Two comparisons are made. A *translation* is held against the original: what it says and the
//! original does not. Within one file the *parts* that repeat the text (title, subtitle, summary,
//! subject, social text, variants, blocks for some readers) are held against the rest.
//!
//! A difference alone is no finding: a variant may tell more, a translation may name a local
//! price. There must also be a near counterpart: a value of the same unit that is missing on the
//! other side, or one with the same digits in another order.

mod figures;
mod names;

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::dates::{Mention, dates, month_name};
use super::manuscript::{Manuscript, Part, Piece};
use super::{Case, Notes};
use figures::{Figure, figures};
use names::names;

pub(super) fn figures_differ(case: &Case<'_>, notes: &mut Notes) {
    let found: Vec<Vec<(&Piece<'_>, Figure)>> = case.texts.iter().map(all_figures).collect();
    let Some((original, translations)) = found.split_first() else { return };
    for (text, found) in case.texts.iter().zip(&found) {
        within(text, found, notes);
    }
    for (text, translated) in case.texts[1..].iter().zip(translations) {
        let mut told = BTreeSet::new();
        for (piece, figure) in translated {
            if figure.is_small() || holds(original, figure) || !told.insert(figure.key()) {
                continue;
            }
            if let Some((other, nearest)) = nearest(figure, original, translated) {
                notes.add(
                    text.file,
                    piece.locate(figure.range.clone()),
                    format!(
                        "`{}` stands here; the original has `{}`",
                        shown(piece, figure),
                        shown(other, nearest)
                    ),
                    "compare with the original, and correct the wrong one",
                );
            }
        }
    }
}

fn all_figures<'m, 'a>(text: &'m Manuscript<'a>) -> Vec<(&'m Piece<'a>, Figure)> {
    text.pieces
        .iter()
        .filter(|piece| piece.part != Part::Code)
        .flat_map(|piece| figures(piece, text.language).into_iter().map(move |figure| (piece, figure)))
        .collect()
}

fn holds(found: &[(&Piece<'_>, Figure)], figure: &Figure) -> bool {
    found.iter().any(|(_, other)| other.is_same(figure))
}

/// A figure as it is written, with its unit.
fn shown(piece: &Piece<'_>, figure: &Figure) -> String {
    piece.text[figure.range.clone()].split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The figure of the original that a figure of its translation was probably meant to be.
fn nearest<'f, 'm, 'a>(
    figure: &Figure,
    original: &'f [(&'m Piece<'a>, Figure)],
    translated: &[(&Piece<'_>, Figure)],
) -> Option<(&'m Piece<'a>, &'f Figure)> {
    let candidates = || original.iter().filter(|(_, other)| other.unit == figure.unit);
    let slip = candidates().find(|(_, other)| other.is_slip_of(figure));
    let orphan = || {
        candidates()
            .filter(|(_, other)| !other.is_small() && !holds(translated, other) && other.is_near(figure))
            .min_by(|(_, left), (_, right)| left.distance(figure).total_cmp(&right.distance(figure)))
    };
    slip.or_else(orphan).map(|(piece, other)| (*piece, other))
}

/// The parts of one file that repeat it, against the rest of it.
fn within(text: &Manuscript<'_>, found: &[(&Piece<'_>, Figure)], notes: &mut Notes) {
    for (index, (piece, figure)) in found.iter().enumerate() {
        let repeats = piece.part.is_head() || piece.variant.is_some() || piece.limited;
        if !repeats || figure.is_small() || figure.unit.is_none() {
            continue;
        }
        let mut others = found.iter().enumerate().filter(|(at, (other, _))| {
            *at != index && other.span != piece.span && !(other.limited && piece.limited)
        });
        if others.clone().any(|(_, (_, other))| other.is_same(figure)) {
            continue;
        }
        // What a whole block for some readers says need not be said elsewhere, so there only a slip
        // of the fingers counts; a headline's figure must come from the text.
        let counterpart = others.find(|(_, (other, candidate))| {
            let slip = candidate.unit == figure.unit
                && (candidate.is_slip_of(figure) || (!piece.limited && candidate.is_typo_of(figure)));
            slip && (!other.part.is_head() || piece.limited)
        });
        if let Some((_, (other, candidate))) = counterpart {
            notes.add(
                text.file,
                piece.locate(figure.range.clone()),
                format!(
                    "`{}` stands in the {}, and `{}` in the {}",
                    shown(piece, figure),
                    label(piece),
                    shown(other, candidate),
                    label(other)
                ),
                "compare both places, and correct the wrong one",
            );
        }
    }
}

fn label(piece: &Piece<'_>) -> String {
    match piece.variant {
        Some(variant) => format!("{} for `{variant}`", piece.part.name()),
        None if piece.limited => "block for some readers".to_owned(),
        None => piece.part.name().to_owned(),
    }
}

pub(super) fn dates_differ(case: &Case<'_>, notes: &mut Notes) {
    let near = case.publish.as_ref().map(jiff::Zoned::date);
    let found: Vec<Vec<(&Piece<'_>, Mention)>> = case
        .texts
        .iter()
        .map(|text| {
            let of = |piece| dates(piece, text.language).into_iter().map(move |mention| (piece, mention));
            text.pieces.iter().flat_map(of).collect()
        })
        .collect();
    let known: Vec<Date> = near.into_iter().chain(case.event.as_ref().map(jiff::Zoned::date)).collect();
    for (text, found) in case.texts.iter().zip(&found) {
        heads_against_text(text, found, &known, notes);
    }
    let Some((original, translations)) = found.split_first() else { return };
    for (text, translated) in case.texts[1..].iter().zip(translations) {
        let mut told = BTreeSet::new();
        for (piece, mention) in translated {
            let Some(day) = mention.day else { continue };
            let agrees = |other: &Mention| {
                other.day == Some(day)
                    && other.month == mention.month
                    && (other.year.is_none() || mention.year.is_none() || other.year == mention.year)
            };
            let stated = known.iter().any(|date| {
                (date.day(), date.month()) == (day, mention.month)
                    && mention.year.is_none_or(|year| year == date.year())
            });
            if stated
                || original.iter().any(|(_, other)| agrees(other))
                || !told.insert((day, mention.month, mention.year))
            {
                continue;
            }
            // The date that the translation leaves out, and that shares the most with this one.
            let absent = |other: &Mention| {
                !translated.iter().any(|(_, here)| (here.day, here.month) == (other.day, other.month))
            };
            let shared = |other: &Mention| {
                usize::from(other.day == Some(day)) + usize::from(other.month == mention.month)
            };
            let counterpart = original
                .iter()
                .filter(|(_, other)| other.day.is_some())
                .filter(|(_, other)| shared(other) == 2 || (absent(other) && shared(other) == 1))
                .max_by_key(|(_, other)| shared(other));
            if let Some((other, meant)) = counterpart {
                tell(
                    text,
                    piece,
                    mention,
                    notes,
                    &format!("the original has `{}`", &other.text[meant.range.clone()]),
                );
            }
        }
    }
}

fn tell(text: &Manuscript<'_>, piece: &Piece<'_>, mention: &Mention, notes: &mut Notes, other: &str) {
    notes.add(
        text.file,
        piece.locate(mention.range.clone()),
        format!("`{}` stands here; {other}", &piece.text[mention.range.clone()]),
        "compare both places, and correct the wrong one",
    );
}

/// A date in title, summary, subject, social text or variant that the text gives differently.
fn heads_against_text(
    text: &Manuscript<'_>,
    found: &[(&Piece<'_>, Mention)],
    known: &[Date],
    notes: &mut Notes,
) {
    let is_head = |piece: &Piece<'_>| piece.part.is_head() || piece.variant.is_some();
    let day_of = |mention: &Mention| (mention.day, mention.month);
    for (piece, mention) in found.iter().filter(|(piece, _)| is_head(piece)) {
        let Some(day) = mention.day else { continue };
        let in_text = |wanted: (Option<i8>, i8)| {
            found.iter().any(|(other, here)| !is_head(other) && day_of(here) == wanted)
        };
        if in_text(day_of(mention))
            || known.iter().any(|date| (date.day(), date.month()) == (day, mention.month))
        {
            continue;
        }
        let in_heads = |wanted: (Option<i8>, i8)| {
            found.iter().any(|(other, here)| is_head(other) && day_of(here) == wanted)
        };
        let counterpart = found.iter().find(|(other, here)| {
            let same_day = here.day == Some(day) && here.month != mention.month;
            let same_month =
                here.month == mention.month && here.day.is_some_and(|there| days_alike(there, day));
            !is_head(other) && !in_heads(day_of(here)) && (same_day || same_month)
        });
        if let Some((_, meant)) = counterpart {
            let there =
                format!("{} {}", meant.day.unwrap_or_default(), month_name(meant.month, text.language));
            tell(text, piece, mention, notes, &format!("the text has `{there}`"));
        }
    }
}

/// `8` and `18`, `12` and `21`, `16` and `17`: days that fingers mix up.
fn days_alike(left: i8, right: i8) -> bool {
    let (left, right) = (left.to_string(), right.to_string());
    figures::edits(&left, &right) == 1 || figures::is_permutation(&left, &right)
}

pub(super) fn names_differ(case: &Case<'_>, notes: &mut Notes) {
    let found: Vec<Vec<(&Piece<'_>, names::Name<'_>)>> = case
        .texts
        .iter()
        .map(|text| {
            let plain = |piece: &&Piece<'_>| piece.part != Part::Code;
            let of = |piece| names(piece).into_iter().map(move |name| (piece, name));
            text.pieces.iter().filter(plain).flat_map(of).collect()
        })
        .collect();
    let Some(original) = found.first() else { return };
    for (text, here) in case.texts.iter().zip(&found) {
        let mut told = BTreeSet::new();
        let translated = text.file.translation.is_some();
        for (index, (piece, name)) in here.iter().enumerate() {
            // In the original and within one file, the spelling that stands more often is right.
            let count = |all: &[(&Piece<'_>, names::Name<'_>)], wanted: &names::Name<'_>| {
                all.iter().filter(|(_, other)| other.is_same(wanted)).count()
            };
            let right = if translated && count(original, name) == 0 {
                original.iter().find(|(_, other)| other.is_misspelt_by(name) && count(here, other) == 0)
            } else {
                None
            };
            let right = right.or_else(|| {
                here.iter().enumerate().find_map(|(at, other)| {
                    let (mine, theirs) = (count(here, name), count(here, &other.1));
                    let weaker = mine < theirs || (mine == theirs && at < index);
                    (other.1.is_misspelt_by(name) && weaker).then_some(other)
                })
            });
            if let Some((_, other)) = right
                && told.insert(name.text())
            {
                let whose = if translated && count(here, other) == 0 { "the original" } else { "elsewhere" };
                notes.add(
                    text.file,
                    piece.locate(name.range.clone()),
                    format!("`{}` stands here, `{}` {whose}", name.text(), other.text()),
                    "find out the right spelling, and use it everywhere",
                );
            }
        }
    }
}
