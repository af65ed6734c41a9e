//! Probes: who asks whom, what counts as success, and when a verdict turns.
//!
//! One state machine serves gateways, load balancers and health extensions, whoever sends the
//! probes ([`ProbeMode`](super::ProbeMode)).

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use turquoise_arm::ResourceId;

use crate::desired::{InstanceKey, Probe};
use crate::time::Instant;

/// A stream of probes from one prober to one target; ids are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub(crate) u64);

/// Who probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prober {
    /// A gateway instance, for one pool under one settings.
    Gateway {
        /// The gateway.
        gateway: ResourceId,
        /// Which of its instances.
        instance: u16,
        /// The pool.
        pool: ResourceId,
        /// The settings.
        settings: ResourceId,
    },
    /// A load balancer, for one rule.
    Rule {
        /// The load balancer.
        load_balancer: ResourceId,
        /// The rule.
        rule: String,
    },
    /// The health extension inside an instance.
    Extension {
        /// The instance.
        key: InstanceKey,
    },
}

/// A probe the drive is to send now, and to report once with
/// [`DataPlane::handle_probe_outcome`](super::DataPlane::handle_probe_outcome).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueProbe {
    /// Its stream.
    pub id: ProbeId,
    /// Who probes.
    pub prober: Prober,
    /// Whom: a pool member for gateways, else an instance.
    pub target: (Ipv4Addr, u16),
    /// What to ask, and how long to wait.
    pub probe: Probe,
}

/// How one probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// A TCP probe's handshake completed.
    Connected,
    /// An HTTP answer came.
    Answered {
        /// Its status.
        status: u16,
        /// Whether the body holds the text the probe demands; true when it demands none.
        body_matches: bool,
    },
    /// The connection was refused or reset.
    Refused,
    /// No connection, or no answer, within the time-out.
    TimedOut,
}

impl ProbeOutcome {
    /// Whether the prober is satisfied.
    #[must_use]
    pub fn satisfies(self, probe: &Probe) -> bool {
        match (self, &probe.http) {
            (Self::Connected, None) => true,
            (
                Self::Answered {
                    status,
                    body_matches,
                },
                Some(http),
            ) => {
                body_matches
                    && http
                        .statuses
                        .iter()
                        .any(|(low, high)| (*low..=*high).contains(&status))
            }
            _ => false,
        }
    }
}

impl fmt::Display for ProbeOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => write!(f, "Success. Connected to the backend"),
            Self::Answered {
                status,
                body_matches: true,
            } => write!(f, "Received status code {status}"),
            Self::Answered { status, .. } => write!(
                f,
                "Received status code {status}; the body did not match the probe's"
            ),
            Self::Refused => write!(f, "The connection to the backend was refused"),
            Self::TimedOut => write!(
                f,
                "Time taken by the backend to respond to the probe exceeded the timeout threshold"
            ),
        }
    }
}

/// What a stream of probes has led its prober to think.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HealthState {
    /// Up, down, or not known yet.
    pub(crate) verdict: Option<bool>,
    /// How the last probe ended.
    pub(crate) last: Option<ProbeOutcome>,
    streak: u32,
    streak_good: bool,
}

impl HealthState {
    /// Whether the last probe was a success.
    pub(crate) const fn last_was_good(&self) -> bool {
        self.streak_good
    }

    /// Takes in one outcome; `Some` when the verdict turned.
    ///
    /// A first success after the start needs the healthy threshold too; it is 1 for gateways
    /// (azure-facts.md §5.3) and the probe threshold for load balancers (§5.7).
    pub(crate) fn observe(&mut self, outcome: ProbeOutcome, probe: &Probe) -> Option<bool> {
        let good = outcome.satisfies(probe);
        self.last = Some(outcome);
        self.streak = if self.streak_good == good {
            self.streak.saturating_add(1)
        } else {
            1
        };
        self.streak_good = good;
        let needed = if good {
            probe.healthy_threshold
        } else {
            probe.unhealthy_threshold
        };
        let turned = self.streak >= needed.max(1) && self.verdict != Some(good);
        turned.then(|| {
            self.verdict = Some(good);
            good
        })
    }
}

/// One stream: a prober, its target and what it thinks.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) prober: Prober,
    pub(crate) target: (Ipv4Addr, u16),
    pub(crate) probe: Probe,
    pub(crate) health: HealthState,
    /// Probes sent so far; a draw for the next one's source port.
    pub(crate) sent: u64,
    /// The machine and incarnation a kept connection leads to.
    pub(crate) pinned: Option<(usize, u32)>,
}

