//! What a large template costs: 200 resources in loops, with references and a parameter each.
//!
//! `parse` is the text to a template; `plan` adds parameters, variables, ids and dependencies;
//! `bodies` adds every body, as validation evaluates them.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use turquoise_template::{Facts, Limits, NoRuntime, Plan, Template};

/// Forty resources written out, and four loops of forty.
fn text() -> String {
    let written = (0..40).map(|index| {
        format!(
            r#"{{"type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2024-05-01", "name": "[concat(parameters('prefix'), '-nsg-{index}')]",
            "location": "[parameters('location')]", "properties": {{"securityRules": []}}}}"#
        )
    });
    let looped = (0..4).map(|index| {
        format!(
            r#"{{"type": "Microsoft.Network/virtualNetworks", "apiVersion": "2024-05-01",
            "name": "[format('{{0}}-net-{index}-{{1}}', parameters('prefix'), copyIndex())]",
            "copy": {{"name": "nets{index}", "count": 40}}, "location": "[parameters('location')]",
            "dependsOn": ["[resourceId('Microsoft.Network/networkSecurityGroups', concat(parameters('prefix'), '-nsg-', copyIndex()))]"],
            "properties": {{"addressSpace": {{"addressPrefixes": ["[cidrSubnet('10.0.0.0/8', 16, copyIndex())]"]}},
              "copy": [{{"name": "subnets", "count": 3, "input": {{"name": "[concat('s', copyIndex('subnets'))]",
                "properties": {{"addressPrefix": "[cidrSubnet(variables('range'), 24, copyIndex('subnets'))]",
                  "networkSecurityGroup": {{"id": "[resourceId('Microsoft.Network/networkSecurityGroups', concat(parameters('prefix'), '-nsg-', copyIndex()))]"}}}}}}}}]}}}}"#
        )
    });
    let resources: Vec<String> = written.chain(looped).collect();
    format!(
        r#"{{"$schema": "s", "contentVersion": "1.0.0.0",
        "parameters": {{"prefix": {{"type": "string", "defaultValue": "[uniqueString(resourceGroup().id)]"}},
          "location": {{"type": "string", "defaultValue": "[resourceGroup().location]"}}}},
        "variables": {{"range": "10.0.0.0/16"}}, "resources": [{}]}}"#,
        resources.join(",\n")
    )
}

fn plan(text: &str) -> Plan {
    let template = Arc::new(Template::parse(text).expect("the template is right"));
    let facts = Facts::of_group("s", "rg", "westeurope");
    Plan::new(template, None, facts, Limits::default(), &NoRuntime).expect("it can be planned")
}

fn large_template(criterion: &mut Criterion) {
    let text = text();
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
