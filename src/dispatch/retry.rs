//! When to try again. Pure.
//!
//! A delivery: 1, 5, 15, 30, 60, 120, then every 240 minutes. Press mail is urgent and relays are shared. RFC 5321 4.5.4.1
//! suggests half an hour between tries and four days in all, for servers that own a mailbox's mail; we hand ours to one of
//! those.
//!
//! A destination that takes nothing now: 1, 2, 4 … minutes, an hour at most; a relay that cannot be reached: 5, 10, 20 …
//! seconds, five minutes at most, because everything waits for it.
//!
//! Each up to a fifth earlier or later, so that what failed together does not return together. What the other side asks for
//! (Retry-After) is never undercut, and never kept for longer than a day.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::digest::Digest;

/// Minutes before the second, third … try; the last one repeats.
const MINUTES: [u64; 7] = [1, 5, 15, 30, 60, 120, 240];
/// A mistake over there does not silence a destination for a year.
const MOST_ASKED: Duration = Duration::from_hours(24);

/// Who takes nothing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A provider, a domain, an account.
    Destination,
    /// The way out itself.
    Channel,
}

impl Scope {
    /// The first wait, and the longest, in seconds.
    fn bounds(self) -> (u64, u64) {
        match self {
            Scope::Destination => (60, 3_600),
            Scope::Channel => (5, 300),
        }
    }
}

/// The next try of a delivery that was put off at `now` for the `times`th time (from 1); nothing if that is too late.
///
/// The same delivery and number give the same instant: the spread comes from the delivery's `key`.
pub fn next(
    key: &Digest,
    times: u32,
    retry_after: Option<Duration>,
    now: Timestamp,
    expires: Timestamp,
) -> Option<Timestamp> {
    let step = (times.max(1) as usize - 1).min(MINUTES.len() - 1);
    let wait = Duration::from_secs(MINUTES[step] * 60);
    let due = after(now, spread(wait, &[&key.0, &times.to_be_bytes()]), retry_after)?;
    (due < expires).then_some(due)
}

/// When a destination may be asked again after the `times`th pause in a row (from 1) began at `now`.
pub fn pause(
    scope: Scope,
    name: &str,
    times: u32,
    retry_after: Option<Duration>,
    now: Timestamp,
) -> Timestamp {
    let (first, most) = scope.bounds();
    let factor = 1_u64.checked_shl(times.max(1) - 1).unwrap_or(u64::MAX);
    let wait = Duration::from_secs(first.saturating_mul(factor).min(most));
    let wait = spread(wait, &[name.as_bytes(), &times.to_be_bytes()]);
    after(now, wait, retry_after).unwrap_or(Timestamp::MAX)
}

/// `wait`, a fifth more or less.
fn spread(wait: Duration, seed: &[&[u8]]) -> Duration {
    let [high, low, ..] = Digest::of_fields(seed).0;
    // 0.8 to 1.2
    wait.mul_f64(0.8 + 0.4 * f64::from(u16::from_be_bytes([high, low])) / f64::from(u16::MAX))
}

fn after(now: Timestamp, wait: Duration, asked: Option<Duration>) -> Option<Timestamp> {
    let wait = wait.max(asked.unwrap_or_default().min(MOST_ASKED));
    now.checked_add(SignedDuration::try_from(wait).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-12-01T08:00:00Z".parse().unwrap()
    }

    fn far() -> Timestamp {
        "2027-12-01T08:00:00Z".parse().unwrap()
    }

    #[track_caller]
    fn within_a_fifth(seconds: i64, about: i64) {
        let bounds = about * 4 / 5..=about * 6 / 5;
        assert!(bounds.contains(&seconds), "{seconds} s instead of about {about} s");
    }

    #[test]
    fn waits_grow_and_stay_within_a_fifth() {
        for (attempt, minutes) in
            [(0, 1), (1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (6, 120), (7, 240), (8, 240), (u32::MAX, 240)]
        {
            for seed in 0..200u8 {
                let due = next(&Digest([seed; 32]), attempt, None, now(), far()).unwrap();
                within_a_fifth(due.duration_since(now()).as_secs(), minutes * 60);
            }
        }
    }

    #[test]
    fn pauses_double_up_to_their_bound() {
        for (scope, times, seconds) in [
            (Scope::Destination, 0, 60),
            (Scope::Destination, 1, 60),
            (Scope::Destination, 2, 120),
            (Scope::Destination, 3, 240),
            (Scope::Destination, 6, 1_920),
            (Scope::Destination, 7, 3_600),
            (Scope::Destination, 64, 3_600),
            (Scope::Destination, u32::MAX, 3_600),
            (Scope::Channel, 1, 5),
            (Scope::Channel, 4, 40),
            (Scope::Channel, 7, 300),
            (Scope::Channel, 65, 300),
        ] {
            for name in ["gmail", "paper.example", "", "yahoo"] {
                let until = pause(scope, name, times, None, now());
                within_a_fifth(until.duration_since(now()).as_secs(), seconds);
            }
        }
    }

    #[test]
    fn the_other_side_is_never_asked_earlier_than_it_wants_nor_obeyed_for_ever() {
        let expires: Timestamp = "2026-12-03T08:00:00Z".parse().unwrap();
        for (asked, at_least, at_most) in [
            (0, 48, 72),
            (1, 48, 72),
            (600, 600, 600),
            (3_600, 3_600, 3_600),
            (86_400, 86_400, 86_400),
            (86_401, 86_400, 86_400),
            (u64::MAX, 86_400, 86_400),
        ] {
            let after = Some(Duration::from_secs(asked));
            let due = next(&Digest([7; 32]), 1, after, now(), expires).unwrap();
            let until = pause(Scope::Destination, "gmail", 1, after, now());
            for at in [due, until] {
                let seconds = at.duration_since(now()).as_secs();
                assert!((at_least..=at_most).contains(&seconds), "asked {asked} s, waits {seconds} s");
            }
        }
        let day = Some(Duration::from_hours(24));
        let tomorrow: Timestamp = "2026-12-02T08:00:00Z".parse().unwrap();
        assert_eq!(next(&Digest([7; 32]), 1, day, now(), tomorrow), None, "not when it expires, nor later");
    }

    #[test]
    fn the_same_try_gives_the_same_instant() {
        let at = |key, attempt| next(&Digest([key; 32]), attempt, None, now(), far());
        assert_eq!(at(1, 3), at(1, 3));
        assert_ne!(at(1, 3), at(2, 3));
        let until = |name, times| pause(Scope::Destination, name, times, None, now());
        assert_ne!(until("a.example", 1), until("b.example", 1));
    }

    #[test]
    fn the_end_of_time_is_no_panic() {
        assert_eq!(pause(Scope::Channel, "", 1, None, Timestamp::MAX), Timestamp::MAX);
        assert_eq!(next(&Digest([1; 32]), 1, None, Timestamp::MAX, Timestamp::MAX), None);
    }
}
