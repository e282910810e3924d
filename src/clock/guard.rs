//! Whether the wall clock can be believed: it is held against a clock that nobody sets.
//!
//! The machine has two clocks. The wall clock is what people mean by the time, and anybody may set it: an
//! administrator, NTP, a host that moves a virtual machine. The steady clock only counts, also while the machine
//! sleeps. As long as both agree on how much time went by, the wall clock is believed. Once they part, it is in
//! [`Doubt`], and until somebody vouches for it the time is the *earlier* of what the two say: a step forward opens
//! nothing, a step back only delays. Pure; [`super::Clock`] reads the clocks.

use jiff::{SignedDuration, Timestamp};

/// The clocks may part by this much between two looks.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(2);
/// The clocks may part by this much in all.
const IN_ALL: SignedDuration = SignedDuration::from_secs(30);

/// What the two clocks said at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock.
    pub wall: Timestamp,
    /// The steady clock: time since some moment that stays the same until the machine is started again.
    pub steady: SignedDuration,
}

impl Reading {
    /// How far the wall clock went ahead of the steady clock since `earlier`; negative if it fell behind.
    pub fn ahead_since(&self, earlier: &Reading) -> SignedDuration {
        self.wall.duration_since(earlier.wall).saturating_sub(self.steady.saturating_sub(earlier.steady))
    }

    /// What the wall clock would say if it had gone with the steady clock since `earlier`.
    fn expected_since(&self, earlier: &Reading) -> Timestamp {
        let by = self.steady.saturating_sub(earlier.steady);
        earlier.wall.checked_add(by).unwrap_or(Timestamp::MAX)
    }
}

/// The wall clock cannot be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// The last instant at which it could.
    pub since: Timestamp,
    /// How far it went ahead of the steady clock; negative if it fell behind.
    pub ahead: SignedDuration,
}

/// Remembers what the clocks said.
#[derive(Debug)]
pub struct Guard {
    /// What everything is held against: the first reading, or the one that somebody vouched for.
    base: Reading,
    last: Reading,
    doubt: Option<Doubt>,
}

impl Guard {
    /// Believes `first`.
    pub fn new(first: Reading) -> Guard {
        Guard { base: first, last: first, doubt: None }
    }

    /// Takes in what the clocks say; returns what may be taken for the time.
    pub fn look(&mut self, now: Reading) -> Timestamp {
        let in_all = now.ahead_since(&self.base);
        match &mut self.doubt {
            // It came back to where it should be: nobody needs to vouch for it.
            Some(_) if in_all.abs() <= AT_ONCE => self.doubt = None,
            Some(doubt) => doubt.ahead = in_all,
            None if now.ahead_since(&self.last).abs() > AT_ONCE || in_all.abs() > IN_ALL => {
                let since = self.last.wall.min(now.expected_since(&self.base)).min(now.wall);
                self.doubt = Some(Doubt { since, ahead: in_all });
            }
            None => {}
        }
        self.last = now;
        if self.doubt.is_some() { now.wall.min(now.expected_since(&self.base)) } else { now.wall }
    }

    /// Why the wall clock is not believed, if it is not.
    pub fn doubt(&self) -> Option<Doubt> {
        self.doubt
    }

    /// What everything is held against.
    pub fn base(&self) -> Reading {
        self.base
    }

    /// Holds everything against `base` from now on, as an earlier process did on the same machine.
    pub fn hold_against(&mut self, base: Reading) {
        self.base = base;
        self.doubt = None;
    }

    /// Somebody vouches for `now`.
    pub fn accept(&mut self, now: Reading) {
        *self = Guard::new(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each step is (steady seconds, wall seconds); returns the last instant and the doubt's `ahead`.
    fn check(steps: &[(i64, i64)], now: i64, ahead: Option<i64>) {
        let reading = |(steady, wall): (i64, i64)| Reading {
            wall: Timestamp::from_second(1_000_000 + wall).unwrap(),
            steady: SignedDuration::from_secs(steady),
        };
        let mut guard = Guard::new(reading((0, 0)));
        let mut found = 0;
        for step in steps {
            found = guard.look(reading(*step)).as_second() - 1_000_000;
        }
        assert_eq!((found, guard.doubt().map(|doubt| doubt.ahead.as_secs())), (now, ahead), "{steps:?}");
    }

    #[test]
    fn the_time_is_the_wall_clocks_until_it_steps() {
        check(&[(1, 1), (2, 2)], 2, None);
        // A leap second, a slow adjustment, a night asleep.
        check(&[(1, 1), (2, 3)], 3, None);
        check(&[(10, 12), (20, 24), (30, 36)], 36, None);
        check(&[(1, 1), (40_000, 40_000)], 40_000, None);
        // Forward: the steady clock's time is the earlier one.
        check(&[(1, 1), (2, 3_602)], 2, Some(3_600));
        check(&[(1, 1), (2, 3_602), (100, 3_700)], 100, Some(3_600));
        // Back: the wall clock's is.
        check(&[(10, 10), (11, -3_589)], -3_589, Some(-3_600));
        // Little by little.
        check(&[(10, 12), (20, 24), (100, 132)], 100, Some(32));
        // It came back.
        check(&[(1, 1), (2, 3_602), (3, 4)], 4, None);
    }

    #[test]
    fn who_vouches_for_the_clock_ends_the_doubt() {
        let at = |steady, wall| Reading {
            wall: Timestamp::from_second(wall).unwrap(),
            steady: SignedDuration::from_secs(steady),
        };
        let mut guard = Guard::new(at(0, 0));
        guard.look(at(5, 5));
        guard.look(at(6, 7_206));
        assert_eq!(guard.doubt().unwrap().since.as_second(), 5);
        guard.accept(at(7, 7_207));
        assert_eq!((guard.look(at(8, 7_208)).as_second(), guard.doubt()), (7_208, None));
        // An earlier process on this machine saw it an hour behind.
        guard.hold_against(at(1, 3_601));
        assert_eq!(guard.look(at(9, 7_209)).as_second(), 3_609);
        assert_eq!(guard.doubt().unwrap().since.as_second(), 3_609);
    }
}
