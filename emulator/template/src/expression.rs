//! The grammar of template expressions: `[concat('a', parameters('b').c[0])]`.
//!
//! ```text
//! expression = primary { "." name | ".?" name | "[" expression "]" | "[?" expression "]" }
//! primary    = text | integer | name [ "." name ] "(" [ expression { "," expression } ] ")"
//! text       = "'" { any but "'" | "''" } "'"
//! ```
//!
//! winnow reads it: the parser is a few functions in the grammar's own shape, without a build step or
//! macros, and `toml` brings the crate into this build anyway. A [`Script`] keeps its source, because
//! errors, what-if and the exported template show it.

use winnow::ascii::{digit1, multispace0};
use winnow::combinator::{alt, cut_err, delimited, opt, preceded, repeat, separated, terminated};
use winnow::error::{ContextError, ErrMode, StrContext, StrContextValue};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Stateful};
use winnow::token::{one_of, take_while};

/// Azure's limit of a template expression's length, in characters.
const MAX_LENGTH: usize = 24_576;
/// Deeper than people or Bicep write; keeps the stack of a hostile template shallow.
const MAX_DEPTH: usize = 48;

/// An expression with the text it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    source: String,
    root: Expression,
}

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// `'text'`
    Text(String),
    /// `-12`
    Integer(i64),
    /// `name(…)`
    Call(Call),
    /// `of.name`; absent members are `null` when `safe`.
    Member {
        /// What is looked into.
        of: Box<Self>,
        /// The member.
        name: String,
        /// Whether written `.?`.
        safe: bool,
    },
    /// `of[index]`
    Index {
        /// What is looked into.
        of: Box<Self>,
        /// Which item or member.
        index: Box<Self>,
        /// Whether written `[?`.
        safe: bool,
    },
}

/// A call of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The namespace of a function that the template defines.
    pub namespace: Option<String>,
    /// The name as written.
    pub name: String,
    /// The name in lower case, by which functions are found.
    pub key: String,
    /// The arguments.
    pub arguments: Vec<Expression>,
}

/// Why a text is not an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Unable to parse language expression '{source_text}': {reason}")]
pub struct SyntaxError {
    /// The expression.
    pub source_text: String,
    /// What was wrong.
    pub reason: String,
    /// How many characters stand before the fault.
    pub offset: usize,
}

impl Script {
    /// Reads a template's text: `None` for a text that means itself.
    ///
    /// # Errors
    /// When it is in brackets and no expression.
    pub fn read(text: &str) -> Result<Option<Self>, SyntaxError> {
        match inside(text) {
            Some(body) => Self::parse(text, body).map(Some),
            None => Ok(None),
        }
    }

    fn parse(source: &str, body: &str) -> Result<Self, SyntaxError> {
        let refuse = |reason: String, offset| SyntaxError {
            source_text: body.to_owned(),
            reason,
            offset,
        };
        if body.chars().count() > MAX_LENGTH {
            let reason = format!("the expression is longer than {MAX_LENGTH} characters");
            return Err(refuse(reason, 0));
        }
        let input = Stateful {
            input: LocatingSlice::new(body),
            state: 0,
        };
        let parsed = terminated(expression, multispace0).parse(input);
        match parsed {
            Ok(root) => Ok(Self {
                source: source.to_owned(),
                root,
            }),
            Err(error) => {
                let offset = error.offset();
                let rest = body.get(offset..).unwrap_or_default();
                let before = body.get(..offset).unwrap_or_default();
                Err(refuse(
                    reason(error.inner(), rest),
                    before.chars().count() + 1,
                ))
            }
        }
    }

    /// The text as written, with its brackets.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The expression.
    #[must_use]
    pub fn root(&self) -> &Expression {
        &self.root
    }
}

/// The text a plain text means: `[[` stands for one bracket.
#[must_use]
pub fn unescape(text: &str) -> &str {
    if text.starts_with("[[") && text.ends_with(']') {
        &text[1..]
    } else {
        text
    }
}

/// What stands in the brackets of an expression.
fn inside(text: &str) -> Option<&str> {
    let body = text.strip_prefix('[')?.strip_suffix(']')?;
    (!body.starts_with('[')).then_some(body)
}

impl Expression {
    /// Calls `visit` for this expression and everything in it, outermost first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        visit(self);
        match self {
            Self::Text(_) | Self::Integer(_) => {}
            Self::Call(call) => call.arguments.iter().for_each(|inner| inner.walk(visit)),
            Self::Member { of, .. } => of.walk(visit),
            Self::Index { of, index, .. } => {
                of.walk(visit);
                index.walk(visit);
            }
        }
    }
}

type Input<'a> = Stateful<LocatingSlice<&'a str>, usize>;

