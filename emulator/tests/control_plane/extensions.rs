//! Locks, tags, usages, sizes and pages: what lies across all types.

use serde_json::{Value, json};

use crate::support::{Client, SUBSCRIPTION};
use crate::topology::{VNET, scale_set};

fn lock_at(scope: &str) -> String {
    format!("{scope}/providers/Microsoft.Authorization/locks/keep")
}

fn tags_at(scope: &str) -> String {
    format!("{scope}/providers/Microsoft.Resources/tags/default")
}

fn names(list: &Value, member: &str) -> Vec<String> {
    let items = list["value"].as_array().expect("a list");
    let names = items.iter().filter_map(|item| item[member].as_str());
    names.map(str::to_owned).collect()
}

#[test]
fn a_lock_lives_on_anything_and_is_listed_from_above() {
    let scopes = ["", "/resourceGroups/g", VNET];
    for (depth, scope) in scopes.into_iter().enumerate() {
        let mut client = Client::with_network();
        let path = lock_at(scope);
        let body = r#"{"properties":{"level":"cannotdelete","notes":"ours"}}"#;
        let made = client.put(&path, body);
        assert_eq!(made.status, 201, "{scope}");
        let expected = json!({
            "id": format!("{SUBSCRIPTION}{path}"),
            "type": "Microsoft.Authorization/locks",
            "name": "keep",
            "properties": {"level": "CanNotDelete", "notes": "ours"},
        });
        assert_eq!(made.body, expected);
        assert_eq!(client.put(&path, body).status, 200, "{scope}");
        assert_eq!(client.get(&path).body, expected, "{scope}");
        for (from, asked) in scopes.into_iter().enumerate() {
            let list = format!("{asked}/providers/Microsoft.Authorization//locks");
            let found = names(&client.get(&list).body, "name");
            assert_eq!(!found.is_empty(), from <= depth, "{scope} from '{asked}'");
            let found = client.get(&format!("{list}?$filter=atScope()"));
            assert_eq!(names(&found.body, "name").len(), usize::from(from == depth));
        }
        assert_eq!(client.delete(&path).status, 200, "{scope}");
        assert_eq!(client.delete(&path).status, 204, "{scope}");
        assert_eq!(client.get(&path).status, 404, "{scope}");
    }
}

