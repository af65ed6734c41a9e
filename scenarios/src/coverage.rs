//! The interesting places a campaign must have visited (H10: a property nobody exercised is
//! vacuously green).
//!
//! Each [`Point`] is a "sometimes": at least one run of a campaign must reach it. A campaign that
//! leaves one out reports it.

use std::collections::BTreeSet;

use turquoise_emulator::Event;

use crate::observation::{Observation, Outcome, WORLD};
use crate::scenario::{self, Effect};

/// One place worth visiting.
#[derive(Clone, Copy)]
pub struct Point {
    /// Its name in reports.
    pub name: &'static str,
    reached: fn(&Observation) -> bool,
}

/// The points of a campaign of the reference orchestrator.
pub const POINTS: &[Point] = &[
    Point::new("a swap completes", |o| ended(o, Outcome::Completed)),
    Point::new("a gate refuses before anything is changed", |o| {
        ended(o, Outcome::Unchanged)
    }),
    Point::new("P2 warms the new side", |o| visits(o, 2)),
    Point::new("P5 confirms the added member", |o| visits(o, 5)),
    Point::new("P8 drains the old side", |o| visits(o, 8)),
    Point::new("P11 releases", |o| visits(o, 11)),
    Point::new("the gateway serves both sides", |o| {
        any(o, |event| {
            matches!(event, Event::GatewayApplied { pools, .. }
                if pools.iter().any(|(pool, members)| *pool == o.declared.pool && members.len() == 2))
        })
    }),
    Point::new("the new side grows", |o| {
        any(o, |event| {
            matches!(event, Event::Scaled { scale_set, from, to, .. }
                if *scale_set == o.declared.new.scale_set && to > from)
        })
    }),
    Point::new("a gateway write is refused as stale", |o| {
        refused(o, |code| code.starts_with("PreconditionFailed"))
    }),
    Point::new("a gateway write is throttled", |o| {
        any(o, |event| {
            matches!(event, Event::Arm { method, status: 429, target, .. }
                if method == "PUT" && target.contains("applicationGateways"))
        })
    }),
    Point::new("a gateway write's answer is lost after it acted", |o| {
        any(o, |event| {
            matches!(event, Event::Arm { method, status: 0, applied: true, target, .. }
                if method == "PUT" && target.contains("applicationGateways"))
        })
    }),
    Point::new("an operation is superseded", |o| ends(o, "Canceled")),
    Point::new("an operation fails", |o| ends(o, "Failed")),
    Point::new("a member is found unhealthy", |o| {
        any(o, |event| {
            matches!(event, Event::MemberHealth { healthy: false, .. })
        })
    }),
    Point::new("a balancer drops an instance", |o| {
        any(o, |event| {
            matches!(event, Event::BackendHealth { healthy: false, .. })
        })
    }),
    Point::new("fault: refuse", |o| hit(o, "refuse")),
    Point::new("fault: reset_before", |o| hit(o, "reset_before")),
    Point::new("fault: reply_lost", |o| hit(o, "reply_lost")),
    Point::new("fault: slow_operation", |o| hit(o, "slow_operation")),
    Point::new("fault: fail_operation", |o| hit(o, "fail_operation")),
    Point::new("fault: late_activation", |o| hit(o, "late_activation")),
    Point::new("fault: sick", |o| hit(o, "sick")),
    Point::new("fault: kill", |o| hit(o, "kill")),
    Point::new("fault: slow_start", |o| hit(o, "slow_start")),
    Point::new("another pipeline writes the gateway", |o| {
        any(o, |event| {
            matches!(event, Event::GatewayWritten { caller, .. }
                if caller.starts_with(crate::world::FOREIGN_CALLER))
        })
    }),
    Point::new("a swap is rolled back", |o| ended(o, Outcome::RolledBack)),
    Point::new("a swap is parked", |o| ended(o, Outcome::Parked)),
    Point::new("a second process completes a swap", |o| {
        ended(o, Outcome::Completed) && o.record.crashes().next().is_some()
    }),
    Point::new("a process is turned away by the lease", |o| {
        o.record
            .processes
            .iter()
            .any(|process| process.claim().is_some_and(|end| end.exit_code == 8))
    }),
    Point::new("a lease is taken from another run", |o| {
        let puts = o.record.leases.iter().filter(|put| put.accepted);
        puts.clone().any(|put| put.epoch > 1 && put.beat == 0)
    }),
    Point::new("fault: throttle_storm", |o| hit(o, "throttle_storm")),
    Point::new("fault: outage", |o| hit(o, "outage")),
    Point::new("fault: stale_read", |o| hit(o, "stale_read")),
    Point::new("fault: bare_answer", |o| hit(o, "bare_answer")),
    Point::new("fault: fail_applied", |o| hit(o, "fail_applied")),
    Point::new("fault: partial_grant", |o| hit(o, "partial_grant")),
    Point::new("fault: health_omits", |o| hit(o, "health_omits")),
    Point::new("fault: platform_upgrade", |o| hit(o, "platform_upgrade")),
    Point::new("fault: deny", |o| hit(o, "deny")),
    Point::new("fault: revoke_tokens", |o| hit(o, "revoke_tokens")),
    Point::new("what exists is not found", |o| {
        any(
            o,
            |event| matches!(event, Event::Arm { status: 404, caller, .. } if o.declared.is_ours(caller)),
        )
    }),
    Point::new("actor: terraform_reapply", |o| {
        o.record.has("terraform_reapply")
    }),
    Point::new("actor: person_removes_new", |o| {
        o.record.has("person_removes_new")
    }),
    Point::new("actor: person_edits_pool", |o| {
        o.record.has("person_edits_pool")
    }),
    Point::new("actor: other_team_put", |o| o.record.has("other_team_put")),
    Point::new("actor: tag_write", |o| o.record.has("tag_write")),
    Point::new("actor: autoscale_edit", |o| o.record.has("autoscale_edit")),
    Point::new("actor: lock_added", |o| o.record.has("lock_added")),
    Point::new("actor: role_removed", |o| o.record.has("role_removed")),
    Point::new("actor: orchestrator", |o| o.record.has("orchestrator")),
    Point::new("storage: store_unavailable", |o| {
        o.record.has("store_unavailable")
    }),
    Point::new("storage: append_conflict", |o| {
        o.record.has("append_conflict")
    }),
    Point::new("storage: store_reply_lost", |o| {
        o.record.has("store_reply_lost")
    }),
    Point::new("storage: stale_lease_read", |o| {
        o.record.has("stale_lease_read")
    }),
    Point::new("identity: token_refused", |o| o.record.has("token_refused")),
    Point::new("identity: token_outage", |o| o.record.has("token_outage")),
    Point::new("clock: clock_jump", |o| o.record.has("clock_jump")),
    Point::new("a process freezes", |o| o.record.has("pause")),
    Point::new("order: interrupt", |o| ordered(o, "interrupt")),
    Point::new("order: abort", |o| ordered(o, "abort")),
    Point::new("order: rollback", |o| ordered(o, "rollback")),
    Point::new("crash: arm_before", |o| {
        o.record.crashed_at(Effect::ArmBefore)
    }),
    Point::new("crash: arm_after", |o| {
        o.record.crashed_at(Effect::ArmAfter)
    }),
    Point::new("crash: write_before", |o| {
        o.record.crashed_at(Effect::WriteBefore)
    }),
    Point::new("crash: write_after", |o| {
        o.record.crashed_at(Effect::WriteAfter)
    }),
    Point::new("crash: probe_before", |o| {
        o.record.crashed_at(Effect::ProbeBefore)
    }),
    Point::new("crash: probe_after", |o| {
        o.record.crashed_at(Effect::ProbeAfter)
    }),
    Point::new("crash: sleep", |o| o.record.crashed_at(Effect::Sleep)),
    Point::new("crash: journal_before", |o| {
        o.record.crashed_at(Effect::JournalBefore)
    }),
    Point::new("crash: journal_after", |o| {
        o.record.crashed_at(Effect::JournalAfter)
    }),
    Point::new("crash: lease_before", |o| {
        o.record.crashed_at(Effect::LeaseBefore)
    }),
    Point::new("crash: lease_after", |o| {
        o.record.crashed_at(Effect::LeaseAfter)
    }),
    Point::new("crash: at an instant", |o| {
        let mut crashes = o.record.crashes();
        crashes.any(|(_, point)| matches!(point, scenario::Point::Time { .. }))
    }),
    Point::new("a crash in P0", |o| crashes_in(o, 0)),
    Point::new("a crash in P1", |o| crashes_in(o, 1)),
    Point::new("a crash in P2", |o| crashes_in(o, 2)),
    Point::new("a crash in P3", |o| crashes_in(o, 3)),
    Point::new("a crash in P4", |o| crashes_in(o, 4)),
    Point::new("a crash in P5", |o| crashes_in(o, 5)),
    Point::new("a crash in P6", |o| crashes_in(o, 6)),
    Point::new("a crash in P7", |o| crashes_in(o, 7)),
    Point::new("a crash in P8", |o| crashes_in(o, 8)),
    Point::new("a crash in P9", |o| crashes_in(o, 9)),
    Point::new("a crash in P10", |o| crashes_in(o, 10)),
    Point::new("a crash in P11", |o| crashes_in(o, 11)),
];

