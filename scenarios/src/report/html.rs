//! One self-contained HTML page about a run: a timeline and the tables behind it.
//!
//! No script and no external request, so that it can be mailed, archived and printed. Colours are
//! never the only carrier of a meaning; whatever the picture shows, a table says.

mod figure;
mod scale;
mod tables;

use std::fmt::{self, Display, Write as _};

use crate::ledger::Ledger;
use crate::observation::Observation;
use crate::report::comparison::Row;
use crate::report::series::Series;
use crate::timeline::Timeline;
use crate::verdict::Verdict;

pub(super) const STYLE: &str = include_str!("html/page.css");

/// What the page says beside the verdict.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Who swapped, such as `reference` or `break no-drain`.
    pub orchestrator: String,
    /// What it claims, as one word or sentence.
    pub outcome: String,
    /// Facts about the run, such as topology and seed, as name and value.
    pub facts: Vec<(String, String)>,
    /// The command that runs it again.
    pub command: String,
    /// Other orchestrators over the same scenario; empty for none.
    pub compared: Vec<Row>,
}

/// Everything the parts of the page are drawn from.
struct Run<'a> {
    about: &'a About,
    observation: &'a Observation,
    verdict: &'a Verdict,
    timeline: &'a Timeline,
    series: &'a Series,
}

/// The timeline alone, as a picture that stands by itself.
#[must_use]
pub fn picture(observation: &Observation, verdict: &Verdict) -> String {
    let timeline = Timeline::new(observation);
    let ledger = Ledger::join(observation, &timeline);
    let series = Series::cut(observation, &ledger);
    let about = About::default();
    figure::picture(&Run {
        about: &about,
        observation,
        verdict,
        timeline: &timeline,
        series: &series,
    })
}

/// The page of a run.
#[must_use]
pub fn page(about: &About, observation: &Observation, verdict: &Verdict) -> String {
    let timeline = Timeline::new(observation);
    let ledger = Ledger::join(observation, &timeline);
    let series = Series::cut(observation, &ledger);
    let run = Run {
        about,
        observation,
        verdict,
        timeline: &timeline,
        series: &series,
    };
    let title = run.title();
    let mut page = String::new();
    let _infallible = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n{}{}{}{}</main>\n<footer>{}</footer>\n</body>\n</html>\n",
        run.judgement(),
        run.tiles(),
        figure::section(&run),
        tables::sections(&run),
        run.footer(),
    );
    page
}

impl Run<'_> {
    fn title(&self) -> String {
        let declared = &self.observation.declared;
        let (old, new) = (escape(&declared.old.name), escape(&declared.new.name));
        let (who, outcome) = (
            escape(&self.about.orchestrator),
            escape(&self.about.outcome),
        );
        format!("{old} → {new} by {who}: {outcome}")
    }

    fn judgement(&self) -> String {
        let lost = self.verdict.requests.lost();
        let broken = self.verdict.violated.len();
        let (class, text) = if self.verdict.is_clean() {
            (
                "good",
                "✓ Nothing was lost and no invariant was broken".to_owned(),
            )
        } else if lost > 0 {
            (
                "bad",
                format!(
                    "✗ {} lost, {}",
                    plural(lost, "request"),
                    plural(broken as u64, "invariant") + " broken"
                ),
            )
        } else {
            (
                "bad",
                format!(
                    "✗ Nothing was lost, but {} broken",
                    plural(broken as u64, "invariant")
                ),
            )
        };
        format!("<p><span class=\"verdict {class}\">{text}</span></p>\n")
    }

    fn tiles(&self) -> String {
        let (verdict, latency) = (self.verdict, &self.verdict.latency);
        let requests = &verdict.requests;
        let bad = |is: bool| if is { " class=\"bad\"" } else { "" };
        let tiles = [
            ("Requests sent", thousands(requests.sent), ""),
            ("Answered well", thousands(requests.ok()), ""),
            ("Lost", thousands(requests.lost()), bad(requests.lost() > 0)),
            (
                "Promise broken",
                thousands(requests.violations()),
                bad(requests.violations() > 0),
            ),
            ("Longest gap", format!("{:.0} ms", verdict.max_gap_ms()), ""),
            (
                "p99 before",
                format!("{:.1} ms", latency.baseline.p99_ms),
                "",
            ),
            (
                "p99 in the swap",
                format!("{:.1} ms", latency.swap.p99_ms),
                "",
            ),
            ("Gateway writes", verdict.gateway_puts.to_string(), ""),
            (
                "Swap took",
                format!("{:.1} s", verdict.duration.as_secs_f64()),
                "",
            ),
        ];
        let mut text = "<dl class=\"tiles\">\n".to_owned();
        for (name, value, class) in tiles {
            let _infallible = writeln!(text, "<div><dt>{name}</dt><dd{class}>{value}</dd></div>");
        }
        text + "</dl>\n"
    }

    fn footer(&self) -> String {
        let resolution = self.resolution_ms();
        let mut text = format!(
            "<p>Latency counts from when a request was due, not from when it could be sent. Gaps \
             shorter than {resolution:.1} ms cannot be seen at this rate.</p>"
        );
        if !self.about.command.is_empty() {
            let command = escape(&self.about.command);
            let _infallible = write!(text, "<p>Run it again: <code>{command}</code></p>");
        }
        text
    }

    /// Two mean gaps between arrivals (H08), in milliseconds as felt.
    fn resolution_ms(&self) -> f64 {
        let series = self.series;
        let span = self
            .observation
            .felt(series.end().since(series.start))
            .as_secs_f64();
        let sent = f64::from(
            series
                .bins
                .iter()
                .map(super::series::Bin::total)
                .sum::<u32>(),
        );
        2000.0 * span / sent.max(1.0)
    }
}

/// Text with the five characters that mean something in HTML replaced.
pub(super) fn escape(text: impl Display) -> String {
    let mut escaped = String::new();
    let _infallible = write!(Escaping(&mut escaped), "{text}");
    escaped
}

struct Escaping<'a>(&'a mut String);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

/// A number with thin groups of three digits.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

pub(super) fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", thousands(count))
}

#[cfg(test)]
mod tests;
