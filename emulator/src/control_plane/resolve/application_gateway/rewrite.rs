//! A rewrite rule set's document as a [`Rewrite`].

use serde_json::Value;
use turquoise_arm::json;

use crate::control_plane::resolve::number;
use crate::desired::{Condition, Pattern, Rewrite, RewriteRule, UrlRewrite};

/// Resolves one set; its rules go by their sequence, whatever their order in the document.
pub(super) fn resolve(set: &Value) -> Rewrite {
    let mut rules: Vec<&Value> = json::items(set, "properties.rewriteRules").collect();
    rules.sort_by_key(|rule| number(rule, "ruleSequence", u32::MAX));
    Rewrite {
        rules: rules.into_iter().filter_map(rule).collect(),
    }
}

/// A rule with a pattern that cannot be read never acts: it is left out.
fn rule(rule: &Value) -> Option<RewriteRule> {
    let conditions: Option<Vec<_>> = json::items(rule, "conditions").map(condition).collect();
    Some(RewriteRule {
        conditions: conditions?,
        request_headers: headers(rule, "actionSet.requestHeaderConfigurations"),
        answer_headers: headers(rule, "actionSet.responseHeaderConfigurations"),
        url: url(rule),
    })
}

fn condition(condition: &Value) -> Option<Condition> {
    let flag = |name| json::boolean(condition, name).unwrap_or(false);
    let pattern = json::text(condition, "pattern")?;
    Some(Condition {
        variable: json::text(condition, "variable")?.to_owned(),
        pattern: Pattern::new(pattern, flag("ignoreCase"))?,
        negate: flag("negate"),
    })
}

fn headers(rule: &Value, path: &str) -> Vec<(String, String)> {
    let pairs = json::items(rule, path).filter_map(|header| {
        let name = json::text(header, "headerName")?;
        let value = json::text(header, "headerValue").unwrap_or_default();
        Some((name.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

fn url(rule: &Value) -> Option<UrlRewrite> {
    let text = |name: &str| {
        let path = format!("actionSet.urlConfiguration.{name}");
        json::text(rule, &path).map(str::to_owned)
    };
    let (path, query) = (text("modifiedPath"), text("modifiedQueryString"));
    (path.is_some() || query.is_some()).then(|| UrlRewrite {
        path,
        query,
        reroute: json::boolean(rule, "actionSet.urlConfiguration.reroute").unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_go_by_their_sequence_and_unreadable_patterns_never_act() {
        let header = |value: &str| json!([{"headerName": "X", "headerValue": value}]);
        let rule = |sequence: u32, pattern: &str| {
            json!({
                "ruleSequence": sequence,
                "conditions": [{"variable": "var_host", "pattern": pattern, "ignoreCase": true}],
                "actionSet": {"responseHeaderConfigurations": header(&sequence.to_string()),
                    "urlConfiguration": {"modifiedPath": "/x", "reroute": true}},
            })
        };
        let rules = json!([rule(200, "b"), rule(100, "a"), rule(50, "(")]);
        let rewrite = resolve(&json!({"properties": {"rewriteRules": rules}}));
        let order: Vec<_> = rewrite
            .rules
            .iter()
            .map(|r| r.answer_headers[0].1.as_str())
            .collect();
        assert_eq!(order, ["100", "200"]);
        let url = rewrite.rules[0].url.as_ref().expect("it has one");
        assert_eq!(
            (url.path.as_deref(), url.query.as_deref(), url.reroute),
            (Some("/x"), None, true)
        );
    }
}
