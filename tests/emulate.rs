//! The local Azure over raw HTTP: literal bytes, no types of ours.

mod support;

use serde_json::Value;
use support::{Started, folder};

/// A running emulator and its endpoint.
struct Emulator {
    process: Started,
    arm: String,
    subscription: String,
    client: reqwest::Client,
    ready: Value,
}

impl Emulator {
    fn start(folder: &tempfile::TempDir) -> Self {
        Self::start_with(folder, &[])
    }

    fn start_with(folder: &tempfile::TempDir, more: &[&str]) -> Self {
        let mut arguments = vec!["emulate", "--output", "json", "--speed", "100"];
        arguments.extend(more);
        let mut process = Started::new(folder, &arguments);
        let ready: Value = serde_json::from_str(&process.line()).expect("the first line is JSON");
        assert_eq!(
            ready["event"], "ready",
            "the first line says that it is ready"
        );
        let text = |name: &str| ready[name].as_str().map(str::to_owned);
        Self {
            arm: text("arm").expect("it names its endpoint"),
            subscription: text("subscription").expect("it names its subscription"),
            process,
            client: client(),
            ready,
        }
    }

    /// Ends it as a service manager would.
    fn stop(self) {
        self.process.terminate();
        self.process.end();
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let url = format!("{}/subscriptions/{}{path}", self.arm, self.subscription);
        let method = method.parse().expect("a method");
        let request = self
            .client
            .request(method, url)
            .header("authorization", "Bearer local-emulator")
            .header("content-type", "application/json")
            .body(body.to_owned());
        let answer = request.send().await.expect("it answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("the answer is whole");
        (status, serde_json::from_str(&text).unwrap_or_default())
    }
}

fn client() -> reqwest::Client {
    // The first test of the process installs it; for the others it is there.
    let _there = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

#[tokio::test]
async fn a_resource_group_is_made_read_and_listed() {
    let folder = folder();
    let emulator = Emulator::start(&folder);
    let (status, made) = emulator
        .send(
            "PUT",
            "/resourcegroups/Frontend-P-RG?api-version=2024-11-01",
            r#"{"location":"West Europe"}"#,
        )
        .await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["name"], "Frontend-P-RG");
    assert_eq!(made["location"], "westeurope");
    let (status, read) = emulator
        .send(
            "GET",
            "/resourceGroups/frontend-p-rg?api-version=2024-11-01",
            "",
        )
        .await;
    assert_eq!(
        (status, &read["properties"]["provisioningState"]),
        (200, &"Succeeded".into())
    );
}

#[tokio::test]
async fn errors_have_the_envelope_of_azure() {
    let folder = folder();
    let emulator = Emulator::start(&folder);
    for (path, status, code) in [
        ("/resourceGroups/none", 400, "MissingApiVersionParameter"),
        (
            "/resourceGroups/none?api-version=2024-11-01",
            404,
            "ResourceGroupNotFound",
        ),
    ] {
        let (found, body) = emulator.send("GET", path, "").await;
        assert_eq!(
            (found, &body["error"]["code"]),
            (status, &code.into()),
            "{path}: {body}"
        );
        assert!(
            body["error"]["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
}

#[tokio::test]
async fn what_is_not_emulated_says_so() {
    let folder = folder();
    let emulator = Emulator::start(&folder);
    let path = "/resourceGroups/rg/providers/Microsoft.Quantum/workspaces/q?api-version=2024-01-01";
    let (status, body) = emulator
        .send("PUT", path, r#"{"location":"westeurope"}"#)
        .await;
    assert!(status == 501 || status == 404, "{status}: {body}");
    assert!(body["error"]["code"].is_string(), "{body}");
}

/// A client that trusts the authority that the first line names.
fn trusting(ready: &Value) -> reqwest::Client {
    let _there = rustls::crypto::ring::default_provider().install_default();
    let file = ready["ca_file"].as_str().expect("it names its authority");
    let pem = std::fs::read(file).expect("the authority is there");
    let authority = reqwest::Certificate::from_pem(&pem).expect("a certificate");
    let client = reqwest::Client::builder().tls_certs_only([authority]);
    client.build().expect("a client")
}

#[tokio::test]
async fn over_tls_a_token_of_the_sign_in_opens_resource_manager() {
    let folder = folder();
    let emulator = Emulator::start(&folder);
    let text = |name: &str| emulator.ready[name].as_str().expect("a text").to_owned();
    let (arm, client) = (text("arm_tls"), trusting(&emulator.ready));
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope={arm}/.default",
        text("client_id"),
        text("client_secret"),
    );
    let url = format!("{}/{}/oauth2/v2.0/token", text("login"), text("tenant"));
    let answer = client
        .post(url)
        .body(form)
        .send()
        .await
        .expect("it answers");
    let granted = answer.text().await.expect("the answer is whole");
    let granted: Value = serde_json::from_str(&granted).expect("JSON");
    let token = granted["access_token"].as_str().expect("a token");
    let group = format!(
        "{arm}/subscriptions/{}/resourcegroups/g",
        text("subscription")
    );
    let put = |authorization: String| {
        client
            .put(format!("{group}?api-version=2024-11-01"))
            .header("authorization", authorization)
            .body(r#"{"location":"westeurope"}"#)
            .send()
    };
    for (authorization, status) in [
        (format!("Bearer {token}"), 201),
        (format!("Bearer {token}x"), 401),
        ("Bearer some-token".to_owned(), 401),
    ] {
        let answer = put(authorization).await.expect("it answers");
        assert_eq!(answer.status(), status);
    }
    let network =
        format!("{group}/providers/Microsoft.Network/virtualNetworks/vnet?api-version=2024-07-01");
    let answer = client
        .put(network)
        .bearer_auth(token)
        .body(r#"{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]}}}"#)
        .send()
        .await
        .expect("it answers");
    let poll = answer.headers()["azure-asyncoperation"]
        .to_str()
        .expect("a URL");
    assert!(poll.starts_with(&format!("{arm}/")), "{poll}");
}

#[tokio::test]
async fn without_a_token_the_answer_says_where_to_get_one() {
    let folder = folder();
    let emulator = Emulator::start(&folder);
    let url = format!("{}/subscriptions?api-version=2022-12-01", emulator.arm);
    let answer = emulator.client.get(url).send().await.expect("it answers");
    assert_eq!(answer.status(), 401);
    let challenge = answer.headers()["www-authenticate"].to_str().expect("text");
    let login = emulator.arm.replace("http://", "https://");
    assert!(
        challenge.starts_with(&format!("Bearer authorization_uri=\"{login}/")),
        "{challenge}"
    );
}

#[test]
fn who_speaks_neither_http_nor_tls_is_told_what_is_spoken() {
    use std::io::{Read, Write};
    let folder = folder();
    let emulator = Emulator::start(&folder);
    let address = emulator.arm.trim_start_matches("http://");
    for (bytes, status, word) in [
        (&b"\x00\x01\x02"[..], "400", "neither"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", "HTTP/1.1"),
    ] {
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        stream.write_all(bytes).expect("it reads");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("it answers and closes");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(
            answer.contains("ProtocolNotSpoken") && answer.contains(word),
            "{answer}"
        );
    }
}

/// Sends to the admin API with these headers.
async fn admin(
    emulator: &Emulator,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, Value) {
    let url = format!("{}/_turquoise/v1/{path}", emulator.arm);
    let method = method.parse().expect("a method");
    let mut request = emulator.client.request(method, url).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("it answers");
    assert!(
        !answer.headers().contains_key("access-control-allow-origin"),
        "no origin is allowed anything"
    );
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("the answer is whole");
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[tokio::test]
async fn the_admin_api_answers_this_machine_and_no_other_origin() {
    let folder = folder();
    let emulator = Emulator::start(&folder);
    for (headers, admitted) in [
        (&[][..], true),
        (&[("origin", emulator.arm.as_str())][..], true),
        (&[("origin", "https://evil.example")][..], false),
        (&[("origin", "null")][..], false),
        (&[("host", "evil.example")][..], false),
        (&[("sec-fetch-site", "cross-site")][..], false),
    ] {
        let order = r#"{"paused": false}"#;
        let (status, answer) = admin(&emulator, "POST", "clock", headers, order).await;
        assert_eq!(
            status,
            if admitted { 200 } else { 403 },
            "{headers:?}: {answer}"
        );
    }
}

#[tokio::test]
async fn the_clock_stands_jumps_and_runs_as_it_is_told() {
    let folder = folder();
    let emulator = Emulator::start(&folder);
    let stopped = admin(&emulator, "POST", "clock", &[], r#"{"paused": true}"#)
        .await
        .1;
    let jumped = admin(&emulator, "POST", "clock", &[], r#"{"advance_ms": 60000}"#)
        .await
        .1;
    let ms = |clock: &Value| clock["cloud_time_ms"].as_u64().expect("a number");
    assert_eq!(ms(&jumped), ms(&stopped) + 60_000, "{stopped} {jumped}");
    for (order, told) in [
        (r#"{"speed": 0}"#, "`speed` is from"),
        (r#"{"sped": 1}"#, "unknown field `sped`"),
        ("", "the body is wrong"),
    ] {
        let (status, answer) = admin(&emulator, "POST", "clock", &[], order).await;
        let text = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 400 && text.contains(told), "{order}: {answer}");
    }
}

#[tokio::test]
async fn requests_are_counted_from_when_somebody_asks_for_it() {
    let folder = folder();
    let emulator = Emulator::start(&folder);
    assert!(
        admin(&emulator, "GET", "throttling", &[], "")
            .await
            .1
            .is_null()
    );
    let none = r#"{"reads": {"size": 0, "per_second": 1}}"#;
    assert_eq!(
        admin(&emulator, "POST", "throttling", &[], none).await.0,
        400
    );
    let one = r#"{"reads": {"size": 1, "per_second": 0}}"#;
    let (status, limits) = admin(&emulator, "POST", "throttling", &[], one).await;
    assert_eq!((status, &limits["writes"]["size"]), (200, &200.into()));
    let read = "/locations?api-version=2022-12-01";
    assert_eq!(emulator.send("GET", read, "").await.0, 200);
    let (status, refused) = emulator.send("GET", read, "").await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (429, &"SubscriptionRequestsThrottled".into())
    );
    assert_eq!(
        admin(&emulator, "DELETE", "throttling", &[], "").await.0,
        204
    );
    assert_eq!(emulator.send("GET", read, "").await.0, 200);
}

#[tokio::test]
async fn what_is_stored_outlives_the_process_and_a_reset() {
    let folder = folder();
    let file = folder.path().join("state.json");
    let state = ["--state", file.to_str().expect("a plain path")];
    let emulator = Emulator::start_with(&folder, &state);
    let network = r#"{"location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}"#;
    let path = "/resourceGroups/kept/providers/Microsoft.Network/virtualNetworks/net?api-version=2024-07-01";
    let group = r#"{"location": "westeurope", "tags": {"owner": "<b>me</b>"}}"#;
    emulator
        .send("PUT", "/resourceGroups/kept?api-version=2024-11-01", group)
        .await;
    assert_eq!(emulator.send("PUT", path, network).await.0, 201);
    let snapshot = admin(&emulator, "GET", "snapshot", &[], "").await.1;
    emulator.stop();

    let emulator = Emulator::start_with(&folder, &state);
    let (status, kept) = emulator.send("GET", path, "").await;
    assert_eq!(
        (status, &kept["properties"]["provisioningState"]),
        (200, &"Succeeded".into())
    );
    assert_eq!(admin(&emulator, "POST", "reset", &[], "").await.0, 204);
    assert_eq!(emulator.send("GET", path, "").await.0, 404);
    let restored = admin(&emulator, "POST", "restore", &[], &snapshot.to_string()).await;
    assert_eq!(restored.0, 204, "{}", restored.1);
    assert_eq!(emulator.send("GET", path, "").await.0, 200);
}
