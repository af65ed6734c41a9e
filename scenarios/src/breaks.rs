//! Swaps that lose requests on purpose, so that a newcomer sees that the check can fail.
//!
//! Each is a short script over the same seam as the real orchestrator, for live rehearsals as well
//! as simulations: [`Break::run`]. All of them end in success by their own account, as the scripts
//! they stand for did.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use turquoise_orchestrator::Environment;

use crate::script::{Script, ScriptError, set_pool};
use crate::target::Target;

/// The name under which these scripts appear in events.
pub const CALLER: &str = "break-script";
/// The name of the foreign writer of [`Break::PutRace`].
pub const FOREIGN_CALLER: &str = "foreign-pipeline";

/// Both sides serve for this long in the scripts that overlap: two windows of the slowest
/// recommended gateway probe (5 s × 2, azure-facts.md §8) and some more.
const OVERLAP: Duration = Duration::from_secs(30);

/// A way to lose requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Break {
    /// Re-point the pool from old to new in one write, to a side that starts only then (F01, F54).
    NoOverlap,
    /// Overlap properly, then delete the old scale set as soon as the second write is accepted
    /// (F34, F37).
    NoDrain,
    /// Swap to a side whose machines have crashed, without looking (F02, F03).
    SickSide,
    /// After the second write another pipeline puts its stale copy back; then the old side is
    /// deleted (F58, F59).
    PutRace,
}

/// A name that is none of the kinds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no way to break a swap; known are `no-overlap`, `no-drain`, `sick-side`, `put-race`"
)]
pub struct UnknownBreak(String);

impl Break {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 4] = [
        Self::NoOverlap,
        Self::NoDrain,
        Self::SickSide,
        Self::PutRace,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoOverlap => "no-overlap",
            Self::NoDrain => "no-drain",
            Self::SickSide => "sick-side",
            Self::PutRace => "put-race",
        }
    }

    /// What goes wrong, for help texts and reports.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::NoOverlap => {
                "the pool is re-pointed in one write to a side that has not started yet"
            }
            Self::NoDrain => {
                "the old side is deleted as soon as the second write is accepted, with requests in \
                 flight and gateway instances that have not applied it yet"
            }
            Self::SickSide => "the new side's machines are down and no gate looked",
            Self::PutRace => {
                "another pipeline puts its stale copy of the gateway back, so that the pool leads \
                 to the old side, which is then deleted"
            }
        }
    }

    /// Runs the swap that loses requests.
    ///
    /// # Errors
    /// `ScriptError` when Azure refuses a step: then nothing was shown.
    pub async fn run(self, env: &impl Environment, target: &Target) -> Result<(), ScriptError> {
        let script = Script::new(env, target, CALLER);
        match self {
            Self::NoOverlap => no_overlap(&script, target).await,
            Self::NoDrain => no_drain(&script, target).await,
            Self::SickSide => sick_side(&script, target).await,
            Self::PutRace => put_race(&script, env, target).await,
        }
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Break {
    type Err = UnknownBreak;

    fn from_str(text: &str) -> Result<Self, UnknownBreak> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| UnknownBreak(text.to_owned()))
    }
}

async fn no_overlap<E: Environment>(
    script: &Script<'_, E>,
    target: &Target,
) -> Result<(), ScriptError> {
    let cold = script.power_off(&target.new.scale_set).await?;
    script.finish(cold).await?;
    let gateway = with_pool(script, target, &[new(target)]).await?;
    script.put(&target.gateway, &gateway).await?;
    let start = script.start(&target.new.scale_set).await?;
    script.finish(start).await?;
    script.sleep(OVERLAP).await;
    Ok(())
}

async fn no_drain<E: Environment>(
    script: &Script<'_, E>,
    target: &Target,
) -> Result<(), ScriptError> {
    overlap(script, target).await?;
    let gateway = with_pool(script, target, &[new(target)]).await?;
    let write = script.begin_put(&target.gateway, &gateway).await?;
    // The machines are switched off before the deletion, which alone would take its minutes.
    script.power_off(&target.old.scale_set).await?;
    let gone = script.begin_delete(&target.old.scale_set).await?;
    script.finish(write).await?;
    script.finish(gone).await
}

async fn sick_side<E: Environment>(
    script: &Script<'_, E>,
    target: &Target,
) -> Result<(), ScriptError> {
    let crash = script.power_off(&target.new.scale_set).await?;
    script.finish(crash).await?;
    overlap(script, target).await?;
    let gateway = with_pool(script, target, &[new(target)]).await?;
    script.put(&target.gateway, &gateway).await?;
    script.sleep(OVERLAP).await;
    Ok(())
}

async fn put_race<E: Environment>(
    script: &Script<'_, E>,
    env: &E,
    target: &Target,
) -> Result<(), ScriptError> {
    let foreign = Script::new(env, target, FOREIGN_CALLER);
    let stale = foreign.get(&target.gateway).await?;
    overlap(script, target).await?;
    let gateway = with_pool(script, target, &[new(target)]).await?;
    script.put(&target.gateway, &gateway).await?;
    foreign.put(&target.gateway, &stale).await?;
    script.power_off(&target.old.scale_set).await?;
    let gone = script.begin_delete(&target.old.scale_set).await?;
    script.finish(gone).await
}

/// The first half of a proper swap: both sides in the pool, for a while.
async fn overlap<E: Environment>(
    script: &Script<'_, E>,
    target: &Target,
) -> Result<(), ScriptError> {
    let gateway = with_pool(script, target, &[old(target), new(target)]).await?;
    script.put(&target.gateway, &gateway).await?;
    script.sleep(OVERLAP).await;
    Ok(())
}

async fn with_pool<E: Environment>(
    script: &Script<'_, E>,
    target: &Target,
    addresses: &[String],
) -> Result<Value, ScriptError> {
    let mut gateway = script.get(&target.gateway).await?;
    if set_pool(&mut gateway, &target.pool, addresses) {
        return Ok(gateway);
    }
    Err(ScriptError::Document {
        what: format!("editing `{}`", target.gateway.name()),
        member: "backend address pool",
    })
}

fn old(target: &Target) -> String {
    target.old.address.to_string()
}

fn new(target: &Target) -> String {
    target.new.address.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_and_no_other() {
        for kind in Break::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        let unknown = "no-such".parse::<Break>().expect_err("not a kind");
        for kind in Break::ALL {
            assert!(unknown.to_string().contains(kind.name()));
        }
    }
}
