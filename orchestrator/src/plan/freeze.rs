//! Makes the content of a frozen plan from what was read. Pure.

use std::time::Duration;

use serde_json::{Value, json};
use turquoise_arm::{ResourceId, json as tree};

use super::difference::differences;
use super::direction::Sides;
use super::frozen::{
    BlastRadius, CapacityProof, CapacityStep, PlanContent, PlannedSide, PlannedWrite,
    RollbackReadiness, TimeEstimate,
};
use super::preflight::{SideWorld, World, drain_wait, plan};
use crate::config::Config;
use crate::journal::hash;
use crate::phase::Phase;
use crate::plan::Member;
use crate::swap::event::Content;
use crate::view::{autoscale, gateway, pool, scale_set};

/// A gateway write usually runs this long (failure-catalogue.md, lesson 17: 47 to 87 s).
const TYPICAL_WRITE: Duration = Duration::from_secs(67);
/// The gateway usually does what was written this much later (lesson 2: about 40 s).
const TYPICAL_LAG: Duration = Duration::from_secs(40);
/// New instances usually take this long to serve (azure-facts.md §8).
const TYPICAL_SCALE_OUT: Duration = Duration::from_secs(240);
/// Reading, learning the live build, restoring limits.
const TYPICAL_REST: Duration = Duration::from_secs(60);

/// What was read to freeze a plan: the preflight's world, and who scales the sides.
#[derive(Clone, Debug)]
pub(crate) struct WholeWorld {
    pub(crate) world: World,
    pub(crate) old_autoscale: Vec<Value>,
    pub(crate) new_autoscale: Vec<Value>,
}

/// Freezes what a run would do.
pub(crate) fn content(
    config: &Config,
    endpoint: &str,
    sides: &Sides,
    whole: &WholeWorld,
) -> PlanContent {
    let world = &whole.world;
    let planned = plan(config, endpoint, sides, world);
    let settings = gateway::settings_of_pool(&world.gateway, &config.target.pool_id());
    let drain = drain_wait(&settings);
    let old = side(&sides.old, &world.old);
    let new = side(&sides.new, &world.new);
    let scales_out = new.instances < planned.required;
    let capacity = capacity(config, &old, &new, planned.required, &whole.new_autoscale);
    let mut findings = planned.findings;
    findings.extend(short_of_room(&capacity, &new));
    PlanContent {
        endpoint: endpoint.to_owned(),
        gateway: config.target.gateway.clone(),
        gateway_etag: gateway::etag(&world.gateway).unwrap_or_default().to_owned(),
        pool: config.target.pool.clone(),
        config_sha256: hash(&config.to_toml()),
        writes: writes(config, sides, whole, planned.required),
        blast: blast(config, &world.gateway, drain),
        drain_s: drain.as_secs(),
        rollback: RollbackReadiness {
            ready_for_s: config.phases.retain.0.as_secs(),
            pinned_minimum: old.instances,
            typical_s: (TYPICAL_WRITE * 2 + TYPICAL_LAG + config.gates.span.0).as_secs(),
        },
        time: time(config, drain, scales_out),
        capacity,
        old,
        new,
        findings,
    }
}

fn side(member: &Member, world: &SideWorld) -> PlannedSide {
    PlannedSide {
        name: member.name.clone(),
        address: member.address,
        image: scale_set::image(&world.scale_set).map(str::to_owned),
        instances: scale_set::capacity(&world.scale_set).unwrap_or_default(),
    }
}

/// Pins, scale-out, and the two gateway writes.
fn writes(config: &Config, sides: &Sides, whole: &WholeWorld, required: u32) -> Vec<PlannedWrite> {
    let world = &whole.world;
    let live = scale_set::capacity(&world.old.scale_set).unwrap_or_default();
    let mut writes = pins(&sides.old, &whole.old_autoscale, live);
    writes.extend(pins(&sides.new, &whole.new_autoscale, required));
    writes.extend(scale_out(config, &sides.new, &world.new, required));
    let to = |gateway: &Value, content| {
        pool::with_members(gateway, &config.target.pool, &sides.members(content))
    };
    if let Some(both) = to(&world.gateway, Content::Both)
        && let Some(new) = to(&both, Content::New)
    {
        for (phase, before, after) in [(Phase::P4, &world.gateway, &both), (Phase::P7, &both, &new)]
        {
            writes.push(PlannedWrite {
                phase,
                method: "PUT".to_owned(),
                resource: config.target.gateway.clone(),
                purpose: format!("write the pool ({})", phase.name()),
                restored: false,
                changes: differences(before, after),
            });
        }
    }
    writes
}

