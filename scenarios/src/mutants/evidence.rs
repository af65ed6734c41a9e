//! Mutants whose evidence is not evidence: gates that look at the wrong thing, or see what they hope
//! to see.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{Method, Request, Response};
use serde_json::Value;
use turquoise_emulator::faults::{Fault, FaultKind, Sickness};
use turquoise_orchestrator::environment::{ProbeAnswer, ProbeRequest};

use super::Mutant;
use super::interference::{ArmAnswer, Call, Interference, ProbeResult, Seam, pass};
use crate::invariant::Invariant;
use crate::scenario::Scenario;
use crate::script::set_pool;
use crate::world::names;

/// F02: a machine that runs counts as healthy.
pub(super) const GATE_POWER: Mutant = Mutant {
    id: "gate-power",
    catalogue: "F02",
    wrong: "takes running machines for healthy ones before it adds the new side",
    // The gateway hides the refusals behind a second try at the other side, ten seconds later.
    oracles: &[
        Invariant::S(2),
        Invariant::S(20),
        Invariant::Q(1),
        Invariant::Q(3),
    ],
    expose: with_dead_new_side,
    configure: |_| {},
    make: || Box::new(Hopes::new(Scope::Machines)),
    ..Mutant::HARMLESS
};

/// F03: every gate passes.
pub(super) const GATE_VACUOUS: Mutant = Mutant {
    id: "gate-vacuous",
    catalogue: "F03",
    wrong: "passes every gate, whatever the new side answers",
    oracles: &[Invariant::S(2), Invariant::S(11), Invariant::S(20)],
    expose: with_dead_new_side,
    configure: |_| {},
    make: || Box::new(Hopes::new(Scope::Everything)),
    ..Mutant::HARMLESS
};

/// F94: success is reported although the second write was never sent.
pub(super) const FALSE_SUCCESS: Mutant = Mutant {
    id: "false-success",
    catalogue: "F94",
    wrong: "swallows the second write and reports success",
    oracles: &[Invariant::S(8), Invariant::S(23), Invariant::S(4)],
    expose: |_| {},
    configure: |_| {},
    make: || Box::new(Hopes::new(Scope::SecondWrite)),
    ..Mutant::HARMLESS
};

fn with_dead_new_side(scenario: &mut Scenario) {
    scenario.faults = vec![Fault {
        at_ms: 0,
        kind: FaultKind::Sick {
            scale_set: names::NEW_SCALE_SET.to_owned(),
            percent: 100,
            how: Sickness::Refuses,
            for_ms: 100_000_000,
        },
    }];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// What single machines say, until the new side is in the pool.
    Machines,
    /// That, the gateway's health and every probe.
    Everything,
    /// Everything from the second write on, which is not sent.
    SecondWrite,
}

/// What the pool lists, as far as the orchestrator has written it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    OldAlone,
    Both,
    NewAlone,
}

/// An orchestrator that sees what it hopes to see.
#[derive(Debug)]
struct Hopes {
    scope: Scope,
    stage: Cell<Stage>,
    probes: Cell<u64>,
    old_answer: RefCell<Option<ProbeAnswer>>,
}

impl Hopes {
    const fn new(scope: Scope) -> Self {
        Self {
            scope,
            stage: Cell::new(Stage::OldAlone),
            probes: Cell::new(0),
            old_answer: RefCell::new(None),
        }
    }

    fn deludes_itself(&self) -> bool {
        match self.scope {
            Scope::Machines => self.stage.get() == Stage::OldAlone,
            Scope::Everything => true,
            Scope::SecondWrite => self.stage.get() == Stage::NewAlone,
        }
    }

    fn note(&self, seam: &Seam<'_>, call: &Call) {
        if call.adds_new(seam.target) {
            self.stage.set(Stage::Both);
        }
        if call.removes_old(seam.target) {
            self.stage.set(Stage::NewAlone);
        }
    }

    /// The second write as it would have been answered, from a read.
    async fn pretend(&self, seam: &Seam<'_>, write: Request<Bytes>) -> ArmAnswer {
        let mut read = write;
        *read.method_mut() = Method::GET;
        *read.body_mut() = Bytes::new();
        let answer = pass(seam, read).await?;
        Ok(self.embellish(seam, answer))
    }

