//! Mutants that take what ARM says for what the gateway does.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{HeaderName, Request, Response, header};
use serde_json::{Value, json};
use turquoise_orchestrator::config::Span;
use turquoise_orchestrator::environment::{ProbeAnswer, ProbeRequest};
use turquoise_orchestrator::{Config, Environment, Instant, Observer, Phase, Progress};

use super::Mutant;
use super::evidence::{drop_server, heal};
use super::gives_up::settled;
use super::interference::{ArmAnswer, Call, Interference, ProbeResult, Seam, pass};
use super::occasions::ScenarioExt;
use crate::invariant::Invariant;

/// F68: a read shows what is wanted, at once.
pub(super) const DESIRED_NOT_ACTUAL: Mutant = Mutant {
    id: "desired-not-actual",
    catalogue: "F68",
    wrong: "takes a write for done once a read of the gateway shows it",
    oracles: BELONGS,
    expose: |scenario| scenario.with_slow_gateway_writes(180_000),
    configure: in_a_hurry,
    make: || Box::new(Believes::new(Ends::ByContent)),
    ..Mutant::HARMLESS
};

/// F65: a 200 or 201 is taken for the end of the operation.
pub(super) const LRO_SEMANTICS: Mutant = Mutant {
    id: "lro-semantics",
    catalogue: "F65",
    wrong: "takes the first 2xx for the end of an operation, and its document for the gateway",
    oracles: BELONGS,
    expose: |scenario| scenario.with_slow_gateway_writes(180_000),
    configure: in_a_hurry,
    make: || Box::new(Believes::new(Ends::ByStatus)),
    ..Mutant::HARMLESS
};

const BELONGS: &[Invariant] = &[
    Invariant::S(16),
    Invariant::S(20),
    Invariant::S(2),
    Invariant::S(11),
    Invariant::S(24),
];

/// Who believes needs no look twice.
fn in_a_hurry(config: &mut Config) {
    config.gates.consecutive = 1;
    config.gates.span = Span::seconds(0);
    config.phases.bake = Span::seconds(0);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// The operation is not looked at: the gateway's own document is.
    ByContent,
    /// The answer to the write names no operation that would be followed.
    ByStatus,
}

/// Sees in health views and answers what ARM lists.
#[derive(Debug)]
struct Believes {
    ends: Ends,
    phase: Cell<Option<Phase>>,
    members: RefCell<Vec<String>>,
    operation: RefCell<Option<String>>,
    probes: Cell<usize>,
    answer: RefCell<Option<ProbeAnswer>>,
}

impl Believes {
    fn new(ends: Ends) -> Self {
        Self {
            ends,
            phase: Cell::new(None),
            members: RefCell::default(),
            operation: RefCell::default(),
            probes: Cell::new(0),
            answer: RefCell::default(),
        }
    }

    fn believes(&self) -> bool {
        matches!(self.phase.get(), Some(phase) if phase >= Phase::P4 && phase <= Phase::P8)
    }

    /// The answer to a write, and the poll of its operation, as this orchestrator reads them.
    fn read_write(&self, mut answer: Response<Bytes>) -> Response<Bytes> {
        let names = ["azure-asyncoperation", "location"];
        if let Some(url) = answer.headers().get(names[0]) {
            let url = url.to_str().unwrap_or_default().to_owned();
            *self.operation.borrow_mut() = Some(url);
        }
        if self.ends == Ends::ByStatus {
            answer
                .headers_mut()
                .remove(HeaderName::from_static(names[0]));
            answer.headers_mut().remove(header::LOCATION);
            return settled(answer);
        }
        answer
    }

    fn is_poll(&self, request: &Request<Bytes>) -> bool {
        let url = request.uri().to_string();
        self.operation.borrow().as_deref() == Some(url.as_str())
    }
}

impl Interference for Believes {
    fn tell(&self, at: Instant, progress: &Progress, observer: &dyn Observer) {
        if let Progress::Entered { phase, .. } = progress {
            self.phase.set(Some(*phase));
        }
        observer.on(at, progress);
    }

    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let (call, poll) = (seam.call(&request), self.is_poll(&request));
            let answer = pass(&seam, request).await?;
            if !self.believes() || !answer.status().is_success() {
                return Ok(answer);
            }
            if poll {
                let done = json!({"status": "Succeeded"}).to_string();
                return Ok(Response::new(Bytes::from(done)));
            }
            Ok(match call {
                Call::WriteGateway(members) => {
                    *self.members.borrow_mut() = members;
                    self.read_write(answer)
                }
                Call::ReadGateway => settled(answer),
                _ if is_health(&answer) => healthy_members(&seam, answer, &self.members.borrow()),
                _ => answer,
            })
        })
    }

    fn probe<'a>(
        &'a self,
        seam: Seam<'a>,
        request: ProbeRequest,
    ) -> LocalBoxFuture<'a, ProbeResult> {
        Box::pin(async move {
            let seen = seam.probe(request).await;
            if let Ok(answer) = &seen {
                self.answer
                    .borrow_mut()
                    .get_or_insert_with(|| answer.clone());
            }
            let members = self.members.borrow();
            let (true, Some(mut answer)) = (self.believes(), self.answer.borrow().clone()) else {
                return seen;
            };
            let number = self.probes.replace(self.probes.get() + 1);
            let Some(member) = members.get(number % members.len().max(1)) else {
                return seen;
            };
            let target = seam.target;
            let sides = [&target.old, &target.new];
            let side = sides.into_iter().find(|s| s.address.to_string() == *member);
            for (name, value) in &mut answer.headers {
                if *name == target.build_header
                    && let Some(side) = side
                {
                    side.build.clone_into(value);
                }
            }
            Ok(answer)
        })
    }
}

/// A health view with a healthy row for each of these members.
pub(super) fn healthy_members(
    seam: &Seam<'_>,
    answer: Response<Bytes>,
    members: &[String],
) -> Response<Bytes> {
    let Ok(mut document) = serde_json::from_slice::<Value>(answer.body()) else {
        return answer;
    };
    heal(&mut document);
    for side in [&seam.target.old, &seam.target.new] {
        let address = side.address.to_string();
        drop_server(&mut document, &address);
        if members.contains(&address) {
            add_server(&mut document, &address);
        }
    }
    answer.map(|_| Bytes::from(document.to_string()))
}

/// Whether a document is a gateway's health view, which comes as an operation's result.
pub(super) fn is_health(answer: &Response<Bytes>) -> bool {
    let document: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    document.get("backendAddressPools").is_some()
}

/// Adds a healthy server wherever a health view lists servers.
fn add_server(value: &mut Value, address: &str) {
    match value {
        Value::Array(elements) => elements
            .iter_mut()
            .for_each(|entry| add_server(entry, address)),
        Value::Object(members) => {
            if let Some(servers) = members.get_mut("servers").and_then(Value::as_array_mut) {
                servers.push(json!({"address": address, "health": "Up"}));
            }
            members
                .values_mut()
                .for_each(|entry| add_server(entry, address));
        }
        _ => {}
    }
}
