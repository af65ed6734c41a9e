//! Arrays, and what arrays share with texts and objects.

use serde_json::{Map, Value, json};

use super::arguments::Arguments;
use super::convert::shown;
use crate::fault::Fault;
use crate::limits::Budget;

/// Azure's limit of `range`.
const MAX_RANGE: i64 = 10_000;

pub(super) fn call(
    key: &str,
    arguments: &Arguments<'_>,
    budget: &Budget,
) -> Option<Result<Value, Fault>> {
    Some(match key {
        "array" => array(arguments),
        "concat" => concat(arguments, budget),
        "contains" => contains(arguments),
        "createarray" => Ok(arguments.all().to_vec().into()),
        "empty" => empty(arguments),
        "first" => end(arguments, End::First),
        "last" => end(arguments, End::Last),
        "indexof" => index_of(arguments, End::First),
        "lastindexof" => index_of(arguments, End::Last),
        "intersection" => intersection(arguments),
        "length" => length(arguments),
        "range" => range(arguments),
        "skip" => part(arguments, true),
        "take" => part(arguments, false),
        "union" => union(arguments),
        _ => return None,
    })
}

fn array(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    Ok(match arguments.value(0)? {
        Value::Array(items) => items.clone().into(),
        other => json!([other]),
    })
}

fn concat(arguments: &Arguments<'_>, budget: &Budget) -> Result<Value, Fault> {
    arguments.between(1, usize::MAX)?;
    if arguments.all().iter().any(Value::is_array) {
        let mut joined = Vec::new();
        for index in 0..arguments.count() {
            joined.extend(arguments.array(index)?.iter().cloned());
        }
        return Ok(joined.into());
    }
    let mut joined = String::new();
    for value in arguments.all() {
        if value.is_object() {
            return Err(arguments.refuse("objects cannot be joined; use `union`"));
        }
        joined.push_str(&shown(value));
        budget.text(joined.len())?;
    }
    Ok(joined.into())
}

fn contains(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(2)?;
    let wanted = arguments.value(1)?;
    Ok(match arguments.value(0)? {
        Value::Array(items) => items.contains(wanted),
        Value::Object(members) => {
            let name = arguments.text(1)?;
            members.keys().any(|held| held.eq_ignore_ascii_case(name))
        }
        Value::String(text) => text.contains(&shown(wanted)),
        _ => return Err(arguments.refuse("argument 1 holds nothing")),
    }
    .into())
}

fn empty(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    Ok(match arguments.value(0)? {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => return Err(arguments.refuse("argument 1 holds nothing")),
    }
    .into())
}

#[derive(Clone, Copy)]
enum End {
    First,
    Last,
}

fn end(arguments: &Arguments<'_>, end: End) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    match arguments.value(0)? {
        Value::Array(items) => {
            let item = match end {
                End::First => items.first(),
                End::Last => items.last(),
            };
            Ok(item.cloned().unwrap_or_default())
        }
        Value::String(text) => {
            let character = match end {
                End::First => text.chars().next(),
                End::Last => text.chars().next_back(),
            };
            Ok(character.map(String::from).unwrap_or_default().into())
        }
        _ => Err(arguments.refuse("argument 1 is expected to be an array or a string")),
    }
}

fn index_of(arguments: &Arguments<'_>, end: End) -> Result<Value, Fault> {
    arguments.exactly(2)?;
    let wanted = arguments.value(1)?;
    let found = match arguments.value(0)? {
        Value::Array(items) => match end {
            End::First => items.iter().position(|item| item == wanted),
            End::Last => items.iter().rposition(|item| item == wanted),
        },
        Value::String(text) => {
            // In texts, case does not matter.
            let (text, wanted) = (text.to_lowercase(), arguments.text(1)?.to_lowercase());
            let byte = match end {
                End::First => text.find(&wanted),
                End::Last => text.rfind(&wanted),
            };
            byte.map(|byte| text[..byte].chars().count())
        }
        _ => return Err(arguments.refuse("argument 1 is expected to be an array or a string")),
    };
    Ok(found.map_or_else(|| json!(-1), |index| json!(index)))
}

fn intersection(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.between(1, usize::MAX)?;
    let mut common = arguments.value(0)?.clone();
    for index in 1..arguments.count() {
        match &mut common {
            Value::Array(items) => {
                let other = arguments.array(index)?;
                items.retain(|item| other.contains(item));
            }
            Value::Object(members) => {
                let other = arguments.object(index)?;
                members.retain(|name, value| other.get(name) == Some(value));
            }
            _ => return Err(arguments.refuse("arguments are expected to be arrays or objects")),
        }
    }
    if let Value::Array(items) = &mut common {
        *items = distinct(items.iter());
    }
    Ok(common)
}

fn length(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    Ok(match arguments.value(0)? {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        Value::String(text) => text.chars().count(),
        _ => return Err(arguments.refuse("argument 1 has no length")),
    }
    .into())
}

fn range(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(2)?;
    let (start, count) = (arguments.integer(0)?, arguments.integer(1)?);
    if !(0..=MAX_RANGE).contains(&count) {
        return Err(arguments.refuse(format!("the count is expected between 0 and {MAX_RANGE}")));
    }
    let end = start
        .checked_add(count)
        .filter(|end| *end <= i64::from(i32::MAX));
    let end =
        end.ok_or_else(|| arguments.refuse("start and count add up to more than 2147483647"))?;
    Ok((start..end).map(Value::from).collect())
}