    /// Rewrites an answer to what is hoped for.
    fn embellish(&self, seam: &Seam<'_>, answer: Response<Bytes>) -> Response<Bytes> {
        let Ok(mut document) = serde_json::from_slice::<Value>(answer.body()) else {
            return answer;
        };
        heal(&mut document);
        let new = seam.target.new.address.to_string();
        if self.stage.get() == Stage::NewAlone && self.scope == Scope::SecondWrite {
            set_pool(&mut document, &seam.target.pool, &[new]);
            drop_server(&mut document, &seam.target.old.address.to_string());
            // What was written has another etag than what was read before.
            if let Some(etag) = document.get_mut("etag") {
                *etag = Value::from("W/\"hoped\"");
            }
        }
        answer.map(|_| Bytes::from(document.to_string()))
    }

    /// The build this probe is hoped to meet.
    fn hoped_build<'t>(&self, seam: &Seam<'t>) -> &'t str {
        let number = self.probes.get();
        self.probes.set(number + 1);
        match self.stage.get() {
            Stage::OldAlone => &seam.target.old.build,
            Stage::Both if number.is_multiple_of(2) => &seam.target.old.build,
            Stage::Both | Stage::NewAlone => &seam.target.new.build,
        }
    }

    fn hoped_answer(&self, seam: &Seam<'_>, seen: ProbeResult) -> ProbeResult {
        if let Ok(answer) = &seen
            && answer.status < 300
        {
            *self.old_answer.borrow_mut() = Some(answer.clone());
        }
        let kept = self.old_answer.borrow().clone();
        let Some(mut answer) = kept else {
            return seen;
        };
        let build = self.hoped_build(seam);
        for (name, value) in &mut answer.headers {
            if *name == seam.target.build_header {
                build.clone_into(value);
            }
        }
        Ok(answer)
    }
}

impl Interference for Hopes {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let call = seam.call(&request);
            self.note(&seam, &call);
            if self.scope == Scope::SecondWrite && call.removes_old(seam.target) {
                return self.pretend(&seam, request).await;
            }
            let answer = pass(&seam, request).await?;
            if self.deludes_itself() {
                return Ok(self.embellish(&seam, answer));
            }
            Ok(answer)
        })
    }

    fn probe<'a>(
        &'a self,
        seam: Seam<'a>,
        request: ProbeRequest,
    ) -> LocalBoxFuture<'a, ProbeResult> {
        use turquoise_orchestrator::Environment;
        Box::pin(async move {
            let seen = seam.probe(request).await;
            if self.scope != Scope::Machines && self.deludes_itself() {
                return self.hoped_answer(&seam, seen);
            }
            seen
        })
    }
}

/// Turns every statement of ill health in a document into one of good health, in Azure's words
/// (azure-facts.md §4.10, §4.11.4, §4.12.4).
pub(super) fn heal(value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(heal),
        Value::Object(members) => {
            let (up, down) = (number(members.get("up")), number(members.get("down")));
            if let (Some(up), Some(down)) = (up, down) {
                members.insert("up".to_owned(), (up + down).into());
                members.insert("down".to_owned(), 0.into());
            }
            members.values_mut().for_each(heal);
        }
        Value::String(word) => {
            let healthy = match word.as_str() {
                "Down" | "Unknown" | "Partial" => "Up",
                "Unhealthy" => "Healthy",
                "HealthState/unhealthy" => "HealthState/healthy",
                _ => return,
            };
            healthy.clone_into(word);
        }
        _ => {}
    }
}

fn number(value: Option<&Value>) -> Option<u64> {
    value?.as_u64()
}

/// Takes a server out of a backend health document.
pub(super) fn drop_server(value: &mut Value, address: &str) {
    match value {
        Value::Array(elements) => {
            elements.retain(|entry| entry.get("address").and_then(Value::as_str) != Some(address));
            elements
                .iter_mut()
                .for_each(|entry| drop_server(entry, address));
        }
        Value::Object(members) => members
            .values_mut()
            .for_each(|entry| drop_server(entry, address)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hope_heals_every_word_that_azure_has_for_ill_health() {
        let mut document = json!({
            "up": 1, "down": 2,
            "backendAddressPools": [{"servers": [
                {"address": "10.0.0.5", "health": "Unhealthy"},
                {"address": "10.0.0.6", "health": "Down"},
            ]}],
            "vmHealth": {"status": {"code": "HealthState/unhealthy"}},
        });
        heal(&mut document);
        drop_server(&mut document, "10.0.0.6");
        let expected = json!({
            "up": 3, "down": 0,
            "backendAddressPools": [{"servers": [{"address": "10.0.0.5", "health": "Healthy"}]}],
            "vmHealth": {"status": {"code": "HealthState/healthy"}},
        });
        assert_eq!(document, expected);
    }
}
