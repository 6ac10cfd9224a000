//! Who is said to ask, by host: each word is for one host, and is told to no other.

use std::collections::BTreeMap;
use std::fmt;

use menagerie_sandbox::WebAddress;
use serde::Deserialize;

/// Why credentials cannot be read. Nothing of what they hold is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// A line of one's own.
    #[error("line {0}: expected `HOST[:PORT]=USER:PASSWORD`")]
    Line(usize),
    /// A file as Docker has it.
    #[error("it is not JSON as Docker's `config.json` has it, at line {0}")]
    Json(usize),
    /// What it says of one host.
    #[error("its `auth` of `{0}` is not the base64 of `USER:PASSWORD`")]
    Auth(String),
}

/// Names and passwords by host and port.
#[derive(Clone, Default)]
pub struct Keyring {
    /// `USER:PASSWORD`.
    known: BTreeMap<(String, u16), String>,
    /// What Docker's file leaves to a program of its own, which is not run here.
    elsewhere: BTreeMap<(String, u16), String>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<&(String, u16)> = self.known.keys().collect();
        write!(out, "Keyring({hosts:?})")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, DockerAuth>,
    #[serde(default)]
    creds_store: Option<String>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct DockerAuth {
    #[serde(default)]
    auth: Option<String>,
    #[serde(default)]
    identitytoken: Option<String>,
}

impl Keyring {
    /// Takes lines of `HOST[:PORT]=USER:PASSWORD`. They go before what is there already.
    ///
    /// # Errors
    /// With the number of a line that is something else.
    pub fn add_lines(&mut self, text: &str) -> Result<(), KeyringError> {
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let read = line.split_once('=').and_then(|(host, word)| {
                let host = host_of(host)?;
                word.split_once(':').map(|_| (host, word))
            });
            let (host, word) = read.ok_or(KeyringError::Line(at + 1))?;
            self.known.insert(host, word.to_owned());
        }
        Ok(())
    }

    /// Takes the `auths` of a file as Docker has it.
    ///
    /// # Errors
    /// When it is something else.
    pub fn add_docker_config(&mut self, text: &str) -> Result<(), KeyringError> {
        let config: DockerConfig =
            serde_json::from_str(text).map_err(|error| KeyringError::Json(error.line()))?;
        for (name, auth) in config.auths {
            let Some(host) = host_of(&name) else { continue };
            match auth.auth.as_deref() {
                Some(encoded) if !encoded.is_empty() => {
                    let word = decode(encoded).filter(|word| word.contains(':'));
                    let word = word.ok_or_else(|| KeyringError::Auth(name.clone()))?;
                    self.known.insert(host, word);
                }
                _ if auth.identitytoken.is_some() => {
                    self.elsewhere.insert(host, "an identity token".to_owned());
                }
                _ => {
                    let store = config.creds_store.as_deref().unwrap_or("nobody");
                    self.elsewhere.insert(host, format!("`{store}`"));
                }
            }
        }
        for (name, helper) in config.cred_helpers {
            if let Some(host) = host_of(&name) {
                self.elsewhere.insert(host, format!("`{helper}`"));
            }
        }
        Ok(())
    }

    /// What is told to this very host and port, as the value of `Authorization`.
    pub(crate) fn basic(&self, target: &WebAddress) -> Option<String> {
        let word = self.known.get(&(target.host().to_owned(), target.port()))?;
        Some(format!("Basic {}", encode(word.as_bytes())))
    }

    /// What to say where a host would have to be told something and there is nothing.
    pub(crate) fn missing(&self, target: &WebAddress) -> String {
        let authority = target.authority();
        match self
            .elsewhere
            .get(&(target.host().to_owned(), target.port()))
        {
            Some(place) => format!(
                "the credentials for {authority} are left to {place}, which is not asked here; say them in MENAGERIE_OCI_AUTH, `{authority}=USER:PASSWORD`"
            ),
            None => format!(
                "there are no credentials for {authority}: say them in MENAGERIE_OCI_AUTH, `{authority}=USER:PASSWORD`, or in the `auths` of Docker's config.json"
            ),
        }
    }
}

