//! The system of azure-facts.md §11 as literal JSON: network, gateway, and two sides of a balancer
//! and a scale set each.

use crate::support::{Client, SUBSCRIPTION};

pub(crate) const VNET: &str =
    "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/bgvnet";
pub(crate) const PUBLIC_IP: &str =
    "/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/pip1";
pub(crate) const GATEWAY: &str =
    "/resourceGroups/g/providers/Microsoft.Network/applicationGateways/gw1";

/// The path of a side's balancer.
pub(crate) fn balancer(side: &str) -> String {
    format!("/resourceGroups/g/providers/Microsoft.Network/loadBalancers/{side}-lb")
}

/// The path of a side's scale set.
pub(crate) fn scale_set(side: &str) -> String {
    format!("/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/{side}")
}

/// The path of a side's autoscale setting, in the spelling clients use.
pub(crate) fn autoscale(side: &str) -> String {
    format!("/resourcegroups/g/providers/microsoft.insights/autoscalesettings/{side}-as")
}

const NETWORK_BODY: &str = r#"{"location":"westeurope","properties":{
    "addressSpace":{"addressPrefixes":["10.0.0.0/8"]},"subnets":[
        {"name":"main","properties":{"addressPrefix":"10.0.0.0/24"}},
        {"name":"green","properties":{"addressPrefix":"10.0.1.0/24"}},
        {"name":"appgw","properties":{"addressPrefix":"10.0.2.0/24"}}]}}"#;

const PUBLIC_IP_BODY: &str = r#"{"location":"westeurope","sku":{"name":"Standard"},
    "properties":{"publicIPAllocationMethod":"Static"}}"#;

/// The balancer body of azure-facts.md §11.4.
pub(crate) fn balancer_body(side: &str, address: &str) -> String {
    let id = format!("{SUBSCRIPTION}{}", balancer(side));
    format!(
        r#"{{"location":"westeurope","sku":{{"name":"Standard","tier":"Regional"}},"properties":{{
        "frontendIPConfigurations":[{{"name":"fe","properties":{{"subnet":{{"id":"{SUBSCRIPTION}{VNET}/subnets/main"}},
            "privateIPAddress":"{address}","privateIPAllocationMethod":"Static","privateIPAddressVersion":"IPv4"}}}}],
        "backendAddressPools":[{{"name":"be"}}],
        "probes":[{{"name":"hp","properties":{{"protocol":"Http","port":80,"requestPath":"/health","intervalInSeconds":5,"numberOfProbes":2,"probeThreshold":2}}}}],
        "loadBalancingRules":[{{"name":"http","properties":{{"frontendIPConfiguration":{{"id":"{id}/frontendIPConfigurations/fe"}},
            "backendAddressPool":{{"id":"{id}/backendAddressPools/be"}},"probe":{{"id":"{id}/probes/hp"}},
            "protocol":"Tcp","frontendPort":80,"backendPort":80,"idleTimeoutInMinutes":4,"enableTcpReset":true,
            "enableFloatingIP":false,"loadDistribution":"Default","disableOutboundSnat":true}}}}],
        "inboundNatRules":[],"inboundNatPools":[],"outboundRules":[]}}}}"#
    )
}

/// The scale set body of azure-facts.md §11.5, with a marketplace image of a version.
pub(crate) fn scale_set_body(side: &str, capacity: u32, version: &str, mode: &str) -> String {
    let balancer = balancer(side);
    format!(
        r#"{{"location":"westeurope","sku":{{"name":"Standard_D2s_v5","tier":"Standard","capacity":{capacity}}},
        "properties":{{"orchestrationMode":"Uniform","overprovision":false,"singlePlacementGroup":true,"upgradePolicy":{{"mode":"{mode}"}},
        "virtualMachineProfile":{{
            "osProfile":{{"computerNamePrefix":"{side}","adminUsername":"ops","adminPassword":"s3cret!"}},
            "storageProfile":{{"imageReference":{{"publisher":"shop","offer":"app","sku":"web","version":"{version}"}},
                "osDisk":{{"createOption":"FromImage","caching":"ReadWrite"}}}},
            "networkProfile":{{"networkInterfaceConfigurations":[{{"name":"nic","properties":{{"primary":true,"ipConfigurations":[{{"name":"ip","properties":{{
                "primary":true,"subnet":{{"id":"{SUBSCRIPTION}{VNET}/subnets/green"}},
                "loadBalancerBackendAddressPools":[{{"id":"{SUBSCRIPTION}{balancer}/backendAddressPools/be"}}]}}}}]}}}}]}},
            "extensionProfile":{{"extensions":[{{"name":"health","properties":{{"publisher":"Microsoft.ManagedServices","type":"ApplicationHealthLinux",
                "typeHandlerVersion":"1.0","autoUpgradeMinorVersion":true,
                "settings":{{"protocol":"http","port":80,"requestPath":"/health","intervalInSeconds":5,"numberOfProbes":1}}}}}}]}}}}}}}}"#
    )
}

