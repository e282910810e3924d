//! Limits that all daemons of one ledger keep together, so that four of them press a relay no harder than one.
//!
//! - A *pace* is a rate: departures stand in one row, and each daemon takes the next few of them in one statement. What a
//!   daemon took and did not use is lost with it, a second's worth at most, and never used twice.
//! - A *share* is a number of slots (connections): each daemon has a row of its own with a lease, and all rows together
//!   never hold more than the limit. A daemon that dies gives its slots back when its lease ends.
//!
//! The arithmetic is pure and stands here, for both databases.

use jiff::{SignedDuration, Timestamp};

/// Departures that are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Take {
    /// The pace's name; everybody who uses it must name the same distance.
    pub pace: String,
    /// How far departures are from each other.
    pub apart: SignedDuration,
    /// How many.
    pub count: u32,
}

/// Slots that are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The limit's name.
    pub name: String,
    /// How many slots there are in all.
    pub limit: u32,
    /// How many this daemon is using right now.
    pub used: u32,
    /// How many it could use.
    pub wanted: u32,
}

/// What a daemon gets of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// So many it may use. Where it uses more, what is under way may end, but nothing takes its place.
    pub may: u32,
    /// So many nobody else may have meanwhile.
    pub keeps: u32,
}

/// A pace further ahead than this was set by a clock that was wrong, and begins anew.
pub const FURTHEST: SignedDuration = SignedDuration::from_hours(1);

/// The first of the departures, and what the pace's row holds afterwards. `next` is what it held before.
pub fn departures(next: Option<Timestamp>, take: &Take, now: Timestamp) -> (Timestamp, Timestamp) {
    let first = match next {
        Some(next) if next > now && next.duration_since(now) <= FURTHEST => next,
        _ => now,
    };
    let span = take.apart.checked_mul(i32::try_from(take.count).unwrap_or(i32::MAX));
    let after = span.and_then(|span| first.checked_add(span).ok()).unwrap_or(Timestamp::MAX);
    (first, after)
}

/// How many slots a daemon gets beside `others`, who have a living lease: for each what it wants and what it has.
///
/// Everybody gets the same, but nobody more than it wants; what is left over goes to those who want more. Nothing is
/// taken from anybody here: who has more than his part gives it up when he asks the next time, as far as he does not use
/// it. So all together never keep more than the limit, however the asking interleaves.
pub fn slots(want: &Want, others: &[(u32, u32)]) -> Grant {
    let wants: Vec<u32> = others.iter().map(|(wanted, _)| *wanted).collect();
    let fair = fair(want.limit, want.wanted, &wants);
    // Rounded down, so that the ones who round up leave something to those who have not asked yet.
    let even = want.limit / u32::try_from(others.len() + 1).unwrap_or(u32::MAX);
    let theirs = |(wanted, has): &(u32, u32)| (*has).max(even.min(*wanted));
    let taken = others.iter().map(theirs).fold(0_u32, u32::saturating_add);
    let may = fair.min(want.limit.saturating_sub(taken));
    Grant { may, keeps: may.max(want.used) }
}

