//! Bodies of answers, each within a bound, and what a refusal is told as.

use http::StatusCode;
use menagerie_sandbox::WebAnswer;
use serde_json::Value;

use crate::error::{OciError, Part};
use crate::session::Answered;

/// Bytes of an answer that holds a token, or says what is wrong.
pub(crate) const MOST_WORDS: u64 = 64 << 10;

/// Reads a body, and no more of it than `limit`; tells how far it has come.
pub(crate) async fn read(
    mut answer: WebAnswer,
    part: Part,
    limit: u64,
    progress: &(dyn Fn(u64, Option<u64>) + Sync),
) -> Result<Vec<u8>, OciError> {
    let declared = answer.declared();
    let too_large = |found| OciError::TooLarge { part, found, limit };
    if declared.is_some_and(|declared| declared > limit) {
        return Err(too_large(declared));
    }
    let mut body = Vec::new();
    while let Some(data) = answer.part().await? {
        if data.len() as u64 > limit - body.len() as u64 {
            return Err(too_large(None));
        }
        body.extend_from_slice(&data);
        progress(body.len() as u64, declared);
    }
    Ok(body)
}

/// The error that an answer with another status than hoped for stands for.
pub(crate) async fn refusal(answered: Answered, part: Part, what: &str) -> OciError {
    let Answered { answer, by } = answered;
    let status = answer.status;
    let body = read(answer, part, MOST_WORDS, &|_, _| {}).await;
    let said = body.map_or_else(|_| String::new(), |body| code(&body));
    let host = by.authority();
    match status {
        StatusCode::NOT_FOUND => OciError::Unknown {
            what: what.to_owned(),
            said,
        },
        StatusCode::FORBIDDEN => OciError::Unauthorized {
            host,
            why: match &*said {
                "" => "whoever asks may not do that".to_owned(),
                said => format!("whoever asks may not do that ({said})"),
            },
        },
        status => OciError::Status {
            part,
            host,
            status: status.as_u16(),
            said,
        },
    }
}

/// The code of a registry's error. Its message is left out: whatever is in that may be what the registry
/// was told.
fn code(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = value["errors"][0]["code"].as_str().unwrap_or_default();
    let word = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    match code.len() <= 64 && code.bytes().all(word) {
        true => code.to_owned(),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn a_registry_says_what_is_wrong_by_a_code_alone() {
        for (body, expected) in [
            (
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"x"}]}"#,
                "MANIFEST_UNKNOWN",
            ),
            (r#"{"errors":[{"code":"secret token"}]}"#, ""),
            ("<html>", ""),
        ] {
            assert_eq!(code(body.as_bytes()), expected);
        }
    }
}
