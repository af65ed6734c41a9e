//! Tells a run's progress as it happens: lines for people on stderr, events for programs on stdout.

use std::cell::RefCell;
use std::net::Ipv4Addr;

use serde_json::{Value, json};
use turquoise_orchestrator::{Config, Instant, Observer, Progress};

use crate::display::{Display, Scene};
use crate::output::Output;

/// Hears a run of the orchestrator and shows it.
#[derive(Debug)]
pub(crate) struct Teller {
    output: Output,
    sides: Vec<(Ipv4Addr, String)>,
    shown: RefCell<(Display, Scene)>,
    start: Instant,
}

impl Teller {
    /// Tells from `start` on, naming sides as the configuration does.
    pub(crate) fn new(output: &Output, config: &Config, start: Instant) -> Self {
        Self {
            output: *output,
            sides: side_names(config),
            shown: RefCell::new((Display::new(output.live_display()), Scene::default())),
            start,
        }
    }

    /// Leaves the screen.
    pub(crate) fn finish(&self) {
        self.shown.borrow().0.finish();
    }
}

impl Observer for Teller {
    fn on(&self, at: Instant, progress: &Progress) {
        self.output.event(&event(at, progress));
        let mut shown = self.shown.borrow_mut();
        let (display, scene) = &mut *shown;
        scene.elapsed = at.since(self.start);
        scene.cloud = scene.elapsed;
        if let Some(text) = tell(scene, progress, &self.sides) {
            display.say(&text);
        }
        if let Progress::Entered { phase, reverse } = progress {
            display.say(&format!(
                "{phase}: abort now → {}",
                phase.abort_now(*reverse)
            ));
        }
        if !scene.step.is_empty() {
            display.show(scene);
        }
    }
}

/// The event as a line of `--output ndjson`.
pub(crate) fn event(at: Instant, progress: &Progress) -> Value {
    let mut document = serde_json::to_value(progress).unwrap_or_else(|_| json!({}));
    if let Some(members) = document.as_object_mut() {
        members.insert("at_ms".to_owned(), json!(at.0));
    }
    document
}

/// Names of sides by their pool address.
pub(crate) fn side_names(config: &Config) -> Vec<(Ipv4Addr, String)> {
    config
        .sides
        .iter()
        .map(|(name, side)| (side.address, name.clone()))
        .collect()
}

/// An address as people know it.
pub(crate) fn named(sides: &[(Ipv4Addr, String)], address: Ipv4Addr) -> String {
    sides
        .iter()
        .find(|(known, _)| *known == address)
        .map_or_else(|| address.to_string(), |(_, name)| name.clone())
}

/// Changes the scene as the progress says; returns what deserves a line of its own.
pub(crate) fn tell(
    scene: &mut Scene,
    progress: &Progress,
    sides: &[(Ipv4Addr, String)],
) -> Option<String> {
    match progress {
        Progress::Planned { old, new, plan, .. } => Some(format!(
            "plan: {old} serves, {new} is to serve\n  {}",
            plan.join("\n  ")
        )),
        Progress::Entered { phase, reverse } => {
            let way = if *reverse { " (back)" } else { "" };
            scene.step = format!("{phase}{way}");
            scene.waiting.clear();
            None
        }
        Progress::Waiting { missing, .. } => {
            scene.waiting = missing.join("; ");
            None
        }
        Progress::Left { .. } => {
            scene.waiting.clear();
            None
        }
        Progress::Pool { members } => {
            let members = members.iter().map(|member| named(sides, *member)).collect();
            set_pool(scene, "ARM", members);
            None
        }
        Progress::GatewayPut(write) => {
            let names = |list: &[Ipv4Addr]| {
                let names: Vec<String> = list.iter().map(|a| named(sides, *a)).collect();
                names.join(", ")
            };
            Some(format!(
                "gateway write: {{{}}} -> {{{}}}",
                names(&write.from),
                names(&write.to)
            ))
        }
        Progress::Deployed { resource, change } => {
            let name = resource.rsplit('/').next().unwrap_or(resource);
            Some(format!(
                "{:<10} {name}",
                format!("{change:?}").to_lowercase()
            ))
        }
        Progress::Note { text } => Some(text.clone()),
        Progress::Warning { text } => Some(format!("warning: {text}")),
        Progress::HookCalled { .. } => None,
        Progress::HookAnswered {
            hook,
            when,
            answer,
            detail,
            ..
        } => Some(
            format!("hook {hook} ({when}): {answer:?} {detail}")
                .trim_end()
                .to_owned(),
        ),
        Progress::Wrote { .. } | Progress::Answers { .. } => None,
    }
}

/// Sets what one observer has in the pool.
pub(crate) fn set_pool(scene: &mut Scene, observer: &str, members: Vec<String>) {
    match scene.pools.iter_mut().find(|(name, _)| name == observer) {
        Some((_, shown)) => *shown = members,
        None => scene.pools.push((observer.to_owned(), members)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use turquoise_orchestrator::Phase;

    use super::*;

    #[test]
    fn a_phase_is_the_step_and_its_missing_evidence_the_wait() {
        let sides = side_names(&Config::example());
        let mut scene = Scene::default();
        let entered = Progress::Entered {
            phase: Phase::P5,
            reverse: false,
        };
        assert_eq!(tell(&mut scene, &entered, &sides), None);
        let waiting = Progress::Waiting {
            phase: Phase::P5,
            elapsed: Duration::from_secs(3),
            ceiling: Duration::from_secs(60),
            missing: vec!["no answer of `blue-v2` yet".to_owned()],
        };
        tell(&mut scene, &waiting, &sides);
        let pool = Progress::Pool {
            members: vec![Ipv4Addr::new(10, 0, 0, 5), Ipv4Addr::new(10, 0, 0, 6)],
        };
        tell(&mut scene, &pool, &sides);
        assert_eq!(scene.step, "P5 confirm-add");
        assert_eq!(scene.waiting, "no answer of `blue-v2` yet");
        assert_eq!(
            scene.pools,
            [(
                "ARM".to_owned(),
                vec!["green".to_owned(), "blue".to_owned()]
            )]
        );
    }

    #[test]
    fn an_event_line_names_itself_and_its_time() {
        let progress = Progress::Note {
            text: "hello".to_owned(),
        };
        let line = event(Instant(1_500), &progress);
        assert_eq!(
            line,
            json!({"event": "note", "text": "hello", "at_ms": 1_500})
        );
    }
}
