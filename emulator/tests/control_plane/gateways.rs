//! Application gateways: documents, what is refused, and how a write reaches the instances.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use serde_json::{Value, json};
use turquoise_emulator::faults::{Fault, FaultKind, Matches};
use turquoise_emulator::{Event, Instant};

use crate::support::{Answer, Client, SUBSCRIPTION};
use crate::topology::{GATEWAY, PUBLIC_IP, VNET, gateway_body};

const OLD: &str = "10.0.0.6";
const NEW: &str = "10.0.0.5";

fn with_gateway() -> Client {
    let mut client = Client::with_network();
    client.gateway(&[OLD]);
    client.events();
    client
}

fn own(child: &str) -> Value {
    json!({"id": format!("{SUBSCRIPTION}{GATEWAY}/{child}")})
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("the body is JSON")
}

/// A PUT of what GET answers, changed by `change`: how every client edits a gateway.
fn edit(client: &mut Client, change: impl FnOnce(&mut Value)) -> Answer {
    let mut gateway = client.get(GATEWAY).body;
    change(&mut gateway);
    client.put(GATEWAY, &gateway.to_string())
}

fn set_pool(gateway: &mut Value, members: &[&str]) {
    let members: Vec<Value> = members.iter().map(|m| json!({"ipAddress": m})).collect();
    gateway["properties"]["backendAddressPools"][0]["properties"]["backendAddresses"] =
        members.into();
}

fn post(client: &mut Client, action: &str) -> Answer {
    client.send("POST", &format!("{GATEWAY}/{action}"), &[], "")
}

/// The result of a POST, once its operation has ended.
fn result(client: &mut Client, begun: &Answer) -> Value {
    client.follow(begun);
    let location = begun.header("location").expect("a result").to_owned();
    client.get(&location).body
}

/// (generation, changed members, addresses of the first pool) of every write.
fn writes(events: &[Event]) -> Vec<(u64, Vec<String>, Vec<String>)> {
    let written = events.iter().filter_map(|event| match event {
        Event::GatewayWritten {
            generation,
            changed,
            pools,
            ..
        } => Some((*generation, changed.clone(), pools[0].1.clone())),
        _ => None,
    });
    written.collect()
}

/// (instance, generation) of every configuration taken into use.
fn applied(events: &[Event]) -> Vec<(u16, u64)> {
    let applied = events.iter().filter_map(|event| match event {
        Event::GatewayApplied {
            instance,
            generation,
            ..
        } => Some((*instance, *generation)),
        _ => None,
    });
    applied.collect()
}

#[test]
fn a_gateway_comes_back_whole_with_defaults_and_back_references() {
    let mut client = with_gateway();
    let answer = client.get(GATEWAY);
    let gateway = &answer.body;
    let properties = &gateway["properties"];
    assert_eq!(answer.header("etag"), gateway["etag"].as_str());
    assert_eq!(properties["operationalState"], "Running");
    assert_eq!(properties["sku"]["family"], "Generation_1");
    for empty in [
        "sslCertificates",
        "trustedRootCertificates",
        "trustedClientCertificates",
        "sslProfiles",
        "loadDistributionPolicies",
        "backendSettingsCollection",
        "listeners",
        "urlPathMaps",
        "routingRules",
        "rewriteRuleSets",
        "redirectConfigurations",
        "privateLinkConfigurations",
        "privateEndpointConnections",
    ] {
        assert_eq!(properties[empty], json!([]), "{empty}");
    }
    let first = |array: &str| properties[array][0]["properties"].clone();
    let rule = json!([own("requestRoutingRules/r1")]);
    for array in [
        "backendAddressPools",
        "backendHttpSettingsCollection",
        "httpListeners",
    ] {
        assert_eq!(first(array)["requestRoutingRules"], rule, "{array}");
    }
    for array in ["frontendIPConfigurations", "frontendPorts"] {
        assert_eq!(
            first(array)["httpListeners"],
            json!([own("httpListeners/l1")]),
            "{array}"
        );
    }
    assert_eq!(
        first("probes")["backendHttpSettings"],
        json!([own("backendHttpSettingsCollection/s1")])
    );
    let settings = first("backendHttpSettingsCollection");
    assert_eq!(settings["pickHostNameFromBackendAddress"], false);
    assert_eq!(settings["validateSNI"], true);
    assert_eq!(first("probes")["minServers"], 0);
    assert_eq!(
        properties["backendAddressPools"][0]["etag"],
        gateway["etag"]
    );
    assert_eq!(
        properties["backendAddressPools"][0]["type"],
        "Microsoft.Network/applicationGateways/backendAddressPools"
    );
}

