//! Load balancers come, change and go, and follow the instances behind their rules.

use std::net::Ipv4Addr;
use std::sync::Arc;

use turquoise_arm::ResourceId;

use super::DataPlane;
use super::load_balancer::{Balancer, members};
use super::probe::Prober;
use crate::desired::LoadBalancer;

impl DataPlane {
    pub(super) fn configure_balancer(&mut self, config: Arc<LoadBalancer>) {
        let balancers = &mut self.network.balancers;
        match balancers.get_mut(&config.id) {
            Some(balancer) => balancer.config = config,
            None => {
                balancers.insert(config.id.clone(), Balancer::new(config));
            }
        }
        self.settle_membership();
    }

    pub(super) fn remove_balancer(&mut self, id: &ResourceId) {
        if let Some(balancer) = self.network.balancers.remove(id) {
            for id in balancer.streams.into_values() {
                self.streams.close(id);
            }
            self.touch();
        }
    }

    /// Opens and closes the load balancers' probe streams as instances come and go, and rebuilds
    /// their tables.
    pub(super) fn settle_membership(&mut self) {
        let ids: Vec<ResourceId> = self.network.balancers.keys().cloned().collect();
        for id in ids {
            self.settle_balancer(&id);
        }
    }

    pub(super) fn refresh_balancer(&mut self, id: &ResourceId) {
        if let Some(balancer) = self.network.balancers.get_mut(id)
            && balancer.rebuild(&self.network.machines, &self.streams)
        {
            self.touch();
        }
    }

    fn settle_balancer(&mut self, id: &ResourceId) {
        let Some(balancer) = self.network.balancers.get_mut(id) else {
            return;
        };
        let config = Arc::clone(&balancer.config);
        let mut before = std::mem::take(&mut balancer.streams);
        for rule in &config.rules {
            let Some(probe) = &rule.probe else { continue };
            let addresses: Vec<Ipv4Addr> = members(rule, &self.network.machines)
                .map(|machine| machine.spec.address)
                .collect();
            for address in addresses {
                let key = (rule.name.clone(), address);
                let kept = before.remove(&key).filter(|id| {
                    self.streams
                        .get(*id)
                        .is_some_and(|stream| stream.probe == *probe)
                });
                let stream = kept.unwrap_or_else(|| {
                    let prober = Prober::Rule {
                        load_balancer: id.clone(),
                        rule: rule.name.clone(),
                    };
                    self.open_stream(prober, (address, probe.port), probe.clone(), probe.interval)
                });
                if let Some(balancer) = self.network.balancers.get_mut(id) {
                    balancer.streams.insert(key, stream);
                }
            }
        }
        for stream in before.into_values() {
            self.streams.close(stream);
        }
        self.refresh_balancer(id);
    }
}
