//! The reports of all shards of a campaign as the report of the whole.
//!
//! What does not belong together is refused, by name: a seed that is missing or was run twice, a
//! mutant that nobody hunted, results of two builds. A partial shard leaves seeds out, so it cannot
//! be merged.

use std::collections::BTreeSet;
use std::time::Duration;

use super::report::{CampaignReport, Plan, Seeds};
use super::shard::Shard;
use super::tally::{Frame, Tally};
use crate::harness::harness_mutants;

/// Why reports are not the shards of one campaign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to merge.
    #[error("there is no report to merge")]
    Nothing,
    /// They had different plans.
    #[error("shard {shard} is of another campaign: seeds, mutants or profile differ")]
    AnotherCampaign {
        /// The first that differs.
        shard: Shard,
    },
    /// They were run by different builds.
    #[error("shard {shard} was run by build `{found}`, the first one by `{expected}`")]
    AnotherBuild {
        /// The first that differs.
        shard: Shard,
        /// The sources of the first report.
        expected: String,
        /// Its own.
        found: String,
    },
    /// Seeds were run twice.
    #[error("seeds {first}..{end} were run twice")]
    Doubled {
        /// The first of them.
        first: u64,
        /// Behind the last of them.
        end: u64,
    },
    /// Seeds were not run.
    #[error("seeds {first}..{end} are missing")]
    Missing {
        /// The first of them.
        first: u64,
        /// Behind the last of them.
        end: u64,
    },
    /// A report counts other scenarios than its seeds.
    #[error("shard {shard} names {seeds} seeds and counts {scenarios} scenarios")]
    Miscounted {
        /// Which.
        shard: Shard,
        /// Seeds in its spans.
        seeds: u64,
        /// Scenarios it counts.
        scenarios: u64,
    },
    /// A mutant was hunted by no shard.
    #[error("the hunt for `{0}` is missing")]
    MissingHunt(String),
    /// A mutant was hunted by two shards, or was not to be hunted.
    #[error("`{0}` was hunted twice, or was not in the plan")]
    DoubledHunt(String),
}

/// Joins the reports of all shards of one campaign, in any order.
///
/// # Errors
/// When they are not all the shards of one campaign; see [`MergeError`].
pub fn merge(reports: &[CampaignReport]) -> Result<CampaignReport, MergeError> {
    let first = reports.first().ok_or(MergeError::Nothing)?;
    for report in reports {
        check_alike(first, report)?;
    }
    let seeds = check_seeds(&first.plan, reports)?;
    check_hunts(&first.plan, reports)?;
    check_harness(&first.plan, reports)?;
    let mut tally = Tally::default();
    for report in reports {
        tally.add(report);
    }
    // Shards run beside one another: the whole took as long as the longest.
    let longest = reports.iter().map(|report| report.duration_s);
    let longest = longest.fold(0.0, f64::max);
    Ok(tally.report(Frame {
        plan: Plan {
            shard: Shard::ALL,
            ..first.plan.clone()
        },
        seeds,
        partial: None,
        build: first.build.clone(),
        took: Duration::try_from_secs_f64(longest).unwrap_or_default(),
    }))
}

fn check_alike(first: &CampaignReport, report: &CampaignReport) -> Result<(), MergeError> {
    let shard = report.plan.shard;
    if !report.plan.is_of_one_campaign_with(&first.plan) {
        return Err(MergeError::AnotherCampaign { shard });
    }
    if !report.build.agrees_with(&first.build) {
        return Err(MergeError::AnotherBuild {
            shard,
            expected: first.build.source.clone(),
            found: report.build.source.clone(),
        });
    }
    let seeds: u64 = report.seeds.iter().map(length).sum();
    if seeds != report.scenarios {
        return Err(MergeError::Miscounted {
            shard,
            seeds,
            scenarios: report.scenarios,
        });
    }
    Ok(())
}

/// All spans together, where they are the plan's seeds without gap or overlap.
fn check_seeds(plan: &Plan, reports: &[CampaignReport]) -> Result<Vec<Seeds>, MergeError> {
    let mut spans: Vec<Seeds> = reports
        .iter()
        .flat_map(|report| report.seeds.iter().copied())
        .filter(|span| length(span) > 0)
        .collect();
    spans.sort_unstable();
    let mut next = plan.seeds.first;
    for span in spans {
        let end = span.end.unwrap_or(span.first);
        if span.first < next {
            return Err(MergeError::Doubled {
                first: span.first,
                end: next.min(end),
            });
        }
        if span.first > next {
            return Err(MergeError::Missing {
                first: next,
                end: span.first,
            });
        }
        next = end;
    }
    match plan.seeds.end {
        Some(end) if next < end => Err(MergeError::Missing { first: next, end }),
        _ if next == plan.seeds.first => Ok(Vec::new()),
        _ => Ok(vec![Seeds {
            first: plan.seeds.first,
            end: Some(next),
        }]),
    }
}

fn check_hunts(plan: &Plan, reports: &[CampaignReport]) -> Result<(), MergeError> {
    let mut missing: BTreeSet<&str> = plan.mutants.iter().map(String::as_str).collect();
    for kill in reports.iter().flat_map(|report| &report.mutants.table) {
        if !missing.remove(kill.mutant.as_str()) {
            return Err(MergeError::DoubledHunt(kill.mutant.clone()));
        }
    }
    match missing.first() {
        Some(mutant) => Err(MergeError::MissingHunt((*mutant).to_owned())),
        None => Ok(()),
    }
}

/// The mutants of the harness: each once where they were to be run.
fn check_harness(plan: &Plan, reports: &[CampaignReport]) -> Result<(), MergeError> {
    let all = harness_mutants().iter().filter(|_| plan.harness);
    let mut missing: BTreeSet<&str> = all.map(|mutant| mutant.id).collect();
    for run in reports.iter().flat_map(|report| &report.harness) {
        if !missing.remove(run.id.as_str()) {
            return Err(MergeError::DoubledHunt(run.id.clone()));
        }
    }
    match missing.first() {
        Some(mutant) => Err(MergeError::MissingHunt((*mutant).to_owned())),
        None => Ok(()),
    }
}

fn length(span: &Seeds) -> u64 {
    let end = span.end.unwrap_or(span.first);
    end.saturating_sub(span.first)
}
