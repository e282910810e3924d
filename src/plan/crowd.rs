//! A short name for a set of contacts, so that an exchange of one for another is noticed without keeping who they were.

use crate::contact::ContactId;

/// Names a set of contacts, whatever their order. Two sets that differ have the same name once in 2^64 times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Crowd(pub u64);

impl Crowd {
    /// The name of `contacts`.
    pub fn of<'a>(contacts: impl IntoIterator<Item = &'a ContactId>) -> Crowd {
        contacts.into_iter().fold(Crowd::default(), |crowd, contact| crowd.with(*contact))
    }

    /// The set with one more.
    #[must_use]
    pub fn with(self, contact: ContactId) -> Crowd {
        Crowd(self.0.wrapping_add(mixed(contact)))
    }

    /// The set without one of them.
    #[must_use]
    pub fn without(self, contact: ContactId) -> Crowd {
        Crowd(self.0.wrapping_sub(mixed(contact)))
    }

    /// Both sets, which have nobody in common.
    #[must_use]
    pub fn and(self, other: Crowd) -> Crowd {
        Crowd(self.0.wrapping_add(other.0))
    }
}

/// The finalizer of SplitMix64: neighbouring numbers share nothing.
fn mixed(contact: ContactId) -> u64 {
    let mut bits = contact.0.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_named_by_who_is_in_it() {
        let of = |ids: &[i64]| Crowd::of(&ids.iter().copied().map(ContactId).collect::<Vec<_>>());
        assert_eq!(of(&[1, 2, 3]), of(&[3, 1, 2]));
        assert_eq!(of(&[1, 2, 3]).without(ContactId(2)), of(&[1, 3]));
        assert_eq!(of(&[1]).and(of(&[2])), of(&[1, 2]));
        assert_eq!(of(&[]), Crowd::default());
        for other in [&[1, 2, 4][..], &[1, 2], &[2, 2, 2], &[0, 2, 4], &[1, 1, 4]] {
            assert_ne!(of(&[1, 2, 3]), of(other), "{other:?}");
        }
    }
}
