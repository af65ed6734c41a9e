//! A small published system: one gateway, two sides of load balancer and instances.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use turquoise_arm::ResourceId;

use crate::data_plane::{
    Application, Arrival, DataPlane, DataPlaneConfig, Knobs, ProbeMode, ServiceTime, Shape,
};
use crate::desired::{
    BackendSettings, BalancerRule, Desired, Distribution, Gateway, GatewayRollout, InstanceKey,
    InstanceSpec, Listener, LoadBalancer, Pool, Probe, ProbeRequest, Route,
};
use crate::event::{Event, Timed};
use crate::faults::{Fault, FaultKind};
use crate::ledger::{Attempt, ConnectionClass, Ledgers, RequestClass, Seen};
use crate::seed::Seed;
use crate::time::Instant;

pub(super) const VIP: (Ipv4Addr, u16) = (Ipv4Addr::new(20, 0, 0, 1), 80);
pub(super) const GREEN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
pub(super) const BLUE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 6);
/// When the rig's instances have booted, started and passed every probe.
pub(super) const SETTLED: Instant = Instant::from_millis(30_000);

pub(super) fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a rig is made of; change fields, then [`Plan::build`].
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) knobs: Knobs,
    pub(super) application: Application,
    pub(super) gateway_instances: usize,
    pub(super) instances_per_side: u32,
    pub(super) pool: Vec<Ipv4Addr>,
    pub(super) request_timeout: Duration,
    pub(super) drain_timeout: Duration,
    pub(super) affinity: bool,
    pub(super) balancer_probe: Probe,
    pub(super) gateway_probe: Probe,
    pub(super) health_extension: bool,
    pub(super) faults: Vec<Fault>,
    pub(super) probes: ProbeMode,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            knobs: Knobs::calibrated(),
            application: Application {
                startup: ms(5_000),
                startup_spread: Duration::ZERO,
                service_time: ServiceTime {
                    mean: ms(20),
                    shape: Shape::Constant,
                },
                ..Application::default()
            },
            gateway_instances: 1,
            instances_per_side: 2,
            pool: vec![GREEN],
            request_timeout: ms(30_000),
            drain_timeout: ms(30_000),
            affinity: false,
            balancer_probe: probe(2, 2),
            gateway_probe: probe(3, 1),
            health_extension: false,
            faults: Vec::new(),
            probes: ProbeMode::Modelled,
        }
    }
}

/// A probe each second.
pub(super) fn probe(unhealthy_threshold: u32, healthy_threshold: u32) -> Probe {
    Probe {
        http: Some(ProbeRequest {
            host: "app".to_owned(),
            path: "/health".to_owned(),
            statuses: vec![(200, 200)],
            body: None,
        }),
        port: 80,
        interval: ms(1_000),
        timeout: ms(1_000),
        unhealthy_threshold,
        healthy_threshold,
    }
}

/// A data plane and what has come out of it.
#[derive(Debug)]
pub(super) struct Rig {
    pub(super) plan: Plan,
    pub(super) plane: DataPlane,
    pub(super) ledgers: Ledgers,
    pub(super) events: Vec<Timed>,
    generation: u64,
}

impl Plan {
    /// The system at [`SETTLED`], with the plan's pool behind the gateway.
    pub(super) fn build(self) -> Rig {
        let mut rig = self.begin();
        rig.run_to(SETTLED);
        rig
    }

    /// The system at its very beginning.
    pub(super) fn begin(self) -> Rig {
        let config = DataPlaneConfig {
            default_application: self.application.clone(),
            knobs: self.knobs.clone(),
            probes: self.probes,
            ..DataPlaneConfig::default()
        };
        let faults: Vec<(usize, Fault)> = self.faults.iter().cloned().enumerate().collect();
        let mut rig = Rig {
            plane: DataPlane::new(config, Seed::new(7), &faults),
            plan: self,
            ledgers: Ledgers::default(),
            events: Vec::new(),
            generation: 0,
        };
        for (side, address) in [("green", GREEN), ("blue", BLUE)] {
            rig.balancer(side, address);
            for number in 0..rig.plan.instances_per_side {
                let spec = rig.instance(side, number, Instant::ZERO);
                rig.wants(Desired::Instance(spec));
            }
        }
        let pool = rig.plan.pool.clone();
        rig.put_pool(&pool, &[]);
        rig
    }
}