#[test]
fn what_az_writes_in_pascal_case_is_answered_canonically() {
    let mut client = with_gateway();
    let mut body = parsed(&gateway_body(&[]));
    let properties = &mut body["properties"];
    properties["BackendAddressPools"] =
        json!([{"Name": "pool01", "Properties": {"BackendAddresses": [{"IpAddress": NEW}]}}]);
    properties
        .as_object_mut()
        .expect("an object")
        .remove("backendAddressPools");
    properties["backendHttpSettingsCollection"] = json!([{"name": "s1", "properties": {"Port": "80", "Protocol": "http",
        "CookieBasedAffinity": "disabled", "connectionDraining": {"enabled": "false", "drainTimeoutInSec": 1}}}]);
    properties["probes"] = Value::Null;
    client.create(GATEWAY, &body.to_string());
    let gateway = client.get(GATEWAY).body;
    let first = |array: &str| gateway["properties"][array][0]["properties"].clone();
    assert_eq!(
        first("backendAddressPools")["backendAddresses"],
        json!([{"ipAddress": NEW}])
    );
    let settings = first("backendHttpSettingsCollection");
    assert_eq!(settings["port"], 80);
    assert_eq!(settings["protocol"], "Http");
    assert_eq!(settings["cookieBasedAffinity"], "Disabled");
    assert_eq!(settings["requestTimeout"], 30);
    assert_eq!(settings["connectionDraining"]["enabled"], false);
    assert_eq!(
        gateway["properties"]["probes"],
        json!([]),
        "an omitted list is emptied"
    );
}

#[test]
fn a_pool_edit_says_what_it_changed_and_reaches_every_instance() {
    let mut client = with_gateway();
    let accepted = edit(&mut client, |gateway| set_pool(gateway, &[OLD, NEW]));
    assert_eq!((accepted.status, accepted.state()), (200, "Updating"));
    assert_eq!(accepted.header("etag"), None, "not on a gateway's PUT");
    assert!(accepted.header("location").is_none());
    client.follow(&accepted);
    let events = client.events();
    assert_eq!(
        writes(&events),
        [(
            2,
            vec!["/properties/backendAddressPools/0/properties/backendAddresses".to_owned()],
            vec![OLD.to_owned(), NEW.to_owned()]
        )]
    );
    let mut applied = applied(&events);
    applied.sort_unstable();
    assert_eq!(applied, [(0, 2), (1, 2)]);

    let repeated = edit(&mut client, |_| {});
    client.follow(&repeated);
    let writes = writes(&client.events());
    assert_eq!(
        writes[0].1,
        Vec::<String>::new(),
        "a write of the same changes nothing"
    );
}

#[test]
fn a_newer_write_takes_the_place_of_one_under_way() {
    let mut client = with_gateway();
    let first = edit(&mut client, |gateway| set_pool(gateway, &[OLD, NEW]));
    client.advance_ms(1_000);
    let second = edit(&mut client, |gateway| set_pool(gateway, &[NEW]));
    let ended = client.follow(&first);
    assert_eq!(ended["status"], "Canceled");
    assert_eq!(
        ended["error"]["details"][0]["code"],
        "CanceledAndSupersededDueToAnotherOperation"
    );
    assert_eq!(client.follow(&second)["status"], "Succeeded");
    client.advance_ms(120_000);
    let generations: Vec<u64> = applied(&client.events()).iter().map(|(_, g)| *g).collect();
    assert_eq!(generations, [3, 3], "the first never became effective");
}

