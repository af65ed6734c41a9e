//! How a build breaks the application's contract: what works within one version and fails where two
//! serve together, share data, or meet production (failure-catalogue.md C.7).
//!
//! Flaws are properties of a build, chosen by a scenario; a faultless application has none, and then
//! nothing here runs. The live demo application has no contract to break.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::instance::Machine;
use super::instance_view::InstanceView;
use super::traffic::{Arrival, Memory};
use crate::ledger::{Build, Contract, RequestClass};
use crate::seed::Seed;
use crate::time::Instant;

/// What a build does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Flaws {
    /// Its files are nowhere else, and the other build's not here: 404 (F109).
    pub own_files: bool,
    /// It signs its users' tokens with a key of its own and knows no other: 401 (F110).
    pub own_key: bool,
    /// The version of the records it writes, and the newest that it can read: 500 (F108).
    pub schema: u8,
    /// What it puts into a shared cache cannot be read by another build for so long, in
    /// milliseconds: 500 (F111).
    pub poison_ms: u32,
    /// It serves with the settings of another environment: its answers look well (F105).
    pub staging: bool,
    /// It cannot reach what it depends on: 503, though its health check knows nothing of it (F104).
    pub cut_off: bool,
    /// It works on queued jobs whether or not its side is live (F112).
    pub eager: bool,
    /// Percentage of its answers that take [`Flaws::slow_ms`] (F57).
    pub slow_percent: u8,
    /// How long its slow route takes, in milliseconds.
    pub slow_ms: u32,
}

impl Flaws {
    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Some instances of an image run another build than it names (F56, F114).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixture {
    /// Share of the instances, in percent.
    pub percent: u8,
    /// The build they run.
    pub runs: String,
    /// Whether their answers name it; else they name the image's build.
    pub admits: bool,
}

impl Mixture {
    /// Whether an instance is one of them. Numbers are spread, so that few instances show it too.
    #[must_use]
    pub const fn takes(&self, number: u32) -> bool {
        (number.wrapping_mul(37) % 100) < self.percent as u32
    }
}

/// What the builds share: who has which flaw, and what one leaves behind for the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared {
    flaws: Vec<(Build, Flaws)>,
    poisoned: Option<(Build, Instant)>,
}

/// What an instance makes of a request beyond its own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Promise {
    /// The status, where the work itself goes well.
    pub(crate) status: u16,
    /// What the client will find.
    pub(crate) contract: Contract,
    /// Added to the work.
    pub(crate) extra: Duration,
}

impl Promise {
    /// Everything as it should be.
    pub(crate) const KEPT: Self = Self {
        status: 200,
        contract: Contract::Kept,
        extra: Duration::ZERO,
    };

    const fn broken(status: u16, contract: Contract) -> Self {
        Self {
            status,
            contract,
            extra: Duration::ZERO,
        }
    }
}

impl Shared {
    /// The flaws of all builds that run; `None` when there is none, which costs nothing.
    pub(crate) fn of(machines: &[Machine]) -> Option<Self> {
        let mut flaws: Vec<(Build, Flaws)> = Vec::new();
        for machine in machines.iter().filter(|machine| machine.exists()) {
            let own = (machine.view.build, machine.view.application.flaws);
            if !own.1.is_none() && !flaws.contains(&own) {
                flaws.push(own);
            }
        }
        (!flaws.is_empty()).then_some(Self {
            flaws,
            poisoned: None,
        })
    }

    /// Keeps what was left behind, when the builds that run change.
    pub(crate) fn inherit(mut self, before: Option<Self>) -> Self {
        self.poisoned = before.and_then(|before| before.poisoned);
        self
    }

    /// What an instance makes of a request that presents what its user remembers.
    pub(crate) fn check(
        &mut self,
        view: &InstanceView,
        arrival: &Arrival,
        memory: Memory,
        (now, draw): (Instant, Seed),
    ) -> Promise {
        let (own, flaws) = (view.build, view.application.flaws);
        let broken = Promise::broken;
        let works_on_data = matches!(
            arrival.class,
            RequestClass::Session | RequestClass::Write | RequestClass::Upload
        );
        if works_on_data && flaws.cut_off {
            return broken(503, Contract::NoDependency);
        }
        let presented = match arrival.class {
            RequestClass::Asset => self.file(own, arrival.origin),
            RequestClass::Session => self.session(own, memory),
            _ => None,
        };
        if let Some((status, contract)) = presented {
            return broken(status, contract);
        }
        let cached = matches!(arrival.class, RequestClass::Page | RequestClass::Session);
        if cached && self.is_poisoned_for(own, now) {
            return broken(500, Contract::PoisonedCache);
        }
        if cached && flaws.poison_ms > 0 {
            let until = now + Duration::from_millis(u64::from(flaws.poison_ms));
            self.poisoned = Some((own, until));
        }
        if works_on_data && flaws.staging {
            return broken(200, Contract::WrongSettings);
        }
        let slow = draw.child("slow").below(100) < u64::from(flaws.slow_percent);
        let slow_ms = if slow { flaws.slow_ms } else { 0 };
        Promise {
            extra: Duration::from_millis(u64::from(slow_ms)),
            ..Promise::KEPT
        }
    }

