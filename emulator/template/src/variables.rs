//! Parameters and variables while they are being worked out: each once, when it is first needed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::error::TemplateError;
use crate::evaluate::{Evaluator, Names, Place, Target, UserFunction};
use crate::facts::{Facts, Runtime};
use crate::fault::Fault;
use crate::limits::Budget;
use crate::node::{Member, Node};
use crate::parameters::{self, Parameter};
use crate::position::Position;
use crate::template::Template;
use crate::types::Types;

/// A name's value, or that it is being worked out right now.
type Slot<T> = Option<T>;

/// Works out parameters and variables.
pub(crate) struct Resolving<'a> {
    template: &'a Template,
    given: BTreeMap<String, Value>,
    facts: &'a Facts,
    runtime: &'a dyn Runtime,
    budget: &'a Budget,
    parameters: RefCell<BTreeMap<String, Slot<Parameter>>>,
    variables: RefCell<BTreeMap<String, Slot<Arc<Value>>>>,
    /// The first error with its place, which a plain fault does not have.
    error: RefCell<Option<TemplateError>>,
}

impl<'a> Resolving<'a> {
    pub(crate) fn new(
        template: &'a Template,
        given: BTreeMap<String, Value>,
        facts: &'a Facts,
        runtime: &'a dyn Runtime,
        budget: &'a Budget,
    ) -> Self {
        Self {
            template,
            given,
            facts,
            runtime,
            budget,
            parameters: RefCell::default(),
            variables: RefCell::default(),
            error: RefCell::default(),
        }
    }

    fn evaluator(&self, place: Place) -> Evaluator<'_> {
        Evaluator::new(self.facts, self.runtime, self, self.budget, place)
    }

    /// Every parameter, as declared.
    pub(crate) fn all_parameters(&self) -> Result<Vec<Parameter>, TemplateError> {
        let declared = self
            .template
            .section("parameters")
            .map(Node::members)
            .unwrap_or_default();
        declared
            .iter()
            .map(|member| self.parameter_of(member))
            .collect()
    }

    /// Every variable, by lower-case name.
    pub(crate) fn all_variables(&self) -> Result<BTreeMap<String, Arc<Value>>, TemplateError> {
        let mut all = BTreeMap::new();
        let Some(section) = self.template.section("variables") else {
            return Ok(all);
        };
        let most = self.budget.limits().variables;
        let names = self.variable_names(section);
        if names.len() > most {
            let reason = format!(
                "The number of template variables limit exceeded. Limit: '{most}' and actual: '{}'",
                names.len()
            );
            return Err(TemplateError::validation(&reason, section.at));
        }
        for (name, at) in names {
            let value = self.variable_of(&name);
            let value = value.map_err(|fault| self.located(&fault, at))?;
            all.insert(name.to_ascii_lowercase(), value);
        }
        Ok(all)
    }

    fn variable_names(&self, section: &Node) -> Vec<(String, Position)> {
        let mut names = Vec::new();
        for member in section.members() {
            if is_copy(member) {
                let loops = member.value.items().iter();
                names.extend(
                    loops.filter_map(|one| Some((one.get("name")?.text()?.to_owned(), one.at))),
                );
            } else {
                names.push((member.name.clone(), member.value.at));
            }
        }
        names
    }

    /// The error that was seen where it happened, else one at `at`.
    fn located(&self, fault: &Fault, at: Position) -> TemplateError {
        let seen = self.error.borrow_mut().take();
        seen.unwrap_or_else(|| TemplateError::expression(&fault.to_string(), at))
    }

    fn remember(&self, error: TemplateError) -> Fault {
        let fault = Fault::Language(error.message.clone());
        self.error.borrow_mut().get_or_insert(error);
        fault
    }

    fn parameter_of(&self, member: &Member) -> Result<Parameter, TemplateError> {
        let key = member.name.to_ascii_lowercase();
        match self.parameters.borrow().get(&key) {
            Some(Some(held)) => return Ok(held.clone()),
            Some(None) => {
                let reason = format!(
                    "Circular dependency detected on template parameter '{}'",
                    member.name
                );
                return Err(TemplateError::validation(&reason, member.value.at));
            }
            None => {}
        }
        self.parameters.borrow_mut().insert(key.clone(), None);
        let value = self.value_of(member)?;
        let types = Types {
            definitions: self.template.section("definitions"),
        };
        let parameter = parameters::checked(types, &member.name, &member.value, value)?;
        self.parameters
            .borrow_mut()
            .insert(key, Some(parameter.clone()));
        Ok(parameter)
    }

    /// What was given, else the default, else null where that is allowed.
    fn value_of(&self, member: &Member) -> Result<Value, TemplateError> {
        let declared = &member.value;
        let types = Types {
            definitions: self.template.section("definitions"),
        };
        if let Some(given) = self.given.get(&member.name.to_ascii_lowercase()) {
            let absent = given.is_null() && declared.get("defaultValue").is_some();
            if !absent {
                return Ok(given.clone());
            }
        }
        let default = declared
            .members()
            .iter()
            .find(|member| member.name.eq_ignore_ascii_case("defaultValue"));
        match default {
            Some(default) => {
                let value = self.evaluator(Place::Default).node(&default.value);
                value.map_err(|(fault, at)| self.located(&fault, at))
            }
            None if types.is_nullable(declared) => Ok(Value::Null),
            None => Err(parameters::not_given(&member.name, declared)),
        }
    }

    fn variable_of(&self, name: &str) -> Result<Arc<Value>, Fault> {
        let key = name.to_ascii_lowercase();
        match self.variables.borrow().get(&key) {
            Some(Some(held)) => return Ok(held.clone()),
            Some(None) => {
                return Err(Fault::Language(format!(
                    "Circular dependency detected on template variable '{name}'."
                )));
            }
            None => {}
        }
        self.variables.borrow_mut().insert(key.clone(), None);
        let evaluator = self.evaluator(Place::Static);
        let value = evaluator.deeper(|| self.evaluate_variable(&evaluator, name))?;
        let value = Arc::new(value);
        self.variables.borrow_mut().insert(key, Some(value.clone()));
        Ok(value)
    }

    fn evaluate_variable(&self, evaluator: &Evaluator<'_>, name: &str) -> Result<Value, Fault> {
        let locate = |(fault, at): (Fault, _)| {
            let error = self.located(&fault, at);
            self.remember(error)
        };
        let members = self
            .template
            .section("variables")
            .map(Node::members)
            .unwrap_or_default();
        for member in members {
            if is_copy(member) {
                let mut loops = member.value.items().iter();
                let named = |one: &&Node| {
                    let held = one.get("name").and_then(Node::text);
                    held.is_some_and(|held| held.eq_ignore_ascii_case(name))
                };
                if let Some(one) = loops.find(named) {
                    let items = evaluator.iterate(name, one).map_err(locate)?;
                    return Ok(items.into());
                }
            } else if member.name.eq_ignore_ascii_case(name) {
                return evaluator.node(&member.value).map_err(locate);
            }
        }
        Err(no_variable(name))
    }
}

