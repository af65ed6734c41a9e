//! Published quickstart templates, deployed as written.
//!
//! They are not part of the repository: they are read from `../shared/templates` beside it where that
//! is there, and the test says so where it is not. What a template expects before it is deployed
//! (its `prereq`) is deployed first; placeholders of its parameter file get values.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::edges;
use crate::support::{Client, SUBSCRIPTION};

#[expect(
    clippy::print_stdout,
    reason = "a test that checks nothing has to say so"
)]
fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/templates");
    if !root.is_dir() {
        println!("skipped: {} is not there", root.display());
        return Vec::new();
    }
    let entries = std::fs::read_dir(root).expect("the folder can be read");
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    found.sort();
    found
}

/// Templates that are refused as written, and what the refusal names.
const REFUSED: &[(&str, &str)] = &[
    (
        "2-vms-internal-load-balancer",
        "Microsoft.Storage/storageAccounts",
    ),
    (
        "vmss-flexible-orchestration-manual-add-vm",
        "flexible scale sets",
    ),
    (
        "vmss-flexible-orchestration-quickstart",
        "flexible scale sets",
    ),
];

/// Templates written when addresses and balancers were Basic where they did not say, and gateways v1
/// (retired, azure-facts.md §0.2 fact 23): refused as written, deployed with today's SKUs.
const RETIRED: &[&str] = &[
    "application-gateway-create",
    "application-gateway-probe",
    "application-gateway-url-path-based-routing",
    "application-security-group",
    "loadbalancer-with-multivip",
    "monitor-autoscale-vmss-simplemetricbased",
    "nic-publicip-dns-vnet",
    "vmss-bottle-autoscale",
    "vmss-ubuntu-app-gateway",
    "vmss-ubuntu-autoscale",
    "vmss-windows-customimage",
];

/// Gives addresses, balancers and gateways the SKU that is left.
fn modernise(value: &mut Value) {
    let kind = value["type"].as_str().unwrap_or_default().to_owned();
    if kind.ends_with("/publicIPAddresses") {
        value["sku"] = json!({"name": "Standard"});
        value["properties"]["publicIPAllocationMethod"] = "Static".into();
    } else if kind.ends_with("/loadBalancers") {
        value["sku"] = json!({"name": "Standard"});
    }
    if kind.ends_with("/applicationGateways") {
        value["properties"]["sku"] =
            json!({"name": "Standard_v2", "tier": "Standard_v2", "capacity": 2});
        let rules = value["properties"]["requestRoutingRules"].as_array_mut();
        for (index, rule) in rules.into_iter().flatten().enumerate() {
            rule["properties"]["priority"] = (100 + index).into();
        }
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(modernise),
        Value::Object(members) => members.values_mut().for_each(modernise),
        _ => {}
    }
}

fn read(folder: &Path, file: &str) -> Option<Value> {
    let text = std::fs::read_to_string(folder.join(file)).ok()?;
    serde_json::from_str(&text).ok()
}

/// The parameters of a file without placeholders.
fn parameters(folder: &Path, file: &str, before: &Value) -> Value {
    let read = read(folder, file).unwrap_or_else(|| json!({"parameters": {}}));
    let mut parameters = read["parameters"].clone();
    settle(&mut parameters, before);
    parameters
}