fn pins(member: &Member, settings: &[Value], count: u32) -> Vec<PlannedWrite> {
    let pinned = settings.iter().filter_map(|setting| {
        let after = autoscale::with_minimum(setting, count)?;
        let id = tree::text(setting, "id")?;
        Some(PlannedWrite {
            phase: Phase::P2,
            method: "PUT".to_owned(),
            resource: ResourceId::parse(id).ok()?,
            purpose: format!("pin the autoscale minimum of {} at {count}", member.name),
            restored: true,
            changes: differences(setting, &after),
        })
    });
    pinned.collect()
}

fn scale_out(
    config: &Config,
    member: &Member,
    world: &SideWorld,
    required: u32,
) -> Option<PlannedWrite> {
    let from = scale_set::capacity(&world.scale_set).unwrap_or_default();
    if from >= required {
        return None;
    }
    let side = config.side(&member.name)?;
    Some(PlannedWrite {
        phase: Phase::P2,
        method: "PATCH".to_owned(),
        resource: side.scale_set(config.target.subscription(), &member.name),
        purpose: format!("scale {} from {from} to {required}", member.name),
        restored: false,
        changes: differences(
            &json!({"sku": {"capacity": from}}),
            &json!({"sku": {"capacity": required}}),
        ),
    })
}

fn blast(config: &Config, gateway: &Value, drain: Duration) -> BlastRadius {
    let listeners = tree::items(gateway, "properties.httpListeners")
        .filter_map(|listener| tree::text(listener, "name"))
        .map(str::to_owned);
    BlastRadius {
        pools: gateway::other_pools(gateway, &config.target.pool),
        listeners: listeners.collect(),
        cut_after_s: drain.as_secs(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a checked configuration's ratio is a small positive number"
)]
fn capacity(
    config: &Config,
    old: &PlannedSide,
    new: &PlannedSide,
    required: u32,
    autoscale: &[Value],
) -> CapacityProof {
    let has = new.instances.max(required);
    let maxima = autoscale
        .iter()
        .flat_map(autoscale::limits)
        .map(|limits| limits.maximum.max(required));
    let step = |phase, share_percent: u32| CapacityStep {
        phase,
        share_percent,
        needs: (old.instances * share_percent).div_ceil(100),
        has,
    };
    CapacityProof {
        percent_of_live: (config.capacity.ratio * 100.0).round() as u32,
        required,
        ceiling: maxima.min(),
        steps: vec![step(Phase::P4, 50), step(Phase::P7, 100)],
    }
}

/// A configured ratio below 1 gives the new side less than what carries the traffic now: allowed,
/// since whoever wrote it may know the load, but not when not even half of it is there.
fn short_of_room(capacity: &CapacityProof, new: &PlannedSide) -> Option<String> {
    let first = capacity.steps.iter().find(|step| step.has < step.needs)?;
    (first.phase == Phase::P4).then(|| {
        format!(
            "`{}` would have {} instances for {} % of the traffic that {} carry now (F20); raise \
             `capacity.ratio`",
            new.name, first.has, first.share_percent, first.needs
        )
    })
}

fn time(config: &Config, drain: Duration, scales_out: bool) -> TimeEstimate {
    let (phases, gates, ceilings) = (&config.phases, &config.gates, &config.ceilings);
    let span = |span: &crate::config::Span| span.0;
    let scaling = if scales_out {
        TYPICAL_SCALE_OUT
    } else {
        Duration::ZERO
    };
    let typical = TYPICAL_REST
        + scaling
        + span(&gates.span) * 2
        + (TYPICAL_WRITE + TYPICAL_LAG) * 2
        + span(&phases.bake)
        + (drain + span(&phases.propagation_margin)).max(span(&phases.quiet))
        + span(&phases.final_bake);
    // Each bake may wait for its evidence as long as a confirmation may.
    let worst = span(&ceilings.warm)
        + span(&ceilings.gate) * 3
        + span(&ceilings.write) * 2
        + span(&ceilings.confirm) * 3
        + span(&phases.bake)
        + span(&ceilings.drain)
        + span(&phases.final_bake)
        + span(&ceilings.warm);
    TimeEstimate {
        typical_s: typical.as_secs(),
        worst_s: worst.as_secs(),
        retain_s: phases.retain.0.as_secs(),
    }
}
