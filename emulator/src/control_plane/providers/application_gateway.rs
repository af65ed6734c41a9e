//! `Microsoft.Network/applicationGateways`: the gateway whose pool a swap edits.
//!
//! A PUT replaces the whole document; there is no route for a single pool (azure-facts.md §0.2
//! fact 1). Every accepted write becomes a rollout with a generation of its own, applied by each
//! gateway instance in its own time ([`rollout`]); a newer write takes the place of a rollout still
//! under way. Documents: [`schema`]; what is refused: [`validate`].

mod changes;
mod health;
mod on_demand;
mod rollout;
pub(crate) mod schema;
mod validate;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as wire};

use self::on_demand::Asked;
use super::back_references;
use crate::control_plane::durations::{Duration, Durations};
use crate::control_plane::provider::{
    Begun, Call, Context, DELETE, Ended, Handled, Kind, Provider, Scope, Settled, Write,
};
use crate::control_plane::references::Reference;
use crate::control_plane::resolve::Stored;
use crate::control_plane::resolve::application_gateway as resolve;
use crate::control_plane::resolve::certificate::Certificates;
use crate::control_plane::store::{Resource, Store};
use crate::desired::{Certificate, Desired, Gateway, GatewayRollout};
use crate::event::Event;
use crate::time::Instant;

/// The type, canonical.
pub(crate) const TYPE: &str = "Microsoft.Network/applicationGateways";

static KIND: Kind = Kind {
    resource_type: TYPE,
    api_versions: &["2025-07-01", "2025-01-01", "2023-11-01", "2021-02-01"],
    schema: &schema::SCHEMA,
    durations: Durations {
        create: Duration::Uniform(360_000, 540_000),
        // Median 20 s, tail of the platform's own upgrades (azure-facts.md §5.4, §8).
        update: Duration::LogNormal {
            median: 20_000,
            p90: 60_000,
            outlier_one_in: 200,
            outlier: (600_000, 2_700_000),
        },
        delete: Duration::Uniform(120_000, 360_000),
    },
    ..Kind::NETWORK
};

/// Start and stop take 2 to 5 minutes (azure-facts.md §8).
const START_STOP: Duration = Duration::Uniform(120_000, 300_000);
/// `backendhealth` takes 5 to 20 s (azure-facts.md §8).
const HEALTH: Duration = Duration::Uniform(5_000, 20_000);

/// The provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct ApplicationGateways {
    gateways: BTreeMap<ResourceId, Live>,
    certificates: Certificates,
}

/// A gateway as it was last published.
#[derive(Clone, Debug)]
struct Live {
    generation: u64,
    power: Power,
    instances: u16,
    config: Arc<Gateway>,
}

/// `operationalState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    Stopped,
    Starting,
    Running,
    Stopping,
}

impl Power {
    const fn word(self) -> &'static str {
        match self {
            Self::Stopped => "Stopped",
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::Stopping => "Stopping",
        }
    }
}