/// `HOST`, `HOST:PORT` or, as Docker's file may have it, an address of that host.
fn host_of(text: &str) -> Option<(String, u16)> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    let authority = rest.split('/').next().unwrap_or(rest);
    let target = WebAddress::parse(&format!("{scheme}://{authority}/")).ok()?;
    Some((target.host().to_owned(), target.port()))
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with its padding (RFC 4648, 4).
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |place: usize| u32::from(group.get(place).copied().unwrap_or(0));
        let number = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * place) & 63) as usize];
            text.push(match place <= group.len() {
                true => char::from(letter),
                false => '=',
            });
        }
    }
    text
}

fn decode(text: &str) -> Option<String> {
    let bare = text.trim_end_matches('=');
    if bare.len() % 4 == 1 || text.len() - bare.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(bare.len());
    let (mut number, mut bits) = (0_u32, 0);
    for letter in bare.bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        number = number << 6 | u32::try_from(value).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((number >> bits & 0xff) as u8);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use menagerie_sandbox::WebAddress;

    use super::{Keyring, KeyringError, decode, encode};

    fn told(keyring: &Keyring, url: &str) -> Option<String> {
        let told = keyring.basic(&WebAddress::parse(url).unwrap())?;
        decode(told.strip_prefix("Basic ").unwrap())
    }

    #[test]
    fn credentials_are_told_to_the_host_and_port_that_they_are_for() {
        let mut keyring = Keyring::default();
        let docker = format!(
            r#"{{"auths": {{"a.example": {{"auth": "{}"}}, "https://b.example:81/v1/": {{"auth": "{}"}}, "c.example": {{}},
                "d.example": {{"identitytoken": "x"}}}}, "credsStore": "desktop", "credHelpers": {{"e.example": "cloud"}}}}"#,
            encode(b"one:old"),
            encode(b"two:p:q"),
        );
        keyring.add_docker_config(&docker).unwrap();
        keyring
            .add_lines("a.example=one:new\n\n f.example:5000=x:=\n")
            .unwrap();
        for (url, expected) in [
            ("https://a.example/", Some("one:new")),
            ("https://a.example:444/", None),
            ("http://a.example/", None),
            ("https://x.a.example/", None),
            ("https://b.example:81/", Some("two:p:q")),
            ("https://b.example/", None),
            ("http://f.example:5000/", Some("x:=")),
            ("https://c.example/", None),
        ] {
            assert_eq!(told(&keyring, url).as_deref(), expected, "{url}");
        }
        for (host, place) in [
            ("c.example", "`desktop`"),
            ("d.example", "identity token"),
            ("e.example", "`cloud`"),
            ("g.example", "no credentials"),
        ] {
            let target = WebAddress::parse(&format!("https://{host}/")).unwrap();
            let said = keyring.missing(&target);
            assert!(said.contains(place) && said.contains(host), "{said}");
        }
        assert!(!format!("{keyring:?}").contains("new"));
    }

    #[test]
    fn what_is_no_credential_is_refused_and_not_repeated() {
        let mut keyring = Keyring::default();
        for (line, at) in [("secret", 1), ("\na.example=secret", 2), ("@=a:secret", 1)] {
            assert_eq!(keyring.add_lines(line), Err(KeyringError::Line(at)));
        }
        assert_eq!(
            keyring.add_docker_config("{\n\"auths\": 7}"),
            Err(KeyringError::Json(2))
        );
        for auth in ["c2VjcmV0", "?", "c", "c2Vj===="] {
            let text = format!(r#"{{"auths": {{"a.example": {{"auth": "{auth}"}}}}}}"#);
            let refused = Err(KeyringError::Auth("a.example".to_owned()));
            assert_eq!(keyring.add_docker_config(&text), refused, "{auth}");
        }
    }

    #[test]
    fn base64_is_read_as_it_is_written() {
        for text in ["", "a", "ab", "abc", "abcd", "\u{e9}:\u{1f40d}"] {
            assert_eq!(decode(&encode(text.as_bytes())).unwrap(), text);
        }
        assert_eq!(
            encode(b"Aladdin:open sesame"),
            "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
    }
}
