//! Every answer of every documented operation, held against the OpenAPI documents that Microsoft
//! publishes.
//!
//! The documents are not part of the repository: they are read from `../shared/schemas` beside it
//! where that is there, and the tests say so where it is not.

mod documents;
mod world;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use self::documents::{Departure, Documents};
use crate::support::{Answer, Client};
use crate::topology;

/// What we answer on purpose other than these documents say: end of the operation, end of the place,
/// reason. A row too many fails as one too few does.
const ON_PURPOSE: &[(&str, &str, &str)] = &[
    (
        "",
        "/properties/hardwareProfile/vmSize",
        "an open list, which was written before the sizes of today",
    ),
    (
        "get /subscriptions",
        "",
        "`nextLink` is required, but Azure leaves it out on the last page (client-contract.md §4)",
    ),
    (
        "get /tenants",
        "",
        "`nextLink` is required, but Azure leaves it out on the last page (client-contract.md §4)",
    ),
];

/// Documented operations below emulated types that do not answer 200 here: end, reason.
const NOT_ANSWERED: &[(&str, &str)] = &[
    (
        "/deployments/{deploymentName}/operations/{operationId}",
        "an operation's name is drawn by the deployment; deployments.rs reads one",
    ),
    (
        "/providers/Microsoft.Resources/deployments/{deploymentName}",
        "what a deployment answers has no template, so it cannot be sent back",
    ),
    (
        "/virtualMachineScaleSets/{vmScaleSetName}/rollingUpgrades/latest",
        "none has run; scale_sets.rs reads one",
    ),
    (
        "/loadBalancers/{loadBalancerName}/outboundRules/{outboundRuleName}",
        "an internal balancer has none",
    ),
    (
        "PUT /subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute/virtualMachineScaleSets/{vmScaleSetName}/extensions/{vmssExtensionName}",
        "501: extensions are written with their set",
    ),
    (
        "/publicipaddresses",
        "no machine of a set has a public address",
    ),
    (
        "/publicipaddresses/{publicIpAddressName}",
        "no machine of a set has a public address",
    ),
    (
        "/availabilitySets/{availabilitySetName}/vmSizes",
        "not emulated",
    ),
    (
        "/virtualMachines/{instanceId}/extensions/{vmExtensionName}",
        "not emulated",
    ),
    ("/runCommands", "not emulated: no machine runs a command"),
    (
        "/runCommands/{runCommandName}",
        "not emulated: no machine runs a command",
    ),
    (
        "/loadBalancers/{loadBalancerName}/networkInterfaces",
        "not emulated",
    ),
    (
        "/networkInterfaces/{networkInterfaceName}/loadBalancers",
        "not emulated",
    ),
    ("/tapConfigurations", "not emulated"),
    ("/tapConfigurations/{tapConfigurationName}", "not emulated"),
    ("/CheckIPAddressAvailability", "not emulated"),
    ("/ResourceNavigationLinks", "not emulated"),
    ("/ServiceAssociationLinks", "not emulated"),
    (
        "/virtualNetworks/{virtualNetworkName}/usages",
        "not emulated",
    ),
    (
        "/virtualMachines/{virtualmachineIndex}/networkInterfaces/{networkInterfaceName}/ipConfigurations",
        "not emulated: they are in their interface",
    ),
    (
        "/virtualMachines/{virtualmachineIndex}/networkInterfaces/{networkInterfaceName}/ipConfigurations/{ipConfigurationName}",
        "not emulated: they are in their interface",
    ),
];

/// Emulated types that these documents do not have.
const WITHOUT_DOCUMENT: &[&str] = &[
    "Microsoft.Network/privateDnsZones",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    "Microsoft.Network/privateDnsZones/A",
    "Microsoft.Network/privateDnsZones/AAAA",
    "Microsoft.Network/privateDnsZones/CNAME",
    "Microsoft.Network/privateDnsZones/MX",
    "Microsoft.Network/privateDnsZones/PTR",
    "Microsoft.Network/privateDnsZones/SRV",
    "Microsoft.Network/privateDnsZones/TXT",
    "Microsoft.Compute/disks",
];

