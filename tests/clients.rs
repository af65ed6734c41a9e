//! The clients that people have, unmodified, against the local Azure in another process: the Azure
//! CLI and the Azure SDKs for Python and JavaScript build the same system, swap it and take it away.
//!
//! `./check tools` installs them below `target/`; where they are missing a test says so and does
//! nothing. What each client was seen to do is in `emulator/CLIENTS.md`, made from the flows.

#[path = "clients/az.rs"]
mod az;
#[path = "../emulator/tests/control_plane/edges.rs"]
mod edges;
#[path = "clients/portal.rs"]
mod portal;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use az::{Expected, Step};
use serde_json::{Value, json};
use support::{Started, folder, turquoise};

/// Azure's minutes in seconds: a client asks at most once a second how an operation goes.
const SPEED: &str = "200";

const GATEWAY: &str = "Microsoft.Network/applicationGateways/agw";

/// A local Azure that ends with the test.
struct Azure {
    _process: Started,
    folder: tempfile::TempDir,
    ready: Value,
}

impl Azure {
    fn start() -> Self {
        let folder = folder();
        let arguments = ["emulate", "--output", "json", "--speed", SPEED];
        let mut process = Started::new(&folder, &arguments);
        let ready = serde_json::from_str(&process.line()).expect("the first line is JSON");
        Self {
            _process: process,
            folder,
            ready,
        }
    }

    fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().expect("the first line has it")
    }

    fn subscription(&self) -> String {
        format!("/subscriptions/{}", self.text("subscription"))
    }

    /// Variables for other programs, as `turquoise env` prints them.
    fn variables(&self) -> BTreeMap<String, String> {
        let output = turquoise(&self.folder)
            .args(["env", "--output", "json", "--endpoint", self.text("arm")])
            .output()
            .expect("the command starts");
        serde_json::from_slice(&output.stdout).expect("variables as JSON")
    }

    /// Which resources there are, what each points at, and what the flows change in them.
    async fn graph(&self) -> Value {
        let _there = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::new();
        let get = async |path: &str| -> Value {
            let url = format!("{}{path}?api-version=2024-07-01", self.text("arm"));
            let request = client.get(url).bearer_auth("local-emulator");
            let answer = request.send().await.expect("it answers");
            let text = answer.text().await.expect("the answer is whole");
            serde_json::from_str(&text).expect("JSON")
        };
        let list = get(&format!("{}/resources", self.subscription())).await;
        let mut graph = BTreeMap::new();
        for item in list["value"].as_array().expect("a list") {
            let id = item["id"].as_str().expect("an id").to_owned();
            let document = get(&id).await;
            let mut edges = BTreeSet::new();
            edges::collect(&document, &id, &mut edges);
            let pools = &document["properties"]["backendAddressPools"];
            graph.insert(
                id.clone(),
                json!({
                    "location": document["location"],
                    "sku": document["sku"],
                    "tags": document["tags"],
                    "members": pools[0]["properties"]["backendAddresses"],
                    "points at": edges,
                }),
            );
        }
        json!(graph)
    }
}

fn below_target(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target")
        .join(path)
}

fn flows() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// The program; or, where it is not installed, how to get it.
fn installed(path: &str) -> Result<PathBuf, String> {
    let program = below_target(path);
    if program.exists() {
        return Ok(program);
    }
    Err(format!(
        "`{}` is not there; `./check tools` installs it",
        program.display()
    ))
}

#[track_caller]
fn assert_ended_well(what: &str, output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}\n{said}\n{errors}");
    said
}

/// A body of the system, with the ids of this subscription and the address of its group.
fn body(azure: &Azure, group: &str, name: &str) -> String {
    let text = std::fs::read_to_string(flows().join(format!("bodies/{name}.json")));
    let groups = format!("{}/resourceGroups", azure.subscription());
    let address = if group == "green-rg" {
        "10.0.0.10"
    } else {
        "10.0.0.11"
    };
    text.expect("the body is there")
        .replace("{frontend}", &format!("{groups}/frontend-rg/providers"))
        .replace("{side}", &format!("{groups}/{group}/providers"))
        .replace(
            "{gateway}",
            &format!("{groups}/frontend-rg/providers/{GATEWAY}"),
        )
        .replace("{address}", address)
}

/// The words of a step's command.
fn words(azure: &Azure, command: &str) -> Vec<String> {
    let Some(rest) = command.strip_prefix("{rest:") else {
        let bodies = flows().join("bodies").display().to_string();
        let command = command.replace("{subscription}", &azure.subscription());
        let command = command.replace("{bodies}", &bodies);
        return command.split(' ').map(str::to_owned).collect();
    };
    let (group, name) = rest
        .trim_end_matches('}')
        .split_once('/')
        .expect("a group and a body");
    let file = azure.folder.path().join(format!("{group}-{name}.json"));
    std::fs::write(&file, body(azure, group, name)).expect("it can be written");
    let resource = match name {
        "load_balancer" => "Microsoft.Network/loadBalancers/lb?api-version=2024-07-01",
        "scale_set" => "Microsoft.Compute/virtualMachineScaleSets/web?api-version=2024-11-01",
        _ => "Microsoft.Network/applicationGateways/agw?api-version=2024-07-01",
    };
    let url = format!(
        "{}/resourceGroups/{group}/providers/{resource}",
        azure.subscription()
    );
    let file = format!("@{}", file.display());
    ["rest", "--method", "put", "--url", &url, "--body", &file]
        .map(str::to_owned)
        .to_vec()
}

