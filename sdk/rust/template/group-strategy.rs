use menagerie::prelude::*;

/// Replace this by your own routing: a view in, a decision out. This one runs every pipeline once, side by side.
#[menagerie::group_strategy]
fn decide(view: GroupView) -> Result<GroupDecision, Fault> {
    let idle = view.pipelines.iter().filter(|pipeline| pipeline.status == "idle");
    let names: Vec<String> = idle.map(|pipeline| pipeline.id.clone()).collect();
    if names.is_empty() {
        return Ok(GroupDecision::end());
    }
    Ok(GroupDecision::parallel(names))
}
