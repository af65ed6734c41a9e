//! HTTP/1.1 as the gateway speaks it to members, read and written in the task of the client's request.
//!
//! A general client gives each connection a task of its own, and each request then crosses from task
//! to task and back; that costs a gateway a fifth of its time (simulation.md B). Here the request's own
//! task writes the head, passes the upload on, reads the answer and hands the connection back. What
//! it reads it judges strictly: an answer whose length is in doubt is no answer. Start with
//! [`Exchange`].

mod body;
mod chunked;
mod connection;
mod exchange;
mod head;
mod output;

pub(crate) use body::{MemberBody, Truncated};
pub(crate) use connection::{Closer, Connection, Raw};
pub(crate) use exchange::{Exchange, Unanswered};
