//! An orchestrator of one's own, judged on twenty calm days: both sides for three minutes, then the
//! new one alone. It looks at nothing, so that faults would find it out.
//!
//! `cargo run -p turquoise-scenarios --example own_orchestrator`

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use turquoise_scenarios::adapter::{Azure, Claim, Orchestrator};
use turquoise_scenarios::generate;
use turquoise_scenarios::run::{Level, Runner};
use turquoise_scenarios::subject::Subject;
use turquoise_scenarios::target::Target;

/// Trusts the clock.
#[derive(Debug)]
struct Patient;

impl Orchestrator for Patient {
    fn name(&self) -> &'static str {
        "patient"
    }

    fn swap<'a>(&'a self, azure: &'a Azure<'a>, target: &'a Target) -> LocalBoxFuture<'a, Claim> {
        async move {
            let (old, new) = (target.old.address, target.new.address);
            if let Err(error) = azure.write_pool(target, &[old, new]).await {
                return Claim::failed(error.to_string());
            }
            azure.sleep(Duration::from_secs(180)).await;
            if let Err(error) = azure.write_pool(target, &[new]).await {
                return Claim::failed(error.to_string());
            }
            azure.sleep(Duration::from_secs(180)).await;
            Claim::completed()
        }
        .boxed_local()
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let runner = Runner::default();
    for (days, scenario) in [
        ("calm", generate::calm as fn(u64) -> _),
        ("usual", |seed| generate::scenario(seed).scenario),
    ] {
        let mut passed = 0;
        let mut broken = std::collections::BTreeSet::new();
        for seed in 0..20 {
            let ran = runner.run(Level::Core, Subject::Own(&Patient), &scenario(seed))?;
            passed += u32::from(ran.verdict.holds());
            broken.extend(ran.verdict.violated.into_keys());
        }
        let broken: Vec<String> = broken.iter().map(ToString::to_string).collect();
        println!(
            "{days} days: {passed} of 20 pass; broken: {}",
            broken.join(", ")
        );
    }
    Ok(())
}
