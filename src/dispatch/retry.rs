//! When to try again. Pure.
//!
//! Press mail is urgent and relays are shared: 1, 5, 15, 30, 60, 120, then every 240 minutes, each
//! up to a fifth earlier or later so that what failed together does not return together. The
//! destination's own Retry-After is never undercut. RFC 5321 4.5.4.1 suggests half an hour between
//! tries and four days in all, for servers that own a mailbox's mail; we hand ours to one of those.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::digest::Digest;

/// Minutes before the second, third … try; the last one repeats.
const MINUTES: [u64; 7] = [1, 5, 15, 30, 60, 120, 240];

/// The next try after the `attempt`th (from 1) failed at `now`; nothing if that is too late.
///
/// The same delivery and attempt give the same instant: the spread comes from the delivery's `key`.
pub fn next(
    key: &Digest,
    attempt: u32,
    retry_after: Option<Duration>,
    now: Timestamp,
    expires: Timestamp,
) -> Option<Timestamp> {
    let step = (attempt.max(1) as usize - 1).min(MINUTES.len() - 1);
    let wait = Duration::from_secs(MINUTES[step] * 60);
    let spread = Digest::of_fields(&[&key.0, &attempt.to_be_bytes()]);
    let [high, low, ..] = spread.0;
    // 0.8 to 1.2
    let factor = 0.8 + 0.4 * f64::from(u16::from_be_bytes([high, low])) / f64::from(u16::MAX);
    let wait = wait.mul_f64(factor).max(retry_after.unwrap_or_default());
    let due = now.checked_add(SignedDuration::try_from(wait).ok()?).ok()?;
    (due < expires).then_some(due)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_within_a_fifth() {
        let now: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        let far: Timestamp = "2027-12-01T08:00:00Z".parse().unwrap();
        for (attempt, minutes) in
            [(0, 1), (1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (6, 120), (7, 240), (8, 240), (u32::MAX, 240)]
        {
            for seed in 0..200u8 {
                let due = next(&Digest([seed; 32]), attempt, None, now, far).unwrap();
                let seconds = due.duration_since(now).as_secs();
                assert!(
                    (minutes * 48..=minutes * 72).contains(&seconds),
                    "try {attempt}: {seconds} s instead of about {minutes} min"
                );
            }
        }
    }

    #[test]
    fn the_destination_is_never_asked_earlier_than_it_wants() {
        let now: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        let expires: Timestamp = "2026-12-02T08:00:00Z".parse().unwrap();
        for (retry_after, at_least) in [(0, 48), (600, 600), (3_600, 3_600)] {
            let after = Some(Duration::from_secs(retry_after));
            let due = next(&Digest([7; 32]), 1, after, now, expires).unwrap();
            assert!(due.duration_since(now).as_secs() >= at_least);
        }
        let day = Some(Duration::from_hours(24));
        assert_eq!(next(&Digest([7; 32]), 1, day, now, expires), None, "not after it expires");
    }

    #[test]
    fn the_same_try_gives_the_same_instant() {
        let now: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        let far: Timestamp = "2027-12-01T08:00:00Z".parse().unwrap();
        assert_eq!(next(&Digest([1; 32]), 3, None, now, far), next(&Digest([1; 32]), 3, None, now, far));
        assert_ne!(next(&Digest([1; 32]), 3, None, now, far), next(&Digest([2; 32]), 3, None, now, far));
    }
}
