//! Answers of servers that are nearly good: whatever is taken for an answer is what a slow and plain reader
//! takes for one, and nobody goes on reading when it is known what comes of it.

use std::collections::BTreeMap;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use http::{HeaderMap, Method};
use menagerie_fuzz::{corpus, fuzz_for};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{OF_THE_CONNECTION, Trouble, broken, redirect, whole};
use crate::http::answer::{Response, decode, encode};
use crate::http::policy::HttpPolicy;
use crate::http::problem::{Problem, Token};
use crate::http::request::Checked;
use crate::http::secrets::Secret;
use crate::http::target::Target;
use crate::http::wire::{Exchange, Prepared};

/// Bytes of a body that the grant allows.
const MOST: usize = 40;
/// As `wire` has them: what is a limit there is one here.
const HEAD_BYTES: usize = 64 << 10;
const MOST_HEADERS: usize = 128;
const MOST_PRELUDES: usize = 4;
/// Bytes of the extensions of all chunks: hyper's own limit.
const EXTENSION_BYTES: usize = 16 << 10;
/// What the host has told the server.
const SECRET: &str = "s3cr3t-t0ken";

const WORDS: [&str; 24] = [
    "HTTP/1.1 ",
    "HTTP/1.0 ",
    "200 OK",
    "100 Continue",
    "204 ",
    "302 Found",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "HTTP/1.1 103 Early\r\nlink: x\r\n\r\n",
    "content-length: ",
    "Transfer-Encoding: chunked\r\n",
    "chunked",
    "content-encoding: gzip\r\n",
    "location: /next",
    "connection: close\r\n",
    "trailer: x\r\n",
    "0\r\n\r\n",
    "1\r\nx\r\n",
    ";extension=\"",
    "ffffffffffffffff",
    ": ",
    SECRET,
];

#[test]
fn an_answer_is_what_a_slow_reader_takes_for_one() {
    let seeds = corpus("http-answer");
    for (at, seed) in seeds.iter().enumerate() {
        let said = Slow::new(seed).answer(&Method::GET);
        assert!(!matches!(said, Said::Refused), "seed {} is refused", at + 1);
    }
    fuzz_for(4, "http-answer", &seeds, &WORDS, |bytes| {
        // Some servers never come to an end; what they go on with is in nobody's interest.
        let endless = bytes.len() % 16 == 3;
        let mut all = bytes.to_vec();
        if endless {
            all.resize(bytes.len() + 3 * HEAD_BYTES, b'x');
        }
        let pieces = all.len().div_ceil(40);
        for (method, size) in [
            (Method::GET, all.len()),
            (Method::GET, pieces),
            (Method::HEAD, 8_000),
        ] {
            let mut slow = Slow::new(&all);
            let said = slow.answer(&method);
            let (taken, told) = taken(&method, &all, size.max(1));
            compare(&said, taken);
            // A buffer beyond the place where all was known, and hyper's is as large as a head.
            let most = slow.at + 2 * HEAD_BYTES;
            assert!(
                told <= most,
                "{told} bytes were read, and {most} are enough"
            );
        }
    });
}

/// What comes of an answer.
#[derive(Debug)]
enum Taken {
    Answer(Response),
    Elsewhere(Target),
    Problem(Problem),
}

