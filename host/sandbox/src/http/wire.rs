//! HTTP/1.1 on one connection, for one request and its answer (RFC 9112): hyper reads and writes it.
//! What stands here is stricter where servers and what stands before them could differ in what they
//! read, and bounds what hyper would take.

use std::error::Error as _;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::future::{Either, poll_fn, select};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use crate::http::connection::Stream;

/// Bytes of an answer's head.
const HEAD_BYTES: usize = 64 << 10;

/// Headers of an answer.
const MOST_HEADERS: usize = 128;

/// Answers without a meaning of their own (1xx) before the one that counts.
const MOST_PRELUDES: usize = 4;

/// Why an answer cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("the connection broke off: {0}")]
    Broken(io::Error),
    #[error("what came is no HTTP/1.1: {0}")]
    NotHttp(String),
    #[error("the body is larger than allowed")]
    TooLarge,
}

impl WireError {
    fn not_http(why: &str) -> WireError {
        WireError::NotHttp(why.to_owned())
    }
}

impl From<hyper::Error> for WireError {
    fn from(error: hyper::Error) -> WireError {
        if error.is_parse() {
            return WireError::NotHttp(error.to_string());
        }
        let cause = error.source().and_then(|source| source.downcast_ref());
        match cause.map(io::Error::kind) {
            Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
                let why = cause.map_or_else(|| error.to_string(), ToString::to_string);
                WireError::NotHttp(why)
            }
            Some(kind) => WireError::Broken(kind.into()),
            // The connection ended before the answer did.
            None => WireError::Broken(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// The first part of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

/// A request as it will be written.
pub(crate) struct Prepared {
    request: Request<Full<Bytes>>,
    preludes: Arc<Preludes>,
}

/// The 1xx answers that have come.
#[derive(Default)]
struct Preludes {
    seen: AtomicUsize,
    too_many: Notify,
}

impl Preludes {
    fn are_too_many(&self) -> bool {
        self.seen.load(Ordering::Relaxed) > MOST_PRELUDES
    }
}

impl Prepared {
    /// What is in `headers` was checked to be one line each.
    pub(crate) fn new(
        method: &Method,
        path: &str,
        mut headers: HeaderMap,
        body: &[u8],
    ) -> Result<Prepared, http::Error> {
        // A server may wait for the body of a POST until it is told that there is none.
        if !body.is_empty() || !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .body(Full::new(Bytes::copy_from_slice(body)))?;
        *request.headers_mut() = headers;
        let preludes = Arc::new(Preludes::default());
        let counted = preludes.clone();
        hyper::ext::on_informational(&mut request, move |_| {
            if counted.seen.fetch_add(1, Ordering::Relaxed) >= MOST_PRELUDES {
                counted.too_many.notify_one();
            }
        });
        Ok(Prepared { request, preludes })
    }
}

/// A connection on which a request was sent, and whose answer has begun. Nothing of it runs unless
/// it is asked for more, and it is closed when it is dropped.
pub(crate) struct Exchange {
    connection: Driven,
    body: Incoming,
}

/// hyper's part of the connection, until it has nothing more to do.
struct Driven(Option<http1::Connection<TokioIo<Deaf>, Full<Bytes>>>);

impl Driven {
    /// Does some work that needs the connection to go on.
    async fn with<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Some(connection) = &mut self.0 {
                // How it ended is told to whoever waits for the answer, too.
                if Pin::new(connection).poll(context).is_ready() {
                    self.0 = None;
                }
            }
            work.as_mut().poll(context)
        })
        .await
    }
}

impl Exchange {
    /// Sends a request and reads the head of the answer.
    pub(crate) async fn begin(
        stream: Box<dyn Stream>,
        prepared: Prepared,
    ) -> Result<(Head, Exchange), WireError> {
        let Prepared { request, preludes } = prepared;
        let method = request.method().clone();
        let stream = TokioIo::new(Deaf {
            stream,
            deaf: false,
        });
        let (mut sender, connection) = http1::Builder::new()
            .max_headers(MOST_HEADERS)
            .max_header_size(HEAD_BYTES)
            .max_buf_size(HEAD_BYTES)
            .handshake(stream)
            .await?;
        let mut connection = Driven(Some(connection));
        let answer = connection.with(sender.send_request(request));
        let answer = match select(pin!(answer), pin!(preludes.too_many.notified())).await {
            Either::Left((answer, _)) if !preludes.are_too_many() => answer?,
            _ => return Err(WireError::not_http("too many answers of status 1xx")),
        };
        let (parts, body) = answer.into_parts();
        if parts.status.is_informational() {
            let why = "the server changes to a protocol that nobody asked for";
            return Err(WireError::not_http(why));
        }
        let head = Head {
            status: parts.status,
            headers: parts.headers,
        };
        if has_body(&method, head.status) {
            one_way_to_tell_the_end(&head.headers)?;
        }
        Ok((head, Exchange { connection, body }))
    }

