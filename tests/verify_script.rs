//! Programs of others, judged: the same oracles, over sockets, in real time.

mod support;

use serde_json::Value;
use support::{Ended, Started, folder, run_in};

/// Small enough for an unoptimised build on two cores.
const SMALL: [&str; 6] = [
    "verify-script",
    "--rate=60",
    "--baseline=2",
    "--no-report",
    "--output",
    "json",
];

/// What both scripts below begin with: ARM by curl and jq, as a pipeline does it.
const BEGINNING: &str = r#"
set -euo pipefail
gateway="$TURQUOISE_ENDPOINT$TURQUOISE_GATEWAY_ID?api-version=$TURQUOISE_API_NETWORK"
arm() { curl --silent --fail-with-body --header "authorization: Bearer $TURQUOISE_TOKEN" \
             --header 'content-type: application/json' "$@"; }
# Reads the gateway and makes the pool list the addresses given.
send_pool() {
  local body
  body="$(arm "$gateway" | jq --arg pool "$TURQUOISE_POOL" '
    (.properties.backendAddressPools[] | select(.name == $pool) | .properties.backendAddresses)
      |= ($ARGS.positional | map({ipAddress: .}))' --args "$@")"
  arm --request PUT --data "$body" "$gateway" >/dev/null
}
# The same, and waits for the operation's end.
put_pool() {
  send_pool "$@"
  until [[ "$(arm "$gateway" | jq -r .properties.provisioningState)" == Succeeded ]]; do sleep 0.2; done
}
# Sends a POST that only asks, and waits for its answer.
ask() {
  local headers location
  headers="$(arm --request POST --data '' --output /dev/null --dump-header - "$1" | tr -d '\r')"
  location="$(sed -n 's/^location: //Ip' <<<"$headers")"
  [[ -z $location ]] ||
    until [[ "$(arm --output /dev/null --write-out '%{http_code}' "$location")" == 200 ]]; do sleep 0.2; done
}
# Looks at what a write of the pool leans on: the new side's machines, what its balancer thinks of
# them, and what the gateway thinks of its members.
look() {
  local group rule
  group="$TURQUOISE_ENDPOINT${TURQUOISE_NEW_SCALE_SET_ID%/providers/*}"
  arm "$TURQUOISE_ENDPOINT$TURQUOISE_NEW_SCALE_SET_ID/virtualMachines?api-version=$TURQUOISE_API_COMPUTE" >/dev/null
  for rule in $(arm "$group/providers/Microsoft.Network/loadBalancers?api-version=$TURQUOISE_API_NETWORK" |
      jq -r '.value[].properties.loadBalancingRules[].id'); do
    ask "$TURQUOISE_ENDPOINT$rule/health?api-version=$TURQUOISE_API_NETWORK"
  done
  ask "$TURQUOISE_ENDPOINT$TURQUOISE_GATEWAY_ID/backendhealth?api-version=$TURQUOISE_API_NETWORK"
}
# The builds that answered twenty requests through the gateway.
answers() {
  for _ in $(seq 20); do
    curl --silent --output /dev/null --dump-header - --cacert "$TURQUOISE_CA_FILE" \
         --connect-to "::$TURQUOISE_GATEWAY_SOCKET" "$TURQUOISE_GATEWAY_URL/"
  done | tr -d '\r' | sed -n "s/^$TURQUOISE_BUILD_HEADER: //Ip" | sort -u
}
"#;

#[track_caller]
fn verify(script: &str, more: &[&str]) -> Ended {
    let folder = folder();
    let path = folder.path().join("swap.sh");
    std::fs::write(&path, format!("{BEGINNING}\n{script}")).expect("a folder of our own");
    let mut arguments = SMALL.to_vec();
    arguments.extend(more);
    arguments.extend(["--", "bash", "swap.sh"]);
    run_in(&folder, &arguments)
}

#[track_caller]
fn judged(ended: &Ended, code: i32) -> Value {
    let result = ended.result();
    let shown = format!("{result:#}\n{}", ended.stderr);
    assert_eq!(ended.code, code, "{shown}");
    assert_eq!(result["event"], "result", "{shown}");
    assert_eq!(result["orchestrator"], "external", "{shown}");
    assert!(result["requests"]["sent"].as_u64() > Some(100), "{shown}");
    result
}

/// Both sides in the pool until both were seen to serve, then the new one until it alone is; each
/// write rests on a fresh look.
const CAREFUL: &str = r#"
look
put_pool "$TURQUOISE_OLD_ADDRESS" "$TURQUOISE_NEW_ADDRESS"
until [[ "$(answers | wc -l)" == 2 ]]; do sleep 0.5; done
sleep 3 # a minute of Azure's time, for gateway instances that take longer
look
put_pool "$TURQUOISE_NEW_ADDRESS"
until [[ "$(answers | wc -l)" == 1 ]]; do sleep 0.5; done
sleep 6
[[ "$(answers | wc -l)" == 1 ]]
"#;

