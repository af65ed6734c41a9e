//! Plans without acting: reads everything, freezes what a swap would do.

use futures_util::future::{join, join3, try_join};

use super::drive::{health_of, side_facts};
use crate::arm_client::{ArmClient, ArmFailure};
use crate::environment::Environment;
use crate::gates::{Verdict, members_verdict, side_verdict};
use crate::plan::{
    self, Direction, Member, PlanCheck, PlanContent, SideWorld, Sides, SwapPlan, WholeWorld, World,
};
use crate::run::Run;
use crate::view::{autoscale, pool};

/// What came of planning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planning {
    /// This would be done. With findings it would be refused.
    Planned(Box<SwapPlan>),
    /// That side serves already.
    NothingToDo(String),
    /// No direction can be told; why, with what to do.
    Refused(String),
}

/// Reads everything and freezes what a swap would do, valid for `valid_ms` from now on. Writes
/// nothing, takes no lease.
///
/// # Errors
/// When the world cannot be read.
pub async fn plan<E: Environment>(run: &Run<'_, E>, valid_ms: u64) -> Result<Planning, ArmFailure> {
    let arm = ArmClient::new(run.environment, run.access, "plan");
    let target = &run.config.target;
    let gateway = arm.get(&target.gateway).await?;
    let Some(members) = pool::members(&gateway, &target.pool) else {
        return Ok(Planning::Refused(no_pool(run)));
    };
    let sides = match plan::direction(run.config, &members, run.settings.to.as_deref()) {
        Direction::Swap(sides) => sides,
        Direction::NothingToDo(side) => return Ok(Planning::NothingToDo(side)),
        Direction::Refused(why) => return Ok(Planning::Refused(why)),
    };
    let (content, checks) = join(
        planned_content(run, &arm, &sides),
        checks(run, &arm, &sides),
    )
    .await;
    let now = run.environment.unix_millis();
    let plan = SwapPlan::freeze(content?, checks, now, valid_ms);
    Ok(Planning::Planned(Box::new(plan)))
}

/// What to say when the pool is not there.
pub(super) fn no_pool<E: Environment>(run: &Run<'_, E>) -> String {
    let target = &run.config.target;
    format!(
        "gateway `{}` has no pool `{}` that lists addresses; correct `target.pool`",
        target.gateway.name(),
        target.pool
    )
}

/// What a run from here would do, from fresh reads.
pub(super) async fn planned_content<E: Environment>(
    run: &Run<'_, E>,
    arm: &ArmClient<'_, E>,
    sides: &Sides,
) -> Result<PlanContent, ArmFailure> {
    let scaling = join(
        autoscale_of(run, arm, &sides.old),
        autoscale_of(run, arm, &sides.new),
    );
    let (world, (old, new)) = join(world_of(run, arm, sides), scaling).await;
    let whole = WholeWorld {
        world: world?,
        old_autoscale: old?,
        new_autoscale: new?,
    };
    let endpoint = run.access.endpoint();
    Ok(plan::frozen_content(run.config, endpoint, sides, &whole))
}

/// The gateway and both sides.
pub(super) async fn world_of<E: Environment>(
    run: &Run<'_, E>,
    arm: &ArmClient<'_, E>,
    sides: &Sides,
) -> Result<World, ArmFailure> {
    let looks = join3(
        arm.get(&run.config.target.gateway),
        side_world(run, arm, &sides.old),
        side_world(run, arm, &sides.new),
    );
    let (gateway, old, new) = looks.await;
    Ok(World {
        gateway: gateway?,
        old: old?,
        new: new?,
    })
}

/// One side's load balancer and scale set.
pub(super) async fn side_world<E: Environment>(
    run: &Run<'_, E>,
    arm: &ArmClient<'_, E>,
    member: &Member,
) -> Result<SideWorld, ArmFailure> {
    let config = run.config;
    let subscription = config.target.subscription();
    let unknown = || ArmFailure::Unexpected(format!("no side `{}`", member.name));
    let side = config.side(&member.name).ok_or_else(unknown)?;
    let balancer = side.load_balancer(subscription);
    let scale_set = side.scale_set(subscription, &member.name);
    let (load_balancer, scale_set) = try_join(arm.get(&balancer), arm.get(&scale_set)).await?;
    Ok(SideWorld {
        load_balancer,
        scale_set,
    })
}

/// The settings that scale a side, looked up by target and not by name.
pub(super) async fn autoscale_of<E: Environment>(
    run: &Run<'_, E>,
    arm: &ArmClient<'_, E>,
    member: &Member,
) -> Result<Vec<serde_json::Value>, ArmFailure> {
    let subscription = run.config.target.subscription();
    let unknown = || ArmFailure::Unexpected(format!("no side `{}`", member.name));
    let side = run.config.side(&member.name).ok_or_else(unknown)?;
    let scale_set = side.scale_set(subscription, &member.name);
    let group = scale_set.group().unwrap_or_else(|| scale_set.clone());
    let rest = "/providers/Microsoft.Insights/autoscalesettings";
    let settings = arm.list(&group, rest).await?;
    let ours = settings
        .into_iter()
        .filter(|setting| autoscale::scales(setting, &scale_set));
    Ok(ours.collect())
}

/// How the gates that a run would begin with stand now.
async fn checks<E: Environment>(
    run: &Run<'_, E>,
    arm: &ArmClient<'_, E>,
    sides: &Sides,
) -> Vec<PlanCheck> {
    let looks = join3(
        health_of(run, arm),
        side_facts(run, arm, &sides.old.name),
        side_facts(run, arm, &sides.new.name),
    );
    let (health, old, new) = looks.await;
    let gateway = match health {
        Ok(rows) => {
            let own: Vec<_> = rows
                .into_iter()
                .filter(|row| row.address == sides.old.address)
                .collect();
            members_verdict(&own, &[sides.old.address])
        }
        Err(failure) => Verdict::unknown(crate::error_text(&failure)),
    };
    let machines = |facts: Result<crate::gates::SideFacts, ArmFailure>| match facts {
        Ok(facts) => side_verdict(&facts, facts.capacity),
        Err(failure) => Verdict::unknown(crate::error_text(&failure)),
    };
    let named = |name: &str| format!("machines of {name}");
    vec![
        check("gateway health of the live side".to_owned(), gateway),
        check(named(&sides.old.name), machines(old)),
        check(named(&sides.new.name), machines(new)),
    ]
}

fn check(name: String, verdict: Verdict) -> PlanCheck {
    let (verdict, detail) = match verdict {
        Verdict::Pass(proofs) => ("pass", proofs.join("; ")),
        Verdict::Fail(why) => ("fail", why),
        Verdict::Unknown(missing) => ("unknown", missing.join("; ")),
    };
    PlanCheck {
        name,
        verdict: verdict.to_owned(),
        detail,
    }
}
