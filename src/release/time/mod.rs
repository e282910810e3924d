//! Times as people write them: a wall clock in a named place.
//!
//! `2026-12-01T09:00[Europe/Stockholm]`, or without the zone, which is then the newsroom's; an
//! offset (`2026-12-01T08:00:00Z`, `…+01:00`) is taken too, alone or with the zone that it must
//! agree with. A time that the clocks skip or show twice is refused, never guessed.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use crate::finding::nearest;

/// A wall-clock time, and the zone it names, if it does.
#[derive(Debug, Clone, PartialEq)]
pub struct WallTime {
    /// What the clock on the wall shows.
    pub civil: DateTime,
    /// The zone in brackets, as an IANA name; a fixed one where only an offset is written.
    pub zone: Option<TimeZone>,
    /// The offset from UTC, where it is written; agrees with the zone.
    pub offset: Option<Offset>,
}

/// Why a time cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The clocks go forward over it.
    #[error("{} does not exist in {zone}: the clocks go from {} to {} that night", short(.civil), clock(.before), clock(.after))]
    Skipped {
        /// The time.
        civil: DateTime,
        /// The zone.
        zone: String,
        /// What the clocks show when they are put forward.
        before: DateTime,
        /// What they show then.
        after: DateTime,
    },
    /// The clocks go back over it.
    #[error("{} happens twice in {zone}: the clocks go back from {} to {} that night", short(.civil), clock(.before), clock(.after))]
    Repeated {
        /// The time.
        civil: DateTime,
        /// The zone.
        zone: String,
        /// What the clocks show when they are put back.
        before: DateTime,
        /// What they show then.
        after: DateTime,
        /// The offset of its first time.
        first: Offset,
        /// The offset of its second time.
        second: Offset,
    },
    /// The offset is not the zone's.
    #[error("{zone} is at {} on {}, not at {}", offset_text(*.actual), short(.civil), offset_text(*.written))]
    Offset {
        /// The time.
        civil: DateTime,
        /// The zone.
        zone: String,
        /// The offset as it was written.
        written: Offset,
        /// The zone's.
        actual: Offset,
    },
    /// No zone has that name.
    #[error("there is no time zone `{name}`")]
    Zone {
        /// What was written.
        name: String,
        /// What was probably meant.
        near: Option<String>,
    },
    /// It cannot be read.
    #[error("{message}")]
    Syntax {
        /// What is wrong.
        message: String,
        /// What to write.
        hint: String,
    },
}

impl TimeError {
    /// What to do.
    pub fn hint(&self) -> String {
        match self {
            TimeError::Skipped { civil, after, .. } => {
                format!(
                    "write {} or later, or a time before the change",
                    short(&civil.date().to_datetime(after.time()))
                )
            }
            TimeError::Repeated { civil, zone, first, second, .. } => format!(
                "write `{civil}{}[{zone}]` for the first time or `{civil}{}[{zone}]` for the second, or choose another time",
                offset_text(*first),
                offset_text(*second),
                civil = short(civil)
            ),
            TimeError::Offset { civil, zone, .. } => {
                format!("write `{}[{zone}]`, without the offset", short(civil))
            }
            TimeError::Zone { near: Some(near), .. } => format!("did you mean `{near}`?"),
            TimeError::Zone { .. } => "write the zone of a city, such as `Europe/Stockholm`".to_owned(),
            TimeError::Syntax { hint, .. } => hint.clone(),
        }
    }
}

impl WallTime {
    /// The instant, in the zone it names or else in `default`.
    ///
    /// A time that the clocks skip or repeat is refused, not guessed.
    pub fn instant(&self, default: &TimeZone) -> Result<Timestamp, TimeError> {
        let zone = self.zone.as_ref().unwrap_or(default);
        let offset = match (self.offset, zone.to_ambiguous_timestamp(self.civil).offset()) {
            (Some(offset), _) | (None, AmbiguousOffset::Unambiguous { offset }) => offset,
            (None, AmbiguousOffset::Gap { before, after }) => {
                return Err(skipped(self.civil, zone, before, after));
            }
            (None, AmbiguousOffset::Fold { before, after }) => {
                let (from, to) = change(self.civil, zone, after, before, after);
                return Err(TimeError::Repeated {
                    civil: self.civil,
                    zone: name(zone),
                    before: from,
                    after: to,
                    first: before,
                    second: after,
                });
            }
        };
        offset.to_timestamp(self.civil).map_err(|error| TimeError::Syntax {
            message: error.to_string(),
            hint: "write a date of this century".to_owned(),
        })
    }
}

