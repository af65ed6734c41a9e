//! Scale sets: merge-PUT, instances and their views, scale, upgrades, actions.

use serde_json::{Value, json};
use turquoise_emulator::{CloudConfig, Event};

use crate::support::{Answer, Client};
use crate::topology::{balancer, scale_set, scale_set_body};

fn with_set(capacity: u32) -> Client {
    let mut client = Client::with_network();
    client.side("green", "10.0.0.5", capacity);
    client.events();
    client
}

fn instances(client: &mut Client) -> Vec<Value> {
    let listed = client.get(&format!("{}/virtualMachines", scale_set("green")));
    listed.body["value"].as_array().expect("a list").clone()
}

fn ids(client: &mut Client) -> Vec<String> {
    let instances = instances(client);
    let id = |instance: &Value| instance["instanceId"].as_str().unwrap_or("").to_owned();
    instances.iter().map(id).collect()
}

fn post(client: &mut Client, action: &str, body: &str) -> Answer {
    client.send(
        "POST",
        &format!("{}/{action}", scale_set("green")),
        &[],
        body,
    )
}

#[test]
fn a_scale_set_is_created_with_its_instances() {
    let mut client = Client::with_network();
    client.balancer("green", "10.0.0.5");
    let created = client.put(
        &scale_set("green"),
        &scale_set_body("green", 3, "1.0.0", "Manual"),
    );
    assert_eq!((created.status, created.state()), (201, "Creating"));
    assert_eq!(created.body["etag"], "\"1\"");
    assert_eq!(ids(&mut client), ["0", "1", "2"], "they are listed at once");
    assert_eq!(
        instances(&mut client)[0]["properties"]["provisioningState"],
        "Creating"
    );
    client.follow(&created);
    let set = client.get(&scale_set("green")).body;
    assert_eq!(set["etag"], "\"2\"");
    assert_eq!(
        set["sku"],
        json!({"name": "Standard_D2s_v5", "tier": "Standard", "capacity": 3})
    );
    let os = &set["properties"]["virtualMachineProfile"]["osProfile"];
    assert_eq!(os.get("adminPassword"), None, "secrets are not answered");
    assert!(set["properties"]["uniqueId"].is_string());
    let first = &instances(&mut client)[0];
    assert_eq!(first["name"], "green_0");
    assert_eq!(first["properties"]["provisioningState"], "Succeeded");
    assert_eq!(first["properties"]["latestModelApplied"], true);
    assert_eq!(
        first["properties"]["osProfile"]["computerName"],
        "green000000"
    );
    let nic = &first["properties"]["networkProfile"]["networkInterfaces"][0]["id"];
    assert!(
        nic.as_str()
            .is_some_and(|id| id.ends_with("/virtualMachines/0/networkInterfaces/nic"))
    );
}

#[test]
fn a_put_of_location_and_sku_scales_and_leaves_the_rest() {
    let mut client = with_set(2);
    let before = client.get(&scale_set("green")).body;
    let scaled = client.put(
        &scale_set("green"),
        r#"{"location":"westeurope","sku":{"name":"Standard_D2s_v5","tier":"Standard","capacity":4}}"#,
    );
    assert_eq!((scaled.status, scaled.state()), (200, "Updating"));
    client.follow(&scaled);
    let mut after = client.get(&scale_set("green")).body;
    assert_eq!(after["sku"]["capacity"], 4);
    assert_eq!(ids(&mut client).len(), 4);
    after["sku"]["capacity"] = json!(2);
    after["etag"] = before["etag"].clone();
    assert_eq!(after, before);
    let scaled: Vec<Event> = client
        .events()
        .into_iter()
        .filter(|event| matches!(event, Event::Scaled { .. }))
        .collect();
    assert!(
        matches!(scaled[..], [Event::Scaled { from: 2, to: 4, .. }]),
        "{scaled:?}"
    );
}

#[test]
fn a_patch_answers_200_with_an_operation() {
    let mut client = with_set(1);
    let patched = client.send(
        "PATCH",
        &scale_set("green"),
        &[],
        r#"{"sku":{"capacity":2}}"#,
    );
    assert_eq!(patched.status, 200);
    client.follow(&patched);
    assert_eq!(ids(&mut client).len(), 2);
}

