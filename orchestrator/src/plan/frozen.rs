//! The frozen plan: what a run will do to which world, as a document that is approved and applied.
//!
//! The `hash` names the content: equal worlds and equal configurations give equal hashes, so an
//! approval in a pull request still fits the plan that a pipeline makes later. The `seal` covers the
//! whole file with its times, so that an edited file is noticed; it is no signature. A plan that the
//! world has left behind, or whose time is up, is refused and never adapted.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use turquoise_arm::ResourceId;

use super::difference::Change;
use crate::journal::hash;
use crate::phase::Phase;

/// What the file says it is.
pub(crate) const FORMAT: &str = "turquoise-plan/1";

/// A plan with its name and its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapPlan {
    /// `turquoise-plan/1`.
    pub format: String,
    /// SHA-256 of the content; what an approval names.
    pub hash: String,
    /// When it was made, on the wall clock.
    pub created_unix_ms: u64,
    /// From when on `apply` refuses it.
    pub expires_unix_ms: u64,
    /// What will be done to which world.
    pub content: PlanContent,
    /// What was looked at while planning; looked at again by the run itself.
    pub checks: Vec<PlanCheck>,
    /// SHA-256 of everything above.
    pub seal: String,
}

/// What will be done to which world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanContent {
    /// Where Azure answers.
    pub endpoint: String,
    /// The gateway.
    pub gateway: ResourceId,
    /// Its etag when the plan was made: any later write of the gateway makes the plan stale.
    pub gateway_etag: String,
    /// The pool that is edited.
    pub pool: String,
    /// SHA-256 of the configuration.
    pub config_sha256: String,
    /// The side that serves.
    pub old: PlannedSide,
    /// The side that is to serve.
    pub new: PlannedSide,
    /// Every write of the way forward, in order.
    pub writes: Vec<PlannedWrite>,
    /// Whom the gateway writes touch besides.
    pub blast: BlastRadius,
    /// Whether the new side can carry the traffic.
    pub capacity: CapacityProof,
    /// How long the old side may still work after its last answer, in seconds.
    pub drain_s: u64,
    /// What going back takes.
    pub rollback: RollbackReadiness,
    /// How long it takes.
    pub time: TimeEstimate,
    /// What blocks it, with what to do; a plan with findings is not applied.
    pub findings: Vec<String>,
}

/// One side as it was planned with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSide {
    /// Its name in the configuration.
    pub name: String,
    /// Its address in the pool.
    pub address: Ipv4Addr,
    /// The image its machines run.
    pub image: Option<String>,
    /// Its scale set's capacity.
    pub instances: u32,
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedWrite {
    /// The phase that sends it.
    pub phase: Phase,
    /// `PUT` or `PATCH`.
    pub method: String,
    /// What is written.
    pub resource: ResourceId,
    /// What for.
    pub purpose: String,
    /// Whether phase P11 takes it back.
    pub restored: bool,
    /// What it changes.
    pub changes: Vec<Change>,
}

/// Whom a gateway write touches besides the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlastRadius {
    /// Other pools of the gateway: their long connections are cut by each write too (F36).
    pub pools: Vec<String>,
    /// The listeners of the gateway.
    pub listeners: Vec<String>,
    /// Connections that outlive this many seconds after a write are cut.
    pub cut_after_s: u64,
}

/// Whether the new side can carry the traffic, counted in instances of the live side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityProof {
    /// Instances per hundred of the live side that the configuration asks for.
    pub percent_of_live: u32,
    /// Instances that the new side must have before it takes traffic.
    pub required: u32,
    /// The highest count that the new side's autoscale allows after pinning; absent without one.
    pub ceiling: Option<u32>,
    /// What each gateway write asks of the new side.
    pub steps: Vec<CapacityStep>,
}

/// What one gateway write asks of the new side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityStep {
    /// The phase of the write.
    pub phase: Phase,
    /// The share of the traffic that the new side gets, per hundred: a gateway splits by member.
    pub share_percent: u32,
    /// Instances of the live side that carry this share now.
    pub needs: u32,
    /// Instances that the new side will have.
    pub has: u32,
}

/// What going back takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackReadiness {
    /// How long the old side stays as it was after the swap, in seconds.
    pub ready_for_s: u64,
    /// The least that its autoscale may leave of it meanwhile.
    pub pinned_minimum: u32,
    /// Typical time until the old side serves alone again, from after the second write, in seconds.
    pub typical_s: u64,
}

