use menagerie::prelude::*;

fn check(_config: u32, _agents: Vec<String>) -> Vec<Problem> {
    Vec::new()
}

#[menagerie::strategy(check = check)] //~ ERROR mismatch
fn decide(_view: View<String>) -> Result<Decision, Fault> {
    Ok(Decision::end())
}
