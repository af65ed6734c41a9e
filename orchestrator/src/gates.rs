//! Gates: Pass, Fail or Unknown, and only Pass advances (S20, F04).
//!
//! Everything here is pure: facts in, [`Verdict`] out. Unknown names the evidence that is missing
//! and has a deadline in the driver.

mod answers;
mod hook;
mod members;
mod metric;
mod side;
mod streak;
mod verdict;

pub(crate) use answers::{Comparison, Tally, compare, undisturbed};
pub use hook::HookAnswer;
pub(crate) use hook::hook_answer;
pub(crate) use members::members_verdict;
pub(crate) use metric::{Reading, Readings, instant_value};
pub(crate) use side::{SideFacts, retreat_verdict, short_of, side_verdict};
pub(crate) use streak::Streak;
pub(crate) use verdict::Verdict;
