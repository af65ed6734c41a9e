//! `getBackendHealthOnDemand`: one pool under one of the settings (azure-facts.md §2.1, §4.11.4).
//!
//! Azure sends a probe of the caller's making. Here the gateway's own probes answer, so a request
//! that describes another probe than the settings' own is refused instead of answered wrongly.

use serde_json::{Value, json};
use turquoise_arm::{ArmError, ErrorBody, ResourceId, json as wire};

use super::health::{Told, of_pool};
use crate::control_plane::provider::invalid_reference;
use crate::desired::{BackendSettings, Gateway};
use crate::reported::MemberHealth;

/// What was asked for, by position in the gateway's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pool: usize,
    settings: usize,
}

impl Asked {
    /// Reads a request; `None` when it describes a probe that nobody here makes.
    ///
    /// # Errors
    /// `InvalidRequestFormat` without the references, `InvalidResourceReference` when they lead
    /// nowhere.
    pub(super) fn read(
        id: &ResourceId,
        gateway: &Gateway,
        body: &Value,
    ) -> Result<Option<Self>, ArmError> {
        let pools = gateway.pools.iter().map(|pool| &pool.id);
        let pool = position(id, body, "backendAddressPool", pools)?;
        let settings = gateway.settings.iter().map(|settings| &settings.id);
        let settings = position(id, body, "backendHttpSettings", settings)?;
        let own = &gateway.settings[settings];
        Ok(is_own_probe(own, body).then_some(Self { pool, settings }))
    }

    /// The request as an operation remembers it.
    pub(super) fn payload(self) -> Value {
        json!([self.pool, self.settings])
    }

    /// The result, of a gateway that may have been changed since.
    pub(super) fn answer(
        payload: &Value,
        gateway: &Gateway,
        members: &[MemberHealth],
        told: Told,
    ) -> Option<Value> {
        let at = |index: usize| usize::try_from(payload[index].as_u64()?).ok();
        let pool = gateway.pools.get(at(0)?)?;
        let settings = gateway.settings.get(at(1)?)?;
        Some(json!({
            "backendAddressPool": {"id": pool.id.as_str()},
            "backendHealthHttpSettings": of_pool(pool, &settings.id, members, told),
        }))
    }
}

fn position<'a>(
    gateway: &ResourceId,
    body: &Value,
    member: &str,
    mut known: impl Iterator<Item = &'a ResourceId>,
) -> Result<usize, ArmError> {
    let Some(given) = wire::text(body, &format!("{member}.id")) else {
        return Err(missing(member));
    };
    let found = known.position(|id| id.as_str().eq_ignore_ascii_case(given));
    found.ok_or_else(|| invalid_reference(gateway, given))
}

fn missing(member: &str) -> ArmError {
    ArmError::bad_request("InvalidRequestFormat", "Cannot parse the request.").with_detail(
        ErrorBody::new(
            "MissingJsonReferenceId",
            format!("Value for reference id is missing. Path {member}."),
        ),
    )
}

/// Whether what the request says of a probe is what the settings' own probe does.
fn is_own_probe(settings: &BackendSettings, body: &Value) -> bool {
    let Some(own) = &settings.probe.http else {
        return false;
    };
    let says = |member: &str, own: &str| {
        wire::text(body, member).is_none_or(|given| given.eq_ignore_ascii_case(own))
    };
    let picks_host = wire::boolean(body, "pickHostNameFromBackendHttpSettings") == Some(true);
    says("path", &own.path)
        && says("host", &own.host)
        && says("protocol", "Http")
        && (!picks_host || settings.host.as_deref() == Some(own.host.as_str()))
        && wire::at(body, "match").is_none_or(Value::is_null)
}
