//! What a run asks of programs that are neither Azure nor the application: hooks and metrics.
//!
//! Whoever configures one says where a secret is, never what it is: the [`Web`] that travels through
//! the orchestrator and its journal's hashes names an environment variable or a file, and only the
//! live environment reads it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A web address and what opens it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// The address itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The environment variable that holds the address, where the address is a secret itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_env: Option<String>,
    /// The file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// The environment variable with a token for `Authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer_env: Option<String>,
    /// The file with that token; read for each request, since others renew it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer_file: Option<PathBuf>,
}

impl fmt::Display for Web {
    /// Where it is, without any secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.url, &self.url_env, &self.url_file) {
            (Some(url), _, _) => f.write_str(url.split('?').next().unwrap_or(url)),
            (_, Some(name), _) => write!(f, "the address in ${name}"),
            (_, _, Some(file)) => write!(f, "the address in {}", file.display()),
            _ => f.write_str("nowhere"),
        }
    }
}

/// One question to the outside, asked once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Whom.
    pub whom: Whom,
    /// How long to wait for the whole answer, on the wall clock.
    pub timeout: Duration,
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// A web service.
    Web {
        /// Where.
        to: Web,
        /// Added to the address: a path with its query, or nothing.
        rest: String,
        /// A JSON body to POST; without one it is a GET.
        body: Option<String>,
    },
    /// A program of the operator's.
    Command {
        /// The program with its arguments; no shell is between.
        command: Vec<String>,
        /// Environment variables beside those of this process.
        variables: Vec<(String, String)>,
        /// What it reads on stdin.
        input: String,
    },
}

/// The outside's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Of a web service.
    Web {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: Bytes,
    },
    /// Of a program.
    Exit {
        /// Its exit code; `None` when a signal ended it.
        code: Option<i32>,
        /// The last line it wrote, on stderr if there was any.
        said: String,
    },
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutsideError {
    /// It can never be asked like this: a program that is not there, a variable that is not set.
    #[error("{0}")]
    Unusable(String),
    /// Nobody answered in time; whether the question acted is unknown.
    #[error("{0}")]
    Unheard(String),
}
