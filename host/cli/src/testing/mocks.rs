//! What answers a plugin's requests of `http` in a test: the answers that its case lists, and nobody else.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use menagerie_sandbox::{OutsideAnswer, OutsideRequest, StandIn};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request that is expected, and its answer.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mock {
    /// `GET` when left out.
    pub(crate) method: Option<String>,
    /// The whole address, or `*` for whatever else is asked for, however often.
    pub(crate) url: String,
    /// What the request's body has to be, as JSON; anything when left out.
    pub(crate) sends: Option<Value>,
    /// How often it is asked for, exactly; once when left out. Mocks of the same request follow each other.
    pub(crate) times: Option<u32>,

    /// 200 when left out.
    pub(crate) status: Option<u16>,
    pub(crate) headers: BTreeMap<String, String>,
    /// The answer's body as text.
    pub(crate) body: Option<String>,
    /// The answer's body, byte by byte.
    bytes: Option<Vec<u8>>,
    /// The answer's body as JSON.
    pub(crate) json: Option<Value>,
    /// The code of a problem, for there being no answer.
    pub(crate) problem: Option<String>,
}

impl Mock {
    /// Answers whatever is asked for.
    pub(super) fn of_all() -> Mock {
        Mock {
            url: "*".to_owned(),
            ..Mock::default()
        }
    }

    fn method(&self) -> &str {
        self.method.as_deref().unwrap_or("GET")
    }

    fn is_for_all(&self) -> bool {
        self.url == "*"
    }

    /// How often it has to be asked for.
    fn least(&self) -> u32 {
        let least = u32::from(!self.is_for_all());
        self.times.unwrap_or(least)
    }

    /// How often it answers.
    fn most(&self) -> u32 {
        let most = if self.is_for_all() { u32::MAX } else { 1 };
        self.times.unwrap_or(most)
    }

    pub(super) fn shown(&self) -> String {
        format!("{} {}", self.method(), self.url)
    }

    fn meets(&self, request: &OutsideRequest) -> bool {
        self.is_for_all() || self.method() == request.method && self.url == request.url
    }

    /// What is wrong with it, for the author.
    pub(crate) fn wrong(&self) -> Option<String> {
        let said = [
            self.body.is_some(),
            self.json.is_some(),
            self.bytes.is_some(),
            self.problem.is_some(),
        ];
        if self.url.is_empty() {
            return Some("a mock has no `url`".to_owned());
        }
        if said.iter().filter(|said| **said).count() > 1 {
            return Some(format!(
                "the mock of {} has more than one of body, bytes, json and problem",
                self.shown()
            ));
        }
        if self.problem.is_some() && self.status.is_some() {
            return Some(format!(
                "the mock of {} has a status and a problem; where there is a problem there is no answer",
                self.shown()
            ));
        }
        let problem = self.problem.as_deref()?;
        (!menagerie_sandbox::HTTP_PROBLEMS.contains(&problem)).then(|| {
            format!(
                "the mock of {} has the problem `{problem}`; expected one of {}",
                self.shown(),
                menagerie_sandbox::HTTP_PROBLEMS.join(", ")
            )
        })
    }

    /// Takes another answer.
    pub(super) fn answer_with(&mut self, answer: &OutsideAnswer) {
        let plain = Mock {
            method: self.method.take(),
            url: std::mem::take(&mut self.url),
            sends: self.sends.take(),
            times: self.times,
            ..Mock::default()
        };
        *self = match answer {
            OutsideAnswer::Problem { code, .. } => Mock {
                problem: Some(code.clone()),
                ..plain
            },
            OutsideAnswer::Response {
                status,
                headers,
                body,
            } => {
                let text = String::from_utf8(body.clone());
                Mock {
                    status: Some(*status),
                    headers: headers.iter().cloned().collect(),
                    bytes: text.is_err().then(|| body.clone()),
                    body: text.ok(),
                    ..plain
                }
            }
        };
    }

    fn answer(&self) -> OutsideAnswer {
        if let Some(code) = &self.problem {
            return OutsideAnswer::Problem {
                code: code.clone(),
                message: "as the test has it".to_owned(),
            };
        }
        let body = match (&self.body, &self.json, &self.bytes) {
            (Some(text), _, _) => text.clone().into_bytes(),
            (None, Some(json), _) => json.to_string().into_bytes(),
            (None, None, Some(bytes)) => bytes.clone(),
            (None, None, None) => Vec::new(),
        };
        let headers = self.headers.iter();
        OutsideAnswer::Response {
            status: self.status.unwrap_or(200),
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                .collect(),
            body,
        }
    }
}

/// The answers of one call.
#[derive(Debug, Default)]
pub(crate) struct Mocks {
    mocks: Vec<Mock>,
    /// The answer of one of them is this instead.
    instead: Option<(usize, OutsideAnswer)>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// How often each mock was asked for.
    asked: Vec<u32>,
    /// Requests that are not as expected, each as a sentence.
    wrong: Vec<String>,
}

impl Mocks {
    pub(crate) fn of(mocks: &[Mock]) -> Mocks {
        let seen = Seen {
            asked: vec![0; mocks.len()],
            wrong: Vec::new(),
        };
        Mocks {
            mocks: mocks.to_vec(),
            instead: None,
            seen: Mutex::new(seen),
        }
    }

