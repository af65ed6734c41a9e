//! Requests through the live gateway: gateway instance, load balancer and machine on sockets.

#[path = "support/socket.rs"]
mod socket;
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use socket::on_connections;
use support::{Baseline, announce};
use turquoise_emulator::CloudConfig;
use turquoise_emulator::data_plane::{Application, ServiceTime, Shape};
use turquoise_emulator::drive::live::{Live, LiveOptions};
use turquoise_orchestrator::live::{LiveEnvironment, Trust};
use turquoise_orchestrator::{Access, Config, DeployInputs, Part, StaticToken, deploy};

/// Azure's minutes in tenths of seconds: only the deployment is waited for.
const SPEED: f64 = 200.0;

/// A machine that answers at once, so that the way there is what is measured.
fn instant_application() -> Application {
    Application {
        service_time: ServiceTime {
            mean: Duration::ZERO,
            shape: Shape::Constant,
        },
        ..Application::default()
    }
}

/// The published system, deployed by the orchestrator over the wire.
async fn deployed() -> Live {
    let mut cloud = CloudConfig::default();
    cloud.data_plane.default_application = instant_application();
    let config = Config::rehearsal().in_subscription(&cloud.control_plane.subscription);
    let options = LiveOptions {
        cloud,
        speed: SPEED,
        ..LiveOptions::default()
    };
    let live = Live::start(options).await.expect("a free port");
    let environment = LiveEnvironment::new(Trust::system()).with_speed(SPEED);
    let access = Access::new(&live.arm_url(), StaticToken::new("bench"));
    let side = config.target.initial.clone();
    for part in [Part::Frontend, Part::Side(side)] {
        let inputs = DeployInputs::default();
        let made = deploy(&environment, &access, &config, &part, &inputs, &()).await;
        made.expect("the example deploys");
    }
    live
}

/// Asks on new connections until the answer is 200: machines serve some time after their
/// deployment has ended, and the gateway answers 502 until then.
fn until_served(gateway: SocketAddr, request: &[u8]) {
    for _ in 0..100_000 {
        let mut stream = TcpStream::connect(gateway).expect("it listens");
        stream.write_all(request).expect("it reads");
        let mut start = [0; 12];
        stream.read_exact(&mut start).expect("it answers");
        if start.ends_with(b" 200") {
            return;
        }
    }
    panic!("the gateway never answered 200");
}

fn bench(criterion: &mut Criterion) {
    announce(
        "gateway/requests",
        &[Baseline {
            who: "nginx 1.22 as reverse proxy, one core",
            number: "73.0 thousand requests/s at 13.0 µs CPU each",
            source: "simulation.md B",
        }],
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let live = runtime.block_on(deployed());
    let listed = live
        .addresses()
        .into_iter()
        .find(|listed| listed.port == 80 && !listed.tls && !listed.address.is_private());
    let gateway = listed.expect("the gateway listens").listens;
    let request = b"GET / HTTP/1.1\r\nhost: shop.example.test\r\n\r\n";
    until_served(gateway, request);
    let mut group = criterion.benchmark_group("gateway");
    group.throughput(Throughput::Elements(1));
    group.bench_function("requests", |bencher| {
        bencher.iter_custom(|times| {
            drop(live.drain_ledgers());
            drop(live.drain_events());
            on_connections(gateway, request, times)
        });
    });
    group.finish();
    runtime.block_on(live.shutdown());
}

criterion_group!(benches, bench);
criterion_main!(benches);
