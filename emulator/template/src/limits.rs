//! How much an evaluation may take.

use std::cell::Cell;

use serde_json::Value;

use crate::fault::Fault;

/// How much a template may hold and its evaluation may take. The counts are Azure's documented
/// limits of a template; the others keep a hostile one from taking this process's time and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Resources, copies counted one by one.
    pub resources: usize,
    /// Parameters.
    pub parameters: usize,
    /// Variables.
    pub variables: usize,
    /// Outputs.
    pub outputs: usize,
    /// Iterations of one copy loop.
    pub copies: i64,
    /// Steps of evaluation, all expressions of one phase together.
    pub steps: u64,
    /// Bytes of all values made on the way, of one phase together.
    pub bytes: u64,
    /// Bytes of one text.
    pub text: usize,
    /// How deep evaluation may nest: calls in calls, lambdas, variables that use variables. Keeps the
    /// stack shallow.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            resources: 800,
            parameters: 256,
            variables: 512,
            outputs: 64,
            copies: 800,
            steps: 2_000_000,
            bytes: 64 << 20,
            text: 1 << 20,
            depth: 192,
        }
    }
}

/// What is left of the limits in one phase.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    steps: Cell<u64>,
    bytes: Cell<u64>,
    depth: Cell<usize>,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            steps: Cell::new(limits.steps),
            bytes: Cell::new(limits.bytes),
            depth: Cell::new(0),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// One step more.
    pub(crate) fn step(&self) -> Result<(), Fault> {
        let left = self.steps.get().checked_sub(1);
        let left =
            left.ok_or_else(|| Fault::Limit(format!("more than {} steps", self.limits.steps)))?;
        self.steps.set(left);
        Ok(())
    }

    /// One level deeper, until [`Budget::leave`].
    pub(crate) fn enter(&self) -> Result<(), Fault> {
        let most = self.limits.depth;
        if self.depth.get() == most {
            return Err(Fault::Limit(format!("nesting deeper than {most} levels")));
        }
        self.depth.set(self.depth.get() + 1);
        Ok(())
    }

    /// One level up again.
    pub(crate) fn leave(&self) {
        self.depth.set(self.depth.get().saturating_sub(1));
    }

    /// One value more.
    pub(crate) fn value(&self, value: &Value) -> Result<(), Fault> {
        if let Value::String(text) = value {
            self.text(text.len())?;
        }
        self.charge(weight(value))
    }

    /// Whether a text of this length may be made.
    pub(crate) fn text(&self, length: usize) -> Result<(), Fault> {
        if length > self.limits.text {
            return Err(Fault::Limit(format!(
                "a text longer than {} bytes",
                self.limits.text
            )));
        }
        Ok(())
    }

    /// So many bytes more.
    pub(crate) fn charge(&self, bytes: u64) -> Result<(), Fault> {
        let left = self.bytes.get().checked_sub(bytes);
        let left = left.ok_or_else(|| {
            Fault::Limit(format!("values of more than {} bytes", self.limits.bytes))
        })?;
        self.bytes.set(left);
        Ok(())
    }
}

/// About what a value takes in memory.
fn weight(value: &Value) -> u64 {
    const CELL: u64 = 32;
    match value {
        Value::String(text) => CELL + text.len() as u64,
        Value::Array(items) => CELL + items.iter().map(weight).sum::<u64>(),
        Value::Object(members) => {
            let one = |(name, value): (&String, &Value)| CELL + name.len() as u64 + weight(value);
            CELL + members.iter().map(one).sum::<u64>()
        }
        _ => CELL,
    }
}
