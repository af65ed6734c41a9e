//! What a run left behind for judging: ledgers, events, and what the orchestrator claimed.
//!
//! Every drive and every orchestrator under test, ours or not, ends in one [`Observation`];
//! [`judge`](crate::judge) reads nothing else. It holds no types of the orchestrator, so that the
//! judge cannot share a mistake with whom it judges (failure-catalogue.md H11). Times are cloud
//! time; where a drive runs faster than the wall clock, [`Observation::speed`] leads back to what
//! clients felt.

mod record;

pub(crate) use record::FROZEN_ON_THE_WAY;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turquoise_arm::ResourceId;
use turquoise_emulator::ledger::{Build, Ledgers};
use turquoise_emulator::{Event, Instant, Timed};

pub use record::{
    Caller, Ending, FinalState, JournalLine, LeasePut, OrderGiven, Process, Record, Twin, WORLD,
};

/// Everything that is judged.
#[derive(Clone, Debug)]
pub struct Observation {
    /// What clients, gateway and instances wrote down.
    pub ledgers: Ledgers,
    /// What happened in the cloud, in order of time, from its beginning.
    pub events: Vec<Timed>,
    /// Build names; a [`Build`] is an index here.
    pub builds: Vec<String>,
    /// What the run declared beforehand.
    pub declared: Declared,
    /// The phases as the journal recorded them, in order of time.
    pub phases: Vec<PhaseMark>,
    /// What processes said while they waited, in order of time.
    pub notices: Vec<Notice>,
    /// Which part of the run is judged, and against which part.
    pub window: Window,
    /// How the orchestrator said it ended; `None` when it never ended.
    pub end: Option<End>,
    /// What must be the same before and after.
    pub residue: Residue,
    /// Requests that left the generator, by its own counter (H05).
    pub sent: u64,
    /// Cloud seconds per second of the clients: 1 in virtual time, the speed-up in a live rehearsal.
    /// Latencies and gaps are judged and reported in the clients' time.
    pub speed: f64,
    /// Processes, journal, lease, orders and the final state; empty where a drive cannot see them.
    pub record: Record,
}

/// What was said before the run began: who swaps what, and which limits hold.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The gateway.
    pub gateway: ResourceId,
    /// The one pool the orchestrator may edit.
    pub pool: ResourceId,
    /// The side that is live when the run begins.
    pub old: Side,
    /// The side that is to be live when it ends.
    pub new: Side,
    /// How callers in [`Event::Arm`] begin when they are the
    /// orchestrator under test; everyone else is foreign.
    pub callers: Vec<String>,
    /// Streams that the plan accepted to cut with each of its gateway writes, when their drain ends
    /// (F36); 0 by default.
    pub stream_cuts: u64,
    /// The limits.
    pub policy: Policy,
}

/// One whole environment, green or blue.
#[derive(Clone, Debug)]
pub struct Side {
    /// `green` or `blue`.
    pub name: String,
    /// Its internal load balancer's private frontend address: the pool member.
    pub address: Ipv4Addr,
    /// Its scale set.
    pub scale_set: ResourceId,
    /// The build its instances run.
    pub build: Build,
    /// What one of its warm instances can do (S10).
    pub capacity: Capacity,
}

/// What one warm instance can do. How many are warm is in the events: served and stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Requests it works on at a time.
    pub workers: u32,
    /// The mean time a short request takes a worker.
    pub service: Duration,
}

impl Default for Capacity {
    /// The emulator's well-behaved application.
    fn default() -> Self {
        Self {
            workers: 32,
            service: Duration::from_millis(20),
        }
    }
}

impl Capacity {
    /// Short requests per second that one instance can bear.
    #[must_use]
    pub fn requests_per_second(self) -> f64 {
        f64::from(self.workers) / self.service.as_secs_f64().max(f64::EPSILON)
    }
}

/// A side's part in this swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Live before the swap.
    Old,
    /// Live after it.
    New,
}

