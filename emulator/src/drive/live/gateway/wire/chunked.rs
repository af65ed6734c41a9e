//! The chunked transfer coding (RFC 9112 §7.1), decoded from whatever bytes have come.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The longest size line, extensions included, and the longest trailer section.
const LINE_LIMIT: usize = 16 * 1024;

/// Where a decoder stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Chunked {
    /// Before a chunk's size line.
    #[default]
    Size,
    /// Within a chunk, with so many bytes to come.
    Data(u64),
    /// Before the line end that closes a chunk.
    DataEnd,
    /// After the last chunk.
    Trailers,
    /// At the end of the body.
    Done,
}

/// What a decoder found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Bytes of the body.
    Data(Bytes),
    /// The trailers, which end it.
    Trailers(HeaderMap),
    /// Its end, without trailers.
    End,
    /// Nothing yet: more bytes are needed.
    More,
}

/// The bytes are not what the coding allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chunked coding is malformed")]
pub(crate) struct Malformed;

impl Chunked {
    /// Takes the next piece from the front of `input`.
    pub(crate) fn decode(&mut self, input: &mut BytesMut) -> Result<Piece, Malformed> {
        loop {
            match *self {
                Self::Size => match take_line(input)? {
                    None => return Ok(Piece::More),
                    Some(line) => *self = after_size(size(&line)?),
                },
                Self::Data(_) if input.is_empty() => return Ok(Piece::More),
                Self::Data(left) => {
                    let take = usize::try_from(left).map_or(input.len(), |l| l.min(input.len()));
                    let rest = left - take as u64;
                    *self = if rest == 0 {
                        Self::DataEnd
                    } else {
                        Self::Data(rest)
                    };
                    return Ok(Piece::Data(input.split_to(take).freeze()));
                }
                Self::DataEnd if input.len() < 2 => return Ok(Piece::More),
                Self::DataEnd if input.starts_with(b"\r\n") => {
                    input.advance(2);
                    *self = Self::Size;
                }
                Self::DataEnd => return Err(Malformed),
                Self::Trailers => return self.trailers(input),
                Self::Done => return Ok(Piece::End),
            }
        }
    }

    fn trailers(&mut self, input: &mut BytesMut) -> Result<Piece, Malformed> {
        if input.starts_with(b"\r\n") {
            input.advance(2);
            *self = Self::Done;
            return Ok(Piece::End);
        }
        let Some(end) = find(input, b"\r\n\r\n") else {
            return more_unless(input.len() > LINE_LIMIT);
        };
        let section = input.split_to(end + 4);
        *self = Self::Done;
        fields(&section).map(Piece::Trailers)
    }
}

fn after_size(size: u64) -> Chunked {
    match size {
        0 => Chunked::Trailers,
        size => Chunked::Data(size),
    }
}

fn more_unless(too_long: bool) -> Result<Piece, Malformed> {
    if too_long {
        Err(Malformed)
    } else {
        Ok(Piece::More)
    }
}

/// A line without its end, which must be `CRLF`: a bare line feed is how requests are smuggled.
fn take_line(input: &mut BytesMut) -> Result<Option<BytesMut>, Malformed> {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
        return more_unless(input.len() > LINE_LIMIT).map(|_more| None);
    };
    let mut line = input.split_to(end + 1);
    if !line.ends_with(b"\r\n") {
        return Err(Malformed);
    }
    line.truncate(end - 1);
    Ok(Some(line))
}

/// The size at a line's begin; extensions are dropped.
fn size(line: &[u8]) -> Result<u64, Malformed> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
    let digits = &line[..digits.count()];
    let rest = line[digits.len()..].trim_ascii_start();
    if digits.is_empty() || digits.len() > 16 || !(rest.is_empty() || rest[0] == b';') {
        return Err(Malformed);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| Malformed)?;
    u64::from_str_radix(digits, 16).map_err(|_| Malformed)
}

fn fields(section: &[u8]) -> Result<HeaderMap, Malformed> {
    let mut room = [httparse::EMPTY_HEADER; 64];
    let Ok(httparse::Status::Complete((_, fields))) = httparse::parse_headers(section, &mut room)
    else {
        return Err(Malformed);
    };
    let mut trailers = HeaderMap::new();
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Malformed)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| Malformed)?;
        trailers.append(name, value);
    }
    Ok(trailers)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body and trailers of `bytes` that come in steps of `step`.
    fn decoded(bytes: &[u8], step: usize) -> Result<(Vec<u8>, HeaderMap), Malformed> {
        let (mut state, mut input) = (Chunked::default(), BytesMut::new());
        let (mut body, mut pieces) = (Vec::new(), bytes.chunks(step));
        loop {
            match state.decode(&mut input)? {
                Piece::Data(data) => body.extend_from_slice(&data),
                Piece::Trailers(trailers) => return Ok((body, trailers)),
                Piece::End => return Ok((body, HeaderMap::new())),
                Piece::More => input.extend_from_slice(pieces.next().ok_or(Malformed)?),
            }
        }
    }

    #[test]
    fn bodies_come_out_whole_however_they_are_cut() {
        for (bytes, body) in [
            (&b"0\r\n\r\n"[..], ""),
            (b"5\r\nhello\r\n0\r\n\r\n", "hello"),
            (b"5;name=value\r\nhello\r\n1\r\n!\r\n000\r\n\r\n", "hello!"),
            (b"A\r\n0123456789\r\n0\r\nx-sum: 1\r\n\r\n", "0123456789"),
        ] {
            for step in 1..=bytes.len() {
                let (decoded, _) = decoded(bytes, step).expect("it is well-formed");
                assert_eq!(decoded, body.as_bytes(), "{step}");
            }
        }
    }

    #[test]
    fn trailers_are_kept() {
        let (_, trailers) = decoded(b"1\r\na\r\n0\r\nx-sum: 7\r\n\r\n", 3).expect("well-formed");
        assert_eq!(trailers["x-sum"], "7");
    }

    #[test]
    fn what_the_coding_does_not_allow_is_no_body() {
        for bytes in [
            &b"\r\n"[..],
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhelloX\r\n0\r\n\r\n",
            b"-5\r\nhello\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"5 5\r\nhello\r\n0\r\n\r\n",
            b"11111111111111111\r\n",
            b"0\r\nno colon\r\n\r\n",
        ] {
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(decoded(bytes, 1), Err(Malformed), "{text:?}");
        }
    }
}
