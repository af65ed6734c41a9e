//! Faults as data: what goes wrong, where and from when.
//!
//! A schedule is a list of concrete, serialisable [`Fault`]s made by a generator or written by
//! hand; nothing in the emulator throws dice about whether to fail. Each kind acts at one named
//! point; the planes ask [`Faults`] at their points and report what hit as
//! [`Event::FaultHit`](crate::Event::FaultHit).

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Armed from this cloud time on, in milliseconds.
    pub at_ms: u64,
    /// What goes wrong.
    pub kind: FaultKind,
}

/// What can go wrong, by the point at which it acts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    /// `arm.request`: the next `count` matching requests are refused before they act.
    Refuse {
        /// Which requests.
        on: Matches,
        /// The HTTP status, such as 429, 409 or 500.
        status: u16,
        /// The ARM error code.
        code: String,
        /// A `Retry-After` in seconds; absent when the header is to be missing.
        retry_after: Option<u32>,
        /// How many requests.
        count: u32,
    },
    /// `arm.request`: a bucket of calls is empty, and refused calls count: matching requests are
    /// answered 429 until nobody has sent one for a while (azure-facts.md §1.8).
    EmptyBucket {
        /// Which requests.
        on: Matches,
        /// How long nobody may have asked, in milliseconds; also the `Retry-After`.
        quiet_ms: u64,
    },
    /// `arm.request`: the connection ends before the request acts.
    ResetBefore {
        /// Which requests.
        on: Matches,
        /// How many.
        count: u32,
    },
    /// `arm.reply`: the request acts and its answer is lost.
    ReplyLost {
        /// Which requests.
        on: Matches,
        /// How many.
        count: u32,
    },
    /// `operation`: the next matching operations take longer.
    SlowOperation {
        /// Which writes.
        on: Matches,
        /// Added to the operation, in milliseconds.
        extra_ms: u64,
        /// How many.
        count: u32,
    },
    /// `operation`: the next matching operations end `Failed` after their time.
    FailOperation {
        /// Which writes.
        on: Matches,
        /// The error code in the operation document.
        code: String,
        /// How many.
        count: u32,
    },
    /// `gateway.apply`: one gateway instance applies the next rollouts late, also after the
    /// operation has succeeded (F33, F34).
    LateActivation {
        /// The gateway instance.
        instance: u16,
        /// Added to its activation, in milliseconds.
        extra_ms: u64,
        /// How many rollouts.
        count: u32,
    },
    /// `instance`: part of a scale set's instances misbehave for a while.
    Sick {
        /// The scale set's name.
        scale_set: String,
        /// Share of its instances, in percent, rounded up.
        percent: u8,
        /// How they misbehave.
        how: Sickness,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// `instance`: instances of a scale set vanish.
    Kill {
        /// The scale set's name.
        scale_set: String,
        /// How many, highest number first.
        count: u32,
    },
    /// `instance.boot`: instances of a scale set created while armed start slowly.
    SlowStart {
        /// The scale set's name.
        scale_set: String,
        /// Added to application start-up, in milliseconds.
        extra_ms: u64,
        /// How long the fault is armed, in milliseconds.
        for_ms: u64,
    },
    /// `instance.boot`: instances of a scale set that start while armed answer 503 for longer before
    /// they are ready (F19).
    SlowWarmUp {
        /// The scale set's name.
        scale_set: String,
        /// Added to the warm-up, in milliseconds.
        extra_ms: u64,
        /// How long the fault is armed, in milliseconds.
        for_ms: u64,
    },
    /// `network`: nothing that gateway instances send reaches a member (zone, NSG, stale ARP; F14).
    /// What is under way finishes; simulated traffic only.
    Isolated {
        /// One gateway instance; all of them when absent.
        instance: Option<u16>,
        /// The member.
        address: Ipv4Addr,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// `dependency`: every other machine fails its requests, on both sides, while more machines run
    /// than one shared dependency bears connections of (F28).
    SharedDependency {
        /// Machines it bears.
        machines: u32,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// `arm.health`: backend health does not mention a member that is configured (F13; seen for
    /// 10–45 min during a platform upgrade).
    HealthOmits {
        /// The member.
        address: Ipv4Addr,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// `fleet`: the next scale-outs of a scale set get part of the machines they asked for, and
    /// succeed (F29).
    PartialGrant {
        /// The scale set's name.
        scale_set: String,
        /// Share of the machines granted, in percent, rounded down.
        percent: u8,
        /// How many scale-outs.
        count: u32,
    },
    /// `arm.request`: matching requests are refused for a while: a lock, a policy, a role taken away
    /// (F72).
    Deny {
        /// Which requests.
        on: Matches,
        /// The HTTP status, such as 403 or 409.
        status: u16,
        /// The ARM error code, such as `AuthorizationFailed` or `ScopeLocked`.
        code: String,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// `arm.request`: matching requests are answered 429 for a while (F70).
    ThrottleStorm {
        /// Which requests.
        on: Matches,
        /// How the answers ask for patience.
        retry_after: RetryAfter,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// `arm.request`: Azure Resource Manager cannot be reached (F73).
    Outage {
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// `arm.request`: tokens issued until now are not taken any more (F71). Only a token that says
    /// when it was issued is known to be older.
    RevokeTokens,
    /// `arm.read`: reads of matching resources are answered by a front end that lags behind (F67).
    StaleRead {
        /// Which resources.
        on: Matches,
        /// How far it lags behind, in milliseconds.
        lag_ms: u64,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// `arm.reply`: writes are answered 200 with `Updating` and name no operation (F65).
    BareAnswer {
        /// Which writes.
        on: Matches,
        /// How many.
        count: u32,
    },
    /// `operation` and `gateway.apply`: a gateway write fails after its time, and the first
    /// instances have applied it all the same (F66).
    FailApplied {
        /// The error code in the operation document.
        code: String,
        /// How many instances apply it.
        instances: u16,
        /// How many writes.
        count: u32,
    },
    /// `gateway.apply`: the platform upgrades the gateway; what is written meanwhile takes effect
    /// after it, one instance after the other (F31, F75).
    PlatformUpgrade {
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// The storm is over: what is counted and not used up acts no more.
    Heal,
    /// Another fault that waits for a gateway write instead of an instant.
    AfterGatewayWrite {
        /// The number of the accepted gateway write that arms it, from 1 since the schedule began.
        write: u32,
        /// From that write until the fault is armed, in milliseconds.
        delay_ms: u64,
        /// The fault.
        fault: Box<Self>,
    },
}

/// How a refusal asks for patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum RetryAfter {
    /// `Retry-After` in seconds.
    Seconds {
        /// How many.
        seconds: u32,
    },
    /// `Retry-After` as a date.
    Date {
        /// How many seconds ahead it is.
        seconds: u32,
    },
    /// No `Retry-After`.
    Missing,
}

/// How a sick instance behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sickness {
    /// Answers 500 to application requests and to HTTP probes.
    Errors,
    /// Answers 500 to application requests while HTTP probes still see 200 (F08).
    ErrorsBehindHealthyProbe,
    /// Accepts connections and never answers.
    Hangs,
    /// Refuses connections.
    Refuses,
    /// Serves, ten times slower.
    Slow,
    /// Serves, and answers 500 to probes of gateways alone: what they ask, with their `Host`, is
    /// something else than what balancers and extensions ask (F06).
    FailsGatewayProbe,
}

/// Which ARM requests a fault acts on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matches {
    /// The HTTP method; every method when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// Text the path must contain, without case, such as `applicationGateways`; every path when
    /// empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
}

impl Matches {
    /// Whether a request is meant.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> bool {
        (self.method.is_empty() || self.method.eq_ignore_ascii_case(method))
            && (self.path.is_empty()
                || path
                    .to_ascii_lowercase()
                    .contains(&self.path.to_ascii_lowercase()))
    }
}

impl FaultKind {
    /// The fault's name in events and coverage tables.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Refuse { .. } => "refuse",
            Self::EmptyBucket { .. } => "empty_bucket",
            Self::ResetBefore { .. } => "reset_before",
            Self::ReplyLost { .. } => "reply_lost",
            Self::SlowOperation { .. } => "slow_operation",
            Self::FailOperation { .. } => "fail_operation",
            Self::LateActivation { .. } => "late_activation",
            Self::Sick { .. } => "sick",
            Self::Kill { .. } => "kill",
            Self::SlowStart { .. } => "slow_start",
            Self::SlowWarmUp { .. } => "slow_warm_up",
            Self::Isolated { .. } => "isolated",
            Self::SharedDependency { .. } => "shared_dependency",
            Self::HealthOmits { .. } => "health_omits",
            Self::PartialGrant { .. } => "partial_grant",
            Self::Deny { .. } => "deny",
            Self::ThrottleStorm { .. } => "throttle_storm",
            Self::Outage { .. } => "outage",
            Self::RevokeTokens => "revoke_tokens",
            Self::StaleRead { .. } => "stale_read",
            Self::BareAnswer { .. } => "bare_answer",
            Self::FailApplied { .. } => "fail_applied",
            Self::PlatformUpgrade { .. } => "platform_upgrade",
            Self::Heal => "heal",
            Self::AfterGatewayWrite { .. } => "after_gateway_write",
        }
    }

    /// Whether the data plane times it by itself.
    const fn is_of_the_data_plane(&self) -> bool {
        matches!(
            self,
            Self::Sick { .. }
                | Self::Kill { .. }
                | Self::SlowStart { .. }
                | Self::SlowWarmUp { .. }
                | Self::Isolated { .. }
                | Self::SharedDependency { .. }
        )
    }

    /// How often it acts; kinds that last for a while act once.
    const fn count(&self) -> u32 {
        match self {
            Self::Refuse { count, .. }
            | Self::ResetBefore { count, .. }
            | Self::ReplyLost { count, .. }
            | Self::SlowOperation { count, .. }
            | Self::FailOperation { count, .. }
            | Self::LateActivation { count, .. }
            | Self::PartialGrant { count, .. }
            | Self::BareAnswer { count, .. }
            | Self::FailApplied { count, .. } => *count,
            _ => 1,
        }
    }
}

/// What a request-shaped fault does to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interference {
    /// Answer this instead of acting.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The ARM error code.
        code: String,
        /// Seconds for `Retry-After`.
        retry_after: Option<u32>,
    },
    /// Answer 429 with a date this many seconds ahead in `Retry-After`.
    RetryAtDate(u32),
    /// Act, and answer 200 without naming an operation.
    BareAnswer,
    /// End the connection before acting.
    ResetBefore,
    /// Act, then lose the answer.
    ReplyLost,
}

