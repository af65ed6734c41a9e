//! Mutants that trust what they remember, or a label, over what the pool lists.

use std::cell::RefCell;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{Request, Response};
use serde_json::Value;
use turquoise_emulator::faults::{Fault, FaultKind};

use super::Mutant;
use super::confirmation::{healthy_members, is_health};
use super::interference::{ArmAnswer, Begin, Call, Interference, Seam, pass, without_if_match};
use super::occasions::{ScenarioExt, matching};
use crate::invariant::Invariant;
use crate::scenario::{Act, ForeignWrite, Moment};
use crate::script::{pool_addresses, set_pool};

/// F60: the precondition is sent where nobody looks for it.
pub(super) const ETAG_IGNORED: Mutant = Mutant {
    id: "etag-ignored",
    catalogue: "F60",
    wrong: "sends the etag in the body, where azure ignores it, and not as If-Match",
    oracles: &[Invariant::S(15), Invariant::S(14)],
    expose: |scenario| {
        scenario.foreign = vec![ForeignWrite {
            write: 1,
            moment: Moment::Before,
            pool: "foreign-1".to_owned(),
        }];
    },
    make: || Box::new(Unconditional),
    ..Mutant::HARMLESS
};

/// F67: a read from before the last write is believed.
pub(super) const STALE_READ: Mutant = Mutant {
    id: "stale-read",
    catalogue: "F67",
    wrong: "believes a read that is older than its own write, and sends the write again",
    oracles: &[Invariant::S(16), Invariant::S(17)],
    expose: |scenario| {
        scenario.faults = vec![Fault {
            at_ms: 0,
            kind: FaultKind::StaleRead {
                on: matching("GET", "applicationGateways"),
                lag_ms: 60_000,
                for_ms: 100_000_000,
            },
        }];
    },
    make: || Box::new(Credulous),
    ..Mutant::HARMLESS
};

/// F88: which side is live is read from a tag, whose last write was lost.
pub(super) const TAG_DRIFT: Mutant = Mutant {
    id: "tag-drift",
    catalogue: "F88",
    wrong: "takes the live side from a tag that is one swap old",
    oracles: &[
        Invariant::S(4),
        Invariant::S(8),
        Invariant::S(16),
        Invariant::S(23),
    ],
    make: || Box::new(Mislabelled),
    ..Mutant::HARMLESS
};

/// F101: infrastructure as code puts the pool back, and nobody watches.
pub(super) const IAC_REVERT: Mutant = Mutant {
    id: "iac-revert",
    catalogue: "F101",
    wrong: "does not look at the pool again once it has written it, so that a revert goes unseen",
    oracles: &[
        Invariant::S(8),
        Invariant::S(12),
        Invariant::S(15),
        Invariant::S(23),
    ],
    expose: |scenario| scenario.with_actor(450_000, Act::TerraformReapply),
    configure: |config| config.breach.samples = 0,
    make: || Box::new(Remembers::default()),
    ..Mutant::HARMLESS
};

/// F102: a person's edit of the pool is written over.
pub(super) const PORTAL_EDIT: Mutant = Mutant {
    id: "portal-edit",
    catalogue: "F102",
    wrong: "makes its second write from memory, over what a person did to the pool meanwhile",
    oracles: &[Invariant::S(14), Invariant::S(15)],
    expose: |scenario| scenario.with_actor(220_000, Act::PersonRemovesNew),
    configure: |config| config.breach.samples = 0,
    make: || Box::new(Remembers::default()),
    ..Mutant::HARMLESS
};

#[derive(Debug)]
struct Unconditional;

impl Interference for Unconditional {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        // The body carries the etag of the read already, as every gateway document does.
        Box::pin(async move { pass(&seam, without_if_match(request)).await })
    }
}

/// Reads the gateway right after its write, and sends the write again where it does not see it.
#[derive(Debug)]
struct Credulous;

impl Interference for Credulous {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let Call::WriteGateway(members) = seam.call(&request) else {
                return pass(&seam, request).await;
            };
            let again = without_if_match(request.clone());
            let answer = pass(&seam, request).await?;
            let read = seam.script().get(&seam.target.gateway).await;
            let seen = read.is_ok_and(|gateway| {
                pool_addresses(&gateway, &seam.target.pool).as_ref() == Some(&members)
            });
            if answer.status().is_success() && !seen {
                return pass(&seam, again).await;
            }
            Ok(answer)
        })
    }
}

/// Asked for the new side, it reads from the tag that the new side serves already.
#[derive(Debug)]
struct Mislabelled;

impl Interference for Mislabelled {
    fn begin(&self, seam: Seam<'_>, mut begin: Begin) -> Begin {
        begin.settings.to = Some(seam.target.new.name.clone());
        begin
    }

    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let reads = seam.call(&request) == Call::ReadGateway;
            let answer = pass(&seam, request).await?;
            if !reads {
                return Ok(answer);
            }
            let new = seam.target.new.address.to_string();
            Ok(with_members(&seam, answer, &[new]))
        })
    }
}

/// Takes what it wrote last for what the pool lists.
#[derive(Debug, Default)]
struct Remembers(RefCell<Option<Vec<String>>>);

impl Interference for Remembers {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            match seam.call(&request) {
                Call::WriteGateway(members) => {
                    let answer = pass(&seam, without_if_match(request)).await?;
                    if answer.status().is_success() {
                        *self.0.borrow_mut() = Some(members);
                    }
                    Ok(answer)
                }
                Call::ReadGateway => {
                    let answer = pass(&seam, request).await?;
                    let known = self.0.borrow().clone();
                    Ok(match known {
                        Some(members) => with_members(&seam, answer, &members),
                        None => answer,
                    })
                }
                _ => {
                    let answer = pass(&seam, request).await?;
                    let known = self.0.borrow().clone();
                    Ok(match known {
                        Some(members) if is_health(&answer) => {
                            healthy_members(&seam, answer, &members)
                        }
                        _ => answer,
                    })
                }
            }
        })
    }
}

fn with_members(seam: &Seam<'_>, answer: Response<Bytes>, members: &[String]) -> Response<Bytes> {
    let Ok(mut gateway) = serde_json::from_slice::<Value>(answer.body()) else {
        return answer;
    };
    // An error document has no pool to mislead with.
    if pool_addresses(&gateway, &seam.target.pool).is_none() {
        return answer;
    }
    set_pool(&mut gateway, &seam.target.pool, members);
    answer.map(|_| Bytes::from(gateway.to_string()))
}
