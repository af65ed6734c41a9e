//! What is made to lose requests loses them, and the judge says so.

use turquoise_scenarios::breaks::Break;
use turquoise_scenarios::generate;
use turquoise_scenarios::observation::Outcome;
use turquoise_scenarios::run::{Level, Ran, Runner};
use turquoise_scenarios::scenario::Scenario;
use turquoise_scenarios::subject::Subject;

/// The calm scenarios of three seeds, changed so.
fn runs(subject: Subject, change: fn(&mut Scenario)) -> Vec<Ran> {
    let runner = Runner::default();
    let run = |seed| {
        let mut scenario = generate::calm(seed);
        change(&mut scenario);
        runner.run(Level::Core, subject, &scenario)
    };
    let ran: Result<Vec<Ran>, _> = (0..3).map(run).collect();
    ran.unwrap_or_else(|error| panic!("{subject}: {error}"))
}

/// As busy as a rehearsal: there are always requests in flight.
fn busy(scenario: &mut Scenario) {
    scenario.traffic.profile.rate = 100.0;
    scenario.traffic.with_much_long_work(2_000);
}

#[test]
fn every_break_ends_in_success_by_its_own_account_and_in_losses_by_ours() {
    for kind in Break::ALL {
        for ran in runs(Subject::Broken(kind), busy) {
            let end = ran.observation.end.map(|end| end.outcome);
            assert_eq!(end, Some(Outcome::Completed), "{kind}: {}", ran.reason);
            assert!(ran.verdict.requests.lost() > 0, "{kind}");
            assert!(!ran.verdict.lost.is_empty(), "{kind} names nobody");
            assert_eq!(ran.verdict.conservation, Ok(()), "{kind}");
        }
    }
}

#[test]
fn the_published_script_swaps_in_fair_weather_and_says_so_too_early() {
    for ran in runs(Subject::Published, |_| {}) {
        assert_eq!(ran.observation.end.map(|end| end.exit_code), Some(0));
        assert_eq!(ran.verdict.gateway_puts, 2);
        assert_eq!(ran.verdict.requests.lost(), 0);
    }
}
