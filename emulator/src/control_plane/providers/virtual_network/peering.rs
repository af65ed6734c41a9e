//! Peerings of virtual networks (specification `virtualNetwork.json`).
//!
//! Kept, checked and answered with the state that both sides give them; no packet crosses one.

use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as tree};

use super::prefixes;
use crate::control_plane::addresses::Cidr;
use crate::control_plane::provider::{Context, Write, invalid_reference};
use crate::control_plane::references::Reference;
use crate::control_plane::schema::{Collection, any, collection, flag, reference};
use crate::control_plane::store::Resource;

/// The member of a peering that leads to the other network.
const REMOTE: &str = "remoteVirtualNetwork";
/// A network's list of them.
const LIST: &str = "properties.virtualNetworkPeerings";

pub(super) static PEERINGS: Collection = collection(
    "virtualNetworkPeerings",
    &[
        flag("allowVirtualNetworkAccess", true),
        flag("allowForwardedTraffic", false),
        flag("allowGatewayTransit", false),
        flag("useRemoteGateways", false),
        flag("doNotVerifyRemoteGateways", false),
        reference(REMOTE).required(),
        any("remoteAddressSpace").read_only(),
        any("remoteVirtualNetworkAddressSpace").read_only(),
        any("peeringState").read_only(),
        any("peeringSyncLevel").read_only(),
    ],
);

/// A PUT of a network that does not speak of its peerings keeps them.
pub(super) fn keep(write: &mut Write) {
    if tree::at(&write.model, LIST).is_some() {
        return;
    }
    let held = write
        .previous
        .as_deref()
        .and_then(|held| tree::at(held, LIST));
    if let Some(held) = held.cloned() {
        write.model["properties"]["virtualNetworkPeerings"] = held;
    }
}

/// Checks peerings that are new: the other network is there, is another one, has no address in common
/// with this one and is not peered with it yet.
pub(super) fn check(context: &Context<'_>, write: &Write, space: &[Cidr]) -> Result<(), ArmError> {
    let mut seen: Vec<ResourceId> = Vec::new();
    for peering in tree::items(&write.model, LIST) {
        let name = tree::text(peering, "name").unwrap_or_default();
        let id = write.id.child("virtualNetworkPeerings", name);
        let remote = remote_of(peering).ok_or_else(|| invalid_reference(&id, "(none)"))?;
        if remote == write.id {
            return Err(ArmError::bad_request(
                "VnetCannotPeerWithItself",
                format!("Virtual network {} cannot be peered with itself.", write.id),
            ));
        }
        if seen.contains(&remote) {
            return Err(ArmError::bad_request(
                "AnotherPeeringAlreadyReferencesRemoteVnet",
                format!("Peering {id} cannot be made: another one leads to {remote} already."),
            ));
        }
        let held = write
            .previous
            .as_deref()
            .and_then(|held| tree::named(held, LIST, name))
            .and_then(remote_of);
        if held.as_ref() != Some(&remote) {
            check_remote(context, &id, &remote, space)?;
        }
        seen.push(remote);
    }
    Ok(())
}

fn check_remote(
    context: &Context<'_>,
    peering: &ResourceId,
    remote: &ResourceId,
    space: &[Cidr],
) -> Result<(), ArmError> {
    let held = context
        .store
        .get(remote)
        .ok_or_else(|| invalid_reference(peering, remote))?;
    let theirs = prefixes(&held.model);
    let shared = theirs
        .iter()
        .any(|range| space.iter().any(|own| own.overlaps(*range)));
    if shared {
        return Err(ArmError::bad_request(
            "VnetAddressSpacesOverlap",
            format!(
                "Cannot create or update peering {peering}. Virtual networks cannot be peered \
                 because their address spaces overlap. Remote virtual network: {remote}."
            ),
        ));
    }
    Ok(())
}

/// A peering outlives the network it leads to: it is `Disconnected` then.
pub(super) fn is_remote(by: &Reference) -> bool {
    by.member == REMOTE
}

/// Adds what both sides together say.
pub(super) fn view(context: &Context<'_>, resource: &Resource, document: &mut Value) {
    let listed = document["properties"]["virtualNetworkPeerings"].as_array_mut();
    for peering in listed.into_iter().flatten() {
        let remote = remote_of(peering).and_then(|id| context.store.get(&id));
        let state = match remote {
            None => "Disconnected",
            Some(remote) if leads_to(remote, &resource.id) => "Connected",
            Some(_) => "Initiated",
        };
        let properties = &mut peering["properties"];
        properties["peeringState"] = state.into();
        properties["peeringSyncLevel"] = "FullyInSync".into();
        if let Some(space) =
            remote.and_then(|remote| tree::at(&remote.model, "properties.addressSpace"))
        {
            properties["remoteAddressSpace"] = space.clone();
            properties["remoteVirtualNetworkAddressSpace"] = space.clone();
        } else {
            properties["remoteAddressSpace"] = json!({"addressPrefixes": []});
        }
    }
}

fn leads_to(network: &Resource, to: &ResourceId) -> bool {
    tree::items(&network.model, LIST).any(|peering| remote_of(peering).as_ref() == Some(to))
}

fn remote_of(peering: &Value) -> Option<ResourceId> {
    let text = tree::text(peering, "properties.remoteVirtualNetwork.id")?;
    ResourceId::parse(text).ok()
}
