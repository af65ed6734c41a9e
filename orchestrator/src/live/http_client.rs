//! The ARM client's transport: hyper-util's client, generic over its connector.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;

use super::trust::Trust;
use crate::environment::TransportError;

/// A gateway with a hundred of everything is under a megabyte.
const LARGEST_BODY: usize = 16 << 20;

/// Sends requests over kept connections of any connector, once each.
#[derive(Clone, Debug)]
pub struct HttpClient<C = HttpsConnector<HttpConnector>> {
    client: Client<C, Full<Bytes>>,
}

impl HttpClient {
    /// A client over sockets, with TLS where the endpoint's scheme asks for it.
    #[must_use]
    pub fn new(trust: &Trust) -> Self {
        let config = (*trust.config()).clone();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .build();
        Self::over(connector)
    }
}

impl<C: Connect + Clone + Send + Sync + 'static> HttpClient<C> {
    /// A client over another connector, such as byte streams in memory.
    #[must_use]
    pub fn over(connector: C) -> Self {
        let client = Client::builder(TokioExecutor::new())
            // A kept connection that Azure closed meanwhile would be retried below us; a write must
            // be sent once, so the caller hears of every failure.
            .retry_canceled_requests(false)
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        Self { client }
    }

    /// Sends a request once and reads the whole answer within `limit`.
    ///
    /// # Errors
    /// When there is no answer; see [`TransportError`] for what that says about the effect.
    pub async fn send(
        &self,
        request: http::Request<Bytes>,
        limit: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let endpoint = endpoint_of(request.uri());
        let exchange = self.exchange(request.map(Full::new), &endpoint);
        let Ok(answer) = tokio::time::timeout(limit, exchange).await else {
            let reason = format!("no answer from `{endpoint}` within {} s", limit.as_secs());
            return Err(TransportError::Lost { reason });
        };
        answer
    }

    async fn exchange(
        &self,
        request: http::Request<Full<Bytes>>,
        endpoint: &str,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let response = self.client.request(request).await;
        let response = response.map_err(|error| {
            let reason = chain(&error);
            if error.is_connect() {
                let endpoint = endpoint.to_owned();
                return TransportError::Unreachable { endpoint, reason };
            }
            TransportError::Lost { reason }
        })?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, LARGEST_BODY).collect().await;
        let body = body.map_err(|error| TransportError::Lost {
            reason: error.to_string(),
        })?;
        Ok(http::Response::from_parts(parts, body.to_bytes()))
    }
}

fn endpoint_of(uri: &http::Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("http");
    let authority = uri.authority().map_or("", |a| a.as_str());
    format!("{scheme}://{authority}")
}

/// An error with its causes, since the outermost one only says "client error".
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