impl FromStr for WallTime {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<WallTime, TimeError> {
        let (rest, zone) = match text.split_once('[') {
            Some((rest, bracket)) => {
                let name = bracket
                    .strip_suffix(']')
                    .ok_or_else(|| syntax("the zone's bracket is not closed", "end it with `]`"))?;
                (rest, Some(zone_named(name)?))
            }
            None => (text, None),
        };
        let (rest, offset) = split_offset(rest)?;
        let civil = civil(rest)?;
        if let (Some(offset), Some(zone)) = (offset, &zone) {
            let actual = match zone.to_ambiguous_timestamp(civil).offset() {
                AmbiguousOffset::Unambiguous { offset } => offset,
                AmbiguousOffset::Gap { before, after } => return Err(skipped(civil, zone, before, after)),
                AmbiguousOffset::Fold { before, after } => {
                    if offset == after {
                        after
                    } else {
                        before
                    }
                }
            };
            if actual != offset {
                return Err(TimeError::Offset { civil, zone: name(zone), written: offset, actual });
            }
        }
        Ok(WallTime { civil, zone: zone.or_else(|| offset.map(TimeZone::fixed)), offset })
    }
}

/// The zone with an IANA name such as `Europe/Stockholm`.
///
/// Abbreviations are refused, for `EST` is no place and never on summer time.
pub fn zone_named(name: &str) -> Result<TimeZone, TimeError> {
    let known = name == "UTC" || (name.contains('/') && name.is_ascii());
    if let Some(zone) = known.then(|| TimeZone::get(name).ok()).flatten() {
        return Ok(zone);
    }
    let names: Vec<String> = jiff::tz::db().available().map(|zone| zone.as_str().to_owned()).collect();
    let places = names.iter().map(String::as_str).filter(|zone| zone.contains('/'));
    let wanted = name.replace(' ', "_");
    let city = |zone: &str| zone.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&wanted));
    let near = places.clone().find(|zone| city(zone)).or_else(|| nearest(&wanted, places));
    Err(TimeError::Zone { name: name.chars().take(60).collect(), near: near.map(str::to_owned) })
}

fn syntax(message: impl Into<String>, hint: impl Into<String>) -> TimeError {
    TimeError::Syntax { message: message.into(), hint: hint.into() }
}

const EXAMPLE: &str = "write it like `2026-12-01T09:00[Europe/Stockholm]`";

/// Splits `2026-12-01T09:00+01:00` before its offset.
fn split_offset(text: &str) -> Result<(&str, Option<Offset>), TimeError> {
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

fn civil(text: &str) -> Result<DateTime, TimeError> {
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
            syntax(format!("`{}` is no time", super::parse::shown(text)), EXAMPLE)
        });
    };
    let date = date(day)?;
    let wrong = || syntax(format!("`{}` is no time of day", super::parse::shown(time)), EXAMPLE);
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
    let wrong = || syntax(format!("`{}` is no day", super::parse::shown(text)), EXAMPLE);
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

fn skipped(civil: DateTime, zone: &TimeZone, before: Offset, after: Offset) -> TimeError {
    let (from, to) = change(civil, zone, before, before, after);
    TimeError::Skipped { civil, zone: name(zone), before: from, after: to }
}

/// What the clocks show before and after the change over `civil`; read with `late`, that time is at
/// or after the change.
fn change(
    civil: DateTime,
    zone: &TimeZone,
    late: Offset,
    before: Offset,
    after: Offset,
) -> (DateTime, DateTime) {
    let instant = late
        .to_timestamp(civil)
        .ok()
        .and_then(|at| at.checked_add(jiff::SignedDuration::from_secs(1)).ok())
        .and_then(|at| zone.preceding(at).next())
        .map(|transition| transition.timestamp());
    instant.map_or((civil, civil), |at| (before.to_datetime(at), after.to_datetime(at)))
}

fn name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("that zone").to_owned()
}

