//! The published system as bodies (azure-facts.md §0.3), with SKUs that can still be bought: gateway
//! and balancer v1 and Basic are retired.
//!
//! What differs from ours is what matters: no gateway probe of its own, no connection draining, a
//! balancer probe every 15 s that takes two failures, overprovisioning left on.

use serde_json::{Value, json};
use turquoise_arm::ResourceId;
use turquoise_orchestrator::Config;
use turquoise_orchestrator::config::Side;

/// The frontend group's resources in dependency order.
pub(super) fn frontend(config: &Config) -> Vec<(ResourceId, Value)> {
    let group = config.target.group();
    vec![
        (group, json!({"location": config.frontend.location})),
        (network_id(config), network(config)),
        (address_id(config), address(config)),
        (config.target.gateway.clone(), gateway(config)),
    ]
}

/// A side's resources in dependency order; nothing for a side the configuration does not have.
pub(super) fn side(config: &Config, name: &str) -> Vec<(ResourceId, Value)> {
    let Some(side) = config.side(name) else {
        return Vec::new();
    };
    let subscription = config.target.subscription();
    let group = config.target.group_named(&side.group);
    let balancer = side.load_balancer(subscription);
    let mut resources = vec![
        (group, json!({"location": config.frontend.location})),
        (side.image.clone(), image(config, side)),
        (balancer.clone(), load_balancer(config, side, &balancer)),
        (
            side.scale_set(subscription, name),
            scale_set(config, side, name, &balancer),
        ),
    ];
    if let Some(range) = side.autoscale {
        let target = side.scale_set(subscription, name);
        let limits = (range.minimum.to_string(), range.maximum.to_string());
        resources.push((
            side.autoscale_setting(subscription, name),
            autoscale(config, &target, &limits),
        ));
    }
    resources
}

fn network_id(config: &Config) -> ResourceId {
    let group = config.target.group();
    group.resource(
        "Microsoft.Network/virtualNetworks",
        &config.frontend.network.name,
    )
}

fn subnet(config: &Config, name: &str) -> Value {
    json!({"id": network_id(config).child("subnets", name)})
}

fn address_id(config: &Config) -> ResourceId {
    let group = config.target.group();
    group.resource(
        "Microsoft.Network/publicIPAddresses",
        &config.frontend.public_ip,
    )
}

fn network(config: &Config) -> Value {
    let network = &config.frontend.network;
    let subnets = network.subnets.iter();
    let subnets: Vec<Value> = subnets
        .map(|(name, range)| json!({"name": name, "properties": {"addressPrefix": range}}))
        .collect();
    json!({
        "location": config.frontend.location,
        "properties": {
            "addressSpace": {"addressPrefixes": [network.address_space]},
            "subnets": subnets,
        },
    })
}

fn address(config: &Config) -> Value {
    json!({
        "location": config.frontend.location,
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    })
}

fn gateway(config: &Config) -> Value {
    let child = |kind: &str, name: &str| json!({"id": config.target.gateway.child(kind, name)});
    let live = config.side(&config.target.initial);
    let members: Vec<Value> = live
        .into_iter()
        .map(|side| json!({"ipAddress": side.address}))
        .collect();
    json!({
        "location": config.frontend.location,
        "properties": {
            "sku": {
                "name": "Standard_v2",
                "tier": "Standard_v2",
                "capacity": config.frontend.capacity,
            },
            "gatewayIPConfigurations": [{
                "name": "gatewayIP01",
                "properties": {"subnet": subnet(config, &config.frontend.network.gateway_subnet)},
            }],
            "frontendIPConfigurations": [{
                "name": "fipconfig01",
                "properties": {"publicIPAddress": {"id": address_id(config)}},
            }],
            "frontendPorts": [{"name": "frontendport01", "properties": {"port": 80}}],
            "backendAddressPools": [{
                "name": config.target.pool,
                "properties": {"backendAddresses": members},
            }],
            "backendHttpSettingsCollection": [{
                "name": "poolsetting01",
                "properties": {
                    "port": 80,
                    "protocol": "Http",
                    "cookieBasedAffinity": "Disabled",
                    "requestTimeout": 120,
                },
            }],
            "httpListeners": [{
                "name": "listener01",
                "properties": {
                    "frontendIPConfiguration": child("frontendIPConfigurations", "fipconfig01"),
                    "frontendPort": child("frontendPorts", "frontendport01"),
                    "protocol": "Http",
                },
            }],
            "requestRoutingRules": [{
                "name": "rule01",
                "properties": {
                    "ruleType": "Basic",
                    "priority": 100,
                    "httpListener": child("httpListeners", "listener01"),
                    "backendAddressPool": child("backendAddressPools", &config.target.pool),
                    "backendHttpSettings": child("backendHttpSettingsCollection", "poolsetting01"),
                },
            }],
        },
    })
}

