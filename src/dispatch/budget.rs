//! This process's part of the limits that all daemons keep together: departures and slots that the ledger has given out.
//! Pure; [`super::flow`] asks the ledger.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::ledger::{Take, Want};

/// A departure may be this late. Later ones are not made up for, so there is never a rush.
const LATE: SignedDuration = SignedDuration::from_millis(250);
/// Departures are asked for by the second.
const CHUNK: SignedDuration = SignedDuration::from_secs(1);
/// Where daemons share them, by less: who waits for a departure of the relay and one of the provider has both within what they may
/// be late, although another daemon has those between.
const SHARED: SignedDuration = SignedDuration::from_millis(100);
/// A share is not used in the last part of its lease: what is on its way must be over before somebody else has it.
const MARGIN: SignedDuration = SignedDuration::from_secs(20);

/// So many a minute, evenly spread.
#[derive(Debug, Clone)]
pub struct Pace {
    name: String,
    apart: SignedDuration,
    /// What the ledger gave out: the first departure, and how many there are.
    given: VecDeque<(Timestamp, u32)>,
    /// Whether others took departures since we last did.
    shared: bool,
}

/// Whether something may depart now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// Now.
    Now,
    /// Then.
    At(Timestamp),
    /// The ledger must be asked for more.
    Ask,
}

impl Pace {
    /// At most `per_minute` departures in any minute. A fiftieth is kept back, for what the way to the relay does to the
    /// distance between them.
    pub fn new(name: &str, per_minute: u32) -> Pace {
        let count = i32::try_from(per_minute.max(1)).unwrap_or(i32::MAX);
        let apart = SignedDuration::from_millis(61_200) / count;
        Pace { name: name.to_owned(), apart, given: VecDeque::new(), shared: false }
    }

    /// Whether a departure can be taken at `now`; departures that were missed are given up.
    pub fn look(&mut self, now: Timestamp) -> Departure {
        while let Some((next, left)) = self.given.front().copied() {
            let late = now.duration_since(next);
            if late <= LATE {
                return if next <= now { Departure::Now } else { Departure::At(next) };
            }
            let missed = late.as_nanos() / self.apart.as_nanos().max(1);
            self.skip(u32::try_from(missed).unwrap_or(u32::MAX).clamp(1, left));
        }
        Departure::Ask
    }

    /// Whether the ledger should be asked for more although there are some left: it takes a while to answer.
    pub fn is_low(&self) -> bool {
        let left: u32 = self.given.iter().map(|(_, left)| left).sum();
        left.saturating_mul(2) < self.count()
    }

    /// Takes the departure that [`Pace::look`] promised.
    pub fn take(&mut self) {
        self.skip(1);
    }

    fn skip(&mut self, count: u32) {
        let Some((next, left)) = self.given.pop_front() else { return };
        if let Some(left) = left.checked_sub(count).filter(|left| *left > 0) {
            self.given.push_front((self.after(next, count), left));
        }
    }

    fn after(&self, first: Timestamp, count: u32) -> Timestamp {
        let by = self.apart.checked_mul(i32::try_from(count).unwrap_or(i32::MAX));
        by.and_then(|by| first.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
    }

    fn count(&self) -> u32 {
        let apart = self.apart.as_nanos().max(1);
        let chunk = if self.shared { SHARED } else { CHUNK };
        u32::try_from((chunk.as_nanos() + apart - 1) / apart).unwrap_or(u32::MAX).max(1)
    }

    /// What to ask the ledger for.
    pub fn want(&self) -> Take {
        Take { pace: self.name.clone(), apart: self.apart, count: self.count() }
    }

    /// The ledger's answer to a question of `asked`: the first of as many departures as were asked for.
    pub fn refill(&mut self, first: Timestamp, count: u32, asked: Timestamp) {
        let ours = self.given.back().map_or(Timestamp::MIN, |(next, left)| self.after(*next, *left));
        let expected = self.after(ours.max(asked), 1);
        self.shared = first > expected;
        self.given.push_back((first, count));
    }

    /// How far departures are from each other.
    pub fn apart(&self) -> SignedDuration {
        self.apart
    }
}

/// So many at the same time.
#[derive(Debug, Clone)]
pub struct Slots {
    name: String,
    limit: u32,
    granted: u32,
    until: Timestamp,
}

impl Slots {
    /// At most `limit` at the same time, of which nothing is granted yet.
    pub fn new(name: &str, limit: u32) -> Slots {
        Slots { name: name.to_owned(), limit, granted: 0, until: Timestamp::MIN }
    }

