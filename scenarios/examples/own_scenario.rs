//! A scenario of one's own: a calm day on which Azure is slow just when the pool is written.
//!
//! `cargo run -p turquoise-scenarios --example own_scenario`

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;

use turquoise_emulator::faults::{Fault, FaultKind};
use turquoise_scenarios::generate;
use turquoise_scenarios::run::{Level, Runner};
use turquoise_scenarios::scenario::Scenario;
use turquoise_scenarios::subject::Subject;

/// What goes wrong is data; times count from the swap's start.
fn slow_writes() -> Scenario {
    let mut scenario = generate::calm(42);
    scenario.topology.gateway_instances = 3;
    scenario.faults.push(Fault {
        at_ms: 0,
        kind: FaultKind::LateActivation {
            instance: 2,
            extra_ms: 90_000,
            count: 1,
        },
    });
    scenario
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let scenario = slow_writes();
    // It can be written down and read back: this is what `corpus/` and shrunk failures are.
    let text = scenario.to_json();
    assert_eq!(Scenario::from_json(&text)?, scenario);
    for subject in [Subject::Turquoise, Subject::Published] {
        let ran = Runner::default().run(Level::Core, subject, &scenario)?;
        let requests = &ran.verdict.requests;
        println!(
            "{subject}: {} of {} requests lost, {} invariants broken",
            requests.lost(),
            requests.sent,
            ran.verdict.violated.len()
        );
    }
    Ok(())
}
