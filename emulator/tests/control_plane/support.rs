//! A cloud under test, asked in bytes.

use bytes::Bytes;
use serde_json::Value;
use turquoise_emulator::control_plane::{ControlPlaneConfig, Profile};
use turquoise_emulator::{Cloud, CloudConfig, Event, Instant, Reply};

pub(crate) const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000001";

/// A cloud, its clock, and a client with a token.
pub(crate) struct Client {
    pub(crate) cloud: Cloud,
    pub(crate) now: Instant,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or("")
    }

    pub(crate) fn state(&self) -> &str {
        self.body["properties"]["provisioningState"]
            .as_str()
            .unwrap_or("")
    }
}

impl Client {
    /// A cloud whose operations take their median time.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut CloudConfig)) -> Self {
        let mut config = CloudConfig {
            seed: 1,
            control_plane: ControlPlaneConfig {
                profile: Profile::Nice,
                ..ControlPlaneConfig::default()
            },
            ..CloudConfig::default()
        };
        change(&mut config);
        Self {
            cloud: Cloud::new(&config),
            now: Instant::ZERO,
        }
    }

    /// A cloud with the resource group `g` in West Europe.
    pub(crate) fn with_group() -> Self {
        let mut client = Self::new();
        client.group("g");
        client
    }

    pub(crate) fn group(&mut self, name: &str) {
        let answer = self.put(
            &format!("/resourceGroups/{name}"),
            r#"{"location":"West Europe"}"#,
        );
        assert_eq!(answer.status, 201);
    }

    /// A request with every header written out; `path` begins after the subscription unless it
    /// begins with `/subscriptions` or `http`.
    pub(crate) fn raw(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .expect("the test writes a request");
        self.cloud.handle(self.now, &request)
    }

    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut all = vec![("authorization", "Bearer t"), ("host", "arm.test:8443")];
        all.extend_from_slice(headers);
        match self.raw(method, &full(path), &all, body) {
            Reply::Answer(response) => read(response),
            Reply::Reset => panic!("{method} {path} was reset"),
        }
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    pub(crate) fn put(&mut self, path: &str, body: &str) -> Answer {
        self.send("PUT", path, &[], body)
    }

    pub(crate) fn delete(&mut self, path: &str) -> Answer {
        self.send("DELETE", path, &[], "")
    }

    /// A PUT that is accepted, followed to its end.
    pub(crate) fn create(&mut self, path: &str, body: &str) -> Answer {
        let answer = self.put(path, body);
        assert!(
            matches!(answer.status, 200 | 201),
            "{path}: {}",
            answer.body
        );
        self.follow(&answer);
        let answer = self.get(path);
        assert_eq!(answer.state(), "Succeeded", "{path}");
        answer
    }

    /// Polls the operation of an answer to its end; the operation document.
    pub(crate) fn follow(&mut self, answer: &Answer) -> Value {
        let url = answer
            .header("azure-asyncoperation")
            .expect("an operation")
            .to_owned();
        loop {
            let poll = self.get(&url);
            assert_eq!(poll.status, 200);
            if poll.body["status"] != "InProgress" {
                return poll.body;
            }
            let wait = poll.header("retry-after").expect("patience").parse::<u64>();
            self.advance_ms(wait.expect("whole seconds") * 1_000);
        }
    }

    pub(crate) fn advance_ms(&mut self, millis: u64) {
        self.now = self.now + std::time::Duration::from_millis(millis);
        self.cloud.advance_to(self.now);
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.cloud
            .drain_events()
            .into_iter()
            .map(|timed| timed.event)
            .collect()
    }
}

fn full(path: &str) -> String {
    let path = match path.strip_prefix("https://arm.test:8443") {
        Some(path) => path,
        None => path.strip_prefix("http://arm.test:8443").unwrap_or(path),
    };
    let path = if path.starts_with("/subscriptions") || path.starts_with("/tenants") {
        path.to_owned()
    } else {
        format!("{SUBSCRIPTION}{path}")
    };
    if path.contains("api-version") {
        path
    } else {
        let mark = if path.contains('?') { '&' } else { '?' };
        format!("{path}{mark}api-version=2024-11-01")
    }
}

pub(crate) fn read(response: http::Response<Bytes>) -> Answer {
    let (parts, bytes) = response.into_parts();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        bytes,
    }
}
