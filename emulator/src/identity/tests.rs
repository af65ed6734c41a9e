//! Sign-in as clients hear it: forms in, documents and tokens out.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use serde_json::Value;

use super::token::unverified_claims;
use super::*;

const NOW: u64 = 1_780_000_000;
const TENANT: &str = crate::control_plane::config::TENANT;

fn identity(admission: Admission) -> Identity {
    let key = TokenKey::generate().expect("randomness");
    Identity::new(IdentityConfig {
        tenant: TENANT.to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: "the-secret".to_owned(),
        key: TokenKey::from_pkcs8(&key).expect("our own key"),
        admission,
    })
}

fn ask(
    identity: &Identity,
    method: &str,
    path: &str,
    header: &str,
    body: &str,
) -> Option<Response<Bytes>> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost:8443");
    if let Some((name, value)) = header.split_once(": ") {
        request = request.header(name, value);
    }
    let request = request
        .body(Bytes::from(body.to_owned()))
        .expect("a request");
    identity.answer(NOW, &request)
}

fn get(path: &str) -> Value {
    let answer = ask(&identity(Admission::Verified), "GET", path, "", "");
    let answer = answer.unwrap_or_else(|| panic!("`{path}` is the identity's"));
    assert_eq!(answer.status(), 200, "{path}");
    serde_json::from_slice(answer.body()).expect("JSON")
}

/// The status and the document of a token request with these fields.
fn post(identity: &Identity, path: &str, fields: &str) -> (u16, Value) {
    let answer = ask(identity, "POST", path, "", fields).expect("the identity's");
    let document = serde_json::from_slice(answer.body()).expect("JSON");
    (answer.status().as_u16(), document)
}

fn v2() -> String {
    format!("/{TENANT}/oauth2/v2.0/token")
}

fn good() -> String {
    format!(
        "client_id={CLIENT_ID}&grant_type=client_credentials&client_info=1&client_secret=the-secret\
         &scope=https%3A%2F%2Flocalhost%3A8443%2F%2F.default"
    )
}

fn token(identity: &Identity, scope: &str) -> String {
    let fields = format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret=the-secret&scope={scope}"
    );
    let (status, document) = post(identity, &v2(), &fields);
    assert_eq!(status, 200, "{document}");
    document["access_token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

fn standing(identity: &Identity, now: u64, authorization: &str) -> String {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(authorization)
        && !authorization.is_empty()
    {
        headers.insert("authorization", value);
    }
    match identity.standing(now, &headers, "localhost:8443") {
        Standing::Admitted => "admitted".to_owned(),
        Standing::Refused { code, login, .. } => {
            assert_eq!(login, "https://localhost:8443");
            code.to_owned()
        }
    }
}

#[test]
fn cloud_metadata_has_the_shape_of_its_version() {
    for (version, shape) in [
        ("2022-09-01", "object"),
        ("2023-01-01", "object"),
        ("2019-05-01", "list"),
        ("2020-06-01", "list"),
        ("2015-01-01", "legacy"),
        ("1.0", "legacy"),
    ] {
        let document = get(&format!("/metadata/endpoints?api-version={version}"));
        let found = match &document {
            Value::Array(_) => "list",
            one if one["galleryEndpoint"].is_string() => "legacy",
            _ => "object",
        };
        assert_eq!(found, shape, "{version}");
        let cloud = document.get(0).unwrap_or(&document);
        let login = &cloud["authentication"];
        assert_eq!(
            login["loginEndpoint"], "https://localhost:8443",
            "{version}"
        );
        assert_eq!(
            login["audiences"][0], "https://localhost:8443/",
            "{version}"
        );
    }
}

#[test]
fn open_id_configuration_names_the_paths_of_its_version() {
    for (path, token) in [
        (
            "/common/v2.0/.well-known/openid-configuration",
            "/common/oauth2/v2.0/token",
        ),
        (
            "/organizations/.well-known/openid-configuration",
            "/organizations/oauth2/token",
        ),
        (
            "/adfs/.well-known/openid-configuration",
            "/adfs/oauth2/token",
        ),
        (
            "/TURQUOISE.localhost/v2.0/.well-known/openid-configuration",
            "/TURQUOISE.localhost/oauth2/v2.0/token",
        ),
    ] {
        let document = get(path);
        assert_eq!(
            document["token_endpoint"],
            format!("https://localhost:8443{token}")
        );
        assert!(document["authorization_endpoint"].is_string(), "{path}");
        assert!(document["issuer"].is_string(), "{path}");
    }
}

#[test]
fn what_resource_manager_answers_is_not_the_identitys() {
    let identity = identity(Admission::Verified);
    for path in [
        "/subscriptions",
        "/tenants",
        "/",
        "/subscriptions/x/resourcegroups/token",
        "/a/b/c/d/e",
    ] {
        assert!(ask(&identity, "GET", path, "", "").is_none(), "{path}");
    }
}

#[test]
fn a_secret_buys_a_token_for_the_audience_as_asked() {
    let identity = identity(Admission::Verified);
    let (status, document) = post(&identity, &v2(), &good());
    assert_eq!(status, 200, "{document}");
    assert_eq!(document["token_type"], "Bearer");
    assert_eq!(document["expires_in"], 3599);
    let claims = unverified_claims(document["access_token"].as_str().expect("a token"));
    let claims = claims.expect("claims");
    assert_eq!(claims["aud"], "https://localhost:8443/");
    assert_eq!(
        (&claims["tid"], &claims["appid"]),
        (&TENANT.into(), &CLIENT_ID.into())
    );
    assert_eq!(claims["exp"], NOW + 3599);
}

#[test]
fn the_older_protocol_answers_with_numbers_as_text() {
    let fields = format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret=the-secret\
         &resource=https%3A%2F%2Fmanagement.core.windows.net%2F"
    );
    for path in [
        format!("/{TENANT}/oauth2/token"),
        "/adfs/oauth2/token".to_owned(),
    ] {
        let (status, document) = post(&identity(Admission::Verified), &path, &fields);
        assert_eq!(status, 200, "{document}");
        assert_eq!(document["expires_on"], (NOW + 3599).to_string());
        assert_eq!(document["resource"], "https://management.core.windows.net/");
    }
}

