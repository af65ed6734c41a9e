//! `exportTemplate` of a group: what it answers, and that its template makes the same group again.

use serde_json::{Map, Value, json};

use crate::support::{Answer, Client, SUBSCRIPTION};
use crate::topology::VNET;

const EVERYTHING: &str = r#"{"resources": ["*"], "options": "IncludeParameterDefaultValue"}"#;

impl Client {
    /// Asks for an export of the group `g` and follows it to its end.
    pub(crate) fn export(&mut self, body: &str) -> Answer {
        let accepted = self.send("POST", "/resourcegroups/g/exportTemplate", &[], body);
        assert_eq!(accepted.status, 202, "{}", accepted.body);
        let location = accepted.header("location").expect("a location").to_owned();
        assert!(location.contains("/operationresults/"), "{location}");
        assert_eq!(self.get(&location).status, 202, "it takes a moment");
        for _ in 0..100 {
            self.advance_ms(1_000);
            let answer = self.get(&location);
            if answer.status != 202 {
                return answer;
            }
        }
        panic!("{location} does not end");
    }

    /// Exports the group `g` and deploys it into the new group `h`.
    ///
    /// # Errors
    /// The deployment's error, or every document that differs.
    pub(crate) fn copy_group(&mut self) -> Result<(), String> {
        let exported = self.export(EVERYTHING).body;
        self.group("h");
        let secrets = exported["template"]["parameters"].as_object();
        let secrets: Map<String, Value> = secrets
            .into_iter()
            .flatten()
            .filter_map(|(name, parameter)| {
                let value = match parameter["type"].as_str() {
                    Some("SecureString") => json!("Zm9yIGEgdGVzdCAx"),
                    Some("SecureObject") => json!({}),
                    _ => return None,
                };
                Some((name.clone(), json!({"value": value})))
            })
            .collect();
        let body = json!({"properties": {
            "mode": "Complete", "template": exported["template"], "parameters": secrets,
        }});
        let path = "/resourceGroups/h/providers/Microsoft.Resources/deployments/copy";
        let words = self.deploy(path, &body.to_string());
        if words.last().map(String::as_str) != Some("Succeeded") {
            return Err(self.get(path).body["properties"]["error"].to_string());
        }
        let (old, new) = (self.documents("g"), self.documents("h"));
        let keys = old
            .keys()
            .chain(new.keys().filter(|key| !old.contains_key(*key)));
        let changed: Vec<String> = keys
            .filter(|key| old.get(*key) != new.get(*key))
            .map(|key| format!("{key}: {:?} became {:?}", old.get(key), new.get(key)))
            .collect();
        if changed.is_empty() {
            Ok(())
        } else {
            Err(changed.join("\n"))
        }
    }

    /// What a group holds, by id below the group, without what is new for each resource.
    fn documents(&mut self, group: &str) -> Map<String, Value> {
        let listed = self.get(&format!("/resourceGroups/{group}/resources")).body;
        let items = listed["value"].as_array().expect("a list").clone();
        let below = format!("{SUBSCRIPTION}/resourceGroups/{group}/");
        let mut found = Map::new();
        for item in items {
            let id = item["id"].as_str().expect("an id").to_owned();
            let text = self.get(&id).body.to_string().replace(&below, "");
            let mut document: Value = serde_json::from_str(&text).expect("it was JSON");
            forget_identity(&mut document);
            found.insert(id.replace(&below, ""), document);
        }
        found
    }
}

/// Drops what no two resources have in common.
fn forget_identity(value: &mut Value) {
    const OWN: &[&str] = &[
        "etag",
        "resourceGuid",
        "uniqueId",
        "vmId",
        "timeCreated",
        "ipAddress",
        "macAddress",
        "publicIPAddresses",
        "ipPrefix",
        "peeringSyncLevel",
    ];
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !OWN.contains(&name.as_str()));
            members.values_mut().for_each(forget_identity);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_identity),
        _ => {}
    }
}

#[test]
fn the_whole_system_is_exported_and_deployed_again() {
    let mut client = Client::with_network();
    client.side("blue", "10.0.0.10", 2);
    client.side("green", "10.0.0.11", 0);
    client.gateway(&["10.0.0.10"]);
    assert_eq!(client.copy_group(), Ok(()));
}

#[test]
fn names_are_parameters_and_ids_are_built_from_them() {
    let mut client = Client::with_network();
    client.balancer("blue", "10.0.0.10");
    let template = client.export(EVERYTHING).body["template"].clone();
    assert_eq!(
        template["parameters"],
        json!({
            "loadBalancers_blue_lb_name": {"defaultValue": "blue-lb", "type": "String"},
            "virtualNetworks_bgvnet_name": {"defaultValue": "bgvnet", "type": "String"},
        })
    );
    let balancer = &template["resources"][0];
    assert_eq!(balancer["type"], "Microsoft.Network/loadBalancers");
    assert_eq!(
        balancer["name"],
        "[parameters('loadBalancers_blue_lb_name')]"
    );
    assert_eq!(
        balancer["dependsOn"],
        json!([
            "[resourceId('Microsoft.Network/virtualNetworks', parameters('virtualNetworks_bgvnet_name'))]"
        ])
    );
    let frontend = &balancer["properties"]["frontendIPConfigurations"][0]["properties"];
    assert_eq!(
        frontend["subnet"]["id"],
        "[resourceId('Microsoft.Network/virtualNetworks/subnets', parameters('virtualNetworks_bgvnet_name'), 'main')]"
    );
    assert_eq!(template["resources"][1]["dependsOn"], Value::Null);
}

