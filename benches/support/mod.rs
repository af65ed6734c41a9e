//! What benches hold their numbers against: published or once measured baselines, with sources.

/// A number to hold ours against.
#[derive(Debug)]
pub(crate) struct Baseline {
    /// Who does the same work.
    pub(crate) who: &'static str,
    /// Its number, with its unit.
    pub(crate) number: &'static str,
    /// Where the number is from.
    pub(crate) source: &'static str,
}

/// Prints a bench's baselines before its own numbers.
#[expect(
    clippy::print_stderr,
    reason = "a bench is a program for people at a terminal"
)]
pub(crate) fn announce(bench: &str, baselines: &[Baseline]) {
    if baselines.is_empty() {
        eprintln!("{bench}: no baseline");
    }
    for baseline in baselines {
        eprintln!(
            "{bench}: {} does {} ({})",
            baseline.who, baseline.number, baseline.source
        );
    }
}
