//! The capability `http` against a real server: what the grant allows leaves and comes back, all else
//! is refused with a documented token, and waiting holds nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use menagerie_builder::Silent;
use menagerie_sandbox::{
    CallKey, CallLog, CallReport, CallSpec, Catalogue, EffectClass, Ended, Engine, EngineConfig,
    Grants, HostWaits, HttpPolicy, HttpRule, Known, Limits, LogLine, MemoryCallLog, Observer,
    OnUnknown, Outside as Reach, OutsideConfig, Plugin, Progress, Request, Resolver, Scheme,
    Secret, Secrets, SystemResolver,
};
use serde_json::{Value, json};

use crate::outside::Outside;
use crate::support::{component, output, spec, task};

/// What the operator of these tests keeps secret.
pub(crate) const TOKEN: &str = "canary-5f1d/0\"9c+e\\7";
const SECRET: &str = "Bearer canary-5f1d/0\"9c+e\\7";

struct OneSecret;

impl Secrets for OneSecret {
    fn get(&self, name: &str) -> Option<Secret> {
        (name == "token").then(|| Secret::new(SECRET))
    }
}

/// Names of its own; counts how often it is asked.
#[derive(Default)]
pub(crate) struct Names {
    known: Mutex<BTreeMap<String, Vec<SocketAddr>>>,
    asked: AtomicU32,
    /// The operating system is asked instead.
    of_the_system: AtomicBool,
}

impl Names {
    pub(crate) fn tell(&self, name: &str, addresses: &[SocketAddr]) {
        let mut known = self.known.lock().unwrap();
        known.insert(name.to_owned(), addresses.to_vec());
    }

    pub(crate) fn ask_the_system(&self) {
        self.of_the_system.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        if self.of_the_system.load(Ordering::Relaxed) {
            return SystemResolver.resolve(host, port).await;
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self
            .known
            .lock()
            .unwrap()
            .get(host)
            .cloned()
            .unwrap_or_default())
    }
}

/// An engine with a catalogue, and the world around it.
pub(crate) struct World {
    engine: Engine,
    catalogue: Catalogue,
    pub(crate) names: Arc<Names>,
    pub(crate) server: Outside,
}

static FETCHER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let built = menagerie_builder::test_guests(&root, &mut Silent).unwrap();
    let fetcher = built.into_iter().find(|guest| guest.name == "fetcher");
    std::fs::read(fetcher.unwrap().path).unwrap()
});

fn grants() -> Grants {
    Grants::of(["menagerie:plugin/http"])
}

impl World {
    pub(crate) fn new() -> World {
        World::of(&EngineConfig::default(), Duration::from_secs(60))
    }

    /// A world in which somebody else looks names up.
    pub(crate) fn with_names(resolver: Arc<dyn Resolver>) -> World {
        World::looking_up(
            &EngineConfig::default(),
            Duration::from_secs(60),
            Arc::default(),
            resolver,
        )
    }

    fn of(config: &EngineConfig, suspend_after: Duration) -> World {
        let names = Arc::new(Names::default());
        World::looking_up(config, suspend_after, names.clone(), names)
    }

    fn looking_up(
        config: &EngineConfig,
        suspend_after: Duration,
        names: Arc<Names>,
        resolver: Arc<dyn Resolver>,
    ) -> World {
        let outside = OutsideConfig {
            resolver,
            secrets: Arc::new(OneSecret),
            suspend_after,
        };
        let engine = Engine::with_outside(config, outside).unwrap();
        World {
            catalogue: Catalogue::new(engine.clone(), None),
            engine,
            names,
            server: Outside::start(),
        }
    }

    fn fetcher(&self) -> Arc<Plugin> {
        self.catalogue.load(&FETCHER, &grants()).unwrap()
    }

