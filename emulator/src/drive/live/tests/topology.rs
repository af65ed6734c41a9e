//! A blue-green topology, as the control plane would want it of the data plane.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use turquoise_arm::ResourceId;

use crate::cloud::{Cloud, CloudConfig};
use crate::data_plane::{Application, ServiceTime, Shape};
use crate::desired::{
    BackendSettings, BalancerRule, Certificate, Desired, Distribution, Gateway, GatewayRollout,
    InstanceKey, InstanceSpec, Listener, LoadBalancer, Pool, Probe, ProbeRequest, Rewrite, Route,
};
use crate::drive::live::clock::pass;
use crate::drive::live::{Live, LiveOptions, Program};
use crate::http::Clock;
use crate::time::Instant;

pub(super) const VIP: Ipv4Addr = Ipv4Addr::new(20, 0, 0, 4);
/// Frontends of the two sides' load balancers.
pub(super) const GREEN: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 4);
pub(super) const BLUE: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 4);
/// Instances of each side.
const INSTANCES: u8 = 2;

/// A live cloud with both sides built and a gateway of two instances.
#[derive(Debug)]
pub(super) struct Topology {
    pub(super) live: Live,
    settings: BackendSettings,
    certificate: Option<Arc<Certificate>>,
    rewrites: Vec<Rewrite>,
    generation: u64,
}

/// How to build one.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) speed: f64,
    pub(super) drain: Duration,
    pub(super) request_timeout: Duration,
    pub(super) affinity: Option<String>,
    pub(super) certificate: Option<Certificate>,
    pub(super) application: Application,
    /// What listens in the place of every instance's application.
    pub(super) backend: Option<SocketAddr>,
    /// Rewrite rule sets; the first is the rule's.
    pub(super) rewrites: Vec<Rewrite>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            speed: 50.0,
            drain: Duration::from_secs(30),
            request_timeout: Duration::from_secs(300),
            affinity: None,
            certificate: None,
            backend: None,
            rewrites: Vec::new(),
            application: Application {
                startup: Duration::from_secs(1),
                startup_spread: Duration::ZERO,
                service_time: ServiceTime {
                    mean: Duration::from_millis(20),
                    shape: Shape::Constant,
                },
                ..Application::default()
            },
        }
    }
}

impl Topology {
    /// Both sides up and healthy, the gateway's pool listing `members`.
    pub(super) async fn build(plan: Plan, members: &[Ipv4Addr]) -> Self {
        let mut cloud = CloudConfig::default();
        cloud.data_plane.default_application = plan.application;
        let options = LiveOptions {
            cloud,
            speed: plan.speed,
            programs: programs(plan.backend),
            ..LiveOptions::default()
        };
        let live = Live::start(options).await.expect("free ports are there");
        let mut topology = Self {
            live,
            settings: settings(plan.drain, plan.request_timeout, plan.affinity),
            certificate: plan.certificate.map(Arc::new),
            rewrites: plan.rewrites,
            generation: 0,
        };
        for (side, frontend) in [("green", GREEN), ("blue", BLUE)] {
            topology.build_side(side, frontend);
        }
        for frontend in [GREEN, BLUE] {
            topology
                .until(|t| t.healthy_behind(frontend) == usize::from(INSTANCES))
                .await;
        }
        topology.set_pool(members);
        topology.until(|t| t.applied()).await;
        topology
    }

    /// A gateway write whose two instances apply it one after the other.
    pub(super) fn set_pool(&mut self, members: &[Ipv4Addr]) {
        self.write_pool(members, Duration::from_secs(5));
    }

    /// A gateway write whose two instances apply it `apart`.
    pub(super) fn write_pool(&mut self, members: &[Ipv4Addr], apart: Duration) {
        self.generation += 1;
        let now = self.live.clock().now();
        let rollout = GatewayRollout {
            id: gateway_id(),
            generation: self.generation,
            config: Arc::new(self.config(members)),
            apply_at: vec![now, now + apart],
            running: true,
        };
        self.apply(Desired::Gateway(rollout));
    }

    pub(super) fn apply(&self, desired: Desired) {
        let now = self.live.clock().now();
        self.live.with_cloud(|cloud| {
            cloud.advance_to(now);
            cloud.data_plane_mut().apply(now, desired);
        });
    }

    /// Whether both gateway instances run the configuration written last.
    pub(super) fn applied(&self) -> bool {
        let view = self.live.gateway_view();
        view.len() == 2 && view.iter().all(|v| v.generation == self.generation)
    }

    /// The gateway's socket.
    pub(super) fn socket(&self) -> SocketAddr {
        let port = if self.certificate.is_some() { 443 } else { 80 };
        self.live
            .frontend(VIP, port)
            .expect("the gateway listens once it is built")
    }

