//! Mutants that forget what is still connected: pinned flows, kept client connections, streams.

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::Request;
use serde_json::{Value, json};
use turquoise_arm::ResourceId;
use turquoise_emulator::data_plane::{ClientConnections, Goaway};
use turquoise_emulator::faults::{Fault, FaultKind};
use turquoise_emulator::ledger::{ConnectionClass, RequestClass};

use super::Mutant;
use super::early_removal::{Removes, When};
use super::interference::{ArmAnswer, Interference, Seam, pass};
use crate::clients::profile::{Shape, Share};
use crate::invariant::Invariant;
use crate::script::ScriptError;

/// F34: the first gateway instance speaks for all of them.
pub(super) const PROPAGATION_SPLIT: Mutant = Mutant {
    id: "propagation-split",
    catalogue: "F34",
    wrong: "takes the old side away once the first gateway instance has removed it",
    oracles: &[Invariant::S(13), Invariant::S(5), Invariant::S(2)],
    expose: |scenario| {
        scenario.topology.gateway_instances = 3;
        scenario.faults = vec![Fault {
            at_ms: 0,
            kind: FaultKind::LateActivation {
                instance: 2,
                extra_ms: 60_000,
                count: 10,
            },
        }];
    },
    make: || Box::new(Removes::new(When::OldSucceeded)),
    ..Mutant::HARMLESS
};

/// F39: the gateway uses idle connections to the removed side again.
pub(super) const POOL_CONN_REUSE: Mutant = Mutant {
    id: "pool-conn-reuse",
    catalogue: "F39",
    wrong: "a gateway writes new requests on idle connections to a side it has removed",
    oracles: &[Invariant::S(5), Invariant::S(2)],
    world: |scenario| scenario.quirks.reuse_removed = Some(true),
    ..Mutant::HARMLESS
};

/// F40: the new build closes idle connections while the gateway writes on them.
pub(super) const IDLE_RACE: Mutant = Mutant {
    id: "idle-race",
    catalogue: "F40",
    wrong: "a new build keeps idle connections for 5 s, and nobody looks while traffic is low",
    oracles: &[Invariant::S(2)],
    expose: |scenario| {
        scenario.topology.gateway_instances = 1;
        scenario.traffic.without_long_work();
        scenario.traffic.profile.arrivals = Shape::Poisson;
        scenario.traffic.profile.rate = 0.5;
        scenario.quirks.idle_race_ms = Some(200);
    },
    world: |scenario| scenario.builds.new.keep_alive_s = 5,
    ..Mutant::HARMLESS
};

/// F41: flows stay where they were opened, whoever joins later.
pub(super) const CONN_PINNING: Mutant = Mutant {
    id: "conn-pinning",
    catalogue: "F41",
    wrong: "adds a small new side and scales it out once it serves, by its mean load",
    oracles: &[Invariant::Q(4), Invariant::S(10)],
    expose: |scenario| {
        let topology = &mut scenario.topology;
        (topology.old_instances, topology.new_instances) = (3, 1);
        topology.autoscale = false;
        // One instance can bear 100 requests a second; with short work flows would be too few to
        // spread by themselves.
        (topology.workers, topology.service_ms) = (20, 200);
        scenario.traffic.without_long_work();
        scenario.traffic.profile.arrivals = Shape::Poisson;
        scenario.traffic.profile.rate = 130.0;
    },
    configure: |config| config.capacity.ratio = 0.0,
    make: || Box::new(ScalesOutLate::default()),
    ..Mutant::HARMLESS
};

/// F42: new connections see the new side; kept ones are with the old one.
pub(super) const CLIENT_PINNED: Mutant = Mutant {
    id: "client-pinned",
    catalogue: "F42",
    wrong: "asks over new connections only, and takes away the side that kept ones still use",
    oracles: &[
        Invariant::S(13),
        Invariant::S(2),
        Invariant::S(5),
        Invariant::S(6),
    ],
    expose: |scenario| {
        scenario.quirks.client_connections = Some(ClientConnections::Pinned);
        scenario.quirks.client_idle_s = Some(600);
        scenario
            .traffic
            .with_much(RequestClass::Short, ConnectionClass::Reused);
    },
    make: || Box::new(Removes::new(When::OldSucceeded)),
    ..Mutant::HARMLESS
};

/// F43: HTTP/2 requests on their way are lost to a single notice. The orchestrator is right; what
/// is lost is the floor that no orchestrator can avoid, and it must show.
pub(super) const GOAWAY: Mutant = Mutant {
    id: "goaway",
    catalogue: "F43",
    wrong: "a gateway ends HTTP/2 connections without warning when it is configured",
    oracles: &[Invariant::S(2), Invariant::S(1)],
    expose: |scenario| {
        let profile = &mut scenario.traffic.profile;
        profile.rate = profile.rate.max(30.0);
        scenario
            .traffic
            .with_much(RequestClass::Short, ConnectionClass::Multiplexed);
    },
    world: |scenario| scenario.quirks.goaway = Some(Goaway::Single),
    ..Mutant::HARMLESS
};

