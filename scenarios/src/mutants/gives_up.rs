//! Mutants that take trouble on the way for the end, and report what they then believe.
//!
//! What Azure answers to a poll is no outcome (F61, F63, F66): the pool is. These stop looking at the
//! first sign of trouble, leave whatever is under way, and say how it must have ended.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{HeaderName, Request, Response, StatusCode};
use serde_json::{Value, json};
use turquoise_arm::json as tree;
use turquoise_arm::lro::OperationStatus;
use turquoise_emulator::faults::{Fault, FaultKind};
use turquoise_orchestrator::environment::TransportError;
use turquoise_orchestrator::{Instant, Outcome, SwapReport, TokenError};

use super::Mutant;
use super::interference::{ArmAnswer, Call, Interference, Seam, pass};
use super::occasions::{ScenarioExt, gateway_writes, refusal};
use crate::invariant::Invariant;
use crate::scenario::{ForeignWrite, Moment};
use crate::script::set_pool;

/// F61: a write that another one superseded is taken for one that never happened.
pub(super) const SUPERSEDED: Mutant = Mutant {
    id: "superseded",
    catalogue: "F61",
    wrong: "takes a superseded write for one that never happened, and says that nothing was changed",
    oracles: &[Invariant::S(17), Invariant::S(18), Invariant::S(23)],
    expose: |scenario| {
        scenario.foreign = vec![ForeignWrite {
            write: 1,
            moment: Moment::During,
            pool: "foreign-1".to_owned(),
        }];
    },
    make: || GivesUp::on(Sign::Ends("Canceled"), Outcome::GateFailed),
    ..Mutant::HARMLESS
};

/// F63: what takes longer than the client's patience is taken for failed.
pub(super) const LRO_TIMEOUT: Mutant = Mutant {
    id: "lro-timeout",
    catalogue: "F63",
    wrong: "takes an operation that outlasts five minutes for failed, and writes the old pool at once",
    oracles: &[
        Invariant::S(16),
        Invariant::S(18),
        Invariant::S(19),
        Invariant::S(23),
    ],
    expose: |scenario| scenario.with_slow_gateway_writes(1_200_000),
    make: || GivesUp::and_undoes(Sign::Outlasts(FIVE_MINUTES), Outcome::RolledBack),
    ..Mutant::HARMLESS
};

/// F66: what ended as `Failed` is taken for unapplied.
pub(super) const FAILED_BUT_APPLIED: Mutant = Mutant {
    id: "failed-but-applied",
    catalogue: "F66",
    wrong: "takes a failed operation for one that left everything as it was",
    oracles: &[
        Invariant::S(16),
        Invariant::S(15),
        Invariant::S(23),
        Invariant::L(1),
    ],
    expose: |scenario| {
        scenario.faults = vec![Fault {
            at_ms: 0,
            kind: FaultKind::FailOperation {
                on: gateway_writes(),
                code: "InternalServerError".to_owned(),
                count: 1,
            },
        }];
    },
    make: || GivesUp::on(Sign::Ends("Failed"), Outcome::GateFailed),
    ..Mutant::HARMLESS
};

/// F71: a token is asked for once; when it has expired, the operation it watched has failed.
pub(super) const TOKEN_EXPIRY: Mutant = Mutant {
    id: "token-expiry",
    catalogue: "F71",
    wrong: "never renews its token, and abandons the operation that it watches at the first 401",
    oracles: &[Invariant::L(1), Invariant::S(18), Invariant::S(23)],
    expose: |scenario| {
        scenario.with_slow_gateway_writes(600_000);
        scenario.identity.ttl_ms = Some(300_000);
    },
    make: || GivesUp::on(Sign::Status(StatusCode::UNAUTHORIZED), Outcome::Interrupted),
    ..Mutant::HARMLESS
};

