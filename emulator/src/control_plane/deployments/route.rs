//! Which deployment a path names, and what is asked of it.

use http::Method;
use turquoise_arm::{ArmError, ResourceId};

use super::TYPE;
use crate::control_plane::answer::Answer;
use crate::control_plane::{ControlPlane, Turn, method_not_allowed, not_a_route};

/// A path at or below a scope's deployments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::control_plane) struct Address {
    /// The group; `None` at subscription scope.
    pub(super) group: Option<String>,
    /// The deployment; `None` for the list.
    name: Option<String>,
    /// What follows its name.
    rest: Vec<String>,
}

/// Reads the segments after the subscription. az asks for operations without `providers`
/// (client-contract.md §7.7).
pub(in crate::control_plane) fn address(segments: &[String]) -> Option<Address> {
    let words: Vec<&str> = segments.iter().skip(2).map(String::as_str).collect();
    let is = |given: &str, word: &str| given.eq_ignore_ascii_case(word);
    let (group, words) = match words.as_slice() {
        [word, group, rest @ ..] if is(word, "resourceGroups") => (Some((*group).to_owned()), rest),
        rest => (None, rest),
    };
    let words = match words {
        [providers, namespace, rest @ ..]
            if is(providers, "providers") && is(namespace, "Microsoft.Resources") =>
        {
            rest
        }
        rest => rest,
    };
    let [deployments, rest @ ..] = words else {
        return None;
    };
    is(deployments, "deployments").then(|| Address {
        group,
        name: rest.first().map(|name| (*name).to_owned()),
        rest: rest.iter().skip(1).map(|word| (*word).to_owned()).collect(),
    })
}

impl ControlPlane {
    /// Answers a request at a deployment.
    pub(in crate::control_plane) fn on_deployments(
        &mut self,
        turn: Turn<'_>,
        address: &Address,
    ) -> Result<Answer, ArmError> {
        let scope = match &address.group {
            None => format!("/subscriptions/{}", self.config.subscription),
            Some(group) => self.existing_group(group)?.to_string(),
        };
        let method = turn.request.method;
        let Some(name) = &address.name else {
            return match *method {
                Method::GET => Ok(self.list_deployments(turn, &scope)),
                _ => Err(method_not_allowed(turn.request)),
            };
        };
        let id = deployment_id(&scope, name)?;
        let words: Vec<String> = address
            .rest
            .iter()
            .map(|word| word.to_ascii_lowercase())
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match (words.as_slice(), method) {
            ([], &Method::GET) => self.show_deployment(&id),
            ([], &Method::HEAD) => Ok(self.head_deployment(&id)),
            ([], &Method::PUT) => self.put_deployment(turn, &scope, &id),
            ([], &Method::DELETE) => self.delete_deployment(turn, &id),
            (["validate"], &Method::POST) => self.validate_deployment(turn, &scope, &id),
            (["whatif"], &Method::POST) => self.what_if(turn, &scope, &id),
            (["exporttemplate"], &Method::POST) => self.export_deployment(&id),
            (["cancel"], &Method::POST) => self.cancel_deployment(turn, &id),
            (["operations"], &Method::GET) => self.deployment_operations(&id),
            (["operations", operation], &Method::GET) => self.deployment_operation(&id, operation),
            (["operationstatuses", operation], &Method::GET) => {
                self.deployment_status(turn, &id, operation)
            }
            ([] | ["validate" | "whatif" | "exporttemplate" | "cancel" | "operations"], _) => {
                Err(method_not_allowed(turn.request))
            }
            _ => Err(not_a_route(turn.request)),
        }
    }
}

/// A deployment's id.
///
/// # Errors
/// `InvalidDeploymentName` (azure-facts.md §4.2).
fn deployment_id(scope: &str, name: &str) -> Result<ResourceId, ArmError> {
    let fits = (1..=64).contains(&name.chars().count())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_()-.".contains(c));
    let id = ResourceId::parse(&format!("{scope}/providers/{TYPE}/{name}"));
    id.ok().filter(|_| fits).ok_or_else(|| {
        ArmError::bad_request(
            "InvalidDeploymentName",
            format!(
                "The deployment name '{name}' is invalid. The name can be up to 64 characters long \
                 and may contain letters, digits, '_', '(', ')', '-' and '.'."
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_every_client_are_read() {
        for (path, expected) in [
            (
                "resourcegroups/g/providers/Microsoft.Resources/deployments",
                Some((Some("g"), None, "")),
            ),
            (
                "resourceGroups/g/providers/microsoft.resources/deployments/d",
                Some((Some("g"), Some("d"), "")),
            ),
            (
                "resourcegroups/g/deployments/d/operations",
                Some((Some("g"), Some("d"), "operations")),
            ),
            (
                "providers/Microsoft.Resources/deployments/d/whatIf",
                Some((None, Some("d"), "whatIf")),
            ),
            (
                "deployments/d/operations/1",
                Some((None, Some("d"), "operations/1")),
            ),
            ("resourcegroups/g/providers/Microsoft.Resources/tags", None),
            ("resourcegroups/deployments", None),
        ] {
            let segments: Vec<String> = format!("subscriptions/s/{path}")
                .split('/')
                .map(str::to_owned)
                .collect();
            let found = address(&segments);
            let found = found.as_ref().map(|address| {
                (
                    address.group.as_deref(),
                    address.name.as_deref(),
                    address.rest.join("/"),
                )
            });
            let expected = expected.map(|(group, name, rest)| (group, name, rest.to_owned()));
            assert_eq!(found, expected, "{path}");
        }
    }
}
