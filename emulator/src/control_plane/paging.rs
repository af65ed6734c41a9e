//! Pages of a list: `$top`, `$skiptoken` and `nextLink` (azure-facts.md §1.7, client-contract.md
//! §7.10).
//!
//! A page ends at an id and the next begins behind it, so that what is created or deleted between
//! two pages moves nothing else: no item comes twice, none that stays is left out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use turquoise_arm::ArmError;

use super::answer::Answer;
use super::request::Request;
use super::{ControlPlane, Turn};

/// The longest page, as Resource Manager's own.
const LONGEST_PAGE: usize = 1_000;

impl ControlPlane {
    /// One page of `items`, which are in the order of their ids without case.
    ///
    /// # Errors
    /// 400 for a `$top` or `$skiptoken` that cannot be read.
    pub(super) fn page(&self, turn: Turn<'_>, items: Vec<Value>) -> Result<Answer, ArmError> {
        let request = turn.request;
        let length = length(request)?;
        let after = after(request)?;
        let behind = |item: &Value| after.as_ref().is_none_or(|after| key(item) > *after);
        let mut rest = items.into_iter().filter(behind);
        let page: Vec<Value> = rest.by_ref().take(length).collect();
        let mut document = json!({"value": page});
        if rest.next().is_some()
            && let Some(last) = document["value"].as_array().and_then(|page| page.last())
        {
            let next = self.next_link(request, &key(last));
            document["nextLink"] = next.into();
        }
        Ok(Answer::ok(&document))
    }

    fn next_link(&self, request: &Request<'_>, last: &str) -> String {
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((request.target, ""));
        let kept = query.split('&').filter(|pair| {
            let (name, _) = super::request::parameter(pair);
            !name.is_empty() && !name.eq_ignore_ascii_case("$skiptoken")
        });
        let mut pairs: Vec<String> = kept.map(str::to_owned).collect();
        pairs.push(format!("%24skiptoken={}", URL_SAFE_NO_PAD.encode(last)));
        self.plain_url(request, &format!("{path}?{}", pairs.join("&")))
    }
}

fn length(request: &Request<'_>) -> Result<usize, ArmError> {
    match request.parameter("$top") {
        None | Some("") => Ok(LONGEST_PAGE),
        Some(text) => match text.parse::<usize>() {
            Ok(length @ 1..) => Ok(length.min(LONGEST_PAGE)),
            _ => Err(invalid("$top", text)),
        },
    }
}

fn after(request: &Request<'_>) -> Result<Option<String>, ArmError> {
    let token = request.parameter("$skiptoken").unwrap_or_default();
    if token.is_empty() {
        return Ok(None);
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| invalid("$skiptoken", token))
}

fn invalid(name: &str, given: &str) -> ArmError {
    ArmError::bad_request(
        "InvalidQueryParameter",
        format!("The value '{given}' of the query parameter '{name}' is not valid."),
    )
}

fn key(item: &Value) -> String {
    item["id"].as_str().unwrap_or_default().to_ascii_lowercase()
}
