//! Who is on stage: orchestrators with all their processes, actors beside them, orders from outside.
//!
//! The [`Director`] turns a scenario into futures and runs none of them: each level runs them in its
//! own way. An orchestrator is a chain of processes: when one dies or is stopped, the scenario says
//! who goes on, when, and with which words.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use turquoise_emulator::Seed;
use turquoise_orchestrator::{Config, Instant, RunId, Settings, Start};

use super::actors::{Acting, fault};
use super::core::cloud_time;
use super::foreign::WithForeign;
use super::level::{Level, SharedCloud, Simulated};
use super::lifeline::{Life, Lifeline};
use super::mortal::Mortal;
use super::notebook::Notebook;
use super::play::{Ended, Part, play};
use super::stage::Stage;
use super::stores::{Reached, Shelf};
use super::tokens::Tokens;
use crate::mutants::{Begin, Interference, Verb as Deed};
use crate::observation::{Ending, FROZEN_ON_THE_WAY, Outcome, Process};
use crate::scenario::{Act, Actor, Crash, Goal, Pause, Scenario, Second, Verb, Want};
use crate::subject::Subject;
use crate::target::Target;

/// How often an operator tries again whose process found the lease held or the store away.
const OPERATOR_TRIES: u32 = 5;
/// How long an operator waits between two tries.
const OPERATOR_PAUSE: Duration = Duration::from_secs(120);
/// The exit codes after which trying again helps: refused by the store, lease held.
const WORTH_TRYING_AGAIN: [u8; 2] = [3, 8];

/// Directs one scenario on one level.
pub(super) struct Director<L> {
    level: Rc<L>,
    cloud: SharedCloud,
    scenario: Rc<Scenario>,
    subject: Subject,
    config: Rc<Config>,
    target: Target,
    swap_start: Instant,
    seed: Seed,
    notebook: Notebook,
    shelves: BTreeMap<u16, Rc<Shelf>>,
    interference: Option<Rc<dyn Interference>>,
    /// Gateway writes of the scenario's own orchestrator, over all its processes.
    writes: Rc<Cell<u32>>,
}

/// Everyone who acts in a scenario.
pub(super) struct Cast {
    /// The run ends when all of these have.
    pub(super) orchestrators: Vec<LocalBoxFuture<'static, ()>>,
    /// These act beside them, and are cut off at the end.
    pub(super) others: Vec<LocalBoxFuture<'static, ()>>,
}

/// One process to be started.
#[derive(Clone, Copy)]
struct Beginning<'a> {
    orchestrator: u16,
    store: u16,
    goal: Goal,
    verb: Verb,
    /// The process it takes over from.
    after: Option<u16>,
    crash: Option<&'a Crash>,
    pause: Option<&'a Pause>,
}

