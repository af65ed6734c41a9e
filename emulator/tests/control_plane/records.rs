//! Types that templates bring along: kept, checked and answered, and nothing acts on them.

use serde_json::{Value, json};

use crate::support::{Client, SUBSCRIPTION};

const NET: &str = "/resourceGroups/g/providers/Microsoft.Network";
const COMPUTE: &str = "/resourceGroups/g/providers/Microsoft.Compute";

fn id(path: &str) -> Value {
    json!({"id": format!("{SUBSCRIPTION}{path}")})
}

/// A body in West Europe.
fn body(properties: &Value) -> String {
    json!({"location": "westeurope", "properties": properties}).to_string()
}

/// A network of one subnet in `10.{number}.0.0/16`, whose subnet has `members` besides.
fn network(number: u8, members: &Value) -> String {
    let mut subnet = json!({"addressPrefix": format!("10.{number}.0.0/24")});
    for (name, value) in members.as_object().expect("members of a subnet") {
        subnet[name.as_str()] = value.clone();
    }
    body(&json!({
        "addressSpace": {"addressPrefixes": [format!("10.{number}.0.0/16")]},
        "subnets": [{"name": "s", "properties": subnet}],
    }))
}

fn interface(client: &mut Client, name: &str, members: &Value) -> String {
    let path = format!("{NET}/networkInterfaces/{name}");
    let mut configuration = json!({"subnet": id(&format!("{NET}/virtualNetworks/net/subnets/s"))});
    for (name, value) in members.as_object().expect("members of a configuration") {
        configuration[name.as_str()] = value.clone();
    }
    let configurations = json!([{"name": "ip", "properties": configuration}]);
    client.create(&path, &body(&json!({"ipConfigurations": configurations})));
    path
}

fn machine(interface: &str) -> Value {
    json!({
        "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
        "storageProfile": {"imageReference": {"publisher": "Canonical", "offer": "ubuntu",
            "sku": "server", "version": "latest"}},
        "osProfile": {"computerName": "m", "adminUsername": "ops", "adminPassword": "s3cret!"},
        "networkProfile": {"networkInterfaces": [
            {"id": format!("{SUBSCRIPTION}{interface}"), "properties": {"primary": true}}]},
    })
}

/// The code of a refusal, which changed nothing.
#[track_caller]
fn refused(client: &mut Client, path: &str, body: &str, code: &str) {
    let before = client.get(path).body;
    let answer = client.put(path, body);
    assert_eq!(answer.code(), code, "{path}: {}", answer.body);
    assert_eq!(client.get(path).body, before, "{path}");
}

/// A DELETE that is refused because of a user, and accepted once the user is gone.
#[track_caller]
fn held_by(client: &mut Client, path: &str, code: &str) {
    let answer = client.delete(path);
    assert_eq!(answer.code(), code, "{path}: {}", answer.body);
    assert_eq!(client.get(path).status, 200, "{path}");
}

#[test]
fn a_route_table_checks_its_routes_and_no_packet_follows_them() {
    let mut client = Client::with_group();
    let path = format!("{NET}/routeTables/r");
    let table = |routes: Value| body(&json!({"routes": routes}));
    let way = json!({"name": "a", "properties": {"addressPrefix": "10.3.0.0/24",
        "nextHopType": "virtualappliance", "nextHopIpAddress": "10.0.0.4"}});
    let made = client.create(&path, &table(json!([way]))).body;
    let route = &made["properties"]["routes"][0];
    assert_eq!(route["properties"]["nextHopType"], "VirtualAppliance");
    assert_eq!(route["id"], format!("{SUBSCRIPTION}{path}/routes/a"));
    assert_eq!(route["etag"], made["etag"]);
    for (prefix, hop, address, code) in [
        (
            "10.3.0.1/24",
            "None",
            Value::Null,
            "InvalidAddressPrefixFormat",
        ),
        (
            "0.0.0.0/0",
            "VirtualAppliance",
            Value::Null,
            "RouteNextHopIpAddressRequired",
        ),
        (
            "0.0.0.0/0",
            "Internet",
            json!("10.0.0.4"),
            "RouteNextHopIpAddressNotAllowed",
        ),
    ] {
        let way = json!({"name": "b", "properties": {"addressPrefix": prefix, "nextHopType": hop,
            "nextHopIpAddress": address}});
        refused(&mut client, &path, &table(json!([way])), code);
    }
    let twin = json!({"name": "b", "properties": way["properties"]});
    refused(
        &mut client,
        &path,
        &table(json!([way, twin])),
        "RouteConflict",
    );
    // A route of its own, as a template's child resource writes it.
    let child = format!("{path}/routes/out");
    let added = client.put(
        &child,
        r#"{"properties":{"addressPrefix":"AzureMonitor","nextHopType":"Internet"}}"#,
    );
    assert_eq!(added.status, 201, "{}", added.body);
    client.follow(&added);
    assert_eq!(
        client.get(&format!("{path}/routes")).body["value"][1]["name"],
        "out"
    );

    let user = network(0, &json!({"routeTable": id(&path)}));
    client.create(&format!("{NET}/virtualNetworks/net"), &user);
    let subnet = format!("{SUBSCRIPTION}{NET}/virtualNetworks/net/subnets/s");
    assert_eq!(
        client.get(&path).body["properties"]["subnets"][0]["id"],
        subnet
    );
    held_by(&mut client, &path, "InUseRouteTableCannotBeDeleted");
    let going = client.delete(&format!("{NET}/virtualNetworks/net"));
    client.follow(&going);
    let going = client.delete(&path);
    assert_eq!(going.status, 202);
    client.follow(&going);
    assert_eq!(client.get(&path).code(), "ResourceNotFound");
}

