//! What croner takes and nobody means, said before it is taken.

use jiff::civil::{Date, date};

use super::{DAYS, FIELDS, MONTHS, SlotsError, parser};

pub(super) fn check_field(index: usize, at: usize, field: &str) -> Result<(), SlotsError> {
    let (name, allowed) = FIELDS.get(index).copied().unwrap_or(("field", ""));
    let wrong = |message: String, at: usize, hint: String| Err(SlotsError { message, hint, at });
    let hint = || format!("{name}: {allowed}");
    // croner turns `MON` into 1 and `JAN` into 1 wherever they stand, so names are checked here.
    let known: &[&str] = match index {
        2 => &["L", "W", "LW"],
        3 => &MONTHS,
        4 => &["L"],
        _ => &[],
    };
    let upper = field.to_ascii_uppercase();
    for word in upper.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
        let offset = word.as_ptr().addr() - upper.as_ptr().addr();
        let day = index == 4
            && (DAYS.contains(&word) || word.strip_suffix('L').is_some_and(|day| DAYS.contains(&day)));
        if !day && !known.contains(&word) {
            let written = field.get(offset..offset + word.len()).unwrap_or(field);
            return wrong(format!("`{written}` is no {name}"), at + offset, hint());
        }
    }
    if let Some((start, step)) = field.split_once('/')
        && start.chars().all(|c| c.is_ascii_digit())
    {
        let hint = format!("write `*/{step}`, or the range that it steps through: `{start}-59/{step}`");
        return wrong(format!("`{field}` steps from a single {name}"), at, hint);
    }
    // croner reads an empty member as 0.
    if let Some(empty) = wrong_part(index, field).filter(|(_, part)| part.is_empty()) {
        return wrong(format!("a {name} is missing here"), at + empty.0, hint());
    }
    let alone = (0..FIELDS.len()).map(|other| if other == index { field } else { "*" }).collect::<Vec<_>>();
    if parser().parse(&alone.join(" ")).is_err() {
        let part = wrong_part(index, field).unwrap_or_else(|| (0, field.to_ascii_uppercase()));
        let range = part
            .1
            .split_once('-')
            .filter(|(from, to)| index == 4 && DAYS.contains(from) && DAYS.contains(to));
        let hint = match range {
            Some((from, to)) => {
                format!("a range does not run past the end of the week; name the days: `{from},{to}`")
            }
            None => hint(),
        };
        let written = field.get(part.0..part.0 + part.1.len()).unwrap_or(field);
        return wrong(format!("`{written}` is no {name}"), at + part.0, hint);
    }
    Ok(())
}

/// The first member of a list that is wrong by itself, with its offset, in upper case.
fn wrong_part(index: usize, field: &str) -> Option<(usize, String)> {
    let mut at = 0;
    for part in field.split(',') {
        let alone = (0..FIELDS.len()).map(|other| if other == index { part } else { "*" });
        if part.is_empty() || parser().parse(&alone.collect::<Vec<_>>().join(" ")).is_err() {
            return Some((at, part.to_ascii_uppercase()));
        }
        at += part.len() + 1;
    }
    None
}

/// Whether any day of 28 years matches: by then every weekday has met every date.
pub(super) fn comes(cron: &croner::Cron) -> bool {
    let mut day: Date = date(2024, 1, 1);
    for _ in 0..28 * 366 {
        let (year, month) = (i32::from(day.year()), u32::try_from(day.month()).unwrap_or(1));
        let weekday = croner::Weekday::from_days_from_sunday(
            u32::try_from(day.weekday().to_sunday_zero_offset()).unwrap_or(0),
        );
        let number = u32::try_from(day.day()).unwrap_or(1);
        let matches = cron.pattern.month_match(month).unwrap_or(false)
            && cron.pattern.day_match(year, month, number, weekday).unwrap_or(false);
        if matches {
            return true;
        }
        let Ok(next) = day.tomorrow() else { return false };
        day = next;
    }
    false
}
