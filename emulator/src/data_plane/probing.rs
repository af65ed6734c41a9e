//! Probes are sent, by model or by the drive, and verdicts turn.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::gateway::TargetId;
use super::instance_view::InstanceState;
use super::knobs::{DrainOn, ProbeConnection};
use super::load_balancer::table::FiveTuple;
use super::network::Reached;
use super::probe::{DueProbe, ProbeId, ProbeOutcome, Prober};
use super::{DataPlane, ProbeMode, Timer};
use crate::desired::{Probe, ProbeRequest};
use crate::event::Event;
use crate::faults::Sickness;
use crate::time::Instant;

impl DataPlane {
    /// Reports the outcome of a probe the drive was asked for; one of a closed stream is ignored.
    pub fn handle_probe_outcome(&mut self, now: Instant, id: ProbeId, outcome: ProbeOutcome) {
        self.advance_to(now);
        let started = self.now;
        self.end_probe(id, started, outcome);
    }

    /// Opens a stream whose first probe comes within `within`: streams of one moment spread out.
    pub(super) fn open_stream(
        &mut self,
        prober: Prober,
        target: (Ipv4Addr, u16),
        probe: Probe,
        within: Duration,
    ) -> ProbeId {
        let id = self.streams.open(prober, target, probe);
        let millis = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let delay = self.seed.child("first probe").at(id.0).below(millis);
        let at = self.now + Duration::from_millis(delay);
        self.timers.add(at, Timer::Probe(id));
        id
    }

    /// A stream's next probe is due.
    pub(super) fn send_probe(&mut self, id: ProbeId) {
        let now = self.now;
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        stream.sent += 1;
        if self.config.probes == ProbeMode::External {
            self.due_probes.push(DueProbe {
                id,
                prober: stream.prober.clone(),
                target: stream.target,
                probe: stream.probe.clone(),
            });
            return;
        }
        if let Some((took, outcome)) = self.model_probe(id) {
            self.timers
                .add(now + took, Timer::ProbeEnd(id, now, outcome));
        }
    }

    /// A probe ended: the verdict may turn, and the next probe is scheduled.
    pub(super) fn end_probe(&mut self, id: ProbeId, started: Instant, outcome: ProbeOutcome) {
        let now = self.now;
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        let next = stream.next_start(started, now);
        let known = stream.health.verdict;
        let turned = stream.health.observe(outcome, &stream.probe);
        let address = stream.target.0;
        // Verdicts turn rarely and probes end all the time: names are copied for the former only.
        let turned = turned.map(|healthy| (stream.prober.clone(), healthy));
        self.timers.add(next, Timer::Probe(id));
        if let Some((prober, healthy)) = turned {
            self.turn_verdict(id, prober, address, (known, healthy));
        }
    }

    fn turn_verdict(
        &mut self,
        id: ProbeId,
        prober: Prober,
        address: Ipv4Addr,
        (known, healthy): (Option<bool>, bool),
    ) {
        match prober {
            Prober::Extension { .. } => {}
            Prober::Rule {
                load_balancer,
                rule,
            } => {
                self.refresh_balancer(&load_balancer);
                // An instance never seen healthy got no flows: nothing changes for it.
                if known.is_none() && !healthy {
                    return;
                }
                self.emit(Event::BackendHealth {
                    load_balancer,
                    rule,
                    address,
                    healthy,
                });
            }
            Prober::Gateway {
                gateway,
                instance,
                pool,
                ..
            } => {
                let Some(slot) = self.network.gateway(&gateway) else {
                    return;
                };
                self.refresh_table(slot, usize::from(instance));
                self.emit(Event::MemberHealth {
                    gateway,
                    instance,
                    pool,
                    address,
                    healthy,
                });
                if !healthy && self.network.knobs.drain_on == DrainOn::RemovedAndUnhealthy {
                    self.drain_member_of(slot, usize::from(instance), id);
                }
            }
        }
    }

