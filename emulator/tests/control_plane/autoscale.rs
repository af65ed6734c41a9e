//! Autoscale settings, and capacities that change by themselves.

use serde_json::{Value, json};
use turquoise_emulator::Event;

use crate::support::{Client, SUBSCRIPTION};
use crate::topology::{autoscale, scale_set};

/// A setting for a side with limits and, where `rules`, one rule each way on CPU.
fn body(side: &str, minimum: &str, maximum: &str, rules: bool) -> Value {
    let target = format!("{SUBSCRIPTION}{}", scale_set(side));
    let rule = |operator: &str, threshold: i64, direction: &str| {
        json!({"metricTrigger": {"metricName": "Percentage CPU", "metricResourceUri": target, "timeGrain": "PT1M",
                "statistic": "Average", "timeWindow": "PT5M", "timeAggregation": "Average", "operator": operator, "threshold": threshold},
            "scaleAction": {"direction": direction, "type": "ChangeCount", "value": "1", "cooldown": "PT5M"}})
    };
    let rules = if rules {
        json!([
            rule("greaterThan", 70, "increase"),
            rule("LessThan", 30, "Decrease")
        ])
    } else {
        json!([])
    };
    json!({"location": "West Europe", "properties": {"enabled": true, "targetResourceUri": target, "profiles": [
        {"name": "default", "capacity": {"minimum": minimum, "maximum": maximum, "default": minimum}, "rules": rules}]}})
}

fn with_side(capacity: u32) -> Client {
    let mut client = Client::with_network();
    client.side("green", "10.0.0.5", capacity);
    client.events();
    client
}

fn capacity(client: &mut Client) -> Value {
    client.get(&scale_set("green")).body["sku"]["capacity"].clone()
}

/// (from, to, by) of every change of capacity.
fn changes(client: &mut Client) -> Vec<(u32, u32, String)> {
    let events = client.events();
    let scaled = events.into_iter().filter_map(|event| match event {
        Event::Scaled { from, to, by, .. } => Some((from, to, by)),
        _ => None,
    });
    scaled.collect()
}

#[test]
fn a_setting_is_written_at_once_and_keeps_its_texts() {
    let mut client = with_side(3);
    let created = client.put(
        &autoscale("green"),
        &body("green", "3", "10", true).to_string(),
    );
    assert_eq!(created.status, 201);
    assert!(created.header("azure-asyncoperation").is_none());
    assert_eq!(created.body["name"], "green-as");
    assert_eq!(created.body["properties"]["name"], "green-as");
    assert_eq!(created.body["properties"].get("provisioningState"), None);
    let profile = &created.body["properties"]["profiles"][0];
    assert_eq!(
        profile["capacity"],
        json!({"minimum": "3", "maximum": "10", "default": "3"})
    );
    let rule = &profile["rules"][0];
    assert_eq!(rule["metricTrigger"]["operator"], "GreaterThan");
    assert_eq!(rule["scaleAction"]["direction"], "Increase");
    assert_eq!(rule["scaleAction"]["value"], "1");
    // Other spellings of the path reach the same setting.
    let upper = autoscale("green").replace(
        "microsoft.insights/autoscalesettings",
        "Microsoft.Insights/autoscaleSettings",
    );
    assert_eq!(client.get(&upper).body, created.body);
    let again = client.put(
        &autoscale("green"),
        &body("green", "2", "10", true).to_string(),
    );
    assert_eq!(again.status, 200);
    let patched = client.send(
        "PATCH",
        &autoscale("green"),
        &[],
        r#"{"properties":{"enabled":false}}"#,
    );
    assert_eq!(
        (patched.status, &patched.body["properties"]["enabled"]),
        (200, &json!(false))
    );
    assert_eq!(client.delete(&autoscale("green")).status, 200);
    assert_eq!(client.delete(&autoscale("green")).status, 204);
}

