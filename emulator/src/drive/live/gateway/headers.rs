//! What the gateway changes in the headers that pass through it.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use super::upload::Upload;
use crate::data_plane::Changes;
use crate::seed::Seed;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const ORIGINAL_HOST: HeaderName = HeaderName::from_static("x-original-host");
const TRACE_ID: HeaderName = HeaderName::from_static("x-appgw-trace-id");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Where a request came in, with what every request of its connection says about that.
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    /// The listener's port as Azure knows it.
    pub(crate) port: u16,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// The client's end.
    pub(crate) address: SocketAddr,
    /// The same, as `ip:port`.
    client: String,
    /// The headers about protocol and port, as bytes.
    fixed: Bytes,
}

/// How a request goes to its member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forwarding<'a> {
    /// The request target.
    pub(crate) target: &'a str,
    /// The `Host` where the settings override the client's.
    pub(crate) host: Option<&'a str>,
    /// The client's `Host`, or its authority in HTTP/2.
    pub(crate) original_host: &'a str,
    /// What the trace id is made of.
    pub(crate) trace: u64,
    /// What rewrite rules change.
    pub(crate) changes: &'a Changes,
    /// The protocol that the client asks to change to.
    pub(crate) upgrade: Option<&'a HeaderValue>,
}

impl Entrance {
    /// A connection from `client` to the listener of `port`.
    pub(crate) fn new(client: SocketAddr, port: u16, tls: bool) -> Self {
        let scheme = if tls { "https" } else { "http" };
        let fixed = format!("x-forwarded-proto: {scheme}\r\nx-forwarded-port: {port}\r\n");
        Self {
            port,
            scheme,
            address: client,
            client: client.to_string(),
            fixed: Bytes::from(fixed),
        }
    }
}

/// The head of a client's request as the gateway's own (azure-facts.md §5.1, step 5).
pub(crate) fn forward(
    head: &Parts,
    upload: &Upload,
    entrance: &Entrance,
    forwarding: Forwarding<'_>,
) -> Bytes {
    let mut text = BytesMut::with_capacity(1024);
    for part in [
        head.method.as_str(),
        " ",
        forwarding.target,
        " HTTP/1.1\r\n",
    ] {
        text.extend_from_slice(part.as_bytes());
    }
    let original = forwarding.original_host;
    let host = forwarding.host.unwrap_or(original);
    let changes = forwarding.changes;
    let rewritten = changes
        .headers
        .get("host")
        .filter(|host| fits("host", host));
    let host = rewritten.map_or(host, String::as_str);
    put_field(&mut text, "host", host.as_bytes());
    put_passed_on(&mut text, &head.headers, changes);
    put_length(&mut text, head, upload);
    if !changes.headers.contains_key(FORWARDED_FOR.as_str()) {
        put_client(&mut text, &head.headers, &entrance.client);
    }
    text.extend_from_slice(&entrance.fixed);
    put_field(&mut text, "x-original-host", original.as_bytes());
    put_field(&mut text, "x-appgw-trace-id", &trace_id(forwarding.trace));
    put_rewritten(&mut text, head, changes);
    if let Some(protocol) = forwarding.upgrade {
        text.extend_from_slice(b"connection: upgrade\r\n");
        put_field(&mut text, "upgrade", protocol.as_bytes());
    }
    text.extend_from_slice(b"\r\n");
    text.freeze()
}

/// Makes the changes of rewrite rules to an answer.
pub(crate) fn change(headers: &mut HeaderMap, changes: &Changes) {
    for (name, value) in &changes.headers {
        let Ok(name) = name.parse::<HeaderName>() else {
            continue;
        };
        if is_framing(&name) {
            continue;
        }
        match HeaderValue::from_str(value) {
            Ok(value) if !value.is_empty() => {
                headers.insert(name, value);
            }
            _ => {
                headers.remove(name);
            }
        }
    }
}

