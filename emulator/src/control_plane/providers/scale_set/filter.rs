//! `$filter` of a set's list of instances: the conditions of Azure's own reference, joined by `and`.

use serde_json::Value;
use turquoise_arm::{ArmError, json as wire};

use crate::control_plane::read::invalid_filter;

/// A conjunction of conditions on instances.
#[derive(Clone, Debug, Default)]
pub(super) struct InstanceFilter(Vec<Condition>);

#[derive(Clone, Debug)]
struct Condition {
    path: &'static str,
    wanted: Value,
    /// Whether the value only has to begin so.
    begins: bool,
}

/// What may be asked for, as clients write it and as documents have it.
const PATHS: [(&str, &str); 3] = [
    (
        "properties/latestModelApplied",
        "properties.latestModelApplied",
    ),
    (
        "properties/provisioningState",
        "properties.provisioningState",
    ),
    ("instanceId", "instanceId"),
];

impl InstanceFilter {
    /// Reads a `$filter`; an empty one lets every instance pass.
    ///
    /// # Errors
    /// 400 `InvalidFilterInQueryString` for forms that are not evaluated: an ignored filter would
    /// make clients act on instances that they did not mean.
    pub(super) fn read(text: &str) -> Result<Self, ArmError> {
        let parts = text.split(" and ").map(str::trim);
        let parts = parts.filter(|part| !part.is_empty());
        let read = parts.map(|part| Condition::read(part).ok_or_else(|| invalid_filter(text)));
        read.collect::<Result<_, _>>().map(Self)
    }

    /// Whether an instance's document passes.
    pub(super) fn admits(&self, document: &Value) -> bool {
        self.0.iter().all(|condition| condition.admits(document))
    }
}

impl Condition {
    fn read(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix("startswith(") {
            let (name, value) = inner.strip_suffix(')')?.split_once(',')?;
            return Some(Self {
                path: path(name)?,
                wanted: literal(value)?,
                begins: true,
            });
        }
        let (name, value) = text.split_once(" eq ")?;
        Some(Self {
            path: path(name)?,
            wanted: literal(value)?,
            begins: false,
        })
    }

    fn admits(&self, document: &Value) -> bool {
        let held = wire::at(document, self.path);
        match (held, &self.wanted) {
            (Some(Value::String(held)), Value::String(wanted)) if self.begins => held
                .get(..wanted.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(wanted)),
            (Some(Value::String(held)), Value::String(wanted)) => held.eq_ignore_ascii_case(wanted),
            (Some(held), wanted) => held == wanted,
            (None, _) => false,
        }
    }
}

fn path(name: &str) -> Option<&'static str> {
    let mut paths = PATHS.iter();
    let found = paths.find(|(asked, _)| asked.eq_ignore_ascii_case(name.trim()));
    found.map(|(_, path)| *path)
}

/// `'text'`, `true` or `false`.
fn literal(text: &str) -> Option<Value> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        return Some(text.eq_ignore_ascii_case("true").into());
    }
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_are_evaluated_or_refused() {
        let instance = json!({"instanceId": "12", "properties": {
            "latestModelApplied": false, "provisioningState": "Succeeded"}});
        for (filter, admitted) in [
            ("", Some(true)),
            ("properties/latestModelApplied eq false", Some(true)),
            ("properties/latestModelApplied eq true", Some(false)),
            (
                "properties/provisioningState eq 'succeeded' and instanceId eq '12'",
                Some(true),
            ),
            ("startswith(instanceId, '1')", Some(true)),
            ("startswith(instanceId, '123')", Some(false)),
            ("instanceId eq 12", None),
            ("instanceView/statuses eq 'x'", None),
            ("nonsense", None),
            ("startswith(instanceId", None),
        ] {
            let read = InstanceFilter::read(filter).ok();
            assert_eq!(read.map(|f| f.admits(&instance)), admitted, "{filter}");
        }
    }
}
