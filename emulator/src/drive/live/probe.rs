//! Probes on real sockets: sent when the core says they are due, each on a connection of its own.

use std::net::Ipv4Addr;

use bytes::Bytes;
use http::Request;
use http::header::{HOST, USER_AGENT};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::instance::PROBE_AGENT;
use super::network::Network;
use crate::data_plane::{DueProbe, ProbeOutcome};
use crate::desired::ProbeRequest;
use crate::ledger::Fault;

/// Where Azure's platform probes come from (azure-facts.md §5.7).
const PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// How much of a body a match looks at (azure-facts.md §5.3): characters, so at most four times as
/// many bytes.
const MATCHED_CHARACTERS: usize = 4_090;

/// Sends one probe and says how it ended, within the probe's time-out.
pub(crate) async fn send(network: &Network, due: &DueProbe) -> ProbeOutcome {
    let patience = network.clock.patience(due.probe.timeout);
    let outcome = timeout(patience, ask(network, due)).await;
    outcome.unwrap_or(ProbeOutcome::TimedOut)
}

async fn ask(network: &Network, due: &DueProbe) -> ProbeOutcome {
    let connected = network
        .connect(PLATFORM, due.target, due.probe.timeout)
        .await;
    let stream = match connected {
        Ok(stream) => stream,
        Err(Fault::ConnectTimeout) => return ProbeOutcome::TimedOut,
        Err(_) => return ProbeOutcome::Refused,
    };
    let Some(request) = &due.probe.http else {
        return ProbeOutcome::Connected;
    };
    match get(stream, request, due.target.0).await {
        Ok(outcome) => outcome,
        Err(_) => ProbeOutcome::Refused,
    }
}

async fn get(
    stream: TcpStream,
    probe: &ProbeRequest,
    target: Ipv4Addr,
) -> Result<ProbeOutcome, hyper::Error> {
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let response = sender.send_request(request(probe, target)).await?;
        let status = response.status().as_u16();
        let body_matches = match &probe.body {
            Some(wanted) => beginning(response.into_body()).await?.contains(wanted),
            None => true,
        };
        Ok(ProbeOutcome::Answered {
            status,
            body_matches,
        })
    };
    // The connection is driven here, so that it ends with the probe.
    tokio::pin!(exchange, connection);
    tokio::select! {
        outcome = &mut exchange => outcome,
        Err(error) = &mut connection => Err(error),
    }
}

/// A load balancer's probe names no host of its own: it asks the machine by its address. Servers such
/// as nginx refuse an empty `Host`.
fn request(probe: &ProbeRequest, target: Ipv4Addr) -> Request<Empty<Bytes>> {
    let host = match probe.host.as_str() {
        "" => target.to_string(),
        host => host.to_owned(),
    };
    let built = Request::get(&probe.path)
        .header(HOST, host)
        .header(USER_AGENT, PROBE_AGENT)
        .body(Empty::new());
    built.unwrap_or_default()
}

async fn beginning(mut body: Incoming) -> Result<String, hyper::Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            bytes.extend_from_slice(data);
        }
        if bytes.len() >= MATCHED_CHARACTERS * 4 {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.chars().take(MATCHED_CHARACTERS).collect())
}
