//! The built-in demo application, as any web server would be met.
//!
//! Every answer carries `x-build-id`, `x-instance`, the request's `x-request-id` and, for whoever
//! checks that nothing was lost on the way, the digest of what it got (`x-body-length`,
//! `x-body-checksum`) and of what it sends (`x-checksum`); see [`Checksum`]. `/slow?ms=` takes that
//! much longer, `/bytes?n=` answers that much, every other path answers a line of text.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::checksum::Checksum;
use super::execution::Execution;
use super::{Machine, instance_name};
use crate::data_plane::{InstanceState, InstanceView};
use crate::drive::live::clock::pass;
use crate::drive::live::request_id;
use crate::http::Clock;
use crate::ledger::{RequestClass, RequestId};

/// How probes of this emulator name themselves. A real application tells probes by their path; this
/// one serves every path, so it goes by the name.
pub(crate) const PROBE_AGENT: &str = "turquoise-probe";

/// The most that `/bytes?n=` answers.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Serves one connection until either side ends it.
pub(super) async fn serve(machine: Arc<Machine>, stream: TcpStream) {
    let keep_alive = machine.view.load().application.keep_alive;
    let service = service_fn(|request| {
        let machine = Arc::clone(&machine);
        async move { execute(&machine, request).await }
    });
    let ended = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(machine.clock.wall(keep_alive))
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection of an instance ended");
    }
}

/// What a request asks for.
#[derive(Debug, PartialEq)]
struct Asked {
    path: String,
    is_probe: bool,
    extra: Duration,
    length: Option<usize>,
}

async fn execute(
    machine: &Machine,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let view = machine.view.load_full();
    let (head, body) = request.into_parts();
    let asked = Asked::read(&head);
    let id = request_id(&head.headers);
    if asked.is_probe {
        return Ok(answer_probe(&view, &asked.path).await);
    }
    let execution = Execution::begin(machine, id);
    let Some(place) = machine.workers.enter() else {
        execution.answered(503);
        return Ok(line(
            &view,
            StatusCode::SERVICE_UNAVAILABLE,
            "the queue is full\n",
        ));
    };
    let received = read(body).await?;
    let _working = place.turn().await;
    let from = machine.clock.now();
    let status = work(machine, id, &asked).await;
    execution.worked(from);
    let view = machine.view.load_full();
    let mut response = respond(&view, status, &asked);
    let headers = response.headers_mut();
    if let Some(id) = head.headers.get("x-request-id") {
        headers.insert("x-request-id", id.clone());
    }
    tell(headers, "x-body-length", &received.0.to_string());
    tell(headers, "x-body-checksum", &received.1.hex());
    execution.answered(status.as_u16());
    Ok(response)
}

/// Takes the time that the core says and that the request asks for; how it ends is the core's to
/// say as well. A hanging application never comes back.
async fn work(machine: &Machine, id: RequestId, asked: &Asked) -> StatusCode {
    let view = machine.view.load_full();
    if view.state == InstanceState::Hanging {
        std::future::pending::<()>().await;
    }
    let draw = machine.draws.at(id);
    let response = view.respond_to(draw, &asked.path, RequestClass::Short, 1.0);
    pass(response.service + asked.extra).await;
    if machine.view.load().state == InstanceState::Hanging {
        std::future::pending::<()>().await;
    }
    StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A health check has a worker of its own, as Azure's agents find one in most servers.
async fn answer_probe(view: &InstanceView, path: &str) -> Response<Full<Bytes>> {
    if view.state == InstanceState::Hanging {
        std::future::pending::<()>().await;
    }
    let health = view.health(path);
    pass(health.service).await;
    let status = StatusCode::from_u16(health.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    line(view, status, &view.health_body())
}

fn respond(view: &InstanceView, status: StatusCode, asked: &Asked) -> Response<Full<Bytes>> {
    match asked.length {
        Some(length) if status.is_success() => named(
            view,
            status,
            Bytes::from(vec![b'.'; length.min(MAX_ANSWER)]),
        ),
        _ => {
            let build = &view.application.build;
            line(
                view,
                status,
                &format!("{build} on {}\n", instance_name(view)),
            )
        }
    }
}

fn line(view: &InstanceView, status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    named(view, status, Bytes::copy_from_slice(text.as_bytes()))
}

/// An answer that says who gives it and what it should contain.
fn named(view: &InstanceView, status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let checksum = Checksum::of(&body).hex();
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    tell(headers, "x-build-id", &view.application.build);
    tell(headers, "x-instance", &instance_name(view));
    tell(headers, "x-checksum", &checksum);
    response
}

fn tell(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Reads a body to its end: its length and its digest, without keeping it.
async fn read(mut body: Incoming) -> Result<(u64, Checksum), hyper::Error> {
    let (mut length, mut checksum) = (0, Checksum::new());
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            length += data.len() as u64;
            checksum.add(data);
        }
    }
    Ok((length, checksum))
}

impl Asked {
    fn read(head: &Parts) -> Self {
        let query = |name| query_number(head.uri.query().unwrap_or_default(), name);
        let path = head.uri.path();
        let agent = head.headers.get(http::header::USER_AGENT);
        let slow = query("ms").filter(|_| path == "/slow");
        let length = query("n").filter(|_| path == "/bytes");
        Self {
            is_probe: agent.is_some_and(|agent| agent.as_bytes() == PROBE_AGENT.as_bytes()),
            extra: Duration::from_millis(slow.unwrap_or_default()),
            length: length.map(|n| usize::try_from(n).unwrap_or(MAX_ANSWER)),
            path: path.to_owned(),
        }
    }
}

fn query_number(query: &str, name: &str) -> Option<u64> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    values.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &str) -> Asked {
        let (head, ()) = Request::get(uri)
            .body(())
            .expect("a valid request")
            .into_parts();
        Asked::read(&head)
    }

    #[test]
    fn paths_and_queries_say_what_is_asked() {
        let ms = Duration::from_millis;
        for (uri, extra, length) in [
            ("/", ms(0), None),
            ("/slow?ms=250", ms(250), None),
            ("/slow?x=1&ms=7", ms(7), None),
            ("/other?ms=250&n=9", ms(0), None),
            ("/bytes?n=9", ms(0), Some(9)),
            ("/slow?ms=soon", ms(0), None),
        ] {
            let asked = asked(uri);
            assert_eq!((asked.extra, asked.length), (extra, length), "{uri}");
        }
    }
}
