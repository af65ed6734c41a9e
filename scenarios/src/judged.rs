//! A judged run to look at, for oracles of one's own.
//!
//! [`Judged`] joins what a run left behind and answers questions about it; an [`OwnOracle`] asks
//! them. Neither can change anything. `examples/own_oracle.rs` is a whole one.

use std::net::Ipv4Addr;

use turquoise_emulator::Instant;
use turquoise_emulator::ledger::{ConnectionClass, RequestClass, RequestId};

use crate::ledger::{Class, Ledger};
use crate::observation::{Observation, PhaseMark, Role};
use crate::run::Ran;
use crate::timeline::Timeline;
use crate::verdict::Verdict;

/// An invariant of one's own.
///
/// ```
/// use turquoise_scenarios::judged::{Breach, Judged, OwnOracle};
/// use turquoise_scenarios::run::{Level, Runner};
/// use turquoise_scenarios::subject::Subject;
///
/// /// No swap writes the gateway more than twice.
/// struct TwoWrites;
///
/// impl OwnOracle for TwoWrites {
///     fn name(&self) -> &str {
///         "two writes"
///     }
///
///     fn judge(&self, run: &Judged<'_>) -> Vec<Breach> {
///         let writes = run.verdict().gateway_puts;
///         let at = run.observation().window.swap_end;
///         let what = || format!("{writes} writes");
///         (writes > 2).then(|| Breach::at(at, what())).into_iter().collect()
///     }
/// }
///
/// let calm = turquoise_scenarios::generate::calm(1);
/// let ran = Runner::default().run(Level::Core, Subject::Turquoise, &calm)?;
/// assert_eq!(Judged::of(&ran).ask(&TwoWrites), []);
/// # Ok::<_, turquoise_scenarios::world::WorldError>(())
/// ```
pub trait OwnOracle {
    /// How reports name it.
    fn name(&self) -> &str;

    /// Every breach in a run; empty where the invariant holds.
    fn judge(&self, run: &Judged<'_>) -> Vec<Breach>;
}

/// One breach of an invariant of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// When, in cloud time.
    pub at: Instant,
    /// On which request, where it is about one.
    pub request: Option<RequestId>,
    /// A sentence that explains.
    pub what: String,
}

impl Breach {
    /// A breach that is about no single request.
    #[must_use]
    pub fn at(at: Instant, what: impl Into<String>) -> Self {
        Self {
            at,
            request: None,
            what: what.into(),
        }
    }

    /// A breach on a request, when it was due.
    #[must_use]
    pub fn on(request: &JudgedRequest, what: impl Into<String>) -> Self {
        Self {
            at: request.due,
            request: Some(request.id),
            what: what.into(),
        }
    }
}

/// A run with its three ledgers joined.
#[derive(Debug)]
pub struct Judged<'a> {
    observation: &'a Observation,
    verdict: &'a Verdict,
    timeline: Timeline,
    ledger: Ledger<'a>,
}

/// One request, as all three ledgers know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JudgedRequest {
    /// Its id.
    pub id: RequestId,
    /// What kind of work it was.
    pub class: RequestClass,
    /// How its connection was used.
    pub connection: ConnectionClass,
    /// When it was due to be sent: latency counts from here.
    pub due: Instant,
    /// When its client knew how it ended.
    pub ended: Instant,
    /// How it ended (failure-catalogue.md D.1).
    pub outcome: Class,
    /// The side whose build the answer names.
    pub side: Option<Role>,
    /// How often the gateway tried a member.
    pub attempts: usize,
    /// How often an instance ran it.
    pub executions: usize,
}

impl<'a> Judged<'a> {
    /// Joins the ledgers of a run.
    #[must_use]
    pub fn of(ran: &'a Ran) -> Self {
        let observation = &ran.observation;
        let timeline = Timeline::new(observation);
        Self {
            observation,
            verdict: &ran.verdict,
            ledger: Ledger::join(observation, &timeline),
            timeline,
        }
    }

    /// Asks an oracle.
    #[must_use]
    pub fn ask(&self, oracle: &dyn OwnOracle) -> Vec<Breach> {
        oracle.judge(self)
    }

    /// Everything that the run left behind: events, phases, what was declared and claimed.
    #[must_use]
    pub const fn observation(&self) -> &'a Observation {
        self.observation
    }

    /// What the oracles of this crate say.
    #[must_use]
    pub const fn verdict(&self) -> &'a Verdict {
        self.verdict
    }

    /// Every request that ended, by id.
    pub fn requests(&self) -> impl Iterator<Item = JudgedRequest> {
        let declared = &self.observation.declared;
        self.ledger.requests().map(|request| {
            let client = request.client();
            JudgedRequest {
                id: client.id,
                class: client.class,
                connection: client.connection,
                due: client.due,
                ended: client.ended,
                outcome: request.class(),
                side: request
                    .build()
                    .and_then(|build| declared.role_of_build(build)),
                attempts: request.attempts().count(),
                executions: request.executions().count(),
            }
        })
    }

    /// What the pool listed in the control plane; `None` before the first write.
    #[must_use]
    pub fn pool_at(&self, at: Instant) -> Option<&[Ipv4Addr]> {
        self.timeline.arm_at(at)
    }

    /// What a gateway instance dispatched to; `None` before its first configuration.
    #[must_use]
    pub fn effective_at(&self, instance: u16, at: Instant) -> Option<&[Ipv4Addr]> {
        self.timeline.effective_at(instance, at)
    }

    /// The gateway's instances.
    pub fn gateway_instances(&self) -> impl Iterator<Item = u16> {
        self.timeline.gateway_instances()
    }

    /// The phase of the swap, for orchestrators that have phases.
    #[must_use]
    pub fn phase_at(&self, at: Instant) -> Option<PhaseMark> {
        self.timeline.phase_at(at)
    }
}
