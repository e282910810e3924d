//! Dates as people write them, in English, Swedish, German and French.

use std::ops::Range;

use jiff::civil::{Date, Weekday};

use super::manuscript::Piece;

/// A date in a text; parts of it may be left to the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    pub day: Option<i8>,
    pub month: i8,
    pub year: Option<i16>,
    /// The weekday that stands with it, and where.
    pub weekday: Option<(Weekday, Range<usize>)>,
    /// The bytes of the piece, without the weekday.
    pub range: Range<usize>,
}

impl Mention {
    /// The day it means; a year that is left out is the one that brings it nearest to `near`.
    pub fn date(&self, near: Option<Date>) -> Option<Date> {
        let day = self.day?;
        if let Some(year) = self.year {
            return Date::new(year, self.month, day).ok();
        }
        let near = near?;
        (near.year() - 1..=near.year() + 1)
            .filter_map(|year| Date::new(year, self.month, day).ok())
            .min_by_key(|date| (*date - near).get_days().abs())
    }
}

/// What the names of months begin with, in small letters; most words begin with something else.
const INITIALS: &[u8] = b"jfmasond";

/// The words that dates are made of in one language.
struct Calendar {
    months: [&'static [&'static str]; 12],
    weekdays: [&'static [&'static str]; 7],
    /// Words between a weekday and its day.
    links: &'static [&'static str],
}

#[rustfmt::skip]
const ENGLISH: Calendar = Calendar {
    months: [
        &["january", "jan"], &["february", "feb"], &["march", "mar"], &["april", "apr"], &["may"],
        &["june", "jun"], &["july", "jul"], &["august", "aug"], &["september", "sept", "sep"],
        &["october", "oct"], &["november", "nov"], &["december", "dec"],
    ],
    weekdays: [
        &["monday", "mon"], &["tuesday", "tue", "tues"], &["wednesday", "wed"],
        &["thursday", "thu", "thur", "thurs"], &["friday", "fri"], &["saturday", "sat"], &["sunday", "sun"],
    ],
    links: &["the", "of"],
};

#[rustfmt::skip]
const SWEDISH: Calendar = Calendar {
    months: [
        &["januari", "jan"], &["februari", "feb"], &["mars"], &["april", "apr"], &["maj"], &["juni"],
        &["juli"], &["augusti", "aug"], &["september", "sept", "sep"], &["oktober", "okt"],
        &["november", "nov"], &["december", "dec"],
    ],
    weekdays: [
        &["måndag", "måndagen"], &["tisdag", "tisdagen"], &["onsdag", "onsdagen"], &["torsdag", "torsdagen"],
        &["fredag", "fredagen"], &["lördag", "lördagen"], &["söndag", "söndagen"],
    ],
    links: &["den"],
};

#[rustfmt::skip]
const GERMAN: Calendar = Calendar {
    months: [
        &["januar", "jänner"], &["februar"], &["märz"], &["april"], &["mai"], &["juni"], &["juli"],
        &["august"], &["september"], &["oktober"], &["november"], &["dezember"],
    ],
    weekdays: [
        &["montag"], &["dienstag"], &["mittwoch"], &["donnerstag"], &["freitag"],
        &["samstag", "sonnabend"], &["sonntag"],
    ],
    links: &["den", "dem", "der"],
};

#[rustfmt::skip]
const FRENCH: Calendar = Calendar {
    months: [
        &["janvier"], &["février"], &["mars"], &["avril"], &["mai"], &["juin"], &["juillet"], &["août"],
        &["septembre"], &["octobre"], &["novembre"], &["décembre"],
    ],
    weekdays: [
        &["lundi"], &["mardi"], &["mercredi"], &["jeudi"], &["vendredi"], &["samedi"], &["dimanche"],
    ],
    links: &["le"],
};

const WEEKDAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