/// Limits of the judgement; the defaults are the strict ones of failure-catalogue.md D.4.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Q1: the longest time a due request may wait for any answer of its connection class.
    pub max_gap: Duration,
    /// Q3: the most that p99 may grow over the baseline.
    pub p99_inflation: f64,
    /// Q3: the most that p99.9 may grow over the baseline.
    pub p999_inflation: f64,
    /// Q3: growth smaller than this is noise of the machine, whatever the ratio.
    pub latency_noise: Duration,
    /// Q3: fewer requests than this in either window say nothing about a tail.
    pub least_samples: u64,
    /// Answers slower than this are LATE; `None` judges no single answer by its age.
    pub late: Option<Duration>,
    /// Slack of instants that two observers stamped: S4, S5 and S8 forgive this much.
    pub epsilon: Duration,
    /// S5: a kept client connection may follow the configuration it was opened under for this long
    /// after its replacement: the gateway's drain time-out, 30 s where draining is not enabled
    /// (azure-facts.md §5.5, F42).
    pub drain: Duration,
    /// S5: whether clients are bound to members by cookies, which lead to a removed member until its
    /// drain time-out (azure-facts.md §5.6, F49): the plan accepts that.
    pub affinity: bool,
    /// S13: a side must have been without new dispatch for this long before capacity goes.
    pub quiet: Duration,
    /// L1: by when a terminal state is due, counted from the swap's start or the last fault,
    /// whichever is later.
    pub terminal_within: Duration,
    /// L3: by when the lock can be had after its holder's death.
    pub lock_within: Duration,
    /// L4: by when the old side serves again after a breach, detection included.
    pub rollback_within: Duration,
    /// S20: who has waited this long for a gate may give up.
    pub gate_ceiling: Duration,
    /// L6: no wait may have a later ceiling.
    pub wait_ceiling: Duration,
    /// L5: by when a drain is over, with its last look.
    pub drain_within: Duration,
    /// Q5: how long both sides may serve together, counted from the first such answer or the last
    /// fault, whichever is later.
    pub mixed_within: Duration,
    /// Q2: losses that a run may have.
    pub loss_budget: u64,
    /// S7: when a user's session may go back to the old side.
    pub sessions: Sessions,
    /// Q4: the most that the busiest machine of a side may do, as a multiple of the mean.
    pub imbalance: f64,
}

/// What a swap promises to a user who has seen the new side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sessions {
    /// Never to see the old one again once it has been removed; until then they mix.
    #[default]
    Mixed,
    /// Never to see the old one again at all.
    Monotone,
}

impl Sessions {
    /// Whether sides may mix.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks by reference whether to skip a member"
    )]
    pub(crate) const fn is_mixed(&self) -> bool {
        matches!(self, Self::Mixed)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_gap: Duration::from_millis(250),
            p99_inflation: 1.5,
            p999_inflation: 2.0,
            latency_noise: Duration::from_millis(10),
            least_samples: 1000,
            late: None,
            epsilon: Duration::from_millis(50),
            drain: Duration::from_secs(30),
            affinity: false,
            quiet: Duration::from_secs(1),
            terminal_within: Duration::from_secs(4 * 3600),
            // failure-catalogue.md E.5: a lease's time to live.
            lock_within: Duration::from_secs(300),
            // A minute to see it, two writes of 90 s, the proofs and the drain between them.
            rollback_within: Duration::from_secs(900),
            // failure-catalogue.md E.5: `[ceilings] gate`.
            gate_ceiling: Duration::from_secs(900),
            // The longest ceiling, an hour, and a bake of a day's retention.
            wait_ceiling: Duration::from_secs(26 * 3600),
            // The drain's ceiling of an hour, and the time of a look.
            drain_within: Duration::from_secs(3600 + 300),
            // The ceilings of P5 and P7, an hour each, and the bake between them.
            mixed_within: Duration::from_secs(2 * 3600 + 600),
            loss_budget: 0,
            sessions: Sessions::Mixed,
            imbalance: 1.5,
        }
    }
}

/// The orchestrator entered a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseMark {
    /// When, before the phase's first external action.
    pub at: Instant,
    /// 0 to 11, as P0–P11 of the failure catalogue.
    pub phase: u8,
    /// Whether this is the way back to the old side.
    pub reverse: bool,
}

/// A process says that it is waiting (L6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub at: Instant,
    /// Which process, by its number in the run.
    pub process: u16,
    /// In which phase.
    pub phase: u8,
    /// How long it has waited in this phase.
    pub elapsed: Duration,
    /// When it gives up, counted from the phase's beginning.
    pub ceiling: Duration,
    /// Whether it names the evidence that is missing.
    pub explained: bool,
}

