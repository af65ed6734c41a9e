//! Rewrite rules: what a gateway changes in headers and URLs, and when (docs/rewrite-http-headers-url).
//!
//! A rule acts when all its conditions hold. Values may name server variables (`{var_host}`), headers
//! (`{http_req_Accept}`, `{http_resp_Location}`) and what a condition's pattern captured
//! (`{var_uri_path_1}`). Conditions and values see the request as its client sent it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use http::HeaderMap;

use crate::desired::{Condition, Rewrite, RewriteRule};

/// A request as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct RewriteRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// `http` or `https`, as the client spoke.
    pub scheme: &'a str,
    /// The host that was asked for.
    pub host: &'a str,
    /// The path with its query.
    pub target: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The client's end of its connection.
    pub client: SocketAddr,
    /// The listener's port.
    pub port: u16,
}

/// An answer as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct RewriteAnswer<'a> {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: &'a HeaderMap,
}

/// What the rules change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Headers in lower case with their new value; an empty one removes the header.
    pub headers: BTreeMap<String, String>,
    /// The new path with its query.
    pub target: Option<String>,
    /// Whether the route is looked up again by the new path.
    pub reroute: bool,
}

impl Rewrite {
    /// What the rules change in a request on its way to a member.
    #[must_use]
    pub fn request(&self, request: RewriteRequest<'_>) -> Changes {
        let mut changes = Changes::default();
        for rule in &self.rules {
            let Some(seen) = Seen::of(rule, request, None) else {
                continue;
            };
            for (name, value) in &rule.request_headers {
                changes.set(name, seen.fill(value));
            }
            if let Some(url) = &rule.url {
                let (path, query) = split(request.target);
                let part = |new: &Option<String>, old: &str| match new {
                    Some(text) => seen.fill(text),
                    None => old.to_owned(),
                };
                let query = part(&url.query, query);
                changes.target = Some(joined(&part(&url.path, path), &query));
                changes.reroute |= url.reroute;
            }
        }
        changes
    }

    /// What the rules change in an answer on its way to the client.
    #[must_use]
    pub fn answer(&self, request: RewriteRequest<'_>, answer: RewriteAnswer<'_>) -> Changes {
        let mut changes = Changes::default();
        for rule in self
            .rules
            .iter()
            .filter(|rule| !rule.answer_headers.is_empty())
        {
            if let Some(seen) = Seen::of(rule, request, Some(answer)) {
                for (name, value) in &rule.answer_headers {
                    changes.set(name, seen.fill(value));
                }
            }
        }
        changes
    }
}

impl Changes {
    fn set(&mut self, name: &str, value: String) {
        self.headers.insert(name.to_ascii_lowercase(), value);
    }
}

/// What values may name, once a rule's conditions hold.
struct Seen<'a> {
    request: RewriteRequest<'a>,
    answer: Option<RewriteAnswer<'a>>,
    captured: BTreeMap<String, String>,
}

impl<'a> Seen<'a> {
    /// `None` when a condition does not hold. What is about an answer does not hold before there is
    /// one.
    fn of(
        rule: &RewriteRule,
        request: RewriteRequest<'a>,
        answer: Option<RewriteAnswer<'a>>,
    ) -> Option<Self> {
        let mut seen = Self {
            request,
            answer,
            captured: BTreeMap::new(),
        };
        let holds = rule
            .conditions
            .iter()
            .all(|condition| seen.holds(condition));
        holds.then_some(seen)
    }

    fn holds(&mut self, condition: &Condition) -> bool {
        if self.answer.is_none() && is_of_answer(&condition.variable) {
            return false;
        }
        let value = self.variable(&condition.variable).unwrap_or_default();
        let Some(captures) = condition.pattern.captures(&value) else {
            return condition.negate;
        };
        for (number, group) in captures.into_iter().enumerate().skip(1) {
            let name = format!("{}_{number}", condition.variable.to_ascii_lowercase());
            self.captured.insert(name, group);
        }
        !condition.negate
    }

    /// A value with every `{name}` filled in; an unknown one is empty, as in Azure.
    fn fill(&self, value: &str) -> String {
        let mut filled = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                filled.push('{');
                rest = after;
                continue;
            };
            filled.push_str(&self.variable(name).unwrap_or_default());
            rest = after;
        }
        filled + rest
    }

    fn variable(&self, name: &str) -> Option<String> {
        let name = name.to_ascii_lowercase();
        if let Some(captured) = self.captured.get(&name) {
            return Some(captured.clone());
        }
        if let Some(header) = name.strip_prefix("http_req_") {
            return header_of(self.request.headers, header);
        }
        if let Some(header) = name.strip_prefix("http_resp_") {
            return header_of(self.answer?.headers, header);
        }
        self.server_variable(name.strip_prefix("var_")?)
    }

    fn server_variable(&self, name: &str) -> Option<String> {
        let request = &self.request;
        let (path, query) = split(request.target);
        Some(match name {
            "add_x_forwarded_for_proxy" => {
                let earlier = header_of(request.headers, "x-forwarded-for");
                let client = request.client.ip().to_string();
                earlier.map_or_else(|| client.clone(), |earlier| format!("{earlier}, {client}"))
            }
            "client_ip" => request.client.ip().to_string(),
            "client_port" => request.client.port().to_string(),
            "host" => without_port(request.host).to_owned(),
            "http_method" => request.method.to_owned(),
            "http_status" => self.answer?.status.to_string(),
            "query_string" | "request_query" => query.to_owned(),
            "request_scheme" => request.scheme.to_owned(),
            "request_uri" => request.target.to_owned(),
            "server_port" => request.port.to_string(),
            "ssl_enabled" => if request.scheme == "https" { "on" } else { "" }.to_owned(),
            "uri_path" => path.to_owned(),
            other => return cookie(request.headers, other.strip_prefix("cookie_")?),
        })
    }
}

