//! Tokens that name one delivery to whoever got it: for the unsubscribe address and for the sender that bounces go to.
//!
//! A token is 26 characters, base32 in lower case, of 6 bytes of the delivery's number and 10 bytes of
//! HMAC-SHA256 under a key that never leaves the ledger. It says nothing of the recipient, works in any case (some mail
//! servers change it), never expires, and serves its own purpose alone: who has one can at most speak for its own delivery.
//!
//! Reading one is two steps: [`Token::row`] says which delivery it claims to name, and [`TokenKey::verify`] whether that is
//! true, in the same time for every token. Nothing here fails in any other way.

use std::fmt;
use std::str::FromStr;

use ring::hmac;

use crate::digest::Digest;

/// Base32 in lower case (RFC 4648 §6).
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Bytes of the delivery's number.
const ROW: usize = 6;
/// Characters of a token.
const LENGTH: usize = 26;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The envelope's sender, `b+TOKEN@…`: a report about this delivery may come there.
    Bounce,
    /// The unsubscribe address, `https://…/u/TOKEN` and `u+TOKEN@…`: this delivery's recipient leaves.
    Unsubscribe,
}

impl Purpose {
    fn domain(self) -> &'static [u8] {
        match self {
            Purpose::Bounce => b"bounce",
            Purpose::Unsubscribe => b"unsubscribe",
        }
    }
}

/// A token, true or forged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token([u8; 16]);

/// The text is no token: other than 26 characters of base32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token is 26 letters and digits")]
pub struct TokenError;

impl Token {
    /// The number of the delivery that it claims to name.
    pub fn row(&self) -> i64 {
        self.0.iter().take(ROW).fold(0, |row, byte| row << 8 | i64::from(*byte))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base32(&self.0))
    }
}

/// Whoever reads it could use it, so it is not written out.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, …)", self.row())
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Token, TokenError> {
        if text.len() != LENGTH {
            return Err(TokenError);
        }
        let (mut bytes, mut at) = ([0; 16], 0);
        let (mut bits, mut held) = (0_u32, 0_u32);
        for letter in text.bytes() {
            let value = match letter {
                b'a'..=b'z' => letter - b'a',
                b'A'..=b'Z' => letter - b'A',
                b'2'..=b'7' => letter - b'2' + 26,
                _ => return Err(TokenError),
            };
            bits = (bits << 5 | u32::from(value)) & 0xfff;
            held += 5;
            if held >= 8 {
                held -= 8;
                if let (Some(byte), Ok(value)) = (bytes.get_mut(at), u8::try_from(bits >> held & 0xff)) {
                    *byte = value;
                }
                at += 1;
            }
        }
        // 130 bits of text for 128: the last two are no information, and must not be two more ways to write it.
        if bits.trailing_zeros() >= 2 { Ok(Token(bytes)) } else { Err(TokenError) }
    }
}

/// The key of all tokens of one ledger. `Debug` does not show it.
#[derive(Clone)]
pub struct TokenKey {
    bounce: hmac::Key,
    unsubscribe: hmac::Key,
    compare: hmac::Key,
}

impl TokenKey {
    /// The keys that belong to a ledger's secret: the same secret, the same keys, for ever. One for each purpose, so that a
    /// token of one is worth nothing for the other.
    pub fn derive(secret: &[u8]) -> TokenKey {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let key = |domain: &[u8]| {
            let derived = hmac::sign(&root, &[b"dateline token key 1 ", domain].concat());
            hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
        };
        TokenKey {
            bounce: key(Purpose::Bounce.domain()),
            unsubscribe: key(Purpose::Unsubscribe.domain()),
            compare: key(b"compare"),
        }
    }

    /// The token of delivery `row`, whose key is `key` (which covers its release and its recipient).
    ///
    /// The text has room for 2⁴⁸ deliveries; a token of a later one would not verify.
    pub fn mint(&self, purpose: Purpose, row: i64, key: &Digest) -> Token {
        let tag = self.tag(purpose, row, key);
        let mut bytes = [0; 16];
        let number = row.to_be_bytes();
        for (byte, from) in bytes.iter_mut().zip(number.iter().skip(8 - ROW).chain(tag.as_ref())) {
            *byte = *from;
        }
        Token(bytes)
    }

