//! What may stand on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::settings::ceilings::mebibytes;
use crate::settings::positive;

pub(crate) mod dev;
pub(crate) mod mine;
pub(crate) mod plugins;

/// Runs multi-agent pipelines durably, every agent a sandboxed WebAssembly component.
#[derive(Debug, Parser)]
#[command(name = "menagerie", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 the run failed, 2 wrong use or a bad file, 3 the run waits, 130 interrupted."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) settings: SettingArguments,
    /// Say more about what the host does, on standard error; twice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Settings that every command takes. Each may also stand in the environment or the settings file.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings of the host")]
pub(crate) struct SettingArguments {
    /// The folder of the store where runs are kept
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A folder with plugins, searched before the bundled ones; may be repeated
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) plugins: Vec<PathBuf>,
    /// The folder for compiled plugins
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// The licence file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) licence: Option<PathBuf>,
    /// Guest calls that run at once
    #[arg(long, global = true, value_name = "N", value_parser = positive)]
    pub(crate) slots: Option<usize>,
    /// Guest calls that wait for a slot at once
    #[arg(long, global = true, value_name = "N", value_parser = positive)]
    pub(crate) queue: Option<usize>,
    /// The file with the secrets that grants name, readable by its owner alone
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
    /// How long a guest waits for the outside before its instance makes room
    #[arg(long, global = true, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) suspend_after: Option<std::time::Duration>,
    /// The most memory that a flow may give a guest call on this node, in MiB
    #[arg(long, global = true, value_name = "MIB", value_parser = mebibytes)]
    pub(crate) max_memory_mib: Option<u64>,
    /// Whose plugins are taken: `any`, `signed` (by one of --keys) or `signed-by KEY`
    #[arg(long, global = true, value_name = "POLICY")]
    pub(crate) trust: Option<String>,
    /// A file with a public key as minisign writes it; may be repeated
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
    /// A folder out of which `serve` adds components to the registry as they come
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) watch: Option<PathBuf>,
    /// The settings file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build the bundled plugins and review this repository's own Cargo.lock with them
    Demo(DemoArguments),
    /// Run a flow
    Run(RunArguments),
    /// Go on with a run, or with all that were cut off
    Resume(ResumeArguments),
    /// Drive every run of the store that has something to do, and stay
    Serve(ServeArguments),
    /// Note the present state of a run, to go on from it another time
    Checkpoint(CheckpointArguments),
    /// List the places of a run to go on from
    Checkpoints(CheckpointsArguments),
    /// Go on from a place in a run, as another run
    Fork(ForkArguments),
    /// End a run
    Cancel(CancelArguments),
    /// Let a run start nothing more until it may go on
    Pause(PauseArguments),
    /// Let a paused run go on
    Unpause(UnpauseArguments),
    /// Answer a step that waits for a decision, and go on
    Answer(AnswerArguments),
    /// Take a granted capability from a use of a plugin, from its next host call in the run on
    Revoke(GrantArguments),
    /// Give back a capability that `revoke` took, from the next host call in the run on
    Grant(GrantArguments),
    /// List the artifacts of a run, or write one into a file
    Artifact(ArtifactArguments),
    /// List the runs of the store, or let one go on with another version of a plugin
    Runs(RunsArguments),
    /// Show a run: steps, decisions, fuel, times, errors
    Show(ShowArguments),
    /// Show what happened in a run, event by event
    Events(EventsArguments),
    /// Tell a recorded run again and compare: its decisions, its guest calls
    Replay(ReplayArguments),
    /// Write runs as a log for process mining
    Export(ExportArguments),
    /// Mine processes: models, conformance, figures, of a log or of the store's runs
    Mine(Box<mine::MineArguments>),
    /// Check a flow file, its plugins and their configuration
    Check(CheckArguments),
    /// Print the JSON Schema of flow files
    Schema,
    /// Write the project of a new plugin, which builds and passes its tests
    New(NewArguments),
    /// Build the plugins of a folder
    Build(BuildArguments),
    /// Build a plugin and test it: its own cases in tests/*.toml, then hostile inputs
    Test(TestArguments),
    /// Build a plugin and test it, or run a flow, whenever a file of it changes
    Dev(dev::DevArguments),
    /// Show what a component is, without running it
    Inspect(InspectArguments),
    /// Keep versions of plugins in the store: what is added goes live when it has passed all checks
    Plugins(Box<plugins::PluginsArguments>),
    /// Copy the whole store into one file, while runs go on
    Backup(BackupArguments),
    /// Make a store out of a backup, in an empty folder
    Restore(RestoreArguments),
    /// Remove ended runs past their time and what nothing refers to, while runs go on
    Vacuum(VacuumArguments),
    /// Show every setting and where its value comes from
    Config(ConfigArguments),
    /// Check that everything the host needs is there
    Doctor(DoctorArguments),
}

