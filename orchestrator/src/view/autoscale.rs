//! Pinning an autoscale setting and putting it back (azure-facts.md §11.6, F22, F93).
//!
//! Capacities are strings on the wire. A pin only ever raises them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use turquoise_arm::{ResourceId, json as tree};

/// The capacities of one profile, before or after a pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) profile: String,
    pub(crate) minimum: u32,
    pub(crate) maximum: u32,
    pub(crate) default: u32,
}

impl Limits {
    /// These limits with room for at least `count`, and never less.
    fn pinned(&self, count: u32) -> Self {
        Self {
            profile: self.profile.clone(),
            minimum: self.minimum.max(count),
            maximum: self.maximum.max(count),
            default: self.default.max(count),
        }
    }
}

/// Whether the setting scales that scale set.
pub(crate) fn scales(setting: &Value, scale_set: &ResourceId) -> bool {
    tree::text(setting, "properties.targetResourceUri")
        .and_then(|id| ResourceId::parse(id).ok())
        .is_some_and(|id| id == *scale_set)
}

/// The limits of every profile.
pub(crate) fn limits(setting: &Value) -> Vec<Limits> {
    tree::items(setting, "properties.profiles")
        .filter_map(|profile| {
            let number = |name: &str| {
                let number = tree::integer(profile, &format!("capacity.{name}"))?;
                u32::try_from(number).ok()
            };
            Some(Limits {
                profile: tree::text(profile, "name")?.to_owned(),
                minimum: number("minimum")?,
                maximum: number("maximum")?,
                default: number("default")?,
            })
        })
        .collect()
}

/// The setting with every profile's minimum raised to `count`; `None` when it is so already.
pub(crate) fn with_minimum(setting: &Value, count: u32) -> Option<Value> {
    let before = limits(setting);
    let pinned: Vec<Limits> = before.iter().map(|l| l.pinned(count)).collect();
    (before != pinned).then(|| with_limits(setting, &pinned))
}

/// The setting with the limits of `originals` where they still are what a pin of `count` made of
/// them, and never a minimum below `floor`. What someone else changed meanwhile stays theirs.
pub(crate) fn restored(
    setting: &Value,
    originals: &[Limits],
    count: u32,
    floor: u32,
) -> Option<Value> {
    let wanted: Vec<Limits> = limits(setting)
        .into_iter()
        .filter_map(|now| {
            let original = originals.iter().find(|o| o.profile == now.profile)?;
            let minimum = original.minimum.max(floor).min(original.maximum);
            // Azure refuses a default outside of the limits, as a raised minimum may leave it.
            let back = Limits {
                minimum,
                default: original.default.max(minimum),
                ..original.clone()
            };
            (now == original.pinned(count) && now != back).then_some(back)
        })
        .collect();
    (!wanted.is_empty()).then(|| with_limits(setting, &wanted))
}

/// The setting with other limits in the named profiles and every other byte as it was.
pub(crate) fn with_limits(setting: &Value, wanted: &[Limits]) -> Value {
    let mut setting = setting.clone();
    let profiles = tree::get_mut(&mut setting, "properties")
        .and_then(|properties| tree::get_mut(properties, "profiles"))
        .and_then(Value::as_array_mut);
    for profile in profiles.into_iter().flatten() {
        let name = tree::text(profile, "name").unwrap_or_default();
        let Some(limits) = wanted.iter().find(|limits| limits.profile == name) else {
            continue;
        };
        if let Some(capacity) = tree::get_mut(profile, "capacity") {
            put(capacity, "minimum", limits.minimum);
            put(capacity, "maximum", limits.maximum);
            put(capacity, "default", limits.default);
        }
    }
    setting
}

fn put(capacity: &mut Value, name: &str, number: u32) {
    let text = Value::String(number.to_string());
    match tree::get_mut(capacity, name) {
        Some(member) => *member = text,
        None => capacity[name] = text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn setting(minimum: &str, maximum: &str) -> Value {
        json!({"etag": "x", "properties": {"enabled": true, "profiles": [
            {"name": "default", "rules": [1], "capacity": {
                "minimum": minimum, "maximum": maximum, "default": minimum,
            }},
        ]}})
    }

    #[test]
    fn a_pin_raises_and_its_restoration_gives_back_what_was() {
        let before = setting("2", "4");
        let pinned = with_minimum(&before, 6).expect("2 is below 6");
        assert_eq!(pinned, setting("6", "6"));
        let originals = limits(&before);
        assert_eq!(restored(&pinned, &originals, 6, 0), Some(before));
    }

    #[test]
    fn a_pin_never_lowers_and_an_equal_one_is_no_write() {
        assert_eq!(with_minimum(&setting("3", "10"), 3), None);
        assert_eq!(with_minimum(&setting("5", "10"), 3), None);
    }

    #[test]
    fn what_someone_else_changed_stays_theirs() {
        let originals = limits(&setting("2", "4"));
        assert_eq!(restored(&setting("7", "9"), &originals, 6, 0), None);
    }

    #[test]
    fn a_side_that_now_serves_keeps_its_floor() {
        let originals = limits(&setting("0", "4"));
        let pinned = with_minimum(&setting("0", "4"), 3).expect("0 is below 3");
        assert_eq!(restored(&pinned, &originals, 3, 2), Some(setting("2", "4")));
    }
}