    /// Allows everything at the test's own server.
    pub(crate) fn rule(&self) -> HttpRule {
        HttpRule {
            scheme: Scheme::Http,
            host: "127.0.0.1".to_owned(),
            port: self.server.address.port(),
            methods: ["GET", "HEAD", "POST"].map(str::to_owned).to_vec(),
            path: "/**".to_owned(),
            effect: None,
            on_unknown: OnUnknown::Review,
            secrets: Vec::new(),
            private_addresses: true,
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "tests write the requests in place"
    )]
    fn spec(&self, rules: Vec<HttpRule>, requests: Value) -> CallSpec {
        let policy = HttpPolicy {
            rules,
            max_request: 10_000,
            max_response: 10_000,
            timeout: Duration::from_secs(30),
        };
        let input = json!({ "requests": requests }).to_string();
        CallSpec {
            request: Request::Process(task(&input)),
            limits: Limits::default(),
            outside: Reach {
                http: Some(Arc::new(policy)),
                ..Reach::default()
            },
            ..spec(self.fetcher())
        }
    }

    /// A call that goes on by itself.
    fn spawn(&self, call: CallSpec) -> tokio::task::JoinHandle<CallReport> {
        let engine = self.engine.clone();
        tokio::spawn(async move { engine.call(call).await })
    }