impl<L: Level + 'static> Director<L> {
    pub(super) fn new(stage: &Stage, level: L) -> Rc<Self> {
        let scenario = Rc::new(stage.scenario.clone());
        let mut config = stage.config.clone();
        let interference = match stage.subject {
            Subject::Mutant(mutant) => {
                mutant.configure(&mut config);
                Some(mutant.interference())
            }
            _ => None,
        };
        let stores = (0..).take(1 + seconds(&scenario).count());
        let shelves = stores.map(|number| (number, Rc::new(Shelf::new(number, &scenario))));
        Rc::new(Self {
            level: Rc::new(level),
            cloud: stage.cloud.clone(),
            subject: stage.subject,
            config: Rc::new(config),
            target: stage.target.clone(),
            swap_start: stage.swap_start,
            seed: Seed::new(scenario.seed).child("orchestrator"),
            notebook: stage.notebook.clone(),
            shelves: shelves.collect(),
            interference,
            writes: Rc::default(),
            scenario,
        })
    }

    /// Everyone, ready to be run.
    pub(super) fn cast(self: &Rc<Self>) -> Cast {
        let own = Beginning {
            orchestrator: 0,
            store: 0,
            goal: Goal::Idle,
            verb: Verb::Swap,
            after: None,
            crash: None,
            pause: None,
        };
        let mut orchestrators = vec![Rc::clone(self).chain(0, own).boxed_local()];
        for (number, (at_ms, second)) in (1..).zip(seconds(&self.scenario)) {
            let start = Beginning {
                orchestrator: number,
                store: if second.shares_stores { 0 } else { number },
                goal: second.to,
                verb: second.verb,
                ..own
            };
            orchestrators.push(Rc::clone(self).chain(at_ms, start).boxed_local());
        }
        for order in &self.scenario.orders {
            if order.want == Want::Rollback {
                let start = Beginning {
                    verb: Verb::Rollback,
                    ..own
                };
                let rollback = Rc::clone(self).roll_back(order.at_ms, start);
                orchestrators.push(rollback.boxed_local());
            }
        }
        let actors = self.scenario.actors.iter().enumerate();
        let others = actors.filter_map(|(index, actor)| self.other(index, actor));
        Cast {
            orchestrators,
            others: others.collect(),
        }
    }

    /// The run that holds the lease of the scenario's own orchestrator.
    pub(super) fn lease_holder(&self) -> String {
        self.shelves[&0].holder()
    }

    fn other(&self, index: usize, actor: &Actor) -> Option<LocalBoxFuture<'static, ()>> {
        if matches!(actor.act, Act::Orchestrator(_)) {
            return None;
        }
        let at = self.swap_start + Duration::from_millis(actor.at_ms);
        let (notebook, name) = (self.notebook.clone(), actor.act.name());
        if fault(&actor.act).is_some() {
            let level = Rc::clone(&self.level);
            let told = async move {
                level.sleep_until(at).await;
                notebook.happened(cloud_time(at), name);
            };
            return Some(told.boxed_local());
        }
        let seed = Seed::new(self.scenario.seed)
            .child("actor")
            .at(index as u64);
        let acting = Acting {
            environment: self.environment(seed),
            actor: actor.clone(),
            config: Rc::clone(&self.config),
            target: self.target.clone(),
            swap_start: self.swap_start,
            notebook,
        };
        Some(acting.act().boxed_local())
    }

    fn environment(&self, seed: Seed) -> Simulated<Rc<L>> {
        let level = Rc::clone(&self.level);
        Simulated::new(level, self.cloud.clone(), seed, self.scenario.latency)
    }

    async fn sleep(&self, span: Duration) {
        self.level.sleep_until(self.level.now() + span).await;
    }

    /// One orchestrator with all its processes.
    async fn chain(self: Rc<Self>, at_ms: u64, first: Beginning<'_>) {
        self.level
            .sleep_until(self.swap_start + Duration::from_millis(at_ms))
            .await;
        if first.orchestrator > 0 {
            self.notebook
                .happened(cloud_time(self.level.now()), "orchestrator");
        }
        let ours = first.orchestrator;
        let mut crashes = self.scenario.crashes.iter();
        let mut pauses = self.scenario.pauses.iter();
        let (mut start, mut tries) = (first, 0);
        start.pause = pauses.find(|pause| pause.orchestrator == ours);
        loop {
            start.crash = crashes.find(|crash| crash.orchestrator == ours);
            let began = self.level.now();
            let (number, ending) = self.process(start).await;
            let Some((wait, verb)) = self.next(start, began, ending, &mut tries) else {
                return;
            };
            self.sleep(wait).await;
            start = Beginning {
                verb,
                after: Some(start.after.filter(|_| is_refusal(ending)).unwrap_or(number)),
                pause: None,
                ..start
            };
        }
    }

    /// Who goes on after a process, and when.
    fn next(
        &self,
        start: Beginning<'_>,
        began: Instant,
        ending: Ending,
        tries: &mut u32,
    ) -> Option<(Duration, Verb)> {
        match ending {
            Ending::Crashed(_) => {
                let crash = start.crash?;
                Some((Duration::from_millis(crash.down_ms), crash.then?))
            }
            Ending::Exited {
                outcome: Outcome::Interrupted,
                ..
            } if start.orchestrator == 0 => self.after_order(began),
            _ if is_refusal(ending) && start.after.is_some() && *tries < OPERATOR_TRIES => {
                *tries += 1;
                Some((OPERATOR_PAUSE, start.verb))
            }
            _ => None,
        }
    }

    /// What follows once a process that lived since `began` has obeyed an order to stop.
    fn after_order(&self, began: Instant) -> Option<(Duration, Verb)> {
        let since = |at: Instant| at.0.saturating_sub(self.swap_start.0);
        let lived = since(began)..=since(self.level.now());
        let mut orders = self.scenario.orders.iter().rev();
        orders.find_map(|order| match order.want {
            _ if !lived.contains(&order.at_ms) => None,
            Want::Interrupt { resume_after_ms } => {
                let wait = Duration::from_millis(resume_after_ms?);
                Some((wait, Verb::ResumeLast))
            }
            Want::Abort => Some((Duration::from_secs(5), Verb::Rollback)),
            Want::Rollback => None,
        })
    }

    /// A second process that is to bring the old side back, whoever else runs.
    async fn roll_back(self: Rc<Self>, at_ms: u64, start: Beginning<'_>) {
        self.level
            .sleep_until(self.swap_start + Duration::from_millis(at_ms))
            .await;
        for _ in 0..=OPERATOR_TRIES {
            let (_, ending) = self.process(start).await;
            if !is_refusal(ending) {
                return;
            }
            self.sleep(OPERATOR_PAUSE).await;
        }
    }

    /// Starts one process, and lets it live to its end.
    async fn process(&self, start: Beginning<'_>) -> (u16, Ending) {
        let started = self.level.now();
        let number = self.notebook.begin(Process {
            orchestrator: start.orchestrator,
            machine: self.notebook.next_process(),
            store: start.store,
            verb: start.verb,
            started: cloud_time(started),
            ended: None,
            ending: Ending::Running,
            reason: String::new(),
        });
        let lifeline = Rc::new(Lifeline::new(start.crash, start.pause));
        let played = self.played(start, number, started, &lifeline);
        let told = || {
            let at = cloud_time(self.level.now());
            self.notebook.happened(at, "pause");
            if start.pause.is_some_and(Pause::is_on_the_way) {
                self.notebook.happened(at, FROZEN_ON_THE_WAY);
            }
        };
        let life = lifeline
            .live(&*self.level, self.swap_start, played, told)
            .await;
        let at = cloud_time(self.level.now());
        let ending = match life {
            Life::Ended(ended) => {
                self.notebook.exited(number, at, &ended);
                Ending::Exited {
                    exit_code: ended.end.exit_code,
                    outcome: ended.end.outcome,
                }
            }
            Life::Crashed(point) => {
                let ending = Ending::Crashed(point);
                self.notebook.died(number, at, ending);
                ending
            }
        };
        (number, ending)
    }

    /// The process's own work.
    fn played(
        &self,
        start: Beginning<'_>,
        number: u16,
        started: Instant,
        lifeline: &Rc<Lifeline>,
    ) -> impl Future<Output = Ended> {
        let seed = match number {
            0 => self.seed,
            _ => self.seed.child("process").at(u64::from(number)),
        };
        let foreign = match start.orchestrator {
            0 => self.scenario.foreign.clone(),
            _ => Vec::new(),
        };
        let environment = Mortal {
            inner: WithForeign::new(
                self.environment(seed),
                self.target.clone(),
                foreign,
                Rc::clone(&self.writes),
            ),
            lifeline: Rc::clone(lifeline),
            scenario: Rc::clone(&self.scenario),
            swap_start: self.swap_start,
            started,
            orchestrator: start.orchestrator,
            process: number,
        };
        let store = Reached {
            shelf: Rc::clone(&self.shelves[&start.store]),
            level: Rc::clone(&self.level),
            scenario: Rc::clone(&self.scenario),
            swap_start: self.swap_start,
            notebook: self.notebook.clone(),
            lifeline: Rc::clone(lifeline),
            process: number,
        };
        let tokens = Tokens::new(
            Rc::clone(&self.level),
            self.scenario.identity.clone(),
            self.swap_start,
            self.notebook.clone(),
        );
        let part = Part {
            subject: self.subject,
            config: Rc::clone(&self.config),
            target: self.target.clone(),
            interference: self.interference.clone(),
            process: number,
            begin: self.begin(start, number),
            watch: self.notebook.watch(number, start.verb),
        };
        play(environment, store, tokens, part)
    }

    fn begin(&self, start: Beginning<'_>, number: u16) -> Begin {
        let run = start.after.and_then(|after| self.notebook.run_of(after));
        let run = run.and_then(|run| RunId::parse(&run).ok());
        let owner = match number {
            0 => "scenario".to_owned(),
            _ => format!("scenario-{number}"),
        };
        Begin {
            verb: match start.verb {
                Verb::Rollback => Deed::Rollback,
                Verb::Swap | Verb::Resume | Verb::ResumeLast => Deed::Swap,
            },
            settings: Settings {
                owner,
                start: match (start.verb, run) {
                    (Verb::Resume, Some(run)) => Start::Resume(run),
                    (Verb::ResumeLast, _) => Start::ResumeLast,
                    // Where nothing was written down there is nothing to name: a new run.
                    _ => Start::New,
                },
                to: match start.goal {
                    Goal::New => Some(self.target.new.name.clone()),
                    Goal::Old => Some(self.target.old.name.clone()),
                    Goal::Idle => None,
                },
                ..Settings::default()
            },
        }
    }
}

/// Every orchestrator beside the scenario's own, with its beginning.
fn seconds(scenario: &Scenario) -> impl Iterator<Item = (u64, &Second)> {
    scenario.actors.iter().filter_map(|actor| match &actor.act {
        Act::Orchestrator(second) => Some((actor.at_ms, second)),
        _ => None,
    })
}

/// Whether a process was turned away before it did anything.
fn is_refusal(ending: Ending) -> bool {
    matches!(ending, Ending::Exited { exit_code, outcome: Outcome::Unchanged }
        if WORTH_TRYING_AGAIN.contains(&exit_code))
}
