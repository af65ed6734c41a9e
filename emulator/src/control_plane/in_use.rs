//! Pointers between resources: they must lead somewhere, and what they lead to must stay.

use turquoise_arm::{ArmError, ResourceId};

use super::ControlPlane;
use super::provider::{Write, invalid_reference};
use super::references::{self, Reference};
use super::store::{State, child_of};

impl ControlPlane {
    /// The models that references lead to, each checked.
    pub(super) fn check_references(
        &self,
        provider: usize,
        write: &Write,
    ) -> Result<Vec<Reference>, ArmError> {
        let references = references::collect(&write.id, &write.model)
            .map_err(|text| invalid_reference(&write.id, text))?;
        for reference in &references {
            let own = reference.to.is_within(&write.id);
            let exists = if own {
                child_of(&write.model, &write.id, &reference.to).is_some()
            } else {
                self.store.exists(&reference.to)
            };
            let going = self
                .store
                .holder(&reference.to)
                .is_some_and(|holder| !own && holder.state == State::Deleting);
            if going {
                return Err(not_provisioned(reference));
            }
            if !exists && !self.providers[provider].trusts(reference) {
                return Err(invalid_reference(&reference.from, &reference.to));
            }
        }
        Ok(references)
    }

    /// No child that the model no longer has may be in use elsewhere.
    pub(super) fn check_removed_children(
        &self,
        provider: usize,
        write: &Write,
    ) -> Result<(), ArmError> {
        if write.creates() {
            return Ok(());
        }
        for by in self.store.referrers_within(&write.id) {
            let elsewhere = !by.owner.is_within(&write.id);
            let stored = by.to == write.id || self.store.get(&by.to).is_some();
            if elsewhere && !stored && child_of(&write.model, &write.id, &by.to).is_none() {
                match self.providers[provider].in_use(&by.to, by) {
                    Some(refusal) => return Err(refusal),
                    None => continue,
                }
            }
        }
        Ok(())
    }

    /// Nothing outside the resource may point at it or at its children.
    pub(super) fn check_unused(&self, provider: usize, id: &ResourceId) -> Result<(), ArmError> {
        for by in self.store.referrers_within(id) {
            if by.owner.is_within(id) {
                continue;
            }
            if let Some(refusal) = self.providers[provider].in_use(&by.to, by) {
                return Err(refusal);
            }
        }
        Ok(())
    }
}

fn not_provisioned(reference: &Reference) -> ArmError {
    ArmError::bad_request(
        "ReferencedResourceNotProvisioned",
        format!(
            "Cannot proceed with operation because resource {} used by resource {} is not in \
             Succeeded state. Resource is in Deleting state.",
            reference.to, reference.from
        ),
    )
}
