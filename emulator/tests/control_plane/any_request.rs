//! Whatever is asked: an answer, never a panic, and a world that holds together.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use turquoise_emulator::Reply;
use turquoise_emulator::control_plane::{ConflictMode, Profile};

use crate::support::{Client, SUBSCRIPTION, read};

const NET: &str = "/resourceGroups/g/providers/Microsoft.Network";

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "subscriptions", "00000000-0000-0000-0000-000000000001", "resourceGroups", "g",
            "providers", "Microsoft.Network", "microsoft.compute", "virtualNetworks", "v1",
            "subnets", "networkInterfaces", "images", "virtualMachineScaleSets", "loadBalancers",
            "applicationGateways", "operations", "locations", "instanceView", "start", "*",
        ]).prop_map(str::to_owned),
        1 => "[a-z%.0-9-]{0,6}",
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Z0-9/]{0,12}".prop_map(Value::from),
        Just(Value::from("westeurope")),
    ];
    let key = prop::sample::select(vec![
        "id",
        "name",
        "location",
        "tags",
        "sku",
        "properties",
        "subnets",
        "addressSpace",
        "addressPrefixes",
        "ipConfigurations",
        "dnsSettings",
        "storageProfile",
        "capacity",
        "backendAddressPools",
        "networkProfile",
        "virtualMachineProfile",
        "x",
    ]);
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..5).prop_map(|members| {
                let members = members
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value));
                Value::Object(members.collect())
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_request_gets_an_answer_with_a_code_when_refused(
        method in prop::sample::select(vec!["GET", "PUT", "PATCH", "POST", "DELETE", "HEAD"]),
        below in prop::collection::vec(segment(), 0..8),
        prefix in prop::sample::select(vec!["", "/resourceGroups/g/providers"]),
        body in json(),
    ) {
        let mut client = Client::with_group();
        let path = format!("{SUBSCRIPTION}{prefix}/{}?api-version=2024-11-01", below.join("/"));
        prop_assume!(path.parse::<http::Uri>().is_ok());
        let reply = client.raw(method, &path, &[("authorization", "Bearer t")], &body.to_string());
        let Reply::Answer(response) = reply else {
            panic!("nothing resets without a fault");
        };
        let answer = read(response);
        if answer.status >= 400 && method != "HEAD" {
            prop_assert!(!answer.code().is_empty(), "{method} {path}: {}", answer.body);
        }
        client.advance_ms(10_000_000);
    }
}

/// One step of a client that knows four types and mixes everything up.
#[derive(Clone, Debug)]
enum Step {
    Network(Vec<u8>),
    Interface {
        name: u8,
        subnet: u8,
        fixed: Option<u8>,
        public: Option<u8>,
    },
    Public(u8),
    Delete(&'static str, u8),
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop::sample::select(vec![
        "networkInterfaces/nic",
        "publicIPAddresses/pip",
        "virtualNetworks/v",
        "virtualNetworks/v1/subnets/s",
    ]);
    prop_oneof![
        prop::collection::vec(0..3u8, 0..3).prop_map(Step::Network),
        (
            0..6u8,
            0..3u8,
            prop::option::of(2..9u8),
            prop::option::of(0..3u8)
        )
            .prop_map(|(name, subnet, fixed, public)| Step::Interface {
                name,
                subnet,
                fixed,
                public
            }),
        (0..3u8).prop_map(Step::Public),
        (kind, 0..3u8).prop_map(|(kind, number)| Step::Delete(kind, number)),
        (0..8_000u16).prop_map(Step::Wait),
    ]
}

fn take(client: &mut Client, step: &Step) {
    match step {
        Step::Network(subnets) => {
            let items = subnets.iter().collect::<BTreeSet<_>>().into_iter().map(|subnet| {
                format!(r#"{{"name":"s{subnet}","properties":{{"addressPrefix":"10.0.{subnet}.0/29"}}}}"#)
            });
            let items: Vec<String> = items.collect();
            let body = format!(
                r#"{{"location":"westeurope","properties":{{"addressSpace":{{"addressPrefixes":["10.0.0.0/16"]}},"subnets":[{}]}}}}"#,
                items.join(",")
            );
            client.put(&format!("{NET}/virtualNetworks/v1"), &body);
        }
        Step::Interface {
            name,
            subnet,
            fixed,
            public,
        } => {
            let root = format!("{SUBSCRIPTION}{NET}");
            let fixed = fixed.map_or_else(String::new, |last| {
                format!(r#","privateIPAllocationMethod":"Static","privateIPAddress":"10.0.{subnet}.{last}""#)
            });
            let public = public.map_or_else(String::new, |pip| {
                format!(r#","publicIPAddress":{{"id":"{root}/publicIPAddresses/pip{pip}"}}"#)
            });
            let body = format!(
                r#"{{"location":"westeurope","properties":{{"ipConfigurations":[{{"name":"c","properties":{{"subnet":{{"id":"{root}/virtualNetworks/v1/subnets/s{subnet}"}}{fixed}{public}}}}}]}}}}"#
            );
            client.put(&format!("{NET}/networkInterfaces/nic{name}"), &body);
        }
        Step::Public(pip) => {
            let path = format!("{NET}/publicIPAddresses/pip{pip}");
            client.put(&path, r#"{"location":"westeurope"}"#);
        }
        Step::Delete(kind, number) => {
            client.delete(&format!("{NET}/{kind}{number}"));
        }
        Step::Wait(millis) => client.advance_ms(u64::from(*millis)),
    }
}

fn ids(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("id").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|inner| ids(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| ids(inner, found)),
        _ => {}
    }
}

/// Every id in every document leads to something, and no two interfaces share an address.
fn check(client: &mut Client) {
    let mut addresses = BTreeSet::new();
    for kind in ["virtualNetworks", "networkInterfaces", "publicIPAddresses"] {
        let listed = client.get(&format!("{NET}/{kind}")).body;
        let mut found = Vec::new();
        ids(&listed, &mut found);
        for id in found {
            assert_eq!(client.get(&id).status, 200, "{id}");
        }
        for interface in listed["value"].as_array().into_iter().flatten() {
            let first = &interface["properties"]["ipConfigurations"][0]["properties"];
            if let Some(address) = first["privateIPAddress"].as_str() {
                assert!(
                    addresses.insert(address.to_owned()),
                    "{address} is used twice"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_order_things_come_in_the_world_holds_together(
        steps in prop::collection::vec(step(), 1..40),
        refuse in any::<bool>(),
    ) {
        let mut client = Client::with(|config| {
            config.control_plane.profile = Profile::Calibrated;
            if refuse {
                config.control_plane.conflict_mode = ConflictMode::Refuse;
            }
        });
        client.group("g");
        for step in &steps {
            take(&mut client, step);
            check(&mut client);
        }
        client.delete("/resourceGroups/g");
        client.advance_ms(600_000);
        prop_assert_eq!(client.get("/resourceGroups/g").status, 404, "everything can go again");
        prop_assert_eq!(client.cloud.next_deadline(), None, "and nothing is left to do");
    }
}
