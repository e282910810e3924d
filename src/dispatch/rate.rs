//! How fast a channel may be used: so many deliveries a minute, evenly spread. Pure.

use jiff::{SignedDuration, Timestamp};

/// Gives out departure times no closer than the limit allows.
#[derive(Debug, Clone)]
pub struct Rate {
    apart: SignedDuration,
    next: Timestamp,
}

impl Rate {
    /// At most `per_minute` departures a minute; nothing for as many as one likes.
    pub fn new(per_minute: Option<u32>) -> Rate {
        let apart = match per_minute {
            Some(count) if count > 0 => {
                SignedDuration::from_secs(60) / i32::try_from(count).unwrap_or(i32::MAX)
            }
            _ => SignedDuration::ZERO,
        };
        Rate { apart, next: Timestamp::MIN }
    }

    /// The instant at which the next departure may happen; it is taken.
    pub fn take(&mut self, now: Timestamp) -> Timestamp {
        let at = self.next.max(now);
        self.next = at.checked_add(self.apart).unwrap_or(Timestamp::MAX);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn departures_are_spread() {
        let now: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        for (per_minute, expected) in [(Some(60), [0, 1, 2]), (Some(2), [0, 30, 60]), (None, [0, 0, 0])] {
            let mut rate = Rate::new(per_minute);
            let found: Vec<i64> = (0..3).map(|_| rate.take(now).duration_since(now).as_secs()).collect();
            assert_eq!(found, expected, "{per_minute:?} a minute");
        }
        let mut rate = Rate::new(Some(60));
        rate.take(now);
        let later = now + SignedDuration::from_secs(100);
        assert_eq!(rate.take(later), later, "what was not used is not saved up");
    }
}
