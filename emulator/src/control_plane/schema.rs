//! What a resource type's documents look like, as constant data.
//!
//! A [`Schema`] is how the control plane reads bodies leniently (member names and enums in any
//! case, `"80"` for 80, `null` for absent), writes them canonically and completes them with
//! defaults, while members nobody here knows survive untouched (azure-facts.md §1.2,
//! client-contract.md §6). `normalise` turns a body into a *model*: what is stored. `decorate`
//! turns a model into an answer: ids, etags and states of every child, empty collections, and no
//! secrets. Everything is built with the `const fn`s at the end of this file.

pub(crate) mod decorate;
pub(crate) mod normalise;

pub(crate) use normalise::{Mode, Problem, carry, merge, normalise};

/// The documents of one resource type.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    /// Members beside the common envelope (`location`, `tags`, `zones`, `identity`…), such as
    /// `sku`.
    pub(crate) envelope: &'static [Member],
    /// Members of `properties`.
    pub(crate) properties: &'static [Member],
}

/// One member of an object.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Its canonical name.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) shape: Shape,
    /// Whether and how it is given.
    pub(crate) presence: Presence,
}

/// What a member holds.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// Anything, kept as it is.
    Any,
    /// Text; numbers and truth values become text (autoscale's capacities).
    Text,
    /// A whole number within bounds; digits in a string count.
    Integer {
        /// The least allowed.
        least: i64,
        /// The most allowed.
        most: i64,
    },
    /// A number; digits in a string count.
    Number,
    /// A truth value; `"true"` and `"false"` count in any case.
    Boolean,
    /// One of these words in any case; anything else is refused.
    Choice(&'static [&'static str]),
    /// One of these words in any case; anything else is kept, because Azure adds values.
    OpenChoice(&'static [&'static str]),
    /// An object of texts, such as tags.
    Texts,
    /// An object with these members, and whatever else it carries.
    Object(&'static [Member]),
    /// A list.
    List(&'static Self),
    /// `{"id": "…"}`: must lead to something that exists.
    Reference,
    /// Named child resources: each gets id, etag, type and state; the list is always answered.
    Children(&'static Collection),
}

/// A list of child resources inside their parent's document.
#[derive(Clone, Debug)]
pub(crate) struct Collection {
    /// The segment in ids and types; also the member's name.
    pub(crate) name: &'static str,
    /// Members beside `name`, `id`, `etag`, `type` and `properties`.
    pub(crate) envelope: &'static [Member],
    /// Members of the child's `properties`.
    pub(crate) properties: &'static [Member],
}

/// Whether and how a member is given.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Presence {
    /// May be absent.
    Optional,
    /// Must be there.
    Required,
    /// Filled in when absent.
    Default(Literal),
    /// Ignored in requests (clients send back what they read); the service fills it, and what it
    /// filled stays through later writes.
    ReadOnly,
    /// Kept but never answered; absent in a later write means unchanged.
    Secret,
}

/// A constant JSON value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Literal {
    /// A text.
    Text(&'static str),
    /// A whole number.
    Integer(i64),
    /// A truth value.
    Boolean(bool),
    /// `[]`.
    EmptyList,
    /// `{}`; the members' own defaults then apply.
    EmptyObject,
    /// A list of texts.
    Texts(&'static [&'static str]),
}

impl Literal {
    pub(crate) fn value(self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.into(),
            Self::Integer(number) => number.into(),
            Self::Boolean(truth) => truth.into(),
            Self::EmptyList => serde_json::Value::Array(Vec::new()),
            Self::EmptyObject => serde_json::Value::Object(serde_json::Map::new()),
            Self::Texts(texts) => texts.to_vec().into(),
        }
    }
}

impl Schema {
    /// The child collection of this name, in any case.
    pub(crate) fn collection(&self, name: &str) -> Option<&'static Collection> {
        self.properties
            .iter()
            .find_map(|member| match member.shape {
                Shape::Children(collection) if collection.name.eq_ignore_ascii_case(name) => {
                    Some(collection)
                }
                _ => None,
            })
    }
}

impl Member {
    /// The same member, which must be given.
    pub(crate) const fn required(self) -> Self {
        self.presence(Presence::Required)
    }

    /// The same member, ignored in requests.
    pub(crate) const fn read_only(self) -> Self {
        self.presence(Presence::ReadOnly)
    }

    /// The same member, kept and never answered.
    pub(crate) const fn secret(self) -> Self {
        self.presence(Presence::Secret)
    }

    /// The same member, filled in when absent.
    pub(crate) const fn or(self, default: Literal) -> Self {
        self.presence(Presence::Default(default))
    }

    const fn presence(self, presence: Presence) -> Self {
        Self { presence, ..self }
    }
}

/// A member of any shape.
pub(crate) const fn member(name: &'static str, shape: Shape) -> Member {
    Member {
        name,
        shape,
        presence: Presence::Optional,
    }
}

/// A member that is kept as it is.
pub(crate) const fn any(name: &'static str) -> Member {
    member(name, Shape::Any)
}

/// A text member.
pub(crate) const fn text(name: &'static str) -> Member {
    member(name, Shape::Text)
}

/// A truth value, with its default.
pub(crate) const fn flag(name: &'static str, default: bool) -> Member {
    member(name, Shape::Boolean).or(Literal::Boolean(default))
}

/// A whole number within bounds, ends included.
pub(crate) const fn integer(name: &'static str, least: i64, most: i64) -> Member {
    member(name, Shape::Integer { least, most })
}

/// One of a closed list of words.
pub(crate) const fn choice(name: &'static str, words: &'static [&'static str]) -> Member {
    member(name, Shape::Choice(words))
}

/// One of an open list of words.
pub(crate) const fn open_choice(name: &'static str, words: &'static [&'static str]) -> Member {
    member(name, Shape::OpenChoice(words))
}

/// An object member.
pub(crate) const fn object(name: &'static str, members: &'static [Member]) -> Member {
    member(name, Shape::Object(members))
}

/// A list member.
pub(crate) const fn list(name: &'static str, of: &'static Shape) -> Member {
    member(name, Shape::List(of))
}

/// A list of texts.
pub(crate) const fn texts(name: &'static str) -> Member {
    list(name, &Shape::Text)
}

/// A reference to another resource or child.
pub(crate) const fn reference(name: &'static str) -> Member {
    member(name, Shape::Reference)
}

/// A list of references.
pub(crate) const fn references(name: &'static str) -> Member {
    list(name, &Shape::Reference)
}

/// A collection of child resources.
pub(crate) const fn children(collection: &'static Collection) -> Member {
    member(collection.name, Shape::Children(collection))
}

/// A collection whose children have nothing beside `name` and `properties`.
pub(crate) const fn collection(name: &'static str, properties: &'static [Member]) -> Collection {
    Collection {
        name,
        envelope: &[],
        properties,
    }
}
