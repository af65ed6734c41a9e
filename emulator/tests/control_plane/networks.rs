//! Virtual networks and subnets.

use serde_json::json;

use crate::support::Client;

const VNET: &str = "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/bgvnet";
const BODY: &str = r#"{"Location":"West Europe","tags":{"a":1,"b":null},"properties":{
    "AddressSpace":{"addressPrefixes":["10.0.0.0/8"]},"futureMember":{"x":[1]},
    "subnets":[{"name":"main","properties":{"addressPrefix":"10.0.0.0/24"}}]}}"#;

#[test]
fn a_network_is_answered_whole_and_canonical() {
    let mut client = Client::with_group();
    let created = client.put(VNET, BODY);
    assert_eq!((created.status, created.state()), (201, "Updating"));
    client.follow(&created);
    let network = client.get(VNET).body;
    let etag = network["etag"].as_str().expect("an etag");
    let id = format!("{}{VNET}", crate::support::SUBSCRIPTION);
    assert_eq!(network["id"], id);
    assert_eq!(network["location"], "westeurope");
    assert_eq!(network["tags"], json!({"a": "1"}));
    assert_eq!(network["properties"]["futureMember"], json!({"x": [1]}));
    assert_eq!(network["properties"]["virtualNetworkPeerings"], json!([]));
    assert_eq!(
        network["properties"]["subnets"],
        json!([{
            "name": "main",
            "id": format!("{id}/subnets/main"),
            "etag": etag,
            "type": "Microsoft.Network/virtualNetworks/subnets",
            "properties": {
                "provisioningState": "Succeeded",
                "addressPrefix": "10.0.0.0/24",
                "delegations": [],
                "privateEndpointNetworkPolicies": "Disabled",
                "privateLinkServiceNetworkPolicies": "Enabled",
            },
        }])
    );
}

#[test]
fn subnets_must_lie_inside_and_apart() {
    let subnet = |name: &str, prefix: &str| {
        format!(r#"{{"name":"{name}","properties":{{"addressPrefix":"{prefix}"}}}}"#)
    };
    for (subnets, code) in [
        (subnet("a", "11.0.0.0/24"), "NetcfgInvalidSubnet"),
        (subnet("a", "10.0.0.0/30"), "NetcfgInvalidSubnet"),
        (
            [subnet("a", "10.0.0.0/24"), subnet("b", "10.0.0.128/25")].join(","),
            "NetcfgSubnetRangesOverlap",
        ),
        (
            [subnet("a", "10.0.0.0/24"), subnet("A", "10.0.1.0/24")].join(","),
            "InvalidRequestFormat",
        ),
        (subnet("a", "10.0.0.1/24"), "InvalidAddressPrefixFormat"),
        (subnet("-a", "10.0.0.0/24"), "InvalidResourceName"),
    ] {
        let mut client = Client::with_group();
        let body = format!(
            r#"{{"location":"westeurope","properties":{{
                "addressSpace":{{"addressPrefixes":["10.0.0.0/8"]}},"subnets":[{subnets}]}}}}"#
        );
        let refused = client.put(VNET, &body);
        assert_eq!((refused.status, refused.code()), (400, code), "{subnets}");
        assert_eq!(
            client.get(VNET).status,
            404,
            "a refused write changes nothing"
        );
    }
}

#[test]
fn a_subnet_has_a_url_of_its_own() {
    let mut client = Client::with_group();
    client.create(VNET, BODY);
    let green = format!("{VNET}/subnets/green");
    let created = client.put(&green, r#"{"properties":{"addressPrefix":"10.0.1.0/24"}}"#);
    assert_eq!(
        (created.status, created.body["name"].as_str()),
        (201, Some("green"))
    );
    let names = |client: &mut Client| -> Vec<String> {
        let listed = client.get(&format!("{VNET}/subnets")).body;
        let items = listed["value"].as_array().expect("a list").clone();
        items
            .iter()
            .map(|s| s["name"].as_str().unwrap_or("").to_owned())
            .collect()
    };
    assert_eq!(
        names(&mut client),
        ["main", "green"],
        "the parent shows it at once"
    );
    client.follow(&created);
    let again = client.put(&green, r#"{"properties":{"addressPrefix":"10.0.2.0/24"}}"#);
    assert_eq!(again.status, 200);
    let gone = client.delete(&green);
    assert_eq!(gone.status, 202);
    client.follow(&gone);
    assert_eq!(client.get(&green).code(), "NotFound");
    assert_eq!(client.delete(&green).status, 204);
    assert_eq!(names(&mut client), ["main"]);
}