    /// Whether `token` was made for `purpose` and for the delivery with this number and key. Takes the same time whatever
    /// is wrong with it.
    pub fn verify(&self, purpose: Purpose, token: &Token, row: i64, key: &Digest) -> bool {
        let made = self.mint(purpose, row, key);
        // Comparing digests under a key of their own says nothing about where two tokens differ.
        let given = hmac::sign(&self.compare, &token.0);
        hmac::verify(&self.compare, &made.0, given.as_ref()).is_ok()
    }

    fn tag(&self, purpose: Purpose, row: i64, key: &Digest) -> hmac::Tag {
        let signer = match purpose {
            Purpose::Bounce => &self.bounce,
            Purpose::Unsubscribe => &self.unsubscribe,
        };
        let mut context = hmac::Context::with_key(signer);
        context.update(purpose.domain());
        context.update(&row.to_be_bytes());
        context.update(&key.0);
        context.sign()
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey")
    }
}

/// Base32 in lower case without padding (RFC 4648 §6).
pub fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in bytes {
        bits = (bits << 8 | u32::from(*byte)) & 0xfff;
        held += 8;
        while held >= 5 {
            held -= 5;
            text.push(char::from(ALPHABET[(bits >> held & 31) as usize]));
        }
    }
    if held > 0 {
        text.push(char::from(ALPHABET[(bits << (5 - held) & 31) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base32_is_that_of_the_standard() {
        // RFC 4648 §10, in lower case and without padding.
        for (plain, expected) in [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("fooba", "mzxw6ytb"),
            ("foobar", "mzxw6ytboi"),
        ] {
            assert_eq!(base32(plain.as_bytes()), expected);
        }
    }

    #[test]
    fn a_token_stays_the_same_for_ever() {
        // What is in somebody's mailbox must work after any update: never change these.
        let key = TokenKey::derive(b"secret");
        let delivery = Digest::of(b"delivery");
        for (purpose, row, expected) in [
            (Purpose::Bounce, 1, "aaaaaaaaahp74wpiict7jhnyfu"),
            (Purpose::Unsubscribe, 1, "aaaaaaaaaf2ewmglje6ugw5nze"),
            (Purpose::Unsubscribe, 0x0102_0304_0506, "aebagbafa34xgrvos6yxulhjza"),
        ] {
            assert_eq!(key.mint(purpose, row, &delivery).to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let good = TokenKey::derive(b"s").mint(Purpose::Bounce, 7, &Digest::of(b"d")).to_string();
        for (text, expected) in [
            (good.clone(), true),
            (good.to_uppercase(), true),
            (good[..25].to_owned(), false),
            (format!("{good}a"), false),
            (format!("{}1", &good[..25]), false),
            (format!("{}é", &good[..24]), false),
            // The same bits, written with the two that count for nothing.
            (format!("{}b", &good[..25]), false),
            (String::new(), false),
            ("a".repeat(26), true),
        ] {
            assert_eq!(text.parse::<Token>().is_ok(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_token_names_its_own_delivery_for_its_own_purpose(
            row in 0_i64..1 << 48, other in 0_i64..1 << 48, seed in any::<[u8; 4]>(), flip in 0_usize..128,
        ) {
            let key = TokenKey::derive(&seed);
            let delivery = Digest::of(&seed);
            let token = key.mint(Purpose::Unsubscribe, row, &delivery);
            let read: Token = token.to_string().to_uppercase().parse().unwrap();
            prop_assert_eq!(read, token);
            prop_assert_eq!(read.row(), row);
            prop_assert!(key.verify(Purpose::Unsubscribe, &read, row, &delivery));
            prop_assert!(!key.verify(Purpose::Bounce, &read, row, &delivery));
            prop_assert!(!key.verify(Purpose::Unsubscribe, &read, row, &Digest::of(b"another")));
            prop_assert!(row == other || !key.verify(Purpose::Unsubscribe, &read, other, &delivery));
            prop_assert!(!TokenKey::derive(b"another").verify(Purpose::Unsubscribe, &read, row, &delivery));
            let mut forged = token;
            forged.0[flip / 8] ^= 1 << (flip % 8);
            prop_assert!(!key.verify(Purpose::Unsubscribe, &forged, row, &delivery));
        }
    }
}
