//! What a grant of `http` allows: rules that are matched before anything leaves the host.

use std::time::Duration;

use crate::call_log::{EffectClass, OnUnknown};
use crate::http::target::{Scheme, Target};

/// A grant: what is not allowed by one of its rules is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpPolicy {
    /// The first rule that matches counts.
    pub rules: Vec<HttpRule>,
    /// Bytes of a request's body.
    pub max_request: u64,
    /// Bytes of an answer's body; more is cut off as it comes.
    pub max_response: u64,
    /// From the beginning of an exchange to the last byte of its answer, redirects included.
    pub timeout: Duration,
}

/// One thing that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRule {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// In lower case; `*.example.org` is every name below `example.org`, and not that itself.
    pub host: String,
    /// The port.
    pub port: u16,
    /// In capitals.
    pub methods: Vec<String>,
    /// `*` stands for anything within a segment, `**` for anything. What follows a `?` is free.
    pub path: String,
    /// What a crash between intent and record means; by the method where nothing is said.
    pub effect: Option<EffectClass>,
    /// What becomes of a call whose outcome nobody knows.
    pub on_unknown: OnUnknown,
    /// Headers that the host adds, and the name of the secret that each is made of.
    pub secrets: Vec<(String, String)>,
    /// Whether the host may stand in a private network, or be this machine.
    pub private_addresses: bool,
}

/// Whether a method asks for nothing but an answer (RFC 9110, 9.2.1).
pub(crate) fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS")
}

impl HttpRule {
    /// The class of a request that this rule allows.
    #[must_use]
    pub fn effect_of(&self, method: &str) -> EffectClass {
        self.effect.unwrap_or(if is_safe(method) {
            EffectClass::AtLeastOnce
        } else {
            EffectClass::AtMostOnce
        })
    }

    fn allows_server(&self, target: &Target) -> bool {
        let host = match self.host.strip_prefix("*.") {
            Some(parent) => target
                .host
                .strip_suffix(parent)
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            None => target.host == self.host,
        };
        host && self.scheme == target.scheme && self.port == target.port
    }

    fn allows(&self, method: &str, target: &Target) -> bool {
        self.allows_server(target)
            && self.methods.iter().any(|allowed| allowed == method)
            && matches(self.path.as_bytes(), target.path.as_bytes())
    }
}

impl HttpPolicy {
    /// The rule that allows a request. The refusal repeats what was asked for and says nothing of
    /// the rules: they may name what the guest has no business to know.
    pub(crate) fn rule(&self, method: &str, target: &Target) -> Result<&HttpRule, String> {
        if let Some(rule) = self.rules.iter().find(|rule| rule.allows(method, target)) {
            return Ok(rule);
        }
        let server = format!("{}://{}:{}", target.scheme, target.host, target.port);
        if self.rules.iter().any(|rule| rule.allows_server(target)) {
            let path = &target.path;
            return Err(format!(
                "the grant allows no {method} of {path} at {server}"
            ));
        }
        Err(format!("the grant allows nothing at {server}"))
    }
}

/// Whether a path is what a pattern says. Takes time in proportion to the product of both lengths,
/// whatever the stars.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    // `reached[i]`: the pattern so far can stand for the first `i` bytes of the path.
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let any = pattern[at..].starts_with(b"**");
        if any || pattern[at] == b'*' {
            for end in 1..reached.len() {
                let passes = any || path[end - 1] != b'/';
                reached[end] = reached[end] || (passes && reached[end - 1]);
            }
            at += if any { 2 } else { 1 };
        } else {
            for end in (1..reached.len()).rev() {
                reached[end] = reached[end - 1] && path[end - 1] == pattern[at];
            }
            reached[0] = false;
            at += 1;
        }
    }
    reached[path.len()]
}

#[cfg(test)]
mod tests {
    use super::{HttpPolicy, HttpRule, Scheme, matches};
    use crate::call_log::{EffectClass, OnUnknown};
    use crate::http::target::Target;

