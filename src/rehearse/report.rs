//! The result of a rehearsal: as text for people, as JSON for programs.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use turquoise_scenarios::verdict::Lost;
use turquoise_scenarios::{Invariant, Verdict};

use crate::display::thousands;
use crate::exit::Exit;
use crate::output::Paint;

/// Lost requests named in the text; the JSON and the page name more.
const NAMED_IN_TEXT: usize = 5;
/// Lost requests named in the JSON.
const NAMED_IN_JSON: usize = 100;

/// A rehearsal, judged.
#[derive(Debug)]
pub(crate) struct Report {
    /// What swapped: `reference`, `published` or `break no-drain`.
    pub(crate) orchestrator: String,
    /// The side that served before and the side that was to serve after.
    pub(crate) sides: (String, String),
    /// What the orchestrator claims.
    pub(crate) outcome: String,
    /// Why it ended so, where it says.
    pub(crate) reason: String,
    /// The exit code of its claim.
    pub(crate) claim: Exit,
    /// Cloud seconds per second; `None` in virtual time.
    pub(crate) speed: Option<f64>,
    /// How long all of it took on the wall clock.
    pub(crate) took: Duration,
    /// How many invariants were judged.
    pub(crate) judged: usize,
    /// The judgement.
    pub(crate) verdict: Verdict,
    /// Where the page is.
    pub(crate) page: Option<PathBuf>,
}

impl Report {
    /// How the command ends: a lost request or a broken promise outweighs what the orchestrator
    /// claims.
    pub(crate) fn exit(&self) -> Exit {
        if self.verdict.is_clean() {
            self.claim
        } else {
            Exit::BudgetViolated
        }
    }

    /// The last line of `--output json` (design.md, "JSON that other programs rely on").
    pub(crate) fn document(&self) -> Value {
        let verdict = &self.verdict;
        let latency = &verdict.latency;
        let classes: serde_json::Map<String, Value> = verdict
            .requests
            .by_class
            .iter()
            .map(|(class, count)| (class.name().to_owned(), json!(count)))
            .collect();
        json!({
            "event": "result",
            "outcome": self.outcome,
            "reason": self.reason,
            "exit_code": self.exit().code(),
            "orchestrator": self.orchestrator,
            "requests": {
                "sent": verdict.requests.sent,
                "ok": verdict.requests.ok(),
                "lost": verdict.requests.lost(),
                "violations": verdict.requests.violations(),
                "by_class": classes,
            },
            "max_gap_ms": rounded(verdict.max_gap_ms()),
            "p99_ms": {
                "baseline": rounded(latency.baseline.p99_ms),
                "swap": rounded(latency.swap.p99_ms),
            },
            "gateway_puts": verdict.gateway_puts,
            "duration_s": rounded(verdict.duration.as_secs_f64()),
            "total_s": rounded(self.took.as_secs_f64()),
            "speed": self.speed,
            "invariants": {
                "judged": self.judged,
                "violated": verdict.violated.iter().map(violated).collect::<Vec<_>>(),
            },
            "violations": verdict.violations,
            "lost_requests": verdict.lost.iter().take(NAMED_IN_JSON).collect::<Vec<_>>(),
            "report": self.page.as_ref().map(|page| page.display().to_string()),
        })
    }

    /// The result for people.
    pub(crate) fn text(&self, paint: Paint) -> String {
        let mut text = self.headline(paint);
        let requests = &self.verdict.requests;
        let mut row = |name: &str, value: String| {
            let _infallible = write!(text, "\n  {}  {value}", paint.dim(&format!("{name:<12}")));
        };
        row(
            "requests",
            format!(
                "{} sent   {} ok   {} lost   {} in breach of a promise",
                thousands(requests.sent),
                thousands(requests.ok()),
                thousands(requests.lost()),
                thousands(requests.violations()),
            ),
        );
        row(
            "longest gap",
            format!(
                "{:.0} ms without an answer that was due",
                self.verdict.max_gap_ms()
            ),
        );
        row("latency p99", self.latency());
        row("gateway", format!("{} writes", self.verdict.gateway_puts));
        row("time", self.time());
        row("invariants", self.invariants());
        if let Err(contradiction) = &self.verdict.conservation {
            row("ledgers", format!("they do not add up: {contradiction}"));
        }
        if let Some(page) = &self.page {
            row("report", page.display().to_string());
        }
        text.push_str(&self.violations(paint));
        text.push_str(&self.losses(paint));
        text
    }

