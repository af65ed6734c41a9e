//! The token endpoint: client credentials by secret or by assertion (client-contract.md §3.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::form::Form;
use super::refusal::Refusal;
use super::route::Version;
use super::{Ask, Identity, LIFETIME_S, token};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl Identity {
    /// A token for what the form asks.
    pub(super) fn grant(&self, ask: Ask<'_>, version: Version) -> Result<Value, Refusal> {
        let form = Form::read(ask.body);
        match form.field("grant_type") {
            None => return Err(Refusal::missing("grant_type")),
            Some("client_credentials") => {}
            Some(other) => return Err(unsupported(other)),
        }
        self.check_client(ask, &form)?;
        let audience = audience(&form, version)?;
        let token = self.issue(ask, &audience, version);
        Ok(match version {
            Version::V2 => json!({
                "token_type": "Bearer",
                "expires_in": LIFETIME_S,
                "ext_expires_in": LIFETIME_S,
                "access_token": token,
            }),
            // Numbers as text: adal reads them so.
            Version::V1 => json!({
                "token_type": "Bearer",
                "expires_in": LIFETIME_S.to_string(),
                "ext_expires_in": LIFETIME_S.to_string(),
                "expires_on": (ask.now + LIFETIME_S).to_string(),
                "not_before": ask.now.to_string(),
                "resource": audience,
                "access_token": token,
            }),
        })
    }

    fn check_client(&self, ask: Ask<'_>, form: &Form) -> Result<(), Refusal> {
        let basic = basic_credentials(ask);
        let (basic_id, basic_secret) = basic.as_ref().map_or((None, None), |(id, secret)| {
            (Some(id.as_str()), Some(secret.as_str()))
        });
        let client = form
            .field("client_id")
            .or(basic_id)
            .ok_or_else(|| Refusal::missing("client_id"))?;
        if !client.eq_ignore_ascii_case(&self.config.client_id) {
            return Err(Refusal::bad_request(
                "unauthorized_client",
                700_016,
                format!(
                    "Application with identifier '{client}' was not found in the directory \
                     'Turquoise'; this emulator knows '{}'.",
                    self.config.client_id
                ),
            ));
        }
        if let Some(secret) = form.field("client_secret").or(basic_secret) {
            return if token::same(secret, &self.config.client_secret) {
                Ok(())
            } else {
                Err(Refusal::invalid_client(
                    7_000_215,
                    "Invalid client secret provided. Ensure the secret being sent in the request \
                     is the client secret value; `turquoise env` prints it.",
                ))
            };
        }
        match form.field("client_assertion") {
            Some(assertion) => check_assertion(ask.now, form, assertion),
            None => Err(Refusal::invalid_client(
                7_000_218,
                "The request body must contain the following parameter: 'client_assertion' or \
                 'client_secret'.",
            )),
        }
    }

    /// A signed token for `audience`.
    pub(super) fn issue(&self, ask: Ask<'_>, audience: &str, version: Version) -> String {
        let tenant = &self.config.tenant;
        let object = super::OBJECT_ID;
        self.config.key.sign(&json!({
            "aud": audience,
            "iss": format!("{}/{tenant}/", ask.base),
            "iat": ask.now,
            "nbf": ask.now,
            "exp": ask.now + LIFETIME_S,
            "appid": self.config.client_id,
            "appidacr": "1",
            "idp": format!("{}/{tenant}/", ask.base),
            "idtyp": "app",
            "oid": object,
            "sub": object,
            "tid": tenant,
            "uti": self.trace_id(),
            "ver": if version == Version::V1 { "1.0" } else { "2.0" },
        }))
    }
}

/// `X` of the scope `X/.default`, or the resource of the older protocol.
fn audience(form: &Form, version: Version) -> Result<String, Refusal> {
    let (scope, resource) = (form.field("scope"), form.field("resource"));
    let asked = match version {
        Version::V2 => scope.ok_or_else(|| Refusal::missing("scope"))?,
        // The federation service's one path serves MSAL too, which sends a scope.
        Version::V1 => resource
            .or(scope)
            .ok_or_else(|| Refusal::missing("resource"))?,
    };
    // MSAL adds OpenID's own scopes to some requests.
    let mut scopes = asked.split_ascii_whitespace();
    let own = ["openid", "profile", "offline_access"];
    let named = scopes.find(|scope| !own.contains(scope)).unwrap_or(asked);
    match named.strip_suffix("/.default") {
        Some(audience) => Ok(audience.to_owned()),
        None if version == Version::V1 => Ok(named.to_owned()),
        None => Err(Refusal::bad_request(
            "invalid_scope",
            1_002_012,
            format!(
                "The provided value for scope '{named}' is not valid. Client credential flows must \
                 have a scope value with '/.default' suffixed to the resource identifier."
            ),
        )),
    }
}

/// An assertion is a token of somebody else's, whose keys we do not have: its form, its end and
/// its audience are checked, its signature is not.
fn check_assertion(now: u64, form: &Form, assertion: &str) -> Result<(), Refusal> {
    if form.field("client_assertion_type") != Some(ASSERTION_TYPE) {
        return Err(Refusal::missing("client_assertion_type"));
    }
    let claims = token::unverified_claims(assertion).ok_or_else(|| {
        Refusal::invalid_client(
            50_027,
            "JWT token is invalid or malformed: the client assertion has no readable claims.",
        )
    })?;
    let end = claims["exp"].as_u64().unwrap_or(0);
    if end <= now {
        return Err(Refusal::invalid_client(
            700_024,
            format!(
                "Client assertion is not within its valid time range: it ended at {end}, now is {now}."
            ),
        ));
    }
    Ok(())
}

/// `Authorization: Basic`, which OAuth clients may use instead of fields.
fn basic_credentials(ask: Ask<'_>) -> Option<(String, String)> {
    let (scheme, encoded) = ask.request.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn unsupported(grant: &str) -> Refusal {
    Refusal::bad_request(
        "unsupported_grant_type",
        70_003,
        format!(
            "The grant type '{grant}' is not emulated: sign in as an application \
             ('client_credentials'), with a secret or an assertion."
        ),
    )
}
