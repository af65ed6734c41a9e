//! From a client's body to a model: canonical names, types and defaults.

use serde_json::{Map, Value};

use super::{Collection, Member, Presence, Schema, Shape};

/// How complete a body has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A whole document: required members are demanded and defaults filled in.
    Full,
    /// A part to be merged into a stored model; `null` means "not given" (merge-PUT).
    Part,
    /// A part to be merged, in which `null` removes (PATCH, JSON merge patch).
    Patch,
}

/// Why a body is not a document of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The member at fault, such as `properties.subnets[0].name`.
    pub(crate) path: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

const COMMON: &[Member] = &[
    super::text("name").read_only(),
    super::text("id").read_only(),
    super::text("etag").read_only(),
    super::text("type").read_only(),
    super::text("location"),
    super::member("tags", Shape::Texts),
    super::texts("zones"),
    super::any("systemData").read_only(),
];

const CHILD: &[Member] = &[
    super::text("name").required(),
    super::text("id").read_only(),
    super::text("etag").read_only(),
    super::text("type").read_only(),
];

const STATE: &[Member] = &[
    super::text("provisioningState").read_only(),
    super::text("resourceGuid").read_only(),
];

/// Reads a top-level resource's body.
///
/// # Errors
/// The first member that does not fit the schema.
pub(crate) fn normalise(schema: &Schema, body: &Value, mode: Mode) -> Result<Value, Problem> {
    let properties = [STATE, schema.properties];
    let reader = Reader { mode };
    let path = Path::default();
    reader.document(&[COMMON, schema.envelope], &properties, body, &path)
}

/// Reads one child's body.
///
/// # Errors
/// The first member that does not fit the schema.
pub(crate) fn normalise_child(collection: &Collection, body: &Value) -> Result<Value, Problem> {
    let reader = Reader { mode: Mode::Full };
    reader.child(collection, body, &Path::default())
}

/// Merges a normalised part into a model: objects member by member, anything else as a whole;
/// `null` removes.
pub(crate) fn merge(model: &mut Value, part: Value) {
    let (Value::Object(members), Value::Object(part)) = (&mut *model, &part) else {
        *model = part;
        return;
    };
    for (name, given) in part {
        if given.is_null() {
            members.shift_remove(name);
        } else {
            let slot = members.entry(name.clone()).or_insert(Value::Null);
            merge(slot, given.clone());
        }
    }
}

/// Copies what only the service knows (read-only members, secrets) from the model before into the
/// one after, where the latter lacks it; children are matched by name.
pub(crate) fn carry(schema: &Schema, before: &Value, after: &mut Value) {
    carry_members(schema.envelope, before, after);
    if let (Some(before), Some(after)) = (before.get("properties"), after.get_mut("properties")) {
        carry_members(schema.properties, before, after);
    }
}

fn carry_members(members: &[Member], before: &Value, after: &mut Value) {
    let Some(after) = after.as_object_mut() else {
        return;
    };
    for member in members {
        let Some(old) = before.get(member.name) else {
            continue;
        };
        match (after.get_mut(member.name), &member.presence) {
            (None, Presence::ReadOnly | Presence::Secret) => {
                after.insert(member.name.to_owned(), old.clone());
            }
            (None, _) => {}
            (Some(new), _) => carry_into(&member.shape, old, new),
        }
    }
}

fn carry_into(shape: &Shape, old: &Value, new: &mut Value) {
    match shape {
        Shape::Object(members) => carry_members(members, old, new),
        Shape::Children(collection) => {
            for child in new.as_array_mut().into_iter().flatten() {
                let name = child
                    .get("name")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let mut olds = old.as_array().into_iter().flatten();
                let Some(old) = olds.find(|old| named(old, name)) else {
                    continue;
                };
                carry_members(collection.envelope, old, child);
                if let (Some(o), Some(n)) = (old.get("properties"), child.get_mut("properties")) {
                    carry_members(collection.properties, o, n);
                }
            }
        }
        _ => {}
    }
}

fn named(child: &Value, name: &str) -> bool {
    let found = child.get("name").and_then(Value::as_str);
    found.is_some_and(|found| found.eq_ignore_ascii_case(name))
}

/// A path into the body, built only when something is wrong.
#[derive(Clone, Copy, Default)]
struct Path<'a> {
    parent: Option<&'a Self>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Default)]
