use menagerie::prelude::*;

/// Replace this by your own routing: a view in, a decision out. This one runs every agent once, in turn.
#[menagerie::strategy]
fn decide(view: View) -> Result<Decision, Fault> {
    if let Some(step) = view.failures().next() {
        return Ok(Decision::fail(format!("step {} failed", step.id)));
    }
    let next = view.agents.iter().find(|agent| agent.completed + agent.skipped == 0);
    Ok(next.map_or_else(Decision::end, |agent| Decision::route([agent.name.clone()])))
}
