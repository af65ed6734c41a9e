//! What a local Azure was asked, by its own account, while something ran.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::exchange;

/// Reads the list of the last requests again and again, and misses none.
#[derive(Debug)]
pub(crate) struct Asked {
    over: Arc<AtomicBool>,
    reader: JoinHandle<BTreeSet<String>>,
}

impl Asked {
    /// Of the Azure at an endpoint, from now on.
    pub(crate) fn begin(endpoint: &str) -> Self {
        let port = endpoint
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        let port = port.expect("an endpoint has a port");
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let first = newest(&requests(port));
        let reader = std::thread::spawn(move || read(port, first, &told));
        Self { over, reader }
    }

    /// The rights that the requests needed: the type of what they named, and the verb.
    pub(crate) fn rights(self) -> BTreeSet<String> {
        self.over.store(true, Ordering::Release);
        self.reader.join().expect("it misses none")
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process is asked again and again"
)]
fn read(port: u16, mut seen: u64, over: &AtomicBool) -> BTreeSet<String> {
    let mut rights = BTreeSet::new();
    loop {
        // Looked at first: what came before the end is still read.
        let last = over.load(Ordering::Acquire);
        let listed = requests(port);
        let oldest = listed.last().map_or(seen, number);
        assert!(
            oldest <= seen + 1,
            "requests {seen} to {oldest} were missed"
        );
        let new = listed.iter().filter(|request| number(request) > seen);
        rights.extend(new.filter_map(right));
        seen = newest(&listed).max(seen);
        if last {
            return rights;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Newest first.
fn requests(port: u16) -> Vec<Value> {
    let answer = exchange(
        port,
        "GET /_turquoise/v1/requests HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
    );
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let document: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}"));
    match document {
        Value::Array(requests) => requests,
        mut other => match other["requests"].take() {
            Value::Array(requests) => requests,
            _ => panic!("no list: {other}"),
        },
    }
}

fn number(request: &Value) -> u64 {
    request["number"].as_u64().expect("requests are numbered")
}

fn newest(requests: &[Value]) -> u64 {
    requests.first().map_or(0, number)
}

/// The right for one request of ours, in lower case; none for what is no part of Azure.
fn right(request: &Value) -> Option<String> {
    let target = request["target"].as_str()?.to_ascii_lowercase();
    let path = target
        .split('?')
        .next()?
        .strip_prefix("/subscriptions/")?
        .to_owned();
    let named = match path.rsplit_once("/providers/") {
        None => "microsoft.resources/subscriptions/resourcegroups".to_owned(),
        Some((_, rest)) => {
            let mut segments = rest.split('/');
            let namespace = segments.next()?.to_owned();
            let types = segments.step_by(2);
            types.fold(namespace, |named, one| named + "/" + one)
        }
    };
    let verb = match request["method"].as_str()? {
        "GET" => "read",
        "POST" => "action",
        "DELETE" => "delete",
        _ => "write",
    };
    Some(format!("{named}/{verb}"))
}
