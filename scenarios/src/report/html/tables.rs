//! The tables under the timeline: whatever the picture shows, in words and numbers.

use std::fmt::Write as _;

use turquoise_emulator::ledger::{ConnectionClass, RequestClass};

use super::{Run, escape, plural, thousands};
use crate::ledger::Class;
use crate::oracles;
use crate::report::comparison::HEADINGS;

/// Lost requests named on the page.
const NAMED: usize = 200;

/// What happens in each phase (failure-catalogue.md, reference swap).
const PHASES: [&str; 12] = [
    "observe",
    "preflight",
    "warm the new side",
    "prove the new side healthy",
    "add the new side to the pool",
    "confirm that both serve",
    "watch both serve",
    "remove the old side from the pool",
    "confirm removal and drain",
    "watch the new side alone",
    "retain the old side",
    "release",
];

/// A phase in words.
pub(super) fn phase_name(phase: u8) -> &'static str {
    PHASES.get(usize::from(phase)).copied().unwrap_or("unknown")
}

/// All tables that have something to say.
pub(super) fn sections(run: &Run<'_>) -> String {
    [
        comparison(run),
        invariants(run),
        lost(run),
        classes(run),
        phases(run),
        facts(run),
    ]
    .concat()
}

/// A table with a heading; columns whose name ends in `#` hold numbers. Cells are HTML.
fn table(id: &str, heading: &str, columns: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    // On a phone wide tables scroll rather than fold each word.
    let wide = if columns.len() > 4 {
        " class=\"wide\""
    } else {
        ""
    };
    let mut text = format!(
        "<h2 id=\"{id}\">{heading}</h2>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"{id}\"><table{wide}>\n<thead><tr>"
    );
    for column in columns {
        let class = if column.ends_with('#') {
            " class=\"number\""
        } else {
            ""
        };
        let name = column.trim_end_matches('#');
        let _infallible = write!(text, "<th scope=\"col\"{class}>{name}</th>");
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        text.push_str("<tr>");
        for (cell, column) in row.iter().zip(columns) {
            let class = if column.ends_with('#') {
                " class=\"number\""
            } else {
                ""
            };
            let _infallible = write!(text, "<td{class}>{cell}</td>");
        }
        text.push_str("</tr>\n");
    }
    text + "</tbody></table></div>\n"
}

fn comparison(run: &Run<'_>) -> String {
    let rows = run.about.compared.iter();
    let rows: Vec<Vec<String>> = rows
        .map(|row| row.cells().iter().map(escape).collect())
        .collect();
    table("comparison", "Side by side", &HEADINGS, &rows)
}

/// What was broken, then what held.
fn invariants(run: &Run<'_>) -> String {
    let rows: Vec<Vec<String>> = run
        .verdict
        .violated
        .iter()
        .map(|(invariant, count)| {
            let mut named = run.verdict.violations.iter();
            let first = named.find(|found| found.invariant == *invariant);
            vec![
                format!("<strong>{invariant}</strong>"),
                escape(invariant.text()),
                thousands(*count),
                first.map_or_else(String::new, |first| escape(&first.what)),
                first.map_or_else(String::new, |first| first.catalogue.join(" ")),
            ]
        })
        .collect();
    let columns = [
        "Invariant",
        "What must hold",
        "Breaches#",
        "First breach",
        "Looks like",
    ];
    table("invariants", "Broken invariants", &columns, &rows) + &held(run)
}

/// What was judged and held, folded away.
fn held(run: &Run<'_>) -> String {
    let held: Vec<String> = oracles::judged()
        .filter(|invariant| !run.verdict.violates(*invariant))
        .map(|invariant| {
            format!(
                "<li><strong>{invariant}</strong> {}</li>\n",
                escape(invariant.text())
            )
        })
        .collect();
    format!(
        "<details><summary>{} were judged and held</summary>\n<ul>\n{}</ul></details>\n",
        plural(held.len() as u64, "invariant"),
        held.concat()
    )
}

