//! S10: no side gets more load than its warm machines can bear.
//!
//! A model of our own: the instance ledger says which work came to which machine, the time before
//! the swap says what a request of each class costs a worker, events say which machines were there,
//! well and balanced. A stream or a download takes a worker until it has begun and none while it
//! lasts, so a thousand open streams are no load (their coming back all at once is). Each side's load is held against its bearing machines, and each machine's
//! against its own workers, so that a mean hides no hot spot. Attempts count, so the load of retries
//! is in it.
//!
//! An overload accuses the orchestrator when its own write began it, when it leaves it standing, or
//! when it declares such a side the result; what the weather begins it has time to answer.

use std::net::Ipv4Addr;
use std::time::Duration;

use turquoise_emulator::ledger::RequestClass;
use turquoise_emulator::{Event, Instant};

use crate::fleet::Fleet;
use crate::invariant::Invariant;
use crate::observation::{Outcome, Role, Side};
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(10),
    judge,
};

/// Load is summed over this; a burst of a second is no lack of capacity.
const SLICE: Duration = Duration::from_secs(10);
/// Overloaded slices in a row before it counts.
const LEAST_SLICES: usize = 2;
/// The share of its workers that a side may keep busy (D.2: `u_max` of at most 0.8).
const SIDE_MAX: f64 = 0.8;
/// The share that one machine of it may: chance hands it more than its part.
const MACHINE_MAX: f64 = 1.0;
/// An overload that begins this soon after our write came into use is ours.
const OURS_WITHIN: Duration = Duration::from_secs(30);
/// How long an overload that the weather began may last: to see it (T_d) and to bring the other
/// side back in (T_r), each write of the gateway taking minutes at worst.
const ANSWER_WITHIN: Duration = Duration::from_secs(900);

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let fleet = Fleet::new(case.observation);
    let costs = Costs::measure(case);
    for role in [Role::Old, Role::New] {
        let side = case.observation.declared.side(role);
        if !fleet.knows(&side.scale_set) {
            continue;
        }
        let load = Load::of(case, &fleet, side, &costs);
        if load.was_overloaded_before(case, &fleet, side) {
            continue;
        }
        let causes = causes(case, side);
        for overload in load.overloads(case, &fleet, side) {
            if let Some(why) = accusation(case, role, &overload, &causes) {
                findings.report(overload.from, &["F20", "F21", "F24", "F29", "F30"], || {
                    format!(
                        "{} had {} machines for {:.0} % of what they bear, for {} s, {why}",
                        side.name,
                        overload.machines,
                        overload.worst * 100.0,
                        overload.lasted().as_secs()
                    )
                });
            }
        }
    }
}

/// What a request of each class costs, in seconds of a worker, as seen before the swap.
struct Costs([Option<f64>; RequestClass::ALL.len()]);

impl Costs {
    fn measure(case: &Case<'_>) -> Self {
        let window = case.observation.window;
        let mut sums = [(0.0, 0.0); RequestClass::ALL.len()];
        for request in case.ledger.requests() {
            let client = request.client();
            if !(window.baseline_start..window.swap_start).contains(&client.due) {
                continue;
            }
            if flows(client.class) {
                continue;
            }
            for run in request.executions() {
                let (busy, count) = &mut sums[client.class as usize];
                *busy += run.ended.since(run.started).as_secs_f64();
                *count += 1.0;
            }
        }
        Self(sums.map(|(busy, count)| (count > 0.0).then(|| busy / count)))
    }

    fn of(&self, class: RequestClass, side: &Side) -> f64 {
        let known = self.0[class as usize];
        known.unwrap_or(side.capacity.service.as_secs_f64())
    }
}

/// Whether requests of a class need a worker only to begin.
fn flows(class: RequestClass) -> bool {
    class.is_stream() || class == RequestClass::Download
}

/// Seconds of work that came to each machine of one side, by slice.
struct Load {
    began: Instant,
    /// The side's machines, in order of address.
    machines: Vec<Ipv4Addr>,
    /// By slice, then by machine.
    slices: Vec<Vec<f64>>,
}

