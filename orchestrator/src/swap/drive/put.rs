//! P4 and P7: the gateway writes.
//!
//! One write is: read, compare, prove that now is a good moment, write down the intent, send once
//! with `If-Match`, follow the operation to its end, and read again. Whatever the answer was, what
//! counts is what the pool lists once nothing of ours is running (F59, F61, F63). A body is never
//! sent twice, and none is sent that would change nothing (F98).

use std::cell::Cell;
use std::time::Duration;

use http::Method;
use serde_json::Value;

use super::Driver;
use crate::arm_client::{Accepted, ArmFailure};
use crate::environment::{Environment, Instant};
use crate::gates::{Verdict, retreat_verdict, side_verdict};
use crate::journal::{Record, hash};
use crate::observer::Progress;
use crate::phase::Phase;
use crate::plan::Member;
use crate::report::GatewayWrite;
use crate::swap::event::{Content, Event, Reason};
use crate::view::{gateway, pool};
use turquoise_arm::json as tree;

/// Between a refusal and the next look at the gateway.
const PAUSE: Duration = Duration::from_secs(5);
/// A proof older than this has expired: a process that slept between its look and its write looks
/// again (F16, F79).
const FRESH: Duration = Duration::from_secs(120);
/// The gateway's health is told as it was at some instant after it was asked for, which may be
/// minutes ago: a process that slept before it read the answer cannot know.
const FRESH_HEALTH: Duration = Duration::from_secs(170);

/// What a write leans on, by when it was had.
#[derive(Clone, Copy, Debug)]
struct Proof {
    /// When the gateway's health was asked for, where it is needed.
    health_asked: Option<Instant>,
    /// When the machines were asked.
    machines_asked: Instant,
}

impl Proof {
    /// Until when the write may be sent.
    fn good_until(self) -> Instant {
        let machines = self.machines_asked + FRESH;
        let health = self.health_asked.map(|at| at + FRESH_HEALTH);
        health.map_or(machines, |health| health.min(machines))
    }

    /// How old the part is that has expired at `now`, where one has.
    fn expired(self, now: Instant) -> Option<Duration> {
        let machines = now.since(self.machines_asked);
        let health = self.health_asked.map(|at| now.since(at));
        let health = health.filter(|age| *age > FRESH_HEALTH);
        health.or_else(|| Some(machines).filter(|age| *age > FRESH))
    }
}

