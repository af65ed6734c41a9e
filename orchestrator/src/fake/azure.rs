//! The fake's cloud: resources as trees, operations with an end, one gateway that applies late.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ErrorBody, ResourceId, json as tree};

use crate::environment::{ProbeAnswer, TransportError};

type Answer = Result<Response<Bytes>, TransportError>;

/// How long a gateway write runs, and how much later the gateway does what it says.
const OPERATION_MS: u64 = 12_000;
const PROPAGATION_MS: u64 = 8_000;

/// What happens to the next gateway write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing.
    None,
    /// 429 with `Retry-After`.
    Throttled,
    /// 409: another operation is in progress.
    Busy,
    /// Someone wrote another pool between our read and our write: 412.
    Overtaken,
    /// The request never arrives.
    LostRequest,
    /// It acts; the reply never arrives.
    LostReply,
    /// Accepted, then cancelled by a foreign write that puts the pool back.
    Superseded,
    /// Accepted, then cancelled by a foreign write that keeps our pool.
    SupersededKept,
    /// 403.
    Denied,
}

/// The cloud.
#[derive(Default)]
pub(crate) struct Azure {
    resources: BTreeMap<String, Value>,
    operations: Vec<Operation>,
    revision: u64,
    /// What happens to gateway writes, in order; then nothing.
    pub(crate) troubles: VecDeque<Trouble>,
    /// Members of each accepted gateway write.
    pub(crate) gateway_puts: Vec<Vec<Ipv4Addr>>,
    /// What the gateway dispatches to, with when it began to.
    pub(crate) effective: Vec<Ipv4Addr>,
    coming: Vec<(u64, Vec<Ipv4Addr>)>,
    /// Sides (by address) whose instances are sick.
    pub(crate) sick: BTreeSet<Ipv4Addr>,
    /// Builds whose every answer is a 500, from when.
    pub(crate) failing: BTreeMap<Ipv4Addr, u64>,
    turn: usize,
    /// Every write that was accepted, as method and id.
    pub(crate) writes: Vec<String>,
}

struct Operation {
    ends_at: u64,
    target: String,
    end: Value,
}

/// One side of the fake, by convention of the example configuration.
const SIDES: [(Ipv4Addr, &str); 2] = [
    (Ipv4Addr::new(10, 0, 0, 5), "green"),
    (Ipv4Addr::new(10, 0, 0, 6), "blue"),
];

impl Azure {
    /// A resource as it is, to inspect.
    pub(crate) fn resource(&self, id: &ResourceId) -> &Value {
        &self.resources[id.key()]
    }

    /// A foreign edit.
    pub(crate) fn edit(&mut self, id: &ResourceId, edit: impl FnOnce(&mut Value)) {
        let revision = self.next_revision();
        let resource = self
            .resources
            .get_mut(id.key())
            .expect("the resource exists");
        edit(resource);
        resource["etag"] = json!(revision);
    }

    /// Somebody else's write that leaves all as it is, under way until then, in milliseconds.
    pub(crate) fn rewrite(&mut self, id: &ResourceId, ends_at: u64) {
        self.edit(id, |resource| {
            resource["properties"]["provisioningState"] = json!("Updating");
        });
        self.operations.push(Operation {
            ends_at,
            target: id.key().to_owned(),
            end: json!({"status": "Succeeded"}),
        });
    }

    pub(super) fn handle(&mut self, now: u64, request: &http::Request<Bytes>) -> Answer {
        self.advance(now);
        let path = request.uri().path().to_owned();
        if let Some(number) = path.strip_prefix("/operations/") {
            return Ok(self.poll(now, number.parse().expect("operations are numbers")));
        }
        let body = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
        if let Some((balancer, _)) = path.split_once("/loadBalancingRules/") {
            return Ok(ok(&self.rule_health(balancer)));
        }
        if let Some(scale_set) = path.strip_suffix("/virtualMachines") {
            return Ok(ok(&self.instances(scale_set)));
        }
        if path.ends_with("/backendhealth") {
            return Ok(ok(&self.backend_health(&path)));
        }
        if path
            .to_lowercase()
            .ends_with("/microsoft.insights/autoscalesettings")
        {
            return Ok(ok(&self.list(&path)));
        }
        let id = ResourceId::parse(&path).expect("the rest are resources");
        match *request.method() {
            Method::GET => Ok(self.get(&id)),
            Method::PUT if path.contains("applicationGateways") => {
                let if_match = request.headers().get("if-match");
                let if_match = if_match.and_then(|v| v.to_str().ok()).map(str::to_owned);
                self.put_gateway(now, &id, body, if_match.as_deref())
            }
            Method::PUT => Ok(self.put(&id, body)),
            Method::PATCH => Ok(self.patch(&id, &body)),
            ref other => panic!("nobody sends {other}"),
        }
    }

    /// The gateway's answer to one request: round robin over what it dispatches to.
    pub(super) fn answer(&mut self, now: u64) -> ProbeAnswer {
        self.advance(now);
        self.turn += 1;
        if self.effective.is_empty() {
            return answer(502, None);
        }
        let member = self.effective[self.turn % self.effective.len()];
        let fails = self.failing.get(&member).is_some_and(|from| now >= *from);
        answer(if fails { 500 } else { 200 }, side_of(member))
    }

