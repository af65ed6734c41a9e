//! `turquoise explain`: the vocabulary of reports, in the terminal.

use serde_json::json;
use turquoise_scenarios::Invariant;
use turquoise_scenarios::breaks::Break;
use turquoise_scenarios::failures::{FAILURES, Failure as Entry};
use turquoise_scenarios::generate::Trouble;
use turquoise_scenarios::mutants::{MUTANTS, Mutant};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::rehearse::VARIABLES;

/// Explains a word of the reports.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise explain              everything that can be explained\n  turquoise explain S2           an invariant\n  turquoise explain F36          a failure, and what is done about it\n  turquoise explain P5           a swap phase\n  turquoise explain exit-codes   what each exit code means"
)]
pub(crate) struct Args {
    /// What to explain: `S2`, `P5`, `INFRA_5XX`, `no-drain`, `exit-codes`, `campaign`, `comparison`; everything when absent.
    topic: Option<String>,
}

/// One thing that can be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Topic {
    name: String,
    title: String,
    text: String,
}

/// Prints the text of one topic or the list of all.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let topics = topics();
    match &args.topic {
        None => list(&topics, output),
        Some(name) => {
            let topic = topics
                .iter()
                .find(|topic| topic.name.eq_ignore_ascii_case(name))
                .ok_or_else(|| unknown(name))?;
            output.text(&format!(
                "{}: {}\n\n{}",
                topic.name, topic.title, topic.text
            ));
            output.document(&json!({
                "event": "result",
                "topic": topic.name,
                "title": topic.title,
                "text": topic.text,
            }));
        }
    }
    Ok(Exit::Completed)
}

fn unknown(name: &str) -> Failure {
    Failure::usage(format!("nothing is called `{name}`"))
        .next("`turquoise explain` lists everything that can be explained")
}

fn list(topics: &[Topic], output: &Output) {
    for topic in topics {
        output.text(&format!("{:<18} {}", topic.name, topic.title));
    }
    let rows: Vec<_> = topics
        .iter()
        .map(|topic| json!({"topic": topic.name, "title": topic.title}))
        .collect();
    output.document(&json!({"event": "result", "topics": rows}));
}

/// Everything that can be explained, in the order a reader meets it.
fn topics() -> Vec<Topic> {
    let mut topics = vec![exit_codes(), campaign(), comparison(), verify_script()];
    topics.extend(PHASES.iter().map(topic));
    topics.extend(OUTCOMES.iter().map(topic));
    topics.extend(Invariant::all().map(invariant));
    topics.extend(FAILURES.iter().map(entry));
    topics.extend(Break::ALL.into_iter().map(deliberate_loss));
    topics.extend(MUTANTS.iter().map(mutant));
    topics
}

fn invariant(invariant: Invariant) -> Topic {
    let kind = match invariant {
        Invariant::S(_) => "safety: must hold at every moment",
        Invariant::L(_) => "liveness: must come about within a bound",
        Invariant::Q(_) => "budget: a number with a limit",
        Invariant::Conservation => "the ledgers must add up",
    };
    Topic {
        name: invariant.to_string(),
        title: invariant.title().to_owned(),
        text: format!("{}\n\n({kind})", invariant.text()),
    }
}

fn entry(entry: &Entry) -> Topic {
    Topic {
        name: entry.entry.to_owned(),
        title: entry.title.to_owned(),
        text: format!(
            "{}: {}\n\nShown by {}",
            entry.standing,
            entry.how,
            entry.shown_by()
        ),
    }
}

fn mutant(mutant: &Mutant) -> Topic {
    let oracles: Vec<String> = mutant.oracles.iter().map(ToString::to_string).collect();
    Topic {
        name: mutant.id.to_owned(),
        title: format!(
            "{}: an orchestrator that is wrong on purpose",
            mutant.catalogue
        ),
        text: format!(
            "{}\n\nIt must be caught by {}.",
            mutant.wrong,
            oracles.join(" or ")
        ),
    }
}

fn deliberate_loss(kind: Break) -> Topic {
    Topic {
        name: kind.name().to_owned(),
        title: format!("`turquoise rehearse --break {kind}`"),
        text: kind.explanation().to_owned(),
    }
}

fn exit_codes() -> Topic {
    let lines: Vec<String> = Exit::ALL
        .iter()
        .map(|exit| format!("{:>3}  {}", exit.code(), exit.meaning()))
        .collect();
    Topic {
        name: "exit-codes".to_owned(),
        title: "how a command can end".to_owned(),
        text: lines.join("\n"),
    }
}

