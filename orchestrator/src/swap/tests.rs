//! Whole swaps against the scripted Azure: what is written, what is refused, what survives.

mod analysis;
mod control;
mod hooks;
mod planning;
mod resumption;

use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::access::{Access, StaticToken};
use crate::config::{Config, Span};
use crate::deploy::{Change, DeployInputs, Part, deploy};
use crate::environment::Instant;
use crate::fake::{CrashingStore, Fake, Trouble};
use crate::journal::MemoryStore;
use crate::lease::LeaseStore;
use crate::observer::{Observer, Progress};
use crate::phase::Phase;
use crate::run::Settings;
use crate::view::{autoscale, scale_set};

const GREEN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const BLUE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 6);

/// A deployed system in which green serves.
struct Lab {
    fake: Fake,
    access: Access,
    config: Config,
    store: MemoryStore,
    progress: Log,
}

#[derive(Default)]
struct Log(RefCell<Vec<(Instant, Progress)>>);

impl Observer for Log {
    fn on(&self, at: Instant, progress: &Progress) {
        self.0.borrow_mut().push((at, progress.clone()));
    }
}

fn lab() -> Lab {
    let lab = Lab {
        fake: Fake::new(),
        access: Access::new("http://fake", StaticToken::new("token")),
        config: Config::rehearsal(),
        store: MemoryStore::new(),
        progress: Log::default(),
    };
    for part in [Part::Frontend, side("green"), side("blue")] {
        lab.deploy(&part);
    }
    lab.fake.azure.borrow_mut().writes.clear();
    lab
}

fn side(name: &str) -> Part {
    Part::Side(name.to_owned())
}

fn settings() -> Settings {
    Settings {
        owner: "ada@here".to_owned(),
        ..Settings::default()
    }
}

impl Lab {
    fn deploy(&self, part: &Part) -> crate::deploy::DeployReport {
        let inputs = DeployInputs::default();
        let deployment = deploy(&self.fake, &self.access, &self.config, part, &inputs, &());
        self.fake.run(deployment).expect("the example deploys")
    }

    fn with<'a>(&'a self, settings: &'a Settings, journal: &'a dyn JournalStore) -> Run<'a, Fake> {
        Run {
            environment: &self.fake,
            access: &self.access,
            config: &self.config,
            settings,
            journal,
            lease: &self.store,
            observer: &self.progress,
        }
    }

    fn swap(&self) -> SwapReport {
        self.swap_with(&settings())
    }

    fn swap_with(&self, settings: &Settings) -> SwapReport {
        let run = self.with(settings, &self.store);
        self.fake.run(swap(&run))
    }

    fn rollback(&self) -> SwapReport {
        let settings = settings();
        let run = self.with(&settings, &self.store);
        self.fake.run(rollback(&run))
    }

    /// Dies right after the given number of journal lines; `None` when it died.
    fn swap_until(&self, settings: &Settings, lines: u32) -> Option<SwapReport> {
        let store = CrashingStore::after(&self.store, lines);
        let run = self.with(settings, &store);
        self.fake.run_until(|| store.crashed(), swap(&run))
    }

    /// Whether the last run wrote its end down: then there is nothing to resume.
    fn ended(&self) -> bool {
        let last = self
            .fake
            .run(last_run(&self.store))
            .expect("the store is in memory");
        last.is_some_and(|(_, run)| !run.is_open() && !run.died_early())
    }

    fn troubles(&self, troubles: &[Trouble]) {
        self.fake.azure.borrow_mut().troubles = troubles.iter().copied().collect();
    }

    fn puts(&self) -> Vec<Vec<Ipv4Addr>> {
        self.fake.azure.borrow().gateway_puts.clone()
    }

    fn minimum(&self, side: &str) -> u32 {
        let config = &self.config;
        let id = config.sides[side].autoscale_setting(config.target.subscription(), side);
        autoscale::limits(self.fake.azure.borrow().resource(&id))[0].minimum
    }

    fn capacity(&self, side: &str) -> Option<u32> {
        let config = &self.config;
        let id = config.sides[side].scale_set(config.target.subscription(), side);
        scale_set::capacity(self.fake.azure.borrow().resource(&id))
    }

    fn set_capacity(&self, side: &str, count: u32) {
        let config = &self.config;
        let id = config.sides[side].scale_set(config.target.subscription(), side);
        let mut azure = self.fake.azure.borrow_mut();
        azure.edit(&id, |set| set["sku"]["capacity"] = json!(count));
    }
}

