//! Injected faults at the control plane's points.

use turquoise_emulator::faults::{Fault, FaultKind, Matches};
use turquoise_emulator::{Event, Reply};

use crate::support::{Client, SUBSCRIPTION};

const PIP: &str = "/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/pip";
const BODY: &str = r#"{"location":"westeurope"}"#;

fn with_fault(kind: FaultKind) -> Client {
    let mut client = Client::with(|config| config.faults = vec![Fault { at_ms: 0, kind }]);
    client.group("g");
    client
}

fn puts() -> Matches {
    Matches {
        method: "PUT".to_owned(),
        path: "publicipaddresses".to_owned(),
    }
}

fn lose(client: &mut Client) {
    let path = format!("{SUBSCRIPTION}{PIP}?api-version=2024-11-01");
    let reply = client.raw("PUT", &path, &[("authorization", "Bearer t")], BODY);
    assert!(matches!(reply, Reply::Reset), "the reply is lost");
}

#[test]
fn a_refused_request_changes_nothing_and_may_ask_for_patience() {
    let mut client = with_fault(FaultKind::Refuse {
        on: puts(),
        status: 429,
        code: "RetryableError".to_owned(),
        retry_after: Some(7),
        count: 1,
    });
    let refused = client.put(PIP, BODY);
    assert_eq!((refused.status, refused.code()), (429, "RetryableError"));
    assert_eq!(refused.header("retry-after"), Some("7"));
    assert_eq!(client.get(PIP).status, 404);
    assert_eq!(client.put(PIP, BODY).status, 201, "the fault is spent");
    let hits = client.events();
    let hit =
        |event: &&Event| matches!(event, Event::FaultHit { fault: 0, name } if name == "refuse");
    assert_eq!(hits.iter().filter(hit).count(), 1);
}

#[test]
fn a_lost_request_did_not_act_and_a_lost_reply_did() {
    for (kind, status) in [
        (
            FaultKind::ResetBefore {
                on: puts(),
                count: 1,
            },
            404,
        ),
        (
            FaultKind::ReplyLost {
                on: puts(),
                count: 1,
            },
            200,
        ),
    ] {
        let mut client = with_fault(kind);
        lose(&mut client);
        assert_eq!(client.get(PIP).status, status);
        let applied = client.events().into_iter().find_map(|event| match event {
            Event::Arm {
                status: 0, applied, ..
            } => Some(applied),
            _ => None,
        });
        assert_eq!(applied, Some(status == 200));
    }
}

#[test]
fn a_slow_operation_takes_longer_and_a_failing_one_leaves_the_resource_failed() {
    let mut client = with_fault(FaultKind::SlowOperation {
        on: puts(),
        extra_ms: 60_000,
        count: 1,
    });
    let created = client.put(PIP, BODY);
    client.advance_ms(66_499);
    assert_eq!(client.get(PIP).state(), "Updating");
    client.advance_ms(1);
    assert_eq!(client.get(PIP).state(), "Succeeded");
    assert_eq!(client.follow(&created)["status"], "Succeeded");

    let mut client = with_fault(FaultKind::FailOperation {
        on: puts(),
        code: "InternalServerError".to_owned(),
        count: 1,
    });
    let created = client.put(PIP, BODY);
    let ended = client.follow(&created);
    assert_eq!(ended["status"], "Failed");
    assert_eq!(ended["error"]["code"], "InternalServerError");
    assert_eq!(client.get(PIP).state(), "Failed");
    client.create(PIP, BODY);
}
