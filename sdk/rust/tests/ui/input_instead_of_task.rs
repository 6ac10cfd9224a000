use menagerie::prelude::*;

#[menagerie::agent]
fn process(input: String) -> Result<Outcome<String>, Fault> { //~ ERROR an agent takes a `Task<Input>` or a `Task<Input, Config>`, not `String`
    Ok(Outcome::new(input))
}
