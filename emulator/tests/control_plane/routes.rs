//! Every route: with and without a token, a version, the right method, the right body.

use crate::support::{Client, SUBSCRIPTION};
use turquoise_emulator::Reply;

const NET: &str = "/resourceGroups/g/providers/Microsoft.Network";

/// Route, a method it takes, a method it does not take, and the status of a good GET or of the
/// method with an empty body.
fn rows() -> Vec<(String, &'static str, &'static str, u16)> {
    let own = |path: &str| format!("{SUBSCRIPTION}{path}");
    vec![
        ("/subscriptions".to_owned(), "GET", "PUT", 200),
        ("/tenants".to_owned(), "GET", "POST", 200),
        (own(""), "GET", "DELETE", 200),
        (own("/locations"), "GET", "PUT", 200),
        (own("/providers"), "GET", "PUT", 200),
        (own("/providers/Microsoft.Network"), "GET", "PUT", 200),
        (
            own("/providers/Microsoft.Network/register"),
            "POST",
            "GET",
            200,
        ),
        (own("/resources"), "GET", "PUT", 200),
        (own("/resourcegroups"), "GET", "PUT", 200),
        (own("/resourceGroups/g"), "GET", "POST", 200),
        (own("/resourceGroups/none"), "GET", "POST", 404),
        (own("/resourceGroups/g/resources"), "GET", "PUT", 200),
        (
            own("/providers/Microsoft.Network/virtualNetworks"),
            "GET",
            "PUT",
            200,
        ),
        (own(&format!("{NET}/virtualNetworks")), "GET", "POST", 200),
        (
            own(&format!("{NET}/virtualNetworks/none")),
            "GET",
            "POST",
            404,
        ),
        (
            own(&format!("{NET}/virtualNetworks/none/subnets/a")),
            "GET",
            "GET",
            404,
        ),
        (
            own("/providers/Microsoft.Network/locations/westeurope/operations/x"),
            "GET",
            "PUT",
            404,
        ),
        (own("/operationresults/x"), "GET", "PUT", 404),
        (own("/tagNames"), "GET", "PUT", 200),
        (
            own("/resourceGroups/g/providers/Microsoft.Resources/tags/default"),
            "GET",
            "POST",
            200,
        ),
        (
            own("/providers/Microsoft.Authorization/locks"),
            "GET",
            "POST",
            200,
        ),
        (
            own("/resourceGroups/g/providers/Microsoft.Authorization/locks/none"),
            "GET",
            "POST",
            404,
        ),
        (
            own("/providers/Microsoft.Compute/locations/westeurope/usages"),
            "GET",
            "PUT",
            200,
        ),
        (own("/providers/Microsoft.Compute/skus"), "GET", "PUT", 200),
    ]
}

fn ask(client: &mut Client, method: &str, path: &str, token: bool) -> (u16, String) {
    let token = if token {
        vec![("authorization", "Bearer t")]
    } else {
        Vec::new()
    };
    match client.raw(method, path, &token, "") {
        Reply::Answer(response) => {
            let answer = crate::support::read(response);
            (answer.status, answer.code().to_owned())
        }
        Reply::Reset => panic!("{method} {path} was reset"),
    }
}

#[test]
fn every_route_wants_a_token_a_version_and_its_method() {
    let mut client = Client::with_group();
    for (path, method, wrong, status) in rows() {
        let good = format!("{path}?api-version=2024-11-01");
        let (got, _) = ask(&mut client, method, &good, true);
        assert_eq!(got, status, "{method} {path}");
        let anonymous = ask(&mut client, method, &good, false);
        assert_eq!(
            anonymous,
            (401, "AuthenticationFailed".to_owned()),
            "{path}"
        );
        let bare = ask(&mut client, method, &path, true);
        assert_eq!(
            bare,
            (400, "MissingApiVersionParameter".to_owned()),
            "{path}"
        );
        let odd = ask(
            &mut client,
            method,
            &format!("{path}?api-version=latest"),
            true,
        );
        assert_eq!(
            odd,
            (400, "InvalidApiVersionParameter".to_owned()),
            "{path}"
        );
        if wrong != method && status == 200 {
            let (got, code) = ask(&mut client, wrong, &good, true);
            assert_eq!(
                (got, code.as_str()),
                (405, "HttpMethodNotAllowed"),
                "{wrong} {path}"
            );
        }
    }
}

#[test]
fn paths_match_in_any_case_with_any_number_of_slashes() {
    let mut client = Client::with_group();
    let body = r#"{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]}}}"#;
    client.create(&format!("{NET}/virtualNetworks/Vnet"), body);
    for path in [
        "/resourcegroups/G/PROVIDERS/microsoft.network/virtualnetworks/VNET",
        "/resourceGroups/g/providers/Microsoft.Network//virtualNetworks/Vnet",
        "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/Vnet/",
        "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/%56net?API-Version=2020-01-01",
    ] {
        let answer = client.get(path);
        assert_eq!(answer.body["name"], "Vnet", "{path}");
        assert!(
            answer.body["id"]
                .as_str()
                .expect("an id")
                .ends_with("/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/Vnet"),
            "{path}"
        );
    }
}

