//! The autoscale engine as a pure function: a setting, metrics and the present capacity in, a
//! decision out.
//!
//! Source: azure-facts.md §4.14. Every run picks the active profile, forces the capacity into its
//! limits, and only then looks at rules: any scale-out rule suffices, scale-in needs all of them
//! and never when it would call for a scale-out at once. Start with [`Setting::decide`].

pub(crate) mod profile;
pub(crate) mod rule;

use serde_json::Value;
use turquoise_arm::{ResourceId, json};

use profile::Profile;
use rule::{Direction, Rule, Trigger};

/// An autoscale setting, read from its document.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// Whether it acts.
    pub(crate) enabled: bool,
    /// What it scales.
    pub(crate) target: Option<ResourceId>,
    profiles: Vec<Profile>,
}

/// What the engine knows when it decides.
pub(crate) struct Situation<'a> {
    /// Wall-clock time of the cloud.
    pub(crate) now: jiff::Timestamp,
    /// The target's instances now.
    pub(crate) capacity: u32,
    /// When autoscale last changed the target's capacity by a rule.
    pub(crate) last_action: Option<jiff::Timestamp>,
    /// The value of a rule's metric over its window; `None` where there is none.
    pub(crate) metric: &'a dyn Fn(&Trigger) -> Option<f64>,
}

/// What a run of the engine decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Leave the target alone.
    Keep,
    /// The capacity lies outside the active profile's limits, or is below its default while the
    /// metric is missing. Starts no cooldown.
    Correct(u32),
    /// A rule fired. Starts the cooldown.
    Act(u32),
}

impl Setting {
    /// Reads the canonical document of an autoscale setting.
    pub(crate) fn read(document: &Value) -> Self {
        Self {
            enabled: json::boolean(document, "properties.enabled").unwrap_or(true),
            target: json::text(document, "properties.targetResourceUri")
                .and_then(|id| ResourceId::parse(id).ok()),
            profiles: json::items(document, "properties.profiles")
                .map(Profile::read)
                .collect(),
        }
    }

    /// What to do now.
    pub(crate) fn decide(&self, situation: &Situation<'_>) -> Decision {
        let profile = profile::active(&self.profiles, situation.now).filter(|_| self.enabled);
        let Some(profile) = profile else {
            return Decision::Keep;
        };
        let within = profile.clamp(situation.capacity);
        if within != situation.capacity {
            return Decision::Correct(within);
        }
        if profile.metrics_are_missing(situation) && situation.capacity < profile.default {
            return Decision::Correct(profile.clamp(profile.default));
        }
        scale_out(profile, situation)
            .or_else(|| scale_in(profile, situation))
            .filter(|target| *target != situation.capacity)
            .map_or(Decision::Keep, Decision::Act)
    }
}

/// The highest capacity that a firing scale-out rule asks for. A firing rule blocks scale-in even
/// while it cools down.
fn scale_out(profile: &Profile, situation: &Situation<'_>) -> Option<u32> {
    let firing = firing(profile, situation, Direction::Increase);
    if firing.is_empty() {
        return None;
    }
    firing
        .into_iter()
        .filter(|rule| rule.is_ready(situation))
        .map(|rule| profile.clamp(rule.target(situation.capacity)))
        .max()
        .or(Some(situation.capacity))
}

/// The smallest reduction, when every scale-in rule fires and none would be undone at once.
fn scale_in(profile: &Profile, situation: &Situation<'_>) -> Option<u32> {
    let all = profile.rules(Direction::Decrease).count();
    let firing = firing(profile, situation, Direction::Decrease);
    if all == 0 || firing.len() < all || !firing.iter().all(|rule| rule.is_ready(situation)) {
        return None;
    }
    let target = firing
        .iter()
        .map(|rule| profile.clamp(rule.target(situation.capacity)))
        .max()?;
    (!would_flap(profile, situation, target)).then_some(target)
}

fn firing<'a>(
    profile: &'a Profile,
    situation: &Situation<'_>,
    direction: Direction,
) -> Vec<&'a Rule> {
    profile
        .rules(direction)
        .filter(|rule| {
            let value = (situation.metric)(&rule.trigger);
            value.is_some_and(|value| rule.trigger.fires(value, situation.capacity))
        })
        .collect()
}

