//! One thing of every emulated type that the documents know, and the names to ask for it by.

use serde_json::{Value, json};

use super::Judge;
use crate::support::SUBSCRIPTION;
use crate::topology;

/// What stands for a documented parameter. Anything else is of a type that is not emulated.
const NAMES: &[(&str, &str)] = &[
    ("subscriptionId", "00000000-0000-0000-0000-000000000001"),
    ("resourceGroupName", "g"),
    ("location", "westeurope"),
    ("resourceProviderNamespace", "Microsoft.Network"),
    ("virtualNetworkName", "bgvnet"),
    ("subnetName", "main"),
    ("virtualNetworkPeeringName", "p"),
    ("networkSecurityGroupName", "nsg"),
    ("securityRuleName", "web"),
    ("defaultSecurityRuleName", "AllowVnetInBound"),
    ("publicIpAddressName", "pip1"),
    ("publicIpPrefixName", "prefix"),
    ("networkInterfaceName", "nic"),
    ("ipConfigurationName", "ip"),
    ("loadBalancerName", "green-lb"),
    ("backendAddressPoolName", "be"),
    ("frontendIPConfigurationName", "fe"),
    ("loadBalancingRuleName", "http"),
    ("probeName", "hp"),
    ("inboundNatRuleName", "ssh"),
    ("outboundRuleName", "out"),
    ("applicationGatewayName", "gw1"),
    ("routeTableName", "table"),
    ("routeName", "way"),
    ("natGatewayName", "nat"),
    ("applicationSecurityGroupName", "asg"),
    ("availabilitySetName", "set"),
    ("imageName", "image"),
    ("vmName", "m"),
    ("vmExtensionName", "script"),
    ("vmScaleSetName", "green"),
    ("virtualMachineScaleSetName", "green"),
    ("vmssExtensionName", "health"),
    ("instanceId", "0"),
    ("virtualmachineIndex", "0"),
    ("autoscaleSettingName", "green-as"),
    ("deploymentName", "d"),
    ("lockName", "keep"),
    ("publisherName", "shop"),
    ("offer", "app"),
    ("skus", "web"),
    ("version", "1.0.0"),
];

/// A template with its parameters filled.
pub(super) fn fill(template: &str) -> String {
    let segments = template.split('/').map(|segment| {
        let Some(name) = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) else {
            return segment.to_owned();
        };
        let known = NAMES.iter().find(|(known, _)| *known == name);
        known.map_or("x", |(_, value)| value).to_owned()
    });
    segments.collect::<Vec<_>>().join("/")
}

/// A path from its root, as the documents write them.
pub(super) fn full(path: &str) -> String {
    if path.starts_with("/subscriptions") || path.starts_with("/tenants") {
        path.to_owned()
    } else {
        format!("{SUBSCRIPTION}{path}")
    }
}

fn network(kind: &str, name: &str) -> String {
    format!("/resourceGroups/g/providers/Microsoft.Network/{kind}/{name}")
}

fn compute(kind: &str, name: &str) -> String {
    format!("/resourceGroups/g/providers/Microsoft.Compute/{kind}/{name}")
}

fn id(path: &str) -> Value {
    json!({"id": format!("{SUBSCRIPTION}{path}")})
}

fn body(properties: &Value) -> String {
    json!({"location": "westeurope", "properties": properties}).to_string()
}

fn standard(properties: &Value) -> String {
    json!({"location": "westeurope", "sku": {"name": "Standard"}, "properties": properties})
        .to_string()
}

/// Makes one of everything, each answer judged.
pub(super) fn build(judge: &mut Judge) {
    judge.make(
        "/resourceGroups/g",
        r#"{"location":"West Europe","tags":{"a":"b"}}"#,
    );
    networks(judge);
    balancers(judge);
    machines(judge);
    judge.make(
        topology::PUBLIC_IP,
        &standard(&json!({"publicIPAllocationMethod": "Static"})),
    );
    judge.make(topology::GATEWAY, &topology::gateway_body(&["10.0.0.5"]));
    judge.make(&topology::autoscale("green"), &autoscale());
    judge.make(
        "/resourcegroups/g/providers/Microsoft.Resources/deployments/d",
        &deployment(json!({})),
    );
    judge.make(
        "/providers/Microsoft.Resources/deployments/d",
        &deployment(json!({"location": "westeurope"})),
    );
    let lock = r#"{"properties":{"level":"CanNotDelete"}}"#;
    for scope in ["", "/resourceGroups/g"] {
        judge.make(
            &format!("{scope}/providers/Microsoft.Authorization/locks/keep"),
            lock,
        );
    }
}