fn campaign() -> Topic {
    Topic {
        name: "campaign".to_owned(),
        title: "`turquoise simulate`: how a campaign ends, is shared and is merged".to_owned(),
        text: CAMPAIGN.to_owned(),
    }
}

fn comparison() -> Topic {
    let lines: Vec<String> = Trouble::all()
        .map(|trouble| {
            let name = trouble.name().replace('_', " ");
            format!("{name:<21} {}", trouble.meaning())
        })
        .collect();
    Topic {
        name: "comparison".to_owned(),
        title: "`turquoise simulate --compare`: the published script beside ours".to_owned(),
        text: format!("{COMPARISON}\n\n{}", lines.join("\n")),
    }
}

/// How a campaign ends, and how it is spread over machines.
const CAMPAIGN: &str = "How it ends:
  0    every scenario held, every wrong orchestrator was caught by an oracle it belongs to and, from
       1000 scenarios on, every interesting place was visited; also when --time ended it in peace
  13   one of these is not so
  9    `merge`: the results are not all the shards of one campaign; `replay`: another build recorded it
  1    a scenario could not be set up; `replay`: the same build ended otherwise
  130  Ctrl-C: the report is partial and says so (143 after SIGTERM)

The kill table: a wrong orchestrator is caught when an oracle it belongs to objects on a seed that the
right one passes, in every range of seeds (--mutant-ranges). Objections of other oracles alone are a
warning, and it counts as a survivor. They always meet the pessimistic profile.

--profile: pessimistic is the worst that evidence about Azure allows, calibrated what was observed, nice
the best; a run with nice is no evidence.

--shard i/n runs one share: a slice of the seeds, and every n-th wrong orchestrator. `--shard auto` reads
JOB_COMPLETION_INDEX and TURQUOISE_SHARDS (Kubernetes Indexed Job), SLURM_ARRAY_TASK_ID, _COUNT and _MIN,
BUILDKITE_PARALLEL_JOB and _COUNT, CI_NODE_INDEX and CI_NODE_TOTAL (GitLab); a GitHub matrix says it with
--shard. `turquoise simulate merge` joins the results; the digest is that of an unshared run.";

/// How to read the table of `simulate --compare`.
const COMPARISON: &str = "Under each fault alone, both orchestrators swap in the same scenarios: same topology, traffic and latency, the fault armed when the swap begins. `met it` counts scenarios in which the fault took effect: who never asks is never refused. `failed` counts those in which a request was lost or a promise broken; `ended` is what the orchestrator itself says, and a script that says `completed` may have lost requests. Numbers after an invariant count scenarios that broke it.";

fn verify_script() -> Topic {
    let mut text = String::from(
        "`turquoise verify-script -- CMD` runs your program against a local Azure under traffic and \
         judges it by every invariant. Its environment holds:\n",
    );
    for (name, holds) in VARIABLES {
        text.push_str(&format!("\n  {name:<27} {holds}"));
    }
    text.push_str(
        "\n\nIt says with its exit code how it ended, as in exit-codes: 0 means that the new side \
         serves alone, 4 that nothing was changed, 5 that the old side serves again; a code that is not \
         listed there, that it gave up. Wait as long as Azure would need divided by TURQUOISE_SPEED. \
         Names of hosts mean nothing here: connect to TURQUOISE_GATEWAY_SOCKET.",
    );
    Topic {
        name: "verify-script".to_owned(),
        title: "what a program under test finds in its environment".to_owned(),
        text,
    }
}

fn topic((name, title, text): &(&str, &str, &str)) -> Topic {
    Topic {
        name: (*name).to_owned(),
        title: (*title).to_owned(),
        text: (*text).to_owned(),
    }
}

