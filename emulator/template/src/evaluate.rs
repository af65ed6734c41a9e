//! From an expression to its value.
//!
//! [`Evaluator`] knows the functions that look around: at parameters and variables ([`Names`]), loops,
//! the scope ([`Facts`]) and the cloud ([`Runtime`]), and those that do not evaluate all their
//! arguments (`if`, `and`, lambdas). The others are in `functions`.

mod lambda;
mod lookup;
mod resource;

pub(crate) use self::resource::join_id;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::expression::{Call, Expression, unescape};
use crate::facts::{Facts, Runtime};
use crate::fault::Fault;
use crate::functions::{self, Arguments};
use crate::limits::Budget;
use crate::node::{Kind, Member, Node};
use crate::position::Position;

/// A fault and where the expression stands.
pub(crate) type Located = (Fault, Position);

/// What the template calls by name.
pub(crate) trait Names {
    /// A parameter's value.
    fn parameter(&self, evaluator: &Evaluator<'_>, name: &str) -> Result<Arc<Value>, Fault>;
    /// A variable's value.
    fn variable(&self, evaluator: &Evaluator<'_>, name: &str) -> Result<Arc<Value>, Fault>;
    /// A function the template defines.
    fn function(&self, namespace: &str, name: &str) -> Option<&UserFunction>;
    /// What `reference('name')` means; `None` when the template has no such resource.
    fn targets(&self, name: &str) -> Option<Vec<Target>>;
}

/// A resource of the template, as `reference` finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) id: String,
    pub(crate) resource_type: String,
    pub(crate) name: String,
    pub(crate) api_version: String,
}

/// A function that the template defines.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UserFunction {
    pub(crate) parameters: Vec<String>,
    pub(crate) output: Node,
}

/// One turn of a copy loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) name: String,
    pub(crate) index: i64,
}

/// What an expression may do where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A parameter's default: `utcNow` and `newGuid` too, no variables.
    Default,
    /// Names, conditions, variables: nothing of the cloud.
    Static,
    /// Bodies and outputs.
    Body,
}

/// Evaluates expressions at one place.
pub(crate) struct Evaluator<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) runtime: &'a dyn Runtime,
    pub(crate) names: &'a dyn Names,
    pub(crate) budget: &'a Budget,
    pub(crate) place: Place,
    pub(crate) loops: RefCell<Vec<Turn>>,
    /// Whether an expression that has no value yet stays the text it is.
    pub(crate) lenient: bool,
    scopes: RefCell<Vec<Scope>>,
    /// How many GUIDs were drawn.
    drawn: Cell<u64>,
}

/// Names that only hold in a lambda or in a function of the template.
#[derive(Clone, Debug)]
struct Scope {
    names: Vec<(String, Arc<Value>)>,
    /// A function's parameters hide everything outside it.
    closed: bool,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(
        facts: &'a Facts,
        runtime: &'a dyn Runtime,
        names: &'a dyn Names,
        budget: &'a Budget,
        place: Place,
    ) -> Self {
        Self {
            facts,
            runtime,
            names,
            budget,
            place,
            loops: RefCell::default(),
            lenient: false,
            scopes: RefCell::default(),
            drawn: Cell::new(0),
        }
    }

    /// The same in one turn of loops.
    pub(crate) fn within(mut self, loops: &[Turn]) -> Self {
        self.loops = RefCell::new(loops.to_vec());
        self
    }