/// Has the client read an answer that comes in pieces of `size` bytes; and how many bytes it took.
fn taken(method: &Method, answer: &[u8], size: usize) -> (Taken, usize) {
    let told = Arc::new(AtomicUsize::new(0));
    let server = Server {
        answer: answer.to_vec(),
        told: told.clone(),
        size,
        asked: false,
        waiting: None,
    };
    let request = Checked {
        method: method.clone(),
        target: Target::parse("http://a.example/b/c?d").expect("an address"),
        headers: HeaderMap::new(),
        body: Vec::new(),
    };
    let policy = HttpPolicy {
        rules: Vec::new(),
        max_request: 0,
        max_response: MOST as u64,
        timeout: Duration::from_secs(1),
    };
    let path = request.target.path_and_query();
    let reading = async {
        let prepared = Prepared::new(method, &path, HeaderMap::new(), b"").expect("a request");
        let begun = Exchange::begin(Box::new(server), prepared).await;
        let (head, exchange) = match begun {
            Ok(begun) => begun,
            Err(error) => return Taken::Problem(broken(&request.target, &error)),
        };
        let read = match redirect(&request, &head) {
            Ok(Some(next)) => return Taken::Elsewhere(next),
            Ok(None) => {
                let told = [Secret::new(SECRET)];
                whole(&policy, &request, head, exchange, &told).await
            }
            Err(trouble) => Err(trouble),
        };
        match read {
            Ok(response) => Taken::Answer(response),
            Err(Trouble::Problem(problem)) => Taken::Problem(problem),
            Err(Trouble::Host(message)) => panic!("the host lacks something: {message}"),
        }
    };
    (finished(reading), told.load(Ordering::Relaxed))
}

fn compare(said: &Said, taken: Taken) {
    let is = |token| matches!(&taken, Taken::Problem(problem) if problem.is(token));
    match said {
        Said::Refused => assert!(is(Token::Protocol), "no answer, and {taken:?}"),
        Said::Withheld => assert!(is(Token::Withheld), "compressed, and {taken:?}"),
        Said::TooLarge => assert!(is(Token::TooLarge), "too large, and {taken:?}"),
        Said::Elsewhere => match taken {
            Taken::Elsewhere(next) => assert_eq!(Target::parse(&next.to_string()), Ok(next)),
            _ => assert!(is(Token::Redirect), "a redirect, and {taken:?}"),
        },
        Said::Answer(expected) => match taken {
            Taken::Answer(response) => {
                assert!(!expected.holds(SECRET), "the secret was passed on");
                assert_eq!(Plain::of(&response), *expected);
                // What is kept in the call log is what the guest is given.
                let kept = decode(&encode(Ok(response.clone()))).expect("it was just kept");
                let kept = kept.expect("it was an answer");
                assert_eq!((kept.url, kept.headers), (response.url, response.headers));
                assert_eq!(kept.body, response.body);
            }
            _ => assert!(is(Token::Withheld), "{expected:?}, and {taken:?}"),
        },
    }
}

/// An answer, in which the order of headers of different names says nothing.
#[derive(Debug, PartialEq, Eq)]
struct Plain {
    status: u16,
    headers: BTreeMap<String, Vec<String>>,
    body: Vec<u8>,
}

impl Plain {
    fn of(response: &Response) -> Plain {
        let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in &response.headers {
            headers.entry(name.clone()).or_default().push(value.clone());
        }
        Plain {
            status: response.status,
            headers,
            body: response.body.clone(),
        }
    }

    /// As it stands, in no disguise.
    fn holds(&self, text: &str) -> bool {
        let body = String::from_utf8_lossy(&self.body);
        let values = self.headers.values().flatten();
        let mut texts = self.headers.keys().chain(values);
        body.contains(text) || texts.any(|found| found.contains(text))
    }
}

/// What a server has said, as far as it matters.
#[derive(Debug)]
enum Said {
    /// It is no HTTP, or breaks off.
    Refused,
    /// It may be anywhere but here.
    Elsewhere,
    /// What nobody could look into for a secret.
    Withheld,
    TooLarge,
    Answer(Plain),
}

/// Reads an answer all of whose bytes are there (RFC 9112), one after the other and line by line.
struct Slow<'a> {
    all: &'a [u8],
    /// Where it has come to.
    at: usize,
}

/// The head of an answer.
struct SlowHead {
    newest: bool,
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
}

impl SlowHead {
    fn values(&self, name: &str) -> Vec<&[u8]> {
        let named = self.headers.iter().filter(|(found, _)| found == name);
        named.map(|(_, value)| value.as_slice()).collect()
    }
}

/// How the end of a body is told.
enum Ending {
    Nothing,
    Length(u64),
    Chunks,
    Close,
}