#[test]
fn a_lock_refuses_what_its_level_says_and_everything_below() {
    let write = r#"{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]}}}"#;
    let other = "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/other";
    for (scope, level, writes, deletes) in [
        ("", "CanNotDelete", 201, 409),
        ("/resourceGroups/g", "CanNotDelete", 201, 409),
        ("/resourceGroups/G", "ReadOnly", 409, 409),
        (VNET, "ReadOnly", 201, 409),
    ] {
        let mut client = Client::with_network();
        let body = format!(r#"{{"properties":{{"level":"{level}"}}}}"#);
        assert_eq!(client.put(&lock_at(scope), &body).status, 201);
        let case = format!("{level} on '{scope}'");
        assert_eq!(client.put(other, write).status, writes, "{case}");
        for path in [VNET, "/resourceGroups/g"] {
            let refused = client.delete(path);
            assert_eq!(
                (refused.status, refused.code()),
                (deletes, "ScopeLocked"),
                "{case}: {path}"
            );
        }
        assert_eq!(client.get(VNET).status, 200, "{case}");
        assert_eq!(client.delete(&lock_at(scope)).status, 200, "{case}");
        assert_eq!(client.delete(VNET).status, 202, "{case}");
    }
}

#[test]
fn a_lock_needs_a_level_and_something_to_be_on() {
    let mut client = Client::with_group();
    let level = r#"{"properties":{"level":"ReadOnly"}}"#;
    for (scope, body, status, code) in [
        (
            "/resourceGroups/g",
            r#"{"properties":{"level":"Sometimes"}}"#,
            400,
            "LockLevelNotSpecified",
        ),
        ("/resourceGroups/g", "{}", 400, "LockLevelNotSpecified"),
        ("/resourceGroups/g", "[]", 400, "InvalidRequestContent"),
        ("/resourceGroups/none", level, 404, "ResourceGroupNotFound"),
        (VNET, level, 404, "ResourceNotFound"),
    ] {
        let refused = client.put(&lock_at(scope), body);
        assert_eq!(
            (refused.status, refused.code()),
            (status, code),
            "{scope} {body}"
        );
    }
    let refused = client.get("/providers/Microsoft.Authorization/locks?$filter=level%20eq%20'x'");
    assert_eq!(refused.code(), "InvalidFilterInQueryString");
}

#[test]
fn tags_merge_replace_and_go_at_a_route_of_their_own() {
    let mut client = Client::with_network();
    for scope in ["/resourceGroups/g", VNET] {
        let path = tags_at(scope);
        assert_eq!(
            client.get(&path).body["properties"]["tags"],
            json!({}),
            "{scope}"
        );
        for (method, body, tags) in [
            (
                "PUT",
                r#"{"properties":{"tags":{"Side":"green","a":"1"}}}"#,
                json!({"Side": "green", "a": "1"}),
            ),
            (
                "PATCH",
                r#"{"operation":"merge","properties":{"tags":{"side":"blue","b":"2"}}}"#,
                json!({"Side": "blue", "a": "1", "b": "2"}),
            ),
            (
                "PATCH",
                r#"{"operation":"Delete","properties":{"tags":{"A":"1","b":"other"}}}"#,
                json!({"Side": "blue", "b": "2"}),
            ),
            (
                "PATCH",
                r#"{"operation":"Delete","properties":{"tags":{"b":""}}}"#,
                json!({"Side": "blue"}),
            ),
            (
                "PATCH",
                r#"{"operation":"Replace","properties":{"tags":{"c":"3"}}}"#,
                json!({"c": "3"}),
            ),
        ] {
            let answer = client.send(method, &path, &[], body);
            assert_eq!(answer.status, 200, "{scope} {body}");
            assert_eq!(answer.body["properties"]["tags"], tags, "{scope} {body}");
            assert_eq!(client.get(scope).body["tags"], tags, "{scope} {body}");
        }
        assert_eq!(client.delete(&path).status, 200, "{scope}");
        assert_eq!(
            client.get(&path).body["properties"]["tags"],
            json!({}),
            "{scope}"
        );
    }
    let refused = client.send("PATCH", &tags_at(VNET), &[], r#"{"operation":"Forget"}"#);
    assert_eq!(refused.code(), "InvalidTagsPatchOperation");
    let refused = client.put(&tags_at(VNET), r#"{"properties":{"tags":{"a":1}}}"#);
    assert_eq!(refused.code(), "InvalidTags");
}

#[test]
fn tags_change_the_etag_and_are_counted() {
    let mut client = Client::with_network();
    let before = client.get(VNET).body["etag"].clone();
    let body = r#"{"properties":{"tags":{"side":"green"}}}"#;
    client.put(&tags_at(VNET), body);
    client.put(&tags_at("/resourceGroups/g"), body);
    assert_ne!(client.get(VNET).body["etag"], before);
    let names = client.get("/tagNames").body;
    assert_eq!(names["value"][0]["tagName"], "side");
    assert_eq!(names["value"][0]["count"]["value"], 2);
    assert_eq!(names["value"][0]["values"][0]["tagValue"], "green");
}

#[test]
fn usages_count_what_is_there() {
    let mut client = Client::with_network();
    client.side("green", "10.0.0.10", 3);
    let used = |list: &Value, name: &str| -> Option<u64> {
        let items = list["value"].as_array()?;
        let row = items.iter().find(|row| row["name"]["value"] == name)?;
        assert_eq!(row["unit"], "Count");
        assert!(row["limit"].as_u64()? > 0);
        row["currentValue"].as_u64()
    };
    let compute = client
        .get("/providers/Microsoft.Compute/locations/West%20Europe/usages")
        .body;
    assert_eq!(used(&compute, "cores"), Some(6));
    assert_eq!(used(&compute, "standardDSv5Family"), Some(6));
    assert_eq!(used(&compute, "virtualMachineScaleSets"), Some(1));
    let network = client
        .get("/providers/Microsoft.Network/locations/westeurope/usages")
        .body;
    assert_eq!(used(&network, "LoadBalancers"), Some(1));
    assert_eq!(used(&network, "VirtualNetworks"), Some(1));
    let elsewhere = client
        .get("/providers/Microsoft.Compute/locations/eastus/usages")
        .body;
    assert_eq!(used(&elsewhere, "cores"), Some(0));
    let nowhere = client.get("/providers/Microsoft.Compute/locations/mars/usages");
    assert_eq!(nowhere.code(), "LocationNotAvailableForResourceType");
}

#[test]
fn sizes_are_offered_with_cores_and_memory() {
    let mut client = Client::new();
    let sizes = client
        .get("/providers/Microsoft.Compute/locations/westeurope/vmSizes")
        .body;
    let sizes = sizes["value"].as_array().expect("a list").clone();
    let size = sizes
        .iter()
        .find(|size| size["name"] == "Standard_D2s_v5")
        .expect("it is offered");
    assert_eq!(
        (&size["numberOfCores"], &size["memoryInMB"]),
        (&json!(2), &json!(8192))
    );
    let skus = client
        .get("/providers/Microsoft.Compute/skus?$filter=location%20eq%20%27westeurope%27")
        .body;
    assert_eq!(skus["value"][0]["locations"], json!(["westeurope"]));
    assert_eq!(skus["value"][0]["resourceType"], "virtualMachines");
    let refused = client.get("/providers/Microsoft.Compute/skus?$filter=name%20eq%20%27x%27");
    assert_eq!(refused.code(), "InvalidFilterInQueryString");
}

#[test]
fn pages_hold_each_item_once_whatever_happens_between_them() {
    let mut client = Client::new();
    for name in ["a", "C", "b", "d", "e"] {
        client.group(name);
    }
    let first = client.get("/resourcegroups?$top=2");
    assert_eq!(names(&first.body, "name"), ["a", "b"]);
    let next = first.body["nextLink"]
        .as_str()
        .expect("there is more")
        .to_owned();
    assert!(
        next.starts_with("http://arm.test:8443/subscriptions/"),
        "{next}"
    );
    assert!(
        next.contains("$top=2") && next.contains("api-version="),
        "{next}"
    );
    client.group("aa");
    client.delete("/resourceGroups/b");
    client.advance_ms(600_000);
    let second = client.get(&next);
    assert_eq!(names(&second.body, "name"), ["C", "d"]);
    let again = client.get(&next);
    assert_eq!(second.body, again.body, "a page may be read again");
    let third = client.get(second.body["nextLink"].as_str().expect("there is more"));
    assert_eq!(names(&third.body, "name"), ["e"]);
    assert_eq!(third.body.get("nextLink"), None);
}

#[test]
fn resources_come_in_pages_too() {
    let mut client = Client::with_network();
    client.side("green", "10.0.0.10", 1);
    let mut seen = Vec::new();
    let mut url = "/resourceGroups/g/resources?$top=1".to_owned();
    loop {
        let page = client.get(&url).body;
        seen.extend(names(&page, "id"));
        match page["nextLink"].as_str() {
            Some(next) => next.clone_into(&mut url),
            None => break,
        }
    }
    let whole = names(&client.get("/resourceGroups/g/resources").body, "id");
    assert_eq!(seen, whole);
    assert!(seen.iter().any(|id| id.ends_with(&scale_set("green"))));
    for query in ["$top=0", "$top=many", "$skiptoken=%25"] {
        let refused = client.get(&format!("/resources?{query}"));
        assert_eq!(refused.code(), "InvalidQueryParameter", "{query}");
    }
}
