//! Somebody who answers in the place of all servers, for tests of plugins: nothing leaves the host.

use crate::bindings::menagerie::plugin::http as wit;
use crate::http::problem::Problem;
use crate::http::request::Checked;

/// A request that the host would send, as a server would see it but for the host's own headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideRequest {
    /// In capitals.
    pub method: String,
    /// Absolute, in the form in which the host reads it.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub body: Vec<u8>,
}

/// What a guest is told of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutsideAnswer {
    /// A server answered.
    Response {
        /// Such as 200.
        status: u16,
        /// Names in lower case.
        headers: Vec<(String, String)>,
        /// As it is.
        body: Vec<u8>,
    },
    /// There is no answer.
    Problem {
        /// One of [`HTTP_PROBLEMS`](crate::HTTP_PROBLEMS), or one that is not known yet.
        code: String,
        /// For a person.
        message: String,
    },
}

/// Answers requests of `http` in the place of servers. The call's grant is not asked and nothing is
/// recorded; what the host would not send at all is refused as ever. Called from within the guest's
/// call, so it must return at once.
pub trait StandIn: Send + Sync {
    /// The answer to the guest's next request.
    fn answer(&self, request: OutsideRequest) -> OutsideAnswer;
}

pub(crate) fn answer(
    stand_in: &dyn StandIn,
    request: wit::Request,
) -> Result<wit::Response, wit::Problem> {
    let checked = Checked::of(request)?;
    let shown = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = checked.headers.iter();
    let url = checked.target.to_string();
    let request = OutsideRequest {
        method: checked.method.to_string(),
        url: url.clone(),
        headers: headers
            .map(|(name, value)| (name.to_string(), shown(value)))
            .collect(),
        body: checked.body,
    };
    match stand_in.answer(request) {
        OutsideAnswer::Response {
            status,
            headers,
            body,
        } => Ok(wit::Response {
            status: u32::from(status),
            url,
            headers,
            body,
            extra: Vec::new(),
        }),
        OutsideAnswer::Problem { code, message } => Err(Problem { code, message }.into()),
    }
}
