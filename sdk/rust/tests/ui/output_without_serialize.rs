use menagerie::prelude::*;

struct Output;

#[menagerie::agent]
fn process(_task: Task<Json>) -> Result<Outcome<Output>, Fault> { //~ ERROR Output
    Ok(Outcome::new(Output))
}
//~ HELP derive(serde::Serialize)
