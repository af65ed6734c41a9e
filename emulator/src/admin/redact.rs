//! Secrets taken out of documents before anybody sees them.

use serde_json::Value;

/// What stands in a secret's place.
const HIDDEN: &str = "(hidden)";

/// Members that hold secrets in the bodies of our resource types: certificates' keys, passwords,
/// what machines start with, and parameters of templates by such names.
const SECRET: &[&str] = &[
    "customdata",
    "data",
    "protectedsettings",
    "userdata",
    "access_token",
    "accesstoken",
];

/// `document` with every secret hidden.
pub(super) fn redacted(document: Value) -> Value {
    match document {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(name, value)| {
                    let hidden = is_secret(&name) && !value.is_null();
                    let value = if hidden {
                        HIDDEN.into()
                    } else {
                        redacted(value)
                    };
                    (name, value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(redacted).collect()),
        plain => plain,
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.contains(&name.as_str()) || name.contains("password") || name.contains("secret")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_are() {
        let document = json!({"properties": {
            "sslCertificates": [{"name": "c", "properties": {"data": "MII", "password": "p"}}],
            "osProfile": {"adminPassword": "x", "customData": null, "adminUsername": "u"},
            "parameters": {"clientSecret": {"value": "s"}},
        }});
        let shown = redacted(document).to_string();
        for secret in ["MII", "\"p\"", "\"x\"", "\"s\""] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(shown.contains("\"customData\":null") && shown.contains("\"u\""));
    }
}
