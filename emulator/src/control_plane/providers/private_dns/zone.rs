//! `Microsoft.Network/privateDnsZones`.

use http::StatusCode;
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as tree};

use super::records;
use crate::control_plane::name_rule::NameRule;
use crate::control_plane::provider::{
    Call, Context, Etags, Handled, Kind, Located, PatchMode, Provider, Scope, Write,
};
use crate::control_plane::schema::{Schema, any};
use crate::control_plane::store::{Resource, Store};

/// Private DNS zones.
#[derive(Clone, Debug)]
pub(crate) struct Zones;

static SCHEMA: Schema = Schema {
    envelope: &[],
    properties: &[
        any("maxNumberOfRecordSets").read_only(),
        any("numberOfRecordSets").read_only(),
        any("maxNumberOfVirtualNetworkLinks").read_only(),
        any("numberOfVirtualNetworkLinks").read_only(),
        any("maxNumberOfVirtualNetworkLinksWithRegistration").read_only(),
        any("numberOfVirtualNetworkLinksWithRegistration").read_only(),
    ],
};

static KIND: Kind = Kind {
    resource_type: "Microsoft.Network/privateDnsZones",
    api_versions: &["2024-06-01", "2020-06-01", "2018-09-01"],
    schema: &SCHEMA,
    name_rule: NameRule::Free,
    located: Located::Global,
    etags: Etags::Guid,
    patch: PatchMode::Merge,
    ..Kind::NETWORK
};

impl Provider for Zones {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, _context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        let labels: Vec<&str> = write.id.name().split('.').collect();
        let fits = |label: &&str| {
            (1..=63).contains(&label.len())
                && label
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        };
        if (2..=34).contains(&labels.len()) && labels.iter().all(fits) {
            return Ok(());
        }
        Err(ArmError::bad_request(
            "BadRequest",
            format!(
                "The domain name '{}' is invalid. The provided private DNS zone name should have 2 to \
                 34 labels of letters, digits, hyphens and underscores.",
                write.id.name()
            ),
        ))
    }

    fn refuse_delete(&self, context: &Context<'_>, resource: &Resource) -> Result<(), ArmError> {
        if links(context.store, &resource.id).next().is_none() {
            return Ok(());
        }
        Err(ArmError::conflict(
            "CannotDeleteResource",
            "Can not delete resource before nested resources are deleted.",
        ))
    }

    fn view(&self, context: &Context<'_>, resource: &Resource, document: &mut Value) {
        let registers = |link: &&Resource| {
            tree::boolean(&link.model, "properties.registrationEnabled") == Some(true)
        };
        let all = links(context.store, &resource.id).count();
        let registering = links(context.store, &resource.id).filter(registers).count();
        let sets = records::of_zone(context.store, &resource.id).count();
        for (member, number) in [
            ("maxNumberOfRecordSets", 25_000),
            ("maxNumberOfVirtualNetworkLinks", 1_000),
            ("maxNumberOfVirtualNetworkLinksWithRegistration", 100),
            ("numberOfRecordSets", sets),
            ("numberOfVirtualNetworkLinks", all),
            ("numberOfVirtualNetworkLinksWithRegistration", registering),
        ] {
            document["properties"][member] = number.into();
        }
    }

    /// Every record set of a zone; lists of one type are the engine's.
    fn route(&mut self, scope: &mut Scope<'_>, call: &Call<'_>) -> Result<Handled, ArmError> {
        if call.is("GET", &["ALL"]) || call.is("GET", &["recordsets"]) {
            let sets: Vec<Value> = records::of_zone(scope.store, call.id)
                .map(records::document)
                .collect();
            return Ok(Handled::Answer(StatusCode::OK, json!({"value": sets})));
        }
        // Every zone of Azure's has this one by itself.
        let soa = call
            .rest
            .first()
            .is_some_and(|kind| kind.eq_ignore_ascii_case("SOA"));
        Ok(if soa {
            Handled::NotEmulated
        } else {
            Handled::Unknown
        })
    }
}

/// The links of a zone.
fn links<'a>(store: &'a Store, zone: &'a ResourceId) -> impl Iterator<Item = &'a Resource> + 'a {
    let held = store.within(zone);
    held.filter(|held| held.id.key().contains("/virtualnetworklinks/"))
}
