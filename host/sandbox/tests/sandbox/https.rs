//! The capability `http` over TLS: a real handshake with a server on loopback, whose certificate is
//! signed by an authority that the test makes and that `SSL_CERT_FILE` names.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use menagerie_sandbox::{HttpRule, Scheme};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};
use serde_json::{Value, json};

use crate::http::World;

const NAME: &str = "api.example.test";

/// Set in the process that a test runs itself in.
const ALONE: &str = "MENAGERIE_TEST_ALONE";

/// Runs a test in a process of its own, where `SSL_CERT_FILE` names a file that the test may write:
/// a process cannot change its environment safely while others of its threads read it.
fn with_file_of_authorities(test: &str, body: impl AsyncFnOnce(PathBuf)) {
    if std::env::var_os(ALONE).is_some_and(|alone| alone == test) {
        let file = std::env::var_os("SSL_CERT_FILE").unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        return runtime.unwrap().block_on(body(file.into()));
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ALONE, test)
        .env("SSL_CERT_FILE", folder.path().join("authorities.pem"))
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Somebody who signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Authority { pem, issuer }
    }

    /// A server whose certificate is for a name or an address, between two years.
    fn server(&self, name: &str, years: (i32, i32), version: Version) -> Server {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Server::start(certificate.der().clone(), &key, version)
    }
}

type Version = &'static SupportedProtocolVersion;
const NEWEST: Version = &rustls::version::TLS13;
const GOOD: (i32, i32) = (2020, 2120);

/// What a server learnt of a client.
#[derive(Clone, Debug)]
struct Seen {
    /// The name in the handshake.
    sni: Option<String>,
    /// The request's first line and headers.
    head: String,
}

/// An HTTPS server; it goes on until the process ends.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    fn start(certificate: CertificateDer<'static>, key: &KeyPair, version: Version) -> Server {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noting = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that does not trust the server goes away: that is what some tests want.
                drop(serve(stream, config.clone(), &noting));
            }
        });
        Server { address, seen }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What a guest is told that asks this server for a path, under a name.
    async fn asked(&self, world: &World, name: &str, path: &str) -> Value {
        world.names.tell(name, &[self.address]);
        let port = self.address.port();
        let rule = HttpRule {
            scheme: Scheme::Https,
            host: name.to_owned(),
            port,
            ..world.rule()
        };
        let url = format!("https://{name}:{port}{path}");
        world.one(rule, json!({ "url": url })).await
    }
}

fn serve(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
    seen: &Mutex<Vec<Seen>>,
) -> std::io::Result<()> {
    let mut connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut tls = rustls::Stream::new(&mut connection, &mut stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tls.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let whole = !head.contains("/cut");
    seen.lock().unwrap().push(Seen {
        sni: tls.conn.server_name().map(str::to_owned),
        head,
    });
    // No length: the answer ends with the connection.
    tls.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nover tls")?;
    if whole {
        tls.conn.send_close_notify();
    }
    tls.flush()
}

fn trust(file: &Path, authority: &Authority) {
    std::fs::write(file, &authority.pem).unwrap();
}

#[test]
fn a_certificate_of_a_trusted_authority_is_accepted_under_its_name_and_address() {
    let test = "https::a_certificate_of_a_trusted_authority_is_accepted_under_its_name_and_address";
    with_file_of_authorities(test, async |file| {
        let authority = Authority::new("trusted");
        trust(&file, &authority);
        let world = World::new();
        for version in [NEWEST, &rustls::version::TLS12] {
            let server = authority.server(NAME, GOOD, version);
            let answer = server.asked(&world, NAME, "/index?x=1").await;
            assert_eq!(answer["status"], 200, "{version:?}: {answer}");
            assert_eq!(answer["body"], "over tls");
            let seen = server.seen();
            assert_eq!(seen.len(), 1, "{seen:?}");
            assert_eq!(seen[0].sni.as_deref(), Some(NAME));
            let head = &seen[0].head;
            assert!(head.starts_with("GET /index?x=1 HTTP/1.1\r\n"), "{head}");
            let host = format!("\r\nhost: {NAME}:{}\r\n", server.address.port());
            assert!(head.to_lowercase().contains(&host), "{head}");
        }
        // An address stands in the certificate, and in no handshake.
        let server = authority.server("127.0.0.1", GOOD, NEWEST);
        let answer = server.asked(&world, "127.0.0.1", "/").await;
        assert_eq!(answer["status"], 200, "{answer}");
        assert_eq!(server.seen()[0].sni, None);
    });
}

#[test]
fn a_certificate_that_is_not_good_is_refused_with_its_reason_and_nothing_is_sent() {
    let test =
        "https::a_certificate_that_is_not_good_is_refused_with_its_reason_and_nothing_is_sent";
    with_file_of_authorities(test, async |file| {
        let (authority, stranger) = (Authority::new("trusted"), Authority::new("stranger"));
        trust(&file, &authority);
        let world = World::new();
        for (server, reason) in [
            (
                authority.server("other.example.test", GOOD, NEWEST),
                "its certificate is for another name",
            ),
            (
                authority.server(NAME, (2000, 2001), NEWEST),
                "its certificate has expired",
            ),
            (
                authority.server(NAME, (2119, 2120), NEWEST),
                "its certificate is not valid yet",
            ),
            (
                stranger.server(NAME, GOOD, NEWEST),
                "its certificate is signed by no authority that this machine trusts",
            ),
        ] {
            let answer = server.asked(&world, NAME, "/").await;
            assert_eq!(answer["code"], "tls", "{reason}: {answer}");
            let told = format!("no trustworthy connection to {NAME}: {reason}");
            assert_eq!(answer["message"], told, "{answer}");
            assert!(server.seen().is_empty(), "{reason}: {:?}", server.seen());
        }
        // The same world still trusts whom it should.
        let good = authority.server(NAME, GOOD, NEWEST);
        assert_eq!(good.asked(&world, NAME, "/").await["status"], 200);
    });
}

#[test]
fn an_answer_that_is_cut_off_within_tls_is_not_taken_for_whole() {
    let test = "https::an_answer_that_is_cut_off_within_tls_is_not_taken_for_whole";
    with_file_of_authorities(test, async |file| {
        let authority = Authority::new("trusted");
        trust(&file, &authority);
        let world = World::new();
        let server = authority.server(NAME, GOOD, NEWEST);
        // Whoever closes the connection from outside cannot say that the answer ended there.
        let answer = server.asked(&world, NAME, "/cut").await;
        assert_eq!(answer["code"], "protocol", "{answer}");
    });
}

#[test]
fn without_any_authority_the_file_that_names_them_is_pointed_to() {
    let test = "https::without_any_authority_the_file_that_names_them_is_pointed_to";
    with_file_of_authorities(test, async |file| {
        assert!(!file.exists());
        let server = Authority::new("unknown").server(NAME, GOOD, NEWEST);
        let answer = server.asked(&World::new(), NAME, "/").await;
        assert_eq!(answer["code"], "tls", "{answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains("`SSL_CERT_FILE`"), "{message}");
        assert!(server.seen().is_empty());
    });
}
