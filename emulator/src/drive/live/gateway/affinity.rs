//! The affinity cookie: which member a client is bound to, and how it learns so.

use std::net::Ipv4Addr;

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::data_plane::{Target, affinity_value};

/// The member that the request's cookie names, if it still gets requests.
pub(crate) fn bound(
    headers: &HeaderMap,
    cookie: &str,
    target: &Target,
    port: u16,
) -> Option<Ipv4Addr> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == cookie)
        .find_map(|(_, value)| target.member_of_cookie(value, port))
}

/// Binds the client to the member that served it (azure-facts.md §5.6: a session cookie).
pub(crate) fn bind(headers: &mut HeaderMap, cookie: &str, member: Ipv4Addr, port: u16) {
    let line = format!("{cookie}={}; Path=/", affinity_value(member, port));
    if let Ok(line) = HeaderValue::from_str(&line) {
        headers.append(SET_COOKIE, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_returns_its_cookie_is_known() {
        let member = Ipv4Addr::new(10, 0, 0, 6);
        let target = Target {
            id: 0,
            pool: 0,
            settings: 0,
            eligible: vec![Ipv4Addr::new(10, 0, 0, 5), member],
            draining: Vec::new(),
        };
        let mut answer = HeaderMap::new();
        bind(&mut answer, "ApplicationGatewayAffinity", member, 80);
        let line = answer[SET_COOKIE].to_str().expect("the cookie is text");
        let pair = line.split(';').next().unwrap_or_default();
        let mut request = HeaderMap::new();
        let sent = format!("other=1; {pair}").parse().expect("a header value");
        request.insert(COOKIE, sent);
        let found = bound(&request, "ApplicationGatewayAffinity", &target, 80);
        assert_eq!(found, Some(member));
        assert_eq!(bound(&request, "Other", &target, 80), None);
    }
}