#[test]
fn what_is_not_there_says_which_way() {
    let mut client = Client::with_group();
    let other = "/subscriptions/11111111-0000-0000-0000-000000000001/resourcegroups";
    for (method, path, status, code) in [
        (
            "GET",
            "/subscriptions/x/locations",
            400,
            "InvalidSubscriptionId",
        ),
        ("GET", other, 404, "SubscriptionNotFound"),
        (
            "GET",
            "/resourceGroups/none/providers/Microsoft.Network/virtualNetworks",
            404,
            "ResourceGroupNotFound",
        ),
        (
            "PUT",
            "/resourceGroups/none/providers/Microsoft.Network/virtualNetworks/v",
            404,
            "ResourceGroupNotFound",
        ),
        (
            "DELETE",
            "/resourceGroups/none/providers/Microsoft.Network/virtualNetworks/v",
            404,
            "ResourceGroupNotFound",
        ),
        (
            "GET",
            "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v",
            404,
            "ResourceNotFound",
        ),
        (
            "PATCH",
            "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v",
            404,
            "ResourceNotFound",
        ),
        (
            "PUT",
            "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/s",
            404,
            "ParentResourceNotFound",
        ),
        (
            "POST",
            "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/fly",
            404,
            "ResourceNotFound",
        ),
        (
            "GET",
            "/resourceGroups/g/providers/Microsoft.Nettwork/virtualNetworks/v",
            404,
            "InvalidResourceNamespace",
        ),
        (
            "GET",
            "/resourceGroups/g/providers/Microsoft.Network/virtualNetwork/v",
            404,
            "InvalidResourceType",
        ),
        (
            "GET",
            "/resourceGroups/g/providers/Microsoft.Network/bastionHosts/r",
            501,
            "NotEmulated",
        ),
        (
            "PUT",
            "/resourceGroups/g/providers/Microsoft.Authorization/roleAssignments/l",
            501,
            "NotEmulated",
        ),
        (
            "GET",
            "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/providers/Microsoft.Authorization/roleAssignments/l",
            501,
            "NotEmulated",
        ),
        ("GET", "/nonsense", 404, "NotFound"),
    ] {
        let answer = client.send(method, path, &[], "{}");
        assert_eq!(
            (answer.status, answer.code()),
            (status, code),
            "{method} {path}"
        );
        assert!(
            answer.body["error"]["message"].is_string(),
            "{method} {path}"
        );
    }
    assert_eq!(
        client
            .delete("/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v")
            .status,
        204
    );
    let unhandled = client.cloud.control_plane().unhandled();
    let assignments: Vec<_> = unhandled
        .iter()
        .filter(|row| row.what.contains("roleassignments"))
        .collect();
    assert_eq!(assignments.len(), 2, "one row per method: {unhandled:?}");
}

#[test]
fn bodies_are_read_leniently_and_bounded() {
    let mut client = Client::with_group();
    let path = format!("{NET}/virtualNetworks/v1");
    let space = r#""properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]}}"#;
    let deep = format!(
        r#"{{"location":"westeurope","x":{}1{},{space}}}"#,
        "[".repeat(70),
        "]".repeat(70)
    );
    let huge = format!(
        r#"{{"location":"westeurope","x":"{}",{space}}}"#,
        "a".repeat(5 << 20)
    );
    for (body, status, code) in [
        (String::new(), 400, "InvalidRequestContent"),
        ("[]".to_owned(), 400, "InvalidRequestContent"),
        ("{".to_owned(), 400, "InvalidRequestContent"),
        (deep, 400, "InvalidRequestContent"),
        (huge, 413, "RequestContentTooLarge"),
        (format!("{{{space}}}"), 400, "LocationRequired"),
        (
            format!(r#"{{"location":"mars",{space}}}"#),
            400,
            "LocationNotAvailableForResourceType",
        ),
        (
            r#"{"location":"westeurope"}"#.to_owned(),
            400,
            "InvalidRequestFormat",
        ),
        (
            r#"{"location":"westeurope","properties":[]}"#.to_owned(),
            400,
            "InvalidRequestFormat",
        ),
        (
            format!("\u{feff}{{\"location\":\"westeurope\",{space}}}"),
            201,
            "",
        ),
        (
            format!(r#"{{"location":"eastus",{space}}}"#),
            409,
            "InvalidResourceLocation",
        ),
    ] {
        let answer = client.put(&path, &body);
        let shown = &body[..body.len().min(60)];
        assert_eq!((answer.status, answer.code()), (status, code), "{shown}");
    }
    let long = format!("{NET}/virtualNetworks/{}", "a".repeat(65));
    assert_eq!(client.put(&long, "{}").code(), "InvalidResourceName");
}
