//! What may stand after `menagerie mine`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `menagerie mine`.
#[derive(Debug, Args)]
#[command(
    after_help = "LOG is a file: XES, plain or gzip, CSV with a header, or OCEL 2.0 as JSON, XML or SQLite; from PM4Py, ProM, or anybody. Without one, the runs of the store are mined."
)]
pub(crate) struct MineArguments {
    #[command(subcommand)]
    pub(crate) command: MineCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MineCommand {
    /// Find a model of what happens: a map, a process tree, a net
    Discover(DiscoverArguments),
    /// Compare a log with what should happen: a net, or a flow file
    Conform(ConformArguments),
    /// Times, waiting and its causes, failures, retries, money
    Metrics(LogArguments),
    /// The different ways that cases go, the most frequent first
    Variants(LogArguments),
    /// What differs between two logs, and whether that may be chance
    Compare(CompareArguments),
    /// Find where in a log its process changes
    Drift(LogArguments),
    /// Draw events or work over time
    Chart(ChartArguments),
    /// Look on at the store's runs: the map, bottlenecks, deviations
    Watch(WatchArguments),
    /// Print the JSON Schema of an answer
    Schema(SchemaArguments),
    /// Write a log in another form: XES, XES.gz, CSV, OCEL 2.0
    Convert(ConvertArguments),
}

impl MineCommand {
    /// Whether a program reads the answer, and a failure is one, too.
    pub(crate) fn answers_json(&self) -> bool {
        match self {
            Self::Discover(discover) => {
                discover.json || matches!(discover.format, Some(ModelFormat::Json))
            }
            Self::Conform(conform) => conform.json,
            Self::Metrics(metrics) => metrics.json,
            Self::Variants(variants) => variants.json,
            Self::Compare(compare) => compare.json,
            Self::Drift(drift) => drift.json,
            Self::Chart(_) | Self::Schema(_) => false,
            Self::Watch(watch) => watch.json,
            Self::Convert(convert) => convert.json,
        }
    }
}

/// How a log is read.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ReadingArguments {
    /// Mine the runs of the store, as without a LOG
    #[arg(long)]
    pub(crate) store: bool,
    /// The attribute that names the activity; `org:resource` gives a map of who follows whom
    #[arg(long, value_name = "KEY", default_value = "concept:name")]
    pub(crate) activity_key: String,
    /// Which events count: those with which work is complete, or all
    #[arg(long, value_enum, default_value_t)]
    pub(crate) lifecycle: LifecycleChoice,
    /// Refuse what the schema of XES forbids, rather than tell it
    #[arg(long)]
    pub(crate) strict: bool,
    /// Decisions of strategies as activities, too, where the runs of the store are mined
    #[arg(long)]
    pub(crate) decisions: bool,
    /// Calls of the outside as activities, too, where the runs of the store are mined
    #[arg(long)]
    pub(crate) calls: bool,
    /// The column of a table that names the case
    #[arg(long, value_name = "COLUMN")]
    pub(crate) case_column: Option<String>,
    /// The column of a table that names the activity
    #[arg(long, value_name = "COLUMN")]
    pub(crate) activity_column: Option<String>,
    /// The column of a table with the time
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time_column: Option<String>,
    /// The type of object whose objects are the cases, where an object-centric log is mined
    #[arg(long, value_name = "TYPE")]
    pub(crate) object_type: Option<String>,
    #[command(flatten)]
    pub(crate) selection: SelectionArguments,
}

/// What of a log is looked at.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArguments {
    /// Only events of this activity; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// No events of this activity; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) without: Vec<String>,
    /// Only cases with an event of this activity; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) with: Vec<String>,
    /// Only this case; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) case: Vec<String>,
    /// Only cases that begin at this time or later, as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Only cases that end before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only the cases of the N most frequent variants
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// Only the most frequent variants that cover this share of the cases, from 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) coverage: Option<f64>,
}

