//! What servers and names may try against the capability `http`: names that change their minds, answers
//! that never end, and secrets told back in every dress that is promised to be recognised.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use menagerie_sandbox::{HttpRule, Limits, Resolver};
use serde_json::{Value, json};

use crate::http::{TOKEN, World};
use crate::outside::Outside;
use crate::support::output;

/// A name server that answers otherwise each time, and with the last answer from then on.
struct Rebinding {
    answers: Vec<Vec<SocketAddr>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Resolver for Rebinding {
    async fn resolve(&self, _host: &str, _port: u16) -> std::io::Result<Vec<SocketAddr>> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.answers[asked.min(self.answers.len() - 1)].clone())
    }
}

/// A world whose names are looked up by `answers`, and the rule for its server under a name.
fn rebinding(answers: Vec<Vec<SocketAddr>>) -> (World, Arc<Rebinding>) {
    let names = Arc::new(Rebinding {
        answers,
        asked: AtomicUsize::new(0),
    });
    (World::with_names(names.clone()), names)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_changes_its_mind_is_asked_once_and_the_checked_address_is_the_connected_one() {
    let (first, second) = (Outside::start(), Outside::start());
    first.page("/x", "the first");
    second.page("/x", "the second");
    let port = first.address.port();
    let (world, names) = rebinding(vec![vec![first.address], vec![second.address]]);
    let rule = HttpRule {
        host: "rebound.example".to_owned(),
        port,
        ..world.rule()
    };
    let request = |path: &str| json!({"url": format!("http://rebound.example:{port}{path}")});
    let answer = world.one(rule.clone(), request("/x")).await;
    assert_eq!(answer["body"], "the first", "{answer}");
    assert_eq!(names.asked.load(Ordering::Relaxed), 1);
    assert!(second.seen().is_empty());
    // Each connection looks the name up anew, and is checked anew.
    let closed = HttpRule {
        private_addresses: false,
        ..rule
    };
    let answer = world.one(closed, request("/x")).await;
    assert_eq!(answer["code"], "private-address", "{answer}");
    assert!(second.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_looks_its_name_up_anew_and_what_is_found_is_checked_anew() {
    let (first, second) = (Outside::start(), Outside::start());
    second.page("/x", "the second");
    let port = first.address.port();
    let (world, names) = rebinding(vec![vec![first.address], vec![second.address]]);
    let open = HttpRule {
        host: "rebound.example".to_owned(),
        port,
        ..world.rule()
    };
    // The same name leads elsewhere the second time: there the redirect goes, and not where the first went.
    let url = format!("http://rebound.example:{port}/redirect?/x");
    let answer = world.one(open.clone(), json!({ "url": url })).await;
    assert_eq!(answer["body"], "the second", "{answer}");
    assert_eq!(names.asked.load(Ordering::Relaxed), 2);
    assert_eq!((first.seen().len(), second.seen().len()), (1, 1));

    // A name that is granted, but into a network that this rule does not open.
    let (world, names) = rebinding(vec![vec![first.address], vec![second.address]]);
    let closed = HttpRule {
        host: "inside.example".to_owned(),
        private_addresses: false,
        ..open.clone()
    };
    let url = format!("http://rebound.example:{port}/redirect?http://inside.example:{port}/x");
    let answer = world
        .fetch(vec![open, closed], json!([{ "url": url }]))
        .await;
    assert_eq!(answer[0]["code"], "private-address", "{answer:?}");
    assert_eq!(names.asked.load(Ordering::Relaxed), 2);
    assert_eq!((first.seen().len(), second.seen().len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_with_public_and_private_addresses_leads_to_the_public_ones_alone() {
    let inside = Outside::start();
    let port = inside.address.port();
    // Nobody listens at the public one, so that the private one would be next.
    let public: SocketAddr = format!("255.255.255.255:{port}").parse().unwrap();
    for answers in [
        vec![inside.address, inside.address],
        vec![public, inside.address],
    ] {
        let (world, names) = rebinding(vec![answers, vec![inside.address]]);
        let rule = HttpRule {
            host: "mixed.example".to_owned(),
            port,
            private_addresses: false,
            ..world.rule()
        };
        let url = format!("http://mixed.example:{port}/x");
        let answer = world.one(rule, json!({ "url": url })).await;
        let code = answer["code"].as_str().unwrap();
        assert!(["private-address", "connect"].contains(&code), "{answer}");
        assert_eq!(
            names.asked.load(Ordering::Relaxed),
            1,
            "not asked until it suits"
        );
    }
    assert!(inside.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_drips_ends_at_the_grants_time_however_much_has_come() {
    let world = World::new();
    for path in ["/drip-head", "/drip-body"] {
        let began = Instant::now();
        let request = json!({"url": world.url(path)});
        let answer = world
            .one_within(Duration::from_millis(300), world.rule(), request)
            .await;
        assert_eq!(answer["code"], "timeout", "{path}: {answer}");
        assert!(began.elapsed() >= Duration::from_millis(300));
        assert!(began.elapsed() < Duration::from_secs(20), "{path}");
    }
}

/// Standard base64 with padding.
fn base64(bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let all = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let six = usize::try_from((all >> shift) & 0x3f).unwrap();
            text.push(match place > three.len() {
                true => '=',
                false => char::from(alphabet[six]),
            });
        }
    }
    text
}

/// The secret in every dress that is promised to be recognised.
fn dresses() -> Vec<(String, String)> {
    let hex: String = TOKEN.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let escaped: String = TOKEN
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect();
    let mut dresses = vec![
        ("literal".to_owned(), TOKEN.to_owned()),
        ("percent".to_owned(), hex),
        ("json".to_owned(), json!([TOKEN]).to_string()),
        ("json, all escaped".to_owned(), format!("\"{escaped}\"")),
    ];
    for before in 0..3 {
        let shifted = format!("{}{TOKEN} and more", "ab".repeat(before).split_at(before).0);
        let standard = base64(shifted.as_bytes());
        let url_safe = standard.replace('+', "-").replace('/', "_");
        dresses.push((format!("base64 at {before}"), standard));
        dresses.push((format!("base64url at {before}"), url_safe));
    }
    dresses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_told_back_is_withheld_in_every_dress_and_split_as_it_may_be() {
    let world = World::new();
    let rule = HttpRule {
        secrets: vec![("authorization".to_owned(), "token".to_owned())],
        ..world.rule()
    };
    for (dress, text) in dresses() {
        let page = format!("before {text} after");
        world.page("/page", &page);
        for path in ["/page", "/in-chunks?/page"] {
            let answer = world
                .one(rule.clone(), json!({"url": world.url(path)}))
                .await;
            assert_eq!(answer["code"], "withheld", "{dress} {path}: {answer}");
            assert!(!answer.to_string().contains("canary"), "{dress} {path}");
        }
    }
    // What holds no secret comes whole, in chunks as otherwise.
    world.page("/page", "nothing to be seen here");
    let answer: Value = world
        .one(rule, json!({"url": world.url("/in-chunks?/page")}))
        .await;
    assert_eq!(answer["body"], "nothing to be seen here", "{answer}");
}

/// The guest looks through all of its memory, and finds what it was told: nothing of a secret that was
/// sent with its own request, and all of one that is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn looks_for_secrets() {
    let world = World::new();
    let look = async |rule: HttpRule, path: &str| {
        let report = world
            .hostile(
                "looks_for_secrets",
                Limits::default(),
                rule,
                &world.url(path),
            )
            .await;
        output(&report).to_owned()
    };
    let secret = || HttpRule {
        secrets: vec![("authorization".to_owned(), "token".to_owned())],
        ..world.rule()
    };
    for path in ["/echo", "/echo-header", "/in-chunks?/page"] {
        world.page("/page", TOKEN);
        assert_eq!(look(secret(), path).await, "[1,0]", "{path}");
    }
    for (dress, text) in dresses() {
        world.page("/page", &text);
        assert_eq!(look(secret(), "/page").await, "[1,0]", "{dress}");
    }
    // It sees what it looks for when that is there.
    world.page("/page", TOKEN);
    assert_eq!(look(world.rule(), "/page").await, "[0,1]");
    assert_eq!(look(secret(), "/elsewhere").await, "[0,0]");
}
