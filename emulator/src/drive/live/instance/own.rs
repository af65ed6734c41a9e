//! An instance that runs a program of the user's instead of the built-in application.
//!
//! [`Own`] is what the instance holds: dropping it ends the program. Whether the program can be
//! reached is for its `supervisor` to say, who starts it, watches it and starts it again.

mod limits;
mod names;
mod output;
mod readiness;
mod supervisor;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::super::listener::Alive;
use super::super::program::{Program, Programs};
use crate::data_plane::{InstanceState, InstanceView};

use names::Names;
use supervisor::Supervisor;

/// The program of one instance.
#[derive(Debug)]
pub(super) enum Own {
    /// One that runs anyway.
    Listening(SocketAddr),
    /// One that we run.
    Supervised(Supervised),
}

/// A program under supervision; dropping this ends it.
#[derive(Debug)]
pub(super) struct Supervised {
    reached: Reached,
    /// Whether it is to be frozen; closed when it is to end.
    frozen: watch::Sender<bool>,
}

/// Where a program can be reached now; clones share it.
#[derive(Clone, Debug, Default)]
struct Reached(Arc<Mutex<Option<SocketAddr>>>);

impl Reached {
    fn get(&self) -> Option<SocketAddr> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, socket: Option<SocketAddr>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = socket;
    }
}

impl Own {
    /// Has the machine of `view` run its program; `None` when it runs the built-in application.
    pub(super) fn start(view: &InstanceView, programs: &Programs, alive: &Alive) -> Option<Self> {
        let command = match programs.of(&view.application)? {
            Program::Listening(socket) => return Some(Self::Listening(*socket)),
            Program::Command(command) => command.clone(),
        };
        let reached = Reached::default();
        let (frozen, orders) = watch::channel(false);
        let supervisor = Supervisor {
            command,
            names: Names::of(view),
            reached: reached.clone(),
            changed: Arc::clone(&programs.changed),
            orders,
        };
        let alive = alive.clone();
        tokio::spawn(async move {
            supervisor.run().await;
            drop(alive);
        });
        Some(Self::Supervised(Supervised { reached, frozen }))
    }

    /// Takes the core's view into use: an application that hangs is a program that is frozen.
    pub(super) fn publish(&self, view: &InstanceView) {
        if let Self::Supervised(supervised) = self {
            let hangs = view.state == InstanceState::Hanging;
            supervised
                .frozen
                .send_if_modified(|frozen| std::mem::replace(frozen, hangs) != hangs);
        }
    }

    /// Where it takes connections now.
    pub(super) fn socket(&self) -> Option<SocketAddr> {
        match self {
            Self::Listening(socket) => Some(*socket),
            Self::Supervised(supervised) => supervised.reached.get(),
        }
    }
}