fn lost(run: &Run<'_>) -> String {
    let start = run.observation.window.swap_start;
    let since = |at: turquoise_emulator::Instant| {
        let felt =
            (at.as_secs_f64() - start.as_secs_f64()) / run.observation.speed.max(f64::EPSILON);
        format!("{felt:.3} s")
    };
    let rows: Vec<Vec<String>> = run
        .verdict
        .lost
        .iter()
        .take(NAMED)
        .map(|lost| {
            vec![
                lost.id.to_string(),
                lost.outcome.name().to_owned(),
                kind(lost.class, lost.connection),
                since(lost.due),
                since(lost.ended),
                escape(&lost.why),
                lost.catalogue.join(" "),
            ]
        })
        .collect();
    let heading = match run.verdict.requests.lost() {
        total if total > rows.len() as u64 => {
            format!(
                "Lost requests: the first {} of {}",
                rows.len(),
                thousands(total)
            )
        }
        total => format!("Lost requests: {}", thousands(total)),
    };
    let columns = [
        "Request#",
        "Outcome",
        "Kind",
        "Due#",
        "Ended#",
        "Likely cause",
        "Looks like",
    ];
    table("lost", &heading, &columns, &rows)
}

fn kind(class: RequestClass, connection: ConnectionClass) -> String {
    let class = match class {
        RequestClass::Short => "short read",
        RequestClass::Write => "write",
        RequestClass::Long => "long read",
        RequestClass::Upload => "upload",
        RequestClass::Expect => "upload that waits for 100",
        RequestClass::Download => "download",
        RequestClass::WebSocket => "WebSocket",
        RequestClass::EventStream => "event stream",
        RequestClass::Page => "page",
        RequestClass::Asset => "file of a page",
        RequestClass::Session => "session",
        RequestClass::Job => "queued job",
    };
    let connection = match connection {
        ConnectionClass::New => "new connection",
        ConnectionClass::Reused => "kept connection",
        ConnectionClass::Multiplexed => "HTTP/2 connection",
        ConnectionClass::Direct => "past the gateway",
    };
    format!("{class}, {connection}")
}

fn classes(run: &Run<'_>) -> String {
    let requests = &run.verdict.requests;
    let mut rows: Vec<Vec<String>> = requests
        .by_class
        .iter()
        .map(|(class, count)| {
            vec![
                class.name().to_owned(),
                counts_as(*class).to_owned(),
                thousands(*count),
            ]
        })
        .collect();
    if requests.unresolved > 0 {
        let count = thousands(requests.unresolved);
        rows.push(vec![
            "INDETERMINATE".to_owned(),
            "lost: never ended".to_owned(),
            count,
        ]);
    }
    for (connection, gap) in &run.verdict.max_gap {
        let name = match connection {
            ConnectionClass::New => "longest gap on new connections",
            ConnectionClass::Reused => "longest gap on kept connections",
            ConnectionClass::Multiplexed => "longest gap on HTTP/2 connections",
            ConnectionClass::Direct => "longest gap past the gateway",
        };
        let gap = format!("{:.1} ms", gap.as_secs_f64() * 1000.0);
        rows.push(vec![name.to_owned(), String::new(), gap]);
    }
    table(
        "outcomes",
        "Outcomes",
        &["Outcome", "Counts as", "Requests#"],
        &rows,
    )
}

const fn counts_as(class: Class) -> &'static str {
    if class.is_ok() {
        "served"
    } else if class.is_loss() {
        "lost"
    } else if class.is_violation() {
        "promise broken"
    } else if matches!(class, Class::ClientAbort) {
        "not sent by the generator"
    } else if matches!(class, Class::StreamCut) {
        "cut with its drain, as declared"
    } else {
        "the application's own error"
    }
}

fn phases(run: &Run<'_>) -> String {
    let observation = run.observation;
    let felt = |from, to: turquoise_emulator::Instant| {
        format!("{:.2} s", observation.felt(to.since(from)).as_secs_f64())
    };
    let marks = &observation.phases;
    let rows: Vec<Vec<String>> = marks
        .iter()
        .enumerate()
        .map(|(index, mark)| {
            let until = marks
                .get(index + 1)
                .map_or(observation.window.swap_end, |next| next.at);
            let way = if mark.reverse { "back" } else { "forward" };
            vec![
                format!("P{}", mark.phase),
                phase_name(mark.phase).to_owned(),
                way.to_owned(),
                felt(observation.window.swap_start, mark.at),
                felt(mark.at, until),
            ]
        })
        .collect();
    let columns = ["Phase", "What happens", "Way", "From#", "Took#"];
    table("phases", "Phases", &columns, &rows)
}

fn facts(run: &Run<'_>) -> String {
    let rows: Vec<Vec<String>> = run
        .about
        .facts
        .iter()
        .map(|(name, value)| vec![escape(name), escape(value)])
        .collect();
    table("facts", "The run", &["Fact", "Value"], &rows)
}
