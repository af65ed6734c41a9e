//! The head of a member's answer: parsed, and judged as to where its body ends (RFC 9112 §6.3).

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use super::chunked::Chunked;

/// The longest head that is an answer; a longer one is a 502 (azure-facts.md §5.2).
const HEAD_LIMIT: usize = 64 * 1024;
/// The most headers that an answer may have.
const MOST_HEADERS: usize = 128;

/// An answer's head.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) parts: Parts,
    pub(super) framing: Framing,
    /// Whether the connection can carry another request afterwards.
    pub(super) keep: bool,
}

/// Where an answer's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// Where the chunked coding says.
    Chunked(Chunked),
    /// With the connection.
    UntilClosed,
    /// Nowhere: from here on both sides speak another protocol.
    Upgraded,
}

/// The bytes are not an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the member's answer is malformed")]
pub(super) struct NoAnswer;

/// Takes a whole head from the front of `input`, interim ones passed over; `None` when more bytes
/// are needed.
pub(super) fn take(input: &mut BytesMut, method: &Method) -> Result<Option<Head>, NoAnswer> {
    loop {
        let Some(head) = take_one(input, method)? else {
            return Ok(None);
        };
        let interim = head.parts.status.is_informational();
        if !interim || head.parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Some(head));
        }
    }
}

fn take_one(input: &mut BytesMut, method: &Method) -> Result<Option<Head>, NoAnswer> {
    if input.is_empty() {
        return Ok(None);
    }
    let mut room = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Response::new(&mut room);
    let length = match parsed.parse(input) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_LIMIT => length,
        Ok(httparse::Status::Partial) if input.len() <= HEAD_LIMIT => return Ok(None),
        _ => return Err(NoAnswer),
    };
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(NoAnswer)?;
    let is_1_1 = parsed.version == Some(1);
    // Where each name and value lies, so that the values can share the bytes that were read.
    let base = input.as_ptr() as usize;
    let at = |part: &[u8]| (part.as_ptr() as usize - base, part.len());
    let mut places = [((0, 0), (0, 0)); MOST_HEADERS];
    let count = parsed.headers.len();
    for (place, header) in places.iter_mut().zip(parsed.headers.iter()) {
        *place = (at(header.name.as_bytes()), at(header.value));
    }
    let bytes = input.split_to(length).freeze();
    let headers = headers(&bytes, &places[..count])?;
    judge(status, is_1_1, headers, method).map(Some)
}

type Place = (usize, usize);

fn headers(bytes: &Bytes, places: &[(Place, Place)]) -> Result<HeaderMap, NoAnswer> {
    let mut headers = HeaderMap::with_capacity(places.len() + 2);
    for (name, value) in places {
        let name = &bytes[name.0..name.0 + name.1];
        let name = HeaderName::from_bytes(name).map_err(|_| NoAnswer)?;
        let value = bytes.slice(value.0..value.0 + value.1);
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| NoAnswer)?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn judge(
    status: StatusCode,
    is_1_1: bool,
    headers: HeaderMap,
    method: &Method,
) -> Result<Head, NoAnswer> {
    let framing = framing(status, &headers, method)?;
    let keep =
        keeps(is_1_1, &headers) && !matches!(framing, Framing::UntilClosed | Framing::Upgraded);
    let mut parts = Response::new(()).into_parts().0;
    parts.status = status;
    parts.headers = headers;
    Ok(Head {
        parts,
        framing,
        keep,
    })
}

fn framing(status: StatusCode, headers: &HeaderMap, method: &Method) -> Result<Framing, NoAnswer> {
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Framing::Upgraded);
    }
    let length = length(headers)?;
    let bodiless = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if bodiless || method == Method::HEAD {
        return Ok(Framing::Length(0));
    }
    match (headers.get(TRANSFER_ENCODING), length) {
        // Two lengths that may differ: nobody knows where the next answer begins.
        (Some(_), Some(_)) => Err(NoAnswer),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            match headers.get_all(TRANSFER_ENCODING).iter().nth(1) {
                None => Ok(Framing::Chunked(Chunked::default())),
                Some(_) => Err(NoAnswer),
            }
        }
        (Some(_), None) => Err(NoAnswer),
        (None, Some(length)) => Ok(Framing::Length(length)),
        (None, None) => Ok(Framing::UntilClosed),
    }
}

/// The body's length, if every header about it says the same.
fn length(headers: &HeaderMap) -> Result<Option<u64>, NoAnswer> {
    let mut found = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let digits = value.to_str().map_err(|_| NoAnswer)?;
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(NoAnswer);
        }
        let length: u64 = digits.parse().map_err(|_| NoAnswer)?;
        if found.is_some_and(|found| found != length) {
            return Err(NoAnswer);
        }
        found = Some(length);
    }
    Ok(found)
}

fn keeps(is_1_1: bool, headers: &HeaderMap) -> bool {
    let said = |wanted: &str| {
        let values = headers.get_all(CONNECTION).iter();
        let mut tokens = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        tokens.any(|token| token.trim().eq_ignore_ascii_case(wanted))
    };
    if is_1_1 {
        !said("close")
    } else {
        said("keep-alive")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, method: &Method) -> Result<Option<Head>, NoAnswer> {
        take(&mut BytesMut::from(text.as_bytes()), method)
    }

    fn check(text: &str, method: Method, expected: Result<(Framing, bool), NoAnswer>) {
        let found = parsed(text, &method);
        let found = found.map(|head| head.map(|head| (head.framing, head.keep)));
        assert_eq!(found, expected.map(Some), "{method} {text:?}");
    }

    #[test]
    fn the_head_says_where_the_body_ends() {
        let chunked = Framing::Chunked(Chunked::default());
        for (text, method, framing, keep) in [
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
                Method::GET,
                Framing::Length(5),
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nContent-Length: 5\r\n\r\n",
                Method::GET,
                Framing::Length(5),
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
                Method::HEAD,
                Framing::Length(0),
                true,
            ),
            (
                "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
                Method::GET,
                Framing::Length(0),
                true,
            ),
            (
                "HTTP/1.1 204 No Content\r\n\r\n",
                Method::GET,
                Framing::Length(0),
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n",
                Method::GET,
                chunked,
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                Method::GET,
                Framing::Length(0),
                false,
            ),
            (
                "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
                Method::GET,
                Framing::Length(0),
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\n\r\n",
                Method::GET,
                Framing::UntilClosed,
                false,
            ),
            (
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
                Method::GET,
                Framing::Upgraded,
                false,
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n",
                Method::GET,
                Framing::Length(1),
                true,
            ),
        ] {
            check(text, method, Ok((framing, keep)));
        }
    }

    #[test]
    fn an_answer_whose_length_is_in_doubt_is_none() {
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nspace in name: 1\r\n\r\n",
            "hello\r\n\r\n",
        ] {
            check(text, Method::GET, Err(NoAnswer));
        }
    }

    #[test]
    fn half_a_head_waits_and_an_endless_one_is_none() {
        let half = "HTTP/1.1 200 OK\r\ncontent-le";
        assert!(parsed(half, &Method::GET).is_ok_and(|head| head.is_none()));
        let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(HEAD_LIMIT));
        assert!(parsed(&endless, &Method::GET).is_err());
    }
}
