//! Etags and preconditions (azure-facts.md §3).

use crate::support::Client;

const PIP: &str = "/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/pip";
const BODY: &str = r#"{"location":"westeurope","etag":"W/\"ignored\"","properties":{}}"#;

fn etag(client: &mut Client) -> String {
    let answer = client.get(PIP);
    let etag = answer.body["etag"].as_str().expect("an etag").to_owned();
    assert_eq!(
        answer.header("etag"),
        Some(etag.as_str()),
        "body and header agree"
    );
    etag
}

#[test]
fn an_etag_changes_on_the_write_and_again_when_it_settles() {
    let mut client = Client::with_group();
    let created = client.put(PIP, BODY);
    assert_eq!(created.header("etag"), None, "not on the answer of a PUT");
    let writing = etag(&mut client);
    assert_eq!(created.body["etag"], writing.as_str());
    assert!(
        writing.starts_with("W/\"") && writing.len() == 40,
        "{writing}"
    );
    client.follow(&created);
    let settled = etag(&mut client);
    assert_ne!(settled, writing);
    client.advance_ms(3_600_000);
    assert_eq!(etag(&mut client), settled, "reading does not change it");
}

#[test]
fn preconditions_are_honoured() {
    let mut client = Client::with_group();
    let missing = client.send("PUT", PIP, &[("if-match", "*")], BODY);
    assert_eq!(
        (missing.status, missing.code()),
        (412, "PreconditionFailed")
    );
    assert_eq!(client.get(PIP).status, 404);
    let created = client.send("PUT", PIP, &[("if-none-match", "*")], BODY);
    assert_eq!(created.status, 201);
    let stale = etag(&mut client);
    client.follow(&created);
    let held = etag(&mut client);
    let bare = held.trim_start_matches("W/").to_owned();
    for (method, header, value, status) in [
        ("PUT", "if-none-match", "*", 412),
        ("PUT", "if-match", stale.as_str(), 412),
        ("PATCH", "if-match", stale.as_str(), 412),
        ("DELETE", "if-match", stale.as_str(), 412),
        ("PUT", "if-match", held.as_str(), 200),
    ] {
        let answer = client.send(method, PIP, &[(header, value)], BODY);
        assert_eq!(answer.status, status, "{method} {header}: {value}");
        if status == 412 {
            let detail = &answer.body["error"]["details"][0];
            assert_eq!(detail["code"], "PreconditionFailedEtagMismatch");
            assert_eq!(etag(&mut client), held, "a refused write changes nothing");
        }
    }
    let answer = client.send("PUT", PIP, &[("if-match", bare.as_str())], BODY);
    assert_eq!(answer.status, 412, "the accepted write made a new etag");
    let held = etag(&mut client);
    let answer = client.send(
        "PUT",
        PIP,
        &[("if-match", held.trim_start_matches("W/"))],
        BODY,
    );
    assert_eq!(answer.status, 200, "the weak mark does not matter");
}

#[test]
fn deleting_nothing_succeeds_whatever_is_demanded() {
    let mut client = Client::with_group();
    assert_eq!(
        client
            .send("DELETE", PIP, &[("if-match", "W/\"x\"")], "")
            .status,
        204
    );
}

#[test]
fn the_knob_turns_preconditions_off() {
    let mut client = Client::with(|config| config.control_plane.enforce_if_match = false);
    client.group("g");
    let answer = client.send("PUT", PIP, &[("if-match", "W/\"stale\"")], BODY);
    assert_eq!(answer.status, 201);
}