enum Step<'a> {
    #[default]
    Root,
    Member(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    fn member(&'a self, name: &'a str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Member(name),
        }
    }

    fn index(&'a self, index: usize) -> Self {
        Self {
            parent: Some(self),
            step: Step::Index(index),
        }
    }

    fn text(&self) -> String {
        let parent = self.parent.map(Self::text).unwrap_or_default();
        match self.step {
            Step::Root => parent,
            Step::Member(name) if parent.is_empty() => name.to_owned(),
            Step::Member(name) => format!("{parent}.{name}"),
            Step::Index(index) => format!("{parent}[{index}]"),
        }
    }

    fn problem(&self, reason: impl Into<String>) -> Problem {
        Problem {
            path: self.text(),
            reason: reason.into(),
        }
    }
}

struct Reader {
    mode: Mode,
}

impl Reader {
    fn document(
        &self,
        envelope: &[&[Member]],
        properties: &[&[Member]],
        body: &Value,
        path: &Path<'_>,
    ) -> Result<Value, Problem> {
        let mut read = self.object(envelope, body, path)?;
        let key = read
            .keys()
            .find(|k| k.eq_ignore_ascii_case("properties"))
            .cloned();
        let given = key.and_then(|key| read.shift_remove(&key));
        let given = match (given, self.mode) {
            (None, Mode::Full) => Value::Object(Map::new()),
            (None, _) => return Ok(Value::Object(read)),
            (Some(given), _) => given,
        };
        let inner = self.object(properties, &given, &path.member("properties"))?;
        read.insert("properties".to_owned(), Value::Object(inner));
        Ok(Value::Object(read))
    }

    fn child(
        &self,
        collection: &Collection,
        body: &Value,
        path: &Path<'_>,
    ) -> Result<Value, Problem> {
        // Children are always whole: a list given in a part replaces the stored list.
        let whole = Self { mode: Mode::Full };
        let properties = [STATE, collection.properties];
        whole.document(&[CHILD, collection.envelope], &properties, body, path)
    }

    fn object(
        &self,
        members: &[&[Member]],
        body: &Value,
        path: &Path<'_>,
    ) -> Result<Map<String, Value>, Problem> {
        let given = body
            .as_object()
            .ok_or_else(|| path.problem("an object was expected"))?;
        let mut read = Map::with_capacity(given.len() + 4);
        for member in members.iter().copied().flatten() {
            if let Some(value) = self.member(member, given, path)? {
                read.insert(member.name.to_owned(), value);
            }
        }
        let known = |key: &str| {
            let mut all = members.iter().copied().flatten();
            all.any(|member| member.name.eq_ignore_ascii_case(key))
        };
        for (key, value) in given {
            if !known(key) && (!value.is_null() || self.mode == Mode::Patch) {
                read.insert(key.clone(), value.clone());
            }
        }
        Ok(read)
    }

    fn member(
        &self,
        member: &Member,
        given: &Map<String, Value>,
        path: &Path<'_>,
    ) -> Result<Option<Value>, Problem> {
        let path = path.member(member.name);
        let value = match find(given, member.name) {
            Some(Value::Null) if self.mode == Mode::Patch => return Ok(Some(Value::Null)),
            Some(Value::Null) | None => None,
            // Azure's reader takes an empty text for no list; published templates write it so.
            Some(Value::String(text)) if text.is_empty() && is_list(&member.shape) => None,
            Some(value) => Some(value),
        };
        match (value, &member.presence) {
            (_, Presence::ReadOnly) => Ok(None),
            (Some(value), _) => self.value(&member.shape, value, &path).map(Some),
            (None, _) if self.mode != Mode::Full => Ok(None),
            (None, Presence::Required) => Err(path.problem("a value is required")),
            (None, Presence::Default(literal)) => {
                self.value(&member.shape, &literal.value(), &path).map(Some)
            }
            (None, _) => Ok(None),
        }
    }

    fn value(&self, shape: &Shape, value: &Value, path: &Path<'_>) -> Result<Value, Problem> {
        match shape {
            Shape::Any => Ok(value.clone()),
            Shape::Text => text(value, path),
            Shape::Integer { least, most } => integer(value, *least, *most, path),
            Shape::Number => number(value, path),
            Shape::Boolean => boolean(value, path),
            Shape::Choice(words) => match choose(words, value) {
                Some(word) => Ok(word),
                None => Err(path.problem(format!("`{value}` is not one of {}", words.join(", ")))),
            },
            Shape::OpenChoice(words) => choose(words, value).map_or_else(|| text(value, path), Ok),
            Shape::Texts => texts(value, path),
            Shape::Object(members) => self.object(&[members], value, path).map(Value::Object),
            Shape::List(of) => self.list(value, path, |item, path| self.value(of, item, path)),
            Shape::Reference => reference(value, path),
            Shape::Children(collection) => {
                let read =
                    self.list(value, path, |item, path| self.child(collection, item, path))?;
                unique_names(&read, path)?;
                Ok(read)
            }
        }
    }