impl Provider for ApplicationGateways {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        let stopped = self
            .gateways
            .get(&write.id)
            .is_some_and(|live| live.power == Power::Stopped);
        validate::validate(context, write, stopped)
    }

    fn begin(&mut self, scope: &mut Scope<'_>, write: &Write, ends_at: Instant) -> Instant {
        let power = match self.gateways.get(&write.id).map(|live| live.power) {
            // While the first create runs the gateway shows `Stopped` (azure-facts.md §2.7).
            None => Power::Stopped,
            // Any PUT starts a stopped gateway (azure-facts.md §2.7).
            Some(Power::Stopped | Power::Stopping) => Power::Starting,
            Some(power) => power,
        };
        let live = self.next(scope, write, power);
        publish(scope, &write.id, &live, ends_at);
        self.gateways.insert(write.id.clone(), live);
        ends_at
    }

    /// Tags are answered at once, and yet are a configuration write to the gateway's instances
    /// (F36): the same configuration, newly applied.
    fn tags_written(&mut self, scope: &mut Scope<'_>, write: &Write) {
        let Some(power) = self.gateways.get(&write.id).map(|live| live.power) else {
            return;
        };
        let live = self.next(scope, write, power);
        let is_on = matches!(power, Power::Running | Power::Starting);
        if is_on && scope.config.tags_write_cuts_streams {
            let seed = scope.seed.child("tags").at(live.generation);
            let ends_at = scope.ending(KIND.durations.update, seed);
            publish(scope, &write.id, &live, ends_at);
        }
        self.gateways.insert(write.id.clone(), live);
    }

    fn settle(&mut self, scope: &mut Scope<'_>, ended: &Ended<'_>) -> Settled {
        if ended.verb == HEALTH_VERB || ended.verb == ON_DEMAND_VERB {
            return self.health(scope, ended);
        }
        if ended.verb == DELETE {
            self.gateways.remove(ended.id);
        } else if let Some(live) = self.gateways.get_mut(ended.id) {
            live.power = match ended.verb {
                "stop" => Power::Stopped,
                _ => Power::Running,
            };
            scope.store.touch();
        }
        Settled::Done
    }

    /// Firewall policies, identities and the like are taken on trust: they carry no traffic here.
    fn trusts(&self, reference: &Reference) -> bool {
        reference.member == "firewallPolicy"
    }

    fn begin_delete(
        &mut self,
        scope: &mut Scope<'_>,
        resource: &Resource,
        ends_at: Instant,
    ) -> Instant {
        scope
            .desired
            .push(Desired::GatewayGone(resource.id.clone()));
        ends_at
    }

    fn view(&self, _context: &Context<'_>, resource: &Resource, document: &mut Value) {
        let power = self.gateways.get(&resource.id).map(|live| live.power);
        let state = power.unwrap_or(Power::Stopped).word();
        document["properties"]["operationalState"] = state.into();
        back_references::fill(document, &resource.references, list);
    }

    fn route(&mut self, scope: &mut Scope<'_>, call: &Call<'_>) -> Result<Handled, ArmError> {
        if call.is("POST", &["backendhealth"]) {
            let ends_at =
                scope.ending(HEALTH, scope.seed.child("health").at(scope.now.as_millis()));
            return Ok(Handled::Operation(operation(HEALTH_VERB, ends_at, false)));
        }
        if call.is("POST", &["getBackendHealthOnDemand"]) {
            return self.ask_on_demand(scope, call);
        }
        if call.is("POST", &["start"]) {
            return Ok(self.start(scope, call.id));
        }
        if call.is("POST", &["stop"]) {
            return Ok(self.stop(scope, call.id));
        }
        let known = ["start", "stop", "backendhealth", "getBackendHealthOnDemand"];
        let not_emulated = ["privateEndpointConnections", "privateLinkResources"];
        let first = call.rest.first().map_or("", String::as_str);
        let is_among = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(first));
        Ok(if is_among(&not_emulated) {
            Handled::NotEmulated
        } else if is_among(&known) && call.rest.len() == 1 {
            Handled::MethodNotAllowed
        } else {
            Handled::Unknown
        })
    }
}

const HEALTH_VERB: &str = "backendhealth";
const ON_DEMAND_VERB: &str = "getBackendHealthOnDemand";

impl ApplicationGateways {
    /// The gateway as this write leaves it, one generation on; the write is recorded.
    fn next(&mut self, scope: &mut Scope<'_>, write: &Write, power: Power) -> Live {
        let before = self
            .gateways
            .get(&write.id)
            .map_or(0, |live| live.generation);
        let live = Live {
            generation: before + 1,
            power,
            instances: instances(&write.model),
            config: self.resolve(scope.store, write),
        };
        record(scope, write, &live);
        live
    }

    fn resolve(&mut self, store: &Store, write: &Write) -> Arc<Gateway> {
        let certificates = self.open_certificates(&write.model);
        let outside = Stored(store);
        Arc::new(resolve::resolve(
            &write.id,
            &write.model,
            &outside,
            &certificates,
        ))
    }

    fn open_certificates(&mut self, model: &Value) -> BTreeMap<String, Arc<Certificate>> {
        let children = wire::items(model, "properties.sslCertificates");
        children
            .filter_map(|child| {
                let data = wire::text(child, "properties.data")?;
                let password = wire::text(child, "properties.password").unwrap_or_default();
                let opened = self.certificates.open(data, password).ok()?;
                Some((wire::text(child, "name")?.to_owned(), opened))
            })
            .collect()
    }

    fn start(&mut self, scope: &mut Scope<'_>, id: &ResourceId) -> Handled {
        let ends_at = scope.ending(
            START_STOP,
            scope.seed.child("start").at(scope.now.as_millis()),
        );
        if let Some(live) = self.gateways.get_mut(id)
            && matches!(live.power, Power::Stopped | Power::Stopping)
        {
            live.power = Power::Starting;
            live.generation += 1;
            publish(scope, id, live, ends_at);
        }
        Handled::Operation(operation("start", ends_at, true))
    }

    fn stop(&mut self, scope: &mut Scope<'_>, id: &ResourceId) -> Handled {
        let ends_at = scope.ending(
            START_STOP,
            scope.seed.child("stop").at(scope.now.as_millis()),
        );
        if let Some(live) = self.gateways.get_mut(id) {
            live.power = Power::Stopping;
            live.generation += 1;
            let rollout = GatewayRollout {
                id: id.clone(),
                generation: live.generation,
                config: Arc::clone(&live.config),
                apply_at: vec![scope.now; usize::from(live.instances)],
                running: false,
            };
            scope.desired.push(Desired::Gateway(rollout));
        }
        Handled::Operation(operation("stop", ends_at, true))
    }

