//! The arguments of a call, read by kind.

use serde_json::{Map, Value};

use crate::fault::Fault;

/// The arguments of a call.
#[derive(Debug)]
pub(crate) struct Arguments<'a> {
    /// The function's name as written.
    name: &'a str,
    values: Vec<Value>,
}

impl<'a> Arguments<'a> {
    pub(crate) fn new(name: &'a str, values: Vec<Value>) -> Self {
        Self { name, values }
    }

    pub(crate) fn all(&self) -> &[Value] {
        &self.values
    }

    pub(crate) fn count(&self) -> usize {
        self.values.len()
    }

    /// A refusal that names the function.
    pub(crate) fn refuse(&self, reason: impl std::fmt::Display) -> Fault {
        Fault::Language(format!(
            "Unable to evaluate template language function '{}': {reason}.",
            self.name
        ))
    }

    /// Checks how many there are.
    pub(crate) fn between(&self, least: usize, most: usize) -> Result<(), Fault> {
        if (least..=most).contains(&self.count()) {
            return Ok(());
        }
        let wanted = match (least, most) {
            (least, most) if least == most => format!("{least}"),
            (least, usize::MAX) => format!("at least {least}"),
            _ => format!("{least} to {most}"),
        };
        Err(self.refuse(format!(
            "the function takes {wanted} argument(s) and '{}' were given",
            self.count()
        )))
    }

    /// Checks that there are exactly `count`.
    pub(crate) fn exactly(&self, count: usize) -> Result<(), Fault> {
        self.between(count, count)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Value> {
        self.values.get(index)
    }

    pub(crate) fn value(&self, index: usize) -> Result<&Value, Fault> {
        self.get(index)
            .ok_or_else(|| self.refuse(format!("argument {} is missing", index + 1)))
    }

    fn wrong(&self, index: usize, wanted: &str) -> Fault {
        let found = self.get(index).map_or("nothing", kind);
        self.refuse(format!(
            "argument {} is expected to be {wanted} and is {found}",
            index + 1
        ))
    }

    pub(crate) fn text(&self, index: usize) -> Result<&str, Fault> {
        let found = self.value(index)?.as_str();
        found.ok_or_else(|| self.wrong(index, "a string"))
    }

    pub(crate) fn integer(&self, index: usize) -> Result<i64, Fault> {
        let found = integer(self.value(index)?);
        found.ok_or_else(|| self.wrong(index, "an integer"))
    }

    /// An integer that counts something.
    pub(crate) fn size(&self, index: usize) -> Result<usize, Fault> {
        let found = self.integer(index)?;
        usize::try_from(found)
            .map_err(|_| self.refuse(format!("argument {} may not be negative", index + 1)))
    }

    pub(crate) fn truth(&self, index: usize) -> Result<bool, Fault> {
        let found = self.value(index)?.as_bool();
        found.ok_or_else(|| self.wrong(index, "a boolean"))
    }

    pub(crate) fn array(&self, index: usize) -> Result<&Vec<Value>, Fault> {
        let found = self.value(index)?.as_array();
        found.ok_or_else(|| self.wrong(index, "an array"))
    }

    pub(crate) fn object(&self, index: usize) -> Result<&Map<String, Value>, Fault> {
        let found = self.value(index)?.as_object();
        found.ok_or_else(|| self.wrong(index, "an object"))
    }
}

/// A number without a fraction; JSON's `3.0` is one.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    number.as_i64().or_else(|| {
        let fraction = number.as_f64()?;
        let whole = fraction.trunc();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the guard keeps it where doubles hold every integer"
        )]
        let cast = whole as i64;
        (whole == fraction && whole.abs() < 9e15).then_some(cast)
    })
}

/// What a value is called in messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
