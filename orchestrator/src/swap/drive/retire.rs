//! Takes the idle side's instances away, once nothing can need them any more.
//!
//! A run of its own, with lease and journal: the idle side must be out of the pool, out of the
//! gateway's health view and silent for as long as a drain takes (S13). It is scaled to nothing, not
//! deleted: deletion belongs to another identity.

use std::cell::{Cell, RefCell};

use super::{Driven, Driver, Memory};
use crate::arm_client::ArmClient;
use crate::environment::Environment;
use crate::report::{Outcome, SwapReport};
use crate::run::Run;
use crate::swap::account::refused;
use crate::swap::event::Event;
use crate::swap::machine::{Ending, State};
use crate::swap::{Verb, begin};

/// Takes the idle side's instances away. The report's `new` side is the one that serves.
pub async fn retire<E: Environment>(run: &Run<'_, E>) -> SwapReport {
    let begun = match begin(run, Verb::Clear).await {
        Ok(begun) => begun,
        Err(report) => return *report,
    };
    if begun.recovered.is_open() {
        let reason = "this run swaps; resume it, or retire after it".to_owned();
        return *refused(Outcome::Stale, reason);
    }
    let name = begun.journal.run().to_string();
    let arm = ArmClient::new(run.environment, run.access, &name);
    let driver = Driver {
        run: *run,
        arm,
        journal: begun.journal,
        lease: begun.lease,
        memory: RefCell::new(Memory::default()),
        abort: Cell::new(false),
        paused: RefCell::default(),
    };
    let driven = driver.beside_upkeep(driver.retire()).await;
    driver.account(driven).await
}

impl<E: Environment> Driver<'_, E> {
    async fn retire(&self) -> Driven {
        self.memory.borrow_mut().enter(
            State::Releasing(Ending::Completed),
            self.run.environment.now(),
        );
        match self.retire_idle_side().await {
            Ok(Event::OnPass) => Driven::Final(State::Ended(Ending::Completed)),
            Ok(Event::OnInterrupt) => Driven::Detached(State::Releasing(Ending::Completed)),
            Ok(Event::OnBlocked(reason)) | Err(Event::OnBlocked(reason)) => {
                Driven::Final(State::Parked(reason))
            }
            Ok(_) | Err(_) => Driven::Final(State::Ended(Ending::Refused)),
        }
    }

    async fn retire_idle_side(&self) -> Result<Event, Event> {
        // Observed as "live to idle"; after a swap the live side is the new one.
        let quiet = self.idle_is_old().await?;
        if quiet != Event::OnPass {
            return Ok(quiet);
        }
        let idle = self.sides().old;
        let config = self.run.config;
        let event = self.wait(config.ceilings.warm.0, config.gates.every.0, async || {
            let tried = self.scale_in(&idle, 0).await;
            self.look_of("the idle side", tried)
        });
        Ok(event.await)
    }
}
