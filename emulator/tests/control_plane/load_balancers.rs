//! Load balancers: documents, children, what is refused, what is in use.

use serde_json::{Value, json};

use crate::support::{Client, SUBSCRIPTION};
use crate::topology::{balancer, balancer_body, scale_set};

fn id(side: &str) -> String {
    format!("{SUBSCRIPTION}{}", balancer(side))
}

/// The refusal of a balancer whose body is changed by `change`.
fn refused(client: &mut Client, change: impl FnOnce(&mut Value)) -> (u16, String) {
    let mut body: Value =
        serde_json::from_str(&balancer_body("green", "10.0.0.5")).expect("the body is JSON");
    change(&mut body);
    let answer = client.put(&balancer("green"), &body.to_string());
    (answer.status, answer.code().to_owned())
}

#[test]
fn a_balancer_comes_back_whole_with_back_references() {
    let mut client = Client::with_network();
    client.side("green", "10.0.0.5", 2);
    let answer = client.get(&balancer("green"));
    let balancer = &answer.body;
    let id = id("green");
    assert_eq!(answer.header("etag"), balancer["etag"].as_str());
    assert_eq!(
        balancer["sku"],
        json!({"name": "Standard", "tier": "Regional"})
    );
    for empty in ["inboundNatRules", "inboundNatPools", "outboundRules"] {
        assert_eq!(balancer["properties"][empty], json!([]), "{empty}");
    }
    let rule = json!([{"id": format!("{id}/loadBalancingRules/http")}]);
    let first = |array: &str| balancer["properties"][array][0].clone();
    for array in ["frontendIPConfigurations", "backendAddressPools", "probes"] {
        let child = first(array);
        assert_eq!(child["properties"]["loadBalancingRules"], rule, "{array}");
        assert_eq!(child["etag"], balancer["etag"], "{array}");
        assert_eq!(
            child["type"],
            format!("Microsoft.Network/loadBalancers/{array}")
        );
    }
    let http = first("loadBalancingRules");
    let pool = json!({"id": format!("{id}/backendAddressPools/be")});
    assert_eq!(http["properties"]["backendAddressPool"], pool);
    assert_eq!(http["properties"]["backendAddressPools"], json!([pool]));
    let set = format!("{SUBSCRIPTION}{}", scale_set("green"));
    let member = |n: u32| json!({"id": format!("{set}/virtualMachines/{n}/networkInterfaces/nic/ipConfigurations/ip")});
    assert_eq!(
        first("backendAddressPools")["properties"]["backendIPConfigurations"],
        json!([member(0), member(1)])
    );
}

#[test]
fn what_azure_refuses_is_refused_with_its_code() {
    type Change = fn(&mut Value);
    let mut client = Client::with_network();
    client.balancer("blue", "10.0.0.6");
    let cases: [(&str, Change); 9] = [
        ("PrivateIPAddressIsAllocated", |lb| {
            lb["properties"]["frontendIPConfigurations"][0]["properties"]["privateIPAddress"] =
                json!("10.0.0.6");
        }),
        ("PrivateIPAddressNotInSubnet", |lb| {
            lb["properties"]["frontendIPConfigurations"][0]["properties"]["privateIPAddress"] =
                json!("10.0.1.6");
        }),
        ("PrivateIPAddressInReservedRange", |lb| {
            lb["properties"]["frontendIPConfigurations"][0]["properties"]["privateIPAddress"] =
                json!("10.0.0.3");
        }),
        ("FrontendIPConfigHasNoSubnetOrPublicIP", |lb| {
            lb["properties"]["frontendIPConfigurations"][0]["properties"] = json!({});
        }),
        ("InvalidResourceReference", |lb| {
            lb["properties"]["probes"] = json!([]);
        }),
        ("ProbeRequestPathMissing", |lb| {
            lb["properties"]["probes"][0]["properties"]["requestPath"] = Value::Null;
        }),
        ("RulesUseSameFrontendPortProtocolAndIPConfig", |lb| {
            let mut second = lb["properties"]["loadBalancingRules"][0].clone();
            second["name"] = json!("again");
            lb["properties"]["loadBalancingRules"]
                .as_array_mut()
                .expect("a list")
                .push(second);
        }),
        ("LoadBalancerBasicSkuRetired", |lb| {
            lb["sku"]["name"] = json!("basic")
        }),
        ("InvalidRequestFormat", |lb| {
            lb["properties"]["probes"][0]["properties"]["intervalInSeconds"] = json!(1);
        }),
    ];
    for (code, change) in cases {
        assert_eq!(refused(&mut client, change), (400, code.to_owned()));
    }
    assert_eq!(client.get(&balancer("green")).status, 404);
}

