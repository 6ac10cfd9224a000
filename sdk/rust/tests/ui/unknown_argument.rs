use menagerie::prelude::*;

#[menagerie::agent(skils = ["parsing"])] //~ ERROR there is no argument `skils`; there are skills, check, compensate
fn process(task: Task<Json>) -> Result<Outcome<Json>, Fault> {
    Ok(Outcome::new(task.input))
}
