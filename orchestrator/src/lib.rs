//! Deploys the frontend, green and blue groups and swaps them without losing a request.
//!
//! Decisions are pure; effects go through one seam, the [`Environment`]. Nothing here knows whether
//! the answers come from the emulator or from Azure. Read [`Config`], then [`Run`], then [`swap()`].

pub mod config;
pub mod environment;
pub mod live;

mod access;
mod arm_client;
mod control;
mod credential;
mod deploy;
#[cfg(test)]
mod fake;
mod gates;
mod journal;
mod lease;
mod observer;
mod phase;
mod plan;
mod report;
mod role;
mod run;
mod swap;
mod view;

pub use access::{Access, StaticToken, TokenError, TokenSource};
pub use arm_client::ArmFailure;
pub use config::{Config, ConfigError};
pub use control::{Ask, Asked, Request, ask, break_lease};
pub use credential::{
    Authority, Certificate, CertificateError, Credential, Identity, TokenCommand,
};
pub use deploy::{
    Change, DeployError, DeployInputs, DeployReport, Deployed, Part, Pkcs12, SideTemplate, deploy,
    read_templates,
};
pub use environment::{Environment, Instant};
pub use gates::HookAnswer;
pub use journal::{
    FileStore, InvalidRunId, JournalStore, MemoryStore, RunId, SharedStore, StoreError,
};
pub use lease::{Lease, LeaseStore, Version};
pub use live::LiveEnvironment;
pub use observer::{Observer, Progress, SeenBuild};
pub use phase::Phase;
pub use plan::{
    BlastRadius, CapacityProof, CapacityStep, PlanCheck, PlanContent, PlanRefusal, PlannedChange,
    PlannedSide, PlannedWrite, RollbackReadiness, SwapPlan, TimeEstimate,
};
pub use report::{
    GatewayWrite, MemberStatus, Outcome, PhaseReport, PoolReport, RunStatus, SideReport,
    SideStatus, StatusReport, SwapReport,
};
pub use role::Duty;
pub use run::{Approved, Run, Settings, Start};
pub use swap::{
    DoctorCheck, GcReport, Gravity, Planning, RunHistory, abort, doctor, gc, history,
    journal_lines, plan, resume, retire, rollback, status, swap,
};

/// An error with its causes in one line, outermost first.
fn error_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