    /// How many bytes the body has, where that is said before it.
    pub(crate) fn declared(&self) -> Option<u64> {
        use hyper::body::Body as _;

        self.body.size_hint().exact()
    }

    /// The next part of the body; none at its end.
    pub(crate) async fn part(&mut self) -> Result<Option<Bytes>, WireError> {
        while let Some(frame) = self.connection.with(self.body.frame()).await {
            // Trailers mean nothing to anybody here.
            if let Ok(data) = frame?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Reads the body, and stops reading where it grows larger than `most` bytes.
    pub(crate) async fn body(mut self, most: u64) -> Result<Vec<u8>, WireError> {
        use hyper::body::Body as _;

        if self.body.size_hint().lower() > most {
            return Err(WireError::TooLarge);
        }
        let mut body = Vec::new();
        while let Some(data) = self.part().await? {
            if data.len() as u64 > most - body.len() as u64 {
                return Err(WireError::TooLarge);
            }
            body.extend_from_slice(&data);
        }
        Ok(body)
    }
}

fn has_body(method: &Method, status: StatusCode) -> bool {
    *method != Method::HEAD
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}

/// RFC 9112, 6.3, but that nothing is repaired: two ways to tell the end are one too many.
fn one_way_to_tell_the_end(headers: &HeaderMap) -> Result<(), WireError> {
    let codings: Vec<&HeaderValue> = headers.get_all(TRANSFER_ENCODING).iter().collect();
    let lengths: Vec<&HeaderValue> = headers.get_all(CONTENT_LENGTH).iter().collect();
    let why = match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => return Ok(()),
        ([], [length]) if length.as_bytes().iter().all(u8::is_ascii_digit) => return Ok(()),
        ([], [_]) => "the length is no number",
        ([coding], []) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => return Ok(()),
        ([_, ..], []) => "an unknown transfer coding",
        _ => "the body's length is told in several ways",
    };
    Err(WireError::not_http(why))
}

/// A stream that goes on being read when it cannot be written any more: a server may answer and
/// close before it has read everything, and what it says counts.
struct Deaf {
    stream: Box<dyn Stream>,
    /// Whether the server has stopped listening; what is written then is dropped.
    deaf: bool,
}

impl Deaf {
    fn unless_deaf<T>(
        &mut self,
        dropped: T,
        write: impl FnOnce(Pin<&mut Box<dyn Stream>>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if !self.deaf {
            match write(Pin::new(&mut self.stream)) {
                Poll::Ready(Err(_)) => self.deaf = true,
                other => return other,
            }
        }
        Poll::Ready(Ok(dropped))
    }
}

impl AsyncRead for Deaf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Deaf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.unless_deaf(bytes.len(), |stream| stream.poll_write(context, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unless_deaf((), |stream| stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unless_deaf((), |stream| stream.poll_shutdown(context))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use http::{HeaderMap, HeaderValue, Method, header::HOST};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::{Exchange, Prepared, WireError};
    use crate::http::target::Target;

    fn request(method: &Method, body: &[u8]) -> Prepared {
        let host = HeaderValue::from_static("example.test");
        let headers = HeaderMap::from_iter([(HOST, host)]);
        Prepared::new(method, "/a?b=c", headers, body).unwrap()
    }

    /// What is read of an answer that comes in pieces of `size` bytes.
    async fn read(answer: &[u8], size: usize) -> Result<(u16, Vec<u8>), WireError> {
        let (ours, mut theirs) = tokio::io::duplex(256);
        let answer = answer.to_vec();
        tokio::spawn(async move {
            let mut asked = [0; 16];
            theirs.read_exact(&mut asked).await.unwrap();
            assert_eq!(&asked, b"GET /a?b=c HTTP/");
            for piece in answer.chunks(size) {
                // A reader that has seen enough goes away.
                if theirs.write_all(piece).await.is_err() {
                    return;
                }
            }
        });
        let prepared = request(&Method::GET, b"");
        let (head, exchange) = Exchange::begin(Box::new(ours), prepared).await?;
        let body = exchange.body(10).await?;
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
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
            "HTTP/1.1 200 OK\r\ncontent-length: 1, 1\r\n\r\nx",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx: y\r\n z\r\n\r\n",
            "HTTP/1.1 200 OK\r\nx : y\r\n\r\n",
            "HTTP/1.1 101 Changed\r\nupgrade: other\r\n\r\n",
            "HTTP/2.0 200 OK\r\n\r\n",
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
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffff\r\nmore than ten"
                .to_owned(),
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
    async fn preludes_without_end_are_cut_off() {
        let one = "HTTP/1.1 103 Early\r\nlink: x\r\n\r\n";
        let end = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        for size in [7, 100_000] {
            let few = format!("{}{end}", one.repeat(4));
            assert_eq!(read(few.as_bytes(), size).await.unwrap(), (200, Vec::new()));
            let many = format!("{}{end}", one.repeat(1_000));
            let found = read(many.as_bytes(), size).await;
            assert!(matches!(found, Err(WireError::NotHttp(_))), "{found:?}");
        }
    }

    #[tokio::test]
    async fn the_answer_of_a_server_that_does_not_read_everything_counts() {
        let (ours, mut theirs) = tokio::io::duplex(256);
        tokio::spawn(async move {
            let mut asked = [0; 16];
            theirs.read_exact(&mut asked).await.unwrap();
            let answer = b"HTTP/1.1 413 Too much\r\ncontent-length: 2\r\n\r\nno";
            theirs.write_all(answer).await.unwrap();
        });
        let prepared = request(&Method::POST, &vec![b'x'; 1 << 20]);
        let (head, exchange) = Exchange::begin(Box::new(ours), prepared).await.unwrap();
        assert_eq!(head.status.as_u16(), 413);
        assert_eq!(exchange.body(10).await.unwrap(), b"no");
    }

    #[tokio::test]
    async fn a_request_is_written_with_its_length_and_says_that_it_is_the_only_one() {
        for (method, body, length) in [
            (Method::GET, "", None),
            (Method::POST, "", Some("0")),
            (Method::POST, "four", Some("4")),
            (Method::GET, "four", Some("4")),
        ] {
            let (ours, mut theirs) = tokio::io::duplex(1_024);
            let prepared = request(&method, body.as_bytes());
            let sending = tokio::spawn(Exchange::begin(Box::new(ours), prepared));
            let mut written = Vec::new();
            while !written.ends_with(format!("\r\n\r\n{body}").as_bytes()) {
                theirs.read_buf(&mut written).await.unwrap();
            }
            let written = String::from_utf8(written).unwrap();
            let mut lines: Vec<&str> = written.split("\r\n").collect();
            assert_eq!(lines.remove(0), format!("{method} /a?b=c HTTP/1.1"));
            let expected = length.map(|length| format!("content-length: {length}"));
            let found = lines.iter().find(|line| line.starts_with("content-length"));
            assert_eq!(found.map(|line| (*line).to_owned()), expected, "{written}");
            assert!(lines.contains(&"connection: close"), "{written}");
            assert!(!written.contains("transfer-encoding"), "{written}");
            let answer = b"HTTP/1.1 204 None\r\n\r\n";
            theirs.write_all(answer).await.unwrap();
            assert_eq!(sending.await.unwrap().unwrap().0.status.as_u16(), 204);
        }
    }

    #[test]
    fn every_address_that_is_read_can_be_asked_for() {
        let mut read = 0;
        for byte in b'!'..=b'~' {
            for rest in ["a", "", "?b"] {
                let url = format!("http://example.test/{}{rest}", char::from(byte));
                let Ok(target) = Target::parse(&url) else {
                    continue;
                };
                read += 1;
                let path = target.path_and_query();
                let prepared = Prepared::new(&Method::GET, &path, HeaderMap::new(), b"").unwrap();
                assert_eq!(prepared.request.uri().to_string(), path);
            }
        }
        assert!(read > 150, "{read} addresses were read");
    }

    #[tokio::test]
    async fn a_head_without_end_is_cut_off() {
        let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(1_000_000));
        let found = read(endless.as_bytes(), 10_000).await;
        assert!(matches!(found, Err(WireError::NotHttp(_))), "{found:?}");
    }
}
