//! The local Azure over raw HTTP: literal bytes, no types of ours.

mod support;

use serde_json::Value;
use support::{Started, folder};

/// A running emulator and its endpoint.
struct Emulator {
    _process: Started,
    arm: String,
    subscription: String,
    client: reqwest::Client,
}

impl Emulator {
    fn start(folder: &tempfile::TempDir) -> Self {
        let mut process = Started::new(folder, &["emulate", "--output", "json", "--speed", "100"]);
        let ready: Value = serde_json::from_str(&process.line()).expect("the first line is JSON");
        assert_eq!(
            ready["event"], "ready",
            "the first line says that it is ready"
        );
        let text = |name: &str| ready[name].as_str().map(str::to_owned);
        Self {
            arm: text("arm").expect("it names its endpoint"),
            subscription: text("subscription").expect("it names its subscription"),
            _process: process,
            client: client(),
        }
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
