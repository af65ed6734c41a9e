//! Following an operation to its end.
//!
//! `Azure-AsyncOperation` first, then `Location`, then the resource's own `provisioningState`
//! (azure-facts.md §2.4, F65). What cannot be read is "still running", until the ceiling.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use turquoise_arm::lro::{self, OperationStatus, Poll};

use super::answer::Answer;
use super::backoff::poll_pause;
use super::failure::ArmFailure;

/// Without a `Retry-After` azure-core waits 30 s; a swap wants to know sooner.
const DEFAULT_PAUSE: Duration = Duration::from_secs(3);

/// Something Azure is still doing for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// What to ask, verbatim: real ones are signed and over 4 kB long.
    pub(crate) url: String,
    /// How to read the answer.
    pub(crate) style: Style,
    /// The pause before the first poll.
    pub(crate) pause: Duration,
}

/// What is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// An operation document.
    Document,
    /// A location: 202 until the result.
    Location,
    /// The resource itself.
    Resource,
}

/// What a poll says.
#[derive(Debug)]
pub(super) enum Progress {
    Ended(Result<Value, ArmFailure>),
    Running {
        next: Option<String>,
        after: Duration,
    },
}

impl Operation {
    /// The operation that a write's answer names; `None` when the answer is final.
    pub(super) fn of_write(url: &str, answer: &Answer) -> Option<Self> {
        let pause = poll_pause(lro::retry_after(&answer.headers), DEFAULT_PAUSE);
        if let Some(poll) = Poll::from_headers(&answer.headers) {
            return Some(Self::polling(poll, pause));
        }
        // Absent means done; a state that is not terminal means running (F65).
        let running = OperationStatus::read(&answer.body)
            .is_some_and(|status| matches!(status, OperationStatus::Running(_)));
        running.then(|| Self {
            url: url.to_owned(),
            style: Style::Resource,
            pause,
        })
    }

    /// The operation whose `Location` will give a result body.
    pub(super) fn of_result(answer: &Answer) -> Option<Self> {
        let location = answer.headers.get(http::header::LOCATION)?.to_str().ok()?;
        let pause = poll_pause(lro::retry_after(&answer.headers), DEFAULT_PAUSE);
        Some(Self::polling(Poll::Location(location.to_owned()), pause))
    }

    fn polling(poll: Poll, pause: Duration) -> Self {
        let style = match poll {
            Poll::Operation(_) => Style::Document,
            Poll::Location(_) => Style::Location,
        };
        Self {
            url: poll.url().to_owned(),
            style,
            pause,
        }
    }

    /// An operation document's URL as a journal kept it.
    pub(crate) fn recovered(url: String) -> Self {
        Self {
            url,
            style: Style::Document,
            pause: Duration::ZERO,
        }
    }
}

/// Reads the answer of one poll.
pub(super) fn progress(operation: &Operation, answer: &Result<Answer, ArmFailure>) -> Progress {
    let running = |after| Progress::Running { next: None, after };
    let Ok(answer) = answer else {
        // A token that cannot be had now may be had later (F71); the ceiling bounds it.
        return running(DEFAULT_PAUSE);
    };
    let after = poll_pause(lro::retry_after(&answer.headers), DEFAULT_PAUSE);
    match operation.style {
        style @ (Style::Document | Style::Resource) => document(style, answer, after),
        Style::Location => location(answer, after),
    }
}

fn document(style: Style, answer: &Answer, after: Duration) -> Progress {
    let running = Progress::Running { next: None, after };
    if answer.status != StatusCode::OK && answer.status != StatusCode::CREATED {
        // 404 can be an operation not replicated yet, 401 a token being renewed, 429 a full bucket.
        return running;
    }
    match OperationStatus::read(&answer.body) {
        Some(OperationStatus::Succeeded) => Progress::Ended(Ok(answer.body.clone())),
        Some(OperationStatus::Failed(error)) => ended("Failed", error),
        Some(OperationStatus::Canceled(error)) => ended("Canceled", error),
        Some(OperationStatus::Running(_)) => running,
        // A resource without a state has settled (F65); an operation without one is unreadable.
        None if style == Style::Resource => Progress::Ended(Ok(answer.body.clone())),
        None => running,
    }
}

fn ended(state: &'static str, error: turquoise_arm::ErrorBody) -> Progress {
    Progress::Ended(Err(ArmFailure::Operation { state, error }))
}

fn location(answer: &Answer, after: Duration) -> Progress {
    let status = answer.status;
    if status == StatusCode::ACCEPTED {
        let next = answer.headers.get(http::header::LOCATION);
        let next = next.and_then(|url| url.to_str().ok()).map(str::to_owned);
        return Progress::Running { next, after };
    }
    if status.is_success() {
        return Progress::Ended(Ok(answer.body.clone()));
    }
    if status.is_server_error() || matches!(status.as_u16(), 401 | 404 | 408 | 429) {
        return Progress::Running { next: None, after };
    }
    Progress::Ended(Err(ArmFailure::Refused(answer.refusal())))
}
