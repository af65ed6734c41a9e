//! Which private address of which subnet belongs to whom.
//!
//! Azure reserves five addresses per subnet, the first four and the last, and gives dynamic
//! requests the lowest free one (azure-facts.md §4.6). A write plans its claims first and commits
//! them when everything else passed, so that a refused write leaves no trace.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use turquoise_arm::{ArmError, ResourceId};

/// An IPv4 range in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cidr {
    first: u32,
    bits: u8,
}

impl Cidr {
    /// Parses `10.0.0.0/24`; host bits must be zero.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let bits: u8 = bits.parse().ok().filter(|bits| *bits <= 32)?;
        let range = Self {
            first: address.to_bits(),
            bits,
        };
        (range.first & !range.mask() == 0).then_some(range)
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0)
    }

    /// The first address.
    pub(crate) fn first(self) -> u32 {
        self.first
    }

    /// The last address.
    pub(crate) fn last(self) -> u32 {
        self.first | !self.mask()
    }

    /// The length of the prefix.
    pub(crate) fn bits(self) -> u8 {
        self.bits
    }

    /// Whether `other` lies inside.
    pub(crate) fn contains(self, other: Self) -> bool {
        self.first <= other.first && other.last() <= self.last()
    }

    /// Whether the ranges share an address.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.first <= other.last() && other.first <= self.last()
    }

    fn holds(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last()).contains(&address.to_bits())
    }

    fn reserves(self, address: Ipv4Addr) -> bool {
        let bits = address.to_bits();
        bits.saturating_sub(self.first) < 4 || bits == self.last()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from_bits(self.first), self.bits)
    }
}

/// One address taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The subnet.
    pub(crate) subnet: ResourceId,
    /// The address.
    pub(crate) address: Ipv4Addr,
    /// The IP configuration or frontend that has it.
    pub(crate) owner: ResourceId,
}

/// All addresses taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressBook {
    subnets: BTreeMap<ResourceId, BTreeMap<u32, ResourceId>>,
}

/// An address somebody asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    /// The subnet.
    pub(crate) subnet: &'a ResourceId,
    /// The subnet's range.
    pub(crate) range: Cidr,
    /// A static address, or `None` for the lowest free one.
    pub(crate) address: Option<Ipv4Addr>,
    /// The IP configuration or frontend that is to have it.
    pub(crate) owner: &'a ResourceId,
    /// The resource whose write this is: what it held before is free to it.
    pub(crate) resource: &'a ResourceId,
}

impl AddressBook {
    /// Who has `address` in `subnet`.
    pub(crate) fn holder(&self, subnet: &ResourceId, address: Ipv4Addr) -> Option<&ResourceId> {
        self.subnets.get(subnet)?.get(&address.to_bits())
    }

    /// What is taken in `subnet`, by address.
    pub(crate) fn taken(
        &self,
        subnet: &ResourceId,
    ) -> impl Iterator<Item = (Ipv4Addr, &ResourceId)> {
        let held = self.subnets.get(subnet).into_iter().flatten();
        held.map(|(bits, owner)| (Ipv4Addr::from_bits(*bits), owner))
    }

    /// Adds to `claims` what `wish` gets. A dynamic owner keeps what it has.
    ///
    /// # Errors
    /// `PrivateIPAddressNotInSubnet`, `PrivateIPAddressInReservedRange`,
    /// `PrivateIPAddressIsAllocated`, `SubnetIsFull` (azure-facts.md §1.6).
    pub(crate) fn plan(
        &self,
        wish: Wish<'_>,
        claims: &mut Vec<Claim>,
    ) -> Result<Ipv4Addr, ArmError> {
        let address = match wish.address {
            Some(address) => self.check(wish, address, claims)?,
            None => self.lowest(wish, claims)?,
        };
        claims.push(Claim {
            subnet: wish.subnet.clone(),
            address,
            owner: wish.owner.clone(),
        });
        Ok(address)
    }

    /// Replaces everything `resource` holds by `claims`.
    pub(crate) fn commit(&mut self, resource: &ResourceId, claims: &[Claim]) {
        self.release(resource);
        for claim in claims {
            let subnet = self.subnets.entry(claim.subnet.clone()).or_default();
            subnet.insert(claim.address.to_bits(), claim.owner.clone());
        }
    }

    /// Frees everything `resource` and its children hold.
    pub(crate) fn release(&mut self, resource: &ResourceId) {
        for held in self.subnets.values_mut() {
            held.retain(|_, owner| !owner.is_within(resource));
        }
        self.subnets.retain(|_, held| !held.is_empty());
    }

