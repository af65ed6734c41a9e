//! Plans of small templates.

use super::*;
use serde_json::json;

/// A template with these sections.
fn template(sections: &str) -> String {
    format!(
        r#"{{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
"contentVersion": "1.0.0.0",
{sections}
}}"#
    )
}

fn plan_with(sections: &str, parameters: Value) -> Result<Plan, TemplateError> {
    let template = Template::parse(&template(sections))?;
    let parameters = Node::from_value(&parameters, crate::position::Position::START);
    let facts = Facts::of_group("s", "rg", "westeurope");
    Plan::new(
        Arc::new(template),
        Some(&parameters),
        facts,
        Limits::default(),
        &NoRuntime,
    )
}

fn plan(sections: &str) -> Result<Plan, TemplateError> {
    plan_with(sections, json!({}))
}

/// Outputs of a template without resources.
fn outputs(sections: &str, parameters: Value) -> Result<Value, TemplateError> {
    let plan = plan_with(&format!("\"resources\": [],\n{sections}"), parameters)?;
    let outputs = plan.outputs(&NoRuntime)?;
    let pairs = outputs
        .into_iter()
        .map(|o| (o.name, o.value.unwrap_or_else(|| json!(o.kind))));
    Ok(Value::Object(pairs.collect()))
}

#[track_caller]
fn check_outputs(cases: &[(&str, &str)]) {
    for (sections, expected) in cases {
        let expected: Value = serde_json::from_str(expected).expect("it is JSON");
        assert_eq!(outputs(sections, json!({})), Ok(expected), "{sections}");
    }
}

#[track_caller]
fn check_refused(cases: &[(&str, &str)]) {
    for (sections, reason) in cases {
        let refused = plan(sections).map(|plan| plan.outputs(&NoRuntime));
        let message = match refused {
            Err(error) | Ok(Err(error)) => error.message,
            Ok(Ok(outputs)) => panic!("{sections} gave {outputs:?}"),
        };
        assert!(
            message.contains(reason),
            "{message}\n  lacks {reason}\n  for {sections}"
        );
    }
}

/// Ids with the ids they depend on, both without what they share.
fn graph(plan: &Plan) -> Vec<(String, Vec<String>)> {
    let short = |index: usize| {
        let resource = &plan.resources()[index];
        resource.name.clone()
    };
    let one = |index: usize| {
        let resource = &plan.resources()[index];
        (
            short(index),
            resource.depends_on.iter().map(|i| short(*i)).collect(),
        )
    };
    (0..plan.resources().len()).map(one).collect()
}

fn edges(pairs: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let one = |(name, before): &(&str, &[&str])| {
        (
            (*name).to_owned(),
            before.iter().map(|b| (*b).to_owned()).collect(),
        )
    };
    pairs.iter().map(one).collect()
}

#[test]
fn variables_loops_and_functions_give_outputs() {
    check_outputs(&[
        (
            r#""variables": {"a": "[variables('b')[1]]", "b": ["x", "[concat('y', 'z')]"]},
               "outputs": {"o": {"type": "string", "value": "[variables('A')]"}}"#,
            r#"{"o": "yz"}"#,
        ),
        (
            r#""variables": {"copy": [{"name": "list", "count": 3, "input": "[concat('n', copyIndex('list', 1))]"}],
               "inner": {"copy": [{"name": "disks", "count": 2, "input": {"lun": "[copyIndex('disks')]"}}], "x": 1}},
               "outputs": {"o": {"type": "array", "value": "[variables('list')]"}, "p": {"type": "object", "value": "[variables('inner')]"}}"#,
            r#"{"o": ["n1", "n2", "n3"], "p": {"disks": [{"lun": 0}, {"lun": 1}], "x": 1}}"#,
        ),
        (
            r#""outputs": {"o": {"type": "array", "copy": {"count": 2, "input": "[copyIndex()]"}}, "no": {"condition": "[equals(1, 2)]", "type": "int", "value": 1}}"#,
            r#"{"o": [0, 1]}"#,
        ),
        (
            r#""functions": [{"namespace": "contoso", "members": {"uniqueName": {"parameters": [{"name": "prefix", "type": "string"}], "output": {"type": "string", "value": "[concat(toLower(parameters('prefix')), 'x')]"}}}}],
               "outputs": {"o": {"type": "string", "value": "[contoso.uniqueName('AB')]"}}"#,
            r#"{"o": "abx"}"#,
        ),
        (
            r#""parameters": {"a": {"type": "string", "defaultValue": "[concat(parameters('b'), '-', utcNow('yyyy'))]"}, "b": {"type": "string", "defaultValue": "x"}, "s": {"type": "securestring", "defaultValue": "p"}},
               "outputs": {"o": {"type": "string", "value": "[parameters('a')]"}, "s": {"type": "securestring", "value": "[parameters('s')]"}}"#,
            r#"{"o": "x-1970", "s": "SecureString"}"#,
        ),
        (
            r#""outputs": {"o": {"type": "object", "value": {"[concat('k', 1)]": "[[literal]", "l": [true, null, 1.5]}}}"#,
            r#"{"o": {"k1": "[literal]", "l": [true, null, 1.5]}}"#,
        ),
    ]);
}

