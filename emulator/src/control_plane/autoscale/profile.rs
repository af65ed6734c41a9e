//! Profiles of an autoscale setting and which of them is active.
//!
//! Order of choice: a fixed date that holds, else the recurrence that began last, else the profile
//! with neither (azure-facts.md §4.14). Time zones other than UTC are read as UTC: no time zone
//! database is carried.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;
use turquoise_arm::json;

use super::Situation;
use super::rule::{Direction, Rule};

/// Limits and rules for a time.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    minimum: u32,
    maximum: u32,
    /// The capacity to hold while metrics are missing.
    pub(crate) default: u32,
    rules: Vec<Rule>,
    schedule: Schedule,
}

#[derive(Clone, Debug)]
enum Schedule {
    Always,
    Fixed {
        start: Timestamp,
        end: Timestamp,
    },
    Weekly {
        days: Vec<Weekday>,
        hour: i8,
        minute: i8,
    },
}

impl Profile {
    /// Reads an element of a setting's `profiles`.
    pub(crate) fn read(profile: &Value) -> Self {
        let limit = |name: &str, default: u32| {
            json::integer(profile, &format!("capacity.{name}"))
                .and_then(|value| u32::try_from(value).ok())
                .unwrap_or(default)
        };
        let minimum = limit("minimum", 1);
        Self {
            minimum,
            maximum: limit("maximum", minimum),
            default: limit("default", minimum),
            rules: json::items(profile, "rules").map(Rule::read).collect(),
            schedule: Schedule::read(profile),
        }
    }

    /// The capacity nearest to `capacity` that the limits allow.
    pub(crate) fn clamp(&self, capacity: u32) -> u32 {
        capacity.min(self.maximum).max(self.minimum)
    }

    /// The rules that scale this way.
    pub(crate) fn rules(&self, direction: Direction) -> impl Iterator<Item = &Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.direction == Some(direction))
    }

    /// Whether there are rules and none of them has a metric.
    pub(crate) fn metrics_are_missing(&self, situation: &Situation<'_>) -> bool {
        !self.rules.is_empty()
            && (self.rules.iter()).all(|rule| (situation.metric)(&rule.trigger).is_none())
    }
}

/// The profile to go by at `now`.
pub(crate) fn active(profiles: &[Profile], now: Timestamp) -> Option<&Profile> {
    let fixed = profiles.iter().find(|profile| match profile.schedule {
        Schedule::Fixed { start, end } => start <= now && now < end,
        _ => false,
    });
    let recurring = || {
        profiles
            .iter()
            .filter_map(|profile| Some((profile.schedule.last_start(now)?, profile)))
            .max_by_key(|(start, _)| *start)
            .map(|(_, profile)| profile)
    };
    let always = || {
        profiles
            .iter()
            .find(|profile| matches!(profile.schedule, Schedule::Always))
    };
    fixed.or_else(recurring).or_else(always)
}

impl Schedule {
    fn read(profile: &Value) -> Self {
        Self::fixed(profile)
            .or_else(|| Self::weekly(profile))
            .unwrap_or(Self::Always)
    }

    fn fixed(profile: &Value) -> Option<Self> {
        Some(Self::Fixed {
            start: timestamp(json::text(profile, "fixedDate.start")?)?,
            end: timestamp(json::text(profile, "fixedDate.end")?)?,
        })
    }

    fn weekly(profile: &Value) -> Option<Self> {
        let schedule = json::at(profile, "recurrence.schedule")?;
        let first = |name: &str| {
            let found = json::items(schedule, name).next().and_then(Value::as_i64);
            found.and_then(|number| i8::try_from(number).ok())
        };
        Some(Self::Weekly {
            days: json::items(schedule, "days")
                .filter_map(|day| weekday(day.as_str()?))
                .collect(),
            hour: first("hours").unwrap_or(0),
            minute: first("minutes").unwrap_or(0),
        })
    }

    /// When the recurrence last began at or before `now`, looking back one week.
    fn last_start(&self, now: Timestamp) -> Option<DateTime> {
        let Self::Weekly { days, hour, minute } = self else {
            return None;
        };
        let now = TimeZone::UTC.to_datetime(now);
        (0..8)
            .filter_map(|back| now.date().checked_sub((back as i64).days()).ok())
            .filter(|date: &Date| days.contains(&date.weekday()))
            .filter_map(|date| {
                DateTime::new(date.year(), date.month(), date.day(), *hour, *minute, 0, 0).ok()
            })
            .find(|start| *start <= now)
    }
}

/// A time stamp with an offset, or without one as UTC.
fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    })
}

fn weekday(name: &str) -> Option<Weekday> {
    Some(match name.to_ascii_lowercase().as_str() {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn profiles() -> Vec<Profile> {
        let weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];
        let at = |hour: i64| json!({"frequency": "Week", "schedule": {"timeZone": "UTC", "days": weekdays, "hours": [hour], "minutes": [30]}});
        [
            json!({"capacity": {"minimum": "1", "maximum": "1", "default": "1"}}),
            json!({"capacity": {"minimum": "2", "maximum": "2", "default": "2"}, "recurrence": at(8)}),
            json!({"capacity": {"minimum": "3", "maximum": "3", "default": "3"}, "recurrence": at(18)}),
            json!({"capacity": {"minimum": "4", "maximum": "4", "default": "4"},
                "fixedDate": {"timeZone": "UTC", "start": "2026-03-04T00:00:00Z", "end": "2026-03-05T00:00:00"}}),
        ]
        .iter()
        .map(Profile::read)
        .collect()
    }

    #[test]
    fn a_fixed_date_wins_over_a_recurrence_over_the_default() {
        let profiles = profiles();
        for (now, minimum) in [
            // 2026-03-02 is a Monday; before its morning, Friday evening's profile still holds.
            ("2026-03-02T08:29:59Z", 3),
            ("2026-03-02T08:30:00Z", 2),
            ("2026-03-02T18:30:00Z", 3),
            ("2026-03-03T23:59:59Z", 3),
            ("2026-03-04T12:00:00Z", 4),
            ("2026-03-05T00:00:00Z", 3),
        ] {
            let at = now.parse().expect("the literal is a time stamp");
            let chosen = active(&profiles, at).map(|profile| profile.minimum);
            assert_eq!(chosen, Some(minimum), "{now}");
        }
        let noon = "2026-03-02T12:00:00Z"
            .parse()
            .expect("the literal is a time stamp");
        assert_eq!(active(&profiles[..1], noon).map(|p| p.minimum), Some(1));
        assert!(active(&profiles[3..], noon).is_none());
    }

    #[test]
    fn limits_are_read_from_strings_and_from_numbers() {
        for capacity in [
            json!({"minimum": "2", "maximum": "4"}),
            json!({"minimum": 2, "maximum": 4}),
        ] {
            let profile = Profile::read(&json!({"capacity": capacity}));
            assert_eq!([1, 3, 9].map(|n| profile.clamp(n)), [2, 3, 4]);
        }
    }
}
