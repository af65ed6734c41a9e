//! A scale set instance as the data plane runs it: machine, application, queue and meter.

use std::sync::Arc;
use std::time::Duration;

use super::application::Application;
use super::busy_meter::BusyMeter;
use super::instance_view::{InstanceState, InstanceView};
use super::probe::ProbeId;
use super::work_queue::WorkQueue;
use crate::desired::InstanceSpec;
use crate::faults::Sickness;
use crate::ledger::Build;
use crate::reported::Power;
use crate::time::Instant;

/// Where an instance stands on its way to serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Removed; its slot may be taken by an instance of the same key.
    Gone,
    /// Stopped or killed.
    Stopped,
    /// The machine boots; nothing answers.
    Booting,
    /// The machine runs and the application starts; connections are refused.
    Starting,
    /// The application accepts and answers 503.
    WarmingUp,
    /// The application does its work.
    Ready,
}

/// One instance.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) spec: InstanceSpec,
    pub(crate) stage: Stage,
    pub(crate) view: Arc<InstanceView>,
    pub(crate) queue: WorkQueue,
    pub(crate) meter: BusyMeter,
    /// Requests accepted and not finished, as the live drive tells; simulated traffic knows its own.
    pub(crate) in_flight: u64,
    /// Grows whenever the flows to it break: connections of an earlier epoch are dead.
    pub(crate) flow_epoch: u32,
    /// When the machine came up, for the share of time it was busy.
    pub(crate) running_since: Instant,
    /// The health extension's probes.
    pub(crate) extension: Option<ProbeId>,
    /// Whether health checks passed and requests were answered well when an event last told.
    pub(crate) told_health: (bool, bool),
    /// When the application accepts, and when it is ready.
    listening_at: Instant,
    ready_at: Instant,
}

impl Machine {
    /// A machine that boots, in its `incarnation`-th life; the application starts once it is up.
    pub(crate) fn boot(
        spec: InstanceSpec,
        application: Arc<Application>,
        (build, reports): (Build, Build),
        incarnation: u32,
    ) -> Self {
        let view = InstanceView {
            key: spec.key.clone(),
            address: spec.address,
            incarnation,
            sickness: application.sickness,
            build,
            reports,
            state: InstanceState::NotListening,
            ready: false,
            application,
        };
        Self {
            queue: WorkQueue::new(view.application.workers, view.application.queue),
            listening_at: spec.provisioned_at,
            ready_at: spec.provisioned_at,
            running_since: spec.provisioned_at,
            spec,
            stage: Stage::Booting,
            view: Arc::new(view),
            meter: BusyMeter::default(),
            in_flight: 0,
            flow_epoch: incarnation,
            extension: None,
            told_health: (false, false),
        }
    }

    /// The machine is up and starts the application, which takes `startup`, and then `extra` longer
    /// than usual to warm up.
    pub(crate) fn start(&mut self, now: Instant, startup: Duration, extra: Duration) {
        self.listening_at = now + startup;
        self.ready_at = self.listening_at + self.view.application.warm_up + extra;
        self.running_since = now;
        self.enter(Stage::Starting);
    }

    /// When the stage next changes by itself.
    pub(crate) fn next_step(&self) -> Option<Instant> {
        match self.stage {
            Stage::Booting => Some(self.spec.provisioned_at),
            Stage::Starting => Some(self.listening_at),
            Stage::WarmingUp => Some(self.ready_at),
            Stage::Gone | Stage::Stopped | Stage::Ready => None,
        }
    }

    /// Whether the application has nothing more to wait for once it listens.
    pub(crate) fn is_warm_at_once(&self) -> bool {
        self.ready_at == self.listening_at
    }

    /// Goes on with another application, of a build that it is and one that it names.
    pub(crate) fn run(&mut self, application: Arc<Application>, (build, reports): (Build, Build)) {
        self.queue = WorkQueue::new(application.workers, application.queue);
        let sickness = application.sickness;
        let view = Arc::make_mut(&mut self.view);
        view.application = application;
        (view.build, view.reports) = (build, reports);
        self.refresh(sickness);
    }

    /// Enters a stage.
    pub(crate) fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.refresh(self.view.sickness);
    }

    /// Sets how it misbehaves; its build's own sickness when no fault says otherwise.
    pub(crate) fn set_sickness(&mut self, fault: Option<Sickness>) -> bool {
        let sickness = fault.or(self.view.application.sickness);
        let changes = sickness != self.view.sickness;
        if changes {
            self.refresh(sickness);
        }
        changes
    }

    /// Ends this life: flows of it are dead, and the next one begins with an empty queue.
    pub(crate) fn end_life(&mut self, stage: Stage) {
        let view = Arc::make_mut(&mut self.view);
        view.incarnation += 1;
        self.flow_epoch += 1;
        self.queue = WorkQueue::new(view.application.workers, view.application.queue);
        self.in_flight = 0;
        self.told_health = (false, false);
        self.enter(stage);
    }

    /// Whether the machine exists for the platform.
    pub(crate) fn exists(&self) -> bool {
        self.stage != Stage::Gone
    }

    /// Whether boot and extensions are done.
    pub(crate) fn provisioned(&self) -> bool {
        self.stage >= Stage::Starting
    }

    /// The machine's power state.
    pub(crate) fn power(&self) -> Power {
        match self.stage {
            Stage::Gone | Stage::Stopped => Power::Stopped,
            Stage::Booting => Power::Starting,
            Stage::Starting | Stage::WarmingUp | Stage::Ready => Power::Running,
        }
    }

    fn refresh(&mut self, sickness: Option<Sickness>) {
        let state = match (self.stage, sickness) {
            (Stage::Gone | Stage::Stopped | Stage::Booting, _) => InstanceState::NotListening,
            (Stage::Starting, _) | (_, Some(Sickness::Refuses)) => InstanceState::Refusing,
            (_, Some(Sickness::Hangs)) => InstanceState::Hanging,
            (Stage::WarmingUp | Stage::Ready, _) => InstanceState::Serving,
        };
        let view = Arc::make_mut(&mut self.view);
        view.state = state;
        view.ready = self.stage == Stage::Ready;
        view.sickness = sickness;
    }
}