    fn drain_member_of(&mut self, gateway: usize, instance: usize, id: ProbeId) {
        let key: Option<(TargetId, Ipv4Addr)> =
            self.instance_mut(gateway, instance).and_then(|state| {
                state
                    .streams
                    .iter()
                    .find(|(_, stream)| **stream == id)
                    .map(|(key, _)| *key)
            });
        if let Some(key) = key {
            self.drain_unhealthy(gateway, instance, key);
        }
    }

    /// How a probe ends, as things are now, and after how long.
    fn model_probe(&mut self, id: ProbeId) -> Option<(Duration, ProbeOutcome)> {
        let reached = self.reach_by_probe(id)?;
        let probe = &self.streams.get(id)?.probe;
        let timeout = probe.timeout;
        let slot = match reached {
            Reached::Silence => return Some((timeout, ProbeOutcome::TimedOut)),
            Reached::Refusal => return Some((Duration::ZERO, ProbeOutcome::Refused)),
            Reached::Instance { slot, .. } => slot,
        };
        Some(match &probe.http {
            None => (Duration::ZERO, ProbeOutcome::Connected),
            Some(http) => {
                let (took, outcome) = self.ask_health(slot, http, timeout);
                let prober = &self.streams.get(id)?.prober;
                (took, self.as_seen_by(prober, slot, outcome))
            }
        })
    }

    /// A health check waits for a worker like any request (F26), but its own work is too little
    /// to hold one.
    fn ask_health(
        &self,
        slot: usize,
        http: &ProbeRequest,
        timeout: Duration,
    ) -> (Duration, ProbeOutcome) {
        let machine = &self.network.machines[slot];
        let response = machine.view.health(&http.path);
        let took = machine.queue.wait(self.now) + response.service;
        if machine.view.state == InstanceState::Hanging || took > timeout {
            return (timeout, ProbeOutcome::TimedOut);
        }
        let body_matches = http
            .body
            .as_ref()
            .is_none_or(|text| machine.view.health_body().contains(text));
        let outcome = ProbeOutcome::Answered {
            status: response.status,
            body_matches,
        };
        (took, outcome)
    }

    /// A machine that fails gateways' probes alone answers them otherwise (F06).
    fn as_seen_by(&self, prober: &Prober, slot: usize, outcome: ProbeOutcome) -> ProbeOutcome {
        let fails = self.network.machines[slot].view.sickness == Some(Sickness::FailsGatewayProbe);
        match (prober, outcome) {
            (Prober::Gateway { .. }, ProbeOutcome::Answered { .. }) if fails => {
                ProbeOutcome::Answered {
                    status: 500,
                    body_matches: true,
                }
            }
            _ => outcome,
        }
    }

    fn reach_by_probe(&mut self, id: ProbeId) -> Option<Reached> {
        let stream = self.streams.get(id)?;
        let (address, port) = stream.target;
        let Prober::Gateway {
            gateway, instance, ..
        } = &stream.prober
        else {
            return Some(self.network.reach(address, port, None));
        };
        let slot = self.network.gateway(gateway)?;
        let state = self.network.gateways[slot].as_ref()?;
        let source = state.instances.get(usize::from(*instance))?.source;
        if self.network.is_cut(source, address) {
            return Some(Reached::Silence);
        }
        let kept = self.network.knobs.probe_connection == ProbeConnection::Pinned;
        if let Some((slot, epoch)) = stream.pinned.filter(|_| kept)
            && self.network.machines[slot].flow_epoch == epoch
        {
            return Some(Reached::Instance { slot, idle: None });
        }
        let draw = self.seed.child("probe port").at(id.0).at(stream.sent);
        let port_draw = u16::try_from(draw.below(64_512)).unwrap_or_default();
        let reached = self.network.connect(FiveTuple {
            source: (source, 1_024 + port_draw),
            destination: (address, port),
        });
        if let Reached::Instance { slot, .. } = reached {
            let epoch = self.network.machines[slot].flow_epoch;
            self.streams.get_mut(id)?.pinned = Some((slot, epoch));
        }
        Some(reached)
    }
}
