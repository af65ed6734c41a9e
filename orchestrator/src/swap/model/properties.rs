//! What must hold: in every moment, at single actions, and at a run's end.

use super::world::{Arm, Instance, NEW, OLD, Request, World, lists};
use crate::swap::event::Content;
use crate::swap::machine::{Ending, State};

/// An invariant that does not hold, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) invariant: &'static str,
    pub(super) why: &'static str,
}

const fn broken(invariant: &'static str, why: &'static str) -> Broken {
    Broken { invariant, why }
}

/// S11 and S4: in every moment.
pub(super) fn always(world: &World) -> Option<Broken> {
    never_empty(world).or_else(|| allowed_sides(world))
}

/// S11: each gateway instance has a member that is there.
fn never_empty(world: &World) -> Option<Broken> {
    let serves = |content, side: usize| lists(content, side) && world.sides[side].up;
    let empty = world
        .instances
        .iter()
        .any(|i| !i.excused && !(0..2).any(|side| serves(i.content, side)));
    empty.then_some(broken("S11", "a gateway instance has nobody to send to"))
}

/// S11 at the moment a gateway instance takes up a pool of ours: a member that it did not have
/// before is not known to be well until its own probes have answered, so one must stay.
pub(super) fn on_applied(world: &World, was: Instance, arm: Arm) -> Option<Broken> {
    let stays =
        |side: usize| lists(was.content, side) && lists(arm.content, side) && world.sides[side].up;
    let judged = !was.excused && !arm.stranger;
    (judged && !(0..2).any(stays)).then_some(broken(
        "S11",
        "a gateway instance is left with members that it has not probed yet",
    ))
}

/// S4: no instance sends to a side that has no capacity, or whose time is not now.
fn allowed_sides(world: &World) -> Option<Broken> {
    let sends = |side: usize| {
        let mut ours = world.instances.iter().filter(|i| !i.excused);
        ours.any(|i| lists(i.content, side))
    };
    for side in [OLD, NEW] {
        if !world.sides[side].up && sends(side) {
            return Some(broken("S4", "requests go to a side without capacity"));
        }
    }
    let newest = world.journals.iter().rev().find_map(|j| j.state)?;
    // Another run's journal that is still open: then two runs are under way, and S14 judges.
    let untouched = world.journals.iter().all(|j| j.puts == 0);
    if is_before_the_first_write(newest) && untouched && sends(NEW) {
        return Some(broken(
            "S4",
            "requests go to the new side before it was proven",
        ));
    }
    if is_after_the_drain(newest) && sends(OLD) {
        return Some(broken("S4", "requests go to the old side after the drain"));
    }
    None
}

fn is_before_the_first_write(state: State) -> bool {
    matches!(
        state,
        State::Observing
            | State::Preflighting
            | State::Warming
            | State::Gating
            | State::Releasing(Ending::Abandoned)
            | State::Ended(Ending::Abandoned)
    )
}

fn is_after_the_drain(state: State) -> bool {
    matches!(
        state,
        State::BakingFinal
            | State::Retaining
            | State::Releasing(Ending::Completed)
            | State::Ended(Ending::Completed)
    )
}

/// S14, S15, S17: when Azure takes a write of ours. `world` is the moment before.
pub(super) fn on_accepted(world: &World, request: &Request) -> Option<Broken> {
    if request.epoch < world.applied_epoch {
        return Some(broken(
            "S14",
            "a write of an older epoch lands after a newer one",
        ));
    }
    if !request.fresh {
        return Some(broken("S15", "a write undoes what it never read"));
    }
    let journal = &world.journals[usize::from(request.run)];
    if !journal.intended {
        return Some(broken(
            "S17",
            "a write lands that the journal does not know",
        ));
    }
    None
}

/// S13 and S6: when a side is scaled in. A stranger's write after our last read is nobody's fault:
/// no request to Azure can be conditional on another resource.
pub(super) fn on_release(world: &World, side: usize, surprised: bool) -> Option<Broken> {
    if surprised {
        return None;
    }
    let listed = lists(world.arm.content, side);
    let ours = |i: &&Instance| !i.excused && lists(i.content, side);
    if listed || world.instances.iter().any(|i| ours(&i)) {
        return Some(broken(
            "S13",
            "a side is scaled in that a gateway instance uses",
        ));
    }
    (world.sides[side].busy && !world.instances.iter().any(|i| i.excused))
        .then_some(broken("S6", "a side is scaled in that still works"))
}

impl Broken {
    /// S24: two writes forward, two more back, one for each crash, failed operation or stranger's
    /// pool in between.
    pub(super) fn write_economy(world: &World, run: u8) -> Option<Self> {
        let journal = &world.journals[usize::from(run)];
        let allowed = 2 + 2 * u8::from(journal.back) + world.left.excuses;
        (journal.puts > allowed).then_some(broken("S24", "more gateway writes than are needed"))
    }
}

/// S23 and S19: when a run says how it ended.
pub(super) fn on_end(world: &World, run: u8, ending: Ending, surprised: bool) -> Option<Broken> {
    let journal = &world.journals[usize::from(run)];
    if ending == Ending::Completed && journal.back {
        return Some(broken("S19", "a run that went back ends with the new side"));
    }
    if surprised {
        return None;
    }
    if ending == Ending::Abandoned && journal.puts > 0 {
        return Some(broken("S23", "a run claims that nothing was written"));
    }
    let serving = match ending {
        Ending::Completed | Ending::NothingToDo => Content::New,
        Ending::RolledBack | Ending::RolledBackUnverified | Ending::Abandoned => Content::Old,
        Ending::Refused => return None,
    };
    if world.arm.content != serving {
        return Some(broken("S23", "a run claims what the pool does not list"));
    }
    let proven = matches!(ending, Ending::Completed | Ending::RolledBack);
    let effective = world
        .instances
        .iter()
        .all(|i| i.excused || i.content == serving);
    (proven && !effective).then_some(broken("S23", "a run claims what is not effective yet"))
}

/// What the gates may conclude: the model's gates are sound, so that only the order is on trial.
pub(super) fn all_instances(world: &World, content: Content) -> bool {
    world.instances.iter().all(|i| i.content == content)
}
