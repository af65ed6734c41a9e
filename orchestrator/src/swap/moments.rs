//! Where the moments of hooks lie in the table.
//!
//! A state that writes the pool hosts none, since nobody can call it off: what comes before such a
//! write is asked at the end of the state before, what comes after it at the beginning of the next.

use super::effect::Effect;
use super::machine::State;
use crate::config::Moment;
use crate::phase::Phase;

/// A state's effects with the calls of hooks among them.
pub(crate) fn with_hooks(
    state: State,
    mut effects: Vec<Effect>,
    is_configured: impl Fn(Moment) -> bool,
) -> Vec<Effect> {
    let work = effects.iter().position(|effect| *effect != Effect::Record);
    let calls = |moments: Vec<Moment>| {
        let wanted = moments.into_iter().filter(|moment| is_configured(*moment));
        wanted.map(Effect::CallHooks).collect::<Vec<_>>()
    };
    if effects.contains(&Effect::Detach) {
        return effects;
    }
    let after = calls(at_exit(state));
    let before = calls(at_entry(state));
    let at = work.unwrap_or(effects.len());
    effects.splice(at..at, before);
    effects.extend(after);
    effects
}

/// What has its moment when the state is entered.
fn at_entry(state: State) -> Vec<Moment> {
    use Moment::{After, Before};
    match state {
        State::Observing => vec![Before(Phase::P0)],
        State::Preflighting => vec![After(Phase::P0), Before(Phase::P1)],
        State::Warming => vec![After(Phase::P1), Before(Phase::P2)],
        State::Gating => vec![After(Phase::P2), Before(Phase::P3)],
        State::ConfirmingAdd => vec![After(Phase::P4), Before(Phase::P5)],
        State::BakingMixed => vec![After(Phase::P5), Before(Phase::P6)],
        State::Draining => vec![After(Phase::P7), Before(Phase::P8)],
        State::BakingFinal => vec![After(Phase::P8), Before(Phase::P9)],
        State::Retaining => vec![After(Phase::P9), Before(Phase::P10)],
        State::Readding | State::Reverting => vec![Moment::OnRollback],
        State::Ended(_) => vec![Moment::OnEnd],
        State::Adding
        | State::Removing
        | State::ConfirmingReadd
        | State::ConfirmingRevert
        | State::Releasing(_)
        | State::Parked(_) => Vec::new(),
    }
}

/// What has its moment when the state's evidence is complete.
fn at_exit(state: State) -> Vec<Moment> {
    use Moment::{After, Before};
    match state {
        State::Gating => vec![After(Phase::P3), Before(Phase::P4)],
        State::BakingMixed => vec![After(Phase::P6), Before(Phase::P7)],
        // The way back is open until the old side is released.
        State::Retaining => vec![After(Phase::P10), Before(Phase::P11)],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swap::machine::{Ending, enter};

    const WAY: [State; 13] = [
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
        State::Releasing(Ending::Completed),
        State::Ended(Ending::Completed),
    ];

    #[test]
    fn every_moment_comes_once_and_in_order_on_the_way_forward() {
        let effects = WAY
            .into_iter()
            .flat_map(|state| with_hooks(state, enter(state), |_| true));
        let mut seen = Vec::new();
        let mut puts = 0;
        for effect in effects {
            match effect {
                Effect::CallHooks(moment) => seen.push((puts, moment)),
                Effect::PutPool(_) => puts += 1,
                _ => {}
            }
        }
        let mut expected: Vec<(u32, Moment)> = Vec::new();
        for phase in Phase::ALL {
            let before = u32::from(phase > Phase::P4) + u32::from(phase > Phase::P7);
            let after = u32::from(phase >= Phase::P4) + u32::from(phase >= Phase::P7);
            expected.push((before, Moment::Before(phase)));
            expected.push((after, Moment::After(phase)));
        }
        expected.pop();
        expected.push((2, Moment::OnEnd));
        assert_eq!(seen, expected);
    }

    #[test]
    fn without_hooks_nothing_changes() {
        for state in WAY {
            assert_eq!(with_hooks(state, enter(state), |_| false), enter(state));
        }
    }
}
