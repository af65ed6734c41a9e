//! What a location offers and how much of it is used: usages, machine sizes, SKUs
//! (azure-facts.md §4.15).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use turquoise_arm::{ArmError, json as tree};

use super::answer::Answer;
use super::providers::cores;
use super::{ControlPlane, Turn, locations};

const SCALE_SETS: &str = "Microsoft.Compute/virtualMachineScaleSets";
const MACHINES: &str = "Microsoft.Compute/virtualMachines";

/// Sizes that this system is likely to use, with their family and their memory in GB; the name
/// tells the cores. Any other size is accepted too: the list is what is offered, not what is known.
const SIZES: [(&str, &str, u32); 10] = [
    ("Standard_B2ms", "standardBSFamily", 8),
    ("Standard_B2s", "standardBSFamily", 4),
    ("Standard_D2s_v3", "standardDSv3Family", 8),
    ("Standard_D4s_v3", "standardDSv3Family", 16),
    ("Standard_D2s_v5", "standardDSv5Family", 8),
    ("Standard_D4s_v5", "standardDSv5Family", 16),
    ("Standard_D8s_v5", "standardDSv5Family", 32),
    ("Standard_E2s_v5", "standardESv5Family", 16),
    ("Standard_F2s_v2", "standardFSv2Family", 4),
    ("Standard_F4s_v2", "standardFSv2Family", 8),
];

/// What Azure lets a new subscription have, where the cloud has no limit of its own.
const COUNT_LIMIT: u64 = 25_000;

/// What of a location is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `Microsoft.Compute/locations/{l}/usages`
    ComputeUsages,
    /// `Microsoft.Network/locations/{l}/usages`
    NetworkUsages,
    /// `Microsoft.Compute/locations/{l}/vmSizes`
    Sizes,
}

impl Place {
    /// Reads namespace and last segment of such a path.
    pub(crate) fn read(namespace: &str, last: &str) -> Option<Self> {
        let known = [
            ("microsoft.compute", "usages", Self::ComputeUsages),
            ("microsoft.network", "usages", Self::NetworkUsages),
            ("microsoft.compute", "vmsizes", Self::Sizes),
        ];
        let found = known.into_iter().find(|(space, word, _)| {
            space.eq_ignore_ascii_case(namespace) && word.eq_ignore_ascii_case(last)
        });
        found.map(|(_, _, place)| place)
    }
}

impl ControlPlane {
    pub(super) fn on_place(
        &self,
        turn: Turn<'_>,
        location: &str,
        place: Place,
    ) -> Result<Answer, ArmError> {
        let location = locations::short_name(location, "locations")?;
        super::get_only(turn.request, || {
            let items = match place {
                Place::ComputeUsages => self.compute_usages(&location),
                Place::NetworkUsages => self.network_usages(&location),
                Place::Sizes => SIZES.iter().map(size).collect(),
            };
            Answer::ok(&json!({"value": items}))
        })
    }

    /// `Microsoft.Compute/skus`, with the one filter that clients send.
    pub(super) fn on_skus(&self, turn: Turn<'_>) -> Result<Answer, ArmError> {
        let filter = turn.request.parameter("$filter").unwrap_or_default().trim();
        let wanted = match filter.split_once(" eq ") {
            None if filter.is_empty() => None,
            Some((name, value)) if name.trim().eq_ignore_ascii_case("location") => Some(
                locations::short_name(value.trim().trim_matches('\''), "skus")?,
            ),
            _ => return Err(super::read::invalid_filter(filter)),
        };
        super::get_only(turn.request, || {
            let names = locations::names()
                .filter(|name| wanted.as_ref().is_none_or(|wanted| wanted == name));
            let names: Vec<&str> = names.collect();
            let items: Vec<Value> = SIZES.iter().map(|row| sku(row, &names)).collect();
            Answer::ok(&json!({"value": items}))
        })
    }

