//! Times as people write them: a wall clock in a named place.
//!
//! `2026-12-01T09:00[Europe/Stockholm]`, or without the zone, which is then the newsroom's; an
//! offset (`2026-12-01T08:00:00Z`, `…+01:00`) is taken too, alone or with the zone that it must
//! agree with. A time that the clocks skip or show twice is refused, never guessed.

mod error;
mod syntax;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use crate::finding::nearest;

pub use error::TimeError;
use syntax::{civil, split_offset, syntax};

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

/// As it was meant, not to the letter: `2026-12-01T09:00:00[Europe/Stockholm]`.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.civil)?;
        if let Some(offset) = self.offset {
            write!(f, "{offset}")?;
        }
        match self.zone.as_ref().and_then(TimeZone::iana_name) {
            Some(zone) => write!(f, "[{zone}]"),
            None => Ok(()),
        }
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
