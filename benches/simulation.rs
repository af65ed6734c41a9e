//! Virtual seconds, simulated requests and whole scenarios a second, on one core and on two.

mod support;

use std::num::NonZero;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::{Baseline, announce};
use turquoise_scenarios::campaign::{Options, simulate};
use turquoise_scenarios::generate;
use turquoise_scenarios::mutants::Mutant;
use turquoise_scenarios::run::{Level, Runner};
use turquoise_scenarios::scale::{self, Scale};
use turquoise_scenarios::scenario::Scenario;
use turquoise_scenarios::shrink::{happenings, shrink};
use turquoise_scenarios::subject::Subject;

/// As in the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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

/// A swap that nobody disturbs and hardly anybody uses: the control plane and the orchestrator alone.
/// One element is one virtual second.
fn virtual_seconds(criterion: &mut Criterion) {
    announce(
        "simulation/virtual seconds",
        &[
            Baseline {
                who: "our own prototype, a toy emulator behind the same router",
                number: "2.0 million virtual seconds/s; 0.97 million through hyper",
                source: "simulation.md A2",
            },
            Baseline {
                who: "turmoil 0.7.2 at its default tick, same prototype",
                number: "412 virtual seconds/s",
                source: "simulation.md A2",
            },
        ],
    );
    let runner = Runner::default();
    let mut scenario = generate::calm(1);
    scenario.traffic.profile.rate = 0.1;
    let ran = runner.run(Level::Core, Subject::Turquoise, &scenario);
    let window = ran
        .expect("a generated topology deploys")
        .observation
        .window;
    let seconds = window.swap_end.since(window.swap_start).as_secs();
    let mut group = criterion.benchmark_group("simulation");
    group.sample_size(10);
    group.throughput(Throughput::Elements(seconds));
    for (name, level) in [
        ("virtual seconds", Level::Core),
        ("virtual seconds in process", Level::InProcess),
        ("virtual seconds through hyper", Level::Duplex),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| run(&runner, level, &scenario));
        });
    }
    group.finish();
}

/// Requests of a swap that are judged as they end, drawn and judged on threads of their own.
fn at_scale(criterion: &mut Criterion) {
    announce("simulation/at scale", &[]);
    let scale = |threads| Scale {
        seed: 1,
        rate: 2_000.0,
        instances: 6,
        minutes: 10,
        threads,
    };
    let simulated = |threads| scale::simulate(&scale(threads)).expect("it deploys");
    let sent = simulated(1).verdict.requests.sent;
    let mut group = criterion.benchmark_group("simulation");
    group.sample_size(10);
    group.throughput(Throughput::Elements(sent));
    for threads in [1, 2, 3] {
        group.bench_function(format!("at scale, {threads} threads"), |bencher| {
            bencher.iter(|| simulated(threads));
        });
    }
    group.finish();
}

/// A campaign on one thread and on two: what a second core adds.
fn campaign(criterion: &mut Criterion) {
    announce("simulation/campaign", &[]);
    let options = |threads| Options {
        seeds: 0..200,
        mutants: Vec::new(),
        threads: NonZero::new(threads),
        ..Options::default()
    };
    let mut group = criterion.benchmark_group("simulation");
    group.sample_size(10);
    group.throughput(Throughput::Elements(200));
    for threads in [1, 2] {
        group.bench_function(format!("campaign, {threads} threads"), |bencher| {
            bencher.iter(|| simulate(&options(threads), &|_| {}).expect("it runs"));
        });
    }
    group.finish();
}

/// A planted failure in a storm, shrunk to what it needs.
fn shrinking(criterion: &mut Criterion) {
    announce(
        "simulation/shrinking",
        &[Baseline {
            who: "proptest on our own prototype, another failure",
            number: "240 executions, 0.42 s",
            source: "simulation.md G7",
        }],
    );
    let runner = Runner::default();
    let mut group = criterion.benchmark_group("simulation");
    group.sample_size(10);
    for id in ["kill-inflight", "lost-update", "empty-pool"] {
        let mutant = Mutant::by_id(id).expect("it is in the first wave");
        let fails = |scenario: &Scenario| {
            let ran = runner.run(Level::Core, Subject::Mutant(mutant), scenario);
            let ran = ran.expect("a generated topology deploys");
            let mut oracles = mutant.oracles.iter();
            oracles.any(|invariant| ran.verdict.violates(*invariant))
        };
        let planted = (0..500)
            .map(|seed| generate::scenario(seed).scenario)
            .find(|scenario| happenings(scenario) >= 4 && fails(scenario))
            .expect("it fails in a storm of five hundred seeds");
        note(&format!(
            "{id}: {} executions",
            shrink(&planted, fails).executions
        ));
        group.bench_function(format!("shrinking {id}"), |bencher| {
            bencher.iter(|| shrink(&planted, fails));
        });
    }
    group.finish();
}

/// A line beside the numbers.
#[expect(
    clippy::print_stderr,
    reason = "a bench is a program for people at a terminal"
)]
fn note(line: &str) {
    eprintln!("{line}");
}

criterion_group!(
    benches,
    virtual_seconds,
    requests,
    scenarios,
    at_scale,
    campaign,
    shrinking
);
criterion_main!(benches);
