//! How long to wait before asking again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LARGEST: Duration = Duration::from_secs(15);
/// What Azure may ask for at most; a longer `Retry-After` is cut, since ceilings bound the whole.
const PATIENCE: Duration = Duration::from_secs(60);

/// Doubles from half a second to a quarter of a minute, spread by ±25 % so that clients that were
/// refused together do not come back together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The next pause: what Azure asked for, or the next step; `draw` is a uniform number.
    pub(crate) fn next(&mut self, asked: Option<Duration>, draw: u64) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(LARGEST);
        match asked {
            Some(asked) => asked.clamp(FIRST, PATIENCE),
            None => step.mul_f64(0.75) + step.mul_f64(0.5).mul_f64(unit(draw)),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "16 bits of the draw are enough for a spread, and exact in an f64"
)]
fn unit(draw: u64) -> f64 {
    (draw & 0xffff) as f64 / 65_536.0
}

/// The pause before the next poll: what Azure asks for within reason, else `default`.
pub(crate) fn poll_pause(asked: Option<u64>, default: Duration) -> Duration {
    let asked = asked.map_or(default, Duration::from_secs);
    asked.clamp(Duration::from_millis(250), LARGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_largest_and_stay_within_a_quarter() {
        let mut backoff = Backoff::default();
        for (draw, expected_ms) in [
            (0, 375),
            (0, 750),
            (0x8000, 2_000),
            (0xffff, 4_999),
            (0, 6_000),
            (0, 11_250),
            (0, 11_250),
        ] {
            let pause = backoff.next(None, draw).as_millis();
            assert_eq!(pause, expected_ms);
        }
    }

    #[test]
    fn what_azure_asks_for_wins_within_reason() {
        let mut backoff = Backoff::default();
        for (asked, expected) in [(0, FIRST), (7, Duration::from_secs(7)), (3_600, PATIENCE)] {
            let asked = Some(Duration::from_secs(asked));
            assert_eq!(backoff.next(asked, 9), expected);
        }
        assert_eq!(poll_pause(Some(600), FIRST), LARGEST);
        assert_eq!(poll_pause(None, FIRST), FIRST);
    }
}
