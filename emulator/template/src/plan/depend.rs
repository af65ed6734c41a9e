//! What comes before what: `dependsOn`, `reference`, batches of loops; and no cycles.

use std::collections::BTreeSet;

use super::Plan;
use crate::error::TemplateError;
use crate::evaluate::{Evaluator, Place};
use crate::expression::{Call, Expression};
use crate::facts::NoRuntime;
use crate::limits::Budget;
use crate::node::{Kind, Node};

impl Plan {
    /// Works out the dependencies of every resource.
    pub(super) fn depend(&mut self, budget: &Budget) -> Result<(), TemplateError> {
        let mut all = Vec::with_capacity(self.resources.len());
        for index in 0..self.resources.len() {
            let mut found = BTreeSet::new();
            self.written(index, budget, &mut found)?;
            self.implied(index, budget, &mut found);
            self.batched(index, &mut found);
            found.remove(&index);
            all.push(found.into_iter().collect());
        }
        for (resource, found) in self.resources.iter_mut().zip(all) {
            resource.depends_on = found;
        }
        self.check_cycles()
    }

    /// What `dependsOn` names.
    fn written(
        &self,
        index: usize,
        budget: &Budget,
        found: &mut BTreeSet<usize>,
    ) -> Result<(), TemplateError> {
        let resource = &self.resources[index];
        let Some(written) = resource.node.get("dependsOn") else {
            return Ok(());
        };
        let names = self.names();
        let evaluator = self.evaluator(&names, &NoRuntime, budget, Place::Static);
        let evaluator = evaluator.within(&resource.loops);
        for one in written.items() {
            let value = evaluator.node(one).map_err(|(fault, at)| {
                TemplateError::resource(&resource.shown_name(), at, &fault)
            })?;
            let Some(text) = value.as_str() else {
                let reason = "An item of 'dependsOn' is expected to be a string.";
                return Err(TemplateError::parse(reason, one.at));
            };
            let targets = self.index.find(text).or_else(|| self.index.of_loop(text));
            let Some(targets) = targets else {
                if self.is_empty_loop(text) {
                    continue;
                }
                let reason = format!(
                    "The resource '{}' is not defined in the template. Please see \
                     https://aka.ms/arm-syntax for usage details.",
                    short(text)
                );
                return Err(TemplateError::validation(&reason, one.at));
            };
            found.extend(targets);
        }
        Ok(())
    }

    /// Whether a loop of that name, or a symbol, is declared but turns zero times.
    fn is_empty_loop(&self, text: &str) -> bool {
        self.template.resources().iter().any(|declared| {
            let copy = declared.node.get("copy");
            let named = copy.and_then(|copy| copy.get("name")).and_then(Node::text);
            copy.is_some()
                && [named, declared.symbol.as_deref()]
                    .into_iter()
                    .flatten()
                    .any(|name| name.eq_ignore_ascii_case(text))
        })
    }

    /// What the body refers to.
    fn implied(&self, index: usize, budget: &Budget, found: &mut BTreeSet<usize>) {
        let resource = &self.resources[index];
        let names = self.names();
        let evaluator = self.evaluator(&names, &NoRuntime, budget, Place::Static);
        let evaluator = evaluator.within(&resource.loops);
        for member in resource.node.members() {
            let own = ["dependsOn", "copy", "resources", "condition", "metadata"];
            if own.iter().any(|own| own.eq_ignore_ascii_case(&member.name)) {
                continue;
            }
            if resource.is_deployment() && member.name.eq_ignore_ascii_case("properties") {
                if let Some(parameters) = member.value.get("parameters") {
                    self.scan(&evaluator, parameters, found);
                }
                continue;
            }
            self.scan(&evaluator, &member.value, found);
        }
    }

    fn scan(&self, evaluator: &Evaluator<'_>, node: &Node, found: &mut BTreeSet<usize>) {
        match &node.kind {
            Kind::Script(script) => self.calls(evaluator, script.root(), found),
            Kind::Array(items) => items
                .iter()
                .for_each(|item| self.scan(evaluator, item, found)),
            Kind::Object(members) => members
                .iter()
                .for_each(|member| self.scan(evaluator, &member.value, found)),
            _ => {}
        }
    }

