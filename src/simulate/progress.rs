//! How far a campaign is: a bar on a terminal, a line every few seconds elsewhere.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use turquoise_scenarios::campaign::Progress;

use crate::output::{Output, note};

/// Without a terminal a line is printed this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

const TEMPLATE: &str = "{elapsed_precise} [{bar:20}] {msg}";

/// Shows rate and time left; called from several threads.
#[derive(Debug)]
pub(super) struct Meter {
    bar: ProgressBar,
    lines: bool,
    /// When the campaign ends, whatever is left.
    limit: Option<Duration>,
    told: Mutex<Duration>,
}

impl Meter {
    /// A meter for this terminal, for lines of text, or for nobody: who reads JSON is not told.
    pub(super) fn new(output: &Output, silent: bool, limit: Option<Duration>) -> Self {
        let silent = silent || !output.is_text();
        let live = output.live_display() && !silent;
        let target = if live {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = ProgressStyle::with_template(TEMPLATE)
            .expect("because the template is a literal that a test renders");
        Self {
            bar: ProgressBar::with_draw_target(Some(0), target).with_style(style),
            lines: !live && !silent,
            limit,
            told: Mutex::new(Duration::ZERO),
        }
    }

    /// Shows where the campaign is.
    pub(super) fn tell(&self, progress: &Progress) {
        let elapsed = self.bar.elapsed();
        self.bar.set_length(progress.of.unwrap_or(0));
        self.bar.set_position(progress.scenarios);
        if self.lines {
            self.line(progress, elapsed);
        } else {
            self.bar.set_message(line(progress, elapsed, self.limit));
        }
    }

    /// Leaves the screen.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, progress: &Progress, elapsed: Duration) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if elapsed.saturating_sub(*told) < LINE_EVERY {
            return;
        }
        *told = elapsed;
        note(&line(progress, elapsed, self.limit));
    }
}

/// Where a campaign is, as one line.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn line(progress: &Progress, elapsed: Duration, limit: Option<Duration>) -> String {
    let seconds = elapsed.as_secs_f64();
    let rate = progress.scenarios as f64 / seconds.max(0.001);
    let of = progress.of.map_or_else(String::new, |of| format!("/{of}"));
    let left = time_left(progress, rate, seconds, limit)
        .map_or_else(String::new, |left| format!(", about {left:.0} s left"));
    format!(
        "{}{of} scenarios, {} failed{}; {seconds:.0} s, {rate:.0} a second{left}",
        progress.scenarios,
        progress.failed,
        mutants(progress),
    )
}

/// How the hunts go, where there are any.
fn mutants(progress: &Progress) -> String {
    if progress.mutants == 0 {
        return String::new();
    }
    format!(
        "; mutants {} caught, {} not, of {}",
        progress.killed, progress.survived, progress.mutants
    )
}

/// Until the seeds or the time end, whichever is first; nothing before there is a rate.
#[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
fn time_left(progress: &Progress, rate: f64, seconds: f64, limit: Option<Duration>) -> Option<f64> {
    let of = progress.of.filter(|_| rate > 0.0);
    let seeds = of.map(|of| of.saturating_sub(progress.scenarios) as f64 / rate);
    let time = limit.map(|limit| (limit.as_secs_f64() - seconds).max(0.0));
    match (seeds, time) {
        (Some(seeds), Some(time)) => Some(seeds.min(time)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    const PROGRESS: Progress = Progress {
        scenarios: 300,
        of: Some(1000),
        failed: 1,
        mutants: 41,
        killed: 7,
        survived: 0,
    };

    #[test]
    fn the_template_renders_and_the_bar_follows() {
        let meter = Meter::new(&Output::new(Format::Json), false, None);
        meter.tell(&PROGRESS);
        assert_eq!(
            (meter.bar.position(), meter.bar.length()),
            (300, Some(1000))
        );
        assert!(!meter.lines, "who reads JSON is not told");
    }

    #[test]
    fn a_line_tells_the_rate_and_what_is_left() {
        let at = Duration::from_secs(3);
        assert_eq!(
            line(&PROGRESS, at, None),
            "300/1000 scenarios, 1 failed; mutants 7 caught, 0 not, of 41; 3 s, 100 a second, about 7 s left"
        );
        let soon = line(&PROGRESS, at, Some(Duration::from_secs(5)));
        assert!(soon.ends_with("about 2 s left"), "{soon}");
        let endless = Progress {
            of: None,
            ..PROGRESS
        };
        assert!(line(&endless, at, None).ends_with("100 a second"));
        let alone = Progress {
            mutants: 0,
            killed: 0,
            ..PROGRESS
        };
        let alone = line(&alone, at, None);
        assert!(
            alone.starts_with("300/1000 scenarios, 1 failed; 3 s"),
            "{alone}"
        );
    }
}
