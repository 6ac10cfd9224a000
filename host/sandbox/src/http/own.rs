//! Requests that the host makes for itself, by the same means as those of guests: one connection for
//! each, to the very address that was looked at, and nothing of an answer repaired or unpacked.

use std::fmt;
use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use hyper::body::Bytes;

use crate::http::client::AGENT;
use crate::http::connection::{Connector, Resolver};
use crate::http::problem::{Problem, Token};
use crate::http::target::{Scheme, Target};
use crate::http::wire::{Exchange, Prepared, WireError};

/// A server and what is asked of it, read strictly: what is connected to and what is sent are made of this, and
/// it is made of nothing but a text that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebAddress(Target);

impl WebAddress {
    /// Reads an absolute address, `http://…` or `https://…`.
    ///
    /// # Errors
    /// A sentence, when it is none, or could be read in two ways.
    pub fn parse(url: &str) -> Result<WebAddress, String> {
        Target::parse(url).map(WebAddress)
    }

    /// Where a redirect from here leads.
    ///
    /// # Errors
    /// A sentence, when the address that it makes is not good.
    pub fn follow(&self, location: &str) -> Result<WebAddress, String> {
        self.0.follow(location).map(WebAddress)
    }

    /// The same with more behind its `?`.
    ///
    /// # Errors
    /// A sentence, when what is added cannot stand there.
    pub fn with_query(&self, more: &str) -> Result<WebAddress, String> {
        let sign = if self.0.query.is_some() { '&' } else { '?' };
        WebAddress::parse(&format!("{}{sign}{more}", self.0))
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.0.scheme
    }

    /// In lower case; an IPv6 address stands in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The port, said or not.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// What follows the server, without what follows a `?`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Host and port, without a port that goes without saying.
    #[must_use]
    pub fn authority(&self) -> String {
        self.0.authority()
    }

    /// Whether both are one server: then what was meant for one may be sent to the other.
    #[must_use]
    pub fn same_server(&self, other: &WebAddress) -> bool {
        self.0.same_server(&other.0)
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Why there is no answer, or not all of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// Every address of the host is private, and the caller wants none of these.
    #[error("`{0}` leads into a private network")]
    PrivateAddress(String),
    /// There is no such host, or it does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// There is no trustworthy connection.
    #[error("{0}")]
    Tls(String),
    /// The request cannot be written, or the answer is no HTTP or breaks off.
    #[error("{0}")]
    Protocol(String),
}

/// What is asked of a server.
#[derive(Clone, Debug)]
pub struct WebRequest<'request> {
    /// How.
    pub method: Method,
    /// Where.
    pub target: &'request WebAddress,
    /// Beside those that speak of the connection, which are the host's.
    pub headers: HeaderMap,
    /// May be empty.
    pub body: &'request [u8],
    /// Whether addresses of private networks and of this machine will do.
    pub private: bool,
}

/// The outside, as the host itself reaches it.
pub struct Web {
    connector: Connector,
}

impl Web {
    /// Names are resolved by this.
    #[must_use]
    pub fn new(resolver: Arc<dyn Resolver>) -> Web {
        Web {
            connector: Connector::new(resolver),
        }
    }

    /// Sends a request and reads the answer's head. Redirects are the caller's matter, and so is how
    /// long all of it may take.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&self, request: WebRequest<'_>) -> Result<WebAnswer, WebError> {
        let WebRequest {
            method,
            target: WebAddress(target),
            mut headers,
            body,
            private,
        } = request;
        let protocol = |why: String| WebError::Protocol(format!("{}: {why}", target.host));
        let authority = HeaderValue::from_str(&target.authority());
        headers.insert(HOST, authority.map_err(|why| protocol(why.to_string()))?);
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let prepared = Prepared::new(&method, &target.path_and_query(), headers, body);
        let prepared = prepared.map_err(|why| protocol(why.to_string()))?;
        let stream = self.connector.connect(target, private).await;
        let stream = stream.map_err(|problem| told(target, problem))?;
        let begun = Exchange::begin(stream, prepared).await;
        let (head, exchange) = begun.map_err(|error| protocol(error.to_string()))?;
        Ok(WebAnswer {
            status: head.status,
            headers: head.headers,
            host: target.host.clone(),
            exchange,
        })
    }
}

fn told(target: &Target, problem: Problem) -> WebError {
    if problem.is(Token::PrivateAddress) {
        return WebError::PrivateAddress(target.host.clone());
    }
    match problem.is(Token::Tls) {
        true => WebError::Tls(problem.message),
        false => WebError::Unreachable(problem.message),
    }
}

/// An answer whose body has not been read yet.
pub struct WebAnswer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    host: String,
    exchange: Exchange,
}

impl WebAnswer {
    /// How many bytes the server says that the body has.
    #[must_use]
    pub fn declared(&self) -> Option<u64> {
        self.exchange.declared()
    }

    /// The next part of the body; none at its end.
    ///
    /// # Errors
    /// When the body breaks off.
    pub async fn part(&mut self) -> Result<Option<Bytes>, WebError> {
        let part = self.exchange.part().await;
        part.map_err(|error: WireError| WebError::Protocol(format!("{}: {error}", self.host)))
    }
}
