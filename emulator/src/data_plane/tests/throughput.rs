//! How fast traffic is simulated: `cargo test --release -p turquoise-emulator -- --ignored
//! --nocapture requests_per_second`.

use std::time::Duration;

use super::rig::{Plan, SETTLED, ms, request};
use crate::data_plane::{Application, Arrival, Arrivals, ServiceTime, Shape};
use crate::ledger::ConnectionClass;
use crate::seed::Seed;
use crate::time::Instant;

/// Poisson arrivals, half of them on kept connections.
#[derive(Clone, Debug)]
struct Poisson {
    seed: Seed,
    gaps: ServiceTime,
    due: Instant,
    id: u64,
    last: u64,
}

impl Arrivals for Poisson {
    fn next(&mut self) -> Option<Arrival> {
        if self.id == self.last {
            return None;
        }
        self.id += 1;
        self.due = self.due + self.gaps.draw(self.seed.at(self.id), 1.0);
        let mut arrival = request(self.id, self.due, 1.0);
        arrival.client = u32::try_from(self.id % 200).ok()?;
        if self.id.is_multiple_of(2) {
            arrival.connection = ConnectionClass::Reused;
        }
        Some(arrival)
    }
}

#[test]
#[ignore = "a measurement, meaningful in release only"]
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement reads the clock and prints its result"
)]
fn requests_per_second() {
    for step in [ms(10), ms(250), ms(10_000)] {
        let mut rig = Plan {
            gateway_instances: 2,
            instances_per_side: 3,
            application: Application {
                workers: 16,
                service_time: ServiceTime {
                    mean: ms(20),
                    shape: Shape::Exponential,
                },
                ..Plan::default().application
            },
            ..Plan::default()
        }
        .build();
        let count = 3_000_000;
        let source = Poisson {
            seed: Seed::new(5),
            gaps: ServiceTime {
                mean: Duration::from_millis(1),
                shape: Shape::Exponential,
            },
            due: SETTLED,
            id: 0,
            last: count,
        };
        rig.plane
            .set_traffic(super::rig::VIP, "app", Box::new(source));
        let begun = std::time::Instant::now();
        let mut ended = 0;
        while !rig.plane.traffic_is_over() {
            let now = rig.plane.now + step;
            rig.plane.advance_to(now);
            ended += rig.plane.drain_ledgers().clients.len();
        }
        let took = begun.elapsed();
        #[expect(clippy::cast_precision_loss, reason = "three million fit")]
        let rate = count as f64 / took.as_secs_f64() / 1e6;
        println!("{rate:.2} M requests/s when advanced by {step:?} ({ended} ended)");
    }
}
