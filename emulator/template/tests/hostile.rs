//! Whatever a template holds, it is refused or planned: no panic, the same answer every time.

#[path = "support/judge.rs"]
mod judge;

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;

use judge::{judge, whole};

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
        judge(&text);
    }

    #[test]
    fn any_brackets_are_refused_or_planned(text in "[\\[\\]{}\"':,./*a1 \\\\-]{0,200}") {
        judge(&text);
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
        judge(&text);
        // One part at a time, so that one bad part does not hide the others.
        for (section, expression) in [("w", &variable), ("body", &body)] {
            let text = format!(
                r#"{{"$schema": "s", "contentVersion": "1.0.0.0", "resources": [],
                "variables": {{"v": [1, 2, "x"], "w": 7}},
                "parameters": {{"p": {{"type": "object", "defaultValue": {{"a": 1}}}}}},
                "outputs": {{"{section}": {{"type": "string", "value": {}}}}}}}"#,
                quoted(expression),
            );
            judge(&text);
        }
    }
}

/// The texts that fuzzing begins with; each is a template on its own.
static SEEDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/template");
    let entries = std::fs::read_dir(folder).expect("the corpus is there");
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    let texts = paths.iter().map(std::fs::read_to_string);
    texts.collect::<Result<_, _>>().expect("the corpus is text")
});

#[test]
fn what_fuzzing_begins_with_is_planned() {
    assert!(SEEDS.len() >= 4, "the corpus has lost texts");
    for seed in SEEDS.iter() {
        let said = whole(seed);
        assert!(!said.starts_with("TemplateError"), "{said}");
        judge(seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// What the fuzz target does, for a counted number of turns.
    #[test]
    fn a_template_with_wrong_bytes_is_refused_or_planned(
        seed in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 1..12),
    ) {
        let mut bytes = seed.get(&SEEDS).clone().into_bytes();
        for (at, kind, byte) in changes {
            let at = at.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(at, byte),
                1 => bytes.truncate(at.max(1)),
                2 => bytes.extend_from_within(at..),
                _ => {
                    if let Some(held) = bytes.get_mut(at) {
                        *held = b"[](){}',:\"\\0"[usize::from(byte) % 12];
                    }
                }
            }
        }
        judge(&String::from_utf8_lossy(&bytes));
    }
}

/// A template of one output.
fn output(variables: &str, expression: &str) -> String {
    let expression = Value::from(format!("[{expression}]"));
    format!(
        r#"{{"$schema": "s", "contentVersion": "1.0.0.0", "variables": {{{variables}}}, "resources": [],
        "outputs": {{"o": {{"type": "string", "value": {expression}}}}}}}"#
    )
}

/// A template of one resource with a body.
fn body(members: &str) -> String {
    format!(
        r#"{{"$schema": "s", "contentVersion": "1.0.0.0", "resources": [
        {{"type": "Microsoft.Network/virtualNetworks", "apiVersion": "2024-05-01", "name": "v", {members}}}]}}"#
    )
}

/// Each is refused, by a limit or by what it lacks; none takes the time or the memory it asks for.
#[test]
fn bombs_are_refused() {
    let doubled = |first: &str, call: &str| {
        let double = (1..40).map(|n| {
            let before = n - 1;
            format!(r#", "v{n}": "[{call}(variables('v{before}'), variables('v{before}'))]""#)
        });
        format!(r#""v0": {first}{}"#, double.collect::<String>())
    };
    let deep = |open: &str, close: &str, levels: usize| {
        format!("{}1{}", open.repeat(levels), close.repeat(levels))
    };
    let cases = [
        (
            "a text that doubles",
            output(&doubled(r#""0123456789""#, "concat"), "variables('v39')"),
            "longer than",
        ),
        (
            "a list that doubles",
            output(&doubled("[1]", "createArray"), "variables('v39')"),
            "bytes",
        ),
        (
            "calls in calls",
            output("", &deep("not(", ")", 3_000)),
            "levels",
        ),
        (
            "a variable that is itself",
            output(r#""v": "[variables('v')]""#, "variables('v')"),
            "Circular",
        ),
        (
            "loops in loops",
            output(
                "",
                "map(range(0, 800), lambda('a', map(range(0, 800), lambda('b', map(range(0, 800), lambda('c', 1))))))",
            ),
            "more than 20000 steps",
        ),
        (
            "a wide text",
            output("", "padLeft('a', 2000000000)"),
            "longer than",
        ),
        ("a long range", output("", "range(0, 2000000000)"), "range"),
        (
            "a text that grows",
            output(
                "",
                "replace(padLeft('a', 60000, 'a'), 'a', padLeft('b', 60000))",
            ),
            "longer than",
        ),
        (
            "a JSON text of brackets",
            output("", &format!("json('{}')", deep("[", "]", 10_000))),
            "json",
        ),
        (
            "801 copies",
            body(r#""copy": {"name": "l", "count": 801}"#),
            "between 0 and 800",
        ),
        (
            "801 items",
            body(r#""properties": {"copy": [{"name": "x", "count": 801, "input": 1}]}"#),
            "between 0 and 800",
        ),
        (
            "brackets",
            body(&format!(r#""properties": {}"#, deep("[", "]", 20_000))),
            "deep",
        ),
        (
            "an expression over Azure's length",
            output("", &format!("concat('{}')", "a".repeat(24_600))),
            "24576",
        ),
    ];
    let mut findings = Vec::new();
    for (name, text, reason) in cases {
        let said = whole(&text);
        if !said.contains(reason) {
            let tail: Vec<char> = said.chars().rev().take(250).collect();
            let tail: String = tail.into_iter().rev().collect();
            findings.push(format!("{name}: {tail}"));
        }
        judge(&text);
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// The most that Azure takes is taken.
#[test]
fn eight_hundred_copies_are_planned() {
    let text = body(r#""copy": {"name": "l", "count": 800}"#)
        .replace(r#""name": "v""#, r#""name": "[concat('v', copyIndex())]""#);
    let said = whole(&text);
    assert!(
        said.matches("Ok(Object").count() >= 800,
        "{}",
        &said[..200.min(said.len())]
    );
}
