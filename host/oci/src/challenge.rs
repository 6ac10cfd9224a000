//! `WWW-Authenticate` (RFC 9110, 11.6.1): what a registry wants to be told by whoever asks.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

use crate::error::OciError;

/// Bytes of all challenges of an answer.
const LONGEST: usize = 8 << 10;

/// A way to say who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// Name and password with every request.
    Basic,
    /// A token, which somebody gives.
    Bearer {
        /// Where.
        realm: String,
        /// For whom, if that is told.
        service: Option<String>,
        /// For what, if that is told.
        scope: Option<String>,
    },
}

/// The way that is taken: a token where one may be had, since it opens no more than what is asked for.
pub(crate) fn of_answer(headers: &HeaderMap) -> Result<Challenge, OciError> {
    let mut found = Vec::new();
    let mut length = 0;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        length += value.len();
        if length > LONGEST {
            let why = format!("`WWW-Authenticate` has more than {LONGEST} bytes");
            return Err(OciError::Challenge(why));
        }
        let text = value.to_str().ok();
        let text = text.ok_or_else(|| OciError::Challenge("it is not plain text".to_owned()))?;
        found.extend(parse(text).map_err(OciError::Challenge)?);
    }
    let is_bearer = |way: &Challenge| matches!(way, Challenge::Bearer { .. });
    let best = found.iter().position(is_bearer).unwrap_or(0);
    match found.into_iter().nth(best) {
        Some(way) => Ok(way),
        None => Err(OciError::Challenge(
            "expected `Bearer` or `Basic` in `WWW-Authenticate`".to_owned(),
        )),
    }
}

/// The ways of one header that are known here. Ways that are not known are passed over, texts that are no
/// challenges are not.
pub(crate) fn parse(text: &str) -> Result<Vec<Challenge>, String> {
    let mut reader = Reader { rest: text };
    let mut ways = Vec::new();
    let mut scheme: Option<(String, Vec<(String, String)>)> = None;
    loop {
        reader.skip(|byte| byte == b' ' || byte == b'\t' || byte == b',');
        if reader.rest.is_empty() {
            break;
        }
        let word = reader.token()?;
        reader.skip(|byte| byte == b' ' || byte == b'\t');
        if reader.take('=') {
            let Some((_, parameters)) = &mut scheme else {
                return Err(format!("`{word}` stands before any scheme"));
            };
            reader.skip(|byte| byte == b' ' || byte == b'\t');
            let value = reader.value()?;
            let name = word.to_ascii_lowercase();
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(format!("`{name}` stands there twice"));
            }
            parameters.push((name, value));
            reader.skip(|byte| byte == b' ' || byte == b'\t');
            if !reader.rest.is_empty() && !reader.rest.starts_with(',') {
                return Err("a `,` was expected between two parameters".to_owned());
            }
        } else if let Some(before) = scheme.replace((word.to_ascii_lowercase(), Vec::new())) {
            ways.extend(known(before)?);
        }
    }
    if let Some(last) = scheme {
        ways.extend(known(last)?);
    }
    Ok(ways)
}

fn known(
    (scheme, mut parameters): (String, Vec<(String, String)>),
) -> Result<Option<Challenge>, String> {
    let mut take = |name: &str| {
        let at = parameters.iter().position(|(known, _)| known == name)?;
        Some(parameters.swap_remove(at).1)
    };
    Ok(match scheme.as_str() {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer {
            realm: take("realm").ok_or("`Bearer` has no realm")?,
            service: take("service"),
            scope: take("scope"),
        }),
        _ => None,
    })
}

struct Reader<'text> {
    rest: &'text str,
}

impl Reader<'_> {
    fn skip(&mut self, skipped: impl Fn(u8) -> bool) {
        let end = self.rest.bytes().position(|byte| !skipped(byte));
        self.rest = &self.rest[end.unwrap_or(self.rest.len())..];
    }

    fn take(&mut self, letter: char) -> bool {
        match self.rest.strip_prefix(letter) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn token(&mut self) -> Result<String, String> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let end = self.rest.bytes().position(|byte| !good(byte));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if word.is_empty() {
            let found = rest.chars().next().unwrap_or(' ').escape_default();
            return Err(format!("found `{found}`, expected a word"));
        }
        self.rest = rest;
        Ok(word.to_owned())
    }

    /// A word, or a text in quotes.
    fn value(&mut self) -> Result<String, String> {
        if !self.take('"') {
            return self.token();
        }
        let mut value = String::new();
        let mut letters = self.rest.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(value);
                }
                '\\' => match letters.next() {
                    Some((_, escaped)) => value.push(escaped),
                    None => break,
                },
                letter => value.push(letter),
            }
        }
        Err("a `\"` has no end".to_owned())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::{Challenge, of_answer, parse};
    use http::HeaderMap;
    use http::header::WWW_AUTHENTICATE;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        }
    }

    #[test]
    fn challenges_are_read_as_they_are_meant() {
        for (text, expected) in [
            (
                r#"Bearer realm="https://a.example/token",service="a.example",scope="repository:x:pull,push""#,
                vec![bearer(
                    "https://a.example/token",
                    Some("a.example"),
                    Some("repository:x:pull,push"),
                )],
            ),
            (
                r#"BEARER Realm = "q\"\\" , scope=word"#,
                vec![bearer(r#"q"\"#, None, Some("word"))],
            ),
            (
                r#"Digest realm="x", nonce="y", Basic realm="z""#,
                vec![Challenge::Basic],
            ),
            (
                r#"Basic realm="x", Bearer realm="y""#,
                vec![Challenge::Basic, bearer("y", None, None)],
            ),
            ("Negotiate", vec![]),
            (" , ,", vec![]),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_challenge_is_refused() {
        for text in [
            "Bearer",
            r#"Bearer realm="x"#,
            r#"Bearer realm="x\"#,
            r#"realm="x""#,
            "Bearer realm=",
            r#"Bearer realm="x", realm="y""#,
            r#"Bearer realm="x" scope="y""#,
            "Bearer realm=\"x\", =",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_goes_before_a_password_and_nothing_is_made_up() {
        let mut headers = HeaderMap::new();
        assert!(of_answer(&headers).is_err());
        headers.append(WWW_AUTHENTICATE, "Negotiate".parse().unwrap());
        assert!(of_answer(&headers).is_err());
        headers.append(WWW_AUTHENTICATE, r#"Basic realm="x""#.parse().unwrap());
        assert_eq!(of_answer(&headers).unwrap(), Challenge::Basic);
        headers.append(WWW_AUTHENTICATE, r#"Bearer realm="x""#.parse().unwrap());
        assert_eq!(of_answer(&headers).unwrap(), bearer("x", None, None));
        let long = format!("Bearer realm=\"{}\"", "x".repeat(9_000));
        headers.append(WWW_AUTHENTICATE, long.parse().unwrap());
        assert!(of_answer(&headers).is_err());
    }
}
