//! Cron patterns of five fields, read in the newsroom's zone.
//!
//! A fixed time that the clocks skip is taken at the end of the gap, one that they repeat is
//! taken once, at its first occurrence. Days of week are POSIX: 0 and 7 are Sunday.

mod check;
mod words;

use std::fmt;

use croner::parser::{CronParser, Seconds};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use check::{check_field, comes};
use words::simple;

/// A five-field cron pattern, read in the newsroom's zone.
#[derive(Clone)]
pub struct Slots {
    /// The pattern as it was written.
    pub pattern: String,
    /// The pattern, parsed.
    pub cron: croner::Cron,
}

// croner's own form lists every year to 5000.
impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slots").field(&self.pattern).finish()
    }
}

/// What is wrong with a pattern, at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SlotsError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// Byte offset in the pattern.
    pub at: usize,
}

/// Each field's name and what it may hold.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of month", "1 to 31, `L` for the last, `15W` for the weekday nearest to the 15th"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of week", "0 to 7 (0 and 7 are Sunday), or SUN to SAT; `TUE#2` for the second, `5L` for the last"),
];

const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

impl Slots {
    /// Parses a pattern; one that can never match is refused.
    pub fn parse(pattern: &str) -> Result<Slots, SlotsError> {
        let fields: Vec<(usize, &str)> = pattern
            .split_whitespace()
            .map(|field| (field.as_ptr().addr() - pattern.as_ptr().addr(), field))
            .collect();
        if let Some((at, name)) = fields.first().filter(|(_, field)| field.starts_with('@')) {
            return Err(SlotsError {
                message: format!("`{name}` is a nickname"),
                hint: "write five fields: `0 9 * * Mon-Fri` is 09:00 from Monday to Friday".to_owned(),
                at: *at,
            });
        }
        if fields.len() != FIELDS.len() {
            return Err(SlotsError {
                message: format!(
                    "a cron pattern has five fields (minute, hour, day of month, month, day of week), this one has {}",
                    fields.len()
                ),
                hint: "`0 9 * * Mon-Fri` is 09:00 from Monday to Friday; seconds and years are not used"
                    .to_owned(),
                at: fields.get(FIELDS.len()).map_or(pattern.len(), |(at, _)| *at),
            });
        }
        for (index, (at, field)) in fields.iter().enumerate() {
            check_field(index, *at, field)?;
        }
        let cron = parser().parse(pattern).map_err(|error| SlotsError {
            message: error.to_string(),
            hint: "write five fields, such as `0 9 * * Mon-Fri`".to_owned(),
            at: 0,
        })?;
        if !comes(&cron) {
            return Err(SlotsError {
                message: "no day ever matches this pattern".to_owned(),
                hint: "look at day of month and month: 30 February never comes".to_owned(),
                at: fields.get(2).map_or(0, |(at, _)| *at),
            });
        }
        Ok(Slots { pattern: pattern.to_owned(), cron })
    }

    /// The first slot at or after `from`.
    pub fn at_or_after(&self, from: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let from = whole_second(from);
        self.cron.find_next_occurrence(&from.to_zoned(zone.clone()), true).ok().map(|next| next.timestamp())
    }

    /// The first slot after `after`.
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        self.at_or_after(after.checked_add(SignedDuration::from_nanos(1)).ok()?, zone)
    }

    /// The last slot at or before `until`.
    pub fn at_or_before(&self, until: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let found = self.cron.find_previous_occurrence(&until.to_zoned(zone.clone()), true).ok()?;
        Some(found.timestamp()).filter(|found| *found <= until)
    }

    /// Whether it never comes twice on one day.
    pub fn once_a_day(&self) -> bool {
        let mut fields = self.pattern.split_whitespace();
        let mut fixed = || fields.next().is_some_and(|field| field.bytes().all(|byte| byte.is_ascii_digit()));
        fixed() && fixed()
    }

    /// The pattern in words: `at 09:00 and 15:00, Mon to Fri`.
    pub fn describe(&self) -> String {
        simple(&self.pattern).unwrap_or_else(|| {
            let words = self.cron.describe();
            let words = words.trim_end_matches('.').replace(',', ", ").replace(",  ", ", ");
            let mut letters = words.chars();
            letters.next().map(char::to_lowercase).into_iter().flatten().chain(letters).collect()
        })
    }
}