fn part(arguments: &Arguments<'_>, skip: bool) -> Result<Value, Fault> {
    arguments.exactly(2)?;
    let count = usize::try_from(arguments.integer(1)?).unwrap_or(0);
    Ok(match arguments.value(0)? {
        Value::Array(items) if skip => items.iter().skip(count).cloned().collect(),
        Value::Array(items) => items.iter().take(count).cloned().collect(),
        Value::String(text) if skip => text.chars().skip(count).collect::<String>().into(),
        Value::String(text) => text.chars().take(count).collect::<String>().into(),
        _ => return Err(arguments.refuse("argument 1 is expected to be an array or a string")),
    })
}

fn union(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.between(1, usize::MAX)?;
    if arguments.value(0)?.is_array() {
        let mut all = Vec::new();
        for index in 0..arguments.count() {
            all.extend(arguments.array(index)?);
        }
        return Ok(distinct(all.into_iter()).into());
    }
    let mut merged = Map::new();
    for index in 0..arguments.count() {
        merge(&mut merged, arguments.object(index)?);
    }
    Ok(merged.into())
}

/// Members of the later object win; objects in both are merged in their turn.
fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(name), value) {
            (Some(Value::Object(held)), Value::Object(more)) => merge(held, more),
            (Some(held), _) => *held = value.clone(),
            (None, _) => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Each value once, in order.
fn distinct<'a>(items: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    // Texts of equal values are equal: members keep their order, and order counts in none of the
    // documented examples.
    let mut seen = std::collections::BTreeSet::new();
    items
        .filter(|item| seen.insert(item.to_string()))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::functions::tests::{check, check_refused};

    #[test]
    fn arrays_answer_as_the_reference_shows() {
        check(&[
            ("array(1)", "[1]"),
            ("array('efgh')", r#"["efgh"]"#),
            ("array(createObject('a', 'b'))", r#"[{"a": "b"}]"#),
            (
                "concat(createArray('1-1','1-2'), createArray('2-1'))",
                r#"["1-1","1-2","2-1"]"#,
            ),
            ("concat('prefix', '-', 5)", r#""prefix-5""#),
            ("contains('OneTwoThree', 'e')", "true"),
            ("contains('OneTwoThree', 'z')", "false"),
            ("contains(createObject('one','a'), 'ONE')", "true"),
            ("contains(createArray('one','two'), 'two')", "true"),
            ("contains(createArray('one','two'), 'Two')", "false"),
            ("createArray('a', 'b', 'c')", r#"["a","b","c"]"#),
            ("createArray()", "[]"),
            ("empty(createArray())", "true"),
            ("empty(createObject())", "true"),
            ("empty('')", "true"),
            ("empty(null())", "true"),
            ("first(createArray('one','two','three'))", r#""one""#),
            ("first('One Two Three')", r#""O""#),
            ("first(createArray())", "null"),
            ("last('One Two Three')", r#""e""#),
            ("last(createArray('one','two','three'))", r#""three""#),
            ("indexOf('test', 't')", "0"),
            ("indexOf('abcdef', 'CD')", "2"),
            ("indexOf('abcdef', 'z')", "-1"),
            ("indexOf(createArray('one','two'), 'two')", "1"),
            ("lastIndexOf('test', 't')", "3"),
            ("lastIndexOf('abcdef', 'AB')", "0"),
            (
                "intersection(createArray('one','two','three'), createArray('two','three'))",
                r#"["two","three"]"#,
            ),
            (
                "intersection(json('{\"one\":\"a\",\"two\":\"b\",\"three\":\"c\"}'), json('{\"one\":\"a\",\"two\":\"z\",\"three\":\"c\"}'))",
                r#"{"one":"a","three":"c"}"#,
            ),
            ("length(createArray('one','two','three'))", "3"),
            ("length('One Two Three')", "13"),
            ("length(json('{\"a\": 1, \"b\": {\"c\": 2}}'))", "2"),
            ("range(5, 3)", "[5,6,7]"),
            ("range(0, 0)", "[]"),
            ("skip(createArray('one','two','three'), 2)", r#"["three"]"#),
            ("skip('one two three', 4)", r#""two three""#),
            ("skip('abc', 9)", r#""""#),
            (
                "take(createArray('one','two','three'), 2)",
                r#"["one","two"]"#,
            ),
            ("take('one two three', 2)", r#""on""#),
            ("take('abc', -1)", r#""""#),
            (
                "union(createArray('one','two','three'), createArray('three','four'))",
                r#"["one","two","three","four"]"#,
            ),
            (
                "union(json('{\"one\":\"a\",\"two\":\"b\",\"three\":\"c1\"}'), json('{\"three\":\"c2\",\"four\":\"d\",\"five\":\"e\"}'))",
                r#"{"one":"a","two":"b","three":"c2","four":"d","five":"e"}"#,
            ),
            (
                "union(json('{\"p\":{\"one\":\"a\",\"three\":\"c1\"}}'), json('{\"p\":{\"three\":\"c2\",\"four\":\"d\"}}'))",
                r#"{"p":{"one":"a","three":"c2","four":"d"}}"#,
            ),
        ]);
    }

    #[test]
    fn wrong_arguments_are_named() {
        check_refused(&[
            (
                "length(1)",
                "Unable to evaluate template language function 'length': argument 1 has no length.",
            ),
            (
                "range(1, 10001)",
                "Unable to evaluate template language function 'range': the count is expected between 0 and 10000.",
            ),
            (
                "concat()",
                "Unable to evaluate template language function 'concat': the function takes at least 1 argument(s) and '0' were given.",
            ),
            (
                "concat(createArray(), 'a')",
                "Unable to evaluate template language function 'concat': argument 2 is expected to be an array and is a string.",
            ),
            (
                "first(1, 2)",
                "Unable to evaluate template language function 'first': the function takes 1 argument(s) and '2' were given.",
            ),
        ]);
    }
}
