//! The live drive on real sockets: whole topologies, a request at a time and under load.

mod client;
mod gateway;
mod hostile;
mod instances;
mod protocol;
mod raw;
mod switch;
mod switches;
mod topology;
