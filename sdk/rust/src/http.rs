//! Requests to the outside, as far as the flow file grants them.
//!
//! A plugin that sends any says so: `#[menagerie::agent(grants = ["http"])]`; the host refuses to load
//! it where the flow does not grant `http`. Answers are recorded: a call that is executed again sees the
//! same ones, and what was answered is not sent again.
//!
//! ```no_run
//! # use menagerie::prelude::*;
//! # fn look() -> Result<(), Fault> {
//! let answer = menagerie::http::Request::get("https://example.org/index.json").send()?;
//! let index: Vec<String> = answer.ok()?.json()?;
//! # Ok(()) }
//! ```

use std::fmt;

use crate::fault::Fault;
use crate::host::port;
use crate::json::{FromJson, IntoJson};
use crate::wire;

/// What is asked of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// In capitals.
    pub method: String,
    /// Absolute, `http` or `https`.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub body: Vec<u8>,
}

/// What a server answered, whatever its status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// Such as 200 or 404.
    pub status: u32,
    /// Where the answer came from, after redirects.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// One of the tokens of `wit/http.wit`: `denied`, `timeout`, `too-large` …
    pub code: String,
    /// For a person.
    pub message: String,
}

impl Request {
    /// A request by any method.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A question.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A request that may change something.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a body of JSON, and says so in a header.
    ///
    /// # Errors
    /// `permanent` when the value has no JSON form.
    pub fn json(self, value: impl IntoJson) -> Result<Self, Fault> {
        let text = value
            .into_json()
            .map_err(|error| Fault::unwritable("the request's body", &error))?;
        Ok(self.header("content-type", "application/json").body(text))
    }

    /// Sends it and waits for the answer.
    ///
    /// # Errors
    /// When there is none. As a [`Fault`] it is `denied` for what the grant does not allow, `transient`
    /// for what may pass, and else `permanent`.
    pub fn send(self) -> Result<Response, Problem> {
        let sent = port::http::send(&wire::http::Request {
            method: self.method,
            url: self.url,
            headers: self.headers,
            body: self.body,
            extra: Vec::new(),
        });
        match sent {
            Ok(response) => Ok(Response {
                status: response.status,
                url: response.url,
                headers: response.headers,
                body: response.body,
            }),
            Err(problem) => Err(Problem {
                code: problem.code,
                message: problem.message,
            }),
        }
    }
}

impl Response {
    /// The first header of that name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The answer, if its status is one of success.
    ///
    /// # Errors
    /// `transient` for 408, 429 and the server's own failures (5xx), `denied` for 401 and 403, and else
    /// `permanent`.
    pub fn ok(self) -> Result<Self, Fault> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let message = format!("{} answered with status {}", self.url, self.status);
        Err(match self.status {
            408 | 429 | 500..600 => Fault::transient(message),
            401 | 403 => Fault::denied(message),
            _ => Fault::permanent(message),
        })
    }

    /// The body as text.
    ///
    /// # Errors
    /// `permanent` when it is no UTF-8.
    pub fn text(&self) -> Result<&str, Fault> {
        std::str::from_utf8(&self.body)
            .map_err(|error| Fault::permanent(format_args!("the answer of {}: {error}", self.url)))
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// `permanent` when it is none, or does not fit the type.
    pub fn json<T: FromJson>(&self) -> Result<T, Fault> {
        T::from_json(self.text()?.to_owned())
            .map_err(|error| Fault::permanent(format_args!("the answer of {} {error}", self.url)))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http {}: {}", self.code, self.message)
    }
}

impl std::error::Error for Problem {}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        match problem.code.as_str() {
            "denied" | "private-address" | "redirect" | "withheld" => Self::denied(problem),
            "invalid-request" | "too-large" => Self::permanent(problem),
            _ => Self::transient(problem),
        }
    }
}
