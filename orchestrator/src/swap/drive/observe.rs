//! P0 and P1: read the world, decide the direction, look for what blocks the way.

use std::time::Duration;

use futures_util::future::join;
use serde_json::Value;

use super::Driver;
use super::answers::Window;
use super::wait::Look;
use crate::arm_client::ArmFailure;
use crate::environment::Environment;
use crate::gates::{Tally, Verdict};
use crate::journal::Record;
use crate::observer::Progress;
use crate::plan::World;
use crate::plan::{self, Direction, Plan};
use crate::run::Approved;
use crate::swap::event::{Event, Reason};
use crate::swap::planning::{no_pool, planned_content, side_world};
use crate::view::gateway;

/// How long the first read is repeated: an endpoint that is not there should be told at once.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);
/// How long the live side has to show which build it is.
const BASELINE_CEILING: Duration = Duration::from_secs(120);

impl<E: Environment> Driver<'_, E> {
    pub(super) async fn observe(&self) -> Event {
        self.arm.set_patience(Some(FIRST_PATIENCE));
        let read = self.gateway().await;
        self.arm.set_patience(None);
        let gateway = match read {
            Ok(gateway) => gateway,
            Err(failure) => return self.unreadable(&failure),
        };
        let mut direction = self.direction_of(&gateway);
        // While a write runs ARM lists what it asks for, and the gateway may not do it yet (F76).
        if matches!(direction, Some(Direction::NothingToDo(_))) && gateway::is_updating(&gateway) {
            direction = match self.settled_gateway().await {
                Ok(settled) => self.direction_of(&settled),
                Err(blocked) => return blocked,
            };
        }
        let Some(direction) = direction else {
            return self.refuse(no_pool(&self.run));
        };
        match direction {
            Direction::Swap(sides) => {
                self.memory.borrow_mut().sides = Some(sides);
                Event::OnPlan
            }
            Direction::NothingToDo(side) if self.run.settings.approved.is_some() => {
                self.stale(format!("`{side}` serves already"))
            }
            Direction::NothingToDo(side) => {
                self.memory.borrow_mut().reason = format!("`{side}` serves already");
                Event::OnNothingToDo
            }
            Direction::Refused(why) => self.refuse(why),
        }
    }

    /// Which way the pool would go; `None` without our pool.
    fn direction_of(&self, gateway: &Value) -> Option<Direction> {
        let members = self.members_of(gateway)?;
        let wanted = self.run.settings.to.as_deref();
        Some(plan::direction(self.run.config, &members, wanted))
    }

    pub(super) async fn check(&self) -> Event {
        let plan = match self.make_plan().await {
            Ok(plan) => plan,
            Err(failure) => return self.unreadable(&failure),
        };
        let sides = self.sides();
        self.tell(&Progress::Planned {
            run: self.journal.run().to_string(),
            old: sides.old.name.clone(),
            new: sides.new.name.clone(),
            plan: plan.lines.clone(),
        });
        if !plan.findings.is_empty() {
            return self.refuse(plan.findings.join("; "));
        }
        if let Some(approved) = &self.run.settings.approved
            && let Err(event) = self.hold_to(approved).await
        {
            return event;
        }
        self.memory.borrow_mut().required = plan.required;
        let planned = Record::Planned {
            sides,
            required: plan.required,
            hash: plan.hash,
            lines: plan.lines,
        };
        if let Err(blocked) = self.record(planned).await {
            return blocked;
        }
        match self.baseline().await {
            Event::OnDeadline | Event::OnFail => self.refuse(format!(
                "the live side cannot be told from its answers: {}; set `identity.header` and \
                 `identity.path` so that every answer is a 2xx that names its build",
                self.memory.borrow().reason
            )),
            event => event,
        }
    }

    async fn make_plan(&self) -> Result<Plan, ArmFailure> {
        let sides = self.sides();
        let sides_world = join(
            side_world(&self.run, &self.arm, &sides.old),
            side_world(&self.run, &self.arm, &sides.new),
        );
        let (gateway, (old, new)) = join(self.gateway(), sides_world).await;
        let world = World {
            gateway: gateway?,
            old: old?,
            new: new?,
        };
        if gateway::is_updating(&world.gateway) {
            let what = "another write of the gateway to end".to_owned();
            return Err(ArmFailure::Ceiling { what, waited_s: 0 });
        }
        let endpoint = self.run.access.endpoint();
        Ok(plan::plan(self.run.config, endpoint, &sides, &world))
    }

    /// Whether this run would do what was approved: nothing else is done in its name.
    async fn hold_to(&self, approved: &Approved) -> Result<(), Event> {
        let fresh = planned_content(&self.run, &self.arm, &self.sides()).await;
        let fresh = fresh.map_err(|failure| self.unreadable(&failure))?;
        let hash = fresh.hash();
        if hash == approved.hash {
            return Ok(());
        }
        let moved = approved
            .plan
            .as_ref()
            .map_or_else(Vec::new, |plan| plan.content.moved_to(&fresh));
        let moved = match moved.is_empty() {
            true => format!("the plan is now `{hash}`, approved was `{}`", approved.hash),
            false => moved.join("; "),
        };
        Err(self.stale(moved))
    }

    /// Nothing was changed, and what was approved does not fit any more.
    fn stale(&self, moved: String) -> Event {
        self.memory.borrow_mut().stale = true;
        self.refuse(format!(
            "the world has moved since the plan was approved: {moved}; plan again with \
             `turquoise plan`"
        ))
    }

    /// What the live side answers before anything is touched: its build, and its share of errors.
    async fn baseline(&self) -> Event {
        let gates = &self.run.config.gates;
        let event = self.wait(BASELINE_CEILING, gates.every.0, async || {
            let tally = match self.look_through_gateway().await {
                Ok(tally) => tally,
                Err(failure) => return self.unread("answers", &failure),
            };
            self.memory.borrow_mut().baseline.absorb(&tally);
            Ok(self.baseline_verdict())
        });
        let event = event.await;
        if event != Event::OnPass {
            return event;
        }
        let old = self
            .memory
            .borrow()
            .baseline
            .builds()
            .next()
            .map(str::to_owned);
        self.memory.borrow_mut().old_build.clone_from(&old);
        match self.record(Record::Builds { old, new: None }).await {
            Ok(()) => Event::OnPass,
            Err(blocked) => blocked,
        }
    }

    fn baseline_verdict(&self) -> Verdict {
        let memory = self.memory.borrow();
        let tally: &Tally = &memory.baseline;
        let builds: Vec<&str> = tally.builds().collect();
        let samples = self.run.config.breach.samples;
        match builds.as_slice() {
            [build] if tally.of(build) >= samples => {
                let (total, errors) = (tally.total(), tally.errors());
                Verdict::pass(format!(
                    "build {build} serves, {errors} of {total} are errors"
                ))
            }
            [build] => Verdict::unknown(format!(
                "{} of {samples} answers of {build}",
                tally.of(build)
            )),
            [] => Verdict::unknown("no answer names a build"),
            several => Verdict::Fail(format!(
                "answers name several builds: {}",
                several.join(", ")
            )),
        }
    }

    /// P3: every instance of the new side, several looks in a row, while the side that serves goes on
    /// as before.
    pub(super) async fn prove_new_side(&self) -> Event {
        let config = self.run.config;
        let (sides, required) = (self.sides(), self.memory.borrow().required);
        let (mut streak, mut window) = (self.streak(), Window::default());
        self.wait(
            config.ceilings.gate.0,
            config.gates.every.0,
            async || -> Look {
                let looks = join(self.side_facts(&sides.new), self.look_through_gateway());
                let (facts, answers) = looks.await;
                let proven = match facts {
                    Ok(facts) => crate::gates::side_verdict(&facts, required),
                    Err(failure) => self.unread(&sides.new.name, &failure)?,
                };
                let live = match answers {
                    Ok(tally) => {
                        window.push(tally);
                        let baseline = &self.memory.borrow().baseline;
                        crate::gates::undisturbed(&config.breach, baseline, &window.sum())
                    }
                    Err(failure) => self.unread("answers", &failure)?,
                };
                Ok(streak.look(self.now(), proven.and(live)))
            },
        )
        .await
    }

    pub(super) fn streak(&self) -> crate::gates::Streak {
        let gates = &self.run.config.gates;
        crate::gates::Streak::new(gates.consecutive, gates.span.0)
    }

    fn refuse(&self, why: String) -> Event {
        self.memory.borrow_mut().reason = why;
        Event::OnRefusal
    }

    /// Nothing was changed yet: say what could not be read and what to do.
    fn unreadable(&self, failure: &ArmFailure) -> Event {
        if failure.is_not_found() {
            return self.refuse(format!(
                "{}; deploy it first, or correct the configuration",
                crate::error_text(failure)
            ));
        }
        if failure.is_denied() {
            return self.blocked_by(Reason::Denied, failure);
        }
        self.blocked_by(Reason::Unavailable, failure)
    }
}
