//! An oracle of one's own: a short request that was answered well was answered within a second.
//!
//! `cargo run -p turquoise-scenarios --example own_oracle`

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::time::Duration;

use turquoise_scenarios::generate;
use turquoise_scenarios::judged::{Breach, Judged, OwnOracle};
use turquoise_scenarios::run::{Level, Runner};
use turquoise_scenarios::subject::Subject;

struct Prompt(Duration);

impl OwnOracle for Prompt {
    fn name(&self) -> &str {
        "prompt"
    }

    fn judge(&self, run: &Judged<'_>) -> Vec<Breach> {
        let swap_start = run.observation().window.swap_start;
        run.requests()
            .filter(|request| request.due >= swap_start)
            .filter(|request| request.class.is_short() && request.outcome.is_ok())
            .filter(|request| request.ended.since(request.due) > self.0)
            .map(|request| Breach::on(&request, format!("it took longer than {:?}", self.0)))
            .collect()
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let ran = Runner::default().run(Level::Core, Subject::Turquoise, &generate::calm(42))?;
    let judged = Judged::of(&ran);
    for limit in [Duration::from_secs(1), Duration::from_millis(5)] {
        let oracle = Prompt(limit);
        let breaches = judged.ask(&oracle);
        println!(
            "{} within {limit:?}: {} breaches",
            oracle.name(),
            breaches.len()
        );
    }
    Ok(())
}
