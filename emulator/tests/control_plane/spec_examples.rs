//! Examples of Azure's own API specifications, fed in and compared with what Azure answers.
//!
//! The examples are not part of the repository: they are read from `../shared/spec-examples` beside
//! it where that is there, and the tests say so where it is not.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Client, SUBSCRIPTION};
use crate::topology::{VNET, autoscale, balancer, scale_set};

#[expect(
    clippy::print_stdout,
    reason = "a test that checks nothing has to say so"
)]
fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec-examples");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

/// The examples whose file name begins so, by name.
fn examples(prefix: &str) -> Vec<(String, Value)> {
    let Some(folder) = folder() else {
        return Vec::new();
    };
    let mut found: Vec<(String, Value)> = std::fs::read_dir(folder)
        .expect("the folder can be read")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let text = name
                .starts_with(prefix)
                .then(|| std::fs::read_to_string(&path))?;
            let example = serde_json::from_str(&text.ok()?).expect("an example is JSON");
            Some((name, example))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// Points every subnet at ours and drops members that lead outside the example.
fn settle(value: &mut Value, dropped: &[&str]) {
    match value {
        Value::Object(members) => {
            members.retain(|name, inner| {
                let is_placeholder = *inner == json!({});
                !dropped.contains(&name.as_str()) && !is_placeholder
            });
            for (name, inner) in members.iter_mut() {
                if name == "subnet" {
                    *inner = json!({"id": format!("{SUBSCRIPTION}{VNET}/subnets/green")});
                } else {
                    settle(inner, dropped);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| settle(item, dropped)),
        _ => {}
    }
}

/// The paths at which `answer` lacks a member of `expected`, whatever the values.
fn lacking(at: &str, expected: &Value, answer: &Value, found: &mut Vec<String>) {
    match (expected, answer) {
        (Value::Object(expected), Value::Object(answer)) => {
            for (name, inner) in expected {
                let path = format!("{at}.{name}");
                match answer.get(name) {
                    Some(given) => lacking(&path, inner, given, found),
                    None => found.push(path),
                }
            }
        }
        (Value::Array(expected), Value::Array(answer)) => {
            for (index, inner) in expected.iter().enumerate() {
                match answer.get(index) {
                    Some(given) => lacking(&format!("{at}[{index}]"), inner, given, found),
                    None => found.push(format!("{at}[{index}]")),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn scale_sets_are_created_and_answered_as_specified() {
    let outside = [
        "loadBalancerBackendAddressPools",
        "loadBalancerInboundNatPools",
        "publicIPAddressConfiguration",
        "networkSecurityGroup",
    ];
    for (name, example) in examples("compute-Create") {
        let mut body = example["parameters"]["parameters"].clone();
        if body["properties"]["virtualMachineProfile"].is_null() {
            continue;
        }
        settle(&mut body, &outside);
        let mut client = Client::with_network();
        body["location"] = json!("westeurope");
        let image =
            &mut body["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"];
        if image.get("id").is_some() {
            *image = json!({"publisher": "p", "offer": "o", "sku": "s", "version": "1"});
        }
        let created = client.put(&scale_set("example"), &body.to_string());
        assert_eq!(created.status, 201, "{name}: {}", created.body);
        client.follow(&created);
        let mut expected = example["responses"]["201"]["body"].clone();
        settle(&mut expected, &outside);
        let storage = &mut expected["properties"]["virtualMachineProfile"]["storageProfile"];
        storage["imageReference"] = json!({});
        let mut found = Vec::new();
        lacking(
            "",
            &expected,
            &client.get(&scale_set("example")).body,
            &mut found,
        );
        // Azure completes the operating system's configuration by the image, which is not known here.
        found.retain(|path| {
            !path.contains(".windowsConfiguration") && !path.contains(".linuxConfiguration")
        });
        // So do sizes of disks; data disks are kept as given.
        found.retain(|path| !path.ends_with(".diskSizeGB") && !path.contains(".dataDisks["));
        // One example answers boot diagnostics that its request does not have.
        found.retain(|path| !path.ends_with(".diagnosticsProfile"));
        assert_eq!(found, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn load_balancers_are_created_and_answered_as_specified() {
    for (name, example) in examples("network-LoadBalancerCreate") {
        let text = example["parameters"]["parameters"].to_string();
        let id = format!("{SUBSCRIPTION}{}", balancer("example"));
        let specified =
            "/subscriptions/subid/resourceGroups/rg1/providers/Microsoft.Network/loadBalancers/lb";
        let mut body: Value = serde_json::from_str(&text.replace(specified, &id)).expect("JSON");
        settle(&mut body, &[]);
        body["location"] = json!("westeurope");
        let mut client = Client::with_network();
        let created = client.put(&balancer("example"), &body.to_string());
        assert_eq!(created.status, 201, "{name}: {}", created.body);
        client.follow(&created);
        let mut found = Vec::new();
        let expected = &example["responses"]["201"]["body"];
        lacking(
            "",
            expected,
            &client.get(&balancer("example")).body,
            &mut found,
        );
        // Tunnels belong to gateway load balancers, which only pass through here.
        found.retain(|path| !path.ends_with(".tunnelInterfaces"));
        assert_eq!(found, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn an_autoscale_setting_comes_back_as_specified() {
    for (name, example) in examples("insights-getAutoscaleSetting") {
        let specified = &example["responses"]["200"]["body"];
        let mut client = Client::with_network();
        client.side("green", "10.0.0.5", 1);
        let mut body = specified.clone();
        body["location"] = json!("westeurope");
        body["properties"]["targetResourceUri"] =
            format!("{SUBSCRIPTION}{}", scale_set("green")).into();
        let created = client.put(&autoscale("green"), &body.to_string());
        assert_eq!(created.status, 201, "{name}: {}", created.body);
        let mut found = Vec::new();
        lacking("", specified, &created.body, &mut found);
        assert_eq!(found, Vec::<String>::new(), "{name}");
        assert_eq!(
            created.body["properties"]["profiles"], specified["properties"]["profiles"],
            "{name}: texts and numbers keep their types"
        );
    }
}
