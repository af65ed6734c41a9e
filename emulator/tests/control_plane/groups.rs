//! Resource groups and their deletion.

use crate::support::Client;

const GROUP: &str = "/resourceGroups/Green-RG";
const NET: &str = "/resourceGroups/Green-RG/providers/Microsoft.Network";
const ADDRESS: &str = r#"{"location":"westeurope"}"#;

#[test]
fn a_group_lives_synchronously() {
    let mut client = Client::new();
    let created = client.put(
        GROUP,
        r#"{"location":"West Europe","tags":{"side":"green"}}"#,
    );
    assert_eq!((created.status, created.state()), (201, "Succeeded"));
    assert_eq!(created.body["type"], "Microsoft.Resources/resourceGroups");
    assert_eq!(created.body["location"], "westeurope");
    let again = client.put("/resourcegroups/green-rg", r#"{"location":"westeurope"}"#);
    assert_eq!(
        (again.status, again.body["name"].as_str()),
        (200, Some("Green-RG"))
    );
    let moved = client.put(GROUP, r#"{"location":"eastus"}"#);
    assert_eq!(
        (moved.status, moved.code()),
        (409, "InvalidResourceGroupLocation")
    );
    let patched = client.send("PATCH", GROUP, &[], r#"{"tags":{"a":"b"}}"#);
    assert_eq!(patched.body["tags"], serde_json::json!({"a": "b"}));
    assert_eq!(client.send("HEAD", GROUP, &[], "").status, 204);
    let absent = client.send("HEAD", "/resourceGroups/none", &[], "");
    assert_eq!((absent.status, absent.bytes.len()), (404, 0));
    assert_eq!(
        client.put("/resourceGroups/bad.", ADDRESS).code(),
        "InvalidResourceName"
    );
    assert_eq!(
        client.put("/resourceGroups/x", "{}").code(),
        "LocationRequired"
    );
    let listed = client.get(
        "/resourcegroups?$filter=tagname eq 'a' and tagvalue eq 'b'"
            .replace(' ', "%20")
            .as_str(),
    );
    assert_eq!(listed.body["value"].as_array().map(Vec::len), Some(1));
}

#[test]
fn deleting_a_group_takes_everything_in_it_in_an_order_that_works() {
    let mut client = Client::new();
    client.group("Green-RG");
    client.create(&format!("{NET}/publicIPAddresses/a"), ADDRESS);
    client.create(
        &format!("{NET}/virtualNetworks/b1"),
        r#"{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]},
            "subnets":[{"name":"s","properties":{"addressPrefix":"10.0.0.0/24"}}]}}"#,
    );
    let root = format!("{}{NET}", crate::support::SUBSCRIPTION);
    let nic = format!(
        r#"{{"location":"westeurope","properties":{{"ipConfigurations":[{{"name":"c","properties":{{
            "subnet":{{"id":"{root}/virtualNetworks/b1/subnets/s"}},
            "publicIPAddress":{{"id":"{root}/publicIPAddresses/a"}}}}}}]}}}}"#
    );
    client.create(&format!("{NET}/networkInterfaces/c"), &nic);

    let going = client.delete(GROUP);
    assert_eq!((going.status, going.bytes.len()), (202, 0));
    assert_eq!(
        going.header("azure-asyncoperation"),
        None,
        "groups have a location only"
    );
    let location = going.header("location").expect("a location").to_owned();
    assert!(location.contains("/operationresults/"), "{location}");
    assert_eq!(client.get(GROUP).state(), "Deleting");
    let late = client.put(&format!("{NET}/publicIPAddresses/late"), ADDRESS);
    assert_eq!(
        (late.status, late.code()),
        (409, "ResourceGroupBeingDeleted")
    );
    assert_eq!(
        client.put(GROUP, ADDRESS).code(),
        "ResourceGroupBeingDeleted"
    );

    let mut polls = 0;
    while client.get(&location).status == 202 {
        client.advance_ms(1_000);
        polls += 1;
        assert!(polls < 60, "the deletion must end");
    }
    assert!(
        polls > 10,
        "the interface goes first, the rest after it: {polls}"
    );
    assert_eq!(client.get(&location).status, 200);
    assert_eq!(client.get(GROUP).code(), "ResourceGroupNotFound");
    assert_eq!(
        client.get("/resources").body["value"],
        serde_json::json!([])
    );
    assert_eq!(client.delete(GROUP).code(), "ResourceGroupNotFound");
}

#[test]
fn a_group_that_others_point_into_is_given_back() {
    let mut client = Client::new();
    client.group("Green-RG");
    client.group("g");
    client.create(&format!("{NET}/networkSecurityGroups/guard"), ADDRESS);
    let guard = format!(
        "{}{NET}/networkSecurityGroups/guard",
        crate::support::SUBSCRIPTION
    );
    client.create(
        "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v1",
        &format!(
            r#"{{"location":"westeurope","properties":{{"addressSpace":{{"addressPrefixes":["10.0.0.0/8"]}},
            "subnets":[{{"name":"s","properties":{{"addressPrefix":"10.0.0.0/24",
            "networkSecurityGroup":{{"id":"{guard}"}}}}}}]}}}}"#
        ),
    );
    let going = client.delete(GROUP);
    let location = going.header("location").expect("a location").to_owned();
    client.advance_ms(10_000);
    let failed = client.get(&location);
    assert_eq!(
        (failed.status, failed.code()),
        (409, "ResourceGroupDeletionBlocked")
    );
    let inner = failed.body["error"]["details"][0]["message"]
        .as_str()
        .unwrap_or("");
    assert!(
        inner.contains("InUseNetworkSecurityGroupCannotBeDeleted"),
        "{inner}"
    );
    assert_eq!(client.get(GROUP).state(), "Succeeded");
}