/// F73: a control plane that is away for half an hour ends the run and frees the lease.
pub(super) const ARM_OUTAGE: Mutant = Mutant {
    id: "arm-outage",
    catalogue: "F73",
    wrong: "ends with a failure and gives the lease back when azure does not answer in mixed mode",
    oracles: &[Invariant::L(1), Invariant::L(2), Invariant::S(10)],
    expose: |scenario| {
        scenario.faults = vec![Fault {
            at_ms: 200_000,
            kind: refusal("", "", 503, "ServiceUnavailable", 40),
        }];
    },
    make: || {
        GivesUp::on(
            Sign::Status(StatusCode::SERVICE_UNAVAILABLE),
            Outcome::Interrupted,
        )
    },
    ..Mutant::HARMLESS
};

/// F74: what is not found needs nothing done to it.
pub(super) const NOT_FOUND_NOOP: Mutant = Mutant {
    id: "404-noop",
    catalogue: "F74",
    wrong: "takes `not found` for nothing to do, and for a success",
    oracles: &[Invariant::S(20), Invariant::S(23)],
    expose: |scenario| {
        scenario.faults = vec![Fault {
            at_ms: 0,
            kind: refusal("PUT", "applicationGateways", 404, "ResourceNotFound", 1),
        }];
    },
    make: || GivesUp::on(Sign::Status(StatusCode::NOT_FOUND), Outcome::Completed),
    ..Mutant::HARMLESS
};

/// F75: an upgrade of the platform outlasts a fixed ceiling, which counts as a failure.
pub(super) const PLATFORM_UPGRADE: Mutant = Mutant {
    id: "platform-upgrade",
    catalogue: "F75",
    wrong: "says that it rolled back when a write is not effective within five minutes",
    oracles: &[Invariant::L(6), Invariant::S(23)],
    expose: |scenario| scenario.with_platform_upgrade(1_500_000),
    make: || GivesUp::on(Sign::Outlasts(FIVE_MINUTES), Outcome::RolledBack),
    ..Mutant::HARMLESS
};

const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// What it takes for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// The operation of a gateway write ends so.
    Ends(&'static str),
    /// This much after a gateway write was accepted its state is still entered.
    Outlasts(Duration),
    /// An answer with this status, once a gateway write was sent.
    Status(StatusCode),
}

/// An orchestrator that gives up at a sign and claims an outcome.
#[derive(Debug)]
struct GivesUp {
    sign: Sign,
    claim: Outcome,
    /// Whether it writes the old pool when it gives up, whatever is still under way.
    undoes: Cell<bool>,
    operation: RefCell<Option<String>>,
    written: Cell<Option<Instant>>,
    gave_up: Cell<bool>,
    first_token: RefCell<Option<String>>,
}

impl GivesUp {
    fn on(sign: Sign, claim: Outcome) -> Box<dyn Interference> {
        Box::new(Self::new(sign, claim, false))
    }

    fn and_undoes(sign: Sign, claim: Outcome) -> Box<dyn Interference> {
        Box::new(Self::new(sign, claim, true))
    }

    fn new(sign: Sign, claim: Outcome, undoes: bool) -> Self {
        Self {
            sign,
            claim,
            undoes: Cell::new(undoes),
            operation: RefCell::new(None),
            written: Cell::new(None),
            gave_up: Cell::new(false),
            first_token: RefCell::new(None),
        }
    }

    /// The reverse write, beside the operation that still runs.
    async fn undo(&self, seam: &Seam<'_>) {
        let script = seam.script();
        if let Ok(mut gateway) = script.get(&seam.target.gateway).await {
            let old = [seam.target.old.address.to_string()];
            set_pool(&mut gateway, &seam.target.pool, &old);
            // Refused or not: it has given up.
            let _accepted = script.begin_put(&seam.target.gateway, &gateway).await;
        }
    }

    fn note_write(&self, seam: &Seam<'_>, answer: &ArmAnswer) {
        use turquoise_orchestrator::Environment;
        if self.written.get().is_none() {
            self.written.set(Some(seam.now()));
        }
        if let Ok(answer) = answer
            && let Some(url) = operation_url(answer)
        {
            *self.operation.borrow_mut() = Some(url);
        }
    }

