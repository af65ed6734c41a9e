//! `Microsoft.Resources/deployments`: templates carried out over the other types
//! (azure-facts.md §4.2, client-contract.md §5.7, §7.7, §8).
//!
//! The language is the crate `turquoise-template`. Here a request becomes a [`Deployment`]
//! (`accept`), which `run` moves on whenever an operation has ended: a resource is written as soon as
//! everything it depends on is there, through the same code as a PUT from outside. `what_if` and
//! `preflight` ask that code what it would do.

mod accept;
mod clean;
mod cloud_runtime;
mod document;
mod fallback;
mod history;
mod preflight;
mod route;
mod run;
mod what_if;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use turquoise_arm::{ErrorBody, ResourceId};
use turquoise_template::Plan;
use turquoise_template::plan::{Mode, Output};

use super::lro::Number;
use crate::time::Instant;

pub(super) use self::route::address;

use self::fallback::Fallback;

/// The type.
const TYPE: &str = "Microsoft.Resources/deployments";

/// How many deployments a scope remembers (azure-facts.md §4.2).
const HISTORY: usize = 800;
/// Beyond this the oldest are forgotten, until [`KEPT`] are left (documentation "deployment history
/// deletions").
const CROWDED: usize = 775;
/// How many are left then.
const KEPT: usize = 750;

/// Every deployment, ended ones too.
#[derive(Clone, Debug, Default)]
pub(super) struct Deployments {
    all: BTreeMap<ResourceId, Deployment>,
    active: BTreeSet<ResourceId>,
}

/// One deployment.
#[derive(Clone, Debug)]
struct Deployment {
    id: ResourceId,
    plan: Arc<Plan>,
    mode: Mode,
    /// Of deployments to a subscription.
    location: Option<String>,
    tags: Value,
    caller: String,
    correlation: String,
    /// In the URL of its operation document.
    operation: String,
    started: Instant,
    phase: Phase,
    steps: Vec<Step>,
    outputs: Vec<Output>,
    error: Option<ErrorBody>,
    /// What is deployed again when this one fails.
    fallback: Option<Fallback>,
}

/// Where a deployment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Begins at this instant.
    Accepted(Instant),
    /// Writes resources.
    Writing,
    /// Deletes what a complete deployment's template does not name.
    Cleaning,
    /// Evaluates its outputs at this instant.
    Ending(Instant),
    /// Over, since this instant.
    Ended(Instant, End),
}

/// How a deployment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Succeeded,
    Failed,
    Canceled,
}

impl Phase {
    /// The word in `provisioningState`.
    const fn word(self) -> &'static str {
        match self {
            Self::Accepted(_) => "Accepted",
            Self::Writing | Self::Cleaning | Self::Ending(_) => "Running",
            Self::Ended(_, End::Succeeded) => "Succeeded",
            Self::Ended(_, End::Failed) => "Failed",
            Self::Ended(_, End::Canceled) => "Canceled",
        }
    }
}

/// One resource of a deployment on its way.
#[derive(Clone, Debug)]
struct Step {
    state: StepState,
    started: Option<Instant>,
    ended: Option<Instant>,
    operation: String,
    /// The HTTP status as Azure writes it here: `Created`, `OK`, `BadRequest`.
    status: String,
    error: Option<ErrorBody>,
}

/// Where a resource of a deployment stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum StepState {
    /// Something it depends on is not there yet.
    Waiting,
    /// Its write runs.
    Writing(Number),
    /// Its own deployment runs.
    Nested(ResourceId),
    /// It is there.
    Done,
    /// Its condition is false, it exists already, or the deployment was cancelled.
    Skipped,
    /// It was refused or failed.
    Failed,
}

impl Deployment {
    fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Ended(..))
    }

    fn due(&self) -> Option<Instant> {
        match self.phase {
            Phase::Accepted(at) | Phase::Ending(at) => Some(at),
            Phase::Writing | Phase::Cleaning | Phase::Ended(..) => None,
        }
    }
}

impl Deployments {
    /// When a deployment moves on by itself.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let active = self.active.iter().filter_map(|id| self.all.get(id));
        active.filter_map(Deployment::due).min()
    }

    fn get(&self, id: &ResourceId) -> Option<&Deployment> {
        self.all.get(id)
    }

    fn put(&mut self, deployment: Deployment) {
        if deployment.is_active() {
            self.active.insert(deployment.id.clone());
        } else {
            self.active.remove(&deployment.id);
        }
        self.all.insert(deployment.id.clone(), deployment);
    }

    fn remove(&mut self, id: &ResourceId) -> Option<Deployment> {
        self.active.remove(id);
        self.all.remove(id)
    }

    /// The deployments of exactly this scope, by name.
    fn of_scope<'a>(&'a self, scope: &'a str) -> impl Iterator<Item = &'a Deployment> + 'a {
        let prefix = format!("{scope}/providers/{TYPE}/").to_ascii_lowercase();
        let held = self.all.values();
        held.filter(move |deployment| deployment.id.key().starts_with(&prefix))
    }

    /// Forgets the oldest ended deployments of a scope that remembers too many.
    fn trim(&mut self, scope: &str) {
        let count = self.of_scope(scope).count();
        if count < CROWDED {
            return;
        }
        let mut ended: Vec<(Instant, ResourceId)> = self
            .of_scope(scope)
            .filter(|held| !held.is_active())
            .map(|held| (held.started, held.id.clone()))
            .collect();
        ended.sort();
        for (_, id) in ended.into_iter().take(count - KEPT) {
            self.remove(&id);
        }
    }

    /// A group is gone, and its deployments with it.
    pub(super) fn forget_within(&mut self, group: &ResourceId) {
        self.all.retain(|id, _| !id.is_within(group));
        self.active.retain(|id| !id.is_within(group));
    }
}
