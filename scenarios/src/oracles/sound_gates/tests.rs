//! Each doubt that a gate must have had.

use super::*;
use crate::Observation;
use crate::observation::PhaseMark;
use crate::sample::{
    NEW, NEW_MACHINE, OLD, OLD_MACHINE, US, applied, at, balanced, clean, condition, fail, health,
    insert, scaled, secs, serving, written,
};

fn violated(observation: &Observation) -> bool {
    crate::judge(observation).violates(Invariant::S(20))
}

fn check(edit: impl FnOnce(&mut Observation), expected: bool, what: &str) {
    let mut observation = clean();
    edit(&mut observation);
    assert_eq!(violated(&observation), expected, "{what}");
}

#[test]
fn a_side_is_added_only_when_its_machines_are_really_well() {
    let sick = |second| {
        move |o: &mut Observation| {
            insert(o, secs(second), condition("blue", NEW_MACHINE, false));
        }
    };
    check(sick(119), true, "sick when it was added");
    check(sick(121), true, "sick when it was to serve alone");
    check(sick(161), false, "sick after the last write");
    check(
        |o| {
            insert(o, secs(50), condition("blue", NEW_MACHINE, false));
            insert(o, secs(109), condition("blue", NEW_MACHINE, true));
        },
        false,
        "well again for eleven seconds",
    );
    check(
        |o| {
            insert(o, secs(50), condition("blue", NEW_MACHINE, false));
            insert(o, secs(111), condition("blue", NEW_MACHINE, true));
        },
        true,
        "well again for nine seconds",
    );
    check(
        |o| insert(o, secs(100), balanced("blue", NEW_MACHINE, false)),
        true,
        "its balancer sends it nothing",
    );
    check(
        |o| insert(o, secs(50), scaled("blue", 1, 2, US)),
        true,
        "one of two machines is there",
    );
    check(
        |o| insert(o, secs(50), serving("blue", NEW_MACHINE, "v1")),
        true,
        "it runs the other build",
    );
    check(
        |o| insert(o, secs(110), condition("green", OLD_MACHINE, false)),
        true,
        "the side that serves has begun to fail",
    );
}

#[test]
fn a_side_serves_alone_only_when_every_gateway_instance_really_uses_it() {
    check(
        |o| insert(o, secs(150), health(1, NEW, false)),
        true,
        "one instance finds it unhealthy",
    );
    check(
        |o| {
            insert(o, secs(150), health(1, NEW, false));
            insert(o, secs(155), health(1, NEW, true));
        },
        false,
        "it has found it healthy again",
    );
    check(
        |o| insert(o, secs(150), applied(1, 9, &[OLD])),
        true,
        "one instance does not use it",
    );
}

/// The run goes back at 140 s, from P6, and has taken the new side out at 150 s.
fn gone_back() -> Observation {
    let mut observation = clean();
    observation.phases.retain(|mark| mark.phase < 7);
    for (second, phase) in [(145, 7), (155, 8), (195, 11)] {
        let at = secs(second);
        let reverse = true;
        observation.phases.push(PhaseMark { at, phase, reverse });
    }
    observation
        .events
        .retain(|timed| timed.at < secs(160) || timed.at >= secs(190));
    insert(&mut observation, secs(150), written(US, 3, &[OLD]));
    observation
}

#[test]
fn a_side_is_given_up_only_when_it_is_worse() {
    assert!(violated(&gone_back()), "nothing was wrong with it");
    let mut sick = gone_back();
    insert(&mut sick, secs(141), condition("blue", NEW_MACHINE, false));
    assert!(!violated(&sick));
    let mut unhealthy = gone_back();
    insert(&mut unhealthy, secs(141), health(0, NEW, false));
    insert(&mut unhealthy, secs(142), health(0, NEW, true));
    assert!(!violated(&unhealthy));
}

#[test]
fn errors_of_one_side_are_a_reason_and_errors_of_both_are_none() {
    for (both, expected) in [(false, false), (true, true)] {
        let mut observation = gone_back();
        let (from, to) = (at(&observation, secs(125)), at(&observation, secs(151)));
        for index in from..to {
            let member = observation.ledgers.gateway[index].member;
            if both || member == Some(NEW) {
                let reset = turquoise_emulator::ledger::Fault::Reset;
                fail(&mut observation, index, reset);
            }
        }
        assert_eq!(violated(&observation), expected, "both: {both}");
    }
}

#[test]
fn half_of_a_side_is_enough_to_go_back_to_and_none_is_not() {
    for (old_is_well, expected) in [(true, false), (false, true)] {
        let mut observation = gone_back();
        insert(
            &mut observation,
            secs(141),
            condition("blue", NEW_MACHINE, false),
        );
        if !old_is_well {
            insert(
                &mut observation,
                secs(141),
                condition("green", OLD_MACHINE, false),
            );
        }
        assert_eq!(
            violated(&observation),
            expected,
            "old is well: {old_is_well}"
        );
    }
}

#[test]
fn an_azure_that_answers_nothing_is_a_reason_and_one_that_answers_is_none() {
    for (statuses, expected) in [(&[0, 503][..], false), (&[0, 200], true), (&[], true)] {
        let mut observation = gone_back();
        let ours = |event: &Event| matches!(event, Event::Arm { caller, .. } if caller == US);
        observation.events.retain(|timed| !ours(&timed.event));
        for status in statuses {
            let call = Event::Arm {
                method: "GET".to_owned(),
                target: "/subscriptions".to_owned(),
                caller: US.to_owned(),
                status: *status,
                code: None,
                applied: false,
            };
            insert(&mut observation, secs(141), call);
        }
        assert_eq!(violated(&observation), expected, "{statuses:?}");
    }
}