    /// The same, leaving expressions that have no value yet.
    pub(crate) fn leniently(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Runs `work` one level deeper.
    pub(crate) fn deeper<T>(&self, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        self.budget.enter()?;
        let found = work();
        self.budget.leave();
        found
    }

    /// The value of a node: expressions in it evaluated, property loops unrolled.
    pub(crate) fn node(&self, node: &Node) -> Result<Value, Located> {
        let here = |fault| (fault, node.at);
        Ok(match &node.kind {
            Kind::Text(text) => Value::String(unescape(text).to_owned()),
            Kind::Script(script) => match self.expression(script.root()) {
                Err(Fault::Unresolved(_)) if self.lenient => script.source().into(),
                found => found.map_err(here)?,
            },
            Kind::Array(items) => {
                let items: Result<Vec<Value>, _> =
                    items.iter().map(|item| self.node(item)).collect();
                items?.into()
            }
            Kind::Object(members) => self.members(members, |_| true)?,
            _ => node.to_value(),
        })
    }

    /// The values of those members of an object that `wanted` names.
    pub(crate) fn members(
        &self,
        members: &[Member],
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Value, Located> {
        let mut object = Map::new();
        for member in members.iter().filter(|member| wanted(&member.name)) {
            let copy = member.name.eq_ignore_ascii_case("copy");
            if copy && member.value.items().iter().any(is_loop) {
                self.property_loops(&member.value, &mut object)?;
                continue;
            }
            let name = match &member.script {
                None => unescape(&member.name).to_owned(),
                Some(script) => {
                    let name = self.expression(script.root());
                    functions::shown(&name.map_err(|fault| (fault, member.value.at))?)
                }
            };
            object.insert(name, self.node(&member.value)?);
        }
        Ok(object.into())
    }

    /// `"copy": [{"name", "count", "input"}]` in an object: each becomes an array of that name.
    fn property_loops(&self, loops: &Node, object: &mut Map<String, Value>) -> Result<(), Located> {
        for one in loops.items() {
            let here = |fault| (fault, one.at);
            let name = one.get("name").and_then(Node::text);
            let name = name
                .ok_or_else(|| here(Fault::language("A copy loop is expected to have a name.")))?;
            let items = self.iterate(name, one)?;
            object.insert(name.to_owned(), items.into());
        }
        Ok(())
    }

    /// The values of `input` in every turn of a loop.
    pub(crate) fn iterate(&self, name: &str, declared: &Node) -> Result<Vec<Value>, Located> {
        let here = |fault| (fault, declared.at);
        let count = self.count_of(declared).map_err(here)?;
        let Some(input) = declared.get("input") else {
            return Err(here(Fault::language(format!(
                "The copy loop '{name}' is expected to have an input."
            ))));
        };
        let mut items = Vec::new();
        for index in 0..count {
            self.loops.borrow_mut().push(Turn {
                name: name.to_owned(),
                index,
            });
            let item = self
                .budget
                .step()
                .map_err(here)
                .and_then(|()| self.node(input));
            self.loops.borrow_mut().pop();
            items.push(item?);
        }
        Ok(items)
    }

    /// How often a loop turns.
    pub(crate) fn count_of(&self, declared: &Node) -> Result<i64, Fault> {
        let count = declared
            .get("count")
            .ok_or_else(|| Fault::language("A copy loop is expected to have a count."))?;
        let count = self.node(count).map_err(|(fault, _)| fault)?;
        let most = self.budget.limits().copies;
        let whole = Arguments::new("copy", vec![count]).integer(0)?;
        if !(0..=most).contains(&whole) {
            return Err(Fault::language(format!(
                "The template copy definition has a count of '{whole}'. The count is expected between 0 and {most}."
            )));
        }
        Ok(whole)
    }

    /// The value of an expression.
    pub(crate) fn expression(&self, expression: &Expression) -> Result<Value, Fault> {
        self.budget.step()?;
        let value = match expression {
            Expression::Text(text) => Value::String(text.clone()),
            Expression::Integer(number) => (*number).into(),
            Expression::Call(call) => self.deeper(|| self.call(call))?,
            Expression::Member { .. } | Expression::Index { .. } => {
                self.deeper(|| self.selection(expression))?
            }
        };
        self.budget.value(&value)?;
        Ok(value)
    }

    /// A chain of members and indices: followed by reference, so that only what it ends at is copied.
    fn selection(&self, expression: &Expression) -> Result<Value, Fault> {
        let mut selectors = Vec::new();
        let mut root = expression;
        loop {
            match root {
                Expression::Member { of, name, safe } => {
                    selectors.push((Value::String(name.clone()), *safe));
                    root = of;
                }
                Expression::Index { of, index, safe } => {
                    selectors.push((self.expression(index)?, *safe));
                    root = of;
                }
                _ => break,
            }
        }
        let held = match root {
            Expression::Call(call) if call.namespace.is_none() => self.shared(call)?,
            _ => None,
        };
        let held = match held {
            Some(held) => held,
            None => Arc::new(self.expression(root)?),
        };
        let mut found: &Value = &held;
        for (selector, safe) in selectors.iter().rev() {
            match functions::select(found, selector) {
                Some(inner) => found = inner,
                // Whatever follows an absent member is absent.
                None if *safe || found.is_null() && selectors.iter().any(|(_, safe)| *safe) => {
                    return Ok(Value::Null);
                }
                None => return Err(missing(found, selector)),
            }
        }
        Ok(found.clone())
    }

    fn call(&self, call: &Call) -> Result<Value, Fault> {
        if let Some(namespace) = &call.namespace {
            return self.user_function(namespace, call);
        }
        if let Some(held) = self.shared(call)? {
            return Ok((*held).clone());
        }
        if let Some(found) = self.lazy(call) {
            return found;
        }
        let arguments = self.arguments(call)?;
        if let Some(found) = functions::call(&call.key, &arguments, self.budget) {
            return found;
        }
        if let Some(found) = self.looking_around(&call.key, &arguments) {
            return found;
        }
        Err(Fault::Language(format!(
            "The template function '{}' is not valid. Please see \
             https://aka.ms/arm-template-expressions for usage details.",
            call.name
        )))
    }

    fn arguments<'c>(&self, call: &'c Call) -> Result<Arguments<'c>, Fault> {
        let values: Result<Vec<Value>, Fault> = call
            .arguments
            .iter()
            .map(|argument| self.expression(argument))
            .collect();
        Ok(Arguments::new(&call.name, values?))
    }

