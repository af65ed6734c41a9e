//! What every template must come to, whoever wrote it: the entry of the tests with hostile templates
//! and of the fuzz target.

use std::sync::Arc;

use serde_json::Value;
use turquoise_template::node::Node;
use turquoise_template::position::Position;
use turquoise_template::{Facts, Limits, NoRuntime, Plan, Template};

/// Small enough that thousands of cases take seconds.
fn limits() -> Limits {
    Limits {
        steps: 20_000,
        bytes: 4 << 20,
        text: 1 << 16,
        ..Limits::default()
    }
}

/// Everything a plan says, as text.
pub(crate) fn whole(text: &str) -> String {
    let Ok(template) = Template::parse(text) else {
        return format!("{:?}", Template::parse(text));
    };
    let facts = Facts::of_group("s", "rg", "westeurope");
    let none = Node::from_value(&Value::Null, Position::START);
    let plan = Plan::new(Arc::new(template), Some(&none), facts, limits(), &NoRuntime);
    match plan {
        Err(error) => format!("{error:?}"),
        Ok(plan) => {
            let bodies: Vec<_> = (0..plan.resources().len())
                .map(|index| plan.body_so_far(index, &NoRuntime))
                .collect();
            format!(
                "{:?} {bodies:?} {:?}",
                plan.parameters(),
                plan.outputs(&NoRuntime)
            )
        }
    }
}

/// Refused or planned, and the same a second time.
///
/// # Panics
/// When the same template has two answers.
pub(crate) fn judge(text: &str) {
    assert_eq!(
        whole(text),
        whole(text),
        "the same template, the same answer"
    );
}
