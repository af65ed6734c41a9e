//! One value of a strategy, from one node of the seed tree.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use turquoise_emulator::Seed;

/// Draws from `strategy` by `seed` alone: another strategy beside it moves nothing.
pub(super) fn draw<S: Strategy>(seed: Seed, strategy: &S) -> S::Value {
    let mut bytes = [0; 32];
    for (index, chunk) in (0..).zip(bytes.chunks_exact_mut(8)) {
        chunk.copy_from_slice(&seed.at(index).value().to_le_bytes());
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let tree = strategy
        .new_tree(&mut runner)
        .expect("because no strategy here filters its values");
    tree.current()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;

    use super::*;

    #[test]
    fn a_draw_depends_on_its_seed_alone() {
        let value = |seed| draw(Seed::new(seed).child("x"), &any::<u64>());
        assert_eq!(value(1), value(1));
        assert_ne!(value(1), value(2));
    }
}
