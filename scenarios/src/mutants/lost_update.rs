//! Mutants that lose what others wrote (azure-facts.md §3.3).

use std::cell::RefCell;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{Request, Response};
use serde_json::Value;

use super::Mutant;
use super::interference::{
    ArmAnswer, Call, Interference, Seam, edit_backend_settings, pass, without_if_match,
};
use crate::invariant::Invariant;
use crate::scenario::{ForeignWrite, Moment, Scenario};
use crate::script::set_pool;

/// F58: both writes are made from the first read, without `If-Match`.
pub(super) const LOST_UPDATE: Mutant = Mutant {
    id: "lost-update",
    catalogue: "F58",
    wrong: "writes the gateway from the snapshot it took at the start, without If-Match",
    oracles: &[Invariant::S(15)],
    expose: with_foreign_writer,
    configure: |_| {},
    make: || Box::new(Snapshot::default()),
    ..Mutant::HARMLESS
};

/// F59: a refused write is sent again as it was, without `If-Match`.
pub(super) const RETRY_STALE_BODY: Mutant = Mutant {
    id: "retry-stale-body",
    catalogue: "F59",
    wrong: "answers 409, 412 and 429 by sending the same body again, without If-Match",
    oracles: &[Invariant::S(15)],
    expose: with_foreign_writer,
    configure: |_| {},
    make: || Box::new(RetriesBody),
    ..Mutant::HARMLESS
};

/// F69: members that the client's model does not know are lost on the way.
pub(super) const LOSSY_ROUNDTRIP: Mutant = Mutant {
    id: "lossy-roundtrip",
    catalogue: "F69",
    wrong: "drops connectionDraining and requestTimeout from the settings it writes back",
    oracles: &[Invariant::S(15), Invariant::S(21)],
    expose: |_| {},
    configure: |_| {},
    make: || Box::new(ForgetsMembers),
    ..Mutant::HARMLESS
};

fn with_foreign_writer(scenario: &mut Scenario) {
    scenario.foreign = vec![ForeignWrite {
        write: 1,
        moment: Moment::Before,
        pool: "foreign-1".to_owned(),
    }];
}

#[derive(Debug, Default)]
struct Snapshot(RefCell<Option<Value>>);

impl Interference for Snapshot {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            match seam.call(&request) {
                Call::ReadGateway => {
                    let answer = pass(&seam, request).await?;
                    self.remember(&answer);
                    Ok(answer)
                }
                Call::WriteGateway(members) => {
                    let request = self.rewritten(&seam, request, &members);
                    pass(&seam, request).await
                }
                _ => pass(&seam, request).await,
            }
        })
    }
}

impl Snapshot {
    fn remember(&self, answer: &Response<Bytes>) {
        let mut kept = self.0.borrow_mut();
        if kept.is_none() && answer.status().is_success() {
            *kept = serde_json::from_slice(answer.body()).ok();
        }
    }

    fn rewritten(
        &self,
        seam: &Seam<'_>,
        request: Request<Bytes>,
        members: &[String],
    ) -> Request<Bytes> {
        let mut request = without_if_match(request);
        if let Some(mut gateway) = self.0.borrow().clone() {
            set_pool(&mut gateway, &seam.target.pool, members);
            *request.body_mut() = Bytes::from(gateway.to_string());
        }
        request
    }
}

#[derive(Debug)]
struct RetriesBody;

impl Interference for RetriesBody {
    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            if !matches!(seam.call(&request), Call::WriteGateway(_)) {
                return pass(&seam, request).await;
            }
            let stale = without_if_match(request.clone());
            let mut answer = pass(&seam, request).await?;
            for _ in 0..10 {
                if !matches!(answer.status().as_u16(), 409 | 412 | 429) {
                    break;
                }
                seam.script().sleep(Duration::from_secs(5)).await;
                answer = pass(&seam, stale.clone()).await?;
            }
            Ok(answer)
        })
    }
}

#[derive(Debug)]
struct ForgetsMembers;

impl Interference for ForgetsMembers {
    fn arm<'a>(
        &'a self,
        seam: Seam<'a>,
        mut request: Request<Bytes>,
    ) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            if matches!(seam.call(&request), Call::WriteGateway(_)) {
                forget(&mut request);
            }
            pass(&seam, request).await
        })
    }
}

fn forget(request: &mut Request<Bytes>) {
    edit_backend_settings(request, |members| {
        members.retain(|name, _| name != "connectionDraining" && name != "requestTimeout");
    });
}
