//! The published script beside the reference: there are faults under which only one of them loses.

use std::collections::BTreeSet;
use std::num::NonZero;

use turquoise_scenarios::campaign::{Compared, Comparison, compare};
use turquoise_scenarios::generate::Trouble;

fn comparison(seeds: u64, threads: usize) -> Comparison {
    compare(&(0..seeds), NonZero::new(threads)).unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

/// The rows of a trouble: the reference's and the published script's.
fn rows<'a>(comparison: &'a Comparison, trouble: &str) -> (&'a Compared, &'a Compared) {
    let mut rows = comparison.rows.iter().filter(|row| row.fault == trouble);
    match (rows.next(), rows.next(), rows.next()) {
        (Some(ours), Some(published), None) => (ours, published),
        _ => panic!("not two rows of `{trouble}`: {:?}", comparison.rows),
    }
}

#[test]
fn a_sick_side_costs_the_published_script_requests_and_the_reference_none() {
    let comparison = comparison(2, 2);
    assert!(comparison.holds(), "{:#?}", comparison.rows);
    let (ours, published) = rows(&comparison, "sick_instances");
    assert_eq!((ours.orchestrator.as_str(), ours.lost), ("turquoise", 0));
    assert_eq!(published.orchestrator, "published");
    assert!(published.lost > 0 && published.failed > 0, "{published:?}");
}

#[test]
fn both_meet_every_trouble_in_equally_many_scenarios() {
    let comparison = comparison(1, 2);
    let expected: BTreeSet<_> = Trouble::all().map(Trouble::name).collect();
    let named: BTreeSet<_> = comparison.rows.iter().map(|row| row.fault).collect();
    assert_eq!(named, expected);
    for trouble in expected {
        let (ours, published) = rows(&comparison, trouble);
        for row in [ours, published] {
            assert_eq!(row.scenarios, comparison.seeds, "{row:?}");
            assert_eq!(
                row.outcomes.values().sum::<u64>(),
                comparison.seeds,
                "{row:?}"
            );
            assert!(row.sent > 1_000, "{row:?}");
        }
    }
    let (ours, _) = rows(&comparison, "calm");
    assert_eq!((ours.hit, ours.gateway_puts), (0, 2 * comparison.seeds));
}

#[test]
fn any_number_of_threads_gives_the_same_table() {
    assert_eq!(comparison(1, 1), comparison(1, 3));
}
