//! The plan, and what could block the way before anything is touched.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;
use turquoise_arm::ResourceId;
use turquoise_arm::json as tree;

use super::direction::Sides;
use crate::config::Config;
use crate::journal::hash;
use crate::swap::event::Content;
use crate::view::{gateway, load_balancer, scale_set};

/// Everything that was read to plan with.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) gateway: Value,
    pub(crate) old: SideWorld,
    pub(crate) new: SideWorld,
}

/// One side's resources.
#[derive(Clone, Debug)]
pub(crate) struct SideWorld {
    pub(crate) load_balancer: Value,
    pub(crate) scale_set: Value,
}

/// What a run will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Instances that the new side must have.
    pub(crate) required: u32,
    /// One line per item, for people.
    pub(crate) lines: Vec<String>,
    /// Names this plan: two equal worlds give equal hashes.
    pub(crate) hash: String,
    /// What blocks it, with what to do.
    pub(crate) findings: Vec<String>,
}

/// Plans the run from what was read.
pub(crate) fn plan(config: &Config, endpoint: &str, sides: &Sides, world: &World) -> Plan {
    let pool = config.target.pool_id();
    let settings = gateway::settings_of_pool(&world.gateway, &pool);
    let live = scale_set::capacity(&world.old.scale_set).unwrap_or_default();
    let required = required_instances(live, config.capacity.ratio);
    let drain = drain_wait(&settings);
    let lines = lines(config, endpoint, sides, world, required, drain);
    let hash = hash(&format!("{}\n{}", lines.join("\n"), config.to_toml()));
    Plan {
        required,
        findings: findings(config, sides, world, &settings),
        hash,
        lines,
    }
}

/// How many instances stand for `ratio` of the live side's.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most 1,000 instances times 10, and never below 1"
)]
fn required_instances(live: u32, ratio: f64) -> u32 {
    (f64::from(live) * ratio).ceil().max(1.0) as u32
}

/// How long the old side may still be working after nothing new reaches it.
pub(crate) fn drain_wait(settings: &[&Value]) -> Duration {
    let longest = settings
        .iter()
        .map(|s| gateway::drain_timeout(s).max(gateway::request_timeout(s)));
    longest.max().unwrap_or(Duration::from_secs(30))
}

fn lines(
    config: &Config,
    endpoint: &str,
    sides: &Sides,
    world: &World,
    required: u32,
    drain: Duration,
) -> Vec<String> {
    let others = gateway::other_pools(&world.gateway, &config.target.pool);
    let list = |content| addresses(&sides.members(content));
    let image = |side: &SideWorld| scale_set::image(&side.scale_set).unwrap_or("?").to_owned();
    let capacity = |side: &SideWorld| scale_set::capacity(&side.scale_set).unwrap_or_default();
    let (old, new) = (&sides.old, &sides.new);
    let place = format!(
        "gateway     {} · pool {} · endpoint {endpoint}",
        config.target.gateway.name(),
        config.target.pool
    );
    vec![
        place,
        format!(
            "direction   {} {} (live) → {} {} (idle)      [from the live pool]",
            old.name, old.address, new.name, new.address
        ),
        format!("images      {} → {}", image(&world.old), image(&world.new)),
        "writes      2 gateway PUTs, autoscale pins on both sides (restored at the end)".to_owned(),
        format!(
            "  PUT 1     {} → {}",
            list(Content::Old),
            list(Content::Both)
        ),
        format!(
            "  PUT 2     {} → {}",
            list(Content::Both),
            list(Content::New)
        ),
        format!(
            "blast       {} other pools share this gateway; every PUT ends connections of all pools \
             that outlive the drain timeout (F36)",
            others.len()
        ),
        format!(
            "capacity    {} has {} instances, {} has {} and must have {required}",
            old.name,
            capacity(&world.old),
            new.name,
            capacity(&world.new)
        ),
        format!(
            "drain       {} s after the old side's last answer",
            drain.as_secs()
        ),
        format!(
            "rollback    ready for {} after the swap",
            config.phases.retain
        ),
    ]
}

fn addresses(members: &[Ipv4Addr]) -> String {
    let texts: Vec<String> = members.iter().map(Ipv4Addr::to_string).collect();
    format!("[{}]", texts.join(", "))
}

