//! The interesting places a campaign must have visited (H10: a property nobody exercised is
//! vacuously green).
//!
//! Each [`Point`] is a "sometimes": at least one run of a campaign must reach it. A campaign that
//! leaves one out reports it.

use std::collections::BTreeSet;

use turquoise_emulator::Event;

use crate::observation::{Observation, Outcome};

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
