//! What never changes of deliveries and attempts, remembered so that it need not be looked up for each of them: the block that a
//! delivery was claimed with, and what an attempt was made at. A fact that is not here is looked up; none can be wrong.

use std::collections::{BTreeMap, HashMap};

use crate::ledger::{DeliveryId, Epoch};

/// More blocks than these are not remembered.
const BLOCKS: usize = 1_024;
/// Nor more attempts. Those that are under way are far fewer.
const ATTEMPTS: usize = 8_192;

/// What an attempt was made at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Try {
    pub(super) delivery: i64,
    pub(super) block: i64,
    pub(super) part: i64,
    pub(super) epoch: Epoch,
}

/// Where a delivery was when it was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) block: i64,
    /// The ledger's count of what is forbidden, before the recipients were looked at.
    pub(super) forbidden: i64,
}

/// The facts.
#[derive(Default)]
pub(super) struct Memory {
    /// By their first delivery, with the last.
    blocks: BTreeMap<i64, (i64, Home)>,
    attempts: HashMap<i64, Try>,
}

impl Memory {
    /// A block was claimed.
    pub(super) fn block(&mut self, home: Home, (first, last): (i64, i64)) {
        if self.blocks.len() >= BLOCKS {
            self.blocks.clear();
        }
        self.blocks.insert(first, (last, home));
    }

    /// Where a delivery was claimed.
    pub(super) fn home(&self, delivery: DeliveryId) -> Option<Home> {
        let (_, (last, home)) = self.blocks.range(..=delivery.0).next_back()?;
        (delivery.0 <= *last).then_some(*home)
    }

    /// An attempt was written, or would have been.
    pub(super) fn attempt(&mut self, attempt: i64, made: Try) {
        if self.attempts.len() >= ATTEMPTS {
            self.attempts.clear();
        }
        self.attempts.insert(attempt, made);
    }

    /// What an attempt was made at.
    pub(super) fn made(&self, attempt: i64) -> Option<Try> {
        self.attempts.get(&attempt).copied()
    }

    /// These have their results.
    pub(super) fn forget(&mut self, attempts: impl Iterator<Item = i64>) {
        for attempt in attempts {
            self.attempts.remove(&attempt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_in_the_block_that_has_it_and_in_no_other() {
        let mut memory = Memory::default();
        let home = |block| Home { block, forbidden: 4 };
        memory.block(home(7), (1_001, 1_500));
        memory.block(home(8), (2_001, 3_000));
        for (delivery, expected) in [
            (1_000, None),
            (1_001, Some(7)),
            (1_500, Some(7)),
            (1_501, None),
            (2_001, Some(8)),
            (3_000, Some(8)),
            (3_001, None),
        ] {
            assert_eq!(memory.home(DeliveryId(delivery)), expected.map(home), "{delivery}");
        }
        for block in 0..5_000 {
            memory.block(home(block), (10_000 + block * 1_000, 10_999 + block * 1_000));
        }
        assert!(memory.blocks.len() <= BLOCKS);
        assert_eq!(memory.home(DeliveryId(10_000 + 4_999_000)), Some(home(4_999)));
    }

    #[test]
    fn an_attempt_is_remembered_until_its_result_is_there() {
        let mut memory = Memory::default();
        let made = Try { delivery: 1, block: 2, part: 3, epoch: Epoch(4) };
        memory.attempt(5, made);
        assert_eq!((memory.made(5), memory.made(6)), (Some(made), None));
        memory.forget([5].into_iter());
        assert_eq!(memory.made(5), None);
        (0..20_000).for_each(|attempt| memory.attempt(attempt, made));
        assert!(memory.attempts.len() <= ATTEMPTS);
        assert_eq!(memory.made(19_999), Some(made));
    }
}
