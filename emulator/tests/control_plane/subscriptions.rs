//! What clients read before they do anything.

use crate::support::{Client, SUBSCRIPTION};

#[test]
fn the_subscription_and_its_tenant_are_listed() {
    let mut client = Client::new();
    let subscriptions = client.get("/subscriptions").body;
    let first = &subscriptions["value"][0];
    assert_eq!(first["id"], SUBSCRIPTION);
    assert_eq!(first["state"], "Enabled");
    assert_eq!(subscriptions["count"]["value"], 1);
    let tenants = client.get("/tenants").body;
    assert_eq!(tenants["value"][0]["tenantId"], first["tenantId"]);
    assert_eq!(
        client.get(SUBSCRIPTION).body["subscriptionId"],
        first["subscriptionId"]
    );
}

#[test]
fn providers_list_versions_that_work() {
    let mut client = Client::with_group();
    let network = client.get("/providers/microsoft.network").body;
    assert_eq!(network["namespace"], "Microsoft.Network");
    assert_eq!(network["registrationState"], "Registered");
    for kind in network["resourceTypes"].as_array().expect("a list") {
        let name = kind["resourceType"].as_str().expect("a name");
        for version in kind["apiVersions"].as_array().expect("a list") {
            let version = version.as_str().expect("a version");
            let path = format!("/providers/Microsoft.Network/{name}?api-version={version}");
            assert_eq!(client.get(&path).status, 200, "{path}");
        }
    }
    let registered = client.send("POST", "/providers/Microsoft.Compute/register", &[], "");
    assert_eq!(registered.body["registrationState"], "Registered");
    assert_eq!(
        client.get("/providers/Contoso.Fun").code(),
        "InvalidResourceNamespace"
    );
}

#[test]
fn locations_have_short_and_display_names() {
    let mut client = Client::new();
    let locations = client.get("/locations").body;
    let all = locations["value"].as_array().expect("a list");
    let west = all
        .iter()
        .find(|l| l["name"] == "westeurope")
        .expect("West Europe");
    assert_eq!(west["displayName"], "West Europe");
    assert_eq!(west["metadata"]["regionType"], "Physical");
}
