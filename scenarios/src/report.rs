//! What people read about a run.
//!
//! [`html::page`] is one self-contained page with a timeline; [`comparison`] sets two orchestrators
//! side by side; [`certificate`] and [`junit`] tell a campaign, [`kills`] its mutants. The command's own text and JSON are
//! made from the [`Verdict`](crate::Verdict) directly.

pub mod certificate;
pub mod comparison;
pub mod html;
pub mod junit;
pub mod kills;
pub mod table;

mod series;