#[test]
fn a_script_that_overlaps_and_waits_passes() {
    let result = judged(&verify(CAREFUL, &[]), 0);
    assert_eq!(result["outcome"], "completed", "{result:#}");
    assert_eq!(result["requests"]["lost"], 0, "{result:#}");
    assert_eq!(result["gateway_puts"], 2, "{result:#}");
}

#[test]
fn a_script_that_deletes_the_old_side_on_acceptance_is_caught() {
    let script = r#"
put_pool "$TURQUOISE_OLD_ADDRESS" "$TURQUOISE_NEW_ADDRESS"
send_pool "$TURQUOISE_NEW_ADDRESS"
arm --request DELETE "$TURQUOISE_ENDPOINT$TURQUOISE_OLD_SCALE_SET_ID?api-version=$TURQUOISE_API_COMPUTE"
"#;
    let result = judged(&verify(script, &[]), 13);
    let violated = result["invariants"]["violated"].to_string();
    assert!(violated.contains("S13"), "{result:#}");
}

#[test]
fn a_script_that_empties_the_pool_is_caught() {
    let script = r#"put_pool; sleep 2; put_pool "$TURQUOISE_NEW_ADDRESS"; sleep 2"#;
    let result = judged(&verify(script, &[]), 13);
    assert!(result["requests"]["lost"].as_u64() > Some(0), "{result:#}");
    let violated = result["invariants"]["violated"].to_string();
    assert!(violated.contains("S11"), "{result:#}");
}

#[test]
fn a_program_that_does_nothing_has_not_completed_a_swap() {
    let result = judged(&verify("true", &[]), 13);
    let violated = result["invariants"]["violated"].to_string();
    assert!(violated.contains("S23"), "{result:#}");
    assert_eq!(result["requests"]["lost"], 0, "{result:#}");
}

#[test]
fn a_program_that_refuses_before_it_changes_anything_ends_with_its_code() {
    let result = judged(&verify("exit 4", &[]), 4);
    assert_eq!(result["outcome"], "unchanged", "{result:#}");
    assert_eq!(result["reason"], "it ended with 4", "{result:#}");
}

#[test]
fn a_program_that_never_ends_is_ended_with_what_it_started() {
    let script = "echo $$ >pid; sleep 3600 & sleep 3600";
    let folder = folder();
    std::fs::write(folder.path().join("swap.sh"), script).expect("a folder of our own");
    let mut arguments = SMALL.to_vec();
    arguments.extend(["--timeout=2", "--", "bash", "swap.sh"]);
    let result = judged(&run_in(&folder, &arguments), 13);
    assert_eq!(result["outcome"], "failed", "{result:#}");
    let reason = result["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("did not end within 2 s"), "{result:#}");
    assert!(nobody_is_left(&folder), "the program outlived its judge");
}

/// Whether no process is left of the group whose leader wrote its number into `pid`.
fn nobody_is_left(folder: &tempfile::TempDir) -> bool {
    let pid = std::fs::read_to_string(folder.path().join("pid")).expect("the script writes it");
    let group = format!("-{}", pid.trim());
    let asked = std::process::Command::new("kill")
        .args(["-0", "--", &group])
        .stderr(std::process::Stdio::null())
        .status();
    !asked.expect("`kill` is on every Unix").success()
}

#[test]
fn a_program_that_is_not_there_is_a_usage_error() {
    let folder = folder();
    let mut arguments = SMALL.to_vec();
    arguments.extend(["--", "./no-such-program"]);
    let ended = run_in(&folder, &arguments);
    assert_eq!(ended.code, 64, "{}", ended.stderr);
    assert!(ended.stderr.contains("no-such-program"), "{}", ended.stderr);
}

#[test]
fn ctrl_c_ends_the_program_too() {
    let folder = folder();
    let script = "echo $$ >pid; while :; do sleep 1; done";
    std::fs::write(folder.path().join("swap.sh"), script).expect("a folder of our own");
    let mut arguments = SMALL.to_vec();
    arguments.extend(["--", "bash", "swap.sh"]);
    let started = Started::new(&folder, &arguments);
    while std::fs::read_to_string(folder.path().join("pid"))
        .unwrap_or_default()
        .is_empty()
    {
        // Whoever runs the tests ends one that waits in vain.
        std::thread::yield_now();
    }
    started.interrupt();
    let ended = started.end();
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert!(nobody_is_left(&folder), "the program outlived its judge");
}