#[test]
fn a_swap_takes_two_writes_and_leaves_nothing_behind() {
    let lab = lab();
    let report = lab.swap();
    assert_eq!((report.exit_code(), report.reason.as_str()), (0, ""));
    assert_eq!(lab.puts(), [vec![GREEN, BLUE], vec![BLUE]]);
    assert_eq!(report.gateway_puts, 2);
    assert_eq!(report.pool.arm, [BLUE]);
    assert_eq!(report.pool.effective, [BLUE]);
    assert_eq!(report.residue, Vec::<String>::new());
    assert_eq!((lab.minimum("green"), lab.minimum("blue")), (3, 3));
    let phases: Vec<Phase> = report.phases.iter().map(|p| p.phase).collect();
    assert_eq!(phases, Phase::ALL);
}

#[test]
fn the_old_side_is_not_taken_out_before_the_gateway_was_seen_to_serve_the_new_one() {
    let lab = lab();
    let report = lab.swap();
    let entered = |phase| {
        report
            .phases
            .iter()
            .find(|p| p.phase == phase)
            .map(|p| p.entered_ms)
    };
    let (bake, remove) = (entered(Phase::P6), entered(Phase::P7));
    let first_put = report.writes[0].sent_ms;
    assert!(
        bake.is_some_and(|at| at >= first_put + 20_000),
        "the fake applies after 20 s"
    );
    assert!(
        remove >= bake.map(|at| at + 60_000),
        "the bake lasts a minute"
    );
}

#[test]
fn every_wait_says_within_ten_seconds_what_is_missing() {
    let lab = lab();
    lab.swap();
    let log = lab.progress.0.borrow();
    let waits = log
        .iter()
        .filter(|(_, p)| matches!(p, Progress::Waiting { .. }));
    let times: Vec<u64> = waits.map(|(at, _)| at.0).collect();
    assert!(times.len() > 20);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= 10_000));
}

#[test]
fn every_wait_names_its_ceiling_and_ends_before_it() {
    let lab = lab();
    lab.swap();
    for (_, progress) in lab.progress.0.borrow().iter() {
        if let Progress::Waiting {
            phase,
            elapsed,
            ceiling,
            missing,
        } = progress
        {
            assert!(elapsed <= ceiling, "{phase}: {elapsed:?} of {ceiling:?}");
            assert!(!missing.is_empty(), "{phase} does not say what is missing");
        }
    }
}

#[test]
fn a_second_swap_brings_the_other_side_back() {
    let lab = lab();
    assert_eq!(lab.swap().outcome, Outcome::Completed);
    assert_eq!(lab.swap().outcome, Outcome::Completed);
    assert_eq!(lab.puts().last(), Some(&vec![GREEN]));
}

#[test]
fn a_swap_to_the_live_side_is_done_at_once() {
    let lab = lab();
    let to = Settings {
        to: Some("green".to_owned()),
        ..settings()
    };
    let report = lab.swap_with(&to);
    assert_eq!(
        (report.outcome, report.changed),
        (Outcome::NothingToDo, false)
    );
    assert!(lab.fake.azure.borrow().writes.is_empty());
}

/// ARM lists what was written at once; while the write runs nobody knows what the gateway does (F76).
#[test]
fn a_side_that_a_running_write_lists_does_not_serve_already() {
    let lab = lab();
    let ends_at = lab.fake.millis() + 60_000;
    let gateway = &lab.config.target.gateway;
    lab.fake.azure.borrow_mut().rewrite(gateway, ends_at);
    let report = lab.swap_with(&Settings {
        to: Some("green".to_owned()),
        ..settings()
    });
    assert_eq!(report.outcome, Outcome::NothingToDo, "{}", report.reason);
    assert!(lab.fake.millis() >= ends_at, "it ended before the write");
}

