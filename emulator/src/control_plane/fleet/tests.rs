//! What comes, goes and changes, and when.

use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::control_plane::resolve::scale_set::Model;

const SET: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/v";

fn version(generation: u64, image: &str, pools: &[&str]) -> Version {
    let pool = |name: &&str| {
        ResourceId::parse(&format!("{SET}/pools/{name}")).expect("the literal is an id")
    };
    Version {
        generation,
        model: Arc::new(Model {
            image: image.to_owned(),
            subnet: None,
            pools: pools.iter().map(pool).collect(),
            health: None,
        }),
        profile: Arc::new(Value::Null),
    }
}

fn window(from: u64, until: u64) -> Window {
    Window {
        from: Instant::from_millis(from),
        until: Instant::from_millis(until),
    }
}

/// A fleet of `count` instances of image `a`, all provisioned at 100 s.
fn fleet(count: u8) -> Fleet {
    let id = ResourceId::parse(SET).expect("the literal is an id");
    let mut fleet = Fleet::new(id, Seed::new(1));
    let addresses: Vec<Ipv4Addr> = (0..count).map(|n| Ipv4Addr::new(10, 0, 1, 4 + n)).collect();
    fleet.scale_out(window(0, 100_000), &version(1, "a", &["be"]), &addresses);
    fleet
}

fn gone(desired: &[Desired]) -> Vec<u32> {
    let gone = desired.iter().filter_map(|wish| match wish {
        Desired::InstanceGone { key, .. } => Some(key.number),
        _ => None,
    });
    gone.collect()
}

#[test]
fn instances_are_provisioned_at_their_own_instants_inside_the_operation() {
    let id = ResourceId::parse(SET).expect("the literal is an id");
    let mut fleet = Fleet::new(id, Seed::new(1));
    let addresses = [Ipv4Addr::new(10, 0, 1, 4), Ipv4Addr::new(10, 0, 1, 5)];
    let desired = fleet.scale_out(window(0, 100_000), &version(1, "a", &[]), &addresses);
    let at: Vec<Instant> = desired
        .iter()
        .filter_map(|wish| match wish {
            Desired::Instance(spec) => Some(spec.provisioned_at),
            _ => None,
        })
        .collect();
    assert_eq!(at.len(), 2);
    assert_ne!(at[0], at[1]);
    assert!(
        at.iter()
            .all(|at| (50_000..=100_000).contains(&at.as_millis()))
    );
    let first = fleet.instance(0).expect("it was created");
    assert_eq!(
        first.provisioning_state(at[0] - Duration::from_millis(1)),
        "Creating"
    );
    assert_eq!(first.provisioning_state(at[0]), "Succeeded");
}

#[test]
fn scale_in_takes_the_highest_numbers_and_passes_protected_ones_over() {
    let mut fleet = fleet(5);
    let spared = fleet.instance_mut(4).expect("it exists");
    spared.protect_from_scale_in = true;
    assert_eq!(fleet.scale_in(window(200_000, 230_000), 2), 2);
    assert_eq!(fleet.capacity(), 3);
    assert_eq!(fleet.staying(), [0, 1, 4]);
    assert_eq!(
        fleet.instances().count(),
        5,
        "they serve until they are removed"
    );
    let mut removed = gone(&fleet.advance_to(Instant::from_millis(230_000)));
    removed.sort_unstable();
    assert_eq!(removed, [2, 3]);
    assert_eq!(fleet.next_deadline(), None);
}

#[test]
fn protected_instances_bound_a_scale_in() {
    let mut fleet = fleet(2);
    for number in 0..2 {
        let spared = fleet.instance_mut(number).expect("it exists");
        spared.protect_from_scale_in = true;
    }
    assert_eq!(fleet.scale_in(window(200_000, 230_000), 1), 0);
    assert_eq!(fleet.capacity(), 2);
}

#[test]
fn numbers_are_not_used_again() {
    let mut fleet = fleet(2);
    fleet.remove(window(200_000, 210_000), &[1]);
    fleet.advance_to(Instant::from_millis(210_000));
    let address = [Ipv4Addr::new(10, 0, 1, 5)];
    fleet.scale_out(window(300_000, 400_000), &version(1, "a", &[]), &address);
    assert_eq!(fleet.staying(), [0, 2]);
}

#[test]
fn new_pools_join_in_place_and_a_new_image_takes_the_machine_down() {
    let mut fleet = fleet(1);
    let during = window(200_000, 300_000);
    let pools = fleet.upgrade(during, &[0], &version(2, "a", &["be", "second"]));
    assert!(matches!(pools[..], [Desired::InstancePools { .. }]));
    assert_eq!(fleet.next_deadline(), None);

    let image = fleet.upgrade(during, &[0], &version(3, "b", &["be"]));
    assert!(
        image.is_empty(),
        "the machine goes down later, inside the window"
    );
    let generation = |fleet: &Fleet| fleet.instance(0).map(|i| i.version.generation);
    assert_eq!(generation(&fleet), Some(2));
    let done = fleet.advance_to(during.until);
    assert!(matches!(&done[..], [Desired::Instance(spec)] if spec.image == "b"));
    assert_eq!(generation(&fleet), Some(3));
}

#[test]
fn a_rolling_upgrade_goes_batch_by_batch() {
    let mut fleet = fleet(5);
    let during = window(200_000, 700_000);
    let pause = Duration::from_secs(10);
    fleet.roll(during, &version(2, "b", &["be"]), 40, pause);
    // 40 % of 5 is 2: batches of 2, 2 and 1, a third of the window each.
    for (until, upgraded) in [(365_000, 2), (530_000, 4), (700_000, 5)] {
        fleet.advance_to(Instant::from_millis(until));
        let count = fleet
            .instances()
            .filter(|i| i.version.generation == 2)
            .count();
        assert_eq!(count, upgraded, "at {until}");
    }
}

#[test]
fn a_restart_stops_and_starts_and_a_start_of_a_running_machine_does_nothing() {
    let mut fleet = fleet(1);
    let during = window(200_000, 210_000);
    assert_eq!(fleet.power_to(during, &[0], PowerAction::Start).len(), 0);
    assert_eq!(fleet.power_to(during, &[0], PowerAction::Restart).len(), 2);
    let stopped = fleet.power_to(during, &[0], PowerAction::Deallocate);
    assert!(matches!(
        stopped[..],
        [Desired::InstancePower { running: false, .. }]
    ));
    let instance = fleet.instance(0).expect("it exists");
    assert_eq!(instance.power_state(during.from), "deallocating");
    assert_eq!(instance.power_state(during.until), "deallocated");
}