/// What an operation-shaped fault does to one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationFault {
    /// Added to its time, in milliseconds.
    pub extra_ms: u64,
    /// The code it fails with, if it fails.
    pub fail: Option<String>,
}

/// A fault that waits for a gateway write.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// Its place in the schedule.
    index: usize,
    write: u32,
    delay_ms: u64,
    kind: FaultKind,
}

impl Waiting {
    /// The same at another place in the schedule, counting writes after that many.
    pub(crate) fn placed(self, index: usize, after: u32) -> Self {
        Self {
            index,
            write: self.write + after,
            ..self
        }
    }

    /// Whether it has that place in the schedule.
    pub(crate) const fn is(&self, index: usize) -> bool {
        self.index == index
    }

    /// The fault as that write, accepted at `now_ms`, arms it; `None` while it waits for another.
    pub(crate) fn armed_by(&self, write: u32, now_ms: u64) -> Option<(usize, Fault)> {
        let fault = || Fault {
            at_ms: now_ms + self.delay_ms,
            kind: self.kind.clone(),
        };
        (self.write == write).then(|| (self.index, fault()))
    }
}

/// A schedule with how much of each fault is spent.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    schedule: Vec<Armed>,
    hits: Vec<(usize, &'static str)>,
    /// How many instances apply the write that is being accepted, where not all do.
    partly: Option<u16>,
    /// From when on what is counted acts no more.
    heal_ms: Option<u64>,
}

