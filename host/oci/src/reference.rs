//! How a plugin of a registry is named. Read strictly: what could mean two things means nothing.

use std::fmt;

use menagerie_sandbox::{Scheme, WebAddress};

use crate::error::OciError;

/// How every reference begins.
const PREFIX: &str = "oci://";
/// Bytes of a repository's name, by the distribution specification.
const LONGEST_NAME: usize = 255;
/// Bytes of a tag, likewise.
const LONGEST_TAG: usize = 128;

/// Which of a repository's artifacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// Whatever the registry says it is now.
    Tag(String),
    /// These bytes of a manifest, and no others: `sha256:` and 64 digits.
    Digest(String),
}

/// A registry, a repository and a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `HOST` or `HOST:PORT`, in lower case.
    pub registry: String,
    /// The repository within it.
    pub name: String,
    /// Which one.
    pub version: Version,
}

impl Reference {
    /// Whether a text is meant for a reference, good or not.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.get(..PREFIX.len())
            .is_some_and(|begins| begins.eq_ignore_ascii_case(PREFIX))
    }

    /// Reads `oci://HOST[:PORT]/NAME:TAG` or `oci://HOST[:PORT]/NAME@sha256:…`.
    ///
    /// # Errors
    /// When it is neither: a version is never made up.
    pub fn parse(text: &str) -> Result<Reference, OciError> {
        let refused = |why: &str| OciError::Reference {
            found: text.chars().take(200).collect(),
            why: why.to_owned(),
        };
        let rest = text.strip_prefix(PREFIX);
        let rest = rest.ok_or_else(|| refused("it does not begin with `oci://`"))?;
        let (registry, rest) = rest
            .split_once('/')
            .ok_or_else(|| refused("it names no repository behind the registry"))?;
        // One reading of a server's name, the same as for the requests of plugins.
        let server = WebAddress::parse(&format!("https://{registry}/"))
            .map_err(|why| refused(&format!("the registry's name is not good: {why}")))?;
        // A port that was said stays said: over plain HTTP another one would go without saying.
        let said = !registry.ends_with(']') && registry.contains(':');
        let registry = match said {
            true => format!("{}:{}", server.host(), server.port()),
            false => server.host().to_owned(),
        };
        let (name, version) = match rest.split_once('@') {
            Some((name, digest)) if is_digest(digest) => {
                if name.contains(':') {
                    return Err(refused("it has a tag and a digest; one of them is enough"));
                }
                (name, Version::Digest(digest.to_owned()))
            }
            Some(_) => return Err(refused("behind `@` `sha256:` and 64 digits were expected")),
            None => match rest.split_once(':') {
                Some((name, tag)) if is_tag(tag) => (name, Version::Tag(tag.to_owned())),
                Some(_) => {
                    return Err(refused(
                        "a tag is at most 128 letters, digits, `_`, `.` and `-`",
                    ));
                }
                None => return Err(refused("it has neither a tag nor a digest")),
            },
        };
        if !is_name(name) {
            return Err(refused(
                "a repository's name is made of small letters and digits, with `.`, `_`, `__` or `-` between them, and of `/`",
            ));
        }
        Ok(Reference {
            registry,
            name: name.to_owned(),
            version,
        })
    }

    /// The same repository at another digest.
    #[must_use]
    pub fn at(&self, digest: &str) -> Reference {
        Reference {
            version: Version::Digest(digest.to_owned()),
            ..self.clone()
        }
    }

    /// Whether the registry is this machine by its very name.
    #[must_use]
    pub fn is_of_this_machine(&self) -> bool {
        let url = format!("https://{}/", self.registry);
        WebAddress::parse(&url).is_ok_and(|target| is_loopback(target.host()))
    }

    /// The repository's part of the protocol, with what follows the name.
    pub(crate) fn target(&self, scheme: Scheme, what: &str) -> Result<WebAddress, OciError> {
        let url = format!("{scheme}://{}/v2/{}/{what}", self.registry, self.name);
        WebAddress::parse(&url).map_err(|why| OciError::Reference {
            found: self.to_string(),
            why,
        })
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']);
    let address = bare.parse::<std::net::IpAddr>();
    bare == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{PREFIX}{}/{}", self.registry, self.name)?;
        match &self.version {
            Version::Tag(tag) => write!(out, ":{tag}"),
            Version::Digest(digest) => write!(out, "@{digest}"),
        }
    }
}

