//! Every exit code of the command, in one place: a stable contract (failure-catalogue.md E.4).
//!
//! A script tells from the code alone what happened and in which state the world is.

use std::process::ExitCode;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Completed and verified, or nothing to do.
    Completed,
    /// A defect of ours.
    Internal,
    /// `plan --detailed-exitcode`: a swap would change something.
    ChangesPending,
    /// A check before the run found something that blocks it.
    Preflight,
    /// A gate failed before any gateway write.
    GateFailed,
    /// Rolled back and verified.
    RolledBack,
    /// Rolled back; the verification is incomplete.
    RolledBackUnverified,
    /// Parked in a safe state; a human decides.
    Parked,
    /// Someone else holds the lock.
    Locked,
    /// The world is not as the plan assumed.
    Stale,
    /// Asked for or paused: the run is not over.
    Accepted,
    /// The endpoint refused who we are or what we may do.
    Forbidden,
    /// The control plane throttles, is unreachable or fails.
    Unavailable,
    /// Completed, but a request was lost or a budget exceeded; a wrong orchestrator was caught.
    BudgetViolated,
    /// A wrong argument or configuration.
    Usage,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    /// All of them, in order of code.
    pub(crate) const ALL: [Self; 17] = [
        Self::Completed,
        Self::Internal,
        Self::ChangesPending,
        Self::Preflight,
        Self::GateFailed,
        Self::RolledBack,
        Self::RolledBackUnverified,
        Self::Parked,
        Self::Locked,
        Self::Stale,
        Self::Accepted,
        Self::Forbidden,
        Self::Unavailable,
        Self::BudgetViolated,
        Self::Usage,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Completed => 0,
            Self::Internal => 1,
            Self::ChangesPending => 2,
            Self::Preflight => 3,
            Self::GateFailed => 4,
            Self::RolledBack => 5,
            Self::RolledBackUnverified => 6,
            Self::Parked => 7,
            Self::Locked => 8,
            Self::Stale => 9,
            Self::Accepted => 10,
            Self::Forbidden => 11,
            Self::Unavailable => 12,
            Self::BudgetViolated => 13,
            Self::Usage => 64,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The exit with this number; one that the contract does not know is a defect of ours.
    pub(crate) fn from_code(code: u8) -> Self {
        let found = Self::ALL.into_iter().find(|exit| exit.code() == code);
        found.unwrap_or(Self::Internal)
    }

    /// The word for it in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Internal => "internal",
            Self::ChangesPending => "changes_pending",
            Self::Preflight => "preflight",
            Self::GateFailed => "gate_failed",
            Self::RolledBack => "rolled_back",
            Self::RolledBackUnverified => "rolled_back_unverified",
            Self::Parked => "parked",
            Self::Locked => "locked",
            Self::Stale => "stale",
            Self::Accepted => "accepted",
            Self::Forbidden => "forbidden",
            Self::Unavailable => "unavailable",
            Self::BudgetViolated => "budget_violated",
            Self::Usage => "usage",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }

    /// What it means, and in which state the world is.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Completed => "completed and verified, or nothing to do",
            Self::Internal => "internal error: a defect of turquoise; look with `turquoise status`",
            Self::ChangesPending => {
                "`plan --detailed-exitcode`: a swap would change something; nothing was changed"
            }
            Self::Preflight => "a check before the run blocks it; nothing was changed",
            Self::GateFailed => "a gate failed before any gateway write; pins are restored",
            Self::RolledBack => "rolled back and verified: the old side serves",
            Self::RolledBackUnverified => "rolled back; the verification is incomplete",
            Self::Parked => "parked in a safe state: a human decides; the reason is in the result",
            Self::Locked => "someone else holds the lock; nothing was changed",
            Self::Stale => "the world is not as the plan assumed; nothing was changed by this run",
            Self::Accepted => {
                "accepted: the run is paused, or will hear of it at its next safe point"
            }
            Self::Forbidden => "authentication or authorisation was refused",
            Self::Unavailable => "the endpoint throttles, fails or cannot be reached",
            Self::BudgetViolated => {
                "it ended, but a request was lost, a budget was exceeded or an invariant was broken"
            }
            Self::Usage => "a wrong argument or configuration; nothing was changed",
            Self::Interrupted => "interrupted by Ctrl-C; the journal is written and can be resumed",
            Self::Terminated => "ended by SIGTERM; the journal is written and can be resumed",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_contract() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(
            codes,
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 64, 130, 143]
        );
    }

    #[test]
    fn a_code_leads_back_to_its_exit() {
        for exit in Exit::ALL {
            assert_eq!(Exit::from_code(exit.code()), exit);
        }
        assert_eq!(Exit::from_code(99), Exit::Internal);
    }

    #[test]
    fn no_two_outcomes_share_a_name() {
        let mut names: Vec<&str> = Exit::ALL.iter().map(|exit| exit.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Exit::ALL.len());
    }
}