fn image(config: &Config, side: &Side) -> Value {
    let blob = side.image_blob.clone();
    let blob = blob.unwrap_or_else(|| "https://images.example.com/vhds/published.vhd".to_owned());
    json!({
        "location": config.frontend.location,
        "properties": {
            "storageProfile": {
                "osDisk": {"osType": "Linux", "osState": "Generalized", "blobUri": blob},
            },
        },
    })
}

fn load_balancer(config: &Config, side: &Side, id: &ResourceId) -> Value {
    let child = |kind: &str, name: &str| json!({"id": id.child(kind, name)});
    json!({
        "location": config.frontend.location,
        "sku": {"name": "Standard"},
        "properties": {
            "frontendIPConfigurations": [{
                "name": "LB-Frontend",
                "properties": {
                    "subnet": subnet(config, &side.address_subnet),
                    "privateIPAddress": side.address,
                    "privateIPAllocationMethod": "Static",
                },
            }],
            "backendAddressPools": [{"name": "LB-backend"}],
            "probes": [{
                "name": "HealthProbe",
                "properties": {
                    "protocol": "Http",
                    "port": 80,
                    // The script says `index.html`; Standard insists on the leading slash.
                    "requestPath": "/index.html",
                    "intervalInSeconds": 15,
                    "numberOfProbes": 2,
                },
            }],
            "loadBalancingRules": [{
                "name": "HTTP",
                "properties": {
                    "frontendIPConfiguration": child("frontendIPConfigurations", "LB-Frontend"),
                    "backendAddressPool": child("backendAddressPools", "LB-backend"),
                    "probe": child("probes", "HealthProbe"),
                    "protocol": "Tcp",
                    "frontendPort": 80,
                    "backendPort": 80,
                },
            }],
            "inboundNatRules": [{
                "name": "RDP",
                "properties": {
                    "frontendIPConfiguration": child("frontendIPConfigurations", "LB-Frontend"),
                    "protocol": "Tcp",
                    "frontendPort": 3389,
                    "backendPort": 3389,
                },
            }],
        },
    })
}

fn scale_set(config: &Config, side: &Side, name: &str, balancer: &ResourceId) -> Value {
    json!({
        "location": config.frontend.location,
        "sku": {"name": side.size, "tier": "Standard", "capacity": side.instances},
        "properties": {
            "orchestrationMode": "Uniform",
            "upgradePolicy": {"mode": "Automatic"},
            "virtualMachineProfile": {
                "osProfile": {
                    "computerNamePrefix": name,
                    "adminUsername": "ops",
                    "linuxConfiguration": {"disablePasswordAuthentication": true},
                },
                "storageProfile": {
                    "imageReference": {"id": side.image},
                    "osDisk": {"createOption": "FromImage", "caching": "ReadWrite"},
                },
                "networkProfile": {"networkInterfaceConfigurations": [{
                    "name": "NIC",
                    "properties": {
                        "primary": true,
                        "ipConfigurations": [{
                            "name": "IPConfig",
                            "properties": {
                                "primary": true,
                                "subnet": subnet(config, &side.subnet),
                                "loadBalancerBackendAddressPools":
                                    [{"id": balancer.child("backendAddressPools", "LB-backend")}],
                            },
                        }],
                    },
                }]},
                "extensionProfile": {"extensions": [{
                    "name": "BGInfo",
                    "properties": {
                        "publisher": "Microsoft.Compute",
                        "type": "BGInfo",
                        "typeHandlerVersion": "2.1",
                        "autoUpgradeMinorVersion": true,
                    },
                }]},
            },
        },
    })
}

fn autoscale(config: &Config, target: &ResourceId, limits: &(String, String)) -> Value {
    let rule = |operator: &str, threshold: u32, direction: &str| {
        json!({
            "metricTrigger": {
                "metricName": "Percentage CPU",
                "metricResourceUri": target,
                "timeGrain": "PT1M",
                "statistic": "Average",
                "timeWindow": "PT5M",
                "timeAggregation": "Average",
                "operator": operator,
                "threshold": threshold,
            },
            "scaleAction": {
                "direction": direction,
                "type": "ChangeCount",
                "value": "1",
                "cooldown": "PT5M",
            },
        })
    };
    json!({
        "location": config.frontend.location,
        "properties": {
            "enabled": true,
            "targetResourceUri": target,
            "profiles": [{
                "name": "default",
                "capacity": {"minimum": limits.0, "maximum": limits.1, "default": limits.0},
                "rules": [
                    rule("GreaterThan", 60, "Increase"),
                    rule("LessThan", 30, "Decrease"),
                ],
            }],
        },
    })
}
