//! What a channel made before its time, kept until the deliveries leave: signatures, which take longer than all the rest.
//!
//! The ledger does not know what it keeps. It is a convenience and no record: whoever uses it proves that it still fits, and
//! what is lost is made again. It is kept by stretches of deliveries, a block's worth in one row.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Claim, DeliveryId};
use crate::digest::Digest;

/// Deliveries that wait, for which nothing was made yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmade {
    /// The first of the stretch.
    pub first: DeliveryId,
    /// The last of it.
    pub last: DeliveryId,
    /// Those that wait. They are not claimed: nothing can be asked of the ledger with their `epoch`.
    pub claims: Vec<Claim>,
}

/// What is kept around one delivery: for a stretch of deliveries, or for none of a stretch.
#[derive(Clone)]
pub struct Stretch {
    /// The first.
    pub first: DeliveryId,
    /// The last.
    pub last: DeliveryId,
    made: Arc<[u8]>,
    /// Where each delivery's is, by delivery.
    index: Arc<[(DeliveryId, Range<usize>)]>,
}

/// A public key, and since when it has not been signed with.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SignedWith {
    /// The channel that signed.
    pub channel: String,
    /// Where the key is published.
    pub name: String,
    /// The text that is published there.
    pub record: String,
    /// When something may have been signed with it last.
    pub last_at: Timestamp,
}

impl Stretch {
    /// What is kept in `made`, written by [`pack`]. What is damaged is left out.
    pub(super) fn new(first: DeliveryId, last: DeliveryId, made: Vec<u8>) -> Stretch {
        let mut index = Vec::new();
        let mut at = 0;
        while let Some((head, _)) = made.get(at..).and_then(<[u8]>::split_first_chunk::<12>) {
            let (id, length) = head.split_at(8);
            let (Ok(id), Ok(length)) = (<[u8; 8]>::try_from(id), <[u8; 4]>::try_from(length)) else { break };
            let start = at + 12;
            let Ok(length) = usize::try_from(u32::from_be_bytes(length)) else { break };
            let Some(end) = start.checked_add(length).filter(|end| *end <= made.len()) else { break };
            index.push((DeliveryId(i64::from_be_bytes(id)), start..end));
            at = end;
        }
        index.sort_unstable_by_key(|(delivery, _)| *delivery);
        Stretch { first, last, made: made.into(), index: index.into() }
    }

    /// Whether it says something about `delivery`.
    pub fn covers(&self, delivery: DeliveryId) -> bool {
        (self.first..=self.last).contains(&delivery)
    }

    /// What was made for `delivery`.
    pub fn of(&self, delivery: DeliveryId) -> Option<&[u8]> {
        let found = self.index.binary_search_by_key(&delivery, |(delivery, _)| *delivery).ok()?;
        let (_, range) = self.index.get(found)?;
        self.made.get(range.clone())
    }
}

/// What was made as one value, in the order given.
pub(super) fn pack(made: &[(DeliveryId, Vec<u8>)]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(made.iter().map(|(_, bytes)| bytes.len() + 12).sum());
    for (delivery, bytes) in made {
        // More than 4 GB for one delivery is nothing that anybody makes; it is left out.
        let Ok(length) = u32::try_from(bytes.len()) else { continue };
        packed.extend_from_slice(&delivery.0.to_be_bytes());
        packed.extend_from_slice(&length.to_be_bytes());
        packed.extend_from_slice(bytes);
    }
    packed
}

/// The order in which work ahead is done: for this channel, by whoever makes things of this name, of what is due after `now`.
#[derive(Debug, Clone)]
pub struct Making {
    /// The channel.
    pub channel: String,
    /// Names what is made beside the delivery; where it changes everything is made anew.
    pub stamp: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_found_again() {
        let made: Vec<(DeliveryId, Vec<u8>)> =
            [(7, "seven"), (8, ""), (10, "ten")].map(|(id, text)| (DeliveryId(id), text.into())).into();
        let packed = pack(&made);
        let stretch = Stretch::new(DeliveryId(5), DeliveryId(12), packed.clone());
        for (id, expected) in [(7, Some("seven")), (8, Some("")), (9, None), (10, Some("ten")), (11, None)] {
            assert_eq!(stretch.of(DeliveryId(id)), expected.map(str::as_bytes), "{id}");
        }
        assert!(stretch.covers(DeliveryId(5)) && stretch.covers(DeliveryId(12)));
        assert!(!stretch.covers(DeliveryId(4)) && !stretch.covers(DeliveryId(13)));
        for cut in 0..packed.len() {
            let cut = Stretch::new(DeliveryId(5), DeliveryId(12), packed[..cut].to_vec());
            assert_eq!(cut.of(DeliveryId(10)), None);
        }
    }
}
