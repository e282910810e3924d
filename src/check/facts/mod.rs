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

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::dates::{Mention, month_name};
use super::manuscript::{Manuscript, Part, Piece};
use super::{Case, MOST, Notes};
use figures::{Figure, figures};
use names::{Name, Names};

/// The figures of a text, and the amounts among them.
struct Figures<'m, 'a> {
    all: Vec<(&'m Piece<'a>, Figure)>,
    keys: BTreeSet<u64>,
}

pub(super) fn figures_differ(case: &Case<'_>, notes: &mut Notes) {
    let found: Vec<Figures<'_, '_>> = case
        .texts
        .iter()
        .map(|text| {
            let all = all_figures(text);
            Figures { keys: all.iter().map(|(_, figure)| figure.key()).collect(), all }
        })
        .collect();
    for (text, found) in case.texts.iter().zip(&found) {
        within(text, &found.all, notes);
    }
    let Some((original, translations)) = found.split_first() else { return };
    for (text, translated) in case.texts.iter().skip(1).zip(translations) {
        let mut told = BTreeSet::new();
        for (piece, figure) in &translated.all {
            if figure.is_small()
                || original.keys.contains(&figure.key())
                || told.len() >= MOST
                || !told.insert(figure.key())
            {
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

/// A figure as it is written, with its unit.
fn shown(piece: &Piece<'_>, figure: &Figure) -> String {
    piece.text[figure.range.clone()].split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The figure of the original that a figure of its translation was probably meant to be.
fn nearest<'f, 'm, 'a>(
    figure: &Figure,
    original: &'f Figures<'m, 'a>,
    translated: &Figures<'_, '_>,
) -> Option<(&'m Piece<'a>, &'f Figure)> {
    let candidates = || original.all.iter().filter(|(_, other)| other.unit == figure.unit);
    let slip = candidates().find(|(_, other)| other.is_slip_of(figure));
    let orphan = || {
        candidates()
            .filter(|(_, other)| !other.is_small() && other.is_near(figure))
            .filter(|(_, other)| !translated.keys.contains(&other.key()))
            .min_by(|(_, left), (_, right)| left.distance(figure).total_cmp(&right.distance(figure)))
    };
    slip.or_else(orphan).map(|(piece, other)| (*piece, other))
}

/// The parts of one file that repeat it, against the rest of it.
fn within(text: &Manuscript<'_>, found: &[(&Piece<'_>, Figure)], notes: &mut Notes) {
    // For each amount: the first two pieces for all readers, and for some, that hold it.
    let mut places: BTreeMap<u64, [Vec<usize>; 2]> = BTreeMap::new();
    for (piece, figure) in found {
        let [all, some] = places.entry(figure.key()).or_default();
        let list = if piece.limited { some } else { all };
        if list.len() < 2 && list.last() != Some(&piece.span.start) {
            list.push(piece.span.start);
        }
    }
    let mut told = BTreeSet::new();
    for (piece, figure) in found {
        let repeats = piece.part.is_head() || piece.variant.is_some() || piece.limited;
        if !repeats || figure.is_small() || figure.unit.is_none() {
            continue;
        }
        let elsewhere = places.get(&figure.key()).is_some_and(|[all, some]| {
            let other = |start: &usize| *start != piece.span.start;
            all.iter().any(other) || (!piece.limited && some.iter().any(other))
        });
        if elsewhere || told.len() >= MOST || !told.insert((piece.span.start, figure.key())) {
            continue;
        }
        // What a whole block for some readers says need not be said elsewhere, so there only a slip
        // of the fingers counts; a headline's figure must come from the text.
        let counterpart = found.iter().find(|(other, candidate)| {
            let apart = other.span != piece.span && !(other.limited && piece.limited);
            let slip = candidate.unit == figure.unit
                && (candidate.is_slip_of(figure) || (!piece.limited && candidate.is_typo_of(figure)));
            apart && slip && (!other.part.is_head() || piece.limited)
        });
        if let Some((other, candidate)) = counterpart {
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
    let found: Vec<Vec<(&Piece<'_>, &Mention)>> = case
        .texts
        .iter()
        .map(|text| {
            text.pieces
                .iter()
                .flat_map(|piece| piece.dates().iter().map(move |mention| (piece, mention)))
                .collect()
        })
        .collect();
    let known: Vec<Date> = near.into_iter().chain(case.event.as_ref().map(jiff::Zoned::date)).collect();
    for (text, found) in case.texts.iter().zip(&found) {
        heads_against_text(text, found, &known, notes);
    }
    let Some((original, translations)) = found.split_first() else { return };
    for (text, translated) in case.texts.iter().skip(1).zip(translations) {
        let here: BTreeSet<(Option<i8>, i8)> =
            translated.iter().map(|(_, mention)| (mention.day, mention.month)).collect();
        let mut told = BTreeSet::new();
        for (piece, mention) in translated {
            let Some(day) = mention.day else { continue };
            if !told.insert((day, mention.month, mention.year)) {
                continue;
            }
            let agrees = |other: &Mention| {
                other.day == Some(day)
                    && other.month == mention.month
                    && (other.year.is_none() || mention.year.is_none() || other.year == mention.year)
            };
            let stated = known.iter().any(|date| {
                (date.day(), date.month()) == (day, mention.month)
                    && mention.year.is_none_or(|year| year == date.year())
            });
            if stated || original.iter().any(|(_, other)| agrees(other)) {
                continue;
            }
            // The date that the translation leaves out, and that shares the most with this one.
            let absent = |other: &Mention| !here.contains(&(other.day, other.month));
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
    found: &[(&Piece<'_>, &Mention)],
    known: &[Date],
    notes: &mut Notes,
) {
    let is_head = |piece: &Piece<'_>| piece.part.is_head() || piece.variant.is_some();
    let days = |head: bool| -> BTreeSet<(Option<i8>, i8)> {
        let wanted = found.iter().filter(|(piece, _)| is_head(piece) == head);
        wanted.map(|(_, mention)| (mention.day, mention.month)).collect()
    };
    let (in_heads, in_text) = (days(true), days(false));
    for (piece, mention) in found.iter().filter(|(piece, _)| is_head(piece)) {
        let Some(day) = mention.day else { continue };
        let stated = known.iter().any(|date| (date.day(), date.month()) == (day, mention.month));
        if stated || in_text.contains(&(mention.day, mention.month)) {
            continue;
        }
        let counterpart = in_text.difference(&in_heads).find_map(|(there, month)| {
            let there = (*there)?;
            let same_day = there == day && *month != mention.month;
            let same_month = *month == mention.month && days_alike(there, day);
            (same_day || same_month).then_some((there, *month))
        });
        if let Some((there, month)) = counterpart {
            let there = format!("{there} {}", month_name(month, text.language));
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
    let found: Vec<Names<'_>> = case
        .texts
        .iter()
        .map(|text| {
            let plain = |piece: &&Piece<'_>| piece.part != Part::Code;
            let mut names = Names::default();
            for piece in text.pieces.iter().filter(plain) {
                names.read(piece);
            }
            names
        })
        .collect();
    let Some(original) = found.first() else { return };
    for (text, here) in case.texts.iter().zip(&found) {
        let translated = text.file.translation.is_some();
        for name in here.all() {
            // In a translation the original's spelling is right, else the one that stands more often.
            let foreign = || {
                (translated && original.count(name) == 0)
                    .then(|| original.spelt_otherwise(name).find(|other| here.count(other) == 0))
                    .flatten()
                    .map(|other| (other, "in the original"))
            };
            let own = || {
                let stronger = |other: &&Name<'_>| {
                    let (mine, theirs) = (here.count(name), here.count(other));
                    mine < theirs || (mine == theirs && other.order < name.order)
                };
                here.spelt_otherwise(name).find(stronger).map(|other| (other, "elsewhere"))
            };
            if let Some((other, whose)) = foreign().or_else(own) {
                notes.add(
                    text.file,
                    name.span.clone(),
                    format!("`{}` stands here, and `{}` {whose}", name.text(), other.text()),
                    "find out the right spelling, and use it everywhere",
                );
            }
        }
    }
}
