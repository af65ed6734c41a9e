//! Comparisons and the logic that evaluates all its arguments.

use std::cmp::Ordering;

use serde_json::Value;

use super::arguments::{Arguments, integer};
use crate::fault::Fault;
use crate::limits::Budget;

pub(super) fn call(
    key: &str,
    arguments: &Arguments<'_>,
    _: &Budget,
) -> Option<Result<Value, Fault>> {
    Some(match key {
        "equals" => equals(arguments),
        "less" => ordered(arguments, Ordering::is_lt),
        "lessorequals" => ordered(arguments, Ordering::is_le),
        "greater" => ordered(arguments, Ordering::is_gt),
        "greaterorequals" => ordered(arguments, Ordering::is_ge),
        "not" => arguments
            .exactly(1)
            .and_then(|()| Ok((!arguments.truth(0)?).into())),
        "true" => arguments.exactly(0).map(|()| true.into()),
        "false" => arguments.exactly(0).map(|()| false.into()),
        _ => return None,
    })
}

fn equals(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(2)?;
    let (a, b) = (arguments.value(0)?, arguments.value(1)?);
    let numbers = integer(a).zip(integer(b));
    Ok(numbers.map_or_else(|| a == b, |(a, b)| a == b).into())
}

fn ordered(arguments: &Arguments<'_>, test: fn(Ordering) -> bool) -> Result<Value, Fault> {
    arguments.exactly(2)?;
    let order = order(arguments.value(0)?, arguments.value(1)?);
    let order = order
        .ok_or_else(|| arguments.refuse("both arguments are expected to be integers or strings"))?;
    Ok(test(order).into())
}

fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => Some(integer(a)?.cmp(&integer(b)?)),
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::tests::check;

    #[test]
    fn comparisons_answer_as_the_reference_shows() {
        check(&[
            ("equals(1, 1)", "true"),
            ("equals('a', 'A')", "false"),
            (
                "equals(createArray('a', 'b'), createArray('a', 'b'))",
                "true",
            ),
            (
                "equals(createObject('a', 'b'), createObject('a', 'b'))",
                "true",
            ),
            ("equals(null(), '')", "false"),
            ("greater(1, 2)", "false"),
            ("greater('b', 'a')", "true"),
            ("greaterOrEquals(1, 2)", "false"),
            ("greaterOrEquals('A', 'a')", "false"),
            ("less(1, 2)", "true"),
            ("less('b', 'a')", "false"),
            ("lessOrEquals(1, 2)", "true"),
            ("lessOrEquals('A', 'a')", "true"),
            ("not(equals(1, 2))", "true"),
            ("and(true(), or(false(), true()))", "true"),
            ("and(equals(1, 2), fail('not asked'))", "false"),
            ("or(true(), fail('not asked'))", "true"),
            ("if(equals('a', 'a'), 'yes', fail('not asked'))", r#""yes""#),
            (
                "if(equals('a', 'b'), fail('not asked'), json('{\"x\": 1}'))",
                r#"{"x":1}"#,
            ),
            ("coalesce(null(), null(), 'c', fail('not asked'))", r#""c""#),
            ("coalesce(null())", "null"),
        ]);
    }
}
