//! What the gateway changes in the headers that pass through it.

use std::net::SocketAddr;

use http::header::{
    CONNECTION, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::seed::Seed;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const ORIGINAL_HOST: HeaderName = HeaderName::from_static("x-original-host");
const TRACE_ID: HeaderName = HeaderName::from_static("x-appgw-trace-id");

/// Headers that concern one connection only (RFC 9110 §7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Where a request came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entrance {
    /// The client's end of its connection.
    pub(crate) client: SocketAddr,
    /// The listener's port as Azure knows it.
    pub(crate) port: u16,
    /// Whether the client spoke TLS.
    pub(crate) tls: bool,
}

/// Makes a client's request the gateway's own (azure-facts.md §5.1, step 5).
pub(crate) fn forward(head: &mut Parts, entrance: Entrance, host: Option<&str>, trace: u64) {
    strip_hop_by_hop(&mut head.headers);
    let original = head.headers.get(HOST).cloned();
    let headers = &mut head.headers;
    append_client(headers, entrance.client);
    let scheme = if entrance.tls { "https" } else { "http" };
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(scheme));
    headers.insert(FORWARDED_PORT, HeaderValue::from(entrance.port));
    headers.insert(TRACE_ID, trace_id(trace));
    if let Some(original) = original {
        headers.insert(ORIGINAL_HOST, original);
    }
    if let Some(host) = host.and_then(|host| HeaderValue::from_str(host).ok()) {
        headers.insert(HOST, host);
    }
}

/// Removes what concerns one connection only, with whatever `Connection` names.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Appends `ip:port` to what earlier proxies wrote.
fn append_client(headers: &mut HeaderMap, client: SocketAddr) {
    let earlier = headers.get(FORWARDED_FOR).and_then(|v| v.to_str().ok());
    let line = match earlier {
        Some(earlier) => format!("{earlier}, {client}"),
        None => client.to_string(),
    };
    if let Ok(line) = HeaderValue::from_str(&line) {
        headers.insert(FORWARDED_FOR, line);
    }
}

/// Thirty-two hex digits, as the real header carries.
fn trace_id(trace: u64) -> HeaderValue {
    let node = Seed::new(trace);
    let text = format!("{:016x}{:016x}", node.at(0).value(), node.at(1).value());
    HeaderValue::from_str(&text).expect("because hex digits are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(request: http::request::Builder, host: Option<&str>) -> HeaderMap {
        let (mut head, ()) = request.body(()).expect("a valid request").into_parts();
        let entrance = Entrance {
            client: SocketAddr::from(([127, 0, 0, 1], 5_000)),
            port: 443,
            tls: true,
        };
        forward(&mut head, entrance, host, 7);
        head.headers
    }

    #[test]
    fn the_member_learns_who_asked_and_how() {
        let request = http::Request::get("/")
            .header("host", "app.contoso.com")
            .header("x-forwarded-for", "203.0.113.9:1234");
        let headers = forwarded(request, Some("backend.internal"));
        for (name, value) in [
            ("x-forwarded-for", "203.0.113.9:1234, 127.0.0.1:5000"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-port", "443"),
            ("x-original-host", "app.contoso.com"),
            ("host", "backend.internal"),
        ] {
            assert_eq!(
                headers.get(name).map(HeaderValue::as_bytes),
                Some(value.as_bytes())
            );
        }
        assert_eq!(headers["x-appgw-trace-id"].len(), 32);
    }

    #[test]
    fn what_concerns_one_connection_stays_on_it() {
        let request = http::Request::get("/")
            .header("connection", "keep-alive, x-private")
            .header("x-private", "1")
            .header("te", "trailers")
            .header("x-kept", "1");
        let headers = forwarded(request, None);
        for name in ["connection", "x-private", "te"] {
            assert!(!headers.contains_key(name), "{name}");
        }
        assert!(headers.contains_key("x-kept"));
    }
}
