//! What a uniform scale set's document looks like (azure-facts.md §4.12.2).

use super::super::os_profile::os_profile;
use crate::control_plane::schema::{
    Literal, Member, Presence, Schema, Shape, any, choice, flag, integer, list, object,
    open_choice, reference, references, text, texts,
};

/// The document.
pub(crate) const SCHEMA: Schema = Schema {
    envelope: &[
        object(
            "sku",
            &[
                text("name"),
                text("tier").or(Literal::Text("Standard")),
                integer("capacity", 0, 1_000),
            ],
        ),
        any("plan"),
        any("identity"),
        any("extendedLocation"),
    ],
    properties: PROPERTIES,
};

const PROPERTIES: &[Member] = &[
    choice("orchestrationMode", &["Uniform", "Flexible"]),
    flag("singlePlacementGroup", true),
    object("upgradePolicy", UPGRADE_POLICY),
    object("scaleInPolicy", SCALE_IN_POLICY),
    any("automaticRepairsPolicy"),
    object("virtualMachineProfile", PROFILE),
    flag("overprovision", true),
    flag("doNotRunExtensionsOnOverprovisionedVMs", false),
    text("uniqueId").read_only(),
    text("timeCreated").read_only(),
    flag("zoneBalance", false),
    integer("platformFaultDomainCount", 1, 5).or(Literal::Integer(5)),
    reference("proximityPlacementGroup"),
    any("additionalCapabilities"),
];

const UPGRADE_POLICY: &[Member] = &[
    choice("mode", &["Manual", "Automatic", "Rolling"]),
    object(
        "rollingUpgradePolicy",
        &[
            integer("maxBatchInstancePercent", 5, 100),
            integer("maxUnhealthyInstancePercent", 5, 100),
            integer("maxUnhealthyUpgradedInstancePercent", 0, 100),
            text("pauseTimeBetweenBatches"),
        ],
    ),
    any("automaticOSUpgradePolicy"),
];

const SCALE_IN_POLICY: &[Member] = &[
    list(
        "rules",
        &Shape::OpenChoice(&["Default", "OldestVM", "NewestVM"]),
    ),
    Member {
        name: "forceDeletion",
        shape: Shape::Boolean,
        presence: Presence::Optional,
    },
];

const PROFILE: &[Member] = &[
    object("osProfile", OS_PROFILE),
    object("storageProfile", STORAGE_PROFILE),
    object("networkProfile", NETWORK_PROFILE),
    object(
        "extensionProfile",
        &[list("extensions", &Shape::Object(EXTENSION))],
    ),
    any("diagnosticsProfile"),
    any("scheduledEventsProfile"),
    text("licenseType"),
    text("priority"),
    text("evictionPolicy"),
    text("userData").secret(),
];

const OS_PROFILE: &[Member] = &os_profile(text("computerNamePrefix"));

const STORAGE_PROFILE: &[Member] = &[
    object(
        "imageReference",
        &[
            text("id"),
            text("publisher"),
            text("offer"),
            text("sku"),
            text("version"),
            text("exactVersion").read_only(),
        ],
    ),
    object(
        "osDisk",
        &[
            open_choice("createOption", &["FromImage", "Attach", "Empty"]),
            open_choice("caching", &["None", "ReadOnly", "ReadWrite"]),
            open_choice("osType", &["Linux", "Windows"]),
            integer("diskSizeGB", 1, 4_095),
            any("managedDisk"),
        ],
    ),
    list("dataDisks", &Shape::Any),
];

const NETWORK_PROFILE: &[Member] = &[
    reference("healthProbe"),
    list("networkInterfaceConfigurations", &Shape::Object(NIC)),
];

const NIC: &[Member] = &[
    text("name").required(),
    object("properties", NIC_PROPERTIES),
];

const NIC_PROPERTIES: &[Member] = &[
    PRIMARY,
    flag("enableAcceleratedNetworking", false),
    flag("disableTcpStateTracking", false),
    reference("networkSecurityGroup"),
    object("dnsSettings", &[texts("dnsServers").or(Literal::EmptyList)]).or(Literal::EmptyObject),
    flag("enableIPForwarding", false),
    list("ipConfigurations", &Shape::Object(IP_CONFIGURATION)),
];

const IP_CONFIGURATION: &[Member] = &[
    text("name").required(),
    object("properties", IP_CONFIGURATION_PROPERTIES),
];

const IP_CONFIGURATION_PROPERTIES: &[Member] = &[
    PRIMARY,
    reference("subnet"),
    choice("privateIPAddressVersion", &["IPv4", "IPv6"]).or(Literal::Text("IPv4")),
    any("publicIPAddressConfiguration"),
    references("loadBalancerBackendAddressPools"),
    references("loadBalancerInboundNatPools"),
    references("applicationGatewayBackendAddressPools"),
    references("applicationSecurityGroups"),
];

const PRIMARY: Member = Member {
    name: "primary",
    shape: Shape::Boolean,
    presence: Presence::Optional,
};

const EXTENSION: &[Member] = &[
    text("name").required(),
    object(
        "properties",
        &[
            text("publisher"),
            text("type"),
            text("typeHandlerVersion"),
            flag("autoUpgradeMinorVersion", false),
            any("settings"),
            any("protectedSettings").secret(),
            texts("provisionAfterExtensions"),
        ],
    ),
];
