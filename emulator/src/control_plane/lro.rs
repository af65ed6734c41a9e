//! Operations under way and ended: the table behind `Azure-AsyncOperation` and `Location`.
//!
//! Polls keep working after the end and after the resource is gone (client-contract.md §5.4), so
//! nothing is ever removed here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use turquoise_arm::{ErrorBody, ResourceId};

use super::clock::{Clock, guid};
use super::provider::{DELETE, Kind, Outcome, Protocol};
use crate::seed::Seed;
use crate::time::Instant;

/// Which dialect an operation's answers speak (azure-facts.md §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `{"status": …}` at `…/operations/{id}`, results at `…/operationResults/{id}`.
    Network,
    /// With name and times; the result at the same URL with `monitor=true`.
    Compute,
    /// Only a location, at `/subscriptions/{s}/operationresults/{id}`.
    Group,
}

impl Dialect {
    /// The dialect of a type's operations.
    pub(crate) fn of(kind: &Kind) -> Self {
        match kind.protocol {
            Protocol::Compute => Self::Compute,
            Protocol::Network | Protocol::Synchronous => Self::Network,
        }
    }
}

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// Its GUID, as in its URLs.
    pub(crate) id: String,
    /// What it works on.
    pub(crate) resource: ResourceId,
    /// The resource's provider; `None` for resource groups.
    pub(crate) provider: Option<usize>,
    /// `PUT`, `PATCH`, `DELETE` or an action's name.
    pub(crate) verb: String,
    /// What its provider is to know at the end.
    pub(crate) payload: Value,
    /// Whether the resource shows `Updating` while it runs.
    pub(crate) updates: bool,
    /// The model to return to if it fails and the knob says so.
    pub(crate) before: Option<Arc<Value>>,
    /// How its answers look.
    pub(crate) dialect: Dialect,
    /// The location in its URLs.
    pub(crate) location: String,
    /// When it began.
    pub(crate) started: Instant,
    /// The error code an injected fault ends it with.
    pub(crate) fail: Option<String>,
    /// How it ended, and when.
    pub(crate) ended: Option<(Instant, Outcome)>,
    /// What `Location` answers after a good end.
    pub(crate) result: Option<Value>,
}

/// The number of an operation: its position in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(usize);

/// All operations.
#[derive(Clone, Debug)]
pub(crate) struct Operations {
    seed: Seed,
    all: Vec<Operation>,
    by_id: BTreeMap<String, Number>,
    running: BTreeMap<ResourceId, BTreeSet<Number>>,
    due: BTreeSet<(Instant, Number)>,
}

impl Operations {
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            seed,
            all: Vec::new(),
            by_id: BTreeMap::new(),
            running: BTreeMap::new(),
            due: BTreeSet::new(),
        }
    }

    /// The GUID the next operation gets.
    pub(crate) fn next_id(&self) -> String {
        guid(self.seed.at(self.all.len() as u64))
    }

    /// The deletion of what Resource Manager itself keeps, a group or a deployment: only a location
    /// tells of it.
    pub(crate) fn group_deletion(&self, resource: &ResourceId, started: Instant) -> Operation {
        Operation {
            id: self.next_id(),
            resource: resource.clone(),
            provider: None,
            verb: DELETE.to_owned(),
            payload: Value::Null,
            updates: false,
            before: None,
            dialect: Dialect::Group,
            location: String::new(),
            started,
            fail: None,
            ended: None,
            result: None,
        }
    }

    /// The operation of this number.
    pub(crate) fn get(&self, number: Number) -> &Operation {
        &self.all[number.0]
    }

    /// The operation with this GUID, in any case.
    pub(crate) fn find(&self, id: &str) -> Option<&Operation> {
        let number = self.by_id.get(&id.to_ascii_lowercase())?;
        Some(self.get(*number))
    }

    /// What runs on a resource, oldest first.
    pub(crate) fn running(&self, resource: &ResourceId) -> Vec<Number> {
        let running = self.running.get(resource).into_iter().flatten();
        running.copied().collect()
    }

    /// Everything that runs, oldest first.
    pub(crate) fn all_running(&self) -> impl Iterator<Item = &Operation> {
        let numbers: BTreeSet<Number> = self.running.values().flatten().copied().collect();
        numbers.into_iter().map(|number| self.get(number))
    }

    /// The write that runs on a resource.
    pub(crate) fn write(&self, resource: &ResourceId) -> Option<Number> {
        let mut running = self.running.get(resource)?.iter().copied();
        running.find(|number| self.get(*number).updates)
    }

    /// When the next operation ends.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The operation whose end is due first.
    pub(crate) fn due(&self, now: Instant) -> Option<Number> {
        let (at, number) = self.due.first()?;
        (*at <= now).then_some(*number)
    }

    /// Takes an operation in; without `ends_at` somebody else ends it.
    pub(crate) fn begin(&mut self, operation: Operation, ends_at: Option<Instant>) -> Number {
        let number = Number(self.all.len());
        self.by_id.insert(operation.id.clone(), number);
        let running = self.running.entry(operation.resource.clone()).or_default();
        running.insert(number);
        self.all.push(operation);
        if let Some(at) = ends_at {
            self.due.insert((at, number));
        }
        number
    }

    /// Whether somebody has said when an operation ends.
    pub(crate) fn is_scheduled(&self, number: Number) -> bool {
        self.due.iter().any(|(_, due)| *due == number)
    }

    /// Says when an operation ends, anew.
    pub(crate) fn extend(&mut self, number: Number, ends_at: Instant) {
        self.due.retain(|(_, due)| *due != number);
        self.due.insert((ends_at, number));
    }

    /// Ends an operation.
    pub(crate) fn end(
        &mut self,
        number: Number,
        now: Instant,
        outcome: Outcome,
        result: Option<Value>,
    ) {
        self.due.retain(|(_, due)| *due != number);
        let operation = &mut self.all[number.0];
        operation.ended = Some((now, outcome));
        operation.result = result;
        let resource = operation.resource.clone();
        if let Some(running) = self.running.get_mut(&resource) {
            running.remove(&number);
            if running.is_empty() {
                self.running.remove(&resource);
            }
        }
    }
}

