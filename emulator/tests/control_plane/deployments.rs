//! Template deployments, in the bytes of real clients.

use serde_json::{Value, json};
use turquoise_emulator::Event;

use crate::support::{Answer, Client, SUBSCRIPTION};

const DEPLOYMENTS: &str = "/resourcegroups/g/providers/Microsoft.Resources/deployments";

/// What az 2.91 sends: the file's text spliced in after an unquoted name, comments and all
/// (client-contract.md §6.1).
const AZ_BODY: &str = r#"{"properties": {"parameters": {"location": {"value": "westeurope"}}, "mode": "Incremental", template:{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  // what it is called
  "parameters": {
    "location": {"type": "string", "defaultValue": "[resourceGroup().location]"},
    "name": {"type": "string", "defaultValue": "net"}, /* and */
    "secret": {"type": "securestring", "defaultValue": "s3cr3t"}
  },
  "variables": {"subnets": {"copy": [{"name": "list", "count": 2, "input": {
      "name": "[concat('s', copyIndex('list'))]",
      "properties": {"addressPrefix": "[cidrSubnet('10.0.0.0/16', 24, copyIndex('list'))]"}}}]}},
  "resources": [
    {"type": "Microsoft.Network/virtualNetworks", "apiVersion": "2024-05-01", "name": "[parameters('name')]",
     "location": "[parameters('location')]",
     "properties": {"AddressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": "[variables('subnets').list]"}},
    {"type": "Microsoft.Network/loadBalancers", "apiVersion": "2024-05-01", "name": "lb",
     "location": "[parameters('location')]", "sku": {"name": "Standard"},
     "dependsOn": ["microsoft.network/virtualnetworks/net"],
     "properties": {"frontendIPConfigurations": [{"name": "fe", "properties": {
        "privateIPAddress": "10.0.1.5", "privateIPAllocationMethod": "static",
        "subnet": {"id": "[reference('net').subnets[1].id]"}}}]}}
  ],
  "outputs": {
    "loadBalancer": {"type": "object", "value": "[reference('lb')]"},
    "hidden": {"type": "securestring", "value": "[parameters('secret')]"}
  }
}}}"#;

/// A body around a template with these sections.
fn body(mode: &str, sections: &str) -> String {
    format!(
        r#"{{"properties": {{"mode": "{mode}", "template": {{"$schema": "x", "contentVersion": "1.0.0.0", {sections}}}}}}}"#
    )
}

fn network(name: &str, more: &str) -> String {
    format!(
        r#"{{"type": "Microsoft.Network/virtualNetworks", "apiVersion": "2024-05-01", "name": "{name}", "location": "westeurope",
        "properties": {{"addressSpace": {{"addressPrefixes": ["10.0.0.0/16"]}}}}{more}}}"#
    )
}

fn at(name: &str) -> String {
    format!("{DEPLOYMENTS}/{name}")
}

impl Client {
    fn post(&mut self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[], body)
    }

    /// Puts a deployment and polls it to its end; the words of its states.
    pub(crate) fn deploy(&mut self, path: &str, body: &str) -> Vec<String> {
        let answer = self.put(path, body);
        assert!(
            matches!(answer.status, 200 | 201),
            "{path}: {}",
            answer.body
        );
        assert_eq!(answer.state(), "Accepted");
        let url = answer
            .header("azure-asyncoperation")
            .expect("an operation")
            .to_owned();
        let mut words = vec!["Accepted".to_owned()];
        for _ in 0..10_000 {
            let poll = self.get(&url);
            assert_eq!(poll.status, 200);
            let word = poll.body["status"].as_str().expect("a status").to_owned();
            if words.last() != Some(&word) {
                words.push(word);
            }
            if poll.header("retry-after").is_none() {
                return words;
            }
            self.advance_ms(1_000);
        }
        panic!("{path} does not end: {}", self.get(path).body);
    }
}