/// Which points some runs have reached, by index in [`POINTS`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeSet<usize>);

impl Coverage {
    /// The points that one run reached.
    #[must_use]
    pub fn of(observation: &Observation) -> Self {
        let reached =
            |(index, point): (usize, &Point)| (point.reached)(observation).then_some(index);
        Self(POINTS.iter().enumerate().filter_map(reached).collect())
    }

    /// Both runs together.
    pub fn add(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The names of the points that were reached.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|index| POINTS[*index].name)
    }

    /// How many points were reached.
    #[must_use]
    pub fn reached(&self) -> usize {
        self.0.len()
    }

    /// The names of the points that were not.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        POINTS
            .iter()
            .enumerate()
            .filter(|(index, _)| !self.0.contains(index))
            .map(|(_, point)| point.name)
            .collect()
    }
}

impl Point {
    const fn new(name: &'static str, reached: fn(&Observation) -> bool) -> Self {
        Self { name, reached }
    }
}

impl std::fmt::Debug for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Point").field(&self.name).finish()
    }
}

fn any(observation: &Observation, is: impl Fn(&Event) -> bool) -> bool {
    observation.events.iter().any(|timed| is(&timed.event))
}

fn ended(observation: &Observation, outcome: Outcome) -> bool {
    observation.end.is_some_and(|end| end.outcome == outcome)
}

