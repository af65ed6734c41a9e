//! Mutants that answer a refusal by asking again, whatever was refused.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::Request;
use turquoise_emulator::faults::{Fault, FaultKind};

use super::Mutant;
use super::interference::{ArmAnswer, Call, Interference, Seam, pass, without_if_match};
use super::occasions::{ScenarioExt, gateway_writes};
use crate::invariant::Invariant;
use crate::scenario::Act;

/// F70: refused calls count, so asking every second keeps the bucket empty.
pub(super) const THROTTLE: Mutant = Mutant {
    id: "throttle",
    catalogue: "F70",
    wrong: "repeats a throttled write every second, which keeps it throttled",
    oracles: &[
        Invariant::L(1),
        Invariant::L(4),
        Invariant::S(19),
        Invariant::Q(5),
    ],
    expose: |scenario| {
        scenario.faults = vec![Fault {
            at_ms: 0,
            kind: FaultKind::EmptyBucket {
                on: gateway_writes(),
                quiet_ms: 20_000,
            },
        }];
    },
    make: || {
        Box::new(Insists {
            on: &[429],
            pause: Duration::from_secs(1),
        })
    },
    ..Mutant::HARMLESS
};

/// F72: what is forbidden is asked for again, for ever.
pub(super) const AUTHZ_CHANGE: Mutant = Mutant {
    id: "authz-change",
    catalogue: "F72",
    wrong: "takes a refusal of its rights for one that will pass, and asks again for ever",
    oracles: &[Invariant::L(1), Invariant::L(2), Invariant::S(23)],
    expose: |scenario| {
        let for_ms = 100_000_000;
        scenario.with_actor(60_000, Act::RoleRemoved { for_ms });
    },
    make: || {
        Box::new(Insists {
            on: &[401, 403, 409],
            pause: Duration::from_secs(30),
        })
    },
    ..Mutant::HARMLESS
};

/// Sends a refused gateway write again and again.
#[derive(Debug)]
struct Insists {
    on: &'static [u16],
    pause: Duration,
}

impl Interference for Insists {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            if !matches!(seam.call(&request), Call::WriteGateway(_)) {
                return pass(&seam, request).await;
            }
            let again = without_if_match(request.clone());
            let mut answer = pass(&seam, request).await?;
            while self.on.contains(&answer.status().as_u16()) {
                seam.script().sleep(self.pause).await;
                answer = pass(&seam, again.clone()).await?;
            }
            Ok(answer)
        })
    }
}