impl<'a> Slow<'a> {
    fn new(all: &'a [u8]) -> Slow<'a> {
        Slow { all, at: 0 }
    }

    fn answer(&mut self, method: &Method) -> Said {
        let Some((head, ending)) = self.last_head(method) else {
            return Said::Refused;
        };
        let redirects = matches!(head.status, 301 | 302 | 303 | 307 | 308);
        if redirects && !head.values("location").is_empty() {
            return Said::Elsewhere;
        }
        let plain = |coding: &&[u8]| coding.eq_ignore_ascii_case(b"identity");
        if !head.values("content-encoding").iter().all(plain) {
            return Said::Withheld;
        }
        let mut body = Vec::new();
        let whole = match ending {
            Ending::Nothing => Some(()),
            Ending::Length(length) if length > MOST as u64 => return Said::TooLarge,
            Ending::Length(length) => self.take(length, &mut body),
            Ending::Chunks => self.chunks(&mut body),
            Ending::Close => {
                self.take(MOST as u64 + 1, &mut body);
                Some(())
            }
        };
        if body.len() > MOST {
            return Said::TooLarge;
        }
        if whole.is_none() {
            return Said::Refused;
        }
        let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in head.headers {
            if !OF_THE_CONNECTION.contains(&name.as_str()) {
                let value = String::from_utf8_lossy(&value).into_owned();
                headers.entry(name).or_default().push(value);
            }
        }
        Said::Answer(Plain {
            status: head.status,
            headers,
            body,
        })
    }

    /// The head that counts: heads of status 1xx come before it.
    fn last_head(&mut self, method: &Method) -> Option<(SlowHead, Ending)> {
        for _ in 0..=MOST_PRELUDES {
            let head = self.head()?;
            match head.status {
                // Nobody asked for another protocol.
                101 => return None,
                100..=199 => {}
                _ => {
                    let ending = ending(method, &head)?;
                    return Some((head, ending));
                }
            }
        }
        None
    }

    /// The next line without its end, which may be a line feed alone (RFC 9112, 2.2).
    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = &self.all[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        self.at += end + 1;
        let line = &rest[..end];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn head(&mut self) -> Option<SlowHead> {
        let from = self.at;
        let head = self.head_of_any_size();
        if head.is_none() || self.at - from > HEAD_BYTES {
            // The reader has seen at most this of it.
            self.at = self.all.len().min(from + HEAD_BYTES);
            return None;
        }
        head
    }

    fn head_of_any_size(&mut self) -> Option<SlowHead> {
        let mut line = self.line()?;
        while line.is_empty() {
            line = self.line()?;
        }
        let (version, rest) = line.split_at_checked(9)?;
        let newest = match version {
            b"HTTP/1.1 " => true,
            b"HTTP/1.0 " => false,
            _ => return None,
        };
        let (code, reason) = rest.split_at_checked(3)?;
        if !code.iter().all(u8::is_ascii_digit) || code[0] == b'0' {
            return None;
        }
        let status = std::str::from_utf8(code).ok()?.parse().ok()?;
        if !(reason.is_empty() || reason[0] == b' ' && reason.iter().all(is_text)) {
            return None;
        }
        let headers = self.fields(MOST_HEADERS)?;
        Some(SlowHead {
            newest,
            status,
            headers,
        })
    }

    /// Headers or trailers, up to the empty line.
    fn fields(&mut self, most: usize) -> Option<Vec<(String, Vec<u8>)>> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Some(fields);
            }
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            let named = !name.is_empty() && name.iter().all(is_of_a_name);
            if !named || !value.iter().all(is_text) || fields.len() == most {
                return None;
            }
            let name = String::from_utf8(name.to_ascii_lowercase()).ok()?;
            fields.push((name, trimmed(value).to_vec()));
        }
    }

    /// The next bytes of a body, as many as there are; none when there are too few.
    fn take(&mut self, length: u64, body: &mut Vec<u8>) -> Option<()> {
        let left = self.all.len() - self.at;
        let taken = usize::try_from(length).map_or(left, |length| length.min(left));
        // Nobody reads further than that.
        let taken = taken.min(MOST + 1 - body.len());
        body.extend_from_slice(&self.all[self.at..self.at + taken]);
        self.at += taken;
        (taken as u64 == length).then_some(())
    }

    fn byte(&mut self, expected: u8) -> Option<()> {
        let found = self.all.get(self.at)?;
        self.at += 1;
        (*found == expected).then_some(())
    }

    /// A body in chunks (RFC 9112, 7.1). Here no line ends in a line feed alone.
    fn chunks(&mut self, body: &mut Vec<u8>) -> Option<()> {
        let mut extensions = 0;
        loop {
            let digits = self.while_in(|byte| byte.is_ascii_hexdigit());
            let length = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            self.while_in(|byte| matches!(byte, b' ' | b'\t'));
            if self.all.get(self.at) == Some(&b';') {
                self.at += 1;
                extensions += self.while_in(|byte| !matches!(byte, b'\r' | b'\n')).len();
            }
            if extensions >= EXTENSION_BYTES {
                return None;
            }
            self.byte(b'\r')?;
            self.byte(b'\n')?;
            if length == 0 {
                return self.trailers();
            }
            self.take(length, body)?;
            self.byte(b'\r')?;
            self.byte(b'\n')?;
        }
    }

    fn while_in(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = &self.all[self.at..];
        let other = rest.iter().position(|byte| !belongs(*byte));
        let length = other.unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// They mean nothing to anybody, and have to be good all the same.
    fn trailers(&mut self) -> Option<()> {
        let (from, mut lines) = (self.at, 0);
        loop {
            let begin = self.at;
            self.while_in(|byte| byte != b'\r');
            self.byte(b'\r')?;
            self.byte(b'\n')?;
            if self.at == begin + 2 {
                break;
            }
            lines += 1;
        }
        let section = &self.all[from..self.at];
        if lines == 0 {
            return Some(());
        }
        if lines > MOST_HEADERS || section.len() >= HEAD_BYTES {
            return None;
        }
        Slow::new(section).fields(lines).map(|_| ())
    }
}