#[test]
fn trouble_with_a_write_is_answered_by_reading_again() {
    use Trouble::{
        Busy, LostReply, LostRequest, None, Overtaken, Superseded, SupersededKept, Throttled,
    };
    for (troubles, accepted) in [
        (&[Throttled][..], 2),
        (&[Throttled, Throttled, Busy], 2),
        (&[Overtaken], 2),
        (&[LostRequest], 2),
        (&[LostReply], 2),
        (&[None, LostReply], 2),
        (&[None, LostRequest, Throttled], 2),
        (&[SupersededKept], 2),
        // What someone else undid is written again, on top of what they wrote.
        (&[Superseded], 3),
        (&[None, Superseded], 3),
    ] {
        let lab = lab();
        lab.troubles(troubles);
        let report = lab.swap();
        assert_eq!(
            report.outcome,
            Outcome::Completed,
            "{troubles:?}: {}",
            report.reason
        );
        assert_eq!(lab.puts().len(), accepted, "{troubles:?}");
        assert_eq!(report.gateway_puts as usize, accepted, "{troubles:?}");
        assert_eq!(lab.puts().last(), Some(&vec![BLUE]), "{troubles:?}");
    }
}

#[test]
fn a_write_whose_proof_has_aged_is_proven_again() {
    let usual = lab();
    let sent: Vec<u64> = usual
        .swap()
        .writes
        .iter()
        .map(|write| write.sent_ms)
        .collect();
    // Frozen while the last look before either write is on its way, for less and for more than a
    // proof is good for.
    for (write, lasts_s, withheld) in [(0, 60, 0), (0, 600, 1), (1, 60, 0), (1, 600, 1)] {
        let lab = lab();
        let from = sent[write] - 30;
        let frozen = (from, from + lasts_s * 1000);
        lab.fake.frozen.set(Some(frozen));
        let report = lab.swap();
        let case = format!("write {write}, {lasts_s} s");
        assert_eq!(
            report.outcome,
            Outcome::Completed,
            "{case}: {}",
            report.reason
        );
        assert_eq!(lab.puts(), [vec![GREEN, BLUE], vec![BLUE]], "{case}");
        assert_eq!(report.writes.len(), 2 + withheld, "{case}");
        assert_eq!(report.gateway_puts, 2, "{case}");
    }
}

#[test]
fn a_foreign_edit_between_read_and_write_survives() {
    let lab = lab();
    lab.troubles(&[Trouble::Overtaken]);
    lab.swap();
    let azure = lab.fake.azure.borrow();
    let gateway = azure.resource(&lab.config.target.gateway);
    assert_eq!(gateway["tags"], json!({"foreign": "edit"}));
}

#[test]
fn a_sick_new_side_stops_the_swap_before_any_gateway_write() {
    let mut lab = lab();
    lab.config.ceilings.gate = Span::minutes(2);
    lab.fake.azure.borrow_mut().sick.insert(BLUE);
    let report = lab.swap();
    assert_eq!(report.exit_code(), 4, "{}", report.reason);
    assert!(
        report.reason.contains("instance 0 is unhealthy"),
        "{}",
        report.reason
    );
    assert_eq!((report.changed, report.gateway_puts), (false, 0));
    assert_eq!(lab.puts(), Vec::<Vec<Ipv4Addr>>::new());
    assert_eq!((lab.minimum("green"), lab.minimum("blue")), (3, 3));
}

#[test]
fn a_small_new_side_grows_to_the_live_one_s_size_and_pins_are_put_back() {
    let lab = lab();
    lab.set_capacity("green", 5);
    let report = lab.swap();
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.reason);
    assert_eq!(lab.capacity("blue"), Some(5), "it serves now");
    assert_eq!(lab.capacity("green"), Some(3), "released to its minimum");
    assert_eq!((lab.minimum("green"), lab.minimum("blue")), (3, 3));
}

