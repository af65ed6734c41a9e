//! A bare ARM client for short scripts: what a hand-written swap has, and nothing more.
//!
//! It has no `If-Match`, no merge and no evidence of its own, so that published scripts and wrong
//! orchestrators can be written as they would be in a shell. It polls long-running operations as
//! the published cmdlets do (azure-facts.md §2.4).

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use turquoise_arm::lro::{OperationStatus, Poll, retry_after};
use turquoise_arm::{ResourceId, json as tree};
use turquoise_orchestrator::Environment;
use turquoise_orchestrator::environment::TransportError;

use crate::target::Target;

/// The api-version of network resources (azure-facts.md §4.0, az 2.91).
pub(crate) const NETWORK: &str = "2025-07-01";
/// The api-version of compute resources that every one of its operations accepts.
pub(crate) const COMPUTE: &str = "2024-11-01";
/// The api-version of resource groups.
pub(crate) const RESOURCES: &str = "2024-11-01";
/// The api-version of autoscale settings.
const AUTOSCALE: &str = "2022-10-01";

/// The cmdlets' pause between polls when an answer asks for none.
const POLL_PAUSE: Duration = Duration::from_secs(10);
/// No operation of the swap takes longer, the documented 45 min outlier included.
const POLL_CEILING: Duration = Duration::from_secs(2 * 3600);
/// How often a script repeats a read that failed, as every SDK does by default.
const READ_ATTEMPTS: u32 = 4;

/// Why a script stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// No answer came.
    #[error("{what}")]
    Transport {
        /// What the script was doing.
        what: String,
        /// Why.
        #[source]
        source: TransportError,
    },
    /// Azure refused.
    #[error("{what}: refused with {status} `{code}`")]
    Refused {
        /// What the script was doing.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The ARM error code.
        code: String,
    },
    /// An operation ended badly or never.
    #[error("{what}: the operation ended as {ended}")]
    Operation {
        /// What the script was doing.
        what: String,
        /// How it ended.
        ended: String,
    },
    /// An answer lacks what the script needs.
    #[error("{what}: the answer has no `{member}`")]
    Document {
        /// What the script was doing.
        what: String,
        /// What is missing.
        member: &'static str,
    },
}

/// A write that was accepted and may still run.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    what: String,
    poll: Option<Poll>,
    pause: Duration,
}

impl Accepted {
    /// A write that was answered so.
    pub(crate) fn from_answer(what: &str, answer: &Response<Bytes>) -> Self {
        Self {
            what: what.to_owned(),
            poll: Poll::from_headers(answer.headers()),
            pause: retry_after(answer.headers()).map_or(POLL_PAUSE, Duration::from_secs),
        }
    }
}

/// A script's connection to Azure.
#[derive(Debug)]
pub(crate) struct Script<'a, E> {
    env: &'a E,
    endpoint: String,
    token: Option<String>,
    caller: String,
}

impl<'a, E: Environment> Script<'a, E> {
    pub(crate) fn new(env: &'a E, target: &Target, caller: &str) -> Self {
        Self {
            env,
            endpoint: target.endpoint.clone(),
            token: target.token.clone(),
            caller: caller.to_owned(),
        }
    }

    pub(crate) async fn sleep(&self, span: Duration) {
        self.env.sleep_until(self.env.now() + span).await;
    }

    /// Reads a resource; a failed read is repeated.
    pub(crate) async fn get(&self, id: &ResourceId) -> Result<Value, ScriptError> {
        let what = format!("reading `{}`", id.name());
        let answer = self
            .read(&what, &self.url(id.as_str(), version(id)))
            .await?;
        document(&what, &answer)
    }

    /// Replaces a resource and waits for the operation.
    pub(crate) async fn put(&self, id: &ResourceId, body: &Value) -> Result<(), ScriptError> {
        let accepted = self.begin_put(id, body).await?;
        self.finish(accepted).await
    }

    /// Replaces a resource without waiting.
    pub(crate) async fn begin_put(
        &self,
        id: &ResourceId,
        body: &Value,
    ) -> Result<Accepted, ScriptError> {
        self.begin(Method::PUT, id, Some(body)).await
    }

    /// Merges into a resource without waiting.
    pub(crate) async fn begin_patch(
        &self,
        id: &ResourceId,
        body: &Value,
    ) -> Result<Accepted, ScriptError> {
        self.begin(Method::PATCH, id, Some(body)).await
    }

    /// Deletes a resource without waiting.
    pub(crate) async fn begin_delete(&self, id: &ResourceId) -> Result<Accepted, ScriptError> {
        self.begin(Method::DELETE, id, None).await
    }

