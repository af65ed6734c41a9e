//! Hooks at the boundaries of phases: asked at their moment, believed, bounded, remembered.

use super::*;
use crate::config::Hook;
use crate::environment::{OutsideError, Reply, Whom};
use crate::gates::HookAnswer;

fn exit(code: i32) -> Result<Reply, OutsideError> {
    let said = String::new();
    Ok(Reply::Exit {
        code: Some(code),
        said,
    })
}

const YES: i32 = 0;
const NO: i32 = 1;
const NOT_YET: i32 = 75;

fn hook(at: &str) -> Hook {
    toml::from_str(&format!(
        "name = \"smoke\"\nat = \"{at}\"\ncommand = [\"./smoke\"]\ndeadline = \"1m\""
    ))
    .expect("the literal is a hook")
}

fn hooked(at: &str, codes: &[i32]) -> Lab {
    let mut lab = lab();
    lab.config.hooks = vec![hook(at)];
    lab.answers(codes);
    lab
}

impl Lab {
    fn answers(&self, codes: &[i32]) {
        let mut outside = self.fake.outside.borrow_mut();
        outside.replies = codes.iter().map(|code| exit(*code)).collect();
        outside.calls.clear();
    }

    fn asked(&self) -> usize {
        self.fake.outside.borrow().calls.len()
    }

    /// What the last call told about the run.
    fn told(&self) -> serde_json::Value {
        let outside = self.fake.outside.borrow();
        let (_, call) = outside.calls.last().expect("a hook was asked");
        match &call.whom {
            Whom::Command { input, .. } => serde_json::from_str(input).expect("it is JSON"),
            Whom::Web { .. } => panic!("the hook is a command"),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let log = self.progress.0.borrow();
        let warnings = log.iter().filter_map(|(_, progress)| match progress {
            Progress::Warning { text } => Some(text.clone()),
            _ => None,
        });
        warnings.collect()
    }
}

/// Which hooks were asked by how many gateway writes, and how the run ended.
#[track_caller]
fn check(at: &str, codes: &[i32], exit_code: u8, puts: &[Vec<Ipv4Addr>], asked: usize) {
    let lab = hooked(at, codes);
    let report = lab.swap();
    assert_eq!(report.exit_code(), exit_code, "{at}: {}", report.reason);
    assert_eq!(lab.puts(), puts, "{at}");
    assert_eq!(lab.asked(), asked, "{at}");
    let [green, blue] = [lab.minimum("green"), lab.minimum("blue")];
    assert_eq!((green, blue), (3, 3), "{at}: the pins are back");
}

#[test]
fn a_hook_that_agrees_changes_nothing_and_is_asked_once() {
    let forward = [vec![GREEN, BLUE], vec![BLUE]];
    for moment in [
        "before P0",
        "after P1",
        "before P4",
        "after P4",
        "before P7",
        "after P7",
    ] {
        check(moment, &[YES], 0, &forward, 1);
    }
    for moment in ["before P11", "after P10", "on end"] {
        check(moment, &[YES], 0, &forward, 1);
    }
    check("on rollback", &[YES], 0, &forward, 0);
}

#[test]
fn a_required_no_refuses_before_the_first_write_and_leads_back_after_it() {
    check("before P0", &[NO], 3, &[], 1);
    check("before P1", &[NO], 3, &[], 1);
    check("before P2", &[NO], 4, &[], 1);
    check("before P4", &[NO], 4, &[], 1);
    let back = [vec![GREEN, BLUE], vec![GREEN]];
    check("after P4", &[NO], 5, &back, 1);
    check("before P7", &[NO], 5, &back, 1);
    let far = [
        vec![GREEN, BLUE],
        vec![BLUE],
        vec![GREEN, BLUE],
        vec![GREEN],
    ];
    for moment in ["after P7", "before P9", "before P11"] {
        check(moment, &[NO], 5, &far, 1);
    }
}

#[test]
fn who_has_not_decided_is_asked_again_until_the_deadline() {
    let forward = [vec![GREEN, BLUE], vec![BLUE]];
    check("before P4", &[NOT_YET, NOT_YET, YES], 0, &forward, 3);
    let lab = hooked("before P4", &[NOT_YET]);
    let report = lab.swap();
    assert_eq!(report.exit_code(), 4);
    assert!(
        report.reason.contains("hook `smoke` to decide"),
        "{}",
        report.reason
    );
    assert_eq!(lab.asked(), 7, "a minute, every ten seconds");
}

#[test]
fn a_call_that_nobody_hears_is_made_again_and_one_that_cannot_be_made_is_a_no() {
    let lab = hooked("before P4", &[]);
    let lost = || Err(OutsideError::Unheard("no answer".to_owned()));
    lab.fake.outside.borrow_mut().replies = vec![lost(), lost(), exit(YES)];
    assert_eq!((lab.swap().exit_code(), lab.asked()), (0, 3));
    let lab = hooked("before P4", &[]);
    let never = Err(OutsideError::Unusable(
        "`./smoke` cannot be started".to_owned(),
    ));
    lab.fake.outside.borrow_mut().replies = vec![never];
    let report = lab.swap();
    assert_eq!((report.exit_code(), lab.asked()), (4, 1));
    assert!(
        report.reason.contains("cannot be started"),
        "{}",
        report.reason
    );
}

#[test]
fn an_advisory_no_is_a_warning() {
    let mut lab = hooked("after P4", &[NO]);
    lab.config.hooks[0].required = Some(false);
    let report = lab.swap();
    assert_eq!((report.exit_code(), report.reason.as_str()), (0, ""));
    let warnings = lab.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("advisory"), "{warnings:?}");
}

