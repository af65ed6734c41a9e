//! Types of parameters and outputs, also those that a template defines.

use serde_json::{Number, Value};

use crate::node::{Kind, Node};

/// How deep user-defined types may nest or refer to each other.
const MAX_DEPTH: usize = 32;

/// The types by name that a template defines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Types<'a> {
    pub(crate) definitions: Option<&'a Node>,
}

/// What a declaration comes down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    String,
    SecureString,
    Int,
    Bool,
    Object,
    SecureObject,
    Array,
}

impl Base {
    fn read(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "string" => Self::String,
            "securestring" => Self::SecureString,
            "int" => Self::Int,
            "bool" => Self::Bool,
            "object" => Self::Object,
            "secureobject" => Self::SecureObject,
            "array" => Self::Array,
            _ => return None,
        })
    }

    /// As deployments show it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::SecureString => "SecureString",
            Self::Int => "Int",
            Self::Bool => "Bool",
            Self::Object => "Object",
            Self::SecureObject => "SecureObject",
            Self::Array => "Array",
        }
    }

    /// As Azure's JSON library calls it.
    const fn token(self) -> &'static str {
        match self {
            Self::String | Self::SecureString => "String, Uri",
            Self::Int => "Integer",
            Self::Bool => "Boolean",
            Self::Object | Self::SecureObject => "Object",
            Self::Array => "Array",
        }
    }

    pub(crate) const fn is_secure(self) -> bool {
        matches!(self, Self::SecureString | Self::SecureObject)
    }

    fn admits(self, value: &Value) -> bool {
        match self {
            Self::String | Self::SecureString => value.is_string(),
            Self::Int => crate::functions::integer(value).is_some(),
            Self::Bool => value.is_boolean(),
            Self::Object | Self::SecureObject => value.is_object(),
            Self::Array => value.is_array(),
        }
    }
}

/// What Azure's JSON library calls a value.
fn token(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(number) if number.is_f64() => "Float",
        Value::Number(_) => "Integer",
        Value::String(_) => "String",
        Value::Array(_) => "Array",
        Value::Object(_) => "Object",
    }
}

