//! One gateway instance: its snapshot, its turn counter and its ledger.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::clients::Clients;
use super::meter::Meter;
use super::table::LiveTable;
use super::upstream::{Patience, Upstream};
use crate::data_plane::{DueCut, Knobs, RoutingTable};
use crate::desired::BackendSettings;
use crate::drive::live::ledger::Lines;
use crate::drive::live::network::Network;
use crate::ledger::GatewayEntry;

/// One gateway instance. Requests read its snapshot and count on atomics; no lock is shared between
/// gateway instances.
#[derive(Debug)]
pub(crate) struct GatewayInstance {
    pub(super) number: u16,
    pub(super) network: Network,
    pub(super) knobs: Knobs,
    pub(super) lines: Lines<GatewayEntry>,
    pub(super) clients: Clients,
    pub(super) meter: Meter,
    table: ArcSwapOption<LiveTable>,
    turns: AtomicU64,
    /// Members that no table knows any more, to be closed.
    lost: Mutex<Vec<Arc<Upstream>>>,
}

impl GatewayInstance {
    pub(crate) fn new(
        number: u16,
        network: Network,
        knobs: Knobs,
        lines: Lines<GatewayEntry>,
    ) -> Self {
        Self {
            number,
            network,
            knobs,
            lines,
            clients: Clients::default(),
            meter: Meter::default(),
            table: ArcSwapOption::empty(),
            turns: AtomicU64::new(0),
            lost: Mutex::default(),
        }
    }

    pub(crate) fn table(&self) -> Option<Arc<LiveTable>> {
        self.table.load_full()
    }

    /// Takes a snapshot into use. Members that it no longer knows stay open until
    /// [`GatewayInstance::close_lost`], so that every request finds a table that works.
    ///
    /// # Errors
    /// When a certificate cannot be used; the instance then goes on as before.
    pub(crate) fn publish(&self, routing: Arc<RoutingTable>) -> io::Result<()> {
        let before = self.table();
        if let Some(before) = &before
            && Arc::ptr_eq(&before.routing, &routing)
        {
            return Ok(());
        }
        let after = Arc::new(LiveTable::new(routing, before.as_deref())?);
        self.table.store(Some(Arc::clone(&after)));
        let lost = before.iter().flat_map(|before| before.lost_in(&after));
        self.lost().extend(lost.map(Arc::clone));
        Ok(())
    }

    /// Closes members whose drain is over, with whatever slipped in since it ended.
    pub(crate) fn close_lost(&self) {
        for lost in self.lost().drain(..) {
            lost.close();
        }
    }

    /// Cuts the requests that the core means, and says how many by member.
    pub(crate) fn cut(&self, due: &DueCut) -> BTreeMap<Ipv4Addr, u64> {
        self.clients.cut(|attempt| {
            due.address.is_none_or(|address| address == attempt.member)
                && due.scope.means(attempt.generation, attempt.dispatched)
        })
    }

    /// The gateway is gone or stopped: nothing is dispatched any more.
    pub(crate) fn close(&self) {
        if let Some(table) = self.table.swap(None) {
            for upstream in table.upstreams() {
                upstream.close();
            }
        }
    }

    /// How long a client may leave its connection unused: wall clock, for clients are real.
    pub(super) fn client_idle(&self) -> Duration {
        self.knobs.client_idle
    }

    pub(super) fn next_turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn patience(&self, settings: &BackendSettings) -> Patience {
        Patience {
            connect: self.knobs.connect_timeout,
            answer: settings.request_timeout,
            idle: self.knobs.backend_idle,
        }
    }

    fn lost(&self) -> MutexGuard<'_, Vec<Arc<Upstream>>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