/// The phases of a swap (failure-catalogue.md, "Reference swap").
const PHASES: [(&str, &str, &str); 12] = [
    (
        "P0",
        "observe",
        "Reads the gateway, both sides and their scale sets. Which side is live comes from the gateway's pool, never from names or tags.",
    ),
    (
        "P1",
        "preflight",
        "Takes the lock, decides the direction and freezes a plan. Nothing is changed.",
    ),
    (
        "P2",
        "warm",
        "Brings the new side to its capacity and pins the autoscale minimum of both sides, so that halved load does not shrink the old one.",
    ),
    (
        "P3",
        "gate",
        "Proves the new side healthy, instance by instance and from where the gateway stands. Unknown is not Pass.",
    ),
    (
        "P4",
        "add",
        "The first gateway write: the pool becomes {old, new}. Only the pool's addresses change, with `If-Match`.",
    ),
    (
        "P5",
        "confirm add",
        "Waits until the operation ended, the pool reads back, the gateway calls the new member healthy and answers of the new build came through the gateway. `Succeeded` alone is not effective.",
    ),
    (
        "P6",
        "mixed bake",
        "Both sides serve; watches for losses while the old side can still take everything.",
    ),
    (
        "P7",
        "remove",
        "The second and last gateway write: the pool becomes {new}.",
    ),
    (
        "P8",
        "confirm remove and drain",
        "Waits until no gateway instance dispatches to the old side and its work in flight is zero, measured and not guessed by a timer.",
    ),
    (
        "P9",
        "final bake",
        "The new side serves alone; the old one is warm, and a rollback is possible.",
    ),
    (
        "P10",
        "retain",
        "The old side stays intact until the retention ends.",
    ),
    (
        "P11",
        "release",
        "Restores the pins and gives the lock back; `turquoise retire` may now remove the old side.",
    ),
];

/// Outcome classes of a request (failure-catalogue.md D.1).
const OUTCOMES: [(&str, &str, &str); 13] = [
    (
        "OK",
        "a good answer",
        "The expected status, the whole body, from a side that may serve in this phase.",
    ),
    (
        "APP_ERR",
        "the application's own error",
        "An error that an instance produced and recorded. Compared with the baseline, not counted as lost.",
    ),
    (
        "INFRA_5XX",
        "an error nobody's application made (lost)",
        "A 5xx without a record at any instance: the gateway answered for a backend that could not.",
    ),
    ("REFUSED", "connection refused (lost)", "Nothing listened."),
    (
        "RESET",
        "connection ended before an answer (lost)",
        "The connection was cut while the request was under way.",
    ),
    (
        "TIMEOUT",
        "no answer in time (lost)",
        "The client's patience ended first.",
    ),
    (
        "TRUNCATED",
        "part of an answer (lost)",
        "A status came, the whole body did not.",
    ),
    (
        "DUPLICATE",
        "executed twice (violation)",
        "A request that must run once ran at two instances.",
    ),
    (
        "WRONG_SIDE",
        "served by a side that may not (violation)",
        "The answering side is not allowed in this phase: before P4 only the old side, after P8 only the new one.",
    ),
    (
        "WRONG_VERSION",
        "answered by a build nobody declared (violation)",
        "The answer names a build that this swap does not know, or another than the one that ran it.",
    ),
    (
        "LATE",
        "a good answer, too late",
        "Counts against the latency budget, not as lost.",
    ),
    (
        "CLIENT_ABORT",
        "the client gave up",
        "For a reason of its own, recorded before the request was sent; excluded, and counted.",
    ),
    (
        "STREAM_CUT",
        "an open stream ended with the configuration it was opened under",
        "A WebSocket or event stream that outlived the drain after a gateway write. Azure cuts it whoever \
         writes (F36); as many as the plan declared are excused, more are a violation of Q7.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_one_name_a_title_and_a_text() {
        let mut names: Vec<String> = topics()
            .iter()
            .map(|topic| topic.name.to_ascii_lowercase())
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "two topics share a name");
        for topic in topics() {
            assert!(
                !topic.title.is_empty() && !topic.text.is_empty(),
                "{}",
                topic.name
            );
        }
    }

    #[test]
    fn every_outcome_class_is_explained() {
        let topics = topics();
        for class in turquoise_scenarios::Class::ALL {
            let explained = topics.iter().any(|topic| topic.name == class.name());
            assert!(explained, "{}", class.name());
        }
    }

    #[test]
    fn topics_are_found_without_case() {
        let args = Args {
            topic: Some("infra_5xx".to_owned()),
        };
        assert_eq!(
            run(&args, &Output::new(crate::output::Format::Text)),
            Ok(Exit::Completed)
        );
    }

    #[test]
    fn an_unknown_topic_is_a_usage_error() {
        let args = Args {
            topic: Some("P99".to_owned()),
        };
        let failure = run(&args, &Output::new(crate::output::Format::Text))
            .expect_err("`P99` is not a phase");
        assert_eq!(failure.exit, Exit::Usage);
    }
}
