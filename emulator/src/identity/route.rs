//! Which paths are the identity's (client-contract.md §2–3, azure-facts.md §7).

use http::Method;

use super::refusal::Refusal;

/// Which of Entra ID's two protocols a path speaks; they differ in field names and in `scope`
/// against `resource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// `oauth2/token`: adal, go-autorest.
    V1,
    /// `oauth2/v2.0/token`: MSAL.
    V2,
}

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `/metadata/endpoints`
    CloudMetadata,
    /// `/common/discovery/instance`
    Instance,
    /// `/{tenant}[/v2.0]/.well-known/openid-configuration`
    OpenId {
        /// As in the path.
        tenant: String,
        /// Which endpoints the document names.
        version: Version,
    },
    /// `/{tenant}/discovery[/v2.0]/keys`
    Keys,
    /// `/{tenant}/oauth2[/v2.0]/token`
    Token {
        /// As in the path.
        tenant: String,
        /// The form of the fields and of the answer.
        version: Version,
    },
    /// `/metadata/identity/oauth2/token` of a machine, `/msi/token` of an App Service.
    ManagedIdentity {
        /// Whether it is the App Service's.
        app_service: bool,
    },
    /// `/{tenant}/oauth2[/v2.0]/authorize|devicecode|logout`: people in browsers.
    SignIn,
}

/// Reads a path's segments; fixed words match in any case.
pub(super) fn route(segments: &[String]) -> Option<Route> {
    let lower: Vec<String> = segments.iter().map(|s| s.to_ascii_lowercase()).collect();
    let words: Vec<&str> = lower.iter().map(String::as_str).collect();
    let tenant = || segments[0].clone();
    let open_id = |version| Route::OpenId {
        tenant: tenant(),
        version,
    };
    let token = |version| Route::Token {
        tenant: tenant(),
        version,
    };
    Some(match words.as_slice() {
        ["metadata", "endpoints"] => Route::CloudMetadata,
        ["metadata", "identity", "oauth2", "token"] => {
            Route::ManagedIdentity { app_service: false }
        }
        ["msi", "token"] => Route::ManagedIdentity { app_service: true },
        ["common", "discovery", "instance"] => Route::Instance,
        [_, "v2.0", ".well-known", "openid-configuration"] => open_id(Version::V2),
        [_, ".well-known", "openid-configuration"] => open_id(Version::V1),
        [_, "discovery", "keys"] | [_, "discovery", "v2.0", "keys"] => Route::Keys,
        [_, "oauth2", "token"] => token(Version::V1),
        [_, "oauth2", "v2.0", "token"] => token(Version::V2),
        [_, "oauth2", "authorize" | "devicecode" | "logout"]
        | [_, "oauth2", "v2.0", "authorize" | "devicecode" | "logout"] => Route::SignIn,
        _ => return None,
    })
}

impl Route {
    /// Refuses a method that the path does not know.
    pub(super) fn check_method(&self, method: &Method) -> Result<(), Refusal> {
        let wanted = match self {
            Self::Token { .. } => Method::POST,
            Self::SignIn => return Ok(()),
            _ => Method::GET,
        };
        if *method == wanted {
            return Ok(());
        }
        Err(Refusal::method(method, &wanted))
    }
}
