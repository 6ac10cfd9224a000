//! `menagerie replay`: a recorded run told again, with its own plugins or with another version of one.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use menagerie_executor::{
    Fuel, JudgedCall, Replacement, ReplayError, Replayed, Versions, replay_versions,
};
use menagerie_journal::RunKey;
use menagerie_orchestration::replay::{Difference, Level, Verdict};
use serde_json::{Value, json};

use crate::arguments::{ReplayArguments, ReplayLevel};
use crate::commands::events::word;
use crate::commands::open;
use crate::failure::{Failure, chain};
use crate::settings::Settings;
use crate::terminal::text::{duration_ms, safe_line};

/// Characters of a value that are shown.
const VALUE_SHOWN: usize = 400;

pub(crate) async fn replay(
    settings: &Settings,
    arguments: ReplayArguments,
) -> Result<ExitCode, Failure> {
    let with = arguments.with.iter().map(|with| replacement(with));
    let with: Vec<Replacement> = with.collect::<Result<_, _>>()?;
    let host = open::host(settings, "replay")?;
    let key = open::run_key(&host, &arguments.run).await?;
    let catalogue = open::catalogue(settings)?;
    let bar = bar();
    let progress = |done: u64, total: u64| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let began = Instant::now();
    let failed = |error: ReplayError| Failure::usage(chain(&error));
    if with.is_empty() {
        let replayed =
            menagerie_executor::replay(host.journal(), &catalogue, &key, &progress).await;
        bar.finish_and_clear();
        let replayed = replayed.map_err(failed)?;
        let equal = replayed.difference.is_none();
        if arguments.json {
            println!("{}", document(&key, &replayed, began.elapsed()));
        } else {
            print(&key, &replayed, began.elapsed());
        }
        return Ok(ExitCode::from(u8::from(!equal)));
    }
    let level = arguments.level.map(level_of);
    let versions = replay_versions(host.journal(), &catalogue, &key, &with, level, &progress).await;
    bar.finish_and_clear();
    let versions = versions.map_err(failed)?;
    if arguments.json {
        println!("{}", versions_document(&key, &versions, began.elapsed()));
    } else {
        print_versions(&key, &versions, began.elapsed());
    }
    Ok(ExitCode::from(u8::from(!versions.holds())))
}

fn replacement(with: &str) -> Result<Replacement, Failure> {
    let Some((name, file)) = with.split_once('=') else {
        return Err(Failure::usage(format!(
            "--with: found `{with}`, expected NAME=FILE"
        )));
    };
    let bytes = menagerie_sandbox::read_component(Path::new(file))
        .map_err(|error| Failure::usage(format!("--with: {file}: {error}")))?;
    Ok(Replacement {
        name: name.to_owned(),
        bytes: bytes.into(),
    })
}

pub(crate) fn level_of(level: ReplayLevel) -> Level {
    match level {
        ReplayLevel::Fails => Level::Fails,
        ReplayLevel::Schema => Level::Schema,
        ReplayLevel::Decision => Level::Decision,
        ReplayLevel::Output => Level::Output,
    }
}

/// Shown on a terminal only, and only when there is something to wait for.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} events {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn fuel_words(fuel: &Fuel) -> &'static str {
    match fuel {
        Fuel::Compared => "compared",
        Fuel::NotCompared { .. } => "not compared",
    }
}

/// What both forms of the document begin with.
fn document(key: &RunKey, replayed: &Replayed, took: Duration) -> Value {
    let mut document = json!({
        "run": key.to_string(),
        "equal": replayed.difference.is_none(),
        "events": replayed.events,
        "calls": replayed.calls,
        "facts": replayed.facts,
        "fuel": fuel_words(&replayed.fuel),
        "duration_ms": took.as_secs_f64() * 1_000.0,
    });
    if let Fuel::NotCompared { recorded, here } = &replayed.fuel {
        document["engines"] = json!({"recorded": recorded, "here": here});
    }
    if let Some(difference) = &replayed.difference {
        document["difference"] = json!(difference);
        document["difference"]["plugin"] = json!(replayed.plugin);
    }
    document
}

fn print(key: &RunKey, replayed: &Replayed, took: Duration) {
    match &replayed.difference {
        None => println!("run {key}: the replay is equal"),
        Some(difference) => print_difference(key, difference, replayed.plugin.as_deref()),
    }
    print_figures(replayed, took);
}

