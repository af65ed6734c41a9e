//! The whole table as text and as a graph, and what must hold on every path through it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::*;

const ENDINGS: [Ending; 6] = [
    Ending::Completed,
    Ending::NothingToDo,
    Ending::Refused,
    Ending::Abandoned,
    Ending::RolledBack,
    Ending::RolledBackUnverified,
];

fn states() -> Vec<State> {
    let mut states = vec![
        State::Observing,
        State::Preflighting,
        State::Warming,
        State::Gating,
        State::Adding,
        State::ConfirmingAdd,
        State::BakingMixed,
        State::Removing,
        State::Draining,
        State::BakingFinal,
        State::Retaining,
        State::Readding,
        State::ConfirmingReadd,
        State::Reverting,
        State::ConfirmingRevert,
    ];
    states.extend(ENDINGS.map(State::Releasing));
    states.extend(ENDINGS.map(State::Ended));
    states.push(State::Parked(Reason::Drift));
    states
}

fn events() -> Vec<Event> {
    let mut events = vec![
        Event::OnPlan,
        Event::OnNothingToDo,
        Event::OnRefusal,
        Event::OnPass,
        Event::OnFail,
        Event::OnDeadline,
        Event::OnBreach,
        Event::OnAbort,
        Event::OnUndo,
        Event::OnBlocked(Reason::Denied),
        Event::OnInterrupt,
    ];
    events.extend(Content::ALL.map(Event::OnSettled));
    events.extend(Content::ALL.map(Event::OnResume));
    events
}

#[test]
fn the_whole_table() {
    let mut table = String::new();
    for state in states() {
        writeln!(table, "{state:?}").expect("a string takes everything");
        for event in events() {
            let line = match step(state, event) {
                Ok((next, effects)) => format!("{next:?} {effects:?}"),
                Err(_) => "illegal".to_owned(),
            };
            writeln!(table, "  {:<22} {line}", format!("{event:?}")).expect("as above");
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_graph() {
    let mut edges: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (state, event) in pairs() {
        let skip = matches!(
            event,
            Event::OnInterrupt | Event::OnBlocked(_) | Event::OnResume(_)
        );
        if let (false, Ok((next, _))) = (skip, step(state, event)) {
            let edge = (format!("{state:?}"), format!("{next:?}"));
            edges.entry(edge).or_default().insert(format!("{event:?}"));
        }
    }
    let mut dot = String::from("digraph swap {\n");
    for ((from, to), events) in edges {
        let events: Vec<String> = events.into_iter().collect();
        let label = events.join("\\n");
        writeln!(dot, "  \"{from}\" -> \"{to}\" [label=\"{label}\"];").expect("as above");
    }
    dot.push_str("}\n");
    insta::assert_snapshot!(dot);
}

fn pairs() -> impl Iterator<Item = (State, Event)> {
    let events = events();
    states()
        .into_iter()
        .flat_map(move |state| events.clone().into_iter().map(move |event| (state, event)))
}

#[test]
fn every_state_can_be_left_or_is_final() {
    for state in states() {
        let leaves = events()
            .into_iter()
            .filter_map(|event| step(state, event).ok())
            .any(|(next, _)| next != state);
        assert_eq!(leaves, !state.is_final(), "{state:?}");
    }
}

#[test]
fn every_state_survives_a_crash_with_any_pool() {
    for state in states().into_iter().filter(|state| !state.is_final()) {
        for content in Content::ALL {
            assert!(
                step(state, Event::OnResume(content)).is_ok(),
                "{state:?} {content:?}"
            );
        }
    }
}

/// No path writes the pool to a side alone without having confirmed both (S11, F83).
#[test]
fn a_side_is_taken_out_only_after_both_were_confirmed() {
    for (state, event) in pairs() {
        let Ok((next, _)) = step(state, event) else {
            continue;
        };
        if next == State::Removing && state != State::Removing {
            assert_eq!(state, State::BakingMixed, "{event:?}");
        }
        if next == State::Reverting && state != State::Reverting {
            let confirmed = matches!(
                state,
                State::ConfirmingAdd
                    | State::BakingMixed
                    | State::Removing
                    | State::ConfirmingReadd
            );
            // Before the first confirmation the old side serves in any case.
            assert!(confirmed || event == Event::OnUndo, "{state:?} {event:?}");
        }
    }
}

/// After the first gateway write was intended, no way leads to an ending that claims that nothing
/// was written, unless the pool was read and lists the old side.
#[test]
fn an_ambiguous_first_write_is_never_called_nothing_happened() {
    let written = [
        State::ConfirmingAdd,
        State::BakingMixed,
        State::Removing,
        State::Draining,
        State::BakingFinal,
        State::Retaining,
    ];
    for state in written {
        for event in events() {
            if let Ok((next, _)) = step(state, event) {
                let claims = [Ending::Abandoned, Ending::Refused, Ending::NothingToDo]
                    .map(State::Releasing)
                    .contains(&next);
                assert!(!claims, "{state:?} {event:?} {next:?}");
            }
        }
    }
}
