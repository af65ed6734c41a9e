//! Answers that the gateway gives by itself.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, SERVER};
use http::{HeaderValue, Response, StatusCode};

/// How the gateway names itself on its own pages (azure-facts.md §5.1, step 6).
const SERVER_NAME: &str = "Microsoft-Azure-Application-Gateway/v2";

/// The small page of an error, in the shape of Azure's.
pub(crate) fn error(status: StatusCode) -> Response<Bytes> {
    let title = format!(
        "{} {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    );
    page(status, &title)
}

/// The page of an error as bytes, for a client that sent no whole request to answer.
pub(crate) fn bytes(status: StatusCode) -> Vec<u8> {
    let page = error(status);
    let head = format!(
        "HTTP/1.1 {status}\r\nserver: {SERVER_NAME}\r\ncontent-type: text/html\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        page.body().len()
    );
    [head.as_bytes(), page.body()].concat()
}

/// A redirect rule's answer.
pub(crate) fn redirect(status: u16, target: &str) -> Response<Bytes> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND);
    let mut response = error(status);
    if let Ok(target) = HeaderValue::from_str(target) {
        response.headers_mut().insert(LOCATION, target);
    }
    response
}

fn page(status: StatusCode, title: &str) -> Response<Bytes> {
    let text = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n\
         <center><h1>{title}</h1></center>\r\n<hr><center>{SERVER_NAME}</center>\r\n\
         </body>\r\n</html>\r\n"
    );
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static(SERVER_NAME));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_a_502_names_the_gateway() {
        let page = error(StatusCode::BAD_GATEWAY);
        assert_eq!(page.headers()["server"], SERVER_NAME);
        let text = String::from_utf8_lossy(page.body());
        assert!(text.contains("<h1>502 Bad Gateway</h1>"));
        assert!(text.contains(SERVER_NAME));
    }

    #[test]
    fn a_redirect_carries_its_target() {
        let answer = redirect(301, "https://app.contoso.com/x?y=1");
        assert_eq!(answer.status(), StatusCode::MOVED_PERMANENTLY);
        assert_eq!(
            answer.headers()["location"],
            "https://app.contoso.com/x?y=1"
        );
    }
}
