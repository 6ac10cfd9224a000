use menagerie::prelude::*;

#[menagerie::agent]
fn process(_task: Task<Json>) -> Result<u32, Fault> { //~ ERROR this function returns `Result<Outcome<Output>, Fault>`, not
    Ok(7)
}
