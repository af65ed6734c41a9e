//! A connection that ends without an answer.
//!
//! An injected fault can lose a reply ([`Reply::Reset`](crate::Reply::Reset)). A tower service has
//! no word for that, so the face marks the response it would have to give with this extension:
//! [`serve_connection`](super::serve_connection) closes the socket when it meets the mark, and a
//! caller in process asks [`ConnectionReset::check`].

use axum::body::Body;
use axum::response::Response;

/// The connection ended before an answer; the request may or may not have acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection ended before an answer")]
pub struct ConnectionReset;

impl ConnectionReset {
    /// The answer, or this error where the face marked it as never sent.
    ///
    /// # Errors
    /// When the response carries the mark.
    pub fn check<B>(response: http::Response<B>) -> Result<http::Response<B>, Self> {
        match response.extensions().get::<Self>() {
            Some(reset) => Err(*reset),
            None => Ok(response),
        }
    }

    /// A response that no socket ever carries.
    pub(super) fn response() -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::BAD_GATEWAY;
        response.extensions_mut().insert(Self);
        response
    }
}
