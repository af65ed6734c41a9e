//! A plan as Markdown, and as the body of a comment on a pull request.

use std::fmt::Write as _;

use turquoise_orchestrator::{PlannedWrite, SwapPlan};

use super::text::{change, rows, span, time, write_line};

/// Finds the comment of an earlier plan, so that a pipeline replaces it.
const MARKER: &str = "<!-- turquoise-plan -->";

/// CommonMark with a table.
pub(super) fn plain(plan: &SwapPlan, next: &str) -> String {
    let mut text = headline(plan);
    text += &findings(plan, "**Blocked:**");
    text += &table(plan);
    text += "\n### Writes\n\n";
    for write in &plan.content.writes {
        let _infallible = writeln!(text, "- {}", escaped(&write_line(write)));
        for changed in &write.changes {
            let _infallible = writeln!(text, "  - `{}`", change(changed));
        }
    }
    text + &footer(plan, next)
}

/// The same with a marker, an alert and foldable differences, as GitHub renders them.
pub(super) fn github(plan: &SwapPlan, next: &str) -> String {
    let mut text = format!("{MARKER}\n{}", headline(plan));
    for finding in &plan.content.findings {
        let _infallible = writeln!(text, "> [!CAUTION]\n> {finding}\n");
    }
    text += &table(plan);
    text.push('\n');
    for write in &plan.content.writes {
        text += &folded(write);
    }
    text + &footer(plan, next)
}

fn headline(plan: &SwapPlan) -> String {
    let content = &plan.content;
    format!(
        "### turquoise plan: {} → {} on `{}`\n\n{} writes, 2 of them to the gateway; typically {}.\n\n",
        content.old.name,
        content.new.name,
        content.gateway.name(),
        content.writes.len(),
        span(content.time.typical_s)
    )
}

fn findings(plan: &SwapPlan, label: &str) -> String {
    let lines = plan.content.findings.iter();
    lines.fold(String::new(), |mut text, finding| {
        let _infallible = writeln!(text, "- {label} {}", escaped(finding));
        text
    })
}

fn table(plan: &SwapPlan) -> String {
    let mut text = String::from("\n| | |\n|---|---|\n");
    for (label, row) in rows(&plan.content) {
        let _infallible = writeln!(text, "| {label} | {} |", escaped(&row));
    }
    for check in &plan.checks {
        let _infallible = writeln!(
            text,
            "| check: {} | **{}** {} |",
            escaped(&check.name),
            check.verdict,
            escaped(&check.detail)
        );
    }
    text
}

fn folded(write: &PlannedWrite) -> String {
    let mut text = format!(
        "<details><summary>{}</summary>\n\n```diff\n",
        html(&write_line(write))
    );
    for change in &write.changes {
        let _infallible = writeln!(text, "@@ {} @@", change.path);
        if let Some(before) = &change.before {
            let _infallible = writeln!(text, "- {before}");
        }
        if let Some(after) = &change.after {
            let _infallible = writeln!(text, "+ {after}");
        }
    }
    text + "```\n\n</details>\n"
}

fn footer(plan: &SwapPlan, next: &str) -> String {
    format!(
        "\nPlan `{}`, expires {}.\n\n`{}`\n",
        plan.hash,
        time(plan.expires_unix_ms),
        next.trim_start_matches("next: ")
    )
}

/// A cell may hold what names hold; a bar or a line's end would end it.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_a_table_or_a_summary() {
        assert_eq!(escaped("a|b\nc"), "a\\|b c");
        assert_eq!(html("<b>&"), "&lt;b>&amp;");
    }
}
