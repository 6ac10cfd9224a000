//! A conversation with one registry: who is said to ask, and where the registry may point.
//!
//! The registry is the word of the person who named it, so it may be in a private network. Where it points
//! is not: places that it names are private only if it is itself, are not asked in the open when it is
//! asked over TLS, and are told nothing that was meant for it.

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use menagerie_sandbox::{Scheme, WebAddress, WebAnswer, WebError, WebRequest};
use serde::Deserialize;

use crate::answer::{MOST_WORDS, read};
use crate::challenge::{self, Challenge};
use crate::client::Client;
use crate::error::{OciError, Part};
use crate::reference::Reference;

/// Redirects that are followed for one thing.
const MOST_HOPS: usize = 5;

/// What is asked of a registry.
pub(crate) struct Question<'body> {
    pub(crate) part: Part,
    pub(crate) method: Method,
    pub(crate) accept: Option<String>,
    pub(crate) content_type: &'static str,
    pub(crate) body: &'body [u8],
}

impl Question<'_> {
    pub(crate) fn get(part: Part) -> Question<'static> {
        Question {
            part,
            method: Method::GET,
            accept: None,
            content_type: "",
            body: b"",
        }
    }
}

/// An answer, and who gave it after all redirects.
pub(crate) struct Answered {
    pub(crate) answer: WebAnswer,
    pub(crate) by: WebAddress,
}

