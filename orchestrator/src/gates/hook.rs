//! What a hook's reply means: yes, no, not yet, or nothing heard.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::environment::{OutsideError, Reply};

/// The exit code of a command that has not decided yet: `EX_TEMPFAIL` of sysexits.
const NOT_YET: i32 = 75;
/// As much of a reason as a line holds.
const LONGEST_DETAIL: usize = 300;

/// A hook's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HookAnswer {
    /// Go on.
    Succeeded,
    /// Do not go on.
    Failed,
    /// Ask again.
    InProgress,
    /// Nobody said anything that can be understood as one of these; asked again.
    Unheard,
}

/// Reads a reply. Only an explicit yes is one (S20): an empty 200 says nothing about the swap.
pub(crate) fn hook_answer(reply: &Result<Reply, OutsideError>) -> (HookAnswer, String) {
    let (answer, detail) = match reply {
        Ok(Reply::Web { status, body }) => of_web(*status, body),
        Ok(Reply::Exit { code, said }) => of_exit(*code, said),
        Err(OutsideError::Unusable(why)) => (HookAnswer::Failed, why.clone()),
        Err(OutsideError::Unheard(why)) => (HookAnswer::Unheard, why.clone()),
    };
    (answer, detail.chars().take(LONGEST_DETAIL).collect())
}

fn of_web(status: u16, body: &[u8]) -> (HookAnswer, String) {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let reason = document["reason"].as_str().unwrap_or_default().to_owned();
    match (status, document["status"].as_str()) {
        (200..=299, Some("SUCCEEDED")) => (HookAnswer::Succeeded, reason),
        (200..=299, Some("FAILED")) => (HookAnswer::Failed, reason),
        (200..=299, Some("IN_PROGRESS")) => (HookAnswer::InProgress, reason),
        (200..=299, _) => (
            HookAnswer::Failed,
            format!("it answered {status} without a `status` of SUCCEEDED, FAILED or IN_PROGRESS"),
        ),
        // Who is throttled, restarted or slow may answer the next time.
        (408 | 425 | 429 | 500.., _) => (HookAnswer::Unheard, format!("it answered {status}")),
        _ => (HookAnswer::Failed, format!("it answered {status}")),
    }
}

fn of_exit(code: Option<i32>, said: &str) -> (HookAnswer, String) {
    let answer = match code {
        Some(0) => HookAnswer::Succeeded,
        Some(NOT_YET) => HookAnswer::InProgress,
        _ => HookAnswer::Failed,
    };
    let ended = code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
    let detail = match said {
        "" => format!("it ended with {ended}"),
        said => said.to_owned(),
    };
    (answer, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(status: u16, body: &str) -> HookAnswer {
        let body = bytes::Bytes::copy_from_slice(body.as_bytes());
        hook_answer(&Ok(Reply::Web { status, body })).0
    }

    #[test]
    fn only_an_explicit_yes_is_one() {
        for (status, body, answer) in [
            (200, r#"{"status":"SUCCEEDED"}"#, HookAnswer::Succeeded),
            (
                200,
                r#"{"status":"FAILED","reason":"red"}"#,
                HookAnswer::Failed,
            ),
            (202, r#"{"status":"IN_PROGRESS"}"#, HookAnswer::InProgress),
            (200, "", HookAnswer::Failed),
            (204, "", HookAnswer::Failed),
            (200, r#"{"status":"ok"}"#, HookAnswer::Failed),
            (200, "<html>sign in</html>", HookAnswer::Failed),
            (404, r#"{"status":"SUCCEEDED"}"#, HookAnswer::Failed),
            (302, "", HookAnswer::Failed),
            (429, "", HookAnswer::Unheard),
            (503, r#"{"status":"SUCCEEDED"}"#, HookAnswer::Unheard),
        ] {
            assert_eq!(web(status, body), answer, "{status} {body}");
        }
    }

    #[test]
    fn exit_codes_say_yes_not_yet_and_no() {
        for (code, answer) in [
            (Some(0), HookAnswer::Succeeded),
            (Some(75), HookAnswer::InProgress),
            (Some(1), HookAnswer::Failed),
            (Some(127), HookAnswer::Failed),
            (None, HookAnswer::Failed),
        ] {
            let said = String::new();
            let (read, detail) = hook_answer(&Ok(Reply::Exit { code, said }));
            assert_eq!(read, answer, "{code:?}");
            assert!(!detail.is_empty());
        }
    }
}
