//! HTTP/1.1 on one connection, for one request and its answer (RFC 9112). Strict where servers and
//! what stands before them could differ in what they read.

use std::io;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::http::connection::Stream;

/// Bytes of an answer's head, or of the line before a chunk.
const HEAD_BYTES: usize = 64 << 10;

/// Headers of an answer.
const MOST_HEADERS: usize = 128;

/// Answers without a meaning of their own (1xx) before the one that counts.
const MOST_PRELUDES: usize = 4;

/// Why an answer cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("the connection broke off: {0}")]
    Broken(#[from] io::Error),
    #[error("what came is no HTTP/1.1: {0}")]
    NotHttp(&'static str),
    #[error("the body is larger than allowed")]
    TooLarge,
}

/// The first part of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

/// A connection on which a request was or will be sent.
pub(crate) struct Exchange {
    stream: Box<dyn Stream>,
    /// What was read and not used yet.
    buffer: Vec<u8>,
}

/// How the end of a body is told.
#[derive(Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
    UntilClosed,
}

impl Exchange {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Exchange {
        Exchange {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Sends a request. What is in `headers` was checked to be one line each.
    pub(crate) async fn send(
        &mut self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), WireError> {
        let mut head = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
        for (name, value) in headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        // A server may wait for the body of a POST until it is told that there is none.
        if !body.is_empty() || !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            head.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        head.extend_from_slice(b"connection: close\r\n\r\n");
        head.extend_from_slice(body);
        self.stream.write_all(&head).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Reads the head of the answer.
    pub(crate) async fn head(&mut self) -> Result<Head, WireError> {
        for _ in 0..=MOST_PRELUDES {
            let head = self.any_head().await?;
            if !head.status.is_informational() {
                return Ok(head);
            }
        }
        Err(WireError::NotHttp("too many answers of status 1xx"))
    }

    async fn any_head(&mut self) -> Result<Head, WireError> {
        loop {
            if let Some((head, length)) = parse_head(&self.buffer)? {
                self.buffer.drain(..length);
                return Ok(head);
            }
            if self.buffer.len() > HEAD_BYTES {
                return Err(WireError::NotHttp("the head is too long"));
            }
            self.read_more().await?;
        }
    }

    /// Reads the body, and stops reading where it grows larger than `most` bytes.
    pub(crate) async fn body(
        mut self,
        method: &Method,
        head: &Head,
        most: u64,
    ) -> Result<Vec<u8>, WireError> {
        let nothing = *method == Method::HEAD
            || head.status == StatusCode::NO_CONTENT
            || head.status == StatusCode::NOT_MODIFIED;
        if nothing {
            return Ok(Vec::new());
        }
        match framing(&head.headers)? {
            Framing::Length(length) if length > most => Err(WireError::TooLarge),
            Framing::Length(length) => {
                let length = usize::try_from(length).map_err(|_| WireError::TooLarge)?;
                self.fill(length).await?;
                self.buffer.truncate(length);
                Ok(self.buffer)
            }
            Framing::Chunked => self.chunks(most).await,
            Framing::UntilClosed => self.rest(most).await,
        }
    }

    async fn chunks(&mut self, most: u64) -> Result<Vec<u8>, WireError> {
        let mut body = Vec::new();
        loop {
            let size = self.chunk_size().await?;
            if size == 0 {
                // Trailers mean nothing to a guest, and the connection ends here.
                return Ok(body);
            }
            if size > most - body.len() as u64 {
                return Err(WireError::TooLarge);
            }
            let size = usize::try_from(size).map_err(|_| WireError::TooLarge)?;
            self.fill(size + 2).await?;
            body.extend_from_slice(&self.buffer[..size]);
            if &self.buffer[size..size + 2] != b"\r\n" {
                return Err(WireError::NotHttp("a chunk is longer than it says"));
            }
            self.buffer.drain(..size + 2);
        }
    }

    async fn chunk_size(&mut self) -> Result<u64, WireError> {
        loop {
            match httparse::parse_chunk_size(&self.buffer) {
                Ok(httparse::Status::Complete((length, size))) => {
                    self.buffer.drain(..length);
                    return Ok(size);
                }
                Ok(httparse::Status::Partial) if self.buffer.len() <= HEAD_BYTES => {
                    self.read_more().await?;
                }
                _ => return Err(WireError::NotHttp("a chunk has no size")),
            }
        }
    }

    async fn rest(mut self, most: u64) -> Result<Vec<u8>, WireError> {
        loop {
            if self.buffer.len() as u64 > most {
                return Err(WireError::TooLarge);
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => return Ok(self.buffer),
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads until the buffer holds so many bytes.
    async fn fill(&mut self, bytes: usize) -> Result<(), WireError> {
        while self.buffer.len() < bytes {
            self.read_more().await?;
        }
        Ok(())
    }

    async fn read_more(&mut self) -> Result<(), WireError> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(())
    }
}

/// The head at the beginning of `bytes` and its length, when it is whole.
fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, WireError> {
    let mut found = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut found);
    let parsed = response.parse(bytes);
    let bad = |_| WireError::NotHttp("the head cannot be read");
    let httparse::Status::Complete(length) = parsed.map_err(bad)? else {
        return Ok(None);
    };
    let status = StatusCode::from_u16(response.code.unwrap_or(0))
        .map_err(|_| WireError::NotHttp("the status is none"))?;
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for header in response.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_bytes(header.value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(WireError::NotHttp("a header cannot be read"));
        };
        headers.append(name, value);
    }
    Ok(Some((Head { status, headers }, length)))
}

/// RFC 9112, 6.3, but that nothing is repaired: two ways to tell the end are one too many.
fn framing(headers: &HeaderMap) -> Result<Framing, WireError> {
    let codings: Vec<&HeaderValue> = headers.get_all(TRANSFER_ENCODING).iter().collect();
    let lengths: Vec<&HeaderValue> = headers.get_all(CONTENT_LENGTH).iter().collect();
    match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => Ok(Framing::UntilClosed),
        ([], [length]) => {
            let digits = length.as_bytes().iter().all(u8::is_ascii_digit);
            let number = length.to_str().ok().filter(|_| digits);
            let length = number.and_then(|number| number.parse().ok());
            let length = length.ok_or(WireError::NotHttp("the length is no number"))?;
            Ok(Framing::Length(length))
        }
        ([coding], []) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            Ok(Framing::Chunked)
        }
        ([_, ..], []) => Err(WireError::NotHttp("an unknown transfer coding")),
        _ => Err(WireError::NotHttp(
            "the body's length is told in several ways",
        )),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use http::Method;
    use tokio::io::AsyncWriteExt as _;

    use super::{Exchange, WireError};

    /// What is read of an answer that comes in pieces of `size` bytes.
    async fn read(answer: &[u8], size: usize) -> Result<(u16, Vec<u8>), WireError> {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let answer = answer.to_vec();
        tokio::spawn(async move {
            for piece in answer.chunks(size) {
                // A reader that has seen enough goes away.
                if theirs.write_all(piece).await.is_err() {
                    return;
                }
            }
        });
        let mut exchange = Exchange::new(Box::new(ours));
        let head = exchange.head().await?;
        let body = exchange.body(&Method::GET, &head, 10).await?;
        Ok((head.status.as_u16(), body))
    }

    #[tokio::test]
    async fn an_answer_is_read_alike_however_it_is_cut_into_pieces() {
        for (answer, body) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole", "whole"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole and more",
                "whole",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwho\r\n2;x=y\r\nle\r\n0\r\n\r\n",
                "whole",
            ),
            ("HTTP/1.0 200 OK\r\n\r\nwhole", "whole"),
            (
                "HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
                "",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789",
                "0123456789",
            ),
        ] {
            for size in [1, 2, 7, 1_000] {
                let (status, found) = read(answer.as_bytes(), size).await.unwrap();
                assert_eq!((status, &*found), (200, body.as_bytes()), "{answer}");
            }
        }
    }

