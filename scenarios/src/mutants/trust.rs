//! An orchestrator that takes on trust what it should look at.
//!
//! Most broken gates differ only in what they believe: machines that run, a member nobody mentioned,
//! answers that came by another way. [`Trust`] says what is believed; [`Trusting`] is the
//! orchestrator that believes it.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use turquoise_arm::json as tree;
use turquoise_orchestrator::environment::{ProbeAnswer, ProbeRequest};
use turquoise_orchestrator::{Environment, Instant};

use super::evidence::{Stage, heal};
use super::interference::{ArmAnswer, Call, Interference, ProbeResult, Seam, pass};

/// What is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trust {
    /// In which stages of the swap.
    pub(super) stages: &'static [Stage],
    /// Of single machines and of balancers.
    pub(super) machines: Machines,
    /// Of the gateway's own health view.
    pub(super) gateway: Gateway,
    /// Of answers through the gateway.
    pub(super) answers: Answers,
}

/// What is believed of machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Machines {
    /// What they say.
    AsTold,
    /// That all that are listed are well.
    Well,
    /// That there are as many as were ordered, and all are well.
    AsOrdered,
    /// What they say; and that they are well when nothing can be read.
    WellUnlessTold,
}

/// What is believed of the gateway's health view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gateway {
    /// What it says.
    AsTold,
    /// That all members are healthy.
    Healthy,
    /// That members which it does not mention are healthy.
    HealthyIfUnmentioned,
    /// That one gateway instance speaks for all.
    OneForAll,
    /// Its verdict, without the story of the last probe.
    WithoutStories,
}

/// What is believed of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// What they say.
    AsGiven,
    /// That each is good and that both sides give them in turn.
    Good,
    /// That an answer which names a build is a good one, whatever its status.
    GoodIfNamed,
    /// That the old side's are good.
    GoodFromOld,
    /// That one connection speaks for all.
    OneForAll,
    /// That they are good until metrics have come in, so long after a stage began.
    GoodUntil(Duration),
}

impl Trust {
    /// Nothing is believed, in any stage.
    pub(super) const NONE: Self = Self {
        stages: &[Stage::OldAlone, Stage::Both, Stage::NewAlone],
        machines: Machines::AsTold,
        gateway: Gateway::AsTold,
        answers: Answers::AsGiven,
    };
}

/// An orchestrator that believes.
#[derive(Debug)]
pub(super) struct Trusting {
    trust: Trust,
    stage: Cell<Stage>,
    since: Cell<Instant>,
    turn: Cell<u64>,
    good: RefCell<Option<ProbeAnswer>>,
    last: RefCell<Option<(Instant, ProbeAnswer)>>,
}

impl Trusting {
    pub(super) fn new(trust: Trust) -> Self {
        Self {
            trust,
            stage: Cell::new(Stage::OldAlone),
            since: Cell::new(Instant::default()),
            turn: Cell::new(0),
            good: RefCell::default(),
            last: RefCell::default(),
        }
    }

    fn believes(&self) -> bool {
        self.trust.stages.contains(&self.stage.get())
    }

    fn note(&self, seam: &Seam<'_>, call: &Call) {
        let stage = if call.adds_new(seam.target) {
            Stage::Both
        } else if call.removes_old(seam.target) {
            Stage::NewAlone
        } else {
            return;
        };
        self.stage.set(stage);
        self.since.set(seam.now());
    }

    fn rewrite(&self, seam: &Seam<'_>, answer: Response<Bytes>, ordered: u32) -> Response<Bytes> {
        let Ok(mut document) = serde_json::from_slice::<Value>(answer.body()) else {
            return answer;
        };
        if document.get("backendAddressPools").is_some() {
            self.rewrite_gateway(seam, &mut document);
        } else if matches!(self.trust.machines, Machines::Well | Machines::AsOrdered) {
            heal(&mut document);
            ask_http(&mut document);
            if self.trust.machines == Machines::AsOrdered {
                complete(&mut document, ordered);
            }
        }
        answer.map(|_| Bytes::from(document.to_string()))
    }

    fn rewrite_gateway(&self, seam: &Seam<'_>, document: &mut Value) {
        match self.trust.gateway {
            Gateway::AsTold => {}
            Gateway::Healthy => heal(document),
            Gateway::HealthyIfUnmentioned => {
                mention(document, &seam.target.new.address.to_string());
            }
            Gateway::OneForAll => each_server(document, &|server| {
                if server["health"] == "Partial" {
                    server["health"] = "Up".into();
                }
            }),
            Gateway::WithoutStories => {
                each_server(document, &|server| server["healthProbeLog"] = "".into());
            }
        }
    }

