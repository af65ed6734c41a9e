//! `Microsoft.Network/networkSecurityGroups` with their rules (azure-facts.md §4.7).
//!
//! Rules are kept and answered; no packet is filtered by them yet.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as tree};

use super::back_references;
use crate::control_plane::name_rule::NameRule;
use crate::control_plane::provider::{ChildRoute, Context, Kind, Provider, Write};
use crate::control_plane::references::Reference;
use crate::control_plane::schema::{
    Collection, Literal, Schema, any, children, choice, collection, flag, integer, references,
    text, texts,
};
use crate::control_plane::store::Resource;

/// Network security groups.
#[derive(Clone, Debug)]
pub(crate) struct NetworkSecurityGroups;

static RULES: Collection = collection(
    "securityRules",
    &[
        text("description"),
        choice("protocol", &["Tcp", "Udp", "Icmp", "Esp", "Ah", "*"]).required(),
        text("sourcePortRange"),
        texts("sourcePortRanges").or(Literal::EmptyList),
        text("destinationPortRange"),
        texts("destinationPortRanges").or(Literal::EmptyList),
        text("sourceAddressPrefix"),
        texts("sourceAddressPrefixes").or(Literal::EmptyList),
        references("sourceApplicationSecurityGroups"),
        text("destinationAddressPrefix"),
        texts("destinationAddressPrefixes").or(Literal::EmptyList),
        references("destinationApplicationSecurityGroups"),
        choice("access", &["Allow", "Deny"]).required(),
        integer("priority", i64::MIN, i64::MAX).required(),
        choice("direction", &["Inbound", "Outbound"]).required(),
    ],
);

static SCHEMA: Schema = Schema {
    envelope: &[],
    properties: &[
        flag("flushConnection", false),
        children(&RULES),
        any("defaultSecurityRules").read_only(),
        any("networkInterfaces").read_only(),
        any("subnets").read_only(),
    ],
};

static KIND: Kind = Kind {
    resource_type: "Microsoft.Network/networkSecurityGroups",
    api_versions: &[
        "2025-07-01",
        "2025-05-01",
        "2025-01-01",
        "2024-07-01",
        "2022-01-01",
    ],
    schema: &SCHEMA,
    children: &[
        ChildRoute {
            collection: "securityRules",
            writable: true,
        },
        ChildRoute {
            collection: "defaultSecurityRules",
            writable: false,
        },
    ],
    ..Kind::NETWORK
};

impl Provider for NetworkSecurityGroups {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, _context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        let mut seen: BTreeMap<(&str, i64), &str> = BTreeMap::new();
        for rule in tree::items(&write.model, "properties.securityRules") {
            let name = tree::text(rule, "name").unwrap_or_default();
            NameRule::Network { least: 1, most: 80 }.check(name)?;
            let priority = tree::integer(rule, "properties.priority").unwrap_or_default();
            if !(100..=4096).contains(&priority) {
                return Err(invalid_priority(name, priority));
            }
            check_given(rule, name)?;
            let direction = tree::text(rule, "properties.direction").unwrap_or_default();
            if let Some(other) = seen.insert((direction, priority), name) {
                return Err(ArmError::bad_request(
                    "SecurityRuleConflict",
                    format!(
                        "Security rule {name} conflicts with rule {other}. Rules cannot have the \
                         same Priority and Direction."
                    ),
                ));
            }
        }
        Ok(())
    }

    fn in_use(&self, target: &ResourceId, by: &Reference) -> Option<ArmError> {
        let scale_set = by
            .owner
            .resource_type()
            .is_some_and(|t| t.is("Microsoft.Compute/virtualMachineScaleSets"));
        Some(if scale_set {
            ArmError::bad_request(
                "NetworkSecurityGroupInUseByVirtualMachineScaleSet",
                format!(
                    "Cannot delete network security group {target} since it is in use by virtual \
                     machine scale set {}.",
                    by.owner
                ),
            )
        } else {
            ArmError::bad_request(
                "InUseNetworkSecurityGroupCannotBeDeleted",
                format!(
                    "Network security group {target} cannot be deleted because it is in use by \
                     the following resources: {}. In order to delete the Network security group, \
                     remove the association with the resource(s). To learn how to do this, see \
                     aka.ms/deletensg.",
                    by.from
                ),
            )
        })
    }

    fn view(&self, context: &Context<'_>, resource: &Resource, document: &mut Value) {
        let defaults = DEFAULTS.iter().map(|rule| default_rule(resource, rule));
        let defaults: Vec<Value> = defaults.collect();
        document["properties"]["defaultSecurityRules"] = defaults.into();
        let users = context.store.referrers(&resource.id);
        for list in ["networkInterfaces", "subnets"] {
            back_references::fill_users(document, users, list);
        }
    }
}