#[test]
fn an_instance_may_be_late_after_the_operation_has_succeeded() {
    let late = |at_ms| Fault {
        at_ms,
        kind: FaultKind::LateActivation {
            instance: 1,
            extra_ms: 90_000,
            count: 1,
        },
    };
    // Armed long after the gateway was created, so that it hits the pool edit.
    let mut client = Client::with(|config| config.faults = vec![late(1_000_000)]);
    client.group("g");
    client.network();
    client.gateway(&[OLD]);
    client.advance_ms(1_000_000);
    client.events();
    let accepted = edit(&mut client, |gateway| set_pool(gateway, &[NEW]));
    assert_eq!(client.follow(&accepted)["status"], "Succeeded");
    assert_eq!(applied(&client.events()), [(0, 2)]);
    client.advance_ms(90_000);
    assert_eq!(applied(&client.events()), [(1, 2)]);
}

#[test]
fn a_write_that_fails_has_been_applied_and_can_be_repaired() {
    let fail = Fault {
        at_ms: 1_000_000,
        kind: FaultKind::FailOperation {
            on: Matches {
                method: "PUT".to_owned(),
                path: "applicationGateways".to_owned(),
            },
            code: "InternalServerError".to_owned(),
            count: 1,
        },
    };
    let mut client = Client::with(|config| config.faults = vec![fail]);
    client.group("g");
    client.network();
    client.gateway(&[OLD]);
    client.advance_ms(1_000_000);
    client.events();
    let accepted = edit(&mut client, |gateway| set_pool(gateway, &[NEW]));
    assert_eq!(
        client.follow(&accepted)["error"]["code"],
        "InternalServerError"
    );
    assert_eq!(client.get(GATEWAY).state(), "Failed");
    assert_eq!(applied(&client.events()).len(), 2);
    let again = edit(&mut client, |_| {});
    client.follow(&again);
    assert_eq!(client.get(GATEWAY).state(), "Succeeded");
}

