//! Private addresses: static, dynamic, reserved, taken, exhausted.

use crate::support::{Answer, Client, SUBSCRIPTION};

const NET: &str = "/resourceGroups/g/providers/Microsoft.Network";

fn world() -> Client {
    let mut client = Client::with_group();
    client.create(
        &format!("{NET}/virtualNetworks/v1"),
        r#"{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]},
            "subnets":[{"name":"s","properties":{"addressPrefix":"10.0.0.0/29"}}]}}"#,
    );
    client
}

fn put_nic(client: &mut Client, name: &str, address: Option<&str>) -> Answer {
    let fixed = address.map_or_else(String::new, |address| {
        format!(r#","privateIPAllocationMethod":"static","privateIPAddress":"{address}""#)
    });
    let subnet = format!("{SUBSCRIPTION}{NET}/virtualNetworks/v1/subnets/s");
    let body = format!(
        r#"{{"location":"westeurope","properties":{{"ipConfigurations":[{{"name":"c",
            "properties":{{"subnet":{{"id":"{subnet}"}}{fixed}}}}}]}}}}"#
    );
    client.put(&format!("{NET}/networkInterfaces/{name}"), &body)
}

fn address(answer: &Answer) -> &str {
    let first = &answer.body["properties"]["ipConfigurations"][0];
    first["properties"]["privateIPAddress"]
        .as_str()
        .unwrap_or("")
}

#[test]
fn static_addresses_are_checked() {
    let mut client = world();
    for (wanted, code) in [
        ("10.0.1.4", "PrivateIPAddressNotInSubnet"),
        ("10.0.0.0", "PrivateIPAddressInReservedRange"),
        ("10.0.0.3", "PrivateIPAddressInReservedRange"),
        ("10.0.0.7", "PrivateIPAddressInReservedRange"),
        ("ten", "InvalidIPAddress"),
        ("10.0.0.4", ""),
    ] {
        assert_eq!(
            put_nic(&mut client, "a", Some(wanted)).code(),
            code,
            "{wanted}"
        );
    }
    let taken = put_nic(&mut client, "b", Some("10.0.0.4"));
    assert_eq!(taken.code(), "PrivateIPAddressIsAllocated");
    assert_eq!(
        put_nic(&mut client, "a", Some("10.0.0.6")).status,
        200,
        "its own is free to it"
    );
    assert_eq!(
        put_nic(&mut client, "b", Some("10.0.0.4")).status,
        201,
        "and was given back"
    );
}

#[test]
fn dynamic_addresses_are_the_lowest_free_and_stay() {
    let mut client = world();
    assert_eq!(address(&put_nic(&mut client, "a", None)), "10.0.0.4");
    assert_eq!(address(&put_nic(&mut client, "b", None)), "10.0.0.5");
    let going = client.delete(&format!("{NET}/networkInterfaces/a"));
    client.follow(&going);
    assert_eq!(
        address(&put_nic(&mut client, "b", None)),
        "10.0.0.5",
        "what it has it keeps"
    );
    assert_eq!(address(&put_nic(&mut client, "c", None)), "10.0.0.4");
    assert_eq!(address(&put_nic(&mut client, "d", None)), "10.0.0.6");
    let full = put_nic(&mut client, "e", None);
    assert_eq!((full.status, full.code()), (400, "SubnetIsFull"));
}

#[test]
fn an_interface_is_answered_with_what_clients_dereference() {
    let mut client = world();
    let properties = put_nic(&mut client, "a", None).body["properties"].clone();
    let none = serde_json::json!([]);
    let dns = serde_json::json!({"dnsServers": none, "appliedDnsServers": none});
    assert_eq!(properties["dnsSettings"], dns);
    let first = &properties["ipConfigurations"][0]["properties"];
    assert_eq!(first["primary"], true);
    assert_eq!(first["privateIPAllocationMethod"], "Dynamic");
    assert_eq!(first["privateIPAddressVersion"], "IPv4");
    let mac = properties["macAddress"].as_str().expect("a MAC address");
    assert!(mac.starts_with("00-0D-3A-") && mac.len() == 17, "{mac}");
    let again = put_nic(&mut client, "a", None);
    assert_eq!(again.body["properties"]["macAddress"], mac, "it stays");
    assert_eq!(
        again.body["properties"]["resourceGuid"],
        properties["resourceGuid"]
    );
}
