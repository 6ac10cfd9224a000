//! Sends the requests that it is given, one after the other, and answers with what came of them.

use menagerie::http::Request;
use menagerie::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    requests: Vec<Wanted>,
    /// Turns of a loop before each request: work that is done again after a suspension.
    #[serde(default)]
    work: u32,
    /// Ends as what may work another time, once it has asked.
    #[serde(default)]
    fails: bool,
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default = "get")]
    method: String,
    url: String,
    /// With what was drawn behind a `?`.
    #[serde(default)]
    by_chance: bool,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    /// So many bytes of body instead.
    #[serde(default)]
    bytes: usize,
}

fn get() -> String {
    "GET".to_owned()
}

#[derive(Serialize)]
struct Output {
    answers: Vec<Answer>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Response {
        status: u32,
        url: String,
        headers: Vec<(String, String)>,
        length: usize,
        body: String,
    },
    Problem {
        code: String,
        message: String,
    },
}

#[menagerie::agent(skills = ["fetches"], grants = ["http"])]
fn process(task: Task<Input>) -> Result<Outcome<Output>, Fault> {
    let mut answers = Vec::new();
    for wanted in task.input.requests {
        let worked = (0..task.input.work).fold(1_u32, |sum, turn| sum.rotate_left(3) ^ turn);
        menagerie::info!("{} {} ({worked})", wanted.method, answers.len());
        answers.push(send(wanted));
    }
    if task.input.fails {
        return Err(Fault::transient("as it was asked for"));
    }
    Ok(Outcome::new(Output { answers }))
}

fn send(mut wanted: Wanted) -> Answer {
    if wanted.by_chance {
        wanted.url.push_str(&format!("?{:08x}", random::next_u32()));
    }
    let mut request = Request::new(wanted.method, wanted.url).body(wanted.body);
    if wanted.bytes > 0 {
        request.body = vec![b'x'; wanted.bytes];
    }
    request.headers = wanted.headers;
    match request.send() {
        Ok(response) => Answer::Response {
            status: response.status,
            url: response.url,
            headers: response.headers,
            length: response.body.len(),
            body: String::from_utf8_lossy(&response.body[..response.body.len().min(2_000)])
                .into_owned(),
        },
        Err(problem) => Answer::Problem {
            code: problem.code,
            message: problem.message,
        },
    }
}