    fn judge(&self, seam: &Seam<'_>, seen: ProbeResult) -> ProbeResult {
        let mut answer = match &seen {
            Ok(answer) => answer.clone(),
            Err(_) if self.trust.answers == Answers::Good => match self.good.borrow().clone() {
                Some(kept) => kept,
                None => return seen,
            },
            Err(_) => return seen,
        };
        let named = build_of(seam, &answer);
        let good = match self.trust.answers {
            Answers::AsGiven | Answers::OneForAll => false,
            Answers::Good => true,
            Answers::GoodIfNamed => named.is_some(),
            Answers::GoodFromOld => named.as_deref() == Some(&*seam.target.old.build),
            Answers::GoodUntil(span) => {
                named.is_some() && seam.now().since(self.since.get()) < span
            }
        };
        if good {
            answer.status = 200;
            if self.trust.answers == Answers::Good {
                let kept = self.good.borrow().clone();
                answer = kept.unwrap_or(answer);
                self.name(seam, &mut answer);
            }
        }
        Ok(answer)
    }

    /// Has an answer name the build that it is hoped to come from.
    fn name(&self, seam: &Seam<'_>, answer: &mut ProbeAnswer) {
        let turn = self.turn.replace(self.turn.get() + 1);
        let target = seam.target;
        let build = match self.stage.get() {
            Stage::OldAlone => &target.old.build,
            Stage::Both if turn.is_multiple_of(2) => &target.old.build,
            Stage::Both | Stage::NewAlone => &target.new.build,
        };
        for (name, value) in &mut answer.headers {
            if *name == target.build_header {
                build.clone_into(value);
            }
        }
    }

    /// The answer that another probe of the same look got.
    fn shared(&self, now: Instant) -> Option<ProbeAnswer> {
        let last = self.last.borrow();
        let (at, answer) = last.as_ref()?;
        (now.since(*at) < Duration::from_secs(1)).then(|| answer.clone())
    }
}

impl Interference for Trusting {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            self.note(&seam, &seam.call(&request));
            if !self.believes() {
                return pass(&seam, request).await;
            }
            let about = About::read(&seam, &request);
            let answer = pass(&seam, request).await;
            if self.trust.machines == Machines::WellUnlessTold
                && about != About::Other
                && !answer
                    .as_ref()
                    .is_ok_and(|answer| answer.status().is_success())
            {
                return Ok(invented(about, ordered(&seam).await));
            }
            let answer = answer?;
            let wanted = match self.trust.machines {
                Machines::AsOrdered => ordered(&seam).await,
                _ => 0,
            };
            Ok(self.rewrite(&seam, answer, wanted))
        })
    }

    fn probe<'a>(
        &'a self,
        seam: Seam<'a>,
        request: ProbeRequest,
    ) -> LocalBoxFuture<'a, ProbeResult> {
        Box::pin(async move {
            let shares = self.trust.answers == Answers::OneForAll && self.believes();
            if shares && let Some(answer) = self.shared(seam.now()) {
                return Ok(answer);
            }
            let asked = seam.now();
            let seen = seam.probe(request).await;
            if let Ok(answer) = &seen
                && answer.status < 300
            {
                *self.good.borrow_mut() = Some(answer.clone());
            }
            if shares && let Ok(answer) = &seen {
                *self.last.borrow_mut() = Some((asked, answer.clone()));
            }
            if self.believes() {
                return self.judge(&seam, seen);
            }
            seen
        })
    }
}

/// What a read asks of the new side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Machines,
    Rule,
    Other,
}

impl About {
    fn read(seam: &Seam<'_>, request: &Request<Bytes>) -> Self {
        let path = request.uri().path().to_ascii_lowercase();
        let scale_set = &seam.target.new.scale_set;
        let group = scale_set.group().unwrap_or_else(|| scale_set.clone());
        if !path.starts_with(group.key()) {
            return Self::Other;
        }
        match *request.method() {
            Method::GET if path.ends_with("/virtualmachines") => Self::Machines,
            Method::POST if path.ends_with("/health") => Self::Rule,
            _ => Self::Other,
        }
    }
}

fn build_of(seam: &Seam<'_>, answer: &ProbeAnswer) -> Option<String> {
    let mut headers = answer.headers.iter();
    let named = headers.find(|(name, _)| *name == seam.target.build_header);
    named.map(|(_, build)| build.clone())
}