    fn list(
        &self,
        value: &Value,
        path: &Path<'_>,
        read: impl Fn(&Value, &Path<'_>) -> Result<Value, Problem>,
    ) -> Result<Value, Problem> {
        let items = value
            .as_array()
            .ok_or_else(|| path.problem("a list was expected"))?;
        let items = items.iter().enumerate();
        let items = items.map(|(index, item)| read(item, &path.index(index)));
        items.collect::<Result<Vec<_>, _>>().map(Value::Array)
    }
}

fn is_list(shape: &Shape) -> bool {
    matches!(shape, Shape::List(_) | Shape::Children(_))
}

fn find<'a>(given: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    given.get(name).or_else(|| {
        let mut members = given.iter();
        let found = members.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    })
}

fn text(value: &Value, path: &Path<'_>) -> Result<Value, Problem> {
    match value {
        Value::String(_) => Ok(value.clone()),
        Value::Number(number) => Ok(number.to_string().into()),
        Value::Bool(truth) => Ok(truth.to_string().into()),
        _ => Err(path.problem("a text was expected")),
    }
}

fn integer(value: &Value, least: i64, most: i64, path: &Path<'_>) -> Result<Value, Problem> {
    #[expect(clippy::cast_possible_truncation, reason = "only whole doubles pass")]
    let from_double = |double: f64| (double.fract() == 0.0).then_some(double as i64);
    let read = value
        .as_i64()
        .or_else(|| value.as_f64().and_then(from_double))
        .or_else(|| value.as_str().and_then(|digits| digits.trim().parse().ok()))
        .ok_or_else(|| path.problem("a whole number was expected"))?;
    if (least..=most).contains(&read) {
        Ok(read.into())
    } else {
        Err(path.problem(format!("{read} is not within {least}..{most}")))
    }
}

fn number(value: &Value, path: &Path<'_>) -> Result<Value, Problem> {
    if value.is_number() {
        return Ok(value.clone());
    }
    let read = value
        .as_str()
        .and_then(|digits| digits.trim().parse::<f64>().ok());
    let read = read.and_then(serde_json::Number::from_f64);
    read.map(Value::Number)
        .ok_or_else(|| path.problem("a number was expected"))
}

fn boolean(value: &Value, path: &Path<'_>) -> Result<Value, Problem> {
    let read = value.as_bool().or_else(|| {
        let word = value.as_str()?.to_ascii_lowercase();
        word.parse().ok()
    });
    read.map(Value::Bool)
        .ok_or_else(|| path.problem("true or false was expected"))
}

fn choose(words: &[&str], value: &Value) -> Option<Value> {
    let given = value.as_str()?;
    let mut words = words.iter();
    let found = words.find(|word| word.eq_ignore_ascii_case(given));
    found.map(|word| (*word).into())
}

fn texts(value: &Value, path: &Path<'_>) -> Result<Value, Problem> {
    let given = value
        .as_object()
        .ok_or_else(|| path.problem("an object was expected"))?;
    let mut read = Map::new();
    for (key, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        read.insert(key.clone(), text(value, &path.member(key))?);
    }
    Ok(Value::Object(read))
}

fn reference(value: &Value, path: &Path<'_>) -> Result<Value, Problem> {
    let given = value
        .as_object()
        .ok_or_else(|| path.problem("an object was expected"))?;
    let Some(Value::String(id)) = find(given, "id") else {
        return Err(path
            .member("id")
            .problem("value for reference id is missing"));
    };
    // What else clients send back inside a reference (etags, expanded properties) is not the
    // referrer's to keep.
    let mut read = Map::new();
    read.insert("id".to_owned(), id.clone().into());
    Ok(Value::Object(read))
}

