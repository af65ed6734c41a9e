//! Simulated requests a second and whole scenarios a second, on one core.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::{Baseline, announce};
use turquoise_scenarios::generate;
use turquoise_scenarios::run::{Level, Runner};
use turquoise_scenarios::scenario::Scenario;
use turquoise_scenarios::subject::Subject;

/// Scenarios with faults, the same in every run of this bench.
const SEEDS: u64 = 16;

fn run(runner: &Runner, level: Level, scenario: &Scenario) -> u64 {
    let ran = runner.run(level, Subject::Turquoise, scenario);
    ran.expect("a generated topology deploys")
        .verdict
        .requests
        .sent
}

fn requests(criterion: &mut Criterion) {
    announce(
        "simulation/requests",
        &[
            Baseline {
                who: "SimPy 4.1.2, one core",
                number: "79.6 thousand requests/s",
                source: "simulation.md A4",
            },
            Baseline {
                who: "nexosim 1.0, one core",
                number: "0.98 million requests/s",
                source: "simulation.md A4",
            },
        ],
    );
    let runner = Runner::default();
    let mut scenario = generate::calm(1);
    // Traffic outweighs everything else in such a scenario.
    scenario.traffic.profile.rate = 2_000.0;
    let sent = run(&runner, Level::Core, &scenario);
    let mut group = criterion.benchmark_group("simulation");
    group.sample_size(10);
    group.throughput(Throughput::Elements(sent));
    group.bench_function("requests", |bencher| {
        bencher.iter(|| run(&runner, Level::Core, &scenario));
    });
    group.finish();
}

fn scenarios(criterion: &mut Criterion) {
    announce(
        "simulation/scenarios",
        &[Baseline {
            who: "our own prototype, faulty swaps with traffic at 20 requests/s, one core",
            number: "550 to 690 scenarios/s",
            source: "simulation.md G",
        }],
    );
    let runner = Runner::default();
    let scenarios: Vec<Scenario> = (0..SEEDS)
        .map(|seed| generate::scenario(seed).scenario)
        .collect();
    let mut group = criterion.benchmark_group("simulation");
    group.sample_size(10);
    group.throughput(Throughput::Elements(SEEDS));
    for (name, level) in [
        ("scenarios", Level::Core),
        ("scenarios in process", Level::InProcess),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let sent: u64 = scenarios
                    .iter()
                    .map(|scenario| run(&runner, level, scenario))
                    .sum();
                sent
            });
        });
    }
    group.finish();
}

criterion_group!(benches, requests, scenarios);
criterion_main!(benches);
