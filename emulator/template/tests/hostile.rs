//! Whatever a template holds, it is refused or planned: no panic, the same answer every time.

use std::sync::Arc;

use proptest::prelude::*;
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
fn whole(text: &str) -> String {
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

fn check(text: &str) {
    assert_eq!(
        whole(text),
        whole(text),
        "the same template, the same answer"
    );
}

/// Expressions of the grammar, with functions of every family and arguments that fit and do not.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        "[a-zA-Zä {}:%,/.-]{0,12}".prop_map(|text| format!("'{text}'")),
        Just("parameters('p')".to_owned()),
        Just("variables('v')".to_owned()),
        Just("variables('w')".to_owned()),
        Just("resourceGroup()".to_owned()),
        Just("lambdaVariables('x')".to_owned()),
        Just("copyIndex()".to_owned()),
        Just("null()".to_owned()),
        Just("'2020-04-07T14:53:14Z'".to_owned()),
        Just("'P3Y'".to_owned()),
        Just("'10.0.0.0/8'".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let name = prop::sample::select(NAMES);
        let call = (name, prop::collection::vec(inner.clone(), 0..4))
            .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", ")));
        prop_oneof![
            4 => call,
            1 => inner.clone().prop_map(|of| format!("createObject('a', {of}).a")),
            1 => (inner.clone(), inner.clone()).prop_map(|(of, index)| format!("createArray({of})[{index}]")),
            1 => (prop::sample::select(&["map", "filter", "sort", "groupBy", "toObject", "mapValues"][..]), inner.clone(), inner.clone())
                .prop_map(|(name, of, body)| format!("{name}({of}, lambda('x', {body}))")),
            1 => (inner.clone(), inner.clone(), inner)
                .prop_map(|(of, start, body)| format!("reduce({of}, {start}, lambda('y', 'x', {body}))")),
        ]
    })
}

const NAMES: &[&str] = &[
    "add",
    "and",
    "array",
    "base64",
    "base64ToJson",
    "base64ToString",
    "bool",
    "cidrHost",
    "cidrSubnet",
    "coalesce",
    "concat",
    "contains",
    "createArray",
    "createObject",
    "dataUri",
    "dataUriToString",
    "dateTimeAdd",
    "dateTimeFromEpoch",
    "dateTimeToEpoch",
    "div",
    "empty",
    "endsWith",
    "equals",
    "first",
    "float",
    "format",
    "greater",
    "guid",
    "if",
    "indexOf",
    "int",
    "intersection",
    "items",
    "join",
    "json",
    "last",
    "lastIndexOf",
    "length",
    "less",
    "listKeys",
    "max",
    "min",
    "mod",
    "mul",
    "newGuid",
    "not",
    "objectKeys",
    "or",
    "padLeft",
    "parseCidr",
    "pickZones",
    "providers",
    "range",
    "reference",
    "references",
    "replace",
    "resourceId",
    "resourceInfo",
    "shallowMerge",
    "skip",
    "split",
    "startsWith",
    "string",
    "sub",
    "subscriptionResourceId",
    "substring",
    "take",
    "toLower",
    "toUpper",
    "trim",
    "tryGet",
    "union",
    "uniqueString",
    "uri",
    "uriComponent",
    "uriComponentToString",
    "utcNow",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_refused_or_planned(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_brackets_are_refused_or_planned(text in "[\\[\\]{}\"':,./*a1 \\\\-]{0,200}") {
        check(&text);
    }

    #[test]
    fn any_expression_has_a_value_or_a_fault(
        name in expression(),
        body in expression(),
        variable in expression(),
        condition in expression(),
        count in expression(),
    ) {
        let quoted = |expression: &str| Value::from(format!("[{expression}]")).to_string();
        let text = format!(
            r#"{{"$schema": "s", "contentVersion": "1.0.0.0",
            "parameters": {{"p": {{"type": "object", "defaultValue": {{"a": [1, "b", null], "c": true}}}}}},
            "variables": {{"v": [1, 2, "x"], "w": {}}},
            "resources": [{{"type": "Microsoft.Network/virtualNetworks", "apiVersion": "2024-05-01",
                "name": {}, "condition": {}, "copy": {{"name": "l", "count": {}}}, "properties": {{"x": {}}}}},
                {{"type": "Microsoft.Network/virtualNetworks", "apiVersion": "2024-05-01", "name": "a", "properties": {{"x": {}}}}}],
            "outputs": {{"o": {{"type": "string", "value": {}}}}}}}"#,
            quoted(&variable), quoted(&name), quoted(&condition), quoted(&count), quoted(&body), quoted(&body), quoted(&body),
        );
        check(&text);
        // One part at a time, so that one bad part does not hide the others.
        for (section, expression) in [("w", &variable), ("body", &body)] {
            let text = format!(
                r#"{{"$schema": "s", "contentVersion": "1.0.0.0", "resources": [],
                "variables": {{"v": [1, 2, "x"], "w": 7}},
                "parameters": {{"p": {{"type": "object", "defaultValue": {{"a": 1}}}}}},
                "outputs": {{"{section}": {{"type": "string", "value": {}}}}}}}"#,
                quoted(expression),
            );
            check(&text);
        }
    }
}
