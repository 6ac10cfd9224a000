use menagerie::prelude::*;

#[menagerie::strategy]
fn decide(_view: View) {} //~ ERROR this function returns nothing: a strategy is `fn(View<Config>) -> Result<Decision, Fault>`
