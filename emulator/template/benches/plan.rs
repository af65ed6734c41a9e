//! What a large template costs: 200 resources in loops, with references and a parameter each.
//!
//! `parse` is the text to a template; `plan` adds parameters, variables, ids and dependencies;
//! `bodies` adds every body, as validation evaluates them.

#[path = "support/large.rs"]
mod large;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use turquoise_template::{Facts, Limits, NoRuntime, Plan, Template};

fn plan(text: &str) -> Plan {
    let template = Arc::new(Template::parse(text).expect("the template is right"));
    let facts = Facts::of_group("s", "rg", "westeurope");
    Plan::new(template, None, facts, Limits::default(), &NoRuntime).expect("it can be planned")
}

fn large_template(criterion: &mut Criterion) {
    let text = large::text();
    assert_eq!(plan(&text).resources().len(), 200);
    let mut group = criterion.benchmark_group("template of 200 resources");
    group.bench_function("parse", |bencher| {
        bencher.iter(|| Template::parse(black_box(&text)))
    });
    group.bench_function("plan", |bencher| bencher.iter(|| plan(black_box(&text))));
    group.bench_function("bodies", |bencher| {
        bencher.iter(|| {
            let plan = plan(black_box(&text));
            let bodies = (0..200).map(|index| plan.body(index, &NoRuntime));
            bodies
                .collect::<Result<Vec<_>, _>>()
                .expect("every body has a value")
        });
    });
    group.finish();
}

criterion_group!(benches, large_template);
criterion_main!(benches);
