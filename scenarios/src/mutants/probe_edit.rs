//! A mutant that edits the gateway's probe in the middle of a swap (F10).

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::Request;
use serde_json::Value;

use super::Mutant;
use super::interference::{ArmAnswer, Interference, Seam, pass};
use crate::invariant::Invariant;

/// F10: one probe serves both colours, so moving its path moves it for the side that lacks it.
pub(super) const PROBE_SHARED: Mutant = Mutant {
    id: "probe-shared",
    catalogue: "F10",
    wrong: "moves the gateway's probe to the new build's health path in the write that adds it",
    oracles: &[Invariant::S(15), Invariant::S(11), Invariant::S(2)],
    make: || Box::new(MovesProbe),
    ..Mutant::HARMLESS
};

#[derive(Debug)]
struct MovesProbe;

impl Interference for MovesProbe {
    fn arm<'a>(
        &'a self,
        seam: Seam<'a>,
        mut request: Request<Bytes>,
    ) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            if seam.call(&request).adds_new(seam.target) {
                move_probe(&mut request);
            }
            pass(&seam, request).await
        })
    }
}

fn move_probe(request: &mut Request<Bytes>) {
    let Ok(mut gateway) = serde_json::from_slice::<Value>(request.body()) else {
        return;
    };
    let probes = gateway.pointer_mut("/properties/probes");
    for probe in probes.and_then(Value::as_array_mut).into_iter().flatten() {
        probe["properties"]["path"] = "/v2/health".into();
    }
    *request.body_mut() = Bytes::from(gateway.to_string());
}
