//! `Microsoft.Network/privateDnsZones/virtualNetworkLinks`.

use serde_json::Value;
use turquoise_arm::{ArmError, ResourceId, json as tree};

use crate::control_plane::provider::{Context, Etags, Kind, Located, PatchMode, Provider, Write};
use crate::control_plane::schema::{Schema, any, choice, flag, reference};
use crate::control_plane::store::Resource;

/// Links of zones to networks.
#[derive(Clone, Debug)]
pub(crate) struct Links;

static SCHEMA: Schema = Schema {
    envelope: &[],
    properties: &[
        reference("virtualNetwork").required(),
        flag("registrationEnabled", false),
        choice("resolutionPolicy", &["Default", "NxDomainRedirect"]),
        any("virtualNetworkLinkState").read_only(),
    ],
};

static KIND: Kind = Kind {
    resource_type: "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    api_versions: &["2024-06-01", "2020-06-01", "2018-09-01"],
    schema: &SCHEMA,
    located: Located::Global,
    etags: Etags::Guid,
    patch: PatchMode::Merge,
    ..Kind::NETWORK
};

impl Provider for Links {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        let network = network_of(&write.model);
        let held = write.previous.as_deref().and_then(network_of);
        if held.is_some() && held != network {
            return Err(refuse(
                "The virtual network of a link cannot be changed.".to_owned(),
            ));
        }
        let Some(network) = network else {
            return Ok(());
        };
        let zone = write.id.parent();
        let registers = |model: &Value| tree::boolean(model, "properties.registrationEnabled");
        for by in context.store.referrers(&network) {
            let link = context
                .store
                .get(&by.owner)
                .filter(|_| by.member == "virtualNetwork");
            let Some(link) = link.filter(|link| link.id != write.id) else {
                continue;
            };
            if link.id.parent() == zone {
                return Err(refuse(format!(
                    "A virtual network can be linked to a private DNS zone once; it is by '{}'.",
                    link.id
                )));
            }
            if registers(&write.model) == Some(true) && registers(&link.model) == Some(true) {
                return Err(refuse(format!(
                    "A virtual network can only be linked to 1 Private DNS zone(s) with \
                     auto-registration enabled; conflicting Private DNS zone is '{}'.",
                    link.id.parent().unwrap_or_else(|| link.id.clone())
                )));
            }
        }
        Ok(())
    }

    fn view(&self, _context: &Context<'_>, _resource: &Resource, document: &mut Value) {
        document["properties"]["virtualNetworkLinkState"] = "Completed".into();
    }
}

fn network_of(model: &Value) -> Option<ResourceId> {
    ResourceId::parse(tree::text(model, "properties.virtualNetwork.id")?).ok()
}

fn refuse(message: String) -> ArmError {
    ArmError::bad_request("BadRequest", message)
}