pub(crate) struct Session<'client> {
    client: &'client Client,
    /// The registry's own address; everything that is meant for it goes to this server alone.
    registry: WebAddress,
    repository: &'client str,
    /// `pull`, or `pull,push`.
    actions: &'static str,
    /// Whether the registry was found in a private network.
    private: bool,
    authorization: Option<HeaderValue>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl<'client> Session<'client> {
    pub(crate) fn new(
        client: &'client Client,
        reference: &'client Reference,
        actions: &'static str,
    ) -> Result<Session<'client>, OciError> {
        Ok(Session {
            registry: reference.target(client.scheme(reference), "")?,
            repository: &reference.name,
            client,
            actions,
            private: false,
            authorization: None,
        })
    }

    /// Asks, says who asks when that is wanted, and follows where a question is pointed to.
    pub(crate) async fn ask(
        &mut self,
        mut target: WebAddress,
        question: &Question<'_>,
    ) -> Result<Answered, OciError> {
        let mut told = false;
        let mut hops = 0;
        loop {
            let own = target.same_server(&self.registry);
            let answer = self.send(&target, question, own).await?;
            if answer.status == StatusCode::UNAUTHORIZED {
                let host = target.authority();
                if !own || told {
                    let why = match own {
                        true => "it does not take the credentials that it asked for",
                        false => {
                            "the registry points to it, and only the registry is told who asks"
                        }
                    };
                    let why = why.to_owned();
                    return Err(OciError::Unauthorized { host, why });
                }
                self.authorization = Some(self.authorize(&answer.headers).await?);
                told = true;
                continue;
            }
            let asks = matches!(question.method, Method::GET | Method::HEAD);
            if !asks || !is_redirect(answer.status) {
                return Ok(Answered { answer, by: target });
            }
            hops += 1;
            if hops > MOST_HOPS {
                let why = format!("more than {MOST_HOPS} times for {}", question.part);
                return Err(OciError::Redirect(why));
            }
            target = self.pointed_to(&target, &answer.headers)?;
        }
    }

    async fn send(
        &mut self,
        target: &WebAddress,
        question: &Question<'_>,
        own: bool,
    ) -> Result<WebAnswer, OciError> {
        let mut headers = HeaderMap::new();
        if let Some(accept) = &question.accept
            && let Ok(accept) = HeaderValue::from_str(accept)
        {
            headers.insert(ACCEPT, accept);
        }
        if !question.content_type.is_empty() {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static(question.content_type),
            );
        }
        if let Some(word) = self.authorization.as_ref().filter(|_| own) {
            headers.insert(AUTHORIZATION, word.clone());
        }
        let request = WebRequest {
            method: question.method.clone(),
            target,
            headers,
            body: question.body,
            private: self.private,
        };
        match self.client.web.ask(request.clone()).await {
            // A person named this host: that it is in a network of their own is their choice.
            Err(WebError::PrivateAddress(_)) if own && !self.private => {
                self.private = true;
                let private = true;
                Ok(self
                    .client
                    .web
                    .ask(WebRequest { private, ..request })
                    .await?)
            }
            Err(WebError::PrivateAddress(host)) => Err(OciError::Redirect(format!(
                "to {host}, which is in a private network, as the registry is not"
            ))),
            answer => Ok(answer?),
        }
    }

    /// Where an answer points, if it may.
    pub(crate) fn pointed_to(
        &self,
        from: &WebAddress,
        headers: &HeaderMap,
    ) -> Result<WebAddress, OciError> {
        let location = headers.get(LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        let location = location
            .ok_or_else(|| OciError::Redirect("to nowhere: there is no `Location`".to_owned()))?;
        let next = from.follow(location).map_err(OciError::Redirect)?;
        self.allow(next)
    }

    fn allow(&self, next: WebAddress) -> Result<WebAddress, OciError> {
        if next.scheme() == Scheme::Http && self.registry.scheme() == Scheme::Https {
            let host = next.authority();
            let why = format!("to {host} without TLS, as the registry itself is not");
            return Err(OciError::Redirect(why));
        }
        Ok(next)
    }

    /// What the registry is told about who asks.
    async fn authorize(&mut self, headers: &HeaderMap) -> Result<HeaderValue, OciError> {
        let word = match challenge::of_answer(headers)? {
            Challenge::Basic => {
                let word = self.client.keyring.basic(&self.registry);
                word.ok_or_else(|| OciError::Unauthorized {
                    host: self.registry.authority(),
                    why: self.client.keyring.missing(&self.registry),
                })?
            }
            Challenge::Bearer {
                realm,
                service,
                scope,
            } => {
                let scope = scope
                    .unwrap_or_else(|| format!("repository:{}:{}", self.repository, self.actions));
                let token = self.token(&realm, service.as_deref(), &scope).await?;
                format!("Bearer {token}")
            }
        };
        let mut value = HeaderValue::from_str(&word)
            .map_err(|_| OciError::Challenge("the token is not one line of text".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Asks for a token where the registry says; with credentials only if they are for that very host.
    async fn token(
        &mut self,
        realm: &str,
        service: Option<&str>,
        scope: &str,
    ) -> Result<String, OciError> {
        let not_good = |why: String| OciError::Challenge(format!("the realm is not good: {why}"));
        let realm = WebAddress::parse(realm).map_err(not_good)?;
        let realm = realm.with_query(&query(service, scope)).map_err(not_good)?;
        let realm = self.allow(realm)?;
        let basic = self.client.keyring.basic(&realm);
        let mut headers = HeaderMap::new();
        if let Some(mut word) = basic
            .as_ref()
            .and_then(|word| HeaderValue::from_str(word).ok())
        {
            word.set_sensitive(true);
            headers.insert(AUTHORIZATION, word);
        }
        let request = WebRequest {
            method: Method::GET,
            target: &realm,
            headers,
            body: b"",
            private: self.private,
        };
        let answer = self
            .client
            .web
            .ask(request)
            .await
            .map_err(|error| match error {
                WebError::PrivateAddress(host) => OciError::Redirect(format!(
                    "to {host} for a token, which is in a private network, as the registry is not"
                )),
                error => error.into(),
            })?;
        let host = realm.authority();
        match answer.status {
            StatusCode::OK => {}
            // A server that gives tokens to nobody in particular answers so to whoever is not known.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let why = match basic {
                    Some(_) => "it gives no token for the credentials that it was told".to_owned(),
                    None => self.client.keyring.missing(&realm),
                };
                return Err(OciError::Unauthorized { host, why });
            }
            status => {
                return Err(OciError::Status {
                    part: Part::Token,
                    host,
                    status: status.as_u16(),
                    said: String::new(),
                });
            }
        }
        let bytes = read(answer, Part::Token, MOST_WORDS, &|_, _| {}).await?;
        let token: Option<Token> = serde_json::from_slice(&bytes).ok();
        let token = token.and_then(|found| found.token.or(found.access_token));
        token.filter(|token| !token.is_empty()).ok_or_else(|| {
            OciError::Challenge(format!(
                "{host} answered with something that holds no token"
            ))
        })
    }
}

/// What stands behind the `?` of a realm. Everything that is not plain is written with a %.
fn query(service: Option<&str>, scope: &str) -> String {
    let mut parts = Vec::new();
    let encoded = |text: &str| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:/,".contains(byte);
        let letter = |byte: u8| match plain(&byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        text.bytes().map(letter).collect::<String>()
    };
    if let Some(service) = service {
        parts.push(format!("service={}", encoded(service)));
    }
    // Several scopes stand in one text; each is a parameter of its own.
    let scopes = scope.split(' ').filter(|scope| !scope.is_empty());
    parts.extend(scopes.map(|scope| format!("scope={}", encoded(scope))));
    parts.join("&")
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use http::HeaderMap;
    use http::header::LOCATION;
    use menagerie_sandbox::WebAddress;

    use super::{Part, Question, Session, query};
    use crate::client::{Client, Options};
    use crate::error::OciError;
    use crate::keyring::Keyring;
    use crate::reference::Reference;

    fn client() -> Client {
        Client::new(Keyring::default(), Options::default())
    }

    #[test]
    fn a_registry_that_is_asked_over_tls_points_to_nobody_who_is_not() {
        let client = client();
        let secure = Reference::parse("oci://registry.example/a:1").unwrap();
        let plain = Reference::parse("oci://localhost:5000/a:1").unwrap();
        for (reference, from, good) in [
            (&secure, "https://registry.example/x", false),
            (&plain, "http://localhost:5000/x", true),
        ] {
            let session = Session::new(&client, reference, "pull").unwrap();
            let from = WebAddress::parse(from).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, "http://store.example/y".parse().unwrap());
            assert_eq!(session.pointed_to(&from, &headers).is_ok(), good);
            headers.insert(LOCATION, "https://store.example/y".parse().unwrap());
            let next = session.pointed_to(&from, &headers).unwrap();
            assert_eq!(next.to_string(), "https://store.example/y");
        }
    }

    #[tokio::test]
    async fn a_registry_of_the_public_network_points_into_no_private_one() {
        let client = client();
        let reference = Reference::parse("oci://registry.example/a:1").unwrap();
        let mut session = Session::new(&client, &reference, "pull").unwrap();
        for private in ["https://127.0.0.1:1/x", "https://169.254.169.254/x"] {
            let target = WebAddress::parse(private).unwrap();
            let asked = session.ask(target, &Question::get(Part::Component)).await;
            let refused = asked.map(|answered| answered.by).unwrap_err();
            assert!(matches!(refused, OciError::Redirect(_)), "{refused}");
            let realm = session.token(private, None, "x").await.unwrap_err();
            assert!(matches!(realm, OciError::Redirect(_)), "{realm}");
        }
        let open = session.token("http://store.example/", None, "x").await;
        assert!(matches!(open, Err(OciError::Redirect(_))), "{open:?}");
    }

    #[test]
    fn a_realm_is_asked_for_what_the_registry_said() {
        for (service, scope, expected) in [
            (
                None,
                "repository:a/b:pull,push",
                "scope=repository:a/b:pull,push",
            ),
            (
                Some("a b&c=d\u{e9}"),
                "one  two",
                "service=a%20b%26c%3Dd%C3%A9&scope=one&scope=two",
            ),
        ] {
            assert_eq!(query(service, scope), expected);
        }
    }
}
