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
        // What stands below something is listed there.
        if name.contains('/') {
            continue;
        }
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

#[test]
fn a_marketplace_image_is_read_as_az_reads_it_before_it_makes_machines() {
    let mut client = Client::new();
    let list = "/providers/Microsoft.Compute/locations/westeurope/publishers/Canonical/artifacttypes/vmimage/offers/0001-com-ubuntu-server-jammy/skus/22_04-lts-gen2/versions";
    let versions = client.get(list);
    assert_eq!(versions.status, 200);
    let name = versions.body[0]["name"]
        .as_str()
        .expect("a bare array")
        .to_owned();
    for version in [name.as_str(), "latest", "22.04.202401010"] {
        let image = client.get(&format!("{list}/{version}")).body;
        assert_eq!(image["name"], version);
        let properties = &image["properties"];
        assert_eq!(properties["osDiskImage"]["operatingSystem"], "Linux");
        assert_eq!(properties["hyperVGeneration"], "V2");
    }
    let windows = list.replace("Canonical", "MicrosoftWindowsServer");
    let image = client.get(&format!("{windows}/latest")).body;
    assert_eq!(
        image["properties"]["osDiskImage"]["operatingSystem"],
        "Windows"
    );
    let nowhere = client.get(&list.replace("westeurope", "atlantis"));
    assert_eq!(nowhere.code(), "LocationNotAvailableForResourceType");
    assert_eq!(client.put(list, "{}").status, 405);
}
