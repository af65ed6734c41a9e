//! What the admin API says when it does not do what was asked: ARM's envelope, in our words.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use turquoise_arm::{ArmError, ResourceId};

use crate::admin::CopyError;
use crate::http::router::refusal;

pub(super) type Answer = Result<Response, Refused>;

/// A refusal on its way out.
#[derive(Debug)]
pub(super) struct Refused(Box<ArmError>);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        refusal(&self.0)
    }
}

pub(super) fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| wrong(format!("the body is wrong: {error}")))
}

pub(super) fn id(text: &str) -> Result<ResourceId, Refused> {
    ResourceId::parse(text).map_err(|_| wrong(format!("`{text}` is no resource id")))
}

pub(super) fn wrong(why: String) -> Refused {
    Refused(Box::new(ArmError::bad_request("InvalidAdminRequest", why)))
}

pub(super) fn missing(why: String) -> Refused {
    Refused(Box::new(ArmError::not_found("NotFound", why)))
}

pub(super) fn refused(error: &CopyError) -> Refused {
    Refused(Box::new(ArmError::conflict(
        "RefusedByResourceManager",
        error.to_string(),
    )))
}