    /// How many may be used at `now`.
    pub fn may(&self, now: Timestamp) -> u32 {
        if self.until.duration_since(now) > MARGIN { self.granted } else { 0 }
    }

    /// Whether any were given out.
    pub fn was_granted(&self) -> bool {
        self.until > Timestamp::MIN
    }

    /// What to ask the ledger for, with `used` in use.
    pub fn want(&self, used: u32, wanted: u32) -> Want {
        Want { name: self.name.clone(), limit: self.limit, used, wanted: wanted.min(self.limit) }
    }

    /// The ledger's answer.
    pub fn refill(&mut self, granted: u32, until: Timestamp) {
        (self.granted, self.until) = (granted, until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        "2026-12-01T08:00:00Z".parse().unwrap()
    }

    fn millis(millis: i64) -> Timestamp {
        start() + SignedDuration::from_millis(millis)
    }

    #[test]
    fn departures_are_given_out_one_by_one_and_missed_ones_are_lost() {
        let mut pace = Pace::new("relay", 600);
        assert_eq!(pace.look(start()), Departure::Ask);
        let take = pace.want();
        assert_eq!((take.apart.as_millis(), take.count), (102, 10));
        pace.refill(start(), take.count, start());
        assert_eq!(pace.look(start()), Departure::Now);
        pace.take();
        assert_eq!(pace.look(start()), Departure::At(millis(102)));
        // A little late is on time; much later, what was missed is gone.
        assert_eq!(pace.look(millis(352)), Departure::Now);
        assert_eq!(pace.given, [(millis(102), 9)]);
        assert_eq!(pace.look(millis(700)), Departure::Now);
        assert_eq!(pace.given, [(millis(612), 4)]);
        assert!(pace.is_low());
        pace.refill(millis(1_020), take.count, millis(700));
        assert!(!pace.is_low());
        assert_eq!(pace.look(millis(700)), Departure::Now);
        // Somebody else took those between: the next are fewer, until nobody does.
        assert_eq!(pace.want().count, 10);
        pace.refill(millis(3_060), take.count, millis(700));
        assert_eq!(pace.want().count, 1);
        pace.refill(millis(4_080), 1, millis(700));
        assert_eq!(pace.want().count, 10);
        assert_eq!(pace.look(millis(9_000)), Departure::Ask);
        for (per_minute, count) in
            [(1, 1), (60, 1), (59, 1), (61, 1), (62, 2), (60_000, 981), (u32::MAX, 100_000)]
        {
            let found = Pace::new("", per_minute).want().count;
            assert!(found == count || per_minute == u32::MAX, "{per_minute} a minute: {found}");
        }
    }

    #[test]
    fn no_minute_has_more_than_the_limit_however_late_each_is_used() {
        for per_minute in [1, 2, 7, 60, 240, 600, 5_000] {
            let mut pace = Pace::new("relay", per_minute);
            let (mut now, mut next, mut seen) = (start(), start(), Vec::new());
            let mut seed = u64::from(per_minute);
            while now < start() + SignedDuration::from_secs(200) {
                match pace.look(now) {
                    Departure::Now => {
                        pace.take();
                        seen.push(now);
                    }
                    Departure::At(at) => now = at,
                    Departure::Ask => {
                        let take = pace.want();
                        let (first, after) = crate::ledger::share::departures(Some(next), &take, now);
                        next = after;
                        pace.refill(first, take.count, now);
                    }
                }
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                now += SignedDuration::from_millis(i64::try_from(seed >> 56).unwrap() / 2);
            }
            let minute = SignedDuration::from_secs(60);
            for (at, first) in seen.iter().enumerate() {
                let within =
                    seen[at..].iter().take_while(|then| then.duration_since(*first) < minute).count();
                assert!(within <= per_minute as usize, "{within} in a minute instead of {per_minute}");
            }
            // This one takes one departure in 64 ms, some 3,000 in all.
            assert!(seen.len() >= per_minute.min(2_500) as usize, "{} of {per_minute} a minute", seen.len());
        }
    }

    #[test]
    fn slots_are_not_used_at_the_end_of_their_lease() {
        let mut slots = Slots::new("relay", 4);
        assert_eq!(slots.may(start()), 0);
        assert_eq!(slots.want(0, 9).wanted, 4);
        slots.refill(3, millis(60_000));
        assert_eq!(slots.may(start()), 3);
        assert_eq!(slots.may(millis(39_999)), 3);
        assert_eq!(slots.may(millis(40_000)), 0);
    }
}
