//! What came of one test, told to the author and kept to be made again.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Case;
use crate::failure::Failure;
use crate::terminal::text::{safe_line, safe_text};

/// What came of one test.
pub(crate) struct TestResult {
    pub(super) name: String,
    /// What is not as it should be.
    pub(crate) wrong: Option<String>,
    /// The call that showed it.
    pub(super) case: Option<Case>,
    pub(super) log: Vec<String>,
    pub(super) replay: Option<PathBuf>,
}

impl TestResult {
    pub(super) fn passed(name: String) -> TestResult {
        TestResult {
            name,
            wrong: None,
            case: None,
            log: Vec::new(),
            replay: None,
        }
    }

    pub(super) fn fail(&mut self, wrong: String, log: Vec<String>, case: Case) {
        self.wrong = Some(wrong);
        self.log = log;
        self.case = Some(case);
    }

    /// Writes the call of a failure into a file from which it can be made again.
    pub(crate) fn keep(&mut self, folder: &Path) -> Result<(), Failure> {
        let (Some(_), Some(case)) = (&self.wrong, &self.case) else {
            return Ok(());
        };
        let plain = |letter: char| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        };
        let name: String = self.name.chars().take(60).map(plain).collect();
        let path = folder.join(format!("{name}.json"));
        std::fs::create_dir_all(folder)?;
        let text = serde_json::to_string_pretty(case)
            .map_err(|error| Failure::host("the failed case cannot be written", error))?;
        std::fs::write(&path, text)?;
        self.replay = Some(path);
        Ok(())
    }

    pub(crate) fn print(&self) {
        let Some(wrong) = &self.wrong else {
            println!("ok      {}", safe_line(&self.name));
            return;
        };
        println!("FAILED  {}", safe_line(&self.name));
        println!("        {}", safe_line(wrong));
        for line in &self.log {
            for line in safe_text(line).lines() {
                println!("        | {line}");
            }
        }
        if let Some(replay) = &self.replay {
            println!(
                "        again: menagerie test DIR --replay {}",
                replay.display()
            );
        }
    }

    pub(crate) fn as_json(&self) -> Value {
        json!({"name": self.name, "wrong": self.wrong, "log": self.log, "replay": self.replay})
    }
}
