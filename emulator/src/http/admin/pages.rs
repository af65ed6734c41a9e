//! The portal: a page, its style and its scripts, built into the program.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};

use crate::portal::{ASSETS, PAGE};

const HTML: &str = "text/html; charset=utf-8";

pub(super) async fn page() -> Response {
    text(HTML, PAGE)
}

/// The page's own addresses are relative to a folder.
pub(super) async fn folder() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let location = HeaderValue::from_static("/_turquoise/");
    response.headers_mut().insert(LOCATION, location);
    response
}

pub(super) async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, _, _)| *known == name) {
        Some((_, kind, body)) => text(kind, body),
        None => {
            let mut response = text("text/plain", "the portal has no such file");
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

fn text(kind: &'static str, body: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