fn expression(input: &mut Input<'_>) -> ModalResult<Expression> {
    if input.state == MAX_DEPTH {
        let mut error = ContextError::new();
        error.push(StrContext::Label("depth"));
        return Err(ErrMode::Cut(error));
    }
    input.state += 1;
    let found = chain(input);
    input.state -= 1;
    found
}

fn chain(input: &mut Input<'_>) -> ModalResult<Expression> {
    let mut found = preceded(multispace0, primary).parse_next(input)?;
    loop {
        let next: Option<Postfix> = opt(postfix).parse_next(input)?;
        match next {
            None => return Ok(found),
            Some(Postfix::Member(name, safe)) => {
                found = Expression::Member {
                    of: Box::new(found),
                    name,
                    safe,
                };
            }
            Some(Postfix::Index(index, safe)) => {
                found = Expression::Index {
                    of: Box::new(found),
                    index: Box::new(index),
                    safe,
                };
            }
        }
    }
}

enum Postfix {
    Member(String, bool),
    Index(Expression, bool),
}

fn postfix(input: &mut Input<'_>) -> ModalResult<Postfix> {
    alt((member, index)).parse_next(input)
}

fn member(input: &mut Input<'_>) -> ModalResult<Postfix> {
    let safe = preceded((multispace0, '.'), opt('?')).parse_next(input)?;
    let name = cut_err(preceded(multispace0, name))
        .context(expected("Identifier"))
        .parse_next(input)?;
    Ok(Postfix::Member(name, safe.is_some()))
}

fn index(input: &mut Input<'_>) -> ModalResult<Postfix> {
    let safe = preceded((multispace0, '['), opt('?')).parse_next(input)?;
    let index = cut_err(expression).parse_next(input)?;
    cut_err((multispace0, ']'))
        .context(expected("RightSquareBracket"))
        .parse_next(input)?;
    Ok(Postfix::Index(index, safe.is_some()))
}

fn primary(input: &mut Input<'_>) -> ModalResult<Expression> {
    alt((
        text.map(Expression::Text),
        integer.map(Expression::Integer),
        call.map(Expression::Call),
    ))
    .context(expected("Identifier"))
    .parse_next(input)
}

fn text(input: &mut Input<'_>) -> ModalResult<String> {
    let piece = alt(("''".value("'"), take_while(1.., |c: char| c != '\'')));
    let body = repeat(0.., piece).fold(String::new, |mut text, piece: &str| {
        text.push_str(piece);
        text
    });
    delimited('\'', body, cut_err('\'').context(expected("Quote"))).parse_next(input)
}

fn integer(input: &mut Input<'_>) -> ModalResult<i64> {
    (opt(one_of(['-', '+'])), digit1)
        .take()
        .try_map(|digits: &str| digits.trim_start_matches('+').parse())
        .parse_next(input)
}

fn name(input: &mut Input<'_>) -> ModalResult<String> {
    (
        one_of(|c: char| c.is_alphabetic() || c == '_' || c == '$'),
        take_while(0.., |c: char| c.is_alphanumeric() || c == '_' || c == '$'),
    )
        .take()
        .map(|name: &str| name.to_owned())
        .parse_next(input)
}

fn call(input: &mut Input<'_>) -> ModalResult<Call> {
    let first = name.parse_next(input)?;
    let second = opt(preceded((multispace0, '.', multispace0), name)).parse_next(input)?;
    cut_err((multispace0, '('))
        .context(expected("LeftParenthesis"))
        .parse_next(input)?;
    let arguments = separated(0.., expression, (multispace0, ',')).parse_next(input)?;
    cut_err((multispace0, ')'))
        .context(expected("RightParenthesis"))
        .parse_next(input)?;
    let (namespace, name) = match second {
        Some(second) => (Some(first), second),
        None => (None, first),
    };
    Ok(Call {
        namespace,
        key: name.to_ascii_lowercase(),
        name,
        arguments,
    })
}

fn expected(token: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(token))
}

/// Azure's words: `expected token 'RightParenthesis' and actual 'EndOfData'`.
fn reason(error: &ContextError, rest: &str) -> String {
    let mut wanted = "EndOfData";
    for context in error.context() {
        match context {
            StrContext::Label(_) => {
                return format!("the expression nests deeper than {MAX_DEPTH} levels");
            }
            StrContext::Expected(StrContextValue::Description(token)) => {
                wanted = token;
                break;
            }
            _ => {}
        }
    }
    format!("expected token '{wanted}' and actual '{}'", token(rest))
}

