//! Reading the world for a look.

use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::future::{join, try_join, try_join_all};
use serde_json::Value;

use super::Driver;
use crate::arm_client::{ArmFailure, Operation};
use crate::environment::{Environment, Instant};
use crate::gates::SideFacts;
use crate::observer::Progress;
use crate::plan::{self, Member, Sides};
use crate::run::Run;
use crate::swap::event::{Content, Event, Reason};
use crate::view::{backend_health, gateway, load_balancer, pool, scale_set};

/// Between two looks at a gateway that is being written.
const SETTLING_PACE: Duration = Duration::from_secs(3);
/// How long a read may lag behind our own write before that is worth an error: a minute is a long
/// lag (failure-catalogue.md F67), and the wait around it looks again.
const STALE_PATIENCE: Duration = Duration::from_secs(120);
/// How long a gateway must have the same etag before an unanswered write counts as not sent (F64).
const QUIET: Duration = Duration::from_secs(15);

impl<E: Environment> Driver<'_, E> {
    /// The two sides, known from the moment the direction was decided.
    pub(super) fn sides(&self) -> Sides {
        let sides = self.memory.borrow().sides.clone();
        sides.expect("every state after Observing has sides: the journal and the table see to it")
    }

    /// The gateway as ARM tells it now; remembers and tells its pool.
    pub(super) async fn gateway(&self) -> Result<Value, ArmFailure> {
        let gateway = self.fresh_gateway().await?;
        let members = self.members_of(&gateway).unwrap_or_default();
        let known = std::mem::replace(&mut self.memory.borrow_mut().pool, members.clone());
        if known != members {
            self.tell(&Progress::Pool { members });
        }
        Ok(gateway)
    }

    /// A read that is younger than our own last write: Azure has more than one front end, and one that
    /// has not heard of the write answers with the body and etag of before (F67).
    async fn fresh_gateway(&self) -> Result<Value, ArmFailure> {
        let deadline = self.now() + STALE_PATIENCE;
        loop {
            let gateway = self.arm.get(&self.run.config.target.gateway).await?;
            let stale = gateway::etag(&gateway).is_some_and(|etag| {
                let memory = self.memory.borrow();
                memory.replaced.iter().any(|replaced| replaced == etag)
            });
            if !stale {
                return Ok(gateway);
            }
            if self.now() >= deadline {
                return Err(ArmFailure::Ceiling {
                    what: "a read of the gateway that is younger than our last write".to_owned(),
                    waited_s: STALE_PATIENCE.as_secs(),
                });
            }
            self.run
                .environment
                .sleep_until(self.now() + SETTLING_PACE)
                .await;
        }
    }

    pub(super) fn members_of(&self, gateway: &Value) -> Option<Vec<Ipv4Addr>> {
        pool::members(gateway, &self.run.config.target.pool)
    }

    pub(super) fn content_of(&self, gateway: &Value) -> Content {
        let members = self.members_of(gateway);
        members.map_or(Content::Other, |m| plan::content(&self.sides(), &m))
    }

    /// The gateway once every operation we ever began has ended and it is not being written.
    pub(super) async fn settled_gateway(&self) -> Result<Value, Event> {
        let deadline = self.now() + self.run.config.ceilings.write.0;
        self.within(deadline, self.settled_until(deadline)).await
    }

    /// The operations of ours that have succeeded, once all have ended.
    pub(super) async fn settled_operations(&self) -> Result<Vec<Operation>, Event> {
        let ceiling = self.run.config.ceilings.write.0;
        let settled = self.within(self.now() + ceiling, self.arm.settle(ceiling));
        settled
            .await
            .map_err(|failure| self.blocked_by(Reason::Unavailable, &failure))
    }

    /// The same within a wait that has its own end.
    pub(super) async fn settled_until(&self, deadline: Instant) -> Result<Value, Event> {
        let ceiling = deadline.since(self.now());
        let unavailable = |failure: &ArmFailure| self.blocked_by(Reason::Unavailable, failure);
        self.arm
            .settle(ceiling)
            .await
            .map_err(|f| unavailable(&f))?;
        loop {
            let failure = match self.gateway().await {
                Ok(gateway) if !gateway::is_updating(&gateway) => return Ok(gateway),
                Ok(_updating) => ArmFailure::Ceiling {
                    what: "the gateway to be written by nobody".to_owned(),
                    waited_s: ceiling.as_secs(),
                },
                Err(failure) if failure.is_denied() => {
                    return Err(self.blocked_by(Reason::Denied, &failure));
                }
                Err(failure) if failure.is_transient() => failure,
                Err(failure) => return Err(unavailable(&failure)),
            };
            if self.now() >= deadline {
                return Err(unavailable(&failure));
            }
            let missing = vec![crate::error_text(&failure)];
            self.memory.borrow_mut().set_missing(missing);
            self.run
                .environment
                .sleep_until(self.now() + SETTLING_PACE)
                .await;
        }
    }

    /// Waits until the gateway has kept one etag for a while: a write whose answer nobody saw may
    /// still be on its way.
    pub(super) async fn quiet_gateway(&self) -> Result<(), Event> {
        let deadline = self.now() + self.run.config.ceilings.write.0;
        self.give_up_at(deadline);
        let mut since = self.now();
        let mut etag = None;
        while self.now().since(since) < QUIET {
            let gateway = self.settled_until(deadline).await?;
            let seen = gateway::etag(&gateway).map(str::to_owned);
            if seen != etag {
                etag = seen;
                since = self.now();
            }
            self.run
                .environment
                .sleep_until(self.now() + SETTLING_PACE)
                .await;
        }
        Ok(())
    }

    /// Rows of the gateway's own health view for our pool.
    pub(super) async fn health(&self) -> Result<Vec<backend_health::MemberHealth>, ArmFailure> {
        health_of(&self.run, &self.arm).await
    }

    /// One side, machine by machine.
    pub(super) async fn side_facts(&self, member: &Member) -> Result<SideFacts, ArmFailure> {
        side_facts(&self.run, &self.arm, &member.name).await
    }
}

