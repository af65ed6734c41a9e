//! Objects.

use serde_json::{Map, Value, json};

use super::arguments::{Arguments, integer};
use crate::fault::Fault;
use crate::json;
use crate::limits::Budget;

pub(super) fn call(
    key: &str,
    arguments: &Arguments<'_>,
    _: &Budget,
) -> Option<Result<Value, Fault>> {
    Some(match key {
        "createobject" => create(arguments),
        "items" => items(arguments),
        "json" => read(arguments),
        "null" => arguments.exactly(0).map(|()| Value::Null),
        "objectkeys" => keys(arguments),
        "shallowmerge" => shallow_merge(arguments),
        "tryget" => try_get(arguments),
        "tryindexfromend" => from_end(arguments, true),
        "indexfromend" => from_end(arguments, false),
        _ => return None,
    })
}

fn create(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    if !arguments.count().is_multiple_of(2) {
        return Err(arguments.refuse("names and values are expected in pairs"));
    }
    let mut object = Map::new();
    for index in (0..arguments.count()).step_by(2) {
        let name = arguments.text(index)?.to_owned();
        object.insert(name, arguments.value(index + 1)?.clone());
    }
    Ok(object.into())
}

/// Pairs in alphabetical order.
fn items(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    let mut pairs: Vec<_> = arguments.object(0)?.iter().collect();
    pairs.sort_by(|a, b| a.0.cmp(b.0));
    let pair = |(key, value): (&String, &Value)| json!({"key": key, "value": value});
    Ok(pairs.into_iter().map(pair).collect())
}

fn keys(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    let mut keys: Vec<&String> = arguments.object(0)?.keys().collect();
    keys.sort();
    Ok(keys
        .into_iter()
        .map(|key| Value::from(key.as_str()))
        .collect())
}

fn read(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    let text = arguments.text(0)?;
    let node = json::parse(text);
    let node = node.map_err(|error| arguments.refuse(format!("the text is no JSON: {error}")))?;
    Ok(node.to_value())
}

fn shallow_merge(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    let mut merged = Map::new();
    for item in arguments.array(0)? {
        let members = item.as_object();
        let members =
            members.ok_or_else(|| arguments.refuse("every item is expected to be an object"))?;
        for (name, value) in members {
            merged.insert(name.clone(), value.clone());
        }
    }
    Ok(merged.into())
}

/// Looks into a value; whatever is absent on the way gives `null`.
fn try_get(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.between(2, usize::MAX)?;
    let mut found = Some(arguments.value(0)?);
    for selector in &arguments.all()[1..] {
        found = found.and_then(|value| select(value, selector));
    }
    Ok(found.cloned().unwrap_or_default())
}

/// The member or item that `selector` names.
pub(crate) fn select<'a>(value: &'a Value, selector: &Value) -> Option<&'a Value> {
    match (value, selector) {
        (Value::Object(members), Value::String(name)) => members.get(name).or_else(|| {
            let found = members
                .iter()
                .find(|(held, _)| held.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value)
        }),
        (Value::Array(items), Value::Number(_)) => {
            items.get(usize::try_from(integer(selector)?).ok()?)
        }
        _ => None,
    }
}

fn from_end(arguments: &Arguments<'_>, lenient: bool) -> Result<Value, Fault> {
    arguments.exactly(2)?;
    let (items, back) = (arguments.array(0)?, arguments.size(1)?);
    let found = items
        .len()
        .checked_sub(back)
        .and_then(|index| items.get(index));
    match found {
        Some(found) => Ok(found.clone()),
        None if lenient => Ok(Value::Null),
        None => Err(arguments.refuse(format!("there is no item {back} from the end"))),
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::tests::{check, check_refused};

    #[test]
    fn objects_answer_as_the_reference_shows() {
        check(&[
            (
                "createObject('intProp', 1, 'stringProp', 'abc', 'boolProp', true(), 'arrayProp', createArray('a', 'b'), 'objectProp', createObject('key1', 'value1'))",
                r#"{"intProp":1,"stringProp":"abc","boolProp":true,"arrayProp":["a","b"],"objectProp":{"key1":"value1"}}"#,
            ),
            (
                "items(json('{\"item002\":{\"enabled\":false},\"item001\":{\"enabled\":true}}'))",
                r#"[{"key":"item001","value":{"enabled":true}},{"key":"item002","value":{"enabled":false}}]"#,
            ),
            ("json('{\"a\": \"b\"}')", r#"{"a":"b"}"#),
            ("json('null')", "null"),
            ("json('true')", "true"),
            ("null()", "null"),
            ("objectKeys(json('{\"b\": 2, \"a\": 1}'))", r#"["a","b"]"#),
            (
                "shallowMerge(createArray(json('{\"one\":\"a\",\"n\":{\"x\":1}}'), json('{\"n\":{\"y\":2}}')))",
                r#"{"one":"a","n":{"y":2}}"#,
            ),
            ("tryGet(json('{\"a\": {\"b\": 1}}'), 'A', 'b')", "1"),
            ("tryGet(json('{\"a\": {\"b\": 1}}'), 'x', 'b')", "null"),
            ("tryGet(createArray('a', 'b'), 1)", r#""b""#),
            ("tryGet(createArray('a', 'b'), 5)", "null"),
            ("indexFromEnd(createArray('a', 'b'), 1)", r#""b""#),
            ("tryIndexFromEnd(createArray('a', 'b'), 3)", "null"),
            ("json('{\"a\": [1, {\"B\": 2}]}').a[1].b", "2"),
            ("json('{\"a\": 1}')['A']", "1"),
            ("json('{\"a\": 1}').?x", "null"),
            ("json('{\"a\": 1}').?x.y", "null"),
        ]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        check_refused(&[
            (
                "json('{\"a\": 1, \"c\": 2}').b",
                "The language expression property 'b' doesn't exist, available properties are 'a, c'.",
            ),
            (
                "createArray('a')[1]",
                "The language expression property array index '1' is out of bounds.",
            ),
            (
                "createObject('a')",
                "Unable to evaluate template language function 'createObject': names and values are expected in pairs.",
            ),
        ]);
    }
}
