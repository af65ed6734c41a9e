//! Why a request was most likely lost, read from the gateway's ledger and the events around it.

use std::net::Ipv4Addr;

use turquoise_emulator::ledger::{Attempt, Fault, GatewayEntry};

use crate::ledger::{Class, Request};
use crate::observation::{Declared, Role};
use crate::oracles::Case;
use crate::timeline::Stop;

/// The likely cause of a loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The gateway never saw it.
    NeverReached,
    /// The gateway instance had no healthy member.
    NoHealthyMember { gateway_instance: u16, empty: bool },
    /// The machine that served it was stopped under it.
    Killed {
        stop: Stop,
        address: Ipv4Addr,
        side: Option<Role>,
    },
    /// The drain time-out of a removed member passed.
    DrainEnded { member: Option<Ipv4Addr> },
    /// The gateway ended what was older than its drain time-out, though the member stays: after a
    /// configuration write, or because the member had become unhealthy (azure-facts.md §5.5).
    WorkerEnded {
        gateway_instance: u16,
        member: Ipv4Addr,
    },
    /// A gateway instance still used a member that ARM had removed.
    StaleMember {
        gateway_instance: u16,
        member: Ipv4Addr,
        fault: Fault,
    },
    /// The member failed while it was in the pool.
    MemberFailed { member: Ipv4Addr, fault: Fault },
    /// The client's own patience ended, or its connection did, with nothing wrong behind.
    Client,
}

impl Cause {
    /// The cause of a lost request.
    pub(crate) fn of(case: &Case<'_>, request: Request<'_>) -> Self {
        let Some(last) = request.attempts().next_back() else {
            return Self::NeverReached;
        };
        if let Some(killed) = killed(case, request) {
            return killed;
        }
        match last.outcome {
            Attempt::Cut => cut(case, last),
            Attempt::Failed { fault, .. } | Attempt::Retried(fault) => failed(case, last, fault),
            Attempt::Served { .. } | Attempt::ClientGone => Self::Client,
        }
    }

    /// The cause as a sentence without its final stop.
    pub(crate) fn sentence(&self, declared: &Declared) -> String {
        let name = |member: Ipv4Addr| named(declared, member);
        match self {
            Self::NeverReached => "no gateway instance saw it".to_owned(),
            Self::NoHealthyMember {
                gateway_instance,
                empty: true,
            } => {
                format!("the pool of gateway instance {gateway_instance} was empty")
            }
            Self::NoHealthyMember {
                gateway_instance,
                empty: false,
            } => {
                format!("gateway instance {gateway_instance} saw no healthy member in the pool")
            }
            Self::Killed {
                stop,
                address,
                side,
            } => {
                let side = side.map_or("a side nobody declared", |role| &declared.side(role).name);
                let by = if stop.weather {
                    " by nobody under test"
                } else {
                    ""
                };
                format!(
                    "machine {address} of {side} was stopped{by} at {} while serving it",
                    stop.at
                )
            }
            Self::DrainEnded { member } => format!(
                "{} had been removed from the pool and its drain time-out passed",
                member.map_or_else(|| "its member".to_owned(), name)
            ),
            Self::WorkerEnded {
                gateway_instance,
                member,
            } => format!(
                "gateway instance {gateway_instance} ended what it had open to {}, which a later configuration or failed probes had replaced a drain time-out before",
                name(*member)
            ),
            Self::StaleMember {
                gateway_instance,
                member,
                fault,
            } => format!(
                "gateway instance {gateway_instance} still dispatched to {}, already out of the pool in ARM, which {}",
                name(*member),
                failing(*fault)
            ),
            Self::MemberFailed { member, fault } => {
                format!("the pool member {} {}", name(*member), failing(*fault))
            }
            Self::Client => "the gateway served it and the client did not get it".to_owned(),
        }
    }

    /// Whether nobody who is judged caused or could prevent it. The loss still counts as one.
    pub(crate) const fn is_weather(&self) -> bool {
        matches!(self, Self::Killed { stop, .. } if stop.weather)
    }

    /// Catalogue entries whose symptom is this.
    pub(crate) const fn catalogue(&self) -> &'static [&'static str] {
        match self {
            Self::NeverReached | Self::Client => &["F42"],
            Self::NoHealthyMember { empty: true, .. } => &["F55"],
            Self::NoHealthyMember { empty: false, .. } => &["F01", "F06", "F10", "F55"],
            Self::Killed { .. } => &["F37", "F38"],
            Self::DrainEnded { .. } => &["F35"],
            Self::WorkerEnded { .. } => &["F36", "F42"],
            Self::StaleMember { .. } => &["F33", "F34"],
            Self::MemberFailed { .. } => &["F01", "F05", "F39", "F61"],
        }
    }
}

/// A machine that ran the request and stopped before it was done.
fn killed(case: &Case<'_>, request: Request<'_>) -> Option<Cause> {
    let execution = request
        .executions()
        .find(|execution| execution.status.is_none())?;
    let address = execution.address;
    let stop = case
        .timeline
        .stop_between(address, execution.started, execution.ended)?;
    let side = case.observation.declared.role_of_build(execution.build);
    Some(Cause::Killed {
        stop,
        address,
        side,
    })
}

fn cut(case: &Case<'_>, last: &GatewayEntry) -> Cause {
    let current = case.timeline.effective_at(last.instance, last.ended);
    match last.member {
        Some(member) if current.is_some_and(|members| members.contains(&member)) => {
            Cause::WorkerEnded {
                gateway_instance: last.instance,
                member,
            }
        }
        member => Cause::DrainEnded { member },
    }
}

fn failed(case: &Case<'_>, last: &GatewayEntry, fault: Fault) -> Cause {
    let Some(member) = last.member else {
        let effective = case.timeline.effective_at(last.instance, last.dispatched);
        let empty = effective.is_some_and(<[Ipv4Addr]>::is_empty);
        return Cause::NoHealthyMember {
            gateway_instance: last.instance,
            empty,
        };
    };
    let removed = case
        .timeline
        .arm_at(last.dispatched)
        .is_some_and(|members| !members.contains(&member));
    if removed {
        Cause::StaleMember {
            gateway_instance: last.instance,
            member,
            fault,
        }
    } else {
        Cause::MemberFailed { member, fault }
    }
}

fn named(declared: &Declared, member: Ipv4Addr) -> String {
    match declared.role_of(member) {
        Some(role) => format!("{member} ({})", declared.side(role).name),
        None => member.to_string(),
    }
}

const fn failing(fault: Fault) -> &'static str {
    match fault {
        Fault::NoHealthyMember => "had no healthy machine",
        Fault::ConnectTimeout => "did not accept the connection in time",
        Fault::Refused => "refused the connection",
        Fault::Reset => "ended the connection before the answer",
        Fault::RequestTimeout => "did not answer within the request time-out",
    }
}

/// How a lost request looked to its client, as the beginning of a sentence.
pub(crate) const fn seen(class: Class) -> &'static str {
    match class {
        Class::InfraError => "got an error made by the gateway",
        Class::Refused => "found its connection refused",
        Class::Reset => "lost its connection before an answer",
        Class::Timeout => "got no answer in time",
        Class::Truncated => "got an answer cut short",
        _ => "ended",
    }
}
