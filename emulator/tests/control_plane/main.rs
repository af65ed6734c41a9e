//! The control plane from outside: literal JSON through `Cloud::handle`, one file per subject.

mod support;

mod networks;