impl Rig {
    pub(super) fn run_to(&mut self, now: Instant) {
        self.plane.advance_to(now);
        self.events.extend(self.plane.drain_events());
        let drained = self.plane.drain_ledgers();
        self.ledgers.clients.extend(drained.clients);
        self.ledgers.gateway.extend(drained.gateway);
        self.ledgers.instances.extend(drained.instances);
    }

    pub(super) fn run_for(&mut self, span: Duration) {
        self.run_to(self.plane.now + span);
    }

    pub(super) fn wants(&mut self, desired: Desired) {
        self.plane.apply(self.plane.now, desired);
    }

    /// A gateway update now, each instance applying it after its delay; no delay means at once.
    pub(super) fn put_pool(&mut self, members: &[Ipv4Addr], delays: &[Duration]) {
        self.generation += 1;
        let now = self.plane.now;
        let count = self.plan.gateway_instances;
        let apply_at = (0..count)
            .map(|index| now + delays.get(index).copied().unwrap_or_default())
            .collect();
        let rollout = GatewayRollout {
            id: gateway_id(),
            generation: self.generation,
            config: Arc::new(self.config(members)),
            apply_at,
            running: true,
        };
        self.wants(Desired::Gateway(rollout));
    }

    /// Changes what an image runs.
    pub(super) fn change(&mut self, image: &str, change: impl FnOnce(&mut Application)) {
        let mut application = self.plan.application.clone();
        change(&mut application);
        self.plane.set_application(image, application);
    }

    pub(super) fn send(&mut self, arrivals: Vec<Arrival>) {
        self.plane
            .set_traffic(VIP, "app", Box::new(arrivals.into_iter()));
    }

    /// What the client saw of a request, and when.
    #[track_caller]
    pub(super) fn seen(&self, id: u64) -> (Seen, Instant) {
        let mut entries = self.ledgers.clients.iter().filter(|entry| entry.id == id);
        let entry = entries.next().expect("the request has ended");
        assert_eq!(entries.next(), None, "request {id} ended twice");
        (entry.seen, entry.ended)
    }

    /// Statuses the clients saw, by request; 0 for anything but an answer.
    pub(super) fn statuses(&self) -> Vec<u16> {
        let mut seen: Vec<(u64, u16)> = self
            .ledgers
            .clients
            .iter()
            .map(|entry| match entry.seen {
                Seen::Answer { status, .. } => (entry.id, status),
                _ => (entry.id, 0),
            })
            .collect();
        seen.sort_unstable();
        seen.into_iter().map(|(_, status)| status).collect()
    }

    /// Members dispatched to, in order of dispatch.
    pub(super) fn dispatches(&self) -> Vec<Option<Ipv4Addr>> {
        let mut entries = self.ledgers.gateway.clone();
        entries.sort_by_key(|entry| (entry.dispatched, entry.id, entry.attempt));
        entries.iter().map(|entry| entry.member).collect()
    }

    /// A request's attempts as the gateway wrote them down.
    pub(super) fn attempts(&self, id: u64) -> Vec<(Option<Ipv4Addr>, Attempt)> {
        let mut entries: Vec<_> = self
            .ledgers
            .gateway
            .iter()
            .filter(|entry| entry.id == id)
            .collect();
        entries.sort_by_key(|entry| entry.attempt);
        entries
            .iter()
            .map(|entry| (entry.member, entry.outcome))
            .collect()
    }

    pub(super) fn events_of<T>(&self, mut pick: impl FnMut(&Timed) -> Option<T>) -> Vec<T> {
        self.events.iter().filter_map(&mut pick).collect()
    }

    /// When the gateway's view of a member turned once all had settled, and to what.
    pub(super) fn member_turns(&self, member: Ipv4Addr) -> Vec<(Instant, bool)> {
        self.events_of(|timed| match &timed.event {
            Event::MemberHealth {
                address, healthy, ..
            } if *address == member && timed.at >= SETTLED => Some((timed.at, *healthy)),
            _ => None,
        })
    }

