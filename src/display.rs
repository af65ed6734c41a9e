//! What a person watches while a rehearsal runs: phases, the pool in each plane, losses, latency.
//!
//! On a terminal some lines are redrawn in place; elsewhere a line is printed when something
//! changes, and every few seconds of a wait. Nothing is decided here.

use std::fmt::Write as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::output::note;

/// Without a terminal, an unchanged scene is told again after this long (L6 asks for 10 s).
const RETELL: Duration = Duration::from_secs(5);

/// What is shown, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scene {
    /// What is being done, such as `P5 confirm-add`.
    pub(crate) step: String,
    /// The evidence still missing.
    pub(crate) waiting: String,
    /// Since the rehearsal began, on the wall clock.
    pub(crate) elapsed: Duration,
    /// Since the cloud began, in cloud time.
    pub(crate) cloud: Duration,
    /// Which sides are in the pool, by observer: `ARM` first, then each gateway instance.
    pub(crate) pools: Vec<(String, Vec<String>)>,
    /// What traffic saw so far.
    pub(crate) traffic: Option<Traffic>,
}

/// Traffic so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Traffic {
    /// Requests sent.
    pub(crate) sent: u64,
    /// Requests that failed as their client saw it.
    pub(crate) failed: u64,
    /// The latest latency, 99th percentile, in milliseconds.
    pub(crate) p99_ms: f64,
}

impl Scene {
    /// The first line: where we are and what is missing.
    fn headline(&self) -> String {
        let mut line = format!("{:>5}  {:<18}", clock(self.elapsed), self.step);
        if !self.waiting.is_empty() {
            let _infallible = write!(line, "  waiting: {}", self.waiting);
        }
        line
    }

    /// The pool as ARM and as each gateway instance has it.
    fn pool_line(&self) -> String {
        let mut line = String::from("       pool    ");
        for (observer, sides) in &self.pools {
            let _infallible = write!(line, "  {observer} {{{}}}", sides.join(", "));
        }
        line
    }

    fn traffic_line(&self) -> String {
        let cloud = clock(self.cloud);
        match self.traffic {
            None => format!("       cloud     {cloud}"),
            Some(traffic) => format!(
                "       traffic   {} sent  {} failed  p99 {:.1} ms   cloud time {cloud}",
                thousands(traffic.sent),
                thousands(traffic.failed),
                traffic.p99_ms,
            ),
        }
    }

    /// All of it on one line, for logs.
    fn line(&self) -> String {
        let mut line = self.headline().trim_end().to_owned();
        for (observer, sides) in &self.pools {
            let _infallible = write!(line, "  {observer}={{{}}}", sides.join(","));
        }
        if let Some(traffic) = self.traffic {
            let _infallible = write!(
                line,
                "  sent={} failed={} p99={:.1}ms",
                traffic.sent, traffic.failed, traffic.p99_ms
            );
        }
        line
    }

    /// Whether a reader of lines should hear of this after `last`.
    fn is_news_after(&self, last: &Self) -> bool {
        self.step != last.step
            || self.pools != last.pools
            || self.elapsed.saturating_sub(last.elapsed) >= RETELL
    }
}

/// Shows scenes.
#[derive(Debug)]
pub(crate) enum Display {
    /// Redrawn in place.
    Live(Bars),
    /// One line per news.
    Lines(Scene),
}

/// The lines that are redrawn.
#[derive(Debug)]
pub(crate) struct Bars {
    all: MultiProgress,
    headline: ProgressBar,
    pool: ProgressBar,
    traffic: ProgressBar,
    last: Scene,
}

impl Display {
    /// A display for this terminal, or for none.
    pub(crate) fn new(live: bool) -> Self {
        if live {
            Self::Live(Bars::new())
        } else {
            Self::Lines(Scene::default())
        }
    }

    /// Shows a scene.
    pub(crate) fn show(&mut self, scene: &Scene) {
        match self {
            Self::Live(bars) => bars.show(scene),
            Self::Lines(last) if scene.is_news_after(last) => {
                note(&scene.line());
                *last = scene.clone();
            }
            Self::Lines(_) => {}
        }
    }

    /// Says something that stays, above the lines that are redrawn.
    pub(crate) fn say(&self, text: &str) {
        match self {
            // `println` fails only when the terminal is gone, and then nobody reads.
            Self::Live(bars) => drop(bars.all.println(text)),
            Self::Lines(_) => note(text),
        }
    }

    /// Leaves the screen.
    pub(crate) fn finish(&self) {
        if let Self::Live(bars) = self {
            drop(bars.all.clear());
        }
    }
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let line = |template: &str| {
            let style = ProgressStyle::with_template(template)
                .expect("because the template is a literal that a test renders");
            let bar = all.add(ProgressBar::new_spinner().with_style(style));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        };
        Self {
            headline: line("{spinner} {msg}"),
            pool: line("  {msg}"),
            traffic: line("  {msg}"),
            all,
            last: Scene::default(),
        }
    }

    /// A step that ended stays on the screen as a line; the new one is redrawn below.
    fn show(&mut self, scene: &Scene) {
        if scene.step != self.last.step && !self.last.step.is_empty() {
            let done = format!("✓ {}", self.last.headline().trim_end());
            drop(self.all.println(done));
        }
        self.headline.set_message(scene.headline());
        self.pool.set_message(scene.pool_line());
        self.traffic.set_message(scene.traffic_line());
        self.last = Scene {
            waiting: String::new(),
            ..scene.clone()
        };
    }
}

/// Minutes and seconds.
fn clock(span: Duration) -> String {
    let seconds = span.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// `31204` as `31,204`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> Scene {
        Scene {
            step: "P5 confirm-add".to_owned(),
            waiting: "gateway instance 1 has not dispatched to green yet".to_owned(),
            elapsed: Duration::from_secs(62),
            cloud: Duration::from_secs(1_240),
            pools: vec![
                (
                    "ARM".to_owned(),
                    vec!["blue".to_owned(), "green".to_owned()],
                ),
                ("#0".to_owned(), vec!["blue".to_owned()]),
            ],
            traffic: Some(Traffic {
                sent: 31_204,
                failed: 0,
                p99_ms: 4.25,
            }),
        }
    }

    #[test]
    fn a_line_tells_phase_evidence_pools_and_traffic() {
        assert_eq!(
            scene().line(),
            " 1:02  P5 confirm-add      waiting: gateway instance 1 has not dispatched to green yet  \
             ARM={blue,green}  #0={blue}  sent=31204 failed=0 p99=4.2ms"
        );
    }

    #[test]
    fn lines_are_told_on_news_and_after_a_while() {
        let told = scene();
        let later = |seconds: u64, step: &str| Scene {
            elapsed: Duration::from_secs(62 + seconds),
            step: step.to_owned(),
            ..scene()
        };
        assert!(!later(4, "P5 confirm-add").is_news_after(&told));
        assert!(later(5, "P5 confirm-add").is_news_after(&told));
        assert!(later(0, "P6 mixed bake").is_news_after(&told));
    }

    #[test]
    fn the_redrawn_lines_have_valid_templates() {
        let mut bars = Bars::new();
        bars.show(&scene());
        assert_eq!(bars.last.waiting, "");
    }

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(thousands(number), text);
        }
    }
}