/// Every stream there is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    by_id: BTreeMap<ProbeId, Stream>,
    opened: u64,
}

impl Streams {
    /// Opens a stream that knows nothing yet.
    pub(crate) fn open(
        &mut self,
        prober: Prober,
        target: (Ipv4Addr, u16),
        probe: Probe,
    ) -> ProbeId {
        let id = ProbeId(self.opened);
        self.opened += 1;
        let stream = Stream {
            prober,
            target,
            probe,
            health: HealthState::default(),
            sent: 0,
            pinned: None,
        };
        self.by_id.insert(id, stream);
        id
    }

    pub(crate) fn close(&mut self, id: ProbeId) {
        self.by_id.remove(&id);
    }

    pub(crate) fn get(&self, id: ProbeId) -> Option<&Stream> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: ProbeId) -> Option<&mut Stream> {
        self.by_id.get_mut(&id)
    }

    /// What a stream thinks; unknown when it is closed.
    pub(crate) fn health(&self, id: ProbeId) -> HealthState {
        self.get(id).map(|stream| stream.health).unwrap_or_default()
    }
}

impl Stream {
    /// When the next probe starts, the last having started and ended so: gateways and extensions
    /// pause after the end (azure-facts.md §5.3), load balancers count from the start (§5.7).
    pub(crate) fn next_start(&self, started: Instant, ended: Instant) -> Instant {
        match self.prober {
            Prober::Rule { .. } => (started + self.interval()).max(ended),
            Prober::Gateway { .. } | Prober::Extension { .. } => ended + self.interval(),
        }
    }

    /// The pause; never so short that probes alone fill the clock.
    pub(crate) fn interval(&self) -> Duration {
        self.probe.interval.max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::ProbeRequest;

    fn probe(unhealthy_threshold: u32, healthy_threshold: u32) -> Probe {
        Probe {
            http: Some(ProbeRequest {
                host: "h".to_owned(),
                path: "/health".to_owned(),
                statuses: vec![(200, 399)],
                body: None,
            }),
            port: 80,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(5),
            unhealthy_threshold,
            healthy_threshold,
        }
    }

    const GOOD: ProbeOutcome = ProbeOutcome::Answered {
        status: 200,
        body_matches: true,
    };

    fn verdicts(probe: &Probe, outcomes: &[ProbeOutcome]) -> Vec<Option<bool>> {
        let mut health = HealthState::default();
        outcomes
            .iter()
            .map(|outcome| {
                health.observe(*outcome, probe);
                health.verdict
            })
            .collect()
    }

    #[test]
    fn a_gateway_member_falls_on_the_third_failure_and_one_success_restores_it() {
        let bad = ProbeOutcome::Refused;
        let outcomes = [GOOD, bad, bad, bad, GOOD];
        let (up, down) = (Some(true), Some(false));
        assert_eq!(
            verdicts(&probe(3, 1), &outcomes),
            [up, up, up, down, up],
            "two failures change nothing, the third does"
        );
        let interrupted = [GOOD, bad, bad, GOOD, bad, bad];
        assert_eq!(verdicts(&probe(3, 1), &interrupted), [up; 6]);
    }

    #[test]
    fn thresholds_hold_on_the_way_up_too() {
        let bad = ProbeOutcome::TimedOut;
        let outcomes = [GOOD, GOOD, bad, GOOD, bad, bad];
        let (up, down) = (Some(true), Some(false));
        assert_eq!(
            verdicts(&probe(2, 2), &outcomes),
            [None, up, up, up, up, down]
        );
    }

    #[test]
    fn success_is_what_the_probe_says() {
        let http = probe(1, 1);
        let tcp = Probe {
            http: None,
            ..http.clone()
        };
        let answered = |status, body_matches| ProbeOutcome::Answered {
            status,
            body_matches,
        };
        let cases = [
            (answered(399, true), &http, true),
            (answered(400, true), &http, false),
            (answered(200, false), &http, false),
            (ProbeOutcome::TimedOut, &http, false),
            (ProbeOutcome::Connected, &http, false),
            (ProbeOutcome::Connected, &tcp, true),
            (ProbeOutcome::Refused, &tcp, false),
        ];
        for (outcome, probe, good) in cases {
            assert_eq!(outcome.satisfies(probe), good, "{outcome:?}");
        }
    }
}
