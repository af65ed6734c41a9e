//! Mutants that take an address, a model or a header for who is really there.

use futures_util::future::LocalBoxFuture;
use turquoise_emulator::data_plane::Mixture;
use turquoise_emulator::ledger::{ConnectionClass, RequestClass};
use turquoise_orchestrator::Environment;
use turquoise_orchestrator::environment::ProbeRequest;

use super::Mutant;
use super::affinity::with_a_stranger_behind_the_new_side;
use super::early_removal::{Removes, When};
use super::interference::{Interference, ProbeResult, Seam};
use crate::invariant::Invariant;
use crate::scenario::Scenario;

/// F52: the address is the side, whoever has it now.
pub(super) const IP_REUSE: Mutant = Mutant {
    id: "ip-reuse",
    catalogue: "F52",
    wrong: "knows sides by their address, and swaps to the service that has taken it over",
    oracles: &[Invariant::S(8), Invariant::S(4)],
    expose: with_a_stranger_behind_the_new_side,
    make: || Box::new(BelievesAddress),
    ..Mutant::HARMLESS
};

/// F53: clients that look an address up once outlive every drain.
pub(super) const DNS_MEMBER: Mutant = Mutant {
    id: "dns-member",
    catalogue: "F53",
    wrong: "takes the old side away five minutes after its removal, whoever still calls it",
    oracles: &[Invariant::S(2), Invariant::Q(6)],
    expose: |scenario| {
        scenario
            .traffic
            .with_much(RequestClass::Short, ConnectionClass::Direct);
    },
    make: || Box::new(Removes::new(When::OldLongAgo)),
    ..Mutant::HARMLESS
};

/// F56: the model says new, the instances are old.
pub(super) const NIC_MODEL: Mutant = Mutant {
    id: "nic-model",
    catalogue: "F56",
    wrong: "takes the model for what runs, while half of the instances were never upgraded to it",
    oracles: &[Invariant::S(8), Invariant::S(20)],
    expose: |scenario| with_some_of_another_build(scenario, 50, true),
    make: || Box::new(BelievesAddress),
    ..Mutant::HARMLESS
};

/// F114: the header says new, the binary is old.
pub(super) const VERSION_LIE: Mutant = Mutant {
    id: "version-lie",
    catalogue: "F114",
    wrong: "a third of the new side's instances names a build that it does not run",
    oracles: &[Invariant::S(8), Invariant::S(20)],
    world: |scenario| with_some_of_another_build(scenario, 40, false),
    ..Mutant::HARMLESS
};

fn with_some_of_another_build(scenario: &mut Scenario, percent: u8, admits: bool) {
    scenario.builds.new.mixture = Some(Mixture {
        percent,
        runs: "app-of-last-year".to_owned(),
        admits,
    });
}

/// Whatever answers and is not the old build is the new one.
#[derive(Debug)]
struct BelievesAddress;

impl Interference for BelievesAddress {
    fn probe<'a>(
        &'a self,
        seam: Seam<'a>,
        request: ProbeRequest,
    ) -> LocalBoxFuture<'a, ProbeResult> {
        Box::pin(async move {
            let mut answer = seam.probe(request).await?;
            let target = seam.target;
            for (name, value) in &mut answer.headers {
                if *name == target.build_header && *value != target.old.build {
                    value.clone_from(&target.new.build);
                }
            }
            Ok(answer)
        })
    }
}