#[test]
fn numbers_become_texts() {
    let mut client = with_side(1);
    let mut setting = body("green", "1", "4", false);
    setting["properties"]["profiles"][0]["capacity"] =
        json!({"minimum": 1, "maximum": 4, "default": 2});
    let created = client.put(&autoscale("green"), &setting.to_string());
    let capacity = &created.body["properties"]["profiles"][0]["capacity"];
    assert_eq!(
        *capacity,
        json!({"minimum": "1", "maximum": "4", "default": "2"})
    );
}

#[test]
fn what_azure_refuses_is_refused() {
    let mut client = with_side(1);
    let blue = |setting: &mut Value| {
        let target = format!("{SUBSCRIPTION}{}", scale_set("blue"));
        setting["properties"]["targetResourceUri"] = target.into();
    };
    let limits = |setting: &mut Value| {
        setting["properties"]["profiles"][0]["capacity"]["maximum"] = "0".into();
    };
    type Change<'a> = &'a dyn Fn(&mut Value);
    let cases: [(u16, &str, Change<'_>); 3] = [
        (404, "ResourceNotFound", &blue),
        (400, "InvalidParameter", &limits),
        (400, "InvalidParameter", &|setting| {
            setting["properties"]["profiles"] = json!([])
        }),
    ];
    for (status, code, change) in cases {
        let mut setting = body("green", "1", "4", true);
        change(&mut setting);
        let refused = client.put(&autoscale("green"), &setting.to_string());
        assert_eq!(
            (refused.status, refused.code()),
            (status, code),
            "{}",
            refused.body
        );
    }
    client.put(
        &autoscale("green"),
        &body("green", "1", "4", true).to_string(),
    );
    let second = client.put(
        &autoscale("other"),
        &body("green", "1", "4", true).to_string(),
    );
    assert_eq!(second.status, 409, "one setting per target");
}

#[test]
fn the_minimum_of_the_active_profile_is_enforced_within_a_minute() {
    let mut client = with_side(1);
    client.put(
        &autoscale("green"),
        &body("green", "3", "10", false).to_string(),
    );
    client.advance_ms(59_000);
    assert_eq!(capacity(&mut client), 1);
    client.advance_ms(1_000);
    assert_eq!(capacity(&mut client), 3);
    assert_eq!(changes(&mut client), [(1, 3, "autoscale".to_owned())]);
    client.advance_ms(600_000);
    let set = client.get(&scale_set("green"));
    assert_eq!(set.state(), "Succeeded");
    // A pin is lifted the same way: nothing forces the capacity down again.
    client.put(
        &autoscale("green"),
        &body("green", "1", "10", false).to_string(),
    );
    client.advance_ms(600_000);
    assert_eq!(capacity(&mut client), 3);
}

#[test]
fn an_idle_set_shrinks_one_at_a_time_to_its_minimum() {
    let mut client = with_side(4);
    client.put(
        &autoscale("green"),
        &body("green", "2", "10", true).to_string(),
    );
    client.advance_ms(60_000);
    let first = changes(&mut client);
    assert_eq!(first, [(4, 3, "autoscale".to_owned())]);
    client.advance_ms(240_000);
    assert_eq!(changes(&mut client), [], "the cooldown holds");
    client.advance_ms(3_600_000);
    assert_eq!(changes(&mut client), [(3, 2, "autoscale".to_owned())]);
    assert_eq!(capacity(&mut client), 2);
}

#[test]
fn a_disabled_or_deleted_setting_does_nothing() {
    let mut client = with_side(1);
    let mut setting = body("green", "3", "10", false);
    setting["properties"]["enabled"] = json!(false);
    client.put(&autoscale("green"), &setting.to_string());
    client.advance_ms(600_000);
    assert_eq!(capacity(&mut client), 1);
    client.delete(&autoscale("green"));
    client.advance_ms(600_000);
    assert_eq!(changes(&mut client), []);
}
