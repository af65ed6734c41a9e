//! Requests to the core and its answers back.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use turquoise_arm::ArmError;

use super::admin;
use super::clock::Clock;
use super::reset::ConnectionReset;
use crate::admin::Exchange;
use crate::cloud::{Cloud, Reply};
use crate::identity::Identity;
use crate::time::Instant;

/// The largest request body accepted: Azure's limit for a template deployment is 4 MiB, and no
/// other write comes near it; the double leaves room for a gateway with many certificates.
pub const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// The face of one cloud, before it becomes a router.
#[derive(Clone, Debug)]
pub struct Face<C> {
    pub(super) cloud: Arc<Mutex<Cloud>>,
    pub(super) clock: C,
    pub(super) hooks: Arc<dyn Hooks>,
    identity: Option<Gatekeeper>,
}

/// Who checks tokens, and the wall clock that tokens are good by.
#[derive(Clone, Debug)]
pub(crate) struct Gatekeeper {
    /// Issues and checks tokens.
    pub(crate) identity: Arc<Identity>,
    /// Seconds since 1970 on the wall clock.
    pub(crate) now: fn() -> u64,
}

/// What a drive wants to hear and to tell at the face.
pub(crate) trait Hooks: std::fmt::Debug + Send + Sync {
    /// A request has acted on the core: what is due next may have changed.
    fn acted(&self) {}

    /// Somebody keeps requests with their answers.
    fn keeps_exchanges(&self) -> bool {
        false
    }

    /// A request was answered.
    fn answered(&self, _at: Instant, _exchange: Exchange) {}

    /// Which of the cloud's addresses have a socket.
    fn addresses(&self) -> Vec<admin::Address> {
        Vec::new()
    }

    /// What the gateways have counted, in Prometheus' text form.
    fn metrics(&self) -> String {
        String::new()
    }
}

#[derive(Debug)]
struct NoHooks;

impl Hooks for NoHooks {}

/// The face of `cloud` for callers in process: every ARM request is handled at `clock`'s present.
pub fn router(cloud: Arc<Mutex<Cloud>>, clock: impl Clock) -> Router {
    Face::new(cloud, clock).into_router()
}

impl<C: Clock> Face<C> {
    /// A face without sockets behind it: `/turquoise/addresses` lists nothing.
    pub fn new(cloud: Arc<Mutex<Cloud>>, clock: C) -> Self {
        Self {
            cloud,
            clock,
            hooks: Arc::new(NoHooks),
            identity: None,
        }
    }

    pub(crate) fn with_hooks(mut self, hooks: Arc<dyn Hooks>) -> Self {
        self.hooks = hooks;
        self
    }

    /// Checks tokens and answers what comes before them; without it any bearer token will do.
    pub(crate) fn with_identity(mut self, identity: Option<Gatekeeper>) -> Self {
        self.identity = identity;
        self
    }

    /// The routes: ours under `/turquoise`, everything else to the core.
    pub fn into_router(self) -> Router {
        Router::new()
            .route("/turquoise/health", get(admin::health::<C>))
            .route("/turquoise/addresses", get(admin::addresses::<C>))
            .route("/turquoise/metrics", get(admin::metrics::<C>))
            .route("/turquoise/unhandled", get(admin::unhandled::<C>))
            .fallback(arm::<C>)
            .with_state(self)
    }

    pub(super) fn with_cloud<R>(&self, act: impl FnOnce(&mut Cloud) -> R) -> R {
        let mut cloud = self.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut cloud)
    }
}

async fn arm<C: Clock>(State(face): State<Face<C>>, request: Request<Body>) -> Response {
    let (mut head, body) = request.into_parts();
    name_the_host(&mut head);
    let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
        return refusal(&too_large());
    };
    let mut request = Request::from_parts(head, body.to_bytes());
    if let Some(gatekeeper) = &face.identity {
        if let Some(answer) = gatekeeper.identity.answer((gatekeeper.now)(), &request) {
            return answer.map(Body::from);
        }
        gatekeeper.admit(&mut request);
    }
    let now = face.clock.now();
    let reply = face.with_cloud(|cloud| cloud.handle(now, &request));
    face.hooks.acted();
    if face.hooks.keeps_exchanges() {
        face.hooks.answered(now, exchange(&request, &reply));
    }
    match reply {
        Reply::Answer(answer) => answer.map(Body::from),
        Reply::Reset => ConnectionReset::response(),
    }
}

/// A request with its answer, as the log keeps it.
fn exchange(request: &Request<Bytes>, reply: &Reply) -> Exchange {
    let headers = request.headers();
    let caller = headers.get("x-ms-client-request-id");
    let target = request.uri().path_and_query();
    let (status, answer) = match reply {
        Reply::Answer(answer) => (answer.status().as_u16(), answer.body().clone()),
        Reply::Reset => (0, Bytes::new()),
    };
    Exchange {
        method: request.method().clone(),
        target: target
            .cloned()
            .unwrap_or_else(|| PathAndQuery::from_static("/")),
        caller: caller.or_else(|| headers.get(USER_AGENT)).cloned(),
        status,
        request: request.body().clone(),
        answer,
    }
}

impl Gatekeeper {
    /// Marks a request with what its token is worth.
    fn admit(&self, request: &mut Request<Bytes>) {
        let host = request
            .headers()
            .get(HOST)
            .and_then(|host| host.to_str().ok());
        let host = host.unwrap_or("localhost");
        let standing = self
            .identity
            .standing((self.now)(), request.headers(), host);
        request.extensions_mut().insert(standing);
    }
}

/// A caller in process sends an absolute URI; the core reads `Host`, as from a socket.
fn name_the_host(head: &mut http::request::Parts) {
    let Some(authority) = head.uri.authority() else {
        return;
    };
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        head.headers.entry(HOST).or_insert(host);
    }
}

fn too_large() -> ArmError {
    ArmError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestContentTooLarge",
        format!("the request body exceeds {MAX_BODY_BYTES} bytes or ended early"),
    )
}

/// An ARM error as an answer, for refusals made before the core is asked.
pub(super) fn refusal(error: &ArmError) -> Response {
    let mut response = Response::new(Body::from(Bytes::from(error.to_bytes())));
    *response.status_mut() = error.status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
