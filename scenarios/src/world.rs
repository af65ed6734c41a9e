//! The worlds that scenarios run in.
//!
//! `Worlds` deploys each topology once, with the real orchestrator's own `deploy`, and begins
//! every scenario from a clone of that cloud under new seeds, faults and traffic. A scenario runs
//! on one of three levels (`core`, `in_process`, `duplex`); all leave the same
//! `Observation`(crate::Observation).

mod actors;
mod core;
mod deployed;
mod director;
mod drift;
mod duplex;
mod foreign;
mod in_process;
mod level;
mod lifeline;
mod mortal;
pub mod names;
mod notebook;
mod play;
mod probe;
mod reading;
mod stage;
mod stores;
mod system;
mod tokens;

use std::collections::BTreeMap;
use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{join_all, select};
use turquoise_emulator::Seed;

use crate::executor::Executor;
use crate::scale::Judging;
use crate::scenario::{Azure, Scenario, Topology};
use crate::subject::Subject;

use self::core::Core;
use self::deployed::Deployed;
use self::director::{Cast, Director};
use self::duplex::Duplex;
use self::in_process::{Clock, InProcess};
use self::level::Level;
use self::stage::Stage;

pub(crate) use self::stage::Played;

pub(crate) use foreign::CALLER as FOREIGN_CALLER;

/// Why a scenario could not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// The orchestrator's `deploy` ended badly.
    #[error("the system could not be deployed: {0}")]
    Deploy(String),
    /// The deployed system does not serve.
    #[error("the deployed system does not serve: {0}")]
    NotServing(String),
}

/// Systems deployed so far, by what they depend on.
#[derive(Debug, Default)]
pub(crate) struct Worlds {
    deployed: Mutex<BTreeMap<(Topology, Azure), Arc<Deployed>>>,
}

impl Worlds {
    /// Runs a scenario on level L0.
    pub(crate) fn run_core(
        &self,
        subject: Subject,
        scenario: &Scenario,
    ) -> Result<Played, WorldError> {
        let mut played = self.play_core(subject, scenario)?;
        if !scenario.crashes.is_empty() {
            let mut calm = scenario.clone();
            calm.crashes.clear();
            let twin = self.play_core(subject, &calm)?;
            played.observation.record.twin = Some(stage::twin(twin.observation));
        }
        Ok(played)
    }

    fn play_core(&self, subject: Subject, scenario: &Scenario) -> Result<Played, WorldError> {
        let stage = Stage::set(&*self.deployed(scenario)?, scenario, subject);
        Ok(on_core(stage))
    }

    /// Runs a scenario on level L0 and judges its requests as they end.
    pub(crate) fn run_judged(
        &self,
        subject: Subject,
        scenario: &Scenario,
        judging: &Judging,
    ) -> Result<Played, WorldError> {
        let deployed = self.deployed(scenario)?;
        let stage = Stage::set_judged(&deployed, scenario, subject, judging);
        Ok(on_core(stage))
    }

    /// Runs a scenario on level L1.
    pub(crate) fn run_in_process(
        &self,
        subject: Subject,
        scenario: &Scenario,
    ) -> Result<Played, WorldError> {
        self.run_paused(subject, scenario, |stage| {
            let level = InProcess::new(&stage.cloud, stage.swap_start);
            (level.clock(), level)
        })
    }

    /// Runs a scenario on level L2.
    pub(crate) fn run_duplex(
        &self,
        subject: Subject,
        scenario: &Scenario,
    ) -> Result<Played, WorldError> {
        self.run_paused(subject, scenario, |stage| {
            let level = Duplex::new(&stage.cloud, stage.swap_start);
            (level.clock(), level)
        })
    }