/// Between two instances that a platform upgrade replaces one after the other.
const UPGRADE_STEP_MS: u64 = 30_000;
/// Later than anything else that happens.
const NEVER_MS: u64 = 1 << 40;

#[derive(Clone, Debug)]
struct Armed {
    /// Its place in the schedule.
    index: usize,
    fault: Fault,
    left: u32,
    /// When somebody last asked in vain.
    last_ms: Option<u64>,
}

impl Faults {
    /// A schedule with nothing spent.
    #[must_use]
    pub fn new(schedule: &[Fault]) -> Self {
        let mut faults = Self::default();
        for (index, fault) in schedule.iter().enumerate() {
            faults.arm(index, fault.clone());
        }
        faults
    }

    /// Adds the fault with that place in the schedule.
    pub(crate) fn arm(&mut self, index: usize, fault: Fault) {
        if fault.kind == FaultKind::Heal {
            self.heal_ms = Some(self.heal_ms.map_or(fault.at_ms, |at| at.min(fault.at_ms)));
        }
        self.schedule.push(Armed {
            index,
            left: fault.kind.count(),
            fault,
            last_ms: None,
        });
    }

    /// Takes the fault with that place in the schedule back.
    pub(crate) fn disarm(&mut self, index: usize) {
        self.schedule.retain(|armed| armed.index != index);
    }

