//! What the admin API shows.

use std::sync::PoisonError;

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use serde_json::json;

use super::Admin;
use super::refusal::{Answer, id, missing, wrong};
use crate::admin::{Copy, coverage, topology};
use crate::http::admin::{document, stream};

pub(super) async fn state(State(admin): State<Admin>) -> Response {
    let doing = admin.drive.doing();
    let clock = admin.clock();
    let cloud = admin.cloud.lock().unwrap_or_else(PoisonError::into_inner);
    let mut state = topology(&cloud, &doing);
    drop(cloud);
    state["clock"] = json!(clock);
    document(&state)
}

pub(super) async fn clock(State(admin): State<Admin>) -> Response {
    document(&admin.clock())
}

pub(super) async fn traffic(State(admin): State<Admin>) -> Response {
    let now = admin.clock().uptime_s;
    let chronicle = admin.chronicle();
    let traffic = chronicle.traffic();
    document(&json!({
        "uptime_s": now,
        "seconds": traffic.between(0, now),
        "totals": traffic.totals(),
    }))
}

pub(super) async fn events(State(admin): State<Admin>, headers: HeaderMap, uri: Uri) -> Answer {
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let asked = parameter(&uri, "after");
    let after = resumed.or(asked.as_deref()).unwrap_or("0");
    let Ok(after) = after.parse() else {
        return Err(wrong(format!("`{after}` is no number of an entry")));
    };
    Ok(stream::stream(admin, after))
}

pub(super) async fn requests(State(admin): State<Admin>) -> Response {
    let chronicle = admin.chronicle();
    let rows = chronicle.exchanges().map(|(number, exchange)| {
        json!({
            "number": number,
            "method": exchange.method.as_str(),
            "target": exchange.target.as_str(),
            "caller": exchange.caller(),
            "status": exchange.status,
        })
    });
    document(&rows.collect::<Vec<_>>())
}

pub(super) async fn one_request(State(admin): State<Admin>, Path(number): Path<u64>) -> Answer {
    let chronicle = admin.chronicle();
    let mut all = chronicle.exchanges();
    match all.find(|(known, _)| *known == number) {
        Some((number, exchange)) => Ok(document(&exchange.document(number))),
        None => Err(missing(format!(
            "the request `{number}` is not kept any more"
        ))),
    }
}

pub(super) async fn resources(State(admin): State<Admin>) -> Response {
    admin.act(|cloud| {
        let control_plane = cloud.control_plane();
        let groups: Vec<_> = control_plane.group_rows().collect();
        let resources: Vec<_> = control_plane.resource_rows().collect();
        document(&json!({"groups": groups, "resources": resources}))
    })
}

pub(super) async fn resource(State(admin): State<Admin>, uri: Uri) -> Answer {
    let id = id(&parameter(&uri, "id").unwrap_or_default())?;
    let found = admin.act(|cloud| cloud.control_plane().document_of(&id));
    let found = found.ok_or_else(|| missing(format!("`{id}` does not exist")))?;
    Ok(document(&found))
}

pub(super) async fn unhandled(State(admin): State<Admin>) -> Response {
    admin.act(|cloud| document(&cloud.control_plane().unhandled()))
}

pub(super) async fn covered() -> Response {
    document(&coverage())
}

pub(super) async fn faults(State(admin): State<Admin>) -> Response {
    document(&admin.by_hand().document())
}

pub(super) async fn throttling(State(admin): State<Admin>) -> Response {
    admin.act(|cloud| document(&cloud.control_plane().throttling()))
}

pub(super) async fn snapshot(State(admin): State<Admin>) -> Response {
    admin.act(|cloud| document(&Copy::of(cloud)))
}

pub(super) async fn nothing(uri: Uri) -> Answer {
    Err(missing(format!("the admin API has no `{}`", uri.path())))
}

fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let pairs = uri.query()?.split('&').map(crate::control_plane::parameter);
    let mut found = pairs.filter(|(key, _)| key == name);
    found.next().map(|(_, value)| value)
}
