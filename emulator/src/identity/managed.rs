//! Tokens for whoever runs on a machine: the endpoint of virtual machines, and that of App
//! Services (azure-facts.md §7.3).

use http::StatusCode;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::route::Version;
use super::{Ask, Identity, LIFETIME_S, token};

impl Identity {
    /// A token of the machine's identity, which is the one application.
    pub(super) fn managed_identity(
        &self,
        ask: Ask<'_>,
        app_service: bool,
    ) -> Result<Value, Refusal> {
        let request = ask.request;
        if app_service {
            let given = request.header("x-identity-header").unwrap_or_default();
            if !token::same(given, &self.config.client_secret) {
                return Err(Refusal {
                    status: StatusCode::UNAUTHORIZED,
                    ..Refusal::bad_request(
                        "invalid_request",
                        0,
                        "the header 'X-IDENTITY-HEADER' must carry IDENTITY_HEADER, which \
                         `turquoise env` prints",
                    )
                });
            }
        } else if !request
            .header("metadata")
            .is_some_and(|given| given.eq_ignore_ascii_case("true"))
        {
            return Err(Refusal::bad_request(
                "invalid_request",
                0,
                "Required metadata header not specified: send 'Metadata: true'.",
            ));
        }
        if request
            .parameter("client_id")
            .is_some_and(|id| !id.eq_ignore_ascii_case(&self.config.client_id))
        {
            return Err(Refusal::bad_request(
                "invalid_request",
                0,
                "Identity not found",
            ));
        }
        let resource = request
            .parameter("resource")
            .filter(|resource| !resource.is_empty())
            .ok_or_else(|| Refusal::missing("resource"))?;
        Ok(json!({
            "access_token": self.issue(ask, resource, Version::V1),
            "client_id": self.config.client_id,
            "expires_in": LIFETIME_S.to_string(),
            "expires_on": (ask.now + LIFETIME_S).to_string(),
            "ext_expires_in": LIFETIME_S.to_string(),
            "not_before": ask.now.to_string(),
            "resource": resource,
            "token_type": "Bearer",
        }))
    }
}