    pub(crate) async fn fetch(&self, rules: Vec<HttpRule>, requests: Value) -> Vec<Value> {
        answers(&self.engine.call(self.spec(rules, requests)).await)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    pub(crate) fn page(&self, path: &str, body: &str) {
        self.server.page(path, body);
    }

    /// What comes of one request under one rule, in a grant's time.
    pub(crate) async fn one_within(
        &self,
        timeout: Duration,
        rule: HttpRule,
        request: Value,
    ) -> Value {
        let mut call = self.spec(vec![rule], json!([request]));
        let policy = call.outside.http.take().unwrap();
        call.outside.http = Some(Arc::new(HttpPolicy {
            timeout,
            ..(*policy).clone()
        }));
        answers(&self.engine.call(call).await).remove(0)
    }

    /// What becomes of a guest in the text format that is given an address.
    pub(crate) async fn hostile(
        &self,
        name: &str,
        limits: Limits,
        rule: HttpRule,
        url: &str,
    ) -> CallReport {
        let mut call = self.spec(vec![rule], json!([]));
        call.plugin = self.catalogue.load(&component(name), &grants()).unwrap();
        call.request = Request::Process(task(&json!(url).to_string()));
        call.limits = limits;
        let report = self.engine.call(call).await;
        crate::support::neighbour_works().await;
        report
    }

    /// What comes of one request under one rule.
    pub(crate) async fn one(&self, rule: HttpRule, request: Value) -> Value {
        let mut answers = self.fetch(vec![rule], json!([request])).await;
        answers.remove(0)
    }
}

#[track_caller]
fn answers(report: &CallReport) -> Vec<Value> {
    let output: Value = serde_json::from_str(output(report)).unwrap();
    output["answers"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_grant_allows_is_sent_and_its_answer_is_given_to_the_guest() {
    let world = World::new();
    world.server.page("/index.json", "[1, 2]");
    let requests = json!([
        {"url": world.server.url("/index.json?x=1"), "headers": [["X-Asked", "by a guest"]]},
        {"url": world.server.url("/missing")},
        {"method": "POST", "url": world.server.url("/things"), "body": "a thing"},
        {"method": "HEAD", "url": world.server.url("/index.json")},
    ]);
    let answers = world.fetch(vec![world.rule()], requests).await;
    assert_eq!(answers[0]["status"], 200, "{answers:?}");
    assert_eq!(answers[0]["body"], "[1, 2]");
    assert_eq!(answers[1]["status"], 404);
    assert_eq!(
        (&answers[2]["status"], &answers[2]["body"]),
        (&json!(201), &json!("done"))
    );
    assert_eq!(
        (&answers[3]["status"], &answers[3]["length"]),
        (&json!(200), &json!(0))
    );
    let seen = world.server.seen();
    assert_eq!(seen[0].path, "/index.json?x=1");
    assert_eq!(seen[0].header("x-asked"), Some("by a guest"));
    assert_eq!(
        seen[0].header("host"),
        Some(&*world.server.address.to_string())
    );
    assert_eq!(seen[0].header("accept-encoding"), Some("identity"));
    assert_eq!(seen[2].body, b"a thing");
    assert!(
        seen.iter()
            .all(|seen| seen.header("idempotency-key").is_none())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_rule_allows_is_denied_and_never_leaves() {
    let world = World::new();
    let rule = HttpRule {
        methods: vec!["GET".to_owned()],
        path: "/open/*".to_owned(),
        secrets: vec![("x-key".to_owned(), "token".to_owned())],
        ..world.rule()
    };
    let port = world.server.address.port();
    for (request, token) in [
        (
            json!({"url": format!("http://127.0.0.2:{port}/open/x")}),
            "denied",
        ),
        (
            json!({"url": format!("https://127.0.0.1:{port}/open/x")}),
            "denied",
        ),
        (json!({"url": "http://127.0.0.1:1/open/x"}), "denied"),
        (json!({"url": world.server.url("/closed/x")}), "denied"),
        (json!({"url": world.server.url("/open/a/b")}), "denied"),
        (
            json!({"url": world.server.url("/open/x"), "method": "POST"}),
            "denied",
        ),
        (
            json!({"url": world.server.url("/open/../closed")}),
            "invalid-request",
        ),
        (
            json!({"url": world.server.url("/open/x"), "method": "TRACE"}),
            "invalid-request",
        ),
        (
            json!({"url": world.server.url("/open/x"), "headers": [["X-Key", "mine"]]}),
            "invalid-request",
        ),
        (
            json!({"url": world.server.url("/open/x"), "headers": [["Host", "a"]]}),
            "invalid-request",
        ),
        (
            json!({"url": world.server.url("/open/x"), "bytes": 10_001}),
            "too-large",
        ),
        (json!({"url": "file:///etc/passwd"}), "invalid-request"),
    ] {
        let answer = world.one(rule.clone(), request.clone()).await;
        assert_eq!(answer["code"], token, "{request}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(
            !message.contains("open/*") && !message.contains("token"),
            "{message}"
        );
    }
    assert!(world.server.seen().is_empty(), "{:?}", world.server.seen());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_in_a_private_network_takes_a_grant_of_its_own_whatever_its_name() {
    let world = World::new();
    let port = world.server.address.port();
    let closed = |host: &str| HttpRule {
        host: host.to_owned(),
        private_addresses: false,
        ..world.rule()
    };
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
    ] {
        let answer = world
            .one(
                closed(host),
                json!({"url": format!("http://{host}:{port}/x")}),
            )
            .await;
        assert_eq!(answer["code"], "private-address", "{host}: {answer}");
    }
    // A name that somebody lets lead here.
    world.names.tell("rebound.example", &[world.server.address]);
    let request = json!({"url": format!("http://rebound.example:{port}/x")});
    let answer = world.one(closed("rebound.example"), request.clone()).await;
    assert_eq!(answer["code"], "private-address", "{answer}");
    assert!(world.server.seen().is_empty());
    // The same name, where the grant opens private networks: asked once, and connected to the answer.
    let opened = HttpRule {
        private_addresses: true,
        ..closed("rebound.example")
    };
    let asked = world.names.asked.load(Ordering::Relaxed);
    let answer = world.one(opened, request).await;
    assert_eq!(answer["status"], 404, "{answer}");
    assert_eq!(world.names.asked.load(Ordering::Relaxed), asked + 1);
    let host = format!("rebound.example:{port}");
    assert_eq!(world.server.seen()[0].header("host"), Some(&*host));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_of_the_way_and_of_the_server_have_each_their_token() {
    let world = World::new();
    let unused = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let at = |port: u16, host: &str, scheme: Scheme| HttpRule {
        host: host.to_owned(),
        port,
        scheme,
        ..world.rule()
    };
    let port = world.server.address.port();
    let (http, https) = (Scheme::Http, Scheme::Https);
    for (rule, url, token) in [
        (
            at(unused, "127.0.0.1", http),
            format!("http://127.0.0.1:{unused}/"),
            "connect",
        ),
        (
            at(80, "nowhere.example", http),
            "http://nowhere.example/".to_owned(),
            "unresolved",
        ),
        (
            at(port, "127.0.0.1", https),
            format!("https://127.0.0.1:{port}/"),
            "tls",
        ),
        (world.rule(), world.server.url("/cut"), "protocol"),
        (world.rule(), world.server.url("/cut-body"), "protocol"),
        (world.rule(), world.server.url("/garbage"), "protocol"),
        (world.rule(), world.server.url("/big?10001"), "too-large"),
        (world.rule(), world.server.url("/endless"), "too-large"),
    ] {
        let answer = world.one(rule, json!({ "url": url })).await;
        assert_eq!(answer["code"], token, "{url}: {answer}");
    }
    let within = world
        .one(world.rule(), json!({"url": world.server.url("/big?10000")}))
        .await;
    assert_eq!(within["length"], 10_000, "{within}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_does_not_come_in_time_is_a_timeout_and_recorded_as_one() {
    let world = World::new();
    let log = Arc::new(MemoryCallLog::default());
    let mut slow = world.spec(
        vec![world.rule()],
        json!([{"url": world.server.url("/slow")}]),
    );
    let policy = slow.outside.http.take().unwrap();
    let policy = Arc::new(HttpPolicy {
        timeout: Duration::from_millis(50),
        ..(*policy).clone()
    });
    for _ in 0..2 {
        let mut slow = world.spec(
            vec![world.rule()],
            json!([{"url": world.server.url("/slow")}]),
        );
        slow.call_log = log.clone();
        slow.outside.http = Some(policy.clone());
        let report = world.engine.call(slow).await;
        assert_eq!(answers(&report)[0]["code"], "timeout", "{report:?}");
    }
    assert_eq!(
        world.server.seen().len(),
        1,
        "the second execution was answered from the log"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_followed_within_the_grant_and_not_out_of_it() {
    let world = World::new();
    let other = Outside::start();
    world.server.page("/end", "the end");
    let within = json!({"url": world.server.url("/redirect?/end")});
    let answer = world.one(world.rule(), within).await;
    assert_eq!(answer["body"], "the end", "{answer}");
    assert_eq!(answer["url"], json!(world.server.url("/end")));

    let narrow = HttpRule {
        path: "/redirect".to_owned(),
        ..world.rule()
    };
    let out = world
        .server
        .url(&format!("/redirect?{}", other.url("/secret")));
    for location in [
        out.clone(),
        world.server.url("/redirect?/end"),
        world.server.url("/redirect?file:///etc/passwd"),
        world
            .server
            .url("/redirect?http://169.254.169.254/latest/meta-data"),
        world
            .server
            .url("/redirect?/redirect?/redirect?/redirect?/redirect?/redirect?/redirect?/x"),
    ] {
        let answer = world.one(narrow.clone(), json!({ "url": location })).await;
        assert_eq!(answer["code"], "redirect", "{location}: {answer}");
    }
    assert!(other.seen().is_empty());

    // A POST is not sent elsewhere: the guest sees where it was pointed to.
    let post = json!({"method": "POST", "url": out});
    let answer = world.one(world.rule(), post).await;
    assert_eq!(answer["status"], 302, "{answer}");
    assert!(other.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_reaches_the_server_of_its_rule_and_nothing_else() {
    let world = World::new();
    let other = Outside::start();
    let secret = |path: &str| HttpRule {
        path: path.to_owned(),
        secrets: vec![("authorization".to_owned(), "token".to_owned())],
        ..world.rule()
    };
    let elsewhere = HttpRule {
        port: other.address.port(),
        ..world.rule()
    };
    let rules = vec![secret("/**"), elsewhere];
    let encoded =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    world
        .server
        .page("/json", &json!({ "told": SECRET }).to_string());
    world.server.page("/percent", &encoded(TOKEN));
    world
        .server
        .page("/base64", "eyJhIjoiY2FuYXJ5LTVmMWQvMCI5YytlXDcifQ== x");
    let requests = json!([
        {"url": world.server.url("/plain")},
        {"url": world.server.url("/echo")},
        {"url": world.server.url("/echo-header")},
        {"url": world.server.url("/json")},
        {"url": world.server.url("/percent")},
        {"url": world.server.url("/base64")},
        {"url": world.server.url("/compressed")},
        {"url": world.server.url(&format!("/redirect?{}", other.url("/taken")))},
        {"url": other.url("/echo"), "headers": [["authorization", "the guest's own"]]},
    ]);
    let log = Arc::new(MemoryCallLog::default());
    let mut call = world.spec(rules, requests);
    call.call_log = log.clone();
    let report = world.engine.call(call).await;
    let answers = answers(&report);
    assert_eq!(answers[0]["status"], 404, "{answers:?}");
    for (number, answer) in answers.iter().enumerate().take(7).skip(1) {
        assert_eq!(answer["code"], "withheld", "{number}: {answer}");
    }
    assert_eq!(answers[7]["status"], 404, "{}", answers[7]);
    assert_eq!(answers[8]["status"], 200, "{}", answers[8]);

    let seen = world.server.seen();
    assert_eq!(seen.len(), 8);
    assert!(
        seen.iter()
            .all(|seen| seen.header("authorization") == Some(SECRET))
    );
    assert_eq!(
        other.seen()[0].header("authorization"),
        None,
        "a redirect carries no secret"
    );
    assert_eq!(
        other.seen()[1].header("authorization"),
        Some("the guest's own")
    );

    // Nowhere: what the guest saw and logged, how the call ended, and what was recorded.
    let told = format!("{report:?}");
    assert!(!told.contains("canary"), "{told}");
    for ordinal in 0..9 {
        let key = key(ordinal);
        let Ok(Known::Answered(_, answer)) = log.lookup(&key).await else {
            panic!("call {ordinal} is not recorded");
        };
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            !answer.contains("canary") && !answer.contains(&encoded(TOKEN)),
            "{answer}"
        );
    }
}

fn key(ordinal: u32) -> CallKey {
    CallKey {
        run: "run-1".to_owned(),
        step: "step-1".to_owned(),
        attempt: 1,
        ordinal,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_honours_keys_is_given_one_for_each_call() {
    let world = World::new();
    let rule = HttpRule {
        effect: Some(EffectClass::Idempotent),
        ..world.rule()
    };
    let requests = json!([
        {"url": world.server.url("/read")},
        {"method": "POST", "url": world.server.url("/write")},
    ]);
    world.fetch(vec![rule], requests).await;
    let keys: Vec<Option<String>> = world
        .server
        .seen()
        .iter()
        .map(|seen| seen.header("idempotency-key").map(str::to_owned))
        .collect();
    assert_eq!(keys, [None, Some("run-1:step-1:1".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_request_in_a_second_execution_is_nondeterministic_and_names_the_plugin() {
    let world = World::new();
    let log = Arc::new(MemoryCallLog::default());
    let call = |paths: &[&str]| {
        let requests: Vec<Value> = paths
            .iter()
            .map(|path| json!({"url": world.server.url(path)}))
            .collect();
        let mut call = world.spec(vec![world.rule()], json!(requests));
        call.call_log = log.clone();
        world.engine.call(call)
    };
    let first = call(&["/a", "/b"]).await;
    assert_eq!(answers(&first).len(), 2);
    let drift = |ordinal| Ended::Nondeterministic {
        plugin: "fetcher".to_owned(),
        ordinal,
    };
    assert_eq!(call(&["/a", "/c"]).await.ended, drift(1));
    assert_eq!(
        call(&["/a"]).await.ended,
        drift(1),
        "fewer calls than before"
    );
    assert!(drift(1).to_string().contains("fetcher"));
    assert_eq!(call(&["/a", "/b"]).await.ended, first.ended);
    assert_eq!(world.server.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_must_not_be_repeated_and_gets_no_answer_has_an_unknown_outcome() {
    let world = World::new();
    for (path, timeout) in [("/cut", 60_000), ("/slow", 50)] {
        let requests = json!([{"method": "POST", "url": world.server.url(path)}]);
        let mut call = world.spec(vec![world.rule()], requests);
        call.timeout = Duration::from_millis(timeout);
        let report = world.engine.call(call).await;
        let expected = Ended::CallOutcomeUnknown {
            ordinal: 0,
            on_unknown: OnUnknown::Review,
        };
        assert_eq!(report.ended, expected, "{path}");
    }
    world.server.release();
}

/// Counts who holds a slot.
#[derive(Default)]
struct Slots {
    given_back: AtomicU32,
    taken: AtomicU32,
}

#[async_trait]
impl HostWaits for Slots {
    fn leave(&self) {
        self.given_back.fetch_add(1, Ordering::SeqCst);
    }

    async fn enter(&self) {
        self.taken.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls until it holds; a test that waits for ever is cut off by its runner's patience.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{what} did not come to be"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Keeps what it is told.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Observer for Lines {
    fn log(&self, line: &LogLine) {
        self.0.lock().unwrap().push(line.message.clone());
    }

    fn progress(&self, _progress: Progress) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waits_long_holds_no_slot_and_no_instance_and_counts_everything_once() {
    const CALLS: usize = 24;
    // Fewer places for instances than calls: all of them wait at once all the same.
    let config = EngineConfig {
        concurrent_calls: 4,
        ..EngineConfig::default()
    };
    let world = World::of(&config, Duration::from_millis(20));
    let free = world.engine.free_places();
    let slots = Arc::new(Slots::default());
    let lines = Arc::new(Lines::default());
    let call = || {
        let requests = json!([
            {"url": world.server.url("/quick")},
            {"url": world.server.url("/slow")},
            {"url": world.server.url("/quick")},
        ]);
        let mut call = world.spec(vec![world.rule()], requests);
        let input = json!({"requests": [
            {"url": world.server.url("/quick")},
            {"url": world.server.url("/slow")},
            {"url": world.server.url("/quick")},
        ], "work": 10_000});
        call.request = Request::Process(task(&input.to_string()));
        call.outside.waits = slots.clone();
        call.observer = lines.clone();
        call
    };
    let calls: Vec<_> = (0..CALLS).map(|_| world.spawn(call())).collect();
    // Every call has asked twice and waits for its second answer, without a place or a slot.
    until("every call's wait", || {
        world.server.seen().len() == 2 * CALLS && world.engine.free_places() == free
    })
    .await;
    let held = || {
        slots.taken.load(Ordering::SeqCst) as i64 - slots.given_back.load(Ordering::SeqCst) as i64
    };
    assert_eq!(
        held(),
        -(CALLS as i64),
        "each call began with a slot and has given it back"
    );
    world.server.release();
    let mut reports = Vec::new();
    for call in calls {
        reports.push(call.await.unwrap());
    }
    assert_eq!(held(), 0);
    assert_eq!(
        world.server.seen().len(),
        3 * CALLS,
        "nothing was sent twice"
    );
    assert_eq!(
        lines.0.lock().unwrap().len(),
        3 * CALLS,
        "no line was told twice"
    );

    let undisturbed = World::of(&EngineConfig::default(), Duration::from_secs(60));
    undisturbed.server.release();
    let mut call = call();
    let input = json!({"requests": [
        {"url": undisturbed.server.url("/quick")},
        {"url": undisturbed.server.url("/slow")},
        {"url": undisturbed.server.url("/quick")},
    ], "work": 10_000});
    call.plugin = undisturbed.fetcher();
    call.request = Request::Process(task(&input.to_string()));
    call.outside.http = undisturbed
        .spec(vec![undisturbed.rule()], json!([]))
        .outside
        .http;
    let expected = undisturbed.engine.call(call).await;
    assert_eq!(expected.usage.suspensions, 0);
    for report in reports {
        assert!(report.usage.suspensions >= 1, "{:?}", report.usage);
        assert_eq!(answers(&report).len(), 3);
        assert_eq!(report.log.len(), 3);
        assert_eq!(report.usage.host_calls, expected.usage.host_calls);
        let (found, wanted) = (report.usage.fuel as f64, expected.usage.fuel as f64);
        // The addresses differ in their ports, and so may their lengths.
        assert!((found / wanted - 1.0).abs() < 0.01, "{found} {wanted}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fuel_of_a_suspended_call_is_that_of_an_undisturbed_one() {
    let mut fuel = Vec::new();
    for suspend_after in [1, 60_000] {
        let world = World::of(
            &EngineConfig::default(),
            Duration::from_millis(suspend_after),
        );
        // The same text for both, whatever the port.
        world.names.tell("server.example", &[world.server.address]);
        let rule = HttpRule {
            host: "server.example".to_owned(),
            port: 80,
            ..world.rule()
        };
        let url = "http://server.example/slow";
        let mut call = world.spec(vec![rule], json!([{ "url": url }, { "url": url }]));
        let input = json!({"requests": [{ "url": url }, { "url": url }], "work": 100_000});
        call.request = Request::Process(task(&input.to_string()));
        let report = {
            let calling = world.spawn(call);
            if suspend_after == 1 {
                until("the suspension", || {
                    !world.server.seen().is_empty() && world.engine.free_places() == 128
                })
                .await;
            }
            world.server.release();
            calling.await.unwrap()
        };
        assert_eq!(
            report.usage.suspensions > 0,
            suspend_after == 1,
            "{:?}",
            report.usage
        );
        assert_eq!(answers(&report)[1]["body"], "at last");
        fuel.push((
            report.usage.fuel,
            report.usage.host_calls,
            report.usage.bytes_to_host,
        ));
    }
    assert_eq!(fuel[0], fuel[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_call_ends_at_its_timeout_and_when_it_is_cancelled() {
    let world = World::of(&EngineConfig::default(), Duration::from_millis(1));
    let free = world.engine.free_places();
    let slow = || {
        world.spec(
            vec![world.rule()],
            json!([{"url": world.server.url("/slow")}]),
        )
    };
    let mut late = slow();
    late.timeout = Duration::from_millis(100);
    let report = world.engine.call(late).await;
    assert_eq!(report.ended.code(), "deadline");
    assert_eq!(report.usage.suspensions, 1, "{:?}", report.usage);
    assert!(report.usage.host_wait_us > 50_000, "{:?}", report.usage);
    assert!(
        report.usage.busy_us < report.usage.host_wait_us,
        "{:?}",
        report.usage
    );

    let call = slow();
    let cancel = call.cancel.clone();
    let calling = world.spawn(call);
    until("the suspension", || {
        world.server.seen().len() == 2 && world.engine.free_places() == free
    })
    .await;
    cancel.cancel();
    assert_eq!(calling.await.unwrap().ended, Ended::Cancelled);
}

/// A hostile guest, granted what it asks for, its address as input.
async fn hostile(name: &str, limits: Limits) -> (World, CallReport) {
    let world = World::new();
    let url = world.server.url("/status?200 OK");
    let url = url.replace(' ', "%20");
    let report = world.hostile(name, limits, world.rule(), &url).await;
    (world, report)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn http_smuggler() {
    let (world, report) = hostile("http_smuggler", Limits::default()).await;
    assert_eq!(output(&report), "{\"answer\":42}");
    assert!(world.server.seen().is_empty(), "{:?}", world.server.seen());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn http_huge_body() {
    let (world, report) = hostile("http_huge_body", Limits::default()).await;
    let limit = Limits::default().host_call_bytes;
    assert_eq!(report.ended, Ended::HostCallBytes { limit });
    assert!(world.server.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub async fn http_flood() {
    let limits = Limits {
        host_calls: 50,
        ..Limits::default()
    };
    let (world, report) = hostile("http_flood", limits).await;
    assert_eq!(report.ended, Ended::HostCalls { limit: 50 });
    assert_eq!(world.server.seen().len(), 50);
    let limits = Limits {
        http_calls: 20,
        ..Limits::default()
    };
    let (world, report) = hostile("http_flood", limits).await;
    let ended = Ended::CapabilityCalls {
        meter: "http_calls",
        limit: 20,
    };
    assert_eq!(report.ended, ended);
    assert_eq!(world.server.seen().len(), 20);
}