/// A number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let number = text
        .parse::<f64>()
        .ok()
        .filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LifecycleChoice {
    /// Events that say `complete`, or nothing
    #[default]
    Complete,
    /// Every event
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Algorithm {
    /// What directly follows what, with counts and times
    Dfg,
    /// The classic alpha algorithm
    Alpha,
    /// Dependencies by how often one thing follows another
    Heuristics,
    /// The inductive miner: a sound model
    Inductive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModelFormat {
    /// For people, in the terminal
    Text,
    /// For programs
    Json,
    /// For Graphviz
    Dot,
    /// A picture
    Svg,
    /// A Petri net for ProM, PM4Py and others
    Pnml,
    /// BPMN 2.0 with its diagram, for modelling tools; inductive only
    Bpmn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowChoice {
    /// How often
    Frequency,
    /// How long
    Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChartKind {
    /// Each event as a dot, by the calendar
    Dots,
    /// Each event as a dot, by the time since its case began
    RelativeDots,
    /// The work of one case as bars
    Gantt,
}

#[derive(Debug, Args)]
pub(crate) struct ChartArguments {
    /// The log; without it, the runs of the store
    pub(crate) log: Option<PathBuf>,
    /// The chart
    #[arg(long, value_enum, default_value = "dots")]
    pub(crate) kind: ChartKind,
    /// The SVG to write, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

#[derive(Debug, Args)]
pub(crate) struct DiscoverArguments {
    /// The log; without it, the runs of the store
    pub(crate) log: Option<PathBuf>,
    /// The algorithm
    #[arg(long, value_enum, default_value = "dfg")]
    pub(crate) algorithm: Algorithm,
    /// What is rarer than this share of its like is not looked at; inductive only
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    pub(crate) noise: f64,
    /// Edges that were taken less often are left out, as far as all stays connected; dfg only
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) least: u64,
    /// The Petri net rather than the process tree or the heuristics net; .pnml and .bpmn are always nets
    #[arg(long)]
    pub(crate) net: bool,
    /// What a map's arrows say; dfg as svg only
    #[arg(long, value_enum, default_value = "frequency")]
    pub(crate) show: ShowChoice,
    /// What is written: text to a terminal, else by the name of the file
    #[arg(long, value_enum)]
    pub(crate) format: Option<ModelFormat>,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The same as --format json
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConformMethod {
    /// The fewest deviations, exactly
    Align,
    /// Missing and remaining tokens
    Replay,
}

#[derive(Debug, Args)]
pub(crate) struct ConformArguments {
    /// The log; without it, the runs of the store
    pub(crate) log: Option<PathBuf>,
    /// What should happen: a Petri net (.pnml) or a flow file (.toml)
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    /// How they are compared
    #[arg(long, value_enum, default_value = "align")]
    pub(crate) method: ConformMethod,
    /// Also how much the model allows that never happens
    #[arg(long)]
    pub(crate) precision: bool,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

/// A log and how it is read, for commands that take nothing else.
#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    /// The log; without it, the runs of the store
    pub(crate) log: Option<PathBuf>,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// One log
    pub(crate) before: PathBuf,
    /// Another log
    pub(crate) after: PathBuf,
    /// Print a JSON document
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArguments {
    /// What should happen: a Petri net (.pnml) or a flow file (.toml)
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
    /// End after this time; without it, on an interrupt
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) r#for: Option<std::time::Duration>,
    /// Print a JSON document on a line whenever something has changed
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArguments {
    /// The log, or `runs` for the runs of the store
    pub(crate) input: PathBuf,
    /// The file to write: .xes, .xes.gz, .csv, or OCEL 2.0 as .jsonocel, .xmlocel or .sqlite
    pub(crate) output: PathBuf,
    /// Print a JSON document about what was written
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reading: ReadingArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShapeChoice {
    /// Of `discover --algorithm dfg`
    Discover,
    /// Of `variants`
    Variants,
    /// Of `conform --method align`
    ConformAlign,
    /// Of `conform --method replay`
    ConformReplay,
    /// Of `metrics`
    Metrics,
    /// Of `compare`
    Compare,
    /// Of `drift`
    Drift,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArguments {
    /// The answer
    #[arg(value_enum)]
    pub(crate) of: ShapeChoice,
}
