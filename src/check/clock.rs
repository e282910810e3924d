//! Weekdays against dates, zone abbreviations against the season.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::dates::{month_name, weekday_name};
use super::manuscript::{Part, Piece};
use super::{Case, Notes};

/// `Monday, 1 December 2026` is a Tuesday.
pub(super) fn weekday_date(case: &Case<'_>, notes: &mut Notes) {
    let near = case.publish.as_ref().map(jiff::Zoned::date);
    for text in &case.texts {
        for piece in &text.pieces {
            for mention in piece.dates() {
                let Some((weekday, range)) = &mention.weekday else { continue };
                let Some(date) = mention.date(near) else { continue };
                if date.weekday() == *weekday {
                    continue;
                }
                let day = format!("{} {}", date.day(), month_name(date.month(), "en"));
                let meant = (-3..=3)
                    .filter_map(|days| date.checked_add(jiff::Span::new().days(days)).ok())
                    .find(|date| date.weekday() == *weekday);
                let message = format!(
                    "{day} {} is a {}, not a {}",
                    date.year(),
                    weekday_name(date.weekday(), "en"),
                    weekday_name(*weekday, "en"),
                );
                let right = weekday_name(date.weekday(), text.language);
                let hint = match meant {
                    Some(meant) => format!(
                        "write `{right}`, or the date of the {} nearby: {} {}",
                        weekday_name(*weekday, "en"),
                        meant.day(),
                        month_name(meant.month(), text.language),
                    ),
                    None => format!("write `{right}`"),
                };
                notes.add(text.file, piece.locate(range.clone()), message, hint);
            }
        }
    }
}

/// A pair of abbreviations: a zone's winter time and its summer time.
struct Pair {
    winter: &'static str,
    summer: &'static str,
    zone: &'static str,
    /// What both are called together.
    both: &'static str,
}

#[rustfmt::skip]
const PAIRS: [Pair; 6] = [
    Pair { winter: "EST", summer: "EDT", zone: "America/New_York", both: "ET" },
    Pair { winter: "CST", summer: "CDT", zone: "America/Chicago", both: "CT" },
    Pair { winter: "PST", summer: "PDT", zone: "America/Los_Angeles", both: "PT" },
    Pair { winter: "CET", summer: "CEST", zone: "Europe/Brussels", both: "Brussels time" },
    Pair { winter: "EET", summer: "EEST", zone: "Europe/Helsinki", both: "Helsinki time" },
    Pair { winter: "GMT", summer: "BST", zone: "Europe/London", both: "London time" },
];

/// `9:00 EST` on a day in July.
///
/// The day is one that stands in the same piece; failing that, any that the release names.
/// Nothing is said while one of the possible days agrees.
pub(super) fn zone_season(case: &Case<'_>, notes: &mut Notes) {
    let near = case.publish.as_ref().map(jiff::Zoned::date);
    for text in &case.texts {
        let days = |piece: &Piece<'_>| -> BTreeSet<Date> {
            piece.dates().iter().filter_map(|mention| mention.date(near)).collect()
        };
        let anywhere = LazyCell::new(|| {
            let mut all: BTreeSet<Date> = text.pieces.iter().flat_map(days).collect();
            all.extend(near);
            all.extend(case.event.as_ref().map(jiff::Zoned::date));
            all
        });
        for piece in &text.pieces {
            let mut told = BTreeSet::new();
            for index in 1..piece.tokens.len() {
                let word = piece.word(index);
                if !(3..=4).contains(&word.len()) || !word.bytes().all(|byte| byte.is_ascii_uppercase()) {
                    continue;
                }
                let Some(pair) = PAIRS.iter().find(|pair| word == pair.winter || word == pair.summer) else {
                    continue;
                };
                // Once for each abbreviation in a piece.
                if !follows_time(piece, index) || !applies(case, pair, word) || !told.insert(word) {
                    continue;
                }
                let Ok(zone) = TimeZone::get(pair.zone) else { continue };
                let is_summer = |date: &Date| {
                    let noon = date.at(12, 0, 0, 0).to_zoned(zone.clone()).ok()?;
                    Some(zone.to_offset_info(noon.timestamp()).dst().is_dst())
                };
                let here = days(piece);
                let possible = if here.is_empty() { &*anywhere } else { &here };
                let said = word == pair.summer;
                if possible.iter().all(|day| is_summer(day).is_some_and(|summer| summer != said))
                    && let Some(day) = possible.first()
                {
                    let token = piece.tokens[index];
                    let (season, right) =
                        if said { ("winter", pair.winter) } else { ("summer", pair.summer) };
                    let date = format!("{} {} {}", day.day(), month_name(day.month(), "en"), day.year());
                    notes.add(
                        text.file,
                        piece.locate(token.start..token.end),
                        format!("on {date} the clocks show {season} time: {right}, not {word}"),
                        format!("write `{right}`, or `{}`, which is right all year", pair.both),
                    );
                }
            }
        }
    }
}

/// `09:00 CET`, `9 a.m. EST`, `10:00 to 12:30 (CET)`.
fn follows_time(piece: &Piece<'_>, index: usize) -> bool {
    let mut at = index;
    if matches!(piece.gap(at), " " | " (" | "\u{a0}" | ". " | ". (") {
        at -= 1;
    }
    // `a.m.` is two tokens, `am` one.
    if matches!(piece.word(at), "m" | "M") && at > 0 {
        at -= 1;
    }
    let half = matches!(piece.word(at), "a" | "p" | "A" | "P" | "am" | "pm" | "AM" | "PM" | "Uhr");
    if half && at > 0 {
        at -= 1;
    }
    let Some(number) = piece.number(at) else { return false };
    let minutes = at > 0 && matches!(piece.gap(at), ":" | ".") && piece.number(at - 1).is_some();
    if minutes { number < 60 } else { half && number <= 24 }
}

/// GMT is also what the whole world counts by, and CST is China's too: those are read as London's
/// and Chicago's only where the release is from there.
fn applies(case: &Case<'_>, pair: &Pair, word: &str) -> bool {
    if !matches!(word, "GMT" | "CST") {
        return true;
    }
    let zone = case.publish.as_ref().map_or(&case.newsroom.timezone, jiff::Zoned::time_zone);
    let at_home = |piece: &Piece<'_>| piece.part == Part::Paragraph && piece.text.contains("London");
    zone.iana_name() == Some(pair.zone) || (word == "GMT" && case.original().pieces.iter().any(at_home))
}
