//! Requests are counted where somebody asked for it (azure-facts.md §1.8).

use turquoise_emulator::control_plane::{Bucket, Throttling};

use crate::support::{Answer, Client, SUBSCRIPTION};

const READS: &str = "x-ms-ratelimit-remaining-subscription-reads";
const ALL_READS: &str = "x-ms-ratelimit-remaining-subscription-global-reads";
const WRITES: &str = "x-ms-ratelimit-remaining-subscription-writes";

fn client() -> Client {
    let slow = Bucket {
        size: 2,
        per_second: 1,
    };
    Client::with(|config| {
        config.control_plane.throttling = Some(Throttling {
            writes: slow,
            ..Throttling::default()
        });
    })
}

fn write(client: &mut Client, token: &str) -> Answer {
    let reply = client.raw(
        "PUT",
        &format!("{SUBSCRIPTION}/resourceGroups/g?api-version=2024-11-01"),
        &[("authorization", token)],
        r#"{"location":"westeurope"}"#,
    );
    match reply {
        turquoise_emulator::Reply::Answer(response) => crate::support::read(response),
        turquoise_emulator::Reply::Reset => panic!("nothing resets here"),
    }
}

#[test]
fn what_is_left_is_told_and_comes_back_with_time() {
    let mut client = client();
    for (own, all) in [("249", "3749"), ("248", "3748")] {
        let answer = client.get("/locations");
        assert_eq!(answer.header(READS), Some(own));
        assert_eq!(answer.header(ALL_READS), Some(all));
    }
    client.advance_ms(40);
    assert_eq!(client.get("/locations").header(READS), Some("248"));
    client.advance_ms(60_000);
    assert_eq!(client.get("/locations").header(READS), Some("249"));
}

#[test]
fn an_empty_bucket_refuses_before_anything_is_done() {
    let mut client = client();
    assert_eq!(write(&mut client, "Bearer one").header(WRITES), Some("1"));
    assert_eq!(write(&mut client, "Bearer one").status, 200);
    let refused = write(&mut client, "Bearer one");
    assert_eq!(
        (refused.status, refused.code()),
        (429, "SubscriptionRequestsThrottled")
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header(WRITES), Some("0"));
    assert_eq!(
        write(&mut client, "Bearer two").status,
        200,
        "its own bucket"
    );
    assert_eq!(
        client.get("/locations").status,
        200,
        "reads are another bucket"
    );
    client.advance_ms(999);
    assert_eq!(write(&mut client, "Bearer one").status, 429);
    client.advance_ms(1);
    assert_eq!(write(&mut client, "Bearer one").status, 200);
}

#[test]
fn who_may_not_come_in_takes_nothing() {
    let mut client = client();
    for _ in 0..5 {
        assert_eq!(write(&mut client, "Basic x").status, 401);
    }
    assert_eq!(write(&mut client, "Bearer one").status, 201);
}

#[test]
fn nothing_is_counted_unless_asked_for() {
    let mut client = Client::new();
    for _ in 0..300 {
        assert_eq!(client.get("/locations").header(READS), Some("249"));
    }
}