fn run_az(azure: &Azure, az: &Path, steps: &[Step]) {
    for step in steps {
        let output = turquoise(&azure.folder)
            .args(["az", "--endpoint", azure.text("arm"), "--az"])
            .arg(az)
            .arg("--")
            .args(words(azure, step.command))
            .arg("--only-show-errors")
            .output()
            .expect("the command starts");
        let what = format!("{}: az {}", step.name, step.command);
        match step.expected {
            Expected::Done => drop(assert_ended_well(&what, &output)),
            Expected::Says(text) => {
                let said = assert_ended_well(&what, &output);
                assert!(said.contains(text), "{what}\nsaid {said}");
            }
            Expected::Refused(code) => {
                let errors = String::from_utf8_lossy(&output.stderr);
                assert!(!output.status.success(), "{what} was not refused");
                assert!(errors.contains(&format!("({code})")), "{what}\n{errors}");
            }
        }
    }
}

#[tokio::test]
async fn az_builds_swaps_and_removes_the_system() {
    let az = match installed("azure-cli/bin/az") {
        Ok(program) => program,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    let azure = Azure::start();
    run_az(&azure, &az, az::BUILD);
    insta::assert_json_snapshot!("graph", azure.graph().await);
    run_az(&azure, &az, az::REMOVE);
    run_az(&azure, &az, az::TEMPLATES);
    assert_eq!(azure.graph().await, json!({}));
}

/// Runs a program's flow, compares what stands in between and what is left, and checks that the
/// program did every step that the table will tell of it.
async fn check_sdk(program: &Path, flow: &str, rest: &[&Path]) {
    let azure = Azure::start();
    let run = |phase: &str| {
        let output = Command::new(program)
            .arg(flows().join(flow))
            .arg(phase)
            .args(rest)
            .envs(azure.variables())
            .output();
        assert_ended_well(phase, &output.expect("the program starts"))
    };
    let mut said = run("build");
    insta::assert_json_snapshot!("graph", azure.graph().await);
    said.push_str(&run("remove"));
    assert_eq!(azure.graph().await, json!({}));
    let done: BTreeSet<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("ok "))
        .collect();
    let steps = steps_of(flow);
    let steps: BTreeSet<&str> = steps.iter().map(String::as_str).collect();
    assert_eq!(done, steps, "the table tells what was really done");
}

#[tokio::test]
async fn the_python_sdk_builds_swaps_and_removes_the_system() {
    match installed("azure-sdk/bin/python") {
        Ok(python) => check_sdk(&python, PYTHON, &[]).await,
        Err(why) => println!("skipped: {why}"),
    }
}

#[tokio::test]
async fn the_javascript_sdk_builds_swaps_and_removes_the_system() {
    match installed("azure-js/installed") {
        Ok(_mark) => {
            let modules = below_target("azure-js");
            check_sdk(Path::new("node"), JAVASCRIPT, &[&modules]).await;
        }
        Err(why) => println!("skipped: {why}"),
    }
}

const PYTHON: &str = "sdk.py";
const JAVASCRIPT: &str = "sdk.mjs";

/// The names of the steps in a flow, as they stand in its program.
fn steps_of(flow: &str) -> Vec<String> {
    let text = std::fs::read_to_string(flows().join(flow)).expect("the flow is there");
    let calls = ["step(\"", "refused(\""];
    let names = text.lines().filter_map(|line| {
        let rest = calls.iter().find_map(|call| line.split(call).nth(1))?;
        rest.split('"').next().map(str::to_owned)
    });
    names.collect()
}

/// The table of who does what, from the flows.
fn table() -> String {
    let sdks = [steps_of(PYTHON), steps_of(JAVASCRIPT)];
    let mut rows: Vec<(&str, String)> = Vec::new();
    for step in az::BUILD.iter().chain(az::REMOVE).chain(az::TEMPLATES) {
        if !rows.iter().any(|(name, _)| *name == step.name) {
            rows.push((step.name, format!("`az {}`", shown(step.command))));
        }
    }
    for name in sdks.iter().flatten() {
        if !rows.iter().any(|(known, _)| known == name) {
            rows.push((name, "–".to_owned()));
        }
    }
    let mut text = String::from(INTRODUCTION);
    for (name, az) in &rows {
        let cells = sdks.each_ref().map(|steps| {
            let does = steps.iter().any(|step| step == name);
            if does { "yes" } else { "–" }
        });
        let _infallible = writeln!(text, "| {name} | {az} | {} |", cells.join(" | "));
    }
    text
}

/// A command without its arguments.
fn shown(command: &str) -> String {
    if command.starts_with('{') {
        return "rest --method put".to_owned();
    }
    let words = command.split(' ').take_while(|word| !word.starts_with('-'));
    words.collect::<Vec<_>>().join(" ")
}

const INTRODUCTION: &str = "\
# What real clients do against the emulator

Made from the flows in `tests/clients/` by `tests/clients.rs`, which runs each of these with the unmodified client; do not
edit. `UPDATE_CLIENTS=1 cargo test --test clients table` writes it anew. All flows end in the same resource graph.

az is 2.91.0; Python has azure-mgmt-network 33.1.0, azure-mgmt-compute 39.0.0, azure-mgmt-resource 26.0.0,
azure-mgmt-monitor 7.0.0 and azure-identity 1.25.1; JavaScript @azure/arm-network 36.0.0, arm-compute 24.1.0,
arm-resources 7.0.0 and identity 4.13.0. A dash means: not in that client's flow.

| operation | Azure CLI | Python SDK | JavaScript SDK |
|---|---|---|---|
";

#[test]
fn the_table_of_clients_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("emulator/CLIENTS.md");
    if std::env::var_os("UPDATE_CLIENTS").is_some() {
        std::fs::write(&path, table()).expect("it can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == table(),
        "emulator/CLIENTS.md is old: UPDATE_CLIENTS=1 writes it anew"
    );
}
