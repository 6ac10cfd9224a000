use menagerie::prelude::*;

#[menagerie::agent]
async fn process(task: Task<Json>) -> Result<Outcome<Json>, Fault> { //~ ERROR a plugin's function is not async
    Ok(Outcome::new(task.input))
}
