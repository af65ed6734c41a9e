//! One request of the orchestrator's own through the simulated gateway.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::Traffic;
use super::dispatch::listening_from;
use super::flight::Lane;
use crate::data_plane::gateway::retry::{Verdict, retry_rule};
use crate::data_plane::gateway::routing_table::Routed;
use crate::data_plane::instance_view::InstanceState;
use crate::data_plane::load_balancer::table::FiveTuple;
use crate::data_plane::network::{Network, Reached};
use crate::ledger::{Build, Fault, RequestClass};
use crate::time::Instant;

/// How a single request through a gateway ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Through {
    /// How long it took.
    pub took: Duration,
    /// The answer; `None` when the connection was refused.
    pub answer: Option<ThroughAnswer>,
}

/// An answer to a single request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThroughAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The build that answered; `None` when the gateway did itself.
    pub build: Option<Build>,
    /// The instance that answered.
    pub instance: Option<Ipv4Addr>,
}

impl Traffic {
    /// Sends one request over connections of its own and follows it to its end, as things are at
    /// `now`. It takes its turn among the members but no place in a queue or a ledger.
    pub(crate) fn send_single(
        &mut self,
        network: &Network,
        now: Instant,
        frontend: (Ipv4Addr, u16),
        host: &str,
        path: &str,
    ) -> Through {
        self.singles += 1;
        let refused = Through {
            took: Duration::ZERO,
            answer: None,
        };
        let draw = self.seeds.instance.child("single").at(self.singles);
        let lane = network.gateway_of(frontend).and_then(|gateway| {
            let state = network.gateways[gateway].as_ref()?;
            let start = draw.below(state.instances.len() as u64);
            Some(Lane {
                source: 0,
                gateway,
                instance: listening_from(state, start)?,
            })
        });
        let Some(lane) = lane else { return refused };
        let Some(state) = &network.gateways[lane.gateway] else {
            return refused;
        };
        let instance = &state.instances[lane.instance];
        let table = &instance.table;
        let target = match table.route(host, frontend.0, frontend.1, path) {
            Routed::Pool(target) => target,
            Routed::Redirect { status, .. } => return by_gateway(Duration::ZERO, status),
            Routed::NotFound => return by_gateway(Duration::ZERO, 404),
            Routed::NotListening => return refused,
        };
        let settings = table.settings(target);
        let (mut took, mut attempt, mut failed) = (Duration::ZERO, 0, None);
        let mut status = 502;
        loop {
            let turn = self.turn(lane);
            let Some(member) = target.pick(turn, None, failed) else {
                return by_gateway(took, status);
            };
            let port = self.seeds.source_port((u64::MAX - self.singles, attempt));
            let flow = FiveTuple {
                source: (instance.source, port),
                destination: (member, settings.port),
            };
            let draw = self.seeds.service.child("single").at(self.singles);
            let fault = match ask(network, now, flow, draw, path, settings.request_timeout) {
                Ok((time, answer)) => {
                    return Through {
                        took: took + time,
                        answer: Some(answer),
                    };
                }
                Err((time, fault)) => {
                    took += time;
                    fault
                }
            };
            match retry_rule(attempt, fault, &network.knobs) {
                Verdict::Answer(status) => return by_gateway(took, status),
                Verdict::Retry { otherwise } => status = otherwise,
            }
            failed = Some(member);
            attempt += 1;
        }
    }
}

const fn by_gateway(took: Duration, status: u16) -> Through {
    Through {
        took,
        answer: Some(ThroughAnswer {
            status,
            build: None,
            instance: None,
        }),
    }
}

/// One attempt: an answer and its time, or a fault and the time lost on it.
fn ask(
    network: &Network,
    now: Instant,
    flow: FiveTuple,
    draw: crate::Seed,
    path: &str,
    timeout: Duration,
) -> Result<(Duration, ThroughAnswer), (Duration, Fault)> {
    let slot = match network.connect(flow) {
        Reached::Silence => return Err((network.knobs.connect_timeout, Fault::ConnectTimeout)),
        Reached::Refusal => return Err((Duration::ZERO, Fault::Refused)),
        Reached::Instance { slot, .. } => slot,
    };
    let machine = &network.machines[slot];
    let view = &machine.view;
    let response = view.respond_to(draw, path, RequestClass::Short, 1.0);
    let took = machine.queue.wait(now) + response.service;
    if view.state == InstanceState::Hanging || took > timeout {
        return Err((timeout, Fault::RequestTimeout));
    }
    let answer = ThroughAnswer {
        status: response.status,
        build: Some(view.reports),
        instance: Some(view.address),
    };
    Ok((took, answer))
}