#[test]
fn what_is_not_chosen_is_an_external_id() {
    let mut client = Client::with_network();
    client.balancer("blue", "10.0.0.10");
    let balancer = format!("{SUBSCRIPTION}{}", crate::topology::balancer("blue"));
    let ask = |options: &str| {
        json!({"resources": [balancer.to_uppercase().replace("/SUBSCRIPTIONS", "/subscriptions")],
            "options": options})
        .to_string()
    };
    let subnet = |template: &Value| {
        template["resources"][0]["properties"]["frontendIPConfigurations"][0]["properties"]
            ["subnet"]["id"]
            .clone()
    };
    let template = client.export(&ask("IncludeComments")).body["template"].clone();
    assert_eq!(
        template["parameters"],
        json!({
            "loadBalancers_blue_lb_name": {"type": "String"},
            "virtualNetworks_bgvnet_externalid": {"type": "String"},
        })
    );
    assert_eq!(
        subnet(&template),
        "[concat(parameters('virtualNetworks_bgvnet_externalid'), '/subnets/main')]"
    );
    assert_eq!(
        template["resources"][0]["comments"],
        format!("Generalized from resource: '{balancer}'.")
    );

    let template = client.export(&ask("SkipResourceNameParameterization")).body["template"].clone();
    assert_eq!(template["resources"][0]["name"], "blue-lb");
    assert!(
        subnet(&template)
            .as_str()
            .is_some_and(|id| id.contains("externalid"))
    );

    let template = client.export(&ask("SkipAllParameterization")).body["template"].clone();
    assert_eq!(template["parameters"], json!({}));
    assert_eq!(
        subnet(&template),
        format!("{SUBSCRIPTION}{VNET}/subnets/main")
    );
}

#[test]
fn networks_that_name_each_other_are_deployed_again() {
    let mut client = Client::with_group();
    let network = |name: &str| {
        format!("/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/{name}")
    };
    for (name, space) in [("one", "10.1.0.0/16"), ("two", "10.2.0.0/16")] {
        let body = json!({"location": "westeurope", "tags": {"note": "[it's]"},
            "properties": {"addressSpace": {"addressPrefixes": [space]}}});
        client.create(&network(name), &body.to_string());
    }
    for (from, to) in [("one", "two"), ("two", "one")] {
        let remote = format!("{SUBSCRIPTION}{}", network(to));
        let body = json!({"properties": {"remoteVirtualNetwork": {"id": remote}}});
        let path = format!("{}/virtualNetworkPeerings/to-{to}", network(from));
        let answer = client.put(&path, &body.to_string());
        assert_eq!(answer.status, 201, "{}", answer.body);
        client.follow(&answer);
    }
    let template = client.export(EVERYTHING).body["template"].clone();
    let resources = template["resources"].as_array().expect("a list");
    let names: Vec<&Value> = resources.iter().map(|one| &one["name"]).collect();
    assert_eq!(
        names,
        [
            "[parameters('virtualNetworks_one_name')]",
            "[concat(parameters('virtualNetworks_one_name'), '/to-two')]",
            "[parameters('virtualNetworks_two_name')]",
            "[concat(parameters('virtualNetworks_two_name'), '/to-one')]",
        ]
    );
    assert_eq!(resources[1]["dependsOn"].as_array().map(Vec::len), Some(2));
    assert_eq!(resources[0]["tags"]["note"], "[[it's]");
    assert_eq!(client.copy_group(), Ok(()));
}

#[test]
fn secrets_are_parameters_without_a_value() {
    let mut client = Client::with_network();
    client.side("blue", "10.0.0.10", 0);
    let answer = client.export(EVERYTHING);
    let parameters = &answer.body["template"]["parameters"];
    assert_eq!(
        parameters["virtualMachineScaleSets_blue_adminPassword"],
        json!({"defaultValue": null, "type": "SecureString"})
    );
    assert!(!answer.bytes.windows(7).any(|bytes| bytes == b"s3cret!"));
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let mut client = Client::with_network();
    let missing =
        format!("{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/none");
    let elsewhere = missing.replace("/g/", "/other/");
    for (body, code) in [
        (json!({}), "InvalidRequestContent"),
        (json!({"resources": []}), "InvalidRequestContent"),
        (json!({"resources": ["net"]}), "InvalidRequestContent"),
        (json!({"resources": [elsewhere]}), "InvalidRequestContent"),
        (json!({"resources": [missing]}), "ResourceNotFound"),
        (
            json!({"resources": ["*"], "options": "Everything"}),
            "InvalidRequestContent",
        ),
        (
            json!({"resources": ["*"], "outputFormat": "Bicep"}),
            "NotEmulated",
        ),
    ] {
        let answer = client.send(
            "POST",
            "/resourcegroups/g/exportTemplate",
            &[],
            &body.to_string(),
        );
        assert_eq!(answer.code(), code, "{body}: {}", answer.body);
    }
    let unknown = client.send("POST", "/resourcegroups/h/exportTemplate", &[], EVERYTHING);
    assert_eq!(unknown.code(), "ResourceGroupNotFound");
    let wrong = client.get("/resourcegroups/g/exportTemplate");
    assert_eq!(wrong.status, 405, "{}", wrong.body);
}

#[test]
fn a_group_is_deleted_while_an_export_runs() {
    let mut client = Client::with_network();
    let accepted = client.send("POST", "/resourcegroups/g/exportTemplate", &[], EVERYTHING);
    assert_eq!(client.delete("/resourceGroups/g").status, 202);
    for _ in 0..1_000 {
        client.advance_ms(1_000);
        if client.get("/resourceGroups/g").status == 404 {
            break;
        }
    }
    assert_eq!(client.get("/resourceGroups/g").status, 404);
    let location = accepted.header("location").expect("a location").to_owned();
    let exported = client.get(&location);
    assert_eq!(
        exported.body["template"]["resources"][0]["type"],
        "Microsoft.Network/virtualNetworks"
    );
}
