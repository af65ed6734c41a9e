//! Stepping through a run: event by event on a terminal, all at once elsewhere.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Write};

use serde_json::json;
use turquoise_scenarios::walk::{State, Step, Walk};

use crate::output::Output;

const HELP: &str =
    "enter: next   N: step N   /text: next step with that text   p: previous   q: end";

/// What somebody typed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Command {
    Next,
    Previous,
    Go(usize),
    Find(String),
    Quit,
    Unknown,
}

/// Walks through a run, however the output is read.
pub(super) fn walk(walk: &Walk, output: &Output) {
    for (number, step) in walk.steps.iter().enumerate() {
        output.event(&json!({"event": "step", "number": number, "step": step}));
    }
    if !output.is_text() {
        return;
    }
    let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
    if stdin.is_terminal() && stdout.is_terminal() {
        // A terminal that has gone away ends the walk, not the replay.
        let _gone = interact(walk, stdin.lock(), stdout.lock());
    } else {
        let all = (0..walk.steps.len()).map(|number| shown(walk, number));
        output.text(&all.collect::<String>());
    }
}

fn interact(walk: &Walk, input: impl BufRead, mut out: impl Write) -> std::io::Result<()> {
    writeln!(out, "{} steps. {HELP}\n", walk.steps.len())?;
    let mut number = 0;
    write!(out, "{}", shown(walk, number))?;
    out.flush()?;
    for line in input.lines() {
        match command(&line?) {
            Command::Quit => break,
            Command::Unknown => writeln!(out, "{HELP}")?,
            command => match target(walk, number, &command) {
                Some(next) => {
                    number = next;
                    write!(out, "{}", shown(walk, number))?;
                }
                None => writeln!(out, "there is no such step")?,
            },
        }
        out.flush()?;
    }
    Ok(())
}

fn command(line: &str) -> Command {
    match line.trim() {
        "" => Command::Next,
        "q" => Command::Quit,
        "p" => Command::Previous,
        text => match (text.strip_prefix('/'), text.parse()) {
            (Some(wanted), _) if !wanted.is_empty() => Command::Find(wanted.to_owned()),
            (None, Ok(number)) => Command::Go(number),
            _ => Command::Unknown,
        },
    }
}

/// The step that a command leads to.
fn target(walk: &Walk, number: usize, command: &Command) -> Option<usize> {
    let exists = |number: &usize| *number < walk.steps.len();
    match command {
        Command::Next => Some(number + 1).filter(exists),
        Command::Previous => number.checked_sub(1),
        Command::Go(number) => Some(*number).filter(exists),
        Command::Find(text) => {
            let text = text.to_lowercase();
            let has = |step: &Step| step.what.to_lowercase().contains(&text);
            let after = walk.steps.iter().skip(number + 1).position(has);
            after.map(|index| number + 1 + index)
        }
        Command::Quit | Command::Unknown => None,
    }
}

/// One step with what is different from the step before; the first one with everything.
fn shown(walk: &Walk, number: usize) -> String {
    let step = &walk.steps[number];
    let before = number
        .checked_sub(1)
        .map(|before| rows(&walk.steps[before].state));
    let mut text = format!(
        "{number:>5} {:>10.3} s  {}\n",
        walk.seconds(step.at),
        step.what
    );
    for (index, (name, value)) in rows(&step.state).into_iter().enumerate() {
        let same = before
            .as_ref()
            .is_some_and(|before| before[index].1 == value);
        if !same {
            let _infallible = writeln!(text, "{:>20}{name}: {value}", "");
        }
    }
    text
}

/// The state as names and values.
fn rows(state: &State) -> [(&'static str, String); 8] {
    let phase = state.phase.map_or_else(
        || "none".to_owned(),
        |mark| format!("P{}{}", mark.phase, if mark.reverse { " back" } else { "" }),
    );
    [
        ("phase", phase),
        ("pool in ARM", set(&state.pool)),
        ("effective", each(&state.effective, |members| set(members))),
        ("unhealthy", each(&state.unhealthy, |members| set(members))),
        ("serving", each(&state.serving, |members| set(members))),
        ("in flight", each(&state.in_flight, ToString::to_string)),
        ("processes", each(&state.processes, Clone::clone)),
        ("lease", state.lease.clone()),
    ]
}

fn set<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    format!("{{{}}}", names.join(", "))
}

fn each<K: ToString, V>(
    all: &std::collections::BTreeMap<K, V>,
    value: impl Fn(&V) -> String,
) -> String {
    let all: Vec<String> = all
        .iter()
        .map(|(key, found)| format!("{}: {}", key.to_string(), value(found)))
        .collect();
    all.join("  ")
}

#[cfg(test)]
mod tests {
    use turquoise_scenarios::generate;
    use turquoise_scenarios::run::{Level, Runner};
    use turquoise_scenarios::subject::Subject;

    use super::*;

    fn a_walk() -> Walk {
        let scenario = generate::calm(1);
        let ran = Runner::default().run(Level::Core, Subject::Turquoise, &scenario);
        Walk::new(&ran.expect("it runs").observation)
    }

    #[test]
    fn commands_are_keys_numbers_and_texts() {
        for (line, expected) in [
            ("", Command::Next),
            ("p", Command::Previous),
            ("12", Command::Go(12)),
            ("/drain", Command::Find("drain".to_owned())),
            ("q", Command::Quit),
            ("what", Command::Unknown),
            ("/", Command::Unknown),
        ] {
            assert_eq!(command(line), expected, "{line}");
        }
    }

    #[test]
    fn one_walks_jumps_and_searches() {
        let walk = a_walk();
        let mut out = Vec::new();
        let typed = "\n/p7 is entered\n0\np\n999999\nhelp\nq\n\n";
        interact(&walk, typed.as_bytes(), &mut out).expect("a vector takes every byte");
        let text = String::from_utf8(out).expect("it is text");
        for expected in [
            "steps.",
            "P7 is entered",
            "phase: P7",
            "there is no such step",
            HELP,
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        assert!(text.matches("\n    0 ").count() == 2, "{text}");
    }

    #[test]
    fn a_step_shows_what_is_different() {
        let walk = a_walk();
        assert!(shown(&walk, 0).contains("in flight"));
        let same = (1..walk.steps.len())
            .find(|number| rows(&walk.steps[*number].state) == rows(&walk.steps[number - 1].state));
        let same = shown(&walk, same.expect("an ARM read changes nothing"));
        assert_eq!(same.lines().count(), 1, "{same}");
    }
}
