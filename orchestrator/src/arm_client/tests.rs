//! The client against answers written out by hand.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;

use super::*;
use crate::access::StaticToken;
use crate::environment::{Instant, ProbeAnswer, ProbeRequest};
use crate::fake::Fake;

/// Answers from a list, and keeps what was asked.
struct Scripted {
    clock: Fake,
    answers: RefCell<VecDeque<Answered>>,
    asked: RefCell<Vec<Request<Bytes>>>,
}

type Answered = Result<Response<Bytes>, TransportError>;

impl Environment for Scripted {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn unix_millis(&self) -> u64 {
        self.clock.unix_millis()
    }

    async fn sleep_until(&self, at: Instant) {
        self.clock.sleep_until(at).await;
    }

    async fn arm(&self, request: Request<Bytes>) -> Answered {
        self.asked.borrow_mut().push(request);
        let answer = self.answers.borrow_mut().pop_front();
        answer.expect("nothing is asked beyond the script")
    }

    async fn probe(&self, _request: ProbeRequest) -> Result<ProbeAnswer, TransportError> {
        panic!("the ARM client sends no probes")
    }

    fn random(&self, stream: &str) -> u64 {
        self.clock.random(stream)
    }
}

fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answered {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    Ok(answer
        .body(Bytes::from(body.to_owned()))
        .expect("the script is well-formed"))
}

fn lost() -> Answered {
    let reason = "reset".to_owned();
    Err(TransportError::Lost { reason })
}

fn gateway() -> ResourceId {
    let group = ResourceId::resource_group("s", "g");
    group.resource("Microsoft.Network/applicationGateways", "gw")
}

/// Runs `body` with a client over the script; gives back its result, the time it took and how many
/// requests were sent.
fn with<T>(
    answers: Vec<Answered>,
    body: impl AsyncFnOnce(&ArmClient<'_, Scripted>) -> T,
) -> (T, u64, Scripted) {
    let scripted = Scripted {
        clock: Fake::new(),
        answers: RefCell::new(answers.into()),
        asked: RefCell::default(),
    };
    let access = Access::new("http://arm/", StaticToken::new("secret"));
    let result = {
        let client = ArmClient::new(&scripted, &access, "run");
        scripted.clock.run(body(&client))
    };
    let took = scripted.clock.millis();
    assert!(
        scripted.answers.borrow().is_empty(),
        "the whole script was played"
    );
    (result, took, scripted)
}

const THROTTLED: &str = r#"{"error":{"code":"RetryableError","message":"no"}}"#;
const MISSING: &str = r#"{"error":{"code":"ResourceNotFound","message":"no"}}"#;

#[test]
fn a_read_is_repeated_until_it_is_answered() {
    let answers = vec![
        lost(),
        answer(503, &[], "<html>"),
        answer(429, &[("retry-after", "7")], THROTTLED),
        answer(200, &[], r#"{"name":"gw"}"#),
    ];
    let (result, took, scripted) = with(answers, async |arm| arm.get(&gateway()).await);
    assert_eq!(result, Ok(json!({"name": "gw"})));
    assert!(
        (7_000..12_000).contains(&took),
        "{took} ms, 7 s of them as asked"
    );
    let asked = scripted.asked.borrow();
    assert_eq!(asked[3].uri().path(), gateway().as_str());
    assert_eq!(asked[3].headers()["authorization"], "Bearer secret");
    assert_eq!(
        asked[3].headers()["x-ms-client-request-id"],
        "turquoise-run"
    );
}

#[test]
fn what_is_not_there_is_not_asked_twice() {
    let (result, took, _) = with(vec![answer(404, &[], MISSING)], async |arm| {
        arm.find(&gateway()).await
    });
    assert_eq!((result, took), (Ok(None), 0));
}

#[test]
fn a_write_is_sent_once_whatever_the_answer() {
    for refused in [
        answer(429, &[], THROTTLED),
        answer(409, &[], "{}"),
        answer(412, &[], "{}"),
        answer(500, &[], "{}"),
        lost(),
    ] {
        let (result, _, scripted) = with(vec![refused], async |arm| {
            let body = json!({"properties": {}});
            arm.write(Method::PUT, &gateway(), "", &body, Some("W/\"1\""))
                .await
        });
        assert!(result.is_err_and(|failure| failure.is_transient()));
        let asked = scripted.asked.borrow();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].headers()["if-match"], "W/\"1\"");
    }
}

