//! The production tool against a local Azure in another process: deploy, swap, go back, retire.

mod support;

use support::system::System;

#[test]
fn a_system_that_is_not_deployed_is_named_with_what_makes_it() {
    let system = System::start();
    for verb in [&["status"][..], &["swap"]] {
        let ended = system.run(verb);
        assert_eq!(
            ended.code, 3,
            "{verb:?}: {}\n{}",
            ended.stdout, ended.stderr
        );
        let told = format!("{}{}", ended.stdout, ended.stderr);
        assert!(told.contains("Frontend-P-RG"), "{verb:?}: {told}");
        assert!(told.contains("deploy"), "{verb:?}: {told}");
    }
}

#[test]
fn a_system_is_deployed_swapped_and_brought_back_on_sockets() {
    let system = System::start();
    for part in ["frontend", "green", "blue"] {
        assert_eq!(
            system.completes(&["deploy", part])["changed"],
            true,
            "{part}"
        );
    }
    assert_eq!(system.completes(&["deploy", "frontend"])["changed"], false);
    assert_eq!(system.live(), "green");

    let swapped = system.completes(&["swap"]);
    assert_eq!(swapped["outcome"], "completed", "{swapped:#}");
    assert_eq!(swapped["gateway_puts"], 2, "{swapped:#}");
    assert_eq!(system.live(), "blue");
    assert_eq!(
        system.completes(&["swap", "--to", "blue"])["outcome"],
        "nothing_to_do"
    );

    // The way back from a finished swap is a swap of its own, gated alike.
    assert_eq!(system.completes(&["rollback"])["gateway_puts"], 2);
    assert_eq!(system.live(), "green");
    assert_eq!(system.completes(&["retire"])["changed"], true);
}

#[test]
fn an_unknown_part_names_the_known_ones() {
    let system = System::start();
    let ended = system.run(&["deploy", "purple"]);
    assert_eq!(ended.code, 64, "{}", ended.stderr);
    assert!(ended.stderr.contains("`green`"), "{}", ended.stderr);
}

/// A side that a template of the user's makes: its outputs say where it is, and the commands that
/// look at a side find it there.
#[test]
fn a_side_made_by_a_template_is_found_by_its_outputs() {
    let system = System::start();
    let template = include_str!("../examples/template/side.json");
    let file = |name: &str| system.folder.path().join(name);
    std::fs::write(file("side.json"), template).expect("the folder is ours");
    let parameters =
        r#"{"parameters": {"address": {"value": "10.0.0.5"}, "instances": {"value": 2}}}"#;
    std::fs::write(file("green.json"), parameters).expect("the folder is ours");
    let text = std::fs::read_to_string(file("turquoise.toml")).expect("just written");
    let described = "[sides.green]\n";
    assert!(text.contains(described), "{text}");
    let text = text.replacen(
        described,
        "[sides.green]\ntemplate = \"side.json\"\nparameters = \"green.json\"\n",
        1,
    );
    std::fs::write(file("turquoise.toml"), text).expect("the folder is ours");

    let early = system.run(&["status"]);
    assert_eq!(early.code, 3, "{}", early.stderr);
    assert!(
        early.stderr.contains("turquoise deploy green"),
        "{}",
        early.stderr
    );
    system.deployed();
    for (again, changed) in [("green", false), ("blue", false)] {
        assert_eq!(
            system.completes(&["deploy", again])["changed"],
            changed,
            "{again}"
        );
    }
    assert_eq!(system.live(), "green");
    let checks = system.completes(&["doctor"]);
    assert_eq!(checks["outcome"], "completed", "{checks:#}");
    // Two machines, as the parameters say; our own description would have made three.
    let plan = system.completes(&["plan"]);
    assert_eq!(plan["content"]["old"]["name"], "green", "{plan:#}");
    assert_eq!(plan["content"]["old"]["instances"], 2, "{plan:#}");

    // What serves is not changed, whoever made it.
    let other = parameters.replace("\"value\": 2", "\"value\": 3");
    std::fs::write(file("green.json"), other).expect("the folder is ours");
    let refused = system.run(&["deploy", "green"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("green-web"), "{}", refused.stderr);

    let wrong = template.replace("\"scaleSet\":", "\"set\":");
    std::fs::write(file("side.json"), wrong).expect("the folder is ours");
    std::fs::write(file("green.json"), parameters).expect("the folder is ours");
    let swapped = system.completes(&["swap"]);
    assert_eq!(swapped["outcome"], "completed", "{swapped:#}");
    let refused = system.run(&["deploy", "green"]);
    assert_eq!(refused.code, 64, "{}", refused.stderr);
    assert!(refused.stderr.contains("`scaleSet`"), "{}", refused.stderr);
}
