//! From stored JSON to the values of [`desired`](crate::desired): every reference becomes an
//! index or an address.
//!
//! The input is what the store holds after validation, so a reference that dangles here is a fault
//! of ours and is skipped, never guessed at. Pure: whatever lies outside the document is asked
//! through [`Addresses`].

pub(crate) mod application_gateway;
pub(crate) mod certificate;
pub(crate) mod load_balancer;
pub(crate) mod scale_set;

use std::net::Ipv4Addr;

use serde_json::Value;
use turquoise_arm::{ResourceId, json};

use super::store::Store;

/// Addresses of things outside the resolved document.
pub(crate) trait Addresses {
    /// The address of a public IP address or of a network interface's IP configuration.
    fn address(&self, id: &ResourceId) -> Option<Ipv4Addr>;
}

/// The id a member such as `{"id": "/subscriptions/…"}` refers to.
pub(crate) fn reference(value: &Value, path: &str) -> Option<ResourceId> {
    let id = json::text(json::at(value, path)?, "id")?;
    ResourceId::parse(id).ok()
}

/// The name of the sibling child that a member refers to.
pub(crate) fn referenced_name(value: &Value, path: &str) -> Option<String> {
    reference(value, path).map(|id| id.name().to_owned())
}

/// A whole number of a width the wire's range fits, or `default` where it is absent.
pub(crate) fn number<T: TryFrom<i64>>(value: &Value, path: &str, default: T) -> T {
    json::integer(value, path)
        .and_then(|found| T::try_from(found).ok())
        .unwrap_or(default)
}

/// The address in a text member.
pub(crate) fn address(value: &Value, path: &str) -> Option<Ipv4Addr> {
    json::text(value, path)?.parse().ok()
}

/// Addresses as the store has them: `ipAddress` of public addresses, `privateIPAddress` of IP
/// configurations.
pub(crate) struct Stored<'a>(pub(crate) &'a Store);

impl Addresses for Stored<'_> {
    fn address(&self, id: &ResourceId) -> Option<Ipv4Addr> {
        let model = self.0.child_model(id)?;
        address(model, "properties.ipAddress")
            .or_else(|| address(model, "properties.privateIPAddress"))
    }
}