    /// Waits for a condition, or fails the test after ten seconds.
    pub(super) async fn until(&self, holds: impl Fn(&Self) -> bool) {
        for _try in 0..2_000 {
            if holds(self) {
                return;
            }
            pass(Duration::from_millis(5)).await;
        }
        panic!(
            "the condition did not come true: {:#?}",
            self.live.gateway_view()
        );
    }

    fn healthy_behind(&self, frontend: Ipv4Addr) -> usize {
        let healthy = |cloud: &mut Cloud| {
            let tables = cloud.data_plane().balancer_tables();
            let rules = tables.iter().flat_map(|table| &table.rules);
            let mut of_frontend = rules.filter(|rule| rule.address == frontend);
            of_frontend.next().map_or(0, |rule| rule.healthy.len())
        };
        self.live.with_cloud(healthy)
    }

    fn build_side(&self, side: &str, frontend: Ipv4Addr) {
        let balancer = load_balancer(side, frontend);
        let pool = balancer.rules[0].pools[0].clone();
        let now = self.live.clock().now();
        self.apply(Desired::LoadBalancer {
            at: now,
            config: Arc::new(balancer),
        });
        for number in 0..INSTANCES {
            self.apply(Desired::Instance(InstanceSpec {
                key: instance_key(side, u32::from(number)),
                address: address_of(frontend, number),
                image: side.to_owned(),
                pools: vec![pool.clone()],
                provisioned_at: now + Duration::from_secs(1),
                health_extension: None,
            }));
        }
    }

    fn config(&self, members: &[Ipv4Addr]) -> Gateway {
        let listener = Listener {
            name: "listener".to_owned(),
            address: VIP,
            port: if self.certificate.is_some() { 443 } else { 80 },
            certificate: self.certificate.clone(),
            hosts: Vec::new(),
            route: self.route(),
        };
        Gateway {
            listeners: vec![listener],
            pools: vec![Pool {
                id: gateway_id().child("backendAddressPools", "pool01"),
                members: members.to_vec(),
            }],
            settings: vec![self.settings.clone()],
            rewrites: self.rewrites.clone(),
            http_2: true,
        }
    }
}

impl Topology {
    fn route(&self) -> Route {
        let pool = Route::Pool {
            pool: 0,
            settings: 0,
        };
        if self.rewrites.is_empty() {
            return pool;
        }
        Route::Rewritten {
            rewrite: 0,
            route: Box::new(pool),
        }
    }
}

fn programs(backend: Option<SocketAddr>) -> BTreeMap<String, Program> {
    let listening =
        |backend: Program| ["green", "blue"].map(|image| (image.to_owned(), backend.clone()));
    let programs = backend.map(|backend| listening(Program::Listening(backend)));
    programs.into_iter().flatten().collect()
}

/// The address of an instance behind a frontend.
pub(super) fn address_of(frontend: Ipv4Addr, number: u8) -> Ipv4Addr {
    let [a, b, c, _] = frontend.octets();
    Ipv4Addr::new(a, b, c, 10 + number)
}

pub(super) fn instance_key(side: &str, number: u32) -> InstanceKey {
    InstanceKey {
        scale_set: group(side).resource("Microsoft.Compute/virtualMachineScaleSets", side),
        number,
    }
}

/// A removal that takes effect at once.
pub(super) fn gone(side: &str, number: u32) -> Desired {
    Desired::InstanceGone {
        at: Instant::ZERO,
        key: instance_key(side, number),
    }
}

fn group(name: &str) -> ResourceId {
    ResourceId::resource_group("s", name)
}

fn gateway_id() -> ResourceId {
    group("frontend").resource("Microsoft.Network/applicationGateways", "gw")
}

fn settings(drain: Duration, timeout: Duration, affinity: Option<String>) -> BackendSettings {
    BackendSettings {
        id: gateway_id().child("backendHttpSettingsCollection", "settings"),
        port: 80,
        request_timeout: timeout,
        drain_timeout: drain,
        affinity_cookie: affinity,
        host: None,
        path: None,
        probe: probe(1),
    }
}

fn load_balancer(side: &str, frontend: Ipv4Addr) -> LoadBalancer {
    let id = group(side).resource("Microsoft.Network/loadBalancers", "lb");
    let rule = BalancerRule {
        name: "http".to_owned(),
        address: frontend,
        frontend_port: 80,
        backend_port: 80,
        pools: vec![id.child("backendAddressPools", "be")],
        probe: Some(probe(1)),
        distribution: Distribution::FiveTuple,
        idle_timeout: Duration::from_secs(240),
        tcp_reset: true,
    };
    LoadBalancer {
        id,
        rules: vec![rule],
        nat_rules: Vec::new(),
    }
}

fn probe(healthy_threshold: u32) -> Probe {
    Probe {
        http: Some(ProbeRequest {
            host: "app".to_owned(),
            path: "/health".to_owned(),
            statuses: vec![(200, 200)],
            body: None,
        }),
        port: 80,
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(30),
        unhealthy_threshold: 3,
        healthy_threshold,
    }
}
