//! Answers of the outside that a plugin with `http` has to live with, whatever it makes of them.

use menagerie_sandbox::{HTTP_PROBLEMS, OutsideAnswer};
use serde_json::Value;

use super::hostile;

/// A body as large as a grant allows when it says nothing.
const LARGE: usize = 1 << 20;

/// Every problem, answers that say so, bodies that are none, and a good body in which one value is of another
/// type or missing.
pub(crate) fn answers(good: Option<&Value>) -> Vec<(String, OutsideAnswer)> {
    let mut list: Vec<(String, OutsideAnswer)> = HTTP_PROBLEMS
        .into_iter()
        .chain(["a-problem-of-tomorrow"])
        .map(|code| (format!("the problem {code}"), problem(code)))
        .collect();
    for status in [204, 301, 400, 401, 403, 404, 429, 500, 502, 503, 599] {
        list.push((
            format!("the status {status}"),
            response(status, b"<html>something is wrong</html>"),
        ));
    }
    let nested = "[".repeat(20_000);
    let large = "x".repeat(LARGE);
    let many = format!("[{}0]", "0,".repeat(LARGE / 4));
    let bodies: [(&str, &[u8]); 8] = [
        ("an empty body", b""),
        ("a body that is no UTF-8", b"\xff\xfe\x00\xc3\x28"),
        ("a body that is cut off", b"{\"a\": [1, 2"),
        ("a body of two documents", b"{} {}"),
        ("a name that is there twice", b"{\"a\": 1, \"a\": 2}"),
        ("a nesting that never ends", nested.as_bytes()),
        ("a large body", large.as_bytes()),
        ("a large list", many.as_bytes()),
    ];
    for (what, body) in bodies {
        list.push((what.to_owned(), response(200, body)));
    }
    if let Some(good) = good {
        for (what, value) in hostile(good) {
            let body = value.to_string();
            list.push((
                format!("a body with {what}"),
                response(200, body.as_bytes()),
            ));
        }
    }
    list
}

fn problem(code: &str) -> OutsideAnswer {
    OutsideAnswer::Problem {
        code: code.to_owned(),
        message: "as the test has it: \u{202e}\u{1b}[31m".to_owned(),
    }
}

fn response(status: u16, body: &[u8]) -> OutsideAnswer {
    OutsideAnswer::Response {
        status,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use menagerie_sandbox::{HTTP_PROBLEMS, OutsideAnswer};
    use serde_json::json;

    use super::answers;

    #[test]
    fn every_problem_is_among_them_and_each_place_of_a_good_body_is_once_missing() {
        let list = answers(Some(&json!({"found": [{"id": 1}]})));
        for code in HTTP_PROBLEMS {
            assert!(list.iter().any(|(_, answer)| matches!(
                answer,
                OutsideAnswer::Problem { code: found, .. } if found == code
            )));
        }
        for name in [
            "the status 500",
            "a body with nothing at /found",
            "a body with a text at /found/0/id",
        ] {
            assert!(list.iter().any(|(what, _)| what == name), "{name}");
        }
        assert!(answers(None).len() < list.len());
    }
}
