//! The world and the last run, read only.

use futures_util::future::join_all;

use super::drive::{health_of, side_facts};
use crate::arm_client::{ArmClient, ArmFailure};
use crate::environment::Environment;
use crate::gates::{Verdict, side_verdict};
use crate::report::{MemberStatus, RunStatus, SideStatus, StatusReport};
use crate::run::Run;
use crate::swap::machine::State;
use crate::view::pool;

/// The world and the last run, read only.
///
/// # Errors
/// When the gateway cannot be read. A side or a store that cannot be read is reported as missing.
pub async fn status<E: Environment>(run: &Run<'_, E>) -> Result<StatusReport, ArmFailure> {
    let arm = ArmClient::new(run.environment, run.access, "status");
    let target = &run.config.target;
    let gateway = arm.get(&target.gateway).await?;
    let members = pool::members(&gateway, &target.pool).unwrap_or_default();
    let rows = health_of(run, &arm).await.unwrap_or_default();
    let health = rows.into_iter().map(|row| MemberStatus {
        address: row.address,
        health: row.health,
    });
    let sides = run
        .config
        .sides
        .keys()
        .map(|name| side_status(run, &arm, name));
    let live = match members.as_slice() {
        [live] => run
            .config
            .sides
            .iter()
            .find(|(_, side)| side.address == *live),
        _ => None,
    };
    Ok(StatusReport {
        live: live.map(|(name, _)| name.clone()),
        health: health.collect(),
        sides: join_all(sides).await,
        last_run: last_run(run).await,
        lease: held(run).await,
        pool: members,
    })
}

async fn side_status<E: Environment>(
    run: &Run<'_, E>,
    arm: &ArmClient<'_, E>,
    name: &str,
) -> SideStatus {
    let address = run.config.sides[name].address;
    let facts = side_facts(run, arm, name).await;
    let missing = match &facts {
        Ok(facts) => match side_verdict(facts, facts.capacity) {
            Verdict::Unknown(missing) => missing,
            Verdict::Fail(why) => vec![why],
            Verdict::Pass(_) => Vec::new(),
        },
        Err(failure) => vec![crate::error_text(failure)],
    };
    SideStatus {
        name: name.to_owned(),
        address,
        capacity: facts.as_ref().ok().map(|facts| facts.capacity),
        healthy: facts.as_ref().map_or(0, |facts| facts.healthy()),
        missing,
    }
}

async fn last_run<E: Environment>(run: &Run<'_, E>) -> Option<RunStatus> {
    let (id, recovered) = super::last_run(run.journal).await.ok()??;
    let sides = recovered.sides.clone()?;
    Some(RunStatus {
        run: id.to_string(),
        phase: recovered.phase(),
        outcome: recovered.outcome.clone().filter(|_| !recovered.is_open()),
        old: sides.old.name,
        new: sides.new.name,
        abort_now: recovered.is_open().then(|| {
            let reverse = recovered.state.is_some_and(State::is_reverse);
            recovered.phase().abort_now(reverse)
        }),
    })
}

async fn held<E: Environment>(run: &Run<'_, E>) -> Option<crate::lease::Lease> {
    let (_, lease) = run.lease.read().await.ok()??;
    (!lease.is_released()).then_some(lease)
}
