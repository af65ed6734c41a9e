//! One autoscale rule: what fires it and what it then asks for.

use std::time::Duration;

use serde_json::Value;
use turquoise_arm::json;

use super::Situation;

/// Which way a rule scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Out.
    Increase,
    /// In.
    Decrease,
}

/// A rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// What fires it.
    pub(crate) trigger: Trigger,
    /// Which way it scales; `None` for a rule that only watches.
    pub(crate) direction: Option<Direction>,
    change: Change,
    value: u32,
    cooldown: Duration,
}

/// The metric a rule watches.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    /// The metric's name, such as `Percentage CPU`.
    pub(crate) metric: String,
    /// How far back the metric is aggregated.
    pub(crate) window: Duration,
    operator: Operator,
    threshold: f64,
    per_instance: bool,
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Equals,
    NotEquals,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Count,
    Percent,
    Exact,
}

impl Trigger {
    /// Whether the metric's value fires the rule on that many instances.
    pub(crate) fn fires(&self, value: f64, capacity: u32) -> bool {
        let value = if self.per_instance {
            value / f64::from(capacity.max(1))
        } else {
            value
        };
        let (value, threshold) = (value, self.threshold);
        match self.operator {
            Operator::Equals => (value - threshold).abs() < f64::EPSILON,
            Operator::NotEquals => (value - threshold).abs() >= f64::EPSILON,
            Operator::GreaterThan => value > threshold,
            Operator::GreaterThanOrEqual => value >= threshold,
            Operator::LessThan => value < threshold,
            Operator::LessThanOrEqual => value <= threshold,
        }
    }

    fn read(trigger: &Value) -> Self {
        Self {
            metric: json::text(trigger, "metricName")
                .unwrap_or_default()
                .to_owned(),
            window: duration(trigger, "timeWindow"),
            operator: operator(json::text(trigger, "operator").unwrap_or_default()),
            threshold: threshold(trigger),
            per_instance: json::boolean(trigger, "dividePerInstance").unwrap_or(false),
        }
    }
}

impl Rule {
    /// Reads an element of a profile's `rules`.
    pub(crate) fn read(rule: &Value) -> Self {
        let action = json::at(rule, "scaleAction").unwrap_or(&Value::Null);
        let word = |name| {
            let found = json::text(action, name).unwrap_or_default();
            found.to_ascii_lowercase()
        };
        Self {
            trigger: Trigger::read(json::at(rule, "metricTrigger").unwrap_or(&Value::Null)),
            direction: match word("direction").as_str() {
                "increase" => Some(Direction::Increase),
                "decrease" => Some(Direction::Decrease),
                _ => None,
            },
            change: match word("type").as_str() {
                "percentchangecount" => Change::Percent,
                "exactcount" => Change::Exact,
                _ => Change::Count,
            },
            value: json::integer(action, "value")
                .and_then(|value| u32::try_from(value).ok())
                .unwrap_or(1),
            cooldown: duration(action, "cooldown"),
        }
    }

    /// Whether its cooldown since the last action is over.
    pub(crate) fn is_ready(&self, situation: &Situation<'_>) -> bool {
        situation.last_action.is_none_or(|last| {
            let since = situation.now.duration_since(last);
            Duration::try_from(since).is_ok_and(|since| since >= self.cooldown)
        })
    }

    /// The capacity it asks for, limits apart. A share is rounded up, so that it is at least one.
    pub(crate) fn target(&self, capacity: u32) -> u32 {
        let step = match self.change {
            Change::Exact => return self.value,
            Change::Count => self.value,
            Change::Percent => (capacity * self.value).div_ceil(100),
        };
        match self.direction {
            Some(Direction::Increase) => capacity.saturating_add(step),
            Some(Direction::Decrease) => capacity.saturating_sub(step),
            None => capacity,
        }
    }
}

fn operator(word: &str) -> Operator {
    match word.to_ascii_lowercase().as_str() {
        "equals" => Operator::Equals,
        "notequals" => Operator::NotEquals,
        "greaterthanorequal" => Operator::GreaterThanOrEqual,
        "lessthan" => Operator::LessThan,
        "lessthanorequal" => Operator::LessThanOrEqual,
        _ => Operator::GreaterThan,
    }
}

fn threshold(trigger: &Value) -> f64 {
    let found = json::at(trigger, "threshold");
    found
        .and_then(|value| value.as_f64().or_else(|| value.as_str()?.parse().ok()))
        .unwrap_or_default()
}

/// An ISO 8601 duration such as `PT5M`; five minutes where it is absent or unreadable.
pub(crate) fn duration(value: &Value, path: &str) -> Duration {
    const DEFAULT: Duration = Duration::from_secs(300);
    let Some(span) = json::text(value, path).and_then(|text| text.parse::<jiff::Span>().ok())
    else {
        return DEFAULT;
    };
    let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
    let clock = span.get_hours() as i64 * 3600 + span.get_minutes() * 60 + span.get_seconds();
    Duration::from_secs(u64::try_from(days * 86_400 + clock).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_are_iso_8601() {
        for (text, seconds) in [
            ("PT5M", 300),
            ("PT1H30M", 5_400),
            ("P1D", 86_400),
            ("P1W", 604_800),
            ("PT30S", 30),
            ("soon", 300),
        ] {
            let read = duration(&json!({"cooldown": text}), "cooldown");
            assert_eq!(read, Duration::from_secs(seconds), "{text}");
        }
    }

    #[test]
    fn a_rule_asks_by_count_by_share_or_exactly() {
        for (kind, value, direction, target) in [
            ("ChangeCount", "2", "Increase", 7),
            ("changecount", "9", "Decrease", 0),
            ("PercentChangeCount", "50", "Increase", 8),
            ("PercentChangeCount", "10", "Decrease", 4),
            ("ExactCount", "3", "Increase", 3),
            ("ChangeCount", "2", "None", 5),
        ] {
            let action = json!({"type": kind, "value": value, "direction": direction});
            let rule = Rule::read(&json!({"scaleAction": action}));
            assert_eq!(rule.target(5), target, "{action}");
        }
    }

    #[test]
    fn operators_are_strict_where_they_say_so() {
        for (word, below, at, above) in [
            ("GreaterThan", false, false, true),
            ("greaterThanOrEqual", false, true, true),
            ("LessThan", true, false, false),
            ("LessThanOrEqual", true, true, false),
            ("Equals", false, true, false),
            ("NotEquals", true, false, true),
        ] {
            let trigger = Trigger::read(&json!({"operator": word, "threshold": "70"}));
            let fires = [69.0, 70.0, 71.0].map(|value| trigger.fires(value, 1));
            assert_eq!(fires, [below, at, above], "{word}");
        }
    }

    #[test]
    fn a_metric_may_be_divided_by_the_instances() {
        let trigger =
            json!({"operator": "GreaterThan", "threshold": 10, "dividePerInstance": true});
        let trigger = Trigger::read(&trigger);
        assert!(trigger.fires(45.0, 4));
        assert!(!trigger.fires(45.0, 5));
    }
}
