//! How an error is told: what failed, why, and what to do next.

use std::error::Error;
use std::fmt;

use serde::Serialize;
use serde_json::json;

use crate::exit::Exit;

/// An error as a person or a script sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Failure {
    /// How the process ends.
    #[serde(skip)]
    pub(crate) exit: Exit,
    /// What failed: completes "failed to …" or stands alone.
    pub(crate) what: String,
    /// The chain of causes, outermost first.
    pub(crate) why: Vec<String>,
    /// The next step for whoever reads it.
    pub(crate) next: String,
}

impl Failure {
    /// A failure without a cause of its own.
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            why: Vec::new(),
            next: String::new(),
        }
    }

    /// A wrong argument or configuration.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// The same with an error and its sources as the cause.
    #[must_use]
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        let mut cause = Some(error);
        while let Some(current) = cause {
            self.because_text(current.to_string());
            cause = current.source();
        }
        self
    }

    /// The same with a cause in words.
    #[must_use]
    pub(crate) fn because_of(mut self, why: impl Into<String>) -> Self {
        self.because_text(why.into());
        self
    }

    /// The same with the next step.
    #[must_use]
    pub(crate) fn next(mut self, step: impl Into<String>) -> Self {
        self.next = step.into();
        self
    }

    /// The result document for `--output json`.
    pub(crate) fn document(&self) -> serde_json::Value {
        json!({
            "event": "error",
            "outcome": self.exit.name(),
            "exit_code": self.exit.code(),
            "what": self.what,
            "why": self.why,
            "next": self.next,
        })
    }

    /// Libraries sometimes repeat their source in their own text; say each thing once.
    fn because_text(&mut self, text: String) {
        let told = self.why.last().is_some_and(|last| last.contains(&text));
        if !told {
            self.why.push(text);
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        for cause in &self.why {
            write!(f, "\n  because: {cause}")?;
        }
        if !self.next.is_empty() {
            write!(f, "\n  next: {}", self.next)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_why_and_what_next() {
        let cause = std::io::Error::other("address in use");
        let failure = Failure::usage("cannot listen on `127.0.0.1:80`")
            .because(&cause)
            .next("choose another port with --port");
        assert_eq!(
            failure.to_string(),
            "cannot listen on `127.0.0.1:80`\n  because: address in use\n  next: choose another port with --port"
        );
        assert_eq!(failure.document()["exit_code"], 64);
    }
}
