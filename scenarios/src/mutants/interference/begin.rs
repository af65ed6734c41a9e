//! How a process of the orchestrator begins, as something that a mutant can change.

use turquoise_orchestrator::{Environment, Run, Settings, SwapReport, rollback, swap};

/// What a process is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Begin {
    /// What it is to do.
    pub(crate) verb: Verb,
    /// New run or resume, whose, and where to.
    pub(crate) settings: Settings,
}

/// What a process is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Swap, or go on with a swap.
    Swap,
    /// Bring the old side back.
    Rollback,
}

impl Verb {
    /// Does it.
    pub(crate) async fn act<E: Environment>(self, run: &Run<'_, E>) -> SwapReport {
        match self {
            Self::Swap => swap(run).await,
            Self::Rollback => rollback(run).await,
        }
    }
}
