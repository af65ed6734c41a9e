//! Kept-alive connections from one gateway instance to its members.
//!
//! Each is a flow pinned to one instance behind the member (azure-facts.md §5.7): a new instance
//! gets traffic only from new connections (F41), and a dead one breaks those pinned to it.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::data_plane::instance::Machine;
use crate::data_plane::knobs::Knobs;
use crate::data_plane::network::IdleRule;
use crate::time::Instant;

/// A connection, ordered by when it is free and then by who opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    /// Free from here on; in the future while a request uses it.
    pub(crate) free_at: Instant,
    /// Tells connections apart: opened by this request and attempt.
    pub(crate) opened_by: (u64, u8),
    /// The instance it leads to.
    pub(crate) slot: usize,
    /// The instance's flow epoch when it was opened.
    pub(crate) epoch: u32,
    /// What the load balancer between does when it is idle.
    pub(crate) idle: Option<IdleRule>,
}

impl Ord for Connection {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.free_at, self.opened_by).cmp(&(other.free_at, other.opened_by))
    }
}

impl PartialOrd for Connection {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What taking a connection from the pool gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A usable connection.
    Idle(Connection),
    /// None is idle: open one.
    Nothing,
    /// The application closed it as the request was written: reset (F40).
    Raced,
    /// The load balancer forgot it without a word: the request is never answered.
    Forgotten,
}

/// The connections to one member's port.
#[derive(Clone, Debug, Default)]
struct Member {
    free: BinaryHeap<Reverse<Connection>>,
}

/// The connections of one gateway instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct BackendPool {
    members: Vec<((Ipv4Addr, u16), Member)>,
}

impl BackendPool {
    /// Takes the connection that has been idle longest.
    pub(crate) fn take(
        &mut self,
        member: (Ipv4Addr, u16),
        now: Instant,
        machines: &[Machine],
        knobs: &Knobs,
    ) -> Taken {
        let free = &mut self.member(member).free;
        while let Some(Reverse(connection)) = free.peek().copied() {
            if connection.free_at > now {
                return Taken::Nothing;
            }
            free.pop();
            let machine = &machines[connection.slot];
            if connection.epoch != machine.flow_epoch {
                continue;
            }
            let idle = now.since(connection.free_at);
            match fate_of_idle(connection, idle, machine.view.application.keep_alive, knobs) {
                Some(taken) => return taken,
                None => continue,
            }
        }
        Taken::Nothing
    }

    /// Whether a live connection to the member is idle.
    pub(crate) fn has_idle(
        &mut self,
        member: (Ipv4Addr, u16),
        now: Instant,
        machines: &[Machine],
    ) -> bool {
        let free = &self.member(member).free;
        free.iter().any(|Reverse(connection)| {
            connection.free_at <= now && connection.epoch == machines[connection.slot].flow_epoch
        })
    }

    /// Puts a connection back that is free from `connection.free_at` on.
    pub(crate) fn put(&mut self, member: (Ipv4Addr, u16), connection: Connection) {
        self.member(member).free.push(Reverse(connection));
    }

    /// Closes a connection whose request was cut.
    pub(crate) fn close(&mut self, member: (Ipv4Addr, u16), opened_by: (u64, u8)) {
        self.member(member)
            .free
            .retain(|Reverse(connection)| connection.opened_by != opened_by);
    }

    fn member(&mut self, member: (Ipv4Addr, u16)) -> &mut Member {
        let known = self.members.iter().position(|(known, _)| *known == member);
        let index = known.unwrap_or_else(|| {
            self.members.push((member, Member::default()));
            self.members.len() - 1
        });
        &mut self.members[index].1
    }
}

/// What a connection is good for after idling so long; `None` when both ends know it is closed.
fn fate_of_idle(
    connection: Connection,
    idle: Duration,
    keep_alive: Duration,
    knobs: &Knobs,
) -> Option<Taken> {
    if idle >= knobs.backend_idle {
        return None;
    }
    if let Some(rule) = connection.idle.filter(|rule| idle >= rule.timeout) {
        return (!rule.reset).then_some(Taken::Forgotten);
    }
    if idle >= keep_alive {
        return (idle < keep_alive + knobs.idle_race).then_some(Taken::Raced);
    }
    Some(Taken::Idle(connection))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(rule: Option<IdleRule>) -> Connection {
        Connection {
            free_at: Instant::ZERO,
            opened_by: (1, 0),
            slot: 0,
            epoch: 1,
            idle: rule,
        }
    }

    #[test]
    fn an_idle_connection_ends_by_whoever_is_first() {
        let knobs = Knobs {
            backend_idle: Duration::from_secs(65),
            idle_race: Duration::from_millis(1),
            ..Knobs::calibrated()
        };
        let usable = |rule| Some(Taken::Idle(connection(rule)));
        let rule = |reset| {
            Some(IdleRule {
                timeout: Duration::from_secs(10),
                reset,
            })
        };
        let cases = [
            (None, 64_999, 120_000, usable(None)),
            (None, 65_000, 120_000, None),
            (None, 4_999, 5_000, usable(None)),
            (None, 5_000, 5_000, Some(Taken::Raced)),
            (None, 5_001, 5_000, None),
            (rule(true), 9_999, 120_000, usable(rule(true))),
            (rule(true), 10_000, 120_000, None),
            (rule(false), 10_000, 120_000, Some(Taken::Forgotten)),
        ];
        for (rule, idle, keep_alive, expected) in cases {
            let (idle, keep_alive) = (
                Duration::from_millis(idle),
                Duration::from_millis(keep_alive),
            );
            let fate = fate_of_idle(connection(rule), idle, keep_alive, &knobs);
            assert_eq!(fate, expected, "{rule:?} after {idle:?} of {keep_alive:?}");
        }
    }
}
