//! The client connections that one gateway instance holds, so that it can cut some.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::client::{Client, UnderWay};

/// Open connections by number, and in HTTP/2 the requests on them. The lock is taken when one opens
/// or closes, and for a cut; requests of HTTP/1.1 do not come here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_number: BTreeMap<u64, Weak<Client>>,
}

/// A connection's place in the register, given back when dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    clients: Clients,
    number: u64,
}

impl Clients {
    /// Makes a client known until it is dropped.
    pub(crate) fn register(&self, client: &Arc<Client>) {
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.by_number.insert(number, Arc::downgrade(client));
        drop(open);
        client.registered.get_or_init(|| Registered {
            clients: self.clone(),
            number,
        });
    }

    /// Ends connections with an attempt under way that is meant. Returns how many by member.
    pub(crate) fn cut(&self, meant: impl Fn(UnderWay) -> bool) -> BTreeMap<Ipv4Addr, u64> {
        let mut cut = BTreeMap::new();
        // Collected first: one that is dropped here asks for the lock.
        let clients: Vec<_> = self.open().by_number.values().cloned().collect();
        for client in clients.iter().filter_map(Weak::upgrade) {
            if let Some(member) = client.cut_if(&meant) {
                *cut.entry(member).or_default() += 1;
            }
        }
        cut
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.clients.open().by_number.remove(&self.number);
    }
}