/// Some slices in a row in which a side had too little.
#[derive(Clone, Copy, Debug)]
struct Overload {
    from: Instant,
    until: Instant,
    worst: f64,
    machines: u32,
}

impl Overload {
    fn lasted(&self) -> Duration {
        self.until.since(self.from)
    }
}

impl Load {
    fn of(case: &Case<'_>, fleet: &Fleet, side: &Side, costs: &Costs) -> Self {
        let began = case.observation.window.baseline_start;
        let mut load = Self {
            began,
            machines: fleet.machines_of(&side.scale_set).collect(),
            slices: Vec::new(),
        };
        for request in case.ledger.requests() {
            let cost = costs.of(request.client().class, side);
            for run in request.executions() {
                let machine = load.machines.binary_search(&run.address);
                if let Ok(machine) = machine
                    && run.started >= began
                {
                    load.add(machine, run.started, cost);
                }
            }
        }
        load
    }

    /// Spreads work over the slices in which a free worker would do it.
    fn add(&mut self, machine: usize, started: Instant, cost: f64) {
        let (slice_s, mut left) = (SLICE.as_secs_f64(), cost);
        let offset = started.since(self.began).as_secs_f64();
        let mut index = index_of(offset / slice_s);
        let mut room = slice_s - offset % slice_s;
        while left > 0.0 {
            if self.slices.len() <= index {
                let idle = vec![0.0; self.machines.len()];
                self.slices.resize(index + 1, idle);
            }
            let part = left.min(room);
            self.slices[index][machine] += part;
            left -= part;
            index += 1;
            room = slice_s;
        }
    }

    /// How much of what its machines bear a slice asked of a side, and how many bore it.
    fn used(&self, slice: usize, fleet: &Fleet, side: &Side) -> (f64, u32) {
        let at = self.start_of(slice);
        let worker_s = f64::from(side.capacity.workers.max(1)) * SLICE.as_secs_f64();
        let machines = fleet
            .bearing(&side.scale_set, at)
            .min(fleet.bearing(&side.scale_set, at + SLICE));
        let total: f64 = self.slices[slice].iter().sum();
        let hottest = self.slices[slice].iter().copied().fold(0.0, f64::max);
        let mean = total / (worker_s * f64::from(machines));
        let hot = hottest / worker_s * SIDE_MAX / MACHINE_MAX;
        let used = if total > 0.0 { mean.max(hot) } else { 0.0 };
        (used, machines)
    }

    fn start_of(&self, slice: usize) -> Instant {
        self.began + SLICE * u32::try_from(slice).unwrap_or(u32::MAX)
    }

    /// Whether the side had too little before anybody swapped: nobody's doing.
    fn was_overloaded_before(&self, case: &Case<'_>, fleet: &Fleet, side: &Side) -> bool {
        let start = case.observation.window.swap_start;
        let before = (0..self.slices.len()).take_while(|slice| self.start_of(slice + 1) <= start);
        let used: Vec<f64> = before
            .map(|slice| self.used(slice, fleet, side).0)
            .collect();
        let over = used.iter().filter(|used| **used > SIDE_MAX).count();
        over * 2 > used.len()
    }

    fn overloads(&self, case: &Case<'_>, fleet: &Fleet, side: &Side) -> Vec<Overload> {
        let start = case.observation.window.swap_start;
        let (mut found, mut row): (Vec<Overload>, Vec<(f64, u32)>) = (Vec::new(), Vec::new());
        for slice in 0..=self.slices.len() {
            let judged = slice < self.slices.len() && self.start_of(slice) >= start;
            let used = judged.then(|| self.used(slice, fleet, side));
            if let Some(over) = used.filter(|(used, _)| *used > SIDE_MAX) {
                row.push(over);
                continue;
            }
            if row.len() >= LEAST_SLICES {
                found.push(Overload {
                    from: self.start_of(slice - row.len()),
                    until: self.start_of(slice),
                    worst: row.iter().map(|(used, _)| *used).fold(0.0, f64::max),
                    machines: row
                        .iter()
                        .map(|(_, machines)| *machines)
                        .min()
                        .unwrap_or_default(),
                });
            }
            row.clear();
        }
        found
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a run has fewer slices than a `usize` holds, and none before its beginning"
)]
fn index_of(slices: f64) -> usize {
    slices.max(0.0) as usize
}

