//! Another pipeline that writes to the same gateway at the worst moment (F58, F61).
//!
//! It acts between the orchestrator's read and its write, or while that write still runs: moments
//! which a clock could hardly hit. So it is woken by the write itself.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use turquoise_arm::json as tree;
use turquoise_orchestrator::environment::{ProbeAnswer, ProbeRequest, TransportError};
use turquoise_orchestrator::{Environment, Instant};

use crate::scenario::{ForeignWrite, Moment};
use crate::script::{Script, ScriptError};
use crate::target::Target;

/// The name of the other pipeline in events.
pub(crate) const CALLER: &str = "foreign-pipeline";

/// An environment in which another pipeline writes as well.
#[derive(Debug)]
pub(crate) struct WithForeign<E> {
    inner: E,
    target: Target,
    writes: Vec<ForeignWrite>,
    /// Writes so far, over all processes.
    seen: Rc<Cell<u32>>,
}

impl<E: Environment> WithForeign<E> {
    pub(crate) fn new(
        inner: E,
        target: Target,
        writes: Vec<ForeignWrite>,
        seen: Rc<Cell<u32>>,
    ) -> Self {
        Self {
            inner,
            target,
            writes,
            seen,
        }
    }

    async fn intervene(&self, number: u32, moment: Moment) {
        for write in &self.writes {
            if write.write == number && write.moment == moment {
                // Its troubles are its own: a refused foreign write only makes a milder scenario.
                let _refused = self.add_pool(&write.pool).await;
            }
        }
    }

    fn is_gateway_write(&self, request: &Request<Bytes>) -> bool {
        let path = request.uri().path().to_ascii_lowercase();
        *request.method() == Method::PUT && path == self.target.gateway.key()
    }

    async fn add_pool(&self, pool: &str) -> Result<(), ScriptError> {
        let script = Script::new(&self.inner, &self.target, CALLER);
        let mut gateway = script.get(&self.target.gateway).await?;
        add_pool(&mut gateway, pool);
        let _running = script.begin_put(&self.target.gateway, &gateway).await?;
        Ok(())
    }
}

/// Adds a pool of another team to a gateway's document.
pub(super) fn add_pool(gateway: &mut Value, pool: &str) {
    let pools = tree::get_mut(gateway, "properties")
        .and_then(|properties| tree::get_mut(properties, "backendAddressPools"))
        .and_then(Value::as_array_mut);
    if let Some(pools) = pools {
        let member = json!([{"ipAddress": "10.9.9.9"}]);
        pools.push(json!({"name": pool, "properties": {"backendAddresses": member}}));
    }
}

impl<E: Environment> Environment for WithForeign<E> {
    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn unix_millis(&self) -> u64 {
        self.inner.unix_millis()
    }

    async fn sleep_until(&self, at: Instant) {
        self.inner.sleep_until(at).await;
    }

    async fn arm(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        if !self.is_gateway_write(&request) {
            return self.inner.arm(request).await;
        }
        let number = self.seen.get() + 1;
        self.seen.set(number);
        self.intervene(number, Moment::Before).await;
        let answer = self.inner.arm(request).await;
        self.intervene(number, Moment::During).await;
        answer
    }

    async fn probe(&self, request: ProbeRequest) -> Result<ProbeAnswer, TransportError> {
        self.inner.probe(request).await
    }

    fn random(&self, stream: &str) -> u64 {
        self.inner.random(stream)
    }

    fn interrupted(&self) -> bool {
        self.inner.interrupted()
    }
}
