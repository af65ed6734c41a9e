//! A live scale set instance: one socket, behind it the demo application or a program of the user's.
//!
//! The core says how the instance meets connections, what it answers and after how long
//! ([`InstanceView`]); here its listener is opened and closed, and its requests wait for workers.

mod application;
mod checksum;
mod execution;
mod own;
mod workers;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::clock::LiveClock;
use super::ledger::Lines;
use super::listener::Listener;
use super::network::Network;
use super::program::Programs;
use crate::data_plane::{InstanceState, InstanceView};
use crate::ledger::InstanceEntry;
use crate::seed::Seed;
use crate::time::Instant;

use own::Own;
use workers::Workers;

pub(crate) use application::PROBE_AGENT;

/// One instance.
#[derive(Debug)]
pub(crate) struct Instance {
    machine: Arc<Machine>,
    /// Of the built-in application.
    listener: Option<Listener>,
    /// Instead of it.
    own: Option<Own>,
    programs: Programs,
    network: Network,
}

/// Where an application listens that treats all ports alike, as far as its own address goes.
const USUAL_PORT: u16 = 80;

/// What the requests of one instance share.
#[derive(Debug)]
pub(crate) struct Machine {
    view: ArcSwap<InstanceView>,
    workers: Workers,
    clock: LiveClock,
    books: Books,
    /// Where service times are drawn from, by request.
    draws: Seed,
}

/// Where an instance writes.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) executions: Lines<InstanceEntry>,
    pub(crate) busy: Lines<Busy>,
}

/// A worker of an instance was busy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Busy {
    pub(crate) address: Ipv4Addr,
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

impl Instance {
    pub(crate) fn new(
        view: Arc<InstanceView>,
        network: &Network,
        books: Books,
        draws: Seed,
        programs: Programs,
    ) -> Self {
        let workers = Workers::new(&view.application);
        let machine = Machine {
            view: ArcSwap::new(view),
            workers,
            clock: network.clock.clone(),
            books,
            draws,
        };
        Self {
            machine: Arc::new(machine),
            listener: None,
            own: None,
            programs,
            network: network.clone(),
        }
    }

    /// Takes the core's view into use. An instance that no longer accepts loses its socket at once,
    /// with every connection and every request under way.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub(crate) fn publish(&mut self, view: Arc<InstanceView>) -> io::Result<()> {
        let accepts = accepts(&view);
        self.machine.view.store(Arc::clone(&view));
        if self.programs.of(&view.application).is_some() {
            self.publish_own(&view);
            return Ok(());
        }
        if !accepts {
            self.listener = None;
        } else if self.listener.is_none() {
            let machine = Arc::clone(&self.machine);
            let serve = move |stream, _peer| application::serve(Arc::clone(&machine), stream);
            let port = view.application.port.unwrap_or(USUAL_PORT);
            self.listener = Some(self.network.listen((view.address, port), serve)?);
        }
        Ok(())
    }

    /// A program runs for as long as its machine does.
    fn publish_own(&mut self, view: &InstanceView) {
        self.listener = None;
        if view.state == InstanceState::NotListening {
            self.own = None;
            return;
        }
        if self.own.is_none() {
            self.own = Own::start(view, &self.programs, &self.network.alive);
        }
        if let Some(own) = &self.own {
            own.publish(view);
        }
    }

    /// Whether `view` is of this same boot: another boot is another machine.
    pub(crate) fn is_same_boot(&self, view: &InstanceView) -> bool {
        self.machine.view.load().incarnation == view.incarnation
    }

    pub(crate) fn view(&self) -> Arc<InstanceView> {
        self.machine.view.load_full()
    }

    pub(crate) fn socket(&self) -> Option<SocketAddr> {
        match &self.own {
            Some(own) => accepts(&self.view()).then(|| own.socket()).flatten(),
            None => self.listener.as_ref().map(Listener::address),
        }
    }

    /// Requests accepted and not finished.
    pub(crate) fn in_flight(&self) -> u64 {
        self.machine.workers.in_flight()
    }
}

/// As Azure names it: `{scale set}_{number}`.
fn instance_name(view: &InstanceView) -> String {
    format!("{}_{}", view.key.scale_set.name(), view.key.number)
}

fn accepts(view: &InstanceView) -> bool {
    match view.state {
        InstanceState::Serving | InstanceState::Hanging => true,
        InstanceState::NotListening | InstanceState::Refusing => false,
    }
}
