//! Storm, then heal: from an instant on nothing goes wrong any more, and progress is demanded (L1).

use turquoise_emulator::faults::FaultKind;

use crate::scenario::{Act, Point, Scenario};

/// Ends everything at `heal_ms`: what would begin later never does, what lasts longer is cut.
///
/// What a build or a machine is stays as it is: a sick build does not recover by itself. What is
/// counted and not used up is over as well, which the world sees to.
pub(super) fn heal(scenario: &mut Scenario) {
    let end = scenario.heal_ms;
    scenario.faults.retain(|fault| fault.at_ms < end);
    for fault in &mut scenario.faults {
        if let Some(for_ms) = lasts(&mut fault.kind) {
            *for_ms = (*for_ms).min(end - fault.at_ms);
        }
    }
    scenario.actors.retain(|actor| actor.at_ms < end);
    for actor in &mut scenario.actors {
        let left = end - actor.at_ms;
        if let Act::PlatformUpgrade { for_ms }
        | Act::LockAdded { for_ms }
        | Act::RoleRemoved { for_ms } = &mut actor.act
        {
            *for_ms = (*for_ms).min(left);
        }
    }
    let in_time = |point: Point| !matches!(point, Point::Time { at_ms } if at_ms >= end);
    scenario.crashes.retain(|crash| in_time(crash.at));
    scenario.pauses.retain(|pause| in_time(pause.at));
    scenario.orders.retain(|order| order.at_ms < end);
    scenario.storage.faults.retain(|fault| fault.at_ms < end);
    scenario.identity.revoked_at_ms.retain(|at| *at < end);
    scenario
        .identity
        .outages
        .retain(|outage| outage.at_ms < end);
    scenario.clocks.jumps.retain(|jump| jump.at_ms < end);
}

/// How long a fault of ARM or of the gateway lasts; `None` for what is counted, and for machines.
const fn lasts(kind: &mut FaultKind) -> Option<&mut u64> {
    match kind {
        FaultKind::Deny { for_ms, .. }
        | FaultKind::ThrottleStorm { for_ms, .. }
        | FaultKind::Outage { for_ms }
        | FaultKind::StaleRead { for_ms, .. }
        | FaultKind::PlatformUpgrade { for_ms }
        | FaultKind::HealthOmits { for_ms, .. }
        | FaultKind::Isolated { for_ms, .. }
        | FaultKind::SharedDependency { for_ms, .. } => Some(for_ms),
        _ => None,
    }
}
