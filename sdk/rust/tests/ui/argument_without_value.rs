use menagerie::prelude::*;

#[menagerie::agent(compensate)] //~ ERROR `compensate` needs a value: `compensate = …`
fn process(task: Task<Json>) -> Result<Outcome<Json>, Fault> {
    Ok(Outcome::new(task.input))
}