    fn calls(
        &self,
        evaluator: &Evaluator<'_>,
        expression: &Expression,
        found: &mut BTreeSet<usize>,
    ) {
        match expression {
            Expression::Text(_) | Expression::Integer(_) => {}
            Expression::Member { of, .. } => self.calls(evaluator, of, found),
            Expression::Index { of, index, .. } => {
                self.calls(evaluator, of, found);
                self.calls(evaluator, index, found);
            }
            Expression::Call(call) => {
                if refers(call) {
                    let name = evaluator.argument(call, 0);
                    let targets = name.ok().and_then(|name| {
                        let name = name.as_str()?;
                        self.index.find(name).or_else(|| self.index.of_loop(name))
                    });
                    found.extend(targets.unwrap_or_default());
                }
                for argument in taken(evaluator, call) {
                    self.calls(evaluator, argument, found);
                }
            }
        }
    }

    /// A serial loop's batch comes after the batch before it.
    fn batched(&self, index: usize, found: &mut BTreeSet<usize>) {
        let resource = &self.resources[index];
        let Some(copy) = resource.node.get("copy").filter(|copy| copy.is_object()) else {
            return;
        };
        let mode = copy.get("mode").and_then(Node::text).unwrap_or_default();
        let (Some(own), true) = (resource.loops.last(), mode.eq_ignore_ascii_case("serial")) else {
            return;
        };
        let size = copy
            .get("batchSize")
            .and_then(|size| size.to_value().as_i64());
        let size = size.unwrap_or(1).max(1);
        let batch = own.index / size;
        let around = resource.loops.len() - 1;
        for (other, candidate) in self.resources.iter().enumerate() {
            let before = candidate.declared == resource.declared
                && candidate.loops[..around] == resource.loops[..around]
                && candidate
                    .loops
                    .last()
                    .is_some_and(|turn| turn.index / size + 1 == batch);
            if before {
                found.insert(other);
            }
        }
    }

    fn check_cycles(&self) -> Result<(), TemplateError> {
        let mut waiting: Vec<usize> = self.resources.iter().map(|r| r.depends_on.len()).collect();
        let mut after: Vec<Vec<usize>> = vec![Vec::new(); self.resources.len()];
        for (index, resource) in self.resources.iter().enumerate() {
            for before in &resource.depends_on {
                after[*before].push(index);
            }
        }
        let mut free: Vec<usize> = (0..waiting.len())
            .filter(|index| waiting[*index] == 0)
            .collect();
        let mut done = 0;
        while let Some(index) = free.pop() {
            done += 1;
            for next in &after[index] {
                waiting[*next] -= 1;
                if waiting[*next] == 0 {
                    free.push(*next);
                }
            }
        }
        if done == self.resources.len() {
            return Ok(());
        }
        let stuck = waiting.iter().position(|count| *count > 0).unwrap_or(0);
        let cycle = self.cycle_from(stuck, &waiting);
        let first = &self.resources[cycle[0]];
        let path: Vec<String> = cycle
            .iter()
            .chain([&cycle[0]])
            .map(|index| self.resources[*index].shown_name())
            .collect();
        let reason = format!(
            "Circular dependency detected on resource: '{}'. Each of these depends on the next: {}. \
             Please see https://aka.ms/arm-syntax-resources for usage details.",
            first.id,
            path.join(" -> ")
        );
        Err(TemplateError::validation(&reason, first.at))
    }

    /// Walks from a resource that is never free until one comes again: from there on is a cycle.
    fn cycle_from(&self, start: usize, waiting: &[usize]) -> Vec<usize> {
        let mut path = vec![start];
        loop {
            let last = path[path.len() - 1];
            let next = self.resources[last]
                .depends_on
                .iter()
                .find(|index| waiting[**index] > 0);
            let Some(next) = next else {
                return path;
            };
            if let Some(at) = path.iter().position(|seen| seen == next) {
                return path.split_off(at);
            }
            path.push(*next);
        }
    }
}

/// Whether a call needs a resource to be there.
fn refers(call: &Call) -> bool {
    call.namespace.is_none()
        && (call.key == "reference" || call.key == "references" || call.key.starts_with("list"))
}

/// The arguments that are evaluated: of `if`, the branch that its condition takes where that is
/// known.
fn taken<'a>(evaluator: &Evaluator<'_>, call: &'a Call) -> Vec<&'a Expression> {
    if call.key == "if" && call.arguments.len() == 3 {
        let condition = evaluator
            .argument(call, 0)
            .ok()
            .and_then(|value| value.as_bool());
        match condition {
            Some(true) => return call.arguments[..2].iter().collect(),
            Some(false) => return vec![&call.arguments[0], &call.arguments[2]],
            None => {}
        }
    }
    call.arguments.iter().collect()
}

/// An id as Azure shows it here: `type/name`.
fn short(text: &str) -> &str {
    text.rsplit_once("/providers/")
        .map_or(text, |(_, tail)| tail)
}