    fn advance(&mut self, now: u64) {
        self.coming.sort_by_key(|(at, _)| *at);
        while self.coming.first().is_some_and(|(at, _)| *at <= now) {
            self.effective = self.coming.remove(0).1;
        }
        for operation in &self.operations {
            let mut same = self.operations.iter();
            let done = same.all(|other| other.target != operation.target || other.ends_at <= now);
            if let (true, Some(resource)) = (done, self.resources.get_mut(&operation.target))
                && resource["properties"]["provisioningState"] == "Updating"
            {
                resource["properties"]["provisioningState"] = json!("Succeeded");
                self.revision += 1;
                resource["etag"] = json!(format!("W/\"{}\"", self.revision));
            }
        }
    }

    fn next_revision(&mut self) -> String {
        self.revision += 1;
        format!("W/\"{}\"", self.revision)
    }

    fn get(&self, id: &ResourceId) -> Response<Bytes> {
        self.resources.get(id.key()).map_or_else(
            || {
                refusal(&ArmError::not_found(
                    "ResourceNotFound",
                    format!("`{id}` was not found"),
                ))
            },
            ok,
        )
    }

    fn list(&self, path: &str) -> Value {
        let prefix = path.to_lowercase();
        let items = self
            .resources
            .iter()
            .filter(|(key, _)| key.starts_with(&prefix));
        let items: Vec<&Value> = items.map(|(_, value)| value).collect();
        json!({"value": items})
    }

