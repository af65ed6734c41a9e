//! Harness mutants between a run and its judge: what they write down is not what happened.

use std::collections::BTreeSet;
use std::time::Duration;

use turquoise_emulator::Event;
use turquoise_emulator::ledger::{ConnectionClass, Seen};

use super::bench::{Bench, forget, require, reset};
use super::{Harness, Red};
use crate::ledger::Class;
use crate::observation::Observation;
use crate::verdict::judge;

/// H02.
pub(super) fn client_retries(bench: &Bench, harness: Harness) -> Result<(), Red> {
    let mut run = bench.calm()?;
    let hundredth = run.ledgers.clients.iter().skip(99).step_by(100);
    let hundredth: BTreeSet<_> = hundredth.map(|entry| entry.id).collect();
    reset(&mut run, |entry| hundredth.contains(&entry.id));
    if harness == Harness::Mutated {
        let good = good_answer(&run)?;
        for entry in &mut run.ledgers.clients {
            if entry.seen == Seen::Reset {
                entry.seen = good;
            }
        }
    }
    let requests = judge(&run).requests;
    let lost = requests.lost();
    require(lost * 110 >= requests.sent, || {
        format!("{lost} of {} requests count as lost", requests.sent)
    })
}

/// What the client of a retrying library sees in the end.
fn good_answer(run: &Observation) -> Result<Seen, Red> {
    let mut answers = run.ledgers.clients.iter().map(|entry| entry.seen);
    let good = answers.find(|seen| matches!(seen, Seen::Answer { status: 200, .. }));
    good.ok_or_else(|| "nobody was ever answered".to_owned())
}

/// H03.
pub(super) fn one_connection_class(bench: &Bench, harness: Harness) -> Result<(), Red> {
    use ConnectionClass::{New, Reused};
    for (hit, left) in [(New, Reused), (Reused, New)] {
        let mut run = bench.calm()?;
        reset(&mut run, |entry| entry.connection == hit);
        if harness == Harness::Mutated {
            forget(&mut run, |entry| entry.connection != left);
        }
        let lost = judge(&run).requests.lost();
        require(lost > 0, || {
            format!("every {hit:?} connection fails and no loss is seen")
        })?;
    }
    Ok(())
}

/// H04.
pub(super) fn status_only(bench: &Bench, harness: Harness) -> Result<(), Red> {
    let mut run = bench.calm()?;
    for entry in &mut run.ledgers.clients {
        if let Seen::Answer { complete, .. } = &mut entry.seen {
            let cut = entry.id.is_multiple_of(50);
            // A checker of status codes never looks at the body.
            *complete &= !cut || harness == Harness::Mutated;
        }
    }
    let truncated = judge(&run).requests.of(Class::Truncated);
    require(truncated > 0, || {
        "one answer in fifty is cut short and none counts as truncated".to_owned()
    })
}

/// H05.
pub(super) fn sampler_loss(bench: &Bench, harness: Harness) -> Result<(), Red> {
    let mut run = bench.calm()?;
    if harness == Harness::Mutated {
        let last = run.ledgers.clients.iter().map(|entry| entry.ended).max();
        let closing = last.unwrap_or_default() - Duration::from_secs(2);
        run.ledgers.clients.retain(|entry| entry.ended < closing);
    }
    let verdict = judge(&run);
    verdict.conservation.clone()?;
    require(verdict.requests.unresolved == 0, || {
        format!("{} requests are unresolved", verdict.requests.unresolved)
    })
}

/// H06.
pub(super) fn excluded_window(bench: &Bench, harness: Harness) -> Result<(), Red> {
    let mut run = bench.losing()?;
    if harness == Harness::Mutated {
        let around = Duration::from_secs(600);
        let writes: Vec<_> = run
            .events
            .iter()
            .filter(|timed| matches!(timed.event, Event::GatewayWritten { .. }))
            .map(|timed| timed.at)
            .collect();
        forget(&mut run, |entry| {
            writes
                .iter()
                .any(|at| entry.due + around >= *at && entry.due <= *at + around)
        });
    }
    shows_losses(&run)
}

/// H13.
pub(super) fn client_abort(bench: &Bench, harness: Harness) -> Result<(), Red> {
    let mut run = bench.losing()?;
    if harness == Harness::Mutated {
        for entry in &mut run.ledgers.clients {
            if !matches!(entry.seen, Seen::Answer { status, .. } if status < 500) {
                entry.seen = Seen::Aborted;
            }
        }
    }
    let aborted = judge(&run).requests.of(Class::ClientAbort);
    // Who aborts decides so before the send; these clients never do.
    require(aborted == 0, || {
        format!("{aborted} aborts that no client decided on")
    })?;
    shows_losses(&run)
}

fn shows_losses(run: &Observation) -> Result<(), Red> {
    let lost = judge(run).requests.lost();
    require(lost > 0, || {
        "a swap to a side that is still starting shows no loss".to_owned()
    })
}
