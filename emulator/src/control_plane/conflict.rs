//! Two writers on one resource: supersede, ask to retry, or refuse (azure-facts.md §3.3, §9.13).

use http::StatusCode;
use turquoise_arm::{ArmError, ErrorBody, ResourceId};

use super::ControlPlane;
use super::config::ConflictMode;
use super::lro::{Dialect, Operation};
use super::provider::{Kind, Outcome, Protocol};
use super::store::{Resource, State};
use crate::reported::Reported;
use crate::time::Instant;

impl ControlPlane {
    /// Refuses a write that meets a deletion, or another write where the knob says so.
    ///
    /// # Errors
    /// 409 or 429.
    pub(super) fn check_conflicts(
        &self,
        kind: &Kind,
        id: &ResourceId,
        held: Option<&Resource>,
    ) -> Result<(), ArmError> {
        if held.is_some_and(|held| held.state == State::Deleting) {
            return Err(being_deleted(kind, id));
        }
        let Some(running) = self.operations.write(id) else {
            return Ok(());
        };
        let running = self.operations.get(running);
        match self.config.conflict_mode {
            ConflictMode::Supersede => Ok(()),
            ConflictMode::Retryable => Err(ArmError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "RetryableError",
                "A retryable error occurred.",
            )
            .with_retry_after(self.config.retry_after)
            .with_detail(ErrorBody::new(
                "RetryableErrorDueToAnotherOperation",
                format!("Operation {} is updating resource {id}.", running.id),
            ))),
            ConflictMode::Refuse => Err(another_operation(running)),
        }
    }

    /// Cancels the write that runs on a resource, because a newer one takes its place
    /// (azure-facts.md §0.2 fact 3, §3.4).
    pub(super) fn supersede(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        id: &ResourceId,
        by: &str,
    ) {
        let Some(number) = self.operations.write(id) else {
            return;
        };
        let running = self.operations.get(number);
        let error = match running.dialect {
            Dialect::Compute => ErrorBody::new(
                "OperationPreempted",
                "Operation execution has been preempted by a more recent operation.",
            ),
            Dialect::Network | Dialect::Group => ErrorBody {
                details: vec![ErrorBody::new(
                    "CanceledAndSupersededDueToAnotherOperation",
                    format!(
                        "Operation {} ({}) was canceled and superseded by operation ({by}).",
                        running.verb, running.id
                    ),
                )],
                ..ErrorBody::new("Canceled", "Operation was canceled.")
            },
        };
        self.finish(now, reported, number, Outcome::Canceled(error));
    }
}

/// 409 for a second writer.
pub(super) fn another_operation(running: &Operation) -> ArmError {
    ArmError::conflict(
        "AnotherOperationInProgress",
        format!(
            "Another operation on this or dependent resource is in progress. To retrieve status \
             of the operation use uri: {}",
            running.document_path()
        ),
    )
}

fn being_deleted(kind: &Kind, id: &ResourceId) -> ArmError {
    match kind.protocol {
        Protocol::Compute => ArmError::conflict(
            "OperationNotAllowed",
            format!(
                "Operation 'PUT' is not allowed on '{}' since it is marked for deletion. You can \
                 only retry the Delete operation (or wait for an ongoing one to complete).",
                id.name()
            ),
        ),
        Protocol::Network | Protocol::Synchronous => ArmError::conflict(
            "AnotherOperationInProgress",
            format!("Another operation on resource {id} is in progress: it is being deleted."),
        ),
    }
}
