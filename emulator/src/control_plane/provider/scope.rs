//! What a provider may change.

use std::sync::Arc;

use serde_json::Value;
use turquoise_arm::ResourceId;

use super::{Context, Facts};
use crate::control_plane::addresses::{AddressBook, Claim};
use crate::control_plane::clock::{self, Clock};
use crate::control_plane::config::ControlPlaneConfig;
use crate::control_plane::durations::Duration;
use crate::control_plane::references;
use crate::control_plane::store::{Resource, State, Store};
use crate::desired::Desired;
use crate::event::{Event, Timed};
use crate::faults::Faults;
use crate::seed::Seed;
use crate::time::Instant;

/// What a provider may change. Everything here is committed: refuse in
/// `Provider::validate`, `Provider::refuse_delete` or before the first change in
/// `Provider::route`.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    /// Now.
    pub(crate) now: Instant,
    /// What exists.
    pub(crate) store: &'a mut Store,
    /// Who has which private address.
    pub(crate) addresses: &'a mut AddressBook,
    /// What the data plane says.
    pub(crate) reported: Facts<'a>,
    /// The knobs.
    pub(crate) config: &'a ControlPlaneConfig,
    /// Wall-clock texts.
    pub(crate) clock: Clock,
    /// This type's node of the seed tree.
    pub(crate) seed: Seed,
    /// The fault schedule, for points of this type's own (`gateway.apply`).
    pub(crate) faults: &'a mut Faults,
    /// What the data plane is to do, in order.
    pub(crate) desired: &'a mut Vec<Desired>,
    /// What happened.
    pub(crate) events: &'a mut Vec<Timed>,
    /// Writes to other resources, made by the engine right after this call.
    pub(crate) outbox: &'a mut Vec<InternalWrite>,
}

impl Scope<'_> {
    /// The same world, to look at only.
    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            store: self.store,
            addresses: self.addresses,
            config: self.config,
            clock: self.clock,
        }
    }

    /// Records an event at this instant.
    pub(crate) fn event(&mut self, event: Event) {
        self.events.push(Timed {
            at: self.now,
            event,
        });
    }

    /// Draws an operation's time in this cloud's profile, whole milliseconds from now.
    pub(crate) fn ending(&self, duration: Duration, seed: Seed) -> Instant {
        let millis = duration.draw(self.config.profile, self.config.duration_scale, seed);
        (self.now + std::time::Duration::from_millis(millis)).ceil_millis()
    }

    /// Stores a document of the provider's own at `id`, below one of its resources, such as a
    /// scale set's instance; it is not listed as a resource, protects what it references, holds
    /// `claims`, and goes with its parent. An existing one is replaced.
    pub(crate) fn put_child(
        &mut self,
        parent: &Resource,
        id: ResourceId,
        model: Value,
        claims: &[Claim],
    ) {
        let references = references::collect(&id, &model).unwrap_or_default();
        let before = self.store.get(&id);
        let version = before.map_or(1, |before| before.version + 1);
        let resource = Resource {
            provider: parent.provider,
            model: Arc::new(model),
            state: State::Succeeded,
            etag: format!("\"{version}\""),
            version,
            generation: before.map_or(1, |before| before.generation + 1),
            guid: before.map_or_else(
                || clock::guid(self.seed.child(id.key()).at(self.now.as_millis())),
                |before| before.guid.clone(),
            ),
            created: before.map_or(self.now, |before| before.created),
            references,
            id,
        };
        self.addresses.commit(&resource.id, claims);
        self.store.put(resource);
    }

    /// Removes a document stored by [`Scope::put_child`] and frees its addresses.
    pub(crate) fn remove_child(&mut self, id: &ResourceId) {
        self.addresses.release(id);
        self.store.remove(id);
    }
}

/// A write one provider asks of another resource, merged into its model.
#[derive(Clone, Debug)]
pub(crate) struct InternalWrite {
    /// The resource.
    pub(crate) id: ResourceId,
    /// The part to merge.
    pub(crate) part: Value,
    /// Who asks, in events.
    pub(crate) caller: String,
}
