//! From one kind of value to another.

use serde_json::{Number, Value};

use super::arguments::{Arguments, integer};
use crate::fault::Fault;
use crate::limits::Budget;

pub(super) fn call(
    key: &str,
    arguments: &Arguments<'_>,
    _: &Budget,
) -> Option<Result<Value, Fault>> {
    Some(match key {
        "bool" => truth(arguments),
        "int" => whole(arguments),
        "float" => fraction(arguments),
        "string" => arguments
            .exactly(1)
            .and_then(|()| Ok(shown(arguments.value(0)?).into())),
        _ => return None,
    })
}

/// A value as a text: texts as they are, truth as .NET writes it, the rest as JSON.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn truth(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    let found = match arguments.value(0)? {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        number => integer(number).map(|number| number != 0),
    };
    found
        .map(Value::from)
        .ok_or_else(|| arguments.refuse("argument 1 is neither true nor false"))
}

fn whole(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    let found = match arguments.value(0)? {
        Value::String(text) => text.trim().parse().ok(),
        number => integer(number),
    };
    found.map(Value::from).ok_or_else(|| {
        let given = shown(arguments.value(0).unwrap_or(&Value::Null));
        arguments.refuse(format!(
            "the value '{given}' cannot be converted to an integer"
        ))
    })
}

fn fraction(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    let found = match arguments.value(0)? {
        Value::String(text) => text.trim().parse().ok(),
        number => number.as_f64(),
    };
    found
        .and_then(Number::from_f64)
        .map(Value::Number)
        .ok_or_else(|| arguments.refuse("argument 1 cannot be converted to a number"))
}

#[cfg(test)]
mod tests {
    use crate::functions::tests::{check, check_refused};

    #[test]
    fn conversions_answer_as_the_reference_shows() {
        check(&[
            ("bool('true')", "true"),
            ("bool('False')", "false"),
            ("bool(1)", "true"),
            ("bool(0)", "false"),
            ("int('4')", "4"),
            ("int(4)", "4"),
            ("string(5)", r#""5""#),
            ("string(true())", r#""True""#),
            ("string(createArray('a', 'b'))", r#""[\"a\",\"b\"]""#),
            ("string(createObject('a', 1))", r#""{\"a\":1}""#),
            ("float('1.5')", "1.5"),
        ]);
        check_refused(&[(
            "int('four')",
            "Unable to evaluate template language function 'int': the value 'four' cannot be converted to an integer.",
        )]);
    }
}
