//! The orchestrators under test.

use std::fmt;
use std::str::FromStr;

use crate::adapter::Orchestrator;
use crate::breaks::Break;
use crate::mutants::Mutant;
use crate::scenario::Scenario;

/// Who swaps.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    /// Ours: the reference.
    Turquoise,
    /// The script as its author published it.
    Published,
    /// A script that loses requests on purpose.
    Broken(Break),
    /// Ours, made wrong.
    Mutant(&'static Mutant),
    /// Somebody's own.
    Own(&'static dyn Orchestrator),
}

/// A name that is nobody's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no orchestrator; known are `turquoise`, `published`, the breaks and the mutants")]
pub struct UnknownSubject(String);

impl Subject {
    /// How its requests are recognised in events: the beginnings of their callers' names.
    #[must_use]
    pub fn callers(self) -> Vec<String> {
        let own = match self {
            Self::Turquoise | Self::Mutant(_) => "turquoise",
            Self::Published => crate::published::CALLER,
            Self::Broken(_) => crate::breaks::CALLER,
            Self::Own(own) => own.name(),
        };
        vec![own.to_owned()]
    }
}

impl Subject {
    /// The scenario as this subject meets it: a mutant may bring a world of its own.
    pub(crate) fn world(self, scenario: &Scenario) -> Scenario {
        let mut scenario = scenario.clone();
        if let Self::Mutant(mutant) = self {
            mutant.deform(&mut scenario);
        }
        scenario
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Turquoise => f.write_str("turquoise"),
            Self::Published => f.write_str("published"),
            Self::Broken(kind) => kind.fmt(f),
            Self::Mutant(mutant) => f.write_str(mutant.id),
            Self::Own(own) => f.write_str(own.name()),
        }
    }
}

impl FromStr for Subject {
    type Err = UnknownSubject;

    fn from_str(text: &str) -> Result<Self, UnknownSubject> {
        match text {
            "turquoise" => return Ok(Self::Turquoise),
            "published" => return Ok(Self::Published),
            _ => {}
        }
        let broken = text.parse().map(Self::Broken).ok();
        let mutant = || Mutant::by_id(text).map(Self::Mutant);
        broken
            .or_else(mutant)
            .ok_or_else(|| UnknownSubject(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::MUTANTS;

    #[test]
    fn every_name_leads_back_to_its_subject() {
        let breaks = Break::ALL.into_iter().map(Subject::Broken);
        let mutants = MUTANTS.iter().map(Subject::Mutant);
        let subjects = [Subject::Turquoise, Subject::Published];
        for subject in subjects.into_iter().chain(breaks).chain(mutants) {
            let read: Subject = subject.to_string().parse().expect("its own name");
            assert_eq!(read.to_string(), subject.to_string());
        }
        assert!("nobody".parse::<Subject>().is_err());
    }
}