    /// Functions that evaluate only the arguments they need.
    fn lazy(&self, call: &Call) -> Option<Result<Value, Fault>> {
        Some(match call.key.as_str() {
            "if" => self.choose(call),
            "and" => self.fold_truth(call, false),
            "or" => self.fold_truth(call, true),
            "coalesce" => self.coalesce(call),
            "map" | "filter" | "reduce" | "sort" | "toobject" | "groupby" | "mapvalues" => {
                self.with_lambda(call)
            }
            "lambda" => Err(Fault::language(
                "The template function 'lambda' is not expected at this location.",
            )),
            _ => return None,
        })
    }

    fn truth(&self, call: &Call, index: usize) -> Result<bool, Fault> {
        let value = self.argument(call, index)?;
        Arguments::new(&call.name, vec![value]).truth(0)
    }

    pub(crate) fn argument(&self, call: &Call, index: usize) -> Result<Value, Fault> {
        let argument = call.arguments.get(index).ok_or_else(|| {
            Arguments::new(&call.name, Vec::new())
                .refuse(format!("argument {} is missing", index + 1))
        })?;
        self.expression(argument)
    }

    fn choose(&self, call: &Call) -> Result<Value, Fault> {
        if call.arguments.len() != 3 {
            let count = call.arguments.len();
            return Err(Arguments::new(&call.name, Vec::new()).refuse(format!(
                "the function takes 3 argument(s) and '{count}' were given"
            )));
        }
        let branch = if self.truth(call, 0)? { 1 } else { 2 };
        self.argument(call, branch)
    }

    /// `or` stops at the first true, `and` at the first false.
    fn fold_truth(&self, call: &Call, until: bool) -> Result<Value, Fault> {
        for index in 0..call.arguments.len().max(1) {
            if self.truth(call, index)? == until {
                return Ok(until.into());
            }
        }
        Ok((!until).into())
    }

    fn coalesce(&self, call: &Call) -> Result<Value, Fault> {
        for index in 0..call.arguments.len().max(1) {
            let value = self.argument(call, index)?;
            if !value.is_null() {
                return Ok(value);
            }
        }
        Ok(Value::Null)
    }
}

/// Whether a node is an entry of a property loop: has a name, a count and an input.
fn is_loop(node: &Node) -> bool {
    node.get("count").is_some()
        && node
            .members()
            .iter()
            .any(|m| m.name.eq_ignore_ascii_case("input"))
}

fn missing(value: &Value, selector: &Value) -> Fault {
    Fault::Language(match (value, selector) {
        (Value::Object(members), Value::String(name)) => {
            let names: Vec<&str> = members.keys().map(String::as_str).take(32).collect();
            format!(
                "The language expression property '{name}' doesn't exist, available properties are \
                 '{}'.",
                names.join(", ")
            )
        }
        (Value::Array(_), Value::Number(index)) => {
            format!("The language expression property array index '{index}' is out of bounds.")
        }
        (_, selector) => format!(
            "The language expression property '{}' can't be evaluated, the value is {}.",
            functions::shown(selector),
            functions::kind(value)
        ),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::expression::Script;
    use crate::facts::NoRuntime;
    use crate::limits::Limits;

    struct Nothing;

    impl Names for Nothing {
        fn parameter(&self, _: &Evaluator<'_>, name: &str) -> Result<Arc<Value>, Fault> {
            Err(Fault::language(format!("no parameter '{name}'")))
        }

        fn variable(&self, _: &Evaluator<'_>, name: &str) -> Result<Arc<Value>, Fault> {
            Err(Fault::language(format!("no variable '{name}'")))
        }

        fn function(&self, _: &str, _: &str) -> Option<&UserFunction> {
            None
        }

        fn targets(&self, _: &str) -> Option<Vec<Target>> {
            None
        }
    }

    /// The value of an expression without its brackets, in a group `rg` of subscription `s`.
    pub(crate) fn evaluate(text: &str) -> Result<Value, Fault> {
        let script = Script::read(&format!("[{text}]"));
        let script = script.map_err(|error| Fault::Language(error.to_string()))?;
        let script = script.ok_or_else(|| Fault::language("no expression"))?;
        let facts = Facts::of_group("s", "rg", "westeurope");
        let budget = Budget::new(Limits::default());
        Evaluator::new(&facts, &NoRuntime, &Nothing, &budget, Place::Body).expression(script.root())
    }
}