    fn is_poll(&self, request: &Request<Bytes>) -> bool {
        let url = request.uri().to_string();
        self.operation.borrow().as_deref() == Some(url.as_str())
    }

    fn sees_sign(&self, seam: &Seam<'_>, poll: bool, answer: &ArmAnswer) -> bool {
        use turquoise_orchestrator::Environment;
        let Some(written) = self.written.get() else {
            return false;
        };
        match (self.sign, answer) {
            (Sign::Ends(word), Ok(answer)) if poll => ended(answer) == Some(word),
            (Sign::Outlasts(patience), _) => seam.now().since(written) > patience,
            (Sign::Status(status), Ok(answer)) => answer.status() == status,
            // Who does not answer is away as well.
            (Sign::Status(StatusCode::SERVICE_UNAVAILABLE), Err(TransportError::Lost { .. })) => {
                true
            }
            _ => false,
        }
    }

    /// Nothing is awaited any more: the next safe point is the end.
    fn hurried(&self, poll: bool, call: &Call, answer: Response<Bytes>) -> Response<Bytes> {
        if poll {
            let done = json!({"status": "Succeeded"}).to_string();
            return Response::new(Bytes::from(done));
        }
        if matches!(call, Call::ReadGateway) {
            return settled(answer);
        }
        if matches!(call, Call::WriteGateway(_)) && !answer.status().is_success() {
            return Response::new(Bytes::from_static(b"{}"));
        }
        answer
    }
}

impl Interference for GivesUp {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let (call, poll) = (seam.call(&request), self.is_poll(&request));
            let answer = pass(&seam, request).await;
            if matches!(call, Call::WriteGateway(_)) {
                self.note_write(&seam, &answer);
            }
            if self.sees_sign(&seam, poll, &answer) {
                self.gave_up.set(true);
                if self.undoes.replace(false) {
                    self.undo(&seam).await;
                }
            }
            if self.gave_up.get() {
                return answer.map(|answer| self.hurried(poll, &call, answer));
            }
            answer
        })
    }

    fn interrupted(&self, seam: Seam<'_>) -> bool {
        use turquoise_orchestrator::Environment;
        self.gave_up.get() || seam.interrupted()
    }

    fn token(&self, valid: Result<String, TokenError>) -> Result<String, TokenError> {
        if self.sign != Sign::Status(StatusCode::UNAUTHORIZED) {
            return valid;
        }
        let mut first = self.first_token.borrow_mut();
        if first.is_none() {
            *first = Some(valid?);
        }
        Ok(first.clone().unwrap_or_default())
    }

    fn report(&self, mut report: SwapReport) -> SwapReport {
        if self.gave_up.get() {
            report.outcome = self.claim.clone();
        }
        report
    }
}

fn operation_url(answer: &Response<Bytes>) -> Option<String> {
    let name = HeaderName::from_static("azure-asyncoperation");
    let url = answer.headers().get(name)?.to_str().ok()?;
    Some(url.to_owned())
}

/// The word with which an operation document says that it ended.
fn ended(answer: &Response<Bytes>) -> Option<&'static str> {
    let document: Value = serde_json::from_slice(answer.body()).ok()?;
    match OperationStatus::read(&document)? {
        OperationStatus::Succeeded => Some("Succeeded"),
        OperationStatus::Failed(_) => Some("Failed"),
        OperationStatus::Canceled(_) => Some("Canceled"),
        OperationStatus::Running(_) => None,
    }
}

/// A resource as it reads once nobody writes it.
pub(super) fn settled(answer: Response<Bytes>) -> Response<Bytes> {
    let Ok(mut document) = serde_json::from_slice::<Value>(answer.body()) else {
        return answer;
    };
    if let Some(state) = tree::get_mut(&mut document, "properties")
        .and_then(|properties| tree::get_mut(properties, "provisioningState"))
    {
        *state = json!("Succeeded");
    }
    answer.map(|_| Bytes::from(document.to_string()))
}