#[test]
fn parameters_keep_their_rules() {
    let declared = r##""parameters": {
        "size": {"type": "string", "allowedValues": ["small", "large"], "defaultValue": "small"},
        "count": {"type": "int", "minValue": 1, "maxValue": 3, "defaultValue": 2},
        "name": {"type": "string", "minLength": 2, "maxLength": 4, "defaultValue": "abc"},
        "vm": {"$ref": "#/definitions/vm", "defaultValue": {"name": "a"}},
        "maybe": {"type": "string", "nullable": true}},
      "definitions": {"vm": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 3}, "tier": {"type": "int", "nullable": true}}, "additionalProperties": false}},
      "outputs": {"o": {"type": "int", "value": "[parameters('count')]"}}"##;
    for (given, reason) in [
        (json!({}), None),
        (json!({"COUNT": {"value": 3}}), None),
        (
            json!({"count": {"value": 4}}),
            Some("The value should be less than or equal to '3'"),
        ),
        (
            json!({"count": {"value": "2"}}),
            Some("Expected 'Integer'. Actual 'String'"),
        ),
        (
            json!({"size": {"value": "Small"}}),
            Some("The value 'Small' is not part of the allowed value(s): 'small,large'"),
        ),
        (
            json!({"name": {"value": "a"}}),
            Some("Length of the value should be greater than or equal to '2'"),
        ),
        (json!({"name": {"value": "abcd"}}), None),
        (
            json!({"name": {"value": "abcde"}}),
            Some("Length of the value should be less than or equal to '4'"),
        ),
        (
            json!({"vm": {"value": {"name": "abcd"}}}),
            Some("name: Length of the value should be less"),
        ),
        (
            json!({"vm": {"value": {"name": "abc", "tier": null}}}),
            None,
        ),
        (
            json!({"vm": {"value": {"name": "abc", "x": 1}}}),
            Some("The property 'x' is not allowed"),
        ),
        (
            json!({"vm": {"value": {}}}),
            Some("The property 'name' is required"),
        ),
        (
            json!({"other": {"value": 1}}),
            Some("do not correspond to any parameters defined in the template: 'other'"),
        ),
        (
            json!({"count": 3}),
            Some("is expected to be an object with a value"),
        ),
        (
            json!({"$schema": "x", "contentVersion": "1", "parameters": {"count": {"value": 1}}}),
            None,
        ),
        (
            json!({"name": {"reference": {}}}),
            Some("key vaults are not emulated"),
        ),
    ] {
        let found = outputs(declared, given.clone()).map_err(|error| error.message);
        match (found, reason) {
            (Ok(_), None) => {}
            (Err(message), Some(reason)) => {
                assert!(message.contains(reason), "{message} lacks {reason}")
            }
            (found, _) => panic!("{given} gave {found:?}"),
        }
    }
}

const NET: &str = r#""type": "Microsoft.Network/virtualNetworks", "apiVersion": "2024-05-01""#;

