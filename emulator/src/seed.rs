//! The seed tree: one named child per concern.
//!
//! Adding a draw in one concern moves nothing in another, and draws keyed by an index
//! ([`Seed::at`]) do not depend on how many were made before: removing one request or one fault
//! leaves all others as they were, which is what makes shrinking stable.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// A node of the seed tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed(u64);

impl Seed {
    /// The root of a tree.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The number this node carries.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The child for a concern, by name.
    #[must_use]
    pub fn child(self, name: &str) -> Self {
        let folded = name
            .bytes()
            .fold(self.0 ^ 0x9e37_79b9_7f4a_7c15, |hash, byte| {
                mix(hash ^ u64::from(byte))
            });
        Self(mix(folded))
    }

    /// The child for an index, such as a request's number.
    #[must_use]
    pub const fn at(self, index: u64) -> Self {
        Self(mix(self.0 ^ mix(index.wrapping_add(0x2545_f491_4f6c_dd1d))))
    }

    /// A generator for a concern that draws in sequence.
    #[must_use]
    pub fn rng(self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.0)
    }

    /// One uniform draw in `0.0..1.0` from this node alone.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "53 bits fit a double's mantissa"
    )]
    pub const fn unit(self) -> f64 {
        (mix(self.0) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One uniform draw in `0..bound` from this node alone; 0 when `bound` is 0.
    #[must_use]
    pub const fn below(self, bound: u64) -> u64 {
        ((mix(self.0) as u128 * bound as u128) >> 64) as u64
    }
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood 2014): a bijection that spreads every bit.
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_differ_by_name_and_by_index() {
        let root = Seed::new(7);
        assert_ne!(root.child("probes"), root.child("boots"));
        assert_ne!(root.at(0), root.at(1));
        assert_eq!(root.child("probes"), Seed::new(7).child("probes"));
    }

    #[test]
    fn draws_stay_in_range() {
        for index in 0..1_000 {
            let seed = Seed::new(1).at(index);
            assert!(seed.below(3) < 3);
            assert!((0.0..1.0).contains(&seed.unit()));
        }
    }
}
