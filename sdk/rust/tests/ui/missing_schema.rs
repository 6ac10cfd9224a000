use menagerie::prelude::*;

#[menagerie::agent(input_schema = "no/such/file.json")] //~ ERROR no/such/file.json: No such file
fn process(task: Task<Json>) -> Result<Outcome<Json>, Fault> {
    Ok(Outcome::new(task.input))
}
