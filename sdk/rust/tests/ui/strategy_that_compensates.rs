use menagerie::prelude::*;

fn undo() {}

#[menagerie::strategy(compensate = undo)] //~ ERROR only an agent can compensate
fn decide(_view: View) -> Result<Decision, Fault> {
    Ok(Decision::end())
}
