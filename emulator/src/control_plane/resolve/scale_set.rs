//! A scale set's `virtualMachineProfile` as the [`Model`] its instances are made from.

use std::time::Duration;

use serde_json::Value;
use turquoise_arm::{ResourceId, json};

use super::load_balancer::rooted;
use super::{number, reference};
use crate::desired::{Probe, ProbeRequest};

/// What an instance is made from: the parts of a scale set's model that change what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    /// An image resource's id, `publisher:offer:sku:version`, or the address of a VHD.
    pub(crate) image: String,
    /// The subnet of the primary network interface.
    pub(crate) subnet: Option<ResourceId>,
    /// Ids of the load balancer pools the primary network interface joins.
    pub(crate) pools: Vec<ResourceId>,
    /// What tells whether the application is healthy, where the model says.
    pub(crate) health: Option<Probe>,
}

/// Resolves the canonical document of a scale set; `probe` reads the load balancer probe that
/// `networkProfile.healthProbe` refers to.
pub(crate) fn resolve(document: &Value, probe: &dyn Fn(&ResourceId) -> Option<Probe>) -> Model {
    let profile = json::at(document, "properties.virtualMachineProfile").unwrap_or(&Value::Null);
    let interface = primary(profile, "networkProfile.networkInterfaceConfigurations");
    let configuration = primary(interface, "properties.ipConfigurations");
    Model {
        image: image(profile),
        subnet: reference(configuration, "properties.subnet"),
        pools: json::items(configuration, "properties.loadBalancerBackendAddressPools")
            .filter_map(|pool| ResourceId::parse(json::text(pool, "id")?).ok())
            .collect(),
        health: extension_probe(profile)
            .or_else(|| probe(&reference(profile, "networkProfile.healthProbe")?)),
    }
}

/// The element marked primary, else the first.
pub(crate) fn primary<'a>(value: &'a Value, path: &str) -> &'a Value {
    json::items(value, path)
        .find(|item| json::boolean(item, "properties.primary") == Some(true))
        .or_else(|| json::items(value, path).next())
        .unwrap_or(&Value::Null)
}

/// The image by its id, by its marketplace name, or by the VHD of the days before managed disks.
pub(crate) fn image(profile: &Value) -> String {
    let reference = json::at(profile, "storageProfile.imageReference").unwrap_or(&Value::Null);
    if let Some(id) = json::text(reference, "id") {
        return id.to_owned();
    }
    let parts = ["publisher", "offer", "sku", "version"].map(|part| json::text(reference, part));
    if parts[0].is_some() {
        return parts.map(Option::unwrap_or_default).join(":");
    }
    json::text(profile, "storageProfile.osDisk.image.uri")
        .unwrap_or_default()
        .to_owned()
}

/// What the Application Health extension asks: 200 is healthy (azure-facts.md §4.12.5).
fn extension_probe(profile: &Value) -> Option<Probe> {
    let extension = json::items(profile, "extensionProfile.extensions").find(|extension| {
        json::text(extension, "properties.type")
            .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("applicationhealth"))
    })?;
    let settings = json::at(extension, "properties.settings").unwrap_or(&Value::Null);
    let protocol = json::text(settings, "protocol").unwrap_or("http");
    let interval = Duration::from_secs(number(settings, "intervalInSeconds", 5));
    let probes: u32 = number(settings, "numberOfProbes", 1);
    Some(Probe {
        http: (!protocol.eq_ignore_ascii_case("tcp")).then(|| ProbeRequest {
            host: "localhost".to_owned(),
            path: rooted(json::text(settings, "requestPath").unwrap_or_default()),
            statuses: vec![(200, 200)],
            body: None,
        }),
        port: number(settings, "port", 80),
        interval,
        timeout: interval,
        unhealthy_threshold: probes.max(1),
        healthy_threshold: probes.max(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn model(profile: &Value) -> Model {
        let document = json!({"properties": {"virtualMachineProfile": profile}});
        resolve(&document, &|_| None)
    }

    #[test]
    fn the_primary_network_interface_counts() {
        let read = model(
            &json!({"networkProfile": {"networkInterfaceConfigurations": [
            {"name": "second", "properties": {"ipConfigurations": []}},
            {"name": "first", "properties": {"primary": true, "ipConfigurations": [{"name": "ip", "properties": {
                "subnet": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/green"},
                "loadBalancerBackendAddressPools": [{"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/loadBalancers/lb/backendAddressPools/be"}]}}]}}]}}),
        );
        assert_eq!(read.subnet.as_ref().map(ResourceId::name), Some("green"));
        assert_eq!(read.pools.len(), 1);
    }

    #[test]
    fn an_image_is_named_by_id_by_market_name_or_by_vhd() {
        for (storage, image) in [
            (
                json!({"imageReference": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/a"}}),
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/a",
            ),
            (
                json!({"imageReference": {"publisher": "Canonical", "offer": "o", "sku": "22", "version": "latest"}}),
                "Canonical:o:22:latest",
            ),
            (
                json!({"osDisk": {"image": {"uri": "https://a/b.vhd"}}}),
                "https://a/b.vhd",
            ),
        ] {
            assert_eq!(model(&json!({"storageProfile": storage})).image, image);
        }
    }

    #[test]
    fn the_health_extension_wins_over_the_balancers_probe() {
        let extension = json!({"name": "h", "properties": {"type": "ApplicationHealthLinux",
            "settings": {"protocol": "http", "port": 8080, "requestPath": "/health", "intervalInSeconds": 10}}});
        let probe_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/loadBalancers/lb/probes/hp";
        let with = |extensions: Value| {
            let document = json!({"properties": {"virtualMachineProfile": {
                "networkProfile": {"healthProbe": {"id": probe_id}}, "extensionProfile": {"extensions": extensions}}}});
            let of_balancer = |_: &ResourceId| {
                Some(Probe {
                    http: None,
                    port: 1,
                    interval: Duration::ZERO,
                    timeout: Duration::ZERO,
                    unhealthy_threshold: 1,
                    healthy_threshold: 1,
                })
            };
            resolve(&document, &of_balancer)
                .health
                .map(|probe| probe.port)
        };
        assert_eq!(with(json!([extension])), Some(8080));
        assert_eq!(with(json!([])), Some(1));
    }
}