#[expect(
    clippy::print_stdout,
    reason = "a test that checks nothing has to say so"
)]
fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/schemas");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

/// A client whose answers are held against the documents.
pub(crate) struct Judge {
    documents: Documents,
    client: Client,
    departures: Vec<Departure>,
    /// `{method} {template}` of each answer that was held against a schema.
    judged: BTreeSet<String>,
}

impl Judge {
    fn new(folder: &Path) -> Self {
        Self {
            documents: Documents::read(folder),
            client: Client::new(),
            departures: Vec::new(),
            judged: BTreeSet::new(),
        }
    }

    /// Sends, and judges an answer that is no refusal.
    fn send(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let answer = self.client.send(method, path, &[], body);
        if answer.status < 400 {
            self.judge(method, path, &answer);
        }
        answer
    }

    fn judge(&mut self, method: &str, path: &str, answer: &Answer) {
        let path = world::full(path);
        if let Some(operation) = self.documents.operation(method, &path) {
            let body = &answer.body;
            let found = self.documents.departures(operation, answer.status, body);
            self.departures.extend(found);
            let (method, template) = (&operation.method, &operation.template);
            self.judged.insert(format!("{method} {template}"));
        }
    }

    /// A PUT that is accepted, judged and followed to its end.
    #[track_caller]
    pub(crate) fn make(&mut self, path: &str, body: &str) {
        let answer = self.send("PUT", path, body);
        assert!(answer.status < 300, "{path}: {}", answer.body);
        if answer.header("azure-asyncoperation").is_some() {
            self.client.follow(&answer);
        }
    }
}

/// Asks every documented GET of things that are there; what neither answered nor belongs to a
/// type that is not emulated.
fn read_everything(judge: &mut Judge) -> Vec<String> {
    let templates: BTreeSet<String> = judge
        .documents
        .operations("get")
        .map(|operation| operation.template.clone())
        .filter(|template| template.starts_with("/subscriptions") || template == "/tenants")
        .collect();
    let mut missing = Vec::new();
    for template in templates {
        let path = world::fill(&template);
        let answer = judge.send("GET", &path, "");
        let is_elsewhere = answer.code() == "InvalidResourceType";
        if !matches!(answer.status, 200 | 501) && !is_elsewhere {
            missing.push(format!("GET {template}"));
        }
    }
    missing
}

/// Sends back everything that was read, as clients do; what was refused.
fn write_everything_back(judge: &mut Judge) -> Vec<String> {
    let writable: BTreeSet<String> = judge
        .documents
        .operations("put")
        .map(|operation| operation.template.clone())
        .filter(|template| judge.judged.contains(&format!("get {template}")))
        .collect();
    let mut refused = Vec::new();
    for template in writable {
        let path = world::fill(&template);
        let body = judge.client.get(&path).body.to_string();
        let answer = judge.send("PUT", &path, &body);
        if answer.status >= 300 {
            refused.push(format!("PUT {template}"));
        } else if answer.header("azure-asyncoperation").is_some() {
            judge.client.follow(&answer);
        }
    }
    refused
}

/// The answer to a POST whose result is fetched later.
fn ask_for_health(judge: &mut Judge) {
    let path = format!("{}/backendhealth", topology::GATEWAY);
    let asked = judge.send("POST", &path, "");
    let result = asked.header("location").expect("a result").to_owned();
    let answer = loop {
        let answer = judge.client.get(&result);
        if answer.status != 202 {
            break answer;
        }
        judge.client.advance_ms(1_000);
    };
    judge.judge("POST", &path, &answer);
}

/// The rows of a table that match none of `found`, and what of `found` matches no row.
fn unmatched<Row: Copy, Found: Clone>(
    rows: &[Row],
    found: &[Found],
    is_for: impl Fn(Row, &Found) -> bool,
) -> (Vec<Row>, Vec<Found>) {
    let unused = rows
        .iter()
        .filter(|row| !found.iter().any(|found| is_for(**row, found)));
    let unlisted = found
        .iter()
        .filter(|found| !rows.iter().any(|row| is_for(*row, found)));
    (unused.copied().collect(), unlisted.cloned().collect())
}

