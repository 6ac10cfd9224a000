//! One exchange: a request out, an answer back, within the grant at every hop. HTTP/1.1 over a
//! connection of its own; no proxy, no cookies, no decompression, nothing that the grant did not see.

#[cfg(test)]
mod fuzzed;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, COOKIE, HOST, LOCATION, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::http::answer::Response;
use crate::http::connection::{Connector, Resolver};
use crate::http::policy::{HttpPolicy, HttpRule, is_safe};
use crate::http::problem::{Problem, Token};
use crate::http::request::Checked;
use crate::http::secrets::{Secret, Secrets, holds};
use crate::http::target::Target;
use crate::http::wire::{Exchange, Head, Prepared, WireError};

/// Redirects that are followed.
const MOST_HOPS: usize = 5;

/// Headers of an answer that speak of the connection, which the guest has no part in.
const OF_THE_CONNECTION: [&str; 5] = [
    "connection",
    "keep-alive",
    "transfer-encoding",
    "trailer",
    "upgrade",
];

/// The name under which requests are made.
pub(crate) const AGENT: &str = concat!("menagerie/", env!("CARGO_PKG_VERSION"));

/// Reaches the outside.
pub(crate) struct Client {
    connector: Connector,
    secrets: Arc<dyn Secrets>,
}

/// What came of an exchange.
#[derive(Debug)]
pub(crate) enum Exchanged {
    /// The guest is told this.
    Answer(Result<Response, Problem>),
    /// The request may have been carried out; how it ended is not known, for the reason that the
    /// problem gives.
    Unknown(Problem),
    /// The host lacks something; nothing was sent.
    Failed(String),
}

/// How far an exchange has come: between the two, nobody knows what the server did.
#[derive(Default)]
struct Progress {
    sent: AtomicBool,
    answered: AtomicBool,
}

impl Client {
    pub(crate) fn new(resolver: Arc<dyn Resolver>, secrets: Arc<dyn Secrets>) -> Client {
        Client {
            connector: Connector::new(resolver),
            secrets,
        }
    }

    pub(crate) fn secrets(&self) -> &dyn Secrets {
        &*self.secrets
    }

    /// Sends a request that was found to be within the grant, with a key for a server that honours
    /// one.
    pub(crate) async fn exchange(
        &self,
        policy: &HttpPolicy,
        request: Checked,
        key: Option<&str>,
    ) -> Exchanged {
        let progress = Progress::default();
        let hops = pin!(self.hops(policy, request, key, &progress));
        let result = match tokio::time::timeout(policy.timeout, hops).await {
            Ok(Err(Trouble::Host(message))) => return Exchanged::Failed(message),
            Ok(Err(Trouble::Problem(problem))) => Err(problem),
            Ok(Ok(response)) => Ok(response),
            Err(_) => {
                let limit = policy.timeout.as_millis();
                let message = format!("there was no whole answer within {limit} ms");
                Err(Problem::new(Token::Timeout, message))
            }
        };
        let unknown =
            progress.sent.load(Ordering::Relaxed) && !progress.answered.load(Ordering::Relaxed);
        match result {
            Err(problem) if unknown => Exchanged::Unknown(problem),
            result => Exchanged::Answer(result),
        }
    }

    /// Follows redirects as far as the grant goes.
    async fn hops(
        &self,
        policy: &HttpPolicy,
        mut request: Checked,
        key: Option<&str>,
        progress: &Progress,
    ) -> Result<Response, Trouble> {
        let mut told = Vec::new();
        let first = self
            .allowed(policy, &request)?
            .effect_of(request.method.as_str());
        for _ in 0..=MOST_HOPS {
            let rule = self.allowed(policy, &request)?;
            if rule.effect_of(request.method.as_str()) > first {
                // The guest's call was journalled as something that may be repeated.
                let message = "the server points to what may be repeated less freely".to_owned();
                return Err(Problem::new(Token::Redirect, message).into());
            }
            let secrets = self.secrets_of(rule)?;
            let (head, exchange) = self.hop(rule, &request, key, &secrets, progress).await?;
            told.extend(secrets.into_iter().map(|(_, secret)| secret));
            match redirect(&request, &head)? {
                None => return whole(policy, &request, head, exchange, &told).await,
                Some(next) => {
                    let url = next.to_string();
                    if told.iter().any(|secret| holds(url.as_bytes(), secret)) {
                        let message = "the server points to an address that holds a secret";
                        return Err(Problem::new(Token::Withheld, message).into());
                    }
                    policy
                        .rule(request.method.as_str(), &next)
                        .map_err(|_| out_of_grant(&next))?;
                    if !next.same_server(&request.target) {
                        // What the guest meant for one server is not told to another.
                        request.headers.remove(AUTHORIZATION);
                        request.headers.remove(COOKIE);
                    }
                    request.target = next;
                }
            }
        }
        let message = format!("the server pointed elsewhere more than {MOST_HOPS} times");
        Err(Problem::new(Token::Redirect, message).into())
    }