    /// How many requests drains cut, by member.
    pub(super) fn cuts(&self) -> Vec<(Instant, Ipv4Addr, u64)> {
        self.events_of(|timed| match &timed.event {
            Event::DrainCut { address, cut, .. } => Some((timed.at, *address, *cut)),
            _ => None,
        })
    }

    pub(super) fn instance(&self, side: &str, number: u32, booted: Instant) -> InstanceSpec {
        let third = if side == "green" { 1 } else { 3 };
        let last = u8::try_from(number + 4).expect("rigs are small");
        InstanceSpec {
            key: key(side, number),
            address: Ipv4Addr::new(10, 0, third, last),
            image: format!("app-{side}"),
            pools: vec![backend_pool(side)],
            provisioned_at: booted,
            health_extension: self
                .plan
                .health_extension
                .then(|| self.plan.balancer_probe.clone()),
        }
    }

    fn balancer(&mut self, side: &str, address: Ipv4Addr) {
        let config = LoadBalancer {
            id: balancer_id(side),
            rules: vec![BalancerRule {
                name: "http".to_owned(),
                address,
                frontend_port: 80,
                backend_port: 80,
                pools: vec![backend_pool(side)],
                probe: Some(self.plan.balancer_probe.clone()),
                distribution: Distribution::FiveTuple,
                idle_timeout: ms(240_000),
                tcp_reset: true,
            }],
            nat_rules: Vec::new(),
        };
        self.wants(Desired::LoadBalancer {
            at: Instant::ZERO,
            config: Arc::new(config),
        });
    }

    fn config(&self, members: &[Ipv4Addr]) -> Gateway {
        let id = gateway_id();
        let settings = BackendSettings {
            id: id.child("backendHttpSettingsCollection", "s"),
            port: 80,
            request_timeout: self.plan.request_timeout,
            drain_timeout: self.plan.drain_timeout,
            affinity_cookie: self.plan.affinity.then(|| "A".to_owned()),
            host: None,
            path: None,
            probe: self.plan.gateway_probe.clone(),
        };
        Gateway {
            listeners: vec![Listener {
                name: "l".to_owned(),
                address: VIP.0,
                port: VIP.1,
                certificate: None,
                hosts: Vec::new(),
                route: Route::Pool {
                    pool: 0,
                    settings: 0,
                },
            }],
            pools: vec![Pool {
                id: id.child("backendAddressPools", "pool01"),
                members: members.to_vec(),
            }],
            settings: vec![settings],
            rewrites: Vec::new(),
            http_2: false,
        }
    }
}

/// Short requests on new connections, evenly spaced from `from` on, with ids from `first` on.
pub(super) fn requests(first: u64, count: u64, from: Instant, gap: Duration) -> Vec<Arrival> {
    (0..count)
        .map(|index| Arrival {
            id: first + index,
            due: from + gap * u32::try_from(index).expect("rigs send few requests"),
            client: u32::try_from(index).expect("rigs send few requests"),
            connection: ConnectionClass::New,
            class: RequestClass::Short,
            patience: ms(120_000),
            ..Arrival::default()
        })
        .collect()
}

/// One request of `work` times 20 ms.
pub(super) fn request(id: u64, due: Instant, work: f64) -> Arrival {
    Arrival {
        work,
        ..requests(id, 1, due, Duration::ZERO)[0]
    }
}

pub(super) fn fault(at_ms: u64, kind: FaultKind) -> Fault {
    Fault { at_ms, kind }
}

pub(super) fn key(side: &str, number: u32) -> InstanceKey {
    InstanceKey {
        scale_set: ResourceId::resource_group("s", side)
            .resource("Microsoft.Compute/virtualMachineScaleSets", side),
        number,
    }
}

pub(super) fn gateway_id() -> ResourceId {
    ResourceId::resource_group("s", "fe").resource("Microsoft.Network/applicationGateways", "gw")
}

pub(super) fn balancer_id(side: &str) -> ResourceId {
    ResourceId::resource_group("s", side).resource("Microsoft.Network/loadBalancers", side)
}

fn backend_pool(side: &str) -> ResourceId {
    balancer_id(side).child("backendAddressPools", "be")
}
