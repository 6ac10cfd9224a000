use menagerie::prelude::*;

struct Input {
    _text: String,
}

#[menagerie::agent]
fn process(_task: Task<Input>) -> Result<Outcome<u32>, Fault> { //~ ERROR Input
    Ok(Outcome::new(0))
}
//~ HELP derive(serde::Deserialize)