fn calendar(language: &str) -> Option<&'static Calendar> {
    match language {
        "en" => Some(&ENGLISH),
        "sv" => Some(&SWEDISH),
        "de" => Some(&GERMAN),
        "fr" => Some(&FRENCH),
        _ => None,
    }
}

/// The name of `weekday` in `language`, or in English.
pub(super) fn weekday_name(weekday: Weekday, language: &str) -> String {
    let calendar = calendar(language).unwrap_or(&ENGLISH);
    let index = usize::try_from(weekday.to_monday_zero_offset()).unwrap_or_default();
    let name = calendar.weekdays.get(index).and_then(|names| names.first()).copied().unwrap_or_default();
    if matches!(language, "sv" | "fr") { name.to_owned() } else { capitalized(name) }
}

/// The name of month 1 to 12 in `language`, or in English.
pub(super) fn month_name(month: i8, language: &str) -> String {
    let calendar = calendar(language).unwrap_or(&ENGLISH);
    let index = usize::try_from(month - 1).unwrap_or_default();
    let name = calendar.months.get(index).and_then(|names| names.first()).copied().unwrap_or_default();
    if matches!(language, "sv" | "fr") { name.to_owned() } else { capitalized(name) }
}

fn capitalized(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// Every date in `piece`, in order: `1 December 2026`, `December 1`, `December 2026`, `2026-12-01`.
/// Rules ask [`Piece::dates`], which keeps them.
pub(super) fn dates(piece: &Piece<'_>, language: &str) -> Vec<Mention> {
    let calendar = calendar(language);
    let mut found = Vec::new();
    for index in 0..piece.tokens.len() {
        let token = piece.tokens[index];
        if token.number {
            if token.end - token.start == 4 {
                found.extend(iso(piece, index));
            }
        } else if let Some(calendar) = calendar
            && (3..=10).contains(&(token.end - token.start))
            && may_be_month(piece.word(index))
            // `may` and `march` are months only with a capital.
            && (language != "en" || piece.word(index).starts_with(char::is_uppercase))
            && let Some(month) = name_in(&calendar.months, piece.word(index))
        {
            found.extend(written(piece, index, month, calendar));
        }
    }
    found
}

/// Whether a month's name may begin as `word` does.
fn may_be_month(word: &str) -> bool {
    let first = word.as_bytes().first();
    first.is_some_and(|first| !first.is_ascii() || INITIALS.contains(&first.to_ascii_lowercase()))
}

/// Whether `word` is `name`, which is in small letters, whatever the word's case.
#[inline]
pub(super) fn same_word(name: &str, word: &str) -> bool {
    // Nearly all words begin otherwise. What is no ASCII may have a small letter that is.
    if let (Some(wanted), Some(first)) = (name.as_bytes().first(), word.as_bytes().first())
        && first.is_ascii()
        && first.to_ascii_lowercase() != *wanted
    {
        return false;
    }
    name.eq_ignore_ascii_case(word)
        || (!word.is_ascii() && name.chars().eq(word.chars().flat_map(char::to_lowercase)))
}

/// The index of the list in `names` that holds `word`, whatever its case.
fn name_in(names: &[&'static [&'static str]], word: &str) -> Option<usize> {
    names.iter().position(|names| names.iter().any(|name| same_word(name, word)))
}

fn iso(piece: &Piece<'_>, index: usize) -> Option<Mention> {
    let two = |index: usize| piece.word(index).len() == 2 && piece.gap(index) == "-";
    if !two(index + 1) || !two(index + 2) {
        return None;
    }
    let part = |index: usize| i16::try_from(piece.number(index)?).ok();
    let (year, month, day) = (part(index)?, part(index + 1)?, part(index + 2)?);
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some(Mention {
        day: Some(date.day()),
        month: date.month(),
        year: Some(year),
        weekday: None,
        range: piece.tokens[index].start..piece.tokens[index + 2].end,
    })
}

fn is_space(gap: &str) -> bool {
    !gap.is_empty() && gap.len() <= 3 && gap.chars().all(char::is_whitespace)
}