impl Command {
    /// Whether a program reads the answer, and a failure is one, too.
    pub(crate) fn answers_json(&self) -> bool {
        match self {
            Self::Demo(demo) => demo.json,
            Self::Run(run) => run.json,
            Self::Resume(resume) => resume.json,
            Self::Serve(serve) => serve.json,
            Self::Pause(pause) => pause.json,
            Self::Unpause(unpause) => unpause.json,
            Self::Cancel(cancel) => cancel.json,
            Self::Answer(answer) => answer.json,
            Self::Revoke(grant) | Self::Grant(grant) => grant.json,
            Self::Artifact(artifact) => artifact.json,
            Self::Runs(runs) => match &runs.command {
                Some(RunsArgument::Migrate(migrate)) => migrate.json,
                None => runs.json,
            },
            Self::Show(show) => show.json,
            Self::Checkpoint(checkpoint) => checkpoint.json,
            Self::Checkpoints(checkpoints) => checkpoints.json,
            Self::Fork(fork) => fork.json,
            Self::Plugins(plugins) => plugins.command.answers_json(),
            Self::Backup(backup) => backup.json,
            Self::Restore(restore) => restore.json,
            Self::Vacuum(vacuum) => vacuum.json,
            Self::Events(events) => events.json,
            Self::Replay(replay) => replay.json,
            Self::Mine(mine) => mine.command.answers_json(),
            Self::Check(check) => check.json,
            Self::Build(build) => build.json,
            Self::Test(test) => test.json,
            Self::Dev(dev) => dev.json,
            Self::Inspect(inspect) => inspect.json,
            Self::Config(config) => config.json,
            Self::Doctor(doctor) => doctor.json,
            Self::Export(_) | Self::New(_) | Self::Schema => false,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Print one JSON document instead of the report
    #[arg(long)]
    pub(crate) json: bool,
    /// The id of the run; made up when left out
    #[arg(long, value_name = "KEY")]
    pub(crate) id: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The flow file
    pub(crate) flow: PathBuf,
    /// The run's input: JSON, or @FILE (JSON, or text where the flow names a field for it)
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) input: Option<String>,
    /// Give the run this file as an artifact, which goes with its input; may be repeated
    #[arg(long, value_name = "FILE[=TYPE]")]
    pub(crate) attach: Vec<String>,
    /// The id of the run: starting it again with the same input is the same run
    #[arg(long, value_name = "KEY")]
    pub(crate) id: Option<String>,
    /// File the run under this session
    #[arg(long, value_name = "NAME")]
    pub(crate) session: Option<String>,
    /// Leave the run to `menagerie serve`: print its id and return
    #[arg(long)]
    pub(crate) detach: bool,
    /// Print one JSON document instead of the report
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArguments {
    /// The run's id, or `last`; all unfinished runs when left out
    pub(crate) run: Option<String>,
    /// Take the run from whoever has it, such as a process that hangs; what that one still commits is
    /// refused
    #[arg(long, requires = "run")]
    pub(crate) take_over: bool,
    /// Go on from this checkpoint or step instead, as a run that takes this one's place
    #[arg(long, value_name = "CHECKPOINT|STEP", requires = "run")]
    pub(crate) from: Option<String>,
    /// The id of that run
    #[arg(long, value_name = "KEY", requires = "from")]
    pub(crate) id: Option<String>,
    /// Print one JSON document a run
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Runs in hand at once; the others wait in the store
    #[arg(long, value_name = "N", default_value = "256", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: u32,
    /// Take the runs of an owner that gives no sign of life for so long; `0s` leaves them with it
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = patience)]
    pub(crate) hung_after: std::time::Duration,
    /// Print one JSON document for each thing that happens
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArguments {
    /// The run's id, or `last`
    pub(crate) run: String,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UnpauseArguments {
    /// The run's id, or `last`
    pub(crate) run: String,
    /// Print one JSON document instead of the report
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckpointArguments {
    /// The run's id, or `last`
    pub(crate) run: String,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: String,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GrantArguments {
    /// The run's id, or `last`
    pub(crate) run: String,
    /// An agent of the flow; or `strategy`, or `aggregator:NAME`
    pub(crate) role: String,
    /// `http`, `shared` or `artifacts`
    pub(crate) capability: String,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ArtifactArguments {
    /// The run's id, or `last`
    pub(crate) run: String,
    /// The artifact's id; all are listed when left out
    pub(crate) artifact: Option<String>,
    /// Write its content there
    #[arg(short, long, value_name = "FILE", requires = "artifact")]
    pub(crate) output: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckpointsArguments {
    /// The run's id, or `last`
    pub(crate) run: String,
    /// Print a JSON list, each with the state of the run there
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ForkArguments {
    /// The run's id, or `last`; it stays as it is
    pub(crate) run: String,
    /// A checkpoint, or a step: right behind its end
    #[arg(long, value_name = "CHECKPOINT|STEP")]
    pub(crate) at: String,
    /// Another input: JSON or @FILE. What no step has written to is replaced for all that is still
    /// to be done
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) input: Option<String>,
    /// The id of the new run: forking again at the same place with the same input is the same run
    #[arg(long, value_name = "KEY")]
    pub(crate) id: Option<String>,
    /// Print one JSON document instead of the report
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArguments {
    /// The run's id, or `last`
    pub(crate) run: String,
    /// Why, for the record
    #[arg(long, default_value = "no reason given")]
    pub(crate) reason: String,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "menagerie answer [OPTIONS] <RUN> retry|skip|reroute AGENT|abort|continue"
)]
pub(crate) struct AnswerArguments {
    /// The run's id, or `last`
    pub(crate) run: String,
    /// What becomes of the step
    #[arg(value_enum)]
    pub(crate) answer: AnswerWord,
    /// The agent that is to do it instead, behind `reroute`
    pub(crate) agent: Option<String>,
    /// Something for the agent to know when it tries again; may be repeated
    #[arg(long = "hint", value_name = "NAME=JSON")]
    pub(crate) hints: Vec<String>,
    /// The step's id, where more than one waits
    #[arg(long, value_name = "STEP")]
    pub(crate) step: Option<String>,
    /// Print one JSON document instead of the report
    #[arg(long)]
    pub(crate) json: bool,
}

/// Operands, not commands: a run may be called like one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnswerWord {
    /// Run the step's agent, again or for the first time
    Retry,
    /// Leave the step out
    Skip,
    /// Let another agent do it
    Reroute,
    /// End the run
    Abort,
    /// Go on as if the step had completed
    Continue,
}

/// How a run can stand, as stores name it.
const STATUSES: [&str; 9] = [
    "queued",
    "running",
    "waiting",
    "pausing",
    "paused",
    "parked",
    "completed",
    "failed",
    "cancelled",
];

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RunsArguments {
    #[command(subcommand)]
    pub(crate) command: Option<RunsArgument>,
    /// Only runs of this status
    #[arg(long, value_parser = STATUSES)]
    pub(crate) status: Option<String>,
    /// Only runs of this flow
    #[arg(long)]
    pub(crate) flow: Option<String>,
    /// How many, the newest first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// Print a JSON list
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be done with runs beside listing them.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsArgument {
    /// Let an unfinished run go on with another version of a plugin, if that holds in what is recorded
    Migrate(MigrateArguments),
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArguments {
    /// The run's id, or `last`
    pub(crate) run: String,
    /// A role, an agent's or aggregator's name, or a plugin's name, and a version in the registry or a
    /// digest
    #[arg(required = true, value_name = "NAME=name@version|NAME=DIGEST")]
    pub(crate) versions: Vec<String>,
    /// How alike the versions must be; `decision` for strategies and `schema` for others when left out
    #[arg(long, value_enum)]
    pub(crate) level: Option<ReplayLevel>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The run's id, or `last`
    pub(crate) run: String,
    /// Show what happened when, with waits by their cause
    #[arg(long)]
    pub(crate) timeline: bool,
    /// Draw that into a file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["timeline", "json"])]
    pub(crate) svg: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArguments {
    /// The run's id, or `last`
    pub(crate) run: String,
    /// Go on as events come, until the run ends
    #[arg(long)]
    pub(crate) follow: bool,
    /// Print one JSON document a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 equal, 1 it differs (the first step, field and both values are named), 2 wrong use.\nNothing is written, and nothing outside is asked: host calls are answered from the record alone."
)]
pub(crate) struct ReplayArguments {
    /// The run's id, or `last`
    pub(crate) run: String,
    /// Make the calls of a plugin with another version of it: a role, an agent's or aggregator's
    /// name, or a plugin's name, and a component; may be repeated
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) with: Vec<String>,
    /// How alike the versions must be; `decision` for strategies and `schema` for others when left out
    #[arg(long, value_enum, requires = "with")]
    pub(crate) level: Option<ReplayLevel>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ReplayLevel {
    /// Nothing fails that did not fail
    Fails,
    /// And outputs have the same shape
    Schema,
    /// And the routes and endings are the same
    Decision,
    /// And outputs are the same bit for bit
    Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ExportFormat {
    /// IEEE 1849 XES
    Xes,
    /// One JSON document a line
    Jsonl,
    /// One run with its flow, its events as the journal has them, and the documents beside them
    History,
}

#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct ExportArguments {
    /// The run's id, or `last`
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) run: Option<String>,
    /// Every run of the store
    #[arg(long)]
    pub(crate) all: bool,
    /// The format
    #[arg(long, value_enum, default_value = "xes")]
    pub(crate) format: ExportFormat,
    /// Where to write; standard output when left out
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What a history shows, for people
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) about: String,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The flow file
    pub(crate) flow: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum NewKind {
    /// Works on tasks
    Agent,
    /// Decides what a pipeline does next
    Strategy,
    /// Decides what a group of pipelines does next
    GroupStrategy,
    /// Joins results
    Aggregator,
    /// Decides between results
    Arbiter,
}

impl NewKind {
    pub(crate) fn token(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Strategy => "strategy",
            Self::GroupStrategy => "group-strategy",
            Self::Aggregator => "aggregator",
            Self::Arbiter => "arbiter",
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum NewLanguage {
    /// Rust
    Rust,
    /// Python
    Python,
    /// JavaScript
    Js,
    /// TypeScript
    Ts,
    /// C
    C,
    /// Go
    Go,
}

impl NewLanguage {
    pub(crate) fn written(self) -> menagerie_builder::Written {
        use menagerie_builder::Written;
        match self {
            Self::Rust => Written::Rust,
            Self::Python => Written::Python,
            Self::Js => Written::JavaScript,
            Self::Ts => Written::TypeScript,
            Self::C => Written::C,
            Self::Go => Written::Go,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct NewArguments {
    /// What the plugin is for
    #[arg(value_enum)]
    pub(crate) kind: NewKind,
    /// Its name, and that of its folder
    pub(crate) name: String,
    /// The language
    #[arg(long, value_enum, default_value = "rust")]
    pub(crate) lang: NewLanguage,
    /// Grants that it asks for, such as `http`
    #[arg(long, value_name = "GRANT", value_delimiter = ',')]
    pub(crate) with: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BuildArguments {
    /// The folder of a plugin, or of a workspace of plugins
    pub(crate) dir: PathBuf,
    /// Where the components go; `target/guests/components` below the folder when left out
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Download nothing
    #[arg(long)]
    pub(crate) offline: bool,
    /// Print a JSON list
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 all passed, 1 some failed, 2 wrong use, or it does not build.\nNothing outside is asked. A failure is kept in target/failed-cases, to be made again with --replay."
)]
pub(crate) struct TestArguments {
    /// The folder of a plugin
    pub(crate) dir: PathBuf,
    /// Test this component, which something else has built, with the folder's cases
    #[arg(long, value_name = "FILE", conflicts_with = "offline")]
    pub(crate) component: Option<PathBuf>,
    /// Only make this failed call again
    #[arg(long, value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,
    /// Download nothing
    #[arg(long)]
    pub(crate) offline: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// The component
    pub(crate) file: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    /// The file to be made
    pub(crate) file: PathBuf,
    /// Replace a file that is there already
    #[arg(long)]
    pub(crate) replace: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The backup
    pub(crate) file: PathBuf,
    /// Only read the backup and verify all of it
    #[arg(long)]
    pub(crate) check: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VacuumArguments {
    /// Keep ended runs whose last event is no older than this, such as `30d`; all when neither this
    /// nor --keep-last is given
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) keep: Option<std::time::Duration>,
    /// Keep the newest so many ended runs
    #[arg(long, value_name = "N")]
    pub(crate) keep_last: Option<u64>,
    /// Only say what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Read the whole store and verify every hash in it
    #[arg(long)]
    pub(crate) store: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// How long to wait for a sign of life. Signs come twice a second: less than two seconds would take
/// runs from owners that are merely busy.
fn patience(text: &str) -> Result<std::time::Duration, String> {
    let shortest = std::time::Duration::from_secs(2);
    match humantime::parse_duration(text).map_err(|error| error.to_string())? {
        given if given.is_zero() || given >= shortest => Ok(given),
        given => Err(format!(
            "{} is too short, expected 2s or more, or 0s to leave every run with its owner",
            humantime::format_duration(given)
        )),
    }
}