    /// The data-plane faults of the schedule, for the data plane to time by itself.
    #[must_use]
    pub fn data_plane(schedule: &[Fault]) -> Vec<(usize, Fault)> {
        schedule
            .iter()
            .enumerate()
            .filter(|(_, fault)| fault.kind.is_of_the_data_plane())
            .map(|(index, fault)| (index, fault.clone()))
            .collect()
    }

    /// The faults of the schedule that wait for a gateway write.
    pub(crate) fn waiting(schedule: &[Fault]) -> Vec<Waiting> {
        let waiting = |(index, fault): (usize, &Fault)| match &fault.kind {
            FaultKind::AfterGatewayWrite {
                write,
                delay_ms,
                fault,
            } => Some(Waiting {
                index,
                write: *write,
                delay_ms: *delay_ms,
                kind: (**fault).clone(),
            }),
            _ => None,
        };
        schedule.iter().enumerate().filter_map(waiting).collect()
    }

    /// `arm.request` and `arm.reply`: what happens to this request, if anything.
    pub fn on_request(&mut self, now_ms: u64, method: &str, path: &str) -> Option<Interference> {
        let lasting = self.on_request_for_a_while(now_ms, method, path);
        if let Some(lasting) = lasting.or_else(|| self.on_empty_bucket(now_ms, method, path)) {
            return Some(lasting);
        }
        self.spend(now_ms, |kind| match kind {
            FaultKind::Refuse {
                on,
                status,
                code,
                retry_after,
                ..
            } if on.request(method, path) => Some(Interference::Refuse {
                status: *status,
                code: code.clone(),
                retry_after: *retry_after,
            }),
            FaultKind::ResetBefore { on, .. } if on.request(method, path) => {
                Some(Interference::ResetBefore)
            }
            FaultKind::ReplyLost { on, .. } if on.request(method, path) => {
                Some(Interference::ReplyLost)
            }
            FaultKind::BareAnswer { on, .. } if on.request(method, path) => {
                Some(Interference::BareAnswer)
            }
            _ => None,
        })
    }

