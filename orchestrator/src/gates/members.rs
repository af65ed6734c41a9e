//! Whether the gateway itself says the right thing of exactly the right members (F01, F13).

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::verdict::Verdict;
use crate::view::backend_health::MemberHealth;

/// Passes when the rows speak of exactly `expected`, all of them healthy. A member that was removed
/// and drains counts as gone.
pub(crate) fn members_verdict(rows: &[MemberHealth], expected: &[Ipv4Addr]) -> Verdict {
    let expected: BTreeSet<Ipv4Addr> = expected.iter().copied().collect();
    let listed: BTreeSet<Ipv4Addr> = rows
        .iter()
        .filter(|row| expected.contains(&row.address) || !row.is_draining())
        .map(|row| row.address)
        .collect();
    let absent = expected.difference(&listed);
    let mut missing: Vec<String> = absent
        .map(|address| format!("the gateway says nothing of {address}"))
        .collect();
    let strangers = listed.difference(&expected);
    missing.extend(strangers.map(|address| format!("the gateway still lists {address}")));
    let sick = rows
        .iter()
        .filter(|row| expected.contains(&row.address) && !row.is_healthy());
    missing.extend(sick.map(|row| {
        let (address, health, log) = (row.address, &row.health, &row.log);
        format!("the gateway says {address} is {health}: {log}")
    }));
    let doubtful = rows
        .iter()
        .filter(|row| expected.contains(&row.address) && row.is_in_doubt());
    missing.extend(doubtful.map(|row| {
        let (address, log) = (row.address, &row.log);
        format!("the gateway's last probe of {address} failed: {log}")
    }));
    if missing.is_empty() && !expected.is_empty() {
        let names: Vec<String> = expected.iter().map(Ipv4Addr::to_string).collect();
        return Verdict::pass(format!("the gateway says healthy: {}", names.join(", ")));
    }
    Verdict::Unknown(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
    const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 6);

    fn row(address: Ipv4Addr, health: &str) -> MemberHealth {
        MemberHealth {
            address,
            health: health.to_owned(),
            log: String::new(),
        }
    }

    #[test]
    fn exactly_the_expected_members_must_be_healthy() {
        for (rows, expected, passes) in [
            (vec![row(A, "Healthy"), row(B, "Up")], &[A, B][..], true),
            (vec![row(A, "Healthy")], &[A, B], false),
            (vec![row(A, "Healthy"), row(B, "Unknown")], &[A, B], false),
            (vec![row(A, "Healthy"), row(B, "Partial")], &[A, B], false),
            (vec![row(A, "Healthy"), row(B, "Healthy")], &[A], false),
            (vec![row(A, "Healthy"), row(B, "Draining")], &[A], true),
            (vec![row(A, "Healthy"), row(A, "Unhealthy")], &[A], false),
            (vec![], &[A], false),
            (vec![], &[], false),
        ] {
            let verdict = members_verdict(&rows, expected);
            assert_eq!(
                verdict.is_pass(),
                passes,
                "{rows:?} {expected:?} {verdict:?}"
            );
        }
    }

    #[test]
    fn a_failed_probe_behind_a_good_verdict_is_missing_evidence() {
        let failing = MemberHealth {
            log: "Received status code 500".to_owned(),
            ..row(A, "Healthy")
        };
        assert!(!members_verdict(&[failing], &[A]).is_pass());
    }
}