/// The even part of `limit` for one who wants `mine` beside others.
fn fair(limit: u32, mine: u32, others: &[u32]) -> u32 {
    let mut wants = others.to_vec();
    wants.push(mine);
    wants.sort_unstable();
    let (mut left, mut people) = (limit, u32::try_from(wants.len()).unwrap_or(u32::MAX));
    for want in wants {
        // Rounded up: a slot that does not divide is for whoever comes first, not for nobody.
        let even = left.div_ceil(people.max(1));
        if want >= mine || want > even {
            return mine.min(even);
        }
        left -= want;
        people -= 1;
    }
    mine.min(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn departures_follow_each_other_and_never_lie_in_the_past() {
        let now: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        let s = SignedDuration::from_secs;
        let take = |apart, count| Take { pace: "relay".into(), apart: s(apart), count };
        for (next, take, expected) in [
            (None, take(1, 5), (0, 5)),
            (Some(-30), take(1, 5), (0, 5)),
            (Some(30), take(2, 5), (30, 40)),
            (Some(3600), take(1, 1), (3600, 3601)),
            (Some(3601), take(1, 1), (0, 1)),
            (Some(0), take(0, 1000), (0, 0)),
        ] {
            let next: Option<Timestamp> = next.map(|next| now + s(next));
            let (first, after) = departures(next, &take, now);
            assert_eq!((first, after), (now + s(expected.0), now + s(expected.1)), "{next:?} {take:?}");
        }
        let endless = Take { count: u32::MAX, ..take(i64::MAX, 1) };
        assert_eq!(departures(None, &endless, now).1, Timestamp::MAX);
    }

    #[track_caller]
    fn check(limit: u32, used: u32, wanted: u32, others: &[(u32, u32)], expected: u32) {
        let want = Want { name: "relay".into(), limit, used, wanted };
        let grant = slots(&want, others);
        assert_eq!(grant.keeps, expected, "{want:?} beside {others:?}");
        assert!(grant.may <= wanted, "{want:?} beside {others:?}");
    }

    #[test]
    fn slots_are_shared_evenly_and_never_given_twice() {
        check(4, 0, 4, &[], 4);
        check(4, 0, 2, &[], 2);
        check(4, 0, 9, &[], 4);
        check(4, 0, 0, &[], 0);
        // The other has all: nothing is left until it asks again, and then it gets its half.
        check(4, 0, 4, &[(4, 4)], 0);
        check(4, 1, 4, &[(4, 0)], 2);
        check(4, 0, 4, &[(4, 2)], 2);
        // What the other does not want is mine.
        check(4, 0, 4, &[(1, 1)], 3);
        check(4, 0, 4, &[(1, 1), (1, 1)], 2);
        // Used slots are never taken back before they are free.
        check(4, 4, 4, &[(4, 0)], 4);
        check(4, 3, 0, &[(4, 1)], 3);
        // What does not divide goes to the first who asks.
        let busy = Want { name: "relay".into(), limit: 2, used: 2, wanted: 9 };
        assert_eq!(
            slots(&busy, &[(9, 0)]),
            Grant { may: 1, keeps: 2 },
            "one of them is for the other when it ends"
        );
        check(3, 0, 3, &[(3, 0)], 2);
        check(3, 0, 3, &[(3, 2)], 1);
        check(1, 0, 1, &[(1, 1)], 0);
        check(1, 0, 1, &[(1, 0), (1, 0)], 1);
        check(10, 0, 10, &[(10, 0), (2, 2), (1, 0)], 4);
    }

    #[test]
    fn however_the_asking_interleaves_the_limit_holds_and_all_get_their_part() {
        let mut seed = 7_u64;
        let mut random = move |below: u32| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u32::try_from(seed >> 33).unwrap() % below
        };
        for _ in 0..200 {
            let limit = 1 + random(12);
            let people = 1 + random(5) as usize;
            let mut rows = vec![(0, 0); people];
            let mut used = vec![0; people];
            for step in 0..300 {
                let who = random(u32::try_from(people).unwrap()) as usize;
                // In the end everybody wants everything, and uses what it has.
                let wanted = if step < 200 { random(limit + 3) } else { limit };
                used[who] = if step < 200 { random(rows[who].1 + 1) } else { 0 };
                let others: Vec<(u32, u32)> =
                    (0..people).filter(|at| *at != who).map(|at| rows[at]).collect();
                let want = Want { name: String::new(), limit, used: used[who], wanted };
                rows[who] = (wanted, slots(&want, &others).keeps);
                let sum: u32 = rows.iter().map(|(_, has)| has).sum();
                assert!(sum <= limit, "{rows:?} of {limit}");
                assert!(rows[who].1 >= used[who]);
            }
            let (least, most) =
                (rows.iter().map(|r| r.1).min().unwrap(), rows.iter().map(|r| r.1).max().unwrap());
            assert!(people == 1 || most <= limit.div_ceil(u32::try_from(people).unwrap()), "{rows:?}");
            assert!(people == 1 || limit < u32::try_from(people).unwrap() || least >= 1, "{rows:?}");
        }
    }
}
