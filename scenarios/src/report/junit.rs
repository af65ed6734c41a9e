//! A campaign as JUnit XML, which every CI system shows.
//!
//! One suite each for the seeds, the mutants, those of the harness and the interesting places. Seeds that hold
//! are one test case together: a hundred thousand cases would say no more.

use std::fmt::Write as _;

use super::html::escape;
use crate::campaign::{CampaignReport, Kill};

/// One suite's cases.
struct Suite {
    name: &'static str,
    cases: String,
    tests: usize,
    failures: usize,
    skipped: usize,
}

impl Suite {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            cases: String::new(),
            tests: 0,
            failures: 0,
            skipped: 0,
        }
    }

    fn case(&mut self, name: &str, inside: &str) {
        self.tests += 1;
        let _infallible = write!(
            self.cases,
            "    <testcase classname=\"turquoise.{}\" name=\"{}\"",
            self.name,
            escape(name)
        );
        self.cases.push_str(&if inside.is_empty() {
            "/>\n".to_owned()
        } else {
            format!(">{inside}</testcase>\n")
        });
    }

    fn fails(&mut self, name: &str, what: &str, detail: &str) {
        self.failures += 1;
        let inside = format!(
            "<failure message=\"{}\">{}</failure>",
            escape(what),
            escape(detail)
        );
        self.case(name, &inside);
    }

    fn skips(&mut self, name: &str, why: &str) {
        self.skipped += 1;
        self.case(name, &format!("<skipped message=\"{}\"/>", escape(why)));
    }

    fn xml(&self) -> String {
        format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">\n{}  </testsuite>\n",
            self.name, self.tests, self.failures, self.skipped, self.cases
        )
    }
}

/// The document.
#[must_use]
pub fn document(report: &CampaignReport) -> String {
    let suites = [
        seeds(report),
        mutants(report),
        harness(report),
        places(report),
    ];
    let sum = |of: fn(&Suite) -> usize| suites.iter().map(of).sum::<usize>();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"turquoise simulate\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{:.3}\">\n",
        sum(|suite| suite.tests),
        sum(|suite| suite.failures),
        sum(|suite| suite.skipped),
        report.duration_s,
    );
    for suite in &suites {
        text.push_str(&suite.xml());
    }
    text.push_str("</testsuites>\n");
    text
}

fn seeds(report: &CampaignReport) -> Suite {
    let mut suite = Suite::new("seeds");
    let held = report.scenarios - report.failed;
    suite.case(&format!("{held} scenarios hold every invariant"), "");
    for failure in &report.failures {
        let violated: Vec<String> = failure.violated.iter().map(ToString::to_string).collect();
        let violated = violated.join(" ");
        suite.fails(
            &format!("seed {}", failure.seed),
            &format!("{violated}: {}", failure.why),
            &format!("{} requests lost; replay: {}", failure.lost, failure.replay),
        );
    }
    if let Some(partial) = report.partial {
        suite.skips("the seeds left out", partial.name());
    }
    suite
}

fn mutants(report: &CampaignReport) -> Suite {
    let mut suite = Suite::new("mutants");
    for kill in &report.mutants.table {
        let name = format!("{} {}", kill.catalogue, kill.mutant);
        if kill.killed {
            suite.case(&name, "");
        } else {
            suite.fails(
                &name,
                "not caught by an oracle it belongs to",
                &noticed(kill),
            );
        }
    }
    for row in &report.mutants.not_seeded {
        suite.skips(&row.catalogue, &row.reason);
    }
    suite
}

fn harness(report: &CampaignReport) -> Suite {
    let mut suite = Suite::new("harness");
    for run in &report.harness {
        let name = format!("{} {}", run.id, run.name);
        if run.caught {
            suite.case(&name, "");
        } else {
            suite.fails(&name, &format!("not noticed: {}", run.hides), &run.by);
        }
    }
    suite
}

fn noticed(kill: &Kill) -> String {
    let list = |all: &[crate::Invariant]| {
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        names.join(" ")
    };
    format!(
        "belongs to {}; violated in {} scenarios: {}",
        list(&kill.belongs_to),
        kill.tried,
        if kill.violated.is_empty() {
            "nothing".to_owned()
        } else {
            list(&kill.violated)
        }
    )
}

fn places(report: &CampaignReport) -> Suite {
    let mut suite = Suite::new("coverage");
    for (name, visits) in &report.coverage.places {
        match (visits, report.coverage.judged) {
            (0, true) => suite.fails(
                name,
                "never visited",
                "a property nobody exercised is vacuous",
            ),
            (0, false) => suite.skips(name, "not visited; the campaign is too short to judge that"),
            _ => suite.case(name, ""),
        }
    }
    suite
}