#[test]
fn a_breach_in_the_mixed_bake_is_rolled_back() {
    let lab = lab();
    lab.fake.azure.borrow_mut().failing.insert(BLUE, 100_000);
    let report = lab.swap();
    assert_eq!(report.exit_code(), 5, "{}", report.reason);
    assert!(
        report.reason.contains("the new side fails"),
        "{}",
        report.reason
    );
    assert_eq!(lab.puts(), [vec![GREEN, BLUE], vec![GREEN]]);
    assert_eq!(report.pool.arm, [GREEN]);
    assert_eq!((report.changed, lab.minimum("blue")), (false, 3));
}

#[test]
fn a_way_back_that_cannot_be_proven_takes_no_capacity_from_the_new_side() {
    let mut lab = lab();
    lab.config.ceilings.drain = Span::seconds(20);
    lab.set_capacity("green", 5);
    lab.fake.azure.borrow_mut().failing.insert(BLUE, 100_000);
    let report = lab.swap();
    assert_eq!(report.exit_code(), 6, "{}", report.reason);
    assert_eq!((lab.capacity("blue"), lab.minimum("blue")), (Some(5), 5));
    assert_eq!(lab.minimum("green"), 3, "the side that serves is restored");
    assert!(
        report
            .residue
            .iter()
            .any(|line| line.contains("`blue` keeps")),
        "{:?}",
        report.residue
    );
}

#[test]
fn a_write_that_someone_undid_is_gone_back_from_with_proof() {
    let mut lab = lab();
    lab.config.ceilings.gate = Span::minutes(2);
    lab.troubles(&[Trouble::Superseded]);
    let settings = settings();
    let run = lab.with(&settings, &lab.store);
    let report = lab.fake.run(async {
        let falls_sick = async {
            while lab.puts().is_empty() {
                lab.fake
                    .sleep_until(lab.fake.now() + Duration::from_secs(1))
                    .await;
            }
            lab.fake.azure.borrow_mut().sick.insert(BLUE);
        };
        futures_util::future::join(swap(&run), falls_sick).await.0
    });
    let phases: Vec<Phase> = report.phases.iter().map(|p| p.phase).collect();
    assert_eq!(report.outcome, Outcome::RolledBack, "{}", report.reason);
    assert!(
        phases.contains(&Phase::P8),
        "the way back was proven: {phases:?}"
    );
}

#[test]
fn a_breach_after_the_old_side_is_out_goes_back_through_both() {
    let lab = lab();
    lab.fake.azure.borrow_mut().failing.insert(BLUE, 300_000);
    let report = lab.swap();
    assert_eq!(report.exit_code(), 5, "{}", report.reason);
    assert_eq!(
        lab.puts(),
        [
            vec![GREEN, BLUE],
            vec![BLUE],
            vec![GREEN, BLUE],
            vec![GREEN]
        ]
    );
}

#[test]
fn a_side_that_cannot_take_the_traffic_is_not_gone_back_to() {
    let mut lab = lab();
    lab.config.ceilings.gate = Span::minutes(2);
    lab.fake.azure.borrow_mut().failing.insert(BLUE, 300_000);
    let settings = settings();
    let run = lab.with(&settings, &lab.store);
    // The old side falls sick once the new one serves alone.
    let report = lab.fake.run(async {
        let sicken = async {
            lab.fake.sleep_until(Instant(250_000)).await;
            lab.fake.azure.borrow_mut().sick.insert(GREEN);
        };
        futures_util::future::join(swap(&run), sicken).await.0
    });
    assert_eq!(report.exit_code(), 7, "{}", report.reason);
    assert_eq!(lab.puts(), [vec![GREEN, BLUE], vec![BLUE]]);
    assert!(
        report
            .resume
            .is_some_and(|resume| resume.starts_with("turquoise resume 2026"))
    );
}

#[test]
fn a_run_that_azure_refuses_says_so() {
    let lab = lab();
    lab.troubles(&[Trouble::None, Trouble::Denied]);
    let report = lab.swap();
    assert_eq!((report.exit_code(), report.changed), (11, true));
    assert_eq!(
        report.pool.arm,
        [GREEN, BLUE],
        "both serve: it is safe to stop here"
    );
}

#[test]
fn an_endpoint_that_is_not_there_is_told_at_once() {
    let lab = lab();
    lab.fake.outage.set(Some((0, u64::MAX)));
    let began = lab.fake.millis();
    let report = lab.swap();
    assert_eq!((report.exit_code(), report.changed), (12, false));
    assert!(report.reason.contains("http://fake"), "{}", report.reason);
    assert!(lab.fake.millis() - began <= 12_000);
}

