//! A JSON document that remembers where everything stands.
//!
//! [`Node`] is what [`json::parse`](crate::json::parse) reads and what a template is evaluated from.
//! Texts that are expressions are marked when a template is read, not here: the values of parameters
//! are texts whatever they look like.

use serde_json::{Map, Number, Value};

use crate::expression::Script;
use crate::position::Position;

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub kind: Kind,
    /// Where it begins.
    pub at: Position,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text that means itself.
    Text(String),
    /// A text in brackets, parsed.
    Script(Box<Script>),
    /// `[…]`
    Array(Vec<Node>),
    /// `{…}`, in the order written.
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name as written.
    pub name: String,
    /// Its name as an expression, in templates.
    pub script: Option<Box<Script>>,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// A node from a plain value, standing at `at`.
    #[must_use]
    pub fn from_value(value: &Value, at: Position) -> Self {
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(truth) => Kind::Bool(*truth),
            Value::Number(number) => Kind::Number(number.clone()),
            Value::String(text) => Kind::Text(text.clone()),
            Value::Array(items) => Kind::Array(
                items
                    .iter()
                    .map(|item| Self::from_value(item, at))
                    .collect(),
            ),
            Value::Object(members) => {
                let members = members.iter().map(|(name, value)| Member {
                    name: name.clone(),
                    script: None,
                    value: Self::from_value(value, at),
                });
                Kind::Object(members.collect())
            }
        };
        Self { kind, at }
    }

    /// The member `name` of an object, in any case; `null` counts as absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let found = self
            .members()
            .iter()
            .find(|member| member.name.eq_ignore_ascii_case(name))?;
        (found.value.kind != Kind::Null).then_some(&found.value)
    }

    /// The members of an object; none for anything else.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    /// The items of an array; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::Array(items) => items,
            _ => &[],
        }
    }

    /// The text of a node that is one, as written.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Script(script) => Some(script.source()),
            _ => None,
        }
    }

    /// Whether this is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Object(_))
    }

    /// The plain value; expressions stay the text they were written as.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(truth) => Value::Bool(*truth),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::Script(script) => Value::String(script.source().to_owned()),
            Kind::Array(items) => items.iter().map(Self::to_value).collect(),
            Kind::Object(members) => {
                let pairs = members
                    .iter()
                    .map(|member| (member.name.clone(), member.value.to_value()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }
}
