//! Etags: how they are made, and what `If-Match` and `If-None-Match` demand of them.

use http::StatusCode;
use turquoise_arm::{ArmError, ErrorBody, ResourceId};

use super::provider::Etags;
use super::{ControlPlane, Turn, clock};

impl ControlPlane {
    /// The etag of a resource's next state.
    pub(super) fn next_etag(&mut self, etags: Etags, version: u64) -> String {
        match etags {
            Etags::WeakGuid => {
                self.etags += 1;
                format!(
                    "W/\"{}\"",
                    clock::guid(self.seed.child("etags").at(self.etags))
                )
            }
            Etags::Guid => {
                self.etags += 1;
                clock::guid(self.seed.child("etags").at(self.etags))
            }
            Etags::Counter => format!("\"{version}\""),
            Etags::None => String::new(),
        }
    }

    /// `If-Match` and `If-None-Match` (azure-facts.md §3.2).
    pub(super) fn check_preconditions(
        &self,
        turn: Turn<'_>,
        id: &ResourceId,
    ) -> Result<(), ArmError> {
        if !self.config.enforce_if_match {
            return Ok(());
        }
        let etag = self.store.get(id).map(|resource| resource.etag.as_str());
        if etag == Some("") {
            // Types without etags ignore the headers.
            return Ok(());
        }
        if let Some(given) = turn.request.header("if-match") {
            let matches = etag.is_some_and(|etag| given == "*" || same_etag(given, etag));
            if !matches {
                return Err(etag_mismatch("if-match", given, etag, id));
            }
        }
        if let Some(given) = turn.request.header("if-none-match") {
            let matches = etag.is_some_and(|etag| given == "*" || same_etag(given, etag));
            if matches {
                return Err(etag_mismatch("if-none-match", given, etag, id));
            }
        }
        Ok(())
    }
}

/// Etags compare by their quoted text; a weak mark on either side does not matter (knob row 15).
fn same_etag(given: &str, held: &str) -> bool {
    let bare = |etag: &str| {
        let etag = etag.trim();
        etag.strip_prefix("W/")
            .unwrap_or(etag)
            .trim_matches('"')
            .to_owned()
    };
    !held.is_empty() && bare(given) == bare(held)
}

fn etag_mismatch(header: &str, given: &str, held: Option<&str>, id: &ResourceId) -> ArmError {
    let held = held.unwrap_or("");
    ArmError::new(
        StatusCode::PRECONDITION_FAILED,
        "PreconditionFailed",
        "Precondition failed.",
    )
    .with_detail(ErrorBody::new(
        "PreconditionFailedEtagMismatch",
        format!(
            "Etag provided in {header} header {given} does not match etag {held} of resource {id} \
             in NRP data store."
        ),
    ))
}
