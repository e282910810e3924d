//! Days, times of day and offsets, letter by letter.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use super::TimeError;
use crate::finding::shown;

pub(super) fn syntax(message: impl Into<String>, hint: impl Into<String>) -> TimeError {
    TimeError::Syntax { message: message.into(), hint: hint.into() }
}

const EXAMPLE: &str = "write it like `2026-12-01T09:00[Europe/Stockholm]`";

/// Splits `2026-12-01T09:00+01:00` before its offset.
pub(super) fn split_offset(text: &str) -> Result<(&str, Option<Offset>), TimeError> {
    if let Some(rest) = text.strip_suffix('Z') {
        return Ok((rest, Some(Offset::UTC)));
    }
    // A date has hyphens too: an offset stands after the `T`.
    let Some(at) = text.find('T').and_then(|t| text.get(t..)?.find(['+', '-']).map(|at| t + at)) else {
        return Ok((text, None));
    };
    let (rest, offset) = text.split_at(at);
    let wrong = || {
        syntax(
            format!("`{offset}` is no offset from UTC"),
            "write it like `+01:00`, or name the zone: `[Europe/Stockholm]`",
        )
    };
    let (hours, minutes) = offset.get(1..).and_then(|digits| digits.split_once(':')).ok_or_else(wrong)?;
    let (hours, minutes) = (two(hours).ok_or_else(wrong)?, two(minutes).ok_or_else(wrong)?);
    if hours > 14 || minutes > 59 {
        return Err(wrong());
    }
    let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
    let seconds = if offset.starts_with('-') { -seconds } else { seconds };
    Ok((rest, Some(Offset::from_seconds(seconds).map_err(|_| wrong())?)))
}

pub(super) fn civil(text: &str) -> Result<DateTime, TimeError> {
    let Some((day, time)) = text.split_once('T') else {
        let date_alone = date(text).is_ok();
        return Err(if date_alone {
            syntax(
                format!("`{text}` is a day without a time"),
                format!("write the time after it: `{text}T09:00`"),
            )
        } else if let Some((day, time)) = text.split_once(' ').filter(|(day, _)| date(day).is_ok()) {
            syntax("a `T` stands between day and time, not a space", format!("write `{day}T{}`", time.trim()))
        } else {
            syntax(format!("`{}` is no time", shown(text)), EXAMPLE)
        });
    };
    let date = date(day)?;
    let wrong = || syntax(format!("`{}` is no time of day", shown(time)), EXAMPLE);
    let mut parts = time.split(':');
    let (hour, minute) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let second = parts.next().map_or(Some(0), two).ok_or_else(wrong)?;
    let (hour, minute) = (two(hour).ok_or_else(wrong)?, two(minute).ok_or_else(wrong)?);
    if parts.next().is_some() || minute > 59 || second > 59 || hour > 24 {
        return Err(wrong());
    }
    if hour == 24 {
        let next = date.tomorrow().map_err(|_| wrong())?;
        return Err(syntax(
            "a day ends at 23:59; 24:00 is the next day's 00:00",
            format!("write `{next}T00:{minute:02}`"),
        ));
    }
    let time = Time::new(hour, minute, second, 0).map_err(|_| wrong())?;
    Ok(date.to_datetime(time))
}

fn date(text: &str) -> Result<Date, TimeError> {
    let wrong = || syntax(format!("`{}` is no day", shown(text)), EXAMPLE);
    let mut parts = text.split('-');
    let (year, month, day) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(year), Some(month), Some(day), None) if year.len() == 4 => (year, month, day),
        _ => return Err(wrong()),
    };
    let digits = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i16>().ok()).flatten()
    };
    let year = digits(year).ok_or_else(wrong)?;
    let (month, day) = (two(month).ok_or_else(wrong)?, two(day).ok_or_else(wrong)?);
    if !(1970..2200).contains(&year) {
        return Err(syntax(format!("the year {year} is out of reach"), "write a year from 1970 to 2199"));
    }
    Date::new(year, month, day).map_err(|_| syntax(format!("the calendar has no {text}"), EXAMPLE))
}

/// Exactly two digits.
fn two(text: &str) -> Option<i8> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}