impl Operation {
    /// `Succeeded`, `Failed`, `Canceled`, or `InProgress`.
    pub(crate) fn status(&self) -> &'static str {
        match &self.ended {
            None => "InProgress",
            Some((_, Outcome::Succeeded)) => "Succeeded",
            Some((_, Outcome::Failed(_))) => "Failed",
            Some((_, Outcome::Canceled(_))) => "Canceled",
        }
    }

    /// Why it did not succeed.
    pub(crate) fn error(&self) -> Option<&ErrorBody> {
        match &self.ended {
            Some((_, Outcome::Failed(error) | Outcome::Canceled(error))) => Some(error),
            _ => None,
        }
    }

    /// The operation document: always answered with 200 (azure-facts.md §2.2).
    pub(crate) fn document(&self, clock: Clock) -> Value {
        let mut document = match self.dialect {
            Dialect::Network | Dialect::Group => json!({"status": self.status()}),
            Dialect::Compute => {
                json!({"startTime": clock.iso(self.started), "status": self.status(), "name": self.id})
            }
        };
        if let (Dialect::Compute, Some((at, _))) = (self.dialect, &self.ended) {
            document["endTime"] = clock.iso(*at).into();
        }
        if let Some(error) = self.error() {
            document["error"] = json!(error);
        }
        document
    }

    /// Path and query of its operation document.
    pub(crate) fn document_path(&self) -> String {
        let base = self.base();
        let id = &self.id;
        match self.dialect {
            Dialect::Network => format!("{base}/operations/{id}?api-version=2024-07-01"),
            // The `p` of real URLs is an opaque partition id; clients must replay it verbatim.
            Dialect::Compute => {
                format!(
                    "{base}/operations/{id}?p={}&api-version=2024-11-01",
                    &id[..8]
                )
            }
            Dialect::Group => self.result_path(),
        }
    }

    /// Path and query of its `Location`.
    pub(crate) fn result_path(&self) -> String {
        let id = &self.id;
        match self.dialect {
            Dialect::Network => {
                format!(
                    "{}/operationResults/{id}?api-version=2024-07-01",
                    self.base()
                )
            }
            Dialect::Compute => format!("{}&monitor=true", self.document_path()),
            Dialect::Group => format!(
                "/subscriptions/{}/operationresults/{id}?api-version=2024-11-01",
                self.resource.subscription()
            ),
        }
    }

    fn base(&self) -> String {
        let resource_type = self.resource.resource_type();
        let namespace = resource_type.as_ref().map_or("", |t| t.namespace());
        format!(
            "/subscriptions/{}/providers/{namespace}/locations/{}",
            self.resource.subscription(),
            self.location
        )
    }

    /// Whether it removes its resource.
    pub(crate) fn deletes(&self) -> bool {
        self.verb == DELETE
    }
}
