//! The functions that need nothing but their arguments.
//!
//! Semantics and names follow Microsoft's "ARM template functions" reference; each file's tests are
//! that reference's examples. Functions that look at the template, the loops or the cloud, and those
//! that do not evaluate all their arguments, are in `evaluate`.

mod arguments;
mod array;
mod cidr;
mod compare;
mod convert;
mod date;
mod encode;
mod format;
mod hash;
mod number;
mod object;
mod text;
mod uri;

use serde_json::Value;

pub(crate) use arguments::{Arguments, integer, kind};
pub(crate) use convert::shown;
pub(crate) use date::utc_now;
pub(crate) use hash::{murmur64, named_guid};
pub(crate) use object::select;

use crate::fault::Fault;
use crate::limits::Budget;

/// Calls a function by its name in lower case; `None` when there is no such function.
pub(crate) fn call(
    key: &str,
    arguments: &Arguments<'_>,
    budget: &Budget,
) -> Option<Result<Value, Fault>> {
    let families = [
        array::call,
        object::call,
        text::call,
        number::call,
        compare::call,
        convert::call,
        encode::call,
        date::call,
        cidr::call,
        hash::call,
        uri::call,
    ];
    if key == "format" {
        return Some(format::format(arguments, budget));
    }
    families
        .into_iter()
        .find_map(|family| family(key, arguments, budget))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::evaluate::tests::evaluate;

    /// Checks `expression = value` lines, the value being JSON.
    #[track_caller]
    pub(crate) fn check(cases: &[(&str, &str)]) {
        for (expression, expected) in cases {
            let expected: Value = serde_json::from_str(expected).expect("a value is JSON");
            let found = evaluate(expression);
            assert_eq!(found, Ok(expected), "{expression}");
        }
    }

    /// Checks that expressions have no value, and why.
    #[track_caller]
    pub(crate) fn check_refused(cases: &[(&str, &str)]) {
        for (expression, reason) in cases {
            let found = evaluate(expression).map_err(|fault| fault.to_string());
            assert_eq!(found, Err((*reason).to_owned()), "{expression}");
        }
    }
}
