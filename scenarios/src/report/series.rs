//! A run cut into equal bins of time, for pictures. No judgement rests on bins (H07).

use std::time::Duration;

use turquoise_emulator::Instant;
use turquoise_emulator::ledger::Build;

use crate::ledger::{Class, Ledger, Request};
use crate::observation::{Observation, Role};

/// How many bins a picture has at most: one for each four or five pixels of its width.
const BINS: u32 = 220;

/// The bins of a run.
#[derive(Debug)]
pub(crate) struct Series {
    /// Where the first bin begins.
    pub(crate) start: Instant,
    /// How much cloud time a bin covers.
    pub(crate) width: Duration,
    /// The bins, without holes.
    pub(crate) bins: Vec<Bin>,
}

/// The requests due in one span of time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bin {
    /// Answered well by the old side.
    pub(crate) old: u32,
    /// Answered well by the new side.
    pub(crate) new: u32,
    /// Answered by the application with an error, late, or in breach of a promise.
    pub(crate) other: u32,
    /// Lost.
    pub(crate) lost: u32,
    /// Median latency of short requests that were answered, as felt.
    pub(crate) p50: Option<Duration>,
    /// Their 99th percentile.
    pub(crate) p99: Option<Duration>,
}

impl Bin {
    /// All requests due in it.
    pub(crate) fn total(&self) -> u32 {
        self.old + self.new + self.other + self.lost
    }
}

impl Series {
    /// Cuts a run from the beginning of its baseline to its last request.
    pub(crate) fn cut(observation: &Observation, ledger: &Ledger<'_>) -> Self {
        let window = observation.window;
        let last = ledger.requests().map(|request| request.client().due).max();
        let end = last.unwrap_or(window.swap_end).max(window.swap_end);
        let span = end
            .since(window.baseline_start)
            .max(Duration::from_millis(1));
        let width =
            nice(observation.felt(span) / BINS).mul_f64(observation.speed.max(f64::EPSILON));
        let mut series = Self {
            start: window.baseline_start,
            width,
            bins: Vec::new(),
        };
        series.bins = vec![Bin::default(); series.index(end) + 1];
        series.fill(observation, ledger);
        series
    }

    /// Where the last bin ends.
    pub(crate) fn end(&self) -> Instant {
        self.start + self.width * u32::try_from(self.bins.len()).unwrap_or(u32::MAX)
    }

    /// Where a bin begins.
    pub(crate) fn start_of(&self, index: usize) -> Instant {
        self.start + self.width * u32::try_from(index).unwrap_or(u32::MAX)
    }

    fn fill(&mut self, observation: &Observation, ledger: &Ledger<'_>) {
        let mut latencies: Vec<Vec<Duration>> = vec![Vec::new(); self.bins.len()];
        let start = self.start;
        let judged = ledger.requests().filter(|request| {
            request.client().due >= start && request.class() != Class::ClientAbort
        });
        for request in judged {
            let index = self.index(request.client().due);
            self.count(index, observation, request);
            if request.is_short() && !request.class().is_loss() {
                let client = request.client();
                latencies[index].push(observation.felt(client.ended.since(client.due)));
            }
        }
        for (bin, mut latencies) in self.bins.iter_mut().zip(latencies) {
            latencies.sort_unstable();
            bin.p50 = quantile(&latencies, 50);
            bin.p99 = quantile(&latencies, 99);
        }
    }

    fn count(&mut self, index: usize, observation: &Observation, request: Request<'_>) {
        let bin = &mut self.bins[index];
        let role = request
            .build()
            .and_then(|build| role(observation, request, build));
        match (request.class(), role) {
            (class, _) if class.is_loss() => bin.lost += 1,
            (Class::Ok | Class::Late, Some(Role::Old)) => bin.old += 1,
            (Class::Ok | Class::Late, Some(Role::New)) => bin.new += 1,
            _ => bin.other += 1,
        }
    }

    fn index(&self, at: Instant) -> usize {
        let bins = at.since(self.start).as_nanos() / self.width.as_nanos().max(1);
        usize::try_from(bins).unwrap_or(usize::MAX)
    }
}

/// The side that answered: by build, and by the pool member where both sides run one build.
fn role(observation: &Observation, request: Request<'_>, build: Build) -> Option<Role> {
    let declared = &observation.declared;
    let member = request
        .attempts()
        .next_back()
        .and_then(|attempt| attempt.member);
    let by_member = member.and_then(|member| declared.role_of(member));
    if declared.old.build == declared.new.build {
        by_member
    } else {
        declared.role_of_build(build)
    }
}

fn quantile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[last * percent / 100])
}

/// The next 1, 2 or 5 times a power of ten milliseconds.
fn nice(span: Duration) -> Duration {
    let mut unit = Duration::from_millis(1);
    loop {
        for factor in [1, 2, 5] {
            if unit * factor >= span {
                return unit * factor;
            }
        }
        unit *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::clean;
    use crate::timeline::Timeline;

    fn cut(observation: &Observation) -> Series {
        let timeline = Timeline::new(observation);
        Series::cut(observation, &Ledger::join(observation, &timeline))
    }

    #[test]
    fn every_request_is_in_one_bin() {
        let series = cut(&clean());
        assert_eq!(series.width, Duration::from_secs(1));
        assert_eq!(series.bins.iter().map(Bin::total).sum::<u32>(), 2000);
        assert!(series.bins.iter().take(115).all(|bin| bin.new == 0));
    }

    #[test]
    fn widths_are_round_in_the_time_that_clients_felt() {
        let cases = [(1, 1), (3, 5), (11, 20), (99, 100), (600, 1000)];
        for (span, expected) in cases {
            assert_eq!(
                nice(Duration::from_millis(span)),
                Duration::from_millis(expected)
            );
        }
        let mut fast = clean();
        fast.speed = 20.0;
        assert_eq!(fast.felt(cut(&fast).width), Duration::from_millis(50));
    }
}
