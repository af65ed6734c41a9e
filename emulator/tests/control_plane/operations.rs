//! Long-running operations from the client's side.

use turquoise_emulator::Event;
use turquoise_emulator::control_plane::ConflictMode;

use crate::support::{Client, SUBSCRIPTION};

const NET: &str = "/resourceGroups/g/providers/Microsoft.Network";
const PIP: &str = "/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/pip";
const PIP_BODY: &str = r#"{"location":"westeurope","sku":{"name":"standard"},
    "properties":{"publicIPAllocationMethod":"static","idleTimeoutInMinutes":"10"}}"#;
const IMAGE: &str = "/resourceGroups/g/providers/Microsoft.Compute/images/img";
const IMAGE_BODY: &str = r#"{"location":"westeurope","properties":{"storageProfile":{"osDisk":{
    "osType":"linux","osState":"generalized","blobUri":"https://x/y.vhd"}}}}"#;

#[test]
fn a_network_put_is_observably_in_progress_and_then_done() {
    let mut client = Client::with_group();
    let created = client.put(PIP, PIP_BODY);
    assert_eq!((created.status, created.state()), (201, "Updating"));
    assert_eq!(created.header("location"), None);
    let url = created
        .header("azure-asyncoperation")
        .expect("an operation")
        .to_owned();
    let start = format!(
        "http://arm.test:8443{SUBSCRIPTION}/providers/Microsoft.Network/locations/westeurope/operations/"
    );
    assert!(url.starts_with(&start), "{url}");
    assert_eq!(created.header("retry-after"), Some("1"));
    let first = client.get(&url);
    assert_eq!(
        (first.status, &first.body),
        (200, &serde_json::json!({"status": "InProgress"}))
    );
    assert_eq!(client.get(PIP).state(), "Updating");

    client.advance_ms(6_499);
    assert_eq!(
        client.get(&url).body["status"],
        "InProgress",
        "one tick before the median"
    );
    client.advance_ms(1);
    let last = client.get(&url);
    assert_eq!(last.body, serde_json::json!({"status": "Succeeded"}));
    assert_eq!(last.header("retry-after"), None);
    let pip = client.get(PIP);
    assert_eq!(pip.state(), "Succeeded");
    assert_eq!(pip.body["properties"]["ipAddress"], "20.0.0.4");
    assert_eq!(pip.body["properties"]["idleTimeoutInMinutes"], 10);
    assert_eq!(
        pip.body["sku"],
        serde_json::json!({"name": "Standard", "tier": "Regional"})
    );
    client.advance_ms(86_400_000);
    assert_eq!(client.get(&url).body["status"], "Succeeded", "a day later");
    let again = client.put(PIP, PIP_BODY);
    assert_eq!((again.status, again.state()), (200, "Updating"));
}

#[test]
fn a_network_delete_answers_both_urls_and_then_nothing_is_left() {
    let mut client = Client::with_group();
    client.create(PIP, PIP_BODY);
    let going = client.delete(PIP);
    assert_eq!((going.status, going.bytes.len()), (202, 0));
    let location = going.header("location").expect("a location").to_owned();
    assert!(location.contains("/operationResults/"), "{location}");
    let again = client.delete(PIP);
    assert_eq!(
        again.header("location"),
        Some(location.as_str()),
        "one deletion, not two"
    );
    let poll = client.get(&location);
    assert_eq!((poll.status, poll.bytes.len()), (202, 0));
    assert_eq!(poll.header("location"), Some(location.as_str()));
    assert_eq!(client.get(PIP).state(), "Deleting");
    assert_eq!(client.put(PIP, PIP_BODY).status, 409);
    client.follow(&going);
    assert_eq!(client.get(&location).status, 204);
    assert_eq!(client.get(PIP).code(), "ResourceNotFound");
    assert_eq!(client.delete(PIP).status, 204);
}

