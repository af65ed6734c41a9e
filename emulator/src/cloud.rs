//! The whole emulated Azure as one value.
//!
//! [`Cloud`] has no sockets, files, clock, global randomness or async: time is an argument and
//! randomness a seed. It owns the two planes and is the only place where one hears of the other:
//! what the control plane wants ([`Desired`](crate::desired::Desired)) goes down, what the data
//! plane reports ([`Reported`](crate::reported::Reported)) is read when the control plane answers.

use bytes::Bytes;

use crate::control_plane::{ControlPlane, ControlPlaneConfig, Throttling};
use crate::data_plane::Knobs;
use crate::data_plane::{DataPlane, DataPlaneConfig};
use crate::desired::InstanceKey;
use crate::event::{Event, Timed};
use crate::faults::{Fault, Faults, Waiting};
use crate::seed::Seed;
use crate::time::Instant;

/// How to begin a cloud.
#[derive(Clone, Debug, Default)]
pub struct CloudConfig {
    /// Root of all randomness.
    pub seed: u64,
    /// Subscriptions, durations and knobs of the control plane.
    pub control_plane: ControlPlaneConfig,
    /// Applications and knobs of the data plane.
    pub data_plane: DataPlaneConfig,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// What comes back from an ARM request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// An answer.
    Answer(http::Response<Bytes>),
    /// The connection ends without one (an injected fault).
    Reset,
}

/// The whole emulated Azure. A clone shares nothing that changes with its original.
#[derive(Clone, Debug)]
pub struct Cloud {
    now: Instant,
    control_plane: ControlPlane,
    data_plane: DataPlane,
    events: Vec<Timed>,
    /// Faults that wait for a gateway write, and the writes since the schedule began.
    waiting: Vec<Waiting>,
    gateway_writes: u32,
    /// The place in the schedule of the next fault that is armed by hand.
    next_fault: usize,
}

impl Cloud {
    /// A cloud with no resources, at [`Instant::ZERO`].
    #[must_use]
    pub fn new(config: &CloudConfig) -> Self {
        let seed = Seed::new(config.seed);
        Self {
            now: Instant::ZERO,
            control_plane: ControlPlane::new(
                config.control_plane.clone(),
                seed.child("control plane"),
                Faults::new(&config.faults),
            ),
            data_plane: DataPlane::new(
                config.data_plane.clone(),
                seed.child("data plane"),
                &Faults::data_plane(&config.faults),
            ),
            events: Vec::new(),
            waiting: Faults::waiting(&config.faults),
            gateway_writes: 0,
            next_fault: config.faults.len(),
        }
    }

    /// Goes on from here with other randomness and another fault schedule, and without traffic:
    /// how a campaign begins many scenarios from clones of one cloud that was deployed without
    /// faults. The times of `faults` are this cloud's.
    pub fn rearm(&mut self, seed: u64, faults: &[Fault]) {
        let seed = Seed::new(seed);
        self.control_plane
            .rearm(seed.child("control plane"), Faults::new(faults));
        self.data_plane
            .rearm(seed.child("data plane"), &Faults::data_plane(faults));
        self.waiting = Faults::waiting(faults);
        self.gateway_writes = 0;
        self.next_fault = faults.len();
    }

    /// Arms one more fault, at its time or at once where that has passed. Returns its place in the
    /// schedule, by which events name it and [`Cloud::disarm`] takes it back.
    pub fn arm(&mut self, fault: &Fault) -> usize {
        let index = self.next_fault;
        self.next_fault += 1;
        let fault = Fault {
            at_ms: fault.at_ms.max(self.now.as_millis()),
            kind: fault.kind.clone(),
        };
        for waiting in Faults::waiting(std::slice::from_ref(&fault)) {
            self.waiting
                .push(waiting.placed(index, self.gateway_writes));
        }
        self.control_plane.arm_fault(index, &fault);
        self.data_plane.arm_fault(index, &fault);
        self.advance_data_plane();
        index
    }

    /// Takes an armed fault back: what lasts ends now, what is counted acts no more.
    pub fn disarm(&mut self, index: usize) {
        self.waiting.retain(|waiting| !waiting.is(index));
        self.control_plane.disarm_fault(index);
        self.data_plane.disarm_fault(index);
    }

    /// Lets a machine die at once, as if its host had failed: Resource Manager goes on believing in
    /// it. Says whether it ran.
    pub fn kill(&mut self, instance: &InstanceKey) -> bool {
        self.data_plane.kill_instance(instance)
    }

    /// Goes on with other answers to what evidence leaves open.
    pub fn set_knobs(&mut self, knobs: Knobs) {
        self.data_plane.set_knobs(knobs);
    }

    /// Counts requests from now on by these buckets, which are full; `None` stops counting.
    pub fn set_throttling(&mut self, limits: Option<Throttling>) {
        self.control_plane.set_throttling(limits);
    }

