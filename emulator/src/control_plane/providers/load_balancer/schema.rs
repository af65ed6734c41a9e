//! What a load balancer's document looks like (azure-facts.md §4.10).

use crate::control_plane::schema::{
    Collection, Literal, Schema, Shape, any, children, choice, collection, flag, integer, list,
    object, open_choice, reference, references, text, texts,
};

/// The document.
pub(crate) const SCHEMA: Schema = Schema {
    envelope: &[
        object(
            "sku",
            &[
                open_choice("name", &["Standard", "Basic", "Gateway"])
                    .or(Literal::Text("Standard")),
                open_choice("tier", &["Regional", "Global"]).or(Literal::Text("Regional")),
            ],
        )
        .or(Literal::EmptyObject),
        any("extendedLocation"),
    ],
    properties: &[
        children(&FRONTEND_IP_CONFIGURATIONS),
        children(&BACKEND_ADDRESS_POOLS),
        children(&LOAD_BALANCING_RULES),
        children(&PROBES),
        children(&INBOUND_NAT_RULES),
        children(&OUTBOUND_RULES),
        children(&INBOUND_NAT_POOLS),
    ],
};

const FRONTEND_IP_CONFIGURATIONS: Collection = Collection {
    name: "frontendIPConfigurations",
    envelope: &[texts("zones")],
    properties: &[
        text("privateIPAddress"),
        choice("privateIPAllocationMethod", &["Dynamic", "Static"]).or(Literal::Text("Dynamic")),
        choice("privateIPAddressVersion", &["IPv4", "IPv6"]).or(Literal::Text("IPv4")),
        reference("subnet"),
        reference("publicIPAddress"),
        reference("publicIPPrefix"),
        references("loadBalancingRules").read_only(),
        references("inboundNatRules").read_only(),
        references("inboundNatPools").read_only(),
        references("outboundRules").read_only(),
    ],
};

/// Pools, which clients also write one by one.
pub(crate) const BACKEND_ADDRESS_POOLS: Collection = collection(
    "backendAddressPools",
    &[
        list("loadBalancerBackendAddresses", &Shape::Any),
        integer("drainPeriodInSeconds", 1, 3_600),
        open_choice("syncMode", &["Automatic", "Manual"]),
        reference("virtualNetwork"),
        text("location"),
        references("backendIPConfigurations").read_only(),
        references("loadBalancingRules").read_only(),
        references("inboundNatRules").read_only(),
        references("outboundRules").read_only(),
    ],
);

const LOAD_BALANCING_RULES: Collection = collection(
    "loadBalancingRules",
    &[
        reference("frontendIPConfiguration"),
        reference("backendAddressPool"),
        references("backendAddressPools"),
        reference("probe"),
        choice("protocol", &["Tcp", "Udp", "All"]).required(),
        integer("frontendPort", 0, 65_534).required(),
        integer("backendPort", 0, 65_535).or(Literal::Integer(0)),
        flag("enableFloatingIP", false),
        integer("idleTimeoutInMinutes", 4, 100).or(Literal::Integer(4)),
        flag("enableTcpReset", false),
        choice(
            "loadDistribution",
            &["Default", "SourceIP", "SourceIPProtocol"],
        )
        .or(Literal::Text("Default")),
        flag("disableOutboundSnat", false),
        flag("enableConnectionTracking", false),
    ],
);

const PROBES: Collection = collection(
    "probes",
    &[
        choice("protocol", &["Http", "Https", "Tcp"]).required(),
        integer("port", 1, 65_535).required(),
        text("requestPath"),
        integer("intervalInSeconds", 5, 2_147_483_646).or(Literal::Integer(15)),
        integer("numberOfProbes", 1, 429_496_729).or(Literal::Integer(2)),
        // Without a default: where it is absent `numberOfProbes` counts.
        integer("probeThreshold", 1, 429_496_729),
        choice(
            "noHealthyBackendsBehavior",
            &["AllProbedDown", "AllProbedUp"],
        )
        .or(Literal::Text("AllProbedDown")),
        references("loadBalancingRules").read_only(),
    ],
);

/// Inbound NAT rules, which clients also write one by one.
pub(crate) const INBOUND_NAT_RULES: Collection = collection(
    "inboundNatRules",
    &[
        reference("frontendIPConfiguration"),
        choice("protocol", &["Tcp", "Udp", "All"]).or(Literal::Text("Tcp")),
        integer("frontendPort", 0, 65_534),
        integer("frontendPortRangeStart", 0, 65_534),
        integer("frontendPortRangeEnd", 0, 65_534),
        integer("backendPort", 0, 65_535).or(Literal::Integer(0)),
        integer("idleTimeoutInMinutes", 4, 100).or(Literal::Integer(4)),
        flag("enableFloatingIP", false),
        flag("enableTcpReset", false),
        reference("backendAddressPool"),
        reference("backendIPConfiguration").read_only(),
    ],
);

const INBOUND_NAT_POOLS: Collection = collection(
    "inboundNatPools",
    &[
        reference("frontendIPConfiguration"),
        choice("protocol", &["Tcp", "Udp", "All"]).or(Literal::Text("Tcp")),
        integer("frontendPortRangeStart", 1, 65_534).required(),
        integer("frontendPortRangeEnd", 1, 65_535).required(),
        integer("backendPort", 1, 65_535).required(),
        integer("idleTimeoutInMinutes", 4, 100).or(Literal::Integer(4)),
        flag("enableFloatingIP", false),
        flag("enableTcpReset", false),
    ],
);

const OUTBOUND_RULES: Collection = collection(
    "outboundRules",
    &[
        references("frontendIPConfigurations"),
        reference("backendAddressPool"),
        choice("protocol", &["Tcp", "Udp", "All"]).or(Literal::Text("All")),
        integer("allocatedOutboundPorts", 0, 64_000).or(Literal::Integer(0)),
        integer("idleTimeoutInMinutes", 4, 120).or(Literal::Integer(4)),
        flag("enableTcpReset", false),
    ],
);

/// Fields a member of a rule shares with the pools it names.
pub(crate) const POOL: &str = "backendAddressPool";
/// The list form of [`POOL`].
pub(crate) const POOLS: &str = "backendAddressPools";
