//! The phases of a swap as the catalogue tells them, and which may follow which.
//!
//! ```text
//! 0 ─ 1 ─ 2 ─ 3 ─ 4 ─ 5 ─ 6 ─ 7 ─ 8 ─ 9 ─ 10 ─ 11      forward
//! └───┴───┴───┴───┴──────────────────────────► 11      given up before the first write
//!                     └───┴───┴► 7'─ 8'─ 11'           taking the new side out again
//!         └───┴───┴──────────────► 7'                  the same, when a write of ours may have acted
//!                                     └───┴───┴► 4'─ 5'─ 7'   bringing the old side back first
//! ```

use std::fmt;

use crate::journal::Entered;
use crate::observation::PhaseMark;

/// One stop on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    phase: u8,
    reverse: bool,
}

impl Stop {
    pub(super) const fn of_mark(mark: PhaseMark) -> Self {
        Self {
            phase: mark.phase,
            reverse: mark.reverse,
        }
    }

    /// The stop that a journal's state stands for; none for an end or a halt.
    pub(super) fn of_line(entered: &Entered) -> Option<Self> {
        let (phase, reverse) = match entered.state.as_str() {
            "Observing" => (0, false),
            "Preflighting" => (1, false),
            "Warming" => (2, false),
            "Gating" => (3, false),
            "Adding" => (4, false),
            "ConfirmingAdd" => (5, false),
            "BakingMixed" => (6, false),
            "Removing" => (7, false),
            "Draining" => (8, false),
            "BakingFinal" => (9, false),
            "Retaining" => (10, false),
            "Readding" => (4, true),
            "ConfirmingReadd" => (5, true),
            "Reverting" => (7, true),
            "ConfirmingRevert" => (8, true),
            "Releasing" => {
                let back = entered.detail.as_deref();
                (
                    11,
                    back.is_some_and(|ending| ending.starts_with("RolledBack")),
                )
            }
            _ => return None,
        };
        Some(Self { phase, reverse })
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let back = if self.reverse { " on the way back" } else { "" };
        write!(f, "P{}{back}", self.phase)
    }
}

/// Whether a process may go from `last` to `next`; `None` is before its first phase.
pub(super) fn follows(last: Option<Stop>, next: Stop) -> bool {
    let Some(last) = last else {
        return next.phase == 0 && !next.reverse;
    };
    match (last.reverse, next.reverse) {
        (false, false) => next.phase == last.phase + 1 || next.phase == 11 && last.phase <= 4,
        // Out again while the old side still serves; else the old side comes in first (F83).
        (false, true) => matches!((last.phase, next.phase), (5..=7, 7) | (8..=10, 4)),
        (true, true) => matches!(
            (last.phase, next.phase),
            (4, 5) | (5, 5 | 7) | (7, 8) | (8, 11)
        ),
        (true, false) => false,
    }
}

/// Whether a process that gives up before the first confirmation goes back with proof. Only a write
/// of ours that may have acted is a reason (F61); whoever wrote nothing has nothing to undo.
pub(super) fn undoes(last: Option<Stop>, next: Stop) -> bool {
    last.is_some_and(|last| !last.reverse && matches!(last.phase, 2..=4))
        && (next.phase, next.reverse) == (7, true)
}

/// Where a process may go on that takes up a run whose last stop was `last`: there again, at the
/// proof before it, or one further where the last one's write had acted.
pub(super) fn resumes(last: Option<Stop>, next: Stop) -> bool {
    let Some(last) = last else {
        return follows(None, next);
    };
    let same_way = last.reverse == next.reverse;
    if same_way && next.phase == last.phase || follows(Some(last), next) {
        return true;
    }
    match (last.phase, last.reverse) {
        (0 | 1, false) => same_way && next.phase == 0,
        (3 | 4, false) => same_way && matches!(next.phase, 2 | 3),
        (6 | 7, false) => same_way && next.phase == 5,
        (9, false) => same_way && next.phase == 8,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn there(phase: u8) -> Stop {
        Stop {
            phase,
            reverse: false,
        }
    }

    const fn back(phase: u8) -> Stop {
        Stop {
            phase,
            reverse: true,
        }
    }

    #[test]
    fn the_ways_of_the_picture_are_legal_and_no_short_cut_is() {
        for (path, legal) in [
            (
                &[there(0), there(1), there(2), there(3), there(4), there(5)][..],
                true,
            ),
            (&[there(0), there(1), there(2), there(11)], true),
            (&[there(6), back(7), back(8), back(11)], true),
            (
                &[there(9), back(4), back(5), back(7), back(8), back(11)],
                true,
            ),
            (&[there(3), there(5)], false),
            (&[there(6), there(11)], false),
            (&[there(9), back(7)], false),
            (&[back(4), back(7)], false),
            (&[back(8), there(9)], false),
        ] {
            let walked = path.windows(2).all(|pair| follows(Some(pair[0]), pair[1]));
            assert_eq!(walked, legal, "{path:?}");
        }
        assert!(follows(None, there(0)) && !follows(None, there(4)));
    }

    #[test]
    fn a_write_is_undone_from_before_its_confirmation_alone() {
        for (last, next, legal) in [
            (there(2), back(7), true),
            (there(4), back(7), true),
            (there(1), back(7), false),
            (there(8), back(7), false),
            (there(3), back(8), false),
            (back(4), back(7), false),
        ] {
            assert_eq!(undoes(Some(last), next), legal, "{last} to {next}");
        }
        assert!(!undoes(None, back(7)));
    }

    #[test]
    fn a_resume_goes_on_at_or_before_the_stop_and_never_turns_round() {
        for (last, next, legal) in [
            (there(7), there(5), true),
            (there(7), there(8), true),
            (there(4), there(3), true),
            (there(8), there(8), true),
            (there(7), there(7), true),
            (there(6), there(9), false),
            (there(5), there(3), false),
            (back(5), there(5), false),
        ] {
            assert_eq!(resumes(Some(last), next), legal, "{last} to {next}");
        }
    }
}
