//! What is about the emulator itself, with no counterpart in Azure.
//!
//! The routes under `/turquoise` are there on every level; the admin API and the portal under
//! `/_turquoise` where a drive with sockets offers them (`v1`).

mod faults;
mod guard;
mod pages;
mod stream;
mod v1;

use std::net::{Ipv4Addr, SocketAddr};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::json;

use super::clock::Clock;
use super::router::Face;

pub(crate) use v1::{Admin, ClockOrder, ClockState, Drive};

/// One of the cloud's addresses and the socket that stands for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Address {
    /// The address as Azure knows it.
    pub address: Ipv4Addr,
    /// The port as Azure knows it; 0 for an instance, which has one socket for all its ports.
    pub port: u16,
    /// Whether clients speak TLS.
    pub tls: bool,
    /// Where the socket listens, on this machine.
    pub listens: SocketAddr,
}

/// `GET /turquoise/health`: the emulator answers; how far its clock is.
pub(super) async fn health<C: Clock>(State(face): State<Face<C>>) -> Response {
    let now = face.clock.now();
    document(&json!({"status": "ok", "cloud_time_ms": now.as_millis()}))
}

/// `GET /turquoise/addresses`: every address of the cloud that has a socket.
pub(super) async fn addresses<C: Clock>(State(face): State<Face<C>>) -> Response {
    document(&face.hooks.addresses())
}

/// `GET /turquoise/metrics`: what the gateways have counted, for Prometheus.
pub(super) async fn metrics<C: Clock>(State(face): State<Face<C>>) -> Response {
    let mut response = Response::new(Body::from(face.hooks.metrics()));
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

/// `GET /turquoise/unhandled`: calls that the emulator answered with 501.
pub(super) async fn unhandled<C: Clock>(State(face): State<Face<C>>) -> Response {
    document(&face.with_cloud(|cloud| cloud.control_plane().unhandled()))
}

fn document(value: &impl Serialize) -> Response {
    let text = serde_json::to_vec(value).expect("names and numbers always serialise");
    let mut response = Response::new(Body::from(text));
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
