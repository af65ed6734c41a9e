//! Lambdas: functions over the items of arrays and objects.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Evaluator, Scope};
use crate::expression::{Call, Expression};
use crate::fault::Fault;
use crate::functions::{Arguments, shown};

/// `lambda('a', 'b', body)`.
struct Lambda<'a> {
    names: Vec<&'a str>,
    body: &'a Expression,
}

impl Evaluator<'_> {
    pub(super) fn with_lambda(&self, call: &Call) -> Result<Value, Fault> {
        let source = Arguments::new(&call.name, vec![self.argument(call, 0)?]);
        match call.key.as_str() {
            "map" => self.map(call, &source),
            "filter" => self.filter(call, &source),
            "reduce" => self.reduce(call, &source),
            "sort" => self.sort(call, &source),
            "toobject" => self.to_object(call, &source),
            "groupby" => self.group_by(call, &source),
            _ => self.map_values(call, &source),
        }
    }

    fn map(&self, call: &Call, source: &Arguments<'_>) -> Result<Value, Fault> {
        let lambda = lambda(call, 1)?;
        let items = source.array(0)?.iter().enumerate();
        items
            .map(|(index, item)| self.apply(&lambda, &[item, &json!(index)]))
            .collect()
    }

    fn filter(&self, call: &Call, source: &Arguments<'_>) -> Result<Value, Fault> {
        let lambda = lambda(call, 1)?;
        let mut kept = Vec::new();
        for (index, item) in source.array(0)?.iter().enumerate() {
            if self.test(call, &lambda, &[item, &json!(index)])? {
                kept.push(item.clone());
            }
        }
        Ok(kept.into())
    }

    fn reduce(&self, call: &Call, source: &Arguments<'_>) -> Result<Value, Fault> {
        let lambda = lambda(call, 2)?;
        let mut held = self.argument(call, 1)?;
        for (index, item) in source.array(0)?.iter().enumerate() {
            held = self.apply(&lambda, &[&held, item, &json!(index)])?;
        }
        Ok(held)
    }

    /// Merge sort by hand: the comparison may fail, and may contradict itself.
    fn sort(&self, call: &Call, source: &Arguments<'_>) -> Result<Value, Fault> {
        let lambda = lambda(call, 1)?;
        let mut runs: Vec<Vec<Value>> = source
            .array(0)?
            .iter()
            .map(|item| vec![item.clone()])
            .collect();
        while runs.len() > 1 {
            let mut merged = Vec::new();
            let mut pairs = runs.into_iter();
            while let Some(left) = pairs.next() {
                match pairs.next() {
                    Some(right) => merged.push(self.merge(call, &lambda, left, right)?),
                    None => merged.push(left),
                }
            }
            runs = merged;
        }
        Ok(runs.pop().unwrap_or_default().into())
    }

    fn merge(
        &self,
        call: &Call,
        lambda: &Lambda<'_>,
        left: Vec<Value>,
        right: Vec<Value>,
    ) -> Result<Vec<Value>, Fault> {
        let mut merged = Vec::with_capacity(left.len() + right.len());
        let mut left = left.into_iter().peekable();
        for item in right {
            while let Some(first) = left.peek() {
                if self.test(call, lambda, &[&item, first])? {
                    break;
                }
                merged.extend(left.next());
            }
            merged.push(item);
        }
        merged.extend(left);
        Ok(merged)
    }

    fn to_object(&self, call: &Call, source: &Arguments<'_>) -> Result<Value, Fault> {
        let key = lambda(call, 1)?;
        let value = match call.arguments.len() {
            0..=2 => None,
            _ => Some(lambda(call, 2)?),
        };
        let mut object = Map::new();
        for item in source.array(0)? {
            let name = shown(&self.apply(&key, &[item])?);
            let value = match &value {
                None => item.clone(),
                Some(value) => self.apply(value, &[item])?,
            };
            object.insert(name, value);
        }
        Ok(object.into())
    }

    fn group_by(&self, call: &Call, source: &Arguments<'_>) -> Result<Value, Fault> {
        let key = lambda(call, 1)?;
        let mut object: Map<String, Value> = Map::new();
        for item in source.array(0)? {
            let name = shown(&self.apply(&key, &[item])?);
            let group = object.entry(name).or_insert_with(|| json!([]));
            if let Some(group) = group.as_array_mut() {
                group.push(item.clone());
            }
        }
        Ok(object.into())
    }

    fn map_values(&self, call: &Call, source: &Arguments<'_>) -> Result<Value, Fault> {
        let lambda = lambda(call, 1)?;
        let mut object = Map::new();
        for (name, value) in source.object(0)? {
            object.insert(name.clone(), self.apply(&lambda, &[value])?);
        }
        Ok(object.into())
    }

    fn apply(&self, lambda: &Lambda<'_>, values: &[&Value]) -> Result<Value, Fault> {
        let pairs = lambda.names.iter().zip(values);
        let names = pairs.map(|(name, value)| ((*name).to_owned(), Arc::new((*value).clone())));
        self.scopes.borrow_mut().push(Scope {
            names: names.collect(),
            closed: false,
        });
        let found = self.deeper(|| self.expression(lambda.body));
        self.scopes.borrow_mut().pop();
        found
    }

    fn test(&self, call: &Call, lambda: &Lambda<'_>, values: &[&Value]) -> Result<bool, Fault> {
        let found = self.apply(lambda, values)?;
        Arguments::new(&call.name, vec![found]).truth(0)
    }
}