fn print_figures(replayed: &Replayed, took: Duration) {
    println!("  events    {} checked", replayed.events);
    let facts = match replayed.facts {
        0 => String::new(),
        facts => format!(", {facts} ended by the moment and taken as they are"),
    };
    println!("  calls     {} made again{facts}", replayed.calls);
    match &replayed.fuel {
        Fuel::Compared => println!("  fuel      compared"),
        Fuel::NotCompared { recorded, here } => {
            println!("  fuel      not compared: the run was made on another engine");
            println!("            recorded {}", safe_line(recorded));
            println!("            here     {here}");
        }
    }
    println!("  time      {}", duration_ms(took.as_secs_f64() * 1_000.0));
}

fn print_difference(key: &RunKey, difference: &Difference, plugin: Option<&str>) {
    let mut place = format!("event {} ({})", difference.seq, difference.event);
    if !difference.step.is_empty() {
        place = format!("{place}, step {}", difference.step);
    }
    if !difference.role.is_empty() {
        place = format!("{place}, {}", difference.role);
    }
    if let Some(plugin) = plugin {
        place = format!("{place}, plugin {plugin}");
    }
    println!("run {key} differs at {}", safe_line(&place));
    let whole = "the whole event";
    let field = Some(difference.pointer.as_str()).filter(|pointer| !pointer.is_empty());
    println!("  field     {}", safe_line(field.unwrap_or(whole)));
    println!("  recorded  {}", value(difference.recorded.as_ref()));
    println!("  found     {}", value(difference.found.as_ref()));
    if let Some(note) = &difference.note {
        println!("  note      {}", safe_line(note));
    }
}

/// A value in one line, cut short.
pub(crate) fn value(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    let text = value.to_string();
    match text.char_indices().nth(VALUE_SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", safe_line(&text[..end]), text.len()),
        None => safe_line(&text),
    }
}

fn versions_document(key: &RunKey, versions: &Versions, took: Duration) -> Value {
    let mut document = document(key, &versions.replayed, took);
    let calls = versions.calls.iter().map(|call| {
        let mut value = json!(call.comparison);
        value["seq"] = json!(call.seq);
        value["step"] = json!(call.step);
        value["attempt"] = json!(call.attempt);
        value["role"] = json!(call.role);
        value["level"] = json!(call.level);
        if let Some(note) = &call.note {
            value["note"] = json!(note);
        }
        value
    });
    let with = versions.versions.iter().map(
        |(role, (recorded, found))| json!({"role": role, "recorded": recorded, "found": found}),
    );
    document["with"] = with.collect();
    document["compared"] = calls.collect();
    document["holds"] = json!(versions.holds());
    document
}

fn print_versions(key: &RunKey, versions: &Versions, took: Duration) {
    if let Some(difference) = &versions.replayed.difference {
        print_difference(key, difference, versions.replayed.plugin.as_deref());
        println!("  the run itself is not sound: nothing is to be concluded from its calls");
    } else {
        let holds = if versions.holds() {
            "holds"
        } else {
            "is broken"
        };
        println!("run {key}: the level {holds}");
    }
    for (role, (recorded, found)) in &versions.versions {
        let line = format!("{role}: {found} in the place of {recorded}");
        println!("  {}", safe_line(&line));
    }
    for call in &versions.calls {
        print_call(call);
    }
    print_figures(&versions.replayed, took);
}

fn print_call(call: &JudgedCall) {
    let comparison = &call.comparison;
    let verdict = match comparison.verdict {
        Verdict::Same => "same",
        Verdict::Differs => "differs",
        Verdict::NewFailure => "new failure",
        Verdict::Diverged => "diverged",
    };
    let broken = if comparison.holds {
        String::new()
    } else {
        format!("  breaks `{}`", word(&call.level))
    };
    let line = format!(
        "{verdict:<11}  event {:<5} {} ({}, attempt {}){broken}",
        call.seq, call.step, call.role, call.attempt
    );
    println!("  {}", safe_line(&line));
    if comparison.verdict == Verdict::Same {
        return;
    }
    if let Some(note) = &call.note {
        println!("               {}", safe_line(note));
        return;
    }
    if let Some(pointer) = &comparison.pointer {
        println!("               {}", safe_line(pointer));
        println!(
            "               recorded {}",
            value(comparison.recorded.as_ref())
        );
        println!(
            "               found    {}",
            value(comparison.found.as_ref())
        );
    }
}
