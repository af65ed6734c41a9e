//! Complete mode: what the template does not name goes.

use std::collections::BTreeSet;

use turquoise_arm::{ArmError, ErrorBody, ResourceId};

use super::{Deployment, End};
use crate::control_plane::ControlPlane;
use crate::control_plane::store::State;
use crate::reported::Reported;
use crate::time::Instant;

impl ControlPlane {
    /// What a complete deployment deletes: resources of its group that its template does not name.
    /// A resource whose condition is false counts as not named (as Azure does since 2019).
    pub(super) fn surplus(
        &self,
        deployment: &ResourceId,
        named: &BTreeSet<ResourceId>,
    ) -> Vec<ResourceId> {
        let Some(group) = deployment.group() else {
            return Vec::new();
        };
        self.members()
            .filter(|resource| resource.id.is_within(&group) && !named.contains(&resource.id))
            .map(|resource| resource.id.clone())
            .collect()
    }

    /// Asks members again each time another is gone, as the deletion of a group does.
    pub(super) fn push_cleaning(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        deployment: &mut Deployment,
    ) -> bool {
        let surplus = self.surplus(&deployment.id, &named(deployment));
        if surplus.is_empty() {
            self.begin_ending(now, deployment);
            return true;
        }
        let mut refusals: Vec<(ResourceId, ArmError)> = Vec::new();
        let (mut going, mut moved) = (0, false);
        for id in surplus {
            if self.running_delete(&id).is_some() {
                going += 1;
                continue;
            }
            let Some(held) = self
                .store
                .get(&id)
                .cloned()
                .filter(|held| held.state != State::Deleting)
            else {
                continue;
            };
            match self.begin_delete(now, reported, &held, id.as_str()) {
                Ok(_) => {
                    going += 1;
                    moved = true;
                }
                Err(refusal) => refusals.push((id, refusal)),
            }
        }
        if going == 0 {
            let details = refusals.into_iter().map(|(id, refusal)| ErrorBody {
                target: Some(id.to_string()),
                ..refusal.body
            });
            let error = ErrorBody {
                details: details.collect(),
                ..ErrorBody::new(
                    "DeploymentFailed",
                    "At least one resource that the template does not name could not be deleted.",
                )
            };
            self.end_deployment(now, deployment, End::Failed, Some(error));
            return true;
        }
        moved
    }
}

fn named(deployment: &Deployment) -> BTreeSet<ResourceId> {
    let resources = deployment.plan.resources().iter();
    let deployed = resources.filter(|resource| resource.condition);
    let ids = deployed.filter_map(|resource| ResourceId::parse(&resource.id).ok());
    // A child keeps its parent.
    ids.flat_map(|id| [id.parent(), Some(id)])
        .flatten()
        .collect()
}
