//! Fails, asks, or works for ever, as its configuration wants; else it answers which attempt it was.
//!
//! # Configuration
//! ```toml
//! fails = 2              # so many attempts end with a fault
//! code = "transient"     # of this code
//! asks = true            # escalates until somebody gives it a hint
//! endless = true         # computes until it is stopped
//! ```

use std::collections::BTreeMap;

use menagerie::prelude::*;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    fails: u32,
    code: Option<String>,
    asks: bool,
    endless: bool,
}

#[menagerie::agent]
fn process(task: Task<Json, Config>) -> Result<Outcome<BTreeMap<String, u32>>, Fault> {
    let (name, attempt) = (invocation::name(), invocation::attempt());
    let config = task.config;
    if config.endless {
        loop {
            std::hint::black_box(attempt);
        }
    }
    if attempt <= config.fails {
        let code = config.code.unwrap_or_else(|| "transient".to_owned());
        return Err(Fault::new(
            code,
            format!("attempt {attempt} of {name} fails"),
        ));
    }
    if config.asks && invocation::hints().is_empty() {
        return Err(Fault::escalate(format!("{name} wants a hint")));
    }
    Ok(Outcome::new(BTreeMap::from([(name, attempt)])))
}