/// How the end of the body is told, in one way alone; none where there are several, or none that is known.
fn ending(method: &Method, head: &SlowHead) -> Option<Ending> {
    if *method == Method::HEAD || matches!(head.status, 204 | 304) {
        return Some(Ending::Nothing);
    }
    let (codings, lengths) = (
        head.values("transfer-encoding"),
        head.values("content-length"),
    );
    match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => Some(Ending::Close),
        ([coding], []) if head.newest && coding.eq_ignore_ascii_case(b"chunked") => {
            Some(Ending::Chunks)
        }
        ([], [length]) if length.iter().all(u8::is_ascii_digit) => {
            let length: u64 = std::str::from_utf8(length).ok()?.parse().ok()?;
            // hyper keeps the two largest numbers for itself.
            (length < u64::MAX - 1).then_some(Ending::Length(length))
        }
        _ => None,
    }
}

fn is_text(byte: &u8) -> bool {
    *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f)
}

fn is_of_a_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// A server that speaks when it is asked, in pieces, and then hangs up.
struct Server {
    answer: Vec<u8>,
    told: Arc<AtomicUsize>,
    size: usize,
    asked: bool,
    /// Who waits for it to be asked.
    waiting: Option<Waker>,
}

impl AsyncRead for Server {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.asked {
            self.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        let from = self.told.load(Ordering::Relaxed);
        let rest = &self.answer[from..];
        let length = rest.len().min(self.size).min(buffer.remaining());
        buffer.put_slice(&rest[..length]);
        self.told.store(from + length, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Server {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.asked = true;
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Polls until it is done. Whoever waits and is woken by nobody would wait for ever.
fn finished<T>(future: impl Future<Output = T>) -> T {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        let goes_on = woken.0.swap(false, Ordering::Relaxed);
        assert!(goes_on, "it waits for what will never come");
    }
}
