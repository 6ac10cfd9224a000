//! `menagerie mine conform`.

use std::path::Path;
use std::process::ExitCode;

use menagerie_mining::conform::{
    Alignment, TokenCounts, Unknown, align, diagnose, precisions, replay,
};
use menagerie_mining::document::{MOST_BYTES, text_of};
use menagerie_mining::log::{Variant, Variants};
use menagerie_mining::net::{PetriNet, Task, read_pnml};
use menagerie_mining::shapes::{
    AlignedVariant, AlignmentShape, PrecisionShape, ReplayShape, ReplayedVariant,
};
use menagerie_orchestration::flow::{Flow, OnFailure};
use serde_json::json;

use super::source::Source;
use super::table;
use crate::arguments::mine::{ConformArguments, ConformMethod};
use crate::commands::run::read_flow;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::terminal::text::safe_line;

/// The most sentences that a person is told.
const SENTENCES: usize = 10;

pub(super) async fn conform(
    settings: &Settings,
    arguments: ConformArguments,
) -> Result<ExitCode, Failure> {
    let net = model(&arguments.model)?;
    let source = Source::open(settings, arguments.log.as_deref(), &arguments.reading).await?;
    let variants = source.variants();
    let precision = if arguments.precision {
        let unknown = match arguments.method {
            ConformMethod::Align => Unknown::NotAccepted,
            ConformMethod::Replay => Unknown::PassedOver,
        };
        let both =
            precisions(&net, &variants, unknown).map_err(|error| refused(&arguments, &error))?;
        let all = both.all_ways;
        let one = both.one_way.unwrap_or(all);
        Some(PrecisionShape {
            precision: one.precision,
            precision_all_ways: all.precision,
        })
    } else {
        None
    };
    let answer = match arguments.method {
        ConformMethod::Align => json!(aligned(&net, &variants, &arguments, precision)?),
        ConformMethod::Replay => json!(replayed(&net, &variants, &arguments, precision)?),
    };
    if arguments.json {
        println!("{answer}");
    } else if let Some(PrecisionShape {
        precision,
        precision_all_ways: all,
    }) = precision
    {
        println!("precision: {precision:.4}");
        if (precision - all).abs() > f64::EPSILON {
            println!("over all ways through silent transitions: {all:.4}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn refused(arguments: &ConformArguments, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("{}: {error}", arguments.model.display()))
}

fn aligned(
    net: &PetriNet,
    variants: &Variants,
    arguments: &ConformArguments,
    precision: Option<PrecisionShape>,
) -> Result<AlignmentShape, Failure> {
    let found = align(net, variants).map_err(|error| refused(arguments, &error))?;
    let summary = found.summary;
    let diagnosis = diagnose(net, variants, &found);
    if !arguments.json {
        println!(
            "{} of {} cases fit ({:.2} %); {} deviations; fitness {:.4} of the log, {:.4} in the mean",
            summary.fitting_traces,
            summary.traces,
            summary.percent_fitting,
            summary.total_cost,
            summary.log_fitness,
            summary.average_fitness
        );
        let sentences = diagnosis
            .iter()
            .flat_map(|one| one.sentences(summary.traces));
        sentences
            .take(SENTENCES)
            .for_each(|sentence| println!("{}", safe_line(&sentence)));
    }
    let aligned = |(variant, alignment): (&Variant, &Alignment)| AlignedVariant {
        activities: names(variants, variant),
        count: variant.count,
        cost: alignment.cost,
        fitness: alignment.fitness,
    };
    Ok(AlignmentShape {
        summary,
        precision,
        activities: diagnosis,
        variants: variants
            .list
            .iter()
            .zip(&found.of_variants)
            .map(aligned)
            .collect(),
    })
}

fn names(variants: &Variants, variant: &Variant) -> Vec<String> {
    variant
        .path
        .iter()
        .map(|one| variants.name(*one).to_owned())
        .collect()
}

fn replayed(
    net: &PetriNet,
    variants: &Variants,
    arguments: &ConformArguments,
    precision: Option<PrecisionShape>,
) -> Result<ReplayShape, Failure> {
    let found = replay(net, variants).map_err(|error| refused(arguments, &error))?;
    let summary = found.summary;
    if !arguments.json {
        println!(
            "{} of {} cases fit ({}); fitness {:.4} of the log, {:.4} in the mean",
            summary.fitting_traces,
            summary.traces,
            table::percent(summary.percent_fitting / 100.0),
            summary.log_fitness,
            summary.average_fitness
        );
        let tokens = summary.tokens;
        println!(
            "tokens: {} missing of {} consumed, {} remaining of {} produced",
            tokens.missing, tokens.consumed, tokens.remaining, tokens.produced
        );
    }
    let replayed = |(variant, counts): (&Variant, &TokenCounts)| ReplayedVariant {
        activities: names(variants, variant),
        count: variant.count,
        tokens: *counts,
        fitness: counts.fitness(),
    };
    Ok(ReplayShape {
        summary,
        precision,
        variants: variants
            .list
            .iter()
            .zip(&found.of_variants)
            .map(replayed)
            .collect(),
    })
}

/// The net of a file: PNML, or what a flow file declares.
pub(super) fn model(path: &Path) -> Result<PetriNet, Failure> {
    let in_file =
        |problem: &dyn std::fmt::Display| Failure::usage(format!("{}: {problem}", path.display()));
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Ok(of_flow(&read_flow(path)?.parsed.flow)),
        Some("pnml" | "xml") => {
            // ProM declares ISO-8859-1: what the declaration says is how it is read.
            let bytes = std::fs::read(path)
                .map_err(|error| in_file(&format!("cannot be read: {error}")))?;
            let text = text_of(&bytes, MOST_BYTES).map_err(|error| in_file(&error))?;
            read_pnml(&text).map_err(|error| in_file(&error))
        }
        _ => Err(in_file(&"found another ending, expected .pnml or .toml")),
    }
}

/// What a flow declares: each agent after those that it names, once; a fallback in the place of its agent.
pub(super) fn of_flow(flow: &Flow) -> PetriNet {
    let stands_in = |name: &str| {
        flow.agents
            .iter()
            .any(|agent| agent.fallback.as_deref() == Some(name))
            && !flow
                .agents
                .iter()
                .any(|agent| agent.name == name && !agent.after.is_empty())
            && !flow
                .agents
                .iter()
                .any(|agent| agent.after.iter().any(|before| before == name))
    };
    let tasks: Vec<_> = flow
        .agents
        .iter()
        .filter(|agent| !stands_in(&agent.name))
        .collect();
    let place = |name: &String| tasks.iter().position(|agent| agent.name == *name);
    let declared: Vec<Task> = tasks
        .iter()
        .map(|agent| Task {
            name: agent.name.clone(),
            after: agent.after.iter().filter_map(place).collect(),
            skippable: agent.on_failure == OnFailure::Skip,
            instead: agent.fallback.iter().cloned().collect(),
        })
        .collect();
    PetriNet::of_order(&declared)
}
