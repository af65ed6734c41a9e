//! The control plane from outside: literal JSON through `Cloud::handle`, one file per subject.

mod addresses;
mod etags;
mod faults;
mod groups;
mod headers;
mod in_use;
mod networks;
mod operations;
mod routes;
mod security_groups;
mod subscriptions;
mod support;