fn parser() -> CronParser {
    CronParser::builder().seconds(Seconds::Disallowed).build()
}

/// Cron matches whole seconds; a slot must not come before the instant it was asked for.
fn whole_second(instant: Timestamp) -> Timestamp {
    if instant.subsec_nanosecond() == 0 {
        return instant;
    }
    Timestamp::from_second(instant.as_second() + i64::from(instant.subsec_nanosecond() > 0))
        .unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bad_pattern_says_where_and_what() {
        for (pattern, at, message, hint) in [
            ("", 0, "this one has 0", "0 9 * * Mon-Fri"),
            ("0 9 * *", 7, "this one has 4", "09:00"),
            ("0 0 9 * * Mon", 10, "this one has 6", "seconds"),
            ("@daily", 0, "`@daily` is a nickname", "five fields"),
            ("61 9 * * *", 0, "`61` is no minute", "0 to 59"),
            ("0 24 * * *", 2, "`24` is no hour", "0 to 23"),
            ("0 9,25 * * *", 4, "`25` is no hour", "0 to 23"),
            ("0 9 32 * *", 4, "`32` is no day of month", "1 to 31"),
            ("0 9 * 13 *", 6, "`13` is no month", "1 to 12"),
            ("0 9 * * 8", 8, "`8` is no day of week", "Sunday"),
            ("0 9 * * Moon", 8, "`Moon` is no day of week", "SUN to SAT"),
            ("0 9 * * Mon-Fry", 12, "`Fry` is no day of week", "SUN to SAT"),
            ("0 9 * * Fri-Mon", 8, "`Fri-Mon` is no day of week", "name the days: `FRI,MON`"),
            ("MON 9 * * *", 0, "`MON` is no minute", "0 to 59"),
            ("0 9 * Mai *", 6, "`Mai` is no month", "JAN to DEC"),
            ("0/15 9 * * *", 0, "steps from a single minute", "`*/15`"),
            ("0 9 30 2 *", 4, "no day ever matches", "30 February"),
            ("0 9 31 4,6 *", 4, "no day ever matches", "day of month"),
            ("0 9 é * *", 4, "`é` is no day of month", "1 to 31"),
            ("0 9 * * *,", 10, "a day of week is missing here", "Sunday"),
            ("0 9 ,1 * *", 4, "a day of month is missing here", "1 to 31"),
        ] {
            let error = Slots::parse(pattern).expect_err(pattern);
            assert_eq!(error.at, at, "{pattern:?}: {error:?}");
            assert!(error.message.contains(message), "{pattern:?}: {error:?}");
            assert!(error.hint.contains(hint), "{pattern:?}: {error:?}");
        }
    }

    #[test]
    fn good_patterns_in_words() {
        for (pattern, words) in [
            ("0 9,15 * * Mon-Fri", "at 09:00 and 15:00, Mon to Fri"),
            ("0 8 * * Mon", "at 08:00, Mon"),
            ("30 7 * * *", "at 07:30, every day"),
            ("0 8 * * 1,3,7", "at 08:00, Mon, Wed, Sun"),
        ] {
            assert_eq!(Slots::parse(pattern).unwrap().describe(), words, "{pattern}");
        }
        for pattern in
            ["*/30 9-17 * * *", "0 9 L * *", "0 9 15W * *", "0 9 * * TUE#2", "0 9 29 2 *", "0 9 * * 5L"]
        {
            let words = Slots::parse(pattern).expect(pattern).describe();
            assert!(words.len() > 8, "{pattern}: {words}");
        }
    }

    /// The next `count` slots after `after`.
    fn upcoming(slots: &Slots, after: Timestamp, zone: &TimeZone, count: usize) -> Vec<Timestamp> {
        let next = |after| slots.next_after(after, zone);
        std::iter::successors(next(after), |last| next(*last)).take(count).collect()
    }

    #[track_caller]
    fn check(pattern: &str, zone: &str, after: &str, expected: &[&str]) {
        let zone = TimeZone::get(zone).unwrap();
        let slots = Slots::parse(pattern).unwrap();
        let next: Vec<String> = upcoming(&slots, after.parse().unwrap(), &zone, expected.len())
            .into_iter()
            .map(|slot| slot.to_zoned(zone.clone()).strftime("%F %R %:z").to_string())
            .collect();
        assert_eq!(next, expected, "{pattern}");
    }

    #[test]
    fn slots_over_changing_clocks() {
        // The gap: the end of it. The fold: once, the first time.
        check(
            "30 2 * * *",
            "America/New_York",
            "2026-03-07T12:00:00Z",
            &["2026-03-08 03:00 -04:00", "2026-03-09 02:30 -04:00"],
        );
        check(
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00:00Z",
            &["2026-11-01 01:30 -04:00", "2026-11-02 01:30 -05:00"],
        );
        check(
            "0 9,15 * * Mon-Fri",
            "Europe/Stockholm",
            "2026-10-23T07:30:00Z",
            &["2026-10-23 15:00 +02:00", "2026-10-26 09:00 +01:00", "2026-10-26 15:00 +01:00"],
        );
        check("0 0 * * *", "Asia/Beirut", "2026-03-28T12:00:00Z", &["2026-03-29 01:00 +03:00"]);
    }

    #[test]
    fn the_tick_before_and_the_tick_after() {
        let zone = TimeZone::get("Europe/Stockholm").unwrap();
        let slots = Slots::parse("0 8 * * Mon").unwrap();
        for (now, before, after) in [
            ("2026-12-07T06:59:59Z", "2026-11-30T07:00:00Z", "2026-12-07T07:00:00Z"),
            ("2026-12-07T07:00:00Z", "2026-12-07T07:00:00Z", "2026-12-14T07:00:00Z"),
            ("2026-12-07T07:00:00.5Z", "2026-12-07T07:00:00Z", "2026-12-14T07:00:00Z"),
        ] {
            let now: Timestamp = now.parse().unwrap();
            assert_eq!(slots.at_or_before(now, &zone), before.parse().ok(), "{now}");
            assert_eq!(slots.next_after(now, &zone), after.parse().ok(), "{now}");
        }
        let half: Timestamp = "2026-12-07T07:00:00.5Z".parse().unwrap();
        assert_eq!(slots.at_or_after(half, &zone), "2026-12-14T07:00:00Z".parse().ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// A fixed time of day comes exactly once on every local day, in order, whatever the clocks do.
        #[test]
        fn one_slot_a_day_strictly_increasing(
            hour in 0_u8..24,
            minute in 0_u8..60,
            zone in prop::sample::select(vec![
                "Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "Africa/Casablanca", "UTC",
            ]),
            start in 0_i64..2000,
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let slots = Slots::parse(&format!("{minute} {hour} * * *")).unwrap();
            let from = Timestamp::from_second(1_767_225_600 + start * 86_400).unwrap();
            let next = upcoming(&slots, from, &zone, 60);
            prop_assert_eq!(next.len(), 60);
            for pair in next.windows(2) {
                prop_assert!(pair[0] < pair[1]);
                let days = pair.iter().map(|slot| slot.to_zoned(zone.clone()).date()).collect::<Vec<_>>();
                prop_assert_eq!(days[0].tomorrow().unwrap(), days[1]);
                prop_assert_eq!(slots.at_or_before(pair[1] - SignedDuration::from_secs(1), &zone), Some(pair[0]));
            }
        }

        #[test]
        fn no_text_panics(pattern in "[0-9*/,#LWa-zå -]{0,30}") {
            if let Err(error) = Slots::parse(&pattern) {
                prop_assert!(pattern.is_char_boundary(error.at));
            }
        }
    }
}
