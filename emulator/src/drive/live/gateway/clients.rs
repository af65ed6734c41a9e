//! The client connections that one gateway instance holds, so that it can cut some.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client::{Client, UnderWay};

/// Open connections by number. The lock is taken when a connection opens or closes, and for a cut;
/// requests do not come here.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_number: BTreeMap<u64, Arc<Client>>,
}

/// A connection's place in the register, given back when dropped.
#[derive(Debug)]
pub(crate) struct Registered<'a> {
    clients: &'a Clients,
    number: u64,
}

impl Clients {
    pub(crate) fn register(&self, client: &Arc<Client>) -> Registered<'_> {
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.by_number.insert(number, Arc::clone(client));
        Registered {
            clients: self,
            number,
        }
    }

    /// Ends connections with an attempt under way that is meant. Returns how many by member.
    pub(crate) fn cut(&self, meant: impl Fn(UnderWay) -> bool) -> BTreeMap<Ipv4Addr, u64> {
        let mut cut = BTreeMap::new();
        for client in self.open().by_number.values() {
            if let Some(member) = client.cut_if(&meant) {
                *cut.entry(member).or_default() += 1;
            }
        }
        cut
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.clients.open().by_number.remove(&self.number);
    }
}