#[test]
fn a_compute_type_speaks_its_own_dialect() {
    let mut client = Client::with_group();
    let created = client.put(IMAGE, IMAGE_BODY);
    assert_eq!((created.status, created.state()), (201, "Creating"));
    assert_eq!(created.body.get("etag"), None);
    let done = client.follow(&created);
    assert_eq!(done["status"], "Succeeded");
    assert_eq!(done["startTime"], "2026-01-01T00:00:00.000Z");
    assert_eq!(done["endTime"], "2026-01-01T00:00:20.000Z");
    let image = client.get(IMAGE);
    assert_eq!(
        image.body["properties"]["storageProfile"]["osDisk"]["osType"],
        "Linux"
    );
    let patched = client.send("PATCH", IMAGE, &[], r#"{"tags":{"a":"b"}}"#);
    assert_eq!((patched.status, patched.state()), (200, "Updating"));
    client.follow(&patched);
    let going = client.delete(IMAGE);
    let location = going.header("location").expect("a location").to_owned();
    let operation = going.header("azure-asyncoperation").expect("an operation");
    assert_eq!(location, format!("{operation}&monitor=true"));
    assert_eq!(client.get(&location).status, 202);
    client.follow(&going);
    assert_eq!(
        (client.get(&location).status, client.get(IMAGE).status),
        (200, 404)
    );
}

#[test]
fn a_second_put_meets_the_first_as_the_knob_says() {
    for (mode, status, code, first) in [
        (ConflictMode::Supersede, 200, "", "Canceled"),
        (ConflictMode::Retryable, 429, "RetryableError", "Succeeded"),
        (
            ConflictMode::Refuse,
            409,
            "AnotherOperationInProgress",
            "Succeeded",
        ),
    ] {
        let mut client = Client::with(|config| config.control_plane.conflict_mode = mode);
        client.group("g");
        let created = client.put(PIP, PIP_BODY);
        client.advance_ms(1_000);
        let second = client.put(PIP, &PIP_BODY.replace("10", "20"));
        assert_eq!((second.status, second.code()), (status, code), "{mode:?}");
        let ended = client.follow(&created);
        assert_eq!(ended["status"], first, "{mode:?}");
        if mode == ConflictMode::Supersede {
            assert_eq!(ended["error"]["code"], "Canceled");
            let detail = &ended["error"]["details"][0]["code"];
            assert_eq!(detail, "CanceledAndSupersededDueToAnotherOperation");
            assert_eq!(
                client.get(PIP).state(),
                "Updating",
                "the newer one still runs"
            );
            client.follow(&second);
            let timeout = client.get(PIP).body["properties"]["idleTimeoutInMinutes"].clone();
            assert_eq!(timeout, 20);
        }
    }
}

#[test]
fn network_patch_replaces_the_tags_at_once() {
    let mut client = Client::with_group();
    client.create(PIP, PIP_BODY);
    let before = client.get(PIP);
    let patched = client.send("PATCH", PIP, &[], r#"{"tags":{"side":"green","n":1}}"#);
    assert_eq!((patched.status, patched.state()), (200, "Succeeded"));
    assert_eq!(
        patched.body["tags"],
        serde_json::json!({"side": "green", "n": "1"})
    );
    assert_ne!(patched.body["etag"], before.body["etag"]);
    assert_eq!(patched.header("azure-asyncoperation"), None);
}

#[test]
fn every_end_is_an_event_and_every_request_too() {
    let mut client = Client::with_group();
    client.create(PIP, PIP_BODY);
    client.delete(PIP);
    client.advance_ms(60_000);
    let events = client.events();
    let ended: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::OperationEnded { verb, status, .. } => Some((verb.as_str(), status.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(ended, [("PUT", "Succeeded"), ("DELETE", "Succeeded")]);
    let applied = events
        .iter()
        .filter(|event| matches!(event, Event::Arm { applied: true, .. }));
    assert_eq!(applied.count(), 3, "the group, the address, its deletion");
}

#[test]
fn unknown_operations_are_not_found() {
    let mut client = Client::with_group();
    let path = "/providers/Microsoft.Network/locations/westeurope/operations/nope";
    assert_eq!(client.get(path).code(), "NotFound");
}

#[test]
fn lists_hold_whole_documents_of_one_group_or_all() {
    let mut client = Client::with_group();
    client.group("h");
    client.create(PIP, PIP_BODY);
    client.create(&PIP.replace("/g/", "/h/"), PIP_BODY);
    let count = |client: &mut Client, path: &str| {
        let listed = client.get(path).body;
        assert_eq!(listed.get("nextLink"), None);
        listed["value"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(count(&mut client, &format!("{NET}/publicIPAddresses")), 1);
    assert_eq!(
        count(
            &mut client,
            "/providers/Microsoft.Network/publicIPAddresses"
        ),
        2
    );
    assert_eq!(count(&mut client, &format!("{NET}/virtualNetworks")), 0);
    assert_eq!(count(&mut client, "/resources"), 2);
    assert_eq!(count(&mut client, "/resourceGroups/h/resources"), 1);
    let filter = "/resources?$filter=resourceGroup%20eq%20'G'%20and%20name%20eq%20'pip'";
    assert_eq!(count(&mut client, filter), 1);
    assert_eq!(
        client.get("/resources?%24filter=foo").code(),
        "InvalidFilterInQueryString"
    );
}

#[test]
fn a_location_may_lag_behind_its_operation() {
    let mut client = Client::with(|config| config.control_plane.location_lag_ms = 2_000);
    client.group("g");
    client.create(PIP, PIP_BODY);
    let going = client.delete(PIP);
    let location = going.header("location").expect("a location").to_owned();
    client.advance_ms(6_500);
    assert_eq!(client.follow(&going)["status"], "Succeeded");
    client.advance_ms(1_999);
    assert_eq!(
        client.get(&location).status,
        202,
        "one tick before the lag is over"
    );
    client.advance_ms(1);
    assert_eq!(client.get(&location).status, 204);
}

#[test]
fn long_urls_work_when_replayed_verbatim() {
    let mut client = Client::with(|config| config.control_plane.long_urls = true);
    client.group("g");
    let created = client.put(PIP, PIP_BODY);
    let url = created
        .header("azure-asyncoperation")
        .expect("an operation");
    assert!(url.len() > 4_096, "{}", url.len());
    assert_eq!(client.follow(&created)["status"], "Succeeded");
}