/// Whether the same load on fewer instances would make a scale-out rule fire.
fn would_flap(profile: &Profile, situation: &Situation<'_>, target: u32) -> bool {
    if target == 0 {
        return false;
    }
    let grows = f64::from(situation.capacity) / f64::from(target);
    profile.rules(Direction::Increase).any(|rule| {
        let value = (situation.metric)(&rule.trigger);
        value.is_some_and(|value| rule.trigger.fires(value * grows, target))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOON: &str = "2026-03-02T12:00:00Z";

    fn rule(operator: &str, threshold: f64, direction: &str, value: &str) -> Value {
        json!({
            "metricTrigger": {"metricName": "Percentage CPU", "operator": operator, "threshold": threshold,
                "timeWindow": "PT5M", "timeGrain": "PT1M", "statistic": "Average", "timeAggregation": "Average"},
            "scaleAction": {"direction": direction, "type": "ChangeCount", "value": value, "cooldown": "PT5M"}})
    }

    fn setting(rules: &[Value]) -> Setting {
        Setting::read(
            &json!({"properties": {"enabled": true, "profiles": [{"name": "default",
            "capacity": {"minimum": "2", "maximum": "10", "default": "3"}, "rules": rules}]}}),
        )
    }

    fn decide(
        setting: &Setting,
        capacity: u32,
        cpu: Option<f64>,
        since_last: Option<&str>,
    ) -> Decision {
        let now: jiff::Timestamp = NOON.parse().expect("the literal is a time stamp");
        setting.decide(&Situation {
            now,
            capacity,
            last_action: since_last.map(|at| at.parse().expect("a time stamp")),
            metric: &|_| cpu,
        })
    }

    #[test]
    fn rules_limits_and_missing_metrics_decide() {
        let usual = [
            rule("GreaterThan", 70.0, "Increase", "2"),
            rule("LessThan", 30.0, "Decrease", "1"),
        ];
        let two_ways_out = [
            rule("GreaterThan", 70.0, "Increase", "1"),
            rule("GreaterThan", 60.0, "Increase", "3"),
        ];
        let two_ways_in = [
            rule("LessThan", 30.0, "Decrease", "1"),
            rule("LessThan", 20.0, "Decrease", "3"),
        ];
        let tight = [
            rule("GreaterThan", 70.0, "Increase", "1"),
            rule("LessThan", 60.0, "Decrease", "1"),
        ];
        for (name, rules, capacity, cpu, expected) in [
            ("quiet", &usual[..], 4, Some(50.0), Decision::Keep),
            ("busy", &usual, 4, Some(80.0), Decision::Act(6)),
            (
                "busy near the maximum",
                &usual,
                9,
                Some(80.0),
                Decision::Act(10),
            ),
            (
                "busy at the maximum",
                &usual,
                10,
                Some(80.0),
                Decision::Keep,
            ),
            ("idle", &usual, 4, Some(10.0), Decision::Act(3)),
            ("idle at the minimum", &usual, 2, Some(10.0), Decision::Keep),
            (
                "below the minimum",
                &usual,
                1,
                Some(50.0),
                Decision::Correct(2),
            ),
            (
                "above the maximum",
                &usual,
                12,
                Some(99.0),
                Decision::Correct(10),
            ),
            (
                "no metric, below the default",
                &usual,
                2,
                None,
                Decision::Correct(3),
            ),
            (
                "no metric, above the default",
                &usual,
                5,
                None,
                Decision::Keep,
            ),
            ("no rules, below the default", &[], 2, None, Decision::Keep),
            (
                "the highest wish wins",
                &two_ways_out,
                4,
                Some(80.0),
                Decision::Act(7),
            ),
            (
                "not all scale-in rules fire",
                &two_ways_in,
                8,
                Some(25.0),
                Decision::Keep,
            ),
            (
                "the smallest reduction wins",
                &two_ways_in,
                8,
                Some(10.0),
                Decision::Act(7),
            ),
            ("scale-in would flap", &tight, 3, Some(55.0), Decision::Keep),
            (
                "scale-in would not flap",
                &tight,
                3,
                Some(40.0),
                Decision::Act(2),
            ),
        ] {
            assert_eq!(
                decide(&setting(rules), capacity, cpu, None),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn a_cooldown_holds_until_its_last_second() {
        let setting = setting(&[rule("GreaterThan", 70.0, "Increase", "1")]);
        for (last, expected) in [
            ("2026-03-02T11:55:01Z", Decision::Keep),
            ("2026-03-02T11:55:00Z", Decision::Act(5)),
        ] {
            assert_eq!(
                decide(&setting, 4, Some(90.0), Some(last)),
                expected,
                "{last}"
            );
        }
    }

    #[test]
    fn limits_are_enforced_during_a_cooldown() {
        let setting = setting(&[rule("GreaterThan", 70.0, "Increase", "1")]);
        let just_now = Some("2026-03-02T11:59:59Z");
        assert_eq!(
            decide(&setting, 1, Some(50.0), just_now),
            Decision::Correct(2)
        );
    }

    #[test]
    fn a_disabled_setting_does_nothing() {
        let mut setting = setting(&[]);
        setting.enabled = false;
        assert_eq!(decide(&setting, 1, None, None), Decision::Keep);
    }
}
