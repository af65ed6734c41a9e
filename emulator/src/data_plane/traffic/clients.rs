//! What clients keep between requests: their connection and their affinity cookie.

use std::net::Ipv4Addr;

use crate::ledger::Build;
use crate::time::Instant;

/// One client of a source.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Client {
    /// When its kept connection was opened; `None` without one.
    pub(crate) opened: Option<Instant>,
    /// The gateway instance it leads to.
    pub(crate) instance: usize,
    /// When it last sent something on it.
    pub(crate) used: Instant,
    /// The member its affinity cookie names.
    pub(crate) cookie: Option<Ipv4Addr>,
    /// The address it looked up once and never again.
    pub(crate) address: Option<(Ipv4Addr, u16)>,
    /// What it presents with the next request of its session.
    pub(crate) memory: Memory,
}

/// What a user who has logged in presents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// The build that signed its token.
    pub(crate) token: Option<Build>,
    /// The build that last wrote its data.
    pub(crate) record: Option<Build>,
}

impl Memory {
    /// A request of the session was answered: without a token that is accepted, the user logs in
    /// again; what is answered well has been written.
    pub(crate) fn learn(&mut self, status: u16, build: Build) {
        match status {
            401 => self.token = None,
            200 => {
                self.token.get_or_insert(build);
                self.record = Some(build);
            }
            _ => {}
        }
    }
}

/// The clients of a source, by number: numbers are small and dense.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    clients: Vec<Client>,
}

impl Clients {
    /// A client, with nothing kept when it is new.
    pub(crate) fn get(&mut self, number: u32) -> &mut Client {
        let index = usize::try_from(number).expect("because a usize has at least 32 bits");
        if index >= self.clients.len() {
            self.clients.resize(index + 1, Client::default());
        }
        &mut self.clients[index]
    }
}
