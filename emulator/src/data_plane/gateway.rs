//! Application gateways: several instances, each with its own configuration and health views.

pub mod retry;
pub mod rewrite;
pub mod routing_table;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use turquoise_arm::ResourceId;

use self::routing_table::{Older, RoutingTable, Target};
use super::knobs::{InitialHealth, Knobs};
use super::probe::{ProbeId, Streams};
use crate::desired::{Gateway, Route};
use crate::time::Instant;

/// A pool under one settings, numbered for the gateway's life: configurations come and go, a
/// request's target stays comparable.
pub(crate) type TargetId = u32;

/// One gateway.
#[derive(Clone, Debug)]
pub(crate) struct GatewayState {
    pub(crate) id: ResourceId,
    pub(crate) instances: Vec<GatewayInstance>,
    /// Pool and settings by [`TargetId`].
    pub(crate) target_names: Vec<(ResourceId, ResourceId)>,
}

/// One instance of a gateway: applies configurations and probes on its own.
#[derive(Clone, Debug)]
pub(crate) struct GatewayInstance {
    /// Its address in the gateway's subnet, the source of its flows.
    pub(crate) source: Ipv4Addr,
    pub(crate) table: Arc<RoutingTable>,
    /// Probe streams by target and member.
    pub(crate) streams: BTreeMap<(TargetId, Ipv4Addr), ProbeId>,
    pub(crate) draining: Vec<Draining>,
    pub(crate) older: Vec<Older>,
    pub(crate) pending: Option<Pending>,
}

/// A configuration on its way.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) generation: u64,
    pub(crate) config: Arc<Gateway>,
    pub(crate) running: bool,
}

/// A removed member that finishes what it has.
#[derive(Clone, Debug)]
pub(crate) struct Draining {
    pub(crate) target: TargetId,
    pub(crate) address: Ipv4Addr,
    pub(crate) until: Instant,
}

impl GatewayState {
    /// The number of a pool under one settings.
    pub(crate) fn target_id(&mut self, pool: &ResourceId, settings: &ResourceId) -> TargetId {
        let known = self
            .target_names
            .iter()
            .position(|(p, s)| p == pool && s == settings);
        let index = known.unwrap_or_else(|| {
            self.target_names.push((pool.clone(), settings.clone()));
            self.target_names.len() - 1
        });
        TargetId::try_from(index).expect("because a gateway has at most 100 pools and settings")
    }

    /// Every pool with every settings a configuration uses it with, without members.
    pub(crate) fn targets(&mut self, config: &Gateway) -> Vec<Target> {
        let mut pairs = Vec::new();
        for listener in &config.listeners {
            collect_pairs(&listener.route, &mut pairs);
        }
        pairs
            .into_iter()
            .map(|(pool, settings)| Target {
                id: self.target_id(&config.pools[pool].id, &config.settings[settings].id),
                pool,
                settings,
                eligible: Vec::new(),
                draining: Vec::new(),
            })
            .collect()
    }
}

impl GatewayInstance {
    /// An instance that listens on nothing yet.
    pub(crate) fn new(gateway: &ResourceId, instance: u16, source: Ipv4Addr) -> Self {
        let table = RoutingTable {
            revision: 0,
            gateway: gateway.clone(),
            instance,
            generation: 0,
            applied: Instant::ZERO,
            config: Arc::default(),
            targets: Vec::new(),
            older: Vec::new(),
        };
        Self {
            source,
            table: Arc::new(table),
            streams: BTreeMap::new(),
            draining: Vec::new(),
            older: Vec::new(),
            pending: None,
        }
    }

    /// A target with the members that get traffic now.
    pub(crate) fn with_members(
        &self,
        target: Target,
        config: &Gateway,
        streams: &Streams,
        knobs: &Knobs,
    ) -> Target {
        let eligible = distinct(&config.pools[target.pool].members)
            .filter(|member| self.is_eligible(target.id, *member, streams, knobs))
            .collect();
        let draining = self
            .draining
            .iter()
            .filter(|draining| draining.target == target.id)
            .map(|draining| draining.address)
            .collect();
        Target {
            eligible,
            draining,
            ..target
        }
    }

    fn is_eligible(
        &self,
        target: TargetId,
        member: Ipv4Addr,
        streams: &Streams,
        knobs: &Knobs,
    ) -> bool {
        self.streams
            .get(&(target, member))
            .and_then(|id| streams.health(*id).verdict)
            .unwrap_or(knobs.initial_health == InitialHealth::Healthy)
    }
}

/// Members in listed order, each once: repeating one does not weigh it (azure-facts.md §5.1 knows
/// of no weights).
pub(crate) fn distinct(members: &[Ipv4Addr]) -> impl Iterator<Item = Ipv4Addr> {
    members
        .iter()
        .enumerate()
        .filter(|(index, member)| !members[..*index].contains(member))
        .map(|(_, member)| *member)
}

fn collect_pairs(route: &Route, pairs: &mut Vec<(usize, usize)>) {
    match route {
        Route::Pool { pool, settings } => {
            if !pairs.contains(&(*pool, *settings)) {
                pairs.push((*pool, *settings));
            }
        }
        Route::Paths { rules, default } => {
            for (_, route) in rules {
                collect_pairs(route, pairs);
            }
            collect_pairs(default, pairs);
        }
        Route::Rewritten { route, .. } => collect_pairs(route, pairs),
        Route::Redirect { .. } => {}
    }
}
