//! `parseUri` and `buildUri`.
//!
//! The members are those of RFC 3986: `scheme`, `host`, `port`, `path`, `query`, `fragment`; what an
//! address does not have is absent.

use serde_json::{Map, Value};

use super::arguments::Arguments;
use crate::fault::Fault;
use crate::limits::Budget;

pub(super) fn call(
    key: &str,
    arguments: &Arguments<'_>,
    _budget: &Budget,
) -> Option<Result<Value, Fault>> {
    Some(match key {
        "parseuri" => parse(arguments),
        "builduri" => build(arguments),
        _ => return None,
    })
}

fn parse(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    let text = arguments.text(0)?;
    let refuse = || arguments.refuse("the argument is expected to be an absolute URI");
    let (scheme, rest) = text.split_once("://").ok_or_else(refuse)?;
    let (rest, fragment) = cut(rest, '#');
    let (rest, query) = cut(rest, '?');
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    // An address of version 6 has colons of its own and stands in brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if scheme.is_empty() || host.is_empty() {
        return Err(refuse());
    }
    let mut parts = Map::new();
    parts.insert("scheme".to_owned(), scheme.into());
    parts.insert("host".to_owned(), host.into());
    if let Some(port) = port {
        let port: u16 = port.parse().map_err(|_| refuse())?;
        parts.insert("port".to_owned(), port.into());
    }
    parts.insert("path".to_owned(), path.into());
    for (name, value) in [("query", query), ("fragment", fragment)] {
        if let Some(value) = value {
            parts.insert(name.to_owned(), value.into());
        }
    }
    Ok(parts.into())
}

fn build(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    let given = arguments.value(0)?;
    let part = |name: &str| given.get(name).and_then(Value::as_str);
    let (Some(scheme), Some(host)) = (part("scheme"), part("host")) else {
        return Err(arguments.refuse("the argument is expected to have a scheme and a host"));
    };
    let mut text = format!("{scheme}://{host}");
    if let Some(port) = given.get("port").and_then(Value::as_i64) {
        text.push_str(&format!(":{port}"));
    }
    let path = part("path").unwrap_or("/");
    if !path.starts_with('/') {
        text.push('/');
    }
    text.push_str(path);
    for (mark, name) in [('?', "query"), ('#', "fragment")] {
        if let Some(value) = part(name).filter(|value| !value.is_empty()) {
            text.push(mark);
            text.push_str(value.trim_start_matches(mark));
        }
    }
    Ok(text.into())
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::tests::{check, check_refused};

    #[test]
    fn an_address_is_taken_apart_and_put_together() {
        check(&[
            (
                "parseUri('https://mysite.com:8080/a/b?c=d#e')",
                r#"{"scheme":"https","host":"mysite.com","port":8080,"path":"/a/b","query":"c=d","fragment":"e"}"#,
            ),
            (
                "parseUri('http://[::1]')",
                r#"{"scheme":"http","host":"[::1]","path":"/"}"#,
            ),
            (
                "buildUri(parseUri('https://mysite.com:8080/a/b?c=d#e'))",
                r#""https://mysite.com:8080/a/b?c=d#e""#,
            ),
            (
                "buildUri(createObject('scheme', 'https', 'host', 'x.test', 'path', 'a', 'query', '?b'))",
                r#""https://x.test/a?b""#,
            ),
        ]);
        check_refused(&[(
            "parseUri('mysite.com')",
            "Unable to evaluate template language function 'parseUri': the argument is expected to be an absolute URI.",
        )]);
    }
}