fn findings(config: &Config, sides: &Sides, world: &World, settings: &[&Value]) -> Vec<String> {
    let mut found = Findings::default();
    gateway_findings(&mut found, config, world, settings);
    for (side, world) in [(&sides.old, &world.old), (&sides.new, &world.new)] {
        let name = &side.name;
        found.unless(
            load_balancer::addresses(&world.load_balancer).contains(&side.address),
            format_args!(
                "the load balancer of `{name}` has no frontend {}; deploy `{name}` or correct \
                 `sides.{name}.address`",
                side.address
            ),
        );
        found.unless(
            !load_balancer::rules(&world.load_balancer).is_empty(),
            format_args!("the load balancer of `{name}` has no rule; deploy `{name}` again"),
        );
    }
    let shallow = load_balancer::rules_without_readiness(&world.new.load_balancer);
    found.unless(
        shallow.is_empty() || load_balancer::rules(&world.new.load_balancer).is_empty(),
        format_args!(
            "the load balancer of `{}` asks nobody whether machines are ready (rule {}): a TCP probe \
             takes an open port for a ready application (F19); give it an HTTP probe of the \
             readiness path",
            sides.new.name,
            shallow.join(", ")
        ),
    );
    let elsewhere = gateway::addresses_elsewhere(&world.gateway, &config.target.pool);
    let ours = BTreeSet::from([sides.old.address, sides.new.address]);
    found.unless(
        elsewhere.is_disjoint(&ours),
        format_args!(
            "another pool of the gateway lists a side too, so one PUT would not switch all of its \
             traffic (F96); name one pool for all rules"
        ),
    );
    found.unless(
        scale_set::image(&world.old.scale_set) != scale_set::image(&world.new.scale_set)
            || scale_set::image(&world.new.scale_set).is_none(),
        format_args!(
            "both sides run the same image, so their answers cannot be told apart; deploy another \
             image to `{}`",
            sides.new.name
        ),
    );
    found.0
}

fn gateway_findings(found: &mut Findings, config: &Config, world: &World, settings: &[&Value]) {
    let name = config.target.gateway.name();
    let state = tree::text(&world.gateway, "properties.operationalState").unwrap_or("Running");
    found.unless(
        state.eq_ignore_ascii_case("running"),
        format_args!("gateway `{name}` is {state}; start it first, a PUT would start it unasked"),
    );
    let provisioning = tree::text(&world.gateway, "properties.provisioningState");
    found.unless(
        !provisioning.is_some_and(|state| state.eq_ignore_ascii_case("failed")),
        format_args!("the last write of gateway `{name}` failed; repair it before swapping"),
    );
    found.unless(
        gateway::etag(&world.gateway).is_some(),
        format_args!("gateway `{name}` has no etag, so another writer could not be noticed"),
    );
    found.unless(
        !settings.is_empty(),
        format_args!(
            "no rule of gateway `{name}` leads to pool `{}`; swapping it would change nothing",
            config.target.pool
        ),
    );
    for settings in settings {
        settings_findings(found, settings);
    }
}

fn settings_findings(found: &mut Findings, settings: &Value) {
    let name = tree::text(settings, "name").unwrap_or("?");
    found.unless(
        gateway::has_probe(settings),
        format_args!(
            "backend settings `{name}` have no probe of their own, so the gateway asks `/` of host \
             127.0.0.1 (F11); give them one"
        ),
    );
    let drain = gateway::drain_timeout(settings);
    let request = gateway::request_timeout(settings);
    found.unless(
        drain >= request,
        format_args!(
            "backend settings `{name}` drain for {} s but let a request take {} s, so the swap \
             would cut what is allowed; raise the drain timeout",
            drain.as_secs(),
            request.as_secs()
        ),
    );
}

#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn unless(&mut self, holds: bool, text: impl Display) {
        if !holds {
            self.0.push(text.to_string());
        }
    }
}

/// The id of the public address of the gateway's first public frontend.
pub(crate) fn public_ip(gateway: &Value) -> Option<ResourceId> {
    tree::items(gateway, "properties.frontendIPConfigurations")
        .find_map(|f| tree::text(f, "properties.publicIPAddress.id"))
        .and_then(|id| ResourceId::parse(id).ok())
}
