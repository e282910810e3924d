//! The names of deliveries: what they are for Dateline, and what the wire calls them.
//!
//! Both are derived when a delivery is issued and stored with it, before the first use, so that every
//! attempt, by every build, says the same.

use jiff::Timestamp;

use crate::digest::Digest;
use crate::newsroom::ChannelKind;
use crate::token::base32;

/// The key of a delivery: SHA-256 over the ledger's lineage, the release, the number of the order, the channel
/// and the recipient, each with its length.
pub fn delivery_key(lineage: &str, release: &str, seq: i64, channel: &str, recipient: &str) -> Digest {
    Digest::of_fields(&[
        lineage.as_bytes(),
        release.as_bytes(),
        &seq.to_be_bytes(),
        channel.as_bytes(),
        recipient.as_bytes(),
    ])
}

/// The wire's own form of a delivery's key.
///
/// Mail: the left part of the Message-ID, 32 characters of base32 (160 bits). Bluesky: a TID at the
/// due time. Elsewhere: the key in hexadecimal.
pub fn wire_key(kind: ChannelKind, key: &Digest, due: Timestamp) -> String {
    match kind {
        ChannelKind::Bluesky => tid(key, due),
        kind if kind.is_mail() => base32(&key.0[..20]),
        _ => key.to_string(),
    }
}

/// A record key of the AT Protocol (atproto.com/specs/tid): 53 bits of microseconds and 10 bits of clock number in
/// sortable base32. Microseconds below the millisecond and the clock number come from the key, so two
/// deliveries that are due together differ.
fn tid(key: &Digest, due: Timestamp) -> String {
    const ALPHABET: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
    let number = |at: usize| u64::from(u16::from_be_bytes([key.0[at], key.0[at + 1]]));
    let micros = u64::try_from(due.as_millisecond()).unwrap_or(0) * 1_000 + number(0) % 1_000;
    let value = (micros & ((1 << 53) - 1)) << 10 | (number(2) & 0x3ff);
    (0..13).rev().map(|place| char::from(ALPHABET[(value >> (place * 5) & 31) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due() -> Timestamp {
        "2026-12-01T08:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_key_differs_by_each_of_its_parts() {
        let base = delivery_key("l", "r", 1, "c", "7");
        assert_eq!(base, delivery_key("l", "r", 1, "c", "7"));
        for other in [
            delivery_key("m", "r", 1, "c", "7"),
            delivery_key("l", "s", 1, "c", "7"),
            delivery_key("l", "r", 2, "c", "7"),
            delivery_key("l", "r", 1, "d", "7"),
            delivery_key("l", "r", 1, "c", "8"),
            delivery_key("lr", "", 1, "c", "7"),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn wire_keys_have_the_form_of_their_wire() {
        let key = delivery_key("l", "r", 1, "c", "7");
        assert_eq!(wire_key(ChannelKind::Smtp, &key, due()).len(), 32);
        assert_eq!(wire_key(ChannelKind::Webhook, &key, due()), key.to_string());
        let tid = wire_key(ChannelKind::Bluesky, &key, due());
        // The specification's pattern: ^[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}$
        assert!(
            tid.len() == 13 && tid.bytes().all(|c| b"234567abcdefghijklmnopqrstuvwxyz".contains(&c)),
            "{tid}"
        );
        assert!(b"234567abcdefghij".contains(&tid.as_bytes()[0]), "{tid}");
        let later = wire_key(ChannelKind::Bluesky, &key, "2026-12-01T08:00:01Z".parse().unwrap());
        assert!(tid < later, "TIDs sort by time");
    }
}