#[test]
fn an_assertion_buys_a_token_while_it_is_good() {
    let identity = identity(Admission::Verified);
    let other = TokenKey::from_pkcs8(&TokenKey::generate().expect("randomness")).expect("a key");
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    for (end, status, number) in [(NOW + 1, 200, 0), (NOW, 401, 700_024)] {
        let assertion = other.sign(&json(end));
        let fields = format!(
            "grant_type=client_credentials&client_id={CLIENT_ID}&client_assertion_type={kind}\
             &client_assertion={assertion}&scope=https://management.azure.com/.default"
        );
        let (found, document) = post(&identity, &v2(), &fields);
        assert_eq!(found, status, "{document}");
        if number != 0 {
            assert_eq!(document["error_codes"][0], number);
        }
    }
}

fn json(end: u64) -> Value {
    serde_json::json!({"sub": "system:serviceaccount:ci", "exp": end})
}

#[test]
fn what_entra_id_refuses_has_its_number() {
    let wrong = |from: &str, to: &str| good().replace(from, to);
    for (path, fields, status, error, number) in [
        (
            v2(),
            wrong("the-secret", "x"),
            401,
            "invalid_client",
            7_000_215,
        ),
        (
            v2(),
            wrong("&client_secret=the-secret", ""),
            401,
            "invalid_client",
            7_000_218,
        ),
        (
            v2(),
            wrong(CLIENT_ID, "nobody"),
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            v2(),
            wrong("client_credentials", "password"),
            400,
            "unsupported_grant_type",
            70_003,
        ),
        (
            v2(),
            wrong("%2F.default", ""),
            400,
            "invalid_scope",
            1_002_012,
        ),
        (v2(), String::new(), 400, "invalid_request", 900_144),
        (
            v2(),
            "\u{0}%ff=&&=".to_owned(),
            400,
            "invalid_request",
            900_144,
        ),
        (
            "/other.test/oauth2/v2.0/token".to_owned(),
            good(),
            400,
            "invalid_tenant",
            90_002,
        ),
    ] {
        let (found, document) = post(&identity(Admission::Verified), &path, &fields);
        assert_eq!(
            (found, &document["error"]),
            (status, &error.into()),
            "{document}"
        );
        assert_eq!(document["error_codes"][0], number, "{document}");
        let text = document["error_description"].as_str().unwrap_or_default();
        assert!(text.starts_with(&format!("AADSTS{number}: ")), "{text}");
    }
}

