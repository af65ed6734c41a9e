//! One conformance body, three arms: a core call, the face in process, and the face on sockets
//! give the same bytes.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use turquoise_emulator::drive::live::{Live, LiveOptions};
use turquoise_emulator::drive::virtual_time::VirtualTime;
use turquoise_emulator::faults::{Fault, FaultKind, Matches};
use turquoise_emulator::{Cloud, CloudConfig, Instant, Reply};

const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g";
const NETWORK: &str = "/providers/Microsoft.Network/virtualNetworks/vnet";

/// Method, path and body; each is asked in this order of one cloud.
const CONVERSATION: &[(&str, &str, &str)] = &[
    (
        "PUT",
        "{g}?api-version=2024-11-01",
        r#"{"location":"westeurope"}"#,
    ),
    ("GET", "{g}?api-version=2024-11-01", ""),
    ("HEAD", "{g}?api-version=2024-11-01", ""),
    ("GET", "{g}", ""),
    ("GET", "{g}x?api-version=2024-11-01", ""),
    ("PUT", "{g}{n}?api-version=2024-07-01", "{not json"),
    (
        "PUT",
        "{g}{n}?api-version=2024-07-01",
        r#"{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]}}}"#,
    ),
    ("GET", "{g}{n}?api-version=2024-07-01", ""),
    ("DELETE", "{g}{n}?api-version=2024-07-01", ""),
    (
        "GET",
        "{g}/providers/Microsoft.Authorization/roleAssignments/l?api-version=2022-04-01",
        "",
    ),
    ("GET", "{g}/reset?api-version=2024-07-01", ""),
];

/// What a client can tell: `None` when the connection ended without an answer.
type Seen = Option<(StatusCode, Vec<(String, String)>, Bytes)>;

fn config() -> CloudConfig {
    let on = Matches {
        method: String::new(),
        path: "/reset".to_owned(),
    };
    CloudConfig {
        seed: 7,
        faults: vec![Fault {
            at_ms: 0,
            kind: FaultKind::ResetBefore { on, count: 1 },
        }],
        ..CloudConfig::default()
    }
}

fn requests() -> impl Iterator<Item = Request<Bytes>> {
    CONVERSATION.iter().map(|(method, path, body)| {
        Request::builder()
            .method(Method::from_bytes(method.as_bytes()).expect("a method"))
            .uri(path.replace("{g}", GROUP).replace("{n}", NETWORK))
            .header("host", "arm.test:8443")
            .header("authorization", "Bearer t")
            .header("content-type", "application/json")
            .body(Bytes::from_static(body.as_bytes()))
            .expect("the conversation is well formed")
    })
}

/// Everything but what HTTP adds on the way.
fn seen(response: Response<Bytes>) -> Seen {
    let (head, body) = response.into_parts();
    Some((head.status, headers(&head.headers), body))
}

fn headers(all: &HeaderMap) -> Vec<(String, String)> {
    let mut told: Vec<_> = all
        .iter()
        .filter(|(name, _)| !["date", "content-length", "connection"].contains(&name.as_str()))
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    told.sort();
    told
}

fn by_core_call() -> Vec<Seen> {
    let mut cloud = Cloud::new(&config());
    let answer = |request| match cloud.handle(Instant::ZERO, &request) {
        // A HEAD's answer loses its body on the wire, whoever wrote it.
        Reply::Answer(answer) if request.method() == Method::HEAD => {
            seen(answer.map(|_| Bytes::new()))
        }
        Reply::Answer(answer) => seen(answer),
        Reply::Reset => None,
    };
    requests().map(answer).collect()
}

async fn in_process() -> Vec<Seen> {
    let world = VirtualTime::new(&config());
    let mut all = Vec::new();
    for request in requests() {
        let head = request.method() == Method::HEAD;
        let answer = world.arm(request).await.ok();
        let answer = answer.map(|a| if head { a.map(|_| Bytes::new()) } else { a });
        all.push(answer.and_then(seen));
    }
    all
}

async fn on_sockets() -> Vec<Seen> {
    let options = LiveOptions {
        cloud: config(),
        // Time all but stands still, so that no operation ends in between.
        speed: 1e-9,
        ..LiveOptions::default()
    };
    let live = Live::start(options).await.expect("free ports are there");
    let authority = live.arm_url().replace("http://", "");
    let mut all = Vec::new();
    for request in requests() {
        all.push(over_socket(&authority, request).await.and_then(seen));
    }
    live.shutdown().await;
    all
}

async fn over_socket(authority: &str, request: Request<Bytes>) -> Option<Response<Bytes>> {
    let stream = TcpStream::connect(authority).await.expect("it listens");
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.expect("a handshake");
    tokio::spawn(connection);
    let (head, body) = sender
        .send_request(request.map(Full::new))
        .await
        .ok()?
        .into_parts();
    let body = body.collect().await.expect("the whole body").to_bytes();
    Some(Response::from_parts(head, body))
}

#[tokio::test]
async fn three_arms_give_the_same_bytes() {
    let core = by_core_call();
    let process = in_process().await;
    let sockets = on_sockets().await;
    for (index, (method, path, _)) in CONVERSATION.iter().enumerate() {
        assert_eq!(core[index], process[index], "in process: {method} {path}");
        assert_eq!(core[index], sockets[index], "on sockets: {method} {path}");
    }
    let statuses: Vec<_> = core
        .iter()
        .map(|seen| seen.as_ref().map_or(0, |(status, ..)| status.as_u16()))
        .collect();
    assert_eq!(
        statuses,
        [201, 200, 204, 400, 404, 400, 201, 200, 202, 501, 0]
    );
}

#[tokio::test]
async fn a_body_without_end_is_refused() {
    let live = Live::start(LiveOptions::default())
        .await
        .expect("free ports are there");
    let authority = live.arm_url().replace("http://", "");
    let body = Bytes::from(vec![b' '; turquoise_emulator::http::MAX_BODY_BYTES + 1]);
    let request = Request::put(format!("{GROUP}?api-version=2024-11-01"))
        .header("host", "arm.test")
        .body(body)
        .expect("a valid request");
    let answer = over_socket(&authority, request).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(String::from_utf8_lossy(answer.body()).contains("RequestContentTooLarge"));
    live.shutdown().await;
}

#[tokio::test]
async fn the_emulator_tells_about_itself() {
    let world = VirtualTime::new(&config());
    let assignment = format!(
        "{GROUP}/providers/Microsoft.Authorization/roleAssignments/l?api-version=2022-04-01"
    );
    let unknown = Request::get(assignment)
        .header("authorization", "Bearer t")
        .body(Bytes::new())
        .expect("a valid request");
    world.arm(unknown).await.expect("an answer");
    for (path, contains) in [
        ("/turquoise/health", r#""status":"ok""#),
        ("/turquoise/addresses", "[]"),
        (
            "/turquoise/unhandled",
            "microsoft.authorization/roleassignments",
        ),
    ] {
        let request = Request::get(path)
            .body(Bytes::new())
            .expect("a valid request");
        let answer = world.arm(request).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(text.contains(contains), "{path}: {text}");
    }
}
