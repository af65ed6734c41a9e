//! What happens to a swap: the machine's input.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the pool lists, as far as a swap cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Content {
    /// The old side alone.
    Old,
    /// Both sides.
    Both,
    /// The new side alone.
    New,
    /// Anything else: nobody of us wrote it.
    Other,
}

#[cfg(test)]
impl Content {
    pub(crate) const ALL: [Self; 4] = [Self::Old, Self::Both, Self::New, Self::Other];
}

/// Something happened.
#[expect(
    clippy::enum_variant_names,
    reason = "the house names events `On…`, so that tables read as what happened"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The pool names a live side and an idle one.
    OnPlan,
    /// The wanted side serves already.
    OnNothingToDo,
    /// Something blocks the way, before anything was changed.
    OnRefusal,
    /// The state's evidence is complete.
    OnPass,
    /// The state's evidence says no.
    OnFail,
    /// The state's ceiling is reached and evidence is still missing.
    OnDeadline,
    /// Every write of ours has ended and the pool lists this.
    OnSettled(Content),
    /// The new side answers worse than the old one.
    OnBreach,
    /// Someone wants the old side back.
    OnAbort,
    /// The state ends badly, or someone wants the old side back, after a write of this run that may
    /// have acted: the pool lists the old side alone, but a gateway instance may not know yet.
    OnUndo,
    /// We cannot go on: see the reason.
    OnBlocked(Reason),
    /// Someone wants us to stop here.
    OnInterrupt,
    /// A process takes up this state from the journal; the pool lists this.
    OnResume(Content),
}

/// Why a run is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// The pool lists what we did not write.
    Drift,
    /// Another run has the lease.
    LeaseLost,
    /// Azure does not let us.
    Denied,
    /// The control plane or the journal cannot be reached.
    Unavailable,
    /// Azure refuses what we write.
    WriteRefused,
    /// The side to go back to cannot take the traffic.
    TargetSick,
    /// A write ended, but its effect could not be proven in time.
    Unconfirmed,
    /// The new side answers worse, and the configuration says to stop and ask.
    Breach,
    /// Something could not be put back.
    Residue,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drift => "the pool lists what this run did not write",
            Self::LeaseLost => "another run has taken the lease",
            Self::Denied => "azure does not let us go on",
            Self::Unavailable => "the control plane cannot be reached",
            Self::WriteRefused => "azure refuses the write",
            Self::TargetSick => "the side to go back to cannot take the traffic",
            Self::Unconfirmed => "the effect of a write could not be proven in time",
            Self::Breach => "the new side answers worse than the old one",
            Self::Residue => "something could not be put back",
        })
    }
}