    fn check(
        &self,
        wish: Wish<'_>,
        address: Ipv4Addr,
        claims: &[Claim],
    ) -> Result<Ipv4Addr, ArmError> {
        if !wish.range.holds(address) {
            return Err(ArmError::bad_request(
                "PrivateIPAddressNotInSubnet",
                format!(
                    "Private static IP address {address} does not belong to the range of subnet \
                     prefix {}.",
                    wish.range
                ),
            ));
        }
        if wish.range.reserves(address) {
            return Err(ArmError::bad_request(
                "PrivateIPAddressInReservedRange",
                format!(
                    "Private static IP address {address} falls within the reserved range of \
                     subnet prefix {}.",
                    wish.range
                ),
            ));
        }
        match self.other_holder(wish, address, claims) {
            None => Ok(address),
            Some(holder) => Err(ArmError::bad_request(
                "PrivateIPAddressIsAllocated",
                format!(
                    "IP configuration {} is using the private IP address {address} which is \
                     already allocated to resource {holder}.",
                    wish.owner
                ),
            )),
        }
    }

    fn lowest(&self, wish: Wish<'_>, claims: &[Claim]) -> Result<Ipv4Addr, ArmError> {
        let kept = self
            .taken(wish.subnet)
            .find(|(address, owner)| *owner == wish.owner && wish.range.holds(*address));
        if let Some((address, _)) = kept {
            return Ok(address);
        }
        (wish.range.first().saturating_add(4)..wish.range.last())
            .map(Ipv4Addr::from_bits)
            .find(|address| {
                self.holder(wish.subnet, *address).is_none()
                    && !claims
                        .iter()
                        .any(|claim| claim.address == *address && claim.subnet == *wish.subnet)
            })
            .ok_or_else(|| {
                ArmError::bad_request(
                    "SubnetIsFull",
                    format!(
                        "Subnet {} with address prefix {} does not have enough capacity for 1 IP \
                         addresses.",
                        wish.subnet.name(),
                        wish.range
                    ),
                )
            })
    }

    fn other_holder<'a>(
        &'a self,
        wish: Wish<'_>,
        address: Ipv4Addr,
        claims: &'a [Claim],
    ) -> Option<&'a ResourceId> {
        let planned = claims
            .iter()
            .find(|claim| claim.address == address && claim.subnet == *wish.subnet);
        let held = self
            .holder(wish.subnet, address)
            .filter(|holder| !holder.is_within(wish.resource));
        held.or_else(|| planned.map(|claim| &claim.owner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_know_their_edges() {
        for (text, valid) in [
            ("10.0.0.0/8", true),
            ("10.0.0.1/8", false),
            ("10.0.0.0/33", false),
            ("10.0.0.0", false),
            ("0.0.0.0/0", true),
            ("10.0.0.1/32", true),
        ] {
            assert_eq!(Cidr::parse(text).is_some(), valid, "{text}");
        }
        let all = Cidr::parse("0.0.0.0/0").expect("a range");
        let small = Cidr::parse("10.0.0.8/29").expect("a range");
        let next = Cidr::parse("10.0.0.16/29").expect("a range");
        assert!(all.contains(small) && !small.contains(all) && small.contains(small));
        assert!(all.overlaps(small) && !small.overlaps(next));
        assert_eq!(small.to_string(), "10.0.0.8/29");
    }

    #[test]
    fn planning_takes_nothing_until_it_is_committed() {
        let id = |text: &str| ResourceId::parse(text).expect("the literal is an id");
        let subnet = id("/subscriptions/s/resourceGroups/g/providers/N/nets/n/subnets/s");
        let resource = id("/subscriptions/s/resourceGroups/g/providers/N/nics/a");
        let (one, two) = (resource.child("c", "1"), resource.child("c", "2"));
        let mut book = AddressBook::default();
        let range = Cidr::parse("10.0.0.0/29").expect("a range");
        let wish = |owner, address| Wish {
            subnet: &subnet,
            range,
            address,
            owner,
            resource: &resource,
        };
        let mut claims = Vec::new();
        let first = book
            .plan(wish(&one, None), &mut claims)
            .expect("the subnet is empty");
        assert_eq!(first, Ipv4Addr::new(10, 0, 0, 4));
        let clash = book.plan(wish(&two, Some(first)), &mut claims);
        let clash = clash.expect_err("the same write has planned it").body.code;
        assert_eq!(clash, "PrivateIPAddressIsAllocated");
        assert_eq!(book.taken(&subnet).count(), 0);
        book.commit(&resource, &claims);
        assert_eq!(book.taken(&subnet).count(), 1);
        assert_eq!(book.holder(&subnet, first), Some(&one));
        book.release(&resource);
        assert_eq!(book.taken(&subnet).count(), 0);
    }
}