    #[tokio::test]
    async fn what_could_be_read_in_two_ways_is_not_read_at_all() {
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
            "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\nx",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\nx\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx y: z\r\n\r\n",
            "HELO\r\n\r\n",
        ] {
            let found = read(answer.as_bytes(), 1_000).await;
            assert!(
                matches!(found, Err(WireError::NotHttp(_))),
                "{answer}: {found:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_not_read_to_its_end() {
        let endless = "1\r\nx\r\n".repeat(100_000);
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n".to_owned(),
            format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(100_000)),
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{endless}"),
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffff\r\n".to_owned(),
        ] {
            let found = read(answer.as_bytes(), 1_000).await;
            let refused = matches!(found, Err(WireError::TooLarge | WireError::NotHttp(_)));
            assert!(refused, "{found:?}");
        }
    }

    #[tokio::test]
    async fn a_head_or_a_body_that_ends_too_early_is_broken() {
        for answer in [
            "",
            "HTTP/1.1 200",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nshor",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshor",
        ] {
            let found = read(answer.as_bytes(), 1_000).await;
            assert!(
                matches!(found, Err(WireError::Broken(_))),
                "{answer}: {found:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_head_without_end_is_cut_off() {
        let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(1_000_000));
        let found = read(endless.as_bytes(), 10_000).await;
        assert!(matches!(found, Err(WireError::NotHttp(_))), "{found:?}");
    }
}