    fn on_request_for_a_while(
        &mut self,
        now_ms: u64,
        method: &str,
        path: &str,
    ) -> Option<Interference> {
        self.during(now_ms, |kind| match kind {
            FaultKind::Outage { for_ms } => Some((*for_ms, Interference::ResetBefore)),
            FaultKind::Deny {
                on,
                status,
                code,
                for_ms,
            } if on.request(method, path) => {
                let refuse = Interference::Refuse {
                    status: *status,
                    code: code.clone(),
                    retry_after: None,
                };
                Some((*for_ms, refuse))
            }
            FaultKind::ThrottleStorm {
                on,
                retry_after,
                for_ms,
            } if on.request(method, path) => Some((*for_ms, throttled(*retry_after))),
            _ => None,
        })
    }

    /// `arm.request`: when the last tokens were issued that are not taken any more.
    pub(crate) fn revoked_until(&self, now_ms: u64) -> Option<u64> {
        let revoked = self.schedule.iter().filter(|armed| {
            armed.fault.at_ms <= now_ms && armed.fault.kind == FaultKind::RevokeTokens
        });
        let last = revoked.max_by_key(|armed| armed.fault.at_ms)?;
        Some(last.fault.at_ms)
    }

    /// Says that tokens older than that were refused.
    pub(crate) fn revocation_hit(&mut self, until_ms: u64) {
        let _hit = self.during(until_ms, |kind| {
            (*kind == FaultKind::RevokeTokens).then_some((u64::MAX / 2, ()))
        });
    }

    /// Whether any reads are to lag behind at some time.
    pub(crate) fn has_stale_reads(&self) -> bool {
        let stale = |armed: &Armed| matches!(armed.fault.kind, FaultKind::StaleRead { .. });
        self.schedule.iter().any(stale)
    }

    /// Whether reads of this are to lag behind at some time.
    pub(crate) fn reads_may_lag(&self, path: &str) -> bool {
        self.schedule.iter().any(|armed| {
            matches!(&armed.fault.kind, FaultKind::StaleRead { on, .. } if on.request("GET", path))
        })
    }

    /// `arm.read`: how far the read of a resource lags behind, in milliseconds.
    pub(crate) fn on_read(&mut self, now_ms: u64, path: &str) -> Option<u64> {
        self.during(now_ms, |kind| match kind {
            FaultKind::StaleRead { on, lag_ms, for_ms } if on.request("GET", path) => {
                Some((*for_ms, *lag_ms))
            }
            _ => None,
        })
    }

    /// `operation`: what happens to the operation a write begins.
    pub fn on_operation(&mut self, now_ms: u64, method: &str, path: &str) -> OperationFault {
        let gateway_write = Matches {
            method: "PUT".to_owned(),
            path: "applicationGateways".to_owned(),
        };
        let partly = self.spend(now_ms, |kind| match kind {
            FaultKind::FailApplied {
                code, instances, ..
            } if gateway_write.request(method, path) => Some((code.clone(), *instances)),
            _ => None,
        });
        self.partly = partly.as_ref().map(|(_, instances)| *instances);
        if let Some((code, _)) = partly {
            return OperationFault {
                extra_ms: 0,
                fail: Some(code),
            };
        }
        let extra_ms = self
            .spend(now_ms, |kind| match kind {
                FaultKind::SlowOperation { on, extra_ms, .. } if on.request(method, path) => {
                    Some(*extra_ms)
                }
                _ => None,
            })
            .unwrap_or_default();
        let fail = self.spend(now_ms, |kind| match kind {
            FaultKind::FailOperation { on, code, .. } if on.request(method, path) => {
                Some(code.clone())
            }
            _ => None,
        });
        OperationFault { extra_ms, fail }
    }

