//! Clients and members that do not behave, in literal bytes: each ends in its documented status
//! (azure-facts.md §5.2), and the gateway goes on.

use std::time::Duration;

use super::raw::{Member, Raw, Script};
use super::topology::{GREEN, Plan, Topology};
use crate::ledger::{Attempt, Fault};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn behind(script: Script) -> (Topology, Member) {
    let member = Member::start(script).await;
    let plan = Plan {
        backend: Some(member.address),
        request_timeout: Duration::from_secs(10),
        ..Plan::default()
    };
    (Topology::build(plan, &[GREEN]).await, member)
}

/// After whatever happened, the next client is served.
async fn goes_on(topology: &Topology, why: &str) {
    let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = Raw::say(topology.socket(), request).await.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n"),
        "after {why}: {answer}"
    );
}

/// Requests that two servers could read differently (PortSwigger, "HTTP desync attacks"; RFC 9112
/// §11.2), with the status of the only answer: what follows them is never a request of its own.
#[tokio::test]
async fn a_request_that_can_be_read_in_two_ways_gets_one_answer() {
    let (topology, _member) = behind(Script::Keep(OK)).await;
    for (why, bytes, status) in [
        (
            "a length and chunks",
            &b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nG"[..],
            // The chunks count, and the connection ends (RFC 9112 §6.3).
            "200",
        ),
        (
            "two lengths",
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\ncontent-length: 5\r\n\r\nabcdef",
            "400",
        ),
        (
            "a length that is a list",
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6, 5\r\n\r\nabcdef",
            "400",
        ),
        (
            "a signed length",
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +6\r\n\r\nabcdef",
            "400",
        ),
        (
            "chunks that are not the last coding",
            b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            "400",
        ),
        (
            "an unknown coding",
            b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
            "400",
        ),
        (
            "a coding before a space",
            b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
            "400",
        ),
        (
            "chunks in HTTP/1.0",
            b"POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "400",
        ),
        (
            "a folded header",
            b"GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n y: 2\r\n\r\n",
            "400",
        ),
        (
            "no host",
            b"GET / HTTP/1.1\r\n\r\n",
            "400",
        ),
        (
            "two hosts",
            b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
            "400",
        ),
        (
            "a bad chunk size",
            b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
            "400",
        ),
        (
            "a null in a header",
            b"GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n",
            "400",
        ),
        (
            "no HTTP at all",
            b"hello there\r\n\r\n",
            "400",
        ),
    ] {
        let mut client = Raw::say(topology.socket(), bytes).await;
        // A client that goes on asking on the same connection gets no second answer.
        let answer = client.rest().await;
        let said = answer.get(8..13).unwrap_or_default();
        assert_eq!(said, format!(" {status} "), "{why}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{why}: {answer:?}");
        goes_on(&topology, why).await;
    }
    topology.live.shutdown().await;
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let (topology, _member) = behind(Script::Keep(OK)).await;
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "y".repeat(70_000));
    let mut client = Raw::say(topology.socket(), long.as_bytes()).await;
    let answer = client.until(b"\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    goes_on(&topology, "a head without end").await;
    topology.live.shutdown().await;
}

/// What a member may answer, and what its client then gets.
#[tokio::test]
async fn an_answer_that_is_none_is_a_502() {
    for (why, bytes) in [
        ("no HTTP", &b"hello\r\n\r\n"[..]),
        ("nothing", b""),
        ("half a head", b"HTTP/1.1 200 OK\r\ncontent-le"),
        (
            "two lengths",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!",
        ),
        (
            "a length and chunks",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "a change of protocol that nobody asked for",
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
        ),
    ] {
        let (topology, _member) = behind(Script::Say(bytes)).await;
        let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let answer = Raw::say(topology.socket(), request).await.rest().await;
        assert!(
            answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"),
            "{why}: {answer:?}"
        );
        let attempts = topology.live.drain_ledgers().gateway;
        let failed = Attempt::Failed {
            fault: Fault::Reset,
            status: 502,
        };
        assert_eq!(attempts.last().map(|a| a.outcome), Some(failed), "{why}");
        topology.live.shutdown().await;
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_its_client_too() {
    for bytes in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nonly"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nonly\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nonly\r\nzz\r\n",
    ] {
        let (topology, _member) = behind(Script::Say(bytes)).await;
        let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let answer = Raw::say(topology.socket(), request).await.rest().await;
        assert!(
            answer.contains("only") && !answer.contains("\r\n0\r\n"),
            "{answer:?}"
        );
        topology.live.shutdown().await;
    }
}

#[tokio::test]
async fn a_member_that_hangs_is_a_504_and_its_client_may_leave() {
    let (topology, mut member) = behind(Script::Hang).await;
    let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut waits = Raw::say(topology.socket(), request).await;
    let leaves = Raw::say(topology.socket(), request).await;
    let _both = (member.asked().await, member.asked().await);
    drop(leaves);
    let answer = waits.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"),
        "{answer:?}"
    );
    let attempts = topology.live.drain_ledgers().gateway;
    let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome).collect();
    assert!(outcomes.contains(&Attempt::ClientGone), "{outcomes:?}");
    topology.live.shutdown().await;
}

/// A client that ends its side early has left, as for nginx.
#[tokio::test]
async fn a_half_closed_client_ends_its_request() {
    let (topology, mut member) = behind(Script::Hang).await;
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut client = Raw::say(topology.socket(), request).await;
    member.asked().await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.0)
        .await
        .expect("it is open");
    assert_eq!(client.rest().await, "");
    topology.live.shutdown().await;
}
