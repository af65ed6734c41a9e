//! What one gateway instance dispatches by: an immutable snapshot, and the choices made with it.
//!
//! Both drives ask the same table: the live gateway holds it behind an atomic pointer, the
//! simulation beside its instance. A table is replaced whenever the instance applies a
//! configuration, changes its mind about a member, or ends a drain.

use std::net::Ipv4Addr;
use std::sync::Arc;

use turquoise_arm::ResourceId;

use super::TargetId;
use crate::data_plane::knobs::{ClientConnections, Knobs};
use crate::desired::{BackendSettings, Gateway, Listener, Pool, Rewrite, Route};
use crate::time::Instant;

/// What one gateway instance dispatches by.
#[derive(Clone, Debug)]
pub struct RoutingTable {
    /// Tells this snapshot from every other of its data plane.
    pub revision: u64,
    /// The gateway.
    pub gateway: ResourceId,
    /// Which of its instances.
    pub instance: u16,
    /// The configuration's generation.
    pub generation: u64,
    /// When the instance took that configuration into use.
    pub applied: Instant,
    /// The configuration.
    pub config: Arc<Gateway>,
    /// Every pool with every settings it is used with.
    pub targets: Vec<Target>,
    /// Tables replaced by a configuration update whose drain time-out has not passed, oldest
    /// first.
    pub older: Vec<Older>,
}

/// A table that still serves the connections opened under it.
#[derive(Clone, Debug)]
pub struct Older {
    /// The table.
    pub table: Arc<RoutingTable>,
    /// When an update replaced it.
    pub replaced: Instant,
    /// When its connections are closed: its longest drain time-out later.
    pub until: Instant,
}

impl Older {
    /// Until when its kept connections bring it new requests: half of its drain time-out. Azure
    /// says that they may reach a removed member, not for how long (azure-facts.md §5.5). If they
    /// came until the cut, each update would cut whatever came last, and no orchestrator could
    /// prevent it; so there is time to finish.
    fn takes_until(&self) -> Instant {
        self.replaced + self.until.since(self.replaced) / 2
    }
}

/// A pool under one settings, as this instance sees its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The pool and settings as numbered for the gateway's life.
    pub(crate) id: TargetId,
    /// Index into [`Gateway::pools`].
    pub pool: usize,
    /// Index into [`Gateway::settings`].
    pub settings: usize,
    /// Members that get new requests, in listed order, each once.
    pub eligible: Vec<Ipv4Addr>,
    /// Removed members that still get the requests of their affinity cookies (§5.5).
    pub draining: Vec<Ipv4Addr>,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routed<'table> {
    /// To a member of this target.
    Pool(&'table Target),
    /// Back to the client with a redirect.
    Redirect {
        /// The HTTP status.
        status: u16,
        /// The `Location`.
        location: String,
    },
    /// No listener answers to the host: 404 (azure-facts.md §5.2).
    NotFound,
    /// Nothing listens on the address and port: the connection is refused.
    NotListening,
}