#[test]
fn the_way_back_tells_its_hook_and_waits_for_nobody() {
    let mut lab = hooked("after P4", &[NO, NOT_YET]);
    let mut told = hook("on rollback");
    "told".clone_into(&mut told.name);
    lab.config.hooks.push(told);
    let report = lab.swap();
    assert_eq!(report.exit_code(), 5, "{}", report.reason);
    assert!(report.reason.contains("says no"), "{}", report.reason);
    assert_eq!(lab.asked(), 2);
    let context = lab.told();
    assert_eq!(context["when"], "on rollback");
    assert_eq!(context["reverse"], true);
    assert!(
        context["reason"]
            .as_str()
            .is_some_and(|why| why.contains("`smoke`"))
    );
}

#[test]
fn a_hook_is_told_what_a_script_needs() {
    let lab = hooked("on end", &[YES]);
    lab.swap();
    let context = lab.told();
    for (pointer, value) in [
        ("/version", json!(1)),
        ("/hook", json!("smoke")),
        ("/ending", json!("Completed")),
        ("/pool", json!("pool01")),
        ("/members", json!(["10.0.0.6"])),
        ("/gateway_writes", json!(2)),
        ("/old/name", json!("green")),
        ("/new/name", json!("blue")),
    ] {
        assert_eq!(context.pointer(pointer), Some(&value), "{pointer}");
    }
    let run = context["run"].as_str().expect("a run");
    assert_eq!(context["call"], format!("{run}/smoke"));
}

#[test]
fn wherever_the_process_dies_a_journalled_answer_is_not_asked_for_again() {
    let mut lines = 1;
    let mut died = 0;
    loop {
        let lab = hooked("before P4", &[NOT_YET, YES]);
        if lab.swap_until(&settings(), lines).is_some() {
            break;
        }
        died += 1;
        let before = lab.asked();
        let answered = lab.fake.run(async {
            let (_, run) = last_run(&lab.store).await.expect("it is in memory")?;
            run.hooks.get("smoke").and_then(|past| past.answer.clone())
        });
        let settled = matches!(answered, Some((HookAnswer::Succeeded, _)));
        if !lab.ended() {
            let last = Settings {
                start: Start::ResumeLast,
                ..settings()
            };
            let report = lab.swap_with(&last);
            assert_eq!(
                report.exit_code(),
                0,
                "after line {lines}: {}",
                report.reason
            );
        }
        let again = lab.asked() - before;
        assert!(
            !settled || again == 0,
            "after line {lines}: asked {again} times again"
        );
        assert!(
            lab.asked() >= 2,
            "after line {lines}: its yes was never heard"
        );
        assert_eq!(
            lab.puts(),
            [vec![GREEN, BLUE], vec![BLUE]],
            "after line {lines}"
        );
        lines += 1;
    }
    assert!(died > 20, "{died}");
}

#[test]
fn a_no_holds_after_a_crash_and_is_asked_anew_once_a_person_goes_on() {
    let mut lab = hooked("after P4", &[NO]);
    lab.config.breach.action = crate::config::BreachAction::Park;
    let parked = lab.swap();
    assert_eq!(parked.exit_code(), 7, "{}", parked.reason);
    lab.answers(&[YES]);
    let last = Settings {
        start: Start::ResumeLast,
        ..settings()
    };
    assert_eq!((lab.swap_with(&last).exit_code(), lab.asked()), (0, 1));
}

#[test]
fn an_abort_is_heard_while_a_hook_makes_up_its_mind() {
    let lab = hooked("before P4", &[NOT_YET]);
    lab.fake.interrupt_at.set(Some(60_000));
    let mut lab = lab;
    lab.config.hooks[0].deadline = Span::minutes(60);
    let report = lab.swap();
    assert_eq!(report.exit_code(), 130, "{}", report.reason);
    assert!(lab.puts().is_empty());
    lab.fake.interrupt_at.set(None);
    let settings = settings();
    let run = lab.with(&settings, &lab.store);
    let report = lab.fake.run(abort(&run));
    assert_eq!(
        (report.exit_code(), lab.puts().len()),
        (4, 0),
        "{}",
        report.reason
    );
}

#[test]
fn moments_are_told_in_the_journal() {
    let lab = hooked("before P4", &[NOT_YET, NOT_YET, YES]);
    lab.swap();
    let lines = lab.fake.run(async {
        let runs = JournalStore::runs(&lab.store).await;
        let runs = runs.expect("it is in memory");
        journal_lines(&lab.store, &runs[0]).await
    });
    let lines = lines.expect("the chain is whole");
    let told = lines
        .iter()
        .filter_map(|line| match line["record"].as_str() {
            Some("hook_called") => Some(line["when"].to_string()),
            Some("hook_answered") => Some(format!("{} {}", line["attempt"], line["answer"])),
            _ => None,
        });
    let told: Vec<String> = told.collect();
    assert_eq!(
        told,
        ["\"before P4\"", "1 \"IN_PROGRESS\"", "3 \"SUCCEEDED\""]
    );
}
