//! From what a flow file says of grants to [`Grants`].

use super::file_types::{Located, Name};
use super::grant_types::{
    GrantsDocument, HttpGrantDocument, HttpRuleDocument, KeyPattern, Methods, SharedGrantDocument,
};
use super::meaning::Reader;
use super::position::Words;
use super::relations;
use super::words::{listed, quoted};
use crate::artifact::MOST_ARTIFACT_BYTES;
use crate::flow::{ArtifactsGrant, Effect, Grants, HttpGrant, HttpRule, HttpScheme, SharedGrant};

/// The size of a request's body where nothing is said.
const DEFAULT_REQUEST: u64 = 256 << 10;
/// The size of an answer's body where nothing is said.
const DEFAULT_RESPONSE: u64 = 1 << 20;
/// The most of either: what one host call may pass.
const MOST_BODY: u64 = 16 << 20;
/// Milliseconds of an exchange where nothing is said.
const DEFAULT_TIMEOUT_MS: u64 = 30_000;

/// Grants that take rules: the name, what is expected, and an example.
const RULED: [(&str, &str, &str); 2] = [
    (
        "http",
        "a table `grants.http` with a list `allow`",
        "grants.http.allow = [{ host = \"example.org\", path = \"/index.json\" }]",
    ),
    (
        "shared",
        "a table `grants.shared` with lists `read` and `write`",
        "grants.shared = { read = [\"budget\"], write = [\"claims/*\"] }",
    ),
];

