//! Texts.

use serde_json::Value;

use super::arguments::Arguments;
use super::convert::shown;
use crate::fault::Fault;
use crate::limits::Budget;

pub(super) fn call(
    key: &str,
    arguments: &Arguments<'_>,
    budget: &Budget,
) -> Option<Result<Value, Fault>> {
    Some(match key {
        "endswith" => affix(arguments, |text, part| text.ends_with(part)),
        "startswith" => affix(arguments, |text, part| text.starts_with(part)),
        "join" => join(arguments, budget),
        "padleft" => pad_left(arguments, budget),
        "replace" => replace(arguments, budget),
        "split" => split(arguments),
        "substring" => substring(arguments),
        "tolower" => arguments
            .exactly(1)
            .and_then(|()| Ok(arguments.text(0)?.to_lowercase().into())),
        "toupper" => arguments
            .exactly(1)
            .and_then(|()| Ok(arguments.text(0)?.to_uppercase().into())),
        "trim" => arguments
            .exactly(1)
            .and_then(|()| Ok(arguments.text(0)?.trim().into())),
        "fail" => Err(arguments
            .text(0)
            .map_or_else(|fault| fault, Fault::language)),
        _ => return None,
    })
}

/// Case does not matter.
fn affix(arguments: &Arguments<'_>, test: fn(&str, &str) -> bool) -> Result<Value, Fault> {
    arguments.exactly(2)?;
    let (text, part) = (
        arguments.text(0)?.to_lowercase(),
        arguments.text(1)?.to_lowercase(),
    );
    Ok(test(&text, &part).into())
}

fn join(arguments: &Arguments<'_>, budget: &Budget) -> Result<Value, Fault> {
    arguments.exactly(2)?;
    let between = arguments.text(1)?;
    let mut joined = String::new();
    for (index, item) in arguments.array(0)?.iter().enumerate() {
        if index > 0 {
            joined.push_str(between);
        }
        joined.push_str(&shown(item));
        budget.text(joined.len())?;
    }
    Ok(joined.into())
}

fn pad_left(arguments: &Arguments<'_>, budget: &Budget) -> Result<Value, Fault> {
    arguments.between(2, 3)?;
    let text = shown(arguments.value(0)?);
    let length = arguments.size(1)?;
    budget.text(length)?;
    let padding = match arguments.get(2) {
        None => ' ',
        Some(_) => {
            let mut characters = arguments.text(2)?.chars();
            match (characters.next(), characters.next()) {
                (Some(character), None) => character,
                _ => return Err(arguments.refuse("argument 3 is expected to be one character")),
            }
        }
    };
    let missing = length.saturating_sub(text.chars().count());
    let mut padded: String = std::iter::repeat_n(padding, missing).collect();
    padded.push_str(&text);
    Ok(padded.into())
}

fn replace(arguments: &Arguments<'_>, budget: &Budget) -> Result<Value, Fault> {
    arguments.exactly(3)?;
    let (text, old, new) = (arguments.text(0)?, arguments.text(1)?, arguments.text(2)?);
    if old.is_empty() {
        return Err(arguments.refuse("argument 2 may not be empty"));
    }
    let growth = new.len().saturating_sub(old.len());
    budget.text(text.len() + text.matches(old).count().saturating_mul(growth))?;
    Ok(text.replace(old, new).into())
}

fn split(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(2)?;
    let text = arguments.text(0)?;
    let single = arguments.value(1)?.as_str();
    let delimiters: Vec<&str> = match single {
        Some(one) => vec![one],
        None => arguments
            .array(1)?
            .iter()
            .filter_map(Value::as_str)
            .collect(),
    };
    let mut pieces = vec![text];
    for delimiter in delimiters
        .into_iter()
        .filter(|delimiter| !delimiter.is_empty())
    {
        pieces = pieces
            .into_iter()
            .flat_map(|piece| piece.split(delimiter))
            .collect();
    }
    Ok(pieces.into_iter().map(Value::from).collect())
}

fn substring(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.between(2, 3)?;
    let text = arguments.text(0)?;
    let (start, all) = (arguments.size(1)?, text.chars().count());
    let length = match arguments.get(2) {
        None => all.saturating_sub(start),
        Some(_) => arguments.size(2)?,
    };
    if start.checked_add(length).is_none_or(|end| end > all) {
        return Err(arguments.refuse(format!(
            "the index and length parameters must refer to a location within the string: index \
             '{start}', length '{length}', length of the string '{all}'"
        )));
    }
    Ok(text
        .chars()
        .skip(start)
        .take(length)
        .collect::<String>()
        .into())
}

#[cfg(test)]
mod tests {
    use crate::functions::tests::{check, check_refused};

    #[test]
    fn texts_answer_as_the_reference_shows() {
        check(&[
            ("startsWith('abcdef', 'ab')", "true"),
            ("startsWith('abcdef', 'A')", "true"),
            ("startsWith('abcdef', 'e')", "false"),
            ("endsWith('abcdef', 'ef')", "true"),
            ("endsWith('abcdef', 'F')", "true"),
            ("endsWith('abcdef', 'e')", "false"),
            (
                "join(createArray('one', 'two', 'three'), ',')",
                r#""one,two,three""#,
            ),
            (
                "join(createArray('one', 'two', 'three'), ';')",
                r#""one;two;three""#,
            ),
            ("padLeft('123', 10, '0')", r#""0000000123""#),
            ("padLeft(123, 5)", r#""  123""#),
            ("replace('123-123-1234', '-', '')", r#""1231231234""#),
            (
                "replace('123-123-1234', '1234', 'xxxx')",
                r#""123-123-xxxx""#,
            ),
            ("split('one,two,three', ',')", r#"["one","two","three"]"#),
            (
                "split('one;two,three', createArray(',', ';'))",
                r#"["one","two","three"]"#,
            ),
            ("substring('one two three', 4, 3)", r#""two""#),
            ("substring('one two three', 4)", r#""two three""#),
            ("toLower('One Two Three')", r#""one two three""#),
            ("toUpper('One Two Three')", r#""ONE TWO THREE""#),
            ("trim('    one two three   ')", r#""one two three""#),
        ]);
    }

    #[test]
    fn texts_do_not_grow_beyond_their_limit() {
        check_refused(&[
            (
                "padLeft('a', 2000000)",
                "The template exceeds a limit of its evaluation: a text longer than 1048576 bytes.",
            ),
            (
                "padLeft('a', -1)",
                "Unable to evaluate template language function 'padLeft': argument 2 may not be negative.",
            ),
            (
                "substring('abc', 2, 5)",
                "Unable to evaluate template language function 'substring': the index and length parameters must refer to a location within the string: index '2', length '5', length of the string '3'.",
            ),
            ("fail('not this one')", "not this one"),
        ]);
    }
}
