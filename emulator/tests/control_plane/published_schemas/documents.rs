//! The published OpenAPI documents: which operation a path is, and what its answer must look like.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jsonschema::{Draft, Registry};
use serde_json::{Value, json};

/// Where the documents are taken to lie, so that references between them resolve.
const BASE: &str = "https://specifications.test/";

/// All documents, ready to be asked.
pub(crate) struct Documents {
    registry: Registry<'static>,
    operations: Vec<Operation>,
}

/// One method of one path of a document.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// The document's path below the folder.
    document: String,
    /// The path with its parameters in braces.
    pub(crate) template: String,
    /// In lower case, as in the documents.
    pub(crate) method: String,
    /// The statuses it may answer, and whether there is a schema of the body.
    responses: BTreeMap<String, bool>,
}

/// What an answer does that its document does not allow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Departure {
    /// `{method} {template}`.
    pub(crate) operation: String,
    /// Where in the body, with `*` for each index; `status` for the status.
    pub(crate) place: String,
    /// What is wrong there.
    pub(crate) what: String,
}

impl Documents {
    /// Reads every document below `folder`.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut registry = Registry::new().draft(Draft::Draft4);
        let mut operations = Vec::new();
        for path in files(folder) {
            let name = path.strip_prefix(folder).expect("it is below the folder");
            let name = name
                .to_str()
                .expect("documents have plain names")
                .to_owned();
            let text = std::fs::read_to_string(&path).expect("a document can be read");
            let document: Value = serde_json::from_str(&text).expect("a document is JSON");
            operations.extend(operations_of(&name, &document));
            registry = registry
                .add(format!("{BASE}{name}"), document)
                .expect("a document has a place of its own");
        }
        Self {
            registry: registry.prepare().expect("references lead to documents"),
            operations,
        }
    }

    /// Every operation with this method, in lower case.
    pub(crate) fn operations(&self, method: &str) -> impl Iterator<Item = &Operation> {
        self.operations
            .iter()
            .filter(move |operation| operation.method == method)
    }

    /// The operation that a request is; the most literal of those that fit.
    pub(crate) fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        self.operations(&method.to_lowercase())
            .filter(|operation| fits(&operation.template, path))
            .min_by_key(|operation| operation.template.matches('{').count())
    }

    /// What an answer to `operation` does that is not allowed.
    pub(crate) fn departures(
        &self,
        operation: &Operation,
        status: u16,
        body: &Value,
    ) -> Vec<Departure> {
        let named = format!("{} {}", operation.method, operation.template);
        let Some(has_schema) = operation.responses.get(&status.to_string()) else {
            return vec![Departure {
                operation: named,
                place: "status".to_owned(),
                what: format!("{status} is not among its answers"),
            }];
        };
        if !has_schema {
            return Vec::new();
        }
        let schema = json!({"$ref": operation.schema(status)});
        let validator = jsonschema::options()
            .with_draft(Draft::Draft4)
            .with_registry(&self.registry)
            .should_validate_formats(true)
            .offline()
            .build(&schema)
            .expect("a published schema is one");
        let errors = validator.iter_errors(body);
        let mut found: Vec<Departure> = errors
            .map(|error| Departure {
                operation: named.clone(),
                place: place(error.instance_path().as_str()),
                what: error.to_string(),
            })
            .collect();
        found.sort();
        found.dedup_by(|a, b| a.place == b.place);
        found
    }
}

impl Operation {
    /// Where the schema of its answer stands.
    fn schema(&self, status: u16) -> String {
        let (document, method) = (&self.document, &self.method);
        let path = pointer_token(&self.template);
        format!("{BASE}{document}#/paths/{path}/{method}/responses/{status}/schema")
    }
}

/// The JSON documents below a folder, by name; examples are elsewhere.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "json") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn operations_of(document: &str, read: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (template, methods) in read["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let responses = operation["responses"].as_object().into_iter().flatten();
            found.push(Operation {
                document: document.to_owned(),
                template: template.clone(),
                method: method.clone(),
                responses: responses
                    .map(|(status, response)| (status.clone(), response.get("schema").is_some()))
                    .collect(),
            });
        }
    }
    found
}

/// Whether a path is one of the template's; a parameter is one segment.
fn fits(template: &str, path: &str) -> bool {
    let segments = |text: &str| -> Vec<String> {
        let whole = text.split(['?', '#']).next().unwrap_or_default();
        whole
            .split('/')
            .filter(|s| !s.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (wanted, given) = (segments(template), segments(path));
    wanted.len() == given.len()
        && wanted
            .iter()
            .zip(&given)
            .all(|(wanted, given)| wanted.starts_with('{') || wanted.eq_ignore_ascii_case(given))
}

/// A member name as a token of a JSON pointer in a URI.
fn pointer_token(name: &str) -> String {
    let name = name.replace('~', "~0").replace('/', "~1");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// A JSON pointer with `*` for each index: what one item does, all do.
pub(super) fn place(pointer: &str) -> String {
    let is_index = |token: &str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit());
    let tokens = pointer.split('/');
    let tokens = tokens.map(|token| if is_index(token) { "*" } else { token });
    tokens.collect::<Vec<_>>().join("/")
}