fn visits(observation: &Observation, phase: u8) -> bool {
    observation.phases.iter().any(|mark| mark.phase == phase)
}

fn refused(observation: &Observation, is: impl Fn(&str) -> bool) -> bool {
    any(
        observation,
        |event| matches!(event, Event::Arm { code: Some(code), method, .. } if method == "PUT" && is(code)),
    )
}

fn ends(observation: &Observation, with: &str) -> bool {
    any(
        observation,
        |event| matches!(event, Event::OperationEnded { status, .. } if status == with),
    )
}

fn hit(observation: &Observation, fault: &str) -> bool {
    any(
        observation,
        |event| matches!(event, Event::FaultHit { name, .. } if name == fault),
    )
}

fn ordered(observation: &Observation, want: &str) -> bool {
    let mut orders = observation.record.orders.iter();
    orders.any(|order| order.want.name() == want && order.process != WORLD)
}

/// Whether a process died while its run was in a phase.
fn crashes_in(observation: &Observation, phase: u8) -> bool {
    let mut crashes = observation.record.crashes();
    crashes.any(|(process, _)| {
        let lived = |at| at >= process.started && Some(at) <= process.ended;
        let marks = observation.phases.iter().rev();
        let last = marks.clone().find(|mark| lived(mark.at));
        last.is_some_and(|mark| mark.phase == phase)
    })
}
