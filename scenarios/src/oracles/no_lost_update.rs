//! S15: the orchestrator's gateway writes change its own pool's addresses and nothing else.
//!
//! Writing back a stale copy undoes what others wrote since it was read, and that shows as a
//! change outside our pool; undoing another's edit of our own pool shows when the pool returns to
//! a state from before it.

use turquoise_arm::ResourceId;
use turquoise_emulator::{Event, Instant};

use crate::invariant::Invariant;
use crate::journal::{Line, lines};
use crate::observation::Caller;
use crate::oracles::{Case, Findings, Oracle};

pub(crate) const ORACLE: Oracle = Oracle {
    invariant: Invariant::S(15),
    judge,
};

/// A gateway write, as far as this oracle looks at it.
struct Write<'a> {
    at: Instant,
    ours: bool,
    process: u16,
    generation: u64,
    pools: &'a [(ResourceId, Vec<String>)],
    changed: &'a [String],
}

fn judge(case: &Case<'_>, findings: &mut Findings) {
    let writes: Vec<Write<'_>> = writes(case).collect();
    let lines = lines(case.observation);
    for (index, write) in writes.iter().enumerate() {
        if write.ours && write.at >= case.observation.window.swap_start {
            judge_write(case, &writes[..index], write, &lines, findings);
            judge_memory(case, writes[..index].last(), write, &lines, findings);
        }
    }
}

