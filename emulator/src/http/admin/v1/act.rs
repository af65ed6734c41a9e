//! What the admin API does.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::refusal::{Answer, id, missing, read, refused, wrong};
use super::{Admin, ClockOrder};
use crate::admin::{Copy, write};
use crate::control_plane::Throttling;
use crate::desired::InstanceKey;
use crate::http::admin::document;
use crate::http::admin::faults::Order;

/// The fastest that a clock may run; beyond it spans of wall clock vanish.
const MAX_SPEED: f64 = 10_000.0;
/// The furthest jump: more than an operation ever takes, and no overflow.
const MAX_JUMP: Duration = Duration::from_secs(366 * 86_400);

pub(super) async fn set_clock(State(admin): State<Admin>, body: Bytes) -> Answer {
    let order: ClockOrder = read(&body)?;
    if order
        .speed
        .is_some_and(|speed| !(0.01..=MAX_SPEED).contains(&speed))
    {
        return Err(wrong(format!("`speed` is from 0.01 to {MAX_SPEED}")));
    }
    let jump = order.advance_ms.map(Duration::from_millis);
    if jump.is_some_and(|jump| jump > MAX_JUMP) {
        return Err(wrong("`advance_ms` is at most a year".to_owned()));
    }
    admin.drive.set_clock(&order);
    Ok(document(&admin.clock()))
}

pub(super) async fn arm(State(admin): State<Admin>, body: Bytes) -> Answer {
    let order: Order = read(&body)?;
    let fault = order.fault(admin.clock().cloud_time_ms);
    let index = admin.act(|cloud| cloud.arm(&fault));
    admin.note(format!("fault {index} armed: {}", fault.kind.name()));
    admin.by_hand().add(index, fault);
    Ok(document(&json!({"index": index})))
}

pub(super) async fn disarm(State(admin): State<Admin>, Path(index): Path<usize>) -> Answer {
    if !admin.by_hand().remove(index) {
        return Err(missing(format!("no fault `{index}` was armed by hand")));
    }
    admin.act(|cloud| cloud.disarm(index));
    admin.note(format!("fault {index} taken back"));
    Ok(done())
}

pub(super) async fn disarm_all(State(admin): State<Admin>) -> Response {
    let all = admin.by_hand().clear();
    admin.act(|cloud| all.iter().for_each(|index| cloud.disarm(*index)));
    admin.note("every fault taken back".to_owned());
    done()
}

pub(super) async fn set_throttling(State(admin): State<Admin>, body: Bytes) -> Answer {
    let limits: Throttling = if body.iter().all(u8::is_ascii_whitespace) {
        Throttling::default()
    } else {
        read(&body)?
    };
    if [limits.reads, limits.writes, limits.deletes]
        .iter()
        .any(|bucket| bucket.size == 0)
    {
        return Err(wrong("`size` is at least 1".to_owned()));
    }
    admin.act(|cloud| cloud.set_throttling(Some(limits)));
    admin.note("requests are counted".to_owned());
    Ok(document(&limits))
}

pub(super) async fn stop_throttling(State(admin): State<Admin>) -> Response {
    admin.act(|cloud| cloud.set_throttling(None));
    admin.note("requests are not counted any more".to_owned());
    done()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kill {
    scale_set: String,
    number: u32,
}

pub(super) async fn kill(State(admin): State<Admin>, body: Bytes) -> Answer {
    let order: Kill = read(&body)?;
    let instance = InstanceKey {
        scale_set: id(&order.scale_set)?,
        number: order.number,
    };
    if !admin.act(|cloud| cloud.kill(&instance)) {
        let name = instance.scale_set.name().to_owned();
        return Err(missing(format!(
            "no instance {} of `{name}` runs",
            order.number
        )));
    }
    Ok(done())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scale {
    scale_set: String,
    capacity: u32,
}

pub(super) async fn scale(State(admin): State<Admin>, body: Bytes) -> Answer {
    let order: Scale = read(&body)?;
    let id = id(&order.scale_set)?;
    let patch = json!({"sku": {"capacity": order.capacity}});
    let outcome = admin.act(|cloud| write(cloud, &Method::PATCH, &id.to_string(), &patch));
    outcome.map_err(|error| refused(&error))?;
    Ok(done())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    text: String,
}

pub(super) async fn note(State(admin): State<Admin>, body: Bytes) -> Answer {
    let note: Note = read(&body)?;
    admin.note(note.text.chars().take(500).collect());
    Ok(done())
}

pub(super) async fn reset(State(admin): State<Admin>) -> Response {
    admin.drive.replace(admin.drive.empty_cloud());
    admin.by_hand().clear();
    admin.note("the cloud was reset".to_owned());
    done()
}

pub(super) async fn restore(State(admin): State<Admin>, body: Bytes) -> Answer {
    let copy: Copy = read(&body)?;
    let mut cloud = admin.drive.empty_cloud();
    copy.restore(&mut cloud).map_err(|error| refused(&error))?;
    admin.drive.replace(cloud);
    admin.by_hand().clear();
    admin.note("the cloud was restored from a snapshot".to_owned());
    Ok(done())
}

fn done() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
