//! Everything packets pass: gateways, load balancers, instances, and who is reached by a flow.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use turquoise_arm::ResourceId;

use super::flaws::Shared;
use super::gateway::GatewayState;
use super::instance::Machine;
use super::instance_view::InstanceState;
use super::knobs::Knobs;
use super::load_balancer::Balancer;
use super::load_balancer::table::{BalancerTable, FiveTuple};

/// Gateways, load balancers and instances.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    pub(crate) knobs: Knobs,
    /// Slots: a gone gateway's is not used again.
    pub(crate) gateways: Vec<Option<GatewayState>>,
    pub(crate) balancers: BTreeMap<ResourceId, Balancer>,
    /// Slots: an instance of the same key takes its predecessor's.
    pub(crate) machines: Vec<Machine>,
    /// What builds with flaws share; `None` while every build keeps its contract.
    pub(crate) shared: Option<Shared>,
    /// Existing machines by address.
    pub(crate) by_address: BTreeMap<Ipv4Addr, usize>,
    /// Sources whose packets to a destination vanish.
    pub(crate) cut: BTreeSet<(Ipv4Addr, Ipv4Addr)>,
}

/// Where a new flow ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Nothing answers the SYN.
    Silence,
    /// The connection is refused.
    Refusal,
    /// An instance accepts it.
    Instance {
        /// The instance's slot.
        slot: usize,
        /// What the load balancer between does to the flow when idle.
        idle: Option<IdleRule>,
    },
}

/// A load balancer's treatment of idle flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdleRule {
    /// Idle for longer, a flow is dropped.
    pub(crate) timeout: Duration,
    /// Both ends are told by a reset; else the flow is dropped silently.
    pub(crate) reset: bool,
}

impl Network {
    /// The slot of a gateway that exists.
    pub(crate) fn gateway(&self, id: &ResourceId) -> Option<usize> {
        self.gateways
            .iter()
            .position(|gateway| gateway.as_ref().is_some_and(|gateway| gateway.id == *id))
    }

    /// The gateway with a listener on an address and port, on any of its instances.
    pub(crate) fn gateway_of(&self, frontend: (Ipv4Addr, u16)) -> Option<usize> {
        self.gateways.iter().position(|gateway| {
            gateway.as_ref().is_some_and(|gateway| {
                gateway.instances.iter().any(|instance| {
                    instance
                        .table
                        .config
                        .listeners
                        .iter()
                        .any(|listener| (listener.address, listener.port) == frontend)
                })
            })
        })
    }

    /// Connects a new flow: through the load balancer that has the address, else directly.
    pub(crate) fn connect(&self, flow: FiveTuple) -> Reached {
        let (address, port) = flow.destination;
        if self.is_cut(flow.source.0, address) {
            return Reached::Silence;
        }
        let Some(table) = self.balancer_at(address) else {
            return self.reach(address, port, None);
        };
        let idle = table
            .rules
            .iter()
            .find(|rule| rule.address == address)
            .map(|rule| IdleRule {
                timeout: rule.idle_timeout,
                reset: rule.tcp_reset,
            });
        match table.pick(flow) {
            Some((address, port)) => self.reach(address, port, idle),
            None => Reached::Silence,
        }
    }

    /// Connects straight to an instance.
    pub(crate) fn reach(&self, address: Ipv4Addr, port: u16, idle: Option<IdleRule>) -> Reached {
        let Some(&slot) = self.by_address.get(&address) else {
            return Reached::Silence;
        };
        match self.machines[slot].view.meets(port) {
            InstanceState::NotListening => Reached::Silence,
            InstanceState::Refusing => Reached::Refusal,
            InstanceState::Serving | InstanceState::Hanging => Reached::Instance { slot, idle },
        }
    }

    /// Whether packets from a source to a destination vanish.
    pub(crate) fn is_cut(&self, source: Ipv4Addr, destination: Ipv4Addr) -> bool {
        !self.cut.is_empty() && self.cut.contains(&(source, destination))
    }

    fn balancer_at(&self, address: Ipv4Addr) -> Option<&Arc<BalancerTable>> {
        self.balancers
            .values()
            .map(|balancer| &balancer.table)
            .find(|table| table.has_frontend(address))
    }
}