    /// Stores a tree as Azure would: ids on children, an etag, a state.
    fn store(&mut self, id: &ResourceId, mut body: Value, state: &str) {
        let etag = self.next_revision();
        body["id"] = json!(id);
        body["name"] = json!(id.name());
        body["etag"] = json!(etag);
        if let Some(properties) = body.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert("provisioningState".to_owned(), json!(state));
            for (array, children) in properties {
                for child in children.as_array_mut().into_iter().flatten() {
                    if let Some(name) = tree::text(child, "name").map(str::to_owned) {
                        child["id"] = json!(id.child(array, &name));
                    }
                }
            }
            if id.as_str().contains("publicIPAddresses") {
                body["properties"]["ipAddress"] = json!("20.0.0.4");
            }
        }
        self.resources.insert(id.key().to_owned(), body);
    }

    fn put(&mut self, id: &ResourceId, body: Value) -> Response<Bytes> {
        let new = !self.resources.contains_key(id.key());
        self.store(id, body, "Succeeded");
        self.writes.push(format!("PUT {id}"));
        let mut answer = ok(&self.resources[id.key()]);
        if new {
            *answer.status_mut() = StatusCode::CREATED;
        }
        answer
    }

    fn patch(&mut self, id: &ResourceId, body: &Value) -> Response<Bytes> {
        self.writes.push(format!("PATCH {id}"));
        let resource = self
            .resources
            .get_mut(id.key())
            .expect("the scale set exists");
        resource["sku"] = body["sku"].clone();
        ok(resource)
    }

    fn put_gateway(
        &mut self,
        now: u64,
        id: &ResourceId,
        body: Value,
        if_match: Option<&str>,
    ) -> Answer {
        let creates = !self.resources.contains_key(id.key());
        let trouble = if creates {
            Trouble::None
        } else {
            self.troubles.pop_front().unwrap_or(Trouble::None)
        };
        if let Some(answer) = self.refused(id, trouble) {
            return answer;
        }
        let held = self.resources.get(id.key()).map(|g| g["etag"].clone());
        if let (Some(asked), Some(held)) = (if_match, held)
            && held != asked
        {
            return Ok(refusal(&mismatch()));
        }
        let before = self.resources.get(id.key()).cloned();
        let members = members(&body);
        self.store(id, body, "Updating");
        self.gateway_puts.push(members.clone());
        self.writes.push(format!("PUT {id}"));
        self.coming
            .push((now + OPERATION_MS + PROPAGATION_MS, members));
        let mut end = json!({"status": "Succeeded"});
        if matches!(trouble, Trouble::Superseded | Trouble::SupersededKept) {
            end = superseded();
            if let (Trouble::Superseded, Some(before)) = (trouble, before) {
                self.coming.pop();
                self.store(id, before, "Updating");
            }
        }
        let ends_at = if creates { now } else { now + OPERATION_MS };
        self.operations.push(Operation {
            ends_at,
            target: id.key().to_owned(),
            end,
        });
        if creates {
            self.coming.pop();
            self.effective = self.gateway_puts.pop().unwrap_or_default();
        }
        if trouble == Trouble::LostReply {
            return Err(lost());
        }
        let mut answer = ok(&self.resources[id.key()]);
        let url = format!("http://fake/operations/{}", self.operations.len() - 1);
        let headers = answer.headers_mut();
        headers.insert("azure-asyncoperation", url.parse().expect("it is a URL"));
        headers.insert("retry-after", "3".parse().expect("it is a number"));
        Ok(answer)
    }

    fn refused(&mut self, id: &ResourceId, trouble: Trouble) -> Option<Answer> {
        let refuse = |status, code| Some(Ok(refusal(&ArmError::new(status, code, "no"))));
        match trouble {
            Trouble::Throttled => {
                let error = ArmError::new(StatusCode::TOO_MANY_REQUESTS, "RetryableError", "no");
                let mut answer = refusal(&error);
                answer
                    .headers_mut()
                    .insert("retry-after", "7".parse().expect("a number"));
                Some(Ok(answer))
            }
            Trouble::Busy => refuse(StatusCode::CONFLICT, "AnotherOperationInProgress"),
            Trouble::Denied => refuse(StatusCode::FORBIDDEN, "AuthorizationFailed"),
            Trouble::LostRequest => Some(Err(lost())),
            Trouble::Overtaken => {
                self.edit(id, |gateway| gateway["tags"] = json!({"foreign": "edit"}));
                Some(Ok(refusal(&mismatch())))
            }
            _ => None,
        }
    }

    fn poll(&self, now: u64, number: usize) -> Response<Bytes> {
        let operation = &self.operations[number];
        if operation.ends_at <= now {
            return ok(&operation.end);
        }
        let mut answer = ok(&json!({"status": "InProgress"}));
        let headers = answer.headers_mut();
        headers.insert("retry-after", "3".parse().expect("it is a number"));
        answer
    }

    fn side_is_sick(&self, name: &str) -> bool {
        self.sick
            .iter()
            .any(|address| side_of(*address) == Some(name))
    }

    fn capacity(&self, side: &str) -> u64 {
        let ending = format!("/virtualmachinescalesets/{side}-vmss");
        let found = self
            .resources
            .iter()
            .find(|(key, _)| key.ends_with(&ending));
        found
            .and_then(|(_, set)| set["sku"]["capacity"].as_u64())
            .unwrap_or_default()
    }

    fn instances(&self, scale_set: &str) -> Value {
        let name = scale_set.rsplit('/').next().unwrap_or_default();
        let side = name.trim_end_matches("-vmss");
        let sick = self.side_is_sick(side);
        let instance = |id: u64| {
            let health = if sick { "unhealthy" } else { "healthy" };
            json!({"instanceId": id.to_string(), "properties": {
                "latestModelApplied": true, "provisioningState": "Succeeded",
                "instanceView": {"vmHealth": {"status": {"code": format!("HealthState/{health}")}}},
            }})
        };
        let all: Vec<Value> = (0..self.capacity(side)).map(instance).collect();
        json!({"value": all})
    }

    fn rule_health(&self, balancer: &str) -> Value {
        let side = if balancer.contains("Green") {
            "green"
        } else {
            "blue"
        };
        let row = |id: u64| json!({"ipAddress": format!("10.0.1.{}", id + 4), "state": "Up"});
        let rows: Vec<Value> = (0..self.capacity(side)).map(row).collect();
        json!({"up": rows.len(), "down": 0, "loadBalancerBackendAddresses": rows})
    }

    fn backend_health(&self, path: &str) -> Value {
        let gateway = ResourceId::parse(path.trim_end_matches("/backendhealth"));
        let gateway = gateway.expect("the path names the gateway");
        let server = |address: &Ipv4Addr| json!({"address": address, "health": "Healthy"});
        let servers: Vec<Value> = self.effective.iter().map(server).collect();
        json!({"backendAddressPools": [{
            "backendAddressPool": {"id": gateway.child("backendAddressPools", "pool01")},
            "backendHttpSettingsCollection": [{"servers": servers}],
        }]})
    }
}

fn side_of(address: Ipv4Addr) -> Option<&'static str> {
    SIDES
        .iter()
        .find(|(known, _)| *known == address)
        .map(|(_, name)| *name)
}

fn members(gateway: &Value) -> Vec<Ipv4Addr> {
    crate::view::pool::members(gateway, "pool01").unwrap_or_default()
}

fn answer(status: u16, side: Option<&str>) -> ProbeAnswer {
    let header = side.map(|side| ("x-build-id".to_owned(), format!("{side}-build")));
    ProbeAnswer {
        status,
        headers: header.into_iter().collect(),
        body: Bytes::new(),
    }
}

fn ok(body: &Value) -> Response<Bytes> {
    Response::new(Bytes::from(body.to_string()))
}

fn refusal(error: &ArmError) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(error.to_bytes()));
    *answer.status_mut() = error.status;
    answer
}

fn lost() -> TransportError {
    TransportError::Lost {
        reason: "reset by peer".to_owned(),
    }
}

fn mismatch() -> ArmError {
    ArmError::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", "no").with_detail(
        ErrorBody::new("PreconditionFailedEtagMismatch", "a is not b"),
    )
}

fn superseded() -> Value {
    json!({"status": "Canceled", "error": {"code": "Canceled", "message": "no", "details": [
        {"code": "CanceledAndSupersededDueToAnotherOperation", "message": "no"},
    ]}})
}
