//! Runs every agent of the pipeline in the order of the flow file, then ends.

use menagerie::prelude::*;

#[menagerie::strategy]
fn decide(view: View) -> Result<Decision, Fault> {
    if view.is_start() {
        let names = view.agents.iter().map(|agent| agent.name.clone());
        return Ok(Decision::route(names).reason("all in order"));
    }
    match view.failures().next() {
        Some(step) => Ok(Decision::fail(format!("step {} failed", step.id))),
        None => Ok(Decision::end().reason("all done")),
    }
}
