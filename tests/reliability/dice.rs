//! Chance that can be repeated: the same seed gives the same faults and the same kills.

/// A sequence of numbers from a seed (splitmix64: Steele, Lea, Flood, OOPSLA 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Numbers that depend on `seed` and on `words` alone, whatever happens elsewhere: connections race, and
    /// what meets one recipient must not depend on who came first.
    pub fn of(seed: u64, words: &[&str]) -> Dice {
        let mut hash = seed ^ 0xcbf2_9ce4_8422_2325;
        for word in words {
            // FNV-1a, and a byte that ends the word.
            for byte in word.bytes().chain([0xff]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        Dice(hash)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high.saturating_sub(low) + 1)
    }

    /// Whether something happens that happens in `percent` of all cases.
    pub fn hits(&mut self, percent: f64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are plenty for a chance")]
        let drawn = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        drawn * 100.0 < percent
    }
}
