use turquoise_emulator::ledger::Fault;

use super::*;
use crate::sample::{OLD, at, clean, fail, secs};

fn about() -> About {
    About {
        orchestrator: "break <no-drain>".to_owned(),
        outcome: "completed".to_owned(),
        facts: vec![("seed".to_owned(), "7 & more".to_owned())],
        command: "turquoise rehearse --break no-drain".to_owned(),
        compared: Vec::new(),
    }
}

fn broken() -> Observation {
    let mut observation = clean();
    for second in [161, 162] {
        let index = at(&observation, secs(second));
        observation.ledgers.gateway[index].member = Some(OLD);
        fail(&mut observation, index, Fault::Refused);
    }
    observation
}

fn page_of(observation: &Observation) -> String {
    page(&about(), observation, &crate::judge(observation))
}

/// Opening and closing tags in step; a browser forgives much, a reader of the source does not.
fn check_tags(page: &str) {
    let void = ["!DOCTYPE", "meta", "br"];
    let mut open: Vec<&str> = Vec::new();
    let (before, rest) = page.split_once("<style>").expect("a style");
    let (_, after) = rest.split_once("</style>").expect("an end of the style");
    for part in before.split('<').skip(1).chain(after.split('<').skip(1)) {
        let tag = part.split('>').next().expect("an end of the tag");
        let name = tag
            .trim_end_matches('/')
            .split_whitespace()
            .next()
            .expect("a name");
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "in `{part}`");
        } else if !tag.ends_with('/') && !void.contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn every_tag_is_closed() {
    check_tags(&page_of(&clean()));
    check_tags(&page_of(&broken()));
}

#[test]
fn the_page_asks_nobody_for_anything() {
    let page = page_of(&broken());
    for outside in ["http:", "https:", "src=", "<script", "@import", "url("] {
        assert!(!page.contains(outside), "`{outside}` leads outside");
    }
}

#[test]
fn texts_from_outside_are_escaped() {
    let page = page_of(&clean());
    assert!(page.contains("break &lt;no-drain&gt;"));
    assert!(page.contains("7 &amp; more"));
    assert!(!page.contains("<no-drain>"));
}

#[test]
fn a_clean_run_says_so_and_shows_both_sides() {
    let page = page_of(&clean());
    for part in [
        "Nothing was lost and no invariant was broken",
        "The swap over time",
        "At 20.0 s the pool became green + blue.",
        "At 60.0 s the pool became blue.",
        "Gateway 1",
        "prefers-color-scheme: dark",
        "0 requests lost.",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
    assert!(!page.contains("Broken invariants"));
}

#[test]
fn losses_are_marked_named_and_explained() {
    let page = page_of(&broken());
    for part in [
        "✗ 2 requests lost",
        "Broken invariants",
        "Lost requests: 2",
        "1 lost at 61.00 s",
        "INFRA_5XX",
        "already out of the pool in ARM",
        "F33 F34",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
}

#[test]
fn the_tables_read_as_they_always_did() {
    let page = page_of(&broken());
    let tables = page.split_once("</figure>").expect("a figure").1;
    insta::assert_snapshot!("tables", tables);
}

/// Writes both pages where `TURQUOISE_PAGES` says, to look at them.
#[test]
fn pages_can_be_written_for_looking_at() {
    for (name, observation) in [("clean", clean()), ("broken", broken())] {
        let page = page_of(&observation);
        assert!(page.starts_with("<!DOCTYPE html>"));
        if let Some(folder) = std::env::var_os("TURQUOISE_PAGES") {
            let path = std::path::Path::new(&folder)
                .join(name)
                .with_extension("html");
            std::fs::write(path, page).expect("a folder that can be written");
        }
    }
}
