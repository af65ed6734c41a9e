//! Base64, data URIs and URIs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::arguments::Arguments;
use crate::fault::Fault;
use crate::json;
use crate::limits::Budget;

pub(super) fn call(
    key: &str,
    arguments: &Arguments<'_>,
    budget: &Budget,
) -> Option<Result<Value, Fault>> {
    let one = |encode: fn(&Arguments<'_>, &str) -> Result<Value, Fault>| {
        arguments.exactly(1)?;
        let text = arguments.text(0)?;
        // Encoding makes a text at most three times as long.
        budget.text(text.len().saturating_mul(3))?;
        encode(arguments, text)
    };
    Some(match key {
        "base64" => one(|_, text| Ok(STANDARD.encode(text).into())),
        "base64tostring" => one(|arguments, text| decode(arguments, text).map(Value::from)),
        "base64tojson" => one(base64_to_json),
        "datauri" => one(|_, text| {
            let data = STANDARD.encode(text);
            Ok(format!("data:text/plain;charset=utf8;base64,{data}").into())
        }),
        "datauritostring" => one(data_uri_to_string),
        "uricomponent" => one(|_, text| Ok(escape(text).into())),
        "uricomponenttostring" => one(|_, text| Ok(unescape(text).into())),
        "uri" => uri(arguments),
        _ => return None,
    })
}

fn decode(arguments: &Arguments<'_>, text: &str) -> Result<String, Fault> {
    let bytes = STANDARD.decode(text.trim());
    let bytes = bytes.map_err(|_| arguments.refuse("the text is no base64"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn base64_to_json(arguments: &Arguments<'_>, text: &str) -> Result<Value, Fault> {
    let text = decode(arguments, text)?;
    let node = json::parse(&text);
    let node = node.map_err(|error| arguments.refuse(format!("the text is no JSON: {error}")))?;
    Ok(node.to_value())
}

fn data_uri_to_string(arguments: &Arguments<'_>, text: &str) -> Result<Value, Fault> {
    let data = text
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(','));
    let (head, data) = data.ok_or_else(|| arguments.refuse("the text is no data URI"))?;
    Ok(if head.to_ascii_lowercase().ends_with("base64") {
        decode(arguments, data)?.into()
    } else {
        unescape(data).into()
    })
}

/// Everything but RFC 3986's unreserved characters becomes `%XX`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let digits = text.get(index + 1..index + 3);
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (bytes[index], byte) {
            (b'%', Some(byte)) => {
                plain.push(byte);
                index += 3;
            }
            (byte, _) => {
                plain.push(byte);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// Joins as RFC 3986 resolves a reference, for the forms templates use.
fn uri(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(2)?;
    let (base, relative) = (arguments.text(0)?, arguments.text(1)?);
    if relative.contains("://") {
        return Ok(relative.into());
    }
    let base = base.split(['?', '#']).next().unwrap_or(base);
    let authority = base.find("://").map(|at| {
        base[at + 3..]
            .find('/')
            .map_or(base.len(), |slash| at + 3 + slash)
    });
    let authority = authority.ok_or_else(|| arguments.refuse("argument 1 is no absolute URI"))?;
    let (root, path) = base.split_at(authority);
    let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
    let joined = if relative.starts_with('/') {
        relative.to_owned()
    } else {
        format!("{folder}{relative}")
    };
    Ok(format!("{root}{}", without_dots(&joined)).into())
}

fn without_dots(path: &str) -> String {
    let (path, query) = path
        .find(['?', '#'])
        .map_or((path, ""), |at| path.split_at(at));
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." if last => kept.push(""),
            "." => {}
            ".." => {
                kept.pop();
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use crate::functions::tests::{check, check_refused};

    #[test]
    fn encodings_answer_as_the_reference_shows() {
        check(&[
            ("base64('one, two, three')", r#""b25lLCB0d28sIHRocmVl""#),
            (
                "base64ToString('b25lLCB0d28sIHRocmVl')",
                r#""one, two, three""#,
            ),
            (
                "base64ToJson('eyJvbmUiOiAiYSIsICJ0d28iOiAiYiJ9')",
                r#"{"one":"a","two":"b"}"#,
            ),
            (
                "dataUri('Hello')",
                r#""data:text/plain;charset=utf8;base64,SGVsbG8=""#,
            ),
            (
                "dataUriToString('data:;base64,SGVsbG8sIFdvcmxkIQ==')",
                r#""Hello, World!""#,
            ),
            (
                "uriComponent('http://contoso.com/resources/nested/azuredeploy.json')",
                r#""http%3A%2F%2Fcontoso.com%2Fresources%2Fnested%2Fazuredeploy.json""#,
            ),
            (
                "uriComponentToString('http%3A%2F%2Fcontoso.com%2Fresources%2Fnested%2Fazuredeploy.json')",
                r#""http://contoso.com/resources/nested/azuredeploy.json""#,
            ),
            (
                "uri('http://contoso.com/resources/', 'nested/azuredeploy.json')",
                r#""http://contoso.com/resources/nested/azuredeploy.json""#,
            ),
            (
                "uri('http://contoso.org/firstpath', 'myscript.sh')",
                r#""http://contoso.org/myscript.sh""#,
            ),
            (
                "uri('http://contoso.org/firstpath/', 'myscript.sh')",
                r#""http://contoso.org/firstpath/myscript.sh""#,
            ),
            (
                "uri('http://contoso.org/firstpath/azuredeploy.json', 'myscript.sh')",
                r#""http://contoso.org/firstpath/myscript.sh""#,
            ),
            (
                "uri('http://contoso.org/firstpath/azuredeploy.json/', '../myscript.sh')",
                r#""http://contoso.org/firstpath/myscript.sh""#,
            ),
            (
                "uri('http://contoso.org', 'a')",
                r#""http://contoso.org/a""#,
            ),
        ]);
        check_refused(&[(
            "base64ToString('%')",
            "Unable to evaluate template language function 'base64ToString': the text is no base64.",
        )]);
    }
}
