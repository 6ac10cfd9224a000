//! What came of a request, as it is kept in the call log and given to the guest: a line of JSON, and
//! the body behind it as it is.

use serde::{Deserialize, Serialize};

use crate::bindings::menagerie::plugin::http as wit;
use crate::http::problem::Problem;

/// An answer of a server, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    #[serde(skip)]
    pub(crate) body: Vec<u8>,
}

/// The line before the body.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Head {
    Response(Response),
    Problem(Problem),
}

/// The bytes that are recorded.
pub(crate) fn encode(answer: Result<Response, Problem>) -> Vec<u8> {
    let (head, body) = match answer {
        Ok(mut response) => {
            let body = std::mem::take(&mut response.body);
            (Head::Response(response), body)
        }
        Err(problem) => (Head::Problem(problem), Vec::new()),
    };
    // Texts and numbers always have a JSON form.
    let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
    bytes.push(b'\n');
    bytes.extend_from_slice(&body);
    bytes
}

/// Reads what was recorded.
pub(crate) fn decode(bytes: &[u8]) -> Result<Result<wit::Response, wit::Problem>, String> {
    let unreadable = || "a recorded answer to an http request cannot be read".to_owned();
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or_else(unreadable)?;
    let head = serde_json::from_slice(&bytes[..end]).map_err(|_| unreadable())?;
    Ok(match head {
        Head::Response(response) => Ok(wit::Response {
            status: u32::from(response.status),
            url: response.url,
            headers: response.headers,
            body: bytes[end + 1..].to_vec(),
            extra: Vec::new(),
        }),
        Head::Problem(problem) => Err(problem.into()),
    })
}

impl From<Problem> for wit::Problem {
    fn from(problem: Problem) -> wit::Problem {
        wit::Problem {
            code: problem.code,
            message: problem.message,
            extra: Vec::new(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::{Response, decode, encode};
    use crate::http::problem::{Problem, Token};

    #[test]
    fn an_answer_is_read_as_it_was_kept() {
        let response = Response {
            status: 404,
            url: "http://a.example/\n".to_owned(),
            headers: vec![("x".to_owned(), "line\nfeed".to_owned())],
            body: b"\n\0\xff{}".to_vec(),
        };
        let read = decode(&encode(Ok(response.clone()))).unwrap().unwrap();
        assert_eq!(read.status, 404);
        assert_eq!(read.url, response.url);
        assert_eq!(read.headers, response.headers);
        assert_eq!(read.body, response.body);
        let problem = Problem::new(Token::Timeout, "late");
        let read = decode(&encode(Err(problem))).unwrap().unwrap_err();
        assert_eq!(
            (read.code.as_str(), read.message.as_str()),
            ("timeout", "late")
        );
        assert!(decode(b"{}").is_err());
        assert!(decode(b"{}\n").is_err());
    }
}
