//! Harness mutants of the traffic, and of how its gaps are measured.

use std::time::Duration;

use turquoise_emulator::data_plane::Arrivals;
use turquoise_emulator::{Instant, Seed};

use super::bench::{Bench, require, stop};
use super::{Harness, Red};
use crate::clients::profile::Shape;
use crate::clients::{Profile, ProfileArrivals};
use crate::observation::Observation;
use crate::verdict::judge;

/// Requests a second where a gap of tenths of a second must be seen: the rate rule of the catalogue
/// (D.6) with two connection classes and three gateway instances wants 24 for each.
const DENSE: f64 = 150.0;
/// The gap that is made, and what must be seen of it.
const GAP: Duration = Duration::from_millis(400);
const SEEN: Duration = Duration::from_millis(300);

/// H01.
pub(super) fn closed_loop(_bench: &Bench, harness: Harness) -> Result<(), Red> {
    let rate = 20.0;
    let (stops, goes_on) = (Instant::from_millis(30_000), Instant::from_millis(33_000));
    let service = Duration::from_millis(20);
    let profile = Profile {
        arrivals: Shape::Steady,
        ..Profile::simulated(rate)
    };
    let mut arrivals = ProfileArrivals::new(
        profile,
        Seed::new(1),
        Instant::ZERO,
        Instant::from_millis(60_000),
        service,
    );
    let (mut late, mut free) = (0, Instant::ZERO);
    while let Some(arrival) = arrivals.next() {
        let sent = match harness {
            Harness::Honest => arrival.due,
            // One connection, and the clock starts when it is free.
            Harness::Mutated => arrival.due.max(free),
        };
        let stopped = (stops..goes_on).contains(&sent);
        free = if stopped { goes_on } else { sent } + service;
        late += u32::from(free.since(sent) > Duration::from_millis(500));
    }
    require(f64::from(late) >= 2.0 * rate, || {
        format!("{late} late answers in a stop of 3 s at {rate} requests a second")
    })
}

/// H07.
pub(super) fn wide_bins(bench: &Bench, harness: Harness) -> Result<(), Red> {
    let run = with_gap(bench, DENSE)?;
    let seen = match harness {
        Harness::Honest => longest_gap(&run),
        Harness::Mutated => worst_bin(&run, Duration::from_secs(10)),
    };
    sees_the_gap(seen)
}

/// H08.
pub(super) fn low_rate(bench: &Bench, harness: Harness) -> Result<(), Red> {
    let rate = match harness {
        Harness::Honest => DENSE,
        Harness::Mutated => 0.05,
    };
    sees_the_gap(longest_gap(&with_gap(bench, rate)?))
}

fn sees_the_gap(seen: Duration) -> Result<(), Red> {
    require(seen >= SEEN, || {
        format!("a gap of {GAP:?} is reported as {seen:?}")
    })
}

/// A calm swap with nobody answering for a moment in its middle.
fn with_gap(bench: &Bench, rate: f64) -> Result<Observation, Red> {
    let mut run = bench.calm_at(Some(rate))?;
    let (start, end) = (run.window.swap_start, run.window.swap_end);
    let middle = start + end.since(start) / 2;
    stop(&mut run, middle, middle + GAP);
    Ok(run)
}

fn longest_gap(run: &Observation) -> Duration {
    let gaps = judge(run).max_gap;
    gaps.into_values().max().unwrap_or_default()
}

/// How long nobody was served by the worst bin's account: its length, where fewer than half of its
/// requests were.
fn worst_bin(run: &Observation, bin: Duration) -> Duration {
    let mut bins = std::collections::BTreeMap::<u128, (u64, u64)>::new();
    for entry in &run.ledgers.clients {
        let since = entry.due.since(Instant::ZERO);
        let (all, good) = bins.entry(since.as_millis() / bin.as_millis()).or_default();
        *all += 1;
        let answered = matches!(
            entry.seen,
            turquoise_emulator::ledger::Seen::Answer { status, .. } if status < 500
        );
        *good += u64::from(answered);
    }
    let bad = bins.values().filter(|(all, good)| good * 2 < *all).count();
    bin * u32::try_from(bad).unwrap_or(u32::MAX)
}
