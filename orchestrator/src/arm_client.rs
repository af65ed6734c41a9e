//! The ARM client: raw JSON trees over the environment's seam.
//!
//! Reads are repeated on 429, 5xx and lost replies. **A write is never resent**: it is answered by
//! reading again and deciding anew (F59), which is the caller's business. Every operation that was
//! ever begun is kept in a table until it has ended, so that nothing is deleted or decided anew
//! while an old one can still land. Read [`ArmClient`] first.

mod answer;
mod api_version;
mod backoff;
mod failure;
mod operation;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;
use turquoise_arm::{ArmError, ResourceId};

use crate::access::Access;
use crate::environment::{Environment, Instant, TransportError};

use answer::Answer;
pub(crate) use api_version::api_version;
use backoff::Backoff;
pub use failure::ArmFailure;
pub(crate) use operation::Operation;

/// How long a read is repeated before the caller hears of it.
const READ_PATIENCE: Duration = Duration::from_secs(120);

const USER_AGENT: &str = concat!("turquoise/", env!("CARGO_PKG_VERSION"));

/// Asks Azure for one run.
pub(crate) struct ArmClient<'a, E> {
    environment: &'a E,
    access: &'a Access,
    /// Names us and our run in Azure's logs.
    request_id: String,
    /// Operations begun and not known to have ended.
    running: RefCell<Vec<Operation>>,
    patience: Cell<Duration>,
    /// When the caller's own wait ends: no read is repeated beyond it.
    limit: Cell<Option<Instant>>,
}

impl<E> fmt::Debug for ArmClient<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArmClient")
            .field("access", self.access)
            .field("running", &self.running.borrow().len())
            .finish_non_exhaustive()
    }
}

/// A write that Azure accepted.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    /// What to await; `None` when it is done already.
    pub(crate) operation: Option<Operation>,
}

impl<'a, E: Environment> ArmClient<'a, E> {
    pub(crate) fn new(environment: &'a E, access: &'a Access, request_id: &str) -> Self {
        Self {
            environment,
            access,
            request_id: format!("turquoise-{request_id}"),
            running: RefCell::default(),
            patience: Cell::new(READ_PATIENCE),
            limit: Cell::default(),
        }
    }

    /// When the caller's own wait ends. A look of many reads, each repeated on its own, would
    /// outlast it by minutes while Azure cannot be reached (L6, F73).
    pub(crate) fn set_limit(&self, limit: Option<Instant>) {
        self.limit.set(limit);
    }

    /// The end of something that may take `span` from now on.
    fn until(&self, span: Duration) -> Instant {
        let end = self.environment.now() + span;
        self.limit.get().map_or(end, |limit| end.min(limit))
    }

    /// How long reads are repeated from now on; `None` is the usual.
    pub(crate) fn set_patience(&self, patience: Option<Duration>) {
        self.patience.set(patience.unwrap_or(READ_PATIENCE));
    }

    /// The resource as Azure tells it.
    pub(crate) async fn get(&self, id: &ResourceId) -> Result<Value, ArmFailure> {
        self.read(Method::GET, &self.url(id, ""), None).await
    }