fn unique_names(children: &Value, path: &Path<'_>) -> Result<(), Problem> {
    let names = children.as_array().into_iter().flatten();
    let mut seen = std::collections::BTreeSet::new();
    for name in names.filter_map(|child| child["name"].as_str()) {
        if !seen.insert(name.to_ascii_lowercase()) {
            return Err(path.problem(format!("the name `{name}` is used twice")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Literal, children, collection, flag, integer, object, open_choice};
    use super::*;
    use serde_json::json;

    static PARTS: Collection = collection(
        "parts",
        &[
            super::super::reference("other"),
            super::super::text("key").secret(),
            super::super::text("address").read_only(),
        ],
    );

    static THING: Schema = Schema {
        envelope: &[object("sku", &[integer("capacity", 0, 10)])],
        properties: &[
            open_choice("mode", &["Manual", "Automatic"]).or(Literal::Text("Manual")),
            flag("enabled", true),
            super::super::text("value"),
            super::super::member("share", Shape::Number),
            object("inner", &[super::super::text("secret").secret()]),
            children(&PARTS),
        ],
    };

    fn full(body: Value) -> Result<Value, String> {
        let read = normalise(&THING, &body, Mode::Full);
        read.map_err(|problem| format!("{}: {}", problem.path, problem.reason))
    }

    #[test]
    fn what_clients_send_becomes_canonical() {
        for (sent, kept) in [
            (json!({}), json!({"mode": "Manual", "enabled": true})),
            (
                json!({"MODE": "automatic", "Enabled": "FALSE", "value": 3}),
                json!({"mode": "Automatic", "enabled": false, "value": "3"}),
            ),
            (
                json!({"mode": "Rolling", "share": "0.5", "value": null}),
                json!({"mode": "Rolling", "enabled": true, "share": 0.5}),
            ),
            (
                json!({"unknown": {"a": null}, "provisioningState": "Odd"}),
                json!({"mode": "Manual", "enabled": true, "unknown": {"a": null}}),
            ),
        ] {
            let read = full(json!({"Properties": sent})).expect("it is readable");
            assert_eq!(read["properties"], kept);
        }
    }

    #[test]
    fn what_does_not_fit_says_where() {
        for (body, problem) in [
            (
                json!({"sku": {"capacity": 11}}),
                "sku.capacity: 11 is not within 0..10",
            ),
            (
                json!({"sku": {"capacity": "1.5"}}),
                "sku.capacity: a whole number was expected",
            ),
            (json!({"tags": []}), "tags: an object was expected"),
            (
                json!({"properties": {"enabled": "yes"}}),
                "properties.enabled: true or false was expected",
            ),
            (
                json!({"properties": {"parts": {}}}),
                "properties.parts: a list was expected",
            ),
            (
                json!({"properties": {"parts": [{}]}}),
                "properties.parts[0].name: a value is required",
            ),
            (
                json!({"properties": {"parts": [{"name": "a", "properties": {"other": {}}}]}}),
                "properties.parts[0].properties.other.id: value for reference id is missing",
            ),
            (
                json!({"properties": {"parts": [{"name": "a"}, {"name": "A"}]}}),
                "properties.parts: the name `A` is used twice",
            ),
        ] {
            assert_eq!(full(body).expect_err(problem), problem);
        }
    }

    #[test]
    fn a_part_changes_only_what_it_names() {
        let stored = full(
            json!({"sku": {"capacity": 3}, "properties": {"value": "kept", "mode": "Automatic"}}),
        );
        let stored = stored.expect("it is readable");
        let part =
            json!({"sku": {"capacity": "5"}, "properties": {"enabled": false, "value": null}});
        for (mode, value) in [(Mode::Part, json!("kept")), (Mode::Patch, Value::Null)] {
            let part = normalise(&THING, &part, mode).expect("it is readable");
            let mut merged = stored.clone();
            merge(&mut merged, part);
            assert_eq!(merged["sku"]["capacity"], 5);
            assert_eq!(merged["properties"]["mode"], "Automatic", "{mode:?}");
            assert_eq!(merged["properties"]["enabled"], false);
            assert_eq!(merged["properties"]["value"], value, "{mode:?}");
        }
    }

    #[test]
    fn what_only_the_service_knows_is_carried_over() {
        let before = json!({"properties": {
            "inner": {"secret": "s"},
            "parts": [{"name": "a", "properties": {"key": "k", "address": "10.0.0.4"}}]}});
        let after = json!({"properties": {"inner": {}, "parts": [
            {"name": "A", "properties": {"address": "9.9.9.9"}}, {"name": "b"}]}});
        let mut after = full(after).expect("it is readable");
        carry(&THING, &before, &mut after);
        assert_eq!(after["properties"]["inner"]["secret"], "s");
        let first = &after["properties"]["parts"][0]["properties"];
        assert_eq!(*first, json!({"key": "k", "address": "10.0.0.4"}));
        assert_eq!(after["properties"]["parts"][1]["properties"], json!({}));
    }
}
