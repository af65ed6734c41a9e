//! Mutants that cannot go on where a crash left them: the journal comes too late, lies elsewhere, or
//! is not looked at.

use std::cell::RefCell;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use http::Request;
use serde_json::Value;
use turquoise_orchestrator::{JournalStore, RunId, Start};

use super::Mutant;
use super::interference::{ArmAnswer, Begin, Call, Interference, Seam, Stored, Verb, pass};
use super::occasions::ScenarioExt;
use crate::invariant::Invariant;
use crate::observation::Role;
use crate::scenario::{Act, Effect, Verb as Begins, Want};
use crate::script::{pool_addresses, set_pool};

/// F64: what is needed to find an operation again is written down once it has ended.
pub(super) const LRO_URL_LOST: Mutant = Mutant {
    id: "lro-url-lost",
    catalogue: "F64",
    wrong: "writes its intent and the operation's url down when the operation has ended",
    oracles: &[Invariant::S(17), Invariant::S(18)],
    expose: |scenario| scenario.with_crash(Effect::WriteAfter, 2, Begins::Resume),
    make: || Box::new(Late::until(Flush::AfterTheOperation)),
    ..Mutant::HARMLESS
};

/// F100: the signal handler exits without writing the journal.
pub(super) const SIGNAL_KILL: Mutant = Mutant {
    id: "signal-kill",
    catalogue: "F100",
    wrong: "keeps its journal in memory and exits on a signal without writing it",
    oracles: &[
        Invariant::S(10),
        Invariant::S(17),
        Invariant::S(18),
        Invariant::L(2),
    ],
    expose: |scenario| {
        let resume_after_ms = Some(90_000);
        scenario.with_order(200_000, Want::Interrupt { resume_after_ms });
    },
    make: || Box::new(Late::until(Flush::AtTheEnd)),
    ..Mutant::HARMLESS
};

/// F76: which side is new is guessed from the pool's order.
pub(super) const CRASH_MIXED: Mutant = Mutant {
    id: "crash-mixed",
    catalogue: "F76",
    wrong: "after a crash takes the pool's last member for the new one",
    oracles: &[
        Invariant::S(8),
        Invariant::S(17),
        Invariant::S(18),
        Invariant::S(23),
        Invariant::L(2),
    ],
    expose: |scenario| {
        // Died in P5; while it was down somebody put the pool into another order.
        scenario.with_crash(Effect::WriteAfter, 1, Begins::Resume);
        if let Some(crash) = scenario.crashes.first_mut() {
            crash.down_ms = 240_000;
        }
        let members = vec![Role::New, Role::Old];
        scenario.with_actor(240_000, Act::PersonEditsPool { members });
    },
    make: || Box::new(Guesses::default()),
    ..Mutant::HARMLESS
};

/// F77: the journal lies on the machine that began the run.
pub(super) const RESUME_ELSEWHERE: Mutant = Mutant {
    id: "resume-elsewhere",
    catalogue: "F77",
    wrong: "keeps its journal on the machine where the run began, and resumes on another",
    oracles: &[Invariant::S(16), Invariant::S(18), Invariant::L(2)],
    expose: |scenario| scenario.with_crash(Effect::ProbeAfter, 120, Begins::ResumeLast),
    make: || Box::new(Local),
    ..Mutant::HARMLESS
};

/// When lines that were held back are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flush {
    /// Once the gateway's operation has ended.
    AfterTheOperation,
    /// When the run has ended by itself.
    AtTheEnd,
}

/// Holds lines back. What is held back dies with the process.
#[derive(Debug)]
struct Late {
    until: Flush,
    held: RefCell<Vec<(u32, String)>>,
}

impl Late {
    fn until(until: Flush) -> Self {
        Self {
            until,
            held: RefCell::default(),
        }
    }

    fn kind(line: &str) -> String {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        line["record"].as_str().unwrap_or_default().to_owned()
    }

    fn holds(&self, kind: &str, holding: bool) -> bool {
        match self.until {
            Flush::AfterTheOperation => {
                matches!(kind, "writing" | "written") || holding && kind != "settled"
            }
            Flush::AtTheEnd => kind != "ended",
        }
    }

    fn of(&self, process: u32) -> Vec<String> {
        let mut held = self.held.borrow_mut();
        let own = held.iter().filter(|(of, _)| *of == process);
        let own = own.map(|(_, line)| line.clone()).collect();
        held.retain(|(of, _)| *of != process);
        own
    }
}

impl Interference for Late {
    fn append<'a>(
        &'a self,
        seam: Seam<'a>,
        store: &'a dyn JournalStore,
        run: &'a RunId,
        at: usize,
        line: &'a str,
    ) -> LocalBoxFuture<'a, Stored<()>> {
        async move {
            let holding = self.held.borrow().iter().any(|(of, _)| *of == seam.process);
            if self.holds(&Self::kind(line), holding) {
                let line = line.to_owned();
                self.held.borrow_mut().push((seam.process, line));
                return Ok(());
            }
            let lines = self.of(seam.process);
            let first = at - lines.len();
            for (number, held) in (first..).zip(&lines) {
                store.append(run, number, held).await?;
            }
            store.append(run, at, line).await
        }
        .boxed_local()
    }
}

/// Looks at no journal after a crash: the pool's order tells which side is new.
#[derive(Debug, Default)]
struct Guesses {
    /// The first process, which began the run honestly.
    first: RefCell<Option<u32>>,
}

impl Guesses {
    fn guesses(&self, process: u32) -> bool {
        self.first.borrow().is_some_and(|first| first != process)
    }
}

impl Interference for Guesses {
    fn begin(&self, seam: Seam<'_>, mut begin: Begin) -> Begin {
        self.first.borrow_mut().get_or_insert(seam.process);
        if self.guesses(seam.process) {
            begin.verb = Verb::Swap;
            begin.settings.start = Start::New;
        }
        begin
    }

    fn runs<'a>(
        &'a self,
        seam: Seam<'a>,
        store: &'a dyn JournalStore,
    ) -> LocalBoxFuture<'a, Stored<Vec<RunId>>> {
        if self.guesses(seam.process) {
            return ready(Ok(Vec::new())).boxed_local();
        }
        store.runs()
    }

    fn arm<'a>(&'a self, seam: Seam<'a>, request: Request<Bytes>) -> LocalBoxFuture<'a, ArmAnswer> {
        Box::pin(async move {
            let reads = seam.call(&request) == Call::ReadGateway;
            let answer = pass(&seam, request).await?;
            if !reads || !self.guesses(seam.process) {
                return Ok(answer);
            }
            let Ok(mut gateway) = serde_json::from_slice::<Value>(answer.body()) else {
                return Ok(answer);
            };
            let members = pool_addresses(&gateway, &seam.target.pool).unwrap_or_default();
            // Whoever does not come last is what serves.
            if let [live, _] = members.as_slice() {
                set_pool(&mut gateway, &seam.target.pool, std::slice::from_ref(live));
            }
            Ok(answer.map(|_| Bytes::from(gateway.to_string())))
        })
    }
}

/// Every process but the first has a journal of its own, which is empty.
#[derive(Debug)]
struct Local;

impl Interference for Local {
    fn runs<'a>(
        &'a self,
        seam: Seam<'a>,
        store: &'a dyn JournalStore,
    ) -> LocalBoxFuture<'a, Stored<Vec<RunId>>> {
        if seam.process > 0 {
            return ready(Ok(Vec::new())).boxed_local();
        }
        store.runs()
    }
}