#[test]
fn tags_are_answered_at_once_and_are_a_configuration_write() {
    for cuts in [true, false] {
        let mut client = Client::with(|config| config.control_plane.tags_write_cuts_streams = cuts);
        client.group("g");
        client.network();
        client.gateway(&[OLD]);
        client.events();
        let before = client.get(GATEWAY).body["etag"].clone();
        let patched = client.send("PATCH", GATEWAY, &[], r#"{"tags":{"live":"green"}}"#);
        assert_eq!((patched.status, patched.state()), (200, "Succeeded"));
        assert!(patched.header("azure-asyncoperation").is_none());
        assert_ne!(patched.body["etag"], before);
        assert_eq!(patched.body["tags"], json!({"live": "green"}));
        client.advance_ms(600_000);
        let events = client.events();
        assert_eq!(writes(&events)[0].1, ["/tags"]);
        assert_eq!(applied(&events).len(), if cuts { 2 } else { 0 });
    }
}

#[test]
fn a_stopped_gateway_is_started_by_any_put() {
    let mut client = with_gateway();
    let state = |client: &mut Client| {
        let gateway = client.get(GATEWAY).body;
        gateway["properties"]["operationalState"]
            .as_str()
            .unwrap_or("")
            .to_owned()
    };
    let stop = post(&mut client, "stop");
    assert_eq!(stop.status, 202);
    assert_eq!(state(&mut client), "Stopping");
    client.follow(&stop);
    assert_eq!(state(&mut client), "Stopped");
    let put = edit(&mut client, |_| {});
    assert_eq!(state(&mut client), "Starting");
    client.follow(&put);
    assert_eq!(state(&mut client), "Running");
    let stop = post(&mut client, "STOP");
    client.follow(&stop);
    let start = post(&mut client, "start");
    client.follow(&start);
    assert_eq!(state(&mut client), "Running");
}

#[test]
fn backend_health_is_a_result_at_location_in_either_vocabulary() {
    for (healthy_words, word) in [(false, "Up"), (true, "Healthy")] {
        let mut client = Client::with(|config| config.control_plane.healthy_words = healthy_words);
        client.group("g");
        client.network();
        client.side("green", NEW, 2);
        client.gateway(&[NEW, OLD]);
        client.advance_ms(300_000);
        let begun = post(&mut client, "backendhealth?$expand=BackendAddressPool");
        assert_eq!(begun.status, 202);
        let health = result(&mut client, &begun);
        let pool = &health["backendAddressPools"][0];
        assert_eq!(
            pool["backendAddressPool"],
            own("backendAddressPools/pool01")
        );
        let settings = &pool["backendHttpSettingsCollection"][0];
        assert_eq!(
            settings["backendHttpSettings"],
            own("backendHttpSettingsCollection/s1")
        );
        let servers: Vec<(&str, &str)> = settings["servers"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|s| Some((s["address"].as_str()?, s["health"].as_str()?)))
            .collect();
        assert_eq!(servers[0], (NEW, word));
        assert_eq!(servers[1].0, OLD);
        assert_ne!(servers[1].1, word, "nothing answers there");
    }
}

#[test]
fn one_pool_is_asked_about_on_demand() {
    let mut client = with_gateway();
    client.advance_ms(300_000);
    let path = format!("{GATEWAY}/getBackendHealthOnDemand");
    let references = |more: &str| {
        format!(
            r#"{{"backendAddressPool":{},"backendHttpSettings":{}{more}}}"#,
            own("backendAddressPools/pool01"),
            own("backendHttpSettingsCollection/s1")
        )
    };
    let begun = client.send("POST", &path, &[], &references(r#","path":"/health""#));
    assert_eq!(begun.status, 202, "{}", begun.body);
    let health = result(&mut client, &begun);
    assert_eq!(
        health["backendAddressPool"],
        own("backendAddressPools/pool01")
    );
    let settings = &health["backendHealthHttpSettings"];
    assert_eq!(
        settings["backendHttpSettings"],
        own("backendHttpSettingsCollection/s1")
    );
    assert!(settings["servers"][0]["health"].is_string(), "{health}");
    let nowhere = references("").replace("pool01", "pool99");
    for (body, status, code) in [
        ("{}", 400, "InvalidRequestFormat"),
        (nowhere.as_str(), 400, "InvalidResourceReference"),
        (
            references(r#","path":"/other""#).as_str(),
            501,
            "NotEmulated",
        ),
    ] {
        let answer = client.send("POST", &path, &[], body);
        assert_eq!((answer.status, answer.code()), (status, code), "{body}");
    }
}

#[test]
fn what_is_not_emulated_says_so() {
    let mut client = with_gateway();
    let answer = client.get(&format!("{GATEWAY}/privateLinkResources"));
    assert_eq!(answer.status, 501);
    assert_eq!(
        client
            .get(&format!("{GATEWAY}/backendAddressPools/pool01"))
            .status,
        404
    );
}

#[test]
fn what_azure_refuses_is_refused_with_its_code() {
    let mut client = with_gateway();
    let before = client.get(GATEWAY).body;
    let settings = "backendHttpSettingsCollection";
    type Change<'a> = &'a dyn Fn(&mut Value);
    let child = |gateway: &mut Value, array: &str, member: &str, value: Value| {
        gateway["properties"][array][0]["properties"][member] = value;
    };
    let cases: [(&str, Change<'_>); 14] = [
        (
            "ApplicationGatewayV1SkuRetired",
            &|g| {
                g["properties"]["sku"] =
                    json!({"name": "Standard_Small", "tier": "Standard", "capacity": 2})
            },
        ),
        (
            "ApplicationGatewayRequestRoutingRulePriorityCannotBeEmpty",
            &|g| child(g, "requestRoutingRules", "priority", Value::Null),
        ),
        ("InvalidRequestFormat", &|g| {
            child(g, "requestRoutingRules", "priority", json!(20_001))
        }),
        ("ApplicationGatewayRuleTargetInvalid", &|g| {
            child(g, "requestRoutingRules", "backendHttpSettings", Value::Null)
        }),
        ("InvalidResourceReference", &|g| {
            child(
                g,
                "requestRoutingRules",
                "backendAddressPool",
                own("backendAddressPools/none"),
            )
        }),
        ("InvalidResourceReference", &|g| {
            g["properties"]["probes"] = json!([])
        }),
        ("InvalidRequestFormat", &|g| {
            child(g, settings, "requestTimeout", json!(0))
        }),
        ("InvalidRequestFormat", &|g| {
            child(
                g,
                settings,
                "connectionDraining",
                json!({"enabled": true, "drainTimeoutInSec": 3_601}),
            )
        }),
        ("InvalidRequestFormat", &|g| {
            child(g, settings, "connectionDraining", json!({"enabled": true}))
        }),
        ("ApplicationGatewayProbePathIsInvalid", &|g| {
            child(g, "probes", "path", json!("health"))
        }),
        ("ApplicationGatewayFrontendPortReserved", &|g| {
            child(g, "frontendPorts", "port", json!(65_503))
        }),
        ("ApplicationGatewayBackendAddressInvalid", &|g| {
            set_pool(g, &["10.0.0.256"])
        }),
        (
            "ApplicationGatewayHttpsListenerMustReferenceSslCertificate",
            &|g| child(g, "httpListeners", "protocol", json!("https")),
        ),
        (
            "ApplicationGatewayGatewayIpConfigurationsCountInvalid",
            &|g| g["properties"]["gatewayIPConfigurations"] = json!([]),
        ),
    ];
    for (code, change) in cases {
        let refused = edit(&mut client, change);
        assert_eq!(
            (refused.status, refused.code()),
            (400, code),
            "{}",
            refused.body
        );
    }
    assert_eq!(
        client.get(GATEWAY).body,
        before,
        "a refused write changes nothing"
    );
    assert_eq!(
        client
            .events()
            .iter()
            .filter(|e| matches!(e, Event::GatewayWritten { .. }))
            .count(),
        0
    );
}

#[test]
fn a_gateways_subnet_is_its_own() {
    let mut client = with_gateway();
    let balancer = crate::topology::balancer_body("green", "10.0.2.10")
        .replace("/subnets/main", "/subnets/appgw");
    let refused = client.put(&crate::topology::balancer("green"), &balancer);
    assert_eq!(
        refused.code(),
        "ApplicationGatewaySubnetCannotBeUsedByOtherResources"
    );

    let mut client = Client::with_network();
    client.create(&crate::topology::balancer("green"), &balancer);
    let body = r#"{"location":"westeurope","sku":{"name":"Standard"},"properties":{"publicIPAllocationMethod":"Static"}}"#;
    client.create(PUBLIC_IP, body);
    let refused = client.put(GATEWAY, &gateway_body(&[]));
    assert_eq!(
        refused.code(),
        "ApplicationGatewaySubnetCannotHaveOtherResources"
    );
}

#[test]
fn a_private_frontend_has_an_address_of_its_subnet() {
    let mut client = Client::with_network();
    let mut body = parsed(&gateway_body(&[OLD]));
    body["properties"]["frontendIPConfigurations"][0]["properties"] = json!({
        "subnet": {"id": format!("{SUBSCRIPTION}{VNET}/subnets/appgw")},
        "privateIPAddress": "10.0.2.10", "privateIPAllocationMethod": "static"});
    let gateway = client.create(GATEWAY, &body.to_string()).body;
    let frontend = &gateway["properties"]["frontendIPConfigurations"][0]["properties"];
    assert_eq!(frontend["privateIPAddress"], "10.0.2.10");
    assert_eq!(frontend["privateIPAllocationMethod"], "Static");
}

#[test]
fn a_certificate_is_opened_kept_and_never_answered() {
    let mut client = with_gateway();
    let add = |gateway: &mut Value, data: &str, password: &str| {
        let properties = &mut gateway["properties"];
        properties["sslCertificates"] =
            json!([{"name": "cert", "properties": {"data": data, "password": password}}]);
        let listener = &mut properties["httpListeners"][0]["properties"];
        listener["protocol"] = json!("Https");
        listener["sslCertificate"] = own("sslCertificates/cert");
    };
    let good = pfx("secret");
    for (data, password, code) in [
        (
            good.as_str(),
            "other",
            "ApplicationGatewaySslCertificateInvalidPassword",
        ),
        (
            "bm90IGEgcGZ4",
            "secret",
            "ApplicationGatewaySslCertificateInvalidData",
        ),
    ] {
        let refused = edit(&mut client, |gateway| add(gateway, data, password));
        assert_eq!((refused.status, refused.code()), (400, code));
    }
    let accepted = edit(&mut client, |gateway| add(gateway, &good, "secret"));
    client.follow(&accepted);
    let gateway = client.get(GATEWAY).body;
    let shown = &gateway["properties"]["sslCertificates"][0]["properties"];
    assert!(shown["publicCertData"].is_string());
    assert_eq!((shown.get("data"), shown.get("password")), (None, None));

    // A client that sends back what it read keeps the certificate.
    let accepted = edit(&mut client, |gateway| set_pool(gateway, &[NEW]));
    client.follow(&accepted);
    client.advance_ms(120_000);
    let id = turquoise_arm::ResourceId::parse(&format!("{SUBSCRIPTION}{GATEWAY}")).expect("an id");
    let after = client.get(GATEWAY).body;
    assert_eq!(
        after["properties"]["sslCertificates"][0]["properties"]["publicCertData"],
        shown["publicCertData"]
    );
    let tables = client.cloud.data_plane().gateway_tables(&id);
    let listeners = tables.iter().map(|table| &table.config.listeners[0]);
    let keys: Vec<bool> = listeners.map(|l| l.certificate.is_some()).collect();
    assert_eq!(
        keys,
        [true, true],
        "the listener still has it on both instances"
    );
}

#[test]
fn creation_takes_minutes_and_deletion_frees_the_address() {
    let mut client = with_gateway();
    assert!(client.now > Instant::from_millis(360_000), "6 to 9 minutes");
    assert_eq!(
        client.delete(PUBLIC_IP).code(),
        "PublicIPAddressCannotBeDeleted"
    );
    let gone = client.delete(GATEWAY);
    assert_eq!(gone.status, 202);
    assert_eq!(client.get(GATEWAY).state(), "Deleting");
    client.follow(&gone);
    assert_eq!(client.get(GATEWAY).code(), "ResourceNotFound");
    let gone = client.delete(PUBLIC_IP);
    assert_eq!(gone.status, 202);
}

/// A self-signed certificate for `localhost` as base64 PFX.
fn pfx(password: &str) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
        .expect("rcgen signs for one name");
    let key = PrivateKey::from_der(&made.signing_key.serialize_der()).expect("PKCS#8");
    let leaf = Certificate::from_der(made.cert.der()).expect("X.509");
    let mut store = KeyStore::new();
    let chain = PrivateKeyChain::new("1", key, [leaf]);
    store.add_entry("leaf", KeyStoreEntry::PrivateKeyChain(chain));
    let writer = store
        .writer(password)
        .encryption_iterations(100)
        .mac_iterations(100);
    STANDARD.encode(writer.write().expect("a chain can be written"))
}