/// One of a pair of members must say which ports and addresses are meant.
fn check_given(rule: &Value, name: &str) -> Result<(), ArmError> {
    let pairs = [
        ("sourcePortRange", "sourcePortRanges"),
        ("destinationPortRange", "destinationPortRanges"),
        ("sourceAddressPrefix", "sourceAddressPrefixes"),
        ("destinationAddressPrefix", "destinationAddressPrefixes"),
    ];
    for (one, many) in pairs {
        let given = tree::text(rule, &format!("properties.{one}")).is_some()
            || tree::items(rule, &format!("properties.{many}"))
                .next()
                .is_some()
            || rule["properties"].get(group_of(one)).is_some();
        if !given {
            return Err(ArmError::bad_request(
                "SecurityRuleParameterNotSpecified",
                format!("Security rule {name} must specify {one} or {many}."),
            ));
        }
    }
    Ok(())
}

fn group_of(member: &str) -> &'static str {
    match member {
        "sourceAddressPrefix" => "sourceApplicationSecurityGroups",
        "destinationAddressPrefix" => "destinationApplicationSecurityGroups",
        _ => "",
    }
}

fn invalid_priority(name: &str, priority: i64) -> ArmError {
    ArmError::bad_request(
        "SecurityRuleInvalidPriority",
        format!(
            "Security rule {name} has invalid Priority. Value provided: {priority}. Allowed range \
             100-4096."
        ),
    )
}

struct DefaultRule {
    name: &'static str,
    description: &'static str,
    source: &'static str,
    destination: &'static str,
    access: &'static str,
    priority: u16,
    direction: &'static str,
}

/// The six rules every group has.
static DEFAULTS: [DefaultRule; 6] = [
    DefaultRule {
        name: "AllowVnetInBound",
        description: "Allow inbound traffic from all VMs in VNET",
        source: "VirtualNetwork",
        destination: "VirtualNetwork",
        access: "Allow",
        priority: 65000,
        direction: "Inbound",
    },
    DefaultRule {
        name: "AllowAzureLoadBalancerInBound",
        description: "Allow inbound traffic from azure load balancer",
        source: "AzureLoadBalancer",
        destination: "*",
        access: "Allow",
        priority: 65001,
        direction: "Inbound",
    },
    DefaultRule {
        name: "DenyAllInBound",
        description: "Deny all inbound traffic",
        source: "*",
        destination: "*",
        access: "Deny",
        priority: 65500,
        direction: "Inbound",
    },
    DefaultRule {
        name: "AllowVnetOutBound",
        description: "Allow outbound traffic from all VMs to all VMs in VNET",
        source: "VirtualNetwork",
        destination: "VirtualNetwork",
        access: "Allow",
        priority: 65000,
        direction: "Outbound",
    },
    DefaultRule {
        name: "AllowInternetOutBound",
        description: "Allow outbound traffic from all VMs to Internet",
        source: "*",
        destination: "Internet",
        access: "Allow",
        priority: 65001,
        direction: "Outbound",
    },
    DefaultRule {
        name: "DenyAllOutBound",
        description: "Deny all outbound traffic",
        source: "*",
        destination: "*",
        access: "Deny",
        priority: 65500,
        direction: "Outbound",
    },
];

fn default_rule(resource: &Resource, rule: &DefaultRule) -> Value {
    json!({
        "name": rule.name,
        "id": resource.id.child("defaultSecurityRules", rule.name).as_str(),
        "etag": resource.etag,
        "type": "Microsoft.Network/networkSecurityGroups/defaultSecurityRules",
        "properties": {
            "provisioningState": resource.state.word(),
            "description": rule.description,
            "protocol": "*",
            "sourcePortRange": "*",
            "destinationPortRange": "*",
            "sourceAddressPrefix": rule.source,
            "destinationAddressPrefix": rule.destination,
            "access": rule.access,
            "priority": rule.priority,
            "direction": rule.direction,
            "sourcePortRanges": [],
            "destinationPortRanges": [],
            "sourceAddressPrefixes": [],
            "destinationAddressPrefixes": [],
        },
    })
}