#[test]
fn a_nat_gateway_takes_addresses_and_prefixes_and_nothing_leaves_through_it() {
    let mut client = Client::with_group();
    let prefix = format!("{NET}/publicIPPrefixes/p");
    let sku = |properties: Value| {
        json!({"location": "westeurope", "sku": {"name": "Standard"}, "properties": properties})
            .to_string()
    };
    let made = client
        .create(&prefix, &sku(json!({"prefixLength": 30})))
        .body;
    assert_eq!(made["properties"]["ipPrefix"], "20.1.0.0/30");
    refused(
        &mut client,
        &prefix,
        &sku(json!({"prefixLength": 29})),
        "PublicIpPrefixLengthCannotBeChanged",
    );
    let other = format!("{NET}/publicIPPrefixes/other");
    refused(
        &mut client,
        &other,
        &sku(json!({"prefixLength": 16})),
        "InvalidPublicIpPrefixLength",
    );
    let made = client
        .create(&other, &sku(json!({"prefixLength": 31})))
        .body;
    assert_eq!(made["properties"]["ipPrefix"], "20.1.0.4/31");

    for (name, address) in [("a", "20.1.0.0"), ("b", "20.1.0.1")] {
        let path = format!("{NET}/publicIPAddresses/{name}");
        let made = client
            .create(&path, &sku(json!({"publicIPPrefix": id(&prefix)})))
            .body;
        assert_eq!(made["properties"]["ipAddress"], address);
    }
    held_by(&mut client, &prefix, "InUsePublicIpPrefixCannotBeDeleted");

    let gateway = format!("{NET}/natGateways/n");
    let address = format!("{NET}/publicIPAddresses/a");
    let wanted = json!({"publicIpAddresses": [id(&address)], "publicIpPrefixes": [id(&other)]});
    client.create(&gateway, &sku(wanted.clone()));
    refused(
        &mut client,
        &format!("{NET}/natGateways/m"),
        &sku(wanted),
        "PublicIPAddressInUse",
    );
    held_by(&mut client, &address, "PublicIPAddressCannotBeDeleted");
    let shown = client.get(&address).body;
    assert_eq!(shown["properties"]["natGateway"], id(&gateway));
    let shown = client.get(&other).body;
    assert_eq!(shown["properties"]["natGateway"], id(&gateway));
    let user = network(0, &json!({"natGateway": id(&gateway)}));
    client.create(&format!("{NET}/virtualNetworks/net"), &user);
    held_by(&mut client, &gateway, "InUseNatGatewayCannotBeDeleted");
    let shown = client.get(&gateway).body;
    let subnet = format!("{NET}/virtualNetworks/net/subnets/s");
    assert_eq!(shown["properties"]["subnets"], json!([id(&subnet)]));
    let missing = sku(json!({"publicIpAddresses": [id(&format!("{NET}/publicIPAddresses/x"))]}));
    refused(&mut client, &gateway, &missing, "InvalidResourceReference");
}

