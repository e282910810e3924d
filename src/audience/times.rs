//! When mail may leave: windows, cron slots, digests.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::slots::Slots;
use crate::audience::Audience;

/// Hours of some weekdays.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The days on which it opens.
    pub days: Vec<Weekday>,
    /// From this time of day.
    pub from: Time,
    /// Until before this one; of the next day where it is not after `from`.
    /// The same time twice is the whole day.
    pub until: Time,
    /// Whose clock counts.
    pub zone: Zone,
}

/// Whose clock counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Zone {
    /// The recipient's; the newsroom's where it is not known.
    Recipient,
    /// The newsroom's.
    Newsroom,
    /// A named one.
    Named(TimeZone),
}

/// A round-up at fixed times.
#[derive(Debug, Clone)]
pub struct Digest {
    /// When it leaves.
    pub slots: Slots,
    /// The template that renders it.
    pub template: String,
}

/// How far ahead a slot or window is looked for.
const HORIZON: SignedDuration = SignedDuration::from_hours(366 * 24);

impl Window {
    /// The first instant at or after `ready` inside the window, by the clocks of `zone`.
    ///
    /// A time that the clocks skip is taken at the end of the gap, one that they repeat at its
    /// first occurrence.
    pub fn opening(&self, ready: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut day = ready.to_zoned(zone.clone()).date().yesterday().ok()?;
        // Eight days from yesterday hold every weekday, and one more where a gap swallowed a window.
        for _ in 0..16 {
            if self.days.contains(&day.weekday()) {
                let (opens, closes) = (instant(zone, day, self.from)?, self.closing(day, zone)?);
                if ready < closes && opens < closes {
                    return Some(ready.max(opens));
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn closing(&self, day: Date, zone: &TimeZone) -> Option<Timestamp> {
        let day = if self.until <= self.from { day.checked_add(1.day()).ok()? } else { day };
        instant(zone, day, self.until)
    }
}

/// The instant of a wall-clock time: the end of the gap that it falls into, or its first occurrence.
fn instant(zone: &TimeZone, day: Date, time: Time) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(DateTime::from_parts(day, time));
    if let AmbiguousOffset::Gap { .. } = ambiguous.offset() {
        let before = ambiguous.earlier().ok()?;
        return zone.following(before).next().map(|change| change.timestamp());
    }
    ambiguous.earlier().ok()
}

pub(super) fn due(
    audience: &Audience,
    ready: Timestamp,
    newsroom: &TimeZone,
    recipient: &TimeZone,
) -> Option<Timestamp> {
    let last = ready.checked_add(HORIZON).ok()?;
    let mut at = ready;
    loop {
        let slot = match &audience.slots {
            Some(slots) => slots.at_or_after(at, newsroom)?,
            None => at,
        };
        let open = match &audience.window {
            Some(window) => window.opening(slot, window.zone_for(newsroom, recipient))?,
            None => slot,
        };
        if open > last {
            return None;
        }
        if open == slot || audience.slots.is_none() {
            return Some(open);
        }
        at = open;
    }
}

impl Window {
    fn zone_for<'a>(&'a self, newsroom: &'a TimeZone, recipient: &'a TimeZone) -> &'a TimeZone {
        match &self.zone {
            Zone::Recipient => recipient,
            Zone::Newsroom => newsroom,
            Zone::Named(zone) => zone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::tests::audience;
    use proptest::prelude::*;

    /// When mail that is ready at `ready` (UTC) leaves, for a newsroom in Stockholm.
    #[track_caller]
    fn check(yaml: &str, recipient: &str, ready: &str, expected: &str) {
        let newsroom = TimeZone::get("Europe/Stockholm").unwrap();
        let recipient = TimeZone::get(recipient).unwrap();
        let due = audience(yaml).due(ready.parse().unwrap(), &newsroom, &recipient);
        let due = due.map_or("never".to_owned(), |due| due.to_string());
        assert_eq!(due, expected, "{yaml} from {ready} in {recipient:?}");
    }

    #[test]
    fn windows() {
        let office = "window: { days: Mon-Fri, hours: \"08:00-18:00\", zone: recipient }";
        for (recipient, ready, expected) in [
            // Tuesday, inside, at the edges, before, after.
            ("Europe/Stockholm", "2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z"),
            ("Europe/Stockholm", "2026-12-01T07:00:00Z", "2026-12-01T07:00:00Z"),
            ("Europe/Stockholm", "2026-12-01T06:59:59Z", "2026-12-01T07:00:00Z"),
            ("Europe/Stockholm", "2026-12-01T16:59:59Z", "2026-12-01T16:59:59Z"),
            ("Europe/Stockholm", "2026-12-01T17:00:00Z", "2026-12-02T07:00:00Z"),
            // Friday evening waits for Monday.
            ("Europe/Stockholm", "2026-12-04T17:00:00Z", "2026-12-07T07:00:00Z"),
            // The reader's own morning.
            ("America/New_York", "2026-12-01T08:00:00Z", "2026-12-01T13:00:00Z"),
            ("Asia/Tokyo", "2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z"),
            ("Asia/Tokyo", "2026-12-01T10:00:00Z", "2026-12-01T23:00:00Z"),
            // Monday in Tokyo begins on Sunday here.
            ("Asia/Tokyo", "2026-12-06T12:00:00Z", "2026-12-06T23:00:00Z"),
        ] {
            check(office, recipient, ready, expected);
        }
        let ours = "window: { days: Mon-Fri, hours: \"08:00-18:00\", zone: newsroom }";
        check(ours, "Asia/Tokyo", "2026-12-01T10:00:00Z", "2026-12-01T10:00:00Z");
        let named = "window: { days: Mon-Fri, hours: \"08:00-18:00\", zone: America/New_York }";
        check(named, "Asia/Tokyo", "2026-12-01T10:00:00Z", "2026-12-01T13:00:00Z");
    }

    #[test]
    fn windows_over_midnight_and_changing_clocks() {
        let night = "window: { days: Fri, hours: \"22:00-02:00\", zone: newsroom }";
        check(night, "UTC", "2026-12-05T00:30:00Z", "2026-12-05T00:30:00Z");
        check(night, "UTC", "2026-12-05T01:00:00Z", "2026-12-11T21:00:00Z");
        let gap = "window: { days: Sun, hours: \"02:30-04:00\", zone: newsroom }";
        check(gap, "UTC", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z");
        let swallowed = "window: { days: Sun, hours: \"02:10-02:50\", zone: newsroom }";
        check(swallowed, "UTC", "2026-03-28T12:00:00Z", "2026-04-05T00:10:00Z");
        let fold = "window: { days: Sun, hours: \"02:30-04:00\", zone: newsroom }";
        check(fold, "UTC", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z");
        let whole = "window: { days: Sat, hours: \"00:00-24:00\", zone: newsroom }";
        check(whole, "UTC", "2026-12-05T22:59:00Z", "2026-12-05T22:59:00Z");
        check(whole, "UTC", "2026-12-05T23:00:00Z", "2026-12-11T23:00:00Z");
    }

    #[test]
    fn slots_and_windows_together() {
        let slots = "slots: \"0 9,15 * * Mon-Fri\"";
        check(slots, "UTC", "2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z");
        check(slots, "UTC", "2026-12-01T08:00:01Z", "2026-12-01T14:00:00Z");
        check(slots, "UTC", "2026-12-04T15:00:00Z", "2026-12-07T08:00:00Z");
        let both =
            "slots: \"0 9,15 * * *\"\nwindow: { days: Mon-Fri, hours: \"08:00-12:00\", zone: recipient }";
        // 09:00 in Stockholm is 03:00 in New York, 15:00 is 09:00.
        check(both, "America/New_York", "2026-12-01T07:00:00Z", "2026-12-01T14:00:00Z");
        check(both, "America/New_York", "2026-12-04T18:00:00Z", "2026-12-07T14:00:00Z");
        let never = "slots: \"0 9 * * *\"\nwindow: { days: Mon-Fri, hours: \"10:00-12:00\", zone: newsroom }";
        check(never, "UTC", "2026-12-01T07:00:00Z", "never");
        check("name: x", "UTC", "2026-12-01T07:00:00Z", "2026-12-01T07:00:00Z");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Mail never leaves early, and only while the window is open on the reader's wall.
        #[test]
        fn mail_leaves_inside_the_window(
            seconds in 1_767_225_600_i64..1_830_000_000,
            from in 0_i8..23,
            length in 1_i8..20,
            zone in prop::sample::select(vec!["Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
        ) {
            let until = (from + length) % 24;
            let zone = TimeZone::get(zone).unwrap();
            let window = Window {
                days: vec![Weekday::Monday, Weekday::Thursday],
                from: Time::constant(from, 0, 0, 0),
                until: Time::constant(until, 0, 0, 0),
                zone: Zone::Newsroom,
            };
            let ready = Timestamp::from_second(seconds).unwrap();
            let opening = window.opening(ready, &zone).unwrap();
            prop_assert!(opening >= ready);
            prop_assert_eq!(window.opening(opening, &zone), Some(opening));
            prop_assert!(opening.duration_since(ready) < SignedDuration::from_hours(15 * 24));
            let local = opening.to_zoned(zone);
            let opened_yesterday = local.time() < window.from && until <= from;
            let day = if opened_yesterday { local.date().yesterday().unwrap() } else { local.date() };
            prop_assert!(window.days.contains(&day.weekday()), "{}", local);
        }
    }
}
