//! A host for unit tests: plugins' functions run natively against it.
//!
//! Each test thread has a host of its own, which starts out with the values of [`MockHost::default`].
//! ```
//! use menagerie::testing::{self, MockHost};
//!
//! testing::install(MockHost { attempt: 2, now_ms: 1_700_000_000_000.0, ..MockHost::default() });
//! assert_eq!(menagerie::host::clock::now(), "2023-11-14T22:13:20.000Z");
//! menagerie::info!("attempt {}", menagerie::host::invocation::attempt());
//! assert_eq!(testing::host().log[0].1, "attempt 2");
//! ```

mod decided;

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::agent::Task;
use crate::artifacts::ArtifactInfo;
use crate::fault::Fault;
use crate::host::log::Level;
use crate::http::{Problem, Request, Response};
use crate::json::{FromJson, Json};
use crate::wire::{AgentFigures, HistoryEntry};

pub use decided::{decided, group_decided};

/// What the host answers, and what it was told.
#[derive(Clone, Debug)]
pub struct MockHost {
    /// The run's id.
    pub run: String,
    /// The step's id.
    pub step: String,
    /// The plugin's name in the flow file.
    pub name: String,
    /// Counts from 1.
    pub attempt: u32,
    /// The limit on the call's own running time.
    pub deadline_ms: u32,
    /// Fuel that is left.
    pub fuel_left: f64,
    /// The fault that ended the attempt before this one.
    pub last_fault: Option<Fault>,
    /// What this attempt should know.
    pub hints: Vec<(String, Json)>,
    /// The agent's own context: what it may get, and what it has put.
    pub context: BTreeMap<String, Json>,
    /// Milliseconds since 1970.
    pub now_ms: f64,
    /// The next random number is made from it; any value will do.
    pub seed: u64,
    /// What there is of older history, oldest first.
    pub older_history: Vec<HistoryEntry>,
    /// How the flow's agents have fared of late.
    pub figures: Vec<AgentFigures>,
    /// Lines that were written.
    pub log: Vec<(Level, String)>,
    /// The last fraction that was reported.
    pub fraction: Option<f64>,
    /// Notes that were reported.
    pub notes: Vec<String>,
    /// Pieces of the answer that were reported.
    pub chunks: Vec<String>,
    /// The run's artifacts: what is known of each, and its content. Those that were made stand behind
    /// those that were there; their digests are of no use.
    pub artifacts: Vec<(ArtifactInfo, Vec<u8>)>,
    /// What the run's steps share: version and value by key. Any key may be read and changed.
    pub shared: BTreeMap<String, (u32, Json)>,
    /// The versions under which shared values went.
    pub shared_gone: BTreeMap<String, u32>,
    /// What servers answer, by address; anything else is `denied`.
    pub http: BTreeMap<String, Result<Response, Problem>>,
    /// Requests that were sent.
    pub requests: Vec<Request>,
}

impl Default for MockHost {
    fn default() -> Self {
        Self {
            run: "00000000-0000-7000-8000-000000000000".to_owned(),
            step: "step".to_owned(),
            name: "plugin".to_owned(),
            attempt: 1,
            deadline_ms: 30_000,
            fuel_left: 1e9,
            last_fault: None,
            hints: Vec::new(),
            context: BTreeMap::new(),
            now_ms: 0.0,
            seed: 1,
            older_history: Vec::new(),
            figures: Vec::new(),
            log: Vec::new(),
            fraction: None,
            notes: Vec::new(),
            chunks: Vec::new(),
            artifacts: Vec::new(),
            shared: BTreeMap::new(),
            shared_gone: BTreeMap::new(),
            http: BTreeMap::new(),
            requests: Vec::new(),
        }
    }
}

thread_local! {
    static HOST: RefCell<MockHost> = RefCell::new(MockHost::default());
}

/// Puts a host in place for this thread and gives back the one that was there.
pub fn install(host: MockHost) -> MockHost {
    HOST.replace(host)
}

/// This thread's host as it is now.
pub fn host() -> MockHost {
    HOST.with_borrow(MockHost::clone)
}

/// A task as it comes from the host: its input and configuration are JSON texts.
///
/// # Errors
/// The fault that the host would get, when a text does not fit its type.
pub fn task<Input: FromJson, Config: FromJson>(
    input: &str,
    config: &str,
) -> Result<Task<Input, Config>, Fault> {
    Task::from_wire(crate::wire::Task {
        input: input.to_owned(),
        config: config.to_owned(),
        attachments: Vec::new(),
        extra: Vec::new(),
    })
}

fn with<T>(use_it: impl FnOnce(&mut MockHost) -> T) -> T {
    HOST.with_borrow_mut(use_it)
}