fn settle(value: &mut Value, before: &Value) {
    match value {
        Value::String(text) => {
            // An example where an address belongs: neither an address nor a domain name.
            if let Some(number @ ("1" | "2")) = text.strip_prefix("backend") {
                *text = format!("10.9.0.{number}");
            } else if let Some(name) = text.strip_prefix("GET-PREREQ-") {
                let found = before.as_object().into_iter().flatten();
                let mut found = found.filter(|(held, _)| held.eq_ignore_ascii_case(name));
                if let Some((_, output)) = found.next() {
                    *value = output["value"].clone();
                }
            } else if let Some(length) = text.strip_prefix("GEN-UNIQUE-") {
                let length = length.parse().expect("a length");
                *text = format!("{:x<length$}", "u");
            } else if text.starts_with("GEN-") {
                *text = "genunique1".to_owned();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| settle(item, before)),
        Value::Object(members) => members.values_mut().for_each(|inner| settle(inner, before)),
        _ => {}
    }
}

/// Deploys a template; its outputs, or its refusal.
fn deploy(
    client: &mut Client,
    folder: &Path,
    prefix: &str,
    before: &Value,
    modern: bool,
) -> Result<Value, String> {
    let template = read(folder, &format!("{prefix}azuredeploy.json"));
    let Some(mut template) = template else {
        return Ok(json!({}));
    };
    if modern {
        modernise(&mut template["resources"]);
    }
    let file = format!("{prefix}azuredeploy.parameters.json");
    let mut parameters = parameters(folder, &file, before);
    // Its default asks where the template was fetched from; this one was sent.
    if template["parameters"].get("_artifactsLocation").is_some() {
        parameters["_artifactsLocation"] = json!({"value": "https://example.org/"});
    }
    let subscription = template["$schema"]
        .as_str()
        .is_some_and(|s| s.contains("subscriptionDeployment"));
    let scope = if subscription {
        ""
    } else {
        "/resourceGroups/g"
    };
    let path = format!("{scope}/providers/Microsoft.Resources/deployments/{prefix}d");
    let body = json!({
        "location": "westeurope",
        "properties": {"mode": "Incremental", "template": template, "parameters": parameters},
    });
    let body = body.to_string();
    let valid = client.send("POST", &format!("{path}/validate"), &[], &body);
    if valid.status != 200 {
        return Err(valid.body.to_string());
    }
    let words = client.deploy(&path, &body);
    let shown = client.get(&path).body;
    if words.last().map(String::as_str) != Some("Succeeded") {
        return Err(shown["properties"]["error"].to_string());
    }
    let again = client.send("POST", &format!("{path}/whatIf"), &[], &body);
    for change in again.body["properties"]["changes"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let kind = change["changeType"].as_str().unwrap_or_default();
        if !matches!(kind, "NoChange" | "Ignore") {
            return Err(format!("what-if after the deployment: {change}"));
        }
    }
    for id in shown["properties"]["outputResources"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let id = id["id"].as_str().unwrap_or_default();
        if client.get(id).status != 200 {
            return Err(format!("{id} is not there"));
        }
    }
    let second = client.deploy(&path, &body);
    match second.last().map(String::as_str) {
        Some("Succeeded") => Ok(shown["properties"]["outputs"].clone()),
        _ => Err(format!(
            "the second time: {}",
            client.get(&path).body["properties"]["error"]
        )),
    }
}

/// What a group holds: each resource with the ids of others that its document names.
fn graph(client: &mut Client) -> String {
    let group = format!("{SUBSCRIPTION}/resourceGroups/g");
    let listed = client.get("/resourceGroups/g/resources").body;
    let mut lines = Vec::new();
    for item in listed["value"].as_array().into_iter().flatten() {
        let id = item["id"].as_str().unwrap_or_default();
        let document = client.get(id).body;
        let mut edges = BTreeSet::new();
        edges::collect(&document, id, &mut edges);
        let short = |id: &str| {
            let tail = id.strip_prefix(&group).unwrap_or(id);
            tail.trim_start_matches("/providers/").to_owned()
        };
        let edges: Vec<String> = edges.iter().map(|edge| short(edge)).collect();
        lines.push(format!("  {} -> {}", short(id), edges.join(", ")));
    }
    lines
        .join("\n")
        .replace(" -> \n", "\n")
        .trim_end_matches(" -> ")
        .to_owned()
}

#[test]
fn published_templates_deploy_twice_or_name_the_type_that_is_not_emulated() {
    let (mut findings, mut graphs) = (Vec::new(), Vec::new());
    for folder in folders() {
        let name = folder
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let attempt = |modern: bool| {
            let mut client = Client::with_group();
            let before = deploy(&mut client, &folder, "prereq.", &json!({}), modern)?;
            deploy(&mut client, &folder, "", &before, modern)?;
            Ok::<_, String>(graph(&mut client))
        };
        let retired = match name {
            "application-gateway-create" => Some("ApplicationGatewayV1SkuRetired"),
            name if RETIRED.contains(&name) => Some("PublicIPAddressStandardSkuMustBeStatic"),
            _ => None,
        };
        let expected = REFUSED
            .iter()
            .find(|(held, _)| *held == name)
            .map(|(_, reason)| *reason)
            .or(retired);
        match (attempt(false), expected) {
            (Ok(graph), None) => graphs.push(format!("{name}\n{graph}")),
            (Err(text), Some(reason)) if text.contains(reason) => {}
            (found, expected) => findings.push(format!("{name}: {found:?}, expected {expected:?}")),
        }
        match retired.map(|_| attempt(true)) {
            Some(Err(text)) => findings.push(format!("{name} with today's SKUs: {text}")),
            Some(Ok(graph)) => graphs.push(format!("{name}\n{graph}")),
            None => {}
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    if !graphs.is_empty() {
        insta::assert_snapshot!("graphs", graphs.join("\n\n"));
    }
}