    /// Runs a scenario on tokio's paused clock.
    fn run_paused<L: Level + 'static>(
        &self,
        subject: Subject,
        scenario: &Scenario,
        level: impl FnOnce(&Stage) -> (Clock, L),
    ) -> Result<Played, WorldError> {
        let stage = Stage::set(&*self.deployed(scenario)?, scenario, subject);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("because a runtime without I/O needs nothing of the system");
        let (now, lease) = runtime.block_on(async {
            let (clock, level) = level(&stage);
            let director = Director::new(&stage, level);
            let Cast {
                orchestrators,
                others,
            } = director.cast();
            let beside = async {
                join_all(others).await;
                pending::<()>().await;
            };
            let all = pin!(join_all(orchestrators));
            let beside = pin!(beside);
            let limit = stage.limit.since(stage.swap_start);
            // Who has not ended at the limit never will; the notebook has it.
            let _given_up = tokio::time::timeout(limit, select(all, beside)).await;
            (clock.now(), director.lease_holder())
        });
        Ok(stage.clear(now, lease))
    }

    fn deployed(&self, scenario: &Scenario) -> Result<Arc<Deployed>, WorldError> {
        let key = (scenario.topology.clone(), scenario.azure);
        let known = self.known(&key);
        if let Some(deployed) = known {
            return Ok(deployed);
        }
        // Two threads may deploy the same topology at once; the results are equal.
        let deployed = Arc::new(Deployed::new(&scenario.topology, scenario.azure)?);
        let mut all = self.deployed.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key, Arc::clone(&deployed));
        Ok(deployed)
    }

    fn known(&self, key: &(Topology, Azure)) -> Option<Arc<Deployed>> {
        let all = self.deployed.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key).cloned()
    }
}

/// A stage that is set, played on our own executor.
fn on_core(stage: Stage) -> Played {
    let schedule = Seed::new(stage.scenario.seed).child("schedule");
    let executor = Executor::starting_at(schedule, stage.swap_start);
    let handle = executor.handle();
    let director = Director::new(
        &stage,
        Core {
            handle: handle.clone(),
            cloud: stage.cloud.clone(),
        },
    );
    let Cast {
        orchestrators,
        others,
    } = director.cast();
    let spawned = orchestrators.into_iter().map(|task| handle.spawn(task));
    let spawned: Vec<_> = spawned.collect();
    for other in others {
        handle.spawn(other);
    }
    let all = async move {
        for task in spawned {
            task.await;
        }
    };
    // Who has not ended at the limit never will; the notebook has it.
    let _given_up = executor.block_on(stage.limit, all);
    stage.clear(handle.now(), director.lease_holder())
}

#[cfg(test)]
mod tests {
    use turquoise_emulator::{Cloud, CloudConfig};
    use turquoise_orchestrator::Instant;

    use super::level::{SharedCloud, Simulated};
    use super::names::{NEW_SIDE, OLD_SIDE};
    use super::*;
    use crate::scenario::Latency;
    use crate::script::{Script, ScriptError, pool_addresses};
    use crate::{generate, published};

    /// The author's four steps on an empty cloud: frontend, green, blue, swap.
    async fn all_four_steps(environment: Simulated<Core>) -> Result<Vec<String>, ScriptError> {
        let config = system::config(&generate::calm(1).topology);
        let target = system::target(&config);
        published::deploy_frontend(&environment, &target, &config).await?;
        for side in [OLD_SIDE, NEW_SIDE] {
            published::deploy_side(&environment, &target, &config, side).await?;
        }
        published::swap(&environment, &target).await?;
        let script = Script::new(&environment, &target, "test");
        let gateway = script.get(&target.gateway).await?;
        Ok(pool_addresses(&gateway, &target.pool).unwrap_or_default())
    }

    #[test]
    fn the_published_script_builds_its_system_from_nothing_and_swaps_it() {
        let topology = generate::calm(1).topology;
        let cloud = SharedCloud::new(Cloud::new(&CloudConfig {
            control_plane: system::control_plane(Azure::Nice),
            data_plane: system::data_plane(&topology, Azure::Nice),
            ..CloudConfig::default()
        }));
        let executor = Executor::new(Seed::new(1));
        let level = Core {
            handle: executor.handle(),
            cloud: cloud.clone(),
        };
        let latency = Latency {
            min_ms: 20,
            max_ms: 200,
        };
        let environment = Simulated::new(level, cloud, Seed::new(1), latency);
        let ended = executor.block_on(Instant(4 * 3_600_000), all_four_steps(environment));
        let members = ended.expect("it ends").expect("no step is refused");
        assert_eq!(members, ["10.0.0.6"]);
    }
}