    #[test]
    fn a_path_is_exact_but_for_its_stars() {
        for (pattern, path, expected) in [
            ("/v1/index.json", "/v1/index.json", true),
            ("/v1/index.json", "/v1/index.jsonx", false),
            ("/v1/index.json", "/v1/index", false),
            ("/v1/*", "/v1/", true),
            ("/v1/*", "/v1/a", true),
            ("/v1/*", "/v1/a/b", false),
            ("/v1/*/b", "/v1/a/b", true),
            ("/v1/*.json", "/v1/a.json", true),
            ("/v1/*.json", "/v1/a.xml", false),
            ("/v1/**", "/v1/a/b", true),
            ("/v1/**", "/v10", false),
            ("/**/end", "/a/b/end", true),
            ("/**/end", "/a/b/end/", false),
            ("/***", "/a/b", true),
            ("", "", true),
            ("", "/", false),
        ] {
            let found = matches(pattern.as_bytes(), path.as_bytes());
            assert_eq!(found, expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_of_stars_takes_no_time_that_explodes() {
        let pattern = "*a".repeat(500);
        let path = "a".repeat(4_000) + "b";
        assert!(!matches(pattern.as_bytes(), path.as_bytes()));
    }

    fn policy(host: &str) -> HttpPolicy {
        let rule = HttpRule {
            scheme: Scheme::Https,
            host: host.to_owned(),
            port: 443,
            methods: vec!["GET".to_owned()],
            path: "/v1/*".to_owned(),
            effect: None,
            on_unknown: OnUnknown::Review,
            secrets: vec![("authorization".to_owned(), "hidden-name".to_owned())],
            private_addresses: false,
        };
        HttpPolicy {
            rules: vec![rule],
            max_request: 1,
            max_response: 1,
            timeout: std::time::Duration::from_secs(1),
        }
    }

    #[test]
    fn a_rule_allows_its_scheme_host_port_method_and_path_alone() {
        for (host, method, url, allowed) in [
            ("a.example", "GET", "https://a.example/v1/x", true),
            (
                "a.example",
                "GET",
                "https://A.Example:443/v1/x?y=../z",
                true,
            ),
            ("a.example", "GET", "http://a.example/v1/x", false),
            ("a.example", "GET", "https://a.example:444/v1/x", false),
            ("a.example", "GET", "https://b.example/v1/x", false),
            (
                "a.example",
                "GET",
                "https://a.example.evil.example/v1/x",
                false,
            ),
            ("a.example", "POST", "https://a.example/v1/x", false),
            ("a.example", "GET", "https://a.example/v2/x", false),
            ("*.example", "GET", "https://a.example/v1/x", true),
            ("*.example", "GET", "https://a.b.example/v1/x", true),
            ("*.example", "GET", "https://example/v1/x", false),
            ("*.example", "GET", "https://.example/v1/x", false),
            ("*.example", "GET", "https://evilexample/v1/x", false),
        ] {
            let Ok(target) = Target::parse(url) else {
                assert!(!allowed, "{url}");
                continue;
            };
            let found = policy(host).rule(method, &target).map(|_| ());
            assert_eq!(found.is_ok(), allowed, "{host} {method} {url}");
            if let Err(message) = found {
                assert!(!message.contains("hidden-name"), "{message}");
                assert!(!message.contains("/v1/*"), "{message}");
            }
        }
    }

    #[test]
    fn a_method_has_its_class_unless_the_rule_says_otherwise() {
        let mut rule = policy("a").rules.remove(0);
        assert_eq!(rule.effect_of("GET"), EffectClass::AtLeastOnce);
        assert_eq!(rule.effect_of("POST"), EffectClass::AtMostOnce);
        rule.effect = Some(EffectClass::Idempotent);
        assert_eq!(rule.effect_of("POST"), EffectClass::Idempotent);
    }
}