#[test]
fn a_machine_gets_its_token_with_the_header_of_machines() {
    let identity = identity(Admission::Verified);
    let path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/";
    for (path, header, status) in [
        (path.to_owned(), "metadata: true", 200),
        (path.to_owned(), "metadata: false", 400),
        (path.to_owned(), "", 400),
        (format!("{path}&client_id=other"), "metadata: true", 400),
        (
            format!("{path}&client_id={CLIENT_ID}"),
            "metadata: true",
            200,
        ),
        (
            "/msi/token?resource=x".to_owned(),
            "x-identity-header: the-secret",
            200,
        ),
        (
            "/msi/token?resource=x".to_owned(),
            "x-identity-header: wrong",
            401,
        ),
    ] {
        let answer = ask(&identity, "GET", &path, header, "").expect("the identity's");
        assert_eq!(answer.status(), status, "{path} {header}");
    }
}

#[test]
fn people_are_told_to_sign_in_as_an_application() {
    let path = format!("/{TENANT}/oauth2/v2.0/devicecode");
    let answer =
        ask(&identity(Admission::Verified), "POST", &path, "", "").expect("the identity's");
    assert_eq!(answer.status(), 501);
}

#[test]
fn a_token_is_good_until_its_end_and_for_resource_manager_alone() {
    let identity = identity(Admission::Verified);
    let own = token(&identity, "https://localhost:8443//.default");
    let graph = token(&identity, "https://graph.microsoft.com/.default");
    for (now, authorization, expected) in [
        (NOW, format!("Bearer {own}"), "admitted"),
        (NOW + 3_598, format!("bearer {own}"), "admitted"),
        (
            NOW + 3_599,
            format!("Bearer {own}"),
            "ExpiredAuthenticationToken",
        ),
        (NOW, format!("Bearer {graph}"), "InvalidAuthenticationToken"),
        (
            NOW,
            "Bearer some-token".to_owned(),
            "InvalidAuthenticationToken",
        ),
        (NOW, "Bearer a.b.c".to_owned(), "InvalidAuthenticationToken"),
        (NOW, format!("Bearer {DEVELOPMENT_TOKEN}"), "admitted"),
        (NOW, format!("Basic {own}"), "AuthenticationFailed"),
        (NOW, "Bearer ".to_owned(), "AuthenticationFailed"),
        (NOW, String::new(), "AuthenticationFailed"),
    ] {
        assert_eq!(
            standing(&identity, now, &authorization),
            expected,
            "{authorization}"
        );
    }
    // Base64 leaves bits of the last letter open; another letter in the middle never is.
    let (head, tail) = own.split_at(own.len() - 20);
    let broken = format!(
        "{head}{}{}",
        if tail.starts_with('A') { 'B' } else { 'A' },
        &tail[1..]
    );
    assert_eq!(
        standing(&identity, NOW, &format!("Bearer {broken}")),
        "InvalidAuthenticationToken"
    );
}

#[test]
fn a_key_that_is_kept_knows_its_tokens_again() {
    let bytes = TokenKey::generate().expect("randomness");
    let (before, after) = (TokenKey::from_pkcs8(&bytes), TokenKey::from_pkcs8(&bytes));
    let token = before.expect("a key").sign(&json(1));
    assert_eq!(after.expect("a key").verify(&token), Some(json(1)));
    assert!(TokenKey::from_pkcs8(b"no key").is_err());
}

#[test]
fn admission_may_be_opened() {
    for (admission, authorization, expected) in [
        (Admission::AnyToken, "Bearer t", "admitted"),
        (Admission::AnyToken, "", "AuthenticationFailed"),
        (Admission::Everyone, "", "admitted"),
    ] {
        assert_eq!(
            standing(&identity(admission), NOW, authorization),
            expected,
            "{admission:?}"
        );
    }
}