/// Headers that the host writes itself, whatever a flow says.
const HOSTS_OWN: [&str; 8] = [
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "idempotency-key",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

impl Reader<'_, '_> {
    pub(super) fn grants(&mut self, grants: &GrantsDocument) -> Grants {
        match grants {
            GrantsDocument::Names(names) => self.named_grants(names),
            GrantsDocument::Rules(rules) => Grants {
                names: Vec::new(),
                http: rules.http.as_ref().map(|http| self.http(http)),
                shared: rules.shared.as_ref().map(|shared| self.shared(shared)),
                artifacts: rules.artifacts.as_ref().map(|grant| {
                    let size = grant.max_size.as_ref();
                    let most = MOST_ARTIFACT_BYTES;
                    let size = self.size("grants.artifacts.max_size", size, most);
                    ArtifactsGrant {
                        max_size: size.unwrap_or(most),
                    }
                }),
            },
        }
    }

    fn named_grants(&mut self, names: &[Located<Name>]) -> Grants {
        relations::each_once("grants", names, self.problems);
        for name in names {
            let Some((_, expected, example)) = RULED.iter().find(|(ruled, ..)| *ruled == &***name)
            else {
                continue;
            };
            let words = Words {
                message: "a grant without what it allows".to_owned(),
                found: quoted(name),
                expected: (*expected).to_owned(),
                help: Some(format!("such as {example}")),
            };
            self.problems.report(&name.span(), words);
        }
        Grants {
            names: names
                .iter()
                .map(|name| name.to_string())
                .filter(|name| name != "artifacts")
                .collect(),
            // It takes no rules, and has a default where there are none.
            artifacts: names
                .iter()
                .any(|name| &***name == "artifacts")
                .then(ArtifactsGrant::default),
            ..Grants::default()
        }
    }

    fn shared(&mut self, grant: &Located<SharedGrantDocument>) -> SharedGrant {
        if grant.read.is_empty() && grant.write.is_empty() {
            let words = Words {
                message: "a grant that allows nothing".to_owned(),
                found: "neither `read` nor `write`".to_owned(),
                expected: "keys in at least one of them".to_owned(),
                help: Some(format!("such as {}", RULED[1].2)),
            };
            self.problems.report(&grant.span(), words);
        }
        let texts = |patterns: &[Located<KeyPattern>]| {
            let text = |pattern: &Located<KeyPattern>| pattern.to_string();
            patterns.iter().map(text).collect()
        };
        SharedGrant {
            read: texts(&grant.read),
            write: texts(&grant.write),
        }
    }

    fn http(&mut self, grant: &HttpGrantDocument) -> HttpGrant {
        let at_most = |bytes: Option<u64>, default| bytes.unwrap_or(default);
        let (request, response) = (grant.max_request.as_ref(), grant.max_response.as_ref());
        let timeout = self.duration("grants.http.timeout", grant.timeout.as_ref());
        HttpGrant {
            allow: grant
                .allow
                .iter()
                .map(|rule| self.http_rule(rule))
                .collect(),
            max_request: at_most(
                self.size("grants.http.max_request", request, MOST_BODY),
                DEFAULT_REQUEST,
            ),
            max_response: at_most(
                self.size("grants.http.max_response", response, MOST_BODY),
                DEFAULT_RESPONSE,
            ),
            timeout_ms: timeout.map_or(DEFAULT_TIMEOUT_MS, |timeout| {
                u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)
            }),
        }
    }

    fn http_rule(&mut self, rule: &HttpRuleDocument) -> HttpRule {
        let methods = match rule.method.as_deref() {
            None => vec!["GET".to_owned()],
            Some(Methods::One(method)) => vec![method.to_string()],
            Some(Methods::Several(methods)) => {
                methods.iter().map(|method| method.to_string()).collect()
            }
        };
        let meant = HttpRule {
            scheme: rule.scheme,
            host: rule.host.to_ascii_lowercase(),
            port: rule.port.unwrap_or(match rule.scheme {
                HttpScheme::Http => 80,
                HttpScheme::Https => 443,
            }),
            methods,
            path: rule.path.to_string(),
            effect: rule.effect,
            on_unknown: rule.on_unknown.as_deref().copied().unwrap_or_default(),
            secrets: rule
                .secrets
                .iter()
                .map(|(header, secret)| (header.to_ascii_lowercase(), secret.to_string()))
                .collect(),
            private_addresses: rule.private_addresses,
        };
        self.check_methods(rule, &meant);
        self.check_on_unknown(rule, &meant);
        self.check_secrets(rule);
        meant
    }

    fn check_methods(&mut self, rule: &HttpRuleDocument, meant: &HttpRule) {
        let Some(written) = &rule.method else { return };
        for method in ["CONNECT", "TRACE"] {
            if meant.methods.iter().any(|allowed| allowed == method) {
                let expected = "a method that asks a server for something";
                let key = "grants.http.allow.method";
                self.bad_value(key, &written.span(), quoted(method), expected);
            }
        }
    }

    fn check_on_unknown(&mut self, rule: &HttpRuleDocument, meant: &HttpRule) {
        let Some(written) = &rule.on_unknown else {
            return;
        };
        let some = meant
            .methods
            .iter()
            .any(|method| meant.effect_of(method) == Effect::AtMostOnce);
        if !some {
            let words = Words {
                message: "`on_unknown` in a rule whose requests are repeated anyway".to_owned(),
                found: listed(meant.methods.iter().map(|method| quoted(method)).collect()),
                expected: "a method or an `effect` that makes them `at-most-once`".to_owned(),
                help: None,
            };
            self.problems.report(&written.span(), words);
        }
    }

    fn check_secrets(&mut self, rule: &HttpRuleDocument) {
        for header in rule.secrets.keys() {
            let known = header.to_ascii_lowercase();
            if HOSTS_OWN.contains(&known.as_str()) {
                let expected = "a header that the host does not write itself";
                let key = "grants.http.allow.secrets";
                self.bad_value(key, &header.span(), quoted(header), expected);
            }
            if rule.scheme == HttpScheme::Http && !rule.private_addresses {
                let words = Words {
                    message: "a secret that everybody on its way can read".to_owned(),
                    found: "the scheme `http`".to_owned(),
                    expected: "`https`, or `private_addresses = true` for a server nearby"
                        .to_owned(),
                    help: None,
                };
                self.problems.report(&header.span(), words);
            }
        }
    }
}
