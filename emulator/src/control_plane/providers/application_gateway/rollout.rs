//! When each gateway instance applies a configuration.
//!
//! Source: azure-facts.md §5.4 and §8: a write is accepted, every instance applies it inside the
//! operation's last seconds, each in its own time, and now and then one is late, even after the
//! operation has succeeded (F33).

use std::time::Duration;

use crate::control_plane::config::Profile;
use crate::seed::Seed;
use crate::time::Instant;

/// Before this much time has passed nothing is applied: 0.3 to 2 s.
const ACCEPT_MS: (f64, f64) = (300.0, 2_000.0);
/// Instances differ by at most this much inside the operation.
const SKEW_MS: f64 = 10_000.0;
/// A late instance applies at most this long after the operation's end.
const LATE_MS: f64 = 60_000.0;

/// What the instants depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// When the write was accepted.
    pub(crate) now: Instant,
    /// When its operation ends.
    pub(crate) ends_at: Instant,
    /// The knobs' profile.
    pub(crate) profile: Profile,
    /// The scale of all times.
    pub(crate) scale: f64,
    /// The node of this write.
    pub(crate) seed: Seed,
}

/// When each of `instances` applies the configuration; `fault` gives the milliseconds that an
/// injected fault adds to one.
pub(crate) fn apply_at(
    of: Circumstances,
    instances: u16,
    mut fault: impl FnMut(u16) -> u64,
) -> Vec<Instant> {
    let late = late_instance(of, instances);
    (0..instances)
        .map(|instance| {
            let planned = match late {
                Some((who, by)) if who == instance => of.ends_at + by,
                _ => in_time(of, instance),
            };
            (planned + Duration::from_millis(fault(instance))).ceil_millis()
        })
        .collect()
}

/// Inside the operation's last ten seconds, but not before the write is digested.
fn in_time(of: Circumstances, instance: u16) -> Instant {
    let (least, most) = ACCEPT_MS;
    let accepted =
        of.now + millis((least + (most - least) * of.seed.child("accept").unit()) * of.scale);
    let skew = of.seed.child("skew").at(u64::from(instance)).unit() * SKEW_MS * of.scale;
    let planned = of.ends_at - millis(skew);
    planned.max(accepted).min(of.ends_at)
}

fn late_instance(of: Circumstances, instances: u16) -> Option<(u16, Duration)> {
    let odds = match of.profile {
        Profile::Nice => return None,
        Profile::Calibrated => 0.02,
        Profile::Pessimistic => 0.1,
    };
    let draw = of.seed.child("late");
    if draw.at(0).unit() >= odds || instances == 0 {
        return None;
    }
    let who = draw.at(1).below(u64::from(instances));
    let who = u16::try_from(who).expect("it is below a number of instances");
    Some((who, millis(draw.at(2).unit() * LATE_MS * of.scale)))
}

fn millis(span: f64) -> Duration {
    Duration::from_secs_f64(span.max(0.0) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circumstances(profile: Profile, seed: u64) -> Circumstances {
        Circumstances {
            now: Instant::from_millis(5_000),
            ends_at: Instant::from_millis(25_000),
            profile,
            scale: 1.0,
            seed: Seed::new(seed),
        }
    }

    #[test]
    fn a_nice_cloud_applies_inside_the_operation_and_each_instance_in_its_own_time() {
        let mut differ = 0;
        for seed in 0..200 {
            let at = apply_at(circumstances(Profile::Nice, seed), 2, |_| 0);
            assert!(
                at.iter()
                    .all(|at| (15_000..=25_000).contains(&at.as_millis())),
                "{at:?}"
            );
            differ += usize::from(at[0] != at[1]);
        }
        assert!(differ > 190, "{differ}");
    }

    #[test]
    fn rarely_one_instance_is_late_and_more_often_in_a_pessimistic_cloud() {
        let late = |profile| {
            (0..10_000)
                .map(|seed| apply_at(circumstances(profile, seed), 2, |_| 0))
                .filter(|at| {
                    let late = at.iter().filter(|at| at.as_millis() > 25_000).count();
                    assert!(late < 2, "at most one instance is late");
                    late == 1
                })
                .count()
        };
        assert!((150..250).contains(&late(Profile::Calibrated)));
        assert!((900..1_100).contains(&late(Profile::Pessimistic)));
    }

    #[test]
    fn a_fault_delays_its_instance_alone() {
        let usual = apply_at(circumstances(Profile::Nice, 1), 3, |_| 0);
        let delayed = apply_at(circumstances(Profile::Nice, 1), 3, |instance| {
            if instance == 1 { 90_000 } else { 0 }
        });
        assert_eq!(usual[0], delayed[0]);
        assert_eq!(usual[1] + Duration::from_secs(90), delayed[1]);
    }

    #[test]
    fn a_short_operation_still_digests_the_write_first() {
        let mut of = circumstances(Profile::Nice, 3);
        of.ends_at = of.now + Duration::from_millis(100);
        let at = apply_at(of, 1, |_| 0);
        assert_eq!(at, [of.ends_at]);
    }
}