    fn allowed<'policy>(
        &self,
        policy: &'policy HttpPolicy,
        request: &Checked,
    ) -> Result<&'policy HttpRule, Trouble> {
        policy
            .rule(request.method.as_str(), &request.target)
            .map_err(|message| Problem::new(Token::Denied, message).into())
    }

    /// The secrets of a rule, which go to the servers of this rule and to no others.
    fn secrets_of(&self, rule: &HttpRule) -> Result<Vec<(HeaderName, Secret)>, Trouble> {
        let secret = |(header, name): &(String, String)| {
            let missing = || Trouble::Host(format!("the secret `{name}` is not there"));
            let header = HeaderName::from_bytes(header.as_bytes()).map_err(|_| missing())?;
            let secret = self.secrets.get(name).ok_or_else(missing)?;
            Ok((header, secret))
        };
        rule.secrets.iter().map(secret).collect()
    }

    /// One request to one server, up to the head of its answer.
    async fn hop(
        &self,
        rule: &HttpRule,
        request: &Checked,
        key: Option<&str>,
        secrets: &[(HeaderName, Secret)],
        progress: &Progress,
    ) -> Result<(Head, Exchange), Trouble> {
        let headers = headers(request, key, secrets)?;
        let target = &request.target;
        let path = target.path_and_query();
        let prepared = Prepared::new(&request.method, &path, headers, &request.body);
        let prepared = prepared
            .map_err(|error| Problem::new(Token::InvalidRequest, format!("{path}: {error}")))?;
        let stream = self
            .connector
            .connect(target, rule.private_addresses)
            .await?;
        progress.sent.store(true, Ordering::Relaxed);
        progress.answered.store(false, Ordering::Relaxed);
        let begun = Exchange::begin(stream, prepared).await;
        let (head, exchange) = begun.map_err(|error| broken(target, &error))?;
        progress.answered.store(true, Ordering::Relaxed);
        Ok((head, exchange))
    }
}

/// Why there is no answer: for the guest, or for the operator.
enum Trouble {
    Problem(Problem),
    Host(String),
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Trouble {
        Trouble::Problem(problem)
    }
}

fn broken(target: &Target, error: &WireError) -> Problem {
    Problem::new(Token::Protocol, format!("{}: {error}", target.host))
}

/// The headers of a request: the host's, the guest's, and the secrets over both.
fn headers(
    request: &Checked,
    key: Option<&str>,
    secrets: &[(HeaderName, Secret)],
) -> Result<HeaderMap, Trouble> {
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, value: &str| {
        let value = HeaderValue::from_str(value)
            .map_err(|_| Trouble::Host(format!("the header `{name}` cannot be written")))?;
        headers.insert(name, value);
        Ok::<(), Trouble>(())
    };
    put(HOST, &request.target.authority())?;
    put(USER_AGENT, AGENT)?;
    // A compressed answer could hide a secret, and would be as large as it likes once unpacked.
    put(ACCEPT_ENCODING, "identity")?;
    if let Some(key) = key {
        put(HeaderName::from_static("idempotency-key"), key)?;
    }
    for (name, value) in &request.headers {
        headers.append(name, value.clone());
    }
    for (name, secret) in secrets {
        let value = HeaderValue::from_str(secret.reveal()).map_err(|_| {
            Trouble::Host(format!(
                "the secret for the header `{name}` is not one line of text"
            ))
        })?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Where an answer leads that is to be followed: only questions are asked again elsewhere.
fn redirect(request: &Checked, head: &Head) -> Result<Option<Target>, Trouble> {
    let follows = matches!(
        head.status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !follows || !is_safe(request.method.as_str()) {
        return Ok(None);
    }
    let Some(location) = head.headers.get(LOCATION) else {
        return Ok(None);
    };
    let nowhere = || {
        Problem::new(
            Token::Redirect,
            "the server points to no address that the host reads",
        )
    };
    let location = location.to_str().map_err(|_| nowhere())?;
    let next = request.target.follow(location).map_err(|_| nowhere())?;
    Ok(Some(next))
}

fn out_of_grant(next: &Target) -> Problem {
    let server = format!("{}://{}:{}", next.scheme, next.host, next.port);
    let message = format!("the server points out of the grant, to {server}");
    Problem::new(Token::Redirect, message)
}

/// Reads an answer to its end, or to the grant's limit.
async fn whole(
    policy: &HttpPolicy,
    request: &Checked,
    head: Head,
    exchange: Exchange,
    told: &[Secret],
) -> Result<Response, Trouble> {
    let encoded = head
        .headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded && !told.is_empty() {
        let message = "the answer is compressed, which the host did not ask for";
        return Err(Problem::new(Token::Withheld, message).into());
    }
    let most = policy.max_response;
    let body = exchange.body(most).await;
    let body = body.map_err(|error| match error {
        WireError::TooLarge => {
            let message =
                format!("the answer has more than the {most} bytes that the grant allows");
            Problem::new(Token::TooLarge, message)
        }
        error => broken(&request.target, &error),
    })?;
    let response = Response {
        status: head.status.as_u16(),
        url: request.target.to_string(),
        headers: shown(&head.headers),
        body,
    };
    if told.iter().any(|secret| gives_away(&response, secret)) {
        let message = "the answer holds a secret that the host sent";
        return Err(Problem::new(Token::Withheld, message).into());
    }
    Ok(response)
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()))
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect()
}

fn gives_away(response: &Response, secret: &Secret) -> bool {
    let in_headers = response.headers.iter().any(|(name, value)| {
        [name, value]
            .iter()
            .any(|text| holds(text.as_bytes(), secret))
    });
    in_headers || holds(response.url.as_bytes(), secret) || holds(&response.body, secret)
}
