//! Plans: what they list, what they bind, and that nothing else is done in their name.

use super::*;
use crate::plan::{PlanRefusal, SwapPlan};
use crate::run::Approved;
use crate::swap::{Planning, plan};

const HOUR_MS: u64 = 3_600_000;

impl Lab {
    fn plan(&self) -> Planning {
        let settings = settings();
        let run = self.with(&settings, &self.store);
        let planned = self.fake.run(plan(&run, HOUR_MS));
        planned.expect("the fake can be read")
    }

    fn planned(&self) -> SwapPlan {
        match self.plan() {
            Planning::Planned(plan) => *plan,
            other => panic!("green serves and blue is idle: {other:?}"),
        }
    }

    fn apply(&self, plan: &SwapPlan) -> SwapReport {
        self.swap_with(&Settings {
            to: Some(plan.content.new.name.clone()),
            approved: Some(Approved {
                hash: plan.hash.clone(),
                plan: Some(Box::new(plan.clone())),
            }),
            ..settings()
        })
    }

    fn gateway_edited(&self) {
        let id = self.config.target.gateway.clone();
        let edit = |gateway: &mut serde_json::Value| gateway["tags"] = json!({"by": "someone"});
        self.fake.azure.borrow_mut().edit(&id, edit);
    }

    /// Puts a number of machines into a side's scale set.
    fn scaled(&self, side: &str, capacity: u32) {
        let subscription = self.config.target.subscription();
        let id = self.config.sides[side].scale_set(subscription, side);
        let edit = |set: &mut serde_json::Value| set["sku"]["capacity"] = json!(capacity);
        self.fake.azure.borrow_mut().edit(&id, edit);
    }
}

#[test]
fn a_plan_lists_every_write_with_what_it_changes_and_writes_nothing() {
    let lab = lab();
    let content = lab.planned().content;
    let gateway: Vec<_> = content
        .writes
        .iter()
        .filter(|write| write.resource == lab.config.target.gateway)
        .collect();
    assert_eq!(
        gateway.iter().map(|w| w.phase).collect::<Vec<_>>(),
        [Phase::P4, Phase::P7]
    );
    for write in gateway {
        let paths: Vec<&str> = write.changes.iter().map(|c| c.path.as_str()).collect();
        assert_eq!(
            paths,
            ["properties.backendAddressPools[pool01].properties.backendAddresses"]
        );
    }
    assert_eq!(content.old.name, "green");
    assert_eq!(content.capacity.steps.len(), 2);
    assert!(content.time.typical_s < content.time.worst_s);
    assert_eq!(content.findings, Vec::<String>::new());
    assert_eq!(lab.fake.azure.borrow().writes, Vec::<String>::new());
    assert_eq!(lab.fake.run(lab.store.runs()), Ok(Vec::new()));
}

#[test]
fn equal_worlds_give_equal_hashes_at_any_time() {
    let lab = lab();
    let first = lab.planned();
    lab.fake.run(lab.fake.sleep_until(Instant(100_000)));
    let second = lab.planned();
    assert_eq!(first.hash, second.hash);
    assert_ne!(first.seal, second.seal, "their times differ");
}

#[test]
fn what_is_approved_is_what_is_done() {
    let lab = lab();
    let plan = lab.planned();
    let report = lab.apply(&plan);
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.reason);
    assert_eq!(
        lab.fake.azure.borrow().gateway_puts,
        [vec![GREEN, BLUE], vec![BLUE]]
    );
}

#[test]
fn a_world_that_has_moved_is_named_and_nothing_is_written() {
    type Moves = fn(&Lab);
    let cases: [(Moves, &str); 3] = [
        (Lab::gateway_edited, "the gateway's etag"),
        (
            |lab| lab.scaled("green", 5),
            "the number of instances of `green` was 3 and is 5",
        ),
        (
            |lab| {
                let report = lab.swap();
                assert_eq!(report.outcome, Outcome::Completed, "{}", report.reason);
            },
            "`blue` serves already",
        ),
    ];
    for (moves, told) in cases {
        let lab = lab();
        let plan = lab.planned();
        moves(&lab);
        lab.fake.azure.borrow_mut().writes.clear();
        let report = lab.apply(&plan);
        assert_eq!(report.outcome, Outcome::Stale, "{}", report.reason);
        assert_eq!(report.exit_code(), 9);
        assert!(report.reason.contains(told), "{}", report.reason);
        assert_eq!(lab.fake.azure.borrow().writes, Vec::<String>::new());
        assert!(!report.changed);
    }
}

#[test]
fn another_hash_than_the_approved_one_changes_nothing() {
    let lab = lab();
    let report = lab.swap_with(&Settings {
        approved: Some(Approved {
            hash: "sha256:other".to_owned(),
            plan: None,
        }),
        ..settings()
    });
    assert_eq!(report.outcome, Outcome::Stale);
    assert!(
        report.reason.contains(&lab.planned().hash),
        "{}",
        report.reason
    );
}

#[test]
fn a_plan_file_is_refused_when_edited_expired_or_something_else() {
    let lab = lab();
    let plan = lab.planned();
    let text = serde_json::to_string(&plan).expect("a plan serialises");
    let now = plan.created_unix_ms;
    assert_eq!(SwapPlan::open(&text, now).as_ref(), Ok(&plan));
    assert_eq!(
        SwapPlan::open(&text, plan.expires_unix_ms - 1),
        Ok(plan.clone())
    );
    for (text, at, code) in [
        (text.clone(), plan.expires_unix_ms, 9),
        (text.replace("10.0.0.6", "10.0.0.7"), now, 9),
        (
            text.replace(
                &plan.expires_unix_ms.to_string(),
                &(plan.expires_unix_ms + 1).to_string(),
            ),
            now,
            9,
        ),
        (
            text.replace("turquoise-plan/1", "turquoise-plan/2"),
            now,
            64,
        ),
        ("{}".to_owned(), now, 64),
    ] {
        let refusal: PlanRefusal = SwapPlan::open(&text, at).expect_err("it is not that plan");
        assert_eq!(refusal.exit_code(), code, "{refusal}");
    }
}

#[test]
fn a_plan_with_findings_is_not_opened() {
    let lab = lab();
    let id = lab.config.target.gateway.clone();
    let stop = |gateway: &mut serde_json::Value| {
        gateway["properties"]["operationalState"] = json!("Stopped");
    };
    lab.fake.azure.borrow_mut().edit(&id, stop);
    let plan = lab.planned();
    assert!(plan.content.findings[0].contains("Stopped"));
    let text = serde_json::to_string(&plan).expect("a plan serialises");
    let refusal = SwapPlan::open(&text, plan.created_unix_ms).expect_err("it is blocked");
    assert_eq!(refusal.exit_code(), 3);
}

#[test]
fn a_side_that_serves_already_needs_no_plan() {
    let lab = lab();
    let wants = Settings {
        to: Some("green".to_owned()),
        ..settings()
    };
    let run = lab.with(&wants, &lab.store);
    let planned = lab.fake.run(plan(&run, HOUR_MS));
    assert_eq!(planned, Ok(Planning::NothingToDo("green".to_owned())));
}
