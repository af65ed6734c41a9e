//! What answers through the gateway say, side by side.
//!
//! Judgement is differential: the new side may not be worse than the old one in the same window, so
//! that a shared dependency's hiccup brings no rollback (F09, F18). Failures that name no build are
//! the gateway's own; they count against whichever change we made.

use std::collections::BTreeMap;

use super::verdict::Verdict;
use crate::config::Breach;
use crate::observer::SeenBuild;

/// Answers by build; `None` for those that name no build and for no answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally(BTreeMap<Option<String>, Counts>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    answers: u64,
    errors: u64,
}

impl Tally {
    /// Counts one answer: the build it names and whether it was a success.
    pub(crate) fn add(&mut self, build: Option<&str>, success: bool) {
        let counts = self.0.entry(build.map(str::to_owned)).or_default();
        counts.answers += 1;
        counts.errors += u64::from(!success);
    }

    /// Adds another tally's counts.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (build, counts) in &other.0 {
            let mine = self.0.entry(build.clone()).or_default();
            mine.answers += counts.answers;
            mine.errors += counts.errors;
        }
    }

    /// The builds named, each once.
    pub(crate) fn builds(&self) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(Option::as_deref)
    }

    /// A build that is neither of two: nobody released it, whatever address it answers at (F52).
    pub(crate) fn stranger(&self, old: &str, new: &str) -> Option<&str> {
        self.builds().find(|build| *build != old && *build != new)
    }

    /// Answers that name this build.
    pub(crate) fn of(&self, build: &str) -> u64 {
        self.counts(Some(build)).answers
    }

    /// Everything that was not a success.
    pub(crate) fn errors(&self) -> u64 {
        self.0.values().map(|counts| counts.errors).sum()
    }

    /// How many answers there were, whoever gave them.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().map(|counts| counts.answers).sum()
    }

    /// For progress events.
    pub(crate) fn seen(&self) -> Vec<SeenBuild> {
        let seen = |(build, counts): (&Option<String>, &Counts)| SeenBuild {
            build: build.clone(),
            answers: counts.answers,
            errors: counts.errors,
        };
        self.0.iter().map(seen).collect()
    }

    fn counts(&self, build: Option<&str>) -> Counts {
        let key = build.map(str::to_owned);
        self.0.get(&key).copied().unwrap_or_default()
    }

    fn all(&self) -> Counts {
        Counts {
            answers: self.total(),
            errors: self.errors(),
        }
    }

    fn without(&self, build: &str) -> Counts {
        let others = self
            .0
            .iter()
            .filter(|(key, _)| key.as_deref() != Some(build));
        others.fold(Counts::default(), |sum, (_, counts)| Counts {
            answers: sum.answers + counts.answers,
            errors: sum.errors + counts.errors,
        })
    }
}

/// Whom a comparison is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison<'a> {
    /// The old side's build.
    pub(crate) old: &'a str,
    /// Whether the old side still serves: then it is the measure, and must be seen too.
    pub(crate) mixed: bool,
    /// What is tolerated.
    pub(crate) breach: &'a Breach,
}

/// Whether the new side answers at least as well as the old one did.
///
/// `baseline` is what the old side answered before the change; `window` what both answer now.
pub(crate) fn compare(of: Comparison<'_>, baseline: &Tally, window: &Tally) -> Verdict {
    let old_now = window.counts(Some(of.old));
    let new = window.without(of.old);
    let old = if of.mixed {
        old_now
    } else {
        baseline.counts(Some(of.old))
    };
    if new.answers < of.breach.samples || of.mixed && old_now.answers < of.breach.samples {
        // Too few answers condemn only when nearly all of them are bad.
        if new.errors >= of.breach.samples.max(1).div_ceil(2) && share(old) < 0.5 {
            return Verdict::Fail(worse(new, old));
        }
        return Verdict::unknown(format!(
            "{} answers of the new side and {} of the old one, of {} each",
            new.answers, old_now.answers, of.breach.samples
        ));
    }
    if share(new) > share(old) + of.breach.error_margin + chance(new, old) {
        return Verdict::Fail(worse(new, old));
    }
    Verdict::pass(format!(
        "{} of {} answers of the new side are errors, {} of {} of the old one",
        new.errors, new.answers, old.errors, old.answers
    ))
}

/// Whether the side that serves answers as it did before anything was changed: a new side that warms
/// up takes connections and capacity that both share, and then the old one is what fails (F28).
pub(crate) fn undisturbed(breach: &Breach, baseline: &Tally, window: &Tally) -> Verdict {
    let (before, now) = (baseline.all(), window.all());
    if share(now) > share(before) + breach.error_margin + chance(now, before) {
        return Verdict::Fail(format!(
            "the side that serves fails {} of {} requests, {} of {} before the other one was warmed",
            now.errors, now.answers, before.errors, before.answers
        ));
    }
    Verdict::pass(format!(
        "the side that serves fails {} of {} requests",
        now.errors, now.answers
    ))
}