#[test]
fn dependencies_are_found_by_every_name() {
    let resources = format!(
        r#""resources": [
        {{{NET}, "name": "a"}},
        {{{NET}, "name": "byId", "dependsOn": ["[resourceId('Microsoft.Network/virtualNetworks', 'A')]"]}},
        {{{NET}, "name": "byName", "dependsOn": ["a"]}},
        {{{NET}, "name": "byTypeAndName", "dependsOn": ["microsoft.network/VIRTUALNETWORKS/a"]}},
        {{{NET}, "name": "[concat('copy', copyIndex())]", "copy": {{"name": "loop", "count": 3, "mode": "Serial", "batchSize": 2}}}},
        {{{NET}, "name": "byLoop", "dependsOn": ["loop"]}},
        {{{NET}, "name": "byReference", "properties": {{"x": "[reference('a').y]", "z": "[if(equals(1, 1), 1, reference('byReference').x)]"}}}},
        {{{NET}, "name": "off", "condition": "[equals(1, 2)]", "dependsOn": ["a"]}},
        {{{NET}, "name": "none", "copy": {{"name": "empty", "count": 0}}}},
        {{{NET}, "name": "afterNone", "dependsOn": ["empty"],
            "resources": [{{"type": "subnets", "apiVersion": "2024-05-01", "name": "s", "dependsOn": ["afterNone"]}}]}},
        {{{NET}, "name": "afterChild", "dependsOn": ["[resourceId('Microsoft.Network/virtualNetworks/subnets', 'afterNone', 's')]"]}}]"#
    );
    let plan = plan(&resources).expect("the template is right");
    let expected = edges(&[
        ("a", &[]),
        ("byId", &["a"]),
        ("byName", &["a"]),
        ("byTypeAndName", &["a"]),
        ("copy0", &[]),
        ("copy1", &[]),
        ("copy2", &["copy0", "copy1"]),
        ("byLoop", &["copy0", "copy1", "copy2"]),
        ("byReference", &["a"]),
        ("off", &["a"]),
        ("afterNone", &[]),
        ("afterNone/s", &["afterNone"]),
        ("afterChild", &["afterNone/s"]),
    ]);
    assert_eq!(graph(&plan), expected);
    assert_eq!(
        plan.resources()[11].id,
        "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/afterNone/subnets/s"
    );
    let deployed: Vec<bool> = plan.resources().iter().map(Resource::is_deployed).collect();
    assert_eq!(deployed.iter().filter(|deployed| !**deployed).count(), 1);
}

#[test]
fn symbolic_names_and_existing_resources_are_known() {
    let resources = format!(
        r#""languageVersion": "2.0", "resources": {{
        "net": {{{NET}, "name": "n", "existing": true}},
        "many": {{{NET}, "name": "[format('m{{0}}', copyIndex())]", "copy": {{"name": "many", "count": 2}}, "dependsOn": ["net"]}},
        "one": {{{NET}, "name": "o", "dependsOn": ["[format('many[{{0}}]', 1)]"], "properties": {{"id": "[resourceInfo('net').id]"}}}}}},
        "outputs": {{"o": {{"type": "string", "value": "[resourceInfo('one').name]"}}}}"#
    );
    let plan = plan(&resources).expect("the template is right");
    let expected = edges(&[("n", &[]), ("m0", &["n"]), ("m1", &["n"]), ("o", &["m1"])]);
    assert_eq!(graph(&plan), expected);
    assert!(!plan.resources()[0].is_deployed());
    let body = plan.body(3, &NoRuntime);
    let id = &plan.resources()[0].id;
    assert_eq!(body, Ok(json!({"properties": {"id": id}})));
}

