//! What an application gateway's document looks like (azure-facts.md §4.11.2).
//!
//! Members are listed in the order of a real answer. Collections that carry no traffic here are
//! kept and answered, and their members survive as they came.

use crate::control_plane::schema::{
    Collection, Literal, Member, Presence, Schema, Shape, any, children, choice, collection, flag,
    integer, list, object, open_choice, reference, references, text, texts,
};

/// The document.
pub(crate) const SCHEMA: Schema = Schema {
    envelope: &[any("identity")],
    properties: PROPERTIES,
};

const PROPERTIES: &[Member] = &[
    object("sku", SKU),
    text("operationalState").read_only(),
    children(&GATEWAY_IP_CONFIGURATIONS),
    children(&SSL_CERTIFICATES),
    children(&collection("trustedRootCertificates", OPAQUE)),
    children(&collection("trustedClientCertificates", OPAQUE)),
    children(&collection("sslProfiles", OPAQUE)),
    children(&collection("authenticationCertificates", OPAQUE)),
    children(&FRONTEND_IP_CONFIGURATIONS),
    children(&FRONTEND_PORTS),
    children(&BACKEND_ADDRESS_POOLS),
    children(&collection("loadDistributionPolicies", OPAQUE)),
    children(&BACKEND_HTTP_SETTINGS),
    children(&collection("backendSettingsCollection", OPAQUE)),
    children(&HTTP_LISTENERS),
    children(&collection("listeners", OPAQUE)),
    children(&URL_PATH_MAPS),
    children(&REQUEST_ROUTING_RULES),
    children(&collection("routingRules", OPAQUE)),
    children(&PROBES),
    children(&collection("rewriteRuleSets", OPAQUE)),
    children(&REDIRECT_CONFIGURATIONS),
    children(&collection("privateLinkConfigurations", OPAQUE)),
    children(&collection("privateEndpointConnections", OPAQUE)),
    object("autoscaleConfiguration", AUTOSCALE),
    flag("enableHttp2", false),
    any("webApplicationFirewallConfiguration"),
    reference("firewallPolicy"),
    any("globalConfiguration"),
    list("customErrorConfigurations", &Shape::Any),
    any("sslPolicy"),
    text("defaultPredefinedSslPolicy").or(Literal::Text("AppGwSslPolicy20220101")),
];

const OPAQUE: &[Member] = &[];

const SKU: &[Member] = &[
    open_choice("name", SKU_NAMES),
    open_choice("tier", SKU_TIERS),
    text("family").or(Literal::Text("Generation_1")),
    integer("capacity", 1, 125),
];

const SKU_NAMES: &[&str] = &[
    "Standard_v2",
    "WAF_v2",
    "Basic",
    "Standard_Small",
    "Standard_Medium",
    "Standard_Large",
    "WAF_Medium",
    "WAF_Large",
];

const SKU_TIERS: &[&str] = &["Standard_v2", "WAF_v2", "Basic", "Standard", "WAF"];

const AUTOSCALE: &[Member] = &[
    integer("minCapacity", 0, 125).required(),
    integer("maxCapacity", 2, 125),
];

const GATEWAY_IP_CONFIGURATIONS: Collection =
    collection("gatewayIPConfigurations", &[reference("subnet").required()]);

const SSL_CERTIFICATES: Collection = collection(
    "sslCertificates",
    &[
        text("data").secret(),
        text("password").secret(),
        text("keyVaultSecretId"),
        text("publicCertData").read_only(),
        references("httpListeners").read_only(),
    ],
);

const FRONTEND_IP_CONFIGURATIONS: Collection = Collection {
    name: "frontendIPConfigurations",
    envelope: &[texts("zones")],
    properties: &[
        text("privateIPAddress"),
        choice("privateIPAllocationMethod", &["Dynamic", "Static"]).or(Literal::Text("Dynamic")),
        reference("subnet"),
        reference("publicIPAddress"),
        reference("privateLinkConfiguration"),
        references("httpListeners").read_only(),
    ],
};

const FRONTEND_PORTS: Collection = collection(
    "frontendPorts",
    &[
        integer("port", 1, 65_535).required(),
        references("httpListeners").read_only(),
    ],
);

const BACKEND_ADDRESS_POOLS: Collection = collection(
    "backendAddressPools",
    &[
        references("backendIPConfigurations").read_only(),
        list(
            "backendAddresses",
            &Shape::Object(&[text("ipAddress"), text("fqdn")]),
        )
        .or(Literal::EmptyList),
        references("requestRoutingRules").read_only(),
        references("urlPathMaps").read_only(),
        references("pathRules").read_only(),
    ],
);