/// F44: streams are ended with their machines, all at once.
pub(super) const WEBSOCKET: Mutant = Mutant {
    id: "websocket",
    catalogue: "F44",
    wrong: "stops the old side under its open streams instead of letting the drain end them",
    oracles: &[Invariant::S(6), Invariant::S(1), Invariant::S(13)],
    expose: |scenario| {
        scenario.traffic.without_long_work();
        let stream = |class| Share {
            class,
            connection: ConnectionClass::New,
            weight: 20,
        };
        let streams = [RequestClass::WebSocket, RequestClass::EventStream];
        scenario.traffic.profile.mix.extend(streams.map(stream));
    },
    make: || Box::new(Removes::new(When::OldAccepted)),
    ..Mutant::HARMLESS
};

/// F51: what fails its probe gets no new flow, and keeps the old ones.
pub(super) const ILB_DRAIN_MYTH: Mutant = Mutant {
    id: "ilb-drain-myth",
    catalogue: "F51",
    wrong: "drains the old side by failing its load balancer's probe, and then stops it",
    oracles: &[Invariant::S(6), Invariant::S(13), Invariant::S(2)],
    expose: |scenario| {
        let longest_ms = u64::from(scenario.topology.drain_s) * 500;
        scenario.traffic.with_much_long_work(longest_ms);
    },
    make: || Box::new(FailsProbe::default()),
    ..Mutant::HARMLESS
};

/// Scales the new side out a while after it has been added.
#[derive(Debug, Default)]
struct ScalesOutLate(Cell<bool>);

/// By then the gateway has opened the connections it needs.
const PINNED_AFTER: Duration = Duration::from_secs(20);

impl Interference for ScalesOutLate {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let adds = seam.call(&request).adds_new(seam.target);
            let answer = pass(&seam, request).await?;
            if adds && answer.status().is_success() && !self.0.replace(true) {
                // A refusal leaves the side small; then it is overloaded, and that shows too.
                let _refused = scale_out(&seam, &answer).await;
            }
            Ok(answer)
        })
    }
}

async fn scale_out(seam: &Seam<'_>, answer: &http::Response<Bytes>) -> Result<(), ScriptError> {
    seam.finish(answer).await?;
    let script = seam.script();
    script.sleep(PINNED_AFTER).await;
    let three = json!({"sku": {"capacity": 3}});
    script
        .begin_patch(&seam.target.new.scale_set, &three)
        .await
        .map(drop)
}

/// Fails the old side's probe when its removal is accepted, waits until that shows, and stops it.
#[derive(Debug, Default)]
struct FailsProbe(Cell<bool>);

/// Two failed probes, 15 s apart.
const PROBE_DOWN: Duration = Duration::from_secs(35);

impl Interference for FailsProbe {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let removes = seam.call(&request).removes_old(seam.target);
            if removes && !self.0.replace(true) {
                let _refused = drain_by_probe(&seam).await;
            }
            pass(&seam, request).await
        })
    }
}

async fn drain_by_probe(seam: &Seam<'_>) -> Result<(), ScriptError> {
    let script = seam.script();
    let scale_set = &seam.target.old.scale_set;
    let document = script.get(scale_set).await?;
    if let Some(id) = load_balancer_of(&document) {
        let mut balancer = script.get(&id).await?;
        for probe in balancer["properties"]["probes"]
            .as_array_mut()
            .into_iter()
            .flatten()
        {
            probe["properties"]["requestPath"] = json!("/drained");
        }
        script.put(&id, &balancer).await?;
        script.sleep(PROBE_DOWN).await;
    }
    script.power_off(scale_set).await.map(drop)
}

/// The load balancer whose pool a scale set's document names.
fn load_balancer_of(scale_set: &Value) -> Option<ResourceId> {
    let text = scale_set.to_string();
    let at = text.find("/loadBalancers/")?;
    let begins = text[..at].rfind('"')? + 1;
    let ends = at + text[at..].find("/backendAddressPools")?;
    ResourceId::parse(&text[begins..ends]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn a_scale_set_names_its_load_balancer() {
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/loadBalancers/lb";
        let document = json!({"pools": [{"id": format!("{id}/backendAddressPools/be")}]});
        let found = load_balancer_of(&document).expect("it is named");
        assert_eq!(found.as_str(), id);
        assert_eq!(load_balancer_of(&json!({})), None);
    }

    #[test]
    fn the_pinned_scenario_needs_more_than_its_small_side_can_bear() {
        let mut scenario: Scenario = crate::generate::calm(1);
        (CONN_PINNING.expose)(&mut scenario);
        let per_instance =
            1000.0 / f64::from(scenario.topology.service_ms) * f64::from(scenario.topology.workers);
        assert!(scenario.traffic.profile.rate > per_instance);
        assert!(scenario.traffic.profile.rate < 2.0 * per_instance);
    }
}