#[test]
fn an_application_security_group_lists_its_interfaces() {
    let mut client = Client::with_group();
    let group = format!("{NET}/applicationSecurityGroups/web");
    client.create(&group, &body(&json!({})));
    client.create(
        &format!("{NET}/virtualNetworks/net"),
        &network(0, &json!({})),
    );
    let member = json!({"applicationSecurityGroups": [id(&group)]});
    let nic = interface(&mut client, "nic", &member);
    let listed = client.send("POST", &format!("{group}/listIpConfigurations"), &[], "");
    let configuration = format!("{nic}/ipConfigurations/ip");
    assert_eq!(listed.body, json!({"value": [id(&configuration)]}));
    held_by(
        &mut client,
        &group,
        "InUseApplicationSecurityGroupCannotBeDeleted",
    );
}

#[test]
fn a_peering_is_connected_once_both_sides_have_it_and_carries_nothing() {
    let mut client = Client::with_group();
    for (name, number) in [("near", 1), ("far", 2), ("same", 1)] {
        client.create(
            &format!("{NET}/virtualNetworks/{name}"),
            &network(number, &json!({})),
        );
    }
    let peering = |from: &str| format!("{NET}/virtualNetworks/{from}/virtualNetworkPeerings/p");
    let to = |to: &str| {
        let remote = id(&format!("{NET}/virtualNetworks/{to}"));
        json!({"properties": {"remoteVirtualNetwork": remote}}).to_string()
    };
    let state = |client: &mut Client, from: &str| {
        client.get(&peering(from)).body["properties"]["peeringState"].clone()
    };
    for (target, code) in [
        ("near", "VnetCannotPeerWithItself"),
        ("same", "VnetAddressSpacesOverlap"),
        ("nobody", "InvalidResourceReference"),
    ] {
        let answer = client.put(&peering("near"), &to(target));
        assert_eq!(answer.code(), code, "{target}");
    }
    let made = client.put(&peering("near"), &to("far"));
    assert_eq!(made.status, 201, "{}", made.body);
    client.follow(&made);
    assert_eq!(state(&mut client, "near"), "Initiated");
    let made = client.put(&peering("far"), &to("near"));
    client.follow(&made);
    assert_eq!(state(&mut client, "near"), "Connected");
    let shown = client.get(&peering("far")).body;
    assert_eq!(
        shown["properties"]["remoteAddressSpace"]["addressPrefixes"][0],
        "10.1.0.0/16"
    );
    assert_eq!(shown["properties"]["allowVirtualNetworkAccess"], true);
    // A template that writes the network again does not speak of its peerings.
    client.create(
        &format!("{NET}/virtualNetworks/near"),
        &network(1, &json!({})),
    );
    assert_eq!(state(&mut client, "near"), "Connected");
    let going = client.delete(&format!("{NET}/virtualNetworks/far"));
    client.follow(&going);
    assert_eq!(state(&mut client, "near"), "Disconnected");
    let going = client.delete(&peering("near"));
    client.follow(&going);
    assert_eq!(client.get(&peering("near")).status, 404);
}