    /// `gateway.apply`: the milliseconds added to one instance's activation.
    pub fn on_activation(&mut self, now_ms: u64, gateway_instance: u16) -> u64 {
        if self
            .partly
            .is_some_and(|applied| gateway_instance >= applied)
        {
            return NEVER_MS;
        }
        let upgrade = self.upgrade_left(now_ms);
        if let Some(left) = upgrade {
            return left + u64::from(gateway_instance) * UPGRADE_STEP_MS;
        }
        self.spend(now_ms, |kind| match kind {
            FaultKind::LateActivation {
                instance, extra_ms, ..
            } if *instance == gateway_instance => Some(*extra_ms),
            _ => None,
        })
        .unwrap_or_default()
    }

    /// How much longer a platform upgrade takes, in milliseconds.
    fn upgrade_left(&mut self, now_ms: u64) -> Option<u64> {
        let ends = self
            .schedule
            .iter()
            .filter_map(|armed| match armed.fault.kind {
                FaultKind::PlatformUpgrade { for_ms } if armed.fault.at_ms <= now_ms => {
                    Some(armed.fault.at_ms + for_ms)
                }
                _ => None,
            });
        let left = ends.max()?.checked_sub(now_ms).filter(|left| *left > 0)?;
        let _hit = self.during(now_ms, |kind| match kind {
            FaultKind::PlatformUpgrade { for_ms } => Some((*for_ms, ())),
            _ => None,
        });
        Some(left)
    }

    /// `arm.health`: the member that backend health leaves out now.
    pub fn on_health(&mut self, now_ms: u64) -> Option<Ipv4Addr> {
        let omitted = self.schedule.iter_mut().find_map(|armed| {
            let began = armed.fault.at_ms;
            match armed.fault.kind {
                FaultKind::HealthOmits { address, for_ms }
                    if (began..began + for_ms).contains(&now_ms) =>
                {
                    Some((armed, address))
                }
                _ => None,
            }
        });
        let (armed, address) = omitted?;
        if std::mem::take(&mut armed.left) > 0 {
            self.hits.push((armed.index, armed.fault.kind.name()));
        }
        Some(address)
    }

    /// `fleet`: how many of the machines that a scale-out asks for it gets.
    pub fn on_scale_out(&mut self, now_ms: u64, name: &str, asked: u32) -> u32 {
        let granted = self.spend(now_ms, |kind| match kind {
            FaultKind::PartialGrant {
                scale_set, percent, ..
            } if scale_set.eq_ignore_ascii_case(name) => {
                Some(asked * u32::from((*percent).min(100)) / 100)
            }
            _ => None,
        });
        granted.unwrap_or(asked)
    }

    /// Which faults hit since the last call: index in the schedule and name.
    pub fn drain_hits(&mut self) -> Vec<(usize, &'static str)> {
        std::mem::take(&mut self.hits)
    }

    /// What a fault does that lasts for a while, which `acts` gives first; it hits once.
    fn during<T>(
        &mut self,
        now_ms: u64,
        mut acts: impl FnMut(&FaultKind) -> Option<(u64, T)>,
    ) -> Option<T> {
        for armed in &mut self.schedule {
            let Some(since) = now_ms.checked_sub(armed.fault.at_ms) else {
                continue;
            };
            let Some((for_ms, effect)) = acts(&armed.fault.kind) else {
                continue;
            };
            if since < for_ms {
                if std::mem::take(&mut armed.left) > 0 {
                    self.hits.push((armed.index, armed.fault.kind.name()));
                }
                return Some(effect);
            }
        }
        None
    }

