//! A cloud on the wall clock, with loopback sockets.