/// Emulated types of which no resource was held against a schema.
fn unjudged_types(judge: &mut Judge) -> Vec<String> {
    let metadata = judge.client.get("/providers").body;
    let mut found = Vec::new();
    for namespace in metadata["value"].as_array().expect("namespaces") {
        for kind in namespace["resourceTypes"].as_array().expect("types") {
            let words = [&namespace["namespace"], &kind["resourceType"]];
            let [space, kind] = words.map(|word| word.as_str().expect("a name"));
            let first = kind.split('/').next().unwrap_or_default();
            let part = format!("/providers/{space}/{first}").to_lowercase();
            if !judge
                .judged
                .iter()
                .any(|done| done.to_lowercase().contains(&part))
            {
                found.push(format!("{space}/{kind}"));
            }
        }
    }
    found
}

#[test]
fn every_documented_answer_is_as_published() {
    let Some(folder) = folder() else { return };
    let mut judge = Judge::new(&folder);
    world::build(&mut judge);
    let missing = read_everything(&mut judge);
    let refused = write_everything_back(&mut judge);
    ask_for_health(&mut judge);

    let is_answer = |(operation, place, _): (&str, &str, &str), found: &Departure| {
        found.operation.ends_with(operation) && found.place.ends_with(place)
    };
    let (unused, unlisted) = unmatched(ON_PURPOSE, &judge.departures, is_answer);
    assert!(unlisted.is_empty(), "not as published: {unlisted:#?}");
    assert!(unused.is_empty(), "as published by now: {unused:#?}");

    let is_ours = |(end, _): (&str, &str), found: &String| found.ends_with(end);
    let unanswered = [missing, refused].concat();
    let (unused, unlisted) = unmatched(NOT_ANSWERED, &unanswered, is_ours);
    assert!(
        unlisted.is_empty(),
        "documented and not answered: {unlisted:#?}"
    );
    assert!(unused.is_empty(), "answered by now: {unused:#?}");
    assert_eq!(unjudged_types(&mut judge), WITHOUT_DOCUMENT);
}

#[test]
fn a_broken_answer_is_refused() {
    let Some(folder) = folder() else { return };
    let mut judge = Judge::new(&folder);
    world::build(&mut judge);
    let balancer = topology::balancer("green");
    let set = topology::scale_set("green");
    let setting = topology::autoscale("green");
    for (path, place, broken) in [
        // A number as text, which az crashes on (client-contract.md §6.3).
        (
            &*balancer,
            "/properties/probes/0/properties/port",
            json!("80"),
        ),
        // In another document.
        (
            &*balancer,
            "/properties/frontendIPConfigurations/0/properties/subnet/properties/addressPrefix",
            json!(24),
        ),
        (
            &*balancer,
            "/properties/loadBalancingRules/0/properties/protocol",
            json!("tcp"),
        ),
        (&*balancer, "/properties/backendAddressPools", json!({})),
        (
            topology::GATEWAY,
            "/properties/provisioningState",
            json!("Done"),
        ),
        (&*set, "/sku/capacity", json!("2")),
        (&*set, "/properties/upgradePolicy/mode", json!("manual")),
        (&*set, "/location", Value::Null),
        (
            &*setting,
            "/properties/profiles/0/capacity/minimum",
            json!(1),
        ),
        (&*setting, "/properties/profiles", Value::Null),
    ] {
        let answer = judge.client.get(path);
        let full = world::full(path);
        let operation = judge.documents.operation("GET", &full).expect("documented");
        let sound = judge.documents.departures(operation, 200, &answer.body);
        assert_eq!(sound, [], "{path}");
        let mut body = answer.body;
        set_at(&mut body, place, broken);
        let found = judge.documents.departures(operation, 200, &body);
        let places: Vec<String> = found.into_iter().map(|found| found.place).collect();
        assert_eq!(places, [documents::place(place)], "{path}");
        let status = judge.documents.departures(operation, 299, &body);
        assert_eq!(status[0].place, "status", "{path}");
    }
}

/// Puts a value at a pointer, making the objects on the way.
fn set_at(body: &mut Value, pointer: &str, value: Value) {
    let mut at = body;
    for token in pointer.split('/').skip(1) {
        at = match token.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[token],
        };
    }
    *at = value;
}
