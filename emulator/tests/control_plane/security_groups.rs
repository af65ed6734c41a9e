//! Network security groups and their rules.

use crate::support::Client;

const NSG: &str = "/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/nsg";

fn rule(name: &str, priority: &str, more: &str) -> String {
    format!(
        r#"{{"name":"{name}","properties":{{"protocol":"tcp","sourcePortRange":"*",
            "destinationPortRange":"80","sourceAddressPrefix":"*","access":"ALLOW",
            "priority":{priority},"direction":"inbound"{more}}}}}"#
    )
}

fn group(rules: &[String]) -> String {
    let rules = rules.join(",");
    format!(r#"{{"location":"westeurope","properties":{{"securityRules":[{rules}]}}}}"#)
}

const TO_ALL: &str = r#","destinationAddressPrefix":"*""#;

#[test]
fn a_group_always_has_its_six_default_rules() {
    let mut client = Client::with_group();
    let nsg = client.create(NSG, r#"{"location":"westeurope"}"#).body;
    assert_eq!(nsg["properties"]["securityRules"], serde_json::json!([]));
    let defaults = nsg["properties"]["defaultSecurityRules"]
        .as_array()
        .expect("a list");
    let numbers: Vec<_> = defaults
        .iter()
        .map(|r| r["properties"]["priority"].as_u64())
        .collect();
    let expected = [65000, 65001, 65500, 65000, 65001, 65500].map(Some);
    assert_eq!(numbers, expected);
    let listed = client.get(&format!("{NSG}/defaultSecurityRules")).body;
    assert_eq!(listed["value"].as_array().map(Vec::len), Some(6));
    assert_eq!(
        client
            .put(&format!("{NSG}/defaultSecurityRules/x"), "{}")
            .status,
        405
    );
}

#[test]
fn rules_are_canonical_and_checked() {
    let mut client = Client::with_group();
    for (rules, code) in [
        (vec![rule("a", "99", TO_ALL)], "SecurityRuleInvalidPriority"),
        (
            vec![rule("a", "4097", TO_ALL)],
            "SecurityRuleInvalidPriority",
        ),
        (
            vec![rule("a", "100", "")],
            "SecurityRuleParameterNotSpecified",
        ),
        (
            vec![rule("a", "100", TO_ALL), rule("b", "\"100\"", TO_ALL)],
            "SecurityRuleConflict",
        ),
        (vec![rule("a", "\"high\"", TO_ALL)], "InvalidRequestFormat"),
        (
            vec![rule("a", "100", TO_ALL).replace("tcp", "smtp")],
            "InvalidRequestFormat",
        ),
    ] {
        let refused = client.put(NSG, &group(&rules));
        assert_eq!((refused.status, refused.code()), (400, code));
    }
    let nsg = client
        .create(NSG, &group(&[rule("a", "\"4096\"", TO_ALL)]))
        .body;
    let kept = &nsg["properties"]["securityRules"][0]["properties"];
    assert_eq!(kept["priority"], 4096);
    assert_eq!(
        (kept["protocol"].as_str(), kept["access"].as_str()),
        (Some("Tcp"), Some("Allow"))
    );
    let child = client.put(
        &format!("{NSG}/securityRules/b"),
        &rule("ignored", "200", TO_ALL),
    );
    assert_eq!(
        (child.status, child.body["name"].as_str()),
        (201, Some("b"))
    );
}