#[test]
fn a_private_zone_keeps_records_and_links_and_resolves_no_name() {
    let mut client = Client::with_group();
    let zone = format!("{NET}/privateDnsZones/corp.test");
    let global = r#"{"location":"global","properties":{}}"#;
    refused(
        &mut client,
        &format!("{NET}/privateDnsZones/test"),
        global,
        "BadRequest",
    );
    refused(
        &mut client,
        &zone,
        &body(&json!({})),
        "LocationNotAvailableForResourceType",
    );
    client.create(&zone, global);

    let a = format!("{zone}/A/app");
    let records = r#"{"properties":{"ttl":300,"aRecords":[{"ipv4Address":"10.0.0.5"}]}}"#;
    let made = client.put(&a, records);
    assert_eq!((made.status, made.state()), (201, ""));
    assert_eq!(made.body["type"], "Microsoft.Network/privateDnsZones/A");
    assert_eq!(made.body["properties"]["fqdn"], "app.corp.test.");
    let etag = made.body["etag"].as_str().expect("an etag").to_owned();
    let again = client.send("PUT", &a, &[("if-none-match", "*")], records);
    assert_eq!(again.status, 412, "a record set that is there is not made");
    let other = client.send("PUT", &a, &[("if-match", "nonsense")], records);
    assert_eq!(other.status, 412);
    let same = client.send("PUT", &a, &[("if-match", etag.as_str())], records);
    assert_eq!(same.status, 200);
    let bad = r#"{"properties":{"ttl":300,"aRecords":[{"ipv4Address":"10.0.0.256"}]}}"#;
    refused(&mut client, &a, bad, "BadRequest");
    let alias = r#"{"properties":{"ttl":300,"cnameRecord":{"cname":"x.test"}}}"#;
    refused(
        &mut client,
        &format!("{zone}/CNAME/app"),
        alias,
        "BadRequest",
    );
    refused(&mut client, &format!("{zone}/CNAME/@"), alias, "BadRequest");
    assert_eq!(client.put(&format!("{zone}/CNAME/www"), alias).status, 201);
    let all = client.get(&format!("{zone}/ALL")).body;
    assert_eq!(all["value"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        client.get(&format!("{zone}/A")).body["value"][0]["name"],
        "app"
    );
    assert_eq!(client.get(&format!("{zone}/SOA/@")).code(), "NotEmulated");
    assert_eq!(client.delete(&format!("{zone}/CNAME/www")).status, 200);

    client.create(
        &format!("{NET}/virtualNetworks/net"),
        &network(0, &json!({})),
    );
    let link = format!("{zone}/virtualNetworkLinks/l");
    let wanted = json!({"location": "global", "properties": {"registrationEnabled": true,
        "virtualNetwork": id(&format!("{NET}/virtualNetworks/net"))}})
    .to_string();
    client.create(&link, &wanted);
    refused(
        &mut client,
        &format!("{zone}/virtualNetworkLinks/m"),
        &wanted,
        "BadRequest",
    );
    let second = format!("{NET}/privateDnsZones/other.test");
    client.create(&second, global);
    refused(
        &mut client,
        &format!("{second}/virtualNetworkLinks/l"),
        &wanted,
        "BadRequest",
    );
    held_by(&mut client, &zone, "CannotDeleteResource");
    held_by(
        &mut client,
        &format!("{NET}/virtualNetworks/net"),
        "InUseVirtualNetworkCannotBeDeleted",
    );
    let listed = client.get("/resourceGroups/g/resources").body;
    let kinds: Vec<&str> = listed["value"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item["type"].as_str())
        .filter(|kind| kind.contains("privateDns"))
        .collect();
    assert_eq!(
        kinds,
        [
            "Microsoft.Network/privateDnsZones",
            "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
            "Microsoft.Network/privateDnsZones",
        ],
        "links are resources, records are not"
    );
    client.delete("/resourceGroups/g");
    client.advance_ms(600_000);
    assert_eq!(
        client.get("/resourceGroups/g").status,
        404,
        "links go before their zone"
    );
}

#[test]
fn a_single_machine_is_kept_switched_and_serves_nothing() {
    let mut client = Client::with_group();
    client.create(
        &format!("{NET}/virtualNetworks/net"),
        &network(0, &json!({})),
    );
    let nic = interface(&mut client, "nic", &json!({}));
    let set = format!("{COMPUTE}/availabilitySets/set");
    let sku = r#"{"location":"westeurope","sku":{"name":"Aligned"},"properties":{"platformFaultDomainCount":2}}"#;
    assert_eq!(
        client.put(&set, sku).status,
        200,
        "Azure says 200 to a new one"
    );

    let path = format!("{COMPUTE}/virtualMachines/m");
    let mut wanted = machine(&nic);
    wanted["availabilitySet"] = id(&set);
    let made = client.put(&path, &body(&wanted));
    assert_eq!((made.status, made.state()), (201, "Creating"));
    client.follow(&made);
    let shown = client.get(&path).body;
    assert_eq!(shown["properties"]["provisioningState"], "Succeeded");
    assert!(
        !shown.to_string().contains("s3cret"),
        "secrets are not answered"
    );
    let disk = shown["properties"]["storageProfile"]["osDisk"]["name"].as_str();
    assert!(
        disk.is_some_and(|name| name.starts_with("m_OsDisk_1_")),
        "{shown}"
    );
    assert_eq!(
        client.get(&set).body["properties"]["virtualMachines"],
        json!([id(&path)])
    );
    assert_eq!(
        client.get(&nic).body["properties"]["virtualMachine"],
        id(&path)
    );

    let taken = format!("{COMPUTE}/virtualMachines/n");
    refused(&mut client, &taken, &body(&machine(&nic)), "NicInUse");
    let missing = machine(&format!("{NET}/networkInterfaces/x"));
    refused(
        &mut client,
        &taken,
        &body(&missing),
        "InvalidResourceReference",
    );
    let mut renamed = machine(&nic);
    renamed["osProfile"]["computerName"] = "other".into();
    refused(
        &mut client,
        &path,
        &body(&renamed),
        "PropertyChangeNotAllowed",
    );
    let bare = json!({"hardwareProfile": {"vmSize": "Standard_D2s_v5"}});
    refused(&mut client, &taken, &body(&bare), "InvalidParameter");
    held_by(&mut client, &nic, "NicInUse");
    held_by(&mut client, &set, "OperationNotAllowed");

    let power = |client: &mut Client| {
        let view = client.get(&format!("{path}/instanceView")).body;
        view["statuses"][1]["code"].clone()
    };
    assert_eq!(power(&mut client), "PowerState/running");
    let off = client.send("POST", &format!("{path}/deallocate"), &[], "");
    assert_eq!(off.status, 202);
    client.follow(&off);
    assert_eq!(power(&mut client), "PowerState/deallocated");
    let expanded = client.get(&format!("{path}?$expand=instanceView")).body;
    let view = &expanded["properties"]["instanceView"];
    assert_eq!(view["statuses"][1]["code"], "PowerState/deallocated");
    let on = client.send("POST", &format!("{path}/start"), &[], "");
    client.follow(&on);
    assert_eq!(power(&mut client), "PowerState/running");
    let answer = client.send("POST", &format!("{path}/runCommand"), &[], "{}");
    assert_eq!(answer.code(), "NotEmulated");

    let extension = format!("{path}/extensions/script");
    let script = json!({"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript",
        "typeHandlerVersion": "2.1", "protectedSettings": {"key": "s3cret!"}});
    let made = client.put(&extension, &body(&script));
    assert_eq!((made.status, made.state()), (201, "Creating"));
    client.follow(&made);
    let shown = client.get(&extension).body;
    assert_eq!(
        shown["type"],
        "Microsoft.Compute/virtualMachines/extensions"
    );
    assert!(!shown.to_string().contains("s3cret"));
    assert_eq!(
        client.get(&format!("{path}/extensions")).body["value"][0]["name"],
        "script"
    );
    let orphan = format!("{COMPUTE}/virtualMachines/none/extensions/e");
    let answer = client.put(&orphan, &body(&script));
    assert_eq!(answer.code(), "ParentResourceNotFound");

    let going = client.delete(&path);
    client.follow(&going);
    assert_eq!(
        client.get(&extension).status,
        404,
        "extensions go with their machine"
    );
    assert_eq!(client.delete(&nic).status, 202);
    assert_eq!(client.delete(&set).status, 200);
}

#[test]
fn a_disk_is_held_by_the_machine_it_is_attached_to() {
    let mut client = Client::with_group();
    client.create(
        &format!("{NET}/virtualNetworks/net"),
        &network(0, &json!({})),
    );
    let nic = interface(&mut client, "nic", &json!({}));
    let disk = format!("{COMPUTE}/disks/d");
    let empty =
        |size: Value| body(&json!({"creationData": {"createOption": "Empty"}, "diskSizeGB": size}));
    refused(&mut client, &disk, &empty(Value::Null), "InvalidParameter");
    client.create(&disk, &empty(json!(32)));
    refused(&mut client, &disk, &empty(json!(16)), "OperationNotAllowed");
    let path = format!("{COMPUTE}/virtualMachines/m");
    let mut wanted = machine(&nic);
    wanted["storageProfile"]["dataDisks"] =
        json!([{"lun": 0, "createOption": "Attach", "managedDisk": id(&disk)}]);
    client.create(&path, &body(&wanted));
    let shown = client.get(&disk).body;
    assert_eq!(shown["properties"]["diskState"], "Attached");
    assert_eq!(shown["managedBy"], id(&path)["id"]);
    held_by(&mut client, &disk, "OperationNotAllowed");
    let going = client.delete(&path);
    client.follow(&going);
    assert_eq!(
        client.get(&disk).body["properties"]["diskState"],
        "Unattached"
    );
    assert_eq!(client.delete(&disk).status, 202);
}
