//! A share of a campaign: which seeds and which mutants one of several machines takes.
//!
//! Seeds are cut into contiguous slices, so that a result names them as one span; mutants are dealt
//! out in turn, because their hunts differ much in length. Every seed and every mutant belongs to
//! exactly one shard, and because digests are sums, any sharding gives one number.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The `index`-th of `count` shares, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    index: u64,
    count: u64,
}

/// A text or a pair of numbers that is no shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no share; write which of how many, from 1, such as `2/3`")]
pub struct InvalidShard(String);

impl Shard {
    /// The whole campaign.
    pub const ALL: Self = Self { index: 1, count: 1 };

    /// The `index`-th of `count` shares, from 1.
    ///
    /// # Errors
    /// When there is no such share.
    pub fn new(index: u64, count: u64) -> Result<Self, InvalidShard> {
        if (1..=count).contains(&index) {
            Ok(Self { index, count })
        } else {
            Err(InvalidShard(format!("{index}/{count}")))
        }
    }

    /// Which share, from 1.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }

    /// Of how many.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.count
    }

    /// This share of the seeds; slices differ in length by one at most.
    #[must_use]
    pub fn seeds(self, all: &Range<u64>) -> Range<u64> {
        all.start + self.cut(all, self.index - 1)..all.start + self.cut(all, self.index)
    }

    /// Whether the `number`-th mutant, from 0, is in this share.
    #[must_use]
    pub fn has_mutant(self, number: usize) -> bool {
        number as u64 % self.count == self.index - 1
    }

    /// Where the slice after `shares` slices begins. In 128 bits: seeds may go up to 2^64.
    fn cut(self, all: &Range<u64>, shares: u64) -> u64 {
        let length = u128::from(all.end.saturating_sub(all.start));
        let cut = length * u128::from(shares) / u128::from(self.count);
        u64::try_from(cut).expect("because a share is no longer than the whole")
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = InvalidShard;

    fn from_str(text: &str) -> Result<Self, InvalidShard> {
        let pair = text.split_once('/');
        let numbers = pair.and_then(|(index, count)| {
            Some((index.trim().parse().ok()?, count.trim().parse().ok()?))
        });
        let (index, count) = numbers.ok_or_else(|| InvalidShard(text.to_owned()))?;
        Self::new(index, count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_share_is_which_of_how_many() {
        for (text, seeds) in [("1/3", 10..13), ("2/3", 13..16), ("3/3", 16..20)] {
            let shard: Shard = text.parse().expect("a share");
            assert_eq!(shard.seeds(&(10..20)), seeds);
            assert_eq!(shard.to_string(), text);
        }
        for text in ["0/3", "4/3", "1/0", "3", "a/b", "", "-1/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_seed_and_every_mutant_is_in_exactly_one_share(
            first in 0..=u64::MAX / 2,
            length in 0..=u64::MAX / 2,
            count in 1..40u64,
            mutants in 0..120usize,
        ) {
            let all = first..first + length;
            let shards: Vec<_> = (1..=count).map(|index| Shard { index, count }).collect();
            let mut next = first;
            for shard in &shards {
                let seeds = shard.seeds(&all);
                prop_assert_eq!(seeds.start, next);
                next = seeds.end;
            }
            prop_assert_eq!(next, all.end);
            for mutant in 0..mutants {
                let owners = shards.iter().filter(|shard| shard.has_mutant(mutant)).count();
                prop_assert_eq!(owners, 1);
            }
        }
    }
}
