//! The account as JUnit: one test per state, the run's end as the last one.

use std::fmt::Write as _;

use super::account::Account;
use super::html::escaped;
use turquoise_orchestrator::Outcome;

/// The document.
pub(super) fn document(account: &Account) -> String {
    let passed = matches!(
        account.run.outcome,
        Some(Outcome::Completed | Outcome::NothingToDo)
    );
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"turquoise {}\" tests=\"{}\" \
         failures=\"{}\">\n",
        escaped(&account.run.run),
        account.phases.len() + 1,
        u8::from(!passed)
    );
    for visit in &account.phases {
        let _infallible = writeln!(
            text,
            "  <testcase classname=\"swap\" name=\"{}\" time=\"{}.{:03}\"><system-out>{}</system-out></testcase>",
            escaped(&visit.state),
            visit.lasted_ms / 1_000,
            visit.lasted_ms % 1_000,
            escaped(&visit.evidence.join("; "))
        );
    }
    let end = if passed {
        String::new()
    } else {
        format!(
            "<failure message=\"{}\">{}</failure>",
            escaped(&account.outcome()),
            escaped(&account.run.reason)
        )
    };
    let _infallible = writeln!(
        text,
        "  <testcase classname=\"swap\" name=\"outcome\">{end}</testcase>\n</testsuite>"
    );
    text
}