impl<E: Environment> Driver<'_, E> {
    /// Makes the pool list `to`, once, and says what it lists when all is settled.
    pub(super) async fn put_pool(&self, to: Content) -> Event {
        let ceiling = self.run.config.ceilings.write.0;
        let deadline = self.now() + ceiling;
        self.give_up_at(deadline);
        match self.put_until_settled(to, deadline).await {
            Ok(event) | Err(event) => event,
        }
    }

    async fn put_until_settled(&self, to: Content, deadline: Instant) -> Result<Event, Event> {
        let from = self.content_before();
        let mut landed = false;
        loop {
            let gateway = self.settled_until(deadline).await?;
            let content = self.content_of(&gateway);
            let failed = has_failed(&gateway);
            // What has landed and is gone again, somebody has undone: that is theirs to explain.
            let undone = landed && content != to;
            if (content == to && !failed) || !(content == from || content == to) || undone {
                let members = self.members_of(&gateway).unwrap_or_default();
                self.settle_write(&members);
                self.record(Record::Settled { members }).await?;
                return Ok(Event::OnSettled(content));
            }
            if let Some(event) = self.stopped() {
                return Ok(event);
            }
            if self.now() >= deadline {
                let ceiling = self.run.config.ceilings.write.0.as_secs();
                self.memory.borrow_mut().reason =
                    format!("the pool could not be written in {ceiling} s");
                return Ok(Event::OnDeadline);
            }
            let proof = match self.good_moment(to).await? {
                Ok(proof) => proof,
                Err(event) => return Ok(event),
            };
            if let Some(etag) = self.send(&gateway, to, proof).await? {
                self.memory.borrow_mut().replaced.push(etag);
                landed = true;
            }
        }
    }

    /// What the pool must list for this state's write to make sense.
    fn content_before(&self) -> Content {
        use crate::swap::machine::State;
        match self.memory.borrow().state() {
            Some(State::Adding) => Content::Old,
            Some(State::Readding) => Content::New,
            _ => Content::Both,
        }
    }

    /// Proves the side that the write leans on, right before the write (F16). `Err` inside ends the
    /// state.
    async fn good_moment(&self, to: Content) -> Result<Result<Proof, Event>, Event> {
        let config = self.run.config;
        let sides = self.sides();
        let forward = !self
            .memory
            .borrow()
            .state()
            .is_some_and(|state| state.is_reverse());
        let leaning_on: &Member = if forward { &sides.new } else { &sides.old };
        let needs_health = to != Content::Both;
        let required = self.memory.borrow().required;
        let proven = Cell::new(Proof {
            health_asked: None,
            machines_asked: self.now(),
        });
        let event = self.wait(config.ceilings.gate.0, config.gates.every.0, async || {
            // The gateway's health may take minutes to be told; what the machines say is quick, and
            // so is read last: it must not have aged when the write is sent.
            let health_asked = needs_health.then(|| self.now());
            let healthy = match needs_health {
                true => self.is_healthy_member(leaning_on).await?,
                false => Verdict::Pass(Vec::new()),
            };
            proven.set(Proof {
                health_asked,
                machines_asked: self.now(),
            });
            let facts = match self.side_facts(leaning_on).await {
                Ok(facts) => facts,
                Err(failure) => return self.unread(&leaning_on.name, &failure),
            };
            let ready = match forward {
                true => side_verdict(&facts, required),
                false => retreat_verdict(&facts),
            };
            Ok(healthy.and(ready))
        });
        match event.await {
            Event::OnPass => Ok(Ok(proven.get())),
            Event::OnDeadline | Event::OnFail => Ok(Err(Event::OnFail)),
            other => Ok(Err(other)),
        }
    }

    /// Whether the gateway itself finds that member healthy, under every setting.
    pub(super) async fn is_healthy_member(&self, member: &Member) -> Result<Verdict, Event> {
        match self.health().await {
            Ok(rows) => {
                let own: Vec<_> = rows
                    .into_iter()
                    .filter(|row| row.address == member.address)
                    .collect();
                Ok(crate::gates::members_verdict(&own, &[member.address]))
            }
            Err(failure) => self.unread("backend health", &failure),
        }
    }

    /// Sends the write once and follows it to its end. Gives back the etag it replaced when Azure
    /// says that it acted.
    async fn send(
        &self,
        before: &Value,
        to: Content,
        proof: Proof,
    ) -> Result<Option<String>, Event> {
        let config = self.run.config;
        let members = self.sides().members(to);
        let Some(body) = pool::with_members(before, &config.target.pool, &members) else {
            return Err(self.blocked(Reason::Drift));
        };
        let etag = gateway::etag(before).map(str::to_owned);
        let write = GatewayWrite {
            phase: self.phase(),
            from: self.members_of(before).unwrap_or_default(),
            to: members,
            sent_ms: self.now().0,
            accepted: None,
        };
        self.tell(&Progress::GatewayPut(write.clone()));
        self.memory.borrow_mut().writes.push(write.clone());
        let body_sha256 = hash(&body.to_string());
        let intent = Record::Writing {
            write,
            etag: etag.clone(),
            body_sha256,
        };
        self.record(intent).await?;
        // The last thing before the write: are we still the one who may (F79)?
        if let Err(lost) = self.still_ours().await {
            self.mark_write(Some(false));
            return Err(lost);
        }
        if let Some(age) = proof.expired(self.now()) {
            return self.withhold(age).await.map(|()| None);
        }
        let id = &config.target.gateway;
        let sent = self
            .arm
            .write_by(
                Some(proof.good_until()),
                Method::PUT,
                id,
                "",
                &body,
                etag.as_deref(),
            )
            .await;
        // Not heard, and by now nothing to stand on: the next look decides anew.
        if let (Err(failure), Some(age)) = (&sent, proof.expired(self.now()))
            && failure.is_unauthenticated()
        {
            return self.withhold(age).await.map(|()| None);
        }
        self.follow(sent, etag).await
    }

    /// The proof has aged since it was had: nothing is sent, and the next look decides anew.
    async fn withhold(&self, age: Duration) -> Result<(), Event> {
        self.mark_write(Some(false));
        let answer = format!("not sent: its proof is {} s old", age.as_secs());
        self.tell_put(&answer);
        self.record(Record::Written {
            accepted: Some(false),
            operation: None,
            answer,
        })
        .await
    }

    async fn follow(
        &self,
        sent: Result<Accepted, ArmFailure>,
        etag: Option<String>,
    ) -> Result<Option<String>, Event> {
        let accepted = match &sent {
            Ok(_) => Some(true),
            Err(ArmFailure::Refused(_) | ArmFailure::Token(_)) => Some(false),
            // The reply is lost: only the pool can tell.
            Err(_) => None,
        };
        self.mark_write(accepted);
        let operation = sent
            .as_ref()
            .ok()
            .and_then(|accepted| accepted.operation.clone());
        let answer = match &sent {
            Ok(_) => "accepted".to_owned(),
            Err(failure) => crate::error_text(failure),
        };
        self.tell_put(&answer);
        let url = operation.as_ref().map(|operation| operation.url.clone());
        self.record(Record::Written {
            accepted,
            operation: url,
            answer,
        })
        .await?;
        match (sent, operation) {
            (Ok(_), Some(operation)) => self.await_operation(&operation, etag).await,
            (Ok(_), None) => Ok(etag),
            (Err(failure), _) => self.after_refusal(&failure).await.map(|()| None),
        }
    }

    async fn await_operation(
        &self,
        operation: &crate::arm_client::Operation,
        etag: Option<String>,
    ) -> Result<Option<String>, Event> {
        self.missing("the gateway's operation to end");
        // What is left of the write's own ceiling: an earlier try may have used much of it.
        let deadline = self.memory.borrow().deadline();
        let ceiling = deadline.unwrap_or_else(|| self.now()).since(self.now());
        match self.arm.finish(operation, ceiling).await {
            Ok(_) => Ok(etag),
            // Cancelled or failed is not "nothing happened": the next read decides (F61, F66).
            Err(failure @ ArmFailure::Operation { .. }) => {
                self.tell_put(&crate::error_text(&failure));
                self.pause(PAUSE).await;
                Ok(None)
            }
            Err(failure) => Err(self.blocked_by(Reason::Unavailable, &failure)),
        }
    }

    /// A refusal is answered by looking again, after the pause that Azure asks for; only what can
    /// never pass ends the run.
    async fn after_refusal(&self, failure: &ArmFailure) -> Result<(), Event> {
        if failure.is_denied() {
            return Err(self.blocked_by(Reason::Denied, failure));
        }
        if !failure.is_transient() {
            return Err(self.blocked_by(Reason::WriteRefused, failure));
        }
        self.missing("azure to take the write");
        let pause = failure.retry_after().unwrap_or(PAUSE);
        self.pause(pause.clamp(PAUSE, Duration::from_secs(60)))
            .await;
        // An unanswered write may still be on its way: let it land or lose it first (F64).
        if matches!(failure, ArmFailure::Transport(_)) {
            self.quiet_gateway().await?;
        }
        Ok(())
    }

    fn phase(&self) -> Phase {
        let state = self.memory.borrow().state();
        state.and_then(|state| state.phase()).unwrap_or(Phase::P4)
    }

    fn mark_write(&self, accepted: Option<bool>) {
        if let Some(write) = self.memory.borrow_mut().writes.last_mut() {
            write.accepted = accepted;
        }
    }

    /// A write whose reply was lost acted if the pool now lists what it asked for.
    pub(super) fn settle_write(&self, members: &[std::net::Ipv4Addr]) {
        if let Some(write) = self.memory.borrow_mut().writes.last_mut()
            && write.accepted.is_none()
        {
            write.accepted = Some(write.to == members);
        }
    }

    fn tell_put(&self, outcome: &str) {
        self.tell(&Progress::Wrote {
            resource: self.run.config.target.gateway.to_string(),
            purpose: format!("write the pool ({})", self.phase().name()),
            outcome: outcome.to_owned(),
        });
    }

    fn missing(&self, what: &str) {
        self.memory.borrow_mut().set_missing(vec![what.to_owned()]);
    }

    async fn pause(&self, span: Duration) {
        self.run.environment.sleep_until(self.now() + span).await;
    }
}

pub(super) fn has_failed(gateway: &Value) -> bool {
    tree::text(gateway, "properties.provisioningState")
        .is_some_and(|state| state.eq_ignore_ascii_case("failed"))
}
