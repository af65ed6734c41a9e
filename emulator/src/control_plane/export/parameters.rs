//! The parameters of an exported template: one per name, per outer resource, per secret.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use turquoise_arm::ResourceId;

/// The parameters of a template that is being written.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    defaults: bool,
    /// By what they stand for.
    names: BTreeMap<String, String>,
    declared: Map<String, Value>,
}

impl Parameters {
    pub(super) fn new(defaults: bool) -> Self {
        Self {
            defaults,
            ..Self::default()
        }
    }

    /// `parameters('virtualNetworks_net_name')`
    pub(super) fn name_of(&mut self, id: &ResourceId) -> String {
        self.text(id, "name", id.name())
    }

    /// `parameters('virtualNetworks_net_externalid')`
    pub(super) fn external_id(&mut self, id: &ResourceId) -> String {
        self.text(id, "externalid", id.as_str())
    }

    fn text(&mut self, id: &ResourceId, what: &str, value: &str) -> String {
        let key = format!("{what} {}", id.key());
        let default = self.defaults.then(|| Value::from(value));
        self.call(key, &wanted_name(id, what), "String", default)
    }

    /// A secret of a resource: nobody reads it back, so that it has no value.
    pub(super) fn secret(
        &mut self,
        owner: &ResourceId,
        path: &str,
        member: &str,
        value: &Value,
    ) -> String {
        let kind = match value {
            Value::Object(_) => "SecureObject",
            _ => "SecureString",
        };
        let default = self.defaults.then_some(Value::Null);
        let key = format!("secret {} {path}", owner.key());
        self.call(key, &wanted_name(owner, member), kind, default)
    }

    /// The call of what stands for `key`, declared when it is new.
    fn call(&mut self, key: String, wanted: &str, kind: &str, default: Option<Value>) -> String {
        let name = match self.names.get(&key) {
            Some(name) => name.clone(),
            None => self.declare(key, wanted, kind, default),
        };
        format!("parameters('{name}')")
    }

    fn declare(&mut self, key: String, wanted: &str, kind: &str, default: Option<Value>) -> String {
        let numbered = (1..).map(|number| format!("{wanted}_{number}"));
        let taken = |name: &String| self.declared.keys().any(|k| k.eq_ignore_ascii_case(name));
        let name = std::iter::once(wanted.to_owned())
            .chain(numbered)
            .find(|name| !taken(name))
            .expect("because there are more numbers than parameters");
        let mut parameter = json!({});
        if let Some(default) = default {
            parameter["defaultValue"] = default;
        }
        parameter["type"] = kind.into();
        self.declared.insert(name.clone(), parameter);
        self.names.insert(key, name.clone());
        name
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.declared)
    }
}

/// `{type}_{name}_{what}`, with `_` for what no parameter's name has.
fn wanted_name(id: &ResourceId, what: &str) -> String {
    let kind = id.resource_type();
    let kind = kind.as_ref().map_or("", |kind| kind.as_str());
    let last = kind.rsplit('/').next().unwrap_or_default();
    let text = format!("{last}_{}_{what}", id.name());
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}
