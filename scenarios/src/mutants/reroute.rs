//! A mutant that swaps by sending the rule to another pool.

use std::cell::Cell;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::Request;
use serde_json::{Value, json};
use turquoise_arm::json as tree;

use super::Mutant;
use super::interference::{ArmAnswer, Interference, Seam, pass};
use crate::invariant::Invariant;
use crate::scenario::Azure;

/// F54: a new pool has no history, and the old one's connections end with it.
pub(super) const RULE_REPOINT: Mutant = Mutant {
    id: "rule-repoint",
    catalogue: "F54",
    wrong: "points the rules at a pool of the new side instead of changing the members of theirs",
    oracles: &[
        Invariant::Q(1),
        Invariant::S(11),
        Invariant::S(15),
        Invariant::S(21),
    ],
    // The kinder Azure asks new members before it sends them anything, and keeps what it knows of
    // others: those of a new pool are all new.
    expose: |scenario| scenario.azure = Azure::Nice,
    make: || Box::new(Repoints::default()),
    ..Mutant::HARMLESS
};

#[derive(Debug, Default)]
struct Repoints(Cell<bool>);

impl Interference for Repoints {
    fn arm<'a>(
        &'a self,
        seam: Seam<'a>,
        mut request: Request<Bytes>,
    ) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            if seam.call(&request).adds_new(seam.target) && !self.0.replace(true) {
                repoint(&seam, &mut request);
            }
            pass(&seam, request).await
        })
    }
}

/// Adds a pool of the new side to a gateway write and points every rule at it.
fn repoint(seam: &Seam<'_>, request: &mut Request<Bytes>) {
    let Ok(mut gateway) = serde_json::from_slice::<Value>(request.body()) else {
        return;
    };
    let pool = seam.target.gateway.child("backendAddressPools", "direct");
    let members = json!([{"ipAddress": seam.target.new.address}]);
    let body = json!({"name": "direct", "properties": {"backendAddresses": members}});
    let Some(properties) = tree::get_mut(&mut gateway, "properties") else {
        return;
    };
    if let Some(pools) =
        tree::get_mut(properties, "backendAddressPools").and_then(Value::as_array_mut)
    {
        pools.push(body);
    }
    let rules = tree::get_mut(properties, "requestRoutingRules").and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten() {
        if let Some(Value::Object(members)) = tree::get_mut(rule, "properties") {
            members.insert("backendAddressPool".to_owned(), json!({"id": pool}));
        }
    }
    *request.body_mut() = Bytes::from(gateway.to_string());
}
