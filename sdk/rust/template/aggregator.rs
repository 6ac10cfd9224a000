use menagerie::prelude::*;
use serde::Serialize;

#[derive(Serialize)]
struct Output {
    outputs: Vec<menagerie::Value>,
}

/// Replace this by your own joining: results in, one output out. This one lists what has completed.
#[menagerie::aggregator]
fn aggregate(members: Vec<Member<menagerie::Value>>, _config: Json) -> Result<Outcome<Output>, Fault> {
    let outputs: Vec<menagerie::Value> = members.into_iter().filter_map(|member| member.output).collect();
    if outputs.is_empty() {
        return Err(Fault::permanent("no member has completed"));
    }
    Ok(Outcome::new(Output { outputs }))
}
