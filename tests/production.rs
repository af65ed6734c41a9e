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