    /// The resource, or `None` where there is none.
    pub(crate) async fn find(&self, id: &ResourceId) -> Result<Option<Value>, ArmFailure> {
        match self.get(id).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// All items of a list, over all its pages (F03: page 1 is not the list).
    pub(crate) async fn list(&self, id: &ResourceId, rest: &str) -> Result<Vec<Value>, ArmFailure> {
        let mut url = self.url(id, rest);
        let mut items = Vec::new();
        // A list that never ends is an error, not a loop.
        for _ in 0..1_000 {
            let page = self.read(Method::GET, &url, None).await?;
            items.extend(turquoise_arm::json::items(&page, "value").cloned());
            match turquoise_arm::json::text(&page, "nextLink") {
                Some(next) => next.clone_into(&mut url),
                None => return Ok(items),
            }
        }
        Err(ArmFailure::Unexpected(format!(
            "the list `{rest}` of `{id}` has no end"
        )))
    }

    /// A POST that only asks, such as `backendhealth`: repeated like a read, followed to its result.
    pub(crate) async fn ask(&self, id: &ResourceId, action: &str) -> Result<Value, ArmFailure> {
        self.read(Method::POST, &self.url(id, action), None).await
    }

    /// The same with a body, such as `whatIf`.
    pub(crate) async fn ask_with(
        &self,
        id: &ResourceId,
        action: &str,
        body: &Value,
    ) -> Result<Value, ArmFailure> {
        let url = self.url(id, action);
        self.read(Method::POST, &url, Some(body)).await
    }

    /// Sends a write once. `Err(Transport(Lost))` means that it may have acted.
    pub(crate) async fn write(
        &self,
        method: Method,
        id: &ResourceId,
        rest: &str,
        body: &Value,
        if_match: Option<&str>,
    ) -> Result<Accepted, ArmFailure> {
        self.write_by(None, method, id, rest, body, if_match).await
    }

    /// The same, but a token that Azure does not take is renewed only until `by`: what the write rests
    /// on has aged then, and the refusal is given back (F16, F71).
    pub(crate) async fn write_by(
        &self,
        by: Option<Instant>,
        method: Method,
        id: &ResourceId,
        rest: &str,
        body: &Value,
        if_match: Option<&str>,
    ) -> Result<Accepted, ArmFailure> {
        let url = self.url(id, rest);
        let answer = self.send(by, &method, &url, Some(body), if_match).await?;
        if !answer.status.is_success() {
            return Err(ArmFailure::Refused(answer.refusal()));
        }
        let operation = Operation::of_write(&url, &answer);
        if let Some(operation) = &operation {
            self.running.borrow_mut().push(operation.clone());
        }
        Ok(Accepted { operation })
    }

    /// Awaits an operation's end, for as long as `ceiling`.
    pub(crate) async fn finish(
        &self,
        operation: &Operation,
        ceiling: Duration,
    ) -> Result<Value, ArmFailure> {
        let began = self.environment.now();
        let deadline = self.until(ceiling);
        let mut url = operation.url.clone();
        let mut pause = operation.pause;
        loop {
            self.pause(pause).await;
            let answer = self.send(None, &Method::GET, &url, None, None).await;
            match operation::progress(operation, &answer) {
                operation::Progress::Ended(result) => {
                    self.forget(operation);
                    return result;
                }
                operation::Progress::Running { next, after } => {
                    pause = after;
                    url = next.unwrap_or(url);
                }
            }
            if self.environment.now() >= deadline {
                let waited_s = self.environment.now().since(began).as_secs();
                let what = "an operation to end".to_owned();
                return Err(ArmFailure::Ceiling { what, waited_s });
            }
        }
    }

    /// Awaits every operation that was ever begun, however it ends, and says which succeeded.
    pub(crate) async fn settle(&self, ceiling: Duration) -> Result<Vec<Operation>, ArmFailure> {
        let mut succeeded = Vec::new();
        loop {
            let Some(operation) = self.running.borrow().first().cloned() else {
                return Ok(succeeded);
            };
            match self.finish(&operation, ceiling).await {
                Ok(_) => succeeded.push(operation),
                Err(failure @ ArmFailure::Ceiling { .. }) => return Err(failure),
                Err(_ended) => {}
            }
        }
    }

    /// Takes up an operation that an earlier process began.
    pub(crate) fn adopt(&self, operation: Operation) {
        self.running.borrow_mut().push(operation);
    }

    fn forget(&self, operation: &Operation) {
        let mut running = self.running.borrow_mut();
        running.retain(|other| other.url != operation.url);
    }

    /// `{endpoint}{id}{rest}?api-version=…`; `rest` may bring a query of its own.
    fn url(&self, id: &ResourceId, rest: &str) -> String {
        let joint = if rest.contains('?') { '&' } else { '?' };
        let version = api_version(id, rest);
        let endpoint = self.access.endpoint();
        format!("{endpoint}{id}{rest}{joint}api-version={version}")
    }

    /// Repeats a request that changes nothing until it is answered, and follows a 202 to its result.
    async fn read(
        &self,
        method: Method,
        url: &str,
        body: Option<&Value>,
    ) -> Result<Value, ArmFailure> {
        let deadline = self.until(self.patience.get());
        let mut backoff = Backoff::default();
        loop {
            let result = self.read_once(&method, url, body).await;
            let failure = match result {
                Err(failure) if failure.is_transient() => failure,
                other => return other,
            };
            let draw = self.environment.random("arm retry");
            let pause = backoff.next(failure.retry_after(), draw);
            if self.environment.now() + pause >= deadline {
                return Err(failure);
            }
            self.pause(pause).await;
        }
    }

    async fn read_once(
        &self,
        method: &Method,
        url: &str,
        body: Option<&Value>,
    ) -> Result<Value, ArmFailure> {
        let answer = self.send(None, method, url, body, None).await?;
        if answer.status == StatusCode::ACCEPTED
            && let Some(operation) = Operation::of_result(&answer)
        {
            let ceiling = self.until(READ_PATIENCE).since(self.environment.now());
            return self.finish(&operation, ceiling).await;
        }
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        Err(ArmFailure::Refused(answer.refusal()))
    }

    async fn pause(&self, span: Duration) {
        let at = self.environment.now() + span;
        self.environment.sleep_until(at).await;
    }

    /// One request, one answer. A token that Azure does not take any more is renewed once: whoever
    /// is answered 401 was not heard, so this is no second write (F71).
    async fn send(
        &self,
        by: Option<Instant>,
        method: &Method,
        url: &str,
        body: Option<&Value>,
        if_match: Option<&str>,
    ) -> Result<Answer, ArmFailure> {
        let token = self.access.token().await.map_err(ArmFailure::Token)?;
        let answer = self.send_as(&token, method, url, body, if_match).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        self.access.refused();
        if by.is_some_and(|by| self.environment.now() > by) {
            return Ok(answer);
        }
        let renewed = self.access.token().await.map_err(ArmFailure::Token)?;
        if renewed == token {
            return Ok(answer);
        }
        self.send_as(&renewed, method, url, body, if_match).await
    }

    async fn send_as(
        &self,
        token: &str,
        method: &Method,
        url: &str,
        body: Option<&Value>,
        if_match: Option<&str>,
    ) -> Result<Answer, ArmFailure> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", format!("Bearer {token}"))
            .header("accept", "application/json")
            .header("user-agent", USER_AGENT)
            .header("x-ms-client-request-id", &self.request_id);
        if let Some(etag) = if_match {
            request = request.header("if-match", etag);
        }
        let bytes = match body {
            Some(tree) => {
                request = request.header("content-type", "application/json");
                Bytes::from(tree.to_string())
            }
            None => Bytes::new(),
        };
        let request = request.body(bytes).map_err(|error| unusable(url, &error))?;
        let response = self.environment.arm(request).await;
        let response = response.map_err(ArmFailure::Transport)?;
        Ok(Answer::read(response))
    }
}

/// A URL or header that cannot be sent, such as an endpoint with a space in it.
fn unusable(url: &str, error: &http::Error) -> ArmFailure {
    ArmFailure::Transport(TransportError::Unreachable {
        endpoint: url.to_owned(),
        reason: error.to_string(),
    })
}

impl ArmFailure {
    fn refusal(&self) -> Option<&ArmError> {
        match self {
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }

    /// How long Azure asks us to wait, where it does.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.refusal()?.retry_after?;
        Some(Duration::from_secs(u64::from(seconds)))
    }
}

#[cfg(test)]
mod tests;
