//! The certificates of HTTPS listeners.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use turquoise_arm::{ArmError, json as wire};

use super::{name_of, refuse};
use crate::control_plane::provider::Write;
use crate::control_plane::resolve::certificate::{self, InvalidPfx};

/// Opens every PFX and fills in what Azure shows of it.
pub(super) fn open(write: &mut Write) -> Result<(), ArmError> {
    let list = write.model["properties"].get_mut("sslCertificates");
    for child in list.and_then(Value::as_array_mut).into_iter().flatten() {
        let name = name_of(child).to_owned();
        let Some(data) = wire::text(child, "properties.data") else {
            return Err(bad_certificate(&name, InvalidPfx::Data));
        };
        let password = wire::text(child, "properties.password").unwrap_or_default();
        let opened = match wire::text(child, "properties.publicCertData") {
            // Carried over with its data: opened before.
            Some(_)
                if write
                    .previous
                    .as_deref()
                    .is_some_and(|p| same_pfx(p, child)) =>
            {
                continue;
            }
            _ => certificate::parse(data, password),
        };
        let opened = opened.map_err(|reason| bad_certificate(&name, reason))?;
        child["properties"]["publicCertData"] = STANDARD.encode(&opened.chain[0]).into();
    }
    Ok(())
}

fn same_pfx(previous: &Value, child: &Value) -> bool {
    let before = wire::named(previous, "properties.sslCertificates", name_of(child));
    let secret = |child: &Value| {
        let text = |path| wire::text(child, path).map(str::to_owned);
        (text("properties.data"), text("properties.password"))
    };
    before.is_some_and(|before| secret(before) == secret(child))
}

fn bad_certificate(name: &str, reason: InvalidPfx) -> ArmError {
    match reason {
        InvalidPfx::Data => refuse(
            "ApplicationGatewaySslCertificateInvalidData",
            format!("Data for certificate {name} is invalid: {reason}."),
        ),
        InvalidPfx::Password => refuse(
            "ApplicationGatewaySslCertificateInvalidPassword",
            format!("The password for certificate {name} is invalid: {reason}."),
        ),
    }
}