    fn ask_on_demand(&self, scope: &Scope<'_>, call: &Call<'_>) -> Result<Handled, ArmError> {
        let Some(live) = self.gateways.get(call.id) else {
            return Ok(Handled::Unknown);
        };
        let Some(asked) = Asked::read(call.id, &live.config, call.body)? else {
            return Ok(Handled::NotEmulated);
        };
        let ends_at = scope.ending(HEALTH, scope.seed.child("health").at(scope.now.as_millis()));
        Ok(Handled::Operation(Begun {
            payload: asked.payload(),
            ..operation(ON_DEMAND_VERB, ends_at, false)
        }))
    }

    fn health(&self, scope: &mut Scope<'_>, ended: &Ended<'_>) -> Settled {
        let Some(live) = self.gateways.get(ended.id) else {
            return Settled::Done;
        };
        let members = scope.reported.backend_health(ended.id);
        let told = health::Told {
            healthy_words: scope.config.healthy_words,
            omitted: scope.faults.on_health(scope.now.as_millis()),
        };
        if ended.verb == HEALTH_VERB {
            return Settled::Result(health::answer(&live.config, &members, told));
        }
        let result = Asked::answer(ended.payload, &live.config, &members, told);
        result.map_or(Settled::Done, Settled::Result)
    }
}

fn record(scope: &mut Scope<'_>, write: &Write, live: &Live) {
    let before = write.previous.as_deref().unwrap_or(&Value::Null);
    let pools = live.config.pools.iter().map(|pool| pool.id.clone());
    scope.event(Event::GatewayWritten {
        gateway: write.id.clone(),
        generation: live.generation,
        caller: write.caller.clone(),
        if_match: write.if_match.clone(),
        pools: pools.zip(addresses(&write.model)).collect(),
        changed: changes::changes(before, &write.model),
    });
}

/// Hands a configuration to the gateway's instances, each at its own instant.
fn publish(scope: &mut Scope<'_>, id: &ResourceId, live: &Live, ends_at: Instant) {
    let circumstances = rollout::Circumstances {
        now: scope.now,
        ends_at,
        profile: scope.config.profile,
        scale: scope.config.duration_scale,
        seed: scope.seed.child(id.key()).at(live.generation),
    };
    let now_ms = scope.now.as_millis();
    let faults = &mut *scope.faults;
    let apply_at = rollout::apply_at(circumstances, live.instances, |instance| {
        faults.on_activation(now_ms, instance)
    });
    scope.desired.push(Desired::Gateway(GatewayRollout {
        id: id.clone(),
        generation: live.generation,
        config: Arc::clone(&live.config),
        apply_at,
        running: true,
    }));
}

fn operation(verb: &'static str, ends_at: Instant, updates: bool) -> Begun {
    Begun {
        verb,
        ends_at,
        payload: json!(null),
        answer: None,
        updates,
    }
}

/// Every pool's addresses as written, domain names included.
fn addresses(model: &Value) -> impl Iterator<Item = Vec<String>> {
    wire::items(model, "properties.backendAddressPools").map(|pool| {
        let members = wire::items(pool, "properties.backendAddresses");
        members
            .filter_map(|member| {
                wire::text(member, "ipAddress").or_else(|| wire::text(member, "fqdn"))
            })
            .map(str::to_owned)
            .collect()
    })
}

/// How many instances run: the capacity, or at least two when autoscaling, whatever the minimum
/// (azure-facts.md §4.11.3).
fn instances(model: &Value) -> u16 {
    let fixed = wire::integer(model, "properties.sku.capacity");
    let least = wire::integer(model, "properties.autoscaleConfiguration.minCapacity");
    let count = fixed.unwrap_or_else(|| least.unwrap_or_default().max(2));
    u16::try_from(count.clamp(1, 125)).expect("it is at most 125")
}

/// The list a child of `from` appears in on a child of `to`.
fn list(from: &str, to: &str) -> Option<&'static str> {
    match (from, to) {
        ("httpListeners", "redirectConfigurations") => None,
        ("redirectConfigurations", "httpListeners") => Some("redirectConfiguration"),
        ("httpListeners", _) => Some("httpListeners"),
        ("requestRoutingRules", _) => Some("requestRoutingRules"),
        ("urlPathMaps", _) => Some("urlPathMaps"),
        ("pathRules", _) => Some("pathRules"),
        ("backendHttpSettingsCollection", "probes") => Some("backendHttpSettings"),
        _ => None,
    }
}
