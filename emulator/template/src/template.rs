//! A template, read and looked at but not evaluated.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::TemplateError;
use crate::evaluate::UserFunction;
use crate::expression::Script;
use crate::functions;
use crate::json;
use crate::node::{Kind, Node};
use crate::position::Position;

/// What a template may hold at its top (the deployment template schema).
const SECTIONS: [&str; 14] = [
    "$schema",
    "apiProfile",
    "asserts",
    "contentVersion",
    "definitions",
    "extensions",
    "functions",
    "imports",
    "languageVersion",
    "metadata",
    "outputs",
    "parameters",
    "resources",
    "variables",
];

/// A template whose expressions are parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    root: Node,
    symbolic: bool,
    functions: BTreeMap<(String, String), UserFunction>,
    resources: Vec<Declared>,
}

/// A resource as declared: children stand after their parents.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declared {
    /// Its symbolic name.
    pub(crate) symbol: Option<String>,
    /// Its declaration.
    pub(crate) node: Arc<Node>,
    /// The position of the resource in whose `resources` it stands.
    pub(crate) parent: Option<usize>,
}

impl Template {
    /// Reads a template's text.
    ///
    /// # Errors
    /// When it is no JSON, or no template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Self::read(&json::parse(text)?)
    }

    /// Reads a template from the document that holds it.
    ///
    /// # Errors
    /// When it is no template, or an expression in it cannot be parsed.
    pub fn read(node: &Node) -> Result<Self, TemplateError> {
        check_sections(node)?;
        let root = mark(node)?;
        let resources = root.get("resources");
        let symbolic = resources.is_some_and(Node::is_object);
        let version = root.get("languageVersion").and_then(Node::text);
        if symbolic && version.is_none_or(|version| !version.starts_with('2')) {
            let reason = "Resources by symbolic names need the 'languageVersion' '2.0'.";
            return Err(TemplateError::parse(reason, root.at));
        }
        let mut declared = Vec::new();
        if let Some(resources) = resources {
            collect(resources, None, &mut declared)?;
        }
        Ok(Self {
            functions: read_functions(&root)?,
            symbolic,
            resources: declared,
            root,
        })
    }

    /// Whether resources have symbolic names.
    #[must_use]
    pub fn is_symbolic(&self) -> bool {
        self.symbolic
    }

    /// What Azure calls `templateHash`: a number that changes with the template. Ours is not equal
    /// to Azure's, whose canonical form is not published.
    #[must_use]
    pub fn hash(&self) -> String {
        functions::murmur64(self.root.to_value().to_string().as_bytes()).to_string()
    }

    /// The template as plain JSON.
    #[must_use]
    pub fn to_value(&self) -> serde_json::Value {
        self.root.to_value()
    }

    pub(crate) fn section(&self, name: &str) -> Option<&Node> {
        self.root.get(name)
    }

    pub(crate) fn resources(&self) -> &[Declared] {
        &self.resources
    }

    pub(crate) fn at(&self) -> Position {
        self.root.at
    }

    pub(crate) fn function(&self, namespace: &str, name: &str) -> Option<&UserFunction> {
        let key = (namespace.to_ascii_lowercase(), name.to_ascii_lowercase());
        self.functions.get(&key)
    }
}

fn check_sections(node: &Node) -> Result<(), TemplateError> {
    if !node.is_object() {
        return Err(TemplateError::parse(
            "The template is expected to be an object.",
            node.at,
        ));
    }
    for section in ["$schema", "contentVersion", "resources"] {
        if node.get(section).is_none() {
            let reason = format!("Required property '{section}' not found in JSON.");
            return Err(TemplateError::parse(&reason, node.at));
        }
    }
    for member in node.members() {
        let known = |section: &str| section.eq_ignore_ascii_case(&member.name);
        if !SECTIONS.iter().any(|section| known(section)) {
            let name = &member.name;
            let reason = format!("Could not find member '{name}' on object of type 'Template'.");
            return Err(TemplateError::parse(&reason, member.value.at));
        }
    }
    for (section, array) in [
        ("resources", true),
        ("functions", true),
        ("parameters", false),
        ("variables", false),
        ("outputs", false),
    ] {
        let Some(found) = node.get(section) else {
            continue;
        };
        let fits = match found.kind {
            Kind::Object(_) => !array || section == "resources",
            Kind::Array(_) => array,
            _ => false,
        };
        if !fits {
            let wanted = if array { "an array" } else { "an object" };
            let reason = format!("The section '{section}' is expected to be {wanted}.");
            return Err(TemplateError::parse(&reason, found.at));
        }
    }
    Ok(())
}