impl RoutingTable {
    /// Where a request goes; `target` is the path with its query.
    #[must_use]
    pub fn route(&self, host: &str, address: Ipv4Addr, port: u16, target: &str) -> Routed<'_> {
        let mut listening = false;
        for listener in &self.config.listeners {
            if (listener.address, listener.port) != (address, port) {
                continue;
            }
            listening = true;
            if answers_to(listener, host) {
                return self.follow(&listener.route, target);
            }
        }
        if listening {
            Routed::NotFound
        } else {
            Routed::NotListening
        }
    }

    /// The rewrite rules of the route that a request takes.
    #[must_use]
    pub fn rewrite(
        &self,
        host: &str,
        address: Ipv4Addr,
        port: u16,
        target: &str,
    ) -> Option<&Rewrite> {
        if self.config.rewrites.is_empty() {
            return None;
        }
        let mut listeners = self.config.listeners.iter();
        let listener = listeners.find(|listener| {
            (listener.address, listener.port) == (address, port) && answers_to(listener, host)
        })?;
        let index = rewrite_of(&listener.route, target)?;
        self.config.rewrites.get(index)
    }

    /// The table that serves a client connection opened at `opened`; `None` when the update that
    /// replaced its table lets it move over by now, as if the client had opened another.
    ///
    /// With [`ClientConnections::Pinned`], an update's new configuration serves new connections
    /// only, as after an nginx reload (azure-facts.md §5.4, F42).
    #[must_use]
    pub fn for_connection(
        self: &Arc<Self>,
        opened: Instant,
        now: Instant,
        knobs: &Knobs,
    ) -> Option<&Arc<Self>> {
        if opened >= self.applied || knobs.client_connections == ClientConnections::Current {
            return Some(self);
        }
        self.older
            .iter()
            .find(|older| opened < older.replaced)
            .filter(|older| opened >= older.table.applied && now < older.takes_until())
            .map(|older| &older.table)
    }

    /// The pool of a target.
    #[must_use]
    pub fn pool(&self, target: &Target) -> &Pool {
        &self.config.pools[target.pool]
    }

    /// The backend settings of a target.
    #[must_use]
    pub fn settings(&self, target: &Target) -> &BackendSettings {
        &self.config.settings[target.settings]
    }

    fn follow(&self, route: &Route, target: &str) -> Routed<'_> {
        match route {
            Route::Pool { pool, settings } => self
                .targets
                .iter()
                .find(|known| (known.pool, known.settings) == (*pool, *settings))
                .map_or(Routed::NotFound, Routed::Pool),
            Route::Paths { rules, default } => self.follow(by_path(rules, default, target), target),
            Route::Rewritten { route, .. } => self.follow(route, target),
            Route::Redirect {
                status,
                target: base,
                include_path,
                include_query,
            } => Routed::Redirect {
                status: *status,
                location: location(base, target, *include_path, *include_query),
            },
        }
    }
}

impl Target {
    /// The member for a request: that of its affinity cookie, else the next in turn.
    ///
    /// `counter` counts the instance's requests; `cookie` is the member a cookie names, see
    /// [`Target::member_of_cookie`]; `exclude` is a member that just failed this request.
    #[must_use]
    pub fn pick(
        &self,
        counter: u64,
        cookie: Option<Ipv4Addr>,
        exclude: Option<Ipv4Addr>,
    ) -> Option<Ipv4Addr> {
        if let Some(member) = cookie.filter(|member| Some(*member) != exclude)
            && (self.eligible.contains(&member) || self.draining.contains(&member))
        {
            return Some(member);
        }
        let turn = counter.checked_rem(self.eligible.len() as u64)?;
        let turn = usize::try_from(turn).ok()?;
        let (before, after) = self.eligible.split_at(turn);
        after
            .iter()
            .chain(before)
            .copied()
            .find(|member| Some(*member) != exclude)
    }

    /// The member an affinity cookie's value names, if it still gets requests.
    #[must_use]
    pub fn member_of_cookie(&self, value: &str, port: u16) -> Option<Ipv4Addr> {
        self.eligible
            .iter()
            .chain(&self.draining)
            .copied()
            .find(|member| affinity_value(*member, port) == value)
    }
}

/// The affinity cookie's value for a server entry: a hash of address and port, 128 bits in hex as
/// Azure's look (azure-facts.md §5.6).
#[must_use]
pub fn affinity_value(member: Ipv4Addr, port: u16) -> String {
    let entry = crate::seed::Seed::new(u64::from(member.to_bits()) << 16 | u64::from(port));
    format!("{:016x}{:016x}", entry.at(0).value(), entry.at(1).value())
}

