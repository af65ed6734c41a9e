//! What Azure refuses in a scale set's document (azure-facts.md §1.6, §4.12.2).

use http::StatusCode;
use serde_json::Value;
use turquoise_arm::{ArmError, ResourceId, json as wire};

use super::cores::cores;
use super::{capacity, instance, is_set};
use crate::control_plane::provider::{Context, Write, missing_parameter};
use crate::control_plane::resolve::reference;
use crate::control_plane::resolve::scale_set::primary;

/// The most instances in one placement group (azure-facts.md §4.12.2).
const MOST_IN_ONE_GROUP: u32 = 100;
/// The managed image type.
const IMAGE: &str = "Microsoft.Compute/images";

/// Checks a scale set's model.
pub(super) fn validate(context: &Context<'_>, write: &Write) -> Result<(), ArmError> {
    // A set without a profile is a flexible one too: machines are added to it one by one.
    let mode = wire::text(&write.model, "properties.orchestrationMode");
    let profile = wire::at(&write.model, "properties.virtualMachineProfile");
    if mode == Some("Flexible") || (mode.is_none() && profile.is_none()) {
        return Err(ArmError::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotEmulated",
            "Azure has flexible scale sets, this emulator only uniform ones. Nothing was changed.",
        ));
    }
    required(&write.model)?;
    let profile = &write.model["properties"]["virtualMachineProfile"];
    let names = instance::Names::read(profile);
    if let Some(subnet) = &names.subnet {
        context.check_subnet_is_no_gateways(subnet, &write.id)?;
    }
    placement_group(write)?;
    image(context, profile)?;
    health_probe(context, write, profile)?;
    rolling(&write.model, profile)?;
    quota(context, write)
}

fn invalid(target: &str, message: impl Into<String>) -> ArmError {
    ArmError::bad_request("InvalidParameter", message).with_target(target)
}

fn required(model: &Value) -> Result<(), ArmError> {
    let profile = "properties.virtualMachineProfile";
    for path in ["sku.name", "sku.capacity", profile] {
        if wire::at(model, path).is_none() {
            return Err(missing_parameter(path));
        }
    }
    let storage = format!("{profile}.storageProfile");
    if wire::at(model, &storage).is_none() {
        return Err(missing_parameter(&storage));
    }
    let network = "networkProfile.networkInterfaceConfigurations";
    let interface = primary(&model["properties"]["virtualMachineProfile"], network);
    let configuration = primary(interface, "properties.ipConfigurations");
    if reference(configuration, "properties.subnet").is_none() {
        return Err(invalid(
            &format!("{profile}.{network}"),
            "A scale set needs a primary network interface whose primary IP configuration \
             references a subnet.",
        ));
    }
    Ok(())
}

/// At most 100 in one placement group, and no way back into one.
fn placement_group(write: &Write) -> Result<(), ArmError> {
    let at = "properties.singlePlacementGroup";
    let single = |model| wire::boolean(model, at);
    let was = write.previous.as_deref().and_then(single);
    if was == Some(false) && single(&write.model) == Some(true) {
        return Err(ArmError::bad_request(
            "PropertyChangeNotAllowed",
            "`singlePlacementGroup` cannot change from false to true.",
        )
        .with_target("singlePlacementGroup"));
    }
    let wanted = capacity(&write.model);
    if single(&write.model) == Some(true) && wanted > MOST_IN_ONE_GROUP {
        return Err(invalid(
            "sku.capacity",
            format!(
                "{wanted} instances do not fit one placement group; at most {MOST_IN_ONE_GROUP} do."
            ),
        ));
    }
    Ok(())
}

/// A managed image must exist; marketplace and gallery images are taken as given.
fn image(context: &Context<'_>, profile: &Value) -> Result<(), ArmError> {
    let target = "imageReference";
    let image = wire::at(profile, "storageProfile.imageReference");
    let Some(image) = image else {
        let is_vhd = wire::at(profile, "storageProfile.osDisk.image.uri").is_some();
        let refusal = || missing_parameter(target);
        return if is_vhd { Ok(()) } else { Err(refusal()) };
    };
    let Some(id) = wire::text(image, "id") else {
        let is_named = wire::text(image, "publisher").is_some();
        let refusal = || invalid(target, "`imageReference` needs an id or a publisher.");
        return if is_named { Ok(()) } else { Err(refusal()) };
    };
    let parsed = ResourceId::parse(id).map_err(|why| invalid(target, why.to_string()))?;
    let is_image = parsed.resource_type().is_some_and(|kind| kind.is(IMAGE));
    if is_image && context.store.get(&parsed).is_none() {
        let message = format!("The Image '{id}' cannot be found in the region.");
        return Err(ArmError::not_found("NotFound", message).with_target(target));
    }
    Ok(())
}

/// A health probe must be one that a rule uses.
fn health_probe(context: &Context<'_>, write: &Write, profile: &Value) -> Result<(), ArmError> {
    let Some(probe) = reference(profile, "networkProfile.healthProbe") else {
        return Ok(());
    };
    let is_active = context.store.referrers(&probe).iter().any(|by| {
        by.from
            .as_str()
            .to_ascii_lowercase()
            .contains("/loadbalancingrules/")
    });
    if context.store.exists(&probe) && !is_active {
        return Err(ArmError::bad_request(
            "CannotUseInactiveHealthProbe",
            format!(
                "VM scale set {} cannot use probe {probe} as a HealthProbe because load balancing \
                 rules that send traffic to the scale set IPs do not use this probe.",
                write.id
            ),
        ));
    }
    Ok(())
}

/// Rolling upgrades need to know which instances are well (azure-facts.md §4.12.2).
fn rolling(model: &Value, profile: &Value) -> Result<(), ArmError> {
    if wire::text(model, "properties.upgradePolicy.mode") != Some("Rolling") {
        return Ok(());
    }
    let has_probe = reference(profile, "networkProfile.healthProbe").is_some();
    let has_extension = wire::items(profile, "extensionProfile.extensions").any(|extension| {
        let kind = wire::text(extension, "properties.type").unwrap_or_default();
        kind.to_ascii_lowercase().starts_with("applicationhealth")
    });
    if has_probe || has_extension {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "BadRequest",
        "Rolling Upgrade mode is not supported for this Virtual Machine Scale Set because a health \
         probe or health extension was not provided.",
    ))
}

/// All sets together stay within the quota of cores; refused at once (azure-facts.md §1.6).
fn quota(context: &Context<'_>, write: &Write) -> Result<(), ArmError> {
    let Some(limit) = context.config.cores_quota else {
        return Ok(());
    };
    let usage: u32 = context
        .store
        .resources()
        .filter(|held| held.id != write.id)
        .filter(|held| is_set(&held.id))
        .map(|held| used(&held.model))
        .sum();
    let before = write.previous.as_deref().map_or(0, used);
    let wanted = used(&write.model);
    if wanted <= before || usage + wanted <= limit {
        return Ok(());
    }
    let location = write.location();
    Err(ArmError::conflict(
        "OperationNotAllowed",
        format!(
            "Operation could not be completed as it results in exceeding approved Total Regional \
             Cores quota. Additional details - Deployment Model: Resource Manager, Location: \
             {location}, Current Limit: {limit}, Current Usage: {}, Additional Required: {}, \
             (Minimum) New Limit Required: {}.",
            usage + before,
            wanted - before,
            usage + wanted
        ),
    ))
}

fn used(model: &Value) -> u32 {
    cores(wire::text(model, "sku.name").unwrap_or_default()).saturating_mul(capacity(model))
}
