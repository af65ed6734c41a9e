//! JSON as Azure's parser takes it, with positions.
//!
//! `az deployment group create` splices the bytes of a template file into its request: an unquoted
//! member name, comments, raw line breaks inside strings, a byte order mark (client-contract.md
//! §6.1). Azure reads that with Newtonsoft's lenient reader; this one takes the same liberties, and
//! trailing commas and single quotes too, as that reader does. Start with [`parse`].

use std::collections::BTreeSet;

use serde_json::Number;

use crate::node::{Kind, Member, Node};
use crate::position::Position;

/// Deeper than any template; Newtonsoft's own limit is 64 since version 13.
const MAX_DEPTH: usize = 64;

/// Why a text is not JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}, at {at}")]
pub struct JsonError {
    /// What was wrong.
    pub reason: String,
    /// Where.
    pub at: Position,
}

/// Reads a text.
///
/// # Errors
/// The first thing that even a lenient reader cannot take.
pub fn parse(text: &str) -> Result<Node, JsonError> {
    let mut reader = Reader {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        at: Position::START,
        depth: 0,
    };
    let node = reader.value()?;
    reader.blank()?;
    match reader.peek() {
        None => Ok(node),
        Some(found) => Err(reader.refuse(format!("additional text `{found}` after the value"))),
    }
}

struct Reader<'a> {
    rest: &'a str,
    at: Position,
    depth: usize,
}

impl Reader<'_> {
    fn refuse(&self, reason: impl Into<String>) -> JsonError {
        JsonError {
            reason: reason.into(),
            at: self.at,
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let character = characters.next()?;
        self.rest = characters.as_str();
        self.at = self.at.after(character);
        Some(character)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    /// Skips white space and comments.
    fn blank(&mut self) -> Result<(), JsonError> {
        loop {
            if self.rest.starts_with("//") {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.next();
                }
            } else if self.rest.starts_with("/*") {
                self.block_comment()?;
            } else if self.peek().is_some_and(char::is_whitespace) {
                self.next();
            } else {
                return Ok(());
            }
        }
    }

    fn block_comment(&mut self) -> Result<(), JsonError> {
        let open = self.at;
        while !self.rest.starts_with("*/") {
            if self.next().is_none() {
                return Err(JsonError {
                    reason: "a comment that does not end".to_owned(),
                    at: open,
                });
            }
        }
        self.next();
        self.next();
        Ok(())
    }

    fn value(&mut self) -> Result<Node, JsonError> {
        self.blank()?;
        let at = self.at;
        let kind = match self.peek() {
            None => return Err(self.refuse("unexpected end of the text")),
            Some('{') => self.nested(Self::object)?,
            Some('[') => self.nested(Self::array)?,
            Some('"' | '\'') => Kind::Text(self.string()?),
            Some(_) => self.word()?,
        };
        Ok(Node { kind, at })
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<Kind, JsonError>,
    ) -> Result<Kind, JsonError> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse(format!("nesting deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        self.next();
        let kind = read(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn object(&mut self) -> Result<Kind, JsonError> {
        let mut members: Vec<Member> = Vec::new();
        loop {
            self.blank()?;
            if self.take('}') {
                return Ok(Kind::Object(last_of_each(members)));
            }
            let name = self.member_name()?;
            self.blank()?;
            if !self.take(':') {
                return Err(self.refuse(format!("`:` expected after the member name `{name}`")));
            }
            let value = self.value()?;
            members.push(Member {
                name,
                script: None,
                value,
            });
            self.blank()?;
            if !self.take(',') && self.peek() != Some('}') {
                return Err(self.refuse("`,` or `}` expected in an object"));
            }
        }
    }

    fn array(&mut self) -> Result<Kind, JsonError> {
        let mut items = Vec::new();
        loop {
            self.blank()?;
            if self.take(']') {
                return Ok(Kind::Array(items));
            }
            items.push(self.value()?);
            self.blank()?;
            if !self.take(',') && self.peek() != Some(']') {
                return Err(self.refuse("`,` or `]` expected in an array"));
            }
        }
    }

    fn member_name(&mut self) -> Result<String, JsonError> {
        match self.peek() {
            Some('"' | '\'') => self.string(),
            Some(c) if c.is_alphabetic() || c == '_' || c == '$' => Ok(self.bare_word()),
            Some(found) => Err(self.refuse(format!("a member name expected, found `{found}`"))),
            None => Err(self.refuse("unexpected end of the text in an object")),
        }
    }

    fn bare_word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek() {
            if !(c.is_alphanumeric() || "_$-+.".contains(c)) {
                break;
            }
            word.push(c);
            self.next();
        }
        word
    }

    /// `true`, `false`, `null` or a number.
    fn word(&mut self) -> Result<Kind, JsonError> {
        let at = self.at;
        let word = self.bare_word();
        let kind = match word.as_str() {
            "true" => Some(Kind::Bool(true)),
            "false" => Some(Kind::Bool(false)),
            "null" | "undefined" => Some(Kind::Null),
            number => number_of(number).map(Kind::Number),
        };
        kind.ok_or_else(|| {
            let shown = if word.is_empty() {
                self.peek().map(String::from).unwrap_or_default()
            } else {
                word
            };
            JsonError {
                reason: format!("`{shown}` is no value"),
                at,
            }
        })
    }

    fn string(&mut self) -> Result<String, JsonError> {
        let open = self.at;
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => {
                    return Err(JsonError {
                        reason: "a text that does not end".to_owned(),
                        at: open,
                    });
                }
                end if end == quote => return Ok(text),
                Some('\\') => self.escape(&mut text)?,
                Some(character) => text.push(character),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), JsonError> {
        let character = match self.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('u') => self.unicode()?,
            Some(same @ ('"' | '\'' | '\\' | '/')) => same,
            // A line break that is escaped is none.
            Some('\n') => return Ok(()),
            Some(found) => return Err(self.refuse(format!("unknown escape `\\{found}`"))),
            None => return Err(self.refuse("unexpected end of the text in an escape")),
        };
        text.push(character);
        Ok(())
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.four_digits()?;
        let code = if (0xd800..0xdc00).contains(&first) && self.rest.starts_with("\\u") {
            self.next();
            self.next();
            let second = self.four_digits()?;
            0x1_0000 + ((first - 0xd800) << 10) + (second.wrapping_sub(0xdc00) & 0x3ff)
        } else {
            first
        };
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four_digits(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|c| c.to_digit(16));
            let digit = digit.ok_or_else(|| self.refuse("four hexadecimal digits expected"))?;
            code = code * 16 + digit;
        }
        Ok(code)
    }
}

