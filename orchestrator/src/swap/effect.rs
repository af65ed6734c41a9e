//! What a swap does next: the machine's output.

use super::event::Content;
use super::machine::Ending;
use crate::config::Moment;

/// Something to do; the driver answers with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Write the new state into the journal.
    Record,
    /// Read the pool and decide the direction.
    Observe,
    /// Look for what could block the way; freeze the plan.
    Check,
    /// Pin autoscale on both sides and give the new side its instances.
    Warm,
    /// Prove each instance of the new side.
    ProveNewSide,
    /// Make the pool list this; at most one write per look at it.
    PutPool(Content),
    /// Prove that the gateway serves exactly this.
    Confirm(Content),
    /// Watch both sides serve.
    BakeMixed,
    /// Prove that the old side gets nothing, and let it finish.
    Drain,
    /// Watch the new side serve alone.
    BakeFinal,
    /// Keep the old side as it was.
    Retain,
    /// Put back what was pinned, then end so.
    Release(Ending),
    /// Ask the hooks of this moment; the effects after it follow only when none of them objects.
    CallHooks(Moment),
    /// Stop here, with everything written down.
    Detach,
}
