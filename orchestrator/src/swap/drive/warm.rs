//! P2: pin both sides' autoscale minimum, give the new side its instances.
//!
//! Level-triggered: each look reads what is and does what is missing, so that a repeat after a crash
//! or a refusal is the same work. Originals are written down before the first change (F93).

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use turquoise_arm::ResourceId;

use super::Driver;
use super::wait::Look;
use crate::arm_client::{Accepted, ArmFailure};
use crate::environment::Environment;
use crate::gates::{SideFacts, Verdict};
use crate::journal::{Pin, Record, Scale};
use crate::observer::Progress;
use crate::plan::Member;
use crate::swap::event::Event;
use crate::view::{autoscale, gateway, scale_set};

/// A look either did and saw everything, or says what to do with the failure.
pub(super) type Tried<T> = Result<T, Tripped>;

/// Why a look could not finish.
pub(super) enum Tripped {
    /// Azure: perhaps the next look fares better.
    Arm(ArmFailure),
    /// We must stop.
    Stop(Event),
}

impl From<ArmFailure> for Tripped {
    fn from(failure: ArmFailure) -> Self {
        Self::Arm(failure)
    }
}

impl<E: Environment> Driver<'_, E> {
    pub(super) async fn warm(&self) -> Event {
        let config = self.run.config;
        self.wait(config.ceilings.warm.0, config.gates.every.0, async || {
            let tried = self.warm_once().await;
            self.look_of("the sides", tried)
        })
        .await
    }

    pub(super) fn look_of(&self, what: &str, tried: Tried<Verdict>) -> Look {
        match tried {
            Ok(verdict) => Ok(verdict),
            Err(Tripped::Arm(failure)) => self.unread(what, &failure),
            Err(Tripped::Stop(event)) => Err(event),
        }
    }

    async fn warm_once(&self) -> Tried<Verdict> {
        let sides = self.sides();
        let required = self.memory.borrow().required;
        let old = self.arm.get(&self.scale_set_id(&sides.old.name)).await?;
        let live = scale_set::capacity(&old).unwrap_or_default();
        // The old side's load halves in the mixed phase; unpinned, it would be scaled in while it is
        // what we would go back to (F22).
        self.pin(&sides.old, live).await?;
        self.pin(&sides.new, required).await?;
        self.scale_out(&sides.new, required).await?;
        Ok(present(&self.side_facts(&sides.new).await?, required))
    }

    pub(super) fn scale_set_id(&self, side: &str) -> ResourceId {
        let config = self.run.config;
        let subscription = config.target.subscription();
        let found = config.side(side).map(|s| s.scale_set(subscription, side));
        found
            .expect("sides come from the configuration, or from a journal that was checked with it")
    }

    async fn pin(&self, member: &Member, count: u32) -> Tried<()> {
        let scale_set = self.scale_set_id(&member.name);
        for setting in self.autoscale_settings(&scale_set).await? {
            let Some(pinned) = autoscale::with_minimum(&setting, count) else {
                continue;
            };
            let id = id_of(&setting)?;
            let pin = self.remember_pin(member, &id, &setting, count);
            let pinning = Record::Pinning {
                side: pin.side,
                setting: pin.setting,
                originals: pin.originals,
                count,
            };
            self.record(pinning).await.map_err(Tripped::Stop)?;
            self.put_resource(&id, &pinned, "pin autoscale").await?;
        }
        Ok(())
    }

    /// The pin with the true originals: those of the first time.
    fn remember_pin(&self, member: &Member, id: &ResourceId, setting: &Value, count: u32) -> Pin {
        let mut memory = self.memory.borrow_mut();
        if let Some(known) = memory.pins.iter_mut().find(|pin| pin.setting == *id) {
            known.count = count;
            return known.clone();
        }
        let pin = Pin {
            side: member.name.clone(),
            setting: id.clone(),
            originals: autoscale::limits(setting),
            count,
        };
        memory.pins.push(pin.clone());
        pin
    }

    /// The settings that scale this scale set, looked up by target and not by name.
    pub(super) async fn autoscale_settings(
        &self,
        scale_set: &ResourceId,
    ) -> Result<Vec<Value>, ArmFailure> {
        let group = scale_set.group().unwrap_or_else(|| scale_set.clone());
        let rest = "/providers/Microsoft.Insights/autoscalesettings";
        let settings = self.arm.list(&group, rest).await?;
        let ours = settings
            .into_iter()
            .filter(|s| autoscale::scales(s, scale_set));
        Ok(ours.collect())
    }

    async fn scale_out(&self, member: &Member, required: u32) -> Tried<()> {
        let id = self.scale_set_id(&member.name);
        let found = self.arm.get(&id).await?;
        let capacity = scale_set::capacity(&found).unwrap_or_default();
        if capacity >= required || gateway::is_updating(&found) {
            return Ok(());
        }
        self.scale(member, &id, &found, capacity, required).await
    }

    /// Writes down and sets a capacity.
    pub(super) async fn scale(
        &self,
        member: &Member,
        id: &ResourceId,
        found: &Value,
        from: u32,
        to: u32,
    ) -> Tried<()> {
        let side = member.name.clone();
        let scale_set = id.clone();
        {
            let mut memory = self.memory.borrow_mut();
            if !memory.scales.iter().any(|scale| scale.scale_set == *id) {
                let (side, scale_set) = (side.clone(), scale_set.clone());
                memory.scales.push(Scale {
                    side,
                    scale_set,
                    from,
                });
            }
        }
        let scaling = Record::Scaling {
            side,
            scale_set,
            from,
            to,
        };
        self.record(scaling).await.map_err(Tripped::Stop)?;
        let mut sku = turquoise_arm::json::get(found, "sku")
            .cloned()
            .unwrap_or_else(|| json!({}));
        sku["capacity"] = json!(to);
        let body = json!({"sku": sku});
        let purpose = format!("scale from {from} to {to}");
        self.write_resource(Method::PATCH, id, &body, &purpose)
            .await
    }

    pub(super) async fn put_resource(
        &self,
        id: &ResourceId,
        body: &Value,
        purpose: &str,
    ) -> Tried<()> {
        self.write_resource(Method::PUT, id, body, purpose).await
    }

    /// One write, sent once and awaited. What it did is read in the next look.
    async fn write_resource(
        &self,
        method: Method,
        id: &ResourceId,
        body: &Value,
        purpose: &str,
    ) -> Tried<()> {
        // As before a gateway write: are we still the one who may (F79)? A side's capacity has no
        // etag that tells a write of yesterday from one of today.
        self.lease.beat(self.run.environment).await;
        if let Some(stop @ Event::OnBlocked(_)) = self.stopped() {
            return Err(Tripped::Stop(stop));
        }
        let sent = self.arm.write(method, id, "", body, None).await;
        let ceiling = self.run.config.ceilings.warm.0;
        let ended = match sent {
            Ok(Accepted {
                operation: Some(operation),
                ..
            }) => self.arm.finish(&operation, ceiling).await.map(drop),
            Ok(_done) => Ok(()),
            Err(failure) => Err(failure),
        };
        self.tell(&Progress::Wrote {
            resource: id.to_string(),
            purpose: purpose.to_owned(),
            outcome: match &ended {
                Ok(()) => "done".to_owned(),
                Err(failure) => crate::error_text(failure),
            },
        });
        if let Err(failure) = &ended
            && let Some(pause) = failure.retry_after()
        {
            let pause = pause.min(Duration::from_secs(60));
            self.run.environment.sleep_until(self.now() + pause).await;
        }
        Ok(ended?)
    }
}

fn id_of(resource: &Value) -> Result<ResourceId, ArmFailure> {
    turquoise_arm::json::text(resource, "id")
        .and_then(|id| ResourceId::parse(id).ok())
        .ok_or_else(|| ArmFailure::Unexpected("an autoscale setting has no id".to_owned()))
}

/// Whether the machines are there; whether they are well is the next gate's question.
fn present(facts: &SideFacts, required: u32) -> Verdict {
    let ready = |state: &str| state.eq_ignore_ascii_case("succeeded");
    let there = facts
        .instances
        .iter()
        .filter(|i| ready(&i.provisioning))
        .count();
    let name = &facts.name;
    if facts.capacity >= required && there >= required as usize {
        return Verdict::pass(format!(
            "{name} has {there} instances, both sides are pinned"
        ));
    }
    Verdict::unknown(format!("{name} has {there} of {required} instances"))
}
