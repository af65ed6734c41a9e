//! Every failure of the catalogue, and what this orchestrator does about it.
//!
//! One row for each of the 114 entries: whether it is prevented, detected, reported or out of reach,
//! by what, and which wrong orchestrator shows it. `orchestrator/FAILURES.md` is printed from this
//! table, and a test checks that it is current. The table is long because the catalogue is; it holds
//! no logic.

use std::fmt;

use crate::mutants::{MUTANTS, NOT_SEEDED};

/// What is done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A run cannot do it.
    Prevented,
    /// A run notices it and goes back, waits or parks.
    Detected,
    /// It is told before, during or after a run.
    Reported,
    /// It lies with Azure or with the application.
    OutOfReach,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prevented => "prevented",
            Self::Detected => "detected",
            Self::Reported => "reported",
            Self::OutOfReach => "out of reach",
        })
    }
}

/// One entry of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// Its number, such as `F36`.
    pub entry: &'static str,
    /// What goes wrong.
    pub title: &'static str,
    /// What is done about it.
    pub standing: Standing,
    /// By what.
    pub how: &'static str,
}

impl Failure {
    /// The wrong orchestrators that show it, by their keys; else why there is none.
    #[must_use]
    pub fn shown_by(&self) -> String {
        let shows = MUTANTS
            .iter()
            .filter(|mutant| mutant.catalogue == self.entry);
        let mutants: Vec<String> = shows.map(|mutant| format!("`{}`", mutant.id)).collect();
        if !mutants.is_empty() {
            return mutants.join(", ");
        }
        let reason = NOT_SEEDED.iter().find(|(entry, _)| *entry == self.entry);
        reason.map_or_else(String::new, |(_, reason)| format!("no mutant: {reason}"))
    }
}

/// The document that is printed from the table.
#[must_use]
pub fn document() -> String {
    let count = |standing| FAILURES.iter().filter(|f| f.standing == standing).count();
    let mut text = format!(
        "# What can go wrong, and what is done about it\n\n\
         {} failures: {} prevented, {} detected, {} reported, {} out of reach. A name in the last column is a wrong\n\
         orchestrator that `turquoise simulate --mutants` must catch (`turquoise explain NAME` tells what it does wrong);\n\
         where there is none, the reason stands there. Printed from `scenarios/src/failures.rs`;\n\
         `TURQUOISE_REFRESH=1 cargo test --test documents` prints it anew.\n\n\
         | | failure | standing | by what | shown by |\n|---|---|---|---|---|\n",
        FAILURES.len(),
        count(Prevented),
        count(Detected),
        count(Reported),
        count(OutOfReach),
    );
    for failure in FAILURES {
        text += &format!(
            "| {} | {} | {} | {} | {} |\n",
            failure.entry,
            failure.title,
            failure.standing,
            failure.how,
            failure.shown_by()
        );
    }
    text
}

const fn row(
    entry: &'static str,
    standing: Standing,
    title: &'static str,
    how: &'static str,
) -> Failure {
    Failure {
        entry,
        title,
        standing,
        how,
    }
}

use Standing::{Detected, OutOfReach, Prevented, Reported};