/// Whether a listener answers to a host: any without host names, else by `*` and `?` patterns,
/// without case and port.
fn answers_to(listener: &Listener, host: &str) -> bool {
    let host = host.split(':').next().unwrap_or(host);
    listener.hosts.is_empty()
        || listener
            .hosts
            .iter()
            .any(|pattern| wildcard(pattern.as_bytes(), host.as_bytes()))
}

fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), None) => wildcard(rest, text),
        (Some((b'*', rest)), Some((_, shorter))) => {
            wildcard(rest, text) || wildcard(pattern, shorter)
        }
        (Some((b'?', rest)), Some((_, shorter))) => wildcard(rest, shorter),
        (Some((wanted, rest)), Some((byte, shorter))) => {
            wanted.eq_ignore_ascii_case(byte) && wildcard(rest, shorter)
        }
        _ => false,
    }
}

/// Whether a path pattern matches: `*` may only end it, and case does not matter.
fn path_matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => path
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix)),
        None => path.eq_ignore_ascii_case(pattern),
    }
}

/// The first route whose pattern the path matches.
fn by_path<'a>(rules: &'a [(String, Route)], default: &'a Route, target: &str) -> &'a Route {
    let path = target.split('?').next().unwrap_or(target);
    let matched = rules
        .iter()
        .find(|(pattern, _)| path_matches(pattern, path));
    matched.map_or(default, |(_, route)| route)
}

fn rewrite_of(route: &Route, target: &str) -> Option<usize> {
    match route {
        Route::Rewritten { rewrite, .. } => Some(*rewrite),
        Route::Paths { rules, default } => rewrite_of(by_path(rules, default, target), target),
        Route::Pool { .. } | Route::Redirect { .. } => None,
    }
}

