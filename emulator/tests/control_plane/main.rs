//! The control plane from outside: literal JSON through `Cloud::handle`, one file per subject.

mod addresses;
mod any_request;
mod autoscale;
mod deployments;
mod edges;
mod etags;
mod extensions;
mod faults;
mod gateways;
mod groups;
mod headers;
mod in_use;
mod load_balancers;
mod metrics;
mod networks;
mod operations;
mod records;
mod routes;
mod scale_sets;
mod security_groups;
mod spec_examples;
mod subscriptions;
mod support;
mod templates;
mod throttling;
mod topology;