    /// Refuses whoever asks too early; who has waited finds a full bucket again.
    fn on_empty_bucket(&mut self, now_ms: u64, method: &str, path: &str) -> Option<Interference> {
        for armed in &mut self.schedule {
            let FaultKind::EmptyBucket { on, quiet_ms } = &armed.fault.kind else {
                continue;
            };
            if armed.left == 0 || armed.fault.at_ms > now_ms || !on.request(method, path) {
                continue;
            }
            let last = armed.last_ms.replace(now_ms);
            if last.is_some_and(|last| now_ms.saturating_sub(last) >= *quiet_ms) {
                armed.left = 0;
                continue;
            }
            self.hits.push((armed.index, armed.fault.kind.name()));
            let seconds = quiet_ms.div_ceil(1_000);
            return Some(Interference::Refuse {
                status: 429,
                code: "SubscriptionRequestsThrottled".to_owned(),
                retry_after: u32::try_from(seconds).ok(),
            });
        }
        None
    }

    fn spend<T>(
        &mut self,
        now_ms: u64,
        mut acts: impl FnMut(&FaultKind) -> Option<T>,
    ) -> Option<T> {
        if self.heal_ms.is_some_and(|healed| healed <= now_ms) {
            return None;
        }
        for armed in &mut self.schedule {
            if armed.left == 0 || armed.fault.at_ms > now_ms {
                continue;
            }
            if let Some(effect) = acts(&armed.fault.kind) {
                armed.left -= 1;
                self.hits.push((armed.index, armed.fault.kind.name()));
                return Some(effect);
            }
        }
        None
    }
}