#[test]
fn scale_in_takes_the_highest_ids_but_no_protected_one() {
    let mut client = with_set(3);
    let second = format!("{}/virtualMachines/2", scale_set("green"));
    let body = r#"{"properties":{"protectionPolicy":{"protectFromScaleIn":true}}}"#;
    let protected = client.put(&second, body);
    assert_eq!(protected.status, 200);
    assert_eq!(
        protected.body["properties"]["protectionPolicy"]["protectFromScaleIn"],
        true
    );
    let scaled = client.send(
        "PATCH",
        &scale_set("green"),
        &[],
        r#"{"sku":{"capacity":2}}"#,
    );
    assert_eq!(
        ids(&mut client),
        ["0", "1", "2"],
        "they serve until they go"
    );
    client.follow(&scaled);
    assert_eq!(ids(&mut client), ["0", "2"]);
    let scaled = client.send(
        "PATCH",
        &scale_set("green"),
        &[],
        r#"{"sku":{"capacity":3}}"#,
    );
    client.follow(&scaled);
    assert_eq!(
        ids(&mut client),
        ["0", "2", "3"],
        "numbers are not used again"
    );
}

#[test]
fn a_manual_upgrade_brings_instances_to_the_newest_model() {
    let mut client = with_set(2);
    let applied = |client: &mut Client| -> Vec<bool> {
        let instances = instances(client);
        let applied = |i: &Value| i["properties"]["latestModelApplied"] == true;
        instances.iter().map(applied).collect()
    };
    client.create(
        &scale_set("green"),
        &scale_set_body("green", 2, "2.0.0", "Manual"),
    );
    assert_eq!(applied(&mut client), [false, false]);
    let one = post(&mut client, "manualupgrade", r#"{"instanceIds":["1"]}"#);
    assert_eq!(one.status, 202);
    client.follow(&one);
    assert_eq!(applied(&mut client), [false, true]);
    let all = post(&mut client, "manualupgrade", r#"{"instanceIds":["*"]}"#);
    client.follow(&all);
    assert_eq!(applied(&mut client), [true, true]);
    let image = &instances(&mut client)[0]["properties"]["storageProfile"]["imageReference"];
    assert_eq!(image["version"], "2.0.0");
}

#[test]
fn automatic_and_rolling_upgrades_need_no_asking() {
    for mode in ["Automatic", "Rolling"] {
        let mut client = Client::with_network();
        client.balancer("green", "10.0.0.5");
        client.create(
            &scale_set("green"),
            &scale_set_body("green", 3, "1.0.0", mode),
        );
        client.create(
            &scale_set("green"),
            &scale_set_body("green", 3, "2.0.0", mode),
        );
        let all = instances(&mut client);
        assert!(
            all.iter()
                .all(|i| i["properties"]["latestModelApplied"] == true),
            "{mode}"
        );
    }
}

#[test]
fn actions_take_ids_or_everyone_and_refuse_strangers() {
    let mut client = with_set(2);
    let refused = post(&mut client, "restart", r#"{"instanceIds":["7"]}"#);
    assert_eq!(
        (refused.status, refused.code()),
        (400, "InstanceIdsListInstanceIdNotActiveVM")
    );
    assert_eq!(post(&mut client, "delete", "").code(), "InvalidParameter");
    for action in [
        "poweroff",
        "start",
        "deallocate",
        "START",
        "restart",
        "reimage",
        "redeploy",
    ] {
        let begun = post(&mut client, action, "");
        assert_eq!(begun.status, 202, "{action}");
        assert!(
            begun
                .header("location")
                .is_some_and(|url| url.contains("monitor=true"))
        );
        client.follow(&begun);
    }
    let gone = post(&mut client, "delete", r#"{"instanceIds":["0"]}"#);
    client.follow(&gone);
    assert_eq!(ids(&mut client), ["1"]);
    assert_eq!(client.get(&scale_set("green")).body["sku"]["capacity"], 1);
    let last = format!("{}/virtualMachines/1", scale_set("green"));
    let gone = client.delete(&last);
    assert_eq!(gone.status, 202);
    client.follow(&gone);
    assert_eq!(client.delete(&last).status, 204);
}

#[test]
fn instances_are_not_acted_on_while_the_set_is_changed() {
    let mut client = with_set(2);
    let scaled = client.send(
        "PATCH",
        &scale_set("green"),
        &[],
        r#"{"sku":{"capacity":3}}"#,
    );
    let refused = post(&mut client, "manualupgrade", r#"{"instanceIds":["*"]}"#);
    assert_eq!((refused.status, refused.code()), (409, "Conflict"));
    client.follow(&scaled);
    assert_eq!(
        post(&mut client, "manualupgrade", r#"{"instanceIds":["*"]}"#).status,
        202
    );
}

#[test]
fn views_say_where_instances_stand() {
    let mut client = with_set(2);
    let set = client
        .get(&format!("{}/instanceView", scale_set("green")))
        .body;
    assert_eq!(
        set["virtualMachine"]["statusesSummary"],
        json!([{"code": "ProvisioningState/succeeded", "count": 2}])
    );
    let path = format!("{}/virtualMachines/0/instanceView", scale_set("green"));
    let codes = |view: &Value| -> Vec<String> {
        let statuses = view["statuses"].as_array().expect("a list").clone();
        statuses
            .iter()
            .map(|s| s["code"].as_str().unwrap_or("").to_owned())
            .collect()
    };
    let view = client.get(&path).body;
    assert!(codes(&view).contains(&"ProvisioningState/succeeded".to_owned()));
    assert!(view["vmHealth"]["status"]["code"].is_string());
    let expanded = client.get(&format!(
        "{}/virtualMachines?$expand=instanceView&$select=instanceView",
        scale_set("green")
    ));
    assert!(expanded.body["value"][1]["properties"]["instanceView"]["statuses"].is_array());
    let nics = client
        .get(&format!("{}/networkInterfaces", scale_set("green")))
        .body;
    let address =
        &nics["value"][0]["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"];
    assert_eq!(address, "10.0.1.4", "the lowest free one");
    assert_eq!(
        client.get(&format!("{}/skus", scale_set("green"))).status,
        200
    );
    let unknown = client.get(&format!("{}/virtualMachines/9", scale_set("green")));
    assert_eq!(unknown.status, 404);
}

#[test]
fn what_azure_refuses_is_refused_with_its_code() {
    let mut client = Client::with_network();
    client.balancer("green", "10.0.0.5");
    let image = json!({"id": "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers/Microsoft.Compute/images/none"});
    type Change<'a> = &'a dyn Fn(&mut Value);
    let cases: [(u16, &str, Change<'_>); 7] = [
        (400, "InvalidParameter", &|set| {
            set["sku"]["capacity"] = Value::Null
        }),
        (400, "InvalidParameter", &|set| {
            set["sku"]["capacity"] = json!(101)
        }),
        (400, "InvalidParameter", &|set| {
            set["properties"]["virtualMachineProfile"]["networkProfile"] = Value::Null;
        }),
        (404, "NotFound", &|set| {
            let storage = &mut set["properties"]["virtualMachineProfile"]["storageProfile"];
            storage["imageReference"] = image.clone();
        }),
        (400, "BadRequest", &|set| {
            set["properties"]["upgradePolicy"]["mode"] = json!("Rolling");
            set["properties"]["virtualMachineProfile"]["extensionProfile"] = Value::Null;
        }),
        (501, "NotEmulated", &|set| {
            set["properties"]["orchestrationMode"] = json!("flexible")
        }),
        (400, "InvalidResourceReference", &|set| {
            let network = &mut set["properties"]["virtualMachineProfile"]["networkProfile"];
            let ip = &mut network["networkInterfaceConfigurations"][0]["properties"]["ipConfigurations"]
                [0];
            ip["properties"]["loadBalancerBackendAddressPools"][0]["id"] = json!(format!(
                "{}{}/backendAddressPools/none",
                crate::support::SUBSCRIPTION,
                balancer("green")
            ));
        }),
    ];
    for (status, code, change) in cases {
        let text = scale_set_body("green", 1, "1.0.0", "Manual");
        let mut body: Value = serde_json::from_str(&text).expect("the body is JSON");
        change(&mut body);
        let answer = client.put(&scale_set("green"), &body.to_string());
        assert_eq!(
            (answer.status, answer.code()),
            (status, code),
            "{}",
            answer.body
        );
    }
}

#[test]
fn a_quota_of_cores_is_refused_at_once() {
    let mut client = Client::with(|config: &mut CloudConfig| {
        config.control_plane.cores_quota = Some(6);
    });
    client.group("g");
    client.network();
    client.side("green", "10.0.0.5", 2);
    client.balancer("blue", "10.0.0.6");
    let refused = client.put(
        &scale_set("blue"),
        &scale_set_body("blue", 2, "1.0.0", "Manual"),
    );
    assert_eq!(
        (refused.status, refused.code()),
        (409, "OperationNotAllowed")
    );
    client.create(
        &scale_set("blue"),
        &scale_set_body("blue", 1, "1.0.0", "Manual"),
    );
}

#[test]
fn a_deleted_set_frees_its_addresses() {
    let mut client = with_set(2);
    let gone = client.delete(&scale_set("green"));
    assert_eq!(gone.status, 202);
    assert_eq!(client.get(&scale_set("green")).state(), "Deleting");
    let refused = client.put(&scale_set("green"), r#"{"location":"westeurope"}"#);
    assert_eq!(
        (refused.status, refused.code()),
        (409, "OperationNotAllowed")
    );
    client.follow(&gone);
    assert_eq!(client.get(&scale_set("green")).code(), "ResourceNotFound");
    client.create(
        &scale_set("green"),
        &scale_set_body("green", 1, "1.0.0", "Manual"),
    );
    let nics = client
        .get(&format!("{}/networkInterfaces", scale_set("green")))
        .body;
    let address =
        &nics["value"][0]["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"];
    assert_eq!(address, "10.0.1.4");
}

#[test]
fn a_put_of_what_was_read_changes_nothing() {
    let mut client = with_set(2);
    let before = client.get(&scale_set("green")).body;
    client.create(&scale_set("green"), &before.to_string());
    let after = client.get(&scale_set("green")).body;
    assert_eq!(after["properties"], before["properties"]);
    let all = instances(&mut client);
    assert!(
        all.iter()
            .all(|i| i["properties"]["latestModelApplied"] == true)
    );
}

#[test]
fn a_put_without_the_image_keeps_it() {
    let mut client = with_set(1);
    let text = scale_set_body("green", 1, "1.0.0", "Manual");
    let mut body: Value = serde_json::from_str(&text).expect("the body is JSON");
    let storage = &mut body["properties"]["virtualMachineProfile"]["storageProfile"];
    storage
        .as_object_mut()
        .expect("an object")
        .remove("imageReference");
    client.create(&scale_set("green"), &body.to_string());
    let set = client.get(&scale_set("green")).body;
    let image = &set["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"];
    assert_eq!(image["version"], "1.0.0");
}

#[test]
fn a_newer_write_preempts_one_under_way() {
    let mut client = with_set(1);
    let first = client.send(
        "PATCH",
        &scale_set("green"),
        &[],
        r#"{"sku":{"capacity":3}}"#,
    );
    let second = client.send(
        "PATCH",
        &scale_set("green"),
        &[],
        r#"{"sku":{"capacity":2}}"#,
    );
    let ended = client.follow(&first);
    assert_eq!(
        (ended["status"].as_str(), ended["error"]["code"].as_str()),
        (Some("Canceled"), Some("OperationPreempted"))
    );
    client.follow(&second);
    assert_eq!(ids(&mut client), ["0", "1"]);
}

#[test]
fn only_instances_show_in_their_subnet() {
    let mut client = with_set(2);
    let network = client.get(crate::topology::VNET).body;
    let subnets = network["properties"]["subnets"].as_array().expect("a list");
    let green = subnets
        .iter()
        .find(|s| s["name"] == "green")
        .expect("the subnet");
    let users = green["properties"]["ipConfigurations"]
        .as_array()
        .expect("a list");
    let users: Vec<&str> = users.iter().filter_map(|u| u["id"].as_str()).collect();
    assert_eq!(users.len(), 2);
    assert!(
        users.iter().all(|id| id.contains("/virtualMachines/")),
        "{users:?}"
    );
    let refused = client.delete(&format!("{}/subnets/green", crate::topology::VNET));
    assert_eq!(refused.code(), "InUseSubnetCannotBeDeleted");
}

fn rolling(client: &mut Client) -> Value {
    let path = format!("{}/rollingUpgrades/latest", scale_set("green"));
    let answer = client.get(&path);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["properties"].clone()
}

fn counts(rolling: &Value) -> [i64; 4] {
    ["successful", "failed", "inProgress", "pending"].map(|word| {
        let count = &rolling["progress"][format!("{word}InstanceCount")];
        count.as_i64().expect("a count")
    })
}

/// A set of five whose instances all have the model before.
fn behind() -> Client {
    let mut client = with_set(5);
    client.create(
        &scale_set("green"),
        &scale_set_body("green", 5, "2.0.0", "Manual"),
    );
    client
}

#[test]
fn a_rolling_upgrade_is_started_watched_and_ends() {
    let mut client = behind();
    let latest = format!("{}/rollingUpgrades/latest", scale_set("green"));
    let none = client.get(&latest);
    assert_eq!((none.status, none.code()), (404, "NotFound"));
    let idle = post(&mut client, "rollingUpgrades/cancel", "");
    assert_eq!((idle.status, idle.code()), (409, "OperationNotAllowed"));

    let started = post(&mut client, "osRollingUpgrade", "");
    assert_eq!(started.status, 202, "{}", started.body);
    let status = rolling(&mut client);
    assert_eq!(status["runningStatus"]["code"], "RollingForward");
    assert_eq!(status["runningStatus"]["lastAction"], "Start");
    assert_eq!(status["policy"]["maxBatchInstancePercent"], 20);
    assert_eq!(counts(&status), [0, 0, 0, 5]);
    let again = post(&mut client, "osRollingUpgrade", "");
    assert_eq!((again.status, again.code()), (409, "Conflict"));

    let ended = client.follow(&started);
    assert_eq!(ended["status"], "Succeeded");
    let status = rolling(&mut client);
    assert_eq!(status["runningStatus"]["code"], "Completed");
    assert_eq!(counts(&status), [5, 0, 0, 0]);
    let behind = "virtualMachines?$filter=properties/latestModelApplied%20eq%20false";
    let left = client.get(&format!("{}/{behind}", scale_set("green")));
    assert_eq!(left.body["value"], json!([]));
}

#[test]
fn a_cancelled_rolling_upgrade_leaves_the_rest_until_the_next_write() {
    let mut client = behind();
    let started = post(&mut client, "osRollingUpgrade", "");
    while counts(&rolling(&mut client))[0] == 0 {
        client.advance_ms(1_000);
    }
    let cancelled = post(&mut client, "rollingUpgrades/cancel", "");
    assert_eq!(cancelled.status, 202, "{}", cancelled.body);
    assert_eq!(client.follow(&cancelled)["status"], "Succeeded");
    let ended = client.follow(&started);
    assert_eq!(ended["error"]["code"], "OperationPreempted");
    client.advance_ms(3_600_000);
    let status = rolling(&mut client);
    assert_eq!(status["runningStatus"]["code"], "Cancelled");
    assert_eq!(status["runningStatus"]["lastAction"], "Cancel");
    let [done, failed, doing, pending] = counts(&status);
    assert_eq!((failed, doing), (0, 0));
    assert!(done >= 1 && pending >= 1 && done + pending == 5, "{status}");
    let all = instances(&mut client);
    let is_settled = |i: &Value| i["properties"]["provisioningState"] == "Succeeded";
    assert!(all.iter().all(is_settled));

    let rolling_policy = r#"{"properties":{"upgradePolicy":{"mode":"Rolling"}}}"#;
    let written = client.send("PATCH", &scale_set("green"), &[], rolling_policy);
    client.follow(&written);
    assert_eq!(counts(&rolling(&mut client)), [5, 0, 0, 0]);
}

#[test]
fn extensions_are_listed_and_read_one_by_one() {
    let mut client = with_set(1);
    let path = format!("{}/extensions", scale_set("green"));
    let listed = client.get(&path).body["value"].clone();
    let one = client.get(&format!("{path}/HEALTH")).body;
    assert_eq!(listed, json!([one]));
    assert_eq!(one["name"], "health");
    assert_eq!(
        one["type"],
        "Microsoft.Compute/virtualMachineScaleSets/extensions"
    );
    assert_eq!(one["properties"]["type"], "ApplicationHealthLinux");
    assert_eq!(one["properties"]["provisioningState"], "Succeeded");
    let none = client.get(&format!("{path}/other"));
    assert_eq!((none.status, none.code()), (404, "NotFound"));
}