    fn compute_usages(&self, location: &str) -> Vec<Value> {
        let mut families: BTreeMap<&str, u64> =
            SIZES.iter().map(|(_, family, _)| (*family, 0)).collect();
        let (mut all, mut machines, mut sets) = (0, 0, 0);
        for (resource_type, model) in self.models_in(location) {
            let (size, count) = match resource_type {
                SCALE_SETS => ("sku.name", tree::integer(model, "sku.capacity")),
                MACHINES => ("properties.hardwareProfile.vmSize", Some(1)),
                _ => continue,
            };
            let size = tree::text(model, size).unwrap_or_default();
            let count = count.unwrap_or_default();
            let count = u64::try_from(count).unwrap_or_default();
            let used = count * u64::from(cores(size));
            let mut rows = SIZES.iter();
            if let Some((_, family, _)) = rows.find(|row| row.0.eq_ignore_ascii_case(size)) {
                *families.entry(family).or_default() += used;
            }
            all += used;
            machines += count;
            sets += u64::from(resource_type == SCALE_SETS);
        }
        let limit = self.config.cores_quota.map_or(COUNT_LIMIT, u64::from);
        let mut rows = vec![
            usage("cores", "Total Regional vCPUs", all, limit),
            usage("virtualMachines", "Virtual Machines", machines, COUNT_LIMIT),
            usage(
                "virtualMachineScaleSets",
                "Virtual Machine Scale Sets",
                sets,
                2_500,
            ),
        ];
        let families = families.into_iter();
        rows.extend(
            families.map(|(family, used)| usage(family, &format!("{family} vCPUs"), used, limit)),
        );
        rows
    }

    fn network_usages(&self, location: &str) -> Vec<Value> {
        const ROWS: [(&str, &str, &str, u64); 6] = [
            (
                "virtualNetworks",
                "VirtualNetworks",
                "Virtual Networks",
                1_000,
            ),
            (
                "networkSecurityGroups",
                "NetworkSecurityGroups",
                "Network Security Groups",
                5_000,
            ),
            (
                "networkInterfaces",
                "NetworkInterfaces",
                "Network Interfaces",
                65_536,
            ),
            (
                "publicIPAddresses",
                "StandardSkuPublicIpAddresses",
                "Public IPv4 Addresses - Standard",
                1_000,
            ),
            ("loadBalancers", "LoadBalancers", "Load Balancers", 1_000),
            (
                "applicationGateways",
                "ApplicationGateways",
                "Application Gateways",
                1_000,
            ),
        ];
        let subscription = &self.config.subscription;
        let rows = ROWS.iter().map(|(resource_type, name, words, limit)| {
            let wanted = format!("Microsoft.Network/{resource_type}");
            let found = self.models_in(location).filter(|(held, _)| *held == wanted);
            let mut row = usage(name, words, found.count() as u64, *limit);
            row["id"] = format!(
                "/subscriptions/{subscription}/providers/Microsoft.Network/locations/{location}/usages/{name}"
            )
            .into();
            row
        });
        rows.collect()
    }

    /// Type and model of everything in a location.
    fn models_in<'a>(&'a self, location: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let resources = self
            .top_level()
            .filter(move |resource| tree::text(&resource.model, "location") == Some(location));
        resources.map(|resource| {
            let kind = self.providers[resource.provider].kind();
            (kind.resource_type, &*resource.model)
        })
    }
}

fn usage(name: &str, words: &str, used: u64, limit: u64) -> Value {
    json!({
        "unit": "Count",
        "currentValue": used,
        "limit": limit,
        "name": {"value": name, "localizedValue": words},
    })
}

fn size((name, _, memory_gb): &(&str, &str, u32)) -> Value {
    json!({
        "name": name,
        "numberOfCores": cores(name),
        "osDiskSizeInMB": 1_047_552,
        "resourceDiskSizeInMB": memory_gb * 2 * 1_024,
        "memoryInMB": memory_gb * 1_024,
        "maxDataDiskCount": cores(name) * 2,
    })
}

fn sku((name, family, memory_gb): &(&str, &str, u32), names: &[&str]) -> Value {
    let zones =
        |name: &&str| json!({"location": name, "zones": ["1", "2", "3"], "zoneDetails": []});
    let parts: Vec<&str> = name.splitn(2, '_').collect();
    json!({
        "resourceType": "virtualMachines",
        "name": name,
        "tier": parts.first(),
        "size": parts.get(1),
        "family": family,
        "locations": names,
        "locationInfo": names.iter().map(zones).collect::<Vec<_>>(),
        "capabilities": [
            {"name": "vCPUs", "value": cores(name).to_string()},
            {"name": "MemoryGB", "value": memory_gb.to_string()},
            {"name": "PremiumIO", "value": "True"},
        ],
        "restrictions": [],
    })
}