fn throttled(retry_after: RetryAfter) -> Interference {
    let retry_after = match retry_after {
        RetryAfter::Date { seconds } => return Interference::RetryAtDate(seconds),
        RetryAfter::Seconds { seconds } => Some(seconds),
        RetryAfter::Missing => None,
    };
    Interference::Refuse {
        status: 429,
        code: "SubscriptionRequestsThrottled".to_owned(),
        retry_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at_ms: u64, kind: FaultKind) -> Fault {
        Fault { at_ms, kind }
    }

    #[test]
    fn what_lasts_for_a_while_hits_once_and_ends_to_the_millisecond() {
        let on = Matches {
            method: "PUT".to_owned(),
            path: String::new(),
        };
        let deny = FaultKind::Deny {
            on: on.clone(),
            status: 403,
            code: "AuthorizationFailed".to_owned(),
            for_ms: 500,
        };
        let storm = FaultKind::ThrottleStorm {
            on,
            retry_after: RetryAfter::Date { seconds: 7 },
            for_ms: 500,
        };
        for kind in [deny, storm, FaultKind::Outage { for_ms: 500 }] {
            let mut faults = Faults::new(&[at(1_000, kind)]);
            for (now_ms, hits) in [(999, false), (1_000, true), (1_499, true), (1_500, false)] {
                let meddling = faults.on_request(now_ms, "PUT", "/x");
                assert_eq!(meddling.is_some(), hits, "at {now_ms}");
            }
            assert_eq!(faults.drain_hits().len(), 1);
        }
    }

    #[test]
    fn a_failed_write_is_applied_by_as_many_instances_as_it_says() {
        let kind = FaultKind::FailApplied {
            code: "InternalServerError".to_owned(),
            instances: 2,
            count: 1,
        };
        let mut faults = Faults::new(&[at(0, kind)]);
        let path = "/x/applicationGateways/front";
        assert!(faults.on_operation(1, "PUT", path).fail.is_some());
        let late = |faults: &mut Faults| (0..3).map(|i| faults.on_activation(1, i)).collect();
        let first: Vec<u64> = late(&mut faults);
        assert_eq!(first, [0, 0, NEVER_MS]);
        assert!(faults.on_operation(2, "PUT", path).fail.is_none());
        let second: Vec<u64> = late(&mut faults);
        assert_eq!(second, [0, 0, 0]);
    }

    #[test]
    fn what_is_not_used_up_when_the_storm_is_over_never_acts() {
        let mut faults = Faults::new(&[throttle(2), at(2_000, FaultKind::Heal)]);
        let path = "/applicationGateways/gw";
        assert!(faults.on_request(1_999, "PUT", path).is_some());
        assert_eq!(faults.on_request(2_000, "PUT", path), None);
    }

    #[test]
    fn an_upgrade_holds_every_instance_back_until_it_is_over() {
        let mut faults = Faults::new(&[at(100, FaultKind::PlatformUpgrade { for_ms: 1_000 })]);
        for (now_ms, instance, added) in [
            (99, 0, 0),
            (100, 0, 1_000),
            (600, 1, 500 + UPGRADE_STEP_MS),
            (1_100, 1, 0),
        ] {
            assert_eq!(faults.on_activation(now_ms, instance), added, "at {now_ms}");
        }
    }

    fn throttle(count: u32) -> Fault {
        Fault {
            at_ms: 1_000,
            kind: FaultKind::Refuse {
                on: Matches {
                    method: "PUT".to_owned(),
                    path: "applicationGateways".to_owned(),
                },
                status: 429,
                code: "RetryableError".to_owned(),
                retry_after: None,
                count,
            },
        }
    }

    #[test]
    fn an_empty_bucket_fills_only_while_nobody_asks() {
        let mut faults = Faults::new(&[Fault {
            at_ms: 0,
            kind: FaultKind::EmptyBucket {
                on: Matches::default(),
                quiet_ms: 20_000,
            },
        }]);
        for (at_ms, refused) in [
            (0, true),
            (1_000, true),
            (20_999, true),
            (40_999, false),
            (41_000, false),
        ] {
            let answer = faults.on_request(at_ms, "PUT", "/x");
            assert_eq!(answer.is_some(), refused, "at {at_ms} ms");
        }
    }

    #[test]
    fn a_fault_hits_its_requests_once_armed_and_then_is_spent() {
        let mut faults = Faults::new(&[throttle(1)]);
        let path = "/subscriptions/s/.../applicationgateways/gw";
        assert_eq!(faults.on_request(999, "PUT", path), None);
        assert_eq!(faults.on_request(1_000, "GET", path), None);
        assert!(faults.on_request(1_000, "put", path).is_some());
        assert_eq!(faults.on_request(1_001, "PUT", path), None);
        assert_eq!(faults.drain_hits(), vec![(0, "refuse")]);
    }

    #[test]
    fn health_leaves_a_member_out_for_its_time_only() {
        let address = Ipv4Addr::new(10, 0, 0, 6);
        let kind = FaultKind::HealthOmits {
            address,
            for_ms: 500,
        };
        let mut faults = Faults::new(&[Fault { at_ms: 1_000, kind }]);
        let seen = [999, 1_000, 1_499, 1_500].map(|now| faults.on_health(now));
        assert_eq!(seen, [None, Some(address), Some(address), None]);
        assert_eq!(faults.drain_hits(), vec![(0, "health_omits")]);
    }

    #[test]
    fn a_partial_grant_is_for_its_scale_set_and_its_count() {
        let kind = FaultKind::PartialGrant {
            scale_set: "blue-vmss".to_owned(),
            percent: 60,
            count: 1,
        };
        let mut faults = Faults::new(&[Fault { at_ms: 0, kind }]);
        assert_eq!(faults.on_scale_out(1, "green-vmss", 5), 5);
        assert_eq!(faults.on_scale_out(1, "BLUE-vmss", 5), 3);
        assert_eq!(faults.on_scale_out(1, "blue-vmss", 5), 5);
    }

    #[test]
    fn a_fault_after_a_write_waits_for_that_write() {
        let fault = Fault {
            at_ms: 0,
            kind: FaultKind::AfterGatewayWrite {
                write: 2,
                delay_ms: 30,
                fault: Box::new(throttle(1).kind),
            },
        };
        let waiting = Faults::waiting(&[throttle(1), fault]);
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].armed_by(1, 500), None);
        let (index, armed) = waiting[0].armed_by(2, 500).expect("its write");
        assert_eq!((index, armed.at_ms), (1, 530));
    }
}