/// Rows of the gateway's health view for the configured pool.
pub(in crate::swap) async fn health_of<E: Environment>(
    run: &Run<'_, E>,
    arm: &crate::arm_client::ArmClient<'_, E>,
) -> Result<Vec<backend_health::MemberHealth>, ArmFailure> {
    let target = &run.config.target;
    let document = arm.ask(&target.gateway, "/backendhealth").await?;
    Ok(backend_health::of_pool(&document, &target.pool_id()))
}

/// The facts a gate needs of the side with that name.
pub(in crate::swap) async fn side_facts<E: Environment>(
    run: &Run<'_, E>,
    arm: &crate::arm_client::ArmClient<'_, E>,
    name: &str,
) -> Result<SideFacts, ArmFailure> {
    let subscription = run.config.target.subscription();
    let unknown = || ArmFailure::Unexpected(format!("no side `{name}` in the configuration"));
    let side = run.config.side(name).ok_or_else(unknown)?;
    let scale_set_id = side.scale_set(subscription, name);
    let balancer_id = side.load_balancer(subscription);
    let machines = try_join(
        arm.get(&scale_set_id),
        arm.list(&scale_set_id, "/virtualMachines?$expand=instanceView"),
    );
    let rules = async {
        let balancer = arm.get(&balancer_id).await?;
        let asked = load_balancer::rules(&balancer)
            .into_iter()
            .map(async |rule: String| {
                let action = format!("/loadBalancingRules/{rule}/health");
                let document = arm.ask(&balancer_id, &action).await?;
                Ok::<_, ArmFailure>((rule, load_balancer::rule_health(&document)))
            });
        try_join_all(asked).await
    };
    let (machines, rules) = join(machines, rules).await;
    let (scale_set, listed) = machines?;
    Ok(SideFacts {
        name: name.to_owned(),
        capacity: scale_set::capacity(&scale_set).unwrap_or_default(),
        instances: listed.iter().map(scale_set::Instance::read).collect(),
        rules: rules?,
    })
}
