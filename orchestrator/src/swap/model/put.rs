//! One gateway write, step by step, as `drive/put.rs` does it.

use super::action::Action;
use super::explore::Next;
use super::orchestrator::{Turn, appended, gone};
use super::properties::all_instances;
use super::rules::{Rules, Wrong};
use super::world::{Life, NEW, OLD, Request, Task, World};
use crate::swap::event::{Content, Event};
use crate::swap::machine::State;

/// Reads the settled gateway and decides: done, not ours, or to be written.
pub(super) fn read(turn: &Turn<'_>, out: &mut Vec<Next>) {
    let arm = turn.world.arm;
    if arm.running {
        return;
    }
    let (from, to) = write_of(turn.me().state);
    let direct = turn.rules.has(Wrong::RollbackDirectly) || turn.rules.has(Wrong::SwapDirectly);
    let there = arm.content == to && !arm.failed;
    let strange =
        arm.content != from && arm.content != to && !(direct && arm.content != Content::Other);
    if there || strange {
        let mut settled = *turn.world;
        if turn.me().alone {
            let journal = &mut settled.journals[usize::from(turn.me().run)];
            journal.acted |= journal.unresolved && arm.content == to;
            journal.unresolved = false;
        }
        let turn = Turn {
            world: &settled,
            ..*turn
        };
        out.push(turn.on(Event::OnSettled(arm.content)));
        return;
    }
    // A moment that is not good ends the state, whatever the reason.
    out.push(turn.on(Event::OnFail));
    if is_good_moment(turn, to) {
        out.push(written(turn));
    }
}

fn write_of(state: State) -> (Content, Content) {
    match state {
        State::Adding => (Content::Old, Content::Both),
        State::Readding => (Content::New, Content::Both),
        State::Removing => (Content::Both, Content::New),
        State::Reverting => (Content::Both, Content::Old),
        other => unreachable!("{other:?} writes nothing"),
    }
}

/// The side that the write leans on is there; before the other one is taken out, every gateway
/// instance has found it well.
fn is_good_moment(turn: &Turn<'_>, to: Content) -> bool {
    let side = if turn.me().state.is_reverse() {
        OLD
    } else {
        NEW
    };
    let planted = turn.rules.has(Wrong::RollbackDirectly) || turn.rules.has(Wrong::SwapDirectly);
    let well = to == Content::Both || planted || all_instances(turn.world, Content::Both);
    turn.world.sides[side].up && well
}

/// The intent into the journal, the lease once more, and the write: a crash or a stranger in
/// between does what one right after it does.
fn written(turn: &Turn<'_>) -> Next {
    if !turn.me().alone {
        return turn.lease_lost();
    }
    let mut next = *turn.world;
    if !turn.rules.has(Wrong::IntentAfterwards) {
        let journal = &mut next.journals[usize::from(turn.me().run)];
        journal.intended = true;
        journal.unresolved = true;
        appended(&mut next, turn.slot);
    }
    next.orchestrators[turn.slot].fresh = true;
    let turn = Turn {
        world: &next,
        ..*turn
    };
    // The last thing before the write: are we still the one who may (F79)?
    if !turn.rules.has(Wrong::Unfenced) && !turn.holds_lease() {
        return turn.lease_lost();
    }
    if turn.rules.held_up {
        let mut held = next;
        held.orchestrators[turn.slot].task = Task::Beaten;
        return Next::new(Action::LeaseAsked(turn.slot), held);
    }
    sent(&turn)
}

/// Everything after the intent.
pub(super) fn moves(turn: &Turn<'_>, out: &mut Vec<Next>) {
    match turn.me().task {
        Task::Beaten => out.push(sent(turn)),
        Task::Awaiting => out.extend(gave_up(turn)),
        Task::Quieting => out.extend(quiet(turn)),
        other => unreachable!("{other:?} is no part of a write"),
    }
}

fn sent(turn: &Turn<'_>) -> Next {
    let me = turn.me();
    let mut next = *turn.world;
    let (_, to) = write_of(me.state);
    let unguarded = turn.rules.has(Wrong::Unfenced) || turn.rules.has(Wrong::Unguarded);
    next.wire[turn.slot] = Some(Request {
        to,
        epoch: me.epoch,
        run: me.run,
        fresh: me.fresh || turn.rules.has(Wrong::EtagAtLastMoment),
        guarded: !unguarded,
    });
    next.orchestrators[turn.slot].task = Task::Awaiting;
    next.orchestrators[turn.slot].fresh = false;
    Next::new(Action::Sent(turn.slot, to), next)
}

/// The answer does not come in time; the request may still be on its way.
fn gave_up(turn: &Turn<'_>) -> Option<Next> {
    let mut next = *turn.world;
    next.left.losses = next.left.losses.checked_sub(1)?;
    answered(&mut next, turn.slot, None, turn.rules);
    Some(Next::new(Action::GaveUp(turn.slot), next))
}

/// Whoever waits for this answer writes it down: taken, refused, or nobody knows.
pub(super) fn answered(world: &mut World, slot: usize, taken: Option<bool>, rules: Rules) {
    let me = world.orchestrators[slot];
    if me.life != Life::Alive || me.task != Task::Awaiting {
        return;
    }
    if !me.alone {
        // The journal belongs to someone else now. The lease does too, so it is not given back.
        world.orchestrators[slot] = gone(&me, Life::Over);
        return;
    }
    let journal = &mut world.journals[usize::from(me.run)];
    journal.unresolved = taken.is_none();
    journal.acted |= taken == Some(true);
    journal.intended = true;
    appended(world, slot);
    world.orchestrators[slot].task = match taken {
        None => Task::Quieting,
        Some(_) => Task::Working,
    };
    if rules.has(Wrong::StaleBodyAgain) && taken.is_none() && world.wire[slot].is_none() {
        send_again(world, slot);
    }
}

/// Planted: the same bytes once more, without a look at what they would undo.
fn send_again(world: &mut World, slot: usize) {
    let turn = Turn {
        world,
        slot,
        rules: Rules::default(),
    };
    let mut resent = sent(&turn).world;
    if let Some(request) = &mut resent.wire[slot] {
        request.guarded = false;
    }
    *world = resent;
}

fn quiet(turn: &Turn<'_>) -> Option<Next> {
    let mut next = *turn.world;
    next.orchestrators[turn.slot].task = Task::Working;
    let quiet = turn.world.wire.iter().all(Option::is_none);
    quiet.then(|| Next::new(Action::Quiet(turn.slot), next))
}
