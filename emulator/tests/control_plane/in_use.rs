//! What is pointed at cannot go, and nothing can point at what is not there.

use crate::support::{Client, SUBSCRIPTION};

const NET: &str = "/resourceGroups/g/providers/Microsoft.Network";

fn network(subnets: &[(&str, &str)]) -> String {
    let subnets: Vec<String> = subnets
        .iter()
        .map(|(name, prefix)| {
            let guard = format!("{SUBSCRIPTION}{NET}/networkSecurityGroups/nsg");
            format!(
                r#"{{"name":"{name}","properties":{{"addressPrefix":"{prefix}",
                    "networkSecurityGroup":{{"id":"{guard}"}}}}}}"#
            )
        })
        .collect();
    format!(
        r#"{{"location":"westeurope","properties":{{"addressSpace":{{"addressPrefixes":["10.0.0.0/8"]}},
            "subnets":[{}]}}}}"#,
        subnets.join(",")
    )
}

fn nic(subnet: &str) -> String {
    let net = format!("{SUBSCRIPTION}{NET}");
    format!(
        r#"{{"location":"westeurope","properties":{{"ipConfigurations":[{{"name":"one","properties":{{
            "subnet":{{"id":"{net}/virtualNetworks/v1/subnets/{subnet}"}},
            "publicIPAddress":{{"id":"{net}/publicIPAddresses/pip"}}}}}}]}}}}"#
    )
}

fn world() -> Client {
    let mut client = Client::with_group();
    let rules = r#"{"location":"westeurope"}"#;
    client.create(&format!("{NET}/networkSecurityGroups/nsg"), rules);
    let subnets = network(&[("a", "10.0.0.0/24"), ("b", "10.0.1.0/24")]);
    client.create(&format!("{NET}/virtualNetworks/v1"), &subnets);
    client.create(&format!("{NET}/publicIPAddresses/pip"), rules);
    client.create(&format!("{NET}/networkInterfaces/nic"), &nic("a"));
    client
}

#[test]
fn what_is_in_use_says_by_whom_and_stays() {
    let mut client = world();
    for (path, code) in [
        ("virtualNetworks/v1", "InUseSubnetCannotBeDeleted"),
        ("virtualNetworks/v1/subnets/a", "InUseSubnetCannotBeDeleted"),
        (
            "networkSecurityGroups/nsg",
            "InUseNetworkSecurityGroupCannotBeDeleted",
        ),
        ("publicIPAddresses/pip", "PublicIPAddressCannotBeDeleted"),
    ] {
        let refused = client.delete(&format!("{NET}/{path}"));
        assert_eq!((refused.status, refused.code()), (400, code), "{path}");
        assert_eq!(
            client.get(&format!("{NET}/{path}")).state(),
            "Succeeded",
            "{path}"
        );
    }
    let message = client
        .delete(&format!("{NET}/virtualNetworks/v1/subnets/a"))
        .body;
    let message = message["error"]["message"]
        .as_str()
        .unwrap_or("")
        .to_owned();
    assert!(
        message.contains("networkInterfaces/nic/ipConfigurations/one"),
        "{message}"
    );
    assert_eq!(
        client
            .delete(&format!("{NET}/virtualNetworks/v1/subnets/b"))
            .status,
        202
    );
}

#[test]
fn a_put_that_drops_a_used_subnet_is_refused() {
    let mut client = world();
    let path = format!("{NET}/virtualNetworks/v1");
    let refused = client.put(&path, &network(&[("b", "10.0.1.0/24")]));
    assert_eq!(
        (refused.status, refused.code()),
        (400, "InUseSubnetCannotBeDeleted")
    );
    let moved = client.put(
        &path,
        &network(&[("a", "10.0.5.0/24"), ("b", "10.0.1.0/24")]),
    );
    assert_eq!(moved.code(), "InUsePrefixCannotBeDeleted");
    let kept = client.put(&path, &network(&[("a", "10.0.0.0/24")]));
    assert_eq!(kept.status, 200, "an unused subnet may go");
}

#[test]
fn back_references_show_who_uses_what() {
    let mut client = world();
    let configuration = format!("{SUBSCRIPTION}{NET}/networkInterfaces/nic/ipConfigurations/one");
    let subnet = client
        .get(&format!("{NET}/virtualNetworks/v1/subnets/a"))
        .body;
    assert_eq!(
        subnet["properties"]["ipConfigurations"][0]["id"],
        configuration
    );
    let pip = client.get(&format!("{NET}/publicIPAddresses/pip")).body;
    assert_eq!(pip["properties"]["ipConfiguration"]["id"], configuration);
    let nsg = client.get(&format!("{NET}/networkSecurityGroups/nsg")).body;
    assert_eq!(
        nsg["properties"]["subnets"].as_array().map(Vec::len),
        Some(2)
    );
}

#[test]
fn once_the_user_is_gone_the_used_may_go() {
    let mut client = world();
    let going = client.delete(&format!("{NET}/networkInterfaces/nic"));
    let early = client.delete(&format!("{NET}/publicIPAddresses/pip"));
    assert_eq!(early.status, 400, "not before it is really gone");
    client.follow(&going);
    assert_eq!(
        client
            .delete(&format!("{NET}/publicIPAddresses/pip"))
            .status,
        202
    );
    assert_eq!(
        client.delete(&format!("{NET}/virtualNetworks/v1")).status,
        202
    );
}

#[test]
fn nothing_points_at_what_is_not_there_or_going() {
    let mut client = world();
    let path = format!("{NET}/networkInterfaces/other");
    let body = nic("none").replace("pip", "none");
    assert_eq!(client.put(&path, &body).code(), "InvalidResourceReference");
    let body = nic("b").replace("publicIPAddresses/pip", "publicIPAddresses/none");
    assert_eq!(client.put(&path, &body).code(), "InvalidResourceReference");
    assert_eq!(client.put(&path, &nic("b")).code(), "PublicIPAddressInUse");
    let empty = r#"{"location":"westeurope","properties":{"ipConfigurations":[{"name":"one","properties":{"subnet":{}}}]}}"#;
    let refused = client.put(&path, empty);
    assert_eq!(
        refused.body["error"]["details"][0]["code"],
        "MissingJsonReferenceId"
    );
    client.delete(&format!("{NET}/virtualNetworks/v1/subnets/b"));
    let body = nic("b").replace(",\n            \"publicIPAddress\"", ",\"x\"");
    assert_eq!(client.put(&path, &body).code(), "InvalidResourceReference");
}

#[test]
fn nothing_new_points_at_what_is_being_deleted() {
    let mut client = Client::with_group();
    let guard = format!("{NET}/networkSecurityGroups/nsg");
    client.create(&guard, r#"{"location":"westeurope"}"#);
    let going = client.delete(&guard);
    let path = format!("{NET}/virtualNetworks/v1");
    let refused = client.put(&path, &network(&[("a", "10.0.0.0/24")]));
    assert_eq!(
        (refused.status, refused.code()),
        (400, "ReferencedResourceNotProvisioned")
    );
    client.follow(&going);
    let refused = client.put(&path, &network(&[("a", "10.0.0.0/24")]));
    assert_eq!(refused.code(), "InvalidResourceReference");
}