/// Of members with one name the last one wins, as in Newtonsoft's default.
fn last_of_each(mut members: Vec<Member>) -> Vec<Member> {
    let mut seen = BTreeSet::new();
    members.reverse();
    members.retain(|member| seen.insert(member.name.clone()));
    members.reverse();
    members
}

fn number_of(word: &str) -> Option<Number> {
    if !word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return None;
    }
    let word = word.strip_prefix('+').unwrap_or(word);
    if let Ok(whole) = word.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = word.parse::<u64>() {
        return Some(whole.into());
    }
    let fraction = word.parse::<f64>().ok()?;
    Number::from_f64(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_az_sends_is_read() {
        let text = "\u{feff}{\"properties\": {\"mode\": \"Incremental\", template:{\r\n  // a file\r\n  \
                    \"a\": \"two\nlines\", /* here */ \"b\": [1, -2.5, true, null,],\n 'c': '\\u00e4\\n' }}}";
        let expected = json!({"properties": {"mode": "Incremental",
            "template": {"a": "two\nlines", "b": [1, -2.5, true, null], "c": "ä\n"}}});
        assert_eq!(parse(text).map(|node| node.to_value()), Ok(expected));
    }

    #[test]
    fn positions_are_lines_and_columns() {
        let node = parse("{\n  \"a\": {\"b\": 1}\n}").expect("it is JSON");
        let inner = node.get("A").and_then(|a| a.get("b")).expect("it is there");
        assert_eq!(
            inner.at,
            Position {
                line: 2,
                column: 14
            }
        );
    }

    #[test]
    fn what_no_reader_takes_says_where() {
        for (text, reason) in [
            ("", "unexpected end of the text, at line '1' and column '1'"),
            (
                "{\"a\" 1}",
                "`:` expected after the member name `a`, at line '1' and column '6'",
            ),
            (
                "[1 2]",
                "`,` or `]` expected in an array, at line '1' and column '4'",
            ),
            (
                "{\"a\": \"b",
                "a text that does not end, at line '1' and column '7'",
            ),
            (
                "/* x",
                "a comment that does not end, at line '1' and column '1'",
            ),
            (
                "{} x",
                "additional text `x` after the value, at line '1' and column '4'",
            ),
            (
                "{\"a\":\n nul}",
                "`nul` is no value, at line '2' and column '2'",
            ),
            (
                "[\"\\q\"]",
                "unknown escape `\\q`, at line '1' and column '5'",
            ),
            ("]", "`]` is no value, at line '1' and column '1'"),
        ] {
            let refused = parse(text).map_err(|error| error.to_string());
            assert_eq!(refused, Err(reason.to_owned()), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded_on_both_edges() {
        assert!(parse(&format!("{}{}", "[".repeat(64), "]".repeat(64))).is_ok());
        assert!(parse(&format!("{}{}", "[".repeat(65), "]".repeat(65))).is_err());
    }
}