#[test]
fn the_bytes_of_az_become_resources_and_outputs() {
    let mut client = Client::with_group();
    let valid = client.post(&at("d/validate"), AZ_BODY);
    assert_eq!(valid.status, 200, "{}", valid.body);
    assert_eq!(
        valid.body["properties"]["validatedResources"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(client.get(&at("d")).code(), "DeploymentNotFound");

    let words = client.deploy(&at("d"), AZ_BODY);
    assert_eq!(words, ["Accepted", "Running", "Succeeded"]);
    let shown = client.get(&at("d")).body;
    let properties = &shown["properties"];
    assert_eq!(shown["type"], "Microsoft.Resources/deployments");
    assert_eq!(
        properties["parameters"],
        json!({
            "location": {"type": "String", "value": "westeurope"},
            "name": {"type": "String", "value": "net"},
            "secret": {"type": "SecureString"},
        })
    );
    assert_eq!(
        properties["outputs"]["hidden"],
        json!({"type": "SecureString"})
    );
    let balancer = &properties["outputs"]["loadBalancer"];
    assert_eq!(balancer["type"], "Object");
    assert_eq!(balancer["value"]["inboundNatPools"], json!([]));
    let frontend = &balancer["value"]["frontendIPConfigurations"][0]["properties"];
    assert_eq!(frontend["privateIPAddress"], "10.0.1.5");
    let net =
        format!("{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/net");
    assert_eq!(frontend["subnet"]["id"], format!("{net}/subnets/s1"));
    assert_eq!(properties["outputResources"][0]["id"], net.as_str());
    assert_eq!(
        properties["dependencies"][0]["dependsOn"][0]["id"],
        net.as_str()
    );
    assert_eq!(properties["mode"], "Incremental");
    assert!(
        !client
            .get(&at("d"))
            .bytes
            .windows(6)
            .any(|bytes| bytes == b"s3cr3t")
    );

    let operations = client
        .get("/resourcegroups/g/deployments/d/operations")
        .body;
    let operations = operations["value"].as_array().expect("a list").clone();
    let kinds: Vec<&Value> = operations
        .iter()
        .map(|o| &o["properties"]["provisioningOperation"])
        .collect();
    assert_eq!(kinds, ["Create", "Create", "EvaluateDeploymentOutput"]);
    assert_eq!(
        operations[0]["properties"]["targetResource"]["id"],
        net.as_str()
    );
    assert_eq!(operations[0]["properties"]["statusCode"], "Created");
    let one = operations[0]["operationId"].as_str().expect("an id");
    assert_eq!(
        client.get(&at(&format!("d/operations/{one}"))).body,
        operations[0]
    );

    let export = client.post(&at("d/exportTemplate"), "");
    assert_eq!(
        export.body["template"]["parameters"]["name"]["defaultValue"],
        "net"
    );
    let listed = client.get(DEPLOYMENTS).body;
    assert_eq!(listed["value"][0]["name"], "d");
    assert_eq!(client.send("HEAD", &at("d"), &[], "").status, 204);
    assert_eq!(client.send("HEAD", &at("e"), &[], "").status, 404);
    let gone = client.delete(&at("d"));
    assert_eq!(gone.status, 202);
    let location = gone.header("location").expect("a location").to_owned();
    client.advance_ms(1);
    assert!(matches!(client.get(&location).status, 200 | 204));
    assert_eq!(client.get(&at("d")).status, 404);
    assert_eq!(client.delete(&at("d")).status, 204);
    assert_eq!(
        client.get(&net).status,
        200,
        "resources outlive their deployment"
    );
}

#[test]
fn a_second_deployment_changes_nothing_and_what_if_says_so() {
    let mut client = Client::with_group();
    let kinds = |answer: &Answer| -> Vec<String> {
        let changes = answer.body["properties"]["changes"].as_array();
        let changes = changes.unwrap_or_else(|| panic!("{}", answer.body)).iter();
        changes
            .map(|change| change["changeType"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let before = client.post(&at("d/whatIf"), AZ_BODY);
    assert_eq!(before.status, 200, "{}", before.body);
    assert_eq!(kinds(&before), ["Create", "Create"]);
    client.deploy(&at("d"), AZ_BODY);
    let after = client.post(&at("d/whatIf"), AZ_BODY);
    assert_eq!(kinds(&after), ["NoChange", "NoChange"], "{}", after.body);

    let moved = AZ_BODY.replace("10.0.1.5", "10.0.1.6");
    let changed = client.post(&at("d/whatIf"), &moved);
    assert_eq!(kinds(&changed), ["Modify", "NoChange"], "{}", changed.body);
    let delta = &changed.body["properties"]["changes"][0]["delta"][0];
    assert_eq!(delta["path"], "properties.frontendIPConfigurations");
    let leaf = &delta["children"][0]["children"][0];
    assert_eq!(leaf["path"], "properties.privateIPAddress");
    assert_eq!(
        (&leaf["before"], &leaf["after"]),
        (&json!("10.0.1.5"), &json!("10.0.1.6"))
    );

    let other = body(
        "Complete",
        &format!(r#""resources": [{}]"#, network("net", "")),
    );
    let complete = client.post(&at("d/whatIf"), &other);
    assert_eq!(kinds(&complete), ["Delete", "Modify"]);
    let words = client.deploy(&at("again"), AZ_BODY);
    assert_eq!(words.last().map(String::as_str), Some("Succeeded"));
}

#[test]
fn complete_mode_deletes_what_the_template_does_not_name() {
    let mut client = Client::with_group();
    let both = format!(
        r#""resources": [{}, {}]"#,
        network("na", ""),
        network("nb", "")
    );
    client.deploy(&at("one"), &body("incremental", &both));
    let only = format!(r#""resources": [{}]"#, network("na", ""));
    client.deploy(&at("two"), &body("Incremental", &only));
    let net = "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks";
    assert_eq!(client.get(&format!("{net}/nb")).status, 200);
    client.deploy(&at("three"), &body("Complete", &only));
    assert_eq!(client.get(&format!("{net}/nb")).status, 404);
    assert_eq!(client.get(&format!("{net}/na")).status, 200);
}

#[test]
fn independent_resources_are_written_at_once_and_dependent_ones_in_order() {
    let mut client = Client::with_group();
    let sections = format!(
        r#""resources": [{}, {}, {}]"#,
        network("na", ""),
        network("nb", ""),
        network("nc", r#", "dependsOn": ["na", "nb"]"#)
    );
    client.deploy(&at("d"), &body("Incremental", &sections));
    let operations = client.get(&at("d/operations")).body;
    let took = |index: usize| {
        let operation = &operations["value"][index]["properties"];
        (
            operation["timestamp"].clone(),
            operation["duration"].clone(),
        )
    };
    assert_eq!(took(0), took(1), "a and b ran side by side");
    assert!(took(0).0.as_str() < took(2).0.as_str(), "c ended later");
    let ended: Vec<String> = client
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::OperationEnded { resource, .. } => Some(resource.name().to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(ended, ["na", "nb", "nc", "d"]);
}

#[test]
fn nested_templates_and_whole_subscriptions_are_deployed() {
    let mut client = Client::new();
    let path = "/providers/Microsoft.Resources/deployments/all";
    let nested = r#"{"location": "westeurope", "properties": {"mode": "Incremental", "template": {"$schema": "x", "contentVersion": "1.0.0.0",
        "parameters": {"net": {"type": "string", "defaultValue": "outer"}},
        "resources": [
          {"type": "Microsoft.Resources/resourceGroups", "apiVersion": "2024-03-01", "name": "made", "location": "northeurope", "tags": {"a": "b"}, "properties": {}},
          {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "inside", "resourceGroup": "made", "dependsOn": ["made"],
            "properties": {"mode": "Incremental", "expressionEvaluationOptions": {"scope": "inner"},
              "parameters": {"net": {"value": "[concat(parameters('net'), '1')]"}},
              "template": {"$schema": "x", "contentVersion": "1.0.0.0", "parameters": {"net": {"type": "string"}},
                "resources": [{"type": "Microsoft.Network/virtualNetworks", "apiVersion": "2024-05-01", "name": "[parameters('net')]", "location": "[resourceGroup().location]",
                  "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}],
                "outputs": {"id": {"type": "string", "value": "[resourceId('Microsoft.Network/virtualNetworks', parameters('net'))]"}}}}}],
        "outputs": {"id": {"type": "string", "value": "[reference(resourceId(subscription().subscriptionId, 'made', 'Microsoft.Resources/deployments', 'inside'), '2022-09-01').outputs.id.value]"}}}}}"#;
    let words = client.deploy(path, nested);
    let shown = client.get(path).body;
    assert_eq!(
        words.last().map(String::as_str),
        Some("Succeeded"),
        "{shown}"
    );
    let net = format!(
        "{SUBSCRIPTION}/resourceGroups/made/providers/Microsoft.Network/virtualNetworks/outer1"
    );
    assert_eq!(shown["properties"]["outputs"]["id"]["value"], net.as_str());
    assert_eq!(shown["location"], "westeurope");
    assert_eq!(client.get(&net).body["location"], "northeurope");
    let inner = client.get("/resourceGroups/made/providers/Microsoft.Resources/deployments/inside");
    assert_eq!(inner.state(), "Succeeded");
}

#[test]
fn what_cannot_be_deployed_is_refused_before_anything_is_written() {
    let mut client = Client::with_group();
    let machine = r#""resources": [{"type": "Microsoft.Storage/storageAccounts", "apiVersion": "2024-01-01", "name": "x", "location": "westeurope", "properties": {}}]"#;
    let port = r#""resources": [{"type": "Microsoft.Network/loadBalancers", "apiVersion": "2024-05-01", "name": "lb", "location": "westeurope",
        "properties": {"probes": [{"name": "p", "properties": {"port": "eighty", "protocol": "Tcp"}}]}}]"#;
    let cases = [
        (
            body("Incremental", r#""resources": ["#),
            "InvalidRequestContent",
            "at line '1' and column",
        ),
        (
            body("Sideways", r#""resources": []"#),
            "InvalidRequestContent",
            "'Incremental' or 'Complete'",
        ),
        (
            body(
                "Incremental",
                r#""resources": [], "outputs": {"o": {"type": "string", "value": "[concat('a'"}}"#,
            ),
            "DeploymentSucceeds",
            "",
        ),
        (
            body(
                "Incremental",
                r#""resources": [], "outputs": {"o": {"type": "string", "value": "[concat('a']"}}"#,
            ),
            "InvalidTemplate",
            "expected token 'RightParenthesis' and actual 'EndOfData'",
        ),
        (
            body(
                "Incremental",
                r#""parameters": {"p": {"type": "string"}}, "resources": []"#,
            ),
            "InvalidTemplate",
            "The value for the template parameter 'p' at line '1' and column",
        ),
        (
            body(
                "Incremental",
                &format!(
                    r#""resources": [{}]"#,
                    network("na", r#", "dependsOn": ["b"]"#)
                ),
            ),
            "InvalidTemplate",
            "The resource 'b' is not defined in the template",
        ),
        (
            body("Incremental", machine),
            "InvalidTemplateDeployment",
            "Microsoft.Storage/storageAccounts",
        ),
        (
            body("Incremental", port),
            "InvalidTemplateDeployment",
            "port",
        ),
        (
            r#"{"properties": {"mode": "Incremental", "templateLink": {"uri": "https://x"}}}"#
                .to_owned(),
            "NotEmulated",
            "reaches no other host",
        ),
    ];
    for (body, code, reason) in &cases {
        let valid = client.post(&at("d/validate"), body);
        if *code == "DeploymentSucceeds" {
            assert_eq!(
                valid.status, 200,
                "a text without its closing bracket means itself"
            );
            continue;
        }
        let put = client.put(&at("d"), body);
        for answer in [valid, put] {
            assert!(
                matches!(answer.status, 400 | 501),
                "{body}: {}",
                answer.body
            );
            assert_eq!(answer.code(), *code, "{body}: {}", answer.body);
            let text = answer.body.to_string();
            assert!(text.contains(reason), "{text} lacks {reason}");
        }
    }
    assert_eq!(client.get(DEPLOYMENTS).body, json!({"value": []}));
}

#[test]
fn a_refused_resource_fails_the_deployment_and_is_named() {
    let mut client = Client::with_group();
    let sections = format!(
        r#""resources": [{}, {{"type": "Microsoft.Network/loadBalancers", "apiVersion": "2024-05-01", "name": "lb", "location": "westeurope", "sku": {{"name": "Standard"}},
        "properties": {{"frontendIPConfigurations": [{{"name": "fe", "properties": {{"subnet": {{"id": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'nobody', 's')]"}}}}}}]}}}}, {}]"#,
        network("na", ""),
        network("after", r#", "dependsOn": ["lb"]"#)
    );
    let words = client.deploy(&at("d"), &body("Incremental", &sections));
    assert_eq!(words.last().map(String::as_str), Some("Failed"));
    let shown = client.get(&at("d")).body;
    let error = &shown["properties"]["error"];
    assert_eq!(error["code"], "DeploymentFailed");
    assert_eq!(
        error["details"][0]["code"], "InvalidResourceReference",
        "{error}"
    );
    let net = "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks";
    assert_eq!(
        client.get(&format!("{net}/na")).status,
        200,
        "what could be written was"
    );
    assert_eq!(
        client.get(&format!("{net}/after")).status,
        404,
        "what depends on it was not"
    );
    let operations = client.get(&at("d/operations")).body;
    let failed = &operations["value"][1]["properties"];
    assert_eq!(failed["provisioningState"], "Failed");
    assert_eq!(failed["statusCode"], "BadRequest");
    assert_eq!(
        failed["statusMessage"]["error"]["code"],
        "InvalidResourceReference"
    );
    assert_eq!(operations["value"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_running_deployment_is_not_replaced_but_can_be_cancelled() {
    let mut client = Client::with_group();
    let sections = format!(
        r#""resources": [{}, {}]"#,
        network("na", ""),
        network("nb", r#", "dependsOn": ["na"]"#)
    );
    let body = body("Incremental", &sections);
    assert_eq!(client.put(&at("d"), &body).status, 201);
    client.advance_ms(4_000);
    assert_eq!(client.get(&at("d")).state(), "Running");
    let again = client.put(&at("d"), &body);
    assert_eq!(
        (again.status, again.code()),
        (409, "DeploymentActiveAndUneditable")
    );
    assert_eq!(client.delete(&at("d")).status, 409);
    assert_eq!(client.post(&at("d/cancel"), "").status, 204);
    assert_eq!(client.get(&at("d")).state(), "Canceled");
    client.advance_ms(600_000);
    let net = "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks";
    assert_eq!(
        client.get(&format!("{net}/na")).state(),
        "Succeeded",
        "what ran goes on"
    );
    assert_eq!(
        client.get(&format!("{net}/nb")).status,
        404,
        "what waited is not begun"
    );
    let late = client.post(&at("d/cancel"), "");
    assert_eq!(
        (late.status, late.code()),
        (409, "DeploymentCannotBeCancelled")
    );
    assert_eq!(client.put(&at("d"), &body).status, 200);
}

#[test]
fn a_failed_deployment_falls_back_to_an_earlier_one() {
    let mut client = Client::with_group();
    let good = format!(r#""resources": [{}]"#, network("good", ""));
    client.deploy(&at("first"), &body("Incremental", &good));
    let bad = format!(
        r#""resources": [{}, {{"type": "Microsoft.Network/natGateways", "apiVersion": "2024-05-01", "name": "nat", "location": "westeurope",
        "properties": {{"publicIpAddresses": [{{"id": "[resourceId('Microsoft.Network/publicIPAddresses', 'nobody')]"}}]}}}}]"#,
        network("extra", "")
    );
    let ask = |fallback: &str| {
        let text = body("Incremental", &bad);
        text.replacen(
            r#""mode""#,
            &format!(r#""onErrorDeployment": {fallback}, "mode""#),
            1,
        )
    };
    for wrong in [
        r#"{"type": "Nonsense"}"#,
        r#"{"type": "SpecificDeployment"}"#,
        r#"{"type": "SpecificDeployment", "deploymentName": "nobody"}"#,
    ] {
        let refused = client.put(&at("second"), &ask(wrong));
        assert_eq!(
            (refused.status, refused.code()),
            (400, "InvalidOnErrorDeployment"),
            "{wrong}"
        );
    }
    let words = client.deploy(&at("second"), &ask(r#"{"type": "LastSuccessful"}"#));
    assert_eq!(words.last().map(String::as_str), Some("Failed"));
    assert_eq!(
        client.get(&at("first")).state(),
        "Accepted",
        "it runs again"
    );
    client.advance_ms(600_000);
    assert_eq!(client.get(&at("first")).state(), "Succeeded");
    let shown = client.get(&at("second")).body;
    assert_eq!(
        shown["properties"]["onErrorDeployment"],
        json!({"type": "LastSuccessful", "deploymentName": "first", "provisioningState": "Succeeded"})
    );
    let net = "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks";
    assert_eq!(client.get(&format!("{net}/good")).status, 200);
    assert_eq!(
        client.get(&format!("{net}/extra")).status,
        404,
        "the way back is complete"
    );
}

#[test]
fn a_crowded_history_loses_its_oldest_unless_a_lock_keeps_it() {
    let mut client = Client::with_group();
    let empty = body("Incremental", r#""resources": []"#);
    let fill = |from: usize, to: usize, client: &mut Client| {
        for number in from..to {
            let made = client.put(&at(&format!("d{number}")), &empty);
            assert_eq!(made.status, 201, "{number}: {}", made.body);
            client.advance_ms(30_000);
        }
    };
    let held = |client: &mut Client| {
        let listed = client.get(DEPLOYMENTS).body;
        listed["value"].as_array().map(Vec::len)
    };
    fill(0, 775, &mut client);
    assert_eq!(held(&mut client), Some(775));
    fill(775, 776, &mut client);
    assert_eq!(held(&mut client), Some(751));
    assert_eq!(client.get(&at("d24")).status, 404, "the oldest go");
    assert_eq!(client.get(&at("d25")).status, 200);
    let lock = "/resourceGroups/g/providers/Microsoft.Authorization/locks/l";
    client.put(lock, r#"{"properties":{"level":"CanNotDelete"}}"#);
    fill(776, 825, &mut client);
    let refused = client.put(&at("one-more"), &empty);
    assert_eq!(
        (refused.status, refused.code()),
        (409, "DeploymentQuotaExceeded")
    );
}

#[test]
fn outputs_may_ask_what_a_type_lists() {
    let mut client = Client::with_group();
    let sections = r#""resources": [{"type": "Microsoft.Network/applicationSecurityGroups", "apiVersion": "2024-05-01", "name": "web", "location": "westeurope", "properties": {}}],
        "outputs": {"members": {"type": "array", "value": "[listIpConfigurations(resourceId('Microsoft.Network/applicationSecurityGroups', 'web'), '2024-05-01').value]"}}"#;
    let words = client.deploy(&at("d"), &body("Incremental", sections));
    assert_eq!(words.last().map(String::as_str), Some("Succeeded"));
    let shown = client.get(&at("d")).body;
    assert_eq!(
        shown["properties"]["outputs"]["members"]["value"],
        json!([])
    );
    let other = sections.replace("listIpConfigurations", "listKeys");
    client.deploy(&at("d"), &body("Incremental", &other));
    let shown = client.get(&at("d")).body.to_string();
    assert!(shown.contains("no action 'listkeys'"), "{shown}");
}
