//! How far a campaign is: a bar on a terminal, a line every few seconds elsewhere.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use turquoise_scenarios::campaign::Progress;

use crate::output::{Output, note};

/// Without a terminal a line is printed this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows rate and time left; called from several threads.
#[derive(Debug)]
pub(super) struct Meter {
    bar: ProgressBar,
    lines: bool,
    told: Mutex<Duration>,
}

impl Meter {
    /// A meter for this terminal, for none, or for nobody.
    pub(super) fn new(output: &Output, silent: bool) -> Self {
        let live = output.live_display() && !silent;
        let target = if live {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = ProgressStyle::with_template(
            "{elapsed_precise} [{bar:30}] {pos}/{len} scenarios  {per_sec}  {eta} left  {msg}",
        )
        .expect("because the template is a literal that a test renders");
        Self {
            bar: ProgressBar::with_draw_target(Some(0), target).with_style(style),
            lines: !live && !silent,
            told: Mutex::new(Duration::ZERO),
        }
    }

    /// Shows where the campaign is.
    pub(super) fn tell(&self, progress: &Progress) {
        self.bar.set_length(progress.of);
        self.bar.set_position(progress.scenarios);
        let message = format!(
            "{} failed  mutants {} caught, {} not",
            progress.failed, progress.killed, progress.survived
        );
        if self.lines {
            self.line(progress, &message);
        } else {
            self.bar.set_message(message);
        }
    }

    /// Leaves the screen.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, progress: &Progress, message: &str) {
        let elapsed = self.bar.elapsed();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if elapsed.saturating_sub(*told) < LINE_EVERY {
            return;
        }
        *told = elapsed;
        let eta = self.bar.eta().as_secs();
        note(&format!(
            "{}/{} scenarios after {} s, about {eta} s left, {message}",
            progress.scenarios,
            progress.of,
            elapsed.as_secs()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    #[test]
    fn the_template_renders_and_the_bar_follows() {
        let meter = Meter::new(&Output::new(Format::Json), false);
        meter.tell(&Progress {
            scenarios: 3,
            of: 10,
            failed: 0,
            killed: 1,
            survived: 0,
        });
        assert_eq!((meter.bar.position(), meter.bar.length()), (3, Some(10)));
    }
}
