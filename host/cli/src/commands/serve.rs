//! `menagerie serve`: a host that stays.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use menagerie_executor::{Happening, Host, Library, Residence};
use menagerie_journal::Hears;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;

use crate::admission::Admitted;
use crate::arguments::ServeArguments;
use crate::commands::open;
use crate::commands::watch::Watch;
use crate::failure::{Failure, chain};
use crate::interrupts::Interrupts;
use crate::settings::Settings;
use crate::terminal::text::{safe_line, safe_text};

/// Flows whose plugins stay loaded though no run in hand uses them.
const FLOWS_KEPT: usize = 64;

pub(crate) async fn serve(
    settings: &Settings,
    arguments: ServeArguments,
) -> Result<ExitCode, Failure> {
    let host = open::host(settings, "serve")?;
    let catalogue = open::catalogue(settings)?;
    let watch = Watch::of(settings, &host, &catalogue);
    let library = Library::new(catalogue, FLOWS_KEPT);
    let voice = Arc::new(Voice::new(arguments.json));
    let _signals = park_on_signal(&host, &voice)?;
    voice.say(
        "started",
        json!({
            "store": settings.data.value.display().to_string(),
            "pid": std::process::id(),
            "runs": arguments.runs,
            "slots": settings.slots.value,
            "bell": host.journal().listen(Hears::Mail).wired,
        }),
    );
    let _watching = watch.map(|watch| {
        let voice = Arc::clone(&voice);
        let look = watch.look(move |(file, outcome)| voice.tell_of_plugin(file, &outcome));
        AbortOnDropHandle::new(tokio::spawn(look))
    });
    let how = Residence {
        at_once: usize::try_from(arguments.runs).unwrap_or(usize::MAX),
        patience: Some(arguments.hung_after).filter(|after| !after.is_zero()),
    };
    let teller = Arc::clone(&voice);
    let told = Arc::new(move |happening: &Happening<'_>| teller.tell(happening));
    host.reside(how, Arc::new(library), told).await;
    let parked = voice.parked.load(Ordering::SeqCst);
    voice.say("stopped", json!({"parked": parked}));
    Ok(ExitCode::SUCCESS)
}

/// Parks the runs in hand on the first signal, and ends the process on the second: as safe as being
/// killed.
fn park_on_signal(host: &Host, voice: &Arc<Voice>) -> Result<AbortOnDropHandle<()>, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupts = Interrupts::listen()?;
    let (stopper, voice) = (host.stopper(), Arc::clone(voice));
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        for first in [true, false] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                () = interrupts.next() => "SIGINT",
            };
            if !first {
                std::process::exit(130);
            }
            voice.say("stopping", json!({"signal": name}));
            stopper.cancel();
        }
    })))
}

/// Says what happens, a line each.
struct Voice {
    json: bool,
    parked: AtomicU64,
}

impl Voice {
    fn new(json: bool) -> Self {
        Self {
            json,
            parked: AtomicU64::new(0),
        }
    }

    fn tell(&self, happening: &Happening<'_>) {
        let (event, facts) = match happening {
            Happening::Took { run, status } => {
                ("took", json!({"run": run.to_string(), "status": status}))
            }
            Happening::Ended { run, status } => {
                ("ended", json!({"run": run.to_string(), "status": status}))
            }
            Happening::Rests {
                run,
                status,
                asleep,
            } => (
                "rests",
                json!({"run": run.to_string(), "status": status, "asleep": asleep}),
            ),
            Happening::Parked { run } => {
                self.parked.fetch_add(1, Ordering::SeqCst);
                ("parked", json!({"run": run.to_string()}))
            }
            Happening::Refused {
                run,
                error,
                again_in,
            } => (
                "refused",
                json!({"run": run.to_string(), "error": chain(error), "again_in_ms": millis(*again_in)}),
            ),
            Happening::Silent {
                owner,
                silent,
                runs,
            } => (
                "owner_silent",
                json!({"name": owner.name, "pid": owner.pid, "silent_ms": millis(*silent), "runs": runs}),
            ),
            Happening::TakenOver { run, error } => (
                "taken_over",
                json!({"run": run.to_string(), "error": chain(error)}),
            ),
            Happening::StoreTrouble { error, again_in } => (
                "store_trouble",
                json!({"error": chain(error), "again_in_ms": millis(*again_in)}),
            ),
            other => ("other", json!({"what": format!("{other:?}")})),
        };
        self.say(event, facts);
    }

    fn tell_of_plugin(&self, file: &Path, outcome: &Result<Admitted, Failure>) {
        let file = file.display().to_string();
        match outcome {
            Ok(Admitted { name, version, .. }) => self.say(
                "plugin_added",
                json!({"file": file, "name": name, "version": version.version, "digest": version.digest}),
            ),
            Err(failure) => self.say(
                "plugin_refused",
                json!({"file": file, "error": failure.message()}),
            ),
        }
    }

    fn say(&self, event: &str, facts: Value) {
        let line = match self.json {
            true => {
                let mut line = json!({"event": event, "at_ms": now_ms()});
                if let (Value::Object(line), Value::Object(facts)) = (&mut line, facts) {
                    line.extend(facts);
                }
                safe_text(&line.to_string())
            }
            false => sentence(event, &facts),
        };
        // Whoever listened may have gone. That is no reason to stop, as it is where printing is all
        // that a command does.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}

/// The same for a person.
fn sentence(event: &str, facts: &Value) -> String {
    let text = |name: &str| match &facts[name] {
        Value::String(text) => safe_line(text),
        other => other.to_string(),
    };
    let run = text("run");
    match event {
        "started" => format!(
            "serving {} (process {}, {} runs at once{})",
            text("store"),
            text("pid"),
            text("runs"),
            match facts["bell"] == true {
                true => "",
                false => ", no socket: looking twice a second",
            }
        ),
        "took" => format!("run {run} taken up, {}", text("status")),
        "ended" => format!("run {run} {}", text("status")),
        "rests" if facts["asleep"] == true => format!("run {run} put down until its time comes"),
        "rests" => format!(
            "run {run} {}: put down until somebody answers",
            text("status")
        ),
        "parked" => format!("run {run} parked"),
        "refused" => format!(
            "run {run} cannot be driven, next try in {} s: {}",
            facts["again_in_ms"].as_u64().unwrap_or(0) / 1_000,
            text("error")
        ),
        "owner_silent" => format!(
            "{} (process {}) gives no sign of life for {} s: taking its {} runs",
            text("name"),
            text("pid"),
            facts["silent_ms"].as_u64().unwrap_or(0) / 1_000,
            text("runs")
        ),
        "plugin_added" => format!("plugin {}@{} is live", text("name"), text("version")),
        "stopping" => format!(
            "{}: parking what runs; once more to end at once",
            text("signal")
        ),
        "stopped" => format!("stopped, {} runs parked", text("parked")),
        _ => text(if facts["error"].is_null() {
            "what"
        } else {
            "error"
        }),
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, millis)
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
