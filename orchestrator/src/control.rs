//! What someone asks of a run that another process drives: to pause or to go back.
//!
//! A request lies beside the lease, names its run, and stays there: a run whose process dies before
//! it has heard hears it when it is resumed. A driven run looks every few seconds and obeys at its
//! next safe point, where it would also stop for Ctrl-C.

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::journal::{RunId, StoreError};
use crate::lease::Lease;
use crate::run::Run;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Of which run.
    pub run: RunId,
    /// What is asked.
    pub ask: Ask,
    /// Who asks: user and host.
    pub by: String,
    /// Why, for whoever reads the journal.
    pub reason: String,
    /// When, on the wall clock.
    pub unix_ms: u64,
}

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// To stop at the next safe point; `resume` goes on.
    Pause,
    /// To bring the old side back.
    Abort,
    /// Nothing any more.
    GoOn,
}

/// Who hears a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// This holder of the lease does, within seconds.
    Heard(Lease),
    /// No process drives the unfinished run.
    NobodyDrives(RunId),
    /// No run is unfinished.
    NothingOpen,
}

/// Asks the run that is being driven; tells when there is none.
///
/// # Errors
/// When the store cannot be used.
pub async fn ask<E: Environment>(
    run: &Run<'_, E>,
    ask: Ask,
    reason: &str,
) -> Result<Asked, StoreError> {
    let unix_ms = run.environment.unix_millis();
    if let Some((_, lease)) = run.lease.read().await?
        && lease.is_alive(unix_ms)
        && let Ok(id) = RunId::parse(&lease.run)
    {
        let request = Request {
            run: id,
            ask,
            by: run.settings.owner.clone(),
            reason: reason.to_owned(),
            unix_ms,
        };
        run.lease.ask(&request).await?;
        return Ok(Asked::Heard(lease));
    }
    let last = crate::swap::last_run(run.journal).await;
    Ok(match last {
        Ok(Some((id, recovered))) if recovered.is_open() => Asked::NobodyDrives(id),
        _ => Asked::NothingOpen,
    })
}

/// Takes the lease away from whoever holds it. The epoch grows, so the old holder sees that it lost
/// and writes nothing any more. Gives back what was broken; `None` when nobody held it.
///
/// # Errors
/// When the store cannot be used, or the holder renewed meanwhile: then it lives.
pub async fn break_lease<E: Environment>(
    run: &Run<'_, E>,
    reason: &str,
) -> Result<Option<Lease>, StoreError> {
    let Some((version, lease)) = run.lease.read().await? else {
        return Ok(None);
    };
    if lease.is_released() {
        return Ok(None);
    }
    let broken = Lease {
        owner: format!("broken by {}: {reason}", run.settings.owner),
        run: String::new(),
        epoch: lease.epoch + 1,
        beat: 0,
        renewed_unix_ms: run.environment.unix_millis(),
        ..lease.clone()
    };
    run.lease.put(Some(&version), &broken).await?;
    Ok(Some(lease))
}
