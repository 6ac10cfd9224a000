//! Secrets: put into requests by the host, by name, and looked for in whatever comes back.

use std::fmt;

use serde_json::Value;

/// Bytes of a word that is no name of a scheme, such as `Bearer`, but part of a secret.
const LONG_WORD: usize = 8;

/// A text that must not reach a guest, a journal, a log or an error. It has no `Display`, and its
/// `Debug` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text, for the one header that it goes into.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// Where the operator keeps secrets.
pub trait Secrets: Send + Sync {
    /// The secret of that name, looked up anew for every request.
    fn get(&self, name: &str) -> Option<Secret>;
}

/// An operator without secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn get(&self, _name: &str) -> Option<Secret> {
        None
    }
}

/// Whether a text holds a secret: as it is, percent-encoded, escaped as in JSON, or within base64 of
/// either alphabet. What else a server may do to a secret is out of reach.
pub(crate) fn holds(text: &[u8], secret: &Secret) -> bool {
    let (percent, json) = (percent_decoded(text), json_unescaped(text));
    telling_parts(secret.reveal()).into_iter().any(|part| {
        let wanted = part.as_bytes();
        [text, &percent, &json]
            .iter()
            .any(|text| find(text, wanted))
            || base64_cores(wanted).iter().any(|core| find(text, core))
    })
}

/// What gives a secret away: each long word of it, so that a token is found without the `Bearer` that
/// stands before it; or all of it, when it has no long word.
fn telling_parts(secret: &str) -> Vec<&str> {
    let long = |word: &&str| word.len() >= LONG_WORD;
    let words: Vec<&str> = secret.split_ascii_whitespace().filter(long).collect();
    match secret {
        "" => Vec::new(),
        whole if words.is_empty() => vec![whole],
        _ => words,
    }
}

fn find(text: &[u8], wanted: &[u8]) -> bool {
    // A first byte that is rare makes this as quick as need be: answers are bounded.
    text.windows(wanted.len())
        .any(|window| window[0] == wanted[0] && window == wanted)
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let digits = (text[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match digits {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(if text[at] == b'+' { b' ' } else { text[at] });
                at += 1;
            }
        }
    }
    decoded
}

/// Each escape of JSON is read wherever it stands: the text need not be JSON as a whole.
fn json_unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let length = match (text[at], text.get(at + 1)) {
            (b'\\', Some(b'u')) => 6,
            (b'\\', Some(_)) => 2,
            _ => 1,
        };
        let end = (at + length).min(text.len());
        let escape = (length > 1)
            .then(|| [b"\"", &text[at..end], b"\""].concat())
            .and_then(|quoted| serde_json::from_slice::<Value>(&quoted).ok());
        match escape {
            Some(Value::String(character)) => plain.extend_from_slice(character.as_bytes()),
            _ => plain.extend_from_slice(&text[at..end]),
        }
        at = end;
    }
    plain
}

/// What base64 makes of a secret wherever in the encoded text it begins: three ways, without the
/// characters at both ends that depend on its neighbours, in both alphabets.
fn base64_cores(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut cores = Vec::new();
    for before in 0..3_usize {
        let shifted = [&vec![0; before][..], secret].concat();
        for alphabet in [b"+/", b"-_"] {
            let encoded = base64(&shifted, *alphabet);
            // A character holds six bits; those that touch a neighbour's bits are left out.
            let first = (before * 8).div_ceil(6);
            let last = (shifted.len() * 8) / 6;
            // So little could stand there by chance, and a secret that short is none.
            if last.saturating_sub(first) >= 4 {
                cores.push(encoded[first..last].to_vec());
            }
        }
    }
    cores
}

fn base64(bytes: &[u8], last_two: [u8; 2]) -> Vec<u8> {
    let alphabet = |six: u8| match six {
        0..=25 => b'A' + six,
        26..=51 => b'a' + (six - 26),
        52..=61 => b'0' + (six - 52),
        62 => last_two[0],
        _ => last_two[1],
    };
    let mut encoded = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let all = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for shift in [18, 12, 6, 0] {
            encoded.push(alphabet(((all >> shift) & 0x3f) as u8));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::{Secret, base64, holds};

    const SECRET: &str = "Bearer s3cr3t/\"\u{e9}+x";

    #[test]
    fn a_secret_is_found_in_every_dress_that_is_promised() {
        let secret = Secret::new(SECRET);
        let mut percent = String::new();
        let mut unicode = String::new();
        for byte in SECRET.bytes() {
            percent.push_str(&format!("%{byte:02x}"));
        }
        for character in SECRET.encode_utf16() {
            unicode.push_str(&format!("\\u{character:04X}"));
        }
        let json = serde_json::to_string(SECRET).unwrap_or_default();
        for dressed in [
            SECRET.to_owned(),
            percent.clone(),
            percent.to_uppercase(),
            SECRET
                .replace('/', "%2F")
                .replace(' ', "%20")
                .replace('+', "%2B"),
            SECRET.replace('+', "%2b").replace(' ', "+"),
            json.clone(),
            json.replace('/', "\\/"),
            unicode,
        ] {
            let text = format!("{{\"echo\": \"{dressed}\"}}");
            assert!(holds(text.as_bytes(), &secret), "{text}");
        }
        for before in ["", "a", "ab", "abc", "user:"] {
            for alphabet in [*b"+/", *b"-_"] {
                let plain = format!("{before}{SECRET}after");
                let encoded = base64(plain.as_bytes(), alphabet);
                assert!(holds(&encoded, &secret), "{before}");
            }
        }
    }

    #[test]
    fn what_holds_no_secret_is_not_suspected() {
        let secret = Secret::new(SECRET);
        for text in ["", "%", "%2", "\\", "\\u12", "Bearer s3cr3t", "QmVhcmVy"] {
            assert!(!holds(text.as_bytes(), &secret), "{text}");
        }
        assert!(!holds(b"anything", &Secret::new("")));
        assert!(holds(
            b"x t0k3n-t0k3n x",
            &Secret::new("Bearer t0k3n-t0k3n")
        ));
        assert!(!holds(
            b"Bearer of bad news",
            &Secret::new("Bearer t0k3n-t0k3n")
        ));
        assert!(holds(b"a b", &Secret::new("a b")));
    }

    #[test]
    fn a_secret_is_not_shown_by_accident() {
        assert_eq!(format!("{:?}", Secret::new(SECRET)), "Secret(…)");
    }
}