#[test]
fn what_is_wrong_is_said_with_line_and_column() {
    let net = |rest: &str| format!(r#""resources": [{{{NET}, {rest}}}]"#);
    let cycle = format!(
        r#""resources": [{{{NET}, "name": "a", "dependsOn": ["b"]}}, {{{NET}, "name": "b", "dependsOn": ["a"]}}]"#
    );
    let own = net(r#""name": "a", "properties": {"x": "[reference('b').y]"}"#);
    let twice = format!(r#""resources": [{{{NET}, "name": "a"}}, {{{NET}, "name": "A"}}]"#);
    let cases = [
        (
            net(r#""name": "a", "dependsOn": ["b"]"#),
            "The resource 'b' is not defined in the template",
        ),
        (
            cycle,
            "Circular dependency detected on resource: '/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/a'. Each of these depends on the next: Microsoft.Network/virtualNetworks/a -> Microsoft.Network/virtualNetworks/b -> Microsoft.Network/virtualNetworks/a",
        ),
        (twice, "is defined multiple times in a template"),
        (net(r#""name": "a/b""#), "has incorrect segment lengths"),
        (
            net(r#""name": "[concat('a']""#),
            "Unable to parse language expression 'concat('a'",
        ),
        (
            net(r#""name": "[parameters('x')]""#),
            "The template parameter 'x' is not found",
        ),
        (
            net(r#""name": "a", "copy": {"name": "l", "count": 801}"#),
            "The template copy definition has a count of '801'",
        ),
        (
            r#""resources": [{"type": "Microsoft.Network/virtualNetworks", "name": "a"}]"#
                .to_owned(),
            "Required property 'apiVersion' not found",
        ),
        (
            r#""resources": [], "more": 1"#.to_owned(),
            "Could not find member 'more' on object of type 'Template'. At line '3' and column '26'",
        ),
        (
            r#""resources": [], "variables": {"a": "[variables('b')]", "b": "[variables('a')]"}"#
                .to_owned(),
            "Circular dependency detected on template variable 'a'",
        ),
        (
            r#""resources": [], "parameters": {"a": {"type": "string"}}"#.to_owned(),
            "The value for the template parameter 'a' at line '3' and column '38' is not provided",
        ),
        (
            r#""resources": [], "parameters": {"a": {"type": "text"}}, "outputs": {}"#.to_owned(),
            "is not provided",
        ),
        (
            r#""resources": [], "outputs": {"o": {"type": "int", "value": "x"}}"#.to_owned(),
            "Unable to evaluate template outputs: 'o'",
        ),
        (
            r#""resources": [], "variables": {"r": "[reference('a')]"}"#.to_owned(),
            "The template function 'reference' is not expected at this location",
        ),
    ];
    for (sections, reason) in &cases {
        check_refused(&[(sections.as_str(), reason)]);
    }
    let plan = plan(&own).expect("a reference is looked up later");
    let refused = plan
        .body_so_far(0, &NoRuntime)
        .map_err(|error| error.message);
    assert!(refused.is_err_and(|message| message.contains("could not find template resource")));
}

#[test]
fn nested_templates_see_what_their_scope_says() {
    let nested = |scope: &str, parameters: &str| {
        format!(
            r#""parameters": {{"p": {{"type": "string", "defaultValue": "outer"}}}},
            "resources": [{{"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "n", "resourceGroup": "other",
            "properties": {{"mode": "Incremental", "expressionEvaluationOptions": {{"scope": "{scope}"}}, {parameters}
            "template": {{"$schema": "x", "contentVersion": "1.0.0.0", "parameters": {{"p": {{"type": "string", "defaultValue": "inner"}}}},
            "resources": [], "outputs": {{"o": {{"type": "string", "value": "[concat(parameters('p'), '/', resourceGroup().name)]"}}}}}}}}}}]"#
        )
    };
    for (scope, parameters, expected) in [
        ("inner", "", "inner/other"),
        (
            "inner",
            r#""parameters": {"p": {"value": "[concat(parameters('p'), '!')]"}},"#,
            "outer!/other",
        ),
        ("outer", "", "outer/rg"),
    ] {
        let plan = plan(&nested(scope, parameters)).expect("the template is right");
        assert_eq!(
            plan.resources()[0].id,
            "/subscriptions/s/resourceGroups/other/providers/Microsoft.Resources/deployments/n"
        );
        let inner = plan.nested(0).expect("it nests a template");
        let facts = Facts::of_group("s", "other", "westeurope");
        let inner = plan
            .plan_nested(0, &inner, facts, &NoRuntime)
            .expect("it can be planned");
        let outputs = inner.outputs(&NoRuntime).expect("it has outputs");
        assert_eq!(outputs[0].value, Some(json!(expected)), "{scope}");
    }
}

#[test]
fn bombs_end_at_a_limit() {
    let doubling: Vec<String> = (1..40)
        .map(|n| {
            format!(
                r#""v{n}": "[concat(variables('v{}'), variables('v{}'))]""#,
                n - 1,
                n - 1
            )
        })
        .collect();
    let text = format!(
        r#""resources": [], "variables": {{"v0": "xxxxxxxxxxxxxxxx", {}}}"#,
        doubling.join(", ")
    );
    let arrays = text.replace("\"xxxxxxxxxxxxxxxx\"", "[1, 2, 3]");
    let chain: Vec<String> = (0..500)
        .map(|n| format!(r#""v{n}": "[variables('v{}')]""#, n + 1))
        .collect();
    let chain = format!(
        r#""resources": [], "variables": {{{}, "v500": 1}}"#,
        chain.join(", ")
    );
    let loops = r#""resources": [], "variables": {"x": {"copy": [{"name": "a", "count": 800, "input": {"copy": [{"name": "b", "count": 800, "input": {"copy": [{"name": "c", "count": 800, "input": "[copyIndex('c')]"}]}}]}}]}}"#;
    let ranges = r#""resources": [], "outputs": {"o": {"type": "array", "value": "[map(range(0, 10000), lambda('x', range(0, 10000)))]"}}"#;
    check_refused(&[
        (&text, "a text longer than 1048576 bytes"),
        (&arrays, "values of more than 67108864 bytes"),
        (&chain, "nesting deeper than 192 levels"),
        (loops, "The template exceeds a limit"),
        (ranges, "values of more than 67108864 bytes"),
    ]);
}
