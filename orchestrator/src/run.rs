//! What a swap works with, and how it begins.

use std::fmt;

use crate::access::Access;
use crate::config::Config;
use crate::environment::Environment;
use crate::journal::{JournalStore, RunId};
use crate::lease::LeaseStore;
use crate::observer::Observer;
use crate::plan::SwapPlan;

/// Everything a run works with. Borrowed, so that stores and worlds outlive a crash of the run.
pub struct Run<'a, E: Environment> {
    /// The world.
    pub environment: &'a E,
    /// Where Azure answers.
    pub access: &'a Access,
    /// What to swap and how carefully.
    pub config: &'a Config,
    /// How this run begins.
    pub settings: &'a Settings,
    /// Where the run writes down what it does.
    pub journal: &'a dyn JournalStore,
    /// What keeps other runs out.
    pub lease: &'a dyn LeaseStore,
    /// Who hears of progress.
    pub observer: &'a dyn Observer,
}

impl<E: Environment> Clone for Run<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: Environment> Copy for Run<'_, E> {}

impl<E: Environment> fmt::Debug for Run<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("access", self.access)
            .field("settings", self.settings)
            .finish_non_exhaustive()
    }
}

/// How a run begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Who runs it, for the lease and the journal: user and host.
    pub owner: String,
    /// Whether it is a new run.
    pub start: Start,
    /// The side that is to serve; without it, the idle one. A swap to the live side is done at once.
    pub to: Option<String>,
    /// Allows a swap while the last one still retains its old side, which gives up the way back.
    pub forfeit_rollback: bool,
    /// The plan that was approved; a new run whose own plan is another one changes nothing.
    pub approved: Option<Approved>,
}

/// An approval of one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// The plan's hash, as `plan` printed it.
    pub hash: String,
    /// The plan itself, where it is at hand: then what has moved since can be named.
    pub plan: Option<Box<SwapPlan>>,
}

/// Whether a run begins or goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// A new run; refused while an earlier one is unfinished.
    #[default]
    New,
    /// Goes on with this run.
    Resume(RunId),
    /// Goes on with the last unfinished run, if there is one; else a new run.
    ResumeLast,
}