impl Names for Resolving<'_> {
    fn parameter(&self, _: &Evaluator<'_>, name: &str) -> Result<Arc<Value>, Fault> {
        let declared = self
            .template
            .section("parameters")
            .map(Node::members)
            .unwrap_or_default();
        let member = declared
            .iter()
            .find(|member| member.name.eq_ignore_ascii_case(name));
        let member = member.ok_or_else(|| no_parameter(name))?;
        let parameter = self
            .parameter_of(member)
            .map_err(|error| self.remember(error))?;
        Ok(parameter.value)
    }

    fn variable(&self, evaluator: &Evaluator<'_>, name: &str) -> Result<Arc<Value>, Fault> {
        // Chains of variables recurse through fresh evaluators: count them on one stack.
        evaluator.deeper(|| self.variable_of(name))
    }

    fn function(&self, namespace: &str, name: &str) -> Option<&UserFunction> {
        self.template.function(namespace, name)
    }

    fn targets(&self, _: &str) -> Option<Vec<Target>> {
        None
    }
}

fn is_copy(member: &Member) -> bool {
    member.name.eq_ignore_ascii_case("copy") && !member.value.items().is_empty()
}

/// Azure's word for a parameter that is not there.
pub(crate) fn no_parameter(name: &str) -> Fault {
    Fault::Language(format!(
        "The template parameter '{name}' is not found. Please see \
         https://aka.ms/arm-syntax-parameters for usage details."
    ))
}

/// Azure's word for a variable that is not there.
pub(crate) fn no_variable(name: &str) -> Fault {
    Fault::Language(format!(
        "The template variable '{name}' is not found. Please see \
         https://aka.ms/arm-syntax-variables for usage details."
    ))
}