fn judge_write(
    case: &Case<'_>,
    before: &[Write<'_>],
    write: &Write<'_>,
    lines: &[Line<'_>],
    findings: &mut Findings,
) {
    let pool = &case.observation.declared.pool;
    let generation = write.generation;
    for pointer in write
        .changed
        .iter()
        .filter(|pointer| !is_ours(pool, write.pools, pointer))
    {
        findings.report(write.at, &["F58", "F59", "F69"], || {
            format!("write {generation} changed `{pointer}`, which is not our pool's addresses")
        });
    }
    let Some(previous) = before.last() else {
        return;
    };
    for (other, addresses) in previous.pools.iter().filter(|(other, _)| other != pool) {
        if addresses_of(write.pools, other) != Some(addresses) {
            findings.report(write.at, &["F58", "F59"], || {
                format!(
                    "write {generation} changed the addresses of `{}`",
                    other.name()
                )
            });
        }
    }
    // Someone else's edit of our pool is lost when our next write restores the state before it; but
    // who superseded a write of ours that was still under way edited a pool that never was, who
    // undoes a write that failed leaves what a failed write leaves, and who does just what a process
    // of ours died doing cannot be told from it.
    let undone = !previous.ours
        && !is_as_intended(previous, pool, lines)
        && !superseded_ours(case, previous.at)
        && !ours_had_failed(case, before)
        && before.len() > 1
        && addresses_of(previous.pools, pool) != addresses_of(before[before.len() - 2].pools, pool)
        && addresses_of(write.pools, pool) == addresses_of(before[before.len() - 2].pools, pool);
    if undone {
        findings.report(write.at, &["F58", "F78"], || {
            format!(
                "write {generation} undid write {} by someone else",
                previous.generation
            )
        });
    }
}

/// Whether somebody else's write made the pool what the last intent of ours asked for, about which no
/// answer was ever written down: whoever takes up that run reads its own write.
fn is_as_intended(theirs: &Write<'_>, pool: &ResourceId, lines: &[Line<'_>]) -> bool {
    let earlier = lines.iter().filter(|line| line.at <= theirs.at);
    let mut writing = earlier.rev().filter(|line| line.is_about_a_write());
    let unheard = writing.next().and_then(Line::writes_members);
    let theirs = addresses_of(theirs.pools, pool);
    unheard
        .zip(theirs)
        .is_some_and(|(unheard, theirs)| sorted(unheard) == sorted(theirs.clone()))
}

/// A pool has no order.
fn sorted(mut members: Vec<String>) -> Vec<String> {
    members.sort_unstable();
    members
}

/// Who writes over somebody else's edit of our pool must have seen it: its journal says what it took
/// for the pool of before (F102).
fn judge_memory(
    case: &Case<'_>,
    previous: Option<&Write<'_>>,
    write: &Write<'_>,
    lines: &[Line<'_>],
    findings: &mut Findings,
) {
    let pool = &case.observation.declared.pool;
    let by_another = |other: &&Write<'_>| !other.ours || other.process != write.process;
    let Some(before) = previous
        .filter(by_another)
        .and_then(|p| addresses_of(p.pools, pool))
    else {
        return;
    };
    let own = |line: &&Line<'_>| line.process == write.process && line.at <= write.at;
    let mut intents = lines.iter().filter(own).filter_map(Line::replaces_members);
    let Some(believed) = intents.next_back().map(sorted) else {
        return;
    };
    let before = sorted(before.clone());
    if before != believed {
        findings.report(write.at, &["F58", "F102"], || {
            format!(
                "write {} went over {before:?}, by somebody else, and took it for {believed:?}",
                write.generation
            )
        });
    }
}

/// Whether a write of the gateway was canceled at that instant.
fn superseded_ours(case: &Case<'_>, at: Instant) -> bool {
    let gateway = &case.observation.declared.gateway;
    let mut events = case.observation.events.iter();
    events.any(|timed| {
        timed.at == at
            && matches!(&timed.event, Event::OperationEnded { resource, status, .. }
                if resource == gateway && status == "Canceled")
    })
}

/// Whether the write before the last one was ours and its operation failed.
fn ours_had_failed(case: &Case<'_>, before: &[Write<'_>]) -> bool {
    let [.., ours, last] = before else {
        return false;
    };
    let gateway = &case.observation.declared.gateway;
    let mut events = case.observation.events.iter();
    ours.ours
        && events.any(|timed| {
            timed.at > ours.at
                && timed.at <= last.at
                && matches!(&timed.event, Event::OperationEnded { resource, verb, status }
                    if resource == gateway && verb == "PUT" && status == "Failed")
        })
}

fn writes<'a>(case: &Case<'a>) -> impl Iterator<Item = Write<'a>> {
    let declared = &case.observation.declared;
    case.observation
        .events
        .iter()
        .filter_map(|timed| match &timed.event {
            Event::GatewayWritten {
                gateway,
                generation,
                caller,
                pools,
                changed,
                ..
            } if *gateway == declared.gateway => {
                let ours = declared.is_ours(caller);
                Some(Write {
                    at: timed.at,
                    ours,
                    process: Caller::read(caller).process,
                    generation: *generation,
                    pools,
                    changed,
                })
            }
            _ => None,
        })
}

fn addresses_of<'a>(
    pools: &'a [(ResourceId, Vec<String>)],
    pool: &ResourceId,
) -> Option<&'a Vec<String>> {
    pools
        .iter()
        .find(|(id, _)| id == pool)
        .map(|(_, addresses)| addresses)
}

/// Whether a pointer leads into our pool's addresses; a pool is named by its place or its name.
fn is_ours(pool: &ResourceId, pools: &[(ResourceId, Vec<String>)], pointer: &str) -> bool {
    let Some(rest) = pointer.strip_prefix("/properties/backendAddressPools/") else {
        return false;
    };
    let Some((which, member)) = rest.split_once('/') else {
        return false;
    };
    let place = pools.iter().position(|(id, _)| id == pool);
    let named = which.eq_ignore_ascii_case(pool.name());
    let placed = place.is_some_and(|place| which == place.to_string());
    (named || placed) && member.starts_with("properties/backendAddresses")
}