/// SplitMix64: small, and equal on every machine.
fn next(host: &mut MockHost) -> u64 {
    host.seed = host.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = host.seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// RFC 3339 in UTC; days are turned into a date by Howard Hinnant's civil-calendar arithmetic.
fn rfc3339(milliseconds: f64) -> String {
    let total = milliseconds as i64;
    let (days, rest) = (total.div_euclid(86_400_000), total.rem_euclid(86_400_000));
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, fraction) = (rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
}

/// The imported functions' stand-ins, by the names and types of the generated ones.
#[cfg(not(target_family = "wasm"))]
pub(crate) mod port {
    pub(crate) mod invocation {
        use crate::json::Json;
        use crate::testing::with;
        use crate::wire;

        pub(crate) fn run() -> String {
            with(|host| host.run.clone())
        }
        pub(crate) fn step() -> String {
            with(|host| host.step.clone())
        }
        pub(crate) fn name() -> String {
            with(|host| host.name.clone())
        }
        pub(crate) fn attempt() -> u32 {
            with(|host| host.attempt)
        }
        pub(crate) fn deadline_ms() -> u32 {
            with(|host| host.deadline_ms)
        }
        pub(crate) fn fuel_left() -> f64 {
            with(|host| host.fuel_left)
        }
        pub(crate) fn last_fault() -> Option<wire::Fault> {
            with(|host| host.last_fault.clone().map(wire::Fault::from))
        }
        pub(crate) fn hints() -> Vec<(String, String)> {
            with(|host| host.hints.clone())
                .into_iter()
                .map(|(name, json)| (name, json.into_text()))
                .collect()
        }
        pub(crate) fn context_get(key: &str) -> Option<String> {
            with(|host| host.context.get(key).cloned().map(Json::into_text))
        }
        pub(crate) fn context_put(key: &str, value: &str) -> Result<(), String> {
            with(|host| {
                let others = host.context.iter().filter(|(name, _)| name.as_str() != key);
                let size: usize = others
                    .map(|(name, json)| name.len() + json.as_str().len())
                    .sum();
                if size + key.len() + value.len() > 1024 * 1024 {
                    return Err("the context would grow past 1 MiB".to_owned());
                }
                host.context.insert(key.to_owned(), Json::from_text(value));
                Ok(())
            })
        }
    }

    pub(crate) mod log {
        use crate::host::log::Level;

        pub(crate) fn write(level: Level, message: &str) {
            crate::testing::with(|host| host.log.push((level, message.to_owned())));
        }
    }

    pub(crate) mod clock {
        use crate::testing::{rfc3339, with};

        pub(crate) fn now_ms() -> f64 {
            with(|host| host.now_ms)
        }
        pub(crate) fn now() -> String {
            with(|host| rfc3339(host.now_ms))
        }
    }

    pub(crate) mod random {
        use crate::testing::{next, with};

        pub(crate) fn bytes(count: u32) -> Vec<u8> {
            with(|host| (0..count).map(|_| next(host) as u8).collect())
        }
        pub(crate) fn next_u32() -> u32 {
            with(|host| next(host) as u32)
        }
        pub(crate) fn next_f64() -> f64 {
            // 53 random bits are exactly what a double's fraction holds.
            with(|host| (next(host) >> 11) as f64 / (1_u64 << 53) as f64)
        }
    }

    pub(crate) mod progress {
        use crate::testing::with;

        pub(crate) fn fraction(done: f64) {
            with(|host| host.fraction = Some(done));
        }
        pub(crate) fn note(text: &str) {
            with(|host| host.notes.push(text.to_owned()));
        }
        pub(crate) fn chunk(text: &str) {
            with(|host| host.chunks.push(text.to_owned()));
        }
    }

    pub(crate) mod http {
        use crate::http::Request;
        use crate::wire::http as wire;

        pub(crate) fn send(request: &wire::Request) -> Result<wire::Response, wire::Problem> {
            let denied = || wire::Problem {
                code: "denied".to_owned(),
                message: format!("the grant allows nothing at {}", request.url),
                extra: Vec::new(),
            };
            crate::testing::with(|host| {
                host.requests.push(Request {
                    method: request.method.clone(),
                    url: request.url.clone(),
                    headers: request.headers.clone(),
                    body: request.body.clone(),
                });
                match host.http.get(&request.url).cloned().ok_or_else(denied)? {
                    Ok(response) => Ok(wire::Response {
                        status: response.status,
                        url: response.url,
                        headers: response.headers,
                        body: response.body,
                        extra: Vec::new(),
                    }),
                    Err(problem) => Err(wire::Problem {
                        code: problem.code,
                        message: problem.message,
                        extra: Vec::new(),
                    }),
                }
            })
        }
    }

    pub(crate) mod figures {
        use crate::wire::AgentFigures;

        pub(crate) fn agents() -> Vec<AgentFigures> {
            crate::testing::with(|host| host.figures.clone())
        }
    }

    pub(crate) mod artifacts {
        use crate::artifacts::ArtifactInfo;
        use crate::testing::with;
        use crate::wire::ArtifactRef;
        use crate::wire::artifacts as wire;

        fn denied(id: &str) -> wire::Problem {
            wire::Problem {
                code: "denied".to_owned(),
                message: format!("the run has no artifact with the id {id:?}"),
                extra: Vec::new(),
            }
        }

        pub(crate) fn put(
            name: &str,
            media_type: &str,
            content: &[u8],
        ) -> Result<ArtifactRef, wire::Problem> {
            with(|host| {
                let number = host.artifacts.len() + 1;
                let artifact = ArtifactRef {
                    id: format!("artifact-{number}"),
                    media_type: media_type.to_owned(),
                    digest: format!("sha256:{number:064x}"),
                };
                let named = host.artifacts.iter().filter(|(info, _)| info.name == name);
                let info = ArtifactInfo {
                    artifact: artifact.clone().into(),
                    name: name.to_owned(),
                    version: named.count() as u32 + 1,
                    size: content.len() as u32,
                };
                host.artifacts.push((info, content.to_vec()));
                Ok(artifact)
            })
        }

        pub(crate) fn stat(id: &str) -> Result<wire::ArtifactInfo, wire::Problem> {
            with(|host| {
                let mut all = host.artifacts.iter();
                let found = all.find(|(info, _)| info.artifact.id == id);
                let (info, _) = found.ok_or_else(|| denied(id))?;
                Ok(wire::ArtifactInfo {
                    artifact: info.artifact.clone().into(),
                    name: info.name.clone(),
                    version: info.version,
                    size: info.size,
                })
            })
        }

        pub(crate) fn get(id: &str, offset: u32, length: u32) -> Result<Vec<u8>, wire::Problem> {
            with(|host| {
                let mut all = host.artifacts.iter();
                let found = all.find(|(info, _)| info.artifact.id == id);
                let (_, content) = found.ok_or_else(|| denied(id))?;
                let from = (offset as usize).min(content.len());
                let length = (length as usize).min(1 << 20);
                Ok(content[from..(from + length).min(content.len())].to_vec())
            })
        }
    }

    pub(crate) mod shared {
        use crate::json::Json;
        use crate::testing::with;
        use crate::wire::shared as wire;

        fn versioned((version, value): (u32, Json)) -> wire::Versioned {
            wire::Versioned {
                version,
                value: value.into_text(),
            }
        }

        pub(crate) fn get(key: &str) -> Result<Option<wire::Versioned>, wire::Problem> {
            Ok(with(|host| host.shared.get(key).cloned()).map(versioned))
        }

        pub(crate) fn compare_and_set(
            key: &str,
            expected: Option<u32>,
            value: &str,
        ) -> Result<u32, wire::Refusal> {
            if value.len() > 64 * 1024 {
                return Err(wire::Refusal::Problem(wire::Problem {
                    code: "too-large".to_owned(),
                    message: "the value has more than 64 KiB".to_owned(),
                    extra: Vec::new(),
                }));
            }
            with(|host| {
                let found = host.shared.get(key).cloned();
                let present = found.as_ref().map(|(version, _)| *version);
                if present != expected {
                    return Err(wire::Refusal::Conflict(found.map(versioned)));
                }
                let before = present.or_else(|| host.shared_gone.remove(key));
                let version = before.unwrap_or(0) + 1;
                let value = (version, Json::from_text(value));
                host.shared.insert(key.to_owned(), value);
                Ok(version)
            })
        }

        pub(crate) fn delete(key: &str, expected: u32) -> Result<(), wire::Refusal> {
            with(|host| {
                let found = host.shared.get(key).cloned();
                if found.as_ref().map(|(version, _)| *version) != Some(expected) {
                    return Err(wire::Refusal::Conflict(found.map(versioned)));
                }
                host.shared.remove(key);
                host.shared_gone.insert(key.to_owned(), expected + 1);
                Ok(())
            })
        }
    }

    pub(crate) mod history {
        use crate::wire::HistoryEntry;

        pub(crate) fn before(id: u32, count: u32) -> Vec<HistoryEntry> {
            crate::testing::with(|host| {
                let older = host
                    .older_history
                    .iter()
                    .rev()
                    .filter(|entry| entry.id < id);
                older.take(count.min(256) as usize).cloned().collect()
            })
        }
    }
}
