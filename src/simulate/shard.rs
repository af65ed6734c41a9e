//! Which share of a campaign this machine takes: said, or read from the index variables of a
//! scheduler.

use turquoise_scenarios::campaign::{InvalidShard, Shard};

/// What `--shard` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// This share.
    Of(Shard),
    /// The one that the environment names.
    Auto,
}

/// How a scheduler numbers its jobs.
struct Scheduler {
    name: &'static str,
    /// The variable with this job's number.
    index: &'static str,
    /// The variable with how many jobs there are.
    count: &'static str,
    /// The variable with the number of the first job, where it is not fixed; and that number.
    first: (Option<&'static str>, u64),
}

/// In the order in which they are looked for: a Slurm job or a pod may be started by a CI system,
/// and then the inner one counts.
const SCHEDULERS: [Scheduler; 4] = [
    // Kubernetes tells a pod its index and not how many there are: the manifest must.
    Scheduler {
        name: "Kubernetes Indexed Job",
        index: "JOB_COMPLETION_INDEX",
        count: "TURQUOISE_SHARDS",
        first: (None, 0),
    },
    Scheduler {
        name: "Slurm array",
        index: "SLURM_ARRAY_TASK_ID",
        count: "SLURM_ARRAY_TASK_COUNT",
        first: (Some("SLURM_ARRAY_TASK_MIN"), 0),
    },
    Scheduler {
        name: "Buildkite parallel job",
        index: "BUILDKITE_PARALLEL_JOB",
        count: "BUILDKITE_PARALLEL_JOB_COUNT",
        first: (None, 0),
    },
    // GitLab counts from 1.
    Scheduler {
        name: "GitLab parallel job",
        index: "CI_NODE_INDEX",
        count: "CI_NODE_TOTAL",
        first: (None, 1),
    },
];

/// Reads `i/n` or `auto`.
pub(super) fn choice(text: &str) -> Result<Choice, InvalidShard> {
    match text {
        "auto" => Ok(Choice::Auto),
        text => text.parse().map(Choice::Of),
    }
}

/// The share that an environment names.
pub(super) fn detect(variable: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let present = |scheduler: &&Scheduler| variable(scheduler.index).is_some();
    let Some(scheduler) = SCHEDULERS.iter().find(present) else {
        let names: Vec<&str> = SCHEDULERS.iter().map(|known| known.index).collect();
        return Err(format!(
            "no scheduler numbers this job: none of {} is set",
            names.join(", ")
        ));
    };
    scheduler.shard(&variable)
}

impl Scheduler {
    fn shard(&self, variable: &impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
        let index = self.number(variable, self.index)?;
        let count = self.number(variable, self.count)?;
        let first = match self.first {
            (Some(name), default) if variable(name).is_none() => default,
            (Some(name), _) => self.number(variable, name)?,
            (None, first) => first,
        };
        let number = index
            .checked_sub(first)
            .and_then(|number| number.checked_add(1));
        let shard = number.and_then(|number| Shard::new(number, count).ok());
        shard.ok_or_else(|| {
            format!(
                "the {} says job {index} of {count}, counted from {first}: there is no such share; \
                 jobs must be numbered without gaps",
                self.name
            )
        })
    }

    fn number(
        &self,
        variable: &impl Fn(&str) -> Option<String>,
        name: &str,
    ) -> Result<u64, String> {
        let text = variable(name)
            .ok_or_else(|| format!("the {} sets `{}` but not `{name}`", self.name, self.index))?;
        let number = text.trim().parse();
        number.map_err(|_| {
            format!(
                "the {} sets `{name}` to `{text}`, which is no number",
                self.name
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Result<String, String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        detect(lookup).map(|shard| shard.to_string())
    }

    #[test]
    fn every_scheduler_is_understood() {
        let cases: [(&[(&str, &str)], &str); 6] = [
            (
                &[("JOB_COMPLETION_INDEX", "0"), ("TURQUOISE_SHARDS", "3")],
                "1/3",
            ),
            (
                &[
                    ("SLURM_ARRAY_TASK_ID", "2"),
                    ("SLURM_ARRAY_TASK_COUNT", "3"),
                    ("SLURM_ARRAY_TASK_MIN", "0"),
                ],
                "3/3",
            ),
            (
                &[
                    ("SLURM_ARRAY_TASK_ID", "1"),
                    ("SLURM_ARRAY_TASK_COUNT", "4"),
                    ("SLURM_ARRAY_TASK_MIN", "1"),
                ],
                "1/4",
            ),
            (&[("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "2")], "2/2"),
            (
                &[
                    ("BUILDKITE_PARALLEL_JOB", "4"),
                    ("BUILDKITE_PARALLEL_JOB_COUNT", "5"),
                ],
                "5/5",
            ),
            (
                &[
                    ("CI_NODE_INDEX", "9"),
                    ("JOB_COMPLETION_INDEX", "1"),
                    ("TURQUOISE_SHARDS", "2"),
                ],
                "2/2",
            ),
        ];
        for (variables, shard) in cases {
            assert_eq!(found(variables), Ok(shard.to_owned()), "{variables:?}");
        }
    }

    #[test]
    fn what_names_no_share_is_explained() {
        let cases: [(&[(&str, &str)], &str); 4] = [
            (&[], "none of JOB_COMPLETION_INDEX"),
            (&[("JOB_COMPLETION_INDEX", "0")], "not `TURQUOISE_SHARDS`"),
            (
                &[("CI_NODE_INDEX", "0"), ("CI_NODE_TOTAL", "2")],
                "no such share",
            ),
            (
                &[
                    ("SLURM_ARRAY_TASK_ID", "x"),
                    ("SLURM_ARRAY_TASK_COUNT", "2"),
                ],
                "no number",
            ),
        ];
        for (variables, text) in cases {
            let why = found(variables).expect_err("it names none");
            assert!(why.contains(text), "{why}");
        }
    }

    #[test]
    fn a_choice_is_a_share_or_left_to_the_environment() {
        assert_eq!(choice("auto"), Ok(Choice::Auto));
        assert_eq!(choice("1/1"), Ok(Choice::Of(Shard::ALL)));
        assert!(choice("5/3").is_err());
    }
}
