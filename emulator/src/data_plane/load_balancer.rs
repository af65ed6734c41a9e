//! Internal load balancers: probes of instances, and new flows hashed to the healthy ones.

pub mod table;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::desired::{BalancerRule, LoadBalancer};

use super::instance::Machine;
use super::probe::{ProbeId, Streams};
use table::{BalancerTable, RuleTable};

/// One load balancer.
#[derive(Clone, Debug)]
pub(crate) struct Balancer {
    pub(crate) config: Arc<LoadBalancer>,
    /// Probe streams by rule and instance.
    pub(crate) streams: BTreeMap<(String, Ipv4Addr), ProbeId>,
    pub(crate) table: Arc<BalancerTable>,
}

impl Balancer {
    /// A load balancer that knows no instance yet.
    pub(crate) fn new(config: Arc<LoadBalancer>) -> Self {
        let table = BalancerTable {
            load_balancer: config.id.clone(),
            rules: Vec::new(),
            nat_rules: Vec::new(),
        };
        Self {
            config,
            streams: BTreeMap::new(),
            table: Arc::new(table),
        }
    }

    /// Builds the table anew from what the probes say; true when it changed.
    pub(crate) fn rebuild(&mut self, machines: &[Machine], streams: &Streams) -> bool {
        let rules = self
            .config
            .rules
            .iter()
            .map(|rule| self.rule_table(rule, machines, streams))
            .collect();
        let table = BalancerTable {
            load_balancer: self.config.id.clone(),
            rules,
            nat_rules: self.config.nat_rules.clone(),
        };
        let changed = *self.table != table;
        if changed {
            self.table = Arc::new(table);
        }
        changed
    }

    /// What the probe says of an instance behind a rule; without a probe all count as healthy.
    pub(crate) fn is_healthy(
        &self,
        rule: &BalancerRule,
        address: Ipv4Addr,
        streams: &Streams,
    ) -> bool {
        rule.probe.is_none()
            || self
                .streams
                .get(&(rule.name.clone(), address))
                .is_some_and(|id| streams.health(*id).verdict == Some(true))
    }

    fn rule_table(
        &self,
        rule: &BalancerRule,
        machines: &[Machine],
        streams: &Streams,
    ) -> RuleTable {
        let mut healthy: Vec<Ipv4Addr> = members(rule, machines)
            .map(|machine| machine.spec.address)
            .filter(|address| self.is_healthy(rule, *address, streams))
            .collect();
        healthy.sort_unstable();
        RuleTable {
            name: rule.name.clone(),
            address: rule.address,
            frontend_port: rule.frontend_port,
            backend_port: rule.backend_port,
            distribution: rule.distribution,
            idle_timeout: rule.idle_timeout,
            tcp_reset: rule.tcp_reset,
            healthy,
        }
    }
}

/// The instances behind a rule.
pub(crate) fn members<'m>(
    rule: &BalancerRule,
    machines: &'m [Machine],
) -> impl Iterator<Item = &'m Machine> {
    machines.iter().filter(move |machine| {
        machine.exists()
            && machine
                .spec
                .pools
                .iter()
                .any(|pool| rule.pools.contains(pool))
    })
}
