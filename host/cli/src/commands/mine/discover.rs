//! `menagerie mine discover`.

use std::path::Path;
use std::process::ExitCode;

use menagerie_mining::conform::{NetError, soundness};
use menagerie_mining::discover::{Graph, HeuristicsNet, Thresholds, alpha, heuristics, inductive};
use menagerie_mining::log::Variants;
use menagerie_mining::net::{PetriNet, write_bpmn, write_bpmn_of_heuristics, write_pnml};
use menagerie_mining::picture::{self, Show};
use serde_json::{Value, json};

use super::source::Source;
use super::table;
use crate::arguments::mine::{Algorithm, DiscoverArguments, ModelFormat, ShowChoice};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::terminal::text::safe_line;

pub(super) async fn discover(
    settings: &Settings,
    arguments: DiscoverArguments,
) -> Result<ExitCode, Failure> {
    let format = format(&arguments)?;
    let source = Source::open(settings, arguments.log.as_deref(), &arguments.reading).await?;
    let variants = source.variants();
    let found = Found::new(&arguments, &source, &variants);
    let text = found.written(format, &arguments)?;
    if arguments.net || matches!(format, ModelFormat::Pnml | ModelFormat::Bpmn) {
        found.warn();
    }
    if arguments.output.is_none() && format == ModelFormat::Text {
        println!("{}", text.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let told = format!(
        "{} activities, {} cases, {} variants",
        variants.activities.len(),
        variants.total(),
        variants.list.len()
    );
    super::write(&text, arguments.output.as_deref(), &told)?;
    Ok(ExitCode::SUCCESS)
}

/// What was asked for, else what the file's name says, else text.
fn format(arguments: &DiscoverArguments) -> Result<ModelFormat, Failure> {
    if let Some(format) = arguments.format {
        return Ok(format);
    }
    if arguments.json {
        return Ok(ModelFormat::Json);
    }
    let Some(path) = &arguments.output else {
        return Ok(ModelFormat::Text);
    };
    match Path::new(path)
        .extension()
        .and_then(|extension| extension.to_str())
    {
        Some("json") => Ok(ModelFormat::Json),
        Some("dot" | "gv") => Ok(ModelFormat::Dot),
        Some("bpmn") => Ok(ModelFormat::Bpmn),
        Some("svg") => Ok(ModelFormat::Svg),
        Some("pnml") => Ok(ModelFormat::Pnml),
        Some("txt") => Ok(ModelFormat::Text),
        _ => Err(Failure::usage(format!(
            "{}: what is to be written cannot be told by this name; say it with --format",
            path.display()
        ))),
    }
}

/// A model, ready to be written.
struct Found<'a> {
    variants: &'a Variants,
    model: Model,
}

enum Model {
    Graph(Graph),
    Heuristics(HeuristicsNet),
    Alpha(PetriNet),
    Inductive(menagerie_mining::discover::Tree),
}

impl<'a> Found<'a> {
    fn new(arguments: &DiscoverArguments, source: &Source, variants: &'a Variants) -> Self {
        let model = match arguments.algorithm {
            Algorithm::Dfg => {
                let graph = Graph::of(&source.log, variants, source.occurrences);
                Model::Graph(graph.simplified(arguments.least))
            }
            Algorithm::Alpha => {
                Model::Alpha(PetriNet::of_alpha(&alpha(variants), &variants.activities))
            }
            Algorithm::Heuristics => {
                Model::Heuristics(heuristics(variants, &Thresholds::default()))
            }
            Algorithm::Inductive => Model::Inductive(inductive(variants, arguments.noise)),
        };
        Self { variants, model }
    }

    fn written(
        &self,
        format: ModelFormat,
        arguments: &DiscoverArguments,
    ) -> Result<String, Failure> {
        let none = |what: &str| {
            Err(Failure::usage(format!(
                "--algorithm {} finds no {what}; --algorithm inductive does",
                match arguments.algorithm {
                    Algorithm::Dfg => "dfg",
                    Algorithm::Alpha => "alpha",
                    Algorithm::Heuristics => "heuristics",
                    Algorithm::Inductive => "inductive",
                }
            )))
        };
        Ok(match (format, &self.model) {
            (ModelFormat::Json, Model::Heuristics(_)) if arguments.net => {
                format!("{}\n", json!({"net": self.net()}))
            }
            (ModelFormat::Json, _) => format!("{}\n", self.json()),
            (ModelFormat::Dot, Model::Graph(graph)) => graph.dot(),
            (ModelFormat::Dot, Model::Heuristics(net)) if !arguments.net => net.dot(),
            (ModelFormat::Text, Model::Graph(graph)) => return Ok(graph_text(graph)),
            (ModelFormat::Text, Model::Heuristics(net)) if !arguments.net => {
                return Ok(heuristics_text(net));
            }
            (ModelFormat::Text, Model::Heuristics(net)) => net_text(&PetriNet::of_heuristics(net)),
            (ModelFormat::Text, Model::Inductive(tree)) => {
                tree.named(&self.variants.activities).to_string()
            }
            (ModelFormat::Text, Model::Alpha(net)) => net_text(net),
            (ModelFormat::Svg, Model::Graph(graph)) => picture::process_map(
                graph,
                match arguments.show {
                    ShowChoice::Frequency => Show::Frequency,
                    ShowChoice::Time => Show::Time,
                },
            ),
            (ModelFormat::Svg, Model::Inductive(tree)) if !arguments.net => {
                picture::process_tree(tree, &self.variants.activities)
            }
            (ModelFormat::Svg, Model::Heuristics(net)) if !arguments.net => {
                picture::process_map(&net.graph(self.variants.total()), Show::Frequency)
            }
            (ModelFormat::Svg, _) => self
                .net()
                .map(|net| picture::petri_net(&net))
                .unwrap_or_default(),
            (ModelFormat::Dot, _) => self.net().map(|net| net.dot()).unwrap_or_default(),
            (ModelFormat::Bpmn, Model::Inductive(tree)) => {
                let mut bytes = Vec::new();
                write_bpmn(&mut bytes, tree, &self.variants.activities)?;
                String::from_utf8_lossy(&bytes).into_owned()
            }
            (ModelFormat::Bpmn, Model::Heuristics(net)) => {
                let mut bytes = Vec::new();
                write_bpmn_of_heuristics(&mut bytes, net)?;
                String::from_utf8_lossy(&bytes).into_owned()
            }
            (ModelFormat::Bpmn, _) => return none("process tree, which BPMN is made of"),
            (ModelFormat::Pnml, _) => {
                let Some(net) = self.net() else {
                    return none("net");
                };
                let mut bytes = Vec::new();
                write_pnml(&mut bytes, &net)?;
                String::from_utf8_lossy(&bytes).into_owned()
            }
        })
    }

    /// Tells what is not promised of a net of heuristics.
    fn warn(&self) {
        let Model::Heuristics(found) = &self.model else {
            return;
        };
        let kept = found.on_a_way();
        for (name, _) in found.activities.iter().zip(kept).filter(|(_, kept)| !kept) {
            eprintln!(
                "`{}` lies on no way from beginning to end, and is left out of the net",
                safe_line(name)
            );
        }
        match soundness(&PetriNet::of_heuristics(found)) {
            Ok(reasons) => {
                for reason in reasons {
                    eprintln!("the net is not sound: {}", safe_line(&reason.to_string()));
                }
            }
            Err(error @ NetError::TooLarge { .. }) => {
                eprintln!("whether the net is sound is not known: {error}");
            }
            Err(error) => eprintln!("the net is not sound: {}", safe_line(&error.to_string())),
        }
    }

    fn net(&self) -> Option<PetriNet> {
        match &self.model {
            Model::Alpha(net) => Some(net.clone()),
            Model::Inductive(tree) => Some(PetriNet::of_tree(tree, &self.variants.activities)),
            Model::Heuristics(net) => Some(PetriNet::of_heuristics(net)),
            Model::Graph(_) => None,
        }
    }

    fn json(&self) -> Value {
        match &self.model {
            Model::Graph(graph) => json!(graph),
            Model::Heuristics(net) => json!(net),
            Model::Alpha(net) => json!({"net": net}),
            Model::Inductive(tree) => json!({
                "tree": tree.named(&self.variants.activities),
                "text": tree.named(&self.variants.activities).to_string(),
                "net": self.net(),
            }),
        }
    }
}

fn graph_text(graph: &Graph) -> String {
    let mut edges: Vec<_> = graph.edges.iter().collect();
    edges.sort_by_key(|edge| std::cmp::Reverse(edge.count));
    let name = |activity: u32| graph.activities[activity as usize].to_string();
    let row = |edge: &&menagerie_mining::discover::Edge| {
        vec![
            format!("{} -> {}", name(edge.from), name(edge.to)),
            edge.count.to_string(),
            table::length(edge.times.map(|times| times.mean())),
            table::length(edge.times.map(|times| times.median)),
            table::length(edge.times.map(|times| times.max)),
        ]
    };
    let rows: Vec<Vec<String>> = edges.iter().map(row).collect();
    table::text(&["EDGE", "COUNT", "MEAN", "MEDIAN", "LONGEST"], &rows)
}

fn heuristics_text(net: &HeuristicsNet) -> String {
    let name = |activity: u32| net.activities[activity as usize].to_string();
    let rows: Vec<Vec<String>> = net
        .edges
        .iter()
        .map(|edge| {
            vec![
                format!("{} -> {}", name(edge.from), name(edge.to)),
                edge.count.to_string(),
                format!("{:.3}", edge.dependency),
            ]
        })
        .collect();
    table::text(&["EDGE", "COUNT", "DEPENDENCY"], &rows)
}

fn net_text(net: &PetriNet) -> String {
    let row = |place: usize| {
        let around =
            |side: fn(&menagerie_mining::net::Transition) -> &menagerie_mining::net::Tokens| {
                let transitions = net.transitions.iter().filter(|transition| {
                    side(transition).iter().any(|(id, _)| *id as usize == place)
                });
                let names: Vec<&str> = transitions
                    .map(|transition| transition.label.as_deref().unwrap_or("(silent)"))
                    .collect();
                names.join(", ")
            };
        vec![
            around(|transition| &transition.outputs),
            around(|transition| &transition.inputs),
        ]
    };
    let rows: Vec<Vec<String>> = (0..net.places.len()).map(row).collect();
    table::text(&["AFTER", "BEFORE"], &rows)
}