    /// Switches every machine of a scale set off without a clean shutdown, without waiting.
    pub(crate) async fn power_off(&self, scale_set: &ResourceId) -> Result<Accepted, ScriptError> {
        let what = format!("switching `{}` off", scale_set.name());
        let url = self.url(&format!("{}/poweroff", scale_set.as_str()), COMPUTE);
        let request = self.request(Method::POST, &format!("{url}&skipShutdown=true"), None);
        self.accept(what, request).await
    }

    /// Gives every machine of a scale set a new disk, without waiting.
    pub(crate) async fn reimage(&self, scale_set: &ResourceId) -> Result<Accepted, ScriptError> {
        let what = format!("imaging `{}` anew", scale_set.name());
        let url = self.url(&format!("{}/reimageall", scale_set.as_str()), COMPUTE);
        let request = self.request(Method::POST, &url, None);
        self.accept(what, request).await
    }

    /// Switches every machine of a scale set on, without waiting.
    pub(crate) async fn start(&self, scale_set: &ResourceId) -> Result<Accepted, ScriptError> {
        let what = format!("switching `{}` on", scale_set.name());
        let url = self.url(&format!("{}/start", scale_set.as_str()), COMPUTE);
        let request = self.request(Method::POST, &url, None);
        self.accept(what, request).await
    }

    async fn begin(
        &self,
        method: Method,
        id: &ResourceId,
        body: Option<&Value>,
    ) -> Result<Accepted, ScriptError> {
        let what = format!("{method} `{}`", id.name());
        let request = self.request(method, &self.url(id.as_str(), version(id)), body);
        self.accept(what, request).await
    }

    async fn accept(&self, what: String, request: Request<Bytes>) -> Result<Accepted, ScriptError> {
        let answer = self.send(&what, request).await?;
        Ok(Accepted::from_answer(&what, &answer))
    }

    /// Waits until an accepted write has ended.
    pub(crate) async fn finish(&self, accepted: Accepted) -> Result<(), ScriptError> {
        let Some(poll) = accepted.poll else {
            return Ok(());
        };
        let deadline = self.env.now() + POLL_CEILING;
        let mut pause = accepted.pause;
        while self.env.now() < deadline {
            self.sleep(pause).await;
            let answer = self.read(&accepted.what, poll.url()).await?;
            pause = retry_after(answer.headers()).map_or(POLL_PAUSE, Duration::from_secs);
            if let Some(ended) = self.ended(&accepted.what, &poll, &answer)? {
                return ended;
            }
        }
        Err(ScriptError::Operation {
            what: accepted.what,
            ended: "still running at the ceiling".to_owned(),
        })
    }

    fn ended(
        &self,
        what: &str,
        poll: &Poll,
        answer: &Response<Bytes>,
    ) -> Result<Option<Result<(), ScriptError>>, ScriptError> {
        if let Poll::Location(_) = poll {
            return Ok((answer.status() != http::StatusCode::ACCEPTED).then_some(Ok(())));
        }
        let document = document(what, answer)?;
        let status = OperationStatus::read(&document).ok_or_else(|| ScriptError::Document {
            what: what.to_owned(),
            member: "status",
        })?;
        let bad = |word: &str, code: &str| ScriptError::Operation {
            what: what.to_owned(),
            ended: format!("{word} `{code}`"),
        };
        Ok(match status {
            OperationStatus::Running(_) => None,
            OperationStatus::Succeeded => Some(Ok(())),
            OperationStatus::Failed(error) => Some(Err(bad("failed", &error.code))),
            OperationStatus::Canceled(error) => Some(Err(bad("canceled", &error.code))),
        })
    }

    async fn read(&self, what: &str, url: &str) -> Result<Response<Bytes>, ScriptError> {
        let mut attempt = 1;
        loop {
            let request = self.request(Method::GET, url, None);
            match self.send(what, request).await {
                Err(error) if attempt < READ_ATTEMPTS && error.is_passing() => {
                    self.sleep(POLL_PAUSE).await;
                    attempt += 1;
                }
                ended => return ended,
            }
        }
    }

    async fn send(
        &self,
        what: &str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ScriptError> {
        let answer = self.env.arm(request).await;
        let answer = answer.map_err(|source| ScriptError::Transport {
            what: what.to_owned(),
            source,
        })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let code = tree::text(&body, "error.code").unwrap_or("none").to_owned();
        Err(ScriptError::Refused {
            what: what.to_owned(),
            status: answer.status().as_u16(),
            code,
        })
    }

    fn request(&self, method: Method, url: &str, body: Option<&Value>) -> Request<Bytes> {
        let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header("user-agent", &self.caller);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request
            .body(bytes)
            .expect("because every part was built from a resource id or an answer's own url")
    }

    fn url(&self, path: &str, version: &str) -> String {
        format!("{}{path}?api-version={version}", self.endpoint)
    }
}

impl ScriptError {
    /// Whether a plain repetition may help.
    fn is_passing(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            Self::Operation { .. } | Self::Document { .. } => false,
        }
    }
}