/// When something of ours changed who gets the load or who bears it.
fn causes(case: &Case<'_>, side: &Side) -> Vec<Instant> {
    let declared = &case.observation.declared;
    let start = case.observation.window.swap_start;
    let ours = |event: &Event| match event {
        Event::GatewayApplied { gateway, .. } => *gateway == declared.gateway,
        Event::Scaled { scale_set, by, .. } => *scale_set == side.scale_set && declared.is_ours(by),
        _ => false,
    };
    let events = case.observation.events.iter();
    events
        .filter(|timed| timed.at >= start && ours(&timed.event))
        .map(|timed| timed.at)
        .collect()
}

fn accusation(
    case: &Case<'_>,
    role: Role,
    overload: &Overload,
    causes: &[Instant],
) -> Option<&'static str> {
    let window = case.observation.window;
    let near = |cause: &Instant| {
        *cause <= overload.from + SLICE && overload.from.since(*cause) <= OURS_WITHIN
    };
    if causes.iter().any(near) {
        return Some("since a write of the orchestrator");
    }
    if overload.lasted() > ANSWER_WITHIN {
        return Some("and nothing was done about it");
    }
    let ended = case.observation.end.map(|end| end.outcome);
    let stands = overload.from <= window.swap_end && overload.until + SLICE >= window.swap_end;
    let declared_good = ended == Some(Outcome::Completed) && role == Role::New;
    (stands && declared_good).then_some("and the swap was declared completed")
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    tests::with_load(35, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Observation;
    use crate::observation::Capacity;
    use crate::sample::{NEW_MACHINE, clean, condition, insert, secs};

    /// A run whose new machine gets `percent` more than 50 % of what it bears once it serves alone.
    /// One request each 100 ms takes a worker of 20 ms a fifth of its time.
    pub(super) fn with_load(percent: u32, sick_at: Option<u64>) -> Observation {
        let mut observation = clean();
        let service = Duration::from_millis(20);
        let capacity = Capacity {
            workers: 1,
            service,
        };
        observation.declared.old.capacity = Capacity {
            workers: 64,
            service,
        };
        observation.declared.new.capacity = capacity;
        for entry in &mut observation.ledgers.instances {
            // So that the baseline's cost of a request keeps the new machine that busy.
            entry.started = entry.ended - Duration::from_millis(u64::from(50 + percent));
        }
        if let Some(second) = sick_at {
            insert(
                &mut observation,
                secs(second),
                condition("blue", NEW_MACHINE, false),
            );
        }
        observation
    }

    fn violated(observation: &Observation) -> bool {
        crate::judge(observation).violates(Invariant::S(10))
    }

    #[test]
    fn a_side_alone_must_bear_the_whole_load_with_a_fifth_to_spare() {
        for (percent, expected) in [(0, false), (25, false), (35, true)] {
            assert_eq!(violated(&with_load(percent, None)), expected, "{percent}");
        }
    }

    #[test]
    fn a_machine_that_is_not_well_bears_nothing() {
        assert!(!violated(&with_load(0, None)));
        let late = || {
            let mut observation = with_load(0, Some(191));
            // So that no write of ours is near.
            let applied = |event: &Event| matches!(event, Event::GatewayApplied { .. });
            let early = secs(150);
            let events = &mut observation.events;
            events.retain(|timed| timed.at < early || !applied(&timed.event));
            observation
        };
        assert!(violated(&late()), "and the swap was completed so");
        let mut rolled_back = late();
        rolled_back.end = rolled_back.end.map(|end| crate::observation::End {
            outcome: Outcome::RolledBack,
            ..end
        });
        assert!(
            !violated(&rolled_back),
            "the weather did it and it was not left so"
        );
    }

    #[test]
    fn what_was_too_much_before_the_swap_accuses_nobody() {
        let mut observation = with_load(35, None);
        observation.declared.new.capacity.workers = 64;
        observation.declared.old.capacity.workers = 1;
        assert!(!violated(&observation));
    }
}