fn is_of_answer(variable: &str) -> bool {
    let variable = variable.to_ascii_lowercase();
    variable.starts_with("http_resp_") || variable == "var_http_status"
}

fn split(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

fn joined(path: &str, query: &str) -> String {
    let slash = if path.starts_with('/') { "" } else { "/" };
    match query {
        "" => format!("{slash}{path}"),
        query => format!("{slash}{path}?{query}"),
    }
}

fn without_port(host: &str) -> &str {
    host.split(':').next().unwrap_or(host)
}

/// A header by a name in which `_` may stand for `-`, as variables write it.
fn header_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let found = headers
        .get(name)
        .or_else(|| headers.get(name.replace('_', "-")));
    Some(found?.to_str().ok()?.to_owned())
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all("cookie").into_iter();
    let mut pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let found = pairs.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::desired::{Pattern, UrlRewrite};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| {
                (
                    name.parse().expect("a name"),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    fn request<'a>(target: &'a str, headers: &'a HeaderMap) -> RewriteRequest<'a> {
        RewriteRequest {
            method: "GET",
            scheme: "https",
            host: "shop.example:443",
            target,
            headers,
            client: SocketAddr::from(([203, 0, 113, 9], 5_000)),
            port: 443,
        }
    }

    fn condition(variable: &str, pattern: &str, negate: bool) -> Condition {
        Condition {
            variable: variable.to_owned(),
            pattern: Pattern::new(pattern, true).expect("a pattern"),
            negate,
        }
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn values_name_variables_headers_and_captures() {
        let sent = headers(&[
            ("accept", "text/html"),
            ("cookie", "a=1; b=2"),
            ("x-forwarded-for", "1.2.3.4"),
        ]);
        for (value, filled) in [
            ("plain", "plain"),
            ("{var_host}:{var_server_port}", "shop.example:443"),
            ("{http_req_Accept}", "text/html"),
            ("{var_uri_path}?{var_query_string}", "/api/7?x=1"),
            ("{var_client_ip}", "203.0.113.9"),
            ("{var_add_x_forwarded_for_proxy}", "1.2.3.4, 203.0.113.9"),
            ("{var_cookie_b}", "2"),
            ("{var_uri_path_1}", "7"),
            ("{var_unknown}{http_req_missing}", ""),
            ("{open", "{open"),
        ] {
            let rewrite = Rewrite {
                rules: vec![RewriteRule {
                    conditions: vec![condition("var_uri_path", "^/API/(.*)$", false)],
                    request_headers: pairs(&[("X-Made", value)]),
                    ..RewriteRule::default()
                }],
            };
            let changes = rewrite.request(request("/api/7?x=1", &sent));
            assert_eq!(changes.headers["x-made"], filled, "{value}");
        }
    }

    #[test]
    fn a_rule_acts_when_all_its_conditions_hold() {
        let sent = headers(&[("accept", "text/html")]);
        let html = || condition("http_req_Accept", "html", false);
        for (conditions, acts) in [
            (vec![], true),
            (vec![html()], true),
            (
                vec![html(), condition("var_http_method", "POST", false)],
                false,
            ),
            (
                vec![html(), condition("var_http_method", "POST", true)],
                true,
            ),
            (vec![condition("http_resp_server", ".*", false)], false),
        ] {
            let told = format!("{conditions:?}");
            let rewrite = Rewrite {
                rules: vec![RewriteRule {
                    conditions,
                    request_headers: pairs(&[("x", "1")]),
                    ..RewriteRule::default()
                }],
            };
            let changes = rewrite.request(request("/", &sent));
            assert_eq!(!changes.headers.is_empty(), acts, "{told}");
        }
    }

    #[test]
    fn urls_and_answers_are_rewritten() {
        let none = HeaderMap::new();
        let rewrite = Rewrite {
            rules: vec![RewriteRule {
                conditions: vec![condition("var_uri_path", "^/old/(.*)$", false)],
                answer_headers: pairs(&[("Server", ""), ("X-Was", "{http_resp_server}")]),
                url: Some(UrlRewrite {
                    path: Some("/new/{var_uri_path_1}".to_owned()),
                    query: None,
                    reroute: true,
                }),
                ..RewriteRule::default()
            }],
        };
        let changes = rewrite.request(request("/old/a?b=c", &none));
        assert_eq!(changes.target.as_deref(), Some("/new/a?b=c"));
        assert!(changes.reroute);
        assert_eq!(
            rewrite.request(request("/other", &none)),
            Changes::default()
        );
        let came = headers(&[("server", "nginx")]);
        let answer = RewriteAnswer {
            status: 200,
            headers: &came,
        };
        let changes = rewrite.answer(request("/old/a", &none), answer);
        assert_eq!(
            (
                changes.headers["server"].as_str(),
                changes.headers["x-was"].as_str()
            ),
            ("", "nginx")
        );
    }
}
