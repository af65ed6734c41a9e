//! What ARM puts on every answer, and where it builds URLs from.

use crate::support::Client;

const PIP: &str = "/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/pip";
const BODY: &str = r#"{"location":"westeurope"}"#;

#[test]
fn every_answer_is_traceable() {
    let mut client = Client::with_group();
    client.advance_ms(1_500);
    let id = "11111111-2222-4333-8444-555555555555";
    let sent = [
        ("x-ms-client-request-id", id),
        ("x-ms-return-client-request-id", "true"),
        ("x-ms-correlation-request-id", "mine"),
    ];
    let answer = client.send("GET", PIP, &sent, "");
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("x-ms-client-request-id"), Some(id));
    assert_eq!(answer.header("x-ms-correlation-request-id"), Some("mine"));
    let own = answer
        .header("x-ms-request-id")
        .expect("a request id")
        .to_owned();
    let routing = format!("EMULATED:20260101T000001Z:{own}");
    assert_eq!(
        answer.header("x-ms-routing-request-id"),
        Some(routing.as_str())
    );
    assert_eq!(answer.header("date"), Some("Thu, 01 Jan 2026 00:00:01 GMT"));
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(
        answer.header("content-length"),
        Some(answer.bytes.len().to_string().as_str())
    );
    assert_eq!(
        answer.header("x-ms-ratelimit-remaining-subscription-reads"),
        Some("249")
    );
    let next = client.get(PIP);
    assert_ne!(next.header("x-ms-request-id"), Some(own.as_str()));
    assert_eq!(
        next.header("x-ms-client-request-id"),
        None,
        "no echo unless asked for"
    );
    let written = client.put(PIP, BODY);
    assert_eq!(
        written.header("x-ms-ratelimit-remaining-subscription-writes"),
        Some("199")
    );
}

#[test]
fn urls_are_absolute_at_the_clients_own_host_and_scheme() {
    let mut client = Client::with(|config| config.control_plane.retry_after = 3);
    client.group("g");
    let sent = [("x-forwarded-proto", "https")];
    let created = client.send("PUT", PIP, &sent, BODY);
    let url = created
        .header("azure-asyncoperation")
        .expect("an operation");
    assert!(
        url.starts_with("https://arm.test:8443/subscriptions/"),
        "{url}"
    );
    assert!(!url.contains(['{', '}']), "az formats these URLs: {url}");
    assert_eq!(created.header("retry-after"), Some("3"));
    assert_eq!(created.header("azure-asyncnotification"), Some("Enabled"));
}

#[test]
fn without_a_token_the_client_learns_where_to_get_one() {
    let mut client = Client::with_group();
    for (sent, code) in [
        (
            vec![("authorization", "Basic x")],
            "InvalidAuthenticationToken",
        ),
        (
            vec![("authorization", "Bearer ")],
            "InvalidAuthenticationToken",
        ),
        (vec![], "AuthenticationFailed"),
    ] {
        let path = "/subscriptions?api-version=2022-12-01";
        let reply = client.raw("GET", path, &sent, "");
        let turquoise_emulator::Reply::Answer(response) = reply else {
            panic!("a refusal is an answer");
        };
        let answer = crate::support::read(response);
        assert_eq!((answer.status, answer.code()), (401, code));
        let challenge = answer.header("www-authenticate").expect("a challenge");
        assert!(
            challenge.starts_with("Bearer authorization_uri=\"https://"),
            "{challenge}"
        );
    }
    let mut open = Client::with(|config| config.control_plane.require_authorization = false);
    let reply = open.raw("GET", "/subscriptions?api-version=2022-12-01", &[], "");
    assert!(matches!(reply, turquoise_emulator::Reply::Answer(answer) if answer.status() == 200));
}

#[test]
fn two_clouds_of_one_seed_answer_the_same_bytes() {
    let run = || {
        let mut client = Client::with_group();
        let created = client.put(PIP, BODY);
        client.follow(&created);
        let answer = client.get(PIP);
        let mut headers: Vec<String> = answer
            .headers
            .iter()
            .map(|header| format!("{header:?}"))
            .collect();
        headers.sort();
        (answer.bytes, headers)
    };
    assert_eq!(run(), run());
}