/// Every entry, in the catalogue's order.
#[rustfmt::skip]
pub const FAILURES: &[Failure] = &[
    row("F01", Prevented, "Switch before the new side is healthy in the gateway's own view",
        "the gateway's own health of each member and answers of the new build through it are asked in P5 and again right before the second write"),
    row("F02", Prevented, "Gate on power/provisioning state",
        "a machine counts only with its health extension's word and the balancer's; power state is never asked"),
    row("F03", Prevented, "Vacuous gate over an empty set",
        "an empty list of machines or rules is missing evidence, never a pass"),
    row("F04", Prevented, "Gate skipped, cancelled or inconclusive counts as pass",
        "a gate says pass, fail or unknown; only pass advances, unknown ends at its ceiling"),
    row("F05", Prevented, "Gateway probe through the ILB reaches one VM: mostly sick fleet looks healthy",
        "every machine is proven by itself, beside the gateway's view of the one address"),
    row("F06", Detected, "One sick VM makes the whole side vanish periodically",
        "failed gateway probes behind a good verdict are counted; three looks in doubt are a breach"),
    row("F07", Prevented, "Probe connection reuse pins the probe to one VM",
        "looks go over connections of their own, and each machine is proven by itself"),
    row("F08", Prevented, "Probe path differs from application readiness",
        "a side whose balancer asks nobody whether machines are ready is refused before anything is written"),
    row("F09", Detected, "Probe too deep: shared dependency blip marks both sides down",
        "the live side's answers are watched too; when both sides fail alike nothing is switched"),
    row("F10", Prevented, "One probe configuration for both colours",
        "a run never writes probes; both sides keep theirs"),
    row("F11", Prevented, "Custom probe not bound / host, SNI or trust mismatch",
        "settings without a probe of their own are refused before anything is written"),
    row("F12", Prevented, "Flapping health, gate sampled at a lucky instant",
        "a gate needs several good looks in a row that span a time"),
    row("F13", Prevented, "Backend-health answer stale, partial or Unknown",
        "a stale, partial or unknown answer is missing evidence"),
    row("F14", Prevented, "Gateway instances disagree about health",
        "looks spread over new connections, so that they meet every gateway instance"),
    row("F15", Prevented, "Smoke test bypasses the gateway",
        "the proof of the new side goes through the gateway itself"),
    row("F16", Prevented, "Time-of-check to time-of-use",
        "the side that a write leans on is proven again right before it; a proof older than two minutes is none"),
    row("F17", Detected, "New member eligible before its first probe",
        "a first wrong answer of the new side ends the wait in P5 and the way back begins"),
    row("F18", Detected, "Metric gate diluted, late or compared with the wrong baseline",
        "the sides are compared over the last minute of looks, with the old side beside as its own baseline"),
    row("F19", Prevented, "ILB TCP probe admits VMs before the app is ready (slow start)",
        "a balancer rule with a TCP probe is refused; a machine must be up for a rule and by its own word"),
    row("F20", Prevented, "Overlap splits by pool member, not by VM",
        "the plan proves that the new side carries half of the traffic at the first write and all of it at the second"),
    row("F21", Prevented, "Insufficient warm capacity when alone",
        "the new side has the live side's number of machines before it takes traffic"),
    row("F22", Prevented, "Autoscaler shrinks the old side during overlap/retention",
        "both sides' autoscale minimum is pinned before the first write and restored after the last"),
    row("F23", Prevented, "Scheduled or reactive scale-in of the idle new side before the swap",
        "the new side's minimum is pinned before it is proven; `doctor` names profiles that run by a schedule"),
    row("F24", Prevented, "Counting instances that cannot serve",
        "only machines of the latest model that are healthy and up are counted"),
    row("F25", Reported, "Cold cache / JIT / connection pool",
        "the bake compares the sides for as long as it lasts; a cold cache shows as errors or slow answers there"),
    row("F26", Detected, "Queue saturation and death spiral at the remaining side",
        "the new side's answers and machines are watched after each write, and the way back is open"),
    row("F27", Reported, "Retry storm makes a short dip permanent",
        "the orchestrator retries no request of a client; the campaign measures what retrying clients make of a dip"),
    row("F28", Detected, "Overlap doubles the load on shared dependencies",
        "the live side's answers are watched while both serve"),
    row("F29", Detected, "Quota or allocation failure while scaling the new side",
        "a scale-out that does not come ends at its ceiling, before any gateway write"),
    row("F30", Detected, "Zone loss or evictions on the new side during bake",
        "the new side's machines are counted while it bakes; too few of them are a breach"),
    row("F31", OutOfReach, "Gateway itself short of capacity during its own update",
        "the gateway's own capacity belongs to Azure; the plan tells typical and worst time of a write"),
    row("F32", Prevented, "Rollback onto a side already scaled down or deallocated",
        "the old side is pinned until its retention ends; going back proves it first, or parks"),
    row("F33", Prevented, "`Succeeded` before the data plane forgot the old side",
        "`Succeeded` ends no phase: answers and the gateway's view do"),
    row("F34", Prevented, "Propagation is not atomic across gateway instances",
        "the drain counts from the last answer of the old side, plus a margin for gateway instances that apply late"),
    row("F35", Prevented, "No draining or drain timeout shorter than the longest request",
        "settings that drain for less than a request may take are refused; the drain is waited out after the last answer"),
    row("F36", Reported, "Any configuration PUT cuts long-lived connections of all pools",
        "two gateway writes and no third; the plan names every pool that each of them touches"),
    row("F37", Prevented, "Deleting or stopping the old side with requests in flight",
        "nothing is taken from a side before it is out of the pool, silent, and its drain has passed"),
    row("F38", Prevented, "Scale-in inside a rotating side has no gateway draining",
        "the serving sides are pinned, so nothing scales them in during a run"),
    row("F39", Prevented, "Gateway reuses a pooled connection to the removed side",
        "the drain counts from the last answer seen of the removed side"),
    row("F40", OutOfReach, "Backend keep-alive shorter than the gateway's reuse window",
        "keep-alive times belong to the application; the campaign shows what a short one costs"),
    row("F41", OutOfReach, "Gateway→ILB connection pinning: hot VM, idle VM",
        "how the gateway spreads connections over machines belongs to Azure"),
    row("F42", Prevented, "Client keep-alive pinned to an old gateway worker",
        "the drain counts from the last answer seen of the removed side, also over old connections"),
    row("F43", OutOfReach, "HTTP/2 single-phase GOAWAY loses streams",
        "how the gateway closes HTTP/2 belongs to Azure; the campaign shows what it costs"),
    row("F44", Reported, "WebSocket/SSE stay on old forever or are cut en masse",
        "the plan tells after how many seconds long streams are cut; the drain waits for what may last"),
    row("F45", Prevented, "Upload in progress at the switch",
        "the drain is at least as long as a request may take"),
    row("F46", OutOfReach, "Expect: 100-continue interacts with the switch",
        "the application and the gateway agree on this; the campaign shows what it costs"),
    row("F47", Detected, "Truncated body after a 200 status",
        "an answer that ends early is an error of its side in the comparison"),
    row("F48", OutOfReach, "Duplicate execution through retries",
        "whether a request may be executed twice is the application's contract; the campaign counts it"),
    row("F49", Prevented, "Affinity cookie keeps routing to a removed member",
        "the drain counts from the last answer seen of the removed side, whoever sent it"),
    row("F50", Prevented, "Affinity after rollback",
        "the way back is proven like the way forward"),
    row("F51", Prevented, "Draining by failing the ILB probe does not end flows",
        "a side leaves by the pool, not by failing its probe"),
    row("F52", Detected, "Same IP reused by the next colour",
        "an answer that names a build of neither side is a breach"),
    row("F53", Prevented, "FQDN pool member or client with cached DNS",
        "members are addresses; a pool that lists a name is refused"),
    row("F54", Prevented, "Swap by re-pointing the rule to another pool",
        "a swap edits one pool and re-points nothing"),
    row("F55", Prevented, "Intermediate empty pool (remove before add)",
        "the new side is added before the old one is removed; no write lists nobody"),
    row("F56", Detected, "Scale-set model changed but instances not upgraded",
        "an answer that names a build of neither side is a breach; machines of an older model do not count"),
    row("F57", Detected, "New version trips gateway limits",
        "answers of the new side are compared before and after the removal"),
    row("F58", Prevented, "Lost update by concurrent writers",
        "every gateway write carries `If-Match` and changes our pool's addresses alone"),
    row("F59", Prevented, "HTTP retry re-sends a stale full body",
        "a body is never sent twice: a refusal is answered by reading and deciding anew"),
    row("F60", Detected, "Concurrency token silently ineffective",
        "the pool is read again after each write, and what was not written by us parks the run"),
    row("F61", Detected, "Our PUT is cancelled and superseded",
        "a cancelled operation is followed by a read; what the pool lists decides"),
    row("F62", Prevented, "provisioningState used as mutual exclusion",
        "the lease keeps others out, the etag notices who came anyway; no state is a mutex"),
    row("F63", Prevented, "Client timeout interpreted as failure",
        "an unanswered write is followed until its operation has ended and the pool tells"),
    row("F64", Prevented, "Operation URL lost in a crash",
        "operations are in the journal before they are awaited; without one the gateway must be quiet first"),
    row("F65", Prevented, "200 with non-terminal state / absent state / Location vs AsyncOperation",
        "every shape of a long-running operation is followed to its end"),
    row("F66", Detected, "Failed/Canceled but (partly) applied; gateway in Failed state",
        "a failed or cancelled write is followed by a read; a failed gateway is written once more"),
    row("F67", Prevented, "Read-after-write staleness",
        "a read that still shows an etag we replaced is read again"),
    row("F68", Prevented, "In-progress GET already shows the desired properties",
        "the pool counts only once nothing is being written"),
    row("F69", Prevented, "Typed model or old api-version drops unknown fields",
        "the document of the last read is written back whole, but for the addresses"),
    row("F70", Prevented, "429 in the middle of a swap",
        "a refusal is answered after the pause that Azure asks for, by reading first"),
    row("F71", Prevented, "Token expires mid-swap",
        "tokens are renewed at half of their life and at once after a 401; an operation is never given up for one"),
    row("F72", Detected, "Permission, policy or resource lock changes between PUT 1 and PUT 2",
        "a denied write parks where both sides serve, with 11 and the command that goes on"),
    row("F73", Prevented, "Control plane outage between phases",
        "waits have ceilings; a run that gives up parks where both sides are up"),
    row("F74", Prevented, "404 treated as 'nothing to do'",
        "what is not found is a finding or missing evidence, never a success"),
    row("F75", Prevented, "Platform upgrade blocks or delays updates",
        "a gateway that is being written is waited for, up to a ceiling"),
    row("F76", Prevented, "Crash between {old,new} and {new}; resume guesses the direction",
        "the journal says what was intended and the pool what is; a mixed pool without a journal is refused"),
    row("F77", Prevented, "Resume on another machine with stale local state",
        "journal and lease can lie in an object store; a journal that does not fit the configuration is refused"),
    row("F78", Prevented, "Two orchestrators at once",
        "one lease for each gateway pool, by conditional writes"),
    row("F79", Prevented, "Lock holder paused past its TTL writes later",
        "the lease is renewed right before each write; whoever lost it writes nothing"),
    row("F80", Prevented, "Lock never released",
        "a lease ends by its time to live; `lock break` saves the wait and grows the epoch"),
    row("F81", Prevented, "Lease not renewed while blocked",
        "the lease is renewed beside every wait"),
    row("F82", Prevented, "Abort/rollback requested while a PUT is in flight",
        "an abort waits until the write under way has ended"),
    row("F83", Prevented, "Rollback disables new before old is confirmed",
        "going back adds the old side and proves it before the new one is removed"),
    row("F84", Prevented, "Abort blocked by the health of what is being aborted",
        "going back asks only for the side to go to"),
    row("F85", Prevented, "Traffic moved to something that was not itself gated",
        "nothing gets traffic that was not proven in this run"),
    row("F86", Prevented, "Failure clean-up destroys members already in rotation",
        "a failed run removes nothing that the pool lists"),
    row("F87", Prevented, "Wrong side deleted or drained",
        "the direction is in the journal and checked against the pool before each act"),
    row("F88", Prevented, "Colour or direction derived from tags/names",
        "the direction comes from the live pool alone"),
    row("F89", Prevented, "Deploying onto the live colour",
        "a swap changes no image; `deploy` of the side that serves changes nothing that serves"),
    row("F90", Prevented, "Second swap during the first one's retention",
        "a second run is refused while one is unfinished, unless the way back is given up by name"),
    row("F91", Prevented, "Approved plan applied to a changed world",
        "a plan has a hash and an end: `apply` and `--approve-with` end with 9 when the world has moved"),
    row("F92", Prevented, "Retention/bake/lease measured by wall clock",
        "waits use the monotonic clock; a lease is taken over only after watching it"),
    row("F93", Prevented, "Autoscale pins or suspended schedules not restored",
        "originals are in the journal before the first change; P11 restores them, `gc` what was left"),
    row("F94", Prevented, "Success reported while work is incomplete",
        "a run is completed only when restored and proven; the report lists what is left behind"),
    row("F95", Prevented, "Drain wait has no end",
        "every wait has a ceiling and says which evidence is missing"),
    row("F96", Prevented, "Several rules/pools/listeners must switch together",
        "a side that another pool lists too is refused before anything is written"),
    row("F97", OutOfReach, "Partial multi-region swap",
        "a run swaps one gateway; several regions are several runs"),
    row("F98", Prevented, "No-op or repeated PUT",
        "a write that would change nothing is not sent"),
    row("F99", Prevented, "Hook failure, hang or side effect",
        "a hook has a deadline, its no refuses or leads back, and its journalled answer is not asked for again"),
    row("F100", Prevented, "SIGTERM/CI timeout in the critical window",
        "the first signal stops at a safe point, the second ends at once; the journal goes on from either"),
    row("F101", Reported, "Infrastructure-as-code reverts the pool",
        "`doctor` warns when a tag says that a tool manages the gateway; a pool that was put back parks the run"),
    row("F102", Detected, "Manual edit mid-swap",
        "the pool is read at every look: what was not written by us parks the run"),
    row("F103", Prevented, "Resource-group delete takes more than the old side",
        "a run deletes nothing; retired machines are scaled in"),
    row("F104", Prevented, "New side lacks outbound or network path",
        "the new side must answer through the gateway before the old one leaves"),
    row("F105", Detected, "Staging configuration serves production",
        "only the application can tell; a build of neither side is a breach"),
    row("F106", Prevented, "Monitoring gap during the swap",
        "no answer is no evidence: what is not seen does not pass"),
    row("F107", Reported, "Unrelated incident during bake",
        "a breach compares the sides, so trouble of both alike is none; what it was goes into the report"),
    row("F108", OutOfReach, "Schema or data incompatible across versions",
        "whether two versions can serve one database is the application's contract; the mixed bake is where it shows"),
    row("F109", OutOfReach, "Hashed assets: page from v2, asset from v1",
        "whether assets of both versions are served by both is the application's contract"),
    row("F110", OutOfReach, "Session/crypto keys differ between sides",
        "whether sessions of one side open on the other is the application's contract"),
    row("F111", OutOfReach, "New version poisons shared caches/queues",
        "what a version writes into shared stores is the application's contract"),
    row("F112", OutOfReach, "Background work runs on both sides",
        "who works in the background is the application's contract"),
    row("F113", Reported, "Version flip-flop for one client in mixed mode",
        "the time with both sides in the pool is bounded and reported"),
    row("F114", Detected, "Build id reported is not the build running",
        "builds are told by answers; two sides of one image are refused, and so is a build of neither"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_there_once_with_what_shows_it() {
        let entries: Vec<String> = FAILURES.iter().map(|f| f.entry.to_owned()).collect();
        let expected: Vec<String> = (1..=114).map(|number| format!("F{number:02}")).collect();
        assert_eq!(entries, expected);
        for failure in FAILURES {
            assert!(!failure.shown_by().is_empty(), "{}", failure.entry);
        }
    }

    #[test]
    fn every_mutant_of_a_failure_stands_in_the_table() {
        for mutant in MUTANTS.iter().filter(|m| m.catalogue.starts_with('F')) {
            let found = FAILURES.iter().find(|f| f.entry == mutant.catalogue);
            assert!(found.is_some(), "`{}`: {}", mutant.id, mutant.catalogue);
        }
    }
}
