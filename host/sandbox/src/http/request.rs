//! A guest's request: checked before it is compared with any grant, and put into one form, by which
//! the call log tells whether it is the same when the call is executed again.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::bindings::menagerie::plugin::http as wit;
use crate::http::policy::{HttpPolicy, HttpRule};
use crate::http::problem::{Problem, Token};
use crate::http::target::Target;

/// Headers of a request.
const MOST_HEADERS: usize = 64;

/// Bytes of all headers of a request.
const HEADER_BYTES: usize = 16 << 10;

/// Headers that belong to the connection or to the host: a guest that could set them could say
/// another thing to the server than to the grant.
const HOSTS_OWN: [&str; 16] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "idempotency-key",
    "keep-alive",
    "max-forwards",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "range",
];

/// A request that may be compared with a grant.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Bytes that a guest passes with a request.
pub(crate) fn size(request: &wit::Request) -> usize {
    let pairs = |pairs: &[(String, String)]| -> usize {
        pairs
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum()
    };
    request.method.len()
        + request.url.len()
        + pairs(&request.headers)
        + request.body.len()
        + pairs(&request.extra)
}

impl Checked {
    pub(crate) fn of(request: wit::Request) -> Result<Checked, Problem> {
        let bad = |message: String| Problem::new(Token::InvalidRequest, message);
        let capitals = request.method.bytes().all(|byte| byte.is_ascii_uppercase());
        let method = Method::from_bytes(request.method.as_bytes()).ok();
        let method = method
            .filter(|_| capitals && request.method.len() <= 32)
            .filter(|method| !matches!(*method, Method::CONNECT | Method::TRACE))
            .ok_or_else(|| bad("the method is none that the host sends".to_owned()))?;
        let target = Target::parse(&request.url).map_err(bad)?;
        Ok(Checked {
            method,
            target,
            headers: headers(&request.headers).map_err(bad)?,
            body: request.body,
        })
    }

    /// The rule that allows this request. Refused is also what that rule leaves to the host, and what
    /// is too large for the grant.
    pub(crate) fn within<'policy>(
        &self,
        policy: &'policy HttpPolicy,
    ) -> Result<&'policy HttpRule, Problem> {
        let rule = policy
            .rule(self.method.as_str(), &self.target)
            .map_err(|message| Problem::new(Token::Denied, message))?;
        if let Some((name, _)) = rule
            .secrets
            .iter()
            .find(|(name, _)| self.headers.contains_key(name))
        {
            let message = format!("the header `{name}` is the host's to set");
            return Err(Problem::new(Token::InvalidRequest, message));
        }
        let (size, most) = (self.body.len() as u64, policy.max_request);
        if size > most {
            let message = format!("the request has {size} bytes, and the grant allows {most}");
            return Err(Problem::new(Token::TooLarge, message));
        }
        Ok(rule)
    }

    /// One form for equal requests and for no others: each part with its length. Secrets are not
    /// among them: the host adds them on the way out.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        let mut form = b"http/1\n".to_vec();
        let mut put = |part: &[u8]| {
            form.extend_from_slice(&(part.len() as u64).to_le_bytes());
            form.extend_from_slice(part);
        };
        put(self.method.as_str().as_bytes());
        put(self.target.to_string().as_bytes());
        for (name, value) in &self.headers {
            put(name.as_str().as_bytes());
            put(value.as_bytes());
        }
        put(b"");
        put(&self.body);
        form
    }
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, String> {
    let size: usize = given
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if given.len() > MOST_HEADERS || size > HEADER_BYTES {
        return Err(format!(
            "more than {MOST_HEADERS} headers, or more than {HEADER_BYTES} bytes of them"
        ));
    }
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        let shown = name.escape_default();
        let known = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{shown}` is no name of a header"))?;
        if HOSTS_OWN.contains(&known.as_str()) || known.as_str().starts_with("proxy-") {
            return Err(format!("the header `{known}` is the host's to set"));
        }
        // Line ends and other control characters would begin a header of their own.
        let value = HeaderValue::from_str(value)
            .map_err(|_| format!("the value of the header `{known}` is not one line of text"))?;
        headers.append(known, value);
    }
    Ok(headers)
}
