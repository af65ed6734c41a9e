//! A side's bodies: image, load balancer, interface, scale set, autoscale (azure-facts.md §11.4–6).

use serde_json::{Value, json};

use super::frontend::subnet_id;
use crate::config::{AutoscaleRange, Config, Side};

/// Names of a load balancer's children; the pool's is the published script's.
const FRONTEND: &str = "frontend";
const POOL: &str = "LB-backend";
const PROBE: &str = "probe";
const RULE: &str = "http";
const NAT_RULE: &str = "admin";
/// Machines of a scale set that one placement group holds (azure-facts.md §4.12.2).
const MOST_IN_ONE_PLACEMENT_GROUP: u32 = 100;

/// One side with what its bodies need of the whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct SideBodies<'a> {
    pub(super) config: &'a Config,
    pub(super) name: &'a str,
    pub(super) side: &'a Side,
}

impl SideBodies<'_> {
    fn location(&self) -> &str {
        &self.config.frontend.location
    }

    fn subscription(&self) -> &str {
        self.config.target.subscription()
    }

    pub(super) fn image(&self, blob: &str) -> Value {
        json!({
            "location": self.location(),
            "properties": {
                "hyperVGeneration": "V2",
                "storageProfile": {
                    "osDisk": {"osType": "Linux", "osState": "Generalized", "blobUri": blob},
                },
            },
        })
    }

    pub(super) fn load_balancer(&self) -> Value {
        let id = self.side.load_balancer(self.subscription());
        let frontend = json!({"id": id.child("frontendIPConfigurations", FRONTEND)});
        json!({
            "location": self.location(),
            "sku": {"name": "Standard", "tier": "Regional"},
            "properties": {
                "frontendIPConfigurations": [{
                    "name": FRONTEND,
                    "properties": {
                        "subnet": {"id": subnet_id(self.config, &self.side.address_subnet)},
                        "privateIPAddress": self.side.address,
                        "privateIPAllocationMethod": "Static",
                        "privateIPAddressVersion": "IPv4",
                    },
                }],
                "backendAddressPools": [{"name": POOL}],
                "probes": [{
                    "name": PROBE,
                    "properties": {
                        // HTTP on the readiness path: a TCP probe admits what cannot serve (F19).
                        "protocol": "Http",
                        "port": 80,
                        "requestPath": self.config.frontend.probe.path,
                        "intervalInSeconds": 5,
                        "numberOfProbes": 2,
                        "probeThreshold": 2,
                    },
                }],
                "loadBalancingRules": [{
                    "name": RULE,
                    "properties": {
                        "frontendIPConfiguration": frontend,
                        "backendAddressPool": {"id": id.child("backendAddressPools", POOL)},
                        "probe": {"id": id.child("probes", PROBE)},
                        "protocol": "Tcp",
                        "frontendPort": 80,
                        "backendPort": 80,
                        "idleTimeoutInMinutes": 4,
                        "enableTcpReset": true,
                        "loadDistribution": "Default",
                        "disableOutboundSnat": true,
                    },
                }],
                "inboundNatRules": [{
                    "name": NAT_RULE,
                    "properties": {
                        "frontendIPConfiguration": frontend,
                        "protocol": "Tcp",
                        "frontendPort": 3389,
                        "backendPort": 3389,
                    },
                }],
            },
        })
    }

    /// The lone interface of the published script. It takes the NAT rule only: in the pool, where
    /// the script put it, it would be a member without a machine, down for ever.
    pub(super) fn network_interface(&self) -> Value {
        let balancer = self.side.load_balancer(self.subscription());
        let rule = balancer.child("inboundNatRules", NAT_RULE);
        json!({
            "location": self.location(),
            "properties": {
                "ipConfigurations": [{
                    "name": "ip",
                    "properties": {
                        "primary": true,
                        "subnet": {"id": subnet_id(self.config, &self.side.subnet)},
                        "privateIPAllocationMethod": "Dynamic",
                        "loadBalancerInboundNatRules": [{"id": rule}],
                    },
                }],
            },
        })
    }

    pub(super) fn scale_set(&self) -> Value {
        json!({
            "location": self.location(),
            "sku": {"name": self.side.size, "tier": "Standard", "capacity": self.side.instances},
            "properties": {
                "orchestrationMode": "Uniform",
                // Extra machines that come and go would take traffic for a while (azure-facts §4.12.5).
                "overprovision": false,
                "singlePlacementGroup": self.fits_one_placement_group(),
                "upgradePolicy": {"mode": "Automatic"},
                "virtualMachineProfile": {
                    "osProfile": {
                        "computerNamePrefix": self.name,
                        "adminUsername": "ops",
                        "linuxConfiguration": {"disablePasswordAuthentication": true},
                    },
                    "storageProfile": {
                        "imageReference": {"id": self.side.image},
                        "osDisk": {
                            "createOption": "FromImage",
                            "caching": "ReadWrite",
                            "managedDisk": {"storageAccountType": "Premium_LRS"},
                        },
                    },
                    "networkProfile": {"networkInterfaceConfigurations": [self.interface()]},
                    "extensionProfile": {"extensions": [self.health_extension()]},
                },
            },
        })
    }

    /// Whether all machines the side may ever have fit one placement group: what does not could
    /// not be scaled out later, and there is no way back into one (azure-facts.md §4.12.2).
    fn fits_one_placement_group(&self) -> bool {
        let most = self.side.autoscale.as_ref().map(|range| range.maximum);
        most.unwrap_or_default().max(self.side.instances) <= MOST_IN_ONE_PLACEMENT_GROUP
    }

    fn interface(&self) -> Value {
        let balancer = self.side.load_balancer(self.subscription());
        json!({
            "name": "nic",
            "properties": {
                "primary": true,
                "ipConfigurations": [{
                    "name": "ip",
                    "properties": {
                        "primary": true,
                        "subnet": {"id": subnet_id(self.config, &self.side.subnet)},
                        "loadBalancerBackendAddressPools":
                            [{"id": balancer.child("backendAddressPools", POOL)}],
                    },
                }],
            },
        })
    }

    /// Gives each instance a verdict of its own: the gateway sees one address per side (F05).
    fn health_extension(&self) -> Value {
        json!({
            "name": "health",
            "properties": {
                "publisher": "Microsoft.ManagedServices",
                "type": "ApplicationHealthLinux",
                "typeHandlerVersion": "1.0",
                "autoUpgradeMinorVersion": true,
                "settings": {
                    "protocol": "http",
                    "port": 80,
                    "requestPath": self.config.frontend.probe.path,
                    "intervalInSeconds": 5,
                    "numberOfProbes": 1,
                },
            },
        })
    }

    /// Numbers are strings here, and only here (azure-facts.md §4.14).
    pub(super) fn autoscale(&self, range: AutoscaleRange) -> Value {
        let target = self.side.scale_set(self.subscription(), self.name);
        let text = |number: u32| number.to_string();
        let rule = |operator, threshold, direction| {
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
            "location": self.location(),
            "properties": {
                "enabled": true,
                "targetResourceUri": target,
                "profiles": [{
                    "name": "default",
                    "capacity": {
                        "minimum": text(range.minimum),
                        "maximum": text(range.maximum),
                        "default": text(range.minimum),
                    },
                    "rules": [
                        rule("GreaterThan", 70, "Increase"),
                        rule("LessThan", 30, "Decrease"),
                    ],
                }],
            },
        })
    }
}