    fn headline(&self, paint: Paint) -> String {
        let (old, new) = &self.sides;
        let claim = format!("{old} -> {new} by {}: {}", self.orchestrator, self.outcome);
        let why = if self.reason.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.reason)
        };
        let lost = self.verdict.requests.lost();
        let verdict = if self.verdict.is_clean() {
            paint.good("nothing was lost and no promise broken")
        } else if lost > 0 {
            paint.bad(&format!("{} requests were lost", thousands(lost)))
        } else {
            paint.bad("nothing was lost, but a promise was broken")
        };
        format!("{}{why}; {verdict}", paint.bold(&claim))
    }

    fn latency(&self) -> String {
        let latency = &self.verdict.latency;
        format!(
            "{:.1} ms before, {:.1} ms during the swap",
            latency.baseline.p99_ms, latency.swap.p99_ms
        )
    }

    fn time(&self) -> String {
        let swap = self.verdict.duration.as_secs_f64();
        let total = self.took.as_secs_f64();
        match self.speed {
            Some(speed) => format!(
                "{swap:.1} s of swap ({:.1} min of cloud time at speed {speed}), {total:.1} s in all",
                swap * speed / 60.0
            ),
            None => format!(
                "{:.1} min of swap in virtual time, {total:.1} s in all",
                swap / 60.0
            ),
        }
    }

    fn invariants(&self) -> String {
        match self.verdict.violated.len() {
            0 => format!("{} judged, all hold", self.judged),
            broken => format!("{} judged, {broken} broken", self.judged),
        }
    }

    fn violations(&self, paint: Paint) -> String {
        let mut text = String::new();
        for (invariant, count) in &self.verdict.violated {
            let name = paint.bad(&invariant.to_string());
            let _infallible = write!(
                text,
                "\n\n{name} {}: broken {} times",
                invariant.title(),
                thousands(*count)
            );
            let first = self
                .verdict
                .violations
                .iter()
                .find(|found| found.invariant == *invariant);
            if let Some(first) = first {
                let _infallible = write!(text, "\n  first at {}: {}", first.at, first.what);
            }
        }
        text
    }

    fn losses(&self, paint: Paint) -> String {
        let lost = &self.verdict.lost;
        if lost.is_empty() {
            return String::new();
        }
        let named = lost.len().min(NAMED_IN_TEXT);
        let mut text = format!(
            "\n\n{} (the first {named} of {})",
            paint.bold("lost requests"),
            thousands(self.verdict.requests.lost())
        );
        for request in &lost[..named] {
            let _infallible = write!(text, "\n  {}", one_loss(request));
        }
        text.push_str(
            "\n  `turquoise explain RESET` tells an outcome, `turquoise explain S2` an invariant",
        );
        text
    }
}

fn one_loss(lost: &Lost) -> String {
    let kind = format!("{:?} on a {:?} connection", lost.class, lost.connection).to_lowercase();
    format!(
        "#{} {} ({kind}) due at {}, ended at {}: {} [{}]",
        lost.id,
        lost.outcome.name(),
        lost.due,
        lost.ended,
        lost.why,
        lost.catalogue.join(", ")
    )
}

fn violated((invariant, count): (&Invariant, &u64)) -> Value {
    json!({"invariant": invariant.to_string(), "title": invariant.title(), "count": count})
}

/// Three digits after the point are more than was measured.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use turquoise_emulator::Instant;
    use turquoise_emulator::ledger::{ConnectionClass, RequestClass};
    use turquoise_scenarios::verdict::Counts;
    use turquoise_scenarios::{Class, Latencies};

    use super::*;

    fn report(lost: u64) -> Report {
        let loss = Lost {
            id: 7,
            outcome: Class::Reset,
            class: RequestClass::Short,
            connection: ConnectionClass::Reused,
            due: Instant::from_millis(61_000),
            ended: Instant::from_millis(61_250),
            why: "machine 10.0.1.4 of green was stopped".to_owned(),
            catalogue: vec!["F37"],
        };
        let violated = if lost > 0 {
            BTreeMap::from([(Invariant::S(2), lost)])
        } else {
            BTreeMap::new()
        };
        Report {
            orchestrator: "reference".to_owned(),
            sides: ("green".to_owned(), "blue".to_owned()),
            outcome: "completed".to_owned(),
            reason: String::new(),
            claim: Exit::Completed,
            speed: Some(20.0),
            took: Duration::from_secs(58),
            judged: 12,
            verdict: Verdict {
                requests: Counts {
                    sent: 31_204,
                    by_class: BTreeMap::from([(Class::Ok, 31_204 - lost), (Class::Reset, lost)]),
                    unresolved: 0,
                },
                violations: Vec::new(),
                violated,
                lost: vec![loss; usize::from(lost > 0)],
                max_gap: BTreeMap::from([(ConnectionClass::New, Duration::from_millis(12))]),
                latency: Latencies::default(),
                gateway_puts: 2,
                duration: Duration::from_secs(24),
                conservation: Ok(()),
            },
            page: None,
        }
    }

    #[test]
    fn a_clean_rehearsal_ends_with_zero() {
        let report = report(0);
        assert_eq!(report.exit(), Exit::Completed);
        let document = report.document();
        assert_eq!(document["event"], "result");
        assert_eq!(document["requests"]["lost"], 0);
        assert_eq!(document["gateway_puts"], 2);
        assert_eq!(document["max_gap_ms"], 12.0);
        assert!(report.text(Paint::plain()).contains("nothing was lost"));
    }

    #[test]
    fn a_loss_outweighs_the_claim_and_is_named_and_explained() {
        let report = report(3);
        assert_eq!(report.exit(), Exit::BudgetViolated);
        assert_eq!(report.document()["requests"]["lost"], 3);
        let text = report.text(Paint::plain());
        for part in ["3 requests were lost", "#7 RESET", "10.0.1.4", "F37", "S2"] {
            assert!(text.contains(part), "no `{part}` in\n{text}");
        }
    }
}
