//! What a provider reads: the world at one instant, and a write on its way in.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::Value;
use turquoise_arm::{ArmError, ResourceId, json};

use super::invalid_reference;
use crate::control_plane::addresses::{AddressBook, Cidr, Claim, Wish};
use crate::control_plane::clock::Clock;
use crate::control_plane::config::ControlPlaneConfig;
use crate::control_plane::store::Store;
use crate::reported::Reported;

/// What a provider may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// What exists.
    pub(crate) store: &'a Store,
    /// Who has which private address.
    pub(crate) addresses: &'a AddressBook,
    /// The knobs.
    pub(crate) config: &'a ControlPlaneConfig,
    /// Wall-clock texts.
    pub(crate) clock: Clock,
}

/// The data plane's reports; a wrapper because trait objects have no `Debug`.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a>(pub(crate) &'a dyn Reported);

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Facts")
    }
}

impl<'a> std::ops::Deref for Facts<'a> {
    type Target = dyn Reported + 'a;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl<'a> Context<'a> {
    /// The range of a subnet, by its id.
    ///
    /// # Errors
    /// `InvalidResourceReference` when there is no such subnet.
    pub(crate) fn subnet(&self, id: &ResourceId, referrer: &ResourceId) -> Result<Cidr, ArmError> {
        let model = self.store.child_model(id);
        let prefix = model.and_then(|subnet| {
            json::text(subnet, "properties.addressPrefix").or_else(|| {
                json::items(subnet, "properties.addressPrefixes")
                    .next()?
                    .as_str()
            })
        });
        prefix
            .and_then(Cidr::parse)
            .ok_or_else(|| invalid_reference(referrer, id))
    }

    /// Plans a private address for `owner` in `write`: static where `address` is given, else the
    /// lowest free one (a dynamic owner keeps what it has).
    ///
    /// # Errors
    /// What [`AddressBook::plan`] refuses, and an unknown subnet.
    pub(crate) fn claim(
        &self,
        write: &mut Write,
        owner: &ResourceId,
        subnet: &ResourceId,
        address: Option<Ipv4Addr>,
    ) -> Result<Ipv4Addr, ArmError> {
        let wish = Wish {
            subnet,
            range: self.subnet(subnet, owner)?,
            address,
            owner,
            resource: &write.id,
        };
        self.addresses.plan(wish, &mut write.claims)
    }

    /// Refuses a subnet that belongs to an application gateway (a gateway's own write does not ask).
    ///
    /// # Errors
    /// `ApplicationGatewaySubnetCannotBeUsedByOtherResources`.
    pub(crate) fn check_subnet_is_no_gateways(
        &self,
        subnet: &ResourceId,
        user: &ResourceId,
    ) -> Result<(), ArmError> {
        let mut users = self.store.referrers(subnet).iter();
        let gateway = users.find(|by| {
            let owner = by.owner.resource_type();
            owner.is_some_and(|t| t.is("Microsoft.Network/applicationGateways"))
                && !user.is_within(&by.owner)
        });
        match gateway {
            None => Ok(()),
            Some(by) => Err(ArmError::bad_request(
                "ApplicationGatewaySubnetCannotBeUsedByOtherResources",
                format!(
                    "Subnet {subnet} cannot be used by {user} since it is used by application \
                     gateway {}.",
                    by.owner
                ),
            )),
        }
    }

    /// Refuses a public address that something other than `owner` has.
    ///
    /// # Errors
    /// `PublicIPAddressInUse`.
    pub(crate) fn check_public_address_is_free(
        &self,
        address: &ResourceId,
        owner: &ResourceId,
    ) -> Result<(), ArmError> {
        let mut users = self.store.referrers(address).iter();
        match users.find(|by| by.owner != *owner) {
            None => Ok(()),
            Some(by) => Err(ArmError::bad_request(
                "PublicIPAddressInUse",
                format!(
                    "Resource {owner} is referencing public IP address {address} that is already \
                     allocated to resource {}.",
                    by.from
                ),
            )),
        }
    }
}

/// A write on its way in.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    /// The resource, canonical.
    pub(crate) id: ResourceId,
    /// The model before, where the resource exists.
    pub(crate) previous: Option<Arc<Value>>,
    /// The model to be; `Provider::validate` may complete it.
    pub(crate) model: Value,
    /// The address claims that replace those the resource has.
    pub(crate) claims: Vec<Claim>,
    /// Counts this resource's accepted writes, from 1; this write's number.
    pub(crate) generation: u64,
    /// The resource's GUID.
    pub(crate) guid: String,
    /// The request's `api-version`.
    pub(crate) api_version: String,
    /// Who asks, as in [`Event::Arm`](crate::Event::Arm).
    pub(crate) caller: String,
    /// The request's `If-Match`.
    pub(crate) if_match: Option<String>,
}

impl Write {
    /// Whether the resource is new.
    pub(crate) fn creates(&self) -> bool {
        self.previous.is_none()
    }

    /// The model's location, its short name; the engine has checked that there is one.
    pub(crate) fn location(&self) -> &str {
        json::text(&self.model, "location").unwrap_or_default()
    }
}
