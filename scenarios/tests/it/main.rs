//! The scenarios from outside. One program rather than one for each file: each would be linked with
//! the whole workspace, and that takes longer than most of the tests.

mod breaks;
mod campaign;
mod comparison;
mod corpus;
mod examples;
mod levels;
mod load_generator;
mod published;
mod shrink;
mod storms;
mod worlds;