/// How long a run takes, without the time that the old side is only retained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeEstimate {
    /// When Azure takes its usual time, in seconds.
    pub typical_s: u64,
    /// When every wait lasts until its ceiling, in seconds.
    pub worst_s: u64,
    /// How long the old side is retained after that, in seconds.
    pub retain_s: u64,
}

/// One look at the world while planning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCheck {
    /// What was looked at.
    pub name: String,
    /// `pass`, `fail` or `unknown`.
    pub verdict: String,
    /// What was seen or what is missing.
    pub detail: String,
}

/// Why a plan is not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanRefusal {
    /// The text is no plan.
    #[error("it is not a plan of this version: {0}")]
    NotAPlan(String),
    /// The text was edited.
    #[error("it was changed after it was made: its seal does not fit")]
    Altered,
    /// Its time is up.
    #[error("it expired {ago_s} s ago")]
    Expired {
        /// Since when.
        ago_s: u64,
    },
    /// It has findings.
    #[error("it has findings: {0}")]
    Blocked(String),
}

impl PlanRefusal {
    /// The process exit code: 64 for what is no plan, 3 for what is blocked, 9 for what is stale.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::NotAPlan(_) => 64,
            Self::Blocked(_) => 3,
            Self::Altered | Self::Expired { .. } => 9,
        }
    }
}

impl SwapPlan {
    /// Freezes a content for so many milliseconds from now on.
    pub(crate) fn freeze(
        content: PlanContent,
        checks: Vec<PlanCheck>,
        now_unix_ms: u64,
        valid_ms: u64,
    ) -> Self {
        let mut plan = Self {
            format: FORMAT.to_owned(),
            hash: content.hash(),
            created_unix_ms: now_unix_ms,
            expires_unix_ms: now_unix_ms.saturating_add(valid_ms),
            content,
            checks,
            seal: String::new(),
        };
        plan.seal = plan.computed_seal();
        plan
    }

    /// Reads a plan file.
    ///
    /// # Errors
    /// When it is no plan, was edited, has expired at `now_unix_ms`, or has findings.
    pub fn open(text: &str, now_unix_ms: u64) -> Result<Self, PlanRefusal> {
        let plan: Self =
            serde_json::from_str(text).map_err(|e| PlanRefusal::NotAPlan(e.to_string()))?;
        if plan.format != FORMAT {
            return Err(PlanRefusal::NotAPlan(format!("format `{}`", plan.format)));
        }
        if plan.seal != plan.computed_seal() || plan.hash != plan.content.hash() {
            return Err(PlanRefusal::Altered);
        }
        if now_unix_ms >= plan.expires_unix_ms {
            let ago_s = (now_unix_ms - plan.expires_unix_ms) / 1_000;
            return Err(PlanRefusal::Expired { ago_s });
        }
        if !plan.content.findings.is_empty() {
            return Err(PlanRefusal::Blocked(plan.content.findings.join("; ")));
        }
        Ok(plan)
    }

    fn computed_seal(&self) -> String {
        let unsealed = Self {
            seal: String::new(),
            ..self.clone()
        };
        hash(&text_of(&unsealed))
    }
}

impl PlanContent {
    pub(crate) fn hash(&self) -> String {
        format!("sha256:{}", hash(&text_of(self)))
    }

    /// What of the world is not as it was planned with, one line each.
    pub(crate) fn moved_to(&self, now: &Self) -> Vec<String> {
        let mut moved = Vec::new();
        let mut unless_same = |what: &str, before: String, after: String| {
            if before != after {
                moved.push(format!("{what} was {before} and is {after}"));
            }
        };
        unless_same("the endpoint", self.endpoint.clone(), now.endpoint.clone());
        unless_same(
            "the configuration",
            short(&self.config_sha256),
            short(&now.config_sha256),
        );
        unless_same("the live side", self.old.name.clone(), now.old.name.clone());
        for (side, then, today) in [
            (&self.old.name, &self.old, &now.old),
            (&self.new.name, &self.new, &now.new),
        ] {
            let image = |side: &PlannedSide| side.image.clone().unwrap_or_default();
            unless_same(&format!("the image of `{side}`"), image(then), image(today));
            let count = |side: &PlannedSide| side.instances.to_string();
            unless_same(
                &format!("the number of instances of `{side}`"),
                count(then),
                count(today),
            );
        }
        unless_same(
            "the gateway's etag",
            self.gateway_etag.clone(),
            now.gateway_etag.clone(),
        );
        if moved.is_empty() && self != now {
            moved.push("what would be written is not the same".to_owned());
        }
        moved
    }
}

fn text_of(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plans are strings, numbers and lists of them")
}

fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}
