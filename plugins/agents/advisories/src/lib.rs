//! `advisories` compares the packages of a lock file with an index of advisories that it fetches.
//!
//! It reaches one address, and needs the grant for it; without a rule for that address its fault is `denied`:
//! ```toml
//! [agents.advisories.grants.http]
//! allow = [{ host = "advisories.example", path = "/index.json", effect = "idempotent" }]
//! ```
//!
//! # Input
//! The run's state with the answer of `lockfile` under `lockfile`; of each package `name` and `version`.
//!
//! # The index
//! ```json
//! {"advisories": [{"id": "X-2026-1", "package": "odd", "versions": ["0.2.0"], "title": "does odd things"}]}
//! ```
//! Without `versions`, every version of the package is meant.
//!
//! # Output
//! ```json
//! {"advisories": {
//!   "index": "https://advisories.example/index.json",
//!   "known": 1,
//!   "matches": [{"id": "X-2026-1", "package": "odd 0.2.0", "title": "does odd things"}]
//! }}
//! ```
//!
//! # Configuration
//! ```toml
//! index = "https://advisories.example/index.json"
//! ```

mod matching;

use menagerie::http::Request;
use menagerie::prelude::*;
use serde::Deserialize;

use crate::matching::{Index, Input, Output, compare};

/// What the flow file says to this agent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where the index is.
    index: String,
}

#[menagerie::agent(skills = ["rust", "supply-chain"], grants = ["http"], check)]
fn process(task: Task<Input, Config>) -> Result<Outcome<Output>, Fault> {
    let answer = Request::get(&task.config.index)
        .header("accept", "application/json")
        .send()?;
    let index: Index = answer.ok()?.json()?;
    menagerie::info!("{} advisories are known", index.advisories.len());
    Ok(Outcome::new(compare(&task.input, index, task.config.index)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use menagerie::http::Response;
    use menagerie::testing::{self, MockHost};

    use super::process;

    const INPUT: &str = r#"{"lockfile": {"packages": [
        {"name": "app", "version": "0.1.0"}, {"name": "odd", "version": "0.2.0"}, {"name": "old", "version": "3.0.0"}]}}"#;
    const CONFIG: &str = r#"{"index": "https://advisories.example/index.json"}"#;

    fn server(status: u32, body: &str) {
        let url = "https://advisories.example/index.json".to_owned();
        let response = Response {
            status,
            url: url.clone(),
            body: body.as_bytes().to_vec(),
            ..Response::default()
        };
        testing::install(MockHost {
            http: [(url, Ok(response))].into(),
            ..MockHost::default()
        });
    }

    #[test]
    fn packages_are_found_in_the_index_by_name_and_version() {
        server(
            200,
            r#"{"advisories": [
                {"id": "1", "package": "odd", "versions": ["0.2.0"], "title": "odd"},
                {"id": "2", "package": "odd", "versions": ["0.1.0"]},
                {"id": "3", "package": "old"},
                {"id": "4", "package": "absent"}]}"#,
        );
        let outcome = process(testing::task(INPUT, CONFIG).unwrap()).unwrap();
        let found = outcome.output.advisories;
        assert_eq!(found.known, 4);
        let matches: Vec<(&str, &str)> = found
            .matches
            .iter()
            .map(|found| (&*found.id, &*found.package))
            .collect();
        assert_eq!(matches, [("1", "odd 0.2.0"), ("3", "old 3.0.0")]);
        assert_eq!(testing::host().requests.len(), 1);
    }

    #[test]
    fn what_went_wrong_outside_is_a_fault_of_its_kind() {
        testing::install(MockHost::default());
        let fault = process(testing::task(INPUT, CONFIG).unwrap()).unwrap_err();
        assert_eq!(fault.code, "denied", "{fault}");
        assert!(fault.message.contains("advisories.example"), "{fault}");
        for (status, body, code) in [
            (503, "later", "transient"),
            (404, "nothing", "permanent"),
            (200, "no JSON", "permanent"),
            (200, "{}", "permanent"),
        ] {
            server(status, body);
            let fault = process(testing::task(INPUT, CONFIG).unwrap()).unwrap_err();
            assert_eq!(fault.code, code, "{fault}");
        }
    }
}
