use menagerie::prelude::*;

#[menagerie::aggregator]
fn aggregate<T>(_results: Vec<Member<T>>, _config: Json) -> Result<Outcome<u32>, Fault> { //~ ERROR a plugin's function has no generics or lifetimes
    Ok(Outcome::new(0))
}
