use menagerie::prelude::*;

#[menagerie::agent]
fn process(task: Task<Json>, config: Json) -> Result<Outcome<Json>, Fault> { //~ ERROR this function takes 2 arguments: an agent is `fn(Task<Input>) -> Result<Outcome<Output>, Fault>`
    let _ = config;
    Ok(Outcome::new(task.input))
}
