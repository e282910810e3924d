//! The claims in hand on one channel, and which of them goes next. Pure.
//!
//! Kills, holds and corrections go before originals. Releases take turns, and within a release its destinations do: a
//! destination that may not be asked now is laid aside with all that is for it, and nothing behind it waits.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::ledger::Claim;
use crate::release::Notice;

/// A provider, a domain, or the channel's own account.
pub type Place = Arc<str>;

/// Claims in hand.
#[derive(Default)]
pub struct Hand {
    /// Urgent ones first.
    lanes: [VecDeque<Lane>; 2],
    count: usize,
    aside: usize,
    places: HashMap<Place, usize>,
}

/// One release's claims.
#[derive(Default)]
struct Lane {
    slug: String,
    ready: VecDeque<Place>,
    queues: HashMap<Place, VecDeque<Claim>>,
    aside: BTreeSet<Place>,
}

impl Hand {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// How many of them are not laid aside.
    pub fn ready(&self) -> usize {
        self.count - self.aside
    }

    /// How many are for `place`.
    pub fn for_place(&self, place: &str) -> usize {
        self.places.get(place).copied().unwrap_or_default()
    }

    /// Puts a claim in.
    pub fn add(&mut self, place: &Place, claim: Claim) {
        let lanes = match claim.notice {
            Notice::Original => &mut self.lanes[1],
            Notice::Correction | Notice::Hold | Notice::Kill => &mut self.lanes[0],
        };
        let at = lanes.iter().position(|lane| lane.slug == claim.slug).unwrap_or_else(|| {
            lanes.push_back(Lane { slug: claim.slug.clone(), ..Lane::default() });
            lanes.len() - 1
        });
        let Some(lane) = lanes.get_mut(at) else { return };
        // Most places have a single one, and claims are large.
        let queue = lane.queues.entry(Arc::clone(place)).or_insert_with(|| VecDeque::with_capacity(1));
        if lane.aside.contains(place) {
            self.aside += 1;
        } else if queue.is_empty() {
            lane.ready.push_back(Arc::clone(place));
        }
        queue.push_back(claim);
        self.count += 1;
        *self.places.entry(Arc::clone(place)).or_default() += 1;
    }

    /// Takes the claim whose turn it is among the places for which `may` says yes; the others are laid aside.
    pub fn next(&mut self, mut may: impl FnMut(&Place) -> bool) -> Option<(Place, Claim)> {
        for lanes in &mut self.lanes {
            for _ in 0..lanes.len() {
                let Some(mut lane) = lanes.pop_front() else { break };
                let found = lane.next(&mut may, &mut self.aside);
                if !lane.queues.is_empty() {
                    lanes.push_back(lane);
                }
                if let Some((place, claim)) = found {
                    self.count -= 1;
                    forget(&mut self.places, &place, 1);
                    return Some((place, claim));
                }
            }
        }
        None
    }

    /// Puts `place` back among those that are asked.
    pub fn wake(&mut self, place: &Place) {
        for lane in self.lanes.iter_mut().flatten() {
            if lane.aside.remove(place)
                && let Some(queue) = lane.queues.get(place)
            {
                self.aside -= queue.len();
                lane.ready.push_back(Arc::clone(place));
            }
        }
    }

    /// Puts everything back among what is asked.
    pub fn wake_all(&mut self) {
        for lane in self.lanes.iter_mut().flatten() {
            lane.ready.extend(std::mem::take(&mut lane.aside));
        }
        self.aside = 0;
    }

    /// Takes out what is for `place` beyond the first `keep`, the last of originals first; in order.
    pub fn beyond(&mut self, place: &Place, keep: usize) -> Vec<Claim> {
        let mut excess = self.for_place(place).saturating_sub(keep);
        let mut out = VecDeque::new();
        for lanes in self.lanes.iter_mut().rev() {
            for lane in lanes.iter_mut().rev() {
                let Some(queue) = lane.queues.get_mut(place) else { continue };
                let stay = queue.len().saturating_sub(excess);
                let gone = queue.split_off(stay);
                excess -= gone.len();
                self.count -= gone.len();
                if lane.aside.contains(place) {
                    self.aside -= gone.len();
                }
                forget(&mut self.places, place, gone.len());
                if queue.is_empty() {
                    lane.queues.remove(place);
                    lane.aside.remove(place);
                    lane.ready.retain(|ready| ready != place);
                }
                gone.into_iter().rev().for_each(|claim| out.push_front(claim));
            }
            lanes.retain(|lane| !lane.queues.is_empty());
        }
        out.into()
    }

