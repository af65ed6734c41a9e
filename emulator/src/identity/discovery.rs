//! The documents by which clients find everything else; none needs a token.
//!
//! All URLs are `https`, also for a client that asked in the clear: MSAL and the SDKs refuse any
//! other authority (client-contract.md §1.1).

use serde_json::{Value, json};

use super::route::Version;

/// `/metadata/endpoints`, in the shape that goes with the version (client-contract.md §2).
pub(super) fn cloud_metadata(base: &str, api_version: &str) -> Value {
    // Versions are dates, so that they compare as text; what is no date counts as old.
    let date = api_version
        .get(..10)
        .filter(|date| date.starts_with("20"))
        .unwrap_or("");
    if date >= "2022" {
        cloud(base)
    } else if date >= "2019" {
        json!([cloud(base)])
    } else {
        legacy(base)
    }
}

fn cloud(base: &str) -> Value {
    let host = base.trim_start_matches("https://");
    json!({
        "name": "Turquoise",
        "resourceManager": base,
        "portal": base,
        "authentication": {
            "loginEndpoint": base,
            "audiences": [format!("{base}/")],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "suffixes": {
            "storage": host,
            "keyVaultDns": host,
            "acrLoginServer": host,
            "sqlServerHostname": host,
        },
        "graph": base,
        "graphAudience": format!("{base}/"),
        "microsoftGraphResourceId": format!("{base}/"),
        "gallery": base,
        "batch": base,
        "media": base,
        "sqlManagement": base,
    })
}

fn legacy(base: &str) -> Value {
    json!({
        "galleryEndpoint": base,
        "graphEndpoint": base,
        "portalEndpoint": base,
        "authentication": {"loginEndpoint": base, "audiences": [format!("{base}/")]},
    })
}

/// `/common/discovery/instance`: which authorities are one and the same. Clients ask Microsoft's
/// login host for it unless told not to, so that only those come here who know us.
pub(super) fn instance(base: &str) -> Value {
    let host = base.trim_start_matches("https://");
    json!({
        "tenant_discovery_endpoint": format!("{base}/common/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    })
}

/// OpenID configuration (client-contract.md §3.1); the tenant stands as it was asked for.
pub(super) fn open_id(base: &str, tenant: &str, version: Version) -> Value {
    // The federation service has no second version in its paths.
    let plain = version == Version::V1;
    let infix = if plain { "" } else { "v2.0/" };
    let own = format!("{base}/{tenant}");
    json!({
        "issuer": if plain { format!("{own}/") } else { format!("{own}/v2.0") },
        "authorization_endpoint": format!("{own}/oauth2/{infix}authorize"),
        "token_endpoint": format!("{own}/oauth2/{infix}token"),
        "device_authorization_endpoint": format!("{own}/oauth2/{infix}devicecode"),
        "end_session_endpoint": format!("{own}/oauth2/{infix}logout"),
        "jwks_uri": format!("{own}/discovery/{infix}keys"),
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "client_secret_basic", "private_key_jwt"],
        "response_types_supported": ["code", "id_token"],
        "response_modes_supported": ["query", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["openid", "profile", "offline_access"],
    })
}
