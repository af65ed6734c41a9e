//! Templates in templates.

use std::sync::Arc;

use serde_json::Value;

use super::{Frozen, Plan};
use crate::error::TemplateError;
use crate::evaluate::{Evaluator, Place};
use crate::facts::{Facts, Runtime};
use crate::limits::Budget;
use crate::node::Node;
use crate::parameters;
use crate::template::Template;

/// What a deployment does with what its template does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Leaves it.
    #[default]
    Incremental,
    /// Deletes it.
    Complete,
}

impl Mode {
    /// Reads a mode in any case; nothing means incremental.
    #[must_use]
    pub fn read(word: Option<&str>) -> Option<Self> {
        match word.map(str::to_ascii_lowercase).as_deref() {
            None | Some("" | "incremental") => Some(Self::Incremental),
            Some("complete") => Some(Self::Complete),
            Some(_) => None,
        }
    }

    /// As deployments show it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Incremental => "Incremental",
            Self::Complete => "Complete",
        }
    }
}

/// A nested template, to be planned when what its parameters need is there.
#[derive(Clone, Debug)]
pub struct Nested {
    template: Arc<Template>,
    mode: Mode,
    inner: bool,
    parameters: Option<Node>,
}

impl Nested {
    /// What it does with what it does not name.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Its template.
    #[must_use]
    pub fn template(&self) -> &Arc<Template> {
        &self.template
    }
}

impl Plan {
    /// The template of a nested deployment.
    ///
    /// # Errors
    /// When there is none here (a link), or it is no template.
    pub fn nested(&self, index: usize) -> Result<Nested, TemplateError> {
        let node = &self.resources[index].node;
        let properties = node.get("properties");
        let get = |name: &str| properties.and_then(|properties| properties.get(name));
        if let Some(link) = get("templateLink") {
            let reason = "A linked template is not fetched: this emulator reaches no other host. Nest \
                          the template, or build one file from both (`az bicep build` does)";
            return Err(TemplateError::validation(reason, link.at));
        }
        let template = get("template").ok_or_else(|| {
            TemplateError::validation(
                "A nested deployment is expected to have a template",
                node.at,
            )
        })?;
        let mode = get("mode").and_then(Node::text);
        let mode = Mode::read(mode).ok_or_else(|| {
            TemplateError::validation(
                "The mode is expected to be 'Incremental' or 'Complete'",
                node.at,
            )
        })?;
        let scope = get("expressionEvaluationOptions").and_then(|options| options.get("scope"));
        let inner = scope
            .and_then(Node::text)
            .is_some_and(|scope| scope.eq_ignore_ascii_case("inner"));
        Ok(Nested {
            template: Arc::new(Template::read(template)?),
            mode,
            inner,
            parameters: get("parameters").cloned(),
        })
    }

    /// Plans a nested template. `facts` are those of the nested deployment; a template evaluated in
    /// the outer scope sees our parameters, variables and resource group instead of its own.
    ///
    /// # Errors
    /// As [`Plan::new`]; and [`None`] for parameters that need what is not there yet.
    pub fn plan_nested(
        &self,
        index: usize,
        nested: &Nested,
        facts: Facts,
        runtime: &dyn Runtime,
    ) -> Result<Self, TemplateError> {
        let resource = &self.resources[index];
        if nested.inner {
            let given = match &nested.parameters {
                None => None,
                Some(node) => Some(self.nested_parameters(index, node, runtime)?),
            };
            let given = parameters::given(given.as_ref())?;
            return Self::with_values(nested.template.clone(), given, facts, self.limits, runtime);
        }
        let scope = Frozen {
            loops: resource.loops.clone(),
            ..(*self.scope).clone()
        };
        let facts = Facts {
            resource_group: self
                .facts
                .resource_group
                .clone()
                .or_else(|| facts.resource_group.clone()),
            ..facts
        };
        let template = nested.template.clone();
        Self::in_scope(
            template,
            Vec::new(),
            Arc::new(scope),
            facts,
            self.limits,
            runtime,
        )
    }

    fn nested_parameters(
        &self,
        index: usize,
        node: &Node,
        runtime: &dyn Runtime,
    ) -> Result<Node, TemplateError> {
        let resource = &self.resources[index];
        let budget = Budget::new(self.limits);
        let names = self.names();
        let evaluator: Evaluator<'_> = self.evaluator(&names, runtime, &budget, Place::Body);
        let evaluator = evaluator.within(&resource.loops);
        let value: Result<Value, _> = evaluator.node(node);
        let value = value
            .map_err(|(fault, at)| TemplateError::resource(&resource.shown_name(), at, &fault))?;
        Ok(Node::from_value(&value, node.at))
    }
}