fn networks(judge: &mut Judge) {
    let table = network("routeTables", "table");
    let way = json!({"name": "way", "properties": {"addressPrefix": "10.3.0.0/24", "nextHopType": "None"}});
    judge.make(&table, &body(&json!({"routes": [way]})));
    judge.make(
        &network("publicIPPrefixes", "prefix"),
        &standard(&json!({"prefixLength": 30})),
    );
    let prefixes = json!({"publicIpPrefixes": [id(&network("publicIPPrefixes", "prefix"))]});
    judge.make(&network("natGateways", "nat"), &standard(&prefixes));
    judge.make(
        &network("applicationSecurityGroups", "asg"),
        &body(&json!({})),
    );
    let rule = json!({"name": "web", "properties": {"protocol": "Tcp", "sourcePortRange": "*",
        "destinationPortRange": "80", "sourceAddressPrefix": "*", "destinationAddressPrefix": "*",
        "access": "Allow", "priority": 100, "direction": "Inbound"}});
    let group = network("networkSecurityGroups", "nsg");
    judge.make(&group, &body(&json!({"securityRules": [rule]})));
    let subnet = |name: &str, third: u8| json!({"name": name, "properties": {"addressPrefix": format!("10.0.{third}.0/24")}});
    let mut green = subnet("green", 1);
    green["properties"]["networkSecurityGroup"] = id(&group);
    green["properties"]["routeTable"] = id(&table);
    green["properties"]["natGateway"] = id(&network("natGateways", "nat"));
    judge.make(
        topology::VNET,
        &body(&json!({
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [subnet("main", 0), green, subnet("appgw", 2)],
        })),
    );
    judge.make(
        &network("virtualNetworks", "far"),
        &body(&json!({
            "addressSpace": {"addressPrefixes": ["10.1.0.0/16"]},
        })),
    );
    let remote =
        json!({"properties": {"remoteVirtualNetwork": id(&network("virtualNetworks", "far"))}});
    judge.make(
        &format!("{}/virtualNetworkPeerings/p", topology::VNET),
        &remote.to_string(),
    );
    let configuration = json!({"name": "ip", "properties": {
        "subnet": id(&format!("{}/subnets/main", topology::VNET)),
        "applicationSecurityGroups": [id(&network("applicationSecurityGroups", "asg"))]}});
    judge.make(
        &network("networkInterfaces", "nic"),
        &body(&json!({"ipConfigurations": [configuration]})),
    );
}

fn balancers(judge: &mut Judge) {
    let path = topology::balancer("green");
    judge.make(&path, &topology::balancer_body("green", "10.0.0.5"));
    let rule = json!({"properties": {"frontendIPConfiguration": id(&format!("{path}/frontendIPConfigurations/fe")),
        "protocol": "Tcp", "frontendPort": 2200, "backendPort": 22}});
    judge.make(&format!("{path}/inboundNatRules/ssh"), &rule.to_string());
}

fn machines(judge: &mut Judge) {
    judge.make(
        &compute("images", "image"),
        &body(&json!({"storageProfile": {"osDisk": {
        "osType": "Linux", "osState": "Generalized",
        "blobUri": "https://account.blob.core.windows.net/images/disk.vhd"}}})),
    );
    judge.make(
        &topology::scale_set("green"),
        &topology::scale_set_body("green", 2, "1.0.0", "Manual"),
    );
    judge.make(
        &compute("availabilitySets", "set"),
        &json!({"location": "westeurope",
        "sku": {"name": "Aligned"}, "properties": {"platformFaultDomainCount": 2}})
        .to_string(),
    );
    let machine = compute("virtualMachines", "m");
    judge.make(
        &machine,
        &body(&json!({
        "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
        "availabilitySet": id(&compute("availabilitySets", "set")),
        "storageProfile": {"imageReference": {"publisher": "Canonical", "offer": "ubuntu",
            "sku": "server", "version": "latest"}},
        "osProfile": {"computerName": "m", "adminUsername": "ops", "adminPassword": "s3cret!"},
        "networkProfile": {"networkInterfaces": [id(&network("networkInterfaces", "nic"))]}})),
    );
    judge.make(&format!("{machine}/extensions/script"), &body(&json!({
        "publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1"})));
}

fn autoscale() -> String {
    let target = format!("{SUBSCRIPTION}{}", topology::scale_set("green"));
    let rule = json!({
        "metricTrigger": {"metricName": "Percentage CPU", "metricResourceUri": target,
            "timeGrain": "PT1M", "statistic": "Average", "timeWindow": "PT5M",
            "timeAggregation": "Average", "operator": "GreaterThan", "threshold": 70},
        "scaleAction": {"direction": "Increase", "type": "ChangeCount", "value": "1",
            "cooldown": "PT5M"}});
    let capacity = json!({"minimum": "1", "maximum": "4", "default": "2"});
    body(
        &json!({"enabled": true, "targetResourceUri": target, "profiles": [
        {"name": "auto", "capacity": capacity, "rules": [rule]}]}),
    )
}

/// A deployment of nothing; `whole` is the body around it.
fn deployment(mut whole: Value) -> String {
    let template = json!({"$schema": "x", "contentVersion": "1.0.0.0", "resources": [],
        "outputs": {"name": {"type": "string", "value": "made"}}});
    whole["properties"] = json!({"mode": "Incremental", "template": template});
    whole.to_string()
}