/// The headers that rewrite rules set, and the URL that they changed (azure-facts.md §5.1, step 5).
fn put_rewritten(text: &mut BytesMut, head: &Parts, changes: &Changes) {
    for (name, value) in &changes.headers {
        if name != "host" && fits(name, value) {
            put_field(text, name, value.as_bytes());
        }
    }
    if changes.target.is_some() {
        let original = head.uri.path_and_query().map_or("/", |path| path.as_str());
        put_field(text, "x-original-url", original.as_bytes());
    }
}

/// Whether a header may be written: a rule can neither break the head apart nor change how long the
/// body is.
fn fits(name: &str, value: &str) -> bool {
    let name = name.parse::<HeaderName>();
    !value.is_empty()
        && name.is_ok_and(|name| !is_framing(&name))
        && HeaderValue::from_str(value).is_ok()
}

fn is_framing(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE].contains(name)
}

/// Writes one header.
pub(crate) fn put_field(text: &mut BytesMut, name: &str, value: &[u8]) {
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(b": ");
    text.extend_from_slice(value);
    text.extend_from_slice(b"\r\n");
}

/// The protocol that a request asks to change to.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<&HeaderValue> {
    let protocol = headers.get(UPGRADE)?;
    let wanted = named_by_connection(headers).any(|name| name.eq_ignore_ascii_case("upgrade"));
    wanted.then_some(protocol)
}

/// Whether nobody can tell which host is asked (RFC 9112 §3.2). Of a length and chunks together the
/// server takes the chunks and closes the connection afterwards (§6.3); what is forwarded says its
/// length in one way whatever came.
pub(crate) fn is_ambiguous(head: &Parts) -> bool {
    let headers = &head.headers;
    let hosts = headers.get_all(HOST).iter().count();
    let hostless = hosts == 0 && head.version == Version::HTTP_11;
    hosts > 1 || hostless
}

/// Makes an answer that changes the protocol the gateway's own: the change is the one thing that
/// concerns the connection and goes on.
pub(crate) fn keep_upgrade(headers: &mut HeaderMap) {
    let protocol = headers.get(UPGRADE).cloned();
    strip_hop_by_hop(headers);
    if let Some(protocol) = protocol {
        headers.insert(UPGRADE, protocol);
    }
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
}

