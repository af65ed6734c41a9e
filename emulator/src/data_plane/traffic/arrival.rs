//! One request that a client means to send, and the source such requests come from.

use std::fmt;
use std::time::Duration;

use crate::ledger::{ConnectionClass, RequestClass, RequestId};
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
    /// Units of work: scales the application's service time.
    pub work: f64,
    /// How long the client waits for the end of the answer.
    pub patience: Duration,
}

/// A source of arrivals. Sources are cloned with the cloud they feed.
pub trait Arrivals: fmt::Debug + Send + Sync + CloneArrivals {
    /// The next arrival, never due before the one returned last; `None` at the end, for ever.
    fn next(&mut self) -> Option<Arrival>;
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
