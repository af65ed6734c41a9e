//! What a load balancer sends new flows by: an immutable snapshot and the choice made with it.
//!
//! Established flows are not its business: they stay with their instance until either side ends
//! them (azure-facts.md §5.7), so a drive asks once per connection.

use std::net::Ipv4Addr;
use std::time::Duration;

use turquoise_arm::ResourceId;

use crate::desired::{Distribution, NatRule};
use crate::seed::Seed;

/// What a load balancer sends new flows by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalancerTable {
    /// The load balancer.
    pub load_balancer: ResourceId,
    /// Its rules.
    pub rules: Vec<RuleTable>,
    /// Ports of single instances.
    pub nat_rules: Vec<NatRule>,
}

/// One rule with the instances that get its new flows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleTable {
    /// The rule's name.
    pub name: String,
    /// The frontend's address.
    pub address: Ipv4Addr,
    /// The frontend port; 0 is every port.
    pub frontend_port: u16,
    /// The port on the instances.
    pub backend_port: u16,
    /// What flows are hashed by.
    pub distribution: Distribution,
    /// Flows idle for longer are dropped.
    pub idle_timeout: Duration,
    /// Whether an idle flow is reset rather than silently dropped.
    pub tcp_reset: bool,
    /// Addresses of the healthy instances, ascending.
    pub healthy: Vec<Ipv4Addr>,
}

/// A TCP flow's two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FiveTuple {
    /// Where it comes from.
    pub source: (Ipv4Addr, u16),
    /// The frontend it goes to.
    pub destination: (Ipv4Addr, u16),
}

impl BalancerTable {
    /// Where a new flow goes: an instance's address and port. `None` means silence: no rule has
    /// the port, or no instance is healthy, and the SYN is dropped without an answer.
    #[must_use]
    pub fn pick(&self, flow: FiveTuple) -> Option<(Ipv4Addr, u16)> {
        if let Some(nat) = self
            .nat_rules
            .iter()
            .find(|nat| (nat.address, nat.frontend_port) == flow.destination)
        {
            return Some((nat.target, nat.backend_port));
        }
        self.rules
            .iter()
            .find(|rule| rule.takes(flow.destination))?
            .pick(flow)
    }

    /// Whether this load balancer has the address.
    #[must_use]
    pub fn has_frontend(&self, address: Ipv4Addr) -> bool {
        self.rules.iter().any(|rule| rule.address == address)
            || self.nat_rules.iter().any(|nat| nat.address == address)
    }
}

impl RuleTable {
    fn takes(&self, (address, port): (Ipv4Addr, u16)) -> bool {
        self.address == address && (self.frontend_port == port || self.frontend_port == 0)
    }

    fn pick(&self, flow: FiveTuple) -> Option<(Ipv4Addr, u16)> {
        let draw = Seed::new(flow.hash(self.distribution)).below(self.healthy.len() as u64);
        let backend = *self.healthy.get(usize::try_from(draw).ok()?)?;
        let port = if self.frontend_port == 0 {
            flow.destination.1
        } else {
            self.backend_port
        };
        Some((backend, port))
    }
}

impl FiveTuple {
    /// The hash a distribution mode sees; the protocol is always TCP here.
    fn hash(self, distribution: Distribution) -> u64 {
        let end =
            |(address, port): (Ipv4Addr, u16)| u64::from(address.to_bits()) << 16 | u64::from(port);
        let address = |(address, _): (Ipv4Addr, u16)| u64::from(address.to_bits());
        let (source, destination) = (self.source, self.destination);
        match distribution {
            Distribution::FiveTuple => Seed::new(end(source)).at(end(destination)).value(),
            Distribution::SourceAddress => {
                Seed::new(address(source)).at(address(destination)).value()
            }
            Distribution::SourceAddressAndProtocol => Seed::new(address(source))
                .at(address(destination) | 6 << 32)
                .value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRONTEND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);

    fn table(distribution: Distribution, healthy: u8) -> BalancerTable {
        BalancerTable {
            load_balancer: ResourceId::resource_group("s", "g")
                .resource("Microsoft.Network/loadBalancers", "lb"),
            rules: vec![RuleTable {
                name: "http".to_owned(),
                address: FRONTEND,
                frontend_port: 80,
                backend_port: 8080,
                distribution,
                idle_timeout: Duration::from_secs(240),
                tcp_reset: true,
                healthy: (0..healthy).map(|n| Ipv4Addr::new(10, 0, 1, n)).collect(),
            }],
            nat_rules: vec![NatRule {
                name: "rdp".to_owned(),
                address: FRONTEND,
                frontend_port: 50_001,
                backend_port: 3389,
                target: Ipv4Addr::new(10, 0, 1, 9),
            }],
        }
    }

    fn flow(source_port: u16, port: u16) -> FiveTuple {
        FiveTuple {
            source: (Ipv4Addr::new(10, 0, 2, 4), source_port),
            destination: (FRONTEND, port),
        }
    }

    #[test]
    fn flows_spread_evenly_and_each_has_one_answer() {
        let table = table(Distribution::FiveTuple, 4);
        let mut counts = [0_u32; 4];
        for port in 10_000..14_000 {
            let (backend, to) = table.pick(flow(port, 80)).expect("four are healthy");
            assert_eq!(to, 8080);
            assert_eq!(table.pick(flow(port, 80)), Some((backend, to)));
            counts[usize::from(backend.octets()[3])] += 1;
        }
        assert!(
            counts.iter().all(|n| (900..1_100).contains(n)),
            "{counts:?}"
        );
    }

    #[test]
    fn source_affinity_ignores_the_source_port() {
        for distribution in [
            Distribution::SourceAddress,
            Distribution::SourceAddressAndProtocol,
        ] {
            let table = table(distribution, 4);
            let first = table.pick(flow(10_000, 80));
            assert!((10_001..10_100).all(|port| table.pick(flow(port, 80)) == first));
        }
    }

    #[test]
    fn nothing_healthy_or_no_rule_is_silence() {
        assert_eq!(table(Distribution::FiveTuple, 0).pick(flow(1, 80)), None);
        assert_eq!(table(Distribution::FiveTuple, 4).pick(flow(1, 81)), None);
    }

    #[test]
    fn a_nat_port_leads_to_its_instance() {
        let target = (Ipv4Addr::new(10, 0, 1, 9), 3389);
        let table = table(Distribution::FiveTuple, 4);
        assert_eq!(table.pick(flow(1, 50_001)), Some(target));
    }
}