#[cfg(test)]
pub(super) fn broken() -> crate::Observation {
    use crate::sample::clean;
    let mut observation = clean();
    for timed in &mut observation.events {
        if let Event::GatewayWritten {
            generation: 3,
            changed,
            ..
        } = &mut timed.event
        {
            changed.push("/tags/owner".to_owned());
        }
    }
    observation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{
        FOREIGN, NEW, OLD, US, clean, gateway, insert, journal, pool, secs, written,
    };

    #[test]
    fn who_writes_over_an_edit_must_have_seen_it() {
        for (believed, violated) in [("10.0.1.4", false), ("10.0.1.4\",\"10.0.2.4", true)] {
            let mut observation = clean();
            let edit = written(FOREIGN, 8, &[OLD]);
            insert(&mut observation, secs(150), edit);
            let intent = format!(
                r#"{{"record":"writing","write":{{"from":["{believed}"],"to":["10.0.2.4"]}}}}"#
            );
            journal(&mut observation, 0, secs(155), &intent);
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(15)), violated, "{believed}");
        }
    }

    #[test]
    fn only_pointers_into_our_pools_addresses_are_ours() {
        let other = gateway().child("backendAddressPools", "other");
        let pools = vec![(other, Vec::new()), (pool(), Vec::new())];
        let cases = [
            (
                "/properties/backendAddressPools/1/properties/backendAddresses/0/ipAddress",
                true,
            ),
            (
                "/properties/backendAddressPools/live/properties/backendAddresses",
                true,
            ),
            (
                "/properties/backendAddressPools/0/properties/backendAddresses",
                false,
            ),
            ("/properties/backendAddressPools/1/name", false),
            ("/properties/backendAddressPools", false),
            ("/tags/live", false),
        ];
        for (pointer, ours) in cases {
            assert_eq!(is_ours(&pool(), &pools, pointer), ours, "{pointer}");
        }
    }

    #[test]
    fn undoing_a_foreign_edit_of_our_pool_is_a_lost_update() {
        let mut observation = clean();
        insert(&mut observation, secs(140), written(FOREIGN, 8, &[OLD]));
        insert(&mut observation, secs(141), written(US, 9, &[OLD, NEW]));
        assert!(crate::judge(&observation).violates(Invariant::S(15)));
    }

    #[test]
    fn what_superseded_our_write_under_way_may_be_written_over() {
        let mut observation = clean();
        let canceled = Event::OperationEnded {
            resource: gateway(),
            verb: "PUT".to_owned(),
            status: "Canceled".to_owned(),
        };
        insert(&mut observation, secs(140), canceled);
        insert(&mut observation, secs(140), written(FOREIGN, 8, &[OLD]));
        insert(&mut observation, secs(141), written(US, 9, &[OLD, NEW]));
        assert!(!crate::judge(&observation).violates(Invariant::S(15)));
    }

    #[test]
    fn who_does_what_a_dead_process_meant_to_do_cannot_be_told_from_it() {
        let heard = r#"{"record":"written","accepted":true}"#;
        for (answer, violated) in [(None, false), (Some(heard), true)] {
            let mut observation = clean();
            let intent = r#"{"record":"writing","write":{"from":["10.0.1.4","10.0.2.4"],"to":["10.0.1.4"]}}"#;
            journal(&mut observation, 1, secs(135), intent);
            if let Some(answer) = answer {
                journal(&mut observation, 1, secs(136), answer);
            }
            insert(&mut observation, secs(140), written(FOREIGN, 8, &[OLD]));
            insert(&mut observation, secs(141), written(US, 9, &[OLD, NEW]));
            let verdict = crate::judge(&observation);
            assert_eq!(verdict.violates(Invariant::S(15)), violated, "{answer:?}");
        }
    }

    #[test]
    fn a_foreign_writer_may_change_what_it_likes() {
        let mut observation = clean();
        for timed in &mut observation.events {
            if let Event::GatewayWritten {
                generation: 1,
                changed,
                ..
            } = &mut timed.event
            {
                changed.push("/tags/owner".to_owned());
            }
        }
        assert!(!crate::judge(&observation).violates(Invariant::S(15)));
    }
}
