//! Asking the application through the gateway.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use futures_util::future::join_all;

use super::Driver;
use crate::arm_client::ArmFailure;
use crate::config::BreachAction;
use crate::environment::{Environment, ProbeAnswer, ProbeRequest, TransportError};
use crate::gates::{Comparison, Tally, Verdict, compare};
use crate::journal::Record;
use crate::observer::Progress;
use crate::plan::public_ip;
use crate::swap::event::{Event, Reason};
use crate::view::gateway::{self, Entry};
use turquoise_arm::json as tree;

/// As many looks as a comparison remembers: about a minute, so that trouble that begins late is not
/// diluted by an hour of calm (F18).
const REMEMBERED: usize = 12;

/// The last looks.
#[derive(Debug, Default)]
pub(super) struct Window(VecDeque<Tally>);

impl Window {
    pub(super) fn push(&mut self, tally: Tally) {
        self.0.push_back(tally);
        if self.0.len() > REMEMBERED {
            self.0.pop_front();
        }
    }

    pub(super) fn sum(&self) -> Tally {
        self.0.iter().fold(Tally::default(), |mut sum, tally| {
            sum.absorb(tally);
            sum
        })
    }
}

impl<E: Environment> Driver<'_, E> {
    /// One look: several requests at once, each on a connection of its own.
    pub(super) async fn look_through_gateway(&self) -> Result<Tally, ArmFailure> {
        let (address, entries) = self.entrance().await?;
        let gates = &self.run.config.gates;
        let requests = (0..gates.connections as usize).map(|index| {
            let entry = &entries[index % entries.len()];
            self.run.environment.probe(self.probe(address, entry))
        });
        let mut tally = Tally::default();
        for answer in join_all(requests).await {
            let (build, success) = self.read(&answer);
            tally.add(build, success);
        }
        self.memory.borrow_mut().seen = tally.builds().map(str::to_owned).collect();
        self.tell(&Progress::Answers {
            builds: tally.seen(),
        });
        Ok(tally)
    }

    fn probe(&self, address: Ipv4Addr, entry: &Entry) -> ProbeRequest {
        let config = self.run.config;
        let https = config.frontend.https.as_ref().filter(|_| entry.tls);
        ProbeRequest {
            address,
            port: entry.port,
            tls: entry.tls,
            host: https
                .map_or(&config.frontend.probe.host, |https| &https.host)
                .clone(),
            path: config.identity.path.clone(),
            timeout: config.gates.request_timeout.0,
        }
    }

    fn read<'b>(&self, answer: &'b Result<ProbeAnswer, TransportError>) -> (Option<&'b str>, bool) {
        let Ok(answer) = answer else {
            return (None, false);
        };
        let wanted = &self.run.config.identity.header;
        let header = answer
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let build = header.map(|(_, value)| value.as_str());
        // An answer that names no build is no proof of anyone's health.
        (
            build,
            build.is_some() && (200..300).contains(&answer.status),
        )
    }

    /// The gateway's public address and the listeners that lead to the pool.
    async fn entrance(&self) -> Result<(Ipv4Addr, Vec<Entry>), ArmFailure> {
        if let Some(known) = &self.memory.borrow().entrance {
            return Ok(known.clone());
        }
        let missing = |what: &str| ArmFailure::Unexpected(format!("the gateway has no {what}"));
        let gateway = self.gateway().await?;
        let entries = gateway::entries(&gateway, &self.run.config.target.pool_id());
        if entries.is_empty() {
            return Err(missing("listener whose rule leads to the pool"));
        }
        let public_ip = public_ip(&gateway).ok_or_else(|| missing("public address"))?;
        let public_ip = self.arm.get(&public_ip).await?;
        let address = tree::text(&public_ip, "properties.ipAddress").and_then(|a| a.parse().ok());
        let address = address.ok_or_else(|| missing("public address yet"))?;
        let entrance = (address, entries);
        self.memory.borrow_mut().entrance = Some(entrance.clone());
        Ok(entrance)
    }

    /// The old side's build, once seen.
    pub(super) fn old_build(&self) -> String {
        self.memory.borrow().old_build.clone().unwrap_or_default()
    }

    /// Remembers the new side's build when it first answers.
    pub(super) async fn learn_new_build(&self, tally: &Tally) -> Result<(), Event> {
        if self.memory.borrow().new_build.is_some() {
            return Ok(());
        }
        let old = self.old_build();
        let Some(new) = tally.builds().find(|build| *build != old) else {
            return Ok(());
        };
        let new = new.to_owned();
        self.memory.borrow_mut().new_build = Some(new.clone());
        let (old, new) = (Some(old), Some(new));
        self.record(Record::Builds { old, new }).await
    }

    /// Whether somebody answers who is neither side: an address that another service has taken over
    /// (F52), or machines that were never upgraded (F56). The new build is the configured one, else
    /// the first that answered beside the old one.
    fn recognised(&self, window: &Tally) -> Result<(), Event> {
        let memory = self.memory.borrow();
        let side = memory.sides.as_ref().map(|sides| sides.new.name.as_str());
        let configured = side
            .and_then(|name| self.run.config.side(name))
            .and_then(|side| side.build.clone());
        let Some(new) = configured.or_else(|| memory.new_build.clone()) else {
            return Ok(());
        };
        drop(memory);
        let old = self.old_build();
        match window.stranger(&old, &new) {
            Some(stranger) => Err(self.breach(format!(
                "`{stranger}` answers, which is neither the old build `{old}` nor the new one `{new}`"
            ))),
            None => Ok(()),
        }
    }

    /// The new side's answers beside the old one's. A breach is an event, as configured.
    pub(super) fn compared(&self, mixed: bool, window: &Tally) -> Result<Verdict, Event> {
        self.recognised(window)?;
        let of = Comparison {
            old: &self.old_build(),
            mixed,
            breach: &self.run.config.breach,
        };
        let verdict = compare(of, &self.memory.borrow().baseline, window);
        match verdict {
            Verdict::Fail(why) => Err(self.breach(why)),
            other => Ok(other),
        }
    }

    pub(super) fn breach(&self, why: String) -> Event {
        self.memory.borrow_mut().reason = why;
        match self.run.config.breach.action {
            BreachAction::Rollback => Event::OnBreach,
            BreachAction::Park => Event::OnBlocked(Reason::Breach),
        }
    }
}