const BACKEND_HTTP_SETTINGS: Collection = collection(
    "backendHttpSettingsCollection",
    &[
        integer("port", 1, 65_535).required(),
        choice("protocol", &["Http", "Https"]).or(Literal::Text("Http")),
        choice("cookieBasedAffinity", &["Enabled", "Disabled"]).or(Literal::Text("Disabled")),
        text("affinityCookieName"),
        object(
            "connectionDraining",
            &[
                Member {
                    name: "enabled",
                    shape: Shape::Boolean,
                    presence: Presence::Required,
                },
                integer("drainTimeoutInSec", 1, 3_600).required(),
            ],
        ),
        text("hostName"),
        flag("pickHostNameFromBackendAddress", false),
        flag("dedicatedBackendConnection", false),
        flag("validateCertChainAndExpiry", true),
        flag("validateSNI", true),
        text("sniName"),
        flag("probeEnabled", false),
        text("path"),
        integer("requestTimeout", 1, 86_400).or(Literal::Integer(30)),
        reference("probe"),
        references("trustedRootCertificates"),
        references("authenticationCertificates"),
        references("requestRoutingRules").read_only(),
        references("urlPathMaps").read_only(),
        references("pathRules").read_only(),
    ],
);

const HTTP_LISTENERS: Collection = collection(
    "httpListeners",
    &[
        reference("frontendIPConfiguration").required(),
        reference("frontendPort").required(),
        choice("protocol", &["Http", "Https"]).required(),
        text("hostName"),
        texts("hostNames").or(Literal::EmptyList),
        reference("sslCertificate"),
        reference("sslProfile"),
        flag("requireServerNameIndication", false),
        flag("enableHttp3", false),
        reference("firewallPolicy"),
        list("customErrorConfigurations", &Shape::Any),
        references("requestRoutingRules").read_only(),
        references("redirectConfiguration").read_only(),
    ],
);

const URL_PATH_MAPS: Collection = collection(
    "urlPathMaps",
    &[
        reference("defaultBackendAddressPool"),
        reference("defaultBackendHttpSettings"),
        reference("defaultRedirectConfiguration"),
        reference("defaultRewriteRuleSet"),
        children(&PATH_RULES),
        references("requestRoutingRules").read_only(),
    ],
);

const PATH_RULES: Collection = collection(
    "pathRules",
    &[
        texts("paths").required(),
        reference("backendAddressPool"),
        reference("backendHttpSettings"),
        reference("redirectConfiguration"),
        reference("rewriteRuleSet"),
        reference("firewallPolicy"),
    ],
);

const REQUEST_ROUTING_RULES: Collection = collection(
    "requestRoutingRules",
    &[
        choice("ruleType", &["Basic", "PathBasedRouting"]).or(Literal::Text("Basic")),
        integer("priority", 1, 20_000),
        reference("httpListener").required(),
        reference("backendAddressPool"),
        reference("backendHttpSettings"),
        reference("urlPathMap"),
        reference("redirectConfiguration"),
        reference("rewriteRuleSet"),
        reference("loadDistributionPolicy"),
    ],
);

const PROBES: Collection = collection(
    "probes",
    &[
        choice("protocol", &["Http", "Https", "Tcp", "Tls"]).required(),
        text("host"),
        text("path"),
        integer("interval", 1, 86_400).or(Literal::Integer(30)),
        integer("timeout", 1, 86_400).or(Literal::Integer(30)),
        integer("unhealthyThreshold", 1, 20).or(Literal::Integer(3)),
        flag("pickHostNameFromBackendHttpSettings", false),
        integer("minServers", 0, 1_200).or(Literal::Integer(0)),
        object(
            "match",
            &[
                text("body"),
                texts("statusCodes").or(Literal::Texts(&["200-399"])),
            ],
        )
        .or(Literal::EmptyObject),
        integer("port", 1, 65_535),
        references("backendHttpSettings").read_only(),
    ],
);

const REDIRECT_CONFIGURATIONS: Collection = collection(
    "redirectConfigurations",
    &[
        choice(
            "redirectType",
            &["Permanent", "Found", "SeeOther", "Temporary"],
        )
        .required(),
        reference("targetListener"),
        text("targetUrl"),
        flag("includePath", false),
        flag("includeQueryString", false),
        references("requestRoutingRules").read_only(),
        references("urlPathMaps").read_only(),
        references("pathRules").read_only(),
    ],
);