/// What Azure calls the token at the start of `rest`.
fn token(rest: &str) -> &'static str {
    match rest.trim_start().chars().next() {
        None => "EndOfData",
        Some('(') => "LeftParenthesis",
        Some(')') => "RightParenthesis",
        Some('[') => "LeftSquareBracket",
        Some(']') => "RightSquareBracket",
        Some(',') => "Comma",
        Some('.') => "Dot",
        Some('\'') => "StringLiteral",
        Some(c) if c.is_ascii_digit() || c == '-' => "Integer",
        Some(c) if c.is_alphabetic() || c == '_' => "Identifier",
        Some(_) => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An expression in a form that shows its shape.
    fn shape(expression: &Expression) -> String {
        match expression {
            Expression::Text(text) => format!("{text:?}"),
            Expression::Integer(number) => number.to_string(),
            Expression::Call(call) => {
                let arguments: Vec<String> = call.arguments.iter().map(shape).collect();
                let namespace = call
                    .namespace
                    .iter()
                    .map(|n| format!("{n}::"))
                    .collect::<String>();
                format!("{namespace}{}({})", call.key, arguments.join(" "))
            }
            Expression::Member { of, name, safe } => {
                format!("{}{}{name}", shape(of), if *safe { "?" } else { "." })
            }
            Expression::Index { of, index, safe } => {
                format!(
                    "{}{}{}]",
                    shape(of),
                    if *safe { "?[" } else { "[" },
                    shape(index)
                )
            }
        }
    }

    #[test]
    fn expressions_have_the_shape_of_the_grammar() {
        for (text, expected) in [
            ("[concat('a', 'b')]", r#"concat("a" "b")"#),
            ("[ Concat ( ) ]", "concat()"),
            ("['it''s']", r#""it's""#),
            ("[add(-1,2)]", "add(-1 2)"),
            (
                "[parameters('p').a.b[0]['c']]",
                r#"parameters("p").a.b[0]["c"]"#,
            ),
            (
                "[variables('v')[copyIndex()].x]",
                r#"variables("v")[copyindex()].x"#,
            ),
            (
                "[contoso.uniqueName(parameters('p'))]",
                r#"contoso::uniquename(parameters("p"))"#,
            ),
            ("[reference('x').?y[?0]]", r#"reference("x")?y?[0]"#),
        ] {
            let script = Script::read(text).expect("it is an expression");
            assert_eq!(
                script.map(|script| shape(script.root())).as_deref(),
                Some(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn texts_without_one_pair_of_brackets_mean_themselves() {
        for (text, meaning) in [
            ("abc", "abc"),
            ("[abc", "[abc"),
            ("[[abc]", "[abc]"),
            ("[[abc", "[[abc"),
            ("a[0]", "a[0]"),
            ("", ""),
        ] {
            assert_eq!(Script::read(text), Ok(None), "{text}");
            assert_eq!(unescape(text), meaning, "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_says_which_token_was_expected() {
        for (text, reason, offset) in [
            (
                "[]",
                "expected token 'Identifier' and actual 'EndOfData'",
                1,
            ),
            (
                "[concat('a']",
                "expected token 'RightParenthesis' and actual 'EndOfData'",
                11,
            ),
            (
                "[concat('a' 'b')]",
                "expected token 'RightParenthesis' and actual 'StringLiteral'",
                12,
            ),
            (
                "[concat]",
                "expected token 'LeftParenthesis' and actual 'EndOfData'",
                7,
            ),
            ("['a]", "expected token 'Quote' and actual 'EndOfData'", 3),
            (
                "[a().]",
                "expected token 'Identifier' and actual 'EndOfData'",
                5,
            ),
            (
                "[a()[0]",
                "expected token 'RightSquareBracket' and actual 'EndOfData'",
                6,
            ),
            (
                "[a() b]",
                "expected token 'EndOfData' and actual 'Identifier'",
                5,
            ),
            (
                "[concat('a',)]",
                "expected token 'RightParenthesis' and actual 'Comma'",
                11,
            ),
        ] {
            let refused = Script::read(text).map_err(|error| (error.reason, error.offset));
            assert_eq!(refused, Err((reason.to_owned(), offset)), "{text}");
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let nested = |depth: usize| format!("[{}0{}]", "f(".repeat(depth), ")".repeat(depth));
        assert!(Script::read(&nested(MAX_DEPTH - 1)).is_ok());
        let refused = Script::read(&nested(MAX_DEPTH)).map_err(|error| error.reason);
        assert_eq!(
            refused,
            Err("the expression nests deeper than 48 levels".to_owned())
        );
        let long = |length: usize| format!("['{}']", "x".repeat(length - 2));
        assert!(Script::read(&long(MAX_LENGTH)).is_ok());
        assert!(Script::read(&long(MAX_LENGTH + 1)).is_err());
    }
}