    fn file(&self, own: Build, rendered_by: Option<Build>) -> Option<(u16, Contract)> {
        let other = rendered_by.filter(|build| *build != own)?;
        let apart = self.of_build(own).own_files || self.of_build(other).own_files;
        apart.then_some((404, Contract::MissingAsset))
    }

    fn session(&self, own: Build, memory: Memory) -> Option<(u16, Contract)> {
        if let Some(minted) = memory.token.filter(|build| *build != own)
            && (self.of_build(own).own_key || self.of_build(minted).own_key)
        {
            return Some((401, Contract::UnknownToken));
        }
        let written = memory.record?;
        (self.of_build(written).schema > self.of_build(own).schema)
            .then_some((500, Contract::UnreadableRecord))
    }

    fn is_poisoned_for(&self, own: Build, now: Instant) -> bool {
        self.poisoned
            .is_some_and(|(by, until)| by != own && now < until)
    }

    fn of_build(&self, build: Build) -> Flaws {
        let known = self.flaws.iter().find(|(own, _)| *own == build);
        known.map_or_else(Flaws::default, |(_, flaws)| *flaws)
    }
}

#[cfg(test)]
mod tests {
    use super::super::instance_view::tests::view;
    use super::*;
    use crate::data_plane::Application;

    const NOW: Instant = Instant::from_millis(1_000);

    fn shared(old: Flaws, new: Flaws) -> Shared {
        Shared {
            flaws: vec![(0, old), (1, new)],
            poisoned: None,
        }
    }

    fn serving(build: Build, flaws: Flaws) -> InstanceView {
        InstanceView {
            build,
            ..view(Application {
                flaws,
                ..Application::default()
            })
        }
    }

    fn asks(class: RequestClass, origin: Option<Build>) -> Arrival {
        Arrival {
            class,
            origin,
            ..Arrival::default()
        }
    }

    fn check(new: Flaws, by: Build, arrival: &Arrival, memory: Memory) -> (u16, Contract) {
        let mut shared = shared(Flaws::default(), new);
        let flaws = if by == 1 { new } else { Flaws::default() };
        let promise = shared.check(&serving(by, flaws), arrival, memory, (NOW, Seed::new(1)));
        (promise.status, promise.contract)
    }

    #[test]
    fn a_contract_is_broken_only_between_builds_that_differ_in_it() {
        let kept = (200, Contract::Kept);
        let none = Memory::default();
        let of = |token, record| Memory { token, record };
        let asset = |origin| asks(RequestClass::Asset, Some(origin));
        let session = asks(RequestClass::Session, None);
        let own_files = Flaws {
            own_files: true,
            ..Flaws::default()
        };
        let own_key = Flaws {
            own_key: true,
            ..Flaws::default()
        };
        let schema = Flaws {
            schema: 2,
            ..Flaws::default()
        };
        let cases = [
            (own_files, 0, asset(0), none, kept),
            (own_files, 0, asset(1), none, (404, Contract::MissingAsset)),
            (own_files, 1, asset(0), none, (404, Contract::MissingAsset)),
            (own_key, 1, session, of(Some(1), None), kept),
            (
                own_key,
                1,
                session,
                of(Some(0), None),
                (401, Contract::UnknownToken),
            ),
            (
                own_key,
                0,
                session,
                of(Some(1), None),
                (401, Contract::UnknownToken),
            ),
            (own_key, 0, session, none, kept),
            (schema, 1, session, of(None, Some(0)), kept),
            (
                schema,
                0,
                session,
                of(None, Some(1)),
                (500, Contract::UnreadableRecord),
            ),
            (schema, 0, session, of(Some(1), Some(0)), kept),
        ];
        for (flaws, by, arrival, memory, expected) in cases {
            assert_eq!(
                check(flaws, by, &arrival, memory),
                expected,
                "{flaws:?} served by {by}: {:?} with {memory:?}",
                arrival.class
            );
        }
    }

    #[test]
    fn a_poisoned_cache_hurts_the_other_build_until_it_expires() {
        let poison = Flaws {
            poison_ms: 500,
            ..Flaws::default()
        };
        let mut shared = shared(Flaws::default(), poison);
        let page = asks(RequestClass::Page, None);
        let mut ask = |by, flaws, at| {
            let told = (Instant::from_millis(at), Seed::new(1));
            let promise = shared.check(&serving(by, flaws), &page, Memory::default(), told);
            promise.status
        };
        assert_eq!(ask(0, Flaws::default(), 0), 200);
        assert_eq!(ask(1, poison, 100), 200);
        assert_eq!(ask(1, poison, 100), 200);
        assert_eq!(ask(0, Flaws::default(), 599), 500);
        assert_eq!(ask(0, Flaws::default(), 600), 200);
    }

    #[test]
    fn a_mixture_takes_its_share_of_the_numbers() {
        let half = Mixture {
            percent: 50,
            runs: "v0".to_owned(),
            admits: true,
        };
        assert!(half.takes(0) && !half.takes(2));
        let taken = (0..1000).filter(|number| half.takes(*number)).count();
        assert_eq!(taken, 500);
    }
}