#[test]
fn an_outage_of_the_control_plane_between_the_writes_is_waited_out() {
    let lab = lab();
    lab.fake.outage.set(Some((100_000, 700_000)));
    let report = lab.swap();
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.reason);
    assert_eq!(report.gateway_puts, 2);
}

#[test]
fn a_pool_that_someone_else_changed_parks_the_run() {
    let lab = lab();
    let settings = settings();
    let run = lab.with(&settings, &lab.store);
    let report = lab.fake.run(async {
        let meddle = async {
            lab.fake.sleep_until(Instant(100_000)).await;
            let stranger = [Ipv4Addr::new(10, 0, 0, 99)];
            lab.fake
                .azure
                .borrow_mut()
                .edit(&lab.config.target.gateway, |gateway| {
                    let edited = crate::view::pool::with_members(gateway, "pool01", &stranger);
                    *gateway = edited.expect("the pool is there");
                });
        };
        futures_util::future::join(swap(&run), meddle).await.0
    });
    assert_eq!(report.exit_code(), 7, "{}", report.reason);
    assert!(report.reason.contains("did not write"), "{}", report.reason);
}

#[test]
fn retiring_empties_the_idle_side_only() {
    let lab = lab();
    lab.swap();
    let settings = settings();
    let run = lab.with(&settings, &lab.store);
    let report = lab.fake.run(retire(&run));
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.reason);
    assert_eq!(
        (lab.capacity("green"), lab.capacity("blue")),
        (Some(0), Some(3))
    );
    assert_eq!((lab.minimum("green"), lab.minimum("blue")), (0, 3));
    assert_eq!(lab.puts().len(), 2);
}

#[test]
fn status_tells_who_serves_and_where_the_last_run_stands() {
    let lab = lab();
    lab.fake.interrupt_at.set(Some(100_000));
    let stopped = lab.swap();
    let settings = settings();
    let run = lab.with(&settings, &lab.store);
    let status = lab.fake.run(status(&run)).expect("the gateway can be read");
    assert_eq!(status.pool, [GREEN, BLUE]);
    assert_eq!(status.live, None, "a mixed pool has no live side");
    let last = status.last_run.expect("a run was begun");
    assert_eq!((last.run, last.outcome), (stopped.run, None));
    assert_eq!(status.lease, None, "a run that stopped holds nothing");
}

#[test]
fn a_repeated_deployment_changes_nothing_and_keeps_the_swapped_pool() {
    let lab = lab();
    lab.swap();
    for part in [Part::Frontend, side("green"), side("blue")] {
        let report = lab.deploy(&part);
        let unchanged = report.count(Change::Unchanged);
        assert_eq!(unchanged, report.resources.len(), "{part:?}: {report:?}");
    }
    assert_eq!(lab.puts().len(), 2);
}

#[test]
fn a_deployment_does_not_change_a_side_that_serves() {
    let mut lab = lab();
    for (name, refused) in [("green", true), ("blue", false)] {
        let image = lab.config.sides[name].image.as_str().replace("-v", "-w");
        let image = turquoise_arm::ResourceId::parse(&image).expect("it still is an id");
        lab.config
            .sides
            .get_mut(name)
            .expect("the example has it")
            .image = image;
        let inputs = DeployInputs::default();
        let part = side(name);
        let deployment = deploy(&lab.fake, &lab.access, &lab.config, &part, &inputs, &());
        let result = lab.fake.run(deployment);
        assert_eq!(result.is_err(), refused, "{name}: {result:?}");
    }
}

#[test]
fn the_drain_outlasts_what_the_gateway_lets_a_removed_member_do() {
    let lab = lab();
    let report = lab.swap();
    let drain = report
        .phases
        .iter()
        .find(|p| p.phase == Phase::P8)
        .expect("it was visited");
    let lasted = Duration::from_millis(drain.left_ms - drain.entered_ms);
    assert!(lasted >= lab.config.frontend.drain_timeout.0, "{lasted:?}");
}
