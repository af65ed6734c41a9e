//! The swap.

use crate::arm_client::ArmFailure;
use crate::environment::Environment;
use crate::phase::Phase;
use crate::report::{Outcome, PoolReport, StatusReport, SwapReport};
use crate::run::Run;

/// Swaps the pool to the idle side, or goes on with an unfinished run. Never loses a request, or
/// says why it did not try.
pub async fn swap<E: Environment>(_run: &Run<'_, E>) -> SwapReport {
    refused()
}

/// Brings the old side back: ends an unfinished run backwards, or swaps a finished one back.
pub async fn rollback<E: Environment>(_run: &Run<'_, E>) -> SwapReport {
    refused()
}

/// Takes the idle side's instances away, once nothing can need them any more.
pub async fn retire<E: Environment>(_run: &Run<'_, E>) -> SwapReport {
    refused()
}

/// The world and the last run, read only.
///
/// # Errors
/// When the gateway cannot be read.
pub async fn status<E: Environment>(_run: &Run<'_, E>) -> Result<StatusReport, ArmFailure> {
    Err(ArmFailure::Unexpected("not read yet".to_owned()))
}

fn refused() -> SwapReport {
    SwapReport {
        run: String::new(),
        outcome: Outcome::Refused,
        reason: "this build cannot swap yet".to_owned(),
        phase: Phase::P0,
        changed: false,
        pool: PoolReport::default(),
        gateway_puts: 0,
        old: None,
        new: None,
        phases: Vec::new(),
        writes: Vec::new(),
        residue: Vec::new(),
        resume: None,
    }
}