/// The api-version to name for a resource.
pub(crate) fn version(id: &ResourceId) -> &'static str {
    let namespace = id.resource_type();
    let namespace = namespace.as_ref().map_or("", |found| found.namespace());
    match namespace.to_ascii_lowercase().as_str() {
        "microsoft.network" => NETWORK,
        "microsoft.compute" => COMPUTE,
        "microsoft.insights" => AUTOSCALE,
        _ => RESOURCES,
    }
}

fn document(what: &str, answer: &Response<Bytes>) -> Result<Value, ScriptError> {
    serde_json::from_slice(answer.body()).map_err(|_| ScriptError::Document {
        what: what.to_owned(),
        member: "JSON document",
    })
}

/// Sets a pool's addresses in a gateway's document; false when there is no such pool.
pub(crate) fn set_pool(gateway: &mut Value, pool: &str, addresses: &[String]) -> bool {
    let list: Vec<Value> = addresses
        .iter()
        .map(|address| json!({"ipAddress": address}))
        .collect();
    let Some(properties) = pool_properties(gateway, pool) else {
        return false;
    };
    if let Some(found) = tree::get_mut(properties, "backendAddresses") {
        *found = Value::Array(list);
    } else if let Some(members) = properties.as_object_mut() {
        members.insert("backendAddresses".to_owned(), Value::Array(list));
    }
    true
}

/// The addresses of a pool in a gateway's document.
pub(crate) fn pool_addresses(gateway: &Value, pool: &str) -> Option<Vec<String>> {
    let pools = tree::at(gateway, "properties.backendAddressPools")?.as_array()?;
    let found = pools
        .iter()
        .find(|found| tree::text(found, "name").is_some_and(|n| n.eq_ignore_ascii_case(pool)))?;
    let addresses = tree::at(found, "properties.backendAddresses");
    let addresses = addresses.and_then(Value::as_array);
    Some(
        addresses
            .into_iter()
            .flatten()
            .filter_map(|entry| tree::text(entry, "ipAddress").map(str::to_owned))
            .collect(),
    )
}

fn pool_properties<'a>(gateway: &'a mut Value, pool: &str) -> Option<&'a mut Value> {
    let properties = tree::get_mut(gateway, "properties")?;
    let pools = tree::get_mut(properties, "backendAddressPools")?.as_array_mut()?;
    let found = pools
        .iter_mut()
        .find(|found| tree::text(found, "name").is_some_and(|n| n.eq_ignore_ascii_case(pool)))?;
    tree::get_mut(found, "properties")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway() -> Value {
        json!({"name": "gw", "properties": {"backendAddressPools": [
            {"name": "other", "properties": {"backendAddresses": [{"ipAddress": "10.9.9.9"}]}},
            {"name": "Pool01", "properties": {"backendaddresses": [{"ipAddress": "10.0.0.6"}]}},
        ], "probes": [{"name": "kept"}]}})
    }

    #[test]
    fn a_pool_edit_touches_no_other_pool_and_nothing_else() {
        let mut edited = gateway();
        assert!(set_pool(&mut edited, "pool01", &["10.0.0.5".to_owned()]));
        assert_eq!(
            pool_addresses(&edited, "POOL01"),
            Some(vec!["10.0.0.5".to_owned()])
        );
        assert_eq!(
            pool_addresses(&edited, "other"),
            Some(vec!["10.9.9.9".to_owned()])
        );
        assert_eq!(
            edited["properties"]["probes"],
            gateway()["properties"]["probes"]
        );
        assert!(!set_pool(&mut edited, "absent", &[]));
    }

    #[test]
    fn each_provider_is_asked_in_its_own_api_version() {
        for (id, expected) in [
            ("/subscriptions/s/resourceGroups/g", RESOURCES),
            (
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/applicationGateways/x",
                NETWORK,
            ),
            (
                "/subscriptions/s/resourceGroups/g/providers/microsoft.compute/images/x",
                COMPUTE,
            ),
            (
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.Insights/autoscalesettings/x",
                AUTOSCALE,
            ),
        ] {
            let id = ResourceId::parse(id).expect("a literal id");
            assert_eq!(version(&id), expected, "{}", id.as_str());
        }
    }
}
