//! Whole numbers.

use serde_json::Value;

use super::arguments::Arguments;
use crate::fault::Fault;
use crate::limits::Budget;

pub(super) fn call(
    key: &str,
    arguments: &Arguments<'_>,
    _: &Budget,
) -> Option<Result<Value, Fault>> {
    Some(match key {
        "add" => pair(arguments, i64::checked_add),
        "sub" => pair(arguments, i64::checked_sub),
        "mul" => pair(arguments, i64::checked_mul),
        "div" => pair(arguments, i64::checked_div),
        "mod" => pair(arguments, i64::checked_rem),
        "min" => extreme(arguments, i64::min),
        "max" => extreme(arguments, i64::max),
        _ => return None,
    })
}

fn pair(arguments: &Arguments<'_>, combine: fn(i64, i64) -> Option<i64>) -> Result<Value, Fault> {
    arguments.exactly(2)?;
    let found = combine(arguments.integer(0)?, arguments.integer(1)?);
    found
        .map(Value::from)
        .ok_or_else(|| arguments.refuse("the result is no 64-bit integer"))
}

fn extreme(arguments: &Arguments<'_>, better: fn(i64, i64) -> i64) -> Result<Value, Fault> {
    arguments.between(1, usize::MAX)?;
    let inner;
    let values = if arguments.value(0)?.is_array() {
        arguments.exactly(1)?;
        inner = Arguments::new("min", arguments.array(0)?.clone());
        &inner
    } else {
        arguments
    };
    let mut found = None;
    for index in 0..values.count() {
        let value = values.integer(index)?;
        found = Some(found.map_or(value, |held| better(held, value)));
    }
    found
        .map(Value::from)
        .ok_or_else(|| arguments.refuse("the array is empty"))
}

#[cfg(test)]
mod tests {
    use crate::functions::tests::{check, check_refused};

    #[test]
    fn numbers_answer_as_the_reference_shows() {
        check(&[
            ("add(5, 3)", "8"),
            ("sub(7, 3)", "4"),
            ("mul(5, 3)", "15"),
            ("div(8, 3)", "2"),
            ("mod(7, 3)", "1"),
            ("min(createArray(0, 3, 2, 5, 4))", "0"),
            ("min(0, 3, 2, 5, 4)", "0"),
            ("max(createArray(0, 3, 2, 5, 4))", "5"),
            ("max(0, 3, 2, 5, 4)", "5"),
        ]);
    }

    #[test]
    fn numbers_stay_in_64_bits() {
        check_refused(&[
            (
                "add(9223372036854775807, 1)",
                "Unable to evaluate template language function 'add': the result is no 64-bit integer.",
            ),
            (
                "div(1, 0)",
                "Unable to evaluate template language function 'div': the result is no 64-bit integer.",
            ),
            (
                "max(createArray())",
                "Unable to evaluate template language function 'max': the array is empty.",
            ),
            (
                "add('1', 2)",
                "Unable to evaluate template language function 'add': argument 1 is expected to be an integer and is a string.",
            ),
        ]);
    }
}
