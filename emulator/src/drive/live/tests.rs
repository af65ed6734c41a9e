//! The live drive on real sockets: whole topologies, a request at a time and under load.

mod client;
mod gateway;
mod instances;
mod switch;
mod topology;
