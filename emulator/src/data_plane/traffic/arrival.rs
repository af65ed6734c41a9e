//! One request that a client means to send, and the source such requests come from.

use std::fmt;
use std::time::Duration;

use crate::ledger::{Build, ConnectionClass, RequestClass, RequestId, Seen};
use crate::time::Instant;

/// A request due to be sent. Open loop: it is sent when due, whatever became of others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// Its id, unique in the run and not 0.
    pub id: RequestId,
    /// When it is sent.
    pub due: Instant,
    /// Which client sends it: reused connections and affinity cookies are the client's.
    pub client: u32,
    /// Whether it opens a connection or reuses its client's.
    pub connection: ConnectionClass,
    /// What kind of work it is.
    pub class: RequestClass,
    /// How long its body takes to send; the instance's worker is held meanwhile.
    pub upload: Duration,
    /// How long its answer takes to come once it has begun, a download's body or a stream's life;
    /// no worker is held meanwhile.
    pub transfer: Duration,
    /// Units of work: scales the application's service time.
    pub work: f64,
    /// How long the client waits for the end of the answer.
    pub patience: Duration,
    /// How many more requests the client may send because of how this one ends: the files of a
    /// page, or tries. Each has the next id, which nobody else uses.
    pub follows: u8,
    /// The build that made what the request presents: for a file, the one that rendered its page.
    pub origin: Option<Build>,
}

impl Default for Arrival {
    /// A short request of a new connection, due at once, of an impatient client: 60 s.
    fn default() -> Self {
        Self {
            id: 1,
            due: Instant::ZERO,
            client: 0,
            connection: ConnectionClass::New,
            class: RequestClass::Short,
            upload: Duration::ZERO,
            transfer: Duration::ZERO,
            work: 1.0,
            patience: Duration::from_secs(60),
            follows: 0,
            origin: None,
        }
    }
}

impl Arrival {
    /// Whether its connection is kept for the client's next request.
    pub(crate) const fn is_kept(&self) -> bool {
        matches!(
            self.connection,
            ConnectionClass::Reused | ConnectionClass::Multiplexed
        )
    }
}

/// A source of arrivals. Sources are cloned with the cloud they feed.
pub trait Arrivals: fmt::Debug + Send + Sync + CloneArrivals {
    /// The next arrival, never due before the one returned last; `None` at the end, for ever.
    fn next(&mut self) -> Option<Arrival>;

    /// What a client sends because one of its requests ended so; asked where
    /// [`Arrival::follows`] is not 0. It may not be due before `ended`, and must not depend on
    /// what was asked before: requests end in another order than they are told.
    fn after(&mut self, request: &Arrival, ended: Instant, seen: Seen) -> Option<Arrival> {
        let _ = (request, ended, seen);
        None
    }
}

/// What every source that is [`Clone`] can do; nobody implements it by hand.
pub trait CloneArrivals {
    /// A source that goes on just as this one does.
    fn boxed_clone(&self) -> Box<dyn Arrivals>;
}

impl<T: Arrivals + Clone + 'static> CloneArrivals for T {
    fn boxed_clone(&self) -> Box<dyn Arrivals> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Arrivals> {
    fn clone(&self) -> Self {
        (**self).boxed_clone()
    }
}

/// Arrivals known beforehand, in order of `due`.
impl Arrivals for std::vec::IntoIter<Arrival> {
    fn next(&mut self) -> Option<Arrival> {
        Iterator::next(self)
    }
}
