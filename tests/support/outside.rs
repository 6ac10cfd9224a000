//! A real HTTP server within a test's process: it remembers every request, keeps answers back until
//! the test lets them go, and does a thing once for each idempotency key.
//!
//! Included by path by the tests of several crates.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Longer than anything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(300);

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// With what follows a `?`.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn text(&self) -> String {
        let headers = self.headers.iter();
        let headers: String = headers
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect();
        let body = String::from_utf8_lossy(&self.body);
        format!("{} {}\n{headers}\n{body}", self.method, self.path)
    }
}

/// Gives the whole answer to a request, head and body as they go over the wire; nothing where the paths
/// below are to answer.
type Handler = Arc<dyn Fn(&Seen) -> Option<Vec<u8>> + Send + Sync>;

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    released: bool,
    /// What a path answers, where it is not one of those below.
    pages: BTreeMap<String, String>,
    /// Asked first.
    handler: Option<Handler>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The server. It goes on until the test's process ends.
#[allow(dead_code, reason = "each of the crates that include this uses a part")]
pub(crate) struct Outside {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[allow(dead_code, reason = "each of the crates that include this uses a part")]
impl Outside {
    pub(crate) fn start() -> Outside {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let serving = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = serving.clone();
                // A client that goes away is no matter of the server's.
                std::thread::spawn(move || drop(serve(&stream, &shared)));
            }
        });
        Outside { address, shared }
    }

    /// A server that asks this first.
    pub(crate) fn answering(
        handler: impl Fn(&Seen) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Outside {
        let outside = Outside::start();
        outside.shared.state.lock().unwrap().handler = Some(Arc::new(handler));
        outside
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn page(&self, path: &str, body: &str) {
        let mut state = self.shared.state.lock().unwrap();
        state.pages.insert(path.to_owned(), body.to_owned());
    }

    /// Lets all answers of `/slow` go.
    pub(crate) fn release(&self) {
        self.shared.state.lock().unwrap().released = true;
        self.shared.changed.notify_all();
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.state.lock().unwrap().seen.clone()
    }

    /// Waits until so many requests have come.
    pub(crate) fn wait_for(&self, requests: usize) {
        let state = self.shared.state.lock().unwrap();
        let (state, late) = self
            .shared
            .changed
            .wait_timeout_while(state, PATIENCE, |state| state.seen.len() < requests)
            .unwrap();
        assert!(!late.timed_out(), "only {} requests came", state.seen.len());
    }

    /// How often each key came; what comes without a key counts under the empty one.
    pub(crate) fn by_key(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for seen in self.seen() {
            let key = seen.header("idempotency-key").unwrap_or_default();
            *counts.entry(key.to_owned()).or_default() += 1;
        }
        counts
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let Some(seen) = read(stream)? else {
        return Ok(());
    };
    let handler = {
        let mut state = shared.state.lock().unwrap();
        state.seen.push(seen.clone());
        shared.changed.notify_all();
        state.handler.clone()
    };
    if let Some(answer) = handler.and_then(|handler| handler(&seen)) {
        let mut stream = stream;
        return stream.write_all(&answer);
    }
    let path = seen.path.clone();
    let (route, query) = path.split_once('?').unwrap_or((&path, ""));
    match route {
        "/slow" => {
            let state = shared.state.lock().unwrap();
            let waited = shared
                .changed
                .wait_timeout_while(state, PATIENCE, |state| !state.released);
            drop(waited.unwrap());
            answer(stream, "200 OK", "", b"at last")
        }
        "/echo" => answer(stream, "200 OK", "", seen.text().as_bytes()),
        "/echo-header" => {
            let told = seen.header("authorization").unwrap_or_default();
            answer(stream, "200 OK", &format!("x-echo: {told}\r\n"), b"")
        }
        "/redirect" => answer(
            stream,
            "302 Found",
            &format!("location: {query}\r\n"),
            b"moved",
        ),
        "/compressed" => answer(stream, "200 OK", "content-encoding: gzip\r\n", b"zipped"),
        "/status" => answer(stream, query, "", b"so it is"),
        "/big" => answer(
            stream,
            "200 OK",
            "",
            &vec![b'x'; query.parse().unwrap_or(0)],
        ),
        "/endless" => endless(stream),
        "/in-chunks" => {
            let page = shared.state.lock().unwrap().pages.get(query).cloned();
            in_chunks(stream, page.unwrap_or_default().as_bytes())
        }
        "/drip-head" => drip(stream, shared, b"HTTP/1.1 200 OK\r\nx-slow: "),
        "/drip-body" => drip(stream, shared, b"HTTP/1.1 200 OK\r\n\r\n"),
        "/cut" => Ok(()),
        "/cut-body" => {
            let mut stream = stream;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nnot all")
        }
        "/garbage" => {
            let mut stream = stream;
            stream.write_all(b"220 mail.example ESMTP\r\n")
        }
        _ => {
            let page = shared.state.lock().unwrap().pages.get(route).cloned();
            match page {
                Some(page) => answer(stream, "200 OK", "", page.as_bytes()),
                None if seen.method == "POST" => answer(stream, "201 Created", "", b"done"),
                None => answer(stream, "404 Not Found", "", b"nothing here"),
            }
        }
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Option<Seen>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let mut seen = Seen {
        method,
        path,
        headers,
        body: Vec::new(),
    };
    let length = seen
        .header("content-length")
        .and_then(|length| length.parse().ok());
    seen.body.resize(length.unwrap_or(0), 0);
    reader.read_exact(&mut seen.body)?;
    Ok(Some(seen))
}

fn answer(mut stream: &TcpStream, status: &str, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

/// A body in chunks of three bytes, so that whatever is in it is split.
fn in_chunks(mut stream: &TcpStream, body: &[u8]) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    for part in body.chunks(3) {
        let chunk = [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
        stream.write_all(&chunk)?;
        stream.flush()?;
    }
    stream.write_all(b"0\r\n\r\n")
}

/// A byte now and then, for as long as the client stays.
fn drip(mut stream: &TcpStream, shared: &Shared, beginning: &[u8]) -> std::io::Result<()> {
    stream.write_all(beginning)?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        stream.write_all(b"x")?;
        let state = shared.state.lock().unwrap();
        let pause = Duration::from_millis(10);
        drop(shared.changed.wait_timeout(state, pause).unwrap());
    }
    Ok(())
}

/// Chunks, until the client has had enough.
fn endless(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    let chunk = [b"4000\r\n".as_slice(), &[b'x'; 0x4000], b"\r\n"].concat();
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        stream.write_all(&chunk)?;
    }
    Ok(())
}
