//! L6: every wait has a ceiling, names the evidence that is missing, and is heard of at least every
//! ten seconds.

use std::time::Duration;

use turquoise_emulator::Instant;

use crate::invariant::Invariant;
use crate::observation::{Notice, Observation};
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::L(6),
    judge,
};

/// The longest silence.
const EVERY: Duration = Duration::from_secs(10);
/// A wait is noticed, and ends, a little after its ceiling: at the end of the look under way.
const SLACK: Duration = Duration::from_secs(120);

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let observation = case.observation;
    for notice in &observation.notices {
        judge_notice(observation, notice, findings);
    }
    for process in processes(observation) {
        judge_silence(observation, process, findings);
    }
}

fn judge_notice(observation: &Observation, notice: &Notice, findings: &mut Findings) {
    let phase = notice.phase;
    let longest = observation.declared.policy.wait_ceiling;
    if notice.ceiling.is_zero() || notice.ceiling > longest {
        findings.report(notice.at, &["F75", "F95"], || {
            let ceiling = notice.ceiling;
            format!("P{phase} waits without a ceiling that ends: {ceiling:.0?}")
        });
    } else if notice.elapsed > notice.ceiling + SLACK && !was_frozen(observation, notice) {
        findings.report(notice.at, &["F75", "F95"], || {
            let (elapsed, ceiling) = (notice.elapsed, notice.ceiling);
            format!("P{phase} waits for {elapsed:.0?} although its ceiling is {ceiling:.0?}")
        });
    }
    if !notice.explained {
        findings.report(notice.at, &["F75"], || {
            format!("P{phase} waits and does not say for what")
        });
    }
}

/// Whether its process stood still during the wait: it could not end what it did not live through.
fn was_frozen(observation: &Observation, notice: &Notice) -> bool {
    let happened = observation.record.happened.iter();
    let mut pauses = happened.filter(|(_, what)| what == "pause");
    pauses.any(|(at, _)| *at <= notice.at && notice.at.since(*at) <= notice.elapsed)
}

/// The processes that told anything.
fn processes(observation: &Observation) -> std::collections::BTreeSet<u16> {
    observation
        .notices
        .iter()
        .map(|notice| notice.process)
        .collect()
}

/// From notice to notice of one process, or to the run that it begins after another; where something
/// was done to it meanwhile, such as a freeze, it could not speak.
fn judge_silence(observation: &Observation, process: u16, findings: &mut Findings) {
    let own = observation
        .notices
        .iter()
        .filter(|notice| notice.process == process);
    let told: Vec<&Notice> = own.collect();
    let silences = told
        .windows(2)
        .filter(|pair| pair[1].at.since(pair[0].at) > EVERY);
    for silence in silences {
        let (from, to) = (silence[0].at, silence[1].at);
        let mut runs = observation.phases.iter().filter(|mark| mark.phase == 0);
        let new_run = runs.any(|mark| {
            (from..=to).contains(&mark.at) && mark.at.since(from).max(to.since(mark.at)) <= EVERY
        });
        if !new_run && !was_disturbed(observation, from, to) {
            findings.report(to, &["F75", "F81"], || {
                let (phase, span) = (silence[0].phase, to.since(from));
                format!("P{phase} said nothing for {span:.0?}")
            });
        }
    }
}

fn was_disturbed(observation: &Observation, from: Instant, to: Instant) -> bool {
    let happened = observation.record.happened.iter();
    happened
        .map(|(at, _)| *at)
        .any(|at| (from..=to).contains(&at))
}

#[cfg(test)]
fn told(at: u64, elapsed: u64, ceiling: u64, explained: bool) -> Notice {
    Notice {
        at: crate::sample::secs(at),
        process: 0,
        phase: 5,
        elapsed: Duration::from_secs(elapsed),
        ceiling: Duration::from_secs(ceiling),
        explained,
    }
}

#[cfg(test)]
pub(super) fn broken() -> Observation {
    let mut observation = crate::sample::clean();
    observation.notices = vec![told(135, 5, 600, false)];
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{clean, secs};

    #[test]
    fn a_notice_names_a_ceiling_that_holds_and_what_is_missing() {
        for (notice, violated) in [
            (told(135, 5, 600, true), false),
            (told(135, 5, 600, false), true),
            (told(135, 5, 0, true), true),
            (told(135, 5, 10_000_000, true), true),
            (told(135, 700, 600, true), false),
            (told(135, 721, 600, true), true),
        ] {
            let mut observation = clean();
            observation.notices = vec![notice.clone()];
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::L(6)), violated, "{notice:?}");
        }
    }

    #[test]
    fn nobody_is_silent_for_more_than_ten_seconds_unless_it_was_frozen() {
        for (second, frozen, violated) in
            [(145, false, false), (146, false, true), (146, true, false)]
        {
            let mut observation = clean();
            observation.notices = vec![told(135, 5, 600, true), told(second, 15, 600, true)];
            if frozen {
                observation
                    .record
                    .happened
                    .push((secs(140), "pause".to_owned()));
            }
            let verdict = crate::judge(&observation);
            assert_eq!(
                verdict.violates(Invariant::L(6)),
                violated,
                "{second} s, {frozen}"
            );
        }
    }
}
