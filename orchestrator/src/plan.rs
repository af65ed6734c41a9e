//! Observe, then plan: who is live, what will be written, what could block the way.
//!
//! Pure. The direction comes from the live pool and from nothing else: never from tags, names or
//! the last run (F88). A plan is complete and printable before anything is touched; frozen, it is a
//! document that is approved and applied ([`SwapPlan`]).

mod difference;
mod direction;
mod freeze;
mod frozen;
mod preflight;

pub use difference::Change as PlannedChange;
pub(crate) use direction::{Direction, Member, Sides, content, direction};
pub(crate) use freeze::{WholeWorld, content as frozen_content};
pub use frozen::{
    BlastRadius, CapacityProof, CapacityStep, PlanCheck, PlanContent, PlanRefusal, PlannedSide,
    PlannedWrite, RollbackReadiness, SwapPlan, TimeEstimate,
};
pub(crate) use preflight::{Plan, SideWorld, World, drain_wait, plan, public_ip};