/// How far apart two equal sides can look by chance: 2.33 standard errors, so that one comparison in
/// a hundred of equals exceeds it. Without this, an application that fails 5 % of its requests would
/// be rolled back for noise.
fn chance(new: Counts, old: Counts) -> f64 {
    if old.answers == 0 || new.answers == 0 {
        return 0.0;
    }
    let both = Counts {
        answers: new.answers + old.answers,
        errors: new.errors + old.errors,
    };
    let share = share(both);
    let spread = share * (1.0 - share) * (inverse(new.answers) + inverse(old.answers));
    2.33 * spread.sqrt()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a run never counts 2^53 answers"
)]
fn inverse(number: u64) -> f64 {
    (number as f64).recip()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a run never counts 2^53 answers"
)]
fn share(counts: Counts) -> f64 {
    if counts.answers == 0 {
        return 0.0;
    }
    counts.errors as f64 / counts.answers as f64
}

fn worse(new: Counts, old: Counts) -> String {
    format!(
        "the new side fails {} of {} requests, the old one {} of {}",
        new.errors, new.answers, old.errors, old.answers
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_neither_old_nor_new_is_a_stranger() {
        let cases = [
            (&[("v1", 3, 0), ("v2", 1, 0)][..], None),
            (&[("v1", 3, 0), ("v0", 1, 0)], Some("v0")),
            (&[("v1", 3, 0), ("v2", 2, 0), ("v3", 1, 1)], Some("v3")),
        ];
        for (rows, expected) in cases {
            let rows: Vec<_> = rows
                .iter()
                .map(|(build, answers, errors)| (Some(*build), *answers, *errors))
                .collect();
            assert_eq!(tally(&rows).stranger("v1", "v2"), expected, "{rows:?}");
        }
        assert_eq!(tally(&[(None, 4, 4)]).stranger("v1", "v2"), None);
    }

    fn tally(rows: &[(Option<&str>, u64, u64)]) -> Tally {
        let mut tally = Tally::default();
        for (build, good, bad) in rows {
            (0..*good).for_each(|_| tally.add(*build, true));
            (0..*bad).for_each(|_| tally.add(*build, false));
        }
        tally
    }

    fn verdict(mixed: bool, baseline: &Tally, window: &Tally) -> &'static str {
        let breach = Breach::default();
        let of = Comparison {
            old: "v1",
            mixed,
            breach: &breach,
        };
        match compare(of, baseline, window) {
            Verdict::Pass(_) => "pass",
            Verdict::Fail(_) => "fail",
            Verdict::Unknown(_) => "unknown",
        }
    }

    #[test]
    fn the_side_that_serves_must_go_on_as_before() {
        let calm = tally(&[(Some("v1"), 40, 0)]);
        for (rows, passes) in [
            (&[(Some("v1"), 20, 0)][..], true),
            (&[(Some("v1"), 10, 10)], false),
            (&[(Some("v1"), 15, 0), (None, 0, 5)], false),
            (&[(Some("v1"), 19, 1)], true),
        ] {
            let verdict = undisturbed(&Breach::default(), &calm, &tally(rows));
            assert_eq!(verdict.is_pass(), passes, "{rows:?} {verdict:?}");
        }
        let sick = tally(&[(Some("v1"), 20, 20)]);
        let verdict = undisturbed(&Breach::default(), &sick, &sick);
        assert!(verdict.is_pass(), "it was no better before");
    }

    #[test]
    fn sides_are_compared_in_the_same_window() {
        let calm = tally(&[(Some("v1"), 100, 0)]);
        for (mixed, rows, expected) in [
            (
                true,
                &[(Some("v1"), 100, 0), (Some("v2"), 100, 0)][..],
                "pass",
            ),
            (true, &[(Some("v1"), 100, 0), (Some("v2"), 80, 20)], "fail"),
            (true, &[(Some("v1"), 80, 20), (Some("v2"), 80, 20)], "pass"),
            (
                true,
                &[(Some("v1"), 100, 0), (Some("v2"), 100, 0), (None, 0, 10)],
                "fail",
            ),
            (true, &[(Some("v1"), 100, 0), (Some("v2"), 5, 0)], "unknown"),
            (true, &[(Some("v1"), 100, 0), (Some("v2"), 0, 12)], "fail"),
            (true, &[(Some("v1"), 95, 5), (Some("v2"), 92, 8)], "pass"),
            (true, &[], "unknown"),
            (false, &[(Some("v2"), 100, 0)], "pass"),
            (false, &[(Some("v2"), 90, 10)], "fail"),
            (false, &[(None, 0, 100)], "fail"),
        ] {
            assert_eq!(verdict(mixed, &calm, &tally(rows)), expected, "{rows:?}");
        }
    }
}