fn location(base: &str, target: &str, include_path: bool, include_query: bool) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut location = base.to_owned();
    if include_path {
        location = location.trim_end_matches('/').to_owned() + path;
    }
    if include_query && !query.is_empty() {
        location = format!("{location}?{query}");
    }
    location
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIP: Ipv4Addr = Ipv4Addr::new(20, 0, 0, 1);

    fn member(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    fn target(eligible: &[u8], draining: &[u8]) -> Target {
        Target {
            id: 0,
            pool: 0,
            settings: 0,
            eligible: eligible.iter().copied().map(member).collect(),
            draining: draining.iter().copied().map(member).collect(),
        }
    }

    fn table(listeners: Vec<Listener>) -> RoutingTable {
        let gateway = ResourceId::resource_group("s", "fe")
            .resource("Microsoft.Network/applicationGateways", "gw");
        RoutingTable {
            revision: 0,
            gateway,
            instance: 0,
            generation: 1,
            applied: Instant::ZERO,
            config: Arc::new(Gateway {
                listeners,
                ..Gateway::default()
            }),
            targets: vec![target(&[5], &[])],
            older: Vec::new(),
        }
    }

    fn listener(hosts: &[&str], route: Route) -> Listener {
        Listener {
            name: "l".to_owned(),
            address: VIP,
            port: 80,
            certificate: None,
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            route,
        }
    }

    const POOL: Route = Route::Pool {
        pool: 0,
        settings: 0,
    };

    #[test]
    fn members_take_turns() {
        let target = target(&[5, 6, 7], &[]);
        let picks: Vec<_> = (0..6)
            .filter_map(|turn| target.pick(turn, None, None))
            .map(|address| address.octets()[3])
            .collect();
        assert_eq!(picks, [5, 6, 7, 5, 6, 7]);
    }

    #[test]
    fn a_member_that_failed_is_passed_over_and_alone_leaves_none() {
        assert_eq!(
            target(&[5, 6], &[]).pick(0, None, Some(member(5))),
            Some(member(6))
        );
        assert_eq!(target(&[5], &[]).pick(0, None, Some(member(5))), None);
        assert_eq!(target(&[], &[]).pick(0, None, None), None);
    }

    #[test]
    fn a_cookie_reaches_its_member_even_while_it_drains() {
        let target = target(&[5], &[6]);
        assert_eq!(target.pick(0, Some(member(6)), None), Some(member(6)));
        assert_eq!(target.pick(0, Some(member(9)), None), Some(member(5)));
        let value = affinity_value(member(6), 80);
        assert_eq!(target.member_of_cookie(&value, 80), Some(member(6)));
        assert_eq!(target.member_of_cookie(&value, 81), None);
    }

    #[test]
    fn a_kept_connection_stays_with_its_table_for_half_the_drain_time_out() {
        let at = Instant::from_millis;
        let first = Arc::new(table(vec![]));
        let second = Arc::new(RoutingTable {
            generation: 2,
            applied: at(100),
            older: vec![Older {
                table: Arc::clone(&first),
                replaced: at(100),
                until: at(130),
            }],
            ..table(vec![])
        });
        let served_by = |opened, now, knobs: &Knobs| {
            second
                .for_connection(at(opened), at(now), knobs)
                .map(|table| table.generation)
        };
        let pinned = Knobs::pessimistic();
        assert_eq!(served_by(99, 114, &pinned), Some(1));
        assert_eq!(served_by(99, 115, &pinned), None);
        assert_eq!(served_by(100, 115, &pinned), Some(2));
        assert_eq!(served_by(99, 114, &Knobs::nice()), Some(2));
    }

    #[test]
    fn the_path_chooses_the_rewrite_rules_too() {
        let rewritten = Route::Rewritten {
            rewrite: 1,
            route: Box::new(POOL),
        };
        let route = Route::Paths {
            rules: vec![("/api/*".to_owned(), rewritten)],
            default: Box::new(POOL),
        };
        let mut table = table(vec![listener(&[], route)]);
        let rewrites = |table: &RoutingTable, path| table.rewrite("h", VIP, 80, path).cloned();
        assert_eq!(rewrites(&table, "/api/x"), None);
        let chosen = Rewrite {
            rules: vec![crate::desired::RewriteRule::default()],
        };
        table.config = Arc::new(Gateway {
            rewrites: vec![Rewrite::default(), chosen.clone()],
            ..Gateway::clone(&table.config)
        });
        assert_eq!(rewrites(&table, "/api/x"), Some(chosen));
        assert_eq!(rewrites(&table, "/other"), None);
        assert!(matches!(
            table.route("h", VIP, 80, "/api/x"),
            Routed::Pool(_)
        ));
    }

    #[test]
    fn hosts_choose_the_listener() {
        let table = table(vec![listener(&["app.example", "*.shop.example"], POOL)]);
        let cases = [
            ("app.example", true),
            ("APP.example:80", true),
            ("a.b.shop.example", true),
            ("shop.example", false),
            ("other", false),
        ];
        for (host, found) in cases {
            let routed = table.route(host, VIP, 80, "/");
            assert_eq!(matches!(routed, Routed::Pool(_)), found, "{host}");
            assert_eq!(routed == Routed::NotFound, !found, "{host}");
        }
        assert_eq!(
            table.route("app.example", VIP, 81, "/"),
            Routed::NotListening
        );
    }

    #[test]
    fn paths_are_tried_in_order_without_their_query() {
        let redirect = Route::Redirect {
            status: 301,
            target: "https://app.example".to_owned(),
            include_path: true,
            include_query: true,
        };
        let route = Route::Paths {
            rules: vec![("/API/*".to_owned(), POOL)],
            default: Box::new(redirect),
        };
        let table = table(vec![listener(&[], route)]);
        assert!(matches!(
            table.route("h", VIP, 80, "/api/x?y=1"),
            Routed::Pool(_)
        ));
        let Routed::Redirect { status, location } = table.route("h", VIP, 80, "/other?y=1") else {
            panic!("the default is a redirect");
        };
        assert_eq!(
            (status, location.as_str()),
            (301, "https://app.example/other?y=1")
        );
    }
}