#[test]
fn an_operation_is_followed_to_its_end() {
    let running = r#"{"status":"InProgress"}"#;
    let cancelled = r#"{"status":"Canceled","error":{"code":"Canceled","message":"no"}}"#;
    for (end, succeeds) in [(r#"{"status":"Succeeded"}"#, true), (cancelled, false)] {
        let answers = vec![
            answer(
                200,
                &[
                    ("azure-asyncoperation", "http://arm/op/1"),
                    ("retry-after", "2"),
                ],
                "{}",
            ),
            answer(200, &[("retry-after", "4")], running),
            lost(),
            answer(404, &[], MISSING),
            answer(200, &[], end),
        ];
        let (result, took, scripted) = with(answers, async |arm| {
            let accepted = arm
                .write(Method::PUT, &gateway(), "", &json!({}), None)
                .await;
            let operation = accepted.ok().and_then(|accepted| accepted.operation);
            let operation = operation.expect("the header names it");
            arm.finish(&operation, Duration::from_secs(60)).await
        });
        assert_eq!(result.is_ok(), succeeds, "{result:?}");
        assert_eq!(took, 2_000 + 4_000 + 3_000 + 3_000);
        assert_eq!(scripted.asked.borrow()[4].uri(), "http://arm/op/1");
    }
}

#[test]
fn a_write_without_a_header_is_followed_by_its_own_state() {
    let state = |word: &str| format!(r#"{{"properties":{{"provisioningState":"{word}"}}}}"#);
    let answers = vec![
        answer(200, &[], &state("Updating")),
        answer(200, &[], &state("Updating")),
        answer(200, &[], &state("Succeeded")),
    ];
    let (result, _, _) = with(answers, async |arm| {
        arm.write(Method::PUT, &gateway(), "", &json!({}), None)
            .await?;
        arm.settle(Duration::from_secs(60)).await
    });
    let succeeded = result.map(|operations| operations.len());
    assert_eq!(succeeded, Ok(1));
}

#[test]
fn an_operation_that_does_not_end_is_given_up_at_the_ceiling_and_stays_known() {
    let running = || answer(200, &[("retry-after", "10")], r#"{"status":"InProgress"}"#);
    let mut answers = vec![answer(
        200,
        &[("azure-asyncoperation", "http://arm/op/1")],
        "{}",
    )];
    answers.extend((0..4).map(|_| running()));
    let (result, _, _) = with(answers, async |arm| {
        arm.write(Method::PUT, &gateway(), "", &json!({}), None)
            .await?;
        let given_up = arm.settle(Duration::from_secs(20)).await;
        assert!(
            matches!(given_up, Err(ArmFailure::Ceiling { .. })),
            "{given_up:?}"
        );
        arm.settle(Duration::ZERO).await
    });
    assert!(
        matches!(result, Err(ArmFailure::Ceiling { .. })),
        "{result:?}"
    );
}

#[test]
fn an_action_s_result_comes_from_its_location() {
    let answers = vec![
        answer(
            202,
            &[("location", "http://arm/result/1"), ("retry-after", "1")],
            "",
        ),
        answer(
            202,
            &[("location", "http://arm/result/2"), ("retry-after", "1")],
            "null",
        ),
        answer(200, &[], r#"{"backendAddressPools":[]}"#),
    ];
    let (result, _, scripted) = with(answers, async |arm| {
        arm.ask(&gateway(), "/backendhealth").await
    });
    assert_eq!(result, Ok(json!({"backendAddressPools": []})));
    assert_eq!(scripted.asked.borrow()[2].uri(), "http://arm/result/2");
}

#[test]
fn a_list_is_read_over_all_its_pages() {
    let answers = vec![
        answer(200, &[], r#"{"value":[1],"nextLink":"http://arm/page/2"}"#),
        answer(200, &[], r#"{"value":[2]}"#),
    ];
    let (result, _, _) = with(answers, async |arm| arm.list(&gateway(), "/things").await);
    assert_eq!(result, Ok(vec![json!(1), json!(2)]));
}
