//! Lets whoever is rehearsed swap, and retires the old side after our own.

use std::time::Duration;

use turquoise_orchestrator::live::LiveEnvironment;
use turquoise_orchestrator::{Environment, Outcome, Run, Settings, Start, retire, swap};
use turquoise_scenarios::adapter::Azure;
use turquoise_scenarios::published;
use turquoise_scenarios::subject::Subject;
use turquoise_scenarios::target::{Target, TargetSide};

use super::{Stage, Stop, TOKEN, unless_stopped};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::rehearse::evidence::Acted;
use crate::session::owner;

/// After Ctrl-C the orchestrator has this long, in cloud time, to reach a safe point.
const SAFE_POINT_WITHIN: Duration = Duration::from_secs(300);

impl Stage<'_> {
    /// Lets whoever is rehearsed swap.
    pub(super) async fn act(
        &self,
        environment: &LiveEnvironment,
        interrupt: &Interrupt,
    ) -> Result<Acted, Stop> {
        if let Some(program) = &self.plan.program {
            self.watch.step("your program");
            return self.run_program(program, interrupt).await;
        }
        let target = self.target();
        match self.plan.subject {
            Subject::Published => {
                self.watch.step("published script");
                let script = published::swap(environment, &target);
                Ok(Acted::script(unless_stopped(interrupt, script).await?))
            }
            Subject::Own(own) => {
                self.watch.step(own.name());
                let azure = Azure::new(environment, own.name());
                let claim = unless_stopped(interrupt, own.swap(&azure, &target)).await?;
                Ok(Acted::program(claim.end.exit_code, claim.reason))
            }
            Subject::Broken(kind) => {
                self.watch.step(&format!("break {kind}"));
                self.watch
                    .say(&format!("deliberately wrong: {}", kind.explanation()));
                let script = kind.run(environment, &target);
                Ok(Acted::script(unless_stopped(interrupt, script).await?))
            }
            Subject::Turquoise | Subject::Mutant(_) => {
                let settings = settings();
                let run = self.run(environment, &settings);
                let report = tokio::select! {
                    biased;
                    report = swap(&run) => report,
                    // The safe point did not come: the journal has every intent all the same.
                    exit = overstayed(environment, interrupt) => return Err(Stop::Asked(exit, None)),
                };
                match (&report.outcome, interrupt.asked()) {
                    (Outcome::Interrupted, Some(exit)) => {
                        Err(Stop::Asked(exit, Some(Box::new(report))))
                    }
                    _ => Ok(Acted::swap(report)),
                }
            }
        }
    }

    /// The old side gives its machines back, under traffic, after our own swap.
    pub(super) async fn retire(
        &self,
        environment: &LiveEnvironment,
        acted: &Acted,
        interrupt: &Interrupt,
    ) -> Result<(), Stop> {
        if !acted.is_our_success() {
            return Ok(());
        }
        self.watch.step("retire");
        let settings = settings();
        let run = self.run(environment, &settings);
        let report = unless_stopped(interrupt, retire(&run)).await?;
        match report.outcome {
            Outcome::Completed | Outcome::NothingToDo => Ok(()),
            outcome => Err(Stop::Failed(
                Failure::new(
                    Exit::from_code(outcome.exit_code()),
                    format!("the old side was not retired: {}", outcome.name()),
                )
                .next(report.reason),
            )),
        }
    }

    fn run<'r>(
        &'r self,
        environment: &'r LiveEnvironment,
        settings: &'r Settings,
    ) -> Run<'r, LiveEnvironment> {
        Run {
            environment,
            access: &self.access,
            config: &self.config,
            settings,
            journal: &self.store,
            lease: &self.store,
            observer: &self.watch,
        }
    }

    fn target(&self) -> Target {
        let subscription = self.config.target.subscription();
        let side = |name: &str| {
            let side = &self.config.sides[name];
            TargetSide {
                name: name.to_owned(),
                address: side.address,
                scale_set: side.scale_set(subscription, name),
                build: side.image.name().to_ascii_lowercase(),
            }
        };
        let (old, new) = self.sides();
        Target {
            build_header: self.config.identity.header.to_ascii_lowercase(),
            endpoint: self.access.endpoint().to_owned(),
            gateway: self.config.target.gateway.clone(),
            pool: self.config.target.pool.clone(),
            old: side(old),
            new: side(new),
            token: Some(TOKEN.to_owned()),
        }
    }
}

fn settings() -> Settings {
    Settings {
        owner: owner(),
        start: Start::New,
        to: None,
        forfeit_rollback: false,
        approved: None,
    }
}

/// Returns when a stop was asked for and no safe point came.
async fn overstayed(environment: &LiveEnvironment, interrupt: &Interrupt) -> Exit {
    let exit = interrupt.wait().await;
    environment
        .sleep_until(environment.now() + SAFE_POINT_WITHIN)
        .await;
    exit
}
