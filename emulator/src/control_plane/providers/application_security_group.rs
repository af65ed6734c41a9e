//! `Microsoft.Network/applicationSecurityGroups`: names that security rules and interfaces share
//! (specification `applicationSecurityGroup.json`).

use serde_json::{Value, json};

use crate::control_plane::provider::{Context, Kind, Provider};
use crate::control_plane::schema::Schema;
use crate::control_plane::store::Resource;

/// Application security groups.
#[derive(Clone, Debug)]
pub(crate) struct ApplicationSecurityGroups;

static SCHEMA: Schema = Schema {
    envelope: &[],
    properties: &[],
};

static KIND: Kind = Kind {
    resource_type: "Microsoft.Network/applicationSecurityGroups",
    schema: &SCHEMA,
    ..Kind::NETWORK
};

impl Provider for ApplicationSecurityGroups {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    /// `listIpConfigurations`: the interfaces' configurations in the group.
    fn listed(&self, context: &Context<'_>, resource: &Resource, action: &str) -> Option<Value> {
        if action != "listipconfigurations" {
            return None;
        }
        let members = context.store.referrers(&resource.id).iter();
        let members = members.filter(|by| by.from.key().contains("/ipconfigurations/"));
        let members: Vec<Value> = members.map(|by| json!({"id": by.from.as_str()})).collect();
        Some(json!({"value": members}))
    }
}