    /// Takes everything out.
    pub fn drain(&mut self) -> Vec<Claim> {
        let hand = std::mem::take(self);
        hand.lanes.into_iter().flatten().flat_map(|lane| lane.queues.into_values().flatten()).collect()
    }
}

impl Lane {
    fn next(&mut self, may: &mut impl FnMut(&Place) -> bool, aside: &mut usize) -> Option<(Place, Claim)> {
        while let Some(place) = self.ready.pop_front() {
            let Some(queue) = self.queues.get_mut(&place) else { continue };
            if !may(&place) {
                *aside += queue.len();
                self.aside.insert(place);
                continue;
            }
            let claim = queue.pop_front();
            if queue.is_empty() {
                self.queues.remove(&place);
            } else {
                self.ready.push_back(Arc::clone(&place));
            }
            if let Some(claim) = claim {
                return Some((place, claim));
            }
        }
        None
    }
}

fn forget(places: &mut HashMap<Place, usize>, place: &Place, count: usize) {
    if let Some(left) = places.get_mut(place) {
        *left = left.saturating_sub(count);
        if *left == 0 {
            places.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::ledger::{DeliveryId, Epoch, Party};

    fn claim(slug: &str, notice: Notice, number: i64) -> Claim {
        Claim {
            delivery: DeliveryId(number),
            epoch: Epoch(1),
            key: Digest([0; 32]),
            wire_key: String::new(),
            edition: Digest([0; 32]),
            slug: slug.to_owned(),
            notice,
            recipient: Party::Account,
            attempt_no: 1,
            put_off: 0,
            due: jiff::Timestamp::UNIX_EPOCH,
            expires: jiff::Timestamp::MAX,
            guilt: 0,
            previous: None,
        }
    }

    /// `slug place` for originals, `!slug place` for kills; numbered in order.
    fn hand(claims: &str) -> Hand {
        let mut hand = Hand::default();
        for (number, text) in claims.split(", ").enumerate() {
            let (slug, place) = text.split_once(' ').unwrap();
            let notice = if slug.starts_with('!') { Notice::Kill } else { Notice::Original };
            let number = i64::try_from(number).unwrap() + 1;
            hand.add(&Place::from(place), claim(slug.trim_start_matches('!'), notice, number));
        }
        hand
    }

    /// The numbers in which claims leave while `blocked` places may not.
    fn order(hand: &mut Hand, blocked: &[&str]) -> Vec<i64> {
        std::iter::from_fn(|| hand.next(|place| !blocked.contains(&&**place)))
            .map(|(_, claim)| claim.delivery.0)
            .collect()
    }

    #[test]
    fn urgent_ones_go_first_and_the_others_take_turns() {
        let mut all = hand("a x, a x, a y, b x, b x, !c x, !c y");
        assert_eq!(order(&mut all, &[]), [6, 7, 1, 4, 3, 5, 2]);
        assert_eq!((all.len(), all.ready()), (0, 0));
    }

    #[test]
    fn a_place_that_may_not_go_stops_nobody_and_comes_back() {
        let mut all = hand("a slow, a slow, a slow, a x, b slow, b y, !c slow");
        assert_eq!(order(&mut all, &["slow"]), [4, 6]);
        assert_eq!((all.len(), all.ready(), all.for_place("slow")), (5, 0, 5));
        all.add(&Place::from("slow"), claim("a", Notice::Original, 8));
        assert_eq!((all.len(), all.ready()), (6, 0));
        all.wake(&Place::from("slow"));
        assert_eq!(all.ready(), 6);
        assert_eq!(order(&mut all, &[]), [7, 1, 5, 2, 3, 8]);
    }

    #[test]
    fn what_is_too_much_goes_out_from_the_end() {
        let mut all = hand("a x, a x, b x, b y, a x, !c x");
        assert_eq!(order(&mut all, &["x", "y"]), Vec::<i64>::new());
        let out: Vec<i64> = all.beyond(&Place::from("x"), 2).iter().map(|claim| claim.delivery.0).collect();
        assert_eq!(out, [2, 5, 3], "of the releases in turn, each from its end");
        assert_eq!((all.len(), all.ready(), all.for_place("x")), (3, 0, 2));
        assert!(all.beyond(&Place::from("z"), 0).is_empty());
        all.wake_all();
        assert_eq!(all.ready(), 3);
        assert_eq!(order(&mut all, &[]), [6, 1, 4]);
        let mut all = hand("a x, b y");
        assert_eq!((all.drain().len(), all.len(), all.for_place("x")), (2, 0, 0));
    }
}