impl Types<'_> {
    /// The declaration that `$ref` leads to, and whether null is allowed on the way.
    fn resolve<'n>(&'n self, declared: &'n Node) -> Result<(&'n Node, bool), String> {
        let mut found = declared;
        let mut nullable = false;
        for _ in 0..MAX_DEPTH {
            nullable |= found
                .get("nullable")
                .is_some_and(|n| n.kind == Kind::Bool(true));
            let Some(reference) = found.get("$ref").and_then(Node::text) else {
                return Ok((found, nullable));
            };
            let name = reference.strip_prefix("#/definitions/");
            let definition = name.and_then(|name| self.definitions?.get(name));
            found = definition
                .ok_or_else(|| format!("The type '{reference}' is not defined in the template"))?;
        }
        Err("The types of the template refer to each other without end".to_owned())
    }

    /// What a declaration comes down to.
    pub(crate) fn base(&self, declared: &Node) -> Result<Base, String> {
        let (found, _) = self.resolve(declared)?;
        let word = found.get("type").and_then(Node::text).unwrap_or_default();
        Base::read(word).ok_or_else(|| {
            format!("The type '{word}' is not one of 'string, securestring, int, bool, object, secureObject, array'")
        })
    }

    /// Whether null is a value of it.
    pub(crate) fn is_nullable(&self, declared: &Node) -> bool {
        self.resolve(declared).is_ok_and(|(_, nullable)| nullable)
    }

    /// Checks a value against a declaration.
    ///
    /// # Errors
    /// The first rule it breaks, in Azure's words.
    pub(crate) fn check(&self, declared: &Node, value: &Value) -> Result<(), String> {
        self.check_at(declared, value, 0)
    }

    fn check_at(&self, declared: &Node, value: &Value, depth: usize) -> Result<(), String> {
        if depth == MAX_DEPTH {
            return Err("The value nests deeper than its type allows".to_owned());
        }
        let (found, nullable) = self.resolve(declared)?;
        if nullable && value.is_null() {
            return Ok(());
        }
        let base = self.base(found)?;
        if !base.admits(value) {
            return Err(format!(
                "Template parameter JToken type is not valid. Expected '{}'. Actual '{}'",
                base.token(),
                token(value)
            ));
        }
        // A reference may narrow what it refers to.
        for rules in [declared, found] {
            check_allowed(rules, value)?;
            check_bounds(rules, value)?;
        }
        self.check_inside(found, value, depth)
    }

    fn check_inside(&self, declared: &Node, value: &Value, depth: usize) -> Result<(), String> {
        match value {
            Value::Array(items) => {
                let prefix = declared
                    .get("prefixItems")
                    .map(Node::items)
                    .unwrap_or_default();
                let rest = declared.get("items");
                for (index, item) in items.iter().enumerate() {
                    if let Some(rule) = prefix.get(index).or(rest).filter(|rule| rule.is_object()) {
                        self.check_at(rule, item, depth + 1)
                            .map_err(|e| format!("[{index}]: {e}"))?;
                    } else if rest.is_some_and(|rest| rest.kind == Kind::Bool(false)) {
                        return Err(format!("The array may have no item {index}"));
                    }
                }
                Ok(())
            }
            Value::Object(_) => self.check_members(declared, value, depth),
            _ => Ok(()),
        }
    }

    fn check_members(&self, declared: &Node, value: &Value, depth: usize) -> Result<(), String> {
        let declared = self.variant(declared, value)?;
        let properties = declared
            .get("properties")
            .map(Node::members)
            .unwrap_or_default();
        for property in properties {
            match member(value, &property.name) {
                Some(inner) => self
                    .check_at(&property.value, inner, depth + 1)
                    .map_err(|error| format!("{}: {error}", property.name))?,
                None if self.is_nullable(&property.value) => {}
                None => return Err(format!("The property '{}' is required", property.name)),
            }
        }
        let additional = declared.get("additionalProperties");
        for (name, inner) in value.as_object().into_iter().flatten() {
            if properties
                .iter()
                .any(|property| property.name.eq_ignore_ascii_case(name))
            {
                continue;
            }
            match additional {
                Some(rule) if rule.is_object() => self
                    .check_at(rule, inner, depth + 1)
                    .map_err(|error| format!("{name}: {error}"))?,
                Some(rule) if rule.kind == Kind::Bool(false) => {
                    return Err(format!("The property '{name}' is not allowed"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The declaration that a discriminator selects.
    fn variant<'n>(&'n self, declared: &'n Node, value: &Value) -> Result<&'n Node, String> {
        let Some(discriminator) = declared.get("discriminator") else {
            return Ok(declared);
        };
        let name = discriminator
            .get("propertyName")
            .and_then(Node::text)
            .unwrap_or_default();
        let tag = member(value, name)
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mapped = discriminator
            .get("mapping")
            .and_then(|mapping| mapping.get(tag));
        let mapped =
            mapped.ok_or_else(|| format!("The value '{tag}' of '{name}' selects no type"))?;
        self.resolve(mapped).map(|(found, _)| found)
    }
}

/// A member that is not null, in any case.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_object()?;
    let found = members
        .iter()
        .find(|(held, _)| held.eq_ignore_ascii_case(name));
    found
        .map(|(_, value)| value)
        .filter(|value| !value.is_null())
}

fn check_allowed(rules: &Node, value: &Value) -> Result<(), String> {
    let Some(allowed) = rules.get("allowedValues") else {
        return Ok(());
    };
    let allowed: Vec<Value> = allowed.items().iter().map(Node::to_value).collect();
    let is_allowed = |value: &Value| allowed.iter().any(|allowed| allowed == value);
    let fits = match value {
        // An array is allowed when its items are, or when it stands there itself.
        Value::Array(items) => is_allowed(value) || items.iter().all(is_allowed),
        other => is_allowed(other),
    };
    if fits {
        return Ok(());
    }
    let names: Vec<String> = allowed.iter().map(crate::functions::shown).collect();
    Err(format!(
        "The value '{}' is not part of the allowed value(s): '{}'",
        crate::functions::shown(value),
        names.join(",")
    ))
}

fn check_bounds(rules: &Node, value: &Value) -> Result<(), String> {
    let length = match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        _ => None,
    };
    let length = length.and_then(|length| i64::try_from(length).ok());
    let number = crate::functions::integer(value);
    for (rule, given, least, noun) in [
        ("minLength", length, true, "Length of the value"),
        ("maxLength", length, false, "Length of the value"),
        ("minValue", number, true, "The value"),
        ("maxValue", number, false, "The value"),
    ] {
        let bound = rules.get(rule).and_then(|bound| match &bound.kind {
            Kind::Number(number) => Number::as_i64(number),
            _ => None,
        });
        let (Some(bound), Some(given)) = (bound, given) else {
            continue;
        };
        if (least && given < bound) || (!least && given > bound) {
            let word = if least { "greater" } else { "less" };
            return Err(format!(
                "{noun} should be {word} than or equal to '{bound}'"
            ));
        }
    }
    Ok(())
}