/// `2026-12-01T09:00`, as people write it.
fn short(civil: &DateTime) -> String {
    civil.strftime(if civil.second() == 0 { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S" }).to_string()
}

fn clock(civil: &DateTime) -> String {
    civil.strftime("%H:%M").to_string()
}

fn offset_text(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The instant of `text` for a newsroom in Stockholm, or what is said instead.
    fn check(table: &[(&str, &str)]) {
        let stockholm = TimeZone::get("Europe/Stockholm").unwrap();
        let wrong: Vec<String> = table
            .iter()
            .filter_map(|(text, expected)| {
                let got = match text.parse::<WallTime>().and_then(|time| time.instant(&stockholm)) {
                    Ok(instant) => instant.to_string(),
                    Err(error) => format!("{error} | {}", error.hint()),
                };
                (got != *expected).then(|| format!("{text}\n     got: {got}\nexpected: {expected}\n"))
            })
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn times_in_zones_and_at_offsets() {
        check(&[
            ("2026-12-01T09:00[Europe/Stockholm]", "2026-12-01T08:00:00Z"),
            ("2026-12-01T09:00", "2026-12-01T08:00:00Z"),
            ("2026-06-01T09:00", "2026-06-01T07:00:00Z"),
            ("2026-12-01T09:00:30", "2026-12-01T08:00:30Z"),
            ("2026-12-01T09:00[America/New_York]", "2026-12-01T14:00:00Z"),
            ("2026-12-01T09:00[UTC]", "2026-12-01T09:00:00Z"),
            ("2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z"),
            ("2026-12-01T08:00Z", "2026-12-01T08:00:00Z"),
            ("2026-12-01T09:00:00+01:00", "2026-12-01T08:00:00Z"),
            ("2026-12-01T09:00-05:30", "2026-12-01T14:30:00Z"),
            ("2026-12-01T09:00+01:00[Europe/Stockholm]", "2026-12-01T08:00:00Z"),
            ("2026-10-25T02:30+02:00[Europe/Stockholm]", "2026-10-25T00:30:00Z"),
            ("2026-10-25T02:30+01:00[Europe/Stockholm]", "2026-10-25T01:30:00Z"),
            ("2028-02-29T00:00", "2028-02-28T23:00:00Z"),
        ]);
    }

    #[test]
    fn what_is_no_time_is_explained() {
        check(&[
            (
                "2026-03-29T02:30[Europe/Stockholm]",
                "2026-03-29T02:30 does not exist in Europe/Stockholm: the clocks go from 02:00 to 03:00 that night | write 2026-03-29T03:00 or later, or a time before the change",
            ),
            (
                "2026-03-29T02:00",
                "2026-03-29T02:00 does not exist in Europe/Stockholm: the clocks go from 02:00 to 03:00 that night | write 2026-03-29T03:00 or later, or a time before the change",
            ),
            (
                "2026-10-25T02:30",
                "2026-10-25T02:30 happens twice in Europe/Stockholm: the clocks go back from 03:00 to 02:00 that night | write `2026-10-25T02:30+02:00[Europe/Stockholm]` for the first time or `2026-10-25T02:30+01:00[Europe/Stockholm]` for the second, or choose another time",
            ),
            (
                "2026-10-04T02:15[Australia/Lord_Howe]",
                "2026-10-04T02:15 does not exist in Australia/Lord_Howe: the clocks go from 02:00 to 02:30 that night | write 2026-10-04T02:30 or later, or a time before the change",
            ),
            (
                "2026-12-01T09:00+02:00[Europe/Stockholm]",
                "Europe/Stockholm is at +01:00 on 2026-12-01T09:00, not at +02:00 | write `2026-12-01T09:00[Europe/Stockholm]`, without the offset",
            ),
            (
                "2026-10-25T02:30+03:00[Europe/Stockholm]",
                "Europe/Stockholm is at +02:00 on 2026-10-25T02:30, not at +03:00 | write `2026-10-25T02:30[Europe/Stockholm]`, without the offset",
            ),
            (
                "2026-12-01T09:00[Europe/Stokholm]",
                "there is no time zone `Europe/Stokholm` | did you mean `Europe/Stockholm`?",
            ),
            (
                "2026-12-01T09:00[America/NewYork]",
                "there is no time zone `America/NewYork` | did you mean `America/New_York`?",
            ),
            (
                "2026-12-01T09:00[new york]",
                "there is no time zone `new york` | did you mean `America/New_York`?",
            ),
            (
                "2026-12-01T09:00[EST]",
                "there is no time zone `EST` | write the zone of a city, such as `Europe/Stockholm`",
            ),
            (
                "2026-12-01T24:00",
                "a day ends at 23:59; 24:00 is the next day's 00:00 | write `2026-12-02T00:00`",
            ),
            (
                "2026-12-01",
                "`2026-12-01` is a day without a time | write the time after it: `2026-12-01T09:00`",
            ),
            ("2026-12-01 09:00", "a `T` stands between day and time, not a space | write `2026-12-01T09:00`"),
            (
                "2026-02-30T09:00",
                "the calendar has no 2026-02-30 | write it like `2026-12-01T09:00[Europe/Stockholm]`",
            ),
            (
                "2026-12-01T9:00",
                "`9:00` is no time of day | write it like `2026-12-01T09:00[Europe/Stockholm]`",
            ),
            (
                "2026-12-01T09:60",
                "`09:60` is no time of day | write it like `2026-12-01T09:00[Europe/Stockholm]`",
            ),
            ("2026-12-01T09:00[Europe/Stockholm", "the zone's bracket is not closed | end it with `]`"),
            (
                "2026-12-01T09:00+1",
                "`+1` is no offset from UTC | write it like `+01:00`, or name the zone: `[Europe/Stockholm]`",
            ),
            ("0026-12-01T09:00", "the year 26 is out of reach | write a year from 1970 to 2199"),
            ("tomorrow", "`tomorrow` is no time | write it like `2026-12-01T09:00[Europe/Stockholm]`"),
            ("", "`` is no time | write it like `2026-12-01T09:00[Europe/Stockholm]`"),
        ]);
    }
}