#[test]
fn floating_ip_cannot_change() {
    let mut client = Client::with_network();
    client.balancer("green", "10.0.0.5");
    let answer = refused(&mut client, |lb| {
        lb["properties"]["loadBalancingRules"][0]["properties"]["enableFloatingIP"] = json!(true);
    });
    assert_eq!(answer, (400, "PropertyChangeNotAllowed".to_owned()));
}

#[test]
fn children_have_urls_and_only_pools_and_nat_rules_are_written_there() {
    let mut client = Client::with_network();
    client.balancer("green", "10.0.0.5");
    let path = balancer("green");
    for (array, child) in [
        ("frontendIPConfigurations", "fe"),
        ("backendAddressPools", "be"),
        ("probes", "hp"),
        ("loadBalancingRules", "http"),
    ] {
        let listed = client.get(&format!("{path}/{array}")).body;
        assert_eq!(listed["value"][0]["name"], child);
        let single = client.get(&format!("{path}/{array}/{child}"));
        assert_eq!(
            single.body["id"],
            format!("{}/{array}/{child}", id("green"))
        );
        assert_eq!(
            client.get(&format!("{path}/{array}/none")).code(),
            "NotFound"
        );
    }
    let second = format!("{path}/backendAddressPools/second");
    let created = client.put(&second, r#"{"properties":{}}"#);
    assert_eq!(created.status, 201);
    assert!(created.header("azure-asyncoperation").is_some());
    client.follow(&created);
    let gone = client.delete(&second);
    assert_eq!(gone.status, 202);
    client.follow(&gone);
    assert_eq!(client.get(&second).status, 404);
    let probe = client.put(&format!("{path}/probes/new"), "{}");
    assert_eq!(probe.status, 405);
}

#[test]
fn what_a_scale_set_uses_stays() {
    let mut client = Client::with_network();
    client.side("green", "10.0.0.5", 1);
    let in_use = "LoadBalancerInUseByVirtualMachineScaleSet";
    let whole = client.delete(&balancer("green"));
    assert_eq!((whole.status, whole.code()), (400, in_use));
    let dropped = refused(&mut client, |lb| {
        lb["properties"]["backendAddressPools"] = json!([]);
        lb["properties"]["loadBalancingRules"] = json!([]);
    });
    assert_eq!(dropped, (400, in_use.to_owned()));

    let gone = client.delete(&scale_set("green"));
    client.follow(&gone);
    let gone = client.delete(&balancer("green"));
    assert_eq!(gone.status, 202);
    client.follow(&gone);
    assert_eq!(client.get(&balancer("green")).code(), "ResourceNotFound");
}

#[test]
fn a_rule_whose_probe_is_a_health_probe_stays() {
    let mut client = Client::with_network();
    client.balancer("green", "10.0.0.5");
    let mut body: Value = serde_json::from_str(&crate::topology::scale_set_body(
        "green", 1, "1.0.0", "Rolling",
    ))
    .expect("the body is JSON");
    let profile = &mut body["properties"]["virtualMachineProfile"];
    profile["extensionProfile"] = Value::Null;
    profile["networkProfile"]["healthProbe"] = json!({"id": format!("{}/probes/hp", id("green"))});
    client.create(&scale_set("green"), &body.to_string());
    let answer = refused(&mut client, |lb| {
        lb["properties"]["loadBalancingRules"] = json!([])
    });
    assert_eq!(
        answer,
        (400, "CannotRemoveRuleUsedByProbeUsedByVMSS".to_owned())
    );
}

#[test]
fn a_rules_health_is_an_operation_with_a_result() {
    let mut client = Client::with_network();
    client.side("green", "10.0.0.5", 2);
    client.advance_ms(300_000);
    let path = format!("{}/loadBalancingRules/http/health", balancer("green"));
    let begun = client.send("POST", &path, &[], "");
    assert_eq!(begun.status, 202);
    client.follow(&begun);
    let location = begun.header("location").expect("a result").to_owned();
    let health = client.get(&location);
    assert_eq!(health.status, 200);
    let total = health.body["up"].as_u64().zip(health.body["down"].as_u64());
    let rows = health.body["loadBalancerBackendAddresses"]
        .as_array()
        .expect("a list");
    assert_eq!(total.map(|(up, down)| up + down), Some(rows.len() as u64));
    let unknown = format!("{}/loadBalancingRules/none/health", balancer("green"));
    assert_eq!(client.send("POST", &unknown, &[], "").code(), "NotFound");
}

#[test]
fn a_pool_of_ports_becomes_one_rule_per_instance() {
    let mut client = Client::with_network();
    let mut body: Value =
        serde_json::from_str(&balancer_body("green", "10.0.0.5")).expect("the body is JSON");
    let frontend = json!({"id": format!("{}/frontendIPConfigurations/fe", id("green"))});
    body["properties"]["inboundNatPools"] = json!([{"name": "ssh", "properties": {"frontendIPConfiguration": frontend,
        "protocol": "Tcp", "frontendPortRangeStart": 50000, "frontendPortRangeEnd": 50099, "backendPort": 22}}]);
    client.create(&balancer("green"), &body.to_string());
    let mut set: Value = serde_json::from_str(&crate::topology::scale_set_body(
        "green", 2, "1.0.0", "Manual",
    ))
    .expect("the body is JSON");
    let profile = &mut set["properties"]["virtualMachineProfile"]["networkProfile"];
    let ip = &mut profile["networkInterfaceConfigurations"][0]["properties"]["ipConfigurations"][0];
    ip["properties"]["loadBalancerInboundNatPools"] =
        json!([{"id": format!("{}/inboundNatPools/ssh", id("green"))}]);
    client.create(&scale_set("green"), &set.to_string());
    let rules = client.get(&balancer("green")).body["properties"]["inboundNatRules"].clone();
    let seen: Vec<(&str, Option<u64>)> = rules
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| {
            (
                r["name"].as_str().unwrap_or(""),
                r["properties"]["frontendPort"].as_u64(),
            )
        })
        .collect();
    assert_eq!(seen, [("ssh.0", Some(50_000)), ("ssh.1", Some(50_001))]);
    // Sent back, the made rules are not made twice.
    let read = client.get(&balancer("green")).body;
    client.create(&balancer("green"), &read.to_string());
    let again = client.get(&balancer("green")).body;
    assert_eq!(
        again["properties"]["inboundNatRules"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[test]
fn a_put_of_what_was_read_changes_nothing() {
    let mut client = Client::with_network();
    client.side("green", "10.0.0.5", 1);
    let mut before = client.get(&balancer("green")).body;
    let mut after = client.create(&balancer("green"), &before.to_string()).body;
    for answer in [&mut before, &mut after] {
        let etag = answer["etag"].as_str().expect("an etag").to_owned();
        *answer = serde_json::from_str(
            &answer
                .to_string()
                .replace(&etag.replace('"', "\\\""), "etag"),
        )
        .expect("it stays JSON");
    }
    assert_eq!(after, before);
}