/// The gateway of azure-facts.md §11.1 as a client writes it; `members` is the pool's list.
pub(crate) fn gateway_body(members: &[&str]) -> String {
    let own = |child: &str| format!(r#"{{"id":"{SUBSCRIPTION}{GATEWAY}/{child}"}}"#);
    let members: Vec<String> = members
        .iter()
        .map(|member| format!(r#"{{"ipAddress":"{member}"}}"#))
        .collect();
    format!(
        r#"{{"location":"westeurope","properties":{{
        "sku":{{"name":"Standard_v2","tier":"Standard_v2","capacity":2}},
        "gatewayIPConfigurations":[{{"name":"gwip","properties":{{"subnet":{{"id":"{SUBSCRIPTION}{VNET}/subnets/appgw"}}}}}}],
        "frontendIPConfigurations":[{{"name":"feip","properties":{{"publicIPAddress":{{"id":"{SUBSCRIPTION}{PUBLIC_IP}"}}}}}}],
        "frontendPorts":[{{"name":"p80","properties":{{"port":80}}}}],
        "backendAddressPools":[{{"name":"pool01","properties":{{"backendAddresses":[{}]}}}}],
        "backendHttpSettingsCollection":[{{"name":"s1","properties":{{"port":80,"protocol":"Http","cookieBasedAffinity":"Disabled",
            "connectionDraining":{{"enabled":true,"drainTimeoutInSec":60}},"requestTimeout":30,"probe":{}}}}}],
        "httpListeners":[{{"name":"l1","properties":{{"frontendIPConfiguration":{},"frontendPort":{},"protocol":"Http"}}}}],
        "requestRoutingRules":[{{"name":"r1","properties":{{"ruleType":"Basic","priority":100,"httpListener":{},
            "backendAddressPool":{},"backendHttpSettings":{}}}}}],
        "probes":[{{"name":"hp","properties":{{"protocol":"Http","host":"app.internal","path":"/health","interval":5,"timeout":5,
            "unhealthyThreshold":2,"match":{{"statusCodes":["200-399"]}}}}}}]}}}}"#,
        members.join(","),
        own("probes/hp"),
        own("frontendIPConfigurations/feip"),
        own("frontendPorts/p80"),
        own("httpListeners/l1"),
        own("backendAddressPools/pool01"),
        own("backendHttpSettingsCollection/s1"),
    )
}

impl Client {
    /// The group `g` with the network.
    pub(crate) fn with_network() -> Self {
        let mut client = Self::with_group();
        client.network();
        client
    }

    /// Adds the network to the group.
    pub(crate) fn network(&mut self) {
        self.create(VNET, NETWORK_BODY);
    }

    /// Adds a side's balancer.
    pub(crate) fn balancer(&mut self, side: &str, address: &str) {
        self.create(&balancer(side), &balancer_body(side, address));
    }

    /// Adds a side: its balancer and its scale set of `capacity`.
    pub(crate) fn side(&mut self, side: &str, address: &str, capacity: u32) {
        self.balancer(side, address);
        let body = scale_set_body(side, capacity, "1.0.0", "Manual");
        self.create(&scale_set(side), &body);
    }

    /// Adds the public address and the gateway with these pool members.
    pub(crate) fn gateway(&mut self, members: &[&str]) {
        self.create(PUBLIC_IP, PUBLIC_IP_BODY);
        self.create(GATEWAY, &gateway_body(members));
    }
}
