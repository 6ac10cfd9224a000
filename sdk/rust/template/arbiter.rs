use menagerie::prelude::*;

/// Replace this by your own judgement: results that differ in, a verdict out. This one trusts the surest.
#[menagerie::arbiter]
fn arbitrate(members: Vec<Member>, _differences: Vec<Difference>, _config: Json) -> Result<Verdict, Fault> {
    let completed = members.iter().filter(|member| member.is_completed());
    let sure = |member: &&Member| member.confidence.unwrap_or(0.0);
    let surest = completed.max_by(|one, other| sure(one).total_cmp(&sure(other)));
    match surest {
        Some(member) => Ok(Verdict::chosen(member.name.clone(), "the surest")),
        None => Err(Fault::permanent("no member has completed")),
    }
}
