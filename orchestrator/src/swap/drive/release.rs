//! P11: put back what was pinned, take in what nobody needs, and say what could not be put back.
//!
//! Nothing is taken from a side before the pool is read without it and every operation we ever began
//! has ended (S13). A side is scaled in, never deleted.

use serde_json::Value;

use super::Driver;
use super::warm::{Tried, Tripped};
use crate::config::ReleaseTo;
use crate::environment::Environment;
use crate::gates::Verdict;
use crate::journal::{Pin, Record};
use crate::plan::Member;
use crate::swap::event::{Content, Event, Reason};
use crate::swap::machine::Ending;
use crate::view::autoscale::{self, Limits};
use crate::view::{gateway, scale_set};

impl<E: Environment> Driver<'_, E> {
    pub(super) async fn release(&self, ending: Ending) -> Event {
        let config = self.run.config;
        let event = self.wait(config.ceilings.warm.0, config.gates.every.0, async || {
            let tried = self.release_once(ending).await;
            self.look_of("what was pinned", tried)
        });
        let event = event.await;
        if event != Event::OnPass {
            return event;
        }
        self.memory.borrow_mut().restored = true;
        let residue = self.memory.borrow().residue.clone();
        match self.record(Record::Restored { residue }).await {
            Ok(()) => Event::OnPass,
            Err(blocked) => blocked,
        }
    }

    async fn release_once(&self, ending: Ending) -> Tried<Verdict> {
        if self.memory.borrow().sides.is_none() {
            return Ok(Verdict::pass("nothing was touched"));
        }
        // Somebody else's write may take longer than is left of this wait (L6).
        let deadline = self.memory.borrow().deadline();
        let gateway = self.settled_until(deadline.unwrap_or_else(|| self.now()));
        let gateway = gateway.await.map_err(Tripped::Stop)?;
        let completed = ending == Ending::Completed;
        let serving = if completed {
            Content::New
        } else {
            Content::Old
        };
        if self.content_of(&gateway) != serving {
            return Err(Tripped::Stop(self.blocked(Reason::Drift)));
        }
        let unproven = ending == Ending::RolledBackUnverified;
        let pins = self.memory.borrow().pins.clone();
        for pin in &pins {
            if unproven && self.serving(completed).name != pin.side {
                self.leave_unproven(&pin.side);
            } else {
                self.unpin(pin, completed).await?;
            }
        }
        if unproven {
            self.leave_unproven(&self.sides().new.name);
            return Ok(Verdict::pass("the serving side's limits are back"));
        }
        let taken_in = self.take_in(completed).await?;
        Ok(taken_in.and(Verdict::pass("autoscale limits are back")))
    }

    /// A gateway instance may still send to that side: neither we nor autoscale may take it in (S13).
    fn leave_unproven(&self, side: &str) {
        self.leave_behind(format!(
            "`{side}` keeps its instances and their pinned minimum: a gateway instance may still \
             send to it; `turquoise retire` takes them in once it is silent"
        ));
    }

    /// The side that serves from now on.
    fn serving(&self, completed: bool) -> Member {
        let sides = self.sides();
        if completed { sides.new } else { sides.old }
    }

    async fn unpin(&self, pin: &Pin, completed: bool) -> Tried<()> {
        let Some(setting) = self.arm.find(&pin.setting).await? else {
            self.leave_behind(format!("`{}` is gone, so its limits are too", pin.setting));
            return Ok(());
        };
        let serves = self.serving(completed).name == pin.side;
        let floor = if serves {
            self.configured_minimum(&pin.side)
        } else {
            0
        };
        if let Some(back) = autoscale::restored(&setting, &pin.originals, pin.count, floor) {
            self.put_resource(&pin.setting, &back, "restore autoscale")
                .await?;
        } else if self.is_still_pinned(&setting, pin) {
            let text = format!("`{}` was changed by someone else and stays so", pin.setting);
            self.leave_behind(text);
        }
        Ok(())
    }

    /// Whether a limit differs from its original although there is nothing of ours to put back.
    fn is_still_pinned(&self, setting: &Value, pin: &Pin) -> bool {
        let original = |now: &Limits| pin.originals.iter().find(|o| o.profile == now.profile);
        autoscale::limits(setting)
            .iter()
            .any(|now| original(now).is_some_and(|o| now.maximum != o.maximum))
    }

    pub(super) fn configured_minimum(&self, side: &str) -> u32 {
        let side = self.run.config.side(side);
        side.and_then(|side| side.autoscale)
            .map_or(0, |range| range.minimum)
    }

    /// Scales in the side that does not serve: as configured after a success, to what it was
    /// otherwise.
    async fn take_in(&self, completed: bool) -> Tried<Verdict> {
        let sides = self.sides();
        let (member, target) = if completed {
            let target = self.released_count(&sides.old.name);
            (sides.old, target)
        } else {
            let scales = &self.memory.borrow().scales;
            let scaled = scales.iter().find(|scale| scale.side == sides.new.name);
            (sides.new, scaled.map(|scale| scale.from))
        };
        match target {
            Some(target) => self.scale_in(&member, target).await,
            None => Ok(Verdict::pass(format!("{} stays as it is", member.name))),
        }
    }

    /// How many instances the old side keeps; `None` leaves it alone.
    fn released_count(&self, side: &str) -> Option<u32> {
        let memory = self.memory.borrow();
        let pin = memory.pins.iter().find(|pin| pin.side == side);
        let minimum = pin.and_then(|pin| pin.originals.iter().map(|o| o.minimum).min());
        match self.run.config.phases.release {
            ReleaseTo::Keep => None,
            ReleaseTo::Zero => Some(0),
            // Without autoscale nobody has said how few may remain.
            ReleaseTo::Minimum => minimum,
        }
    }

    pub(super) async fn scale_in(&self, member: &Member, target: u32) -> Tried<Verdict> {
        let id = self.scale_set_id(&member.name);
        if target == 0 {
            self.allow_zero(member).await?;
        }
        let found = self.arm.get(&id).await?;
        let capacity = scale_set::capacity(&found).unwrap_or_default();
        let name = &member.name;
        if capacity <= target {
            return Ok(Verdict::pass(format!("{name} keeps {capacity} instances")));
        }
        if gateway::is_updating(&found) {
            return Ok(Verdict::unknown(format!(
                "{name} to be scaled by nobody else"
            )));
        }
        self.scale(member, &id, &found, capacity, target).await?;
        Ok(Verdict::unknown(format!(
            "{name} to have {target} instances"
        )))
    }

    /// Autoscale would bring an empty side back to its minimum.
    async fn allow_zero(&self, member: &Member) -> Tried<()> {
        let scale_set = self.scale_set_id(&member.name);
        for setting in self.autoscale_settings(&scale_set).await? {
            let limits = autoscale::limits(&setting);
            let zero: Vec<Limits> = limits
                .iter()
                .cloned()
                .map(|l| Limits {
                    minimum: 0,
                    default: 0,
                    ..l
                })
                .collect();
            if zero != limits
                && let Some(id) = turquoise_arm::json::text(&setting, "id")
                && let Ok(id) = turquoise_arm::ResourceId::parse(id)
            {
                let body = autoscale::with_limits(&setting, &zero);
                self.put_resource(&id, &body, "let the side be empty")
                    .await?;
            }
        }
        Ok(())
    }

    fn leave_behind(&self, line: String) {
        let residue = &mut self.memory.borrow_mut().residue;
        if !residue.contains(&line) {
            residue.push(line);
        }
    }
}
