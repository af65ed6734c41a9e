//! `format`: .NET's composite formatting, as far as templates use it.

use serde_json::Value;

use super::arguments::{Arguments, integer};
use super::convert::shown;
use crate::fault::Fault;
use crate::limits::Budget;

/// `{index[,width][:form]}` with `{{` and `}}` for braces.
pub(super) fn format(arguments: &Arguments<'_>, budget: &Budget) -> Result<Value, Fault> {
    arguments.between(1, usize::MAX)?;
    let mut rest = arguments.text(0)?;
    let mut text = String::new();
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            text.push_str(brace);
            rest = after;
        } else if brace == "{" {
            let (hole, after) = rest
                .split_once('}')
                .ok_or_else(|| arguments.refuse("the format has an opening brace too many"))?;
            text.push_str(&fill(arguments, hole, budget)?);
            rest = after;
        } else {
            return Err(arguments.refuse("the format has a closing brace too many"));
        }
        budget.text(text.len())?;
    }
    text.push_str(rest);
    Ok(text.into())
}

fn fill(arguments: &Arguments<'_>, hole: &str, budget: &Budget) -> Result<String, Fault> {
    let (head, form) = hole.split_once(':').unwrap_or((hole, ""));
    let (index, width) = head.split_once(',').unwrap_or((head, "0"));
    let refuse = || arguments.refuse(format!("the format has no meaning at '{{{hole}}}'"));
    let index: usize = index.trim().parse().map_err(|_| refuse())?;
    let width: i32 = width.trim().parse().map_err(|_| refuse())?;
    budget.text(usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX))?;
    let value = index
        .checked_add(1)
        .and_then(|at| arguments.get(at))
        .ok_or_else(|| {
            arguments.refuse(format!(
                "the format asks for argument {index}, which was not given"
            ))
        })?;
    let text = formed(value, form).ok_or_else(refuse)?;
    let columns = usize::try_from(width.unsigned_abs()).unwrap_or(0);
    Ok(if width < 0 {
        format!("{text:<columns$}")
    } else {
        format!("{text:>columns$}")
    })
}

/// A value in a numeric form; other values ignore the form.
fn formed(value: &Value, form: &str) -> Option<String> {
    let Some(number) = integer(value).filter(|_| !form.is_empty()) else {
        return Some(shown(value));
    };
    let (letter, digits) = form.split_at(form.chars().next().map_or(0, char::len_utf8));
    let precision = |fallback: usize| match digits {
        "" => Some(fallback),
        digits => digits.parse().ok().filter(|digits| *digits <= 99),
    };
    let sign = if number < 0 { "-" } else { "" };
    let magnitude = number.unsigned_abs();
    Some(match letter {
        "D" | "d" => format!("{sign}{magnitude:0>width$}", width = precision(1)?),
        "X" => format!("{number:0>width$X}", width = precision(1)?),
        "x" => format!("{number:0>width$x}", width = precision(1)?),
        "N" | "n" => format!("{sign}{}{}", grouped(magnitude), zeros(precision(2)?)),
        "F" | "f" => format!("{sign}{magnitude}{}", zeros(precision(2)?)),
        "G" | "g" => number.to_string(),
        "0" if form.bytes().all(|byte| byte == b'0') => {
            format!("{sign}{magnitude:0>width$}", width = form.len())
        }
        _ => return None,
    })
}

fn zeros(digits: usize) -> String {
    match digits {
        0 => String::new(),
        digits => format!(".{}", "0".repeat(digits)),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::functions::tests::{check, check_refused};

    #[test]
    fn formats_answer_as_the_reference_shows() {
        check(&[
            (
                "format('{0}, {1}. Formatted number: {2:N0}', 'Hello', 'User', 8175133)",
                r#""Hello, User. Formatted number: 8,175,133""#,
            ),
            ("format('{0}-{1}', 'a', true())", r#""a-True""#),
            (
                "format('{0:D3}|{0:000}|{0:X2}|{0,4}|{0,-4}|', 7)",
                r#""007|007|07|   7|7   |""#,
            ),
            ("format('{{0}} {0:N}', 1234)", r#""{0} 1,234.00""#),
            ("format('plain')", r#""plain""#),
        ]);
        check_refused(&[
            (
                "format('{1}', 'a')",
                "Unable to evaluate template language function 'format': the format asks for argument 1, which was not given.",
            ),
            (
                "format('{0', 'a')",
                "Unable to evaluate template language function 'format': the format has an opening brace too many.",
            ),
            (
                "format('{0,2000000}', 'a')",
                "The template exceeds a limit of its evaluation: a text longer than 1048576 bytes.",
            ),
        ]);
    }
}
