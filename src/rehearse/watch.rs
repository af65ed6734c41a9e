//! What is shown and remembered while a rehearsal runs.

use std::cell::RefCell;
use std::net::Ipv4Addr;

use turquoise_emulator::drive::live::GatewayView;
use turquoise_orchestrator::{Config, Instant, Observer, Phase, Progress};
use turquoise_scenarios::clients::live::Stats;

use crate::display::{Display, Scene, Traffic};
use crate::output::Output;
use crate::progress::{event, named, set_pool, side_names, tell};

/// The observer of a rehearsal, and its display.
#[derive(Debug)]
pub(crate) struct Watch {
    output: Output,
    sides: Vec<(Ipv4Addr, String)>,
    inner: RefCell<Inner>,
}

#[derive(Debug)]
struct Inner {
    display: Display,
    scene: Scene,
    marks: Vec<Mark>,
    deployed: Vec<String>,
}

/// A phase was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// When, by the orchestrator's clock.
    pub(crate) at: Instant,
    /// Which.
    pub(crate) phase: Phase,
    /// Whether it was on the way back.
    pub(crate) reverse: bool,
}

impl Watch {
    /// A watch that names sides as the configuration does.
    pub(crate) fn new(output: &Output, config: &Config) -> Self {
        Self {
            output: *output,
            sides: side_names(config),
            inner: RefCell::new(Inner {
                display: Display::new(output.live_display()),
                scene: Scene {
                    // Before the gateway instances, whoever speaks first.
                    pools: vec![("ARM".to_owned(), Vec::new())],
                    ..Scene::default()
                },
                marks: Vec::new(),
                deployed: Vec::new(),
            }),
        }
    }

    /// Something else is being done from now on.
    pub(crate) fn step(&self, step: &str) {
        let mut inner = self.inner.borrow_mut();
        step.clone_into(&mut inner.scene.step);
        inner.scene.waiting.clear();
        inner.show();
    }

    /// Says something that stays.
    pub(crate) fn say(&self, text: &str) {
        self.inner.borrow().display.say(text);
    }

    /// Shows the state of the moment.
    pub(crate) fn refresh(&self, now: Moment<'_>) {
        let mut inner = self.inner.borrow_mut();
        inner.scene.elapsed = now.elapsed;
        inner.scene.cloud = now.cloud;
        for view in now.gateway {
            let members = view
                .members
                .iter()
                .map(|member| self.member(member.address, member.draining, member.healthy))
                .collect();
            set_pool(&mut inner.scene, &format!("#{}", view.instance), members);
        }
        inner.scene.traffic = now.traffic.map(|stats| Traffic {
            sent: stats.sent,
            failed: stats.lost + stats.errors,
            p99_ms: stats.recent_p99_ms,
        });
        inner.show();
    }

    /// Leaves the screen.
    pub(crate) fn finish(&self) {
        self.inner.borrow().display.finish();
    }

    /// Every phase entered so far.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        self.inner.borrow().marks.clone()
    }

    /// Whether a resource of that name is settled.
    pub(crate) fn is_deployed(&self, name: &str) -> bool {
        self.inner
            .borrow()
            .deployed
            .iter()
            .any(|known| known == name)
    }

    fn member(&self, address: Ipv4Addr, draining: bool, healthy: bool) -> String {
        let name = named(&self.sides, address);
        match (draining, healthy) {
            (true, _) => format!("{name} draining"),
            (false, false) => format!("{name} down"),
            (false, true) => name,
        }
    }
}

/// What the display shows of one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    /// Since the rehearsal began, on the wall clock.
    pub(crate) elapsed: std::time::Duration,
    /// Since the cloud began.
    pub(crate) cloud: std::time::Duration,
    /// What each gateway instance dispatches by.
    pub(crate) gateway: &'a [GatewayView],
    /// What traffic saw.
    pub(crate) traffic: Option<&'a Stats>,
}

impl Inner {
    fn show(&mut self) {
        let Self { display, scene, .. } = self;
        if !scene.step.is_empty() {
            display.show(scene);
        }
    }
}

impl Observer for Watch {
    fn on(&self, at: Instant, progress: &Progress) {
        self.output.event(&event(at, progress));
        let mut inner = self.inner.borrow_mut();
        if let Progress::Entered { phase, reverse } = progress {
            inner.marks.push(Mark {
                at,
                phase: *phase,
                reverse: *reverse,
            });
        }
        if let Progress::Deployed { resource, .. } = progress {
            let name = resource.rsplit('/').next().unwrap_or(resource);
            inner.deployed.push(name.to_owned());
        }
        if let Some(text) = tell(&mut inner.scene, progress, &self.sides) {
            inner.display.say(&text);
        }
        inner.show();
    }
}