/// The day of the month that the token at `index` is.
fn day(piece: &Piece<'_>, index: usize) -> Option<i8> {
    let number = piece.number(index)?;
    let short = piece.word(index).len() <= 2 && (1..=31).contains(&number);
    // Not the end of `1.8` or `2026-12-08`.
    let gap = piece.gap(index);
    let apart = index == 0 || gap.is_empty() || !gap.ends_with(['.', ',', '-', ':', '/']);
    (short && apart).then(|| i8::try_from(number).ok()).flatten()
}

fn year(piece: &Piece<'_>, index: usize) -> Option<i16> {
    let gap = piece.gap(index);
    let near = is_space(gap) || matches!(gap, ", " | ". ");
    let year = piece.number(index)?;
    (near && piece.word(index).len() == 4 && (1900..2100).contains(&year))
        .then(|| i16::try_from(year).ok())
        .flatten()
}

fn written(piece: &Piece<'_>, index: usize, month: usize, calendar: &Calendar) -> Option<Mention> {
    let month = i8::try_from(month + 1).ok()?;
    let mut first = index;
    let mut last = index;
    let mut found = None;
    // The day before: `1 December`, `1. Dezember`, `1st of December`, `1er décembre`.
    let mut before = index.checked_sub(1);
    if let Some(at) = before
        && piece.word(at) == "of"
    {
        before = at.checked_sub(1);
    }
    if let Some(at) = before
        && matches!(piece.word(at), "st" | "nd" | "rd" | "th" | "er" | "a" | "e")
        && piece.gap(at).is_empty()
    {
        before = at.checked_sub(1);
    }
    if let Some(at) = before
        && (is_space(piece.gap(at + 1)) || piece.gap(at + 1) == ". " || at + 1 < index)
        && let Some(day) = day(piece, at)
    {
        found = Some(day);
        first = at;
    }
    // The day after: `December 1, 2026`.
    if found.is_none() && is_space(piece.gap(index + 1)) {
        found = day(piece, index + 1);
        if found.is_some() {
            last = index + 1;
            if matches!(piece.word(last + 1), "st" | "nd" | "rd" | "th") && piece.gap(last + 1).is_empty() {
                last += 1;
            }
        }
    }
    let year = year(piece, last + 1);
    if year.is_some() {
        last += 1;
    }
    if found.is_none() && year.is_none() {
        return None;
    }
    let weekday = found.and_then(|_| weekday(piece, first, last, calendar));
    let range = piece.tokens[first].start..piece.tokens[last].end;
    Some(Mention { day: found, month, year, weekday, range })
}

/// The weekday just before the token `first`, or in brackets after `last`.
fn weekday(
    piece: &Piece<'_>,
    first: usize,
    last: usize,
    calendar: &Calendar,
) -> Option<(Weekday, Range<usize>)> {
    let named = |index: usize| {
        let at = name_in(&calendar.weekdays, piece.word(index))?;
        let token = piece.tokens.get(index)?;
        Some((*WEEKDAYS.get(at)?, token.start..token.end))
    };
    let near = |gap: &str| is_space(gap) || matches!(gap, ", " | ". " | "., ");
    let mut at = first;
    for _ in 0..2 {
        if !near(piece.gap(at)) {
            break;
        }
        at = match at.checked_sub(1) {
            Some(before) if calendar.links.contains(&piece.word(before)) => before,
            Some(before) => return named(before),
            None => break,
        };
    }
    if piece.gap(last + 1) == " (" && piece.gap(last + 2).starts_with(')') {
        return named(last + 1);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_month_may_begin_as_it_does() {
        for calendar in [&ENGLISH, &SWEDISH, &GERMAN, &FRENCH] {
            for name in calendar.months.iter().copied().flatten() {
                assert!(may_be_month(name) && may_be_month(&name.to_uppercase()), "{name}");
            }
        }
    }
}
