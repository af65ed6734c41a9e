//! Resource Manager: requests in process and over a socket.

#[path = "../emulator/template/benches/support/large.rs"]
mod large;
#[path = "support/socket.rs"]
mod socket;
mod support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::{Method, Request};
use socket::on_connections;
use support::{Baseline, announce};
use tower::ServiceExt;
use turquoise_emulator::http::{Clock, ManualClock, router, serve_connection};
use turquoise_emulator::{Cloud, CloudConfig};

const GROUP: &str = "/resourceGroups/bench?api-version=2024-11-01";
const NETWORK: &str = "/resourceGroups/bench/providers/Microsoft.Network/virtualNetworks/bgvnet?api-version=2025-07-01";
const BODY: &str = r#"{"location":"westeurope","tags":{"system":"shop","owner":"bench"},"properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]},"subnets":[{"name":"main","properties":{"addressPrefix":"10.0.0.0/24"}},{"name":"green","properties":{"addressPrefix":"10.0.1.0/24"}},{"name":"appgw","properties":{"addressPrefix":"10.0.2.0/24"}},{"name":"blue","properties":{"addressPrefix":"10.0.3.0/24"}}]}}"#;

/// A cloud with one virtual network, and its face.
struct Arm {
    cloud: Arc<Mutex<Cloud>>,
    clock: ManualClock,
    router: Router,
    base: String,
    runtime: tokio::runtime::Runtime,
}

impl Arm {
    fn new() -> Self {
        let config = CloudConfig::default();
        let base = format!("/subscriptions/{}", config.control_plane.subscription);
        let cloud = Arc::new(Mutex::new(Cloud::new(&config)));
        let clock = ManualClock::default();
        let arm = Self {
            router: router(Arc::clone(&cloud), clock.clone()),
            cloud,
            clock,
            base,
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .expect("a runtime"),
        };
        assert_eq!(
            arm.send(Method::PUT, GROUP, r#"{"location":"westeurope"}"#),
            201
        );
        assert_eq!(arm.send(Method::PUT, NETWORK, BODY), 201);
        arm
    }

    fn request(&self, method: Method, path: &str, body: &'static str) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("host", "127.0.0.1")
            .header("authorization", "Bearer bench")
            .header("content-type", "application/json")
            .body(Body::from(body))
            .expect("literal parts")
    }

    /// One request through the router, without a socket.
    fn send(&self, method: Method, path: &str, body: &'static str) -> u16 {
        let answer = self
            .router
            .clone()
            .oneshot(self.request(method, path, body));
        let answer = self.runtime.block_on(answer).expect("a router never fails");
        answer.status().as_u16()
    }

    /// Lets operations end and forgets what happened, as a drive does all the time.
    fn settle(&self) {
        let now = self.clock.now() + Duration::from_secs(600);
        self.clock.set(now);
        let mut cloud = self.cloud.lock().expect("no thread has panicked");
        cloud.advance_to(now);
        drop(cloud.drain_events());
    }

    /// The same request many times, without a socket.
    #[expect(clippy::disallowed_methods, reason = "a bench measures the wall clock")]
    fn in_process(&self, method: &Method, body: &'static str, times: u64) -> Duration {
        let start = Instant::now();
        for number in 0..times {
            assert_eq!(self.send(method.clone(), NETWORK, body), 200);
            if number % 4_096 == 0 {
                self.settle();
            }
        }
        start.elapsed()
    }

    /// Serves the face on a loopback socket.
    fn listen(&self) -> SocketAddr {
        let listener = self
            .runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let router = self.router.clone();
        self.runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve_connection(stream, router.clone()));
            }
        });
        address
    }

    fn bytes(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        format!(
            "{method} {}{path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer bench\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.base,
            body.len()
        )
        .into_bytes()
    }
}

fn bench(criterion: &mut Criterion) {
    announce(
        "arm/get",
        &[Baseline {
            who: "moto_server 5.2.5, S3 GET, 8 connections",
            number: "624/s",
            source: "simulation.md C",
        }],
    );
    announce(
        "arm/put",
        &[Baseline {
            who: "moto_server 5.2.5, S3 PUT, 8 connections",
            number: "593/s",
            source: "simulation.md C",
        }],
    );
    let arm = Arm::new();
    let address = arm.listen();
    let mut group = criterion.benchmark_group("arm");
    group.throughput(Throughput::Elements(1));
    group.bench_function("get in process", |bencher| {
        bencher.iter_custom(|times| arm.in_process(&Method::GET, "", times));
    });
    group.bench_function("put in process", |bencher| {
        bencher.iter_custom(|times| arm.in_process(&Method::PUT, BODY, times));
    });
    let get = arm.bytes("GET", NETWORK, "");
    group.bench_function("get over a socket", |bencher| {
        bencher.iter_custom(|times| {
            arm.settle();
            on_connections(address, &get, times)
        });
    });
    let put = arm.bytes("PUT", NETWORK, BODY);
    group.bench_function("put over a socket", |bencher| {
        bencher.iter_custom(|times| {
            arm.settle();
            on_connections(address, &put, times)
        });
    });
    group.finish();
}

/// A deployment of 200 resources as `az deployment group validate` and `what-if` send it.
fn templates(criterion: &mut Criterion) {
    announce(
        "template",
        &[Baseline {
            who: "wanted: validate, what-if",
            number: "20 ms, 50 ms",
            source: "our own",
        }],
    );
    let arm = Arm::new();
    let body = format!(
        r#"{{"properties":{{"mode":"Incremental","template":{}}}}}"#,
        large::text()
    );
    let body: &'static str = Box::leak(body.into_boxed_str());
    let mut group = criterion.benchmark_group("template of 200 resources");
    for (name, action) in [("validate", "validate"), ("plan", "whatIf")] {
        let path = format!(
            "/resourceGroups/bench/providers/Microsoft.Resources/deployments/large/{action}?api-version=2024-11-01"
        );
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(arm.send(Method::POST, &path, body), 200));
        });
    }
    group.finish();
}

criterion_group!(benches, bench, templates);
criterion_main!(benches);
