//! Who may use the admin API: programs and pages of this machine, no page of another origin.
//!
//! The API has no password, so a page that a browser has loaded from elsewhere must not reach it.
//! The name in `Host` must be this machine's (no other name that resolves here: DNS rebinding), an
//! `Origin` must be our own, and a browser that tells where a request comes from must say: from
//! here. No answer allows another origin anything.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use turquoise_arm::ArmError;

use crate::http::router::refusal;

/// The names of this machine under which it serves.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Scripts, styles, pictures and requests of our own, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Refuses who may not, and seals every answer.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/_turquoise/v1");
    let mut response = match why_not(request.headers(), api) {
        None => next.run(request).await,
        Some(why) => refusal(&ArmError::new(StatusCode::FORBIDDEN, "NotFromHere", why)),
    };
    seal(response.headers_mut());
    response
}

/// Why a request is refused; `None` when it is let in.
fn why_not(headers: &HeaderMap, api: bool) -> Option<String> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(HOST).unwrap_or_default();
    if !NAMES.contains(&without_port(host)) {
        let names = NAMES.join("`, `");
        return Some(format!(
            "the host is `{host}`, and the admin API answers to `{names}` only"
        ));
    }
    if let Some(origin) = text(ORIGIN)
        && !is_own(origin, host)
    {
        return Some(format!("the origin `{origin}` may not use the admin API"));
    }
    let site = text(HeaderName::from_static("sec-fetch-site"));
    match site {
        Some(site) if api && !matches!(site, "same-origin" | "none") => {
            Some("a page of another origin may not use the admin API".to_owned())
        }
        _ => None,
    }
}

fn is_own(origin: &str, host: &str) -> bool {
    let bare = origin.strip_prefix("http://");
    let bare = bare.or_else(|| origin.strip_prefix("https://"));
    bare == Some(host)
}

/// `host` of `host:port`; an IPv6 address keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn seal(headers: &mut HeaderMap) {
    let set = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in set {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_its_own_page_are_let_in() {
        for (host, origin, site, api, admitted) in [
            ("localhost:8400", "", "", true, true),
            (
                "127.0.0.1:8400",
                "http://127.0.0.1:8400",
                "same-origin",
                true,
                true,
            ),
            ("[::1]:8400", "https://[::1]:8400", "", true, true),
            ("localhost", "", "none", true, true),
            ("evil.example:8400", "", "", true, false),
            ("localhost.evil.example", "", "", true, false),
            ("", "", "", true, false),
            ("localhost:8400", "http://evil.example", "", true, false),
            ("localhost:8400", "http://localhost:8401", "", true, false),
            ("localhost:8400", "null", "", true, false),
            ("localhost:8400", "", "cross-site", true, false),
            ("localhost:8400", "", "same-site", true, false),
            ("localhost:8400", "", "cross-site", false, true),
        ] {
            let mut headers = HeaderMap::new();
            let given = [("host", host), ("origin", origin), ("sec-fetch-site", site)];
            for (name, value) in given.into_iter().filter(|(_, value)| !value.is_empty()) {
                headers.insert(name, HeaderValue::from_static(value));
            }
            let refused = why_not(&headers, api);
            assert_eq!(
                refused.is_none(),
                admitted,
                "{host} {origin} {site}: {refused:?}"
            );
        }
    }
}
