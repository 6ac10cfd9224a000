//! Real names, asked of a real name server over the network by the operating system's own resolver.
//!
//! Which server that asks stands in `/etc/resolv.conf`, which is no test's to write. So the test runs
//! itself again in namespaces of its own, where it may: there a name server of this file has the
//! port for names, and the system's file names it. Where the kernel forbids such namespaces, this is
//! skipped with a message.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::sync::{Arc, Mutex};

use menagerie_sandbox::{HttpRule, Scheme};
use serde_json::json;

use crate::http::World;

/// Set where this binary runs within namespaces of its own.
const WITHIN: &str = "MENAGERIE_TEST_OWN_NETWORK";

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const NO_SUCH_NAME: u16 = 3;
const FAILED: u16 = 2;

/// What the name server knows of a name.
enum Known {
    At(Ipv4Addr),
    /// Another address each time it is asked.
    Changing(Vec<Ipv4Addr>),
    Alias(&'static str),
    Failing,
}

/// A name server that answers questions for addresses, and counts them.
struct NameServer {
    names: BTreeMap<&'static str, Known>,
    asked: Mutex<BTreeMap<String, usize>>,
}

impl NameServer {
    fn start(names: BTreeMap<&'static str, Known>) -> Arc<NameServer> {
        let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
        let server = Arc::new(NameServer {
            names,
            asked: Mutex::default(),
        });
        let serving = Arc::clone(&server);
        std::thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                let answer = serving.answer(&question[..length]);
                // Whoever does not wait for it any more misses nothing.
                let _ = socket.send_to(&answer, from);
            }
        });
        server
    }

    /// How often the address of a name was asked for.
    fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    fn answer(&self, question: &[u8]) -> Vec<u8> {
        let (name, end) = name_in(question, 12);
        let kind = u16::from_be_bytes([question[end], question[end + 1]]);
        let mut records = Vec::new();
        let mut code = 0;
        let mut looked_for = name.as_str();
        while let Some(known) = self.names.get(looked_for) {
            match known {
                Known::Alias(other) => {
                    records.push((looked_for.to_owned(), TYPE_CNAME, encoded(other)));
                    looked_for = other;
                    continue;
                }
                Known::Failing => code = FAILED,
                Known::At(address) if kind == TYPE_A => {
                    records.push((looked_for.to_owned(), TYPE_A, address.octets().to_vec()));
                }
                Known::Changing(addresses) if kind == TYPE_A => {
                    let address = addresses[self.asked(&name) % addresses.len()];
                    records.push((looked_for.to_owned(), TYPE_A, address.octets().to_vec()));
                }
                // It has addresses of the fourth version alone.
                _ => {}
            }
            break;
        }
        if !self.names.contains_key(looked_for) {
            code = NO_SUCH_NAME;
        }
        if kind == TYPE_A {
            *self.asked.lock().unwrap().entry(name).or_default() += 1;
        }
        let mut answer = question[..2].to_vec();
        // An answer, by one who may recurse for others.
        answer.extend((0x8180 | code).to_be_bytes());
        for count in [1, records.len() as u16, 0, 0] {
            answer.extend(count.to_be_bytes());
        }
        answer.extend(&question[12..end + 4]);
        for (name, kind, data) in records {
            answer.extend(encoded(&name));
            answer.extend(kind.to_be_bytes());
            answer.extend(1_u16.to_be_bytes());
            answer.extend(0_u32.to_be_bytes());
            answer.extend((data.len() as u16).to_be_bytes());
            answer.extend(data);
        }
        answer
    }
}

/// The name that begins there, and where it ends.
fn name_in(message: &[u8], mut at: usize) -> (String, usize) {
    let mut labels = Vec::new();
    while message[at] != 0 {
        let length = usize::from(message[at]);
        let label = &message[at + 1..=at + length];
        labels.push(String::from_utf8_lossy(label).into_owned());
        at += length + 1;
    }
    (labels.join("."), at + 1)
}

fn encoded(name: &str) -> Vec<u8> {
    let mut encoded = Vec::new();
    for label in name.split('.') {
        encoded.push(label.len() as u8);
        encoded.extend(label.as_bytes());
    }
    encoded.push(0);
    encoded
}

/// A command in a network that is this machine alone, where the resolver finds files of the test's.
fn in_a_network_of_its_own(folder: &std::path::Path, command: &str) -> Command {
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--net", "--mount", "sh", "-c"]);
    let script = format!(
        "ip link set lo up && mount --bind resolv.conf /etc/resolv.conf \
         && mount --bind nsswitch.conf /etc/nsswitch.conf && exec {command}"
    );
    unshare.arg(script).arg("sh").current_dir(folder);
    unshare
}

#[test]
fn real_names_are_asked_of_a_real_name_server_and_each_of_them_once() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    put(
        "resolv.conf",
        "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n",
    );
    put("nsswitch.conf", "hosts: dns\n");
    let tried = in_a_network_of_its_own(folder.path(), "true").output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        eprintln!("skipped: this system gives no network namespace to its users");
        return;
    }
    // Built here, where there is a network to build it with.
    drop(World::new());
    let mut again = in_a_network_of_its_own(folder.path(), "\"$1\" --ignored --exact dns::within");
    let ended = again
        .arg(std::env::current_exe().unwrap())
        .env(WITHIN, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    let complained = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}\n{complained}");
    assert!(said.contains("1 passed"), "{said}\n{complained}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the test above, in a network of its own"]
async fn within() {
    assert!(
        std::env::var_os(WITHIN).is_some(),
        "this is for a network of its own alone"
    );
    let here = Ipv4Addr::LOCALHOST;
    let inward = Ipv4Addr::new(10, 0, 0, 1);
    let names = NameServer::start(BTreeMap::from([
        ("index.example", Known::At(here)),
        ("alias.example", Known::Alias("index.example")),
        ("inward.example", Known::At(inward)),
        ("turns.example", Known::Changing(vec![inward, here])),
        ("fails.example", Known::Failing),
    ]));
    let world = World::new();
    world.names.ask_the_system();
    let port = world.server.address.port();
    let rule = |host: &str, private_addresses: bool| HttpRule {
        scheme: Scheme::Http,
        host: host.to_owned(),
        private_addresses,
        ..world.rule()
    };
    let fetched = async |host: &str, private: bool| {
        let request = json!({"url": format!("http://{host}:{port}/x")});
        world.one(rule(host, private), request).await
    };
    for host in ["index.example", "alias.example"] {
        let answer = fetched(host, true).await;
        assert_eq!(answer["status"], 404, "{host}: {answer}");
        let seen = world.server.seen();
        let host = format!("{host}:{port}");
        assert_eq!(seen.last().unwrap().header("host"), Some(&*host));
    }
    let reached = world.server.seen().len();
    for (host, token) in [
        ("inward.example", "private-address"),
        // Asked a second time, it would lead to the server.
        ("turns.example", "private-address"),
        ("nowhere.example", "unresolved"),
        ("fails.example", "unresolved"),
    ] {
        let answer = fetched(host, false).await;
        assert_eq!(answer["code"], token, "{host}: {answer}");
    }
    assert_eq!(world.server.seen().len(), reached, "something has left");
    for host in [
        "index.example",
        "alias.example",
        "inward.example",
        "turns.example",
    ] {
        assert_eq!(names.asked(host), 1, "{host}");
    }
    assert!(names.asked("nowhere.example") >= 1);
}
