//! Faults as data: what goes wrong, where and from when.
//!
//! A schedule is a list of concrete, serialisable [`Fault`]s made by a generator or written by
//! hand; nothing in the emulator throws dice about whether to fail. Each kind acts at one named
//! point; the planes ask [`Faults`] at their points and report what hit as
//! [`Event::FaultHit`](crate::Event::FaultHit).

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
            Self::ResetBefore { .. } => "reset_before",
            Self::ReplyLost { .. } => "reply_lost",
            Self::SlowOperation { .. } => "slow_operation",
            Self::FailOperation { .. } => "fail_operation",
            Self::LateActivation { .. } => "late_activation",
            Self::Sick { .. } => "sick",
            Self::Kill { .. } => "kill",
            Self::SlowStart { .. } => "slow_start",
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

/// A schedule with how much of each fault is spent.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    schedule: Vec<Armed>,
    hits: Vec<(usize, &'static str)>,
}

#[derive(Clone, Debug)]
struct Armed {
    fault: Fault,
    left: u32,
}

impl Faults {
    /// A schedule with nothing spent.
    #[must_use]
    pub fn new(schedule: &[Fault]) -> Self {
        let arm = |fault: &Fault| Armed {
            left: match &fault.kind {
                FaultKind::Refuse { count, .. }
                | FaultKind::ResetBefore { count, .. }
                | FaultKind::ReplyLost { count, .. }
                | FaultKind::SlowOperation { count, .. }
                | FaultKind::FailOperation { count, .. }
                | FaultKind::LateActivation { count, .. } => *count,
                FaultKind::Sick { .. } | FaultKind::Kill { .. } | FaultKind::SlowStart { .. } => 1,
            },
            fault: fault.clone(),
        };
        Self {
            schedule: schedule.iter().map(arm).collect(),
            hits: Vec::new(),
        }
    }

    /// The data-plane faults of the schedule, for the data plane to time by itself.
    #[must_use]
    pub fn data_plane(schedule: &[Fault]) -> Vec<(usize, Fault)> {
        let is_data_plane = |fault: &Fault| {
            matches!(
                fault.kind,
                FaultKind::Sick { .. } | FaultKind::Kill { .. } | FaultKind::SlowStart { .. }
            )
        };
        schedule
            .iter()
            .enumerate()
            .filter(|(_, fault)| is_data_plane(fault))
            .map(|(index, fault)| (index, fault.clone()))
            .collect()
    }

    /// `arm.request` and `arm.reply`: what happens to this request, if anything.
    pub fn on_request(&mut self, now_ms: u64, method: &str, path: &str) -> Option<Interference> {
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
            _ => None,
        })
    }

    /// `operation`: what happens to the operation a write begins.
    pub fn on_operation(&mut self, now_ms: u64, method: &str, path: &str) -> OperationFault {
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
        self.spend(now_ms, |kind| match kind {
            FaultKind::LateActivation {
                instance, extra_ms, ..
            } if *instance == gateway_instance => Some(*extra_ms),
            _ => None,
        })
        .unwrap_or_default()
    }

    /// Which faults hit since the last call: index in the schedule and name.
    pub fn drain_hits(&mut self) -> Vec<(usize, &'static str)> {
        std::mem::take(&mut self.hits)
    }

    fn spend<T>(
        &mut self,
        now_ms: u64,
        mut acts: impl FnMut(&FaultKind) -> Option<T>,
    ) -> Option<T> {
        for (index, armed) in self.schedule.iter_mut().enumerate() {
            if armed.left == 0 || armed.fault.at_ms > now_ms {
                continue;
            }
            if let Some(effect) = acts(&armed.fault.kind) {
                armed.left -= 1;
                self.hits.push((index, armed.fault.kind.name()));
                return Some(effect);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_fault_hits_its_requests_once_armed_and_then_is_spent() {
        let mut faults = Faults::new(&[throttle(1)]);
        let path = "/subscriptions/s/.../applicationgateways/gw";
        assert_eq!(faults.on_request(999, "PUT", path), None);
        assert_eq!(faults.on_request(1_000, "GET", path), None);
        assert!(faults.on_request(1_000, "put", path).is_some());
        assert_eq!(faults.on_request(1_001, "PUT", path), None);
        assert_eq!(faults.drain_hits(), vec![(0, "refuse")]);
    }
}
