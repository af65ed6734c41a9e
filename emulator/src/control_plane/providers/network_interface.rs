//! `Microsoft.Network/networkInterfaces` (azure-facts.md §4.9, client-contract.md §7.4).

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as tree};

use super::virtual_machine::is_machine;
use crate::control_plane::provider::{
    ChildRoute, Context, Kind, Provider, Write, in_use, invalid_reference,
};
use crate::control_plane::references::Reference;
use crate::control_plane::schema::{
    Collection, Literal, Schema, Shape, any, children, choice, collection, flag, member, object,
    reference, references, text, texts,
};
use crate::control_plane::store::Resource;

/// Network interfaces.
#[derive(Clone, Debug)]
pub(crate) struct NetworkInterfaces;

static IP_CONFIGURATIONS: Collection = collection(
    "ipConfigurations",
    &[
        text("privateIPAddress"),
        choice("privateIPAllocationMethod", &["Dynamic", "Static"]).or(Literal::Text("Dynamic")),
        choice("privateIPAddressVersion", &["IPv4", "IPv6"]).or(Literal::Text("IPv4")),
        member("primary", Shape::Boolean),
        reference("subnet").required(),
        reference("publicIPAddress"),
        references("loadBalancerBackendAddressPools"),
        references("loadBalancerInboundNatRules"),
        references("applicationGatewayBackendAddressPools"),
        references("applicationSecurityGroups"),
    ],
);

static SCHEMA: Schema = Schema {
    envelope: &[any("extendedLocation")],
    properties: &[
        children(&IP_CONFIGURATIONS),
        object(
            "dnsSettings",
            &[
                texts("dnsServers").or(Literal::EmptyList),
                texts("appliedDnsServers").read_only(),
                text("internalDnsNameLabel"),
            ],
        )
        .or(Literal::EmptyObject),
        text("macAddress").read_only(),
        flag("enableAcceleratedNetworking", false),
        flag("enableIPForwarding", false),
        flag("disableTcpStateTracking", false),
        reference("networkSecurityGroup"),
        any("virtualMachine").read_only(),
        any("hostedWorkloads").read_only(),
        any("tapConfigurations").read_only(),
    ],
};

static KIND: Kind = Kind {
    resource_type: "Microsoft.Network/networkInterfaces",
    api_versions: &[
        "2025-07-01",
        "2025-05-01",
        "2025-01-01",
        "2023-11-01",
        "2022-01-01",
    ],
    schema: &SCHEMA,
    children: &[ChildRoute {
        collection: "ipConfigurations",
        writable: false,
    }],
    ..Kind::NETWORK
};

impl Provider for NetworkInterfaces {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        let wanted = configurations(write)?;
        let primaries = wanted.iter().filter(|wanted| wanted.primary).count();
        if wanted.is_empty() || primaries > 1 {
            return Err(ArmError::bad_request(
                "NetworkInterfaceMustHaveOnePrimaryIpConfiguration",
                format!(
                    "Network interface {} must have at least one IP configuration, and one \
                     primary.",
                    write.id
                ),
            ));
        }
        check_one_network(write, &wanted)?;
        for (index, wanted) in wanted.iter().enumerate() {
            context.check_subnet_is_no_gateways(&wanted.subnet, &wanted.id)?;
            if let Some(public) = &wanted.public {
                context.check_public_address_is_free(public, &write.id)?;
            }
            let id = write.id.clone();
            let claimed = context.claim(write, &wanted.id, &wanted.subnet, wanted.address)?;
            tracing::trace!(id = id.as_str(), %claimed, "claimed an address");
            let held = &mut write.model["properties"]["ipConfigurations"][index]["properties"];
            held["privateIPAddress"] = claimed.to_string().into();
            held["primary"] = (wanted.primary || (primaries == 0 && index == 0)).into();
        }
        complete(write);
        Ok(())
    }

    fn in_use(&self, target: &ResourceId, by: &Reference) -> Option<ArmError> {
        if !is_machine(&by.owner) {
            return Some(in_use(target, by));
        }
        Some(ArmError::bad_request(
            "NicInUse",
            format!(
                "Network Interface {target} is used by existing resource {}. In order to delete the \
                 network interface, it must be dissociated from the resource. To learn more, see \
                 aka.ms/deletenic.",
                by.owner
            ),
        ))
    }

    fn view(&self, context: &Context<'_>, resource: &Resource, document: &mut Value) {
        let mut users = context.store.referrers(&resource.id).iter();
        if let Some(by) = users.find(|by| is_machine(&by.owner)) {
            document["properties"]["virtualMachine"] = json!({"id": by.owner.as_str()});
        }
    }
}

struct Wanted {
    id: ResourceId,
    subnet: ResourceId,
    address: Option<Ipv4Addr>,
    public: Option<ResourceId>,
    primary: bool,
}

fn configurations(write: &Write) -> Result<Vec<Wanted>, ArmError> {
    let items = tree::items(&write.model, "properties.ipConfigurations");
    let read = items.map(|item| {
        let id = write.id.child(
            "ipConfigurations",
            tree::text(item, "name").unwrap_or_default(),
        );
        let parse = |text: &str| ResourceId::parse(text).map_err(|_| invalid_reference(&id, text));
        let subnet = parse(tree::text(item, "properties.subnet.id").unwrap_or_default())?;
        let public = tree::text(item, "properties.publicIPAddress.id").map(parse);
        let fixed = tree::text(item, "properties.privateIPAllocationMethod") == Some("Static");
        Ok(Wanted {
            address: if fixed {
                Some(static_address(item, &id)?)
            } else {
                None
            },
            public: public.transpose()?,
            primary: tree::boolean(item, "properties.primary").unwrap_or(false),
            subnet,
            id,
        })
    });
    read.collect()
}

/// The address of a static configuration.
fn static_address(item: &Value, id: &ResourceId) -> Result<Ipv4Addr, ArmError> {
    let given = tree::text(item, "properties.privateIPAddress").unwrap_or_default();
    given.parse().map_err(|_| {
        ArmError::bad_request(
            "InvalidIPAddress",
            format!("Static IP configuration {id} has no valid private IP address: '{given}'."),
        )
    })
}

fn check_one_network(write: &Write, wanted: &[Wanted]) -> Result<(), ArmError> {
    let networks: std::collections::BTreeSet<_> =
        wanted.iter().map(|wanted| wanted.subnet.parent()).collect();
    if networks.len() <= 1 {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "IPConfigurationsOnSameNicCannotUseDifferentVnets",
        format!(
            "IP configurations of network interface {} use different networks.",
            write.id
        ),
    ))
}

/// What Azure adds: DNS settings that clients dereference, and a MAC address.
fn complete(write: &mut Write) {
    let digits: String = write
        .guid
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(6)
        .collect();
    let digits = digits.to_ascii_uppercase();
    let properties = &mut write.model["properties"];
    properties["dnsSettings"]["appliedDnsServers"] = json!([]);
    // 00-0D-3A is Microsoft's prefix for virtual machines in Azure.
    let mac = format!(
        "00-0D-3A-{}-{}-{}",
        &digits[..2],
        &digits[2..4],
        &digits[4..6]
    );
    properties["macAddress"] = mac.into();
}