/// Which part of the run is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Traffic is steady from here on: the baseline begins.
    pub baseline_start: Instant,
    /// The orchestrator starts: the baseline ends.
    pub swap_start: Instant,
    /// The orchestrator has ended, or was given up on.
    pub swap_end: Instant,
}

/// How the orchestrator said it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Its exit code (failure-catalogue.md E.4).
    pub exit_code: u8,
    /// What it claims.
    pub outcome: Outcome,
}

/// What an orchestrator claims to have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The new side serves alone.
    Completed,
    /// The old side serves alone again.
    RolledBack,
    /// A safe state that needs a human.
    Parked,
    /// Nothing was changed: a gate, lock or plan refused.
    Unchanged,
    /// Stopped on the way; a resume is expected.
    Interrupted,
    /// Gave up without knowing the state.
    Failed,
}

impl Outcome {
    /// The word in JSON and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::RolledBack => "rolled_back",
            Self::Parked => "parked",
            Self::Unchanged => "unchanged",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more is expected to happen by itself.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Interrupted | Self::Failed)
    }
}

/// State that a swap borrows and must give back (S22).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Residue {
    /// Before the swap.
    pub before: Snapshot,
    /// After its terminal state.
    pub after: Snapshot,
    /// Names that the orchestrator's report lists as left behind on purpose.
    pub listed: Vec<String>,
}

/// Borrowed state at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Autoscale minimum per autoscale setting, by name.
    pub autoscale_minimum: BTreeMap<String, u32>,
    /// Locks and leases held, by name.
    pub locks: Vec<String>,
}

impl Observation {
    /// The autoscale settings that somebody else wrote since the swap began, by name.
    #[must_use]
    pub fn autoscale_edits(&self) -> BTreeSet<String> {
        let since = self
            .events
            .iter()
            .filter(|timed| timed.at >= self.window.swap_start);
        since
            .filter_map(|timed| match &timed.event {
                Event::Arm {
                    method,
                    target,
                    caller,
                    applied: true,
                    ..
                } if method == "PUT" && !self.declared.is_ours(caller) => autoscale_setting(target),
                _ => None,
            })
            .collect()
    }
}

/// The name of the setting that a path leads to, if it does.
fn autoscale_setting(target: &str) -> Option<String> {
    let path = target.split('?').next()?;
    let (kind, name) = path.rsplit_once('/')?;
    kind.to_ascii_lowercase()
        .ends_with("/autoscalesettings")
        .then(|| name.to_owned())
}

impl Declared {
    /// The side in this role.
    #[must_use]
    pub fn side(&self, role: Role) -> &Side {
        match role {
            Role::Old => &self.old,
            Role::New => &self.new,
        }
    }

    /// The role of the side behind a pool member.
    #[must_use]
    pub fn role_of(&self, member: Ipv4Addr) -> Option<Role> {
        [Role::Old, Role::New]
            .into_iter()
            .find(|role| self.side(*role).address == member)
    }

    /// The role of the side that runs a build; the old one where both run the same.
    #[must_use]
    pub fn role_of_build(&self, build: Build) -> Option<Role> {
        [Role::Old, Role::New]
            .into_iter()
            .find(|role| self.side(*role).build == build)
    }

    /// Whether a caller is the orchestrator under test.
    #[must_use]
    pub fn is_ours(&self, caller: &str) -> bool {
        self.callers.iter().any(|prefix| caller.starts_with(prefix))
    }
}

impl Observation {
    /// What happened from the swap's start on, in order of time.
    pub(crate) fn events_of_the_swap(&self) -> impl Iterator<Item = &Timed> {
        let start = self.window.swap_start;
        self.events.iter().filter(move |timed| timed.at >= start)
    }

    /// The name of a build, or its number where the table lacks it.
    #[must_use]
    pub fn build_name(&self, build: Build) -> String {
        self.builds
            .get(usize::from(build))
            .map_or_else(|| format!("build {build}"), Clone::clone)
    }

    /// A span of cloud time as clients felt it.
    #[must_use]
    pub fn felt(&self, span: Duration) -> Duration {
        if self.speed > 0.0 {
            span.div_f64(self.speed)
        } else {
            span
        }
    }
}