fn lambda(call: &Call, index: usize) -> Result<Lambda<'_>, Fault> {
    let refuse = || {
        Arguments::new(&call.name, Vec::new())
            .refuse(format!("argument {} is expected to be a lambda", index + 1))
    };
    let Some(Expression::Call(found)) = call.arguments.get(index) else {
        return Err(refuse());
    };
    let Some((body, names)) = found
        .arguments
        .split_last()
        .filter(|_| found.key == "lambda")
    else {
        return Err(refuse());
    };
    let names = names.iter().map(|name| match name {
        Expression::Text(name) => Ok(name.as_str()),
        _ => Err(refuse()),
    });
    Ok(Lambda {
        names: names.collect::<Result<_, _>>()?,
        body,
    })
}

#[cfg(test)]
mod tests {
    use crate::functions::tests::{check, check_refused};

    const DOGS: &str = "json('[{\"name\":\"Evie\",\"age\":5,\"interests\":[\"Ball\",\"Frisbee\"]},{\"name\":\"Casper\",\"age\":3,\"interests\":[\"Other dogs\"]},{\"name\":\"Indy\",\"age\":2,\"interests\":[\"Butter\"]},{\"name\":\"Kira\",\"age\":8,\"interests\":[\"Rubs\"]}]')";

    #[test]
    fn lambdas_answer_as_the_reference_shows() {
        let cases = [
            (
                format!("map(filter({DOGS}, lambda('dog', greaterOrEquals(lambdaVariables('dog').age, 5))), lambda('d', lambdaVariables('d').name))"),
                r#"["Evie","Kira"]"#,
            ),
            (
                format!("map({DOGS}, lambda('dog', 'i', concat(lambdaVariables('i'), lambdaVariables('dog').name)))"),
                r#"["0Evie","1Casper","2Indy","3Kira"]"#,
            ),
            (
                format!("reduce(map({DOGS}, lambda('dog', lambdaVariables('dog').age)), 0, lambda('cur', 'next', add(lambdaVariables('cur'), lambdaVariables('next'))))"),
                "18",
            ),
            (
                format!("map(sort({DOGS}, lambda('a', 'b', less(lambdaVariables('a').age, lambdaVariables('b').age))), lambda('d', lambdaVariables('d').name))"),
                r#"["Indy","Casper","Evie","Kira"]"#,
            ),
            (
                format!("toObject({DOGS}, lambda('e', lambdaVariables('e').name), lambda('e', lambdaVariables('e').age))"),
                r#"{"Evie":5,"Casper":3,"Indy":2,"Kira":8}"#,
            ),
            (
                "groupBy(createArray('foo','bar','baz'), lambda('x', substring(lambdaVariables('x'), 0, 1)))".to_owned(),
                r#"{"f":["foo"],"b":["bar","baz"]}"#,
            ),
            (
                "mapValues(createObject('foo', 'foo'), lambda('v', toUpper(lambdaVariables('v'))))".to_owned(),
                r#"{"foo":"FOO"}"#,
            ),
            ("filter(range(0, 6), lambda('i', equals(0, mod(lambdaVariables('i'), 2))))".to_owned(), "[0,2,4]"),
            ("sort(createArray(), lambda('a', 'b', true()))".to_owned(), "[]"),
        ];
        for (expression, expected) in &cases {
            check(&[(expression.as_str(), expected)]);
        }
    }

    #[test]
    fn a_lambda_is_nowhere_else() {
        check_refused(&[
            (
                "map(range(0, 1), 'x')",
                "Unable to evaluate template language function 'map': argument 2 is expected to be a lambda.",
            ),
            (
                "lambda('a', 1)",
                "The template function 'lambda' is not expected at this location.",
            ),
            (
                "lambdaVariables('a')",
                "The lambda variable 'a' is not known at this location.",
            ),
        ]);
    }
}