/// Removes from an answer what concerns one connection only, with whatever `Connection` names.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = named_by_connection(headers)
            .filter_map(|name| name.parse().ok())
            .collect();
        for name in &named {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    // The names of trailers go on: the client's connection carries them as well.
    for name in [
        KEEP_ALIVE,
        PROXY_AUTHENTICATE,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
}

fn named_by_connection(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(CONNECTION).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// The client's headers, but for those that concern its connection only (RFC 9110 §7.6.1) and those
/// that the gateway writes itself.
fn put_passed_on(text: &mut BytesMut, headers: &HeaderMap, changes: &Changes) {
    let has_named = headers.contains_key(CONNECTION);
    for (name, value) in headers {
        let is_named =
            || named_by_connection(headers).any(|named| named.eq_ignore_ascii_case(name.as_str()));
        let is_changed = changes.headers.contains_key(name.as_str());
        if is_our_own(name) || is_changed || (has_named && is_named()) {
            continue;
        }
        if *name == TE {
            // The one word of it that the gateway understands itself.
            if value.as_bytes().eq_ignore_ascii_case(b"trailers") {
                put_field(text, "te", b"trailers");
            }
            continue;
        }
        put_field(text, name.as_str(), value.as_bytes());
    }
}

/// `Expect` is answered by the gateway, which passes the body on as it comes.
fn is_our_own(name: &HeaderName) -> bool {
    const NAMES: [HeaderName; 15] = [
        HOST,
        CONNECTION,
        CONTENT_LENGTH,
        EXPECT,
        KEEP_ALIVE,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
        FORWARDED_FOR,
        FORWARDED_PROTO,
        FORWARDED_PORT,
        ORIGINAL_HOST,
        TRACE_ID,
    ];
    NAMES.contains(name)
}

fn put_length(text: &mut BytesMut, head: &Parts, upload: &Upload) {
    match upload.length() {
        Some(0) if !head.headers.contains_key(CONTENT_LENGTH) => {}
        Some(length) => put_field(text, "content-length", length.to_string().as_bytes()),
        None => text.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
}

/// Appends `ip:port` to what earlier proxies wrote.
fn put_client(text: &mut BytesMut, headers: &HeaderMap, client: &str) {
    text.extend_from_slice(b"x-forwarded-for: ");
    for earlier in headers.get_all(FORWARDED_FOR) {
        text.extend_from_slice(earlier.as_bytes());
        text.extend_from_slice(b", ");
    }
    text.extend_from_slice(client.as_bytes());
    text.extend_from_slice(b"\r\n");
}

/// Thirty-two hex digits, as the real header carries.
fn trace_id(trace: u64) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let node = Seed::new(trace);
    let words = [node.at(0).value(), node.at(1).value()];
    std::array::from_fn(|place| {
        let shift = 60 - 4 * (place % 16);
        DIGITS[usize::try_from(words[place / 16] >> shift & 15).unwrap_or_default()]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(request: http::request::Builder, host: Option<&str>) -> String {
        let (head, ()) = request.body(()).expect("a valid request").into_parts();
        let client = SocketAddr::from(([127, 0, 0, 1], 5_000));
        let forwarding = Forwarding {
            target: "/a?b=c",
            host,
            original_host: "app.contoso.com",
            trace: 7,
            changes: &Changes::default(),
            upgrade: upgrade(&head.headers),
        };
        let entrance = Entrance::new(client, 443, true);
        let text = forward(&head, &Upload::Empty, &entrance, forwarding);
        String::from_utf8_lossy(&text).into_owned()
    }

    #[test]
    fn the_member_learns_who_asked_and_how() {
        let request = http::Request::get("/")
            .header("host", "app.contoso.com")
            .header("x-forwarded-for", "203.0.113.9:1234")
            .header("x-forwarded-proto", "gopher")
            .header("accept", "*/*");
        let text = forwarded(request, Some("backend.internal"));
        let (known, trace) = text.split_once("x-appgw-trace-id: ").expect("a trace id");
        assert_eq!(
            known,
            "GET /a?b=c HTTP/1.1\r\nhost: backend.internal\r\naccept: */*\r\n\
             x-forwarded-for: 203.0.113.9:1234, 127.0.0.1:5000\r\nx-forwarded-proto: https\r\n\
             x-forwarded-port: 443\r\nx-original-host: app.contoso.com\r\n"
        );
        assert_eq!(trace.len(), 32 + 4, "{trace:?}");
    }

    #[test]
    fn what_concerns_one_connection_stays_on_it() {
        let request = http::Request::get("/")
            .header("connection", "keep-alive, x-private")
            .header("x-private", "1")
            .header("upgrade", "websocket")
            .header("te", "gzip")
            .header("x-kept", "1");
        let text = forwarded(request, None);
        for name in ["connection:", "x-private:", "te:", "upgrade:"] {
            assert!(!text.contains(name), "{name} in {text}");
        }
        assert!(text.contains("x-kept: 1\r\n"));
    }

    #[test]
    fn a_request_says_one_host() {
        let get = || http::Request::post("/");
        for (request, ambiguous) in [
            (get().header("host", "a"), false),
            (get().header("host", "a").header("host", "b"), true),
            (get(), true),
            (get().version(Version::HTTP_10), false),
            (get().version(Version::HTTP_2), false),
        ] {
            let (head, ()) = request.body(()).expect("a valid request").into_parts();
            assert_eq!(is_ambiguous(&head), ambiguous, "{head:?}");
        }
    }

    #[test]
    fn a_change_of_protocol_is_asked_of_the_member() {
        let request = http::Request::get("/")
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13");
        let text = forwarded(request, None);
        assert!(text.contains("connection: upgrade\r\nupgrade: websocket\r\n"));
        assert!(text.contains("sec-websocket-version: 13\r\n"));
    }
}
