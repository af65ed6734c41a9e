//! What Azure, the gateway instances, the requests in flight and strangers can do at any moment.

use super::action::Action;
use super::explore::Next;
use super::properties::{Broken, on_accepted, on_applied};
use super::put::answered;
use super::rules::Rules;
use super::world::{Arm, INSTANCES, Life, ORCHESTRATORS, Request, Task, World, lists};
use crate::swap::event::Content;

pub(super) fn moves(world: &World, rules: Rules, out: &mut Vec<Next>) {
    for slot in 0..ORCHESTRATORS {
        if let Some(request) = world.wire[slot] {
            out.push(delivered(world, slot, request, rules));
            out.extend(dropped(world, slot, rules));
        }
    }
    if world.arm.running {
        out.extend(operation_ends(world));
    }
    for index in 0..INSTANCES {
        out.extend(applied(world, index));
    }
    for side in 0..2 {
        out.extend(finished(world, side));
    }
    if world.left.strangers > 0 {
        let pools = [Content::Old, Content::Both, Content::New, Content::Other];
        out.extend(pools.map(|content| stranger_writes(world, content)));
    }
}

/// Azure takes or refuses a write; whoever still waits is answered.
fn delivered(world: &World, slot: usize, request: Request, rules: Rules) -> Next {
    let mut next = *world;
    next.wire[slot] = None;
    let taken = request.fresh || !request.guarded;
    let mut broken = None;
    if taken {
        broken = on_accepted(&next, &request);
        next.outdate();
        next.arm = Arm {
            content: request.to,
            stranger: false,
            failed: false,
            running: true,
        };
        next.applied_epoch = request.epoch;
        let journal = &mut next.journals[usize::from(request.run)];
        journal.puts += 1;
        broken = broken.or_else(|| Broken::write_economy(&next, request.run));
    }
    answered(&mut next, slot, Some(taken), rules);
    Next {
        action: Action::Delivered(slot, request.to, taken),
        world: next,
        broken,
    }
}

/// A request is lost on its way: for nothing after a crash, else it is a fault.
fn dropped(world: &World, slot: usize, rules: Rules) -> Option<Next> {
    let mut next = *world;
    next.wire[slot] = None;
    if world.orchestrators[slot].task == Task::Awaiting
        && world.orchestrators[slot].life == Life::Alive
    {
        next.left.losses = next.left.losses.checked_sub(1)?;
    }
    answered(&mut next, slot, None, rules);
    Some(Next::new(Action::Dropped(slot), next))
}

fn operation_ends(world: &World) -> impl Iterator<Item = Next> {
    let end = |failed: bool| {
        let mut next = *world;
        next.arm.running = false;
        if failed {
            next.left.failures = next.left.failures.checked_sub(1)?;
            next.left.excuses += 1;
            next.arm.failed = true;
        }
        Some(Next::new(Action::OperationEnded(failed), next))
    };
    [end(false), end(true)].into_iter().flatten()
}

/// A gateway instance takes up what the control plane has: at its own time, before or after the
/// operation's end, and never what a newer write replaced.
fn applied(world: &World, index: usize) -> Option<Next> {
    let (arm, was) = (world.arm, world.instances[index]);
    if arm.content == was.content {
        return None;
    }
    let mut next = *world;
    let instance = &mut next.instances[index];
    instance.content = arm.content;
    instance.excused = arm.stranger;
    for side in 0..2 {
        next.sides[side].busy |= lists(arm.content, side);
    }
    Some(Next {
        action: Action::Applied(arm.content),
        broken: on_applied(world, was, arm),
        world: next,
    })
}

fn finished(world: &World, side: usize) -> Option<Next> {
    if !world.sides[side].busy || world.is_dispatched_to(side) {
        return None;
    }
    let mut next = *world;
    next.sides[side].busy = false;
    Some(Next::new(Action::Finished(side), next))
}

/// A write of somebody else: no `If-Match`, it supersedes what runs. The same pool again stands for
/// an edit elsewhere in the gateway.
fn stranger_writes(world: &World, content: Content) -> Next {
    let mut next = *world;
    next.left.strangers -= 1;
    next.left.excuses += u8::from(content != world.arm.content);
    next.outdate();
    for orchestrator in &mut next.orchestrators {
        orchestrator.surprised = true;
    }
    next.arm = Arm {
        content,
        stranger: world.arm.stranger || content != world.arm.content,
        failed: false,
        running: true,
    };
    Next::new(Action::StrangerWrote(content), next)
}
