//! From values to places in the picture.

use std::time::Duration;

use turquoise_emulator::Instant;

/// Time along the picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeScale {
    /// Where the plot begins.
    pub(super) left: f64,
    /// Where it ends.
    pub(super) right: f64,
    start: Instant,
    end: Instant,
    zero: Instant,
    speed: f64,
}

impl TimeScale {
    /// Time from `start` to `end` over a plot, told from `zero` on in the clients' time.
    pub(super) fn new(
        (left, right): (f64, f64),
        (start, end): (Instant, Instant),
        zero: Instant,
        speed: f64,
    ) -> Self {
        Self {
            left,
            right,
            start,
            end,
            zero,
            speed: if speed > 0.0 { speed } else { 1.0 },
        }
    }

    /// Where an instant lies, kept within the plot.
    pub(super) fn x(&self, at: Instant) -> f64 {
        let span = self.end.since(self.start).as_secs_f64().max(f64::EPSILON);
        let share = at.since(self.start).as_secs_f64() / span;
        self.left + (self.right - self.left) * share.min(1.0)
    }

    /// An instant in seconds of the clients' time since zero; negative before it.
    pub(super) fn felt(&self, at: Instant) -> f64 {
        (at.as_secs_f64() - self.zero.as_secs_f64()) / self.speed
    }

    /// Round instants with their labels, about ten of them.
    pub(super) fn ticks(&self) -> Vec<(Instant, String)> {
        let (first, last) = (self.felt(self.start), self.felt(self.end));
        let step = nice_step((last - first) / 10.0);
        let mut ticks = Vec::new();
        let mut tick = (first / step).ceil() * step;
        while tick <= last + step / 1e6 {
            ticks.push((self.at(tick), label(tick, step)));
            tick += step;
        }
        ticks
    }

    /// The instant that many seconds of the clients' time after zero.
    fn at(&self, felt: f64) -> Instant {
        let span = Duration::from_secs_f64(felt.abs() * self.speed);
        if felt < 0.0 {
            self.zero - span
        } else {
            self.zero + span
        }
    }
}

/// A label in seconds, or in minutes once steps are that long.
fn label(seconds: f64, step: f64) -> String {
    // Rounding may leave a negative zero.
    let seconds = if seconds.abs() < step / 1e6 {
        0.0
    } else {
        seconds
    };
    if step >= 60.0 {
        format!("{:.0} min", seconds / 60.0)
    } else if step >= 1.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{seconds:.1} s")
    }
}

/// A step of 1, 2 or 5 times a power of ten seconds, or of whole minutes.
fn nice_step(least: f64) -> f64 {
    let steps = [
        0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0,
        3600.0,
    ];
    steps
        .into_iter()
        .find(|step| *step >= least)
        .unwrap_or(7200.0)
}

/// A linear scale upwards from a baseline, over a whole number of equal steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinearScale {
    bottom: f64,
    height: f64,
    top_value: f64,
}

impl LinearScale {
    /// A scale that shows values up to `largest`.
    pub(super) fn new(bottom: f64, height: f64, largest: f64) -> Self {
        Self {
            bottom,
            height,
            top_value: round_up(largest),
        }
    }

    /// Where a value lies.
    pub(super) fn y(&self, value: f64) -> f64 {
        self.bottom - self.height * (value / self.top_value).clamp(0.0, 1.0)
    }

    /// Half and full of the scale.
    pub(super) fn ticks(&self) -> [f64; 2] {
        [self.top_value / 2.0, self.top_value]
    }
}

/// The next 1, 2, 4, 5, 6 or 8 times a power of ten: values with a round half.
fn round_up(value: f64) -> f64 {
    let unit = 10f64.powf(value.max(1.0).log10().floor());
    let factors = [1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    factors
        .into_iter()
        .map(|factor| factor * unit)
        .find(|top| *top >= value)
        .unwrap_or(10.0 * unit)
}

/// A logarithmic scale of milliseconds, over whole decades.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogScale {
    bottom: f64,
    height: f64,
    lowest: i32,
    highest: i32,
}

impl LogScale {
    /// A scale that shows everything between two numbers of milliseconds.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "decades of a latency are few"
    )]
    pub(super) fn new(bottom: f64, height: f64, smallest: f64, largest: f64) -> Self {
        let lowest = smallest.max(0.1).log10().floor() as i32;
        let highest = (largest.max(0.1).log10().ceil() as i32).max(lowest + 1);
        Self {
            bottom,
            height,
            lowest,
            highest,
        }
    }

    /// Where a number of milliseconds lies.
    pub(super) fn y(&self, millis: f64) -> f64 {
        let decades = f64::from(self.highest - self.lowest);
        let share = (millis.max(1e-3).log10() - f64::from(self.lowest)) / decades;
        self.bottom - self.height * share.clamp(0.0, 1.0)
    }

    /// The decades with their labels.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let decades = self.lowest..=self.highest;
        decades
            .map(|decade| {
                let millis = 10f64.powi(decade);
                (
                    millis,
                    if millis >= 1000.0 {
                        format!("{} s", millis / 1000.0)
                    } else {
                        format!("{millis} ms")
                    },
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_from_the_swap_in_the_clients_time() {
        let span = (Instant::from_millis(0), Instant::from_millis(400_000));
        let scale = TimeScale::new((0.0, 100.0), span, Instant::from_millis(100_000), 20.0);
        let labels: Vec<String> = scale.ticks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels.first().map(String::as_str), Some("-4 s"));
        assert!(labels.contains(&"0 s".to_owned()), "{labels:?}");
        assert!((scale.x(Instant::from_millis(200_000)) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn tops_are_round_and_hold_the_largest_value() {
        for (value, top) in [
            (0.0, 1.0),
            (9.5, 10.0),
            (11.0, 20.0),
            (530.0, 600.0),
            (1000.0, 1000.0),
        ] {
            assert!((round_up(value) - top).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn decades_span_the_values() {
        let scale = LogScale::new(100.0, 90.0, 3.0, 120.0);
        let labels: Vec<String> = scale.ticks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["1 ms", "10 ms", "100 ms", "1 s"]);
        assert!((scale.y(1.0) - 100.0).abs() < 1e-9 && (scale.y(1000.0) - 10.0).abs() < 1e-9);
    }
}