/// `sha256:` and 64 digits in small letters.
pub(crate) fn is_digest(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix("sha256:")
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(digit))
}

fn is_tag(text: &str) -> bool {
    let within = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let begins = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    text.len() <= LONGEST_TAG
        && text.as_bytes().first().is_some_and(begins)
        && text.bytes().all(within)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, once or more with `/` between.
fn is_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let between = |found: &str| {
        matches!(found, "" | "." | "_" | "__") || found.bytes().all(|byte| byte == b'-')
    };
    let component = |part: &str| {
        let ends = [part.bytes().next(), part.bytes().last()];
        ends.into_iter().all(|byte| byte.is_some_and(letter))
            && part
                .split(|found: char| u8::try_from(found).is_ok_and(letter))
                .all(between)
    };
    text.len() <= LONGEST_NAME && text.split('/').all(component)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::{Reference, Version};

    #[test]
    fn a_reference_names_a_registry_a_repository_and_a_version() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, registry, name, version) in [
            (
                "oci://registry.example/a:1.0".to_owned(),
                "registry.example",
                "a",
                Version::Tag("1.0".to_owned()),
            ),
            (
                format!("oci://Registry.Example:5000/a/b-c__d.e@{digest}"),
                "registry.example:5000",
                "a/b-c__d.e",
                Version::Digest(digest.clone()),
            ),
            (
                "oci://[::1]:5000/a--b/c_d:_x.Y-2".to_owned(),
                "[::1]:5000",
                "a--b/c_d",
                Version::Tag("_x.Y-2".to_owned()),
            ),
        ] {
            let read = Reference::parse(&text).unwrap();
            assert_eq!(
                (&*read.registry, &*read.name, &read.version),
                (registry, name, &version)
            );
            assert_eq!(Reference::parse(&read.to_string()).unwrap(), read);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused_with_the_reason() {
        for (text, why) in [
            ("registry.example/a:1", "does not begin"),
            ("OCI://registry.example/a:1", "does not begin"),
            ("oci://registry.example", "no repository"),
            ("oci://registry.example/a", "neither a tag nor a digest"),
            ("oci:///a:1", "registry's name"),
            ("oci://user@registry.example/a:1", "registry's name"),
            ("oci://registry.example:0/a:1", "registry's name"),
            ("oci://registry.example/A:1", "repository's name"),
            ("oci://registry.example/a//b:1", "repository's name"),
            ("oci://registry.example/../b:1", "repository's name"),
            ("oci://registry.example/a___b:1", "repository's name"),
            ("oci://registry.example/a-:1", "repository's name"),
            ("oci://registry.example/a%2fb:1", "repository's name"),
            ("oci://registry.example/a\u{e9}b:1", "repository's name"),
            ("oci://registry.example/a:", "a tag is"),
            ("oci://registry.example/a:.x", "a tag is"),
            ("oci://registry.example/a:1:2", "a tag is"),
            ("oci://registry.example/a:x/y", "a tag is"),
            ("oci://registry.example/a@sha256:12", "64 digits"),
            ("oci://registry.example/a@sha512:12", "64 digits"),
        ] {
            let said = Reference::parse(text).unwrap_err().to_string();
            assert!(said.contains(why), "{text}: {said}");
        }
        let both = format!("oci://registry.example/a:1@sha256:{}", "0".repeat(64));
        let said = Reference::parse(&both).unwrap_err().to_string();
        assert!(said.contains("one of them"), "{said}");
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (registry, own) in [
            ("127.0.0.1:5000", true),
            ("localhost:5000", true),
            ("[::1]", true),
            ("127.example", false),
            ("localhost.example", false),
            ("10.0.0.1", false),
        ] {
            let reference = Reference::parse(&format!("oci://{registry}/a:1")).unwrap();
            assert_eq!(reference.is_of_this_machine(), own, "{registry}");
        }
    }
}