    /// The same, but that one of them answers otherwise.
    pub(crate) fn but(mocks: &[Mock], at: usize, answer: OutsideAnswer) -> Mocks {
        Mocks {
            instead: Some((at, answer)),
            ..Mocks::of(mocks)
        }
    }

    /// What the plugin asked for and should not have, and what it should have asked for.
    pub(crate) fn complaint(&self) -> Option<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = self.mocks.iter().zip(&seen.asked);
        let missing = missing.filter(|(mock, asked)| **asked < mock.least());
        let missing = missing.map(|(mock, asked)| {
            let times = mock.least();
            format!(
                "it asked for {} {asked} times, expected {times}",
                mock.shown()
            )
        });
        let all: Vec<String> = seen.wrong.iter().cloned().chain(missing).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    fn unmet(&self, request: &OutsideRequest) -> String {
        let asked = format!("{} {}", request.method, request.url);
        if self.mocks.iter().any(|mock| mock.meets(request)) {
            return format!("it asked for {asked} more often than its mocks answer");
        }
        let there: Vec<String> = self.mocks.iter().map(Mock::shown).collect();
        match there.as_slice() {
            [] => format!("it asked for {asked}, and the case has no mocks in `http`"),
            _ => format!(
                "it asked for {asked}, which no mock answers; there are {}",
                there.join(", ")
            ),
        }
    }
}

impl StandIn for Mocks {
    fn answer(&self, request: OutsideRequest) -> OutsideAnswer {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self
            .mocks
            .iter()
            .zip(&seen.asked)
            .position(|(mock, asked)| mock.meets(&request) && *asked < mock.most());
        let Some(at) = place else {
            seen.wrong.push(self.unmet(&request));
            return OutsideAnswer::Problem {
                code: "denied".to_owned(),
                message: "no mock of the test answers this request".to_owned(),
            };
        };
        seen.asked[at] += 1;
        let mock = &self.mocks[at];
        if let Some(expected) = &mock.sends {
            let sent: Option<Value> = serde_json::from_slice(&request.body).ok();
            if sent.as_ref() != Some(expected) {
                let found = String::from_utf8_lossy(&request.body).into_owned();
                seen.wrong.push(format!(
                    "it sent `{found}` with {}, expected `{expected}`",
                    mock.shown()
                ));
            }
        }
        match &self.instead {
            Some((other, answer)) if *other == at => answer.clone(),
            _ => mock.answer(),
        }
    }
}

#[cfg(test)]
mod tests {
    use menagerie_sandbox::{OutsideAnswer, OutsideRequest, StandIn};
    use serde_json::json;

    use super::{Mock, Mocks};

    fn get(url: &str) -> OutsideRequest {
        OutsideRequest {
            method: "GET".to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    fn mock(value: serde_json::Value) -> Mock {
        serde_json::from_value(value).expect("a mock")
    }

    fn status(answer: &OutsideAnswer) -> u16 {
        match answer {
            OutsideAnswer::Response { status, .. } => *status,
            OutsideAnswer::Problem { .. } => 0,
        }
    }

    #[test]
    fn mocks_of_one_request_follow_each_other_and_then_there_is_no_more() {
        let mocks = Mocks::of(&[
            mock(json!({"url": "http://a/", "status": 503, "times": 2})),
            mock(json!({"url": "http://a/"})),
        ]);
        let answers: Vec<u16> = (0..4)
            .map(|_| status(&mocks.answer(get("http://a/"))))
            .collect();
        assert_eq!(answers, [503, 503, 200, 0]);
        assert_eq!(
            mocks.complaint().as_deref(),
            Some("it asked for GET http://a/ more often than its mocks answer")
        );
    }

    #[test]
    fn what_is_not_asked_for_is_told_and_so_is_what_nothing_answers() {
        let mocks = Mocks::of(&[mock(json!({"method": "POST", "url": "http://a/"}))]);
        assert_eq!(status(&mocks.answer(get("http://a/"))), 0);
        let complaint = mocks.complaint().expect("two things are wrong");
        assert!(
            complaint.contains("GET http://a/, which no mock answers; there are POST http://a/"),
            "{complaint}"
        );
        assert!(
            complaint.contains("POST http://a/ 0 times, expected 1"),
            "{complaint}"
        );
    }

    #[test]
    fn what_is_sent_is_compared() {
        let mocks = Mocks::of(&[mock(json!({"url": "http://a/", "sends": {"n": 1}}))]);
        let request = OutsideRequest {
            body: b"{\"n\":2}".to_vec(),
            ..get("http://a/")
        };
        mocks.answer(request);
        let complaint = mocks.complaint().expect("another body");
        assert!(complaint.contains("it sent `{\"n\":2}`"), "{complaint}");
    }

    #[test]
    fn a_mock_that_means_two_things_is_refused() {
        for (value, expected) in [
            (json!({"url": "http://a/", "problem": "tired"}), "`tired`"),
            (
                json!({"url": "http://a/", "problem": "tls", "status": 200}),
                "a status",
            ),
            (
                json!({"url": "http://a/", "body": "", "json": 1}),
                "more than one",
            ),
            (json!({"status": 200}), "no `url`"),
        ] {
            let wrong = mock(value).wrong().expect("it is wrong");
            assert!(wrong.contains(expected), "{wrong}");
        }
        assert_eq!(mock(json!({"url": "http://a/", "json": 1})).wrong(), None);
    }
}
