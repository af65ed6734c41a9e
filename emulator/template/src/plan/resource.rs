//! A resource of a plan.

use std::sync::Arc;

use crate::evaluate::{Target, Turn};
use crate::node::Node;
use crate::position::Position;

/// Members that are the template's, not the resource's.
pub(super) const OWN: [&str; 13] = [
    "apiVersion",
    "comments",
    "condition",
    "copy",
    "dependsOn",
    "existing",
    "metadata",
    "name",
    "resourceGroup",
    "resources",
    "scope",
    "subscriptionId",
    "type",
];

/// A resource of a plan: one copy of what the template declares.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its id.
    pub id: String,
    /// `{namespace}/{type}`, with its parents' types.
    pub resource_type: String,
    /// Its name, with its parents' names.
    pub name: String,
    /// The version its PUT uses.
    pub api_version: String,
    /// Its symbolic name.
    pub symbol: Option<String>,
    /// Whether it is only looked at.
    pub existing: bool,
    /// Whether it is deployed at all.
    pub condition: bool,
    /// The positions of the resources that come before it.
    pub depends_on: Vec<usize>,
    /// Where it is declared.
    pub at: Position,
    pub(super) node: Arc<Node>,
    pub(super) declared: usize,
    pub(super) loops: Vec<Turn>,
}

impl Resource {
    /// Whether a PUT of it is to be made.
    #[must_use]
    pub fn is_deployed(&self) -> bool {
        self.condition && !self.existing
    }

    /// Whether it is a template of its own.
    #[must_use]
    pub fn is_deployment(&self) -> bool {
        self.resource_type
            .eq_ignore_ascii_case("Microsoft.Resources/deployments")
    }

    pub(super) fn shown_name(&self) -> String {
        format!("{}/{}", self.resource_type, self.name)
    }

    pub(super) fn target(&self) -> Target {
        Target {
            id: self.id.clone(),
            resource_type: self.resource_type.clone(),
            name: self.name.clone(),
            api_version: self.api_version.clone(),
        }
    }
}
