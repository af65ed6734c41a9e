//! A template with its parameters, ready to be carried out.
//!
//! [`Plan::new`] works out everything that needs no running cloud: parameters, variables, which
//! resources there are, their ids, conditions, loops and dependencies. Bodies and outputs come later,
//! one by one, when what they refer to is there: [`Plan::body`], [`Plan::outputs`]. A nested template
//! becomes a plan of its own ([`Plan::nested`]).

mod depend;
mod nested;
mod output;
mod place;
mod resource;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

pub use self::nested::{Mode, Nested};
pub use self::output::Output;
pub use self::resource::Resource;
pub use crate::parameters::Parameter;

use crate::error::TemplateError;
use crate::evaluate::{Evaluator, Names, Place, Target, Turn, UserFunction};
use crate::facts::{Facts, NoRuntime, Runtime};
use crate::fault::Fault;
use crate::limits::{Budget, Limits};
use crate::node::Node;
use crate::parameters;
use crate::template::Template;
use crate::variables::{Resolving, no_parameter, no_variable};

/// A template with its parameters, worked out as far as possible.
#[derive(Clone, Debug)]
pub struct Plan {
    template: Arc<Template>,
    facts: Facts,
    limits: Limits,
    parameters: Vec<Parameter>,
    scope: Arc<Frozen>,
    resources: Vec<Resource>,
    index: Index,
}

/// Parameters and variables that expressions see, and the loops around a nested template.
#[derive(Clone, Debug)]
struct Frozen {
    template: Arc<Template>,
    parameters: BTreeMap<String, Arc<Value>>,
    variables: BTreeMap<String, Arc<Value>>,
    loops: Vec<Turn>,
}

/// How expressions find resources of the template. Keys are in lower case.
#[derive(Clone, Debug, Default)]
struct Index {
    symbols: BTreeMap<String, Vec<usize>>,
    names: BTreeMap<String, Vec<usize>>,
    ids: BTreeMap<String, usize>,
    /// `{type}/{name}…`, the part of an id after `/providers/`.
    tails: BTreeMap<String, Vec<usize>>,
    loops: BTreeMap<String, Vec<usize>>,
}

/// What expressions of a plan call by name.
struct PlanNames<'a> {
    scope: &'a Frozen,
    resources: &'a [Resource],
    index: &'a Index,
}

impl Plan {
    /// Works out a template with the `parameters` of a request (or a whole parameter file).
    ///
    /// # Errors
    /// What is wrong with the template or with the parameters.
    pub fn new(
        template: Arc<Template>,
        parameters: Option<&Node>,
        facts: Facts,
        limits: Limits,
        runtime: &dyn Runtime,
    ) -> Result<Self, TemplateError> {
        let given = parameters::given(parameters)?;
        Self::with_values(template, given, facts, limits, runtime)
    }

    fn with_values(
        template: Arc<Template>,
        given: BTreeMap<String, Value>,
        facts: Facts,
        limits: Limits,
        runtime: &dyn Runtime,
    ) -> Result<Self, TemplateError> {
        parameters::check_names(&template, &given, &limits)?;
        let budget = Budget::new(limits);
        let resolving = Resolving::new(&template, given, &facts, runtime, &budget);
        let parameters = resolving.all_parameters()?;
        let variables = resolving.all_variables()?;
        let scope = Frozen {
            template: template.clone(),
            parameters: parameters
                .iter()
                .map(|p| (p.name.to_ascii_lowercase(), p.value.clone()))
                .collect(),
            variables,
            loops: Vec::new(),
        };
        Self::in_scope(
            template,
            parameters,
            Arc::new(scope),
            facts,
            limits,
            runtime,
        )
    }

    fn in_scope(
        template: Arc<Template>,
        parameters: Vec<Parameter>,
        scope: Arc<Frozen>,
        facts: Facts,
        limits: Limits,
        runtime: &dyn Runtime,
    ) -> Result<Self, TemplateError> {
        let mut plan = Self {
            template,
            facts,
            limits,
            parameters,
            scope,
            resources: Vec::new(),
            index: Index::default(),
        };
        let budget = Budget::new(limits);
        plan.place(runtime, &budget)?;
        plan.depend(&budget)?;
        plan.check_outputs()?;
        Ok(plan)
    }

    /// The template.
    #[must_use]
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Where and when it is deployed.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// All parameters, those with defaults too.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// All resources, copies one by one, those that are not deployed too.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// The body of a resource, as a PUT of it carries it.
    ///
    /// # Errors
    /// When an expression in it has no value.
    pub fn body(&self, index: usize, runtime: &dyn Runtime) -> Result<Value, TemplateError> {
        self.body_with(index, runtime, false)
    }

    /// The body of a resource as far as it has one now: expressions that need what is not there yet
    /// stay the text they are, as what-if shows them.
    ///
    /// # Errors
    /// When an expression in it is wrong.
    pub fn body_so_far(&self, index: usize, runtime: &dyn Runtime) -> Result<Value, TemplateError> {
        self.body_with(index, runtime, true)
    }

    /// Whether a body has its final value before anything is deployed.
    #[must_use]
    pub fn is_known(&self, index: usize) -> bool {
        self.body(index, &NoRuntime).is_ok()
    }

    fn body_with(
        &self,
        index: usize,
        runtime: &dyn Runtime,
        lenient: bool,
    ) -> Result<Value, TemplateError> {
        let resource = &self.resources[index];
        let budget = Budget::new(self.limits);
        let names = self.names();
        let evaluator = self.evaluator(&names, runtime, &budget, Place::Body);
        let mut evaluator = evaluator.within(&resource.loops);
        if lenient {
            evaluator = evaluator.leniently();
        }
        let nested = resource.is_deployment();
        let wanted = |name: &str| {
            let own = resource::OWN
                .iter()
                .any(|own| own.eq_ignore_ascii_case(name));
            !(own || nested && name.eq_ignore_ascii_case("properties"))
        };
        let body = evaluator.members(resource.node.members(), wanted);
        body.map_err(|(fault, at)| TemplateError::resource(&resource.shown_name(), at, &fault))
    }

    fn names(&self) -> PlanNames<'_> {
        PlanNames {
            scope: &self.scope,
            resources: &self.resources,
            index: &self.index,
        }
    }

    fn evaluator<'a>(
        &'a self,
        names: &'a dyn Names,
        runtime: &'a dyn Runtime,
        budget: &'a Budget,
        place: Place,
    ) -> Evaluator<'a> {
        Evaluator::new(&self.facts, runtime, names, budget, place).within(&self.scope.loops)
    }
}

impl Names for PlanNames<'_> {
    fn parameter(&self, _: &Evaluator<'_>, name: &str) -> Result<Arc<Value>, Fault> {
        let found = self.scope.parameters.get(&name.to_ascii_lowercase());
        found.cloned().ok_or_else(|| no_parameter(name))
    }

    fn variable(&self, _: &Evaluator<'_>, name: &str) -> Result<Arc<Value>, Fault> {
        let found = self.scope.variables.get(&name.to_ascii_lowercase());
        found.cloned().ok_or_else(|| no_variable(name))
    }

    fn function(&self, namespace: &str, name: &str) -> Option<&UserFunction> {
        self.scope.template.function(namespace, name)
    }

    fn targets(&self, name: &str) -> Option<Vec<Target>> {
        let found = self.index.find(name)?;
        Some(
            found
                .into_iter()
                .map(|index| self.resources[index].target())
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests;
