use menagerie::prelude::*;

#[menagerie::strategy]
fn decide(_view: View) -> Result<Decision, String> { //~ ERROR a strategy returns `Result<Decision, Fault>`, not
    Ok(Decision::end())
}
