//! Whether one side can carry the load, machine by machine.
//!
//! The gateway sees one address per side, so its health says little about a fleet (F05, F06): each
//! instance must be there, run the latest model, be healthy by its own word and up for the load
//! balancer. Nothing passes vacuously (F03).

use super::verdict::Verdict;
use crate::view::load_balancer::RuleHealth;
use crate::view::scale_set::Instance;

/// One side as read just now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SideFacts {
    /// The side's name, for texts.
    pub(crate) name: String,
    /// The scale set's capacity.
    pub(crate) capacity: u32,
    /// Its instances, over all pages.
    pub(crate) instances: Vec<Instance>,
    /// The load balancer's verdict for each of its rules.
    pub(crate) rules: Vec<(String, RuleHealth)>,
}

impl SideFacts {
    /// Instances that can be counted on.
    pub(crate) fn healthy(&self) -> u32 {
        let sound = self.instances.iter().filter(|i| i.fault().is_none());
        u32::try_from(sound.count()).unwrap_or(u32::MAX)
    }
}

/// Passes when at least `required` instances, and all there are, are proven.
pub(crate) fn side_verdict(facts: &SideFacts, required: u32) -> Verdict {
    let mut missing = Vec::new();
    let listed = u32::try_from(facts.instances.len()).unwrap_or(u32::MAX);
    let required = required.max(1);
    if facts.capacity < required {
        missing.push(format!(
            "{} has capacity {} of {required}",
            facts.name, facts.capacity
        ));
    }
    if listed != facts.capacity {
        missing.push(format!(
            "{} lists {listed} of {} instances",
            facts.name, facts.capacity
        ));
    }
    missing.extend(facts.instances.iter().filter_map(Instance::fault));
    if facts.rules.is_empty() {
        missing.push(format!("{}'s load balancer has no rule", facts.name));
    }
    for (rule, health) in &facts.rules {
        missing.extend(health.down.iter().map(|row| format!("rule {rule}: {row}")));
        if health.up < listed.max(required) {
            missing.push(format!(
                "rule {rule}: {} of {} up",
                health.up,
                listed.max(required)
            ));
        }
    }
    if missing.is_empty() {
        let proof = format!(
            "{}: {listed} instances healthy, latest model, up",
            facts.name
        );
        return Verdict::pass(proof);
    }
    Verdict::Unknown(missing)
}

/// Whether a side can be gone back to: at least half of its machines are sound.
///
/// Less than forward asks, since what is left is worse: one sick machine of five must not keep
/// traffic on a side that fails (S19, F84). The gateway's own verdict comes on top.
pub(crate) fn retreat_verdict(facts: &SideFacts) -> Verdict {
    let (name, sound, capacity) = (&facts.name, facts.healthy(), facts.capacity);
    if sound > 0 && sound * 2 >= capacity {
        return Verdict::pass(format!("{name}: {sound} of {capacity} instances are sound"));
    }
    let mut missing = vec![format!("{name}: {sound} of {capacity} instances are sound")];
    missing.extend(facts.instances.iter().filter_map(Instance::fault));
    Verdict::Unknown(missing)
}

/// Why a side that serves bears less than it must: too few of its machines are sound, or reached by
/// one of its balancer's rules. `None` while there are enough.
pub(crate) fn short_of(facts: &SideFacts, required: u32) -> Option<String> {
    let reached = facts.rules.iter().map(|(_, health)| health.up).min();
    let bearing = facts.healthy().min(reached.unwrap_or_default());
    let name = &facts.name;
    (bearing < required)
        .then(|| format!("{name} has {bearing} machines that bear load, of {required}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: u32) -> Instance {
        Instance {
            id: id.to_string(),
            latest_model: true,
            provisioning: "Succeeded".to_owned(),
            healthy: Some(true),
        }
    }

    fn fleet(count: u32) -> SideFacts {
        let up = RuleHealth {
            up: count,
            down: Vec::new(),
        };
        SideFacts {
            name: "green".to_owned(),
            capacity: count,
            instances: (0..count).map(instance).collect(),
            rules: vec![("http".to_owned(), up)],
        }
    }

    fn check(edit: impl FnOnce(&mut SideFacts), missing: Option<&str>) {
        let mut facts = fleet(3);
        edit(&mut facts);
        match (side_verdict(&facts, 3), missing) {
            (Verdict::Pass(_), None) => {}
            (Verdict::Unknown(lines), Some(expected)) => {
                assert!(
                    lines.iter().any(|line| line.contains(expected)),
                    "{lines:?}"
                );
            }
            (verdict, missing) => panic!("{verdict:?} instead of {missing:?}"),
        }
    }

    #[test]
    fn every_machine_must_be_proven() {
        check(|_| {}, None);
        check(
            |f| f.instances[1].healthy = Some(false),
            Some("instance 1 is unhealthy"),
        );
        check(|f| f.instances[1].healthy = None, Some("says nothing"));
        check(|f| f.instances[2].latest_model = false, Some("older model"));
        check(|f| drop(f.instances.pop()), Some("lists 2 of 3"));
        check(|f| f.rules.clear(), Some("no rule"));
        check(|f| f.rules[0].1.up = 2, Some("2 of 3 up"));
        check(
            |f| f.rules[0].1.down.push("10.0.1.4 is Down".to_owned()),
            Some("10.0.1.4"),
        );
        check(|f| *f = fleet(2), Some("capacity 2 of 3"));
    }

    #[test]
    fn an_empty_fleet_never_passes() {
        assert!(!side_verdict(&fleet(0), 0).is_pass());
        assert!(!side_verdict(&SideFacts::default(), 0).is_pass());
    }

    #[test]
    fn a_side_is_short_of_machines_that_are_sick_or_not_reached() {
        let short = |edit: fn(&mut SideFacts)| {
            let mut facts = fleet(3);
            edit(&mut facts);
            short_of(&facts, 3).is_some()
        };
        assert!(!short(|_| {}));
        assert!(!short(|f| *f = fleet(4)));
        assert!(short(|f| f.instances[0].healthy = Some(false)));
        assert!(short(|f| f.rules[0].1.up = 2));
        assert!(short(|f| f.rules.clear()));
    }

    #[test]
    fn half_a_fleet_is_enough_to_go_back_to_and_none_is_not() {
        for (count, sick, passes) in [
            (3, 1, true),
            (4, 2, true),
            (3, 2, false),
            (1, 1, false),
            (0, 0, false),
        ] {
            let mut facts = fleet(count);
            for instance in facts.instances.iter_mut().take(sick) {
                instance.healthy = Some(false);
            }
            assert_eq!(
                retreat_verdict(&facts).is_pass(),
                passes,
                "{sick} of {count} sick"
            );
        }
    }
}
