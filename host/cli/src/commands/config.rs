//! `menagerie config`: every setting and its origin.

use std::process::ExitCode;

use serde_json::{Map, json};

use crate::arguments::ConfigArguments;
use crate::failure::Failure;
use crate::settings::Settings;

#[expect(clippy::unnecessary_wraps, reason = "every command answers alike")]
pub(crate) fn config(
    settings: &Settings,
    arguments: &ConfigArguments,
) -> Result<ExitCode, Failure> {
    let listed = settings.listed();
    if arguments.json {
        let object: Map<_, _> = listed
            .into_iter()
            .map(|(name, value, origin)| {
                (name.to_owned(), json!({"value": value, "origin": origin}))
            })
            .collect();
        println!("{}", serde_json::Value::Object(object));
        return Ok(ExitCode::SUCCESS);
    }
    for (name, value, origin) in listed {
        let value = if value.is_empty() {
            "–".to_owned()
        } else {
            value
        };
        println!("{name:<13}  {value:<50}  {origin}");
    }
    Ok(ExitCode::SUCCESS)
}