    /// The instant up to which everything due has happened.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The control plane, to read its configuration and its ledger of unhandled calls.
    #[must_use]
    pub fn control_plane(&self) -> &ControlPlane {
        &self.control_plane
    }

    /// The data plane, to read what it does and to move traffic through it.
    #[must_use]
    pub fn data_plane(&self) -> &DataPlane {
        &self.data_plane
    }

    /// The data plane, for the drive that moves its traffic.
    pub fn data_plane_mut(&mut self) -> &mut DataPlane {
        &mut self.data_plane
    }

    /// Answers an ARM request that arrives at `now`.
    pub fn handle(&mut self, now: Instant, request: &http::Request<Bytes>) -> Reply {
        self.advance_to(now);
        let reply = self
            .control_plane
            .handle(self.now, request, &self.data_plane);
        self.carry();
        reply
    }

    /// Lets everything due up to `now` happen, in order. Going back in time does nothing.
    ///
    /// Only the control plane's own instants are stops: between two of them the data plane hears
    /// nothing from it and runs through its many probes by itself.
    pub fn advance_to(&mut self, now: Instant) {
        while let Some(due) = self.control_plane.next_deadline().filter(|due| *due <= now) {
            self.now = self.now.max(due);
            self.advance_data_plane();
            self.control_plane.advance_to(self.now, &self.data_plane);
            self.carry();
        }
        self.now = self.now.max(now);
        self.advance_data_plane();
    }

    /// When something is next due by itself.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let control_plane = self.control_plane.next_deadline();
        let data_plane = self.data_plane.next_deadline();
        control_plane.into_iter().chain(data_plane).min()
    }

    /// What happened and was not drained yet, in order of time.
    #[must_use]
    pub fn events(&self) -> &[Timed] {
        &self.events
    }

    /// What happened since the last call, in order of time.
    pub fn drain_events(&mut self) -> Vec<Timed> {
        self.collect_events();
        std::mem::take(&mut self.events)
    }

    fn advance_data_plane(&mut self) {
        self.data_plane.advance_to(self.now);
        self.events.extend(self.data_plane.drain_events());
    }

    /// Hands what the control plane wants to the data plane.
    fn carry(&mut self) {
        for desired in self.control_plane.drain_desired() {
            self.data_plane.apply(self.now, desired);
        }
        self.collect_events();
    }

    fn collect_events(&mut self) {
        let events = self.control_plane.drain_events();
        if !self.waiting.is_empty() {
            let written = |timed: &&Timed| matches!(timed.event, Event::GatewayWritten { .. });
            events
                .iter()
                .filter(written)
                .for_each(|_| self.arm_waiting());
        }
        self.events.extend(events);
        self.events.extend(self.data_plane.drain_events());
    }

    /// A gateway write was accepted: arms what waited for it.
    fn arm_waiting(&mut self) {
        self.gateway_writes += 1;
        let now_ms = self.now.as_millis();
        let armed: Vec<_> = self
            .waiting
            .iter()
            .filter_map(|waiting| waiting.armed_by(self.gateway_writes, now_ms))
            .collect();
        for (index, fault) in armed {
            self.control_plane.arm_fault(index, &fault);
            self.data_plane.arm_fault(index, &fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::Profile;
    use crate::faults::{FaultKind, Matches};

    #[test]
    fn only_the_named_gateway_write_arms_what_waits_for_it() {
        let refuse = FaultKind::Refuse {
            on: Matches::default(),
            status: 503,
            code: "ServiceUnavailable".to_owned(),
            retry_after: None,
            count: 1,
        };
        let fault = Fault {
            at_ms: 0,
            kind: FaultKind::AfterGatewayWrite {
                write: 2,
                delay_ms: 5,
                fault: Box::new(refuse),
            },
        };
        let mut cloud = Cloud::new(&CloudConfig {
            control_plane: ControlPlaneConfig {
                profile: Profile::Nice,
                ..ControlPlaneConfig::default()
            },
            ..CloudConfig::default()
        });
        cloud.rearm(1, &[fault]);
        let status = |cloud: &mut Cloud, at| {
            let request = http::Request::get("/subscriptions?api-version=2022-12-01")
                .header("authorization", "Bearer t")
                .body(Bytes::new())
                .expect("a literal request");
            match cloud.handle(Instant::from_millis(at), &request) {
                Reply::Answer(answer) => answer.status().as_u16(),
                Reply::Reset => 0,
            }
        };
        cloud.arm_waiting();
        assert_eq!(status(&mut cloud, 1), 200, "the first write arms nothing");
        cloud.arm_waiting();
        let answers = [4, 6, 7].map(|at| status(&mut cloud, at));
        assert_eq!(answers, [200, 503, 200]);
    }
}