/// How many machines were ordered for the new side.
async fn ordered(seam: &Seam<'_>) -> u32 {
    let scale_set = seam.script().get(&seam.target.new.scale_set).await;
    let capacity = scale_set
        .ok()
        .and_then(|set| tree::integer(&set, "sku.capacity"));
    capacity
        .and_then(|capacity| u32::try_from(capacity).ok())
        .unwrap_or(1)
}

/// What is made of a question that got no answer.
fn invented(about: About, machines: u32) -> Response<Bytes> {
    let mut document = match about {
        About::Rule => json!({"loadBalancerBackendAddresses": []}),
        About::Machines | About::Other => json!({"value": []}),
    };
    complete(&mut document, machines);
    Response::new(Bytes::from(document.to_string()))
}

/// Fills a list of machines, or of a rule's rows, up to as many as were ordered.
fn complete(document: &mut Value, machines: u32) {
    let wanted = machines as usize;
    if let Some(Value::Array(rows)) = document.get_mut("loadBalancerBackendAddresses") {
        rows.resize(
            wanted.max(rows.len()),
            json!({"ipAddress": "10.0.0.0", "state": "Up"}),
        );
    }
    let is_fleet = |rows: &[Value]| rows.iter().all(|row| row.get("instanceId").is_some());
    if let Some(Value::Array(rows)) = document.get_mut("value")
        && is_fleet(rows)
    {
        let machine = json!({"instanceId": "new", "properties": {
            "latestModelApplied": true,
            "provisioningState": "Succeeded",
            "instanceView": {"vmHealth": {"status": {"code": "HealthState/healthy"}}},
        }});
        rows.resize(wanted.max(rows.len()), machine);
    }
}

/// Has probes of a load balancer ask for a page, and not for an open port.
fn ask_http(document: &mut Value) {
    let probes = document.pointer_mut("/properties/probes");
    for probe in probes.and_then(Value::as_array_mut).into_iter().flatten() {
        probe["properties"]["protocol"] = "Http".into();
    }
}

/// Adds a healthy row for an address to every list of servers that lacks it.
fn mention(value: &mut Value, address: &str) {
    match value {
        Value::Array(elements) => elements
            .iter_mut()
            .for_each(|entry| mention(entry, address)),
        Value::Object(members) => {
            if let Some(Value::Array(servers)) = members.get_mut("servers")
                && !servers.iter().any(|server| server["address"] == address)
            {
                servers.push(json!({"address": address, "health": "Up", "healthProbeLog": ""}));
            }
            members
                .values_mut()
                .for_each(|entry| mention(entry, address));
        }
        _ => {}
    }
}

fn each_server(value: &mut Value, edit: &dyn Fn(&mut Value)) {
    match value {
        Value::Array(elements) => elements
            .iter_mut()
            .for_each(|entry| each_server(entry, edit)),
        Value::Object(members) => {
            if let Some(Value::Array(servers)) = members.get_mut("servers") {
                servers.iter_mut().for_each(edit);
            }
            members
                .values_mut()
                .for_each(|entry| each_server(entry, edit));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_ordered_counts_as_there_only_in_lists_of_machines() {
        let mut rows = json!({"loadBalancerBackendAddresses": [{"ipAddress": "a", "state": "Up"}]});
        complete(&mut rows, 3);
        let count = |value: &Value, name: &str| value[name].as_array().map(Vec::len);
        assert_eq!(count(&rows, "loadBalancerBackendAddresses"), Some(3));
        let mut fleet = json!({"value": [{"instanceId": "0"}]});
        complete(&mut fleet, 2);
        assert_eq!(count(&fleet, "value"), Some(2));
        let mut settings = json!({"value": [{"name": "autoscale"}]});
        complete(&mut settings, 2);
        assert_eq!(count(&settings, "value"), Some(1));
    }

    #[test]
    fn an_unmentioned_member_is_mentioned_once() {
        let mut document = json!({"backendAddressPools": [{"backendHttpSettingsCollection": [
            {"servers": [{"address": "10.0.0.5", "health": "Up"}]},
        ]}]});
        mention(&mut document, "10.0.0.6");
        mention(&mut document, "10.0.0.6");
        let servers =
            &document["backendAddressPools"][0]["backendHttpSettingsCollection"][0]["servers"];
        assert_eq!(servers.as_array().map(Vec::len), Some(2));
        each_server(&mut document, &|server| server["health"] = "Down".into());
        assert!(!document.to_string().contains("\"Up\""));
    }
}
