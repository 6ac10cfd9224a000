//! What the crate `process_mining` takes for the same work, in the form of `benches/mining.rs`.
//!
//! `mining-peers LOG.xes NET.pnml…`; the log is read from memory, uncompressed, as ours is. The crate aligns on all
//! cores, ours on one.

use std::hint::black_box;
use std::time::Instant;

use process_mining::conformance::case_centric::alignments::{AlignmentOptions, align_log};
use process_mining::core::event_data::case_centric::utils::activity_projection::EventLogActivityProjection;
use process_mining::core::event_data::case_centric::xes::export_xes_event_log;
use process_mining::core::event_data::case_centric::xes::{XESImportOptions, import_xes_slice};
use process_mining::core::process_models::case_centric::petri_net::pnml::import_pnml_reader;
use process_mining::discovery::case_centric::dfg::discover_dfg;

const TURNS: usize = 5;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("mining-peers LOG.xes NET.pnml…");
    let bytes = std::fs::read(&path).expect("the log can be read");
    let log = measure("read XES", || {
        import_xes_slice(&bytes, false, XESImportOptions::default()).expect("a log")
    });
    measure("write XES", || {
        let mut sink = Vec::with_capacity(bytes.len());
        export_xes_event_log(&mut process_mining::XmlWriter::new(&mut sink), &log)
            .expect("written");
        sink
    });
    measure("graph without times", || {
        discover_dfg(&log).activities.len()
    });
    for path in arguments {
        let text = std::fs::read(&path).expect("the net can be read");
        let net = import_pnml_reader(&mut &text[..]).expect("a net");
        println!("{path}");
        let projection: EventLogActivityProjection = (&log).into();
        let cost = measure("align", || {
            let found = align_log(&net, &projection, &AlignmentOptions::default());
            found
                .iter()
                .filter_map(|one| one.result.as_ref().ok())
                .count()
        });
        println!("{cost} variants aligned");
    }
}

fn measure<T>(name: &str, mut work: impl FnMut() -> T) -> T {
    let mut least = f64::INFINITY;
    let mut result = None;
    for _ in 0..TURNS {
        let began = Instant::now();
        let made = black_box(work());
        least = least.min(began.elapsed().as_secs_f64() * 1e3);
        result = Some(made);
    }
    println!("{name:32} {least:10.3} ms");
    result.expect("at least one turn")
}
