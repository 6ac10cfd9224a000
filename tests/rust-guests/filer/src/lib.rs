//! Makes and reads artifacts as it is told, and answers with what came of that.

use menagerie::artifacts::{self, Problem};
use menagerie::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    #[serde(default)]
    asks: Vec<Ask>,
}

#[derive(Deserialize, Default)]
struct Config {
    /// Done after those of the input.
    #[serde(default)]
    asks: Vec<Ask>,
    /// The outcome attaches what was made, and this.
    #[serde(default)]
    attaches: Vec<String>,
    /// Everything that is attached to the task is read.
    #[serde(default)]
    reads: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ask {
    Put {
        name: String,
        #[serde(default = "plain")]
        media_type: String,
        #[serde(default)]
        text: String,
        /// So many bytes instead.
        #[serde(default)]
        bytes: usize,
    },
    Stat(String),
    Get {
        id: String,
        #[serde(default)]
        offset: u32,
        #[serde(default = "all")]
        length: u32,
    },
    /// The whole of it, part by part.
    Read(String),
}

fn plain() -> String {
    "text/plain".to_owned()
}

fn all() -> u32 {
    u32::MAX
}

#[derive(Serialize)]
struct Output {
    answers: Vec<Answer>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Put {
        id: String,
        digest: String,
    },
    Stat {
        id: String,
        name: String,
        media_type: String,
        version: u32,
        size: u32,
    },
    Got {
        length: usize,
        text: String,
    },
    Problem(String, String),
}

#[menagerie::agent(skills = ["files"], grants = ["artifacts"])]
fn process(task: Task<Input, Config>) -> Result<Outcome<Output>, Fault> {
    let (mut answers, mut made) = (Vec::new(), Vec::new());
    let attached = task.attachments.iter().filter(|_| task.config.reads);
    answers.extend(attached.map(|one| got(artifacts::read(&one.id))));
    for ask in task.input.asks.into_iter().chain(task.config.asks) {
        answers.push(answer(ask, &mut made));
    }
    let more = task.config.attaches.into_iter().map(|id| Artifact {
        id,
        media_type: plain(),
        digest: format!("sha256:{}", "0".repeat(64)),
    });
    let outcome = Outcome::new(Output { answers });
    Ok(made.into_iter().chain(more).fold(outcome, Outcome::attach))
}

fn answer(ask: Ask, made: &mut Vec<Artifact>) -> Answer {
    match ask {
        Ask::Put {
            name,
            media_type,
            text,
            bytes,
        } => {
            let content = match bytes {
                0 => text.into_bytes(),
                bytes => vec![b'x'; bytes],
            };
            match artifacts::put(&name, &media_type, &content) {
                Ok(artifact) => {
                    made.push(artifact.clone());
                    Answer::Put {
                        id: artifact.id,
                        digest: artifact.digest,
                    }
                }
                Err(problem) => refused(problem),
            }
        }
        Ask::Stat(id) => match artifacts::stat(&id) {
            Ok(info) => Answer::Stat {
                id: info.artifact.id,
                name: info.name,
                media_type: info.artifact.media_type,
                version: info.version,
                size: info.size,
            },
            Err(problem) => refused(problem),
        },
        Ask::Get { id, offset, length } => got(artifacts::get(&id, offset, length)),
        Ask::Read(id) => got(artifacts::read(&id)),
    }
}

fn got(content: Result<Vec<u8>, Problem>) -> Answer {
    match content {
        Ok(content) => Answer::Got {
            length: content.len(),
            text: String::from_utf8_lossy(&content[..content.len().min(40)]).into_owned(),
        },
        Err(problem) => refused(problem),
    }
}

fn refused(problem: Problem) -> Answer {
    Answer::Problem(problem.code, problem.message)
}
