//! A plan as text for people (failure-catalogue.md E.2).

use std::fmt::Write as _;

use turquoise_orchestrator::{PlanContent, PlannedChange, PlannedSide, PlannedWrite, SwapPlan};

use crate::output::Paint;

/// Minutes are enough for what takes minutes.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3_600)),
    }
}

/// `2026-03-04T12:40:00Z`.
pub(crate) fn time(unix_ms: u64) -> String {
    let millis = i64::try_from(unix_ms).unwrap_or_default();
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// One changed member.
pub(super) fn change(change: &PlannedChange) -> String {
    let text = |value: &Option<serde_json::Value>| {
        value
            .as_ref()
            .map_or_else(|| "nothing".to_owned(), ToString::to_string)
    };
    format!(
        "{}: {} → {}",
        change.path,
        text(&change.before),
        text(&change.after)
    )
}

/// What a write is, on one line.
pub(super) fn write_line(write: &PlannedWrite) -> String {
    let back = if write.restored {
        ", restored at the end"
    } else {
        ""
    };
    format!(
        "{:?} {} {}: {}{back}",
        write.phase,
        write.method,
        write.resource.name(),
        write.purpose
    )
}

/// Everything but the writes: label and text.
pub(super) fn rows(content: &PlanContent) -> Vec<(&'static str, String)> {
    let pools = &content.blast.pools;
    let shared = match pools.as_slice() {
        [] => "no other pool shares this gateway".to_owned(),
        pools => format!("pools {} share this gateway", pools.join(", ")),
    };
    let capacity = content.capacity.steps.iter().map(|step| {
        format!(
            "{:?} gives {} {} % of the traffic, which {} instances carry now: has {}",
            step.phase, content.new.name, step.share_percent, step.needs, step.has
        )
    });
    let ceiling = content
        .capacity
        .ceiling
        .map_or_else(String::new, |ceiling| {
            format!("; autoscale may give it {ceiling}")
        });
    vec![
        (
            "gateway",
            format!(
                "{} · pool {} · endpoint {}",
                content.gateway.name(),
                content.pool,
                content.endpoint
            ),
        ),
        (
            "direction",
            format!(
                "{} → {}   [from the live pool]",
                side(&content.old, "live"),
                side(&content.new, "idle")
            ),
        ),
        (
            "images",
            format!("{} → {}", image(&content.old), image(&content.new)),
        ),
        (
            "blast radius",
            format!(
                "{shared}; {} listeners; each gateway write cuts connections that outlive {} s, of \
                 every pool (F36)",
                content.blast.listeners.len(),
                content.blast.cut_after_s
            ),
        ),
        (
            "capacity",
            format!("{}{ceiling}", capacity.collect::<Vec<_>>().join("; ")),
        ),
        (
            "drain",
            format!("{} s after the old side's last answer", content.drain_s),
        ),
        (
            "rollback",
            format!(
                "ready for {} after the swap ({} pinned at {}); about {} to {{{}}}",
                span(content.rollback.ready_for_s),
                content.old.name,
                content.rollback.pinned_minimum,
                span(content.rollback.typical_s),
                content.old.name
            ),
        ),
        (
            "time",
            format!(
                "typical {}, worst case {}, then {} of retention",
                span(content.time.typical_s),
                span(content.time.worst_s),
                span(content.time.retain_s)
            ),
        ),
    ]
}

fn side(side: &PlannedSide, role: &str) -> String {
    format!(
        "{} {} ({role}, {} instances)",
        side.name, side.address, side.instances
    )
}

fn image(side: &PlannedSide) -> &str {
    side.image.as_deref().unwrap_or("?")
}

/// The whole plan.
pub(super) fn of(plan: &SwapPlan, paint: Paint) -> String {
    let content = &plan.content;
    let mut text = String::new();
    for (label, row) in rows(content) {
        let _infallible = writeln!(text, "{label:<13} {row}");
    }
    let _infallible = writeln!(text, "{:<13} {}", "writes", content.writes.len());
    for write in &content.writes {
        let _infallible = writeln!(text, "  {}", write_line(write));
        for changed in &write.changes {
            let _infallible = writeln!(text, "      {}", change(changed));
        }
    }
    for check in &plan.checks {
        let verdict = match check.verdict.as_str() {
            "pass" => paint.good("pass"),
            other => paint.bad(other),
        };
        let _infallible = writeln!(
            text,
            "{:<13} {verdict}  {}: {}",
            "check", check.name, check.detail
        );
    }
    for finding in &content.findings {
        let _infallible = writeln!(text, "{}  {finding}", paint.bad("blocked"));
    }
    let _infallible = writeln!(
        text,
        "{:<13} {}   expires {}",
        "plan hash",
        paint.bold(&plan.hash),
        time(plan.expires_unix_ms)
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_times_are_told_as_people_read_them() {
        for (seconds, text) in [(0, "0 s"), (119, "119 s"), (121, "3 min"), (86_400, "24 h")] {
            assert_eq!(span(seconds), text);
        }
        assert_eq!(time(1_772_625_600_000), "2026-03-04T12:00:00Z");
    }
}
