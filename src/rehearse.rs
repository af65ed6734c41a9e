//! `turquoise rehearse`: a whole swap on this machine.

mod certificate;
mod report;
