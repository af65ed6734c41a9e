//! The invariants of failure-catalogue.md Part D, by number, with the sentence reports print.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One invariant: safety (S), liveness (L) or a quantitative budget (Q).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// A safety property, 1 to 24.
    S(u8),
    /// A liveness property, 1 to 6.
    L(u8),
    /// A quantitative budget, 1 to 7.
    Q(u8),
    /// The ledgers contradict each other: the harness itself is in doubt (H05, H11).
    Conservation,
}

impl Invariant {
    /// Every numbered invariant, in the catalogue's order.
    pub fn all() -> impl Iterator<Item = Self> {
        let safety = (1..=24).map(Self::S);
        let liveness = (1..=6).map(Self::L);
        safety.chain(liveness).chain((1..=7).map(Self::Q))
    }

    /// What must hold, as one sentence.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::S(number) => safety(number),
            Self::L(number) => liveness(number),
            Self::Q(number) => budget(number),
            Self::Conservation => {
                "every request sent ends once, and every execution belongs to one request"
            }
        }
    }

    /// A few words for tables and badges.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.text()
            .split(": ")
            .next()
            .unwrap_or_else(|| self.text())
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S(number) => write!(f, "S{number}"),
            Self::L(number) => write!(f, "L{number}"),
            Self::Q(number) => write!(f, "Q{number}"),
            Self::Conservation => f.write_str("conservation"),
        }
    }
}

impl Serialize for Invariant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that names no invariant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no invariant; they are S1 to S24, L1 to L6, Q1 to Q7 and `conservation`")]
pub struct UnknownInvariant(String);

impl FromStr for Invariant {
    type Err = UnknownInvariant;

    fn from_str(text: &str) -> Result<Self, UnknownInvariant> {
        let mut all = Self::all().chain([Self::Conservation]);
        all.find(|invariant| invariant.to_string() == text)
            .ok_or_else(|| UnknownInvariant(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Invariant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

const fn safety(number: u8) -> &'static str {
    match number {
        1 => {
            "exactly one complete answer: every request the gateway accepted gets one final, complete answer"
        }
        2 => {
            "no infrastructure-made failure: no request is refused, reset, timed out or answered by the gateway itself with an error"
        }
        3 => "at-most-once effects: a request that is not idempotent runs at most once",
        4 => {
            "allowed sides only: requests go to the old side up to P3, to both from P4 to P8, to the new side after"
        }
        5 => {
            "no dispatch after effective removal: a gateway instance sends nothing to a member it has removed"
        }
        6 => {
            "no kill with work: no machine stops and no connection is cut while requests are in flight on it"
        }
        7 => "session monotonicity: a client that saw the new side never sees the old one again",
        8 => {
            "single version after completion: once the swap ends, every answer comes from one build"
        }
        9 => "semantic correctness: the application's contract holds across both versions",
        10 => "capacity: no side gets more load than its warm machines can bear",
        11 => "never empty: every gateway instance always has a healthy member to dispatch to",
        12 => "old intact: the old side stays able to take the load until its retention ends",
        13 => {
            "delete guard: capacity goes only after its side is out of the pool, out of every gateway instance, quiet and idle"
        }
        14 => "one writer: no write of an older epoch is applied after one of a newer epoch",
        15 => "no lost update: the orchestrator's writes change only its own pool's addresses",
        16 => "fresh truth: every decision rests on evidence newer than the last write it concerns",
        17 => {
            "legal transitions, write-ahead: phases follow the machine and intent is durable before each write"
        }
        18 => "idempotent resume: a crash anywhere and a resume end in the same state",
        19 => {
            "abort never makes it worse: availability after the reverse action is no lower than before"
        }
        20 => "sound gates: a phase advances only on complete, fresh and attributable evidence",
        21 => "blast radius: only the declared requests on the declared resources are made",
        22 => "no residue: pins, locks and leases are restored or listed at the end",
        23 => "truthful report: the exit code and the report agree with what happened",
        24 => {
            "write economy: at most two gateway writes forward and two more per rollback, none of them without effect"
        }
        _ => "an unknown safety property",
    }
}

const fn liveness(number: u8) -> &'static str {
    match number {
        1 => {
            "converges: once faults stop, a terminal state is reached within the sum of the ceilings"
        }
        2 => "never wedged: in every state one of resume, abort and rollback is possible",
        3 => "lock liveness: a dead holder's lock is free within its time to live",
        4 => "rollback latency: a breach is detected and undone in time",
        5 => "drain ends: draining has a finite deadline",
        6 => {
            "waits are bounded and explained: every wait has a ceiling and names the missing evidence"
        }
        _ => "an unknown liveness property",
    }
}

const fn budget(number: u8) -> &'static str {
    match number {
        1 => {
            "max gap: no due request waits longer than the limit for an answer in its connection class"
        }
        2 => "losses: no more requests are lost than the budget allows",
        3 => "latency inflation: p99 and p99.9 during the swap stay near the baseline",
        4 => "imbalance: no machine works far more than the mean",
        5 => "mixed time: both versions serve together no longer than planned",
        6 => "unavailability: no user sees only failures for a minute",
        7 => "stream cuts: no more streams are cut than were declared",
        _ => "an unknown budget",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_numbered_invariant_has_a_text_of_its_own() {
        let texts: std::collections::BTreeSet<&str> =
            Invariant::all().map(Invariant::text).collect();
        assert_eq!(texts.len(), 37);
        assert!(texts.iter().all(|text| !text.contains("unknown")));
    }

    #[test]
    fn every_name_leads_back_to_its_invariant() {
        for invariant in Invariant::all().chain([Invariant::Conservation]) {
            assert_eq!(invariant.to_string().parse(), Ok(invariant));
        }
        assert!("S25".parse::<Invariant>().is_err());
    }

    #[test]
    fn names_are_those_of_the_catalogue() {
        assert_eq!(Invariant::S(15).to_string(), "S15");
        assert_eq!(Invariant::Q(3).to_string(), "Q3");
        assert_eq!(Invariant::S(1).title(), "exactly one complete answer");
    }
}