/// The same node with its expressions parsed.
fn mark(node: &Node) -> Result<Node, TemplateError> {
    let kind = match &node.kind {
        Kind::Text(text) => match script(text, node.at)? {
            None => Kind::Text(text.clone()),
            Some(script) => Kind::Script(script),
        },
        Kind::Array(items) => Kind::Array(items.iter().map(mark).collect::<Result<_, _>>()?),
        Kind::Object(members) => {
            let mut marked = members.clone();
            for member in &mut marked {
                member.script = script(&member.name, member.value.at)?;
                if !member.name.eq_ignore_ascii_case("metadata") {
                    member.value = mark(&member.value)?;
                }
            }
            Kind::Object(marked)
        }
        other => other.clone(),
    };
    Ok(Node { kind, at: node.at })
}

fn script(text: &str, at: Position) -> Result<Option<Box<Script>>, TemplateError> {
    Script::read(text)
        .map(|script| script.map(Box::new))
        .map_err(|error| {
            let offset = u32::try_from(error.offset).unwrap_or(0);
            // The text begins after its quote.
            let column = at.column.saturating_add(1).saturating_add(offset);
            TemplateError::expression(&format!("{error}."), Position { column, ..at })
        })
}

/// Deeper than types nest.
const MAX_CHILD_DEPTH: usize = 8;

fn collect(
    resources: &Node,
    parent: Option<usize>,
    into: &mut Vec<Declared>,
) -> Result<(), TemplateError> {
    let symbols = resources
        .members()
        .iter()
        .map(|m| (Some(m.name.clone()), &m.value));
    let plain = resources.items().iter().map(|node| (None, node));
    for (symbol, node) in symbols.chain(plain) {
        if !node.is_object() {
            return Err(TemplateError::parse(
                "A resource is expected to be an object.",
                node.at,
            ));
        }
        let own = into.len();
        into.push(Declared {
            symbol,
            node: Arc::new(node.clone()),
            parent,
        });
        let mut depth = 0;
        let mut above = parent;
        while let Some(index) = above {
            depth += 1;
            above = into[index].parent;
        }
        if let Some(children) = node.get("resources").filter(|_| depth < MAX_CHILD_DEPTH) {
            collect(children, Some(own), into)?;
        }
    }
    Ok(())
}

fn read_functions(root: &Node) -> Result<BTreeMap<(String, String), UserFunction>, TemplateError> {
    let mut functions = BTreeMap::new();
    for namespace in root.get("functions").map(Node::items).unwrap_or_default() {
        let name = namespace.get("namespace").and_then(Node::text);
        let name = name.ok_or_else(|| {
            TemplateError::parse("Functions are expected to have a namespace.", namespace.at)
        })?;
        for member in namespace
            .get("members")
            .map(Node::members)
            .unwrap_or_default()
        {
            let output = member
                .value
                .get("output")
                .and_then(|output| output.get("value"));
            let output = output.ok_or_else(|| {
                let reason = format!(
                    "The function '{}' is expected to have an output with a value.",
                    member.name
                );
                TemplateError::parse(&reason, member.value.at)
            })?;
            let parameters = member
                .value
                .get("parameters")
                .map(Node::items)
                .unwrap_or_default();
            let names = parameters
                .iter()
                .filter_map(|parameter| parameter.get("name")?.text());
            let function = UserFunction {
                parameters: names.map(str::to_owned).collect(),
                output: output.clone(),
            };
            let key = (name.to_ascii_lowercase(), member.name.to_ascii_lowercase());
            functions.insert(key, function);
        }
    }
    Ok(functions)
}
